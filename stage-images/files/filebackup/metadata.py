"""Stage 1: list the source, compare with the destination, make the tree, check the room."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from asynctask_stage import PermanentError, Stage
from asynctask_stage.data import attributes, finishing, histories, spaces
from asynctask_stage.data.attributes import Abilities
from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.failures import Failures
from asynctask_stage.data.finishing import Totals
from asynctask_stage.data.pacing import Checkpointer
from asynctask_stage.data.patterns import Rules
from asynctask_stage.data.roots import Root
from asynctask_stage.data.scanning import Scan
from asynctask_stage.data.trees import Trees

from filebackup import desk
from filebackup.settings import Settings


def main(stage: Stage) -> dict[str, Any]:
    """Plan the run. Outputs: the totals, the plan's digest, what could not be preserved."""
    settings = Settings.of(stage)
    rules = Rules(settings.include, settings.exclude)
    folder = desk.folder(stage)
    source, target = desk.source(settings), desk.target(settings, create=True)
    desk.ensure_apart(source, target)
    token = desk.token(stage, settings)
    run = stage.context.run
    path = histories.path_of(folder, run)
    previous = histories.previous(folder, run)
    with Catalog.open(path, create=True) as catalog:
        failures = Failures(catalog, stage, "metadata", (source.top.fd, target.top.fd))
        failures.commit()
        checkpointer = Checkpointer(stage, {"catalog": path.name, "phase": "scan"})
        abilities = _probe(stage, failures, target, token)
        if previous is not None and not catalog.get("scan_begun"):
            histories.sweep(previous, target, token)
        totals = _plan(stage, settings, rules, catalog, source, target, abilities, failures, checkpointer, previous, token)
        checkpointer.set(phase="tree", digest=catalog.get("digest"), entries=totals.entries)
        needed = 0 if abilities.clones and _same_device(source, target) else totals.allocated_to_copy + totals.largest_replaced
        free = spaces.check(target, needed, totals.entries if catalog.get("tree_cursor", 0) == 0 and previous is None else 0)
        _make_trees(stage, Trees(catalog, source, target, abilities, failures, token), totals)
        failures.write_list(folder / f"errors-{run}-metadata.jsonl")
        return {
            **_outputs(totals),
            "catalog": path.name,
            "digest": catalog.get("digest"),
            "neededBytes": needed,
            "freeBytes": free,
            "skippedTarget": catalog.get("skipped_target", 0),
            "skippedMounts": catalog.get("skipped_mounts", 0),
            "itemErrors": failures.count,
            "notPreserved": catalog.losses(),
        }


def _probe(stage: Stage, failures: Failures, target: Root, token: str) -> Abilities:
    try:
        abilities = attributes.probe(target, token)
    except PermissionError as error:
        raise PermanentError(f"{target.path} can't be written: {error.strerror}", reason="PermissionDenied") from error
    except OSError as error:
        failures.check(error)
        raise
    lacking = [word for word, can in (("owners", abilities.owners), ("modes", abilities.modes), ("extended attributes", abilities.xattrs), ("access lists", abilities.acls)) if not can]
    if lacking:
        stage.log.warning("the destination can't take over %s; see notPreserved in the outputs", ", ".join(lacking))
    return abilities


def _plan(
    stage: Stage,
    settings: Settings,
    rules: Rules,
    catalog: Catalog,
    source: Root,
    target: Root,
    abilities: Abilities,
    failures: Failures,
    checkpointer: Checkpointer,
    previous: Path | None,
    token: str,
) -> Totals:
    if catalog.get("digest"):
        return finishing.totals_of(catalog)

    def tell(found: int) -> None:
        stage.progress(items_done=found, message="listing")
        checkpointer.set(entries=found)

    Scan(
        catalog, source, target, abilities, rules, failures,
        token=token, one_file_system=settings.one_file_system, threads=settings.threads, check=stage.check, tell=tell,
    ).run()  # fmt: skip
    stage.check()
    totals = finishing.finish(catalog, previous=previous, prune=rules.is_selective)
    if totals.entries == 1 and previous is not None and _had_files(previous):
        catalog.put({"digest": None})
        catalog.commit()
        raise PermanentError(
            f"{source.path} is empty, but held files in the last run; is it mounted?", reason="SourceEmpty"
        )
    return totals


def _had_files(previous: Path) -> bool:
    with Catalog.open(previous) as catalog:
        return finishing.totals_of(catalog).files > 0


def _make_trees(stage: Stage, trees: Trees, totals: Totals) -> None:
    stage.progress(items_done=totals.entries, items_total=totals.entries, message="making the tree")
    trees.run(stage.check, lambda _: None)


def _same_device(source: Root, target: Root) -> bool:
    import os

    return os.fstat(source.top.fd).st_dev == os.fstat(target.top.fd).st_dev


def _outputs(totals: Totals) -> dict[str, int]:
    words = (name.split("_") for name in asdict(totals))
    return {w[0] + "".join(p.title() for p in w[1:]): v for w, v in zip(words, asdict(totals).values(), strict=True)}
