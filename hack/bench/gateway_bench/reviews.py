"""`hack/bench/gateway reviews`: a list of a million items made ready, looked at, struck from and approved by HTTP."""

import argparse
import asyncio
import os
import random
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson

from archive_bench.stands import Stand
from asynctask.adapters import cluster as api
from asynctask.adapters.archive import open_archive
from asynctask.api import names
from lib import figures, machine

from . import stand

ENDINGS = ("jpg", "mp4", "log", "tmp", "bak", "docx", "pdf", "txt", "tar.gz", "")
YEAR_NS = 31_536_000 * 10**9


@dataclass
class Timed:
    """One question, asked again and again."""

    question: str
    first: float
    """Before anything of it was known, in milliseconds."""
    times: list[float]

    def row(self) -> list[str]:
        """For the table."""
        p50, p99 = (figures.percentile(self.times, percent) for percent in (50, 99))
        return [self.question, f"{self.first:.0f}", f"{p50:.1f} / {p99:.1f} / {max(self.times):.1f}"]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser("hack/bench/gateway reviews")
    parser.add_argument("--cluster", default="review-bench", help="name of the control plane that is made")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--calls", type=int, default=60, help="per question")
    parser.add_argument("--archive", nargs="+", choices=("sqlite", "postgresql", "mysql"), default=("sqlite",))
    parser.add_argument("--directory", type=Path, default=Path(f"/var/tmp/asynctask-bench-{os.getuid()}/reviews"))
    options = parser.parse_args()
    print("\n".join(asyncio.run(_measure_all(options))))
    return 0


async def _measure_all(options: argparse.Namespace) -> list[str]:
    conditions = machine.conditions(items=f"{options.items:,}", load=f"{os.getloadavg()[0]:.1f}")
    told = [f"* {name}: {value}" for name, value in conditions.items()]
    async with stand.control_plane(options.cluster) as (local, cluster):
        for dialect in options.archive:
            archive = Stand(dialect, options.directory)
            archive.start()
            try:
                if archive.server:
                    archive.server.drop("archive")
                    archive.server.create("archive")
                async with open_archive(archive.url) as opened:
                    await opened.upgrade()
                async with stand.gateway(local, cluster, archive.url) as gateway:
                    told += ["", f"## {dialect}", "", *await _Review(gateway, cluster, options).measure()]
            finally:
                archive.stop()
    return told


class _Review:
    """One review, and those who work on it."""

    def __init__(self, gateway: stand.Gateway, cluster: api.Cluster, options: argparse.Namespace) -> None:
        self._gateway = gateway
        self._cluster = cluster
        self._items: int = options.items
        self._calls: int = options.calls
        self._random = random.Random(7)
        self._url = ""

    async def measure(self) -> list[str]:
        """The whole of it, as lines."""
        self._url = await self._make()
        before = self._gateway.resident_mib
        seconds: list[list[str]] = []

        async def step(what: str, work: Callable[[], Awaitable[Any]]) -> Any:
            begun = perf_counter()
            result = await work()
            seconds.append([what, f"{perf_counter() - begun:.2f} s"])
            return result

        await step("made ready", self._ready)
        asked = [await self._timed(name, query) for name, query in QUESTIONS.items()]
        half = {"action": "strike", "filter": {"minSize": 22_000}}
        struck = await step("half of it struck off by a filter", lambda: self._post("selections", half))
        seconds[-1][0] = f"{struck['changed']['items']:,} items struck off by a filter"
        asked.append(await self._timed("page of what is left, by size", {**BY_SIZE, "decision": "keep"}))
        asked.append(await self._timed("facets after that", {}, "facets"))
        await step("undone", lambda: self._post("undo", None))
        struck = await step("struck off again", lambda: self._post("selections", half))
        version = f'"{struck["version"]}"'
        await step("approved: frozen, stored, in the Stage", lambda: self._post("approve", {}, version))
        memory = f"{before:.0f} MiB before, {self._gateway.peak_mib:.0f} MiB at most"
        return [
            figures.table(["step", "takes"], [*seconds, ["the gateway's memory", memory]]),
            "",
            figures.table(["question", "first, ms", "then: p50 / p99 / max ms"], [one.row() for one in asked]),
        ]

    async def _make(self) -> str:
        task = await self._create(
            "AsyncTask", api.TASKS, {"type": stand.TYPE, "config": {"source_path": "/nas/photos"}}
        )
        meta = task["metadata"]
        approval = {"items": {"stage": "scan", "artifact": "list.jsonl"}}
        spec = {
            "taskName": meta["name"],
            "taskUID": meta["uid"],
            "run": 1,
            "template": {"name": "review", "approval": approval},
        }
        stage = await self._create("Stage", api.STAGES, spec)
        directory = self._gateway.directory / meta["uid"] / "r1"
        directory.mkdir(parents=True)
        await asyncio.to_thread(_write, directory / "list.jsonl", self._items)
        return f"{self._gateway.url}/api/v1/reviews/{stage['metadata']['uid']}"

    async def _create(self, kind: str, resource: api.Resource, spec: dict[str, Any]) -> dict[str, Any]:
        name = f"review-{random.getrandbits(40):x}"
        body = {"apiVersion": names.API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
        return await self._cluster.create(resource, stand.NAMESPACE, body)

    async def _ready(self) -> None:
        while True:
            async with self._gateway.session.get(f"{self._url}/items", params={"limit": "1"}) as answer:
                if answer.status == 200:
                    return
                if answer.status != 503:
                    raise RuntimeError(await answer.text())
            await asyncio.sleep(0.05)

    async def _timed(self, question: str, query: dict[str, str], place: str = "") -> Timed:
        times = []
        for number in range(self._calls + 1):
            asked = {name: value.replace("RANDOM", f"{self._random.random():.6f}") for name, value in query.items()}
            where = place or ("facets" if "by" in asked else "items")
            begun = perf_counter()
            async with self._gateway.session.get(f"{self._url}/{where}", params=asked) as answer:
                body = await answer.read()
            times.append((perf_counter() - begun) * 1000)
            if answer.status != 200:
                raise RuntimeError(f"{question}, call {number}: {body.decode()}")
        return Timed(question, times[0], times[1:])

    async def _post(self, what: str, body: Any, version: str = "") -> Any:
        headers = {"If-Match": version} if version else {}
        async with self._gateway.session.post(f"{self._url}/{what}", json=body, headers=headers) as answer:
            if answer.status != 200:
                raise RuntimeError(f"{what}: {await answer.text()}")
            return await answer.json()


BY_SIZE = {"sort": "size", "order": "desc", "fraction": "RANDOM"}
QUESTIONS: dict[str, dict[str, str]] = {
    "page from anywhere, by path": {"fraction": "RANDOM"},
    "page from anywhere, by size": BY_SIZE,
    "page from anywhere, by age": {"sort": "age", "fraction": "RANDOM"},
    "page of one type, by size": {**BY_SIZE, "type": "jpg"},
    "page of a size and more, by age": {"sort": "age", "fraction": "RANDOM", "minSize": "22000"},
    "page with a text, by path": {"fraction": "RANDOM", "text": "file-012"},
    "page with a Chinese text": {"fraction": "RANDOM", "text": "文件"},
    "page of a folder, by size": {**BY_SIZE, "folder": "share/dept-01"},
    "facets of everything": {"by": "type,size,age,folder"},
    "facets of a filter": {"by": "type,size,age,folder", "minSize": "22000", "text": "project-1"},
    "count of a text": {"by": "", "text": "00123"},
}


def _write(path: Path, items: int) -> None:
    """A list as a scan makes it: folder by folder, files of all sizes and ages."""
    chance, made, folder = random.Random(1), 0, 0
    with path.open("wb") as file:
        while made < items:
            folder += 1
            place = f"share/dept-{folder % 37:02d}/project-{folder % 811:03d}/y{2010 + folder % 14}/folder {folder:06d}"
            for _ in range(min(items - made, chance.randint(1, 60))):
                ending = ENDINGS[chance.randrange(len(ENDINGS))]
                name = "文件" if folder % 50 == 0 else "file"
                item = {
                    "path": f"{place}/{name}-{made:07d}{'.' + ending if ending else ''}",
                    "size": int(chance.lognormvariate(10, 3)),
                    "mtimeNs": 1_700_000_000 * 10**9 - chance.randrange(8 * YEAR_NS),
                    "inode": made + 1000,
                    "device": 64769,
                    "kind": "file",
                }
                file.write(orjson.dumps(item) + b"\n")
                made += 1


if __name__ == "__main__":
    sys.exit(main())
