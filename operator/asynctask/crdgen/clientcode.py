"""The generated part of the Python client: one method for each operation, one TypedDict for each schema."""

import json
import keyword
import re
from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
_HEADER = '"""{}\n\nGenerated from the OpenAPI document by hack/generate."""\n\n'
_IMPORTS = "from typing import Any, Literal, NotRequired, TypedDict\n\n\n"
_PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
_WIDTH = 116
_STREAM = "text/event-stream"


def types_module(document: Document) -> str:
    """`types.py`: what goes over the wire, as mypy sees it."""
    blocks = [_type(name, schema) for name, schema in sorted(document["components"]["schemas"].items())]
    return _HEADER.format("What the API takes and gives.") + _IMPORTS + "\n\n".join(blocks)


def operations_module(document: Document) -> str:
    """`operations.py`: the same methods for both clients, one of them awaited."""
    found = list(_operations(document))
    head = _HEADER.format("Every operation of the API.") + (
        "from collections.abc import Awaitable, Mapping, Sequence\n"
        "from typing import Any, Literal, cast\n\n"
        "from asynctask_client import types\n\n\n"
    )
    parts = [head, _class("Operations", "The operations, for `Client`.", found, is_async=False), "\n\n"]
    parts.append(_class("AsyncOperations", "The operations, for `AsyncClient`.", found, is_async=True))
    return "".join(parts)


def _type(name: str, schema: Document) -> str:
    doc = _sentence(schema.get("description", ""))
    properties: Document = schema.get("properties", {})
    if schema.get("type") != "object" or not properties:
        return f"{_safe(name)} = {_hint(schema, quoted=True)}\n" + (f'"""{doc}"""\n' if doc else "")
    required = set(schema.get("required", ()))
    fields = {key: _hint(value, quoted=True) for key, value in properties.items()}
    fields = {key: hint if key in required else f"NotRequired[{hint}]" for key, hint in fields.items()}
    if not all(key.isidentifier() and not keyword.iskeyword(key) for key in fields):
        inner = "".join(f"        {json.dumps(key)}: {hint},\n" for key, hint in fields.items())
        return f'{_safe(name)} = TypedDict(\n    "{_safe(name)}",\n    {{\n{inner}    }},\n)\n'
    lines = [f"class {_safe(name)}(TypedDict):"] + ([f'    """{doc}"""', ""] if doc else [])
    for key, hint in fields.items():
        lines.append(f"    {key}: {hint}")
        if said := _sentence(properties[key].get("description", "")):
            lines.append(f'    """{said}"""')
    return "\n".join(lines) + "\n"


def _hint(schema: Any, *, quoted: bool = False, prefix: str = "") -> str:
    """The Python type of a schema."""
    if not isinstance(schema, dict):
        return "Any"
    if "$ref" in schema:
        name = prefix + _safe(schema["$ref"].rpartition("/")[2])
        return f'"{name}"' if quoted else name
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if "enum" in schema:
        return "Literal[" + ", ".join(repr(value) for value in schema["enum"]) + "]"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            hints = list(dict.fromkeys(_hint(one, quoted=False, prefix=prefix) for one in schema[key]))
            joined = " | ".join(hints)
            return f'"{joined}"' if quoted and any("$ref" in str(one) for one in schema[key]) else joined
    if isinstance(schema.get("allOf"), list) and len(schema["allOf"]) == 1:
        return _hint(schema["allOf"][0], quoted=quoted, prefix=prefix)
    kind = schema.get("type")
    if kind == "array":
        return f"list[{_hint(schema.get('items', {}), quoted=quoted, prefix=prefix)}]"
    if kind == "object":
        more = schema.get("additionalProperties")
        inner = _hint(more, quoted=quoted, prefix=prefix) if isinstance(more, dict) and more else "Any"
        return f"dict[str, {inner}]"
    return _PLAIN.get(str(kind), "Any")


class _Operation:
    """One operation, ready to be written down."""

    def __init__(self, method: str, path: str, body: Document) -> None:
        self.method, self.path, self.id = method.upper(), path, body["operationId"]
        self.name = _snake(self.id)
        self.summary = _sentence(body.get("summary", ""))
        parameters = body.get("parameters", ())
        self.in_path = [one["name"] for one in parameters if one["in"] == "path"]
        self.query = [one for one in parameters if one["in"] == "query"]
        self.headers = [one["name"] for one in parameters if one["in"] == "header"]
        self.takes_key = "Idempotency-Key" in self.headers
        request = body.get("requestBody", {})
        schema = request.get("content", {}).get("application/json", {}).get("schema")
        self.body = _hint(schema, prefix="types.") if schema is not None else ""
        self.body_required = bool(request.get("required"))
        media, answer = self._answer(body.get("responses", {}))
        self.is_stream = media == _STREAM
        self.is_json = media in {"", "application/json"}
        self.answer = ("None" if not media else _hint(answer, prefix="types.")) if self.is_json else "bytes"

    @staticmethod
    def _answer(responses: Document) -> tuple[str, Any]:
        for status, response in responses.items():
            if status.startswith("2"):
                for media, content in response.get("content", {}).items():
                    return media, content.get("schema")
        return "", None

    def lines(self, *, is_async: bool) -> Iterator[str]:
        """The method."""
        arguments = [f"{_snake(name)}: str" for name in self.in_path]
        if self.body:
            arguments.append(f"body: {self.body}" + ("" if self.body_required else " | None = None"))
        named = [self._named(one) for one in sorted(self.query, key=lambda one: not one.get("required"))]
        named += ["if_match: str | None = None"] if "If-Match" in self.headers else []
        named += ["idempotency_key: str | None = None"] if self.takes_key else []
        signature = ", ".join(["self", *arguments, *(["*", *named] if named else [])])
        yield f"    {'async ' if is_async else ''}def {self.name}({signature}) -> {self.answer}:"
        yield f'        """{self.summary}"""'
        call = [f'"{self.method}"', self._url()]
        if self.query:
            pairs = ", ".join(f'"{one["name"]}": {_snake(one["name"])}' for one in self.query)
            call.append(f"query={{{pairs}}}")
        call += ["body=body"] if self.body else []
        call += ["if_match=if_match"] if "If-Match" in self.headers else []
        call += ["idempotency_key=idempotency_key"] if self.takes_key else []
        call += [] if self.is_json else ["raw=True"]
        said = f"{'await ' if is_async else ''}self._call({', '.join(call)})"
        if self.answer == "None":
            yield f"        {said}"
        else:
            yield f'        return cast("{self.answer}", {said})'

    @staticmethod
    def _named(parameter: Document) -> str:
        schema = parameter.get("schema", {})
        hint = _hint(schema, prefix="types.").replace("list[", "Sequence[")
        if parameter.get("required"):
            return f"{_snake(parameter['name'])}: {hint}"
        hint = hint if hint.endswith("None") or hint == "Any" else f"{hint} | None"
        return f"{_snake(parameter['name'])}: {hint} = None"

    def _url(self) -> str:
        if not self.in_path:
            return f'"{self.path}"'
        return 'f"' + re.sub(r"{(\w+)}", lambda match: f"{{self._quote({_snake(match[1])})}}", self.path) + '"'


def _operations(document: Document) -> Iterator[_Operation]:
    for path, methods in sorted(document["paths"].items()):
        for method, body in methods.items():
            found = _Operation(method, path, body)
            if not found.is_stream:
                yield found


def _class(name: str, doc: str, operations: list[_Operation], *, is_async: bool) -> str:
    returns = "Awaitable[Any]" if is_async else "Any"
    lines = [
        f"class {name}:",
        f'    """{doc}"""',
        "",
        "    def _call(",
        "        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None,",
        "        if_match: str | None = None, idempotency_key: str | None = None, raw: bool = False,",
        f"    ) -> {returns}:",
        "        raise NotImplementedError",
        "",
        "    @staticmethod",
        "    def _quote(part: str) -> str:",
        "        raise NotImplementedError",
    ]
    for operation in sorted(operations, key=lambda one: one.name):
        lines += ["", *operation.lines(is_async=is_async)]
    return "\n".join(lines) + "\n"


def _snake(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_")
    return words + "_" if keyword.iskeyword(words) else words


def _safe(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _sentence(text: str) -> str:
    line = " ".join(text.split()).replace('"""', "'''").replace("\\", "\\\\")
    line = line if len(line) <= _WIDTH - 10 else line[: _WIDTH - 11].rstrip() + "…"
    return line + " " if line.endswith('"') else line
