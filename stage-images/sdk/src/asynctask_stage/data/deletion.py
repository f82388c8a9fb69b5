"""Deleting exactly the files of an approved list, while others may do anything to the tree.

Each file is looked at by way of directory handles, component by component from the root, no symbolic link followed. It
is then *moved* into a private folder of the same file system, where nobody can exchange it, and looked at once more
there, because it may have been exchanged in between. Last, the way from the root to its folder is walked anew: if the
folder is no longer there, the file was outside the tree when we took it. What is not what was approved is moved back.
Only then is it deleted, or left there as its quarantine.

Order, for a crash at any moment: lines in the manifest, synced → moves → checks, undone moves → sync of the file
system → fates in the catalog → deletions → sync → fates.
"""

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from asynctask_stage.data import candidates, kernel, names
from asynctask_stage.data.failures import Failures, ItemFailed
from asynctask_stage.data.holds import HOLD, Holds, Protection
from asynctask_stage.data.moving import move_new
from asynctask_stage.data.quarantine import AREA, RunFolder
from asynctask_stage.data.removals import Fate, Removal, Removals
from asynctask_stage.data.roots import Folder, Root

BATCH_SECONDS = 1.0
FIRST_BATCH = 100
LARGEST_BATCH = 4000


@dataclass(frozen=True)
class Taken:
    """What became of one file, or folder."""

    number: int
    path: bytes
    fate: Fate
    folder: Folder | None = None
    """Where it was taken from."""
    nlink: int = 1
    error: Exception | None = None


def keep(number: int, path: bytes, reason: str, message: str) -> Taken:
    """Left alone, for a reason that people are told."""
    return Taken(number, path, Fate.KEPT, error=ItemFailed(reason, message, "permanent"))


@dataclass(frozen=True)
class Safeguards:
    """What is not deleted even when it is approved."""

    protection: Protection
    by_access: bool
    """Whether a file that was read since the scan is kept."""

    def objection(self, number: int, path: bytes, holds: Holds) -> Taken | None:
        """Why the file, or folder, stays; None when it may go. ``OSError`` when that can't be told."""
        if self.protection.covers(path):
            return keep(number, path, "Protected", "is a protected path")
        parts = path.split(b"/")
        if AREA in parts or parts[-1] == HOLD:
            return keep(number, path, "Protected", "belongs to the quarantine, or is the mark of a legal hold")
        if holds.covers(names.split(path)[0]):
            return keep(number, path, "LegalHold", f"lies below a folder that holds {HOLD.decode()}")
        return None


class Deletion:
    """One deletion. ``run`` may be called again after any interruption."""

    def __init__(
        self,
        removals: Removals,
        root: Root,
        place: RunFolder | None,
        failures: Failures,
        safeguards: Safeguards,
        *,
        delete: bool,
        threads: int = 4,
        check: Callable[[], None] = lambda: None,
        tell: Callable[[int, int], None] = lambda _files, _bytes: None,
    ) -> None:
        """Without a ``place`` nothing is touched, and ``GONE`` means *would go*. With ``delete`` nothing stays there.

        ``check`` may raise to stop; ``tell`` hears how many files, of how many bytes, are settled.
        """
        self._removals = removals
        self._root = root
        self._device = os.fstat(root.top.fd).st_dev
        self._place = place
        self._failures = failures
        self._safeguards = safeguards
        self._delete = delete
        self._threads = threads
        self._check = check
        self._tell = tell

    def run(self) -> None:
        """Settle every file of the list, small ones first."""
        self._resume()
        settled = self._removals.scalar("SELECT count(*) FROM items WHERE fate >= 2")
        size = self._removals.scalar("SELECT coalesce(sum(size), 0) FROM items WHERE fate >= 2")
        most = FIRST_BATCH
        with ThreadPoolExecutor(self._threads, "delete") as pool:
            while batch := self._removals.next_items(most):
                self._check()
                began = time.monotonic()
                self._settle(batch, pool)
                settled += len(batch)
                size += sum(item.candidate.size for item in batch)
                self._tell(settled, size)
                took = time.monotonic() - began
                most = max(FIRST_BATCH, min(LARGEST_BATCH, int(most * min(4.0, BATCH_SECONDS / max(took, 0.01)))))

    def _resume(self) -> None:
        """Learn from the manifest what an earlier attempt may have moved, and delete what it was about to."""
        if self._place is None:
            return
        self._place.mend()
        offset = int(self._removals.get("manifest_offset", 0))
        first_folder = self._removals.folder_numbers_from()
        items: list[int] = []
        folders: list[int] = []
        for _, line in self._place.lines(offset):
            if "n" in line:
                number = int(line["n"])
                (items if number < first_folder else folders).append(
                    number if number < first_folder else number - first_folder
                )
        self._removals.set_journalled("items", items)
        self._removals.set_journalled("folders", folders)
        self._removals.commit()
        while moved := self._removals.moved_items(LARGEST_BATCH):
            self._delete_moved([item.id for item in moved])

    def _settle(self, batch: Sequence[Removal], pool: ThreadPoolExecutor) -> None:
        self._journal(batch)
        # Neighbours share their folder's handle; which is only kept for a batch, for folders move.
        self._root.forget()
        holds = Holds(self._root)
        ordered = sorted(batch, key=lambda item: item.candidate.path)
        slices = [ordered[i :: self._threads] for i in range(self._threads)]
        taken = [
            one for part in pool.map(lambda part: [self._take(item, holds) for item in part], slices) for one in part
        ]
        if self._place is not None:
            taken = verify_folders(self._root, self._place, taken)
            kernel.syncfs(self._root.top.fd)
        moved = [one for one in taken if one.fate == Fate.MOVED]
        for one in taken:
            if one.error is not None:
                self._failures.add(one.path, one.error)
        final = Fate.MOVED if self._delete and self._place is not None else Fate.GONE
        self._removals.settle((one.number, final if one.fate == Fate.MOVED else one.fate, one.nlink) for one in taken)
        self._removals.add_emptied({names.split(one.path)[0] for one in moved})
        self._failures.commit()
        if final == Fate.MOVED and moved:
            self._delete_moved([one.number for one in moved])

    def _journal(self, batch: Sequence[Removal]) -> None:
        if self._place is None:
            return
        new = [item for item in batch if not item.is_journalled]
        if not new:
            return
        length = self._place.append(
            {
                "n": item.id,
                **names.to_json(item.candidate.path),
                "kind": candidates.FILE,
                "size": item.candidate.size,
                "mtimeNs": item.candidate.mtime_ns,
                "inode": item.candidate.ino,
            }
            for item in new
        )
        self._removals.set_journalled("items", (item.id for item in new))
        self._removals.put({"manifest_offset": length})

    def _take(self, item: Removal, holds: Holds) -> Taken:
        """Check and move one file."""
        candidate, number = item.candidate, item.id
        path = candidate.path
        try:
            if item.is_journalled and self._place is not None and self._place.find(number) is not None:
                return self._check_again(item)
            if objection := self._safeguards.objection(number, path, holds):
                return objection
            directory, name = names.split(path)
            folder = self._root.folder(directory)
            found = os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
            if what := self._difference(candidate, found):
                return keep(number, path, "ChangedSinceScan", f"its {what} is not as it was scanned")
            if self._place is None:
                return Taken(number, path, Fate.MOVED, folder, found.st_nlink)
            there, new = self._place.place(number, create=True)
            os.rename(name, new, src_dir_fd=folder.fd, dst_dir_fd=there.fd)
            return self._check_moved(item, folder)
        except FileNotFoundError:
            return Taken(number, path, Fate.VANISHED)
        except NotADirectoryError:
            return keep(number, path, "ChangedSinceScan", "a folder on the way to it is no longer a folder")
        except OSError as error:
            return Taken(number, path, Fate.KEPT, error=error)

    def _check_again(self, item: Removal) -> Taken:
        """It was moved by an attempt that was killed, perhaps before it could see that the folder was the right one."""
        path = item.candidate.path
        try:
            folder = self._root.folder(names.split(path)[0])
        except OSError:
            assert self._place is not None
            return put_back(self._place, Taken(item.id, path, Fate.MOVED), "its folder was moved or deleted meanwhile")
        return self._check_moved(item, folder)

    def _difference(self, candidate: candidates.Candidate, found: os.stat_result) -> str:
        return candidates.difference(candidate, found, self._device, by_access=self._safeguards.by_access)

    def _check_moved(self, item: Removal, folder: Folder | None) -> Taken:
        """Look at it again where nobody can exchange it."""
        assert self._place is not None
        taken = Taken(item.id, item.candidate.path, Fate.MOVED, folder)
        try:
            there, new = self._place.place(item.id)
            kernel.refresh(there.fd, new)
            found = os.stat(new, dir_fd=there.fd, follow_symlinks=False)
        except OSError as error:
            return put_back(self._place, taken, f"it can't be looked at again: {error.strerror}")
        if what := self._difference(item.candidate, found):
            return put_back(self._place, taken, f"its {what} is not as it was scanned")
        return replace(taken, nlink=found.st_nlink)

    def _delete_moved(self, numbers: Sequence[int]) -> None:
        """Delete what lies in the private folder for good."""
        assert self._place is not None
        for number in numbers:
            try:
                folder, name = self._place.place(number)
                os.unlink(name, dir_fd=folder.fd)
            except FileNotFoundError:
                continue  # by an attempt that was killed before it could say so
        kernel.syncfs(self._root.top.fd)
        self._removals.execute_many("UPDATE items SET fate = ? WHERE id = ?", ((Fate.GONE, n) for n in numbers))
        self._removals.commit()


def put_back(place: RunFolder, taken: Taken, why: str) -> Taken:
    """Move a thing back to where it was taken from; never over another."""
    folder, name = place.place(taken.number)
    try:
        if taken.folder is None:
            raise FileNotFoundError
        move_new(folder, name, taken.folder, names.split(taken.path)[1])
    except OSError as error:
        there = f"{AREA.decode()}/{place.name}/{taken.number // 1000:04d}/{taken.number}"
        message = f"{why}; it could not be put back ({error.strerror or 'its folder is gone'}) and waits in {there}"
        return replace(taken, fate=Fate.STUCK, error=ItemFailed("NotPutBack", message, "permanent"))
    return replace(taken, fate=Fate.KEPT, error=ItemFailed("ChangedSinceScan", why, "permanent"))


def verify_folders(root: Root, place: RunFolder, taken: Sequence[Taken]) -> list[Taken]:
    """Walk anew to every folder that something was taken from; put back what came from a folder that has moved away.

    Had it moved away and back again, the file would now lie in the tree, so taking it was right.
    """
    root.forget()
    verdicts: dict[bytes, tuple[int, int] | None] = {}
    settled: list[Taken] = []
    for one in taken:
        if one.fate != Fate.MOVED or one.folder is None:
            settled.append(one)
            continue
        directory = names.split(one.path)[0]
        if directory not in verdicts:
            verdicts[directory] = _identity_at(root, directory)
        found = os.fstat(one.folder.fd)
        is_there = verdicts[directory] == (found.st_dev, found.st_ino)
        settled.append(one if is_there else put_back(place, one, "its folder was moved or replaced meanwhile"))
    return settled


def _identity_at(root: Root, directory: bytes) -> tuple[int, int] | None:
    try:
        found = os.fstat(root.folder(directory).fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino
