"""Prints objects: as tables with the columns of `kubectl get`, as JSON or YAML, or as names."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

from asynctask.api import names
from asynctask.api.kinds import Column, Kind
from asynctask.api.status import Phase
from asynctask.cli import formats
from asynctask.cli.options import Output

Object = dict[str, Any]
console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)

STYLES = {
    Phase.RUNNING: "cyan",
    Phase.STARTING: "cyan",
    Phase.SUCCEEDED: "green",
    Phase.PARTIAL: "yellow",
    Phase.BACKING_OFF: "yellow",
    Phase.FAILED: "bold red",
    Phase.INVALID: "bold red",
    Phase.PAUSED: "magenta",
    Phase.STOPPING: "magenta",
    Phase.CANCELLED: "dim",
    Phase.SKIPPED: "dim",
}


def show(kind: Kind, objects: Sequence[Object], output: Output, *, spaces: bool = False, single: bool = False) -> None:
    """Print objects of one kind; with `spaces`, a column says their namespace; a `single` one is no list."""
    match output:
        case Output.NAME:
            for found in objects:
                print(f"{kind.name.lower()}.{names.GROUP}/{found['metadata']['name']}")  # noqa: T201
        case Output.JSON | Output.YAML:
            document(objects[0] if single and objects else _list(objects), output)
        case _:
            if not objects:
                errors.print(f"No {kind.plural} found.")
                return
            shown: list[tuple[str, Callable[[Object], Any]]] = []
            if spaces and kind.namespaced:
                shown.append(("Namespace", lambda found: found["metadata"]["namespace"]))
            shown.append(("Name", lambda found: found["metadata"]["name"]))
            wide = output is Output.WIDE
            shown += [(one.name, partial(cell, column=one)) for one in kind.columns if wide or not one.wide]
            table(shown, objects)


def document(found: Any, output: Output) -> None:
    """Print a value as JSON or YAML."""
    if output is Output.YAML:
        print(yaml.safe_dump(found, sort_keys=False, allow_unicode=True), end="")  # noqa: T201
    else:
        print(json.dumps(found, indent=2, ensure_ascii=False))  # noqa: T201


def table(columns: Sequence[tuple[str, Callable[[Object], Any]]], rows: Iterable[Object]) -> None:
    """Print rows under headings, as narrow as they are."""
    grid = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="", show_edge=False)
    for name, _ in columns:
        grid.add_column(name.upper(), no_wrap=True, overflow="ignore")
    for row in rows:
        grid.add_row(*(_cell(read(row)) for _, read in columns))
    whole = grid.__rich_measure__(console, console.options.update(width=100_000)).maximum
    Console(highlight=False, width=max(console.width, whole)).print(grid)


def cell(found: Object, column: Column) -> str:
    """A column's value in an object, as `kubectl get` shows it."""
    value: Any = found
    for part in column.path.strip(".").split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return ""
    if column.type == "date":
        return formats.age(str(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def phase(word: str) -> Text:
    """A phase in its colour."""
    return Text(word, STYLES.get(Phase(word), "") if word in set(Phase) else "")


def conditions(found: Object) -> list[tuple[str, str]]:
    """The conditions of an object, ready for `pairs`."""
    known = found.get("status", {}).get("conditions", ())
    return [
        (one["type"], " ".join(filter(None, (one["status"], one.get("reason"), one.get("message"))))) for one in known
    ]


def pairs(rows: Iterable[tuple[str, Any]], indent: str = "") -> None:
    """Print names and values one under the other; those without a value are left out."""
    shown = [(name, value) for name, value in rows if value not in (None, "", [])]
    width = max((len(name) for name, _ in shown), default=0) + 1
    for name, value in shown:
        told = value if isinstance(value, Text) else Text(str(value), "not bold")
        console.print(Text(f"{indent}{name + ':':<{width}}  ", "bold").append_text(told))


def _cell(value: Any) -> Text:
    if isinstance(value, Text):
        return value
    text = "" if value is None else str(value)
    return phase(text) if text in set(Phase) else Text(text)


def _list(objects: Sequence[Object]) -> Object:
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}
