"""Review of lists on a real API server: what is struck off, and what the next stage gets."""

import asyncio
import hashlib

from front.reviews import ITEMS, READER, REVIEWER, REVIEWS, Made, lines, make
from front.world import Client, Object, World


async def test_the_next_stage_gets_exactly_what_was_left(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace, ITEMS)
    ada = await world.someone(client, namespace, *REVIEWER)
    shown = await ada.get(made.url)
    assert shown.body["items"]["totals"]["remaining"] == {"items": 100, "bytes": 4_950_000}
    await ada.post(f"{made.url}/selections", {"action": "strike", "filter": {"folder": "dept-1"}})
    struck = await ada.post(f"{made.url}/selections", {"action": "strike", "filter": {"type": ["log"]}})
    assert struck.body["matched"] == 50
    assert struck.body["changed"]["items"] == 50 - 17
    assert (await ada.post(f"{made.url}/approve")).refusal == "428 PreconditionRequired"
    stale = ada.with_headers(If_Match=shown.headers["ETag"])
    assert (await stale.post(f"{made.url}/approve")).refusal == "412 PreconditionFailed"
    fresh = ada.with_headers(If_Match=struck.headers["ETag"])
    assert (await fresh.post(f"{made.url}/approve", {"message": "ok"})).body["state"] == "approved"
    status = await made.status()
    frozen, (decision,) = status["reviewItems"], status["reviews"]
    raw = made.artifact(frozen["artifact"])
    assert frozen["digest"] == decision["itemsDigest"] == f"sha256:{hashlib.sha256(raw).hexdigest()}"
    kept = [item for item in ITEMS if "dept-1" not in item["path"] and item["path"].endswith("TMP")]
    assert lines(raw) == kept
    assert (frozen["total"], frozen["approved"], frozen["struck"]) == (100, len(kept), 100 - len(kept))
    assert frozen["bytes"] == sum(item["size"] for item in kept)
    assert (await ada.post(f"{made.url}/selections", {"action": "keep", "filter": {}})).refusal == "409 ReviewOver"


async def test_an_approval_of_an_older_list_counts_no_more(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace, ITEMS, quorum=2)
    ada, bo = [await world.someone(client, namespace, *REVIEWER) for _ in range(2)]

    async def approve(person: Client) -> Object:
        seen = person.with_headers(If_Match=(await person.get(made.url)).headers["ETag"])
        body: Object = (await seen.post(f"{made.url}/approve")).body
        return body

    assert (await approve(ada))["approvals"] == 1
    first = (await made.status())["reviewItems"]
    await bo.post(f"{made.url}/selections", {"action": "strike", "ids": [0]})
    assert (await approve(bo))["approvals"] == 1
    second = (await made.status())["reviewItems"]
    assert second["digest"] != first["digest"]
    assert {path.name for path in made.directory.iterdir()} == {"expired.jsonl", second["artifact"]}
    assert (await approve(ada))["state"] == "approved"
    assert len(lines(made.artifact(second["artifact"]))) == 99


async def test_undoing_gives_back_what_was_before(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace, ITEMS)
    ada, bo = [await world.someone(client, namespace, *REVIEWER) for _ in range(2)]
    steps: list[Object] = [
        {"action": "strike", "ids": [1, 2, 3]},
        {"action": "strike", "filter": {"minSize": 50_000}},
        {"action": "keep", "range": {"fromId": 10, "toId": 90, "sort": "age"}, "filter": {"decision": "strike"}},
        {"action": "strike", "filter": {}},
    ]
    states = []
    for person, step in zip((ada, bo, ada, bo), steps, strict=True):
        states.append(await struck(ada, made))
        asked = await person.post(f"{made.url}/selections", {**step, "dryRun": True})
        done = await person.post(f"{made.url}/selections", step)
        assert asked.body["changed"] == done.body["changed"]
        assert done.body["changed"]["items"] == len(states[-1] ^ await struck(ada, made)) > 0
    log = (await ada.get(f"{made.url}/operations")).body["items"]
    assert [(line["number"], line["selection"]["action"]) for line in log] == [
        (4, "strike"), (3, "keep"), (2, "strike"), (1, "strike")
    ]  # fmt: skip
    for before in reversed(states):
        assert (await bo.post(f"{made.url}/undo")).status == 200
        assert await struck(ada, made) == before
    assert (await bo.post(f"{made.url}/undo")).refusal == "409 NothingToUndo"


async def struck(client: Client, made: Made) -> set[int]:
    """The items that are struck off."""
    page = (await client.get(f"{made.url}/items", limit=500)).body
    return {item["id"] for item in page["items"] if item["decision"] == "strike"}


async def test_two_who_strike_at_once_lose_nothing(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace, ITEMS)
    people = [await world.someone(client, namespace, *REVIEWER) for _ in range(2)]
    answers = await asyncio.gather(
        *(people[n % 2].post(f"{made.url}/selections", {"action": "strike", "ids": [n]}) for n in range(8))
    )
    assert {answer.status for answer in answers} == {200}
    assert await struck(people[0], made) == set(range(8))
    assert {answer.body["version"] for answer in answers} == set(range(2, 10))


async def test_another_replica_goes_on_where_the_first_was(world: World, namespace: str) -> None:
    url = f"sqlite:///{world.directory}/archive.db"
    made = await make(world, namespace, ITEMS)
    async with world.gateway(archive_url=url) as first:
        ada = await world.someone(first, namespace, *REVIEWER)
        await ada.post(f"{made.url}/selections", {"action": "strike", "ids": [5, 6]})
        async with world.gateway(archive_url=url) as second:
            same = Client(second.url, second.session, ada.headers)
            assert await struck(same, made) == {5, 6}
            await same.post(f"{made.url}/undo")
            assert await struck(ada, made) == set()


async def test_pages_and_facets(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace, ITEMS)
    ada = await world.someone(client, namespace, *READER)
    page = (await ada.get(f"{made.url}/items", sort="size", order="desc", limit=3, folder="dept-2/")).body
    assert [item["size"] for item in page["items"]] == [98_000, 95_000, 92_000]
    assert (page["total"], page["offset"]) == (33, 0)
    page = (
        await ada.get(
            f"{made.url}/items", sort="size", order="desc", limit=3, folder="dept-2", cursor=page["nextCursor"]
        )
    ).body
    assert [item["size"] for item in page["items"]] == [89_000, 86_000, 83_000]
    end = (await ada.get(f"{made.url}/items", fraction=1, limit=10)).body
    assert (len(end["items"]), end["offset"], "nextCursor" in end) == (1, 99, False)
    found = (await ada.get(f"{made.url}/items", text="FILE 04", changedUntil="2023-10-05T00:00:00Z")).body
    assert {item["path"][-7:-4] for item in found["items"]} == {
        "041",
        "042",
        "043",
        "044",
        "045",
        "046",
        "047",
        "048",
        "049",
    }
    one = (await ada.get(f"{made.url}/items/{found['items'][0]['id']}")).body
    assert one["inode"] in range(40, 50)
    facets = (await ada.get(f"{made.url}/facets")).body
    assert {facet["type"]: facet["items"] for facet in facets["types"]} == {"log": 50, "tmp": 50}
    assert [facet["folder"] for facet in facets["folders"]] == ["dept-0", "dept-2", "dept-1"]
    assert facets["matched"] == {"items": 100, "bytes": 4_950_000, "struckItems": 0, "struckBytes": 0}
    assert (await ada.get(f"{made.url}/facets", by="")).body.keys() == {"matched", "version"}
    assert sum(facet["items"] for facet in facets["ages"]) == sum(facet["items"] for facet in facets["sizes"]) == 100
    for facet in facets["ages"]:
        times = {name: facet[name] for name in ("changedSince", "changedUntil") if name in facet}
        assert (await ada.get(f"{made.url}/items", **times)).body["total"] == facet["items"]
    assert (await ada.post(f"{made.url}/selections", {"action": "strike", "ids": [1]})).refusal == "403 Forbidden"


BAD_QUERIES: dict[str, Object] = {
    "a sort that is none": {"sort": "colour"},
    "a fraction past the end": {"fraction": 1.1},
    "no number": {"fraction": "nan"},
    "a cursor and a fraction": {"fraction": 0.5, "cursor": "1"},
    "a time without a zone": {"changedSince": "2020-01-01T00:00:00"},
    "a size below nothing": {"minSize": -1},
    "too many": {"limit": 501},
    "a cursor past the end": {"cursor": "100"},
    "a cursor of letters": {"cursor": "x"},
    "a field that is none": {"where": "1=1"},
}


async def test_nonsense_is_refused(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace, ITEMS)
    ada = await world.someone(client, namespace, *REVIEWER)
    for name, query in BAD_QUERIES.items():
        assert (await ada.get(f"{made.url}/items", **query)).status == 400, name
    for body in ({"action": "strike"}, {"action": "burn", "filter": {}}, {"action": "strike", "ids": []},
                 {"action": "strike", "ids": [-1]}, {"action": "strike", "ids": ["1"]}, []):  # fmt: skip
        assert (await ada.post(f"{made.url}/selections", body)).status == 400, body
    for row in ("100", "-1", "x", "1e3", "9" * 40, "%2e%2e"):
        assert (await ada.get(f"{made.url}/items/{row}")).status in {400, 404}, row
    beyond = await ada.post(f"{made.url}/selections", {"action": "strike", "ids": [100, 4_000_000_000]})
    assert (beyond.status, beyond.body["matched"]) == (200, 0)
    beyond = await ada.post(f"{made.url}/selections", {"action": "strike", "range": {"fromId": 0, "toId": 100}})
    assert (beyond.status, beyond.body["matched"]) == (200, 0)
    assert (await ada.get(f"{REVIEWS}/{'0' * 36}")).status == 404
    assert (await ada.get(f"{REVIEWS}/x/items")).status == 404


async def test_a_list_that_is_none_can_be_rejected_alone(world: World, client: Client, namespace: str) -> None:
    ada = await world.someone(client, namespace, *REVIEWER)
    broken = await make(world, namespace, b'{"path": "a"}\n{"path": 5}\n')
    shown = (await ada.get(broken.url)).body["items"]
    assert (shown["state"], shown["code"], "line 2" in shown["problem"]) == ("unusable", "ListUnusable", True)
    versioned = ada.with_headers(If_Match='"1"')
    assert (await versioned.post(f"{broken.url}/approve")).refusal == "409 ListUnusable"
    assert (await ada.post(f"{broken.url}/reject")).status == 200
    missing = await make(world, namespace, [])
    (missing.directory / "expired.jsonl").unlink()
    assert (await ada.get(f"{missing.url}/items")).refusal == "409 ListMissing"
    whole = await make(world, namespace)
    assert (await ada.get(f"{whole.url}/items")).refusal == "409 NoItems"


async def test_an_empty_list_can_be_approved(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace, [])
    ada = await world.someone(client, namespace, *REVIEWER)
    shown = await ada.get(made.url)
    assert (await ada.get(f"{made.url}/items", fraction=0.5)).body["items"] == []
    assert (await ada.get(f"{made.url}/facets")).body["matched"]["items"] == 0
    approve = ada.with_headers(If_Match=shown.headers["ETag"])
    assert (await approve.post(f"{made.url}/approve")).body["state"] == "approved"
    assert made.artifact((await made.status())["reviewItems"]["artifact"]) == b""


async def test_a_list_made_anew_is_not_taken_for_the_old_one(world: World, namespace: str) -> None:
    url = f"sqlite:///{world.directory}/archive.db"
    made = await make(world, namespace, ITEMS)
    async with world.gateway(archive_url=url) as client:
        ada = await world.someone(client, namespace, *REVIEWER)
        assert (await ada.get(f"{made.url}/items")).status == 200
        (made.directory / "new").write_bytes(b'{"path": "other"}\n')
        (made.directory / "new").rename(made.directory / "expired.jsonl")
        assert (await ada.get(f"{made.url}/items")).body["total"] == 100
    for path in (made.directory.parent / "reviews").rglob("*"):
        if path.is_file():
            path.unlink()
    for path in sorted((made.directory.parent / "reviews").rglob("*"), reverse=True):
        path.rmdir()
    async with world.gateway(archive_url=url) as client:
        same = Client(client.url, client.session, ada.headers)
        assert (await same.get(f"{made.url}/items")).refusal == "409 ListChanged"
