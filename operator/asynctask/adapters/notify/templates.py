"""Requests of SMS gateways as templates. Each value is escaped for its place, so none can change the rest."""

import re
from collections.abc import Callable, Mapping
from urllib.parse import quote, quote_plus
from xml.sax.saxutils import escape

import orjson

PLACEHOLDER = re.compile(r"\{(phone|message|id|secret\.[A-Za-z0-9_-]{1,63})\}")
Escape = Callable[[str], str]


def fill(template: str, values: Mapping[str, str], escaped: Escape) -> str:
    """The template with its values. Braces around anything else stay as they are: JSON has them too."""
    return PLACEHOLDER.sub(lambda match: escaped(values[match[1]]), template)


def secrets_of(*templates: str) -> frozenset[str]:
    """The secrets that templates name."""
    found = (match[1] for template in templates for match in PLACEHOLDER.finditer(template))
    return frozenset(name.removeprefix("secret.") for name in found if name.startswith("secret."))


def in_url(value: str) -> str:
    """In a path or query."""
    return quote(value, safe="")


def in_header(value: str) -> str:
    """In a header: one line of printable ASCII."""
    return "".join(c for c in value if " " <= c <= "~")


def in_json(value: str) -> str:
    """Inside the quotes of a JSON string."""
    return orjson.dumps(value).decode()[1:-1]


def in_xml(value: str) -> str:
    """In a text or a quoted attribute. What XML can't hold at all is left out."""
    held = "".join(c for c in value if c in "\t\n\r" or c >= " ")
    return escape(held, {'"': "&quot;", "'": "&apos;"})


def in_form(value: str) -> str:
    """In a form."""
    return quote_plus(value)


def in_body(content_type: str) -> Escape:
    """For a body of this type."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return in_json
    if kind in {"text/xml", "application/xml"} or kind.endswith("+xml"):
        return in_xml
    return in_form if kind == "application/x-www-form-urlencoded" else str
