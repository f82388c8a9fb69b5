"""What is made of a stage that is a pod: its state, and what is done."""

from datetime import datetime, timedelta

import pytest
from support.scenes import NOW, Scene, ago, make_task

ONE = make_task().stage("scan")
RUNNING = ONE.running("scan")
STARTED = ONE.began("scan").job("scan", active=1)
SUSPENDED = ONE.began("scan").job("scan", suspend=True, condition=("Suspended", "JobSuspended"), started_ago=None)
GONE_JOB = ("Failed", "BackoffLimitExceeded")
WENT_AT_ONCE = (
    ONE.began("scan").job("scan", suspend=True, condition=GONE_JOB)
    .pod("scan", "Failed", exit_code=143, message='{"outcome":"stopped"}')
)  # fmt: skip
REPORT = {"attempt": 1, "outcome": "succeeded", "time": ago(3)}
BACK_OFF = "scan: BackingOff a2"

SENTENCES = {
    # beginning
    "a fresh task starts its first stage": (ONE, "Running", ("start scan a1",)),
    "a full queue starts nothing": (ONE.not_admitted(), "Queued", ()),
    "a paused task starts nothing": (ONE.paused(), "Paused", ()),
    "a Stage without its Job gets the Job": (ONE.began("scan"), "Running", ("start scan a1",)),
    "a Job without its pod is waited for": (STARTED.job("scan", seconds_ago=1), "Running", ()),
    "a running pod is left alone": (RUNNING, "Running", ()),
    "no pod after a while is said": (STARTED, "Starting", ()),
    # ends
    "exit code 0 is success": (STARTED.pod("scan", "Succeeded", exit_code=0), "Succeeded", ("scan: Succeeded",)),
    "exit code 3 is partial success": (STARTED.pod("scan", "Failed", exit_code=3), "Partial", ("scan: Partial",)),
    "exit code 1 is tried again": (STARTED.pod("scan", "Failed", exit_code=1), "BackingOff", (BACK_OFF,)),
    "exit code 75 is tried again": (STARTED.pod("scan", "Failed", exit_code=75), "BackingOff", (BACK_OFF,)),
    "exit code 76 is tried again": (STARTED.pod("scan", "Failed", exit_code=76), "BackingOff", (BACK_OFF,)),
    "exit code 65 is the end": (STARTED.pod("scan", "Failed", exit_code=65), "Failed", ("scan: Failed",)),
    "exit code 143 of its own is tried again": (
        STARTED.pod("scan", "Failed", exit_code=143), "BackingOff", (BACK_OFF,)),
    "out of memory is tried again": (
        STARTED.pod("scan", "Failed", exit_code=137, reason="OOMKilled"), "BackingOff", (BACK_OFF,)),
    "a full scratch disk is the end": (
        STARTED.pod("scan", "Failed", pod_reason="Evicted", disrupted=True,
                    pod_message="Pod ephemeral local storage usage exceeds the total limit of containers 1Gi."),
        "Failed", ("scan: Failed",)),
    "a full node is a disruption and the Job's business": (
        STARTED.job("scan", seconds_ago=1).pod(
            "scan", "Failed", pod_reason="Evicted", disrupted=True, ended_ago=1, exit_code=137,
            pod_message="The node was low on resource: memory."),
        "Running", ()),
    "a pod that failed before its container ran is tried again": (
        STARTED.pod("scan", "Failed", pod_reason="UnexpectedAdmissionError"), "BackingOff", (BACK_OFF,)),
    # its own word
    "its report of success outranks exit code 1": (
        ONE.began("scan", completion=REPORT).job("scan").pod("scan", "Failed", exit_code=1),
        "Succeeded", ("scan: Succeeded",)),
    "its report of success does not wait for the pod": (
        ONE.running("scan", completion=REPORT), "Succeeded", ("scan: Succeeded",)),
    "its report of failure outranks exit code 0": (
        ONE.began("scan", completion={**REPORT, "outcome": "failed", "class": "permanent"})
        .job("scan").pod("scan", "Succeeded", exit_code=0),
        "Failed", ("scan: Failed",)),
    "a report of an earlier attempt says nothing": (
        ONE.running("scan", attempt=2, completion=REPORT), "Running", ()),
    "a report of having stopped is no end": (
        ONE.running("scan", completion={**REPORT, "outcome": "stopped"}), "Running", ()),
    "a report of success outranks a pause": (
        ONE.paused().running("scan", completion=REPORT), "Succeeded", ("scan: Succeeded",)),
    "its termination message outranks its exit code": (
        STARTED.pod("scan", "Failed", exit_code=1, message='{"outcome":"succeeded"}'),
        "Succeeded", ("scan: Succeeded",)),
    "its termination message may say: throttled": (
        STARTED.pod("scan", "Failed", exit_code=1, message='{"outcome":"failed","class":"throttled"}'),
        "BackingOff", (BACK_OFF,)),
    # pods that others end
    "a pod deleted by hand is replaced and not counted": (
        STARTED.pod("scan", "Failed", exit_code=137, asked_ago=5), "Starting", ("scan: Starting a2",)),
    "exit code 0 after a request to stop is no success": (
        STARTED.pod("scan", "Succeeded", exit_code=0, asked_ago=5), "Starting", ("scan: Starting a2",)),
    "exit code 0 before the request to stop is success": (
        STARTED.pod("scan", "Succeeded", exit_code=0, asked_ago=1, ended_ago=4), "Succeeded", ("scan: Succeeded",)),
    "a disrupted pod is replaced by the Job": (
        STARTED.job("scan", seconds_ago=1).pod("scan", "Failed", exit_code=143, disrupted=True),
        "Running", ()),
    "a disrupted pod that said it was done is done": (
        STARTED.pod("scan", "Failed", exit_code=143, disrupted=True, message='{"outcome":"succeeded"}'),
        "Succeeded", ("scan: Succeeded",)),
    # two pods of one Job: the answer to the first one's creation was lost
    "a pod that was done counts, whatever came after it": (
        STARTED.pod("scan", "Succeeded", exit_code=0, seconds_ago=50).pod("scan", seconds_ago=5),
        "Succeeded", ("scan: Succeeded",)),
    "a second pod that is taken away again leaves the first to go on": (
        STARTED.pod("scan", seconds_ago=50).pod("scan", "Failed", exit_code=143, asked_ago=5, seconds_ago=20),
        "Running", ()),
    "a first pod that is taken away leaves the second to go on": (
        STARTED.pod("scan", seconds_ago=50, asked_ago=5).pod("scan", seconds_ago=20), "Running", ()),
    "a Job that failed without a pod is tried again": (
        ONE.began("scan").job("scan", condition=GONE_JOB), "BackingOff", (BACK_OFF,)),
    "a Job that completed without a pod is success": (
        ONE.began("scan").job("scan", condition=("Complete", "")), "Succeeded", ("scan: Succeeded",)),
    "a Job past its deadline is the end": (
        ONE.began("scan").job("scan", condition=("Failed", "DeadlineExceeded")), "Failed", ("scan: Failed",)),
    "a failed Job whose pod still lives is waited for": (
        ONE.began("scan").job("scan", condition=GONE_JOB).pod("scan"), "Running", ()),
    "a Job deleted by hand is made again": (ONE.began("scan"), "Running", ("start scan a1",)),
    "a live pod without its Job is waited for": (ONE.began("scan").pod("scan"), "Stopping", ("scan: Stopping",)),
    # pause
    "a pause suspends the Job": (RUNNING.paused(), "Stopping", ("suspend scan a1", "scan: Stopping")),
    "a stopping pod is waited for": (
        SUSPENDED.paused().pod("scan"), "Stopping", ("scan: Stopping",)),
    "a suspended Job without a pod is paused": (SUSPENDED.paused(), "Paused", ("scan: Paused",)),
    **{
        f"exit code {code} during a pause is a pause": (
            SUSPENDED.paused().pod("scan", "Failed" if code else "Succeeded", exit_code=code, asked_ago=5),
            "Paused", ("scan: Paused",))
        for code in (0, 1, 75, 137, 143)
    },
    "exit code 65 during a pause is the end": (
        SUSPENDED.paused().pod("scan", "Failed", exit_code=1, asked_ago=5,
                               message='{"outcome":"failed","class":"permanent"}'),
        "Failed", ("scan: Failed",)),
    "a success before the pause reached it is a success": (
        SUSPENDED.paused().pod("scan", "Succeeded", exit_code=0), "Succeeded", ("scan: Succeeded",)),
    "a stage that went before its pod was deleted is paused": (
        WENT_AT_ONCE.paused(), "Paused", ("scan: Paused",)),
    "its resume is another attempt": (WENT_AT_ONCE, "Starting", ("scan: Starting a2",)),
    "a resume lets the Job go on": (SUSPENDED, "Running", ("resume scan a1",)),
    "a resume waits for a place": (SUSPENDED.not_admitted(), "Queued", ()),
    "a resume waits until the old pod is gone": (SUSPENDED.pod("scan"), "Stopping", ("scan: Stopping",)),
    # cancel
    "a cancel suspends the Job": (RUNNING.cancelled(), "Stopping", ("suspend scan a1", "scan: Stopping")),
    "a cancel ends when the pod is gone": (SUSPENDED.cancelled(), "Cancelled", ("scan: Cancelled",)),
    "a cancel before the beginning is the end": (ONE.cancelled(), "Cancelled", ()),
    "exit code 1 during a cancel is a cancel": (
        SUSPENDED.cancelled().pod("scan", "Failed", exit_code=1, asked_ago=5), "Cancelled", ("scan: Cancelled",)),
    # attempts
    "the next attempt waits for its time": (
        ONE.began("scan", attempt=2, retryTime=ago(-5), phase="BackingOff"), "BackingOff", ()),
    "the next attempt begins in time": (
        ONE.began("scan", attempt=2, retryTime=ago(0), phase="BackingOff"), "Running",
        ("start scan a2", "scan: Running")),
    "the next attempt waits for the pod before": (
        ONE.began("scan", attempt=2, retryTime=ago(5), phase="Starting").pod("scan", attempt=1), "Starting", ()),
    "an attempt that backs off can be paused": (
        ONE.paused().began("scan", attempt=2, retryTime=ago(-5), phase="BackingOff"), "Paused", ("scan: Paused",)),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_job_stage(sentence: str) -> None:
    scene, phase, actions = SENTENCES[sentence]
    told = scene.told()
    assert (told.phase, told.actions) == (phase, actions), told.message


STUCK = {
    "ErrImagePull": "ImagePullFailed",
    "ImagePullBackOff": "ImagePullFailed",
    "InvalidImageName": "ImagePullFailed",
    "CreateContainerConfigError": "ContainerConfigError",
    "CreateContainerError": "ContainerConfigError",
}


@pytest.mark.parametrize("waiting", STUCK)
def test_what_keeps_a_pod_from_starting_can_be_read_at_once(waiting: str) -> None:
    told = STARTED.pod("scan", "Pending", waiting=waiting, seconds_ago=1).told()
    assert (told.phase, told.reason) == ("Starting", STUCK[waiting])
    assert "it says why" in told.message
    assert told.plan.wake_at is not None


@pytest.mark.parametrize("waiting", STUCK)
def test_what_keeps_a_pod_from_starting_for_long_is_the_end(waiting: str) -> None:
    told = STARTED.pod("scan", "Pending", waiting=waiting, seconds_ago=600).told()
    assert (told.phase, told.reason) == ("Failed", STUCK[waiting])
    assert told.actions == ("scan: Failed", "suspend scan a1")
    assert "it says why" in told.message


def test_a_container_that_is_being_made_is_no_trouble() -> None:
    assert STARTED.pod("scan", "Pending", waiting="ContainerCreating", seconds_ago=300).told().phase == "Running"


def test_no_node_takes_the_pod() -> None:
    told = STARTED.pod("scan", "Pending", unschedulable=True).told()
    assert (told.phase, told.reason) == ("Starting", "Unschedulable")
    assert "0/3 nodes are available" in told.message


@pytest.mark.parametrize("suspended_ago", [30, 3600])
def test_a_resumed_job_gets_time_to_make_its_pod(suspended_ago: int) -> None:
    resumed = ONE.began("scan", seconds_ago=9000).job(
        "scan", seconds_ago=9000, started_ago=None, condition=("Suspended", "JobSuspended"), condition_ago=suspended_ago
    )
    assert resumed.told().phase == "Running"


def test_a_pause_that_the_stage_obeys_at_once_counts_as_no_failure() -> None:
    told = WENT_AT_ONCE.with_spec(retry={"maxAttempts": 1}).told()
    assert told.phase == "Starting"
    assert not told.patch("scan").keys() & {"failures", "lastError"}


@pytest.mark.parametrize("code", [0, 75, 137, 143])
def test_a_resume_waits_for_what_is_left_of_the_pod(code: int) -> None:
    """Beside a Job that goes on, the remains would be its pod, and a second Job would follow on what they say."""
    remains = SUSPENDED.pod("scan", "Failed" if code else "Succeeded", exit_code=code, asked_ago=5, ended_ago=4)
    told = remains.told()
    assert (told.phase, told.actions) == ("Running", ())
    assert told.plan.wake_at == NOW + timedelta(seconds=25)
    lost = SUSPENDED.pod("scan", "Failed", exit_code=code or 1, asked_ago=31, ended_ago=4)
    assert lost.told().actions == ("resume scan a1",)
    assert SUSPENDED.told().actions == ("resume scan a1",)


def test_a_resumed_job_that_makes_no_pod_says_so_and_fails_in_the_end() -> None:
    resumed = ONE.began("scan", seconds_ago=9000)
    assert resumed.job("scan", seconds_ago=9000, started_ago=30).told().reason == "PodPending"
    assert resumed.job("scan", seconds_ago=9000, started_ago=601).told().phase == "Failed"


def test_an_evicted_pod_gets_time_to_be_replaced_however_old_its_job_is() -> None:
    old = ONE.began("scan", seconds_ago=9000).job("scan", seconds_ago=9000)
    assert old.pod_gone("scan", 15).told().phase == "Running"
    assert old.pod_gone("scan", 29).told().phase == "Running"
    assert old.pod_gone("scan", 30).told().actions == ("scan: Starting a2", "suspend scan a1")


REPLACED = ("scan: Starting a2", "suspend scan a1")
EVICTED = ONE.began("scan", failures=2, seconds_ago=9000).job("scan", seconds_ago=9000)
SECOND = ONE.began("scan", attempt=2, phase="Starting")
FAILED_REPORT = {"attempt": 1, "outcome": "failed", "class": "transient"}


@pytest.mark.parametrize("taken", [
    EVICTED.pod("scan", "Failed", exit_code=143, disrupted=True, ended_ago=31),
    EVICTED.pod("scan", "Failed", disrupted=True, pod_reason="Evicted", exit_code=137, ended_ago=31),
    EVICTED.pod_gone("scan", 31),
    EVICTED.began("scan", holder={"podUID": "gone", "attempt": 1}).looked_at_since(31),
], ids=["shut down", "evicted by its node", "evicted by request", "while no operator ran"])  # fmt: skip
def test_a_pod_that_the_cluster_took_and_does_not_replace_is_another_attempt_that_does_not_count(taken: Scene) -> None:
    told = taken.told()
    assert (told.phase, told.actions) == ("Starting", REPLACED)
    assert "failures" not in told.patch("scan")
    assert "no other came within 30s" in told.message


def test_a_pod_that_the_cluster_took_is_given_time_to_be_replaced() -> None:
    told = EVICTED.pod("scan", "Failed", exit_code=143, disrupted=True, ended_ago=29).told()
    assert (told.phase, told.actions) == ("Running", ())
    assert told.plan.wake_at is not None
    assert (told.plan.wake_at - EVICTED.now).total_seconds() == 1


def test_a_job_whose_pods_are_refused_makes_no_attempt_after_another() -> None:
    told = SECOND.job("scan", attempt=2, seconds_ago=60).told()
    assert (told.reason, told.actions) == ("PodPending", ())


@pytest.mark.parametrize(("older", "actions"), [
    (SECOND.job("scan", seconds_ago=60), ("suspend scan a1",)),
    (SECOND.job("scan").pod("scan", "Failed", exit_code=143, disrupted=True), ("suspend scan a1",)),
    (SECOND.job("scan").pod("scan"), ("suspend scan a1",)),
    (SECOND.job("scan", suspend=True, active=1), ()),
    (SECOND.job("scan").pod("scan", "Failed", exit_code=1), ()),
    (SECOND.job("scan").pod("scan", "Running", exit_code=1), ()),
], ids=["about to make a pod", "about to replace its pod", "replaced its pod", "stopping", "failing", "ending"])  # fmt: skip
def test_no_attempt_begins_while_the_job_before_may_make_a_pod(older: Scene, actions: tuple[str, ...]) -> None:
    assert (older.told().phase, older.told().actions) == ("Starting", actions)
    assert older.paused().told().phase == older.cancelled().told().phase == "Stopping"
    assert tuple(a for a in older.cancelled().told().actions if "a1" in a) == actions


@pytest.mark.parametrize("over", [{"condition": GONE_JOB}, {"suspend": True, "condition": ("Suspended", "")}], ids=str)
def test_an_attempt_begins_when_the_job_before_can_make_no_pod(over: dict[str, object]) -> None:
    assert SECOND.job("scan", **over).told().actions == ("start scan a2", "scan: Running")


@pytest.mark.parametrize(("said_ago", "actions"), [(89, ()), (90, ("suspend scan a1",))], ids=["in time", "late"])
def test_a_pod_that_hangs_after_its_report_is_stopped(said_ago: int, actions: tuple[str, ...]) -> None:
    hanging = SECOND.began("scan", retryTime=ago(50), completion={**FAILED_REPORT, "time": ago(said_ago)})
    told = hanging.job("scan", active=1).pod("scan").told()
    assert (told.phase, told.actions) == ("Starting", actions)
    assert "reported its end" in told.message
    assert told.plan.wake_at is not None or actions
    assert [event.reason for event in told.plan.events] == ["PodLingered"] * len(actions)


@pytest.mark.parametrize("scene", [
    ONE.ended(seconds_ago=90), ONE.with_spec(suspend=True).ended(seconds_ago=90),
    make_task().stage("scan").stage("next").succeeded("scan").running("next"),
], ids=["of a run that is over", "of a paused one", "beside the next stage"])  # fmt: skip
@pytest.mark.parametrize("late", [False, True], ids=["in time", "late"])
def test_a_pod_that_hangs_after_the_end_of_its_stage_is_stopped(scene: Scene, late: bool) -> None:
    over = scene.succeeded("scan", completion=REPORT).began("scan", completionTime=ago(90 if late else 89))
    told = over.job("scan", active=1).pod("scan").told()
    assert told.actions == (("suspend scan a1",) if late else ())
    assert late or told.plan.wake_at is not None
    assert over.job("scan", suspend=True).pod("scan").told().actions == ()
    assert over.job("scan", active=1).pod("scan", asked_ago=5).told().actions == ()
    assert over.with_meta(deletionTimestamp=ago(1)).job("scan").pod("scan").told().actions == ()


def test_a_report_of_having_stopped_is_no_end_to_be_stopped_after() -> None:
    stopped = ONE.running("scan", completion={**REPORT, "outcome": "stopped", "time": ago(9000)})
    assert stopped.told().actions == ()


def test_the_grace_of_the_stage_counts() -> None:
    slow = make_task().stage("scan", job={"image": "example/copy:1", "terminationGracePeriodSeconds": 600})
    over = slow.ended(seconds_ago=90).succeeded("scan", completion=REPORT).began("scan", completionTime=ago(90))
    assert over.job("scan", active=1).pod("scan").told().actions == ()


def test_a_pod_that_is_told_to_stop_and_never_goes_is_waited_for() -> None:
    lost = EVICTED.pod("scan", asked_ago=9000, disrupted=True).told()
    assert (lost.phase, lost.reason) == ("Starting", "PodPending")
    assert "kubectl delete node" in lost.message
    assert EVICTED.pod("scan", asked_ago=89, disrupted=True).told().phase == "Running"


def test_a_pod_that_went_while_no_operator_ran_counts_from_the_operators_start() -> None:
    old = ONE.began("scan", seconds_ago=9000).job("scan", seconds_ago=9000)
    assert old.looked_at_since(5).told().phase == "Running"
    assert old.looked_at_since(601).told().phase == "Failed"
    assert old.looked_at_since(9000).pod_gone("scan", 5).told().phase == "Running"


def _failed(scene: Scene, **status: object) -> dict[str, object]:
    return scene.began("scan", **status).job("scan").pod("scan", "Failed", exit_code=1).told().patch("scan")


def _pause(patch: dict[str, object], now: str = ago(0)) -> float:
    return (datetime.fromisoformat(str(patch["retryTime"])) - datetime.fromisoformat(now)).total_seconds()


@pytest.mark.parametrize(("failures", "pause"), [(0, 10), (1, 20), (2, 40), (3, 80)])
def test_the_pause_doubles(failures: int, pause: float) -> None:
    patch = _failed(ONE, failures=failures)
    assert _pause(patch) == pause
    assert patch["failures"] == failures + 1


def test_the_pause_is_bounded() -> None:
    scene = ONE.with_spec(retry={"maxAttempts": 100, "backoffSeconds": 10, "maxBackoffSeconds": 60})
    assert _pause(_failed(scene, failures=80)) == 60


def test_a_throttled_attempt_waits_four_times_as_long() -> None:
    assert _pause(STARTED.pod("scan", "Failed", exit_code=76).told().patch("scan")) == 40


def test_the_last_attempt_is_the_end() -> None:
    patch = _failed(ONE, failures=4)
    assert patch["phase"] == "Failed"
    assert patch["conditions"][0]["reason"] == "RetriesExhausted"  # type: ignore[index]
    assert patch["lastError"]["class"] == "transient"  # type: ignore[index]
    assert "5 times" in str(patch["message"])


def test_a_checkpoint_that_moved_on_starts_the_count_anew() -> None:
    moved = _failed(ONE, failures=4, failedSequence=7, checkpoint={"sequence": 8})
    assert (moved["phase"], moved["failures"], moved["failedSequence"]) == ("BackingOff", 1, 8)
    stuck = _failed(ONE, failures=4, failedSequence=8, checkpoint={"sequence": 8})
    assert stuck["phase"] == "Failed"


def test_the_stage_s_own_retry_policy_comes_first() -> None:
    scene = make_task(retry={"maxAttempts": 9}).stage("scan", retry={"maxAttempts": 1})
    assert _failed(scene)["phase"] == "Failed"


def test_a_replaced_pod_begins_at_once() -> None:
    patch = STARTED.pod("scan", "Failed", exit_code=137, asked_ago=5).told().patch("scan")
    assert "failures" not in patch
    assert patch["retryTime"] is None


def test_what_a_failed_attempt_said_is_kept() -> None:
    patch = STARTED.pod("scan", "Failed", exit_code=65, message="no such share: photos").told().patch("scan")
    assert patch["lastError"] == {
        "attempt": 1, "class": "permanent", "reason": "PermanentError", "exitCode": 65,
        "message": "exit code 65: no such share: photos", "time": ago(2),
    }  # fmt: skip


def test_a_failure_is_told_in_an_event() -> None:
    told = STARTED.pod("scan", "Failed", exit_code=1, message="boom").told()
    assert [(event.type, event.reason) for event in told.plan.events] == [("Warning", "StageFailed")]
    assert "boom" in told.plan.events[0].message


@pytest.mark.parametrize("scene", [RUNNING, STARTED, RUNNING.paused(), SUSPENDED.pod("scan"), ONE], ids=lambda _: "")
def test_what_has_or_may_get_a_pod_holds_its_place(scene: Scene) -> None:
    assert scene.told().plan.holds_slot


@pytest.mark.parametrize(
    "scene",
    [
        ONE.not_admitted(),
        SUSPENDED.paused(),
        ONE.began("scan", attempt=2, retryTime=ago(-5)),
        STARTED.pod("scan", "Succeeded", exit_code=0),
    ],
    ids=lambda _: "",
)
def test_what_has_no_pod_holds_no_place(scene: Scene) -> None:
    assert not scene.told().plan.holds_slot
