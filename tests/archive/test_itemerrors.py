"""Items that failed, on each database."""

from asynctask.adapters.archive import Archive, itemerrors
from asynctask.adapters.archive.itemerrors import ItemErrorRow, ItemFilter

TASK = "6f1c2a52-0000-4000-8000-000000000001"


def error(path: str, *, run: int = 1, stage: str = "content", message: str = "", **parts: str) -> ItemErrorRow:
    given = {"error_class": "transient", "reason": "Busy", **parts}
    return itemerrors.row(task_id=TASK, run=run, stage=stage, attempt=1, path=path, message=message, time=1, **given)


async def put(archive: Archive, *rows: ItemErrorRow) -> None:
    async with archive.begin() as transaction:
        await itemerrors.put(transaction, rows)


async def paths(archive: Archive, limit: int = 1000, run: int = 1, **wanted: object) -> list[str]:
    found, after = [], None
    while True:
        async with archive.read() as connection:
            page = await itemerrors.page(connection, TASK, run, ItemFilter(**wanted), limit=limit, after=after)  # type: ignore[arg-type]
        found += [row.path for row in page.rows]
        if page.next is None:
            return found
        after = page.next


async def test_all_are_kept_in_the_order_of_their_paths_page_by_page(archive: Archive) -> None:
    names = [f"d{number % 7}/f{number:04d}" for number in range(950)]
    await put(archive, *(error(name) for name in names))
    assert await paths(archive, limit=100) == sorted(names)
    assert await paths(archive, run=2) == []
    async with archive.read() as connection:
        assert await itemerrors.count(connection, TASK, 1) == 950


async def test_told_twice_it_is_one_and_the_last_word_holds(archive: Archive) -> None:
    await put(archive, error("a", message="first"), error("a", message="second"))
    await put(archive, error("a", message="third", reason="Gone"))
    async with archive.read() as connection:
        page = await itemerrors.page(connection, TASK, 1, ItemFilter(), limit=10)
    assert [(row.message, row.reason) for row in page.rows] == [("third", "Gone")]
    await put(archive, error("a", stage="verify"))
    assert await paths(archive) == ["a", "a"], "another stage's failure is another"


async def test_they_are_found_by_class_reason_stage_prefix_and_text(archive: Archive) -> None:
    await put(
        archive,
        error("照片/一月/a.jpg"),
        error("照片/二月/b.jpg", error_class="permanent"),
        error("照片集/c.jpg", reason="Gone"),
        error("Photos/d.jpg", stage="verify"),
        error("photos/e%_.jpg"),
    )
    assert await paths(archive, prefix="照片/") == ["照片/一月/a.jpg", "照片/二月/b.jpg"]
    assert await paths(archive, error_classes=frozenset({"permanent"})) == ["照片/二月/b.jpg"]
    assert await paths(archive, reason="Gone") == ["照片集/c.jpg"]
    assert await paths(archive, stage="verify") == ["Photos/d.jpg"]
    assert await paths(archive, prefix="P") == ["Photos/d.jpg"], "letters are compared exactly"
    assert await paths(archive, text="%_") == ["photos/e%_.jpg"], "no character is special"
    assert await paths(archive, text="月/", prefix="照片") == ["照片/一月/a.jpg", "照片/二月/b.jpg"]


async def test_paths_too_long_for_their_key_are_told_apart(archive: Archive) -> None:
    deep = "x" * 300
    await put(archive, error(f"{deep}/a"), error(f"{deep}/b"), error(f"{deep[:-1]}y"))
    assert await paths(archive, limit=1, prefix=f"{deep}/") in ([f"{deep}/a", f"{deep}/b"], [f"{deep}/b", f"{deep}/a"])


async def test_what_no_database_holds_stops_nothing(archive: Archive) -> None:
    await put(archive, error("a\x00b"), error("\ud800"), error("🙂/x"))
    assert len(await paths(archive)) == 3
    assert await paths(archive, prefix="🙂") == ["🙂/x"]


async def test_they_are_counted_by_how_they_failed(archive: Archive) -> None:
    await put(archive, error("a"), error("b"), error("c", reason="Gone", error_class="permanent"))
    async with archive.read() as connection:
        found = await itemerrors.groups(connection, TASK, 1)
    assert [(group.error_class, group.reason, group.count) for group in found] == [
        ("transient", "Busy", 2), ("permanent", "Gone", 1)
    ]  # fmt: skip
