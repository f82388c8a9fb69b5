"""What the gateway loads at its start: each megabyte is kept by every replica for good."""

import subprocess
import sys

RARE = ("alembic", "mako", "apprise", "kopf", "kubernetes", "kubernetes_asyncio")


def test_the_gateway_starts_without() -> None:
    program = f"import sys, asynctask.gateway.__main__; print(*(name for name in {RARE} if name in sys.modules))"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == []
