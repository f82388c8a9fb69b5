"""What the gateway loads at its start: each megabyte is kept by every replica for good."""

import subprocess
import sys

import pytest

RARE = ("alembic", "mako", "apprise", "kopf", "kubernetes", "kubernetes_asyncio")


@pytest.mark.parametrize("start", ["asynctask.gateway.app", "asynctask.gateway.__main__"])
def test_the_gateway_starts_without(start: str) -> None:
    program = f"import sys, {start}; print(*(name for name in {RARE} if name in sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []
