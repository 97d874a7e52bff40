"""A site with one thing of each kind, for nodes that work in a browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

PAGE: Final = """<!doctype html><title>A page</title>
<h1> Head <span hidden>hidden</span></h1><p class=many>one</p><p class=many>two</p>
<input id=field value=before><input id=dark disabled><input id=tick type=checkbox><input id=veiled style="display:none">
<select id=list multiple><option value=a>Anna<option value=b>Bert</select>
<a id=other href="/other">other</a><a id=tab target=_blank href="/other">tab</a><a id=file href="/file">file</a>
<button id=later onclick="setTimeout(() => location = '/other', 300)">later</button>
<a id=slow href="/slow">slow</a>
<a id=filetab target=_blank href="/file">file in a tab</a>
<a id=data href="data:text/plain,x" download="a.txt">data</a><a id=away href="/away">away</a>
<a id=awayfile href="/awayfile">a file elsewhere</a>
<form><input type=file id=upload multiple></form><button id=late>late</button><output id=out></output>
<img src="/dot.png" alt=dot><script>
late.onclick = () => setTimeout(() => out.textContent = 'came', 100)
tick.onchange = () => out.textContent = 'ticked'
field.onkeydown = event => { if (event.key == 'Enter') out.textContent = field.value }
h1 = document.querySelector('h1'); h1.onmouseover = () => h1.dataset.pointed = 'yes'
h1.onclick = event => h1.dataset.clicks = event.detail + (event.shiftKey ? ' shift' : '')
</script>"""

TABLES: Final = """<!doctype html><title>Tables</title>
<table id=plain><thead><tr><th>Name<th>Age<th>Name</thead>
<tr><td>Anna<td>31<td>A<tr><td>Bert<td>42<td>B<tr><td>Cleo<td>53</table>
<table id=spans><tr><th>Day<th>What<tr><td rowspan=2>Monday<td>up<tr><td>down<tr><td colspan=2>nothing</table>
<table id=bare><tr><td>x<td>1<tr><td>y<td>2</table>
<table id=nested><tr><th>Outer<tr><td>a<table><tr><td>inner</table></table>
<table id=empty></table>
<table id=huge></table><script>
huge.innerHTML = '<tr>' + '<td>' + 'x'.repeat(600000) + '<td>' + 'x'.repeat(600000)
</script>"""

# A picture of one white point.
DOT: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415408d763f8ffff3f0005fe02fea7569d980000000049454e44ae426082"
)


SLOW: Final = "<title>Slow</title><script>setTimeout(() => location = '/other', 200)</script>"
OTHER: Final = "<title>Other</title><h1>Other</h1>"

# Paths -> a page.
PAGES: Final = {"/": PAGE, "/other": OTHER, "/tables": TABLES, "/slow": SLOW}
# Paths -> the path that they lead to under another name of this machine.
ELSEWHERE: Final = {"/away": "/other", "/awayfile": "/file"}
ATTACHED: Final = {"Content-Disposition": 'attachment; filename="../re port.csv"'}


async def answer(request: web.Request) -> web.Response:
    """Answer to every path there is."""
    path = request.path
    if path in PAGES:
        return web.Response(text=PAGES[path], content_type="text/html")
    if path in ELSEWHERE:
        raise web.HTTPFound(f"http://localhost:{request.url.port}{ELSEWHERE[path]}")
    if path == "/cookie":
        return web.Response(text=f"<h1>{request.headers.get('Cookie', 'none')}</h1>", content_type="text/html")
    if path == "/file":
        return web.Response(body=b"x" * 1000, headers=ATTACHED)
    if path == "/dot.png":
        return web.Response(body=DOT, content_type="image/png")
    return web.Response(text="broken", status=500 if path == "/broken" else 404)


@asynccontextmanager
async def site() -> AsyncIterator[str]:
    """Give the address of the site, without a slash at its end."""
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
