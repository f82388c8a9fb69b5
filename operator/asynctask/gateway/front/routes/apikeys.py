"""API keys for applications: made by people, shown once, narrowed, revocable."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, Field

from asynctask.adapters.archive import access
from asynctask.adapters.archive.access import ApiKey
from asynctask.adapters.archive.access import digest as digest_of
from asynctask.adapters.archive.tables.columns import micros, moment
from asynctask.gateway.front import cursors
from asynctask.gateway.front.auth.apikeys import new_token
from asynctask.gateway.front.auth.identities import scope_restored, scope_stored, stored
from asynctask.gateway.front.auth.scopes import Action, Scope
from asynctask.gateway.front.calls import Call, Desk
from asynctask.gateway.front.cursors import Cursor, Limit, NoArchive
from asynctask.gateway.front.models import Camel, Namespace
from asynctask.gateway.front.operations import Answer, Operation
from asynctask.gateway.front.problems import Conflict, InvalidField, NotFound
from asynctask.gateway.front.routes.session import NotForApiKeys

RESOURCE = "apikeys"
PATH = "/api/v1/api-keys"
MAX_KEYS = 100
"""Keys of one owner that have not been revoked."""

TypeName = Annotated[str, Field(min_length=1, max_length=253)]


class TooManyApiKeys(Conflict):
    """An owner has enough of them. Params: max."""

    code = "TooManyApiKeys"


class NewApiKey(Camel):
    """What a key is for. Left out or null, a part of the scope narrows nothing."""

    label: Annotated[str, Field(min_length=1, max_length=128)]
    """For people: which application has it."""
    namespaces: Annotated[tuple[Namespace, ...], Field(min_length=1, max_length=100)] | None = None
    """Where it may act."""
    actions: Annotated[tuple[Action, ...], Field(min_length=1, max_length=6)] | None = None
    """What it may do: `read`, `submit`, `control` (pause, resume, cancel, restart, priority), `delete`, `review`,
    `configure`."""
    task_types: Annotated[tuple[TypeName, ...], Field(min_length=1, max_length=100)] | None = None
    """Which types of tasks it may submit."""
    expire_time: AwareDatetime | None = None
    """When it ends; never if left out."""


class ShownApiKey(Camel):
    """A key, without its secret."""

    id: str
    label: str
    owner: str
    """Whose rights it has, within its scope."""
    namespaces: tuple[str, ...] | None = None
    actions: tuple[str, ...] | None = None
    task_types: tuple[str, ...] | None = None
    create_time: datetime
    expire_time: datetime | None = None
    revoke_time: datetime | None = None
    use_time: datetime | None = None
    """About when it was last used: right to some ten minutes."""


class MadeApiKey(ShownApiKey):
    """A new key. This is the only time that it is shown."""

    token: str
    """To be sent as `Authorization: Bearer TOKEN`."""


class ApiKeyQuery(Camel):
    """Which keys."""

    all: bool = False
    """Of all owners; takes the right to list `apikeys` in all namespaces."""
    limit: Limit = 50
    cursor: Cursor = ""


class ApiKeyPage(Camel):
    """Keys, newest first."""

    items: tuple[ShownApiKey, ...]
    next: str | None = None
    """The cursor of the next page; absent on the last."""


def operations(_: Desk) -> tuple[Operation, ...]:
    """API keys."""
    return (
        Operation(
            "GET", PATH, "listApiKeys", "One's own API keys, or everybody's", "apiKeys", find,
            query=ApiKeyQuery, answer=ApiKeyPage, errors=(NoArchive,),
        ),
        Operation(
            "POST", PATH, "createApiKey", "Make an API key for an application", "apiKeys", make,
            body=NewApiKey, answer=MadeApiKey, status=201, keyed=False,
            errors=(NoArchive, NotForApiKeys, TooManyApiKeys),
            description="Takes the right to create `apikeys` (group asynctask.io) in each namespace of the key's "
            "scope, or in all if it names none. The key has its maker's rights, within its scope.",
        ),
        Operation(
            "DELETE", f"{PATH}/{{key_id}}", "revokeApiKey", "Revoke an API key", "apiKeys", revoke,
            answer=ShownApiKey, errors=(NoArchive, NotForApiKeys),
            description="One's own, or with the right to delete `apikeys` in all namespaces anybody's.",
        ),
    )  # fmt: skip


async def find(call: Call) -> ApiKeyPage:
    """A page of keys."""
    if call.query.all:
        await call.authorize("list", RESOURCE, "")
    archive = cursors.archive_of(call.desk)
    async with archive.read() as connection:
        page = await access.api_key_page(
            connection,
            owner=None if call.query.all else call.caller.name,
            limit=call.query.limit,
            after=cursors.read(call.query.cursor),
        )
    return ApiKeyPage(items=tuple(_shown(key) for key in page.rows), next=cursors.written(page.next))


async def make(call: Call) -> Answer:
    """A new key."""
    wanted, caller = call.body, call.caller
    if caller.via == "apikey":
        raise NotForApiKeys
    archive = cursors.archive_of(call.desk)
    for namespace in wanted.namespaces or ("",):
        await call.authorize("create", RESOURCE, namespace)
    now = call.desk.now()
    if wanted.expire_time is not None and wanted.expire_time <= now:
        raise InvalidField.of("expireTime", "InvalidValue", problem="lies in the past")
    key_id, token = new_token()
    scope = Scope(*(None if part is None else frozenset(part) for part in _parts(wanted)))
    expires = None if wanted.expire_time is None else micros(wanted.expire_time)
    key = ApiKey(
        key_id, digest_of(token), wanted.label, caller.name, stored(caller), scope_stored(scope), micros(now), expires
    )
    async with archive.begin() as transaction:
        page = await access.api_key_page(transaction, owner=caller.name, limit=500)
        if sum(row.revoke_time is None for row in page.rows) >= MAX_KEYS:
            raise TooManyApiKeys(max=MAX_KEYS)
        await access.add_api_key(transaction, key)
    shown = _shown(key)
    call.audit("createApiKey", namespace="", kind="ApiKey", name=wanted.label, uid=key_id, after=_audited(shown))
    made = MadeApiKey(**shown.model_dump(by_alias=False), token=token)
    return Answer(made, headers={"Location": f"{PATH}/{key_id}"})


async def revoke(call: Call) -> ShownApiKey:
    """End a key."""
    if call.caller.via == "apikey":
        raise NotForApiKeys
    archive, key_id = cursors.archive_of(call.desk), call.path["key_id"]
    async with archive.read() as connection:
        key = await access.api_key(connection, key_id)
    if key is None or key.owner != call.caller.name:
        await call.authorize("delete", RESOURCE, "")
    if key is None:
        raise NotFound
    async with archive.begin() as transaction:
        await access.revoke_api_key(transaction, key_id, micros(call.desk.now()))
        ended = await access.api_key(transaction, key_id)
    if call.desk.gate:
        call.desk.gate.keys.forget(key_id)
    shown = _shown(ended or key)
    call.audit("revokeApiKey", namespace="", kind="ApiKey", name=key.label, uid=key_id, before=_audited(_shown(key)))
    return shown


def _parts(
    wanted: NewApiKey,
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None, tuple[str, ...] | None]:
    return wanted.namespaces, wanted.actions, wanted.task_types


def _shown(key: ApiKey) -> ShownApiKey:
    scope = scope_restored(key.scope)

    def listed(values: frozenset[str] | None) -> tuple[str, ...] | None:
        return None if values is None else tuple(sorted(values))

    def time(value: int | None) -> datetime | None:
        return None if value is None else moment(value)

    return ShownApiKey(
        id=key.key_id,
        label=key.label,
        owner=key.owner,
        namespaces=listed(scope.namespaces),
        actions=listed(scope.actions),
        task_types=listed(scope.task_types),
        create_time=moment(key.create_time),
        expire_time=time(key.expire_time),
        revoke_time=time(key.revoke_time),
        use_time=time(key.use_time),
    )


def _audited(key: ShownApiKey) -> object:
    return key.model_dump(mode="json", exclude_none=True)
