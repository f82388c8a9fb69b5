"""The cluster in memory, for the API and its event stream: `view.View`."""

from asynctask.gateway.front.view.changes import Change, Listener
from asynctask.gateway.front.view.rows import KindName, ObjectRow, Row, StageRow, TaskRow
from asynctask.gateway.front.view.view import View

__all__ = ["Change", "KindName", "Listener", "ObjectRow", "Row", "StageRow", "TaskRow", "View"]
