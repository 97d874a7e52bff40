"""What this ComfyUI answers over HTTP and its WebSocket: the shapes of ComfyUI's server.py and execution.py."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from yarl import URL

from tests.comfyui import workflows
from tests.comfyui.client import Client
from tests.comfyui.png import Picture, chunks_of, decode, encode
from tests.comfyui.server import ComfyUI
from tests.comfyui.workflows import between_both, node
from tests.patience import PATIENCE


async def refusal(client: Client, prompt: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    status, body = await client.post("/prompt", {"prompt": prompt})
    assert status == 400
    return body["error"], body["node_errors"]


async def test_every_path_answers_with_and_without_the_prefix(client: Client) -> None:
    assert await client.get("/api/queue") == await client.get("/queue") == {"queue_running": [], "queue_pending": []}


async def test_a_prompt_leaves_a_picture_that_tells_what_made_it(client: Client, comfyui: ComfyUI) -> None:
    prompt = workflows.save_image(width=3, height=2, color=0x010203, prefix="a/b")

    entry = await client.end_of(await client.queue(prompt, extra_data={"extra_pnginfo": {"workflow": {"n": 1}}}))

    assert entry["outputs"] == {"2": {"images": [{"filename": "b_00001_.png", "subfolder": "a", "type": "output"}]}}
    assert (entry["status"]["status_str"], entry["status"]["completed"]) == ("success", True)
    async with client.session.get("/api/view?filename=b_00001_.png&subfolder=a&type=output") as response:
        content = await response.read()
    assert decode(content) == Picture(3, 2, 0x010203)
    texts = dict(data.split(b"\x00", 1) for kind, data in chunks_of(content) if kind == b"tEXt")
    assert (json.loads(texts[b"prompt"]), json.loads(texts[b"workflow"])) == (prompt, {"n": 1})


async def test_the_same_prompt_again_is_not_executed_and_has_the_same_outputs(client: Client) -> None:
    first = await client.end_of(await client.queue(workflows.save_image()))

    second = await client.end_of(await client.queue(workflows.save_image()))

    cached = dict(second["status"]["messages"])["execution_cached"]
    assert second["outputs"] == first["outputs"]
    assert sorted(cached["nodes"]) == ["1", "2"]


async def test_a_file_that_changed_is_loaded_again(client: Client, comfyui: ComfyUI) -> None:
    prompt = {"1": node("LoadImage", image="in.png"), "2": node("SaveImage", images=["1", 0], filename_prefix="copy")}
    colors = []

    for color in (1, 2):
        form = aiohttp.FormData({"overwrite": "true"})
        form.add_field("image", encode(Picture(2, 2, color), {}), filename="in.png", content_type="image/png")
        async with client.session.post("/upload/image", data=form) as response:
            assert await response.json() == {"name": "in.png", "subfolder": "", "type": "input"}
        entry = await client.end_of(await client.queue(prompt))
        [image] = entry["outputs"]["2"]["images"]
        colors.append(decode((comfyui.folders.output / image["filename"]).read_bytes()).color)

    assert colors == [1, 2]


async def test_a_prompt_without_an_output_is_refused(client: Client) -> None:
    error, node_errors = await refusal(client, {"1": workflows.empty(1, 1, 0)})

    assert error == {"type": "prompt_no_outputs", "message": "Prompt has no outputs", "details": "", "extra_info": {}}
    assert node_errors == {}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"inputs": {}}, "Cannot execute because a node is missing the class_type property."),
        (node("Nobody"), "Cannot execute because node Nobody does not exist."),
    ],
)
async def test_a_node_of_no_known_type_is_refused(client: Client, wrong: dict[str, Any], sentence: str) -> None:
    error, node_errors = await refusal(client, workflows.save_image() | {"9": wrong})

    assert error == {"type": "invalid_prompt", "message": sentence, "details": "Node ID '#9'", "extra_info": {}}
    assert node_errors == {}


async def test_a_body_without_a_prompt_is_refused(client: Client) -> None:
    status, body = await client.post("/prompt", {})

    assert (status, body["error"]["type"]) == (400, "no_prompt")


@pytest.mark.parametrize(
    ("inputs", "kind", "message", "details"),
    [
        ({"seed": -1}, "value_smaller_than_min", "Value -1 smaller than min of 0", "seed"),
        ({"strength": 2.5}, "value_bigger_than_max", "Value 2.5 bigger than max of 1.0", "strength"),
        ({"seed": "x"}, "invalid_input_type", "Failed to convert an input value to a INT value", None),
        (
            {"sampler_name": "dpm"},
            "value_not_in_list",
            "Value not in list",
            "sampler_name: 'dpm' not in ['euler', 'heun', 'ddim']",
        ),
        ({"image": 1}, None, None, None),
        ({"image": ["1", 0, 0]}, "bad_linked_input", None, "image"),
    ],
)
async def test_a_wrong_input_is_told_with_its_node(
    client: Client, inputs: dict[str, Any], kind: str | None, message: str | None, details: str | None
) -> None:
    right = {"image": ["1", 0], "seed": 1, "strength": 1.0, "sampler_name": "euler"}
    status, body = await client.post("/prompt", {"prompt": between_both(node("SeedImage", **right | inputs), "x")})

    # A value where a link belongs is found out only when the node is executed.
    assert status == (400 if kind else 200)
    if kind:
        assert body["error"]["type"] == "prompt_outputs_failed_validation"
        [error] = body["node_errors"]["2"]["errors"]
        assert body["node_errors"]["2"]["class_type"] == "SeedImage"
        assert body["node_errors"]["2"]["dependent_outputs"] == ["3"]
        assert error["type"] == kind
        assert error["message"] == message or message is None
        assert error["details"] == details or details is None


async def test_a_link_from_nowhere_and_a_missing_input_are_told(client: Client) -> None:
    prompt = {"1": node("SaveImage", images=["7", 0], filename_prefix="x"), "2": node("PreviewImage")}

    error, node_errors = await refusal(client, prompt)

    assert error["details"] == "Exception when validating node: '7'\nRequired input is missing: images"
    assert {node_id: each["errors"][0]["type"] for node_id, each in node_errors.items()} == {
        "1": "exception_during_validation",
        "2": "required_input_missing",
    }


async def test_a_link_of_another_type_is_told(client: Client) -> None:
    prompt = {"1": node("PrimitiveStringMultiline", value="a"), "2": node("PreviewImage", images=["1", 0])}

    _, node_errors = await refusal(client, prompt)

    [error] = node_errors["2"]["errors"]
    assert error["type"] == "return_type_mismatch"
    assert error["details"] == "images, received_type(STRING) mismatch input_type(IMAGE)"


async def test_a_file_that_is_not_there_is_told(client: Client) -> None:
    prompt = {"1": node("LoadImage", image="away.png"), "2": node("PreviewImage", images=["1", 0])}

    _, node_errors = await refusal(client, prompt)

    [error] = node_errors["1"]["errors"]
    assert error["details"] == "image - Invalid image file: away.png"


async def test_a_prompt_with_one_good_output_is_taken_and_the_other_one_told(client: Client) -> None:
    prompt = workflows.save_image() | {"9": node("PreviewImage")}

    status, body = await client.post("/prompt", {"prompt": prompt})

    assert (status, list(body["node_errors"])) == (200, ["9"])
    assert list((await client.end_of(body["prompt_id"]))["outputs"]) == ["2"]


async def test_one_prompt_runs_and_the_others_wait_in_order(client: Client, comfyui: ComfyUI) -> None:
    running = await client.queue(workflows.held("g"))
    await client.start_of(running)
    second, third = [await client.queue(workflows.with_seed(seed)) for seed in (1, 2)]
    front = await client.queue(workflows.with_seed(3), front=True)

    assert await client.running() == [running]
    assert await client.waiting() == [front, second, third]
    comfyui.folders.open_gate("g")
    for prompt_id in (running, second, third, front):
        await client.end_of(prompt_id)
    assert list(await client.get("/history")) == [running, front, second, third]


async def test_a_prompt_that_waits_can_be_deleted_and_is_never_in_the_history(client: Client, comfyui: ComfyUI) -> None:
    running = await client.queue(workflows.held("g"))
    await client.start_of(running)
    first, second, third = [await client.queue(workflows.with_seed(seed)) for seed in (1, 2, 3)]

    await client.post("/queue", {"delete": [first, running]})
    left = await client.waiting()
    await client.post("/queue", {"clear": True})

    assert left == [second, third]
    assert (await client.waiting(), await client.running()) == ([], [running])
    comfyui.folders.open_gate("g")
    await client.end_of(running)
    assert list(await client.get("/history")) == [running]


async def test_an_interruption_with_the_id_of_another_prompt_hits_none(client: Client, comfyui: ComfyUI) -> None:
    running = await client.queue(workflows.held("g"))
    await client.start_of(running)
    waiting = await client.queue(workflows.with_seed(1))

    await client.post("/interrupt", {"prompt_id": waiting})
    comfyui.folders.open_gate("g")

    assert (await client.end_of(running))["status"]["status_str"] == "success"
    assert (await client.end_of(waiting))["status"]["status_str"] == "success"


async def test_an_interruption_with_its_id_ends_the_prompt_that_runs_and_no_other(client: Client) -> None:
    running = await client.queue(workflows.held("never"))
    await client.start_of(running)
    waiting = await client.queue(workflows.save_image())

    await client.post("/api/interrupt", {"prompt_id": running})
    entry = await client.end_of(running)

    assert (entry["status"]["status_str"], entry["outputs"]) == ("error", {})
    assert entry["status"]["messages"][-1][0] == "execution_interrupted"
    assert (await client.end_of(waiting))["status"]["status_str"] == "success"


async def test_an_interruption_without_an_id_hits_what_runs(client: Client) -> None:
    running = await client.queue(workflows.held("never"))
    await client.start_of(running)

    async with client.session.post("/interrupt") as response:
        assert response.status == 200

    assert (await client.end_of(running))["status"]["messages"][-1][0] == "execution_interrupted"


async def test_a_node_that_fails_ends_its_prompt_with_its_words(client: Client) -> None:
    entry = await client.end_of(await client.queue(workflows.failing("no luck")))

    event, told = entry["status"]["messages"][-1]
    assert (event, told["node_type"], told["exception_message"]) == ("execution_error", "FailImage", "no luck\n")
    assert told["executed"] == ["1"]


async def test_outputs_of_every_kind_come_into_the_history(client: Client) -> None:
    prompt = {
        "1": workflows.empty(4, 4, 0),
        "2": node("SaveAnyFile", text="sound", kind="audio", extension=".txt", filename_prefix="s"),
        "3": node("PreviewAny", source="words"),
        "4": node("SaveAnimatedPNG", images=["1", 0], filename_prefix="moving"),
        "5": node("PreviewImage", images=["1", 0]),
    }

    outputs = (await client.end_of(await client.queue(prompt)))["outputs"]

    assert outputs["2"] == {"audio": [{"filename": "s_00001_.txt", "subfolder": "", "type": "output"}]}
    assert outputs["3"] == {"text": ["words"]}
    assert outputs["4"]["animated"] == [True]
    assert outputs["5"]["images"][0]["type"] == "temp"


async def test_events_come_to_the_client_that_sent_the_prompt_and_status_to_all(client: Client) -> None:
    async with client.session.ws_connect("/ws?clientId=mine") as mine, client.session.ws_connect("/ws") as other:
        first = await mine.receive_json()
        assert first == {"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "mine"}}
        sid = (await other.receive_json())["data"]["sid"]
        prompt_id = await client.queue(workflows.with_progress(steps=2), client_id="mine")
        heard = await until_the_end(mine)
        other_heard = await until(other, lambda event: event["data"]["status"]["exec_info"]["queue_remaining"] == 0)

    names = [event["type"] for event in heard if event["type"] not in ("status", "progress_state")]
    one_node = ["executing"]
    assert sid not in ("", "mine")
    assert {event["type"] for event in other_heard} == {"status"}
    assert names == [
        *("execution_start", "execution_cached"),
        *one_node,
        *(*one_node, "progress", "progress"),
        *(*one_node, "executed"),
        *("execution_success", "executing"),
    ]
    assert heard[-1]["data"] == {"node": None, "prompt_id": prompt_id}


async def until_the_end(socket: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
    return await until(socket, lambda event: event["type"] == "executing" and event["data"]["node"] is None)


async def until(socket: aiohttp.ClientWebSocketResponse, last: Any) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE):
        while not heard or not last(heard[-1]):
            heard.append(await socket.receive_json())
    return heard


async def test_a_client_that_connects_again_hears_which_node_is_executed(client: Client) -> None:
    running = await client.queue(workflows.held("never"), client_id="mine")
    await client.start_of(running)
    async with client.session.ws_connect("/ws?clientId=mine") as first:
        await until(first, lambda event: event["type"] == "executing" and event["data"]["node"] == "2")

    async with client.session.ws_connect("/ws?clientId=mine") as again:
        heard = [await again.receive_json(), await again.receive_json()]

    assert heard[1] == {"type": "executing", "data": {"node": "2"}}


async def test_features_are_exchanged_on_the_socket(client: Client) -> None:
    async with client.session.ws_connect("/ws") as socket:
        await socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        heard = await until(socket, lambda event: event["type"] == "feature_flags")

    assert heard[-1]["data"] == await client.get("/features")


async def test_user_data_is_written_listed_moved_and_deleted(client: Client) -> None:
    path = URL("/api/userdata/workflows%2Fa%2Fb.json", encoded=True)

    async with client.session.post(path, data=b"{}") as written:
        assert await written.json() == "workflows/a/b.json"
    async with client.session.post(path.with_query(overwrite="false"), data=b"{}") as again:
        assert again.status == 409
    listed = await client.get("/userdata?dir=workflows&recurse=true&split=false&full_info=true")
    assert [(each["path"], each["size"]) for each in listed] == [("a/b.json", 2)]
    async with client.session.get(path) as read:
        assert (read.status, await read.read()) == (200, b"{}")
    moved = URL("/userdata/workflows%2Fa%2Fb.json/move/workflows%2Fc.json", encoded=True)
    async with client.session.post(moved) as answer:
        assert await answer.json() == "workflows/c.json"
    async with client.session.delete(URL("/userdata/workflows%2Fc.json", encoded=True)) as deleted:
        assert deleted.status == 204
    async with client.session.get(path) as away:
        assert away.status == 404


@pytest.mark.parametrize("name", ["..%2F..%2Foutput%2Fx", "%2Fetc%2Fpasswd", "..%252F..%252Fx"])
async def test_no_path_leaves_the_user_data(client: Client, name: str) -> None:
    async with client.session.get(URL(f"/userdata/{name}", encoded=True)) as response:
        assert response.status == 403


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("filename=../user/default/comfy.settings.json", 400),
        ("filename=/etc/passwd", 400),
        ("filename=x.png&type=secret", 400),
        ("filename=x.png&subfolder=../../..", 403),
        ("filename=x.png", 404),
    ],
)
async def test_no_file_outside_its_folder_is_viewed(client: Client, query: str, status: int) -> None:
    async with client.session.get(f"/view?{query}") as response:
        assert response.status == status


async def test_settings_are_kept_on_disk(client: Client, comfyui: ComfyUI) -> None:
    await client.post("/settings/Comfy.TutorialCompleted", True)
    await client.post("/settings", {"Comfy.Other": 1})
    await comfyui.restart()

    assert await client.get("/settings") == {"Comfy.TutorialCompleted": True, "Comfy.Other": 1}


async def test_a_page_of_another_origin_is_refused_at_a_loopback_address(client: Client) -> None:
    async with client.session.get("/queue", headers={"Origin": "http://evil.example"}) as response:
        assert response.status == 403


async def test_a_restart_forgets_queue_and_history_and_keeps_files(client: Client, comfyui: ComfyUI) -> None:
    done = await client.queue(workflows.save_image())
    await client.end_of(done)
    await client.start_of(await client.queue(workflows.held("never")))

    await comfyui.restart()

    assert await client.get("/queue") == {"queue_running": [], "queue_pending": []}
    assert await client.get("/history") == {}
    assert [path.name for path in comfyui.folders.output.iterdir()] == ["picture_00001_.png"]
