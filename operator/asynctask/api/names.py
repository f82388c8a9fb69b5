"""Every name that crosses a process: group, labels, environment variables, and the names of child objects."""

import hashlib
import re
from functools import lru_cache

GROUP = "asynctask.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
CATEGORY = "asynctask-all"
"""`kubectl get asynctask-all`. Not a name that a kind has too: kubectl takes a category first, and `get asynctask NAME` fails."""

LABEL_TASK_UID = f"{GROUP}/task-uid"
LABEL_RUN = f"{GROUP}/run"
LABEL_STAGE = f"{GROUP}/stage"
LABEL_ATTEMPT = f"{GROUP}/attempt"
LABEL_INDEX = f"{GROUP}/index"
"""Of a task that a stage started: its position among them."""
LABEL_DEPTH = f"{GROUP}/depth"
"""Of a task that a stage started: how many tasks are above it."""
LABEL_QUEUE = f"{GROUP}/queue"
LABEL_SCHEDULE = f"{GROUP}/schedule"
"""On a task: the TaskSchedule that made it; cut, with a digest, where the name is too long for a label."""
ANNOTATION_SCHEDULED_TIME = f"{GROUP}/scheduled-time"
"""On a task: the time of the schedule that it was made for."""
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
ANNOTATION_SUBMITTED_BY = f"{GROUP}/submitted-by"
"""Who submitted a task, as the gateway knew them."""
ANNOTATION_ACTION_REASON = f"{GROUP}/action-reason"
"""On a task: why it was last paused, resumed, cancelled or restarted through the gateway, in the words of who did it."""
ANNOTATION_ACTION_BY = f"{GROUP}/action-by"
"""On a task: who did that."""
ANNOTATION_REQUEST = f"{GROUP}/request"
"""On a task that was submitted with an Idempotency-Key: a digest of what was asked for, so that the same key with
another request is told from a repetition."""
ANNOTATION_NONCE = f"{GROUP}/nonce"
"""On a task that was submitted without one: tells the gateway whether a task of this name is the one it made."""
ANNOTATION_ONCES = f"{GROUP}/onces"
"""Digests of the Idempotency-Keys under which the API changed an object last, newest last."""
ANNOTATION_RETRIES_ITEMS = f"{GROUP}/retries-items"
"""On a TaskType, with the value `true`: its stages honour the artifact RETRY_ITEMS, so single items can be tried again."""
ANNOTATION_RETRY_RUN = f"{GROUP}/retry-items-run"
"""On a task: the run that is to deal with nothing but the items in its artifact RETRY_ITEMS. Means nothing to others."""
RETRY_ITEMS = "retry-items"
"""The artifact of a run that lists the items to be tried again: JSON lines as item errors."""
ANNOTATION_TASK = f"{GROUP}/task"
ANNOTATION_DISPLACED_BY = f"{GROUP}/displaced-by"
"""On a suspended Job: what pushed its task out, as its reason, `|`, and words for people. Gone when it goes on."""
ANNOTATION_DISPLACED_TIME = f"{GROUP}/displaced-time"
"""On a Job: when it was last pushed out. Kept, so that a queue's budget survives restarts."""
ANNOTATION_HELD = f"{GROUP}/held"
"""On a Job that Kueue starts and stops: its Workload has been made inactive, so that nobody starts it."""
LABEL_KUEUE_QUEUE = "kueue.x-k8s.io/queue-name"
LABEL_KUEUE_JOB_UID = "kueue.x-k8s.io/job-uid"
MANAGER = "asynctask-operator"

DATA_OWNER_LABEL = f"{GROUP}/allow-data-owner"
"""A namespace that carries this label with the value `true` may run stages with the DataOwner profile."""

GATEWAY_AUDIENCE = "asynctask-gateway"
"""Of the tokens of stages."""
API_AUDIENCE = "asynctask-api"
"""Of the tokens of people and programs."""
EXTRA_MAIL = f"{GROUP}/email"
"""Of a caller: the mail address that an identity provider vouches for."""
TOKEN_DIRECTORY = "/var/run/secrets/asynctask"  # noqa: S105 - a path
ENDPOINT_SECRETS_DIRECTORY = "/var/run/secrets/asynctask-endpoints"
WORKSPACE_CLAIM = "asynctask-workspace"
WORKSPACE_DIRECTORY = "/asynctask/workspace"
DEFAULT_QUEUE = "default"

MAX_JOB_NAME = 63
"""The Job controller copies a Job's name into a pod label, so it must fit one."""


@lru_cache(maxsize=8192)
def child_name(task_name: str, task_uid: str, stage: str, run: int, attempt: int | None = None) -> str:
    """Name a Stage (no attempt) or a Job so that the same facts always give the same name.

    The task's uid is part of it, so a task deleted and made again under its old name shares no child with
    its predecessor; the readable part is cut to keep the whole within a pod label.
    """
    digest = hashlib.sha256(task_uid.encode()).hexdigest()[:8]
    tail = f"-{digest}-{stage}-r{run}" + (f"-a{attempt}" if attempt is not None else "")
    readable = re.sub(r"[^a-z0-9-]", "-", task_name.lower())
    return readable[: MAX_JOB_NAME - len(tail)].strip("-") + tail


def run_of(stage_object: str) -> int:
    """The run in the name of a Stage; 0 when the name is none of ours."""
    tail = stage_object.rpartition("-r")[2]
    return int(tail) if tail.isascii() and tail.isdecimal() else 0


def config_variable(field: str) -> str:
    """The environment variable that carries one top-level config field: `sourcePath` and `source_path` → `CONFIG_SOURCE_PATH`."""
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field)
    return "CONFIG_" + re.sub(r"[^A-Za-z0-9]", "_", snake).upper()
