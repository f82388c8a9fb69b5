"""What several files of rules are tested with."""

import gc

import pytest
from hypothesis import settings
from support.desk import Desk
from support.examples import examples

gc.disable()  # while everything is imported and collected
settings.register_profile("share", max_examples=examples(100))
settings.load_profile("share")


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("asynctask.scheduling.scheduler.perf_counter", lambda: 0.0)  # passes cost nothing here
    return Desk()


def pytest_collection_finish() -> None:
    """What has been imported and collected stays: going through it again and again was a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()
