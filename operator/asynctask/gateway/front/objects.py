"""Queues, endpoints, types and schedules: kinds that there are few of, shown and changed whole.

What is changed is named by the version that was seen (`If-Match`), so that two people who edit at once do not undo each
other's work unawares. Rules are the API server's own; what it refuses is told field by field.
"""

import base64
import binascii
import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from pydantic import Field

from asynctask.adapters import cluster as api
from asynctask.api import names
from asynctask.core.problems import Problem
from asynctask.gateway.front import matching, namespaces, onces, refused
from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.listing import InvalidCursor
from asynctask.gateway.front.models import Camel, Namespace
from asynctask.gateway.front.operations import Answer
from asynctask.gateway.front.problems import InvalidField, PreconditionFailed
from asynctask.gateway.front.tasks.filters import Split
from asynctask.gateway.front.tasks.live import known
from asynctask.gateway.front.view import ObjectRow, View
from asynctask.gateway.front.view.tables import Table

MARK_BYTES = 8
HIDDEN_ANNOTATIONS = ("kubectl.kubernetes.io/last-applied-configuration", names.ANNOTATION_ONCES)

Object = Mapping[str, Any]
Check = Callable[[Call, str, str, Object], Awaitable[Iterable[Problem]]]
"""What is wrong with the spec of an object, beyond the API server's rules: namespace, name, spec."""


class KeptObject(Camel):
    """An object as the cluster has it."""

    namespace: str | None = None
    name: str
    uid: str
    resource_version: str
    """Give it as `If-Match` when you change it."""
    generation: int | None = None
    create_time: str | None = None
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: dict[str, Any]
    """As in the custom resource."""
    status: dict[str, Any]


class ObjectPage(Camel):
    """A page, by namespace and name."""

    items: list[KeptObject]
    next_cursor: str | None = None
    """Give it as `cursor` to have the next page; absent: there is none."""


class Page(Camel):
    """Which page of how many."""

    limit: Annotated[int, Field(ge=1, le=500)] = 100
    cursor: Annotated[str, Field(max_length=1000)] = ""
    """Where the page begins: `nextCursor` of the page before."""
    text: Annotated[str, Field(max_length=100)] = ""
    """Part of the name, or of the titles."""


class PageOfNamespaces(Page):
    """The same, of some namespaces."""

    namespace: Annotated[tuple[Namespace, ...], Split, Field(max_length=50)] = ()


@dataclass(frozen=True)
class Kind:
    """One of the kinds."""

    name: str
    """As in the custom resource: `TaskQueue`."""
    resource: api.Resource
    table: Callable[[View], Table[ObjectRow]]
    check: Check | None = None

    @property
    def plural(self) -> str:
        """As RBAC calls it."""
        return self.resource.plural


class Objects:
    """The handlers of one kind."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind

    @property
    def is_namespaced(self) -> bool:
        """Whether each is in a namespace."""
        return self._kind.resource.namespaced

    async def page(self, call: Call) -> dict[str, Any]:
        """A page, from the view."""
        query: Page = call.query
        rows = await self.visible(call, getattr(query, "namespace", ()))
        text = query.text.casefold()
        if text:
            rows = [row for row in rows if text in row.name.casefold() or text in _titles(row).casefold()]
        rows.sort(key=_key)
        after = _decoded(query.cursor, self._kind.name + text) if query.cursor else ("", "")
        rest = [row for row in rows if _key(row) > after]
        answer: dict[str, Any] = {"items": [shown(row.object()) for row in rest[: query.limit]]}
        if len(rest) > query.limit:
            answer["nextCursor"] = _encoded(_key(rest[query.limit - 1]), self._kind.name + text)
        return answer

    async def visible(self, call: Call, asked: Iterable[str] = ()) -> list[ObjectRow]:
        """All that the caller may list."""
        table, resource = self._kind.table(call.desk.view), self._kind.resource
        await known(call.desk.view)
        if not resource.namespaced:
            await call.authorize("list", self._kind.plural, "")
            return list(table)
        allowed, wanted = await call.namespaces("list", self._kind.plural), frozenset(asked)
        if wanted:
            allowed = wanted if allowed is None else wanted & allowed
        return list(table.within(allowed))

    async def get(self, call: Call) -> Answer:
        """One."""
        body = await self.find(call, "get")
        return _answer(body)

    async def find(self, call: Call, verb: str) -> Object:
        """The object that the path names, if the caller may do this to it."""
        namespace, name = call.path.get("namespace", ""), call.path["name"]
        await call.authorize(verb, self._kind.plural, namespace, name)
        try:
            return await call.desk.cluster.get(self._kind.resource, namespace, name)
        except (api.NotFound, api.Refused):
            await call.missing(self._kind.plural)

    async def create(self, call: Call) -> Answer:
        """Make one."""
        body, kind = call.body, self._kind
        namespace = (body.namespace or namespaces.default(call)) if kind.resource.namespaced else ""
        await call.authorize("create", kind.plural, namespace)
        spec = _given(body.spec)
        await self._check(call, namespace, body.name, spec)
        annotations = {**body.annotations, **onces.mark(call, {})}
        metadata: dict[str, Any] = {"name": body.name, "labels": body.labels, "annotations": annotations}
        manifest = {"apiVersion": names.API_VERSION, "kind": kind.name, "metadata": metadata, "spec": spec}
        try:
            stored = await call.desk.cluster.create(kind.resource, namespace, manifest)
        except api.AlreadyExists:
            stored = await call.desk.cluster.get(kind.resource, namespace, body.name)
            if not onces.is_made(call, stored["metadata"]):
                raise refused.AlreadyThere(name=body.name) from None
        except api.NotFound:
            raise InvalidField.of("namespace", "UnknownNamespace") from None
        except api.ApiError as error:
            raise refused.by_api_server(error) from error
        self._saw(call, "create", None, stored)
        return _answer(stored)

    async def replace(self, call: Call) -> Answer:
        """Change one that was seen."""
        version = matching.wanted(call, required=True)
        old, body = await self.find(call, "update"), call.body
        meta = old["metadata"]
        if onces.is_made(call, meta):
            return self._found_done(call, "change", old)
        if version and version != meta["resourceVersion"]:
            raise PreconditionFailed
        spec = _given(body.spec)
        await self._check(call, meta.get("namespace", ""), meta["name"], spec)
        annotations = {**body.annotations, **_hidden(meta), **onces.mark(call, meta)}
        metadata = {**meta, "labels": body.labels, "annotations": annotations}
        stored = await self._write(call, {**old, "metadata": metadata, "spec": spec})
        self._saw(call, "change", old, stored)
        return _answer(stored)

    async def patch(self, call: Call, spec: Mapping[str, Any], action: str) -> Answer:
        """Change some fields of one, of the version that was seen if the caller names one."""
        return await self._patch(call, spec, action, await self.find(call, "patch"))

    async def count(self, call: Call, field: str, action: str) -> Answer:
        """Raise a number of one by one; else as `patch`."""
        old = await self.find(call, "patch")
        return await self._patch(call, {field: old.get("spec", {}).get(field, 0) + 1}, action, old)

    async def _patch(self, call: Call, spec: Mapping[str, Any], action: str, old: Object) -> Answer:
        version, meta = matching.wanted(call), old["metadata"]
        if onces.is_made(call, meta):
            return self._found_done(call, action, old)
        if version and version != meta["resourceVersion"]:
            raise PreconditionFailed
        metadata = {**meta, "annotations": {**meta.get("annotations", {}), **onces.mark(call, meta)}}
        stored = await self._write(call, {**old, "metadata": metadata, "spec": {**old.get("spec", {}), **spec}})
        self._saw(call, action, old, stored)
        return _answer(stored)

    async def delete(self, call: Call) -> None:
        """Delete one, of the version that was seen if the caller names one."""
        version = matching.wanted(call)
        old = await self.find(call, "delete")
        meta = old["metadata"]
        if version and version != meta["resourceVersion"]:
            raise PreconditionFailed
        try:
            await call.desk.cluster.delete(self._kind.resource, meta.get("namespace", ""), meta["name"], meta["uid"])
        except (api.NotFound, api.Conflict):
            await call.missing(self._kind.plural)
        self._audit(call, "delete", old, None)

    def _found_done(self, call: Call, action: str, body: Object) -> Answer:
        """This very change has made it so already."""
        if call.repeats:
            self._audit(call, action, None, body)
        return _answer(body)

    async def _write(self, call: Call, body: Object) -> Object:
        meta = body["metadata"]
        try:
            return await call.desk.cluster.replace(
                self._kind.resource, meta.get("namespace", ""), meta["name"], dict(body)
            )
        except api.NotFound:
            await call.missing(self._kind.plural)
        except api.ApiError as error:
            raise refused.by_api_server(error) from error

    async def _check(self, call: Call, namespace: str, name: str, spec: Object) -> None:
        if self._kind.check and (problems := tuple(await self._kind.check(call, namespace, name, spec))):
            raise refused.by_problems(problems)

    def _saw(self, call: Call, action: str, old: Object | None, stored: Object) -> None:
        call.desk.view.saw_object(self._kind.resource, dict(stored))
        self._audit(call, action, old, stored)

    def _audit(self, call: Call, action: str, old: Object | None, new: Object | None) -> None:
        meta = (new or old or {})["metadata"]
        call.audit(
            action,
            namespace=meta.get("namespace", ""),
            kind=self._kind.name,
            name=meta["name"],
            uid=meta["uid"],
            before=old and old.get("spec"),
            after=new and new.get("spec"),
        )


def shown(body: Object) -> dict[str, Any]:
    """An object as the API shows it."""
    meta = body["metadata"]
    hidden = _hidden(meta)
    cells = {
        "namespace": meta.get("namespace") or None,
        "name": meta["name"],
        "uid": meta["uid"],
        "resourceVersion": meta["resourceVersion"],
        "generation": meta.get("generation"),
        "createTime": meta.get("creationTimestamp"),
        "labels": meta.get("labels", {}),
        "annotations": {key: text for key, text in meta.get("annotations", {}).items() if key not in hidden},
        "spec": body.get("spec", {}),
        "status": body.get("status", {}),
    }
    return {name: value for name, value in cells.items() if value is not None}


def _answer(body: Object) -> Answer:
    return Answer(shown(body), matching.etag(body["metadata"]["resourceVersion"]))


def _hidden(meta: Object) -> dict[str, str]:
    annotations: dict[str, str] = meta.get("annotations", {})
    return {key: annotations[key] for key in HIDDEN_ANNOTATIONS if key in annotations}


def _given(spec: Any) -> dict[str, Any]:
    """What the caller gave, so that defaults stay the cluster's."""
    found: dict[str, Any] = spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
    return found


def _titles(row: ObjectRow) -> str:
    title = row.object().get("spec", {}).get("title", {})
    return f"{title.get('en', '')} {title.get('zh', '')}"


def _key(row: ObjectRow) -> tuple[str, str]:
    return (row.namespace, row.name)


def _encoded(key: tuple[str, str], of: str) -> str:
    body = orjson.dumps(key)
    return base64.urlsafe_b64encode(_mark(body, of) + body).rstrip(b"=").decode()


def _decoded(text: str, of: str) -> tuple[str, str]:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        mark, body = raw[:MARK_BYTES], raw[MARK_BYTES:]
        if mark != _mark(body, of):
            raise InvalidCursor
        namespace, name = orjson.loads(body)
    except (binascii.Error, ValueError):
        raise InvalidCursor from None
    return namespace, name


def _mark(body: bytes, of: str) -> bytes:
    return hashlib.sha256(of.encode() + b"\0" + body).digest()[:MARK_BYTES]
