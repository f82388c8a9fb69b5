"""Removing folders that a deletion has emptied: only those, only empty ones, with the care that files get."""

import os
from collections.abc import Callable, Sequence

from asynctask_stage.data import kernel, names
from asynctask_stage.data.deletion import Safeguards, Taken, put_back, verify_folders
from asynctask_stage.data.failures import Failures
from asynctask_stage.data.holds import Holds
from asynctask_stage.data.quarantine import RunFolder
from asynctask_stage.data.removals import EmptiedFolder, Fate, Removals
from asynctask_stage.data.roots import Folder, Root

BATCH = 500
FOLDER = "Folder"


class Emptying:
    """Goes from the deepest folders up; a folder that loses its last folder this way is looked at too."""

    def __init__(
        self,
        removals: Removals,
        root: Root,
        place: RunFolder,
        failures: Failures,
        safeguards: Safeguards,
        *,
        delete: bool,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self._removals = removals
        self._root = root
        self._place = place
        self._failures = failures
        self._safeguards = safeguards
        self._delete = delete
        self._check = check
        self._first = removals.folder_numbers_from()

    def run(self) -> None:
        """Settle every folder; safe to repeat."""
        while batch := self._removals.next_folders(BATCH):
            self._check()
            self._settle(batch)

    def _settle(self, batch: Sequence[EmptiedFolder]) -> None:
        self._journal(batch)
        self._root.forget()
        holds = Holds(self._root)
        taken = [self._take(folder, holds) for folder in batch]
        taken = verify_folders(self._root, self._place, taken)
        kernel.syncfs(self._root.top.fd)
        went = [one for one in taken if one.fate == Fate.MOVED]
        if self._delete:
            for one in went:
                folder, name = self._place.place(one.number)
                os.rmdir(name, dir_fd=folder.fd)
        self._removals.settle_folders(
            (one.number - self._first, Fate.GONE if one.fate == Fate.MOVED else one.fate) for one in taken
        )
        self._removals.emptied_parents(one.path for one in went)
        for one in taken:
            if one.fate == Fate.STUCK and one.error is not None:
                self._failures.add(one.path, one.error)
        self._failures.commit()

    def _journal(self, batch: Sequence[EmptiedFolder]) -> None:
        new = [folder for folder in batch if not folder.is_journalled]
        if new:
            length = self._place.append(
                {"n": self._first + folder.id, **names.to_json(folder.path), "kind": FOLDER} for folder in new
            )
            self._removals.set_journalled("folders", (folder.id for folder in new))
            self._removals.put({"manifest_offset": length})

    def _take(self, item: EmptiedFolder, holds: Holds) -> Taken:
        """A folder that can't be had, or is not empty, simply stays: it is nobody's loss."""
        number = self._first + item.id
        stays = Taken(number, item.path, Fate.KEPT)
        try:
            if item.is_journalled and self._place.find(number) is not None:
                above = self._root.folder(names.split(item.path)[0])
                return self._check_moved(Taken(number, item.path, Fate.MOVED, above))
            if self._safeguards.objection(number, item.path, holds) or holds.covers(item.path):
                return stays
            above_path, name = names.split(item.path)
            above, here = self._root.folder(above_path), self._root.folder(item.path)
            if not _is_empty(here):
                return stays
            there, new = self._place.place(number, create=True)
            os.rename(name, new, src_dir_fd=above.fd, dst_dir_fd=there.fd)
            return self._check_moved(Taken(number, item.path, Fate.MOVED, above), here)
        except OSError:
            return stays

    def _check_moved(self, taken: Taken, expected: Folder | None = None) -> Taken:
        try:
            there, name = self._place.place(taken.number)
            folder = Folder(os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=there.fd))
            is_right = _is_empty(folder) and (expected is None or _is_same(folder, expected))
        except OSError:
            is_right = False
        return taken if is_right else put_back(self._place, taken, "something was put into it meanwhile")


def _is_same(one: Folder, other: Folder) -> bool:
    found, known = os.fstat(one.fd), os.fstat(other.fd)
    return (found.st_dev, found.st_ino) == (known.st_dev, known.st_ino)


def _is_empty(folder: Folder) -> bool:
    with os.scandir(folder.fd) as listing:
        return next(listing, None) is None
