"""The generator of CRDs: what it makes of types, and what it refuses."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field, create_model

from asynctask.api.base import NAME_KEYS, Count, JsonObject, Metadata, Model, Rule, ShortText, Time, rules
from asynctask.api.kinds import KINDS, Column, Kind
from asynctask.api.names import CATEGORY
from asynctask.crdgen import cli, files, values
from asynctask.crdgen.definition import MAX_BYTES, definition, to_yaml
from asynctask.crdgen.errors import SchemaError
from asynctask.crdgen.structural import structural


class Inner(Model):
    """An inner object."""

    size: Count = 7
    """A size."""
    label: ShortText = ""
    """A label."""


class Named(Model):
    """An item of a keyed list."""

    name: ShortText
    """Its key."""


class Loop(Model):
    """Holds itself."""

    next: "Loop | None" = None
    """Itself."""


def of(kind: Any, default: Any = ..., **extra: Any) -> dict[str, Any]:
    """The schema of one field of this type."""
    model = create_model("Made", __base__=Model, field=(kind, Field(default, description="A field.", **extra)))
    schema: dict[str, Any] = structural(model)
    field: dict[str, Any] = schema["properties"]["field"]
    return field


ACCEPTED = {
    "a bounded string": (ShortText, {"type": "string", "maxLength": 256}),
    "a choice": (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
    "one word": (Literal["a"], {"type": "string", "enum": ["a"]}),
    "a time": (Time, {"type": "string", "format": "date-time"}),
    "a count": (Count, {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**53}),
    "a boolean": (bool, {"type": "boolean"}),
    "an object of the user's own": (JsonObject, {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
    "a bounded list": (
        Annotated[tuple[bool, ...], Field(max_length=2)],
        {"type": "array", "maxItems": 2, "items": {"type": "boolean"}},
    ),
    "a bounded map": (
        Annotated[dict[str, bool], Field(max_length=2)],
        {"type": "object", "maxProperties": 2, "additionalProperties": {"type": "boolean"}},
    ),
}

REFUSED = {
    "a string with no bound": (str, ".field is a string with no bound"),
    "a list with no bound": (tuple[bool, ...], ".field is a list with no bound"),
    "a string in a list, with no bound": (
        Annotated[tuple[str, ...], Field(max_length=2)],
        ".field[] is a string with no bound",
    ),
    "a map with no bound": (dict[str, bool], ".field is a map with no bound"),
    "a string in a map, with no bound": (
        Annotated[dict[str, str], Field(max_length=2)],
        ".field[*] is a string with no bound",
    ),
    "an integer with no bounds": (int, ".field is a number with no bounds"),
    "an integer with a lower bound only": (Annotated[int, Field(ge=0)], ".field is a number with no bounds"),
    "a float with no bounds": (float, ".field is a number with no bounds"),
    "a union": (int | ShortText, ".field is a union"),
    "an object of anything": (Annotated[dict[str, Any], Field(max_length=2)], ".field is an object of anything"),
    "anything": (Any, ".field has no type"),
    "a type that holds itself": (Loop, ".field.next contains itself"),
    "an exclusive bound": (Annotated[int, Field(gt=0, le=5)], "exclusiveMinimum"),
    "a format that nobody checks": (Annotated[str, Field(json_schema_extra={"format": "uri"})], "has the format uri"),
    "a list keyed by a field that may be absent": (
        Annotated[
            tuple[Inner, ...],
            Field(
                max_length=2,
                json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["size"]},
            ),
        ],
        ".field is keyed by size",
    ),
}


@pytest.mark.parametrize(("kind", "schema"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_field_becomes(kind: Any, schema: dict[str, Any]) -> None:
    assert of(kind) == {"description": "A field.", **schema}


@pytest.mark.parametrize(("kind", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_field_is_refused(kind: Any, words: str) -> None:
    with pytest.raises(SchemaError) as refused:
        of(kind)
    assert words in str(refused.value)


def test_a_field_without_a_docstring_is_refused() -> None:
    with pytest.raises(SchemaError, match="has no description"):
        structural(create_model("Made", __base__=Model, field=(bool, ...)))


def test_a_field_that_may_be_absent_is_neither_required_nor_a_union() -> None:
    assert of(Count | None, None) == of(Count)
    assert "default" not in of(Count | None, None)


def test_a_default_is_kept() -> None:
    assert of(Count, 3)["default"] == 3
    assert of(bool, default=False)["default"] is False


@pytest.mark.parametrize("empty", ["", None])
def test_an_empty_default_is_left_out(empty: str | None) -> None:
    assert "default" not in of(ShortText | None, empty)


def test_a_default_object_is_reduced_to_what_its_fields_do_not_say() -> None:
    assert of(Inner, Inner())["default"] == {}
    assert of(Inner, Inner(size=9))["default"] == {"size": 9}


def test_a_default_from_a_factory_is_kept() -> None:
    model = create_model("Made", __base__=Model, field=(Inner, Field(default_factory=Inner, description="A field.")))
    assert structural(model)["properties"]["field"]["default"] == {}


def test_a_required_field_has_no_default() -> None:
    assert "default" not in of(Inner, Inner(), json_schema_extra={"x-required": True})


def test_a_map_with_few_keys_becomes_an_object_of_these() -> None:
    schema = of(Annotated[dict[Literal["cpu", "memory"], Count], Field(max_length=2)])
    assert set(schema["properties"]) == {"cpu", "memory"}
    assert "additionalProperties" not in schema


def test_bounds_of_a_maps_keys_become_a_rule() -> None:
    schema = of(Annotated[dict[Annotated[str, Field(max_length=5)], bool], Field(max_length=2)])
    assert schema["x-kubernetes-validations"][0]["rule"] == "self.all(key, size(key) <= 5)"


def test_rules_are_passed_through() -> None:
    rule = Rule(rule="self.size > 1", message="too small", field_path=".size", reason="FieldValueInvalid")
    model = create_model("Ruled", __base__=Inner)
    model.model_config = ConfigDict(**{**Model.model_config, "json_schema_extra": rules(rule)})
    model.model_rebuild(force=True)
    assert structural(model)["x-kubernetes-validations"] == [
        {"rule": "self.size > 1", "message": "too small", "fieldPath": ".size", "reason": "FieldValueInvalid"}
    ]


def test_a_rule_that_points_nowhere_is_refused() -> None:
    model = create_model("Ruled", __base__=Inner)
    extra = rules(Rule(rule="true", message="m", field_path=".sice"))
    model.model_config = ConfigDict(**{**Model.model_config, "json_schema_extra": extra})
    model.model_rebuild(force=True)
    with pytest.raises(SchemaError, match=r"points at \.sice"):
        structural(model)


class Sample(Model):
    """A kind."""

    metadata: Metadata
    spec: Inner = Inner()
    status: Inner = Inner()


def kind(*columns: Column, selectable: tuple[str, ...] = ()) -> Kind:
    """A kind with these columns."""
    return Kind(Sample, "samples", ("sa",), True, columns, selectable)


def test_metadata_is_left_to_the_api_server() -> None:
    assert set(structural(Sample)["properties"]) == {"spec", "status"}


def test_a_status_has_no_defaults() -> None:
    schema = structural(Sample)
    assert schema["properties"]["spec"]["default"] == {}
    assert "default" not in str(schema["properties"]["status"])


@pytest.mark.parametrize("path", [".spec.sice", '.spec.items[?(@.name=="a.b")].sice', ".spec.size[?(@.a)].b"])
def test_a_column_of_no_field_is_refused(path: str) -> None:
    with pytest.raises(SchemaError, match="there is no such field"):
        definition(kind(Column("Size", path)))


def test_wide_columns_have_a_priority() -> None:
    columns = definition(kind(Column("A", ".spec.size", "integer"), Column("B", ".spec.label", wide=True)))
    priorities = [column.get("priority", 0) for column in columns["spec"]["versions"][0]["additionalPrinterColumns"]]
    assert priorities == [0, 1]


def test_selectable_fields_are_in_the_variant_only() -> None:
    selectable = kind(selectable=(".spec.label",))
    assert "selectableFields" not in definition(selectable)["spec"]["versions"][0]
    variant = definition(selectable, selectable=True)
    assert variant["spec"]["versions"][0]["selectableFields"] == [{"jsonPath": ".spec.label"}]


def test_a_definition_that_has_grown_too_large_is_refused() -> None:
    document = definition(kind())
    document["spec"]["description"] = "x" * MAX_BYTES
    with pytest.raises(SchemaError, match="the limit is"):
        to_yaml(document)


def test_every_definition_says_what_it_is_part_of() -> None:
    for each in KINDS:
        document = definition(each)
        assert document["metadata"]["labels"] == {"app.kubernetes.io/part-of": "asynctask"}
        assert document["spec"]["names"]["categories"] == [CATEGORY]
        assert document["spec"]["versions"][0]["subresources"] == {"status": {}}


@pytest.fixture
def crds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Definitions of one small kind, to do harm to."""
    monkeypatch.setattr(cli, "KINDS", (kind(),))
    directory = tmp_path / "crds"
    assert cli.main([str(directory)]) == 0
    return directory


def test_check_tells_a_file_that_differs(crds: Path) -> None:
    changed = crds / "samples.asynctask.io.yaml"
    changed.write_text(changed.read_text().replace("kind: Sample\n", "kind: Simple\n"))
    assert cli.main([str(crds), "--check"]) == 1
    assert cli.main([str(crds)]) == 0
    assert cli.main([str(crds), "--check"]) == 0


def test_check_tells_a_file_that_is_missing(crds: Path) -> None:
    (crds / "samples.asynctask.io.yaml").unlink()
    assert cli.main([str(crds), "--check"]) == 1


def test_check_tells_a_file_that_nothing_makes_any_more_and_generating_removes_it(crds: Path) -> None:
    stale = crds / "gone.asynctask.io.yaml"
    stale.touch()
    assert cli.main([str(crds), "--check"]) == 1
    cli.main([str(crds)])
    assert not stale.exists()


def test_a_difference_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one\ntwo\n")
    assert files.differences({tmp_path / "a": "one\nthree\n"}) == [
        f"{tmp_path / 'a'}: differs in line 2: 'two' should be 'three'"
    ]


def test_a_value_without_a_comment_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"a\.b has no `# --` comment"):
        values.read("a:\n  b: 1\n")


def test_values_give_a_strict_schema() -> None:
    text = '# -- A.\na:\n  # -- B.\n  # more of it.\n  # @schema {"minimum": 1}\n  b: 2\n'
    schema = values.json_schema(values.read(text))
    assert '"additionalProperties": false' in schema
    assert '"description": "B. more of it."' in schema
    assert '"minimum": 1' in schema


class Nested(Model):
    """A spec with an object and a keyed list."""

    inner: Inner = Inner()
    """An object."""
    named: Annotated[tuple[Named, ...], Field(max_length=2, json_schema_extra=NAME_KEYS)] = ()
    """A list."""


def test_what_lies_below_spec_and_status_is_owned_whole() -> None:
    spec = structural(create_model("Made", __base__=Sample, spec=(Nested, Nested())))["properties"]["spec"]
    assert "x-kubernetes-map-type" not in spec
    assert spec["properties"]["inner"]["x-kubernetes-map-type"] == "atomic"
    assert spec["properties"]["named"]["x-kubernetes-list-type"] == "map"
    assert spec["properties"]["named"]["items"]["x-kubernetes-map-type"] == "atomic"
