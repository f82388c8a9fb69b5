"""The reference of the API for people and programs: its OpenAPI document, and every code it may answer with."""

from collections.abc import Iterable
from typing import cast

from asynctask.api.reasons import Reason
from asynctask.gateway.front import openapi
from asynctask.gateway.front.calls import Desk
from asynctask.gateway.front.problems import every_refusal
from asynctask.gateway.front.routes import all_operations
from asynctask.texts import LANGUAGES, codes, say


def openapi_text() -> str:
    """docs/reference/openapi.json."""
    operations = all_operations(cast("Desk", None))  # operations are described without anything to work with
    return openapi.text((*operations, openapi.operation(operations)))


def errors_page() -> str:
    """docs/reference/errors.md. Every refusal is known here: all operations have been imported."""
    statuses = {kind.code: kind.status for kind in every_refusal()}
    reasons = {str(reason) for reason in Reason}
    others = [code for code in codes() if code[0].isupper() and code not in statuses and code not in reasons]
    lines = ["# Errors and reasons", ""]
    lines += [
        "The API answers what it refuses with an RFC 9457 problem: `code`, `params` (the words in braces below) and,"
    ]
    lines += [
        "where fields are at fault, `errors` with the path, code and params of each. Act on codes, show texts.",
        "",
    ]
    lines += ["## Refusals", "", "| HTTP | code | English | 中文 |", "|---|---|---|---|"]
    lines += [f"| {status} {_row(code)}" for code, status in sorted(statuses.items(), key=lambda item: item[::-1])]
    lines += ["", "## Fields and other codes", "", *_table(others)]
    lines += ["", "## Reasons of tasks, stages, queues and schedules", "", *_table(sorted(reasons))]
    return "\n".join(lines) + "\n"


def _table(wanted: Iterable[str]) -> list[str]:
    return ["| code | English | 中文 |", "|---|---|---|", *(_row(code) for code in wanted)]


def _row(code: str) -> str:
    english, chinese = (say(code, None, language).replace("|", "\\|") for language in LANGUAGES)
    return f"| `{code}` | {english} | {chinese} |"
