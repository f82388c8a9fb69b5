"""The parts of signing in and out that routes work with."""

from dataclasses import dataclass

from asynctask.gateway.front.auth.apikeys import ApiKeys
from asynctask.gateway.front.auth.door import Door
from asynctask.gateway.front.auth.login import Login
from asynctask.gateway.front.auth.sessions import Sessions


@dataclass(frozen=True)
class Gate:
    """Wired once at start."""

    door: Door
    sessions: Sessions
    keys: ApiKeys
    login: Login
