"""The bases of what the API takes and gives: closed (an unknown field is refused) and frozen."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from asynctask.api.base import DNS_LABEL


class Snake(BaseModel):
    """Snake case outside too: the interface of existing NAS applications."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Camel(Snake):
    """Camel case outside, as in the custom resources."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True)


Namespace = Annotated[str, Field(min_length=1, max_length=63, pattern=DNS_LABEL)]
