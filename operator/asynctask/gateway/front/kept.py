"""What every kind that is shown and changed whole can be asked: list, make, show, change, delete."""

from asynctask.gateway.front.models import Camel
from asynctask.gateway.front.objects import KeptObject, ObjectPage, Objects, Page, PageOfNamespaces
from asynctask.gateway.front.operations import Operation
from asynctask.gateway.front.problems import InvalidField, NotFound, PreconditionFailed
from asynctask.gateway.front.refused import AlreadyThere, PreconditionRequired


def places(tag: str, *, namespaced: bool) -> tuple[str, str]:
    """The paths of all objects of a kind, and of one."""
    return f"/api/v1/{tag}", f"/api/v1/{'namespaces/{namespace}/' if namespaced else ''}{tag}/{{name}}"


def operations(
    objects: Objects,
    *,
    tag: str,
    name: str,
    noun: str,
    new: type[Camel],
    change: type[Camel],
    deletion: str = "",
) -> tuple[Operation, ...]:
    """The five, at `places(tag)`: `name` as operations have it (`Endpoint`), `noun` as people say it."""
    many, one = places(tag, namespaced=objects.is_namespaced)
    page = PageOfNamespaces if objects.is_namespaced else Page
    changing = (NotFound, InvalidField, PreconditionFailed, PreconditionRequired)
    deletion = deletion or f"Delete a {noun}"
    return (
        Operation("GET", many, f"list{name}s", f"List {noun}s", tag, objects.page, query=page, answer=ObjectPage),
        Operation(
            "POST", many, f"create{name}", f"Make a {noun}", tag, objects.create,
            body=new, answer=KeptObject, status=201, errors=(InvalidField, AlreadyThere),
        ),
        Operation("GET", one, f"get{name}", f"One {noun}", tag, objects.get, answer=KeptObject, errors=(NotFound,)),
        Operation(
            "PUT", one, f"replace{name}", f"Change a {noun} that you have seen: If-Match", tag, objects.replace,
            body=change, answer=KeptObject, errors=changing, takes_version=True,
        ),
        Operation(
            "DELETE", one, f"delete{name}", deletion, tag, objects.delete,
            status=204, errors=(NotFound,), takes_version=True,
        ),
    )  # fmt: skip
