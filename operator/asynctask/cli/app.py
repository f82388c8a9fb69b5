"""The commands, as a list."""

from importlib.metadata import version
from typing import Annotated

import typer

from asynctask.cli.commands import (
    control,
    diagnosis,
    endpoints,
    history,
    listing,
    queues,
    reviews,
    schedules,
    stagelogs,
    submitting,
    types,
    watching,
)
from asynctask.cli.options import Setup

app = typer.Typer(
    name="asynctask",
    help="Long, staged storage jobs on Kubernetes: submit, watch, pause, resume, find out why.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 task failed, 2 usage, 3 task done in part, 4 not found, 5 refused, 6 no server.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"asynctask {version('asynctask')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    kubeconfig: Annotated[str | None, typer.Option(help="The kubeconfig file.", envvar="KUBECONFIG")] = None,
    kube_context: Annotated[str | None, typer.Option("--context", help="The kubeconfig's context.")] = None,
    gateway: Annotated[
        str | None,
        typer.Option(help="URL of AsyncTask's API, for history and reviews of items.", envvar="ASYNCTASK_API_URL"),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="Token or API key for it; the kubeconfig's own token when absent.", envvar="ASYNCTASK_API_TOKEN"
        ),
    ] = None,
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Options before the command choose the cluster."""
    context.obj = Setup(kubeconfig, kube_context, gateway, token)


app.command(rich_help_panel="Work")(submitting.submit)
app.command("list", rich_help_panel="Work")(listing.list_tasks)
app.command("ls", hidden=True)(listing.list_tasks)
app.command("get", rich_help_panel="Work")(listing.get)
app.command(rich_help_panel="Work")(watching.watch)
app.command(rich_help_panel="Work")(stagelogs.logs)
app.command(rich_help_panel="Work")(diagnosis.why)
for command in (control.pause, control.resume, control.restart, control.cancel, control.priority, control.delete):
    app.command(rich_help_panel="Steer")(command)
app.add_typer(history.app, name="history", rich_help_panel="Work")
app.add_typer(reviews.app, name="review", rich_help_panel="Steer")
app.add_typer(queues.app, name="queue", rich_help_panel="The estate")
app.add_typer(schedules.app, name="schedule", rich_help_panel="The estate")
app.add_typer(types.app, name="types", rich_help_panel="The estate")
app.add_typer(endpoints.app, name="endpoints", rich_help_panel="The estate")
app.command(rich_help_panel="The estate")(diagnosis.doctor)
