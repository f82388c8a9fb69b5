"""The OpenAPI document is valid, and each operation is named once."""

import json
from collections import Counter

from openapi_spec_validator import validate

from asynctask.crdgen import frontdoor


def test_the_document_is_valid_openapi() -> None:
    validate(json.loads(frontdoor.openapi_text()))


def test_names_and_paths_are_unique() -> None:
    paths = json.loads(frontdoor.openapi_text())["paths"]
    names = Counter(operation["operationId"] for methods in paths.values() for operation in methods.values())
    assert not [name for name, count in names.items() if count > 1]


def test_every_model_has_a_name_of_its_own() -> None:
    schemas = json.loads(frontdoor.openapi_text())["components"]["schemas"]
    assert not [name for name in schemas if "__" in name], "two models of one name: rename one"
