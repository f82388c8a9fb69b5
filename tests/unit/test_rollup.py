"""What is shown of a task in a column."""

import pytest
from support.scenes import Scene, make_task

ONE = make_task().stage("scan")
THREE = make_task().stage("scan").stage("copy").stage("verify").succeeded("scan")
HALF = {"bytesDone": 43, "bytesTotal": 100}

SHOWN = {
    "nothing of a stage that tells nothing": (ONE.running("scan"), ""),
    "the percent of an only stage": (ONE.running("scan", progress=HALF), "43%"),
    "which of several stages it is": (THREE.running("copy"), "stage 2/3"),
    "the percent, and of which stage": (THREE.running("copy", progress=HALF), "43% of stage 2/3"),
    "all of a task that ended well": (ONE.succeeded("scan", progress=HALF), "100%"),
}


@pytest.mark.parametrize(("scene", "progress"), SHOWN.values(), ids=SHOWN.keys())
def test_progress_is_shown_as(scene: Scene, progress: str) -> None:
    status = scene.told().plan.status
    assert status
    assert status["display"]["progress"] == progress
