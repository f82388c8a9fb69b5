"""Who calls: from a bearer token to a pod, its Job, and the Stage that the Job works for.

What can be trusted of a pod? Its labels, annotations and owner references are whatever its creator wrote, so nothing
is read from them but which Job it claims to belong to. Everything else comes from that Job: it must exist with that
very uid, be controlled by a Stage of the same namespace with that very uid, and bear the one name that the operator
gives to this attempt (names.child_name), which only one Job of the namespace can have. Run, stage and attempt are read
from its pod template, which the API server keeps from changing. So neither a pod that labels itself, nor a Job made
by hand, gets in; and nothing reaches across namespaces.

What is left: someone who may create pods in the namespace and knows the Job's uid can forge the reference to it. The
Job controller then takes that pod for the Job's own, and so do we. The reference must say `blockOwnerDeletion`, as the
Job controller's do: where the admission plugin OwnerReferencesPermissionEnforcement is on, forging it takes the right
to update `jobs/finalizers`. Elsewhere the namespace is the boundary: who may create pods in it can mount its claims
and Secrets anyway, and gains nothing by posing as a stage.
"""

import asyncio
import binascii
import hashlib
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Any

import orjson

from asynctask.adapters import cluster as api
from asynctask.api import names
from asynctask.gateway.caching import Cache
from asynctask.gateway.errors import InvalidToken, NotAStage, StageGone
from asynctask.gateway.fencing import Caller
from asynctask.gateway.metrics import Metrics

POD_NAME = "authentication.kubernetes.io/pod-name"
POD_UID = "authentication.kubernetes.io/pod-uid"
SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"
MAX_REVIEWS = 16
"""Token reviews under way at once: a flood of bad tokens must not become one on the API server."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """For how many seconds what was read is believed."""

    token: float = 30.0
    refusal: float = 5.0
    pod: float = 10.0
    job: float = 600.0
    task: float = 10.0
    stage: float = 10.0


@dataclass(frozen=True, slots=True)
class Bearer:
    """The pod that a token is bound to."""

    namespace: str
    pod_name: str
    pod_uid: str


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What is read of a pod."""

    version: str
    created: datetime
    leaving: bool
    job_name: str
    job_uid: str


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What is read of a Job. None of it ever changes."""

    stage_object: str
    stage_uid: str
    task_uid: str
    run: int
    stage: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Identity:
    """A pod that works on an attempt of a stage."""

    namespace: str
    caller: Caller
    leaving: bool
    """The pod is being deleted."""
    job_name: str
    job: JobFacts


class Authenticator:
    """Finds out who calls, at the cost of one token review in 30 s and one cached read of the pod in 10 s."""

    def __init__(
        self, cluster: api.Cluster, freshness: Freshness, metrics: Metrics, clock: Callable[[], float] = monotonic
    ) -> None:
        self._cluster = cluster
        self._metrics = metrics
        self._reviews = asyncio.Semaphore(MAX_REVIEWS)
        refusal = freshness.refusal
        self._bearers = Cache[bytes, Bearer](freshness.token, refusal_seconds=refusal, clock=clock)
        self._pods = Cache[str, PodFacts](freshness.pod, refusal_seconds=refusal, clock=clock)
        self._jobs = Cache[tuple[str, str, str], JobFacts](freshness.job, refusal_seconds=refusal, clock=clock)

    async def bearer(self, authorization: str) -> Bearer:
        """The pod that the header's token is bound to. Raises InvalidToken."""
        scheme, _, token = authorization.partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise InvalidToken("send the token of ASYNCTASK_TOKEN_FILE as `Authorization: Bearer TOKEN`")
        key = hashlib.sha256(token.encode()).digest()  # the cache holds no token
        return await self._bearers.get(key, lambda _: self._review(token))

    async def identify(self, bearer: Bearer) -> Identity:
        """The pod's place among the stages. Raises InvalidToken, NotAStage and StageGone."""
        pod = await self._pods.get(bearer.pod_uid, lambda old: self._read_pod(bearer, old))
        claimed = (bearer.namespace, pod.job_name, pod.job_uid)
        job = await self._jobs.get(claimed, lambda _: self._read_job(bearer.namespace, pod))
        caller = Caller(job.attempt, pod.created, bearer.pod_uid, bearer.pod_name)
        return Identity(bearer.namespace, caller, pod.leaving, pod.job_name, job)

    async def _review(self, token: str) -> Bearer:
        if not _looks_right(token):
            raise InvalidToken(f"not a service-account token with the audience {names.GATEWAY_AUDIENCE}")
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [names.GATEWAY_AUDIENCE]},
        }
        async with self._reviews:
            review = await self._cluster.create(api.TOKEN_REVIEWS, "", body)
        status = review.get("status", {})
        user = status.get("user", {})
        extra = user.get("extra", {})
        accepted = status.get("authenticated") and names.GATEWAY_AUDIENCE in status.get("audiences", ())
        self._metrics.token_reviews.labels("accepted" if accepted else "refused").inc()
        if not accepted:
            raise InvalidToken("the token is not valid (any more)")
        username = str(user.get("username", ""))
        if not (username.startswith(SERVICE_ACCOUNT_PREFIX) and extra.get(POD_NAME) and extra.get(POD_UID)):
            raise InvalidToken("the token is not bound to a pod")
        namespace = username.removeprefix(SERVICE_ACCOUNT_PREFIX).partition(":")[0]
        return Bearer(namespace, extra[POD_NAME][0], extra[POD_UID][0])

    async def _read_pod(self, bearer: Bearer, old: PodFacts | None) -> PodFacts:
        try:
            pod = await self._cluster.get(
                api.PODS, bearer.namespace, bearer.pod_name, not_older_than=old.version if old else ""
            )
        except api.NotFound:
            raise InvalidToken("the pod that the token is bound to is gone") from None
        metadata = pod["metadata"]
        if metadata["uid"] != bearer.pod_uid:
            raise InvalidToken("the pod that the token is bound to has been replaced")
        owner = _controller(metadata)
        if owner.get("kind") != "Job" or owner.get("apiVersion") != "batch/v1" or not owner.get("blockOwnerDeletion"):
            raise NotAStage("the pod belongs to no Job")
        return PodFacts(
            version=metadata["resourceVersion"],
            created=datetime.fromisoformat(metadata["creationTimestamp"]),
            leaving="deletionTimestamp" in metadata,
            job_name=owner["name"],
            job_uid=owner["uid"],
        )

    async def _read_job(self, namespace: str, pod: PodFacts) -> JobFacts:
        try:
            job = await self._cluster.get(api.JOBS, namespace, pod.job_name)
        except api.NotFound:
            raise StageGone("the pod's Job was deleted") from None
        owner = _controller(job["metadata"])
        if job["metadata"]["uid"] != pod.job_uid or owner.get("kind") != "Stage":
            raise NotAStage("the pod's Job belongs to no Stage")
        if owner.get("apiVersion", "").partition("/")[0] != names.GROUP:
            raise NotAStage("the pod's Job belongs to no Stage")
        labels = job["spec"]["template"].get("metadata", {}).get("labels") or {}
        try:
            return JobFacts(
                stage_object=owner["name"],
                stage_uid=owner["uid"],
                task_uid=labels[names.LABEL_TASK_UID],
                run=int(labels[names.LABEL_RUN]),
                stage=labels[names.LABEL_STAGE],
                attempt=int(labels[names.LABEL_ATTEMPT]),
            )
        except (KeyError, ValueError):
            raise NotAStage("the pod's Job was not made by AsyncTask") from None


def _controller(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return next((owner for owner in metadata.get("ownerReferences", ()) if owner.get("controller")), {})


def _looks_right(token: str) -> bool:
    """Whether it reads like a token for us. Proves nothing; spares the API server what can't be one."""
    try:
        _, claims, _ = token.split(".")
        audience = orjson.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["aud"]
    except (ValueError, KeyError, TypeError, binascii.Error):
        return False
    return names.GATEWAY_AUDIENCE in (audience if isinstance(audience, list) else [audience])
