"""A list under review: whatever is asked of its columns is what going through the list by hand would give."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.examples import examples

from asynctask.adapters.reviewindex import Index, InvalidList, TooManyItems, build, building
from asynctask.adapters.reviewindex.views import Count, Memory, View
from asynctask.core.reviews import masks
from asynctask.core.reviews.filters import AGE_BOUNDS, DAY_NS, SIZE_BOUNDS, ItemFilter, type_of

NOW = 1_700_000_000 * 10**9
Row = dict[str, Any]


@dataclass(frozen=True)
class Model:
    """The same list as plain rows, in the order of paths."""

    rows: list[Row]
    struck: list[bool]

    def matching(self, wanted: ItemFilter) -> list[int]:
        """The rows that a filter means."""
        return [number for number, row in enumerate(self.rows) if self._holds(wanted, number, row)]

    def count(self, rows: list[int]) -> Count:
        """How much these rows are."""
        gone = [row for row in rows if self.struck[row]]
        return Count(len(rows), sum(map(self.size, rows)), len(gone), sum(map(self.size, gone)))

    def size(self, row: int) -> int:
        """Bytes of a row."""
        return int(self.rows[row]["size"])

    def key(self, sort: str) -> Callable[[int], tuple[int, int]]:
        """What an order sorts by; ages fall as times grow, and rows of the same age stay together in reverse."""
        columns = {"path": lambda row: row, "size": self.size, "age": lambda row: self.rows[row]["mtimeNs"]}
        return lambda row: (columns[sort](row), row)

    def _holds(self, wanted: ItemFilter, number: int, row: Row) -> bool:
        path, size, time = row["path"], row["size"], row["mtimeNs"]
        return (
            (not wanted.folder or path.startswith(wanted.folder + "/"))
            and wanted.text.casefold() in path.casefold()
            and (not wanted.types or type_of(path) in wanted.types)
            and (wanted.min_size is None or size >= wanted.min_size)
            and (wanted.max_size is None or size <= wanted.max_size)
            and (wanted.from_time is None or time >= wanted.from_time)
            and (wanted.before_time is None or time < wanted.before_time)
            and (wanted.struck is None or self.struck[number] == wanted.struck)
        )


NAMES = st.sampled_from(
    ["a", "b", "a b", "B", "é", "É", "目录", "a.txt", "c.TXT", "x.tar.gz", ".hidden", "a-", "a.b/c"]
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join) | st.sampled_from(["/a/b", "a//b", "/", "a/", "a\nb"])
SIZES = st.sampled_from([0, 1, 4095, 4096, 70_000, 2**40]) | st.integers(0, 2**53)
TIMES = st.integers(-1, 2000).map(lambda days: NOW - days * DAY_NS) | st.sampled_from([0, -5])
ITEMS = st.lists(st.fixed_dictionaries({"path": PATHS, "size": SIZES, "mtimeNs": TIMES}), max_size=40)
FILTERS = st.builds(
    ItemFilter,
    folder=st.sampled_from(["", "", "a", "b", "a/b", "/a", "目录", "none", "a b"]),
    text=st.sampled_from(["", "", "a", "TXT", "é", "目", "/", "z", "b/c"]),
    types=st.sampled_from([frozenset(), frozenset(), frozenset({"txt"}), frozenset({"", "gz"}), frozenset({"no"})]),
    min_size=st.none() | SIZES,
    max_size=st.none() | SIZES,
    from_time=st.none() | TIMES,
    before_time=st.none() | TIMES,
    struck=st.sampled_from([None, None, True, False]),
)


def made(rows: list[Row], directory: Path, **limits: int) -> Index:
    """An index of these items."""
    source = directory / "list"
    source.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    build(source, directory / "index", now=NOW, max_items=limits.get("max_items", 1000))
    return Index(directory / "index")


@settings(max_examples=examples(100), deadline=None)
@given(ITEMS, FILTERS, st.data())
@example([], ItemFilter(), None)
def test_every_question_is_answered_as_by_hand(rows: list[Row], wanted: ItemFilter, data: Any) -> None:
    with TemporaryDirectory() as directory:
        index = made(rows, Path(directory))
        in_order = sorted(enumerate(rows), key=lambda pair: (pair[1]["path"].encode().replace(b"/", b"\0"), pair[0]))
        struck = [data.draw(st.booleans()) for _ in rows] if data else []
        model = Model([row for _, row in in_order], struck)
        view = View(index, bytes(struck), "review", 1, Memory(0 if len(rows) % 2 else 1 << 20))
        chosen = model.matching(wanted)
        assert view.count(wanted) == model.count(chosen)
        mask = view.mask(wanted)
        assert [row for row in range(len(rows)) if mask is None or mask[row]] == chosen
        _check_pages(view, model, wanted, chosen, data)
        _check_facets(view, model, wanted, chosen)
        assert b"".join(index.kept_lines(bytes(struck))) == b"".join(
            orjson.dumps(row) + b"\n"
            for number, row in enumerate(rows)
            if not struck[[n for n, _ in in_order].index(number)]
        )
        assert [index.line(row) for row in range(len(rows))] == [orjson.dumps(row) for row in model.rows]
        index.close()


def _check_pages(view: View, model: Model, wanted: ItemFilter, chosen: list[int], data: Any) -> None:
    for sort in ("path", "size", "age"):
        for descending in (False, True):
            expected = sorted(chosen, key=model.key(sort), reverse=descending != (sort == "age"))
            seen: list[int] = []
            place: int | None = None
            for _ in range(len(chosen) + 1):
                page = view.page(wanted, sort, descending=descending, limit=3, place=place)  # type: ignore[arg-type]
                assert (page.offset, page.total) == (len(seen), len(chosen))
                seen += [item.row for item in page.items]
                place = page.next
                if place is None:
                    break
            assert seen == expected
            fraction = data.draw(st.floats(0, 1)) if data else 0
            page = view.page(wanted, sort, descending=descending, limit=2, fraction=fraction)  # type: ignore[arg-type]
            if chosen:
                at = min(int(fraction * len(chosen)), len(chosen) - 1)
                assert [item.row for item in page.items] == expected[at : at + 2]
                assert page.offset == at
                one, other = data.draw(st.sampled_from(chosen)), data.draw(st.sampled_from(chosen))
                found = view.between(wanted, sort, one, other)  # type: ignore[arg-type]
                ends = sorted((expected.index(one), expected.index(other)))
                assert {row for row in chosen if found[row]} == set(expected[ends[0] : ends[1] + 1])
                assert masks.count(found) == ends[1] - ends[0] + 1


def _check_facets(view: View, model: Model, wanted: ItemFilter, chosen: list[int]) -> None:
    classes: dict[str, Callable[[Row], int]] = {
        "type": lambda row: view.index.types.index(type_of(row["path"])),
        "size": lambda row: sum(row["size"] >= bound for bound in SIZE_BOUNDS),
        "age": lambda row: sum(row["mtimeNs"] >= NOW - days * DAY_NS for days in AGE_BOUNDS),
    }
    for by, class_of in classes.items():
        groups = {class_of(model.rows[row]) for row in chosen}
        expected = {group: model.count([r for r in chosen if class_of(model.rows[r]) == group]) for group in groups}
        assert view.groups(wanted, by) == expected  # type: ignore[arg-type]
    for folder in ("", "a", "a/b", "/a", "目录", "none", "a b"):
        found, direct = view.folders(wanted, folder)
        prefix = f"{folder}/" if folder else ""
        below = [row for row in chosen if model.rows[row]["path"].startswith(prefix)]
        names = {row: model.rows[row]["path"][len(prefix) :].partition("/") for row in below}
        inner = sorted({name for name, slash, _ in names.values() if slash}, key=lambda name: name.encode() + b"\0")
        assert [entry.name for entry in found] == inner
        for entry in found:
            assert entry.count == model.count([row for row in below if names[row][:2] == (entry.name, "/")])
        assert direct == model.count([row for row in below if not names[row][1]])


def test_a_list_longer_than_is_sorted_at_once_is_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "RUN_ITEMS", 7)
    monkeypatch.setattr(building, "SORTED_AT_ONCE", 5)
    rows = [{"path": f"f{n * 37 % 101:03}", "size": n * 13 % 50, "mtimeNs": n * 7 % 20} for n in range(101)]
    index = made(rows, tmp_path)
    assert [index.path(row) for row in range(101)] == sorted(row["path"] for row in rows)
    assert [index.row(row).size for row in index.order("size")] == sorted(row["size"] for row in rows)
    assert [index.row(row).time for row in index.order("age")] == sorted(row["mtimeNs"] for row in rows)


BROKEN = {
    "no JSON": (b"{}\n{", "line 1"),
    "an item without a path": (b'{"path": "a"}\n{"size": 1}\n', "line 2: "),
    "a size below nothing": (b'{"path": "a", "size": -1}\n', "line 1: "),
    "a size of letters": (b'{"path": "a", "size": "1"}\n', "line 1: "),
    "a path with NUL": (b'{"path": "a\\u0000b"}\n', "line 1: "),
    "no UTF-8": (b'{"path": "\xff"}\n', "line 1: "),
    "an empty line": (b'{"path": "a"}\n\n', "line 2: "),
    "a line without an end": (b'{"path": "' + b"a" * 70_000, "line 1 is longer"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_list_that_is_none_says_where(fault: str, tmp_path: Path) -> None:
    content, words = BROKEN[fault]
    (tmp_path / "list").write_bytes(content)
    with pytest.raises(InvalidList, match=words):
        build(tmp_path / "list", tmp_path / "index", now=NOW, max_items=10)
    assert [path.name for path in tmp_path.iterdir()] == ["list"]


def test_a_list_of_too_many_items_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TooManyItems, match="more than 2 items"):
        made([{"path": "a"}] * 3, tmp_path, max_items=2)


def test_whoever_comes_second_finds_the_index_made(tmp_path: Path) -> None:
    made([{"path": "a"}], tmp_path)
    assert made([{"path": "a"}], tmp_path).items == 1
    assert {path.name for path in tmp_path.iterdir()} == {"list", "index"}


def test_the_list_under_review_stays_when_the_artifact_is_stored_anew(tmp_path: Path) -> None:
    index = made([{"path": "a"}], tmp_path)
    (tmp_path / "new").write_bytes(b'{"path": "b"}\n')
    (tmp_path / "new").rename(tmp_path / "list")
    assert index.line(0) == b'{"path":"a"}'


def test_a_last_line_without_an_end_gets_one(tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b'{"path": "a"}\n{"path": "b"}')
    build(tmp_path / "list", tmp_path / "index", now=NOW, max_items=10)
    index = Index(tmp_path / "index")
    assert b"".join(index.kept_lines(bytes(2))) == b'{"path": "a"}\n{"path": "b"}\n'


def test_an_index_is_made_in_a_process_of_its_own(tmp_path: Path) -> None:
    def run(name: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "asynctask.adapters.reviewindex", name, "index", str(NOW), "10"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    (tmp_path / "good").write_bytes(b'{"path": "a"}\n')
    (tmp_path / "bad").write_bytes(b"{\n")
    failed = run("bad")
    assert (failed.returncode, failed.stderr[:6]) == (65, "line 1")
    assert (run("good").returncode, Index(tmp_path / "index").items) == (0, 1)
