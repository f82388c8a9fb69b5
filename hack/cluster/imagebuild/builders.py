"""Turn a build context into an archive, with a Docker daemon or with buildah."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

from localcluster.errors import ClusterError
from localcluster.paths import locked
from localcluster.processes import run
from localcluster.providers import docker_works

from .wheels import cache

SUITE = "bookworm"
BASE_PACKAGES = "python3,ca-certificates,tzdata"


class Builder(Protocol):
    """What builds images here."""

    base: str
    """The name of the base image, which changes with its content."""
    python: str
    """The version of Python in the base image."""

    def build(self, context: Path, dockerfile: Path, repository: str, tag: str, archive: Path) -> None:
        """Build `repository:tag` and write it into the file `archive`."""

    def push(self, repository: str, tag: str, target: str) -> None:
        """Push a built image under the name `target`."""


def builder() -> Builder:
    """Docker where it works, else buildah."""
    if docker_works():
        return Docker()
    if shutil.which("buildah") and shutil.which("mmdebstrap"):
        return Buildah()
    raise ClusterError("neither Docker nor buildah and mmdebstrap are here; run `hack/setup images`")


class Docker:
    """A Docker daemon, and the public Python image as the base."""

    base = "python:3.12-slim"
    python = "3.12"

    def build(self, context: Path, dockerfile: Path, repository: str, tag: str, archive: Path) -> None:
        """See Builder."""
        names = [f"{repository}:{tag}", f"{repository}:dev"]
        tags = [word for name in names for word in ("--tag", name)]
        os.environ["DOCKER_BUILDKIT"] = "1"
        base = f"BASE_IMAGE={self.base}"
        run(["docker", "build", *tags, "--build-arg", base, "--file", str(dockerfile), str(context)], timeout=1800)
        run(["docker", "save", "--output", str(archive), *names], timeout=600)

    def push(self, repository: str, tag: str, target: str) -> None:
        """See Builder."""
        run(["docker", "tag", f"{repository}:{tag}", target])
        run(["docker", "push", target], timeout=1800)


class Buildah:
    """No daemon and no registry: a Debian base made on this machine."""

    python = "3.11"

    def __init__(self) -> None:
        os.environ["BUILDAH_ISOLATION"] = "chroot"
        os.environ["STORAGE_DRIVER"] = "overlay" if _overlay_works() else "vfs"
        self.base = f"localhost/asynctask/base:{SUITE}-python{self.python}-1"
        self._make_base()

    def build(self, context: Path, dockerfile: Path, repository: str, tag: str, archive: Path) -> None:
        """See Builder."""
        name = _full_name(repository, tag)
        # No layers from the cache: buildah takes a RUN for the same whatever has changed in what it mounts.
        command = ["buildah", "bud", "--quiet", "--layers=false", "--pull-never"]
        command += ["--build-arg", f"BASE_IMAGE={self.base}"]
        run([*command, "--file", str(dockerfile), "--tag", name, str(context)], timeout=1800)
        run(["buildah", "push", "--quiet", "--disable-compression", name, f"oci-archive:{archive}:{name}"], timeout=600)

    def push(self, repository: str, tag: str, target: str) -> None:
        """See Builder."""
        run(["buildah", "push", "--quiet", _full_name(repository, tag), f"docker://{target}"], timeout=1800)

    def _make_base(self) -> None:
        with locked(cache() / ".base.lock"):
            if run(["buildah", "images", "--quiet", "--filter", f"reference={self.base}"]).strip():
                return
            print(f"Base image: Debian {SUITE} with {BASE_PACKAGES}, once …", flush=True)
            with tempfile.TemporaryDirectory(dir=cache()) as folder:
                root = Path(folder) / "base.tar"
                without = ("doc", "man", "locale", "info")
                run(
                    [
                        "mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE_PACKAGES}",
                        *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in without),
                        '--customize-hook=ln -s python3 "$1/usr/bin/python"', SUITE, str(root),
                    ],
                    timeout=900,
                )  # fmt: skip
                (Path(folder) / "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
                run(["buildah", "bud", "--quiet", "--tag", self.base, folder], timeout=600)


def _full_name(repository: str, tag: str) -> str:
    # The name that the container runtime completes a short one to.
    return f"docker.io/{repository}:{tag}"


def _overlay_works() -> bool:
    try:
        run(["buildah", "--storage-driver=overlay", "info"])
    except ClusterError:
        return False
    return True
