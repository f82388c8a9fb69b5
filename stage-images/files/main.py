"""The stages of ``file-backup``: ``main.py metadata | content | verify``."""

import sys

from filebackup import content, metadata, verify

import asynctask_stage

STAGES = {"metadata": metadata.main, "content": content.main, "verify": verify.main}


def main() -> None:
    """Run the stage that the first argument names."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in STAGES:
        sys.exit(f"usage: main.py {' | '.join(STAGES)}")
    asynctask_stage.run(STAGES[name])


if __name__ == "__main__":
    main()
