"""What schedules do: each time of theirs dealt with once, whatever happens to the operator. They are made at noon."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.clockwork import NOON, Clockwork, Killed
from support.examples import examples

from asynctask.core.schedules import tasks
from asynctask.core.times import stamp

# -- by the clock


def test_a_task_is_made_at_each_time() -> None:
    clock = Clockwork("0 * * * *", concurrencyPolicy="Skip")
    for hour in (13, 14, 15):
        clock.at(f"{hour}:01").end()
    assert clock.names == ["20300101-1300", "20300101-1400", "20300101-1500"]
    assert [when - NOON for _, when in clock.made] == [timedelta(hours=n) for n in (1, 2, 3)]


def test_nothing_is_made_for_the_time_before_it_was_made() -> None:
    assert Clockwork("0 12 * * *").at("23:59").names == []


def test_the_zone_counts() -> None:
    assert Clockwork("0 14 * * *", timeZone="Europe/Berlin").at("15:00").names == ["20300101-1300"]


def test_a_task_is_the_schedules() -> None:
    clock = Clockwork(taskTemplate={
        "metadata": {"labels": {"team": "video"}, "annotations": {"why": "so"}},
        "spec": {"type": "file-backup", "config": {"keep": None, "deep": {"a": [1, None]}}, "priority": 1},
    }).at("13:00")  # fmt: skip
    body = clock.tasks["nightly-20300101-1300"]
    assert body["metadata"]["labels"]["team"] == "video"
    assert body["metadata"]["labels"]["asynctask.io/schedule"] == "nightly"
    assert body["metadata"]["annotations"] == {"why": "so", "asynctask.io/scheduled-time": "2030-01-01T13:00:00Z"}
    assert body["metadata"]["ownerReferences"][0]["uid"] == "s1"
    assert body["metadata"]["ownerReferences"][0]["controller"] is True
    assert body["spec"] == {"type": "file-backup", "config": {"keep": None, "deep": {"a": [1, None]}}, "priority": 1}


def test_a_long_name_is_cut_and_stays_its_own() -> None:
    one, two = (Clockwork(name="n" * 252 + end).at("13:00").made[0][0] for end in "ab")
    assert one != two
    assert max(len(one), len(two)) <= 253
    label = Clockwork(name="n" * 252).at("13:00").tasks.popitem()[1]["metadata"]["labels"]["asynctask.io/schedule"]
    assert len(label) <= 63


def test_jitter_shifts_all_times_alike() -> None:
    clock = Clockwork("0 * * * *", jitterSeconds=1800, concurrencyPolicy="Queue")
    for hour in (14, 15, 16):
        clock.at(f"{hour}:00").end()
    late = {when - NOON - timedelta(hours=n + 1) for n, (_, when) in enumerate(clock.made)}
    assert len(late) == 1
    assert timedelta(0) < late.pop() <= timedelta(seconds=1800)
    assert clock.names[0] == "20300101-1300"


def test_the_next_times_are_shown_with_their_jitter() -> None:
    clock = Clockwork("0 * * * *").at("12:00")
    assert clock.status["nextScheduleTimes"] == [f"2030-01-01T{hour}:00:00Z" for hour in (13, 14, 15)]
    shifted = Clockwork("0 * * * *", jitterSeconds=1800).at("12:00").status["nextScheduleTimes"]
    assert shifted[0] > "2030-01-01T13:00:00Z"


def test_many_at_the_same_second_are_spread() -> None:
    made = [Clockwork("0 13 * * *", f"share-{n}", jitterSeconds=600).at("13:30").made[0][1] for n in range(150)]
    by_second: dict[str, int] = {}
    for when in made:
        by_second[str(stamp(when))] = by_second.get(str(stamp(when)), 0) + 1
    assert max(by_second.values()) <= 4
    assert max(made) - min(made) > timedelta(seconds=550)


# -- outages


def test_after_a_days_outage_there_is_one_run() -> None:
    clock = Clockwork("*/5 * * * *").at("12:01").at("2 12:01", look=False)
    clock.look()
    assert clock.names == ["20300102-1200"]
    assert clock.plan.wake_at == NOON + timedelta(days=1, minutes=5)


def test_or_none() -> None:
    clock = Clockwork("0 * * * *", missedRunPolicy="Skip").at("12:01").at("2 12:30", look=False)
    clock.look()
    assert clock.names == []
    assert clock.status["lastLeftOut"]["reason"] == "Missed"
    assert clock.status["lastLeftOut"]["time"] == "2030-01-02T12:00:00Z"
    assert clock.at("2 13:00").names == ["20300102-1300"]


def test_an_upgrade_of_the_operator_is_no_outage() -> None:
    clock = Clockwork("0 * * * *", missedRunPolicy="Skip").at("12:59").at("13:01", look=False)
    clock.look()
    assert clock.names == ["20300101-1300"]


@pytest.mark.parametrize(("late", "made"), [(9, 1), (11, 0)])
def test_a_starting_deadline_bounds_how_late_it_may_be(late: int, made: int) -> None:
    clock = Clockwork("0 13 * * *", startingDeadlineSeconds=600).at("12:59").at(f"13:{late:02}", look=False)
    clock.look()
    assert len(clock.names) == made


def test_what_came_due_while_suspended_is_not_made_up_for() -> None:
    clock = Clockwork("0 * * * *").at("12:01").change(suspend=True).at("15:30")
    assert clock.condition("Ready") == "False Suspended"
    assert "nextScheduleTimes" not in clock.status
    assert clock.change(suspend=False).at("15:59").names == []
    assert clock.condition("Ready") == "True Scheduled"
    assert clock.at("16:00").names == ["20300101-1600"]


def test_what_waits_is_given_up_by_a_suspension() -> None:
    clock = Clockwork("0 * * * *", concurrencyPolicy="Queue").at("14:30").change(suspend=True).at("14:40")
    assert "waitingScheduleTime" not in clock.status
    assert clock.end().change(suspend=False).at("14:59").names == ["20300101-1300"]


def test_another_schedule_counts_from_when_it_is_given() -> None:
    clock = Clockwork("0 0 * * *").at("15:30").change(schedule="0 14 * * *").at("23:00")
    assert clock.names == []
    assert clock.at("2 14:00").names == ["20300102-1400"]


def test_what_is_wrong_is_said_and_can_be_mended() -> None:
    clock = Clockwork("0 25 * * *").at("12:01")
    assert clock.condition("Ready") == "False InvalidSchedule"
    assert clock.message("Ready").startswith("spec.schedule: '0 25 * * *' is not a cron expression")
    assert clock.change(schedule="0 13 * * *").at("13:00").names == ["20300101-1300"]
    assert clock.change(timeZone="Mars/Olympus").at("13:01").message("Ready").startswith("spec.timeZone: ")


# -- concurrency


def test_skip_leaves_the_next_out() -> None:
    clock = Clockwork("0 * * * *", concurrencyPolicy="Skip").at("14:30")
    assert clock.names == ["20300101-1300"]
    assert clock.status["lastLeftOut"] == {
        "time": "2030-01-01T14:00:00Z", "reason": "StillRunning", "message": "nightly-20300101-1300 had not ended",
    }  # fmt: skip
    assert clock.end().names == ["20300101-1300"]
    assert clock.at("15:00").names == ["20300101-1300", "20300101-1500"]


def test_queue_starts_the_newest_when_the_one_before_has_ended() -> None:
    clock = Clockwork("0 * * * *", concurrencyPolicy="Queue").at("15:30")
    assert clock.names == ["20300101-1300"]
    assert clock.status["waitingScheduleTime"] == "2030-01-01T15:00:00Z"
    assert clock.end().names == ["20300101-1300", "20300101-1500"]
    assert "waitingScheduleTime" not in clock.status
    assert clock.end().names == ["20300101-1300", "20300101-1500"]


def test_what_waits_gives_up_at_its_deadline() -> None:
    clock = Clockwork("0 13,14 * * *", concurrencyPolicy="Queue", startingDeadlineSeconds=600).at("14:09")
    assert clock.status["waitingScheduleTime"]
    assert "waitingScheduleTime" not in clock.at("14:11").status
    assert clock.status["lastLeftOut"]["reason"] == "Missed"
    assert clock.end().names == ["20300101-1300"]


def test_replace_cancels_and_waits_until_it_has_ended() -> None:
    clock = Clockwork("0 * * * *", concurrencyPolicy="Replace").at("14:00")
    assert clock.names == ["20300101-1300"]
    assert clock.tasks["nightly-20300101-1300"]["spec"]["cancel"] is True
    writes = clock.writes
    assert clock.at("14:30").writes == writes
    assert clock.end(well=False).names == ["20300101-1300", "20300101-1400"]


# -- by hand


def test_run_now_makes_one_run() -> None:
    clock = Clockwork("0 0 1 1 *").at("12:10").change(runNow=1).at("12:20")
    assert clock.names == ["now-1"]
    assert clock.end().at("12:30").names == ["now-1"]
    assert clock.change(runNow=4).at("12:40").names == ["now-1", "now-4"]


def test_run_now_works_while_suspended_and_waits_for_what_runs() -> None:
    clock = Clockwork("0 13 * * *").at("13:00").change(suspend=True, runNow=1).at("13:30")
    assert clock.names == ["20300101-1300"]
    assert clock.end().names == ["20300101-1300", "now-1"]


def test_run_now_survives_a_kill() -> None:
    clock = Clockwork("0 0 1 1 *").change(runNow=1)
    with pytest.raises(Killed):
        clock.look(killed_after="create")
    clock.end().look()
    assert clock.names == ["now-1"]
    assert clock.status["runNow"] == 1


# -- crashes


@pytest.mark.parametrize("policy", ["Skip", "Queue", "Replace"])
@pytest.mark.parametrize("moment", ["create", "status"])
def test_a_kill_between_two_writes_makes_nothing_twice(policy: str, moment: str) -> None:
    clock = Clockwork("0 13 * * *", concurrencyPolicy=policy).at("12:59").at("13:00", look=False)
    with pytest.raises(Killed):
        clock.look(killed_after=moment)
    clock.look()
    assert clock.status["lastTask"] == "nightly-20300101-1300"
    assert not clock.tasks["nightly-20300101-1300"]["spec"].get("cancel")
    assert clock.end().at("13:30").names == ["20300101-1300"]


def test_nor_when_it_has_ended_by_the_next_look_and_none_is_kept() -> None:
    clock = Clockwork("0 13 * * *", successfulTasksHistoryLimit=0).at("12:59").at("13:00", look=False)
    with pytest.raises(Killed):
        clock.look(killed_after="create")
    clock.end().at("13:30")
    assert clock.tasks == {}
    assert clock.names == ["20300101-1300"]


steps = st.lists(
    st.tuples(st.integers(1, 200), st.sampled_from(["look", "create", "status", "nobody", "end", "fail"])), max_size=25
)


@given(
    steps,
    st.sampled_from(["Skip", "Queue", "Replace"]),
    st.sampled_from(["Collapse", "Skip"]),
    st.integers(0, 900),
    st.integers(0, 2),
)
@settings(max_examples=examples(40), deadline=None)
def test_each_time_has_at_most_one_run_and_never_two_at_once(
    told: list[tuple[int, str]], concurrency: str, missed: str, jitter: int, kept: int
) -> None:
    clock = Clockwork(
        "*/30 * * * *",
        concurrencyPolicy=concurrency,
        missedRunPolicy=missed,
        jitterSeconds=jitter,
        successfulTasksHistoryLimit=kept,
    )
    for minutes, what in told:
        clock.now += timedelta(minutes=minutes)
        if what in {"end", "fail"}:
            if clock.active:
                clock.end(well=what == "end", look=False)
        elif what != "nobody":
            before, active = len(clock.made), len(clock.active)
            try:
                clock.look(killed_after="" if what == "look" else what)
            except Killed:
                clock.look()
            assert len(clock.made) - before <= (0 if active else 1)
    assert len(set(clock.names)) == len(clock.names)
    times = sorted(clock.names)
    assert clock.names == times
    clock.look()
    if clock.active:
        clock.end()
    clock.pass_until(clock.now + timedelta(hours=2))
    assert clock.active, "it goes on"


# -- what it costs and keeps


def test_a_time_costs_two_writes_and_its_end_one() -> None:
    clock = Clockwork("0 * * * *", freshness={"maxAgeSeconds": 86_400}).at("13:30").end().at("13:40")
    before = clock.writes
    clock.at("14:10")
    assert clock.writes - before == 2
    clock.end()
    assert clock.writes - before == 3
    for minute in range(11, 60):
        clock.at(f"14:{minute}")
    assert clock.writes - before == 3


def test_old_tasks_go() -> None:
    clock = Clockwork("0 * * * *", successfulTasksHistoryLimit=2, failedTasksHistoryLimit=1)
    for hour in range(13, 23):
        clock.at(f"{hour}:30").end(well=hour % 2 == 0)
    assert sorted(clock.tasks) == [f"nightly-20300101-{hour}00" for hour in (20, 21, 22)]


def test_a_refused_task_is_told_and_tried_again() -> None:
    clock = Clockwork("0 13 * * *").at("12:59")
    clock.refuses = "exceeded quota"
    clock.at("13:00")
    assert clock.condition("Ready") == "False CreationRefused"
    assert "spec.taskTemplate: the API server refuses the task: exceeded quota" in clock.message("Ready")
    writes = clock.writes
    clock.at("13:05")
    assert clock.writes == writes
    clock.refuses = ""
    assert clock.at("13:10").names == ["20300101-1300"]
    assert clock.condition("Ready") == "True Scheduled"


def test_a_schedule_that_goes_makes_nothing() -> None:
    clock = Clockwork("0 * * * *")
    clock.body["metadata"]["deletionTimestamp"] = stamp(NOON)
    assert clock.at("15:00").names == []


# -- freshness

DAILY = {"freshness": {"maxAgeSeconds": 7200}}


def test_fresh_after_a_success_and_stale_when_it_is_too_old() -> None:
    clock = Clockwork("0 13 * * *", **DAILY).at("12:01")
    assert clock.condition("Fresh") == "Unknown NeverSucceeded"
    clock.at("13:20").end()
    assert clock.status["lastSuccess"] == {
        "task": "nightly-20300101-1300", "startTime": "2030-01-01T13:00:00Z", "completionTime": "2030-01-01T13:20:00Z",
    }  # fmt: skip
    assert clock.status["usualSeconds"] == 1200
    assert clock.at("14:59").condition("Fresh").startswith("True")
    assert clock.at("15:00").condition("Fresh") == "False Stale"
    assert "nightly-20300101-1300, began at 2030-01-01T13:00:00Z: more than 2h ago" in clock.message("Fresh")


def test_never_succeeded_in_time_is_not_fresh() -> None:
    clock = Clockwork("0 13 * * *", **DAILY).at("13:20").end(well=False)
    assert clock.condition("Fresh") == "Unknown NeverSucceeded"
    assert clock.at("14:00").condition("Fresh") == "False NeverSucceeded"


def test_a_miss_is_predicted_from_the_usual_duration_and_the_next_run() -> None:
    clock = Clockwork("0 13,14 * * *", **DAILY).at("13:30").end()
    assert clock.condition("Fresh") == "True Fresh"  # the next begins at 14:00, takes half an hour, is due by 15:00
    late = Clockwork("0 13,16 * * *", **DAILY).at("13:30").end()
    assert late.condition("Fresh") == "True MissPredicted"
    assert "the run of 2030-01-01T16:00:00Z, which usually takes 30m, comes too late" in late.message("Fresh")
    tight = Clockwork("30 12,14 * * *", **DAILY).at("13:10").end()
    assert tight.condition("Fresh") == "True MissPredicted"  # begun at 12:30; the next ends at 15:10


def test_a_suspended_schedule_foresees_that_nothing_comes() -> None:
    clock = Clockwork("0 13,14 * * *", **DAILY).at("13:30").end().change(suspend=True).at("13:31")
    assert clock.condition("Fresh") == "True MissPredicted"
    assert clock.message("Fresh").startswith("no run is planned")


def test_a_target_that_is_taken_away_takes_its_condition_along() -> None:
    clock = Clockwork("0 13 * * *", **DAILY).at("13:30").end().change(freshness=None).at("13:31")
    assert clock.condition("Fresh") == ""


def test_of_two_successes_in_one_second_the_later_counts() -> None:
    clock = Clockwork("0 0 1 1 *").at("12:10").change(runNow=1).at("12:20").end()
    clock.change(runNow=2).look()
    assert clock.end().status["lastSuccess"]["task"] == "nightly-now-2"
    usual = clock.status["usualSeconds"]
    clock.look()
    assert clock.status["usualSeconds"] == usual


def test_the_usual_duration_follows_slowly() -> None:
    clock = Clockwork("0 * * * *")
    for hour, minutes in ((13, 30), (14, 30), (15, 59)):
        clock.at(f"{hour}:{minutes}").end()
    assert clock.status["usualSeconds"] == (2 * 1800 + 3540) // 3


def test_a_retried_run_counts_from_its_own_start() -> None:
    body = {
        "metadata": {"name": "a", "uid": "u", "creationTimestamp": "2030-01-01T00:00:00Z"}, "spec": {"run": 2},
        "status": {"run": 2, "startTime": "2030-01-01T10:00:00Z", "completionTime": "2030-01-01T10:10:00Z",
                   "conditions": [{"type": "Succeeded", "status": "True"}]},
    }  # fmt: skip
    assert tasks.line(body).seconds == 600
    assert tasks.line({**body, "spec": {"run": 3}}).outcome == ""
