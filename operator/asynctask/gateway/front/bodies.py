"""A request's body and query as typed values. Whatever does not fit is refused before anything is done."""

import asyncio
import json
import re
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import aiohttp
import orjson
from aiohttp import web
from multidict import MultiMapping
from pydantic import BaseModel, ValidationError

from asynctask.gateway.front.fields import field_errors
from asynctask.gateway.front.problems import (
    BadRequest,
    FieldError,
    InvalidField,
    InvalidJson,
    NestedTooDeeply,
    TooLarge,
    TooManyValues,
    UnsupportedMedia,
)

MAX_BODY_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_VALUES = 50_000
BODY_SECONDS = 30.0
"""A body must have come in this time."""
MAX_QUERY_FIELDS = 100

PATH_PATTERN = "^[A-Za-z0-9_][A-Za-z0-9._:@-]{0,252}$"
"""What stands in a path: no name that the API server knows is different, and none climbs out of its collection."""
_PATH_VALUE = re.compile(PATH_PATTERN.strip("^$"))

M = TypeVar("M", bound=BaseModel)


async def read(request: web.Request) -> bytes:
    """The raw body. Raises TooLarge, UnsupportedMedia and BadRequest."""
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise TooLarge(max=MAX_BODY_BYTES)
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMedia(expected="plain, uncompressed content")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise TooLarge(max=MAX_BODY_BYTES) from None
    except (web.RequestPayloadError, aiohttp.ClientPayloadError, ConnectionError, TimeoutError):
        raise BadRequest from None


async def json_body(request: web.Request, model: type[M]) -> M:
    """The body, checked. Raises the refusals of `read`, InvalidJson, NestedTooDeeply, TooManyValues, InvalidField."""
    media, charset = request.content_type, (request.charset or "utf-8").lower()
    if media != "application/json" or charset not in {"utf-8", "utf8"}:
        raise UnsupportedMedia(expected="application/json")
    return parse(await read(request), model)


def parse(raw: bytes, model: type[M]) -> M:
    """Text as a model: strict about types, unknown and repeated fields, depth and size."""
    loads(raw)
    try:
        return model.model_validate_json(raw, strict=True, extra="forbid")
    except ValidationError as problem:
        raise InvalidField(*field_errors(problem)) from None


def loads(raw: bytes) -> Any:
    """Text as plain values. Raises InvalidJson, NestedTooDeeply, TooManyValues, InvalidField for repeated fields."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidJson(problem=str(error)[:200]) from None
    check_shape(value)
    _refuse_duplicates(raw)
    return value


def check_shape(value: Any) -> None:
    """Refuse what is too deep or too much, and characters that no database stores."""
    level, count = [("", value)], 0
    for _ in range(MAX_DEPTH + 1):
        below: list[tuple[str, Any]] = []
        for path, item in level:
            count += 1
            if isinstance(item, dict):
                below += [(f"{path}.{name}" if path else name, child) for name, child in item.items()]
                _check_text(path, "".join(item))
            elif isinstance(item, list):
                below += [(f"{path}[{index}]", child) for index, child in enumerate(item)]
            elif isinstance(item, str):
                _check_text(path, item)
        if count + len(below) > MAX_VALUES:
            raise TooManyValues(max=MAX_VALUES)
        if not below:
            return
        level = below
    raise NestedTooDeeply(max=MAX_DEPTH)


def _check_text(path: str, text: str) -> None:
    if "\x00" in text:
        raise InvalidField.of(path[:300], "InvalidCharacter")


class _Repeated:
    """Stands where an object with a repeated field was."""

    def __init__(self, name: str) -> None:
        self.name = name


def _refuse_duplicates(raw: bytes) -> None:
    """Of a field given twice, one part of the system would see the first value and another the last."""
    found = False

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Repeated:
        nonlocal found
        built = dict(pairs)
        if len(built) == len(pairs):
            return built
        found, names = True, [name for name, _ in pairs]
        return _Repeated(next(name for name in names if names.count(name) > 1))

    value = json.loads(raw, object_pairs_hook=build, parse_int=float)
    if found:
        raise InvalidField.of(_repeated_path(value, "").lstrip(".")[:300], "DuplicateField")


def _repeated_path(value: Any, path: str) -> str:
    match value:
        case _Repeated():
            return f"{path}.{value.name}"
        case dict():
            return next(
                (found for name, item in value.items() if (found := _repeated_path(item, f"{path}.{name}"))), ""
            )
        case list():
            return next((found for n, item in enumerate(value) if (found := _repeated_path(item, f"{path}[{n}]"))), "")
    return ""


def query(values: MultiMapping[str], model: type[M], lists: frozenset[str]) -> M:
    """The query, checked; `lists` are the fields that may be repeated. Raises InvalidField."""
    given: dict[str, Any] = {}
    if len(values) > MAX_QUERY_FIELDS:
        raise TooManyValues(max=MAX_QUERY_FIELDS)
    for name, value in values.items():
        if "\x00" in value or "\x00" in name:
            raise InvalidField.of(name.replace("\x00", "\ufffd")[:300], "InvalidCharacter")
        if name in lists:
            given.setdefault(name, []).append(value)
        elif name in given:
            raise InvalidField.of(name[:300], "DuplicateField")
        else:
            given[name] = value
    try:
        return model.model_validate(given, by_alias=True, by_name=False)
    except ValidationError as problem:
        raise InvalidField(*field_errors(problem)) from None


def list_fields(model: type[BaseModel]) -> frozenset[str]:
    """The fields, as written in a query, whose values are lists."""
    return frozenset(field.alias or name for name, field in model.model_fields.items() if _is_list(field.annotation))


def _is_list(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in {Union, UnionType}:
        return any(_is_list(part) for part in get_args(annotation) if part is not NoneType)
    if origin is Annotated:
        return _is_list(get_args(annotation)[0])
    return origin in {tuple, list, set, frozenset}


def path_values(found: Mapping[str, str]) -> dict[str, str]:
    """The parts of the path. Raises InvalidField for one that no name can be."""
    wrong = [name for name, value in found.items() if not _PATH_VALUE.fullmatch(value)]
    if wrong:
        raise InvalidField(*(FieldError(name, "WrongFormat", {"pattern": PATH_PATTERN}) for name in wrong))
    return dict(found)


def refuse_query(values: MultiMapping[str]) -> None:
    """For operations without a query. Raises InvalidField."""
    raise InvalidField(*(FieldError(name[:300], "UnknownField") for name in sorted(set(values))[:20]))
