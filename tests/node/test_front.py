"""The API and the command line where pods really run: logs, a share that the gateway sees, the tutorial."""

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any
from unittest.mock import patch

import httpx
import pytest
from support.api import Refused
from support.chart import NAMESPACE
from support.nodeapi import NodeApi
from support.nodecluster import SHARE
from support.nodepods import kill
from support.nodetasks import Task, shell
from support.nodetrees import USER, give, make_big_file
from support.pages import shell_blocks

from asynctask.api.names import API_AUDIENCE, API_VERSION
from asynctask.cli import __main__ as entry
from localcluster import Cluster, tool
from localcluster.processes import holds

SLOW = "for i in 1 2 3 4 5; do echo line $i; sleep 1; done; echo WARNING: 完成; sleep 1; echo the end >&2"


@dataclass(frozen=True)
class Desk:
    """The namespace `nas`, and somebody who may work there."""

    cluster: Cluster
    api: NodeApi
    url: str
    token: str

    def get(self, where: str, /, **query: Any) -> httpx.Response:
        """Ask the API of the gateway in the cluster."""
        return httpx.get(self.url + where, params=query, headers={"Authorization": f"Bearer {self.token}"}, timeout=30)

    def words(self, *arguments: str) -> list[str]:
        """A command."""
        return ["asynctask", f"--kubeconfig={self.cluster.kubeconfig}", *arguments]

    def run(self, *arguments: str) -> str:
        """What a command prints."""
        out = io.StringIO()
        with patch.object(sys, "argv", self.words(*arguments)), redirect_stdout(out):
            code: object = 0
            try:
                entry.main()
            except SystemExit as end:
                code = end.code
        assert not code, (code, out.getvalue())
        return out.getvalue()

    def submit(self, name: str, *scripts: str) -> Task:
        """A task of shell scripts."""
        stages = [{"name": f"s{i}", "job": shell(script)} for i, script in enumerate(scripts, 1)]
        body = {"kind": "AsyncTask", "metadata": {"name": name}, "spec": {"stages": stages}}
        return Task(self.api, self.api.create(body))


@pytest.fixture(scope="module")
def desk(cluster: Cluster) -> Iterator[Desk]:
    api = NodeApi(cluster.kubeconfig, "nas")
    kubectl = cluster.kubectl
    kubectl("-n", "nas", "create", "serviceaccount", "clerk")
    kubectl("-n", "nas", "create", "rolebinding", "clerk", "--clusterrole=edit", "--serviceaccount=nas:clerk")
    endpoint = {"path": "/nas", "volume": {"claimName": "nas"}, "limits": {"megabytesPerSecond": 2}}
    api.create({"kind": "StorageEndpoint", "metadata": {"name": "nas"}, "spec": endpoint})
    service = api.get(f"/api/v1/namespaces/{NAMESPACE}/services/asynctask-api")["spec"]
    token = kubectl("-n", "nas", "create", "token", "clerk", f"--audience={API_AUDIENCE}", "--duration=1h").strip()
    found = Desk(cluster, api, f"http://{service['clusterIP']}:{service['ports'][0]['port']}", token)
    yield found
    for path in (
        f"/apis/{API_VERSION}/namespaces/nas/storageendpoints/nas",
        "/api/v1/namespaces/nas/serviceaccounts/clerk",
    ):
        with suppress(Refused):
            api.call("DELETE", path)
    kubectl("-n", "nas", "delete", "rolebinding", "clerk")
    api.close()


def test_logs_are_followed_through_stages_and_attempts_from_their_pods(desk: Desk) -> None:
    task = desk.submit("told", SLOW, "echo second stage; sleep 3; echo over")
    words = [sys.executable, "-m", "asynctask.cli", *desk.words("logs", "-f", "told", "-n", "nas")[1:]]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout
        first = following.stdout.readline()
        assert first == "[s1/1] line 1\n"
        assert "completionTime" not in task.object["status"], "live, not afterwards"
        late = Timer(90, following.kill)
        late.start()
        rest = following.stdout.read()  # not `communicate`, which leaves what was read ahead with the first line
        late.cancel()
    assert following.returncode == 0
    assert rest.splitlines() == [
        *(f"[s1/1] line {n}" for n in range(2, 6)), "[s1/1] WARNING: 完成", "[s1/1] the end",
        "[s2/1] second stage", "[s2/1] over",
    ]  # fmt: skip
    task.succeeds()
    said = desk.run("logs", "told", "-n", "nas", "--stage", "s1", "--tail", "2").splitlines()
    assert said == ["WARNING: 完成", "the end"]
    task.delete()


def test_logs_are_there_when_their_pods_are_gone(desk: Desk) -> None:
    task = desk.submit("left", SLOW)
    pod = task.until_runs("s1")
    assert holds(lambda: "line 2" in _kept(desk, task), within=60)
    kill(pod)
    task.ending()
    task.delete()
    task.until_nothing_remains()
    assert holds(lambda: desk.get(f"/api/v1/tasks/{task.uid}").json().get("archived"), within=30)
    said = desk.run("--gateway", desk.url, "--token", desk.token, "history", "logs", task.uid)
    assert re.findall(r"info \[s1\] (line [12])$", said, re.MULTILINE)[:2] == ["line 1", "line 2"]
    listed = desk.run("--gateway", desk.url, "--token", desk.token, "history", "list", "-n", "nas", "-o", "name")
    assert task.uid in listed.splitlines()


def _kept(desk: Desk, task: Task) -> list[str]:
    answer = desk.get(f"/api/v1/tasks/{task.uid}/logs")
    return [line["text"] for line in answer.json()["items"]] if answer.status_code == 200 else []


@pytest.fixture(scope="module")
def folder() -> Path:
    """A folder of the share: files, one of somebody else's, and links that lead out."""
    folder = SHARE / "folder"
    (folder / "2026").mkdir(parents=True)
    (folder / "照片 1.jpg").write_bytes(b"x" * 1000)
    (folder / "out").symlink_to("/etc")
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "up").symlink_to("../..")
    give(folder)
    (folder / "shut").mkdir(mode=0o755)
    return folder


def test_one_level_of_a_share_is_listed(desk: Desk, folder: Path) -> None:
    assert holds(lambda: desk.get("/api/v1/locations", path="/nas/folder").status_code == 200, within=30)
    listing = desk.get("/api/v1/locations", path="/nas/folder").json()
    found = {item["name"]: (item["kind"], item["size"]) for item in listing["items"]}
    assert {name: kind for name, (kind, _) in found.items()} == {
        "2026": "Directory", "out": "Link", "passwd": "Link", "shut": "Directory", "up": "Link", "照片 1.jpg": "File"
    }  # fmt: skip
    assert found["照片 1.jpg"][1] == 1000
    page = desk.get("/api/v1/locations", path="/nas/folder", limit=2).json()
    assert ([item["name"] for item in page["items"]], page["more"]) == (["2026", "out"], True)
    rest = desk.get("/api/v1/locations", path="/nas/folder", after="out").json()
    assert rest["items"][0]["name"] == "passwd"


def test_a_path_is_checked_for_being_there_writable_and_roomy(desk: Desk, folder: Path) -> None:
    disk = os.statvfs(SHARE)
    for path, writable in (("/nas/folder/2026", True), ("/nas/folder/shut", False)):
        found = desk.get("/api/v1/locations/check", path=path, runAsUser=USER).json()
        assert (found["exists"], found["kind"], found["writable"]) == (True, "Directory", writable)
        assert found["totalBytes"] == disk.f_blocks * disk.f_frsize
        assert abs(found["freeBytes"] - disk.f_bavail * disk.f_frsize) < 5 << 30
    missing = desk.get("/api/v1/locations/check", path="/nas/folder/2027")
    assert missing.json().get("exists") is False


@pytest.mark.parametrize("path", ["out", "out/ssl", "passwd", "up", "up/nas", "up/../../etc", "../../etc"])
def test_no_link_leads_out_of_a_share(desk: Desk, folder: Path, path: str) -> None:
    answer = desk.get("/api/v1/locations", path=f"/nas/folder/{path}")
    assert answer.status_code in {400, 404, 409}, answer.text
    assert answer.json()["code"] in {"LocationNotADirectory", "InvalidField", "LocationNotThere"}
    checked = desk.get("/api/v1/locations/check", path=f"/nas/folder/{path}")
    assert checked.status_code >= 400 or checked.json()["kind"] == "Link", checked.text


@pytest.fixture
def newcomer(desk: Desk) -> Iterator[None]:
    """Whoever follows the tutorial makes these; afterwards they are gone."""
    yield
    kubectl = desk.cluster.kubectl
    kubectl("-n", "nas", "delete", "--ignore-not-found", "serviceaccount/my-app", "rolebinding/my-app")
    kubectl("delete", "--ignore-not-found", "clusterrolebinding/my-app", "clusterrole/asynctask-catalog")


@pytest.mark.usefixtures("newcomer")
def test_every_command_of_the_tutorial_works_as_it_stands(desk: Desk, tmp_path: Path) -> None:
    (SHARE / "photos" / "2026").mkdir(parents=True)
    make_big_file(SHARE / "photos" / "film", 150)
    give(SHARE / "photos")
    prelude = (
        "set -eu -o pipefail\ntrap 'kill $(jobs -p)' EXIT\n"
        "curl() { command curl -w '%{stderr}\\n@%{http_code} %{method} %{url}\\n' \"$@\"; }\n"
    )
    script = prelude + "\n".join(shell_blocks("tutorial-api.md")) + '\necho; echo "ID=$ID"'
    script = script.replace("$API/api/v1/tasks/$ID/waiting", "$API/api/v1/tasks/$ID/waiting; sleep 8")
    path = f"{tool('kubectl').parent}:{os.environ['PATH']}"
    environment = os.environ | {"KUBECONFIG": str(desk.cluster.kubeconfig), "PATH": path}
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    said = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, said
    answers = re.findall(r"^@([0-9]{3}) ([A-Z]+) (\S+)$", done.stderr, re.MULTILINE)
    refused = [(status, call) for status, _, call in answers if status[0] != "2" and not call.endswith("/checkpoint")]
    assert [(status, call.rpartition("/")[2]) for status, call in refused] == [("400", "submit_task")], said
    assert len(answers) >= 35
    task_id = re.findall(r"^ID=(\S+)$", done.stdout, re.MULTILINE)[0]
    assert json.loads(desk.get(f"/api/v1/tasks/{task_id}").text)["archived"] is True
    assert desk.get(f"/api/v1/tasks/{task_id}/stages/content/checkpoint").status_code == 200, "kept, as the page says"
