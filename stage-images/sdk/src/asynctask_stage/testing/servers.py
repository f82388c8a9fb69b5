"""The HTTP under the fake gateway."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What goes back over the wire."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> "Answer":
        """A good one."""
        return cls(200, json.dumps(value).encode())

    @classmethod
    def error(cls, status: int, code: str, message: str = "", *, field: str | None = None) -> "Answer":
        """A refusal, as the protocol words it."""
        error = {"code": code, "message": message or code, **({"field": field} if field else {})}
        return cls(status, json.dumps({"error": error}).encode())


Serve = Callable[[str, str, str, bytes], Answer | None]
"""Method, path, token and body in; the answer out, or None to hang up."""


class Server(ThreadingHTTPServer):
    """Listens on a free port of loopback; a thread for each call."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, serve: Serve) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.serve = serve

    def handle_error(self, *_args: Any) -> None:
        """A pod that was killed in the middle of a call is what tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def _handle(self) -> None:
        content = self._read_body()
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        self.close_connection = True
        answer = self.server.serve(self.command, self.path, token, content)
        if answer is None:
            return
        self.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = _handle  # noqa: N815 - the names that http.server wants

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        blocks = []
        while size := int(self.rfile.readline(), 16):
            blocks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(blocks)

    def log_message(self, *_args: Any) -> None:
        """Quiet."""
