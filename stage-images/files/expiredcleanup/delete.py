"""Stage 3: take the approved files, and no others, out of the tree."""

import re
import time
from pathlib import Path
from typing import Any

from asynctask_stage import PermanentError, Stage
from asynctask_stage.data import candidates
from asynctask_stage.data.deletion import Deletion, Safeguards
from asynctask_stage.data.emptying import Emptying
from asynctask_stage.data.entries import int64
from asynctask_stage.data.expiry import Amount
from asynctask_stage.data.failures import Failures
from asynctask_stage.data.holds import Protection
from asynctask_stage.data.pacing import Checkpointer
from asynctask_stage.data.quarantine import VERSION, Area, RunFolder
from asynctask_stage.data.removals import Fate, Removals
from asynctask_stage.data.roots import Root
from expiredcleanup import desk
from expiredcleanup.settings import Settings

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def main(stage: Stage) -> dict[str, Any]:
    """Delete or quarantine. Outputs: what went, what was kept and why, where the quarantine is."""
    settings = Settings.of(stage)
    scan = stage.outputs["scan"]
    name, digest = _approved(stage, settings, scan)
    folder = desk.folder(stage)
    root = desk.root(settings.root_path)
    if desk.identity(root) != scan.get("root"):
        raise PermanentError(
            f"{settings.root_path} is not the folder that was scanned; is the right storage mounted?",
            reason="RootChanged",
        )
    run = stage.context.run
    kind = "dry" if settings.dry_run else "delete"
    path = folder / f"{kind}-{run}.sqlite"
    with Removals.open(path, create=True) as removals:
        failures = Failures(removals, stage, "delete", (root.top.fd,))
        failures.commit()
        _load(stage, removals, folder / f"approved-{run}.jsonl", name, digest, scan)
        asked = removals.asked()
        settings.limits.check(asked, Amount(int(scan["filesSeen"]), int(scan["bytesSeen"])))
        stage.progress(items_total=asked.files, bytes_total=_total(removals), message=_doing(settings))
        if settings.dry_run:
            _delete(stage, settings, removals, root, None, failures)
        else:
            area = Area.open(root, create=True, private=settings.private)
            with area.enter(desk.quarantine_name(stage), create=True) as place:
                _begin(stage, place, digest)
                _delete(stage, settings, removals, root, place, failures)
                if not _is_quarantined(settings, removals) and place.remove():
                    area.remove_if_empty()
        failures.write_list(folder / f"errors-delete-{run}.jsonl")
        return _outputs(stage, settings, removals, asked, digest)


def _approved(stage: Stage, settings: Settings, scan: dict[str, Any]) -> tuple[str, str]:
    """Name and SHA-256 of the list: the reviewed one. A dry run touches nothing, so nobody need approve it."""
    made_by = scan if settings.dry_run else stage.outputs["review"]
    name, digest = made_by.get("artifact"), made_by.get("digest")
    if not isinstance(name, str) or not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise PermanentError("the review left no approved list", reason="NotApproved")
    return name, digest


def _load(stage: Stage, removals: Removals, path: Path, name: str, digest: str, scan: dict[str, Any]) -> None:
    """Fetch the list, make sure that it is the approved one, and take it in as a whole."""
    if removals.get("digest") == digest:
        return
    stage.progress(message="fetching the approved list")
    try:
        stage.artifacts.get(name, path, digest=digest)
    except FileNotFoundError:
        raise PermanentError(f"the approved list {name} is gone", reason="ListMissing") from None
    with path.open("rb") as file:
        removals.load(candidates.read(file))
    device = int64(int(scan["device"]))
    if strange := removals.scalar("SELECT count(*) FROM items WHERE dev != ?", (device,)):
        raise PermanentError(f"{strange} lines of the list are about other storage", reason="InvalidList")
    removals.put({"digest": digest})
    removals.commit()


def _begin(stage: Stage, place: RunFolder, digest: str) -> None:
    """Say in the manifest what this is; or make sure that what is there is ours."""
    place.mend()
    header = place.header()
    if header is None:
        context = stage.context
        about = {"namespace": context.namespace, "task": context.task, "run": context.run, "list": digest}
        place.append([{"version": VERSION, "folder": place.inode, "time": int(time.time()), **about}])
    elif header.get("list") != digest:
        raise PermanentError(f"the quarantine {place.name} is of another list", reason="QuarantineMismatch")


def _delete(
    stage: Stage, settings: Settings, removals: Removals, root: Root, place: RunFolder | None, failures: Failures
) -> None:
    safeguards = Safeguards(Protection(settings.protected, settings.root_path), settings.by_access)
    checkpointer = Checkpointer(stage, {"catalog": removals.path.name, "settled": 0})

    def tell(files: int, size: int) -> None:
        stage.progress(items_done=files, bytes_done=size)
        checkpointer.set(settled=files)

    Deletion(
        removals,
        root,
        place,
        failures,
        safeguards,
        delete=settings.deletes,
        threads=settings.threads,
        check=stage.check,
        tell=tell,
    ).run()
    if place is not None and settings.remove_empty_folders:
        stage.progress(message="removing emptied folders")
        Emptying(removals, root, place, failures, safeguards, delete=settings.deletes, check=stage.check).run()


def _total(removals: Removals) -> int:
    return int(removals.scalar("SELECT coalesce(sum(size), 0) FROM items"))


def _is_quarantined(settings: Settings, removals: Removals) -> bool:
    """Whether anything stays in quarantine: what was to be deleted for good does only when it can't be put back."""
    if settings.dry_run:
        return False
    return removals.count(Fate.STUCK) > 0 or (not settings.deletes and removals.count(Fate.GONE) > 0)


def _doing(settings: Settings) -> str:
    if settings.dry_run:
        return "checking what would be deleted"
    return "deleting" if settings.deletes else "moving into quarantine"


def _outputs(stage: Stage, settings: Settings, removals: Removals, asked: Amount, digest: str) -> dict[str, Any]:
    gone = removals.count(Fate.GONE)
    return {
        "list": digest,
        "approved": asked.files,
        "approvedBytes": asked.bytes,
        "dryRun": settings.dry_run,
        "mode": "Delete" if settings.deletes else "Quarantine",
        "quarantine": desk.quarantine_name(stage) if _is_quarantined(settings, removals) else "",
        "files": gone,
        "bytes": removals.freed(),
        "folders": 0 if settings.dry_run else removals.count(Fate.GONE, "folders"),
        "vanished": removals.count(Fate.VANISHED),
        "kept": removals.count(Fate.KEPT),
        "stuck": removals.count(Fate.STUCK),
        "keptBecause": removals.kept(),
        "itemErrors": removals.scalar("SELECT count(*) FROM errors"),
    }
