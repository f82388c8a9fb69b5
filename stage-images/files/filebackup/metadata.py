"""Stage 1: list the source, compare with the destination, make the tree, check the room."""

import os
from dataclasses import asdict, dataclass
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
from asynctask_stage.data.selections import Selection
from asynctask_stage.data.trees import Trees
from filebackup import desk
from filebackup.settings import Settings

WHOLE = "."
"""How an item error of the source itself is spelt."""


def main(stage: Stage) -> dict[str, Any]:
    """Plan the run. Outputs: the totals, the plan's digest, what could not be preserved."""
    settings = Settings.of(stage)
    rules = Rules(settings.include, settings.exclude)
    items = stage.retry_items()
    retries = items is not None and WHOLE not in items
    if items is not None and retries:
        rules = Selection(rules, items)
    folder = desk.folder(stage)
    source, target = desk.source(settings), desk.target(settings, create=True)
    desk.ensure_apart(source, target)
    run = stage.context.run
    path = histories.retry_path_of(folder, run) if retries else histories.path_of(folder, run)
    previous = histories.previous(folder, run)
    with Catalog.open(path, create=True) as catalog:
        failures = Failures(catalog, stage, "metadata", (source.top.fd, target.top.fd))
        failures.commit()
        checkpointer = Checkpointer(stage, {"catalog": path.name, "phase": "scan"})
        token = desk.token(stage, settings)
        catalog.put({"token": token})
        abilities = _probe(stage, failures, target, token)
        plan = _Plan(stage, settings, rules, catalog, source, target, abilities, failures, checkpointer, token)
        totals = plan.make(previous)
        checkpointer.set(phase="tree", digest=catalog.get("digest"), entries=totals.entries)
        needed, free = plan.check_space(totals)
        stage.progress(items_done=totals.entries, items_total=totals.entries, message="making the tree")
        Trees(catalog, source, target, abilities, failures, token).run(stage.check, lambda _: None)
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


@dataclass(frozen=True)
class _Plan:
    """What the plan is made from."""

    stage: Stage
    settings: Settings
    rules: Rules
    catalog: Catalog
    source: Root
    target: Root
    abilities: Abilities
    failures: Failures
    checkpointer: Checkpointer
    token: str

    def make(self, previous: Path | None) -> Totals:
        """List and compare, or take the plan that an earlier attempt completed."""
        if self.catalog.get("digest"):
            return finishing.totals_of(self.catalog)
        if previous is not None and not self.catalog.get("scan_begun"):
            histories.sweep(previous, self.target, self.token)
        self._scan()
        self.stage.check()
        if previous is not None and self._found_nothing() and _had_files(previous):
            raise PermanentError(
                f"{self.source.path} is empty, but held files in the last run; is it mounted?", reason="SourceEmpty"
            )
        return finishing.finish(self.catalog, previous=previous, prune=self.rules.is_selective)

    def _found_nothing(self) -> bool:
        if histories.is_retry(self.catalog.path):  # it may well find none of its items
            with os.scandir(self.source.top.fd) as listing:
                return next(listing, None) is None
        return bool(self.catalog.scalar("SELECT count(*) FROM entries") == 1)

    def check_space(self, totals: Totals) -> tuple[int, int]:
        """Bytes needed and bytes free; copies that share their blocks need none."""
        devices = {os.fstat(root.top.fd).st_dev for root in (self.source, self.target)}
        is_shared = self.abilities.clones and len(devices) == 1
        needed = 0 if is_shared else totals.allocated_to_copy + totals.largest_replaced
        return needed, spaces.check(self.target, needed, totals.new_entries)

    def _scan(self) -> None:
        def tell(found: int) -> None:
            self.stage.progress(items_done=found, message="listing")
            self.checkpointer.set(entries=found)

        Scan(
            self.catalog,
            self.source,
            self.target,
            self.abilities,
            self.rules,
            self.failures,
            token=self.token,
            one_file_system=self.settings.one_file_system,
            threads=self.settings.threads,
            check=self.stage.check,
            tell=tell,
        ).run()


def _probe(stage: Stage, failures: Failures, target: Root, token: str) -> Abilities:
    try:
        abilities = attributes.probe(target, token)
    except PermissionError as error:
        raise PermanentError(f"{target.path} can't be written: {error.strerror}", reason="PermissionDenied") from error
    except OSError as error:
        failures.check(error)
        raise
    can = {
        "owners": abilities.owners,
        "modes": abilities.modes,
        "extended attributes": abilities.xattrs,
        "access lists": abilities.acls,
    }
    if lacking := [what for what, is_able in can.items() if not is_able]:
        stage.log.warning("the destination can't take over %s; see notPreserved in the outputs", ", ".join(lacking))
    return abilities


def _had_files(previous: Path) -> bool:
    with Catalog.open(previous) as catalog:
        return finishing.totals_of(catalog).files > 0


def _outputs(totals: Totals) -> dict[str, int]:
    words = (name.split("_") for name in asdict(totals))
    return {w[0] + "".join(p.title() for p in w[1:]): v for w, v in zip(words, asdict(totals).values(), strict=True)}
