"""Submit a task of two stages and wait for its end: `helm test`. Runs in a Job with nothing but Python."""

import json
import os
import ssl
import sys
import time
import urllib.request
from pathlib import Path

ACCOUNT = Path(os.environ.get("ACCOUNT_DIRECTORY", "/var/run/secrets/kubernetes.io/serviceaccount"))
SECONDS_TO_WAIT = float(os.environ.get("SECONDS_TO_WAIT", "180"))


def call(method: str, path: str, body: object = None) -> dict:
    """One request to the API server. Raises HTTPError as urllib does."""
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    host = f"[{host}]" if ":" in host else host
    request = urllib.request.Request(
        f"https://{host}:{os.environ['KUBERNETES_SERVICE_PORT']}{path}",
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text().strip()}",
            "Content-Type": "application/json",
        },
    )
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    with urllib.request.urlopen(request, timeout=20, context=trust) as answer:  # noqa: S310
        return json.load(answer)


def main(namespace: str, image: str) -> None:
    """Exit 0 when the task succeeded; otherwise say what it said."""
    tasks = f"/apis/asynctask.io/v1alpha1/namespaces/{namespace}/asynctasks"
    stages = [
        {"name": "pod", "job": {"image": image, "command": ["python", "-c", "print('well')"]}},
        {"name": "pause", "wait": {"delaySeconds": 1}},
    ]
    spec = {"stages": stages, "priority": 1, "activeDeadlineSeconds": 150, "ttlSecondsAfterFinished": 600}
    task = {"apiVersion": "asynctask.io/v1alpha1", "kind": "AsyncTask", "spec": spec}
    name = call("POST", tasks, {**task, "metadata": {"generateName": "smoke-test-"}})["metadata"]["name"]
    status, deadline = {}, time.monotonic() + SECONDS_TO_WAIT
    try:
        while time.monotonic() < deadline:
            status = call("GET", f"{tasks}/{name}").get("status", {})
            ended = [c for c in status.get("conditions", []) if c["type"] == "Succeeded" and c["status"] != "Unknown"]
            if ended and ended[0]["status"] == "True":
                print(f"{name}: succeeded")  # noqa: T201 - a command speaks
                return
            if ended:
                sys.exit(f"{name}: {ended[0].get('reason')}: {ended[0].get('message')}")
            time.sleep(1)
        sys.exit(f"{name}: not done after {SECONDS_TO_WAIT:.0f} s: {json.dumps(status)[:2000]}")
    finally:
        call("DELETE", f"{tasks}/{name}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
