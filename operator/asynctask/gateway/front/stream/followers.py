"""Who follows what: clients found by what they follow, so that those that follow the same are served together."""

from collections import defaultdict
from collections.abc import Collection, Iterator

from asynctask.core.tasklists import Filter
from asynctask.gateway.front.stream.client import Client, Grant
from asynctask.gateway.front.stream.topics import Topic

Namespaces = frozenset[str] | None
"""Those that a client may see; None: all."""


class Followers:
    """The clients of this replica by their topics."""

    def __init__(self) -> None:
        self._lists: defaultdict[tuple[Filter, Namespaces], set[Client]] = defaultdict(set)
        self._named: defaultdict[tuple[str, str], set[Client]] = defaultdict(set)
        """By kind of topic, and the task or the log or the user that it is about."""
        self._overviews: defaultdict[Namespaces, set[Client]] = defaultdict(set)

    def add(self, client: Client, grant: Grant) -> None:
        """It follows this from now on."""
        client.grants[grant.topic.text] = grant
        self._place(grant, client.caller.name).add(client)

    def remove(self, client: Client, text: str) -> None:
        """It follows the topic of this text no longer."""
        grant = client.grants.pop(text)
        if any(_key(other) == _key(grant) for other in client.grants.values()):
            return
        clients = self._place(grant, client.caller.name)
        clients.discard(client)
        if not clients:
            self._forget(grant, client.caller.name)

    def lists(self) -> Iterator[tuple[Filter, Namespaces, Collection[Client]]]:
        """Each list of tasks that is followed, and by whom."""
        for (wanted, namespaces), clients in self._lists.items():
            yield wanted, namespaces, clients

    def overviews(self) -> list[tuple[Namespaces, Collection[Client]]]:
        """Each overview that is followed, and by whom."""
        return list(self._overviews.items())

    def of(self, kind: str, name: str) -> Collection[Client]:
        """Those of a topic by what it is about: `task` and an id, `logs` and `ID/STAGE`, `notifications` and a user."""
        return self._named.get((kind, name), ())

    def names(self, kind: str) -> list[str]:
        """What of a kind anybody follows."""
        return [name for of, name in self._named if of == kind]

    def _place(self, grant: Grant, user: str) -> set[Client]:
        topic = grant.topic
        if topic.kind == "tasks":
            return self._lists[topic.wanted, grant.namespaces]
        if topic.kind == "overview":
            return self._overviews[grant.namespaces]
        return self._named[topic.kind, name_of(topic, user)]

    def _forget(self, grant: Grant, user: str) -> None:
        topic = grant.topic
        if topic.kind == "tasks":
            self._lists.pop((topic.wanted, grant.namespaces), None)
        elif topic.kind == "overview":
            self._overviews.pop(grant.namespaces, None)
        else:
            self._named.pop((topic.kind, name_of(topic, user)), None)


def name_of(topic: Topic, user: str) -> str:
    """What it is about: a task, a log, a user."""
    match topic.kind:
        case "task":
            return topic.task
        case "logs":
            return f"{topic.task}/{topic.stage}" if topic.stage else topic.task
        case "notifications":
            return user
    return ""


def _key(grant: Grant) -> tuple[object, ...]:
    """Grants of one client with the same key are served in one place."""
    topic = grant.topic
    return topic.kind, topic.task, topic.stage, topic.wanted, grant.namespaces
