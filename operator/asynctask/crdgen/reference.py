"""The reference pages: one per kind and one for the settings, from the same types that everything else comes from."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from asynctask.api.kinds import KINDS, Kind
from asynctask.api.names import API_VERSION
from asynctask.crdgen import frontdoor
from asynctask.crdgen.structural import Schema, structural
from asynctask.settings import ClusterSettings, GatewaySettings, OperatorSettings

_NOTE = "<!-- Generated from the types by hack/generate; change those. -->\n\n"


def pages(directory: Path) -> dict[Path, str]:
    """Every page of the reference."""
    kinds = {directory / f"{kind.name.lower()}.md": _NOTE + _kind_page(kind) for kind in KINDS}
    settings = {directory / "settings.md": _NOTE + _settings_page(), directory / "README.md": _NOTE + _index()}
    api = {
        directory / "errors.md": _NOTE + frontdoor.errors_page(),
        directory / "openapi.json": frontdoor.openapi_text(),
    }
    return {**kinds, **settings, **api}


def _index() -> str:
    lines = ["# Reference", "", "| page | |", "|---|---|"]
    lines += [f"| [{kind.name}]({kind.name.lower()}.md) | {_cell(kind.model.__doc__)} |" for kind in KINDS]
    lines += [
        "| [Settings](settings.md) | Environment variables of operator and gateway. |",
        "| [openapi.json](openapi.json) | The API for people and programs, as OpenAPI 3.1. |",
        "| [Errors](errors.md) | Its error codes and the reasons of tasks and stages, in English and Chinese. |",
    ]
    return "\n".join([*lines, ""])


def _kind_page(kind: Kind) -> str:
    schema = structural(kind.model)
    scope = "namespaced" if kind.namespaced else "cluster-wide"
    short = ", ".join(f"`{name}`" for name in kind.short_names)
    lines = [
        f"# {kind.name}",
        "",
        schema["description"],
        "",
        f"`apiVersion: {API_VERSION}`, `kind: {kind.name}`; {scope}; `kubectl get {kind.plural}`, short {short}.",
        "",
        *_rules(schema),
    ]
    for part in ("spec", "status"):
        lines += [f"## {part}", "", schema["properties"][part]["description"], ""]
        lines += ["| field | type | default | bounds | what it is |", "|---|---|---|---|---|"]
        lines += list(_rows(schema["properties"][part], ""))
        lines += ["", *_rules(schema["properties"][part])]
    return "\n".join(lines).rstrip("\n") + "\n"


def _rows(schema: Schema, prefix: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, value in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        default = "required" if name in required else _json(value.get("default"))
        yield f"| `{path}` | {_type(value)} | {default} | {_bounds(value)} | {_cell(value['description'])} |"
        yield from _rows(value, f"{path}.")
        yield from _rows(value.get("items", {}), f"{path}[].")


def _type(schema: Schema) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "integer or string"
    if "enum" in schema:
        return " \\| ".join(f"`{json.dumps(choice)}`" for choice in schema["enum"])
    if "items" in schema:
        return f"list of {_type(schema['items'])}s" if "enum" not in schema["items"] else "list"
    if "additionalProperties" in schema:
        return f"map of {_type(schema['additionalProperties'])}s"
    return "time" if schema.get("format") == "date-time" else str(schema.get("type", "any"))


def _bounds(schema: Schema) -> str:
    bounds = [
        *_range(schema, "minimum", "maximum", "{}"),
        *_range(schema, "minLength", "maxLength", "{} characters"),
        *_range(schema, "minItems", "maxItems", "{} items"),
        *_range(schema, "minProperties", "maxProperties", "{} keys"),
    ]
    if "pattern" in schema:
        bounds.append(f"`{_cell(schema['pattern'])}`")
    bounds += [_cell(rule["message"]) for rule in schema.get("x-kubernetes-validations", ())]
    if "items" in schema and (inner := _bounds(schema["items"])):
        bounds.append(f"each: {inner}")
    return "; ".join(bounds)


def _range(schema: Schema, low: str, high: str, words: str) -> Iterator[str]:
    if high not in schema:
        return
    lowest = schema.get(low, 0)
    yield words.format(f"{lowest} – {schema[high]}" if lowest else f"≤ {schema[high]}")


def _rules(schema: Schema) -> list[str]:
    rules = schema.get("x-kubernetes-validations", ())
    if not rules:
        return []
    lines = [f"* {'`' + rule['fieldPath'] + '`: ' if 'fieldPath' in rule else ''}{rule['message']}." for rule in rules]
    return ["The API server also checks:", "", *lines, ""]


def _settings_page() -> str:
    lines = ["# Settings", "", "Environment variables, read once at start; the chart sets them.", ""]
    groups = (("Operator and gateway", ClusterSettings), ("Operator", OperatorSettings), ("Gateway", GatewaySettings))
    for title, model in groups:
        inherited = set[str]() if model is ClusterSettings else set(ClusterSettings.model_fields)
        lines += [f"## {title}", "", "| variable | type | default | bounds | what it is |", "|---|---|---|---|---|"]
        lines += [_setting(model, name) for name in model.model_fields if name not in inherited]
        lines.append("")
    return "\n".join(lines)


def _setting(model: type[BaseModel], name: str) -> str:
    field = model.model_fields[name]
    schema: dict[str, Any] = model.model_json_schema()["properties"][name]
    limits = (("exclusiveMinimum", "> {}"), ("minimum", "≥ {}"), ("maximum", "≤ {}"))
    bounds = ", ".join(words.format(f"{schema[key]:g}") for key, words in limits if key in schema)
    kind = "JSON list" if schema["type"] == "array" else schema["type"]
    default = _json(schema.get("default"))
    return f"| `ASYNCTASK_{name.upper()}` | {kind} | {default} | {bounds} | {_cell(field.description)} |"


def _json(value: Any) -> str:
    return "" if value is None or value in ("", {}, []) else f"`{json.dumps(value, ensure_ascii=False)}`"


def _cell(text: str | None) -> str:
    return (text or "").replace("|", "\\|").replace("\n", " ")
