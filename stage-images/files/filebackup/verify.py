"""Stage 3: read the destination again and compare it with what was copied."""

from typing import Any

from asynctask_stage import Stage
from asynctask_stage.data import histories
from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.entries import Kind, State
from asynctask_stage.data.failures import Failures
from asynctask_stage.data.pacing import Checkpointer, Pace
from asynctask_stage.data.verifying import Verification
from filebackup import desk
from filebackup.content import open_catalog
from filebackup.settings import Settings


def main(stage: Stage) -> dict[str, Any]:
    """Verify as the config says. Outputs: files and bytes that are right, wrong, or had nothing to compare with."""
    settings = Settings.of(stage)
    folder = desk.folder(stage)
    target = desk.target(settings)
    with open_catalog(stage) as catalog:
        failures = Failures(catalog, stage, "verify", (target.top.fd,))
        failures.commit()
        checkpointer = Checkpointer(stage, {"catalog": catalog.path.name, "digest": catalog.get("digest")})
        if settings.verify != "none":
            source = desk.source(settings) if settings.hashing and catalog.get("cloned", [0])[0] else None
            verification = Verification(
                catalog, source, target, failures, _pace(stage, catalog), checkpointer,
                threads=settings.threads, chunk_bytes=settings.chunk_bytes,
            )  # fmt: skip
            if settings.hashing:
                verification.hashes()
            else:
                verification.sizes()
        run = int(catalog.path.stem.rpartition("-")[2])
        failures.write_list(folder / f"errors-{stage.context.run}-verify.jsonl")
        if histories.is_retry(catalog.path):
            histories.remove_retries(folder, run)
        else:
            histories.remove_earlier(folder, run)
            histories.remove_retries(folder, run)
        return _outputs(settings, catalog, failures)


def _pace(stage: Stage, catalog: Catalog) -> Pace:
    sql = "SELECT count(*), coalesce(sum(size), 0) FROM entries WHERE kind = ? AND state IN (?, ?)"
    checked = catalog.execute(sql, (Kind.FILE, State.VERIFIED, State.MISMATCH)).fetchone()
    left = catalog.execute(sql, (Kind.FILE, State.DONE, State.DONE)).fetchone()
    return Pace(
        stage,
        bytes_done=checked[1],
        bytes_total=checked[1] + left[1],
        items_done=checked[0],
        items_total=checked[0] + left[0],
    )


def _outputs(settings: Settings, catalog: Catalog, failures: Failures) -> dict[str, Any]:
    sql = "SELECT count(*), coalesce(sum(size), 0) FROM entries WHERE kind = ? AND state = ?"
    files, size = catalog.execute(sql, (Kind.FILE, State.VERIFIED)).fetchone()
    return {
        "verify": settings.verify,
        "filesVerified": files,
        "bytesVerified": size,
        "mismatches": catalog.scalar("SELECT count(*) FROM entries WHERE state = ?", (State.MISMATCH,)),
        "withoutHash": catalog.get("hashes_recorded", 0),
        "itemErrors": failures.count,
    }
