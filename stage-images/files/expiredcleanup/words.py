"""The sentences of the report, in English and Chinese."""

from collections.abc import Mapping

TEXTS: dict[str, dict[str, str]] = {
    "title": {"en": "Clean-up of {root}", "zh": "清理报告：{root}"},
    "run": {"en": "Task {task}, run {run}.", "zh": "任务 {task}，第 {run} 次运行。"},
    "rule": {
        "en": "Files count as expired when they were last {verb} more than {days} days ago.",
        "zh": "最后一次{verb}早于 {days} 天的文件视为过期。",
    },
    "modification": {"en": "changed", "zh": "修改"},
    "access": {"en": "read or changed", "zh": "读取或修改"},
    "nothing": {"en": "Nothing has expired.", "zh": "没有过期的文件。"},
    "dry": {"en": "This was a dry run: nothing was touched.", "zh": "这是演练：没有改动任何内容。"},
    "undo": {
        "en": "To put it back: a task of type cleanup-undo with root_path {root} and quarantine {name}.",
        "zh": "如需恢复：提交 cleanup-undo 类型的任务，root_path 为 {root}，quarantine 为 {name}。",
    },
    "what": {"en": "", "zh": ""},
    "files": {"en": "files", "zh": "文件数"},
    "bytes": {"en": "size", "zh": "大小"},
    "seen": {"en": "seen", "zh": "已扫描"},
    "expired": {"en": "expired", "zh": "已过期"},
    "approved": {"en": "approved", "zh": "已批准"},
    "quarantined": {"en": "moved into quarantine", "zh": "已移入隔离区"},
    "deleted": {"en": "deleted", "zh": "已删除"},
    "would": {"en": "would be deleted", "zh": "将被删除"},
    "kept": {"en": "kept", "zh": "已保留"},
    "vanished": {"en": "gone before we came", "zh": "处理前已不存在"},
    "notListed": {"en": "expired, left for the next run", "zh": "已过期，留待下次运行"},
    "folders": {"en": "emptied folders removed", "zh": "已移除的空文件夹"},
    "purged": {"en": "old quarantines emptied for good", "zh": "从旧隔离区永久删除"},
    "why": {"en": "Why files were kept", "zh": "保留原因"},
    "problems": {"en": "The first of them", "zh": "其中前几项"},
    "unreadable": {
        "en": "{count} folders could not be read; nothing in them was judged.",
        "zh": "有 {count} 个文件夹无法读取，其中的内容未作判断。",
    },
    "held": {"en": "{count} folders are under a legal hold.", "zh": "有 {count} 个文件夹处于法律保留状态。"},
    "ChangedSinceScan": {"en": "changed since the scan", "zh": "扫描后发生了变化"},
    "LegalHold": {"en": "under a legal hold", "zh": "处于法律保留状态"},
    "Protected": {"en": "a protected path", "zh": "受保护的路径"},
    "PermissionDenied": {"en": "no permission", "zh": "没有权限"},
    "NotPutBack": {"en": "taken by mistake, waits in quarantine", "zh": "误移，暂存于隔离区"},
    "CrossDevice": {"en": "on another file system", "zh": "位于其他文件系统"},
}


def say(code: str, language: str, **values: object) -> str:
    """The sentence of a code; the code itself where nobody wrote one."""
    texts: Mapping[str, str] = TEXTS.get(code, {})
    return (texts.get(language) or texts.get("en") or code).format(**values) if texts else code


def size(count: int) -> str:
    """Bytes for people, in powers of 1000 as storage is sold."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} PB"
