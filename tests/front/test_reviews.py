"""Human review on a real API server: who may decide, and what becomes of it."""

import asyncio

from front.reviews import ITEMS, READER, REVIEWER, REVIEWS, make
from front.world import Client, World, user


async def test_an_approval_goes_into_the_stage(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace, message={"en": "Go on?", "zh": "继续？"})
    name = await world.person(namespace, REVIEWER)
    ada = client.with_token(await world.token(namespace, name))
    waiting = await ada.get(made.url)
    assert (waiting.body["state"], waiting.body["mayDecide"], waiting.body["message"]["zh"]) == (
        "waiting",
        True,
        "继续？",
    )
    answer = await ada.post(f"{made.url}/approve", {"message": "looks right"})
    assert (answer.status, answer.body["state"], answer.body["approvals"]) == (200, "approved", 1)
    (decision,) = (await made.status())["reviews"]
    assert (decision["by"], decision["decision"], decision["message"]) == (
        user(namespace, name), "Approved", "looks right"
    )  # fmt: skip
    assert (await ada.post(f"{made.url}/reject")).refusal == "409 ReviewOver"


async def test_two_must_approve_and_nobody_counts_twice(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace, quorum=2)
    ada, bo = [await world.someone(client, namespace, *REVIEWER) for _ in range(2)]
    for _ in range(2):
        answer = await ada.post(f"{made.url}/approve")
        assert (answer.body["state"], answer.body["approvals"]) == ("waiting", 1)
    assert (await bo.post(f"{made.url}/approve")).body["state"] == "approved"
    assert len((await made.status())["reviews"]) == 2


async def test_all_who_decide_at_once_are_written_down(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace, quorum=5)
    people = [await world.someone(client, namespace, *REVIEWER) for _ in range(5)]
    answers = await asyncio.gather(*(person.post(f"{made.url}/approve") for person in people))
    assert [answer.status for answer in answers] == [200] * 5
    assert len({decision["by"] for decision in (await made.status())["reviews"]}) == 5


async def test_a_rejection_is_the_end_whoever_approved(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace, quorum=3)
    ada, bo = [await world.someone(client, namespace, *REVIEWER) for _ in range(2)]
    await ada.post(f"{made.url}/approve")
    assert (await bo.post(f"{made.url}/reject", {"message": "no"})).body["state"] == "rejected"
    assert (await ada.post(f"{made.url}/approve")).refusal == "409 ReviewOver"


async def test_the_right_to_review_is_needed(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace)
    reader = await world.someone(client, namespace, *READER)
    stranger = await world.someone(client, await world.namespace(), *REVIEWER)
    shown = await reader.get(made.url)
    assert (shown.status, shown.body["mayDecide"]) == (200, False)
    assert (await reader.post(f"{made.url}/approve")).refusal == "403 Forbidden"
    for call in ("approve", "reject", "undo"):
        assert (await stranger.post(f"{made.url}/{call}")).refusal == "404 NotFound"
    assert (await stranger.get(made.url)).refusal == "404 NotFound"
    assert (await stranger.get(REVIEWS)).body["items"] == []
    assert "reviews" not in await made.status()


async def test_only_who_is_named_decides(world: World, client: Client, namespace: str) -> None:
    ada = await world.person(namespace, REVIEWER)
    elsewhere = await world.namespace()
    made = await make(
        world, namespace, approvers={"users": [user(namespace, ada)], "groups": [f"system:serviceaccounts:{elsewhere}"]}
    )
    other = await world.someone(client, namespace, *REVIEWER)
    assert (await other.get(made.url)).body["whyNot"] == "NotAnApprover"
    assert (await other.post(f"{made.url}/approve")).refusal == "403 NotAnApprover"
    assert (await other.post(f"{made.url}/reject")).refusal == "403 NotAnApprover"
    of_group = await world.person(elsewhere)
    await world.grant({"kind": "ServiceAccount", "name": of_group, "namespace": elsewhere}, namespace, REVIEWER)
    assert [row["id"] for row in (await other.get(REVIEWS, mine=True)).body["items"]] == []
    member = client.with_token(await world.token(elsewhere, of_group))
    assert (await member.post(f"{made.url}/approve")).status == 200


async def test_nobody_approves_their_own_submission(world: World, client: Client, namespace: str) -> None:
    person = await world.person(namespace, REVIEWER)
    ada = client.with_token(await world.token(namespace, person))
    mine = await make(world, namespace, by=user(namespace, person), separationOfDuties=True)
    unknown = await make(world, namespace, separationOfDuties=True)
    theirs = await make(world, namespace, by="somebody-else", separationOfDuties=True)
    assert (await ada.post(f"{mine.url}/approve")).refusal == "403 OwnSubmission"
    assert (await ada.post(f"{unknown.url}/approve")).refusal == "403 SubmitterUnknown"
    assert (await ada.post(f"{theirs.url}/approve")).status == 200
    assert (await ada.post(f"{mine.url}/reject")).status == 200


async def test_what_has_expired_is_over(world: World, client: Client, namespace: str) -> None:
    made = await make(world, namespace, expiresAfterSeconds=1)
    ada = await world.someone(client, namespace, *REVIEWER)
    async with asyncio.timeout(10):
        while (await ada.get(made.url)).body["state"] == "waiting":
            await asyncio.sleep(0.1)
    assert (await ada.post(f"{made.url}/approve")).refusal == "409 ReviewOver"


async def test_lists_show_what_waits_page_by_page(world: World, client: Client, namespace: str) -> None:
    ada = await world.someone(client, namespace, *REVIEWER)
    made = [await make(world, namespace) for _ in range(5)]
    await ada.post(f"{made[2].url}/reject")
    seen: list[str] = []
    cursor = ""
    for _ in range(5):
        page = (await ada.get(REVIEWS, limit=2, mine=True, **({"cursor": cursor} if cursor else {}))).body
        seen += [row["id"] for row in page["items"]]
        cursor = page.get("nextCursor", "")
        if not cursor:
            break
    assert set(seen) == {one.stage["metadata"]["uid"] for one in made if one is not made[2]}
    assert len(seen) == 4
    (rejected,) = (await ada.get(REVIEWS, state="rejected")).body["items"]
    assert rejected["id"] == made[2].stage["metadata"]["uid"]
    for bad in ("x", "é", "WzEsMl0", "e30"):
        assert (await ada.get(REVIEWS, cursor=bad)).refusal == "400 InvalidCursor"


async def test_without_an_archive_stages_are_decided_on_as_a_whole(world: World, namespace: str) -> None:
    async with world.gateway(archive_url="") as client:
        ada = await world.someone(client, namespace, *REVIEWER)
        whole, of_items = await make(world, namespace), await make(world, namespace, ITEMS)
        assert (await ada.post(f"{whole.url}/approve")).body["state"] == "approved"
        assert (await ada.get(of_items.url)).body["items"]["code"] == "NoArchive"
        assert (await ada.post(f"{of_items.url}/reject")).body["state"] == "rejected"
