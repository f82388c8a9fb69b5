"""What is generated from the types: CRDs, the chart's copies of them and its values schema, the reference pages."""

from asynctask.crdgen.cli import main

__all__ = ["main"]
