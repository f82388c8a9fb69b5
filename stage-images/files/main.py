"""The stages of the task types that work on files: ``main.py STAGE``."""

import sys

from expiredcleanup import delete, purge, report, scan, undo
from filebackup import content, metadata, verify

import asynctask_stage

STAGES = {
    "metadata": metadata.main,
    "content": content.main,
    "verify": verify.main,
    "cleanup-scan": scan.main,
    "cleanup-delete": delete.main,
    "cleanup-purge-own": purge.own,
    "cleanup-report": report.main,
    "cleanup-undo": undo.main,
    "cleanup-purge": purge.main,
}


def main() -> None:
    """Run the stage that the first argument names."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in STAGES:
        sys.exit(f"usage: main.py {' | '.join(STAGES)}")
    asynctask_stage.run(STAGES[name])


if __name__ == "__main__":
    main()
