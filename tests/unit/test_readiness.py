"""What TaskTypes and StorageEndpoints say of themselves."""

from typing import Any

import pytest

from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.api.tasktype import TaskType
from asynctask.core import readiness
from asynctask.core.conditions import Wanted

COPY = {"name": "copy", "job": {"image": "example/copy:1"}}
ZONE = "there is no time zone 'Mars/Olympus'"


def endpoint(name: str = "photos", path: str = "/nas/photos", **spec: Any) -> StorageEndpoint:
    body = {"path": path, "volume": {"claimName": name}, **spec}
    return StorageEndpoint.model_validate({"metadata": {"name": name}, "spec": body})


def said(wanted: Wanted) -> str:
    return f"{wanted.type}={wanted.status} {wanted.reason} {wanted.message}".rstrip()


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        pytest.param({}, "Ready=True Valid", id="valid"),
        pytest.param({"window": {"timeZone": "Mars/Olympus", "ranges": [{}]}},
                     f"Ready=False InvalidWindow spec.window.timeZone: {ZONE}", id="a time zone that is not one"),
        pytest.param({"configSchema": {"type": "objekt"}}, "Ready=False InvalidType spec.configSchema", id="a schema that is not one"),
        pytest.param({"stages": [{**COPY, "needs": ["scan"]}]}, "Ready=False InvalidStages spec.stages[0].needs",
                     id="a stage that there is not"),
        pytest.param({"stages": [COPY, {**COPY, "name": "b", "when": "("}]}, "Ready=False InvalidExpression spec.stages[1].when",
                     id="an expression that is not one"),
        pytest.param({"stages": [{**COPY, "job": {**COPY["job"], "podOverride": {"hostNetwork": True}}}]},
                     "Ready=False InvalidPodOverride spec.stages[0].job.podOverride", id="an override that is not allowed"),
        pytest.param({"stages": [{**COPY, "job": {**COPY["job"], "securityProfile": "DataOwner"}}]}, "Ready=True Valid",
                     id="a profile that some namespaces allow"),
    ],
)  # fmt: skip
def test_a_type_says_whether_it_can_be_used_and_which_field_is_wrong(spec: dict[str, Any], told: str) -> None:
    found = TaskType.model_validate({"metadata": {"name": "t"}, "spec": {"stages": [COPY], **spec}})
    assert said(readiness.of_type(found)).startswith(told)


def test_an_endpoint_that_can_be_used_says_so() -> None:
    found = endpoint(limits={"timetable": {"timeZone": "Asia/Taipei", "periods": [{"streams": 1}]}})
    assert said(readiness.of_endpoint(found, {"photos": found})) == "Ready=True Valid"


def test_an_endpoint_with_an_unknown_time_zone_names_the_field_and_says_what_holds_meanwhile() -> None:
    found = endpoint(limits={"timetable": {"timeZone": "Mars/Olympus", "periods": [{"streams": 1}]}})
    told = said(readiness.of_endpoint(found, {"photos": found}))
    assert told.startswith(f"Ready=False InvalidWindow spec.limits.timetable.timeZone: {ZONE}")
    assert "tightest" in told


def test_an_endpoint_that_no_pod_can_mount_says_so() -> None:
    taken, twin = endpoint(path="/tmp"), endpoint("twin")
    assert said(readiness.of_endpoint(taken, {"photos": taken})).startswith("Ready=False InvalidLocation spec.path: ")
    assert "have the same spec.path" in said(readiness.of_endpoint(twin, {"twin": twin, "photos": endpoint()}))
