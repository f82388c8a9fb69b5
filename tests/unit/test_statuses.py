"""The words that applications know states by."""

import pytest

from asynctask.api.status import FINAL_PHASES, Phase
from asynctask.core import statuses
from asynctask.core.statuses import TaskStatus


@pytest.mark.parametrize("phase", Phase)
def test_every_phase_has_a_word_and_is_found_by_it(phase: Phase) -> None:
    assert phase in statuses.phases([statuses.of(phase)])


def test_a_task_has_ended_in_words_exactly_when_it_has_by_its_phase() -> None:
    assert statuses.phases(statuses.ENDED) == FINAL_PHASES


def test_no_phase_and_one_of_a_later_version_count_as_queued() -> None:
    assert statuses.of(None) == statuses.of("") == statuses.of("Hibernating") == TaskStatus.QUEUED


def test_words_are_those_that_applications_were_told() -> None:
    assert statuses.of(Phase.SUCCEEDED) == "completed"
    assert statuses.of(Phase.PARTIAL) == "partially_completed"
    assert statuses.of(Phase.BACKING_OFF) == statuses.of(Phase.STARTING) == "running"
