"""The catalogs of a task's runs in its workspace: which is this run's, and which to learn from."""

import re
from collections.abc import Iterator
from pathlib import Path

from asynctask_stage.data import names, opening
from asynctask_stage.data.catalog import Catalog
from asynctask_stage.data.entries import Action, Kind, State
from asynctask_stage.data.roots import Root
from asynctask_stage.errors import StageError

_NAME = re.compile(r"catalog-(\d+)\.sqlite")


def path_of(folder: Path, run: int) -> Path:
    """The catalog of one run."""
    return folder / f"catalog-{run}.sqlite"


def retry_path_of(folder: Path, run: int) -> Path:
    """The catalog of a run that tries single items again: it lacks the rest, so no later run learns from it."""
    return folder / f"retry-{run}.sqlite"


def is_retry(path: Path) -> bool:
    """Whether it is such a catalog."""
    return path.name.startswith("retry-")


def newest(folder: Path) -> Path | None:
    """The catalog of the latest run; a run that starts at a later stage goes on with it."""
    return next((path for _, path in _all(folder)), None)


def previous(folder: Path, run: int) -> Path | None:
    """The newest catalog of an earlier run whose plan was complete, and which can be read."""
    for number, path in _all(folder):
        if number >= run:
            continue
        try:
            with Catalog.open(path) as catalog:
                if catalog.get("digest"):
                    return path
        except StageError:
            continue
    return None


def sweep(path: Path, target: Root, token: str) -> None:
    """Remove the temporary files of an earlier run that did not end, also in directories that the source lost."""
    with Catalog.open(path) as catalog:
        for entry in catalog.entries(
            "kind = ? AND action = ? AND state != ?", (Kind.FILE, Action.COPY, State.VERIFIED)
        ):
            if entry.state == State.DONE:
                continue
            directory, _ = names.split(entry.path)
            try:
                opening.discard(target.folder(directory), names.temporary(token, entry.id))
            except OSError:
                continue  # the directory is gone, or not ours any more


def remove_earlier(folder: Path, run: int) -> None:
    """Remove catalogs and lists of errors of runs before ``run``, which has taken over what they know."""
    for path in folder.glob("errors-*-*.jsonl"):
        text = path.name.split("-")[1]
        if text.isdecimal() and int(text) < run:
            path.unlink(missing_ok=True)
    for number, path in _all(folder):
        if number < run:
            path.unlink(missing_ok=True)
            path.with_name(path.name + "-journal").unlink(missing_ok=True)


def remove_retries(folder: Path, run: int) -> None:
    """Remove catalogs of such runs before ``run``."""
    for path in folder.glob("retry-*.sqlite"):
        text = path.stem.partition("-")[2]
        if text.isdecimal() and int(text) < run:
            path.unlink(missing_ok=True)
            path.with_name(path.name + "-journal").unlink(missing_ok=True)


def _all(folder: Path) -> Iterator[tuple[int, Path]]:
    """Run and path, newest first."""
    found = [(int(match[1]), path) for path in folder.glob("catalog-*.sqlite") if (match := _NAME.fullmatch(path.name))]
    yield from sorted(found, reverse=True)
