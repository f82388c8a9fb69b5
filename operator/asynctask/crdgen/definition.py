"""One CustomResourceDefinition from one kind."""

from typing import Any

import yaml

from asynctask.api.kinds import Column, Kind
from asynctask.api.names import CATEGORY, GROUP, VERSION
from asynctask.crdgen.errors import SchemaError
from asynctask.crdgen.structural import has_field, structural

MAX_BYTES = 200_000
"""Client-side `kubectl apply` keeps a copy in an annotation of 256 KiB; Helm keeps a release in a Secret of 1 MiB."""

PART_OF = {"app.kubernetes.io/part-of": "asynctask"}


class _Dumper(yaml.CSafeDumper):
    """Writes no anchors: `kubectl explain` and people read the file, not a parser only."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def definition(kind: Kind, *, selectable: bool = False) -> dict[str, Any]:
    """The CRD; with `selectable` also its selectable fields, which Kubernetes knows from 1.31 on."""
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in kind.columns],
        "schema": {"openAPIV3Schema": structural(kind.model)},
    }
    if kind.first_status:
        version["schema"]["openAPIV3Schema"]["properties"]["status"]["default"] = dict(kind.first_status)
    for path in (*(column.path for column in kind.columns), *kind.selectable):
        _check_path(version["schema"]["openAPIV3Schema"], path)
    if selectable and kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "shortNames": list(kind.short_names),
        "categories": [CATEGORY],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": crd_name(kind), "labels": dict(PART_OF)},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "names": names,
            "versions": [version],
        },
    }


def crd_name(kind: Kind) -> str:
    """`asynctasks.asynctask.io`: the CRD's name, and its file's."""
    return f"{kind.plural}.{GROUP}"


def to_yaml(document: dict[str, Any]) -> str:
    """The document, the same bytes each time. Raises SchemaError when it has grown past what tools can carry."""
    text = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    if len(text.encode()) >= MAX_BYTES:
        raise SchemaError(document["metadata"]["name"], f"has {len(text.encode())} bytes; the limit is {MAX_BYTES}")
    return text


def _column(column: Column) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return {**entry, "priority": 1} if column.wide else entry


def _check_path(schema: dict[str, Any], path: str) -> None:
    """A column or selectable field of a path that does not exist stays empty for ever, without a word."""
    if not path.startswith(".metadata.") and not has_field(schema, path):
        raise SchemaError(path, "is named by a column or selector, but there is no such field")
