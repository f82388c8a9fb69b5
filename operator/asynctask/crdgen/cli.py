"""`python -m asynctask.crdgen`: everything that is generated from the types, written or checked."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from asynctask.api.kinds import KINDS
from asynctask.crdgen import chart, clientcode, files, frontdoor, reference
from asynctask.crdgen.definition import crd_name, definition, to_yaml
from asynctask.crdgen.errors import SchemaError

_HEADER = "# Generated from operator/asynctask/api by hack/generate.\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check. Exits 0 when all is well, 1 when something differs, 2 when a type can't be a CRD."""
    options = _parser().parse_args(arguments)
    try:
        generated, stale = _generate(options)
    except SchemaError as error:
        print(f"crdgen: {error}", file=sys.stderr)  # noqa: T201 - a command speaks
        return 2
    if not options.check:
        files.write(generated, stale)
        return 0
    found = files.differences(generated, stale)
    for line in found:
        print(f"crdgen: {line}", file=sys.stderr)  # noqa: T201
    if found:
        print("crdgen: run hack/generate and commit what it changes", file=sys.stderr)  # noqa: T201
    return 1 if found else 0


def _generate(options: argparse.Namespace) -> tuple[dict[Path, str], frozenset[Path]]:
    generated: dict[Path, str] = {}
    stale: frozenset[Path] = frozenset()
    if options.crds:
        texts = {crd_name(kind): to_yaml(definition(kind, selectable=options.selectable)) for kind in KINDS}
        generated |= {options.crds / f"{name}.yaml": _HEADER + text for name, text in texts.items()}
        stale |= files.others(options.crds, "*.yaml", generated)
    if options.chart:
        generated |= chart.generated(options.chart)
        stale |= files.others(options.chart / "templates" / "crds", "*.yaml", generated)
    if options.reference:
        generated |= reference.pages(options.reference)
        stale |= files.others(options.reference, "*.md", generated)
    if options.client:
        document = json.loads(frontdoor.openapi_text())
        generated[options.client / "types.py"] = clientcode.types_module(document)
        generated[options.client / "operations.py"] = clientcode.operations_module(document)
    return generated, stale


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m asynctask.crdgen", description=__doc__)
    parser.add_argument("crds", nargs="?", type=Path, metavar="DIRECTORY", help="the CRDs, one file per kind")
    parser.add_argument("--selectable", action="store_true", help="with selectable fields: Kubernetes 1.31 and newer")
    parser.add_argument("--chart", type=Path, metavar="DIRECTORY", help="the chart's CRDs, values schema and README")
    parser.add_argument("--reference", type=Path, metavar="DIRECTORY", help="the reference pages")
    parser.add_argument("--client", type=Path, metavar="DIRECTORY", help="the Python client's operations and types")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file differs")
    return parser
