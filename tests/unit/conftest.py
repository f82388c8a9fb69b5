"""What several files of rules are tested with."""

import gc

import pytest
from support.desk import Desk


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("asynctask.scheduling.scheduler.perf_counter", lambda: 0.0)  # passes cost nothing here
    return Desk()


def pytest_collection_finish() -> None:
    """What has been imported and collected stays: going through it again and again was a tenth of the time."""
    gc.collect()
    gc.freeze()
