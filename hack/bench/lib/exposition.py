"""Reads Prometheus' text format: as much of it as counters need."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Sample:
    """One line."""

    labels: Mapping[str, str]
    value: float


def samples(text: str, name: str) -> Iterator[Sample]:
    """The samples of one metric."""
    for line in text.splitlines():
        if line.startswith(name) and line[len(name) : len(name) + 1] in {"{", " "}:
            labels, _, value = line[len(name) :].rpartition(" ")
            yield Sample(dict(_LABEL.findall(labels)), float(value))


def total(text: str, name: str) -> float:
    """The sum over all labels."""
    return sum(sample.value for sample in samples(text, name))
