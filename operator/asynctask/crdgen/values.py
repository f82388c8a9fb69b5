"""The chart's values.yaml as the one source of its schema and of the README's table.

Each value is described by the `# --` comment above it. Types come from the defaults; what a default can't say (a
choice, a bound, the items of an empty list) stands in a `# @schema {…}` comment, as JSON, and is merged over them; in
it `"x-settings": "operator"` stands for the settings of that component, so that a mistyped setting is refused as well.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from asynctask.crdgen.errors import SchemaError
from asynctask.settings import ClusterSettings, GatewaySettings, OperatorSettings

_TABLE = re.compile(r"(<!-- values -->\n).*?(<!-- /values -->)", re.DOTALL)
_SETTINGS: dict[str, type[ClusterSettings]] = {"operator": OperatorSettings, "gateway": GatewaySettings}
_MADE_BY_CHART = {
    "namespace", "watch_namespaces", "log_level", "log_format", "identity", "lease_name", "metrics_port", "gateway_url",
    "port", "artifacts_directory",
}  # fmt: skip
_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True)
class Value:
    """One key of values.yaml, with the keys below it."""

    path: tuple[str, ...]
    default: Any
    description: str
    schema: dict[str, Any]
    children: tuple["Value", ...]


def read(text: str) -> tuple[Value, ...]:
    """The described values. Raises SchemaError for one with no description."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise SchemaError("values.yaml", "is not a mapping")
    return tuple(_children(root, (), text.splitlines()))


def json_schema(described: tuple[Value, ...]) -> str:
    """values.schema.json: strict, so that a mistyped key fails the installation and is not ignored."""
    document = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": "Generated from values.yaml by hack/generate.",
        **_object(described),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def with_table(readme: str, described: tuple[Value, ...]) -> str:
    """The README with the table of values between its marks made anew."""
    rows = ["| value | default | what it is |", "|---|---|---|"]
    for value in _leaves(described):
        default = json.dumps(value.default, ensure_ascii=False).replace("|", "\\|")
        rows.append(f"| `{'.'.join(value.path)}` | `{default}` | {value.description.replace('|', chr(92) + '|')} |")
    table = "\n".join(rows)
    replaced, count = _TABLE.subn(lambda match: f"{match[1]}{table}\n{match[2]}", readme)
    if count != 1:
        raise SchemaError("README.md", "needs one pair of <!-- values --> and <!-- /values --> marks")
    return replaced


def _children(node: yaml.MappingNode, parent: tuple[str, ...], lines: list[str]) -> Iterator[Value]:
    for key, content in node.value:
        path = (*parent, key.value)
        description, extra = _comment(lines, key.start_mark.line, ".".join(path))
        below: tuple[Value, ...] = ()
        if isinstance(content, yaml.MappingNode) and content.value and extra.get("additionalProperties") is None:
            below = tuple(_children(content, path, lines))
        if not description and not below:
            raise SchemaError(".".join(path), "has no `# --` comment above it")
        default = yaml.safe_load(yaml.serialize(content))
        yield Value(path, default, description, extra, below)


def _comment(lines: list[str], line: int, path: str) -> tuple[str, dict[str, Any]]:
    """The description and the schema in the comment right above a line."""
    first = line
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    words: list[str] = []
    schema: dict[str, Any] = {}
    for raw in lines[first:line]:
        text = raw.strip().removeprefix("#").strip()
        if text.startswith("@schema"):
            try:
                schema |= json.loads(text.removeprefix("@schema"))
            except ValueError as error:
                raise SchemaError(path, f"has a @schema comment that is not JSON: {error}") from error
        elif text.startswith("--"):
            words = [text.removeprefix("--").strip()]
        elif words:
            words.append(text)
    return " ".join(words), schema


def _object(values: tuple[Value, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {value.path[-1]: _schema(value) for value in values},
    }


def _schema(value: Value) -> dict[str, Any]:
    described = {"description": value.description} if value.description else {}
    if value.children:
        return {**described, **_object(value.children), **value.schema}
    if value.default is None and "type" not in value.schema:
        raise SchemaError(".".join(value.path), "has no default to infer a type from; say it with @schema")
    if "x-settings" in value.schema:
        return {**described, **_settings(value.schema["x-settings"])}
    inferred: dict[str, Any] = {} if value.default is None else {"type": _TYPES[type(value.default)]}
    if isinstance(value.default, list) and "items" not in value.schema:
        kinds = {_TYPES[type(item)] for item in value.default}
        inferred["items"] = {"type": kinds.pop()} if len(kinds) == 1 else {"type": "object"}
    return {**described, **inferred, **value.schema}


def _settings(component: str) -> dict[str, Any]:
    """The settings of a component that the chart does not make itself."""
    properties = _SETTINGS[component].model_json_schema()["properties"]
    kept = {name: value for name, value in properties.items() if name not in _MADE_BY_CHART}
    for value in kept.values():
        value.pop("title", None)
    return {"type": "object", "additionalProperties": False, "properties": kept}


def _leaves(values: tuple[Value, ...]) -> Iterator[Value]:
    for value in values:
        if value.children:
            yield from _leaves(value.children)
        else:
            yield value
