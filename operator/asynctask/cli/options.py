"""Options that commands share, and what they are made into."""

from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Annotated

import typer

from asynctask.cli import completion
from asynctask.cli.cluster import Cluster
from asynctask.cli.failures import Failure
from asynctask.cli.gateway import Gateway


class Output(StrEnum):
    """How results are printed."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


@dataclass
class Setup:
    """What the options before the command say."""

    kubeconfig: str | None = None
    context: str | None = None
    gateway_url: str | None = None
    token: str | None = None

    @cached_property
    def cluster(self) -> Cluster:
        """The API server, asked for nothing yet."""
        return Cluster(self.kubeconfig, self.context)

    @cached_property
    def gateway(self) -> Gateway:
        """AsyncTask's API. Fails when no URL was given."""
        token = self.token
        if self.gateway_url and not token:
            with suppress(Failure):  # without a kubeconfig the API says what it wants
                token = self.cluster.bearer_token
        return Gateway.of(self.gateway_url, token)

    def namespace(self, given: str | None) -> str:
        """The namespace asked for, else that of the context."""
        return given or self.cluster.namespace


def setup(context: typer.Context) -> Setup:
    """What the root command was given."""
    found = context.find_object(Setup)
    return found if found is not None else Setup()


Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", help="The namespace; that of the kubeconfig's context when absent.")
]
AllNamespaces = Annotated[bool, typer.Option("--all-namespaces", "-A", help="All namespaces.")]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How results are printed.")]
Names = Annotated[
    list[str], typer.Argument(help="Names of tasks.", show_default=False, autocompletion=completion.tasks)
]
TaskName = Annotated[str, typer.Argument(help="The task's name.", show_default=False, autocompletion=completion.tasks)]
Selector = Annotated[str, typer.Option("--selector", "-l", help="A label selector, for example `team=video`.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
