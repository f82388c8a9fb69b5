"""How long tests wait for what should come at once. Such bounds only tell how late a failure is noticed."""

import os

FACTOR = float(os.environ.get("ASYNCTASK_TEST_PATIENCE", "1"))
"""On a machine that does other work too, everything may take longer; what a test measures is not stretched by this."""


def patient(seconds: float) -> float:
    """The bound to wait for."""
    return seconds * FACTOR
