"""Emptying quarantines for good: the last stage of ``expired-cleanup``, and the one stage of ``cleanup-purge``."""

import time
from typing import Any

from fields import bounded

from asynctask_stage import Stage, TransientError
from asynctask_stage.data import names
from asynctask_stage.data.purging import Purged, purge
from asynctask_stage.data.quarantine import Area
from expiredcleanup import desk
from expiredcleanup.settings import Settings, root_path

DAY = 86_400


def own(stage: Stage) -> dict[str, Any]:
    """Empty the quarantines that earlier runs of this task have left, once they are old enough."""
    settings = Settings.of(stage)
    token = names.token_of(stage.context.task_uid or stage.context.task)
    return _purge(
        stage,
        settings.root_path,
        lambda name: name.endswith(f"-{token}"),
        days=settings.quarantine_days,
        private=settings.private,
        dry_run=settings.dry_run,
    )


def main(stage: Stage) -> dict[str, Any]:
    """Empty the quarantine that the config names, or all that are old enough."""
    config = stage.config
    wanted = config.path("quarantine", str, "")
    return _purge(
        stage,
        root_path(stage),
        lambda name: name == wanted if wanted else True,
        days=bounded(config.path("older_than_days", int, 30), "older_than_days", 0, 36500),
        private=not config.path("shared_quarantine", bool, False),
        dry_run=config.path("dry_run", bool, False),
    )


def _purge(stage: Stage, path: str, is_meant: Any, *, days: int, private: bool, dry_run: bool) -> dict[str, Any]:
    outputs = {"quarantines": 0, "files": 0, "bytes": 0, "young": 0, "busy": 0, "left": 0, "dryRun": dry_run}
    root = desk.root(path)
    try:
        area = Area.open(root, private=private)
    except FileNotFoundError:
        return outputs
    for name in area.names():
        if not is_meant(name):
            continue
        stage.check()
        try:
            place = area.enter(name)
        except TransientError:
            outputs["busy"] += 1
            continue
        with place:
            if time.time() - place.changed < days * DAY:
                outputs["young"] += 1
                continue
            before = outputs["files"]

            def tell(done: Purged, before: int = before, name: str = name) -> None:
                stage.progress(items_done=before + done.files, message=f"emptying {name}")

            purged = purge(place, check=stage.check, tell=tell, dry_run=dry_run)
        outputs["quarantines"] += purged.is_gone or dry_run
        outputs["left"] += not purged.is_gone and not dry_run
        outputs["files"] += purged.files
        outputs["bytes"] += purged.bytes
    if not dry_run:
        area.remove_if_empty()
    return outputs
