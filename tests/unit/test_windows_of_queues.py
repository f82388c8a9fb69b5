"""What a queue outside its window starts and says. It is Tuesday, noon, in UTC."""

from datetime import timedelta
from typing import Any

from support.scenes import NOW

from asynctask.api.taskqueue import TaskQueue
from asynctask.core.admission.model import Usage
from asynctask.core.queuestatus import status
from asynctask.scheduling import rules

SHUT = {"ranges": [{"start": "22:00", "end": "06:00"}], "timeZone": "Europe/Berlin"}
OPEN = {"ranges": [{"start": "08:00", "end": "18:00"}]}


def queue(**spec: Any) -> TaskQueue:
    return TaskQueue.model_validate({"metadata": {"name": "night"}, "spec": spec})


def said(**spec: Any) -> tuple[str, str, str]:
    (admitting,) = status(queue(**spec), Usage(), None, "", NOW)["conditions"]
    return admitting["status"], admitting["reason"], admitting["message"]


def test_a_shut_queue_starts_nothing_until_it_opens() -> None:
    gate = rules.shut(queue(window=SHUT), NOW)
    assert gate is not None
    assert (gate.reason, gate.opens_at) == ("OutsideWindow", (NOW + timedelta(hours=9)).timestamp())
    assert rules.shut(queue(window=OPEN), NOW) is None
    assert rules.shut(queue(), NOW) is None


def test_one_that_lets_runs_finish_does_not_hold_their_later_stages() -> None:
    assert rules.shut(queue(window={**SHUT, "atClose": "Finish"}), NOW) is None


def test_it_says_when_it_opens() -> None:
    assert said(window=SHUT) == (
        "False", "OutsideWindow", "outside its window; opens Tue 2030-01-01 22:00 Europe/Berlin",
    )  # fmt: skip
    assert said(window={**SHUT, "atClose": "Finish"})[1] == "OutsideWindow"
    assert said(window=OPEN)[:2] == ("True", "Admitting")
    assert said(window=SHUT, suspend=True)[1] == "QueueSuspended"


def test_a_zone_that_there_is_not_holds_all_back_and_is_said() -> None:
    wrong = {**OPEN, "timeZone": "Mars/Olympus"}
    gate = rules.shut(queue(window=wrong), NOW)
    assert gate is not None
    assert gate.reason == "InvalidWindow"
    assert said(window=wrong)[1:2] == ("InvalidWindow",)
    assert said(window=wrong)[2].startswith("spec.window.timeZone: there is no time zone 'Mars/Olympus'")
