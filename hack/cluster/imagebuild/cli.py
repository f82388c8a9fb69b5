"""The command hack/images."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from localcluster import containers, paths, providers
from localcluster.cli import command
from localcluster.native import DEFAULT_NAME
from localcluster.processes import run

from . import sources
from .builders import Builder, builder
from .wheels import cache


@command
def images() -> int:
    """Build and load."""
    parser = argparse.ArgumentParser(
        description=(
            "Build the project's images and load them into a local cluster, tagged `dev` and by content."
            " What has not changed is neither built nor loaded again."
        )
    )
    parser.add_argument("image", nargs="*", help="for example operator, files, stage-files (default: all)")
    parser.add_argument("--cluster", default=DEFAULT_NAME, help=f"the local cluster (default {DEFAULT_NAME})")
    parser.add_argument("--build-only", action="store_true", help="build, load nowhere, print the archives")
    parser.add_argument("--push", metavar="PREFIX", help=(
        "push to PREFIX/operator:dev and so on instead: for a cluster that is not on this machine"
    ))  # fmt: skip
    parser.add_argument("--list", action="store_true", help="only list the images")
    options = parser.parse_args()
    wanted = sources.chosen(options.image)
    if options.list:
        print("\n".join(image.repository for image in wanted))
        return 0
    identity = paths.load(options.cluster)
    is_kind = providers.is_kind(options.cluster)
    local = not options.build_only and not options.push
    if local and not is_kind and (identity is None or identity.profile != "node"):
        parser.error(
            f"{options.cluster} is no local cluster that runs containers; start it with"
            f" `hack/cluster/up --name {options.cluster}`, or use --push PREFIX or --build-only"
        )
    build = builder()
    for image in wanted:
        tag, archive = _build(build, image)
        if options.push:
            target = f"{options.push}/{image.name}:dev"
            build.push(image.repository, tag, target)
            print(f"{image.name}: pushed to {target}", flush=True)
        elif local and is_kind:
            run(["kind", "load", "image-archive", str(archive), "--name", options.cluster], timeout=600)
            print(f"{image.name}: loaded", flush=True)
        elif local and identity is not None:
            print(f"{image.name}: {_load(identity, image, tag, archive)}", flush=True)
        else:
            print(archive)
    return 0


def _build(build: Builder, image: sources.Image) -> tuple[str, Path]:
    tag = image.digest(build.base, build.python)
    archive = cache() / f"{image.name}-{tag}.tar"
    with paths.locked(cache() / f".{image.name}.lock"):
        if archive.exists():
            return tag, archive
        started = time.monotonic()
        print(f"{image.name}: building …", flush=True)
        with tempfile.TemporaryDirectory(dir=cache()) as folder:
            context = Path(folder) / "context"
            context.mkdir()
            image.fill_context(context, build.python)
            unfinished = Path(folder) / "image.tar"
            build.build(context, image.dockerfile, image.repository, tag, unfinished)
            _forget_all_but_newest(image.name)
            unfinished.rename(archive)
        print(f"{image.name}: built in {time.monotonic() - started:.0f} s", flush=True)
    return tag, archive


def _forget_all_but_newest(name: str) -> None:
    archives = cache().glob(f"{name}-{'[0-9a-f]' * 12}.tar")
    for older in sorted(archives, key=lambda file: file.stat().st_mtime)[:-1]:
        older.unlink()


def _load(identity: paths.Identity, image: sources.Image, tag: str, archive: Path) -> str:
    by_content = f"docker.io/{image.repository}:{tag}"
    known = by_content in containers.images(identity)
    if not known:
        containers.load_image(identity, archive)
    containers.ctr(identity, "images", "tag", "--force", by_content, f"docker.io/{image.repository}:dev")
    return f"{'already loaded' if known else 'loaded'} as {image.repository}:dev and :{tag}"
