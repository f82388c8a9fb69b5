"""The command hack/demo."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from localcluster import providers
from localcluster.errors import ClusterError

from . import inputs, machine, proofs
from .backup import NAMESPACE, TASK, Backup, outputs
from .cleanup import CleanUp
from .drama import Drama
from .inputs import Wanted
from .terminal import DemoError, Terminal, size
from .watching import Board

STAGES = ("metadata", "content", "verify")
DISTURBED_SECONDS = 60
"""How long the copy would take undisturbed, by the limit that is set: time enough for all that is done to it."""
EPILOG = """phases: cluster, images, chart, storage and input, a backup that is disturbed, comparison, a second run,
a clean-up with a review.
It changes nothing but its own cluster (or, in an existing one, the namespaces asynctask-system and nas, the
asynctask.io definitions and a queue), and may be run again at any time."""


def main() -> int:
    """Run the demo; the exit code is 0 only if every proof held."""
    options = _options()
    terminal = Terminal()
    try:
        _demo(options, terminal)
    except (DemoError, ClusterError, OSError, subprocess.TimeoutExpired) as trouble:
        terminal.settle()
        print(f"\ndemo: {trouble}", file=sys.stderr)
        print("demo: what is there is kept; run hack/demo again to begin anew", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        terminal.settle()
        print("demo: interrupted; what is there is kept; run hack/demo again to begin anew", file=sys.stderr)
        return 130
    return 0


def _demo(options: argparse.Namespace, terminal: Terminal) -> None:
    terminal.phase("A cluster")
    where = machine.up(options.name, options.provider, terminal)
    terminal.phase("Images")
    values = machine.images(where, options.push)
    terminal.phase("The chart")
    image = machine.install(where, values, terminal)
    terminal.phase("Storage and input")
    if where.provider == "existing" and not options.data:
        raise DemoError("with an existing cluster, give --data: a directory that its one node sees under the same path")
    backup = Backup(where.kubectl, (options.data or where.data) / NAMESPACE, options.owners)
    backup.storage(terminal)
    wanted = Wanted(options.files, options.tree << 20, int(options.size * (1 << 30)))
    if not options.no_input:
        inputs.ensure(backup.source, backup.target, wanted, terminal)
    disturbed = not options.calm
    rate = options.rate or max(1, inputs.count(backup.source)[1] // DISTURBED_SECONDS // 1_000_000)
    backup.limit(rate if disturbed else None)
    board = Board(where.kubectl, terminal, NAMESPACE, TASK)
    try:
        terminal.phase("A backup" + (" that is disturbed" if disturbed else ""))
        backup.begin(terminal)
        if disturbed:
            terminal.say(f"limit of the backup share: {rate} MB/s, so that there is time to disturb it")
            drama = Drama(where, backup, board, terminal, _big_bytes(backup))
            drama.lose_the_leader()
            drama.pause_and_resume(image)
            drama.kill_the_mover()
            drama.lift_the_limit(rate)
        _to_the_end(board, terminal)
        terminal.phase("Is the copy equal to the source?")
        proofs.equal(backup.source, backup.copy, terminal, owners=options.owners)
        terminal.phase("The same task again")
        _second_run(backup, board, terminal)
        terminal.phase("A clean-up that a person reviews, over REST")
        CleanUp(where, backup.target, terminal).run()
    finally:
        board.close()
    _look(where, backup, terminal)
    if options.keep or where.was_there:
        _how_to_use(where)
    else:
        terminal.phase("Taking the cluster down (--keep keeps it)")
        where.down()
    terminal.times()
    print(f"\nAll {len(terminal.proofs)} proofs held.")


def _to_the_end(board: Board, terminal: Terminal) -> None:
    board.until("the backup ends", lambda: _has_ended(board), 7200)
    status = board.status()
    if status["phase"] != "Succeeded":
        raise DemoError(f"the backup ended {status['phase']}: {status.get('message')}")
    copied, verified = outputs(board, "content"), outputs(board, "verify")
    terminal.proven(
        f"Succeeded: {copied.get('filesCopied')} files, {size(copied.get('bytesCopied', 0))} copied;"
        f" {verified.get('filesVerified')} read again and their hashes compared"
    )
    lost = {key: count for key, count in (copied.get("notPreserved") or {}).items() if count}
    if lost:
        terminal.say(f"not preserved, says the stage: {lost}")


def _has_ended(board: Board) -> bool:
    """Both watches say so: the task's, and that of its last stage, whose outputs are read next."""
    ended = board.status().get("phase") in {"Succeeded", "Partial"}
    return ended and all(board.stage(name).get("completionTime") for name in STAGES)


def _second_run(backup: Backup, board: Board, terminal: Terminal) -> None:
    backup.limit(None)
    run = board.task()["spec"].get("run", 1) + 1
    terminal.say(f'kubectl -n {NAMESPACE} patch asynctask {TASK} --type=merge --patch \'{{"spec":{{"run":{run}}}}}\'')
    backup.again(run)
    took = board.until(
        "the second run ends",
        lambda: board.task()["spec"].get("run") == run and _has_ended(board),
        1800,
    )
    copied = outputs(board, "content")
    if copied.get("filesCopied") or copied.get("bytesCopied") or "filesUnchanged" not in copied:
        raise DemoError(f"the second run should have had nothing to copy; it says {copied}")
    terminal.proven(f"run {run}: {copied['filesUnchanged']} files unchanged, 0 copied, in {took:.1f} s")


def _big_bytes(backup: Backup) -> int:
    big = backup.source / "disk.img"
    if not big.exists():
        raise DemoError(f"{big} is not there; run without --no-input, or with --calm")
    return big.stat().st_size


def _look(where: machine.Machine, backup: Backup, terminal: Terminal) -> None:
    terminal.end_phase()
    print(f"\n$ kubectl -n {NAMESPACE} get at,ast", flush=True)
    print(backup.ask("get", "at,ast").rstrip(), flush=True)


def _how_to_use(where: machine.Machine) -> None:
    down = "" if where.provider == "existing" else f"\n  hack/cluster/down --name {where.name}      # when you are done"
    print(f"""
The cluster is kept. What to look at next:
  export KUBECONFIG={where.kubeconfig}
  kubectl -n {NAMESPACE} get at,ast -o wide
  kubectl -n {NAMESPACE} describe at {TASK}
  kubectl -n {NAMESPACE} get ast -o yaml                 # checkpoints and outputs
  kubectl -n {machine.SYSTEM} port-forward deployment/asynctask-operator 9090 &
  curl -s localhost:9090/metrics | grep ^asynctask
  kubectl -n {machine.SYSTEM} port-forward service/asynctask-api 8088:80 &
  curl -H "Authorization: Bearer $(kubectl -n {NAMESPACE} create token nas-app --audience asynctask-api)" \\
    localhost:8088/api/v1/tasks                          # docs/tutorial-api.md goes on from here
  README.md, docs/tutorial.md, docs/how-to/write-a-stage.md{down}""")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="From nothing to a backup on Kubernetes that survives kills, a pause and a lost operator.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--calm", action="store_true", help="only the backup: no kills, no pause, no limit")
    parser.add_argument("--keep", action="store_true", help="keep the cluster, and say how to use it")
    parser.add_argument("--size", type=float, default=2.0, metavar="GIB", help="the big file (default 2)")
    parser.add_argument("--files", type=int, default=20_000, help="small files at most (default 20000)")
    parser.add_argument("--tree", type=int, default=768, metavar="MIB", help="small files in all (default 768)")
    parser.add_argument("--rate", type=int, metavar="MB", help=(
        "limit of the backup share per second while the backup is disturbed (default: so that the copy takes a minute)"
    ))  # fmt: skip
    parser.add_argument("--no-input", action="store_true", help="take the input that is there")
    parser.add_argument("--owners", action="store_true", help="copy owners too: DataOwner profile, root in the pod")
    parser.add_argument("--name", default="demo", help="the local cluster's name (default demo)")
    parser.add_argument("--provider", choices=providers.PROVIDERS, default="auto", help="as of hack/cluster/up")
    parser.add_argument("--push", metavar="PREFIX", help="for an existing cluster: push the images to this registry")
    parser.add_argument("--data", type=Path, metavar="DIRECTORY", help=(
        "keep the shares here and not in the cluster's state; a node must see it under the same path"
    ))  # fmt: skip
    return parser.parse_args()
