"""Completion: names of what is in the cluster, and the answers that kubectl wants of a plugin's completion program."""

import os
import shlex
import sys

import typer

from asynctask.api.kinds import ASYNC_TASK, TASK_TYPE, Kind
from asynctask.cli.cluster import Cluster
from asynctask.cli.failures import Failure

NO_FILES = ":4"
"""kubectl: offer these and no file names."""
MOST = 200


def tasks(context: typer.Context, incomplete: str) -> list[str]:
    """Names of tasks in the namespace."""
    return _names(ASYNC_TASK, context, incomplete)


def task_types(context: typer.Context, incomplete: str) -> list[str]:
    """Names of task types."""
    return _names(TASK_TYPE, context, incomplete)


def _names(kind: Kind, context: typer.Context, incomplete: str) -> list[str]:
    root = context.find_root().params
    cluster = Cluster(root.get("kubeconfig"), root.get("kube_context"))
    try:
        space = (context.params.get("namespace") or cluster.namespace) if kind.namespaced else None
        known = [one["metadata"]["name"] for one in cluster.list(kind, space)]
    except Failure:
        return []  # completion is silent
    return [name for name in known if name.startswith(incomplete)][:MOST]


def main() -> None:
    """`kubectl_complete-asynctask`: prints what the last of the words given may become."""
    from asynctask.cli.app import app

    words = ["asynctask", *(sys.argv[1:] or [""])]
    os.environ |= {
        "_ASYNCTASK_COMPLETE": "complete_bash",
        "COMP_WORDS": shlex.join(words[:-1]) + " " + words[-1],
        "COMP_CWORD": str(len(words) - 1),
    }
    try:
        app(prog_name="asynctask")
    except SystemExit:
        sys.stdout.write(NO_FILES + "\n")


if __name__ == "__main__":
    main()
