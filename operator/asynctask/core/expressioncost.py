"""What an expression may cost at most, reckoned before it is evaluated: nothing stops an evaluation that has begun.

The library's `map` and `filter` copy the list that they make with each item, so that time grows with the square of the
list, and with one power more for each macro inside another; and `[text].map(x, x + x)`, repeated, doubles a text
each time. So the bound is reckoned from the text and the size of what it is given. It errs on the safe side.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

MAX_COST = 3_000_000
"""Item copies. The slowest kind, a filter that keeps 1,000 objects of two fields, takes a third of a second."""
MAX_GROWN_BYTES = 32 * 1024 * 1024

_STRING = re.compile(
    r"""[bB]?[rR][bB]?(?:\"\"\".*?\"\"\"|'''.*?'''|"[^"]*"|'[^']*')"""
    r"""|[bB]?(?:\"\"\"(?:\\.|.)*?\"\"\"|'''(?:\\.|.)*?'''|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')""",
    re.DOTALL,
)
_MACRO = re.compile(r"\.\s*(?:map|filter|all|exists|exists_one)\s*\(")


def fault(text: str, given: Mapping[str, Any]) -> str:
    """Why the expression is not evaluated with these variables; empty when nothing speaks against it."""
    macros, depth, additions, outside = _shape(text)
    longest, items, size = _measure(given)
    longest, size = max(longest, text.count(",") + 1), size + len(text)
    if size * (1 + additions) ** max(1, macros) > MAX_GROWN_BYTES and additions:
        return "may make texts or lists that are too large: use fewer `+` in fewer map and filter"
    if not macros:
        return ""
    grown = longest * (1 + outside) * (1 + additions) ** (macros - 1)
    if grown**depth * max(items, grown) > MAX_COST:
        where = "inside each other " if depth > 1 else ""
        return f"may take too long: map, filter, all or exists {where}over a list or object of {longest} items"
    return ""


def _shape(text: str) -> tuple[int, int, int, int]:
    """How many macros, how deep inside each other, and how many additions, of them outside of macros."""
    strings = _STRING.findall(text)
    code = _STRING.sub('""', text)
    opens = {match.end() - 1 for match in _MACRO.finditer(code)}
    stack: list[bool] = []
    deepest = outside = 0
    for place, char in enumerate(code):
        if char in "([{":
            stack.append(place in opens)
            deepest = max(deepest, sum(stack))
        elif char in ")]}" and stack:
            stack.pop()
        elif char == "+" and not any(stack):
            outside += 1
    # were a text taken for a string that is none, it could hide how deep macros are
    hidden = any(char in string for string in strings for char in "()")
    found = len(_MACRO.findall(text)) if hidden else len(opens)
    return found, found if hidden else deepest, text.count("+"), text.count("+") if hidden else outside


def _measure(content: Any) -> tuple[int, int, int]:
    """The longest list or object, all items in all, and about how many bytes of text."""
    if isinstance(content, str):
        return 0, 1, len(content)
    if isinstance(content, Mapping):
        parts: Sequence[Any] = [*content.values()]
        size = sum(len(key) for key in content if isinstance(key, str))
    elif isinstance(content, list | tuple):
        parts, size = content, 0
    else:
        return 0, 1, 8
    longest, items = len(parts), 1
    for part in parts:
        inner_longest, inner_items, inner_size = _measure(part)
        longest, items, size = max(longest, inner_longest), items + inner_items, size + inner_size
    return longest, items, size
