"""A ComfyUI to test against: the real front end, and a back end of ours that answers as ComfyUI's own server does.

What it answers follows ComfyUI 0.3.64: routes with and without `/api`, validation and its errors, one queue, the cache
of node results (an equal node is not executed again, so vary a seed), events over `/ws`, user data. Its nodes need no
model; see `nodes`. As in the real one, queue and history live in memory, `output/`, `input/` and `user/` on disk, and
`temp/` is emptied at each start. `workflows` has some in both formats.

Within a test, from a conftest: `from tests.comfyui.fixtures import comfyui, comfyui_process, nginx_in_front`.

    async def test_it(comfyui: ComfyUI) -> None:          # in process, on a free port, newest front end
        comfyui.folders.write_workflow("a/b.json", {...})  # user data, below workflows/
        page.goto(comfyui.url)
        comfyui.folders.open_gate("g")                     # lets a HoldImage node with gate "g" go on
        await comfyui.restart()                            # forgets queue and history, same address

    comfyui_process.kill(), .start()                       # a process of its own, same port afterwards
    nginx_in_front(comfyui.url, {"user": "password"})      # -> Nginx with .url; basic authentication, WebSocket too

As a program: `python -m tests.comfyui --port 8188 --frontend 1.27.10 --folder /tmp/comfy`. Front ends come from the
package index with pinned hashes, once, into `.cache/comfyui-frontend/`. The front end `small` is a page of ours that is
there at once, knows the format of the API only, and shows nothing.
"""
