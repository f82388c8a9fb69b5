"""When a status that only informs is worth a write."""

from typing import Any

from asynctask.display import only_words_differ


def queued(ahead: int, **more: Any) -> dict[str, Any]:
    """The status of a task that waits behind so many others."""
    message = f"waiting in queue nightly, {ahead} ahead of it"
    condition = {"type": "Admitted", "status": "False", "reason": "QueueFull", "message": message}
    line = {"name": "scan", "phase": "Queued", "message": message}
    return {"phase": "Queued", "message": message, "conditions": [condition], "stages": [line], **more}


def test_another_place_in_the_queue_is_but_other_words() -> None:
    assert only_words_differ(queued(7), queued(3))


def test_a_first_status_is_more_than_words() -> None:
    assert not only_words_differ({}, queued(3))


def test_a_new_priority_is_more_than_words() -> None:
    assert not only_words_differ(queued(7, priority=5), queued(3, priority=1))


def test_another_reason_is_more_than_words() -> None:
    before = queued(7)
    before["conditions"][0]["reason"] = "Queued"
    assert not only_words_differ(before, queued(7))
