"""An operation: one thing that the API does, typed from query to answer. The document and the dispatch come from it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel

from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.problems import Refusal

CALL_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """An answer with headers, or a status other than the operation's."""

    body: "Body" = None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None
    cookies: tuple[str, ...] = ()
    """Values of Set-Cookie headers."""


Body = BaseModel | Sequence[BaseModel] | Mapping[str, Any] | bytes | str | None
Handler = Callable[[Call], Awaitable["Body | Answer | web.StreamResponse"]]


@dataclass(frozen=True)
class Operation:
    """One method on one path."""

    method: str
    path: str
    """From the root, with parameters in braces: `/api/v1/tasks/{task_id}`."""
    name: str
    """The operationId, in camel case; unique. Metrics, logs and the audit have it too."""
    summary: str
    tag: str
    handler: Handler
    query: type[BaseModel] | None = None
    """Fields of the query; a field that holds a list may be repeated."""
    body: type[BaseModel] | None = None
    """The JSON body. Its types are taken strictly: "5" is no number."""
    answer: Any = None
    """The type of the answer, for the document: a model, or `list[Model]`."""
    status: int = 200
    errors: tuple[type[Refusal], ...] = ()
    """What it may refuse, beyond what any operation may."""
    media_type: str = "application/json"
    changes: bool | None = None
    """Whether it changes anything: then it is audited, takes an Idempotency-Key, and a session needs its CSRF token.
    Every method but GET does, unless it says otherwise."""
    public: bool = False
    """Whether callers need not say who they are."""
    audited: bool = True
    """Whether a change is audited; not so where nothing but the caller's own convenience changes."""
    keyed: bool = True
    """Whether a change's answer may be kept for its Idempotency-Key; not so where it holds a secret."""
    repeatable: bool = False
    """Whether a change made twice under one Idempotency-Key, even at the same time, is one by itself: then nobody waits
    for the first request of a key, whose replica may have been killed over it."""
    takes_version: bool = False
    """Whether it takes If-Match: the ETag of what the caller has seen."""
    body_optional: bool = False
    """Whether the body may be left out; the handler then gets None."""
    seconds: float | None = CALL_SECONDS
    """A call that takes longer is given up; None for streams."""
    description: str = ""
    """More for the document, where the summary does not say all."""

    @property
    def is_change(self) -> bool:
        """Whether it changes anything."""
        return self.method != "GET" if self.changes is None else self.changes


def render(operation: Operation, result: Any) -> web.StreamResponse:
    """What a handler gave, as HTTP."""
    if isinstance(result, web.StreamResponse):
        return result
    status = operation.status
    headers: dict[str, str] = {}
    cookies: tuple[str, ...] = ()
    if isinstance(result, Answer):
        status, headers, cookies = result.status or status, dict(result.headers), result.cookies
        result = result.body
    if result is None:
        response = web.Response(status=204 if status == 200 else status, headers=headers)
    else:
        response = web.Response(
            body=encode(result),
            status=status,
            headers=headers,
            content_type=operation.media_type,
            charset=_charset(operation),
        )
    for cookie in cookies:
        response.headers.add("Set-Cookie", cookie)
    return response


def encode(result: Any) -> bytes:
    """JSON of models, lists of models and plain data; what is None is left out of models."""
    if isinstance(result, BaseModel):
        return result.__pydantic_serializer__.to_json(result, exclude_none=True, by_alias=True)
    if isinstance(result, bytes):
        return result
    if isinstance(result, str):
        return result.encode()
    return orjson.dumps(result, default=_plain, option=orjson.OPT_UTC_Z)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return orjson.Fragment(encode(value))
    if isinstance(value, Sequence | set | frozenset):
        return list(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def _charset(operation: Operation) -> str | None:
    return "utf-8" if operation.media_type.startswith("text/") else None
