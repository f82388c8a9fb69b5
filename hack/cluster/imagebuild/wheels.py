"""Python dependencies for images, resolved from the lock file on the host, so that image builds download nothing."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from pathlib import Path

from localcluster.errors import ClusterError
from localcluster.paths import cache_root, locked
from localcluster.processes import run

PROJECT = Path(__file__).parents[3]
PIP = "pip==25.3"
GLIBC_MINORS = (36, 35, 34, 31, 28, 27, 26, 24, 17, 12, 5)


def cache() -> Path:
    """The folder for images and what they are made of."""
    folder = cache_root().parent / "images"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def wheelhouse(source: Path, extras: tuple[str, ...], python: str) -> Path:
    """A folder with the wheels that `source` (a pyproject.toml or requirements file) needs, and pip itself.

    `python` is the version inside the image, for example 3.11. The folder's name changes with its content.
    """
    lock = PROJECT / "requirements.lock"
    key = hashlib.sha256()
    content = source.read_bytes()
    for part in (content, lock.read_bytes() if content else b"", repr((extras, python, PIP)).encode()):
        key.update(part)
    key.update(platform.machine().encode())
    folder = cache() / f"wheelhouse-{key.hexdigest()[:12]}"
    with locked(cache() / ".wheels.lock"):
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            _fill(unfinished, source, extras, python)
            unfinished.rename(folder)
    return folder


def empty_wheelhouse(python: str) -> Path:
    """A folder with pip alone, for images without dependencies."""
    nothing = cache() / "no-requirements.txt"
    nothing.touch()
    return wheelhouse(nothing, (), python)


def build_wheel(project: Path, target: Path) -> None:
    """Build the wheel of `project` into the folder `target`."""
    _uv("build", "--quiet", "--wheel", "--out-dir", str(target), str(project))
    (target / ".gitignore").unlink(missing_ok=True)


def _fill(folder: Path, source: Path, extras: tuple[str, ...], python: str) -> None:
    requirements = folder / "requirements.txt"
    chosen = [word for extra in extras for word in ("--extra", extra)]
    _uv(
        "pip", "compile", "--quiet", str(source), *chosen, "--constraint", str(PROJECT / "requirements.lock"),
        "--generate-hashes", "--no-header", "--no-annotate", "--python-version", python,
        "--python-platform", f"{platform.machine()}-manylinux_2_28", "--output-file", str(requirements),
    )  # fmt: skip
    machine = platform.machine()
    platforms = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS] + [f"manylinux2014_{machine}"]
    target = ["--only-binary=:all:", "--no-deps", "--dest", str(folder), "--python-version", python]
    target += [word for name in platforms for word in ("--platform", name)]
    pip = [str(_tool("pip")), "download", "--quiet", "--disable-pip-version-check"]
    run([*pip, *target, PIP], timeout=300)
    if any(line and not line.startswith("#") for line in requirements.read_text().splitlines()):
        run([*pip, *target, "--require-hashes", "--requirement", str(requirements)], timeout=900)


def _uv(*arguments: str) -> None:
    os.environ.update(UV_NATIVE_TLS="true", UV_PYTHON_DOWNLOADS="never")
    run([str(_tool("uv")), *arguments], timeout=300)


def _tool(name: str) -> Path:
    found = sorted(cache_root().parent.glob(f"uv-*/bin/{name}"))
    if not found:
        raise ClusterError("uv is not installed; run `hack/setup python`")
    return found[-1]
