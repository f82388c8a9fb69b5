"""A replica from its start to its end."""

from collections.abc import Callable

import pytest
from support.estate import Estate, job
from support.operators import OperatorProcess

NewOperator = Callable[..., OperatorProcess]


@pytest.mark.parametrize("leader_election", [True, False])
def test_asked_to_stop_as_soon_as_it_leads_it_ends_at_once(new_operator: NewOperator, leader_election: bool) -> None:
    """kopf takes the signals for a moment while it starts: the request must not get lost there."""
    with new_operator("brief", leader_election=leader_election) as replica:
        assert replica.terminate() == 0


def test_asked_to_stop_later_it_ends_and_says_so_to_its_probe(estate: Estate, new_operator: NewOperator) -> None:
    with new_operator("later") as replica:
        estate.until(estate.submit(job("copy")), "True Succeeded")
        assert (replica.probe("healthz"), replica.probe("readyz")) == (200, 200)
        assert replica.terminate() == 0


def test_without_a_cluster_it_says_what_it_looked_for(new_operator: NewOperator, tmp_path: object) -> None:
    from pathlib import Path

    replica = new_operator("lost", kubeconfig=Path(str(tmp_path)) / "none").start()
    assert replica.process
    assert replica.process.wait(60) == 2
    assert "kubeconfig" in replica.tail() or "none" in replica.tail()
