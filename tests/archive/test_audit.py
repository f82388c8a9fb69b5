"""Records of changes."""

import random

import pytest

from asynctask.adapters.archive import Archive, audit, rounds
from asynctask.adapters.archive.audit import AuditFilter, AuditRecord


def record(number: int, **parts: object) -> AuditRecord:
    values = {"caller": "mia", "via": "token", "address": "192.0.2.7", "action": "pauseTask", "namespace": "it"} | parts
    return AuditRecord(audit_id=f"{number:036d}", time=1_000_000 + number // 2, **values)  # type: ignore[arg-type]


async def ids(archive: Archive, wanted: AuditFilter, limit: int = 3) -> list[int]:
    found, after = [], None
    while True:
        async with archive.read() as connection:
            page = await audit.page(connection, wanted, limit=limit, after=after)
        found += [int(row.audit_id) for row in page.rows]
        after = page.next
        if after is None:
            return found


async def test_pages_have_each_record_once_newest_first(archive: Archive) -> None:
    async with archive.begin() as transaction:
        await audit.append(transaction, *(record(number) for number in range(10)))
    assert await ids(archive, AuditFilter()) == list(reversed(range(10)))


async def test_a_record_written_twice_is_one_and_the_first_holds(archive: Archive) -> None:
    for caller in ("mia", "eve"):
        async with archive.begin() as transaction:
            await audit.append(transaction, record(1, caller=caller))
    async with archive.read() as connection:
        (row,) = (await audit.page(connection, AuditFilter())).rows
    assert row.caller == "mia"


async def test_filters(archive: Archive) -> None:
    async with archive.begin() as transaction:
        await audit.append(
            transaction,
            record(1, caller="noa"),
            record(2, namespace="hr"),
            record(3, action="createTask", object_id="uid"),
            record(4, namespace="", kind="NotificationRule", name="all"),
        )
    assert await ids(archive, AuditFilter(caller="noa")) == [1]
    assert await ids(archive, AuditFilter(namespaces=frozenset({"hr", "it"}))) == [3, 2, 1]
    assert await ids(archive, AuditFilter(namespaces=frozenset())) == []
    assert await ids(archive, AuditFilter(action="createTask", object_id="uid")) == [3]
    assert await ids(archive, AuditFilter(kind="NotificationRule", name="all")) == [4]
    assert await ids(archive, AuditFilter(time_from=1_000_001, time_before=1_000_002)) == [3, 2]


async def test_what_users_write_is_kept_or_cut_never_refused(archive: Archive) -> None:
    before = {"name": "a\x00b", "list": [1, None, "数据"]}
    async with archive.begin() as transaction:
        await audit.append(transaction, record(1, caller="\x00" + "𝒳" * 300, before=before))
    async with archive.read() as connection:
        (row,) = (await audit.page(connection, AuditFilter())).rows
    assert row.before == before
    assert row.caller == "\ufffd" + "𝒳" * 255


FILTERS = {
    "all": AuditFilter(),
    "caller": AuditFilter(caller="noa"),
    "common and rare": AuditFilter(caller="mia", action="createTask"),
    "rare and common": AuditFilter(caller="noa", action="pauseTask"),
    "without an index": AuditFilter(kind="Stage", name="n7"),
    "namespaces": AuditFilter(namespaces=frozenset({"hr", "lab"})),
    "one namespace": AuditFilter(namespaces=frozenset({"hr"}), action="createTask"),
    "no namespace": AuditFilter(namespaces=frozenset({""})),
    "object": AuditFilter(object_id="uid-3", caller="mia"),
    "time": AuditFilter(time_from=1_000_020, time_before=1_000_060, action="createTask"),
    "nothing": AuditFilter(caller="nobody"),
    "nothing without an index": AuditFilter(kind="Nothing"),
}


def some(count: int = 300) -> list[AuditRecord]:
    chance = random.Random(5)
    return [
        record(
            number,
            caller=chance.choices(("mia", "noa"), (97, 3))[0],
            action=chance.choices(("pauseTask", "createTask"), (80, 20))[0],
            kind=chance.choice(("AsyncTask", "Stage")),
            name=f"n{chance.randint(0, 30)}",
            namespace=chance.choices(("it", "hr", "lab", ""), (80, 10, 5, 5))[0],
            object_id=f"uid-{chance.randint(0, 40)}",
        )
        for number in range(count)
    ]


def fits(row: AuditRecord, wanted: AuditFilter) -> bool:
    parts = ("caller", "action", "kind", "name", "object_id")
    return (
        all(getattr(wanted, part) in {"", getattr(row, part)} for part in parts)
        and (wanted.namespaces is None or row.namespace in wanted.namespaces)
        and row.time >= (wanted.time_from or 0)
        and row.time < (wanted.time_before or 2**62)
    )


@pytest.mark.parametrize(("window", "seconds"), [(1000, 10.0), (3, 10.0), (20, 0.0)], ids=["wide", "narrow", "hurried"])
async def test_every_filter_finds_what_it_should_however_the_search_is_bounded(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, window: int, seconds: float
) -> None:
    monkeypatch.setattr(rounds, "WINDOW", window)
    monkeypatch.setattr(rounds, "SECONDS", seconds)
    async with archive.begin() as transaction:
        await audit.append(transaction, *some())
    newest = sorted(some(), key=lambda row: (row.time, row.audit_id), reverse=True)
    for name, wanted in FILTERS.items():
        expected = [int(row.audit_id) for row in newest if fits(row, wanted)]
        assert await ids(archive, wanted, 7) == expected, name
        assert name.startswith("nothing") or expected, name


async def test_a_page_without_time_to_look_says_where_to_look_on(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "WINDOW", 10)
    monkeypatch.setattr(rounds, "SECONDS", 0.0)
    async with archive.begin() as transaction:
        await audit.append(transaction, *some())
    async with archive.read() as connection:
        page = await audit.page(connection, AuditFilter(kind="Nothing"))
    assert page.rows == ()
    assert page.next
