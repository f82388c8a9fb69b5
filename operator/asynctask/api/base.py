"""What all kinds share: the pydantic base, bounded scalar types, object metadata, conditions."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Model(BaseModel):
    """Camel case outside, snake case inside, unknown fields dropped as the API server would, values frozen."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
        serialize_by_alias=True,
    )


DNS_LABEL = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
DNS_SUBDOMAIN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"

StageName = Annotated[str, Field(min_length=1, max_length=30, pattern=DNS_LABEL)]
ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=DNS_SUBDOMAIN)]
LabelName = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)]
FieldName = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
ShortText = Annotated[str, Field(max_length=256)]
Message = Annotated[str, Field(max_length=1024)]
ReasonName = Annotated[str, Field(max_length=64, pattern=r"^([A-Z][A-Za-z0-9]*)?$")]
Path = Annotated[str, Field(min_length=1, max_length=4096)]
Expression = Annotated[str, Field(min_length=1, max_length=1024)]
Uid = Annotated[str, Field(max_length=64)]
Time = datetime
JsonObject = Annotated[dict[str, Any], Field(json_schema_extra={"x-free-form": True})]
"""An object of the user's own making: kept whole by the API server, checked by the operator."""
Anything = Annotated[Any, Field(json_schema_extra={"x-any": True})]
"""Any JSON value."""
Priority = Annotated[int, Field(ge=1, le=5)]
Seconds = Annotated[int, Field(ge=1, le=31_536_000)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Quantity = Annotated[
    str,
    Field(
        max_length=32,
        pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$",
        coerce_numbers_to_str=True,
        json_schema_extra={"x-kubernetes-int-or-string": True},
    ),
]
"""An amount as Kubernetes writes it: `2`, `"500m"`, `"1.5Gi"`."""


class Text(Model):
    """A text for people, in the languages of the product."""

    en: ShortText = ""
    """English."""
    zh: ShortText = ""
    """Chinese."""


class OwnerReference(Model):
    """The part of an owner reference that anything here reads."""

    kind: str
    name: str
    uid: str
    controller: bool = False


class Metadata(Model):
    """The part of object metadata that anything here reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 1
    resource_version: str = ""
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()


class Condition(Model):
    """One fact about an object, as the Kubernetes API conventions have it."""

    type: Annotated[str, Field(max_length=64)]
    """The fact."""
    status: Literal["True", "False", "Unknown"]
    """Whether it holds."""
    reason: ReasonName = ""
    """Why, for programs."""
    message: Message = ""
    """Why, for people."""
    observed_generation: Count = 0
    """The generation of the spec that this speaks of."""
    last_transition_time: Time | None = None
    """When `status` last changed."""


CONDITIONS_KEYS = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}
NAME_KEYS = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
SET_KEYS = {"x-kubernetes-list-type": "set"}


class Rule(Model):
    """A CEL rule that the API server checks on every write."""

    rule: str
    message: str
    field_path: str | None = None
    reason: Literal["FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"] | None = (
        None
    )


def rules(*items: Rule) -> dict[str, Any]:
    """The `json_schema_extra` of a model that carries these rules."""
    return {"x-kubernetes-validations": [item.model_dump(by_alias=True, exclude_none=True) for item in items]}
