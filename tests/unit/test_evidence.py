"""What is read off a pod that ended, whatever it wrote into its last message."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.scenes import make_task

from asynctask.api.asynctask import AsyncTaskStatus
from asynctask.api.stage import StageStatus
from asynctask.core.plan import PatchStage

ONE = make_task().stage("scan").began("scan").job("scan")
DEEP = '{"outcome":"succeeded","outputs":{"a":' + "[" * 1500 + "]" * 1500 + "}}"

HOSTILE = {
    "nothing": "",
    "an open brace": "{",
    "no object": "[1]",
    "a text": '"succeeded"',
    "an outcome of its own": '{"outcome":"excellent"}',
    "an outcome that is a number": '{"outcome":1}',
    "a reason in small letters": '{"outcome":"failed","reason":"timeout"}',
    "a reason in Chinese": '{"outcome":"failed","reason":"超时"}',
    "a reason that begins with a digit": '{"outcome":"failed","reason":"404NotFound"}',
    "a very long reason": '{"outcome":"failed","reason":"%s"}' % ("A" * 500),
    "a reason with a line break": '{"outcome":"failed","reason":"Bad\\nThing"}',
    "a very long message": '{"outcome":"failed","message":"%s"}' % ("x" * 3500),
    "control characters": '{"outcome":"failed","message":"\\u0000\\u001b[31mred\\u0007"}',
    "a lone surrogate": '{"outcome":"failed","message":"\\ud800"}',
    "a lone surrogate in outputs": '{"outcome":"succeeded","outputs":{"a":"\\ud800"}}',
    "a huge number": '{"outcome":"succeeded","outputs":{"a":%s}}' % ("9" * 400),
    "a number beyond 64 bits": '{"outcome":"succeeded","outputs":{"a":123456789012345678901234567890}}',
    "an infinite number": '{"outcome":"succeeded","outputs":{"a":1e999}}',
    "not a number": '{"outcome":"succeeded","outputs":{"a":NaN}}',
    "outputs that are a list": '{"outcome":"succeeded","outputs":[1]}',
    "outputs that are deep": DEEP,
    "outputs deeper than is kept": '{"outcome":"succeeded","outputs":' + '{"a":' * 300 + "1" + "}" * 301,
    "item errors below zero": '{"outcome":"partial","itemErrorCount":-5}',
    "item errors beyond counting": '{"outcome":"partial","itemErrorCount":123456789012345678901234567890}',
    "item errors that are a text": '{"outcome":"partial","itemErrorCount":"many"}',
    "a class of its own": '{"outcome":"failed","class":"catastrophic"}',
    "half a line of JSON": '{"outcome":"succeeded","outputs":{"a":"' + "x" * 3000,
    "two lines of JSON": '{"outcome":"succeeded"}\n{"outcome":"failed"}',
    "words of a log": "Traceback (most recent call last):\n  File x\nValueError: \ufffd\u202e no",
    "a stop that nobody asked for": '{"outcome":"stopped"}',
}


def outcome(message: str, exit_code: int = 1) -> StageStatus:
    """What becomes of the Stage; the patch must be one that the API server takes."""
    told = ONE.pod("scan", "Failed" if exit_code else "Succeeded", exit_code=exit_code, message=message).told()
    wire = orjson.loads(orjson.dumps([a.status for a in told.plan.actions if isinstance(a, PatchStage)]))
    AsyncTaskStatus.model_validate({key: value for key, value in (told.plan.status or {}).items() if value is not None})
    orjson.dumps(told.plan.status)
    (patch,) = wire
    assert len(orjson.dumps(patch)) < 16_000
    return StageStatus.model_validate({key: value for key, value in patch.items() if value is not None})


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_message_does_no_harm(what: str) -> None:
    assert outcome(HOSTILE[what]).phase is not None


@given(st.text(max_size=200))
def test_any_text_does_no_harm(text: str) -> None:
    assert outcome(text).phase == "BackingOff"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"outcome": st.sampled_from(["succeeded", "partial", "failed", "stopped", "x"])},
        optional={
            "class": st.sampled_from(["permanent", "throttled"]) | JSON,
            "reason": st.text(max_size=70) | JSON,
            "message": st.text(max_size=50) | JSON,
            "outputs": st.dictionaries(st.text(max_size=5), JSON, max_size=3) | JSON,
            "itemErrorCount": st.integers() | JSON,
        },
    )
)
def test_any_words_do_no_harm(words: dict[str, object]) -> None:
    import json

    outcome(json.dumps(words))


def test_the_words_are_kept() -> None:
    text = '{"outcome":"partial","reason":"SomeLocked","message":"3 files","outputs":{"n":3},"itemErrorCount":3}'
    kept = outcome(text)
    assert (kept.phase, kept.message, kept.outputs) == ("Partial", "3 files", {"n": 3})
    failed = outcome('{"outcome":"failed","class":"permanent","reason":"NoSpace","message":"target is full"}')
    assert failed.last_error is not None
    assert (failed.last_error.reason, failed.last_error.message) == ("NoSpace", "target is full")


def test_the_end_of_a_long_log_is_kept() -> None:
    kept = outcome("x" * 5000 + "\nValueError: the reason\n", exit_code=65)
    assert kept.message.endswith("ValueError: the reason")
    assert len(kept.message) <= 1024


def test_a_stop_that_nobody_asked_for_is_no_success() -> None:
    assert outcome('{"outcome":"stopped"}', exit_code=0).phase != "Succeeded"
