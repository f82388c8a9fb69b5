"""In the OpenAPI document each operation and model is named once."""

import json
from collections import Counter
from typing import Any

import pytest

from asynctask.crdgen import frontdoor


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(frontdoor.openapi_text())
    return parsed


def test_names_and_paths_are_unique(document: dict[str, Any]) -> None:
    paths = document["paths"]
    names = Counter(operation["operationId"] for methods in paths.values() for operation in methods.values())
    assert not [name for name, count in names.items() if count > 1]


def test_every_model_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert not [name for name in schemas if "__" in name], "two models of one name: rename one"
