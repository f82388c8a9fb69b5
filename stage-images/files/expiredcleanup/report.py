"""Stage 5: what was found, what went and what stayed, for programs and for people."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from asynctask_stage import Stage
from expiredcleanup import desk
from expiredcleanup.settings import Settings
from expiredcleanup.words import say, size

JSON_NAME = "cleanup-report.json"
TEXT_NAME = "cleanup-report.md"
FIRST = 100
"""Item errors that the report names; all of them are in the task's log."""


def main(stage: Stage) -> dict[str, Any]:
    """Write both reports as artifacts. Outputs: the figures again, for stages and notifications that follow."""
    settings = Settings.of(stage)
    outputs = stage.outputs
    scan, delete, purge = (outputs.get(name) or {} for name in ("scan", "delete", "purge"))
    errors = list(islice(_errors(desk.folder(stage), stage.context.run), FIRST))
    figures = _figures(scan, delete, purge)
    report = {
        "namespace": stage.context.namespace,
        "task": stage.context.task,
        "run": stage.context.run,
        "root": settings.root_path,
        "ageDays": settings.age_days,
        "ageBy": "access" if settings.by_access else "modification",
        "mode": "Delete" if settings.deletes else "Quarantine",
        "dryRun": settings.dry_run,
        **figures,
        "scan": scan,
        "delete": delete,
        "purge": purge,
        "firstErrors": errors,
    }
    stage.artifacts.put(JSON_NAME, json.dumps(report, ensure_ascii=False, indent=2).encode())
    stage.artifacts.put(TEXT_NAME, in_words(report, settings.language).encode())
    return {**figures, "report": JSON_NAME, "text": TEXT_NAME}


def _figures(scan: Mapping[str, Any], delete: Mapping[str, Any], purge: Mapping[str, Any]) -> dict[str, Any]:
    deletes = delete.get("mode") == "Delete" and not delete.get("dryRun")
    quarantines = delete.get("mode") == "Quarantine" and not delete.get("dryRun")
    return {
        "expired": scan.get("items", 0),
        "expiredBytes": scan.get("bytes", 0),
        "approved": delete.get("approved", 0),
        "deleted": delete.get("files", 0) if deletes else 0,
        "freedBytes": (delete.get("bytes", 0) if deletes else 0)
        + (0 if purge.get("dryRun") else purge.get("bytes", 0)),
        "quarantined": delete.get("files", 0) if quarantines else 0,
        "quarantinedBytes": delete.get("bytes", 0) if quarantines else 0,
        "quarantine": delete.get("quarantine", ""),
        "kept": delete.get("kept", 0) + delete.get("stuck", 0),
        "keptBecause": delete.get("keptBecause", {}),
        "vanished": delete.get("vanished", 0),
        "itemErrors": scan.get("itemErrors", 0) + delete.get("itemErrors", 0),
    }


def _errors(folder: Path, run: int) -> Iterator[dict[str, Any]]:
    for name in (f"errors-delete-{run}.jsonl", f"errors-scan-{run}.jsonl"):
        path = folder / name
        if path.exists():
            with path.open(encoding="utf-8") as file:
                yield from map(json.loads, file)


def in_words(report: Mapping[str, Any], language: str) -> str:
    """The report as Markdown."""
    scan, delete = report["scan"], report["delete"]
    lines = [f"# {say('title', language, root=_plain(report['root']))}", ""]
    lines.append(say("run", language, task=_plain(report["task"]), run=report["run"]))
    verb = say(report["ageBy"], language)
    lines += [say("rule", language, verb=verb, days=report["ageDays"]), ""]
    if report["dryRun"]:
        lines += [say("dry", language), ""]
    if not report["expired"]:
        lines += [say("nothing", language), ""]
    lines += [f"| {say('what', language)} | {say('files', language)} | {say('bytes', language)} |", "|---|---:|---:|"]
    for code, files, count in _rows(report):
        lines.append(f"| {say(code, language)} | {files:,} | {size(count) if count is not None else ''} |")
    lines.append("")
    if report["quarantine"]:
        lines += [say("undo", language, root=_plain(report["root"]), name=f"`{report['quarantine']}`"), ""]
    for code, count in (("unreadable", scan.get("unreadableFolders", 0)), ("held", scan.get("held", 0))):
        if count:
            lines += [say(code, language, count=count), ""]
    if reasons := delete.get("keptBecause"):
        lines += [f"## {say('why', language)}", ""]
        lines += [f"* {say(reason, language)}: {count:,}" for reason, count in reasons.items()]
        lines.append("")
    if report["firstErrors"]:
        lines += [f"## {say('problems', language)}", ""]
        lines += [f"* `{_plain(e['path'])}`: {say(e['reason'], language)}" for e in report["firstErrors"]]
        lines.append("")
    return "\n".join(lines)


def _rows(report: Mapping[str, Any]) -> Iterator[tuple[str, int, int | None]]:
    scan, delete, purge = report["scan"], report["delete"], report["purge"]
    yield "seen", scan.get("filesSeen", 0), scan.get("bytesSeen", 0)
    yield "expired", report["expired"], report["expiredBytes"]
    if scan.get("notListed"):
        yield "notListed", scan["notListed"], None
    if not delete:
        return
    yield "approved", delete.get("approved", 0), delete.get("approvedBytes", 0)
    done = "would" if report["dryRun"] else "deleted" if report["mode"] == "Delete" else "quarantined"
    yield done, delete.get("files", 0), delete.get("bytes", 0)
    yield "kept", report["kept"], None
    yield "vanished", report["vanished"], None
    if delete.get("folders"):
        yield "folders", delete["folders"], None
    if purge.get("files") and not purge.get("dryRun"):
        yield "purged", purge["files"], purge["bytes"]


def _plain(text: str) -> str:
    """A name that anybody may have given, so that it can't become markup."""
    return "".join(c if c.isprintable() and c not in "`|<>[]" else "�" for c in text)
