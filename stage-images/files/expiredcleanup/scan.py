"""Stage 1: list what has expired, smallest files first."""

import os
import time
from typing import Any

from asynctask_stage import PermanentError, Stage
from asynctask_stage.data.expiring import Expired, ExpiryScan
from asynctask_stage.data.expiry import Amount, Expiry
from asynctask_stage.data.failures import Failures
from asynctask_stage.data.holds import Protection
from asynctask_stage.data.pacing import Checkpointer
from asynctask_stage.data.patterns import Rules
from asynctask_stage.data.roots import Root
from expiredcleanup import desk
from expiredcleanup.settings import Settings


def main(stage: Stage) -> dict[str, Any]:
    """Scan. Outputs: the list's name, digest and totals; what the tree holds; what was left out and why."""
    settings = Settings.of(stage)
    rules = Rules(settings.include, settings.exclude)
    protection = Protection(settings.protected, settings.root_path)
    folder = desk.folder(stage)
    root = desk.root(settings.root_path)
    if settings.by_access:
        _ensure_access_times(root)
    run = stage.context.run
    desk.forget_earlier(folder, run)
    path = folder / f"scan-{run}.sqlite"
    with Expired.open(path, create=True) as catalog:
        failures = Failures(catalog, stage, "scan", (root.top.fd,))
        failures.commit()
        checkpointer = Checkpointer(stage, {"catalog": path.name})
        now = catalog.get("now") or time.time_ns()
        catalog.put({"now": now})  # an interruption must not change what is old

        def tell(entries: int, expired: int) -> None:
            stage.progress(items_done=entries, message=f"{expired:,} expired of {entries:,} seen")
            checkpointer.set(entries=entries, expired=expired)

        if not catalog.get("is_complete"):
            ExpiryScan(
                catalog,
                root,
                Expiry.at(
                    now,
                    settings.age_days,
                    by_access=settings.by_access,
                    least_bytes=settings.least_bytes,
                    most_bytes=settings.most_bytes,
                ),
                rules,
                protection,
                failures,
                threads=settings.threads,
                check=stage.check,
                tell=tell,
            ).run()
            catalog.put({"is_complete": True})
            catalog.commit()
        expired = folder / f"expired-{run}.jsonl"
        stage.progress(message="writing the list")
        digest, listed, not_listed = catalog.write_list(expired, settings.list_limit, by_access=settings.by_access)
        stage.check()
        stage.artifacts.put(desk.EXPIRED, expired)
        failures.write_list(folder / f"errors-scan-{run}.jsonl")
        _warn(stage, settings, listed, catalog.tree())
        return _outputs(catalog, root, digest, listed, not_listed, failures.count)


def _outputs(catalog: Expired, root: Root, digest: str, listed: Amount, not_listed: int, errors: int) -> dict[str, Any]:
    counts = catalog.counts()
    return {
        "artifact": desk.EXPIRED,
        "digest": f"sha256:{digest}",
        "items": listed.files,
        "bytes": listed.bytes,
        "notListed": not_listed,
        "entriesSeen": counts["entries"],
        "filesSeen": counts["files"],
        "bytesSeen": counts["bytes"],
        "foldersSeen": counts["folders"],
        "held": counts["held"],
        "protected": counts["protected"],
        "skippedMounts": counts["mounts"],
        "unreadableFolders": counts["unreadable"],
        "root": desk.identity(root),
        "device": os.fstat(root.top.fd).st_dev,
        "itemErrors": errors,
    }


def _warn(stage: Stage, settings: Settings, listed: Amount, tree: Amount) -> None:
    """Better known before the review than after it."""
    try:
        settings.limits.check(listed, tree)
    except PermanentError as error:
        stage.log.warning("as it is, the list would be refused: %s", error)


def _ensure_access_times(root: Root) -> None:
    if os.fstatvfs(root.top.fd).f_flag & os.ST_NOATIME:
        raise PermanentError(
            f"{root.path} is mounted with 'noatime': reading a file leaves no trace there, so what is in daily use"
            " would look old; use age_by: modification",
            reason="NoAccessTimes",
        )
