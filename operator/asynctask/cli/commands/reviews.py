"""Decisions of people: what waits for one, approve, reject."""

from typing import Annotated

import typer

from asynctask.api import names as labels
from asynctask.api.kinds import ASYNC_TASK, STAGE
from asynctask.cli import formats
from asynctask.cli.commands import reviewlists
from asynctask.cli.commands.reviewlists import StageOption
from asynctask.cli.failures import NOT_FOUND, USAGE, Failure
from asynctask.cli.options import AllNamespaces, Namespace, Output, OutputOption, Setup, TaskName, setup
from asynctask.cli.output import Object, show, table

app = typer.Typer(help="Reviews: what waits for a decision, approve, reject.", no_args_is_help=True)
Comment = Annotated[str, typer.Option("--message", "-m", help="Why; kept with the decision.")]


@app.command("list")
def list_reviews(
    context: typer.Context,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the stages that wait for a decision."""
    found = setup(context)
    space = None if all_namespaces else found.namespace(namespace)
    waiting = [stage for stage in found.cluster.list(STAGE, space) if _waits(stage)]
    if output not in {Output.TABLE, Output.WIDE}:
        show(STAGE, waiting, output)
    elif not waiting:
        typer.echo("Nothing waits for a decision.", err=True)
    else:
        table(
            [
                ("Task", lambda stage: f"{stage['metadata']['namespace']}/{stage['spec']['taskName']}"),
                ("Stage", lambda stage: stage["spec"]["template"]["name"]),
                ("Waits", lambda stage: formats.age(stage["metadata"]["creationTimestamp"])),
                ("Question", lambda stage: stage["spec"]["template"]["approval"].get("message", {}).get("en", "")),
            ],
            waiting,
        )


@app.command()
def approve(
    context: typer.Context, name: TaskName, namespace: Namespace = None, stage: StageOption = "", message: Comment = ""
) -> None:
    """Approve: the task goes on."""
    found = setup(context)
    if found.gateway_url:
        one = reviewlists.review_path(found, name, namespace, stage)
        etag = found.gateway.get(one).etag
        found.gateway.post(f"{one}/approve", {"message": message}, etag)
        typer.echo(f"{name} approved")
    else:
        _decide(found, name, namespace, stage, "Approved", message)


@app.command()
def reject(
    context: typer.Context, name: TaskName, namespace: Namespace = None, stage: StageOption = "", message: Comment = ""
) -> None:
    """Reject: the task ends as failed; nothing after this stage runs."""
    found = setup(context)
    if found.gateway_url:
        found.gateway.post(f"{reviewlists.review_path(found, name, namespace, stage)}/reject", {"message": message})
        typer.echo(f"{name} rejected")
    else:
        _decide(found, name, namespace, stage, "Rejected", message)


def _decide(found: Setup, name: str, namespace: str | None, stage: str, decision: str, message: str) -> None:
    space = found.namespace(namespace)
    target = waiting_stage(found, space, name, stage)
    review = {"decision": decision, "by": _who(found), "message": message, "time": _now()}
    body = {"metadata": {"resourceVersion": target["metadata"]["resourceVersion"]}, "status": {"review": review}}
    found.cluster.patch(STAGE, space, target["metadata"]["name"], body, "status")
    typer.echo(f"{name}/{target['spec']['template']['name']} {decision.lower()}")


def waiting_stage(found: Setup, space: str, name: str, stage: str) -> Object:
    """The approval stage of a task that waits. Fails when there is none, or several and none is named."""
    task = found.cluster.get(ASYNC_TASK, space, name)
    selector = f"{labels.LABEL_TASK_UID}={task['metadata']['uid']}"
    waiting = [
        one
        for one in found.cluster.list(STAGE, space, selector)
        if _waits(one) and stage in {"", one["spec"]["template"]["name"]}
    ]
    if not waiting:
        raise Failure(f"no stage of {name} waits for a decision", f"asynctask get {name} -n {space}", NOT_FOUND)
    if len(waiting) > 1:
        raise Failure(
            f"{len(waiting)} stages of {name} wait",
            "choose with --stage: " + ", ".join(one["spec"]["template"]["name"] for one in waiting),
            USAGE,
        )
    return waiting[0]


def _waits(stage: Object) -> bool:
    return bool(stage["spec"]["template"].get("approval")) and not stage.get("status", {}).get("completionTime")


def _who(found: Setup) -> str:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = found.cluster.raw("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=body)
    return str(answer["status"]["userInfo"].get("username", ""))[:256]


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


for command in (reviewlists.items, reviewlists.strike, reviewlists.keep, reviewlists.undo):
    app.command()(command)
