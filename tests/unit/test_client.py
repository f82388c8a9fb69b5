"""The Python client against a real HTTP server that misbehaves by script."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynctask_client import ApiError, ApiUnavailable, AsyncClient, Client
from asynctask_client.events import Decoder, Event

Reply = tuple[int, dict[str, str], bytes] | None
PROBLEM = {
    "code": "InvalidField",
    "detail": "a field is wrong",
    "params": {"n": 1},
    "errors": [{"field": "config.x", "message": "too long"}],
}


class Server(ThreadingHTTPServer):
    """Answers with what it is given, in turn; None breaks the connection off."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: list[Reply] = []
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers.items()), body))
        reply = self.server.replies.pop(0)
        if reply is None:
            return
        status, headers, payload = reply
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815 - the base class names them so

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - likewise
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("asynctask_client.clients.pause", lambda attempt, asked=0.0: 0.001)
    with Server() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server
        server.shutdown()


def ok(body: object, **headers: str) -> Reply:
    return 200, headers, json.dumps(body).encode()


Caller = Callable[..., Any]


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, server: Server) -> Caller:
    """A call with either client."""

    def sync(method: str, path: str, **given: Any) -> Any:
        with Client(server.url, token="secret") as client:
            return client._call(method, path, **given)

    async def awaited(method: str, path: str, **given: Any) -> Any:
        async with AsyncClient(server.url, token="secret") as client:
            return await client._call(method, path, **given)

    return sync if request.param == "sync" else lambda *args, **given: asyncio.run(awaited(*args, **given))


def test_a_call_says_who_calls(server: Server, call: Caller) -> None:
    server.replies = [ok({"user": "nas"})]
    assert call("GET", "/api/v1/session", query={"type": ["a", "b"], "live": True, "none": None}) == {"user": "nas"}
    (method, path, headers, _) = server.seen[0]
    assert (method, path) == ("GET", "/api/v1/session?type=a&type=b&live=true")
    assert headers["Authorization"] == "Bearer secret"
    assert "Idempotency-Key" not in headers


def test_a_change_is_tried_again_under_one_key(server: Server, call: Caller) -> None:
    server.replies = [None, (503, {"Retry-After": "0"}, b""), (429, {}, b""), ok({"id": "x"})]
    assert call("POST", "/api/v1/tasks", body={"a": "ü"}) == {"id": "x"}
    assert len(server.seen) == 4
    assert len({headers["Idempotency-Key"] for _, _, headers, _ in server.seen}) == 1
    assert {json.loads(body)["a"] for *_, body in server.seen} == {"ü"}


def test_a_key_of_ones_own(server: Server, call: Caller) -> None:
    server.replies = [ok({})]
    call("POST", "/api/v1/tasks", idempotency_key="order-7", if_match='"5"')
    assert server.seen[0][2]["Idempotency-Key"] == "order-7"
    assert server.seen[0][2]["If-Match"] == '"5"'


def test_a_refusal_names_code_and_fields(server: Server, call: Caller) -> None:
    server.replies = [(400, {"Content-Type": "application/problem+json"}, json.dumps(PROBLEM).encode())]
    with pytest.raises(ApiError, match=r"(?s)a field is wrong.*config.x: too long") as caught:
        call("POST", "/api/v1/tasks", body={})
    assert (caught.value.status, caught.value.code, caught.value.params) == (400, "InvalidField", {"n": 1})
    assert len(server.seen) == 1


def test_an_answer_that_is_no_problem_document(server: Server, call: Caller) -> None:
    server.replies = [(404, {}, b"<html>")]
    with pytest.raises(ApiError, match="answered 404"):
        call("GET", "/nothing")


def test_an_api_that_stays_away(server: Server, call: Caller) -> None:
    server.replies = [None] * 5
    with pytest.raises(ApiUnavailable) as caught:
        call("DELETE", "/api/v1/tasks/x")
    assert caught.value.idempotency_key == server.seen[0][2]["Idempotency-Key"]


def test_pages_follow_cursors(server: Server) -> None:
    server.replies = [ok({"items": [1, 2], "nextCursor": "c"}), ok({"items": [3]})]
    with Client(server.url) as client:
        fetch = lambda **query: client._call("GET", "/api/v1/tasks", query=query)  # noqa: E731
        assert list(client.pages(fetch, status=["failed"])) == [1, 2, 3]
    assert server.seen[1][1] == "/api/v1/tasks?status=failed&cursor=c"


def test_a_stream_goes_on_after_the_last_event(server: Server) -> None:
    first = b': heartbeat\n\nid: 1\nevent: task\ndata: {"n":\ndata: 1}\n\n'
    server.replies = [
        (200, {"Content-Type": "text/event-stream"}, first),
        None,
        (200, {}, b'id: 2\nevent: task\ndata: {"n": 2}\n\n'),
    ]
    with Client(server.url) as client:
        events = client.stream(["tasks"])
        assert [next(events), next(events)] == [Event("task", {"n": 1}, "1"), Event("task", {"n": 2}, "2")]
    assert server.seen[-1][2]["Last-Event-ID"] == "1"
    server.replies = [(401, {}, b"{}")]
    with Client(server.url) as client, pytest.raises(ApiError):
        next(client.stream(["tasks"]))


def test_where_the_api_is_must_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASYNCTASK_API_URL", raising=False)
    with pytest.raises(ValueError, match="ASYNCTASK_API_URL"):
        Client()
    monkeypatch.setenv("ASYNCTASK_API_URL", "http://localhost:1/")
    monkeypatch.setenv("ASYNCTASK_API_TOKEN", "t")
    with Client() as client:
        assert client.settings.credentials()["Authorization"] == "Bearer t"


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs"])), st.text(alphabet="abc\n:x ", max_size=50))
def test_any_text_survives_the_wire(text: str, noise: str) -> None:
    decoder = Decoder()
    for line in noise.split("\n"):
        if line.startswith(":"):
            assert decoder.line(line) is None
    assert decoder.line(f"data: {json.dumps(text)}") is None
    event = decoder.line("")
    assert event
    assert event.data == text
