"""`python -m servers up|down [DIRECTORY]`: what hack/servers does."""

import os
import signal
import sys
from pathlib import Path

from .instances import MariaDb, PostgreSql, Server, ServerError

DIRECTORY = Path(f"/var/tmp/asynctask-servers-{os.getuid()}")
"""Not in root's home: the servers don't run as root and must reach it."""


def main(verb: str, directory: str = "") -> int:
    """Start or end both."""
    place = Path(directory) if directory else DIRECTORY
    for server in (PostgreSql(place), MariaDb(place)):
        marker = server.directory / "running"
        try:
            up(server, marker) if verb == "up" else down(server, marker)
        except ServerError as error:
            print(f"servers: {error}", file=sys.stderr)
            return 1
    return 0


def up(server: Server, marker: Path) -> None:
    """Start, unless it runs; print the URL of its database `asynctask`."""
    if marker.exists():
        pid, server.port = map(int, marker.read_text().split())
        if Path(f"/proc/{pid}").exists():
            print(server.url("asynctask"))
            return
    server.start()
    assert server.process
    marker.write_text(f"{server.process.pid} {server.port}")
    try:
        server.create("asynctask")
    except ServerError as error:
        if "exists" not in str(error):
            raise
    print(server.url("asynctask"))


def down(server: Server, marker: Path) -> None:
    """End it."""
    if not marker.exists():
        return
    pid = int(marker.read_text().split()[0])
    try:
        os.kill(pid, signal.SIGINT if server.scheme == "postgresql" else signal.SIGTERM)
    except ProcessLookupError:
        print(f"servers: {server.name} ran no more")
    marker.unlink()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
