"""Fixtures: a fake gateway, and pods that run in this process or in one of their own."""

import json
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from asynctask_stage.runs import execute
from asynctask_stage.stages import Stage
from asynctask_stage.testing import FakeGateway

Main = Callable[[Stage], Mapping[str, Any] | None]


@dataclass
class Pod:
    """One pod of the stage; ``run`` executes ``main`` in this thread as ``asynctask_stage.run`` would."""

    variables: dict[str, str]
    kills: list[int] = field(default_factory=list)

    def run(self, main: Main) -> int:
        return execute(main, self.variables, kill=self.kills.append)

    @property
    def termination(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(Path(self.variables["ASYNCTASK_TERMINATION_LOG"]).read_bytes())
        return message


@pytest.fixture
def gateway() -> Iterator[FakeGateway]:
    with FakeGateway(config={"source_path": "/nas/a"}, outputs={"metadata": {"entries": 7}}) as running:
        yield running


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    path = tmp_path / "workspace"
    path.mkdir()
    return path


@pytest.fixture
def make_pod(gateway: FakeGateway, tmp_path: Path) -> Callable[..., Pod]:
    def make(**told: Any) -> Pod:
        return Pod(gateway.env(tmp_path, **told))

    return make


@pytest.fixture
def pod(make_pod: Callable[..., Pod]) -> Pod:
    return make_pod()


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """Write the body of a ``main(stage)`` into a program."""

    def write(body: str) -> Path:
        path = tmp_path / "main.py"
        head = "import os, signal, sys, threading, time\nimport asynctask_stage\n\n\ndef main(stage):\n"
        path.write_text(head + textwrap.indent(textwrap.dedent(body), "    ") + "\n\nasynctask_stage.run(main)\n")
        return path

    return write
