"""No expression holds the operator up: what may take long, or much memory, is not begun."""

from time import process_time
from typing import Any

import pytest

from asynctask.core.expressioncost import fault
from asynctask.core.expressions import ExpressionError, value

NUMBERS = {"l": list(range(200))}
MANY = {"l": [{"name": f"folder-{i}", "size": i} for i in range(10_000)]}
DOUBLED = "['ab']" + ".map(x, x + x)" * 60


@pytest.mark.parametrize(
    ("text", "given"),
    [
        pytest.param("l.filter(x, x.size > 5)", MANY, id="a long list"),
        pytest.param("l.exists(x, x.size > 5 && l.exists(y, y == x))", MANY, id="a long list for each of its items"),
        pytest.param("l.map(a, l.filter(b, l.exists(c, c == a + b)))", NUMBERS, id="three inside each other"),
        pytest.param("l.map(a, l . map (b, l\n.map(c, [a, b, c])))", NUMBERS, id="with spaces in between"),
        pytest.param("l.map(a, ')' == '' ? [0] : l.map(b, l.map(c, c)))", NUMBERS, id="a bracket in a text"),
        pytest.param("l.map(a, r'\\' == '' ? [0] : l.map(b, l.map(c, c)))", NUMBERS, id="a raw text"),
        pytest.param(f"({'+'.join(['l'] * 200)}).map(x, x)", NUMBERS, id="a list put together"),
        pytest.param(DOUBLED, {}, id="a text that doubles"),
        pytest.param("+".join(["s"] * 400), {"s": "x" * 100_000}, id="a text put together"),
    ],
)  # fmt: skip
def test_what_may_take_too_long_or_grow_too_large_is_not_begun(text: str, given: dict[str, Any]) -> None:
    began = process_time()
    with pytest.raises(ExpressionError, match=r"may take too long|too large"):
        value(text, given)
    assert process_time() - began < 0.5


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("l.filter(x, x > 5).map(x, x * 2)", NUMBERS),
        ("l.filter(x, x.size > 5).map(x, x.name + '/copy')", {"l": MANY["l"][:400]}),
        ("l.filter(x, x.size > 5)", {"l": MANY["l"][:950]}),
        ("l.all(a, l.all(b, a + b >= 0))", {"l": list(range(60))}),
        ("size(l) > 5 && l[9].name == 'folder-9' && l[0].name + ' (copy)' != ''", MANY),
    ],
)
def test_what_people_ask_is_answered_in_time(text: str, given: dict[str, Any]) -> None:
    began = process_time()
    value(text, given)
    assert process_time() - began < 2


def test_it_says_how_long_the_list_is() -> None:
    assert fault("l.filter(x, x.size > 5)", MANY).endswith("over a list or object of 10000 items")
    assert "inside each other" in fault("l.all(a, l.all(b, l.all(c, true)))", NUMBERS)
