"""Why a task waits, and whether the installation is well."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer
from rich.text import Text

from asynctask.api import names as labels
from asynctask.api.kinds import ASYNC_TASK, KINDS, STAGE, STORAGE_ENDPOINT, TASK_QUEUE, TASK_TYPE
from asynctask.api.names import DEFAULT_QUEUE
from asynctask.api.status import FINAL_PHASES, Phase
from asynctask.cli import formats
from asynctask.cli.failures import NOT_FOUND, REFUSED, Failure
from asynctask.cli.options import Namespace, Setup, TaskName, setup
from asynctask.cli.output import Object, console, pairs, phase

LEASE_SECONDS = 60


def why(context: typer.Context, name: TaskName, namespace: Namespace = None) -> None:
    """Tell why a task does not run, or does not go on."""
    found = setup(context)
    space = found.namespace(namespace)
    task = found.cluster.get(ASYNC_TASK, space, name)
    spec, status = task["spec"], task.get("status", {})
    word = status.get("phase", Phase.PENDING)
    console.print(
        Text.assemble(
            (f"{space}/{name}", "bold"), " is ", phase(word), ": ", status.get("message", "") or "no more is known"
        )
    )
    if waiting := status.get("waiting"):
        holder = waiting.get("holder")
        pairs(
            [
                ("Reason", waiting["reason"]),
                ("For", waiting.get("message")),
                ("Queue", waiting.get("queue")),
                ("Ahead", waiting.get("ahead")),
                ("Resource", waiting.get("resource")),
                ("Held by", holder),
                ("Since", formats.clock(waiting.get("since"))),
                ("Not before", formats.clock(waiting.get("earliestStartTime"))),
                ("Pushed out by", waiting.get("displacedBy")),
            ],
            indent="  ",
        )
    for condition in status.get("conditions", ()):
        if condition["type"] == "Admitted" and condition["status"] == "False":
            pairs([(condition.get("reason") or "Admitted", condition.get("message"))], indent="  ")
    for hint in _hints(found, space, name, spec, status):
        console.print(Text(f"  → {hint}", "cyan"))


def _hints(found: Setup, space: str, name: str, spec: Object, status: Object) -> Iterator[str]:
    if spec.get("suspend"):
        yield f"it is paused: asynctask resume {name} -n {space}"
    word = status.get("phase", Phase.PENDING)
    if word == Phase.PENDING and not status.get("conditions"):
        yield "nobody has looked at it yet: is the operator well? asynctask doctor"
    if word == Phase.INVALID:
        yield "mend the field that is named above; it goes on by itself"
    if word in {Phase.FAILED, Phase.PARTIAL}:
        yield f"asynctask get {name} -n {space} tells which items; asynctask restart {name} -n {space} runs it again"
    waiting = status.get("waiting") or {}
    if waiting.get("queue"):
        yield f"asynctask queue get {waiting['queue']} shows the line"
        yield f"asynctask priority {name} 1 -n {space} makes it more urgent"
    for stage in status.get("stages", ()):
        if stage.get("reason") == "WaitingForApproval":
            yield f"asynctask review approve {name} -n {space} --stage {stage['name']}"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    state: Literal["ok", "warn", "fail"]
    what: str
    advice: str = ""


def doctor(
    context: typer.Context,
    system: Annotated[str, typer.Option(help="The namespace that operator and gateway live in.")] = "asynctask-system",
    namespace: Namespace = None,
) -> None:
    """Look for what is wrong with the installation, and say what to do about it."""
    found = setup(context)
    marks = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "bold red")}
    worst = "ok"
    for check in (
        _check_server,
        _check_kinds,
        _check_operator,
        _check_gateway,
        _check_queues,
        _check_types,
        _check_storage,
        _check_tasks,
    ):
        try:
            findings = list(check(found, system, found.namespace(namespace)))
        except Failure as failure:
            state: Literal["warn", "fail"] = "warn" if failure.code == REFUSED else "fail"
            findings = [Finding(state, f"{check.__name__.removeprefix('_check_')}: {failure}", failure.hint)]
        for finding in findings:
            mark, style = marks[finding.state]
            console.print(Text.assemble((mark, style), " ", finding.what))
            if finding.advice:
                console.print(Text(f"    {finding.advice}", "cyan"))
            worst = max(worst, finding.state, key=list(marks).index)
        if worst == "fail" and check is _check_server:
            break
    raise typer.Exit(1 if worst == "fail" else 0)


def _check_server(found: Setup, _: str, __: str) -> Iterator[Finding]:
    answer = found.cluster.raw("GET", "/version")
    minor = int("".join(filter(str.isdigit, answer.get("minor", "0"))) or 0)
    old = int(answer.get("major") or 1) == 1 and minor < 29
    yield Finding(
        "fail" if old else "ok",
        f"Kubernetes {answer.get('gitVersion')} at {found.cluster.server}",
        "AsyncTask needs 1.29 or newer" if old else "",
    )


def _check_kinds(found: Setup, _: str, __: str) -> Iterator[Finding]:
    served = {one["name"] for one in found.cluster.raw("GET", f"/apis/{labels.GROUP}/{labels.VERSION}")["resources"]}
    missing = [kind.plural for kind in KINDS if kind.plural not in served]
    if missing:
        yield Finding(
            "fail",
            f"not installed: {', '.join(missing)}",
            "helm upgrade asynctask charts/asynctask -n asynctask-system",
        )
    else:
        yield Finding("ok", "all custom resources are served")


def _check_operator(found: Setup, system: str, _: str) -> Iterator[Finding]:
    try:
        lease = found.cluster.raw("GET", f"/apis/coordination.k8s.io/v1/namespaces/{system}/leases/asynctask-operator")
    except Failure as failure:
        if failure.code != NOT_FOUND:
            raise
        yield Finding(
            "warn", f"no operator has ever led in {system}", f"kubectl -n {system} get pods; or say --system NAMESPACE"
        )
        return
    renewed = formats.moment(lease["spec"].get("renewTime"))
    silent = (datetime.now(UTC) - renewed).total_seconds() if renewed else LEASE_SECONDS + 1
    holder = lease["spec"].get("holderIdentity") or "nobody"
    if silent > LEASE_SECONDS:
        yield Finding(
            "fail",
            f"the operator is silent: {holder} last renewed {formats.span(silent)} ago",
            f"kubectl -n {system} logs deploy/asynctask-operator",
        )
    else:
        yield Finding("ok", f"the operator leads: {holder}, {formats.span(silent)} ago")


def _check_gateway(found: Setup, system: str, _: str) -> Iterator[Finding]:
    selector = {"labelSelector": "app.kubernetes.io/component=gateway"}
    items = found.cluster.raw("GET", f"/apis/apps/v1/namespaces/{system}/deployments", query=selector)["items"]
    if not items:
        yield Finding(
            "warn",
            "there is no gateway: stages report nothing while they run, and there is no history",
            "set gateway.enabled in the chart",
        )
    for item in items:
        ready, wanted = item.get("status", {}).get("readyReplicas", 0), item["spec"].get("replicas", 1)
        state: Literal["ok", "warn", "fail"] = "ok" if ready >= wanted else "warn" if ready else "fail"
        yield Finding(
            state,
            f"gateway {item['metadata']['name']}: {ready} of {wanted} ready",
            "" if state == "ok" else f"kubectl -n {system} describe deploy {item['metadata']['name']}",
        )


def _check_queues(found: Setup, _: str, __: str) -> Iterator[Finding]:
    queues = {one["metadata"]["name"]: one for one in found.cluster.list(TASK_QUEUE, None)}
    if DEFAULT_QUEUE not in queues:
        yield Finding(
            "warn", "there is no queue `default`: tasks that name none run without a limit", "docs/how-to/queues.md"
        )
    for name, queue in queues.items():
        admitting = next(
            (one for one in queue.get("status", {}).get("conditions", ()) if one["type"] == "Admitting"), None
        )
        if admitting and admitting["status"] == "False":
            yield Finding(
                "warn",
                f"queue {name} starts nothing: {admitting.get('message') or admitting.get('reason')}",
                f"asynctask queue get {name}",
            )
    yield Finding("ok", f"{len(queues)} queues")


def _check_types(found: Setup, _: str, __: str) -> Iterator[Finding]:
    types = list(found.cluster.list(TASK_TYPE, None))
    if not types:
        yield Finding("warn", "there are no task types", "set taskTypes.enabled in the chart, or apply your own")
    for one in types:
        yield from _not_ready("task type", one)
    yield Finding("ok", f"{len(types)} task types")


def _check_storage(found: Setup, _: str, space: str) -> Iterator[Finding]:
    endpoints = list(found.cluster.list(STORAGE_ENDPOINT, space))
    claims = {
        one["metadata"]["name"]: one["status"].get("phase")
        for one in found.cluster.raw("GET", f"/api/v1/namespaces/{space}/persistentvolumeclaims")["items"]
    }
    for one in endpoints:
        yield from _not_ready("endpoint", one)
        claim = one["spec"].get("volume", {}).get("claimName")
        if claim and claims.get(claim) != "Bound":
            state = claims.get(claim, "missing")
            yield Finding(
                "warn",
                f"endpoint {one['metadata']['name']}: its claim {claim} is {state}",
                f"kubectl -n {space} describe pvc {claim}",
            )
    if labels.WORKSPACE_CLAIM not in claims:
        yield Finding(
            "warn",
            f"namespace {space} has no claim {labels.WORKSPACE_CLAIM}: types that need a workspace can't run there",
            "docs/how-to/install.md",
        )
    yield Finding("ok", f"{len(endpoints)} storage endpoints in {space}")


def _check_tasks(found: Setup, _: str, space: str) -> Iterator[Finding]:
    tasks = list(found.cluster.list(ASYNC_TASK, space))
    phases = [one.get("status", {}).get("phase", Phase.PENDING) for one in tasks]
    for one, word in zip(tasks, phases, strict=True):
        if word == Phase.INVALID:
            yield Finding(
                "warn",
                f"task {one['metadata']['name']} is invalid: {one['status'].get('message')}",
                f"asynctask why {one['metadata']['name']} -n {space}",
            )
    waiting = sum(
        1
        for stage in found.cluster.list(STAGE, space)
        if stage["spec"]["template"].get("approval") and not stage.get("status", {}).get("completionTime")
    )
    if waiting:
        yield Finding("warn", f"{waiting} stages wait for a person", "asynctask review list")
    yield Finding("ok", f"{len(tasks)} tasks in {space}, {sum(word not in FINAL_PHASES for word in phases)} not ended")


def _not_ready(what: str, found: Object) -> Iterator[Finding]:
    for one in found.get("status", {}).get("conditions", ()):
        if one["type"] == "Ready" and one["status"] == "False":
            yield Finding("warn", f"{what} {found['metadata']['name']}: {one.get('message') or one.get('reason')}")
