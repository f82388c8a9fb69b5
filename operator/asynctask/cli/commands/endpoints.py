"""Storage endpoints: the shares and remotes that tasks may name."""

from typing import Annotated

import typer

from asynctask.api.kinds import STAGE, STORAGE_ENDPOINT
from asynctask.cli import formats
from asynctask.cli.options import AllNamespaces, Namespace, Output, OutputOption, setup
from asynctask.cli.output import conditions, console, pairs, show, table

app = typer.Typer(help="Storage endpoints: shares and remotes, their limits and use.", no_args_is_help=True)


@app.command("list")
def list_endpoints(
    context: typer.Context,
    namespace: Namespace = None,
    all_namespaces: AllNamespaces = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the storage endpoints."""
    found = setup(context)
    space = None if all_namespaces else found.namespace(namespace)
    show(STORAGE_ENDPOINT, list(found.cluster.list(STORAGE_ENDPOINT, space)), output, spaces=all_namespaces)


@app.command("show")
def show_endpoint(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The endpoint.")],
    namespace: Namespace = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell where an endpoint is, its limits, and which stages use it now."""
    found = setup(context)
    space = found.namespace(namespace)
    endpoint = found.cluster.get(STORAGE_ENDPOINT, space, name)
    if output not in {Output.TABLE, Output.WIDE}:
        show(STORAGE_ENDPOINT, [endpoint], output, single=True)
        return
    spec = endpoint["spec"]
    limits = spec.get("limits", {})
    pairs(
        [
            ("Endpoint", f"{space}/{name}"),
            ("Path", spec.get("path")),
            ("Claim", spec.get("volume", {}).get("claimName")),
            ("Remote", spec.get("remote", {}).get("url")),
            ("Read only", "yes" if spec.get("readOnly") else None),
            ("Limit", f"{limits['megabytesPerSecond']} MB/s" if "megabytesPerSecond" in limits else None),
            ("Streams", limits.get("streams")),
            *conditions(endpoint),
        ]
    )
    users = [
        stage
        for stage in found.cluster.list(STAGE, space)
        if not stage.get("status", {}).get("completionTime")
        and any(place["endpoint"] == name for place in stage["spec"].get("locations", ()))
    ]
    if users:
        console.print()
        table(
            [
                ("Used by", lambda stage: f"{stage['spec']['taskName']}/{stage['spec']['template']['name']}"),
                ("Phase", lambda stage: stage.get("status", {}).get("phase", "")),
                ("Moves", lambda stage: _rate(stage, "usedBytesPerSecond")),
                ("May move", lambda stage: _rate(stage, "allowedBytesPerSecond")),
            ],
            users,
        )


def _rate(stage: dict[str, dict[str, dict[str, int]]], field: str) -> str:
    value = stage.get("status", {}).get("bandwidth", {}).get(field)
    return f"{formats.size(value)}/s" if value is not None else ""
