"""The one stage of ``cleanup-undo``: put back what a clean-up has quarantined."""

from typing import Any

from fields import strings

from asynctask_stage import PermanentError, Stage
from asynctask_stage.data.patterns import Rules
from asynctask_stage.data.quarantine import Area, RunFolder
from asynctask_stage.data.roots import Root
from asynctask_stage.data.undoing import Undo
from expiredcleanup import desk
from expiredcleanup.settings import LATEST, root_path


def main(stage: Stage) -> dict[str, Any]:
    """Undo. Outputs: files, folders and bytes put back; what stays in quarantine, and is among the item errors."""
    config = stage.config
    path = root_path(stage)
    rules = Rules(
        strings(config.path("include", list, []), "include"), strings(config.path("exclude", list, []), "exclude")
    )
    root = desk.root(path)
    area = _area(root, private=not config.path("shared_quarantine", bool, False))
    with _enter(area, config.path("quarantine", str, LATEST)) as place:
        restored = Undo(
            root,
            place,
            rules,
            tell_item=lambda item, reason, message: stage.item_error(item, reason=reason, message=message),
            check=stage.check,
            tell=lambda done, total: stage.progress(items_done=done, items_total=total, message="putting back"),
        ).run()
        is_empty = place.remove()
    if is_empty:
        area.remove_if_empty()
    return {
        "quarantine": place.name,
        "files": restored.files,
        "bytes": restored.bytes,
        "folders": restored.folders,
        "foldersMade": restored.folders_made,
        "left": restored.left,
        "isEmpty": is_empty,
    }


def _area(root: Root, *, private: bool) -> Area:
    try:
        return Area.open(root, private=private)
    except FileNotFoundError:
        raise PermanentError(f"{root.path} has no quarantine", reason="QuarantineNotFound") from None


def _enter(area: Area, name: str) -> RunFolder:
    if name != LATEST:
        return area.enter(name)
    newest = ""
    changed = -1.0
    for found in area.names():
        with area.enter(found) as place:
            if place.changed > changed:
                newest, changed = found, place.changed
    if not newest:
        raise PermanentError(f"{area.root.path} has no quarantine", reason="QuarantineNotFound")
    return area.enter(newest)
