"""What looks like SQL or a path is a text like any other: it finds nothing, changes nothing and leads nowhere."""

from urllib.parse import quote

import pytest
from front.test_nas import Shop, shop
from front.test_tasks import TASKS, make
from front.world import EVERYTHING, World

__all__ = ["shop"]

SQL = (
    "' OR 1=1 --", "'; DROP TABLE tasks; --", '" OR ""="', "%' OR '%'='", "\\'; DELETE FROM tasks; --",
    "1) UNION SELECT digest FROM api_keys --", "%", "_", "a%00b",
)  # fmt: skip
PATHS = (
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc",
    "/etc/passwd",
    "....//....//etc",
    "..\\..\\etc",
)
FILTERS = ("text", "type", "queue", "owner", "schedule")


@pytest.mark.parametrize("archive_url", ["sqlite", "postgresql", "mysql"], indirect=True)
async def test_sql_in_a_filter_is_a_text(shop: Shop) -> None:
    """Asked while one task is history, so that the database is asked too."""
    gone, kept = await make(shop), await make(shop)
    assert (await shop.client.delete(f"{TASKS}/{gone}")).status == 200
    for text in SQL:
        for name in FILTERS:
            answer = await shop.client.get(TASKS, **{name: text, "namespace": shop.namespace})
            assert answer.status == 400 or (answer.status == 200 and answer.body["items"] == []), (name, text)
        assert (await shop.client.get("/query_task", task_type=text)).status in {200, 400}
        assert (await shop.client.get(f"{TASKS}/{quote(text, safe='')}")).status in {400, 404}
        assert (await shop.client.get(TASKS, cursor=text)).refusal == "400 InvalidCursor"
    found = (await shop.client.get(TASKS, namespace=shop.namespace)).body["items"]
    assert {row["taskId"] for row in found} == {gone, kept}
    auditor = await shop.world.someone(shop.anybody, shop.namespace, *EVERYTHING)
    for text in SQL:
        for name in ("caller", "action", "kind", "name", "objectId"):
            answer = await auditor.get("/api/v1/audit", **{name: text, "namespace": shop.namespace})
            assert answer.status == 400 or answer.body["items"] == [], (name, text)
    assert (await auditor.get("/api/v1/audit", namespace=shop.namespace)).body["items"]


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_leads_nowhere(shop: Shop, world: World, path: str) -> None:
    (world.directory / "secret").write_text("t0p")
    task = await make(shop)
    for asked in (
        f"{TASKS}/{path}", f"{TASKS}/{task}/stages/{path}", f"{TASKS}/{task}/stages/{path}/checkpoint",
        f"/api/v1/reviews/{path}/items", f"/api/v1/namespaces/{shop.namespace}/endpoints/{path}",
        f"/api/v1/namespaces/{shop.namespace}/schedules/{path}/run",
    ):  # fmt: skip
        answer = await shop.client.get(asked)
        assert answer.status in {400, 404, 405}, asked
        assert b"t0p" not in answer.raw
        assert b"root:" not in answer.raw
    assert (await shop.client.get(f"{TASKS}/{task}/logs", stage=path)).status == 400
    config = {"source_path": "/nas/photos/../../etc/passwd"}
    body = {"task_type": shop.type, "task_config": config, "namespace": shop.namespace}
    assert (await shop.client.post("/submit_task", body)).status == 400
