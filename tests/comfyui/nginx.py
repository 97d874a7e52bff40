"""An nginx in front of a ComfyUI that asks for a name and a password. Needs no root; all it writes is in one folder."""

import base64
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.patience import PATIENCE
from tests.ports import free_port

POLL_SECONDS: Final = 0.02
CONFIGURATION: Final = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    log_format asked '$status "$remote_user" $request';
    access_log {folder}/access.log asked;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    client_max_body_size 100m;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' close; }}
    server {{
        listen 127.0.0.1:{port};
        auth_basic "ComfyUI";
        auth_basic_user_file {folder}/users;
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            # ComfyUI refuses a request whose Host is not that of its Origin.
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Authorization "";
            proxy_read_timeout 1h;
        }}
    }}
}}
"""


def program() -> str | None:
    """The nginx of this machine. Debian keeps it where only root looks."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


@dataclass
class Nginx:
    """Passes requests to `upstream`, an address without a slash at its end, for `users`: name to password."""

    folder: Path
    upstream: str
    users: Mapping[str, str]
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, without a slash at its end and without credentials."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[str]:
        """What was asked so far: status, "user", method, path, protocol."""
        return (self.folder / "access.log").read_text().splitlines()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        found = program()
        assert found is not None, "there is no nginx; ask `program` first"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = self.port or free_port()
        configuration = self.folder / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(folder=self.folder, port=self.port, upstream=self.upstream))
        (self.folder / "users").write_text("".join(f"{name}:{hashed(word)}\n" for name, word in self.users.items()))
        self.process = subprocess.Popen(
            [found, "-p", str(self.folder), "-c", str(configuration), "-e", str(self.folder / "error.log")],
            stdin=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + PATIENCE
        while not self._listens():
            assert time.monotonic() < deadline, "nginx does not answer"
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End it; nothing when it does not run."""
        process, self.process = self.process, None
        if process is not None:
            with process:
                process.terminate()

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "error.log").read_text()
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


def hashed(password: str) -> str:
    """Return a salted SHA-1 as RFC 2307 writes it.

    Source: https://nginx.org/en/docs/http/ngx_http_auth_basic_module.html#auth_basic_user_file
    """
    salt = secrets.token_bytes(8)
    digest = hashlib.sha1(password.encode() + salt).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()
