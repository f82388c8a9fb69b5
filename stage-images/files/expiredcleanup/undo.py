"""The one stage of ``cleanup-undo``: put back what a clean-up has quarantined."""

from typing import Any

from fields import strings

from asynctask_stage import PermanentError, Stage, TransientError
from asynctask_stage.data.patterns import Rules
from asynctask_stage.data.quarantine import Area, RunFolder
from asynctask_stage.data.undoing import Restored, Undo
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
    chosen = (stage.checkpoint or {}).get("quarantine")
    area = None
    try:
        area = Area.open(root, private=not config.path("shared_quarantine", bool, False))
        place = _enter(area, str(chosen) if chosen else config.path("quarantine", str, LATEST))
    except (FileNotFoundError, PermanentError) as error:
        if isinstance(error, PermanentError) and error.reason != "QuarantineNotFound":
            raise
        if chosen:  # an attempt that was killed had put everything back, and removed it
            if area:
                area.remove_if_empty()
            return _outputs(str(chosen), Restored(), is_empty=True)
        raise PermanentError(f"{path} has no such quarantine", reason="QuarantineNotFound") from error
    with place:
        # Another attempt must go on with this one: what is the latest then would be an older one.
        if not stage.save({"quarantine": place.name}, now=True) and stage.context.task:
            raise TransientError("which quarantine was chosen could not be saved", reason="GatewayAway")
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
    return _outputs(place.name, restored, is_empty=is_empty)


def _outputs(name: str, restored: Restored, *, is_empty: bool) -> dict[str, Any]:
    return {
        "quarantine": name,
        "files": restored.files,
        "bytes": restored.bytes,
        "folders": restored.folders,
        "foldersMade": restored.folders_made,
        "left": restored.left,
        "isEmpty": is_empty,
    }


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
