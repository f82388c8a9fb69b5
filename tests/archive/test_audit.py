"""Records of changes."""

from asynctask.adapters.archive import Archive, audit
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
