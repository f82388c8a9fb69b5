"""The checker of the fault tests sees what it is there to see."""

import pytest
from support.estate import check
from support.kubelet import Life


def life(begun: float, ended: float | None, exit_code: int | None = 0, *, run: int = 1, stage: str = "copy") -> Life:
    return Life("task", stage, run, 1, begun, ended, exit_code)


@pytest.mark.parametrize(
    "lives",
    [
        [life(0, 2, 1), life(1, 3)],
        [life(0, None, None), life(1, 3)],
        [life(1, 3), life(0, 2, 1)],
        [life(0, 1), life(2, 3)],
        [life(0, 2, 1, run=1), life(1, 3, run=2)],
    ],
    ids=["overlap", "never ended", "overlap in another order", "again after success", "overlap of two runs"],
)
def test_what_must_not_be_is_seen(lives: list[Life]) -> None:
    with pytest.raises(AssertionError):
        check(lives)


@pytest.mark.parametrize(
    "lives",
    [
        [life(0, 1, 75), life(1, 2)],
        [life(0, 1, run=1), life(1, 2, run=2)],
        [life(0, 5, stage="left"), life(1, 2, stage="right")],
        [life(0, 1, 143), life(2, None, None)],
    ],
    ids=["retried", "two runs", "two stages", "stopped and resumed"],
)
def test_what_may_be_passes(lives: list[Life]) -> None:
    check(lives)
