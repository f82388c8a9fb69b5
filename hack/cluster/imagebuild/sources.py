"""Which images the project has, and what each is made of."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from localcluster.errors import ClusterError

from . import wheels
from .wheels import PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STAGE_IMAGES = PROJECT / "stage-images"
LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "wheelhouse", "tests")


@dataclass(frozen=True)
class Image:
    """One image: its short name, its Dockerfile and the files that decide whether it must be built again."""

    name: str
    dockerfile: Path
    inputs: tuple[Path, ...]
    requirements: Path | None = None
    extras: tuple[str, ...] = ()

    @property
    def repository(self) -> str:
        """The name that pods use, without tag."""
        return f"asynctask/{self.name}"

    def wheelhouse(self, python: str) -> Path:
        """The folder with its dependencies."""
        if self.requirements is None or not self.requirements.exists():
            return wheels.empty_wheelhouse(python)
        return wheels.wheelhouse(self.requirements, self.extras, python)

    def digest(self, base: str, python: str) -> str:
        """A tag that changes whenever the image would."""
        key = hashlib.sha256(f"{base} {self.wheelhouse(python).name}".encode())
        for path in (self.dockerfile, *self.inputs):
            for file in _files(path):
                key.update(str(file.relative_to(PROJECT)).encode() + b"\0" + file.read_bytes() + b"\0")
        return key.hexdigest()[:12]

    def fill_context(self, context: Path, python: str) -> None:
        """Copy all that the Dockerfile needs into the folder `context`."""
        shutil.copytree(self.wheelhouse(python), context / "wheelhouse")
        if self.name == "operator":
            wheels.build_wheel(PROJECT, context / "wheelhouse")
            return
        for folder in (path for path in self.inputs if path.is_dir()):
            shutil.copytree(folder, context / folder.name, ignore=LEFT_OUT)


def all_images() -> dict[str, Image]:
    """Every image that has a Dockerfile, by short name."""
    project_files = tuple(PROJECT / name for name in ("operator/asynctask", "pyproject.toml", "README.md", "LICENSE"))
    operator = Image(
        "operator",
        PROJECT / "operator" / "Dockerfile",
        project_files,
        PROJECT / "pyproject.toml",
        ("operator", "gateway"),
    )
    found = {operator.name: operator}
    for dockerfile in sorted(STAGE_IMAGES.glob("*/Dockerfile")):
        folder = dockerfile.parent
        inputs = (folder, STAGE_IMAGES / "sdk") if "sdk" in dockerfile.read_text() else (folder,)
        name = f"stage-{folder.name}"
        found[name] = Image(name, dockerfile, inputs, folder / "requirements.txt")
    return found


def chosen(names: list[str]) -> list[Image]:
    """The images called `names` (with or without `stage-`), or all of them."""
    images = all_images()
    try:
        return [images.get(f"stage-{name}") or images[name] for name in names] or list(images.values())
    except KeyError as unknown:
        raise ClusterError(f"no image called {unknown}; there are: {', '.join(images)}") from None


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    left_out = LEFT_OUT(str(path), [child.name for child in path.iterdir()])
    for child in sorted(path.iterdir()):
        if child.name not in left_out:
            yield from _files(child)
