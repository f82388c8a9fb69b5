"""The OpenAPI 3.1 document, made from the operations: what is described is what is served."""

import json
import re
from collections.abc import Sequence
from typing import Any

import orjson
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode

from asynctask import __version__
from asynctask.gateway.front import problems
from asynctask.gateway.front.bodies import PATH_PATTERN
from asynctask.gateway.front.calls import Call
from asynctask.gateway.front.idempotency import KeyInUse, KeyReused
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import Refusal

PATH = "/api/v1/openapi.json"
PROBLEM = "application/problem+json"
_ALWAYS: tuple[type[Refusal], ...] = (
    problems.BadRequest,
    problems.TooManyRequests,
    problems.Unavailable,
)
_IDENTIFIED: tuple[type[Refusal], ...] = (problems.Unauthenticated, problems.Forbidden, problems.NotFound)
_BODY: tuple[type[Refusal], ...] = (problems.TooLarge, problems.UnsupportedMedia)
_KEYED: tuple[type[Refusal], ...] = (KeyInUse, KeyReused)
_PARAMETER = re.compile(r"{(\w+)}")

Document = dict[str, Any]


def document(operations: Sequence[Operation]) -> Document:
    """The whole document."""
    schemas = _Schemas(operations)
    paths: dict[str, Document] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "AsyncTask",
            "version": __version__,
            "description": "Long, staged storage jobs: submit, follow, manage, review. "
            "Errors are RFC 9457 problems with a `code` and `params`; docs/reference/errors.md lists them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "tags": [{"name": name} for name in sorted({operation.tag for operation in operations})],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas.components(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A Kubernetes token of the audience `asynctask-api`, an OIDC token, or an API key.",
                },
                "session": {"type": "apiKey", "in": "cookie", "name": "asynctask_session"},
            },
        },
    }


def text(operations: Sequence[Operation]) -> str:
    """The document as it is committed."""
    return json.dumps(document(operations), indent=1, ensure_ascii=False) + "\n"


def operation(others: Sequence[Operation]) -> Operation:
    """The operation that serves the document."""
    described: list[bytes] = []

    async def serve(_: Call) -> bytes:
        if not described:
            described.append(orjson.dumps(document((*others, served))))
        return described[0]

    served = Operation(
        "GET", PATH, "getOpenApi", "This document", "meta", serve, answer=dict[str, Any], public=True
    )  # fmt: skip
    return served


class _Schemas:
    """The schemas of all models, each once; a model that is taken and given may differ between the two."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        wanted: list[tuple[Any, JsonSchemaMode]] = []
        for operation in operations:
            wanted += [(kind, "validation") for kind in (operation.query, operation.body) if kind is not None]
            wanted += [(operation.answer, "serialization")] if operation.answer is not None else []
        unique = list({(repr(kind), mode): (kind, mode) for kind, mode in wanted}.values())
        inputs = [(repr(kind), mode, TypeAdapter(kind).core_schema) for kind, mode in unique]
        generator = GenerateJsonSchema(ref_template="#/components/schemas/{model}")
        found, self._components = generator.generate_definitions(inputs)
        self._found = dict(found)
        self._queries = {
            self._found[repr(kind), mode].get("$ref", "").rpartition("/")[2]
            for kind, mode in unique
            if kind in {operation.query for operation in operations}
        }

    def of(self, kind: Any, mode: JsonSchemaMode) -> Document:
        """The schema of one type."""
        return dict(self._found[repr(kind), mode])

    def resolved(self, kind: Any) -> Document:
        """The schema of a query's model itself."""
        schema = self.of(kind, "validation")
        if "$ref" in schema:
            return dict(self._components[schema["$ref"].rpartition("/")[2]])
        return schema

    def components(self) -> Document:
        """All that others refer to. A query is a list of parameters, so its model is not among them."""
        kept: Document = {str(name): value for name, value in sorted(self._components.items())}
        kept = {name: value for name, value in kept.items() if name not in self._queries}
        return {**kept, "Problem": _PROBLEM}


def _operation(operation: Operation, schemas: _Schemas) -> Document:
    described: Document = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*_path_parameters(operation), *_query_parameters(operation, schemas)],
        "responses": _responses(operation, schemas),
    }
    if operation.description:
        described["description"] = operation.description
    if operation.public:
        described["security"] = []
    if _is_keyed(operation):
        described["parameters"].append(_IDEMPOTENCY_KEY)
    if operation.takes_version:
        described["parameters"].append(_IF_MATCH)
    if operation.body:
        content = {"application/json": {"schema": schemas.of(operation.body, "validation")}}
        described["requestBody"] = {"required": not operation.body_optional, "content": content}
    return described


def _is_keyed(operation: Operation) -> bool:
    return operation.is_change and operation.keyed and not operation.public


def _path_parameters(operation: Operation) -> list[Document]:
    schema = {"type": "string", "pattern": PATH_PATTERN}
    return [
        {"name": name, "in": "path", "required": True, "schema": schema} for name in _PARAMETER.findall(operation.path)
    ]


def _query_parameters(operation: Operation, schemas: _Schemas) -> list[Document]:
    if operation.query is None:
        return []
    schema = schemas.resolved(operation.query)
    parameters = []
    for name, value in schema.get("properties", {}).items():
        inner = dict(value)
        parameter = {"name": name, "in": "query", "required": name in schema.get("required", ())}
        if description := inner.pop("description", ""):
            parameter["description"] = description
        parameters.append({**parameter, "schema": inner})
    return parameters


def _responses(operation: Operation, schemas: _Schemas) -> Document:
    good: Document = {"description": "Done" if operation.is_change else "The answer"}
    if operation.answer is not None:
        good["content"] = {operation.media_type: {"schema": schemas.of(operation.answer, "serialization")}}
    elif operation.media_type != "application/json":
        good["content"] = {operation.media_type: {"schema": {"type": "string"}}}
    status = 204 if operation.status == 200 and "content" not in good else operation.status
    kinds = [*_ALWAYS, *operation.errors, *(_BODY if operation.body else ())]
    kinds += [] if operation.public else _IDENTIFIED
    kinds += _KEYED if _is_keyed(operation) else ()
    codes: dict[int, set[str]] = {}
    for kind in kinds:
        codes.setdefault(kind.status, set()).add(kind.code)
    bad = {str(number): _problem(sorted(names)) for number, names in sorted(codes.items())}
    return {str(status): good, **bad}


def _problem(codes: list[str]) -> Document:
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": ", ".join(codes), "content": content}


_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeat a change safely: the same key gives the same answer for 24 hours.",
    "schema": {"type": "string", "pattern": r"^[!-~]{1,200}$"},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "The ETag of what you have seen: the change is made to that, or not at all (412).",
    "schema": {"type": "string", "pattern": r'^(\*|"[A-Za-z0-9]{1,128}")$'},
}
_FIELD_ERROR = {
    "type": "object",
    "required": ["field", "code", "params", "message"],
    "properties": {
        "field": {"type": "string", "description": "Such as `spec.stages[0].name`."},
        "code": {"type": "string"},
        "params": {"type": "object"},
        "message": {"type": "string"},
    },
}
_PROBLEM: Document = {
    "type": "object",
    "description": "RFC 9457, with the code that programs act on and the parameters of its text.",
    "required": ["type", "title", "status", "detail", "code", "params"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "In the language that Accept-Language asks for."},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "params": {"type": "object"},
        "errors": {"type": "array", "items": _FIELD_ERROR},
    },
}
