"""Stage 2: copy the content, then links, then the directories' own owner, mode and times."""

from typing import Any

from asynctask_stage import PermanentError, Stage, TransientError
from asynctask_stage.data import attributes, folders, histories, spaces
from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.entries import Action, Kind, State
from asynctask_stage.data.failures import Failures
from asynctask_stage.data.finishing import totals_of
from asynctask_stage.data.largefiles import LargeFiles
from asynctask_stage.data.opening import Mover
from asynctask_stage.data.pacing import Checkpointer, Pace
from asynctask_stage.data.smallfiles import SmallFiles
from asynctask_stage.data.transfers import PIECE_SECONDS, Transfer
from filebackup import desk
from filebackup.settings import Settings


def main(stage: Stage) -> dict[str, Any]:
    """Copy what the plan says. Outputs: files and bytes copied, shared, vanished; what could not be preserved."""
    settings = Settings.of(stage)
    folder = desk.folder(stage)
    source, target = desk.source(settings), desk.target(settings)
    with open_catalog(stage) as catalog:
        failures = Failures(catalog, stage, "content", (source.top.fd, target.top.fd))
        failures.commit()
        pace = _pace(stage, catalog)
        checkpointer = Checkpointer(stage, {"catalog": catalog.path.name, "digest": catalog.get("digest")})
        token = str(catalog.get("token"))
        transfer = Transfer(
            catalog=catalog,
            source=source,
            target=target,
            abilities=attributes.probe(target, token),
            failures=failures,
            pace=pace,
            mover=Mover(pace, hashing=settings.hashing),
            checkpointer=checkpointer,
            token=token,
            threads=settings.threads,
            chunk_bytes=settings.chunk_bytes,
            # With the sync that follows, a kill costs less than the work between two checkpoints.
            piece_seconds=min(PIECE_SECONDS, stage.context.checkpoint_period / 3),
        )
        try:
            _copy(stage, transfer)
        except PermanentError:
            stage.save(checkpointer.data, now=True)
            raise
        finally:
            files, size = catalog.get("cloned", [0, 0])
            catalog.put({"cloned": [files + transfer.cloned_files, size + transfer.cloned_bytes]})
            catalog.commit()
        failures.write_list(folder / f"errors-{stage.context.run}-content.jsonl")
        return _outputs(catalog, failures)


def open_catalog(stage: Stage) -> Catalog:
    """The catalog of the plan, which may be an earlier run's when this run began at a later stage.

    ``PermanentError`` when the workspace does not hold the plan that the metadata stage made.
    """
    folder = desk.folder(stage)
    made = stage.outputs.get("metadata", {})
    path = folder / str(made["catalog"]) if "catalog" in made else histories.newest(folder)
    if path is None or path.parent != folder:
        raise PermanentError("the workspace holds no plan; restart from the metadata stage", reason="CatalogMissing")
    catalog = Catalog.open(path)
    digest = catalog.get("digest")
    if digest is None or made.get("digest", digest) != digest:
        catalog.close()
        raise PermanentError(
            "the workspace holds another plan than the metadata stage made; restart from there",
            reason="CatalogMismatch",
        )
    return catalog


def _copy(stage: Stage, transfer: Transfer) -> None:
    _check_space(transfer)
    while True:
        stage.progress(message="copying small files")
        SmallFiles(transfer).run()
        stage.progress(message="copying large files")
        LargeFiles(transfer).run()
        if not folders.make_links(transfer):
            break
    left, _ = transfer.catalog.pending(Action.COPY)
    if left:
        raise TransientError(f"{left} files were not copied, and nothing says why", reason="Unfinished")
    stage.progress(message="setting attributes of directories")
    folders.settle_directories(transfer)


def _check_space(transfer: Transfer) -> None:
    """The pause before this attempt may have been long."""
    if transfer.abilities.clones:
        return
    _, size = transfer.catalog.pending(Action.COPY)
    replaced = transfer.catalog.scalar(
        "SELECT coalesce(sum(min(size, max(0, size - blocks * 512) + max(0, target_size))), 0) FROM entries"
        " WHERE kind = ? AND action = ? AND state = ?",
        (Kind.FILE, Action.COPY, State.PENDING),
    )
    spaces.check(transfer.target, size - replaced - transfer.allocated())


def _pace(stage: Stage, catalog: Catalog) -> Pace:
    files, size = catalog.pending(Action.COPY)
    links = catalog.scalar("SELECT count(*) FROM entries WHERE action = ? AND state = ?", (Action.LINK, State.PENDING))
    done_files, done_bytes = catalog.execute(
        "SELECT count(*), coalesce(sum(CASE WHEN action = ? THEN size END), 0) FROM entries"
        " WHERE kind = ? AND action IN (?, ?) AND state != ?",
        (Action.COPY, Kind.FILE, Action.COPY, Action.LINK, State.PENDING),
    ).fetchone()
    kept = catalog.scalar("SELECT coalesce(sum(length), 0) FROM pieces JOIN partials USING (entry)")
    return Pace(
        stage,
        bytes_done=done_bytes + kept,
        bytes_total=done_bytes + size,
        items_done=done_files,
        items_total=done_files + files + links,
    )


def _outputs(catalog: Catalog, failures: Failures) -> dict[str, Any]:
    done = (State.DONE, State.VERIFIED)
    files, size = catalog.execute(
        "SELECT count(*), coalesce(sum(size), 0) FROM entries WHERE kind = ? AND action = ? AND state IN (?, ?)",
        (Kind.FILE, Action.COPY, *done),
    ).fetchone()
    links = catalog.scalar("SELECT count(*) FROM entries WHERE action = ? AND state IN (?, ?)", (Action.LINK, *done))
    cloned = catalog.get("cloned", [0, 0])
    return {
        "filesCopied": files,
        "bytesCopied": size,
        "filesUnchanged": totals_of(catalog).files_unchanged,
        "filesShared": cloned[0],
        "bytesShared": cloned[1],
        "hardLinks": links,
        "vanished": catalog.scalar("SELECT count(*) FROM entries WHERE state = ?", (State.VANISHED,)),
        "itemErrors": failures.count,
        "notPreserved": catalog.losses(),
    }
