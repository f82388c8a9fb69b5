"""Who am I, what may I do, and signing in and out: what a web centre asks first."""

import asyncio
from time import time
from typing import Annotated

from pydantic import ConfigDict, Field

from asynctask.gateway.front.auth import kubernetes, sessions
from asynctask.gateway.front.auth.gate import Gate
from asynctask.gateway.front.auth.login import CALLBACK, PATH, LoginFailed, NoLogin
from asynctask.gateway.front.calls import Call, Caller, Desk
from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.operations import Answer, Operation
from asynctask.gateway.front.problems import Conflict, InvalidToken, Unauthenticated

ASKED: tuple[tuple[str, str], ...] = (
    ("asynctasks", "list"),
    ("asynctasks", "create"),
    ("asynctasks", "patch"),
    ("asynctasks", "delete"),
    ("stages", "list"),
    ("stages", "review"),
    ("storageendpoints", "list"),
    ("storageendpoints", "create"),
    ("storageendpoints", "patch"),
    ("taskschedules", "list"),
    ("taskschedules", "create"),
    ("taskschedules", "patch"),
    ("auditrecords", "list"),
    ("notificationrules", "list"),
    ("notificationrules", "create"),
    ("apikeys", "create"),
)
"""Rights by namespace that pages depend on."""
ASKED_CLUSTER: tuple[tuple[str, str], ...] = (
    ("tasktypes", "list"),
    ("tasktypes", "create"),
    ("taskqueues", "list"),
    ("taskqueues", "create"),
    ("taskqueues", "patch"),
)
OWN_PATH = r"^/([^/\\\x00-\x20][^\\\x00-\x20]*)?$"
"""A path of ours, never another host: `//host` and `/\\host` are none."""


class Right(Camel):
    """What may be done, and where."""

    resource: str
    verb: str
    everywhere: bool
    """In every namespace."""
    namespaces: tuple[str, ...] = ()
    """Where, unless everywhere."""


class Session(Camel):
    """The caller as the gateway knows them."""

    user: str
    groups: tuple[str, ...]
    via: str
    """How they said who they are."""
    language: str
    namespaces: tuple[str, ...] | None = None
    """Where they may list tasks; absent: everywhere."""
    rights: tuple[Right, ...]
    csrf_token: str | None = None
    """Of a browser's session: to be sent as X-CSRF-Token with each change."""


class SignIn(Camel):
    """A token that one has."""

    token: Annotated[str, Field(min_length=1, max_length=16_384)]
    """A Kubernetes token of the audience `asynctask-api`, or one of the identity provider."""


class SignedIn(Camel):
    """A session has begun; its cookie came with this answer."""

    user: str
    csrf_token: str
    """To be sent as X-CSRF-Token with each change."""
    seconds: int
    """How long the session holds."""


class LoginQuery(Camel):
    """Where to come back to."""

    back: Annotated[str, Field(max_length=1000, pattern=OWN_PATH)] = "/"
    """A path of this host."""


class CallbackQuery(Camel):
    """What the provider sends the browser back with; more than this is not read."""

    model_config = ConfigDict(extra="ignore")
    code: Annotated[str, Field(max_length=4096)] = ""
    state: Annotated[str, Field(max_length=200)] = ""
    error: Annotated[str, Field(max_length=200)] = ""


class NotForApiKeys(Conflict):
    """An API key makes no sessions and no keys."""

    code = "NotForApiKeys"


def operations(_: Desk) -> tuple[Operation, ...]:
    """The session."""
    return (
        Operation("GET", PATH, "getSession", "Who calls, and what they may do where", "session", show, answer=Session),
        Operation(
            "POST", PATH, "createSession", "Sign in a browser with a token", "session", sign_in,
            body=SignIn, answer=SignedIn, public=True, audited=False, keyed=False,
            errors=(InvalidToken, NotForApiKeys),
            description="Answers with a session's cookie: HttpOnly, SameSite=Lax, and Secure except in development.",
        ),
        Operation(
            "DELETE", PATH, "deleteSession", "Sign out", "session", sign_out, audited=False, keyed=False,
        ),
        Operation(
            "GET", f"{PATH}/login", "beginLogin", "Sign in a browser through the identity provider", "session", leave,
            query=LoginQuery, status=302, public=True, errors=(NoLogin,),
        ),
        Operation(
            "GET", CALLBACK, "endLogin", "Where the identity provider sends the browser back to", "session", arrive,
            query=CallbackQuery, status=302, public=True, errors=(NoLogin, LoginFailed),
        ),
    )  # fmt: skip


async def show(call: Call) -> Session:
    """Who calls."""
    rights = await asyncio.gather(
        *(_right(call, resource, verb) for resource, verb in ASKED),
        *(_cluster_right(call, resource, verb) for resource, verb in ASKED_CLUSTER),
    )
    listed = await call.namespaces("list", "asynctasks")
    secret = _secret(call) if call.caller.via == "session" else ""
    return Session(
        user=call.caller.name,
        groups=call.caller.groups,
        via=call.caller.via,
        language=call.language,
        namespaces=None if listed is None else tuple(sorted(listed)),
        rights=tuple(right for right in rights if right.everywhere or right.namespaces),
        csrf_token=sessions.csrf_token(secret) if secret else None,
    )


async def sign_in(call: Call) -> Answer:
    """A session for a token."""
    gate, token = _gate(call), call.body.token
    caller = await gate.door.bearer(token, call.caller.address)
    if caller.via == "apikey":
        raise NotForApiKeys
    expires = kubernetes.claims(token).get("exp")
    return await _begin(call, gate, caller, float(expires) if isinstance(expires, int | float) else float("inf"))


async def sign_out(call: Call) -> Answer:
    """End the session, if it is one."""
    if secret := _secret(call):
        await _gate(call).sessions.end(secret)
    return Answer(cookies=(_cookie(call, "", 0),))


async def leave(call: Call) -> Answer:
    """Off to the provider."""
    url, cookie = await _gate(call).login.leave(call.query.back)
    return Answer(headers={"Location": url}, cookies=(cookie,))


async def arrive(call: Call) -> Answer:
    """Back from it."""
    gate = _gate(call)
    claims, departure = await gate.login.arrive(call.request, call.query.code, call.query.state)
    begun = await _begin(call, gate, claims.caller, claims.expires)
    cookies = (*begun.cookies, gate.login.forget())
    return Answer(headers={"Location": departure.back}, cookies=cookies)


async def _begin(call: Call, gate: Gate, caller: Caller, ends: float) -> Answer:
    ends = min(ends, time() + sessions.SECONDS)
    if ends <= time():
        raise Unauthenticated
    secret, seconds = await gate.sessions.open(caller, ends)
    signed_in = SignedIn(user=caller.name, csrf_token=sessions.csrf_token(secret), seconds=seconds)
    return Answer(signed_in, cookies=(_cookie(call, secret, seconds),))


def _gate(call: Call) -> Gate:
    if call.desk.gate is None:
        raise RuntimeError("the front has not been entered")
    return call.desk.gate


def _secret(call: Call) -> str:
    return sessions.read_cookie(call.request, secure=_is_secure(call))


def _cookie(call: Call, value: str, seconds: int) -> str:
    secure = _is_secure(call)
    return sessions.set_cookie(sessions.cookie_name(secure=secure), value, seconds=seconds, secure=secure)


def _is_secure(call: Call) -> bool:
    return not call.desk.settings.api_development


async def _right(call: Call, resource: str, verb: str) -> Right:
    where = await call.namespaces(verb, resource)
    return Right(resource=resource, verb=verb, everywhere=where is None, namespaces=tuple(sorted(where or ())))


async def _cluster_right(call: Call, resource: str, verb: str) -> Right:
    return Right(resource=resource, verb=verb, everywhere=await call.may(verb, resource, ""))
