"""What the API takes and gives.

Generated from the OpenAPI document by hack/generate."""

from typing import Any, Literal, NotRequired, TypedDict


class Problem(TypedDict):
    """RFC 9457, with the code that programs act on and the parameters of its text."""

    type: str
    title: str
    status: int
    detail: str
    """In the language that Accept-Language asks for."""
    instance: NotRequired[str]
    code: str
    params: dict[str, Any]
    errors: NotRequired[list[dict[str, Any]]]


class Right(TypedDict):
    """What may be done, and where."""

    resource: str
    verb: str
    everywhere: bool
    """In every namespace."""
    namespaces: NotRequired[list[str]]
    """Where, unless everywhere."""


class Session(TypedDict):
    """The caller as the gateway knows them."""

    user: str
    groups: list[str]
    via: str
    """How they said who they are."""
    language: str
    namespaces: NotRequired[list[str] | None]
    """Where they may list tasks; absent: everywhere."""
    rights: list["Right"]
