"""What messages say, in both languages."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynctask import texts
from asynctask.core.notifications.events import Event, Kind
from asynctask.core.notifications.formatting import duration, moment, number, one_line
from asynctask.core.notifications.wording import MAX_LINES, MAX_SHORT, MAX_SUBJECT, Reader, link, write
from asynctask.texts import Language

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
FAILED = Event(
    id="1", kind=Kind.FAILED, time=NOON, namespace="nas", subject="u1", name="nightly", task_id="u1", task_type="file-backup",
    priority=2, initiator="li",
    params={"message": "no route to the NAS", "stage": "copy", "started": "2030-01-01T09:54:30Z", "ended": "2030-01-01T12:00:00Z", "itemErrors": 1234},
)  # fmt: skip
GERMAN = Reader("en", "Europe/Berlin", "https://nas.example.com/")
CHINESE = Reader("zh", "Asia/Shanghai")


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("reader", [GERMAN, CHINESE], ids=["en", "zh"])
def test_every_kind_is_worded_whole(kind: Kind, reader: Reader) -> None:
    message = write([replace(FAILED, kind=kind)], reader)
    for text in (message.subject, message.body, message.short):
        assert text.strip()
        assert "notification." not in text
        assert "{" not in text


@pytest.mark.parametrize("code", [code for code in texts.codes() if code.startswith("notification.")])
def test_both_languages_name_the_same_parameters(code: str) -> None:
    assert texts.parameters(code, "en") == texts.parameters(code, "zh")


def test_a_failure_says_what_when_and_where_to_look() -> None:
    message = write([FAILED], GERMAN)
    assert message.subject == "Task nightly failed"
    assert "no route to the NAS" in message.body
    assert "Began: 1 Jan 2030 10:54 (Europe/Berlin)" in message.body
    assert "Took: 2 h 5 min" in message.body
    assert "Items that failed: 1,234" in message.body
    assert "https://nas.example.com/tasks/u1" in message.body


def test_and_the_same_in_chinese() -> None:
    message = write([FAILED], CHINESE)
    assert message.subject == "任务 nightly 失败"
    assert "开始时间：2030年1月1日 17:54（Asia/Shanghai）" in message.body
    assert "用时：2 小时 5 分钟" in message.body


def test_a_turn_is_said_in_place_of_the_end() -> None:
    assert (
        write([replace(FAILED, turn=Kind.FIRST_FAILURE)], GERMAN).subject == "Task nightly failed, for the first time"
    )


def test_a_message_that_comes_in_both_languages_is_taken_in_the_readers() -> None:
    asked = replace(
        FAILED,
        kind=Kind.REVIEW_WANTED,
        params={"stage": "review", "message": {"en": "delete these?", "zh": "删除这些吗？"}},
    )
    assert "删除这些吗？" in write([asked], CHINESE).body
    assert "delete these?" in write([asked], GERMAN).body


def test_what_happens_when_a_review_expires_is_said() -> None:
    params = {"stage": "review", "expires": "2030-01-02T12:00:00+00:00"}
    expiring = replace(FAILED, kind=Kind.REVIEW_EXPIRING, params=params)
    assert "counts as rejected" in write([expiring], GERMAN).body
    assert "counts as approved" in write([replace(expiring, params={**params, "atExpiry": "Approve"})], GERMAN).body


def test_many_events_are_counted_and_the_first_listed() -> None:
    events = [replace(FAILED, id=str(n), name=f"task-{n}", time=NOON + timedelta(minutes=n)) for n in range(30)]
    events += [replace(FAILED, id="ok", kind=Kind.SUCCEEDED)]
    message = write(events, GERMAN)
    assert message.subject == "30 tasks failed, 1 task succeeded"
    assert message.body.count("Task task-") == MAX_LINES
    assert "and 11 more" in message.body
    assert write(events, CHINESE).subject == "30 个任务失败，1 个任务已完成"


def test_events_beyond_those_that_were_read_are_counted_too() -> None:
    assert write([FAILED, replace(FAILED, id="2")], GERMAN, total=12_000).subject == "2 tasks failed, and 11,998 more"


def test_links_lead_to_the_task_or_the_schedule() -> None:
    assert link(FAILED, "https://nas") == "https://nas/tasks/u1"
    assert link(replace(FAILED, task_id="", schedule="nightly"), "https://nas") == "https://nas/schedules/nas/nightly"


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [
        (0, "0 s", "0 秒"),
        (59, "59 s", "59 秒"),
        (61, "1 min 1 s", "1 分钟 1 秒"),
        (3600, "1 h", "1 小时"),
        (3601, "1 h", "1 小时"),
        (90_000, "1 d 1 h", "1 天 1 小时"),
        (-5, "0 s", "0 秒"),
    ],
)
def test_durations(seconds: int, en: str, zh: str) -> None:
    assert (duration(timedelta(seconds=seconds), "en"), duration(timedelta(seconds=seconds), "zh")) == (en, zh)


def test_numbers_have_their_thousands_apart() -> None:
    assert number(1_234_567) == "1,234,567"


def test_a_zone_that_is_none_is_utc() -> None:
    assert moment(NOON, "../etc/passwd", "en").startswith("1 Jan 2030 12:00")


@given(st.text(max_size=400), st.text(max_size=400), st.sampled_from(("en", "zh")))
def test_nothing_that_is_told_breaks_a_line_of_a_header(name: str, said: str, language: Language) -> None:
    message = write([replace(FAILED, name=name, params={"message": said})], Reader(language))
    for line, limit in ((message.subject, MAX_SUBJECT), (message.short, MAX_SHORT)):
        assert len(line) <= limit
        assert len(line.splitlines()) <= 1
    assert one_line(said, 50) == one_line(one_line(said, 50), 50)
