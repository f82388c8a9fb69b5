"""From a pydantic model to a structural schema: the stricter JSON Schema that Kubernetes takes in a CRD.

Strict on purpose. Whatever it can't carry over faithfully, and whatever is unbounded, raises with its path: an
unbounded list or string makes the API server reject every CEL rule near it (cost estimate), and lets one object
fill etcd.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from asynctask.crdgen.errors import SchemaError

Schema: TypeAlias = dict[str, Any]

_PICKED = re.compile(r"\[\?\([^]]*\)\]")
_DROPPED = {"title", "x-inline-enum", "x-required"}
_RULES = "x-kubernetes-validations"
_SHARED = {"type", "description", "default", "x-kubernetes-validations"}
_FREE_FORM = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
_EMPTY: tuple[object, ...] = (None, "", [], {})


class _Generator(GenerateJsonSchema):
    """Also shows the defaults that a factory makes, which pydantic leaves out."""

    def get_default_value(self, schema: core_schema.WithDefaultSchema) -> Any:
        factory = schema.get("default_factory")
        if factory is not None and not schema.get("default_factory_takes_data"):
            return factory()  # type: ignore[call-arg]  # takes no data, as just asked
        return super().get_default_value(schema)


def structural(model: type[BaseModel], *, without: tuple[str, ...] = ("metadata",)) -> Schema:
    """The structural schema of a kind, less the top-level fields that the API server knows by itself.

    The status loses its defaults: it says what a controller wrote; a default there would be a claim that nobody made.
    What it may claim from the first moment, a kind lists as `first_status`.

    Whatever lies below spec and status belongs, as one value, to who wrote it last (`x-kubernetes-map-type: atomic`).
    The API server keeps a list of fields and their owners in each object and reckons it anew with every write: with an
    entry for each leaf, that list was half of the object.
    """
    raw = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    raw["properties"] = {name: value for name, value in raw.get("properties", {}).items() if name not in without}
    raw["required"] = [name for name in raw.get("required", []) if name not in without]
    schema = _Conversion(raw.pop("$defs", {})).convert(raw, "", ())
    if "status" in schema["properties"]:
        schema["properties"]["status"] = _without_defaults(schema["properties"]["status"])
    for part in schema["properties"].values():
        if "properties" in part:
            part["properties"] = {name: _in_one_piece(value) for name, value in part["properties"].items()}
    return schema


def has_field(schema: Schema, path: str) -> bool:
    """Whether an object of this schema has, or may have, the field that a path like `.spec.run` names.

    An item of a list may be picked: `.status.conditions[?(@.type=="Ready")].status`.
    """
    for name in _PICKED.sub("[]", path).removeprefix(".").split("."):
        if schema.get("x-kubernetes-preserve-unknown-fields"):
            return True
        field = name.removesuffix("[]")
        if field not in schema.get("properties", {}):
            return False
        schema = schema["properties"][field]
        if name != field:
            schema = schema.get("items", {})
    return True


class _Conversion:
    """Walks one model's schema, inlining its definitions."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self.definitions = definitions

    def convert(self, raw: Schema, path: str, seen: tuple[str, ...]) -> Schema:
        raw = {key: value for key, value in raw.items() if key not in _DROPPED}
        raw, seen = self._resolve(raw, path, seen)
        if "const" in raw:
            raw["enum"] = [raw.pop("const")]
        if raw.pop("x-free-form", False):
            return {**_take(raw, {"description"}), **_FREE_FORM}
        if raw.pop("x-any", False):
            return {**_take(raw, {"description"}), "x-kubernetes-preserve-unknown-fields": True}
        if raw.get("x-kubernetes-int-or-string"):
            return _int_or_string(raw, path)
        converters: dict[object, Callable[[Schema, str, tuple[str, ...]], Schema]] = {
            "object": self._object,
            "array": self._array,
            "string": _string,
            "integer": _integer,
            "number": _number,
            "boolean": _boolean,
        }
        converter = converters.get(raw.get("type"))
        if converter is None:
            raise SchemaError(path, f"has no type that a structural schema knows: {sorted(raw)}")
        converted = converter(raw, path, seen)
        return _with_default(raw, converted)

    def _resolve(self, raw: Schema, path: str, seen: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """Replace references by what they name and `X or null` by X; keys beside a reference win, rules add up."""
        while True:
            if "$ref" in raw:
                name = raw["$ref"].removeprefix("#/$defs/")
                if name in seen:
                    raise SchemaError(path, f"contains itself, by way of {' → '.join((*seen, name))}")
                seen = (*seen, name)
                target = {**self.definitions[name]}
            elif "anyOf" in raw:
                options = [option for option in raw["anyOf"] if option.get("type") != "null"]
                if len(options) != 1:
                    raise SchemaError(path, "is a union of types; a structural schema has one")
                target = {**options[0]}
            else:
                return raw, seen
            beside = {key: value for key, value in raw.items() if key not in {"$ref", "anyOf"}}
            both = [*target.get(_RULES, ()), *beside.get(_RULES, ())]
            beside |= {_RULES: both} if both else {}
            raw = {key: value for key, value in {**target, **beside}.items() if key not in _DROPPED}

    def _object(self, raw: Schema, path: str, seen: tuple[str, ...]) -> Schema:
        if "properties" not in raw:
            return self._map(raw, path, seen)
        _only(raw, path, {"properties", "required"})
        converted = _take(raw, {"type", "description", "x-kubernetes-validations"})
        forced = [name for name, value in raw["properties"].items() if value.get("x-required")]
        required = sorted({*raw.get("required", ()), *forced})
        if required:
            converted["required"] = required
        converted["properties"] = {
            name: self._property(value, f"{path}.{name}", seen, required=name in required)
            for name, value in raw["properties"].items()
        }
        for rule in converted.get("x-kubernetes-validations", ()):
            if "fieldPath" in rule and not has_field(converted, rule["fieldPath"]):
                raise SchemaError(path, f"has a rule that points at {rule['fieldPath']}, but there is no such field")
        return converted

    def _property(self, raw: Schema, path: str, seen: tuple[str, ...], *, required: bool) -> Schema:
        converted = self.convert(raw, path, seen)
        if not converted.get("description"):
            raise SchemaError(path, "has no description; write a docstring under the field")
        if required:
            converted.pop("default", None)
        return converted

    def _map(self, raw: Schema, path: str, seen: tuple[str, ...]) -> Schema:
        _only(raw, path, {"additionalProperties", "maxProperties", "minProperties", "propertyNames"})
        values = raw.get("additionalProperties")
        if not isinstance(values, dict):
            raise SchemaError(path, "is an object of anything; give it a model, or x-free-form")
        if "maxProperties" not in raw:
            raise SchemaError(path, "is a map with no bound; give it max_length")
        converted = _take(raw, {"type", "description", "x-kubernetes-validations"})
        keys = raw.get("propertyNames", {})
        if "$ref" in keys:
            keys, _ = self._resolve(keys, path, seen)
        value = self.convert(values, f"{path}[*]", seen)
        if "pattern" in keys:
            raise SchemaError(path, "has a pattern for its keys, which is not carried over; check it elsewhere")
        if "enum" in keys:
            # Structural schemas can't bound keys: a map with a few known ones is an object that has just these.
            converted["properties"] = {key: {"description": f"Of {key}.", **value} for key in keys["enum"]}
            return converted
        converted |= _take(raw, {"maxProperties", "minProperties"})
        converted["additionalProperties"] = value
        if key_rule := _key_rule(keys):
            converted["x-kubernetes-validations"] = [*converted.get("x-kubernetes-validations", ()), key_rule]
        return converted

    def _array(self, raw: Schema, path: str, seen: tuple[str, ...]) -> Schema:
        lists = {"x-kubernetes-list-type", "x-kubernetes-list-map-keys"}
        _only(raw, path, {"items", "minItems", "maxItems", *lists})
        if "maxItems" not in raw:
            raise SchemaError(path, "is a list with no bound; give it max_length")
        converted = _take(raw, {"type", "description", "minItems", "maxItems", "x-kubernetes-validations", *lists})
        converted["items"] = self.convert(raw.get("items", {}), f"{path}[]", seen)
        for key in raw.get("x-kubernetes-list-map-keys", ()):
            if key not in converted["items"].get("required", ()):
                raise SchemaError(path, f"is keyed by {key}, which its items need not have")
        return converted


def _string(raw: Schema, path: str, _: tuple[str, ...]) -> Schema:
    own = {"minLength", "maxLength", "pattern", "enum", "format"}
    _only(raw, path, own)
    if raw.get("format", "date-time") != "date-time":
        raise SchemaError(path, f"has the format {raw['format']}; only date-time is known to be checked")
    if not {"maxLength", "enum", "format"} & raw.keys():
        raise SchemaError(path, "is a string with no bound; give it max_length, or make it a Literal")
    return _take(raw, {"type", "description", "x-kubernetes-validations", *own})


def _integer(raw: Schema, path: str, _: tuple[str, ...]) -> Schema:
    converted = _bounded_number(raw, path)
    return {**converted, "format": "int64"}


def _number(raw: Schema, path: str, _: tuple[str, ...]) -> Schema:
    return _bounded_number(raw, path)


def _bounded_number(raw: Schema, path: str) -> Schema:
    own = {"minimum", "maximum", "multipleOf", "enum"}
    _only(raw, path, own)
    if "enum" not in raw and not {"minimum", "maximum"} <= raw.keys():
        raise SchemaError(path, "is a number with no bounds; give it ge and le")
    return _take(raw, {"type", "description", "x-kubernetes-validations", *own})


def _boolean(raw: Schema, path: str, _: tuple[str, ...]) -> Schema:
    _only(raw, path, set())
    return _take(raw, {"type", "description", "x-kubernetes-validations"})


def _int_or_string(raw: Schema, path: str) -> Schema:
    """A quantity: `2` or `"500m"`. The bound and the pattern hold for the string."""
    _only(raw, path, {"minLength", "maxLength", "pattern", "x-kubernetes-int-or-string"})
    if "maxLength" not in raw:
        raise SchemaError(path, "is an int-or-string with no bound; give it max_length")
    own = {"description", "minLength", "maxLength", "pattern", "x-kubernetes-int-or-string", "x-kubernetes-validations"}
    return {**_take(raw, own), "anyOf": [{"type": "integer"}, {"type": "string"}]}


def _key_rule(keys: Schema) -> Schema | None:
    """Bounds on the keys of a map, as a CEL rule."""
    checks, words = [], []
    if "minLength" in keys:
        checks.append(f"size(key) >= {keys['minLength']}")
        words.append(f"at least {keys['minLength']}")
    if "maxLength" in keys:
        checks.append(f"size(key) <= {keys['maxLength']}")
        words.append(f"at most {keys['maxLength']}")
    if not checks:
        return None
    return {"rule": f"self.all(key, {' && '.join(checks)})", "message": f"keys have {' and '.join(words)} characters"}


def _with_default(raw: Schema, converted: Schema) -> Schema:
    """Keep a default, reduced to what the nested defaults don't say already.

    An empty text, list or map is left out: it means the same as none, and would clutter every object.
    """
    default = _reduced(raw.get("default"), converted)
    if default in _EMPTY and not (default == {} and _has_defaults(converted)):
        return converted
    return {**converted, "default": default}


def _reduced(default: Any, schema: Schema) -> Any:
    properties = schema.get("properties")
    if not isinstance(default, dict) or properties is None:
        return default
    kept: Schema = {}
    for name, value in default.items():
        reduced = _reduced(value, properties[name])
        said = properties[name].get("default")
        if reduced != said and not (said is None and reduced in _EMPTY):
            kept[name] = reduced
    return kept


def _has_defaults(schema: Schema) -> bool:
    return any("default" in value for value in schema.get("properties", {}).values())


def _in_one_piece(schema: Schema) -> Schema:
    """Mark the objects of a field as owned whole; items of a keyed list each on its own."""
    if schema.get("type") == "object":
        return {**schema, "x-kubernetes-map-type": "atomic"}
    if schema.get("x-kubernetes-list-type") == "map":
        return {**schema, "items": _in_one_piece(schema["items"])}
    return schema


def _without_defaults(schema: Schema) -> Schema:
    cleaned = {key: value for key, value in schema.items() if key != "default"}
    if "properties" in cleaned:
        cleaned["properties"] = {name: _without_defaults(value) for name, value in cleaned["properties"].items()}
    if "items" in cleaned:
        cleaned["items"] = _without_defaults(cleaned["items"])
    if isinstance(cleaned.get("additionalProperties"), dict):
        cleaned["additionalProperties"] = _without_defaults(cleaned["additionalProperties"])
    return cleaned


def _only(raw: Schema, path: str, known: set[str]) -> None:
    unknown = raw.keys() - known - _SHARED
    if unknown:
        raise SchemaError(path, f"says what a structural schema can't: {', '.join(sorted(unknown))}")


def _take(raw: Schema, keys: set[str]) -> Schema:
    return {key: value for key, value in raw.items() if key in keys}
