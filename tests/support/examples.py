"""How many examples properties are tried with: all of them, or a share, for an answer in seconds."""

import os

SHARE = float(os.environ.get("ASYNCTASK_TEST_EXAMPLES", "1"))


def examples(number: int) -> int:
    """So many, at the share that ASYNCTASK_TEST_EXAMPLES says."""
    return max(3, round(number * SHARE))
