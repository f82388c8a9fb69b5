"""Reviews item by item, through AsyncTask's API: list, strike off, keep, undo."""

from typing import Annotated

import typer

from asynctask.cli import formats
from asynctask.cli.failures import NOT_FOUND, USAGE, Failure
from asynctask.cli.options import Namespace, Setup, TaskName, setup
from asynctask.cli.output import Object, table

StageOption = Annotated[str, typer.Option("--stage", help="The approval stage, where several wait.")]
Folder = Annotated[str, typer.Option(help="Everything below this folder.")]
PartOfPath = Annotated[str, typer.Option(help="Part of the path.")]
Ids = Annotated[list[int] | None, typer.Option("--id", help="This item; may be repeated.")]
DryRun = Annotated[bool, typer.Option(help="Only count.")]


def items(
    context: typer.Context,
    name: TaskName,
    namespace: Namespace = None,
    stage: StageOption = "",
    folder: Folder = "",
    text: PartOfPath = "",
    sort: Annotated[str, typer.Option(help="`path`, `size` or `age`.")] = "path",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
) -> None:
    """List what a review is about. Needs --gateway."""
    found = setup(context)
    one = review_path(found, name, namespace, stage)
    table(
        [
            ("Id", lambda item: item["id"]),
            ("Size", lambda item: formats.size(item["size"])),
            ("Changed", lambda item: formats.age(item["time"])),
            ("Decision", lambda item: item["decision"]),
            ("Path", lambda item: item["path"]),
        ],
        found.gateway.pages(f"{one}/items", limit, folder=folder, text=text, sort=sort),
    )


def strike(
    context: typer.Context,
    name: TaskName,
    namespace: Namespace = None,
    stage: StageOption = "",
    folder: Folder = "",
    text: PartOfPath = "",
    ids: Ids = None,
    dry_run: DryRun = False,
) -> None:
    """Strike items off the list: they stay. Needs --gateway."""
    _select(setup(context), name, namespace, stage, "strike", folder, text, ids, dry_run=dry_run)


def keep(
    context: typer.Context,
    name: TaskName,
    namespace: Namespace = None,
    stage: StageOption = "",
    folder: Folder = "",
    text: PartOfPath = "",
    ids: Ids = None,
    dry_run: DryRun = False,
) -> None:
    """Put items back on the list. Needs --gateway."""
    _select(setup(context), name, namespace, stage, "keep", folder, text, ids, dry_run=dry_run)


def undo(context: typer.Context, name: TaskName, namespace: Namespace = None, stage: StageOption = "") -> None:
    """Take back the last strike or keep. Needs --gateway."""
    found = setup(context)
    answer = found.gateway.post(f"{review_path(found, name, namespace, stage)}/undo", None).body
    typer.echo(_totals(answer["totals"]))


def _select(
    found: Setup, name: str, namespace: str | None, stage: str, action: str, folder: str, text: str,
    ids: list[int] | None, *, dry_run: bool,
) -> None:  # fmt: skip
    if bool(ids) == bool(folder or text):
        raise Failure("say which items: by --id, or by --folder and --text", code=USAGE)
    chosen: Object = {"ids": ids} if ids else {"filter": {"folder": folder, "text": text}}
    one = review_path(found, name, namespace, stage)
    answer = found.gateway.post(f"{one}/selections", {"action": action, "dryRun": dry_run, **chosen}).body
    done = "would be " if dry_run else ""
    word = done + ("struck off" if action == "strike" else "kept")
    typer.echo(f"{answer['matched']} items {word}; {_totals(answer['totals'])}")


def _totals(totals: Object) -> str:
    left, struck = totals["remaining"], totals["struck"]
    return f"left: {left['items']} items, {formats.size(left['bytes'])}; struck off: {struck['items']}"


def review_path(found: Setup, name: str, namespace: str | None, stage: str) -> str:
    """The URL path of the one review of a task that waits."""
    space = found.namespace(namespace)
    rows = [
        row
        for row in found.gateway.pages("/api/v1/reviews", 1000, namespace=space)
        if row["task"] == name and stage in {"", row["stage"]}
    ]
    if not rows:
        raise Failure(f"no stage of {name} waits for a decision", f"asynctask get {name} -n {space}", NOT_FOUND)
    if len(rows) > 1:
        known = ", ".join(row["stage"] for row in rows)
        raise Failure(f"{len(rows)} stages of {name} wait", f"choose with --stage: {known}", USAGE)
    return f"/api/v1/reviews/{rows[0]['id']}"
