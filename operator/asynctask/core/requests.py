"""From a task and what was observed of it to what admission asks about: its turn, and what it takes up."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from asynctask.api.storageendpoint import StorageEndpoint
from asynctask.core import claims, displaced, hours
from asynctask.core.admission.model import EndpointUse, Running, Task
from asynctask.core.facts import Facts, Resolved
from asynctask.core.overlap import Access, Location


def task(facts: Facts, resolved: Resolved, first_asked: float) -> Task:
    """The task as admission sees it. `first_asked` is when it asked in this wait, as far as this process knows."""
    meta, spec = facts.task.metadata, facts.task.spec
    claim = claims.peak(resolved.graph)
    asked, since = submitted(facts, first_asked), _waits_since(facts, first_asked)
    has_begun = any(stage.spec.run == spec.run for stage in facts.stages)
    least = spec.min_megabytes_per_second or 0
    return Task(
        key=(meta.namespace, meta.name),
        queue=resolved.queue,
        submitted=asked,
        priority=resolved.priority,
        type=resolved.type_name,
        cpu_milli=claim.cpu,
        memory_bytes=claim.memory,
        endpoints=tuple(
            EndpointUse((meta.namespace, name), megabytes_per_second=least)
            for name in sorted({location.endpoint for location in resolved.locations})
        ),
        locations=locations(meta.namespace, resolved),
        overlap_policy="Wait" if has_begun else spec.overlap_policy,
        preemptible=resolved.preemptible,
        away_seconds=max(0.0, since - asked),
        shut_seconds=hours.shut_seconds(hours.binding(facts, resolved), max(since, asked), _seconds(facts.now)),
    )


def running(facts: Facts, resolved: Resolved, first_asked: float) -> Running:
    """The task as one that holds a place."""
    jobs = [job for job in facts.jobs.values() if job.may_work]
    starts = [job.status.start_time or job.metadata.creation_timestamp for job in jobs]
    saved = [stage.status.checkpoint.time for stage in facts.stages if stage.status.checkpoint]
    started = min((_seconds(moment) for moment in starts if moment), default=_seconds(facts.now))
    waited = task(facts, resolved, first_asked)
    # that it may finish outside its hours doesn't mean that it was waiting for its turn outside of them
    shut = hours.shut_seconds(resolved.hours, waited.submitted + waited.away_seconds, started)
    return Running(
        replace(waited, shut_seconds=shut),
        started=started,
        checkpoint=max((_seconds(moment) for moment in saved if moment), default=None),
        is_leaving=displaced.leaves(facts) is not None,
    )


def submitted(facts: Facts, first_asked: float) -> float:
    """When this run was asked for: the task's creation, for a later run the beginning of that run."""
    if facts.task.spec.run == 1 and facts.task.metadata.creation_timestamp:
        return _seconds(facts.task.metadata.creation_timestamp)
    begins = [stage.metadata.creation_timestamp for stage in facts.stages if stage.spec.run == facts.task.spec.run]
    moments = [_seconds(moment) for moment in begins if moment]
    return min([*moments, _waits_since(facts, first_asked)])


def locations(namespace: str, resolved: Resolved) -> tuple[Location, ...]:
    """What it locks: shares that are parts of one volume are found to overlap, whatever their endpoints are called."""
    return tuple(
        _location(namespace, resolved.endpoints[location.endpoint], location.path, location.access)
        for location in resolved.locations
    )


def _location(namespace: str, endpoint: StorageEndpoint, path: str, access: Access) -> Location:
    volume, base = endpoint.spec.volume, endpoint.spec.path or ""
    if volume is None:
        inside = path.removeprefix(f"{endpoint.metadata.name}:")
        return Location((namespace, endpoint.metadata.name), _parts(inside), access)
    below = _parts(path)[len(_parts(base)) :]
    return Location((namespace, f"claim:{volume.claim_name}"), _parts(volume.sub_path) + below, access)


def as_users_know_it(path: str, mine: Iterable[Location], endpoints: Iterable[tuple[str, StorageEndpoint]]) -> str:
    """A locked path, which is reckoned from the volume's root, as the share's users write it.

    `mine` are the locations of the task that waits: one of them overlaps the path, and tells which volume is meant.
    `endpoints` are those that there are, each with its namespace.
    """
    parts = _parts(path)
    for location in mine:
        depth = min(len(parts), len(location.parts))
        if location.parts[:depth] != parts[:depth]:
            continue
        for namespace, endpoint in endpoints:
            volume, name = endpoint.spec.volume, endpoint.metadata.name
            if volume is None:
                if (namespace, name) == location.endpoint:
                    return f"{name}:{path}"
                continue
            base = _parts(volume.sub_path)
            if (namespace, f"claim:{volume.claim_name}") == location.endpoint and location.parts[: len(base)] == base:
                return "/".join(["", *_parts(endpoint.spec.path or ""), *parts[len(base) :]])
    return path


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part not in {"", "."})


def _waits_since(facts: Facts, first_asked: float) -> float:
    status = facts.task.status
    if status.run == facts.task.spec.run and status.waiting and status.waiting.since and status.waiting.queue:
        return _seconds(status.waiting.since)
    pushed = displaced.of(facts.jobs.values(), facts.task.spec.run)
    return _seconds(pushed.time) if pushed and pushed.time else first_asked


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
