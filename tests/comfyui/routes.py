"""Prompts, queue, history, files, events: what ComfyUI's server answers.

Source: server.py of https://github.com/comfyanonymous/ComfyUI.
"""

import json
import os
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import psutil
from aiohttp import WSCloseCode, web

from tests.comfyui.execution import Executor
from tests.comfyui.folders import Folders
from tests.comfyui.nodes import NODE_TYPES, description
from tests.comfyui.prompt_queue import PromptQueue, QueuedPrompt
from tests.comfyui.validation import validate

COMFYUI_VERSION: Final = "0.3.64"
UPLOAD_LIMIT_BYTES: Final = 100 * 1024 * 1024
FEATURES: Final = {"supports_preview_metadata": True, "max_upload_size": UPLOAD_LIMIT_BYTES}
MODEL_FOLDERS: Final = ("checkpoints", "loras", "vae", "embeddings")


class Api:
    """The routes over one queue and one executor."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self.queue = PromptQueue(self._tell_queue)
        self.executor = Executor(self.queue, folders, self.send)
        self._sockets: dict[str, web.WebSocketResponse] = {}
        self._number = 0

    def routes(self) -> Iterator[web.RouteDef]:
        yield web.get("/ws", self.events)
        yield web.get("/system_stats", self.system_stats)
        yield web.get("/features", self.features)
        yield web.get("/object_info", self.object_info)
        yield web.get("/object_info/{node_class}", self.object_info)
        yield web.get("/prompt", self.queue_length)
        yield web.post("/prompt", self.post_prompt)
        yield web.get("/queue", self.get_queue)
        yield web.post("/queue", self.post_queue)
        yield web.post("/interrupt", self.interrupt)
        yield web.post("/free", self.free)
        yield web.get("/history", self.get_history)
        yield web.get("/history/{prompt_id}", self.get_history_of)
        yield web.post("/history", self.post_history)
        yield web.get("/view", self.view)
        yield web.post("/upload/image", self.upload_image)
        for path in ("/embeddings", "/models/{folder}", "/experiment/models", "/experiment/models/{folder}"):
            yield web.get(path, self.empty_list)
        yield web.get("/models", self.models)
        for path in ("/i18n", "/workflow_templates"):
            yield web.get(path, self.empty_object)

    async def events(self, request: web.Request) -> web.WebSocketResponse:
        """The events of one client; a client that comes again gets its events here from now on."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        sid = request.query.get("clientId") or uuid.uuid4().hex
        self._sockets[sid] = socket
        try:
            await self.send("status", {"status": self._queue_info(), "sid": sid}, sid)
            if self.executor.client_id == sid and self.executor.current_node is not None:
                await self.send("executing", {"node": self.executor.current_node}, sid)
            await self._listen(socket, sid)
        finally:
            if self._sockets.get(sid) is socket:
                del self._sockets[sid]
        return socket

    async def _listen(self, socket: web.WebSocketResponse, sid: str) -> None:
        """Answer the client's list of features with ours; ComfyUI hears nothing else."""
        async for message in socket:
            with suppress(ValueError, TypeError, AttributeError):
                if json.loads(message.data).get("type") == "feature_flags":
                    await self.send("feature_flags", dict(FEATURES), sid)

    async def close_sockets(self) -> None:
        for socket in list(self._sockets.values()):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    async def send(self, event: str, data: dict[str, Any], sid: str | None) -> None:
        """Tell one client, or all; who is away misses it."""
        text = json.dumps({"type": event, "data": data})
        for socket in [each for name, each in self._sockets.items() if sid in (None, name)]:
            with suppress(ConnectionError):
                await socket.send_str(text)

    async def _tell_queue(self) -> None:
        await self.send("status", {"status": self._queue_info()}, None)

    def _queue_info(self) -> dict[str, Any]:
        return {"exec_info": {"queue_remaining": self.queue.remaining}}

    async def system_stats(self, request: web.Request) -> web.Response:
        memory = psutil.virtual_memory()
        system = {
            "os": os.name,
            "ram_total": memory.total,
            "ram_free": memory.available,
            "comfyui_version": COMFYUI_VERSION,
            "required_frontend_version": "1.27.10",
            "python_version": sys.version,
            "pytorch_version": "2.13.0+cpu",
            "embedded_python": False,
            "argv": sys.argv,
        }
        device = {"name": "cpu", "type": "cpu", "index": None}
        totals = dict.fromkeys(("vram_total", "vram_free", "torch_vram_total", "torch_vram_free"), memory.total)
        return web.json_response({"system": system, "devices": [device | totals]})

    async def features(self, request: web.Request) -> web.Response:
        return web.json_response(FEATURES)

    async def object_info(self, request: web.Request) -> web.Response:
        wanted = request.match_info.get("node_class")
        names = [name for name in NODE_TYPES if wanted in (None, name)]
        return web.json_response({name: description(name, self.folders) for name in names})

    async def queue_length(self, request: web.Request) -> web.Response:
        return web.json_response(self._queue_info())

    async def post_prompt(self, request: web.Request) -> web.Response:
        body = await request.json()
        number = self._next_number(body)
        if "prompt" not in body:
            words = "No prompt provided"
            error = {"type": "no_prompt", "message": words, "details": words, "extra_info": {}}
            return web.json_response({"error": error, "node_errors": {}}, status=400)
        verdict = validate(body["prompt"], self.folders)
        if verdict.error is not None:
            return web.json_response({"error": verdict.error, "node_errors": verdict.node_errors}, status=400)
        extra_data = body.get("extra_data", {})
        if "client_id" in body:
            extra_data["client_id"] = body["client_id"]
        prompt_id = str(body.get("prompt_id", uuid.uuid4()))
        await self.queue.put(QueuedPrompt(number, prompt_id, body["prompt"], extra_data, verdict.outputs))
        return web.json_response({"prompt_id": prompt_id, "number": number, "node_errors": verdict.node_errors})

    def _next_number(self, body: dict[str, Any]) -> float:
        if "number" in body:
            return float(body["number"])
        number, self._number = self._number, self._number + 1
        return -number if body.get("front") else number

    async def get_queue(self, request: web.Request) -> web.Response:
        running = [self.queue.running.as_json()] if self.queue.running else []
        waiting = [item.as_json() for item in self.queue.waiting]
        return web.json_response({"queue_running": running, "queue_pending": waiting})

    async def post_queue(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("clear"):
            await self.queue.clear()
        await self.queue.delete(body.get("delete", []))
        return web.Response()

    async def interrupt(self, request: web.Request) -> web.Response:
        try:
            body = await request.json()
        except json.JSONDecodeError:
            body = {}
        self.queue.interrupt(body.get("prompt_id"))
        return web.Response()

    async def free(self, request: web.Request) -> web.Response:
        return web.Response()

    async def get_history(self, request: web.Request) -> web.Response:
        entries = list(self.queue.history.items())
        if (most := request.query.get("max_items")) is not None:
            offset = int(request.query.get("offset", -1))
            first = offset if offset >= 0 else max(0, len(entries) - int(most))
            entries = entries[first : first + int(most)]
        return web.json_response(dict(entries))

    async def get_history_of(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["prompt_id"]
        return web.json_response({key: entry for key, entry in self.queue.history.items() if key == prompt_id})

    async def post_history(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("clear"):
            self.queue.history.clear()
        for prompt_id in body.get("delete", []):
            self.queue.history.pop(prompt_id, None)
        return web.Response()

    async def view(self, request: web.Request) -> web.StreamResponse:
        name, subfolder = request.query.get("filename", ""), request.query.get("subfolder", "")
        if not name:
            return web.Response(status=404)
        folder = self.folders.of_type(request.query.get("type", "output"))
        if name.startswith("/") or ".." in name or folder is None:
            return web.Response(status=400)
        path = (folder / subfolder / os.path.basename(name)).resolve()  # noqa: PTH119 -- as ComfyUI: the rest is dropped
        if not path.is_relative_to(folder.resolve()):
            return web.Response(status=403)
        if not path.is_file():
            return web.Response(status=404)
        return web.FileResponse(path, headers={"Content-Disposition": f'filename="{path.name}"'})

    async def upload_image(self, request: web.Request) -> web.Response:
        form = await request.post()
        image, kind, subfolder = form.get("image"), str(form.get("type", "input")), str(form.get("subfolder", ""))
        folder = self.folders.of_type(kind)
        if not isinstance(image, web.FileField) or folder is None:
            return web.Response(status=400)
        path = (folder / subfolder / image.filename).resolve()
        if not path.is_relative_to(folder.resolve()):
            return web.Response(status=400)
        path.parent.mkdir(parents=True, exist_ok=True)
        content = image.file.read()
        target, count = path, 1
        while form.get("overwrite") not in ("true", "1") and target.exists() and target.read_bytes() != content:
            target, count = path.with_stem(f"{path.stem} ({count})"), count + 1
        target.write_bytes(content)
        return web.json_response({"name": target.name, "subfolder": subfolder, "type": kind})

    async def models(self, request: web.Request) -> web.Response:
        return web.json_response(MODEL_FOLDERS)

    async def empty_list(self, request: web.Request) -> web.Response:
        return web.json_response([])

    async def empty_object(self, request: web.Request) -> web.Response:
        return web.json_response({})
