"""What administrators write says whether tasks can use it."""

from time import sleep

from support.auditlog import AuditLog
from support.estate import Estate, condition, job
from support.operators import OperatorProcess


def test_an_endpoint_with_an_unknown_time_zone_says_so_and_is_told_once(
    estate: Estate, operator: OperatorProcess, audit: AuditLog
) -> None:
    timetable = {"timeZone": "Mars/Olympus", "periods": [{"days": ["Mon"], "streams": 1}]}
    spec = {"path": "/nas/clocks", "volume": {"claimName": "clocks"}, "limits": {"streams": 9, "timetable": timetable}}
    estate.api.create({"kind": "StorageEndpoint", "metadata": {"name": "clocks"}, "spec": spec})
    path = estate.path("storageendpoints", "clocks")
    found = estate.api.until(
        path, lambda endpoint: condition(endpoint, "Ready") == "False InvalidWindow", within=15, why="it says so"
    )
    (told,) = found["status"]["conditions"]
    assert told["message"].startswith("spec.limits.timetable.timeZone: there is no time zone 'Mars/Olympus'")
    estate.api.merge(path, {"spec": {"limits": {"timetable": {"timeZone": "Asia/Taipei"}}}})
    estate.api.until(path, lambda endpoint: condition(endpoint, "Ready") == "True Valid", within=15, why="it is mended")
    sleep(5)  # two more looks
    assert audit.writes(estate.namespace, "clocks")["patch storageendpoints/status"] == 2


def test_a_type_that_no_task_could_use_says_which_field_is_wrong(estate: Estate, operator: OperatorProcess) -> None:
    name = f"{estate.namespace}-odd"
    types = "/apis/asynctask.io/v1alpha1/tasktypes"
    stage = job("copy", when="outputs.scan >")
    body = {"apiVersion": "asynctask.io/v1alpha1", "kind": "TaskType", "metadata": {"name": name}}
    estate.api.call("POST", types, {**body, "spec": {"stages": [stage]}})
    try:
        found = estate.api.until(
            f"{types}/{name}",
            lambda kind: condition(kind, "Ready") == "False InvalidExpression",
            within=15,
            why="says so",
        )
        assert "spec.stages[0].when" in found["status"]["conditions"][0]["message"]
        estate.api.merge(f"{types}/{name}", {"spec": {"stages": [job("copy")]}})
        estate.api.until(
            f"{types}/{name}", lambda kind: condition(kind, "Ready") == "True Valid", within=15, why="mended"
        )
    finally:
        estate.api.call("DELETE", f"{types}/{name}")
