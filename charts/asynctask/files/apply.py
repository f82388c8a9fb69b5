"""Apply the objects that come with the chart. Runs in a Job with nothing but Python; takes the folder they are in.

Task types are the chart's own and are made as the chart has them. A queue is the administrator's once it is there: a
limit changed by hand is left as it is.
"""

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

ACCOUNT = Path(os.environ.get("ACCOUNT_DIRECTORY", "/var/run/secrets/kubernetes.io/serviceaccount"))
SECONDS_TO_WAIT = float(os.environ.get("SECONDS_TO_WAIT", "120"))
PATIENT = (404, 429, 500, 502, 503, 504)
"""404: the definition is not served yet, which takes a few seconds after it was installed."""


def apply(plural: str, name: str, text: str) -> str:
    """Apply one object until it is done or time is up; returns what became of it."""
    force = "true" if plural == "tasktypes" else "false"
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while True:
        status, message = patch(f"/apis/asynctask.io/v1alpha1/{plural}/{name}", force, text)
        if status in (200, 201):
            return "made" if status == 201 else "up to date"
        if status == 409 and force == "false":
            return f"left as it is: {message}"
        if status not in (0, *PATIENT) or time.monotonic() > deadline:
            sys.exit(f"{plural}/{name}: {status} {message}")
        time.sleep(1)


def patch(path: str, force: str, text: str) -> tuple[int, str]:
    """One server-side apply: status and message; status 0 when there was no answer."""
    query = urllib.parse.urlencode({"fieldManager": "asynctask-chart", "force": force})
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    host = f"[{host}]" if ":" in host else host
    request = urllib.request.Request(
        f"https://{host}:{os.environ['KUBERNETES_SERVICE_PORT']}{path}?{query}",
        data=text.encode(),
        method="PATCH",
        headers={
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text().strip()}",
            "Content-Type": "application/apply-patch+yaml",
        },
    )
    try:
        trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
        with urllib.request.urlopen(request, timeout=20, context=trust) as answer:  # noqa: S310
            return answer.status, ""
    except urllib.error.HTTPError as error:
        body = error.read().decode(errors="replace")
        try:
            return error.code, json.loads(body)["message"]
        except (ValueError, KeyError, TypeError):
            return error.code, body[:500]
    except OSError as error:
        return 0, str(error)


def main(folder: str) -> None:
    """Apply every PLURAL.NAME.yaml of the folder."""
    for file in sorted(Path(folder).glob("*.*.yaml")):
        plural, name = file.name.removesuffix(".yaml").split(".", maxsplit=1)
        print(f"{plural}/{name}: {apply(plural, name, file.read_text())}", flush=True)  # noqa: T201 - a command speaks


if __name__ == "__main__":
    main(sys.argv[1])
