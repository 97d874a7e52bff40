"""User data and settings of ComfyUI: files below one folder.

Source: app/user_manager.py and app/app_settings.py, https://github.com/comfyanonymous/ComfyUI.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from tests.comfyui.folders import Folders

SETTINGS_FILE = "comfy.settings.json"


@dataclass(frozen=True)
class UserData:
    """The routes of it."""

    folders: Folders

    def routes(self) -> Iterator[web.RouteDef]:
        yield web.get("/users", self.users)
        yield web.get("/userdata", self.list_files)
        # Folders within `file` come as %2F, as one segment of the path.
        yield web.get("/userdata/{file}", self.read)
        yield web.post("/userdata/{file}", self.write)
        yield web.delete("/userdata/{file}", self.delete)
        yield web.post("/userdata/{file}/move/{dest}", self.move)
        yield web.get("/settings", self.settings)
        yield web.get("/settings/{id}", self.setting)
        yield web.post("/settings", self.change_settings)
        yield web.post("/settings/{id}", self.change_setting)

    async def users(self, request: web.Request) -> web.Response:
        return web.json_response({"storage": "server", "migrated": self.folders.user.exists()})

    async def list_files(self, request: web.Request) -> web.Response:
        wanted = request.query.get("dir", "")
        if not wanted:
            return web.Response(status=400, text="Directory not provided")
        folder = self._path(wanted)
        if folder is None:
            return web.Response(status=403, text="Invalid directory")
        if not folder.exists():
            return web.Response(status=404, text="Directory not found")
        recurse = request.query.get("recurse", "").lower() == "true"
        files = [path for path in (folder.rglob("*") if recurse else folder.glob("*")) if path.is_file()]
        return web.json_response([_listed(path, folder, request) for path in sorted(files)])

    async def read(self, request: web.Request) -> web.StreamResponse:
        path = self._path(request.match_info["file"])
        if path is None:
            return web.Response(status=403)
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)

    async def write(self, request: web.Request) -> web.Response:
        path = self._path(request.match_info["file"])
        if path is None:
            return web.Response(status=403)
        if request.query.get("overwrite") == "false" and path.exists():
            return web.Response(status=409, text="File already exists")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(await request.read())
        return web.json_response(_listed(path, self.folders.user, request))

    async def delete(self, request: web.Request) -> web.Response:
        path = self._path(request.match_info["file"])
        if path is None or not path.is_file():
            return web.Response(status=403 if path is None else 404)
        path.unlink()
        return web.Response(status=204)

    async def move(self, request: web.Request) -> web.Response:
        source, target = self._path(request.match_info["file"]), self._path(request.match_info["dest"])
        if source is None or target is None:
            return web.Response(status=403)
        if not source.is_file():
            return web.Response(status=404)
        if request.query.get("overwrite") == "false" and target.exists():
            return web.Response(status=409, text="File already exists")
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
        return web.json_response(_listed(target, self.folders.user, request))

    async def settings(self, request: web.Request) -> web.Response:
        return web.json_response(self._settings())

    async def setting(self, request: web.Request) -> web.Response:
        return web.json_response(self._settings().get(request.match_info["id"]))

    async def change_settings(self, request: web.Request) -> web.Response:
        return self._change(await request.json())

    async def change_setting(self, request: web.Request) -> web.Response:
        return self._change({request.match_info["id"]: await request.json()})

    def _settings(self) -> dict[str, Any]:
        path = self.folders.user / SETTINGS_FILE
        settings: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        return settings

    def _change(self, values: dict[str, Any]) -> web.Response:
        (self.folders.user / SETTINGS_FILE).write_text(json.dumps(self._settings() | values, indent=4))
        return web.Response(status=200)

    def _path(self, name: str) -> Path | None:
        """The file or folder, or None where `name` leads out of the user's folder."""
        path = (self.folders.user / (unquote(name) if "%" in name else name)).resolve()
        return path if path.is_relative_to(self.folders.user.resolve()) else None


def _listed(path: Path, folder: Path, request: web.Request) -> str | list[str] | dict[str, Any]:
    name = path.resolve().relative_to(folder.resolve()).as_posix()
    if request.query.get("full_info", "").lower() == "true":
        facts = path.stat()
        return {
            "path": name,
            "size": facts.st_size,
            "modified": int(facts.st_mtime * 1000),
            "created": int(facts.st_ctime * 1000),
        }
    return [name, *name.split("/")] if request.query.get("split", "").lower() == "true" else name
