"""A clean-up handed in, reviewed and followed over REST, by a caller that knows no Kubernetes."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from .backup import NAMESPACE
from .rest import Api
from .terminal import DemoError, size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .machine import Machine
    from .terminal import Terminal

ACCOUNT = "nas-app"
ROLES = ("asynctask-editor", "asynctask-approver")
FOLDER = "exports"
DAY = 86_400
OLD, FRESH, WANTED = 400, 100, 25
"""Files that expired, files that did not, and expired ones that the reviewer wants to keep."""
POLL_SECONDS = 1.0


class CleanUp:
    """Old files of a share go, except those that the reviewer strikes off the list."""

    def __init__(self, machine: Machine, share: Path, terminal: Terminal) -> None:
        self._machine, self._terminal = machine, terminal
        self._folder = share / FOLDER
        self._contracts = self._folder / "contracts"

    def run(self) -> None:
        """From the files to the proofs."""
        self._make_files()
        with Api(self._machine.kubectl, NAMESPACE, ACCOUNT, ROLES) as api:
            self._terminal.say(f"{api.url}: the API, as service account {ACCOUNT} with the roles {', '.join(ROLES)}")
            config = {"root_path": f"/nas/backup/{FOLDER}", "age_days": 365, "limit_percent": 100}
            body = {"task_type": "expired-cleanup", "task_config": config, "priority": 2, "namespace": NAMESPACE}
            self._terminal.say(f"POST /submit_task {config}")
            task = api("POST", "/submit_task", body)["task_id"]
            review = self._until("a review is wanted", lambda: self._review(api, task), 300)
            self._decide(api, review)
            report = self._until("the clean-up ends", lambda: self._ended(api, task), 300)
            if report["status"] != "completed":
                raise DemoError(f"the clean-up ended {report['status']}: {report.get('message')}")
            self._prove_files()
            self._prove_history(api, task)

    def _make_files(self) -> None:
        now = time.time()
        for folder in (self._folder, self._contracts):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o777)
        for number in range(OLD + FRESH):
            folder = self._contracts if number < WANTED else self._folder
            path = folder / f"export-{number:04}.csv"
            path.write_text(f"{number}\n" * 200)
            path.chmod(0o666)
            age = (400 + number) * DAY if number < OLD else DAY
            os.utime(path, (now - age, now - age))
        self._terminal.say(f"{self._folder}: {OLD} expired files, {WANTED} of them contracts, and {FRESH} new ones")

    def _review(self, api: Api, task: str) -> dict[str, Any] | None:
        page = api("GET", "/api/v1/reviews", state="waiting")
        return next((row for row in page["items"] if row["taskId"] == task), None)

    def _decide(self, api: Api, review: dict[str, Any]) -> None:
        one = f"/api/v1/reviews/{review['id']}"
        page = api("GET", f"{one}/items", limit=3)
        if page["total"] != OLD:
            raise DemoError(f"the scan found {page['total']} expired files, there are {OLD}")
        self._terminal.proven(f"the scan lists {page['total']} files for review, none of the {FRESH} new ones")
        self._terminal.act("The reviewer strikes off what lies in contracts/, then approves the rest")
        struck = api("POST", f"{one}/selections", {"action": "strike", "filter": {"folder": "contracts"}})
        left = struck["totals"]["remaining"]
        if struck["matched"] != WANTED:
            raise DemoError(f"{struck['matched']} files were struck off, there are {WANTED} contracts")
        self._terminal.say(f"struck off: {struck['matched']}; left: {left['items']} files, {size(left['bytes'])}")
        api("POST", f"{one}/approve", {"message": "contracts stay"}, if_match=api.etag)

    def _ended(self, api: Api, task: str) -> dict[str, Any] | None:
        report: dict[str, Any] = api("GET", "/query_task", task_id=task)
        done = {"completed", "partially_completed", "failed", "cancelled", "skipped"}
        return report if report["status"] in done else None

    def _prove_files(self) -> None:
        left = sorted(path.name for path in self._folder.glob("*.csv"))
        contracts = len(list(self._contracts.glob("*.csv")))
        if len(left) != FRESH or contracts != WANTED:
            raise DemoError(f"{len(left)} files and {contracts} contracts are left of {FRESH} and {WANTED}")
        self._terminal.proven(
            f"exactly the {OLD - WANTED} approved files are gone, into a quarantine that cleanup-undo empties again;"
            f" {contracts} contracts and {len(left)} new files are untouched"
        )

    def _prove_history(self, api: Api, task: str) -> None:
        self._terminal.act("The task is deleted from the cluster")
        api("DELETE", f"/api/v1/tasks/{task}")
        whole = self._until("history has it", lambda: self._archived(api, task), 60)
        self._terminal.proven(f"history still knows it: {whole['status']}, submitted by {whole.get('owner')}")

    @staticmethod
    def _archived(api: Api, task: str) -> dict[str, Any] | None:
        found: dict[str, Any] = api("GET", f"/api/v1/tasks/{task}")
        return found if found.get("archived") else None

    def _until(self, what: str, ask: Callable[[], Any], seconds: float) -> Any:
        """Ask until there is an answer; the program that this stands for would follow the event stream."""
        deadline = time.monotonic() + seconds
        while not (found := ask()):
            if time.monotonic() > deadline:
                raise DemoError(f"not within {seconds:.0f} s: {what}; look: kubectl -n {NAMESPACE} get at,ast")
            self._terminal.moving(f"   waiting: {what}")
            time.sleep(POLL_SECONDS)
        return found
