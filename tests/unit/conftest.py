"""What several files of rules are tested with."""

import pytest
from support.desk import Desk


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("asynctask.scheduling.scheduler.perf_counter", lambda: 0.0)  # passes cost nothing here
    return Desk()
