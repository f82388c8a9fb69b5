"""The chart's copies: CRDs behind `crds.enabled`, the schema of the values, the table in the README."""

from pathlib import Path
from typing import Any

from asynctask.api.kinds import KINDS, Kind
from asynctask.crdgen import values
from asynctask.crdgen.definition import crd_name, definition, to_yaml
from asynctask.crdgen.errors import SchemaError

_SELECTABLE_FROM = ">=1.31.0-0"


def generated(directory: Path) -> dict[Path, str]:
    """Every generated file of the chart in `directory`."""
    crds = directory / "templates" / "crds"
    readme = directory / "README.md"
    described = values.read((directory / "values.yaml").read_text())
    return {
        **{crds / f"{crd_name(kind)}.yaml": _template(kind) for kind in KINDS},
        directory / "values.schema.json": values.json_schema(described),
        readme: values.with_table(readme.read_text(), described),
    }


def _template(kind: Kind) -> str:
    """A CRD as a template: the same text, with a switch around it and the release's labels in it."""
    document = definition(kind)
    metadata: dict[str, Any] = document.pop("metadata")
    body = to_yaml({"metadata": metadata, **document}).split("\nspec:\n", maxsplit=1)[1]
    if "{{" in body:
        raise SchemaError(crd_name(kind), "has `{{` in a text, which Helm would take for its own")
    lines = [
        "{{- /* Generated from operator/asynctask/api by hack/generate. */ -}}",
        "{{- if .Values.crds.enabled }}",
        f"apiVersion: {document['apiVersion']}",
        f"kind: {document['kind']}",
        "metadata:",
        f"  name: {metadata['name']}",
        "  labels:",
        '    {{- include "asynctask.labels" . | nindent 4 }}',
        "  {{- if .Values.crds.keep }}",
        "  annotations:",
        "    helm.sh/resource-policy: keep",
        "  {{- end }}",
        "spec:",
        body.rstrip("\n"),
    ]
    if kind.selectable:
        lines += [
            f'    {{{{- if semverCompare "{_SELECTABLE_FROM}" .Capabilities.KubeVersion.Version }}}}',
            "    selectableFields:",
            *(f"    - jsonPath: {path}" for path in kind.selectable),
            "    {{- end }}",
        ]
    return "\n".join([*lines, "{{- end }}", ""])
