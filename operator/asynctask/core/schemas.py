"""JSON Schemas (draft 2020-12) that other people wrote, made safe to run: compiled once, bounded, local."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import orjson
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

MAX_SCHEMA_BYTES = 128 * 1024
MAX_PATTERN = 512
MAX_STEPS = 100_000
"""Nodes visited while defaults are filled in: more than a config of 64 KiB can need, unless the schema multiplies."""
MAX_CACHED = 256
UNSUPPORTED = ("patternProperties", "$dynamicRef", "$dynamicAnchor", "$id", "$anchor")


class TooMuch(Exception):
    """The schema's defaults multiply beyond any use."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a schema, and where in it."""

    message: str
    path: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class Compiled:
    """A schema ready to use; only when it has no faults."""

    schema: Mapping[str, Any]
    validator: Validator
    faults: tuple[Fault, ...] = ()

    def fill(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of the config with the defaults of absent properties filled in. Raises TooMuch."""
        filled: dict[str, Any] = copy.deepcopy(dict(config))
        _Filler(_references(self.schema)).visit(filled, self.schema)
        return filled


@lru_cache(MAX_CACHED)
def compiled(raw: bytes) -> Compiled:
    """Compile a schema given as JSON with sorted keys: the same schema costs its compilation once."""
    schema = orjson.loads(raw)
    faults = (Fault(f"has {len(raw)} bytes; at most {MAX_SCHEMA_BYTES}"),) if len(raw) > MAX_SCHEMA_BYTES else ()
    return Compiled(schema, _SafeValidator(schema), faults or tuple(_faults(schema)))


def _faults(schema: Mapping[str, Any]) -> Iterator[Fault]:
    try:
        Draft202012Validator.check_schema(schema)
        yield from _local_faults(schema)
    except SchemaError as error:
        yield Fault(error.message, tuple(error.absolute_path))
    except RecursionError:
        yield Fault("is nested too deeply")


def _local_faults(schema: Mapping[str, Any]) -> Iterator[Fault]:
    lookup = _references(schema)
    rest: list[Any] = [schema]
    while rest:
        node = rest.pop()
        if not isinstance(node, Mapping):
            continue
        rest.extend(DRAFT202012.subresources_of(node))
        for keyword in UNSUPPORTED:
            if keyword in node:
                yield Fault(f"{keyword} is not supported")
        if "pattern" in node and (message := _pattern_fault(node["pattern"])):
            yield Fault(message)
        if (reference := node.get("$ref")) is not None:
            if not reference.startswith("#"):
                yield Fault(f"$ref {reference!r} leads out of the schema")
                continue
            try:
                lookup(reference)
            except Unresolvable:
                yield Fault(f"$ref {reference!r} leads nowhere")


def _pattern_fault(pattern: str) -> str:
    if len(pattern) > MAX_PATTERN:
        return f"a pattern has {len(pattern)} characters; at most {MAX_PATTERN}"
    try:
        _matcher(pattern)
    except PatternError:
        return f"pattern {pattern!r} is not one of RE2 syntax (no look-around, no back-references)"
    return ""


@lru_cache(MAX_CACHED)
def _matcher(pattern: str) -> SchemaValidator:
    # pydantic brings Rust's regex engine, whose time is linear in the input: no pattern can hang the process
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))


@dataclass
class _Filler:
    lookup: Callable[[str], Any]
    steps: int = 0

    def visit(self, value: Any, schema: Any) -> None:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooMuch("defaults lead to more and more defaults")
        if not isinstance(schema, Mapping):
            return
        if reference := schema.get("$ref"):
            self.visit(value, self.lookup(reference))
        for part in schema.get("allOf", ()):
            self.visit(value, part)
        if isinstance(value, dict):
            self._visit_object(value, schema)
        elif isinstance(value, list) and isinstance(schema.get("items"), Mapping):
            for item in value:
                self.visit(item, schema["items"])

    def _visit_object(self, value: dict[str, Any], schema: Mapping[str, Any]) -> None:
        for name, part in schema.get("properties", {}).items():
            if name not in value:
                default = self._default(part)
                if default is _NONE:
                    continue
                value[name] = copy.deepcopy(default)
            self.visit(value[name], part)

    def _default(self, schema: Any) -> Any:
        while isinstance(schema, Mapping):
            self.steps += 1
            if self.steps > MAX_STEPS:
                raise TooMuch("references lead in a circle")
            if "default" in schema:
                return schema["default"]
            if "$ref" not in schema:
                break
            schema = self.lookup(schema["$ref"])
        return _NONE


_NONE: Any = object()


def _references(schema: Mapping[str, Any]) -> Callable[[str], Any]:
    resolver = Registry[Any]().with_resource("", DRAFT202012.create_resource(schema)).resolver()
    return cache(lambda reference: resolver.lookup(reference).contents)


def _pattern(_: Validator, pattern: str, instance: Any, __: Any) -> Iterable[ValidationError]:
    if isinstance(instance, str) and not _matcher(pattern).isinstance_python(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _unique_items(_: Validator, wanted: bool, instance: Any, __: Any) -> Iterable[ValidationError]:
    # the library compares each with each when items can't be sorted
    if wanted and isinstance(instance, list):
        distinct = {orjson.dumps(item, option=orjson.OPT_SORT_KEYS) for item in instance}
        if len(distinct) < len(instance):
            yield ValidationError("has the same item twice")


def _required(_: Validator, required: list[str], instance: Any, __: Any) -> Iterable[ValidationError]:
    if isinstance(instance, dict):
        for name in required:
            if name not in instance:
                yield ValidationError("is missing", path=(name,))


def _additional(validator: Validator, allowed: Any, instance: Any, schema: Any) -> Iterable[ValidationError]:
    if not isinstance(instance, dict):
        return
    known = schema.get("properties", {})
    for name in instance:
        if name in known:
            continue
        if allowed is False:
            yield ValidationError("is not known; known are " + (", ".join(sorted(known)) or "none"), path=(name,))
        else:
            yield from validator.descend(instance[name], allowed, path=name)  # type: ignore[attr-defined]


_SafeValidator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        "pattern": _pattern,
        "uniqueItems": _unique_items,
        "required": _required,
        "additionalProperties": _additional,
    },
)
