"""Every operation of the API.

Generated from the OpenAPI document by hack/generate."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Literal, cast

from asynctask_client import types


class Operations:
    """The operations, for `Client`."""

    def _call(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None,
        if_match: str | None = None, idempotency_key: str | None = None, raw: bool = False,
    ) -> Any:
        raise NotImplementedError

    @staticmethod
    def _quote(part: str) -> str:
        raise NotImplementedError

    def act_on_tasks(self, body: types.BulkAction, *, idempotency_key: str | None = None) -> types.BulkOutcome:
        """Do one thing to all live tasks that a filter takes"""
        return cast("types.BulkOutcome", self._call("POST", "/api/v1/tasks/actions", body=body, idempotency_key=idempotency_key))

    def approve_review(self, review_id: str, body: types.Approval | None = None, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.ReviewWhole:
        """Approve; of a list, what is left of it"""
        return cast("types.ReviewWhole", self._call("POST", f"/api/v1/reviews/{self._quote(review_id)}/approve", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def begin_login(self, *, back: str | None = None) -> None:
        """Sign in a browser through the identity provider"""
        self._call("GET", "/api/v1/session/login", query={"back": back})

    def cancel_task(self, task_id: str, body: types.Reason | None = None, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.TaskOutcome:
        """End the current run for good"""
        return cast("types.TaskOutcome", self._call("POST", f"/api/v1/tasks/{self._quote(task_id)}/cancel", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def change_task(self, task_id: str, body: types.TaskChange, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.TaskWhole:
        """Change a task's priority, suspension, queue or limits"""
        return cast("types.TaskWhole", self._call("PATCH", f"/api/v1/tasks/{self._quote(task_id)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def check_graph(self, body: types.GraphCheck) -> types.GraphAnswer:
        """Whether stages, or tasks, depend on each other in a circle"""
        return cast("types.GraphAnswer", self._call("POST", "/api/v1/graphs/check", body=body))

    def check_location(self, *, path: str, namespace: str | None = None, run_as_user: int | None = None, run_as_group: int | None = None) -> types.LocationCheck:
        """Whether a path exists, may be written, has room"""
        return cast("types.LocationCheck", self._call("GET", "/api/v1/locations/check", query={"path": path, "namespace": namespace, "runAsUser": run_as_user, "runAsGroup": run_as_group}))

    def count_item_errors(self, task_id: str, *, run: int | None = None) -> types.FailureSummary:
        """Count the failed items by stage, class and reason"""
        return cast("types.FailureSummary", self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/item-errors/summary", query={"run": run}))

    def count_unread_notifications(self) -> types.Unread:
        """How many entries of the inbox are unread"""
        return cast("types.Unread", self._call("GET", "/api/v1/notifications/unread"))

    def create_api_key(self, body: types.NewApiKey) -> types.MadeApiKey:
        """Make an API key for an application"""
        return cast("types.MadeApiKey", self._call("POST", "/api/v1/api-keys", body=body))

    def create_endpoint(self, body: types.NewEndpoint, *, idempotency_key: str | None = None) -> types.KeptObject:
        """Make a storage endpoint"""
        return cast("types.KeptObject", self._call("POST", "/api/v1/endpoints", body=body, idempotency_key=idempotency_key))

    def create_notification_rule(self, body: types.NewRule, *, idempotency_key: str | None = None) -> types.KeptRule:
        """Make a rule"""
        return cast("types.KeptRule", self._call("POST", "/api/v1/notifications/rules", body=body, idempotency_key=idempotency_key))

    def create_queue(self, body: types.NewQueue, *, idempotency_key: str | None = None) -> types.KeptObject:
        """Make a queue"""
        return cast("types.KeptObject", self._call("POST", "/api/v1/queues", body=body, idempotency_key=idempotency_key))

    def create_schedule(self, body: types.NewSchedule, *, idempotency_key: str | None = None) -> types.KeptObject:
        """Make a schedule"""
        return cast("types.KeptObject", self._call("POST", "/api/v1/schedules", body=body, idempotency_key=idempotency_key))

    def create_session(self, body: types.SignIn) -> types.SignedIn:
        """Sign in a browser with a token"""
        return cast("types.SignedIn", self._call("POST", "/api/v1/session", body=body))

    def create_subscription(self, body: types.NewSubscription, *, idempotency_key: str | None = None) -> types.KeptSubscription:
        """Make a subscription"""
        return cast("types.KeptSubscription", self._call("POST", "/api/v1/notifications/subscriptions", body=body, idempotency_key=idempotency_key))

    def create_task(self, body: types.TaskSubmission, *, idempotency_key: str | None = None) -> types.TaskWhole:
        """Submit a task"""
        return cast("types.TaskWhole", self._call("POST", "/api/v1/tasks", body=body, idempotency_key=idempotency_key))

    def create_type(self, body: types.NewType, *, idempotency_key: str | None = None) -> types.KeptObject:
        """Make a task type"""
        return cast("types.KeptObject", self._call("POST", "/api/v1/types", body=body, idempotency_key=idempotency_key))

    def delete_endpoint(self, namespace: str, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> None:
        """Delete a storage endpoint"""
        self._call("DELETE", f"/api/v1/namespaces/{self._quote(namespace)}/endpoints/{self._quote(name)}", if_match=if_match, idempotency_key=idempotency_key)

    def delete_notification_rule(self, rule_id: str, *, idempotency_key: str | None = None) -> None:
        """Take a rule away"""
        self._call("DELETE", f"/api/v1/notifications/rules/{self._quote(rule_id)}", idempotency_key=idempotency_key)

    def delete_queue(self, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> None:
        """Delete a queue"""
        self._call("DELETE", f"/api/v1/queues/{self._quote(name)}", if_match=if_match, idempotency_key=idempotency_key)

    def delete_schedule(self, namespace: str, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> None:
        """Delete a schedule; its tasks stay"""
        self._call("DELETE", f"/api/v1/namespaces/{self._quote(namespace)}/schedules/{self._quote(name)}", if_match=if_match, idempotency_key=idempotency_key)

    def delete_session(self) -> None:
        """Sign out"""
        self._call("DELETE", "/api/v1/session")

    def delete_subscription(self, rule_id: str, *, idempotency_key: str | None = None) -> None:
        """Take a subscription away"""
        self._call("DELETE", f"/api/v1/notifications/subscriptions/{self._quote(rule_id)}", idempotency_key=idempotency_key)

    def delete_task(self, task_id: str, *, idempotency_key: str | None = None) -> types.TaskOutcome:
        """Delete a task from the cluster; its history is kept"""
        return cast("types.TaskOutcome", self._call("DELETE", f"/api/v1/tasks/{self._quote(task_id)}", idempotency_key=idempotency_key))

    def delete_type(self, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> None:
        """Delete a task type"""
        self._call("DELETE", f"/api/v1/types/{self._quote(name)}", if_match=if_match, idempotency_key=idempotency_key)

    def download_logs(self, task_id: str, *, run: int | None = None, stage: str | None = None, attempt: int | None = None, level: Literal['debug', 'info', 'warning', 'error', 'critical'] | None = None, since: str | None = None, until: str | None = None, everything: bool | None = None) -> bytes:
        """Download a log as text"""
        return cast("bytes", self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/logs/download", query={"run": run, "stage": stage, "attempt": attempt, "level": level, "since": since, "until": until, "everything": everything}, raw=True))

    def end_login(self, *, code: str | None = None, state: str | None = None, error: str | None = None) -> None:
        """Where the identity provider sends the browser back to"""
        self._call("GET", "/api/v1/session/callback", query={"code": code, "state": state, "error": error})

    def export_item_errors(self, task_id: str, *, run: int | None = None, stage: str | None = None, class_: Sequence[Literal['permanent', 'transient', 'throttled']] | None = None, reason: str | None = None, prefix: str | None = None, text: str | None = None, format: Literal['csv', 'jsonl'] | None = None) -> bytes:
        """Download the failed items as CSV or JSON lines"""
        return cast("bytes", self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/item-errors/export", query={"run": run, "stage": stage, "class": class_, "reason": reason, "prefix": prefix, "text": text, "format": format}, raw=True))

    def get_bandwidth(self, *, namespace: Sequence[str] | None = None) -> types.BandwidthAnswer:
        """Bandwidth in use against the limits of storage endpoints"""
        return cast("types.BandwidthAnswer", self._call("GET", "/api/v1/bandwidth", query={"namespace": namespace}))

    def get_calendar(self, *, since: str, until: str, namespace: Sequence[str] | None = None) -> types.CalendarAnswer:
        """All starts within a range of time"""
        return cast("types.CalendarAnswer", self._call("GET", "/api/v1/schedules/calendar", query={"since": since, "until": until, "namespace": namespace}))

    def get_checkpoint(self, task_id: str, stage: str, *, run: int | None = None) -> types.CheckpointAnswer:
        """The last checkpoint of a stage, also when it has left the cluster"""
        return cast("types.CheckpointAnswer", self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/stages/{self._quote(stage)}/checkpoint", query={"run": run}))

    def get_endpoint(self, namespace: str, name: str) -> types.KeptObject:
        """One storage endpoint"""
        return cast("types.KeptObject", self._call("GET", f"/api/v1/namespaces/{self._quote(namespace)}/endpoints/{self._quote(name)}"))

    def get_notification_contact(self) -> types.KnownContact:
        """How the caller is reached"""
        return cast("types.KnownContact", self._call("GET", "/api/v1/notifications/contact"))

    def get_notification_delivery(self, message_id: str) -> types.Delivery:
        """One message, and what it tells of"""
        return cast("types.Delivery", self._call("GET", f"/api/v1/notifications/deliveries/{self._quote(message_id)}"))

    def get_notification_rule(self, rule_id: str) -> types.KeptRule:
        """One rule"""
        return cast("types.KeptRule", self._call("GET", f"/api/v1/notifications/rules/{self._quote(rule_id)}"))

    def get_open_api(self) -> dict[str, Any]:
        """This document"""
        return cast("dict[str, Any]", self._call("GET", "/api/v1/openapi.json"))

    def get_overview(self, *, namespace: Sequence[str] | None = None) -> types.Overview:
        """What needs somebody, what runs, what is fresh"""
        return cast("types.Overview", self._call("GET", "/api/v1/overview", query={"namespace": namespace}))

    def get_preferences(self) -> types.Preferences:
        """What one's pages remember"""
        return cast("types.Preferences", self._call("GET", "/api/v1/preferences"))

    def get_queue(self, name: str) -> types.KeptObject:
        """One queue"""
        return cast("types.KeptObject", self._call("GET", f"/api/v1/queues/{self._quote(name)}"))

    def get_review(self, review_id: str) -> types.ReviewWhole:
        """One review: how it stands, who decided, what is left of its list"""
        return cast("types.ReviewWhole", self._call("GET", f"/api/v1/reviews/{self._quote(review_id)}"))

    def get_review_facets(self, review_id: str, *, folder: str | None = None, text: str | None = None, type: Sequence[str] | None = None, min_size: int | None = None, max_size: int | None = None, changed_since: str | None = None, changed_until: str | None = None, decision: Literal['keep', 'strike'] | None = None, by: Sequence[Literal['type', 'size', 'age', 'folder']] | None = None, top: int | None = None) -> types.Facets:
        """Count items by folder, size, age and type"""
        return cast("types.Facets", self._call("GET", f"/api/v1/reviews/{self._quote(review_id)}/facets", query={"folder": folder, "text": text, "type": type, "minSize": min_size, "maxSize": max_size, "changedSince": changed_since, "changedUntil": changed_until, "decision": decision, "by": by, "top": top}))

    def get_review_item(self, review_id: str, item_id: str) -> dict[str, Any]:
        """One item, with all that its line in the list says"""
        return cast("dict[str, Any]", self._call("GET", f"/api/v1/reviews/{self._quote(review_id)}/items/{self._quote(item_id)}"))

    def get_schedule(self, namespace: str, name: str) -> types.KeptObject:
        """One schedule"""
        return cast("types.KeptObject", self._call("GET", f"/api/v1/namespaces/{self._quote(namespace)}/schedules/{self._quote(name)}"))

    def get_session(self) -> types.Session:
        """Who calls, and what they may do where"""
        return cast("types.Session", self._call("GET", "/api/v1/session"))

    def get_stage(self, task_id: str, stage: str, *, run: int | None = None) -> types.StageWhole:
        """One stage of the current run, or of another, also when it has left the cluster"""
        return cast("types.StageWhole", self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/stages/{self._quote(stage)}", query={"run": run}))

    def get_subscription(self, rule_id: str) -> types.KeptSubscription:
        """One subscription"""
        return cast("types.KeptSubscription", self._call("GET", f"/api/v1/notifications/subscriptions/{self._quote(rule_id)}"))

    def get_task(self, task_id: str) -> types.TaskWhole:
        """One task with all that is known of it"""
        return cast("types.TaskWhole", self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}"))

    def get_type(self, name: str) -> types.KeptObject:
        """One task type"""
        return cast("types.KeptObject", self._call("GET", f"/api/v1/types/{self._quote(name)}"))

    def list_api_keys(self, *, all: bool | None = None, limit: int | None = None, cursor: str | None = None) -> types.ApiKeyPage:
        """One's own API keys, or everybody's"""
        return cast("types.ApiKeyPage", self._call("GET", "/api/v1/api-keys", query={"all": all, "limit": limit, "cursor": cursor}))

    def list_audit_records(self, *, namespace: str | None = None, caller: str | None = None, action: str | None = None, kind: str | None = None, name: str | None = None, object_id: str | None = None, start: str | None = None, end: str | None = None, limit: int | None = None, cursor: str | None = None) -> types.AuditPage:
        """Who changed what"""
        return cast("types.AuditPage", self._call("GET", "/api/v1/audit", query={"namespace": namespace, "caller": caller, "action": action, "kind": kind, "name": name, "objectId": object_id, "start": start, "end": end, "limit": limit, "cursor": cursor}))

    def list_endpoints(self, *, limit: int | None = None, cursor: str | None = None, text: str | None = None, namespace: Sequence[str] | None = None) -> types.ObjectPage:
        """List storage endpoints"""
        return cast("types.ObjectPage", self._call("GET", "/api/v1/endpoints", query={"limit": limit, "cursor": cursor, "text": text, "namespace": namespace}))

    def list_item_errors(self, task_id: str, *, run: int | None = None, stage: str | None = None, class_: Sequence[Literal['permanent', 'transient', 'throttled']] | None = None, reason: str | None = None, prefix: str | None = None, text: str | None = None, limit: int | None = None, cursor: str | None = None) -> types.ItemPage:
        """List the items of a run that failed, by path"""
        return cast("types.ItemPage", self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/item-errors", query={"run": run, "stage": stage, "class": class_, "reason": reason, "prefix": prefix, "text": text, "limit": limit, "cursor": cursor}))

    def list_location(self, *, path: str, namespace: str | None = None, after: str | None = None, limit: int | None = None) -> types.LocationListing:
        """One level of a share"""
        return cast("types.LocationListing", self._call("GET", "/api/v1/locations", query={"path": path, "namespace": namespace, "after": after, "limit": limit}))

    def list_notification_channels(self) -> types.Channels:
        """The ways to people and programs"""
        return cast("types.Channels", self._call("GET", "/api/v1/notifications/channels"))

    def list_notification_deliveries(self, *, limit: int | None = None, cursor: str | None = None, state: Literal['pending', 'sending', 'sent', 'dead'] | None = None) -> types.Deliveries:
        """Messages in a state, such as those given up"""
        return cast("types.Deliveries", self._call("GET", "/api/v1/notifications/deliveries", query={"limit": limit, "cursor": cursor, "state": state}))

    def list_notification_rules(self) -> types.Rules:
        """All rules of the administrators"""
        return cast("types.Rules", self._call("GET", "/api/v1/notifications/rules"))

    def list_notifications(self, *, limit: int | None = None, cursor: str | None = None, unread: bool | None = None) -> types.Inbox:
        """The caller's inbox, newest first"""
        return cast("types.Inbox", self._call("GET", "/api/v1/notifications", query={"limit": limit, "cursor": cursor, "unread": unread}))

    def list_queues(self, *, limit: int | None = None, cursor: str | None = None, text: str | None = None) -> types.ObjectPage:
        """List queues"""
        return cast("types.ObjectPage", self._call("GET", "/api/v1/queues", query={"limit": limit, "cursor": cursor, "text": text}))

    def list_review_items(self, review_id: str, *, folder: str | None = None, text: str | None = None, type: Sequence[str] | None = None, min_size: int | None = None, max_size: int | None = None, changed_since: str | None = None, changed_until: str | None = None, decision: Literal['keep', 'strike'] | None = None, sort: Literal['path', 'size', 'age'] | None = None, order: Literal['asc', 'desc'] | None = None, limit: int | None = None, cursor: str | None = None, fraction: float | None = None) -> types.ReviewItemPage:
        """A page of a list"""
        return cast("types.ReviewItemPage", self._call("GET", f"/api/v1/reviews/{self._quote(review_id)}/items", query={"folder": folder, "text": text, "type": type, "minSize": min_size, "maxSize": max_size, "changedSince": changed_since, "changedUntil": changed_until, "decision": decision, "sort": sort, "order": order, "limit": limit, "cursor": cursor, "fraction": fraction}))

    def list_review_operations(self, review_id: str, *, limit: int | None = None, before: int | None = None) -> types.OperationLog:
        """What was done to a list, newest first"""
        return cast("types.OperationLog", self._call("GET", f"/api/v1/reviews/{self._quote(review_id)}/operations", query={"limit": limit, "before": before}))

    def list_reviews(self, *, namespace: Sequence[str] | None = None, state: Sequence[Literal['waiting', 'approved', 'rejected', 'expired', 'cancelled']] | None = None, mine: bool | None = None, limit: int | None = None, cursor: str | None = None) -> types.ReviewPage:
        """List what waits for a decision, newest first"""
        return cast("types.ReviewPage", self._call("GET", "/api/v1/reviews", query={"namespace": namespace, "state": state, "mine": mine, "limit": limit, "cursor": cursor}))

    def list_runs(self, task_id: str, *, limit: int | None = None, cursor: int | None = None) -> types.Runs:
        """The runs of a task, newest first"""
        return cast("types.Runs", self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/runs", query={"limit": limit, "cursor": cursor}))

    def list_schedules(self, *, limit: int | None = None, cursor: str | None = None, text: str | None = None, namespace: Sequence[str] | None = None) -> types.ObjectPage:
        """List schedules"""
        return cast("types.ObjectPage", self._call("GET", "/api/v1/schedules", query={"limit": limit, "cursor": cursor, "text": text, "namespace": namespace}))

    def list_stages(self, task_id: str, *, run: int | None = None) -> types.StageLines:
        """The stages of a task"""
        return cast("types.StageLines", self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/stages", query={"run": run}))

    def list_subscriptions(self) -> types.Subscriptions:
        """All subscriptions of the caller"""
        return cast("types.Subscriptions", self._call("GET", "/api/v1/notifications/subscriptions"))

    def list_tasks(self, *, namespace: Sequence[str] | None = None, type: Sequence[str] | None = None, status: Sequence[types.TaskStatus] | None = None, priority: Sequence[int] | None = None, queue: Sequence[str] | None = None, owner: Sequence[str] | None = None, schedule: Sequence[str] | None = None, submitted_since: str | None = None, submitted_until: str | None = None, text: str | None = None, fields: Sequence[Literal['taskId', 'namespace', 'name', 'type', 'status', 'phase', 'priority', 'queue', 'owner', 'submitTime', 'startTime', 'completionTime', 'run', 'stage', 'percent', 'message', 'waiting', 'schedule', 'itemErrorCount', 'archived', 'config', 'stages', 'progress', 'waitingFor', 'conditions', 'runs', 'labels', 'display']] | None = None, limit: int | None = None, cursor: str | None = None) -> types.TaskPage:
        """List tasks, newest first, live and archived"""
        return cast("types.TaskPage", self._call("GET", "/api/v1/tasks", query={"namespace": namespace, "type": type, "status": status, "priority": priority, "queue": queue, "owner": owner, "schedule": schedule, "submittedSince": submitted_since, "submittedUntil": submitted_until, "text": text, "fields": fields, "limit": limit, "cursor": cursor}))

    def list_types(self, *, limit: int | None = None, cursor: str | None = None, text: str | None = None) -> types.ObjectPage:
        """List task types"""
        return cast("types.ObjectPage", self._call("GET", "/api/v1/types", query={"limit": limit, "cursor": cursor, "text": text}))

    def mark_notifications(self, body: types.Marking, *, idempotency_key: str | None = None) -> types.Changed:
        """Mark entries of the inbox as read"""
        return cast("types.Changed", self._call("POST", "/api/v1/notifications/marks", body=body, idempotency_key=idempotency_key))

    def nas_cancel_task(self, body: types.TaskOrder | None = None, *, task_id: str | None = None, reason: str | None = None, idempotency_key: str | None = None) -> types.Done:
        """End a task's current run for good"""
        return cast("types.Done", self._call("PUT", "/cancel_task", query={"task_id": task_id, "reason": reason}, body=body, idempotency_key=idempotency_key))

    def nas_change_priority(self, body: types.PriorityOrder, *, idempotency_key: str | None = None) -> types.Done:
        """Give a task another priority"""
        return cast("types.Done", self._call("PUT", "/change_priority", body=body, idempotency_key=idempotency_key))

    def nas_delete_task(self, *, task_id: str | None = None, reason: str | None = None, idempotency_key: str | None = None) -> types.Done:
        """Delete a task; its history is kept"""
        return cast("types.Done", self._call("DELETE", "/delete_task", query={"task_id": task_id, "reason": reason}, idempotency_key=idempotency_key))

    def nas_pause_task(self, body: types.TaskOrder | None = None, *, task_id: str | None = None, reason: str | None = None, idempotency_key: str | None = None) -> types.Done:
        """Pause a task"""
        return cast("types.Done", self._call("PUT", "/pause_task", query={"task_id": task_id, "reason": reason}, body=body, idempotency_key=idempotency_key))

    def nas_restart_task(self, body: types.RestartOrder | None = None, *, task_id: str | None = None, reason: str | None = None, idempotency_key: str | None = None) -> types.Done:
        """Run a task again, from the start or from a stage"""
        return cast("types.Done", self._call("PUT", "/restart_task", query={"task_id": task_id, "reason": reason}, body=body, idempotency_key=idempotency_key))

    def nas_resume_task(self, body: types.TaskOrder | None = None, *, task_id: str | None = None, reason: str | None = None, idempotency_key: str | None = None) -> types.Done:
        """Resume a task"""
        return cast("types.Done", self._call("PUT", "/resume_task", query={"task_id": task_id, "reason": reason}, body=body, idempotency_key=idempotency_key))

    def pause_task(self, task_id: str, body: types.Reason | None = None, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.TaskOutcome:
        """Pause: save a checkpoint, free the place"""
        return cast("types.TaskOutcome", self._call("POST", f"/api/v1/tasks/{self._quote(task_id)}/pause", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def preview_schedule(self, *, schedule: str, time_zone: str | None = None, count: int | None = None, after: str | None = None) -> types.Preview:
        """When a schedule would start tasks"""
        return cast("types.Preview", self._call("GET", "/api/v1/schedules/preview", query={"schedule": schedule, "timeZone": time_zone, "count": count, "after": after}))

    def query_task(self, *, task_id: str | None = None, task_type: Sequence[str] | None = None, submit_time_start: str | None = None, submit_time_end: str | None = None, status: Sequence[types.TaskStatus] | None = None, namespace: Sequence[str] | None = None, page_size: int | None = None, cursor: str | None = None) -> types.TaskReport | types.TaskReports:
        """One task by its id, or a page of those that match"""
        return cast("types.TaskReport | types.TaskReports", self._call("GET", "/query_task", query={"task_id": task_id, "task_type": task_type, "submit_time_start": submit_time_start, "submit_time_end": submit_time_end, "status": status, "namespace": namespace, "page_size": page_size, "cursor": cursor}))

    def read_logs(self, task_id: str, *, run: int | None = None, stage: str | None = None, attempt: int | None = None, level: Literal['debug', 'info', 'warning', 'error', 'critical'] | None = None, since: str | None = None, until: str | None = None, everything: bool | None = None, tail: int | None = None, limit: int | None = None, cursor: str | None = None) -> types.LogPage:
        """Read what the stages of a task wrote"""
        return cast("types.LogPage", self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/logs", query={"run": run, "stage": stage, "attempt": attempt, "level": level, "since": since, "until": until, "everything": everything, "tail": tail, "limit": limit, "cursor": cursor}))

    def redeliver_notification(self, message_id: str, *, idempotency_key: str | None = None) -> types.Delivery:
        """Send a message that was given up again"""
        return cast("types.Delivery", self._call("POST", f"/api/v1/notifications/deliveries/{self._quote(message_id)}/redelivery", idempotency_key=idempotency_key))

    def redeliver_notifications(self, body: types.Redelivery, *, idempotency_key: str | None = None) -> types.Changed:
        """Send many that were given up again"""
        return cast("types.Changed", self._call("POST", "/api/v1/notifications/redeliveries", body=body, idempotency_key=idempotency_key))

    def reject_review(self, review_id: str, body: types.Approval | None = None, *, idempotency_key: str | None = None) -> types.ReviewWhole:
        """Reject: the task ends as failed"""
        return cast("types.ReviewWhole", self._call("POST", f"/api/v1/reviews/{self._quote(review_id)}/reject", body=body, idempotency_key=idempotency_key))

    def replace_endpoint(self, namespace: str, name: str, body: types.EndpointChange, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Change a storage endpoint that you have seen: If-Match"""
        return cast("types.KeptObject", self._call("PUT", f"/api/v1/namespaces/{self._quote(namespace)}/endpoints/{self._quote(name)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def replace_notification_rule(self, rule_id: str, body: types.NewRule, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptRule:
        """Change a rule; `If-Match` names the version that was seen"""
        return cast("types.KeptRule", self._call("PUT", f"/api/v1/notifications/rules/{self._quote(rule_id)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def replace_preferences(self, body: types.Preferences, *, idempotency_key: str | None = None) -> types.Preferences:
        """Remember something else"""
        return cast("types.Preferences", self._call("PUT", "/api/v1/preferences", body=body, idempotency_key=idempotency_key))

    def replace_queue(self, name: str, body: types.QueueChange, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Change a queue that you have seen: If-Match"""
        return cast("types.KeptObject", self._call("PUT", f"/api/v1/queues/{self._quote(name)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def replace_schedule(self, namespace: str, name: str, body: types.ScheduleChange, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Change a schedule that you have seen: If-Match"""
        return cast("types.KeptObject", self._call("PUT", f"/api/v1/namespaces/{self._quote(namespace)}/schedules/{self._quote(name)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def replace_subscription(self, rule_id: str, body: types.NewSubscription, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptSubscription:
        """Change a subscription; `If-Match` names the version that was seen"""
        return cast("types.KeptSubscription", self._call("PUT", f"/api/v1/notifications/subscriptions/{self._quote(rule_id)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def replace_type(self, name: str, body: types.TypeChange, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Change a task type that you have seen: If-Match"""
        return cast("types.KeptObject", self._call("PUT", f"/api/v1/types/{self._quote(name)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def restart_task(self, task_id: str, body: types.Restart | None = None, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.TaskOutcome:
        """Run it again, from the start or from a stage"""
        return cast("types.TaskOutcome", self._call("POST", f"/api/v1/tasks/{self._quote(task_id)}/restart", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def resume_queue(self, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Start tasks from it again"""
        return cast("types.KeptObject", self._call("POST", f"/api/v1/queues/{self._quote(name)}/resume", if_match=if_match, idempotency_key=idempotency_key))

    def resume_schedule(self, namespace: str, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Make tasks again"""
        return cast("types.KeptObject", self._call("POST", f"/api/v1/namespaces/{self._quote(namespace)}/schedules/{self._quote(name)}/resume", if_match=if_match, idempotency_key=idempotency_key))

    def resume_task(self, task_id: str, body: types.Reason | None = None, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.TaskOutcome:
        """Go on where it stopped"""
        return cast("types.TaskOutcome", self._call("POST", f"/api/v1/tasks/{self._quote(task_id)}/resume", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def retry_failed_items(self, task_id: str, body: types.ItemRetry | None = None, *, idempotency_key: str | None = None) -> types.RetryOutcome:
        """Try only the failed items again"""
        return cast("types.RetryOutcome", self._call("POST", f"/api/v1/tasks/{self._quote(task_id)}/retry-failed-items", body=body, idempotency_key=idempotency_key))

    def revoke_api_key(self, key_id: str, *, idempotency_key: str | None = None) -> types.ShownApiKey:
        """Revoke an API key"""
        return cast("types.ShownApiKey", self._call("DELETE", f"/api/v1/api-keys/{self._quote(key_id)}", idempotency_key=idempotency_key))

    def run_schedule(self, namespace: str, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """One run at once, whatever the clock says"""
        return cast("types.KeptObject", self._call("POST", f"/api/v1/namespaces/{self._quote(namespace)}/schedules/{self._quote(name)}/run", if_match=if_match, idempotency_key=idempotency_key))

    def search_logs(self, task_id: str, *, text: str, run: int | None = None, stage: str | None = None, attempt: int | None = None, level: Literal['debug', 'info', 'warning', 'error', 'critical'] | None = None, since: str | None = None, until: str | None = None, everything: bool | None = None, limit: int | None = None, cursor: str | None = None) -> types.LogPage:
        """Find lines that hold a text"""
        return cast("types.LogPage", self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/logs/search", query={"run": run, "stage": stage, "attempt": attempt, "level": level, "since": since, "until": until, "everything": everything, "text": text, "limit": limit, "cursor": cursor}))

    def select_review_items(self, review_id: str, body: types.Selection, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.Selected:
        """Strike items off, or keep them after all"""
        return cast("types.Selected", self._call("POST", f"/api/v1/reviews/{self._quote(review_id)}/selections", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def set_notification_contact(self, body: types.Contact, *, idempotency_key: str | None = None) -> types.KnownContact:
        """Say how to be reached"""
        return cast("types.KnownContact", self._call("PUT", "/api/v1/notifications/contact", body=body, idempotency_key=idempotency_key))

    def set_stream_topics(self, stream_id: str, body: types.StreamTopics, *, idempotency_key: str | None = None) -> types.StreamState:
        """Change what a stream follows"""
        return cast("types.StreamState", self._call("POST", f"/api/v1/stream/{self._quote(stream_id)}/topics", body=body, idempotency_key=idempotency_key))

    def submit_task(self, body: types.SubmitTask, *, idempotency_key: str | None = None) -> types.Submitted:
        """Submit a task"""
        return cast("types.Submitted", self._call("POST", "/submit_task", body=body, idempotency_key=idempotency_key))

    def suspend_queue(self, name: str, body: types.Hold | None = None, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Start nothing from it"""
        return cast("types.KeptObject", self._call("POST", f"/api/v1/queues/{self._quote(name)}/suspend", body=body, if_match=if_match, idempotency_key=idempotency_key))

    def suspend_schedule(self, namespace: str, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Make no tasks for now"""
        return cast("types.KeptObject", self._call("POST", f"/api/v1/namespaces/{self._quote(namespace)}/schedules/{self._quote(name)}/suspend", if_match=if_match, idempotency_key=idempotency_key))

    def test_notification_channel(self, channel: str, body: types.Test | None = None, *, idempotency_key: str | None = None) -> types.Delivery:
        """Send a test message"""
        return cast("types.Delivery", self._call("POST", f"/api/v1/notifications/channels/{self._quote(channel)}/tests", body=body, idempotency_key=idempotency_key))

    def undo_review_selection(self, review_id: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.Selected:
        """Take the newest change of a list back"""
        return cast("types.Selected", self._call("POST", f"/api/v1/reviews/{self._quote(review_id)}/undo", if_match=if_match, idempotency_key=idempotency_key))

    def validate_task(self, body: types.TaskSubmission) -> types.TaskVerdict:
        """Whether a task would be taken, without submitting it"""
        return cast("types.TaskVerdict", self._call("POST", "/api/v1/tasks/validate", body=body))

    def why_waiting(self, task_id: str) -> types.WaitAnswer:
        """Why a task does not run"""
        return cast("types.WaitAnswer", self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/waiting"))


class AsyncOperations:
    """The operations, for `AsyncClient`."""

    def _call(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, body: Any = None,
        if_match: str | None = None, idempotency_key: str | None = None, raw: bool = False,
    ) -> Awaitable[Any]:
        raise NotImplementedError

    @staticmethod
    def _quote(part: str) -> str:
        raise NotImplementedError

    async def act_on_tasks(self, body: types.BulkAction, *, idempotency_key: str | None = None) -> types.BulkOutcome:
        """Do one thing to all live tasks that a filter takes"""
        return cast("types.BulkOutcome", await self._call("POST", "/api/v1/tasks/actions", body=body, idempotency_key=idempotency_key))

    async def approve_review(self, review_id: str, body: types.Approval | None = None, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.ReviewWhole:
        """Approve; of a list, what is left of it"""
        return cast("types.ReviewWhole", await self._call("POST", f"/api/v1/reviews/{self._quote(review_id)}/approve", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def begin_login(self, *, back: str | None = None) -> None:
        """Sign in a browser through the identity provider"""
        await self._call("GET", "/api/v1/session/login", query={"back": back})

    async def cancel_task(self, task_id: str, body: types.Reason | None = None, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.TaskOutcome:
        """End the current run for good"""
        return cast("types.TaskOutcome", await self._call("POST", f"/api/v1/tasks/{self._quote(task_id)}/cancel", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def change_task(self, task_id: str, body: types.TaskChange, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.TaskWhole:
        """Change a task's priority, suspension, queue or limits"""
        return cast("types.TaskWhole", await self._call("PATCH", f"/api/v1/tasks/{self._quote(task_id)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def check_graph(self, body: types.GraphCheck) -> types.GraphAnswer:
        """Whether stages, or tasks, depend on each other in a circle"""
        return cast("types.GraphAnswer", await self._call("POST", "/api/v1/graphs/check", body=body))

    async def check_location(self, *, path: str, namespace: str | None = None, run_as_user: int | None = None, run_as_group: int | None = None) -> types.LocationCheck:
        """Whether a path exists, may be written, has room"""
        return cast("types.LocationCheck", await self._call("GET", "/api/v1/locations/check", query={"path": path, "namespace": namespace, "runAsUser": run_as_user, "runAsGroup": run_as_group}))

    async def count_item_errors(self, task_id: str, *, run: int | None = None) -> types.FailureSummary:
        """Count the failed items by stage, class and reason"""
        return cast("types.FailureSummary", await self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/item-errors/summary", query={"run": run}))

    async def count_unread_notifications(self) -> types.Unread:
        """How many entries of the inbox are unread"""
        return cast("types.Unread", await self._call("GET", "/api/v1/notifications/unread"))

    async def create_api_key(self, body: types.NewApiKey) -> types.MadeApiKey:
        """Make an API key for an application"""
        return cast("types.MadeApiKey", await self._call("POST", "/api/v1/api-keys", body=body))

    async def create_endpoint(self, body: types.NewEndpoint, *, idempotency_key: str | None = None) -> types.KeptObject:
        """Make a storage endpoint"""
        return cast("types.KeptObject", await self._call("POST", "/api/v1/endpoints", body=body, idempotency_key=idempotency_key))

    async def create_notification_rule(self, body: types.NewRule, *, idempotency_key: str | None = None) -> types.KeptRule:
        """Make a rule"""
        return cast("types.KeptRule", await self._call("POST", "/api/v1/notifications/rules", body=body, idempotency_key=idempotency_key))

    async def create_queue(self, body: types.NewQueue, *, idempotency_key: str | None = None) -> types.KeptObject:
        """Make a queue"""
        return cast("types.KeptObject", await self._call("POST", "/api/v1/queues", body=body, idempotency_key=idempotency_key))

    async def create_schedule(self, body: types.NewSchedule, *, idempotency_key: str | None = None) -> types.KeptObject:
        """Make a schedule"""
        return cast("types.KeptObject", await self._call("POST", "/api/v1/schedules", body=body, idempotency_key=idempotency_key))

    async def create_session(self, body: types.SignIn) -> types.SignedIn:
        """Sign in a browser with a token"""
        return cast("types.SignedIn", await self._call("POST", "/api/v1/session", body=body))

    async def create_subscription(self, body: types.NewSubscription, *, idempotency_key: str | None = None) -> types.KeptSubscription:
        """Make a subscription"""
        return cast("types.KeptSubscription", await self._call("POST", "/api/v1/notifications/subscriptions", body=body, idempotency_key=idempotency_key))

    async def create_task(self, body: types.TaskSubmission, *, idempotency_key: str | None = None) -> types.TaskWhole:
        """Submit a task"""
        return cast("types.TaskWhole", await self._call("POST", "/api/v1/tasks", body=body, idempotency_key=idempotency_key))

    async def create_type(self, body: types.NewType, *, idempotency_key: str | None = None) -> types.KeptObject:
        """Make a task type"""
        return cast("types.KeptObject", await self._call("POST", "/api/v1/types", body=body, idempotency_key=idempotency_key))

    async def delete_endpoint(self, namespace: str, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> None:
        """Delete a storage endpoint"""
        await self._call("DELETE", f"/api/v1/namespaces/{self._quote(namespace)}/endpoints/{self._quote(name)}", if_match=if_match, idempotency_key=idempotency_key)

    async def delete_notification_rule(self, rule_id: str, *, idempotency_key: str | None = None) -> None:
        """Take a rule away"""
        await self._call("DELETE", f"/api/v1/notifications/rules/{self._quote(rule_id)}", idempotency_key=idempotency_key)

    async def delete_queue(self, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> None:
        """Delete a queue"""
        await self._call("DELETE", f"/api/v1/queues/{self._quote(name)}", if_match=if_match, idempotency_key=idempotency_key)

    async def delete_schedule(self, namespace: str, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> None:
        """Delete a schedule; its tasks stay"""
        await self._call("DELETE", f"/api/v1/namespaces/{self._quote(namespace)}/schedules/{self._quote(name)}", if_match=if_match, idempotency_key=idempotency_key)

    async def delete_session(self) -> None:
        """Sign out"""
        await self._call("DELETE", "/api/v1/session")

    async def delete_subscription(self, rule_id: str, *, idempotency_key: str | None = None) -> None:
        """Take a subscription away"""
        await self._call("DELETE", f"/api/v1/notifications/subscriptions/{self._quote(rule_id)}", idempotency_key=idempotency_key)

    async def delete_task(self, task_id: str, *, idempotency_key: str | None = None) -> types.TaskOutcome:
        """Delete a task from the cluster; its history is kept"""
        return cast("types.TaskOutcome", await self._call("DELETE", f"/api/v1/tasks/{self._quote(task_id)}", idempotency_key=idempotency_key))

    async def delete_type(self, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> None:
        """Delete a task type"""
        await self._call("DELETE", f"/api/v1/types/{self._quote(name)}", if_match=if_match, idempotency_key=idempotency_key)

    async def download_logs(self, task_id: str, *, run: int | None = None, stage: str | None = None, attempt: int | None = None, level: Literal['debug', 'info', 'warning', 'error', 'critical'] | None = None, since: str | None = None, until: str | None = None, everything: bool | None = None) -> bytes:
        """Download a log as text"""
        return cast("bytes", await self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/logs/download", query={"run": run, "stage": stage, "attempt": attempt, "level": level, "since": since, "until": until, "everything": everything}, raw=True))

    async def end_login(self, *, code: str | None = None, state: str | None = None, error: str | None = None) -> None:
        """Where the identity provider sends the browser back to"""
        await self._call("GET", "/api/v1/session/callback", query={"code": code, "state": state, "error": error})

    async def export_item_errors(self, task_id: str, *, run: int | None = None, stage: str | None = None, class_: Sequence[Literal['permanent', 'transient', 'throttled']] | None = None, reason: str | None = None, prefix: str | None = None, text: str | None = None, format: Literal['csv', 'jsonl'] | None = None) -> bytes:
        """Download the failed items as CSV or JSON lines"""
        return cast("bytes", await self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/item-errors/export", query={"run": run, "stage": stage, "class": class_, "reason": reason, "prefix": prefix, "text": text, "format": format}, raw=True))

    async def get_bandwidth(self, *, namespace: Sequence[str] | None = None) -> types.BandwidthAnswer:
        """Bandwidth in use against the limits of storage endpoints"""
        return cast("types.BandwidthAnswer", await self._call("GET", "/api/v1/bandwidth", query={"namespace": namespace}))

    async def get_calendar(self, *, since: str, until: str, namespace: Sequence[str] | None = None) -> types.CalendarAnswer:
        """All starts within a range of time"""
        return cast("types.CalendarAnswer", await self._call("GET", "/api/v1/schedules/calendar", query={"since": since, "until": until, "namespace": namespace}))

    async def get_checkpoint(self, task_id: str, stage: str, *, run: int | None = None) -> types.CheckpointAnswer:
        """The last checkpoint of a stage, also when it has left the cluster"""
        return cast("types.CheckpointAnswer", await self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/stages/{self._quote(stage)}/checkpoint", query={"run": run}))

    async def get_endpoint(self, namespace: str, name: str) -> types.KeptObject:
        """One storage endpoint"""
        return cast("types.KeptObject", await self._call("GET", f"/api/v1/namespaces/{self._quote(namespace)}/endpoints/{self._quote(name)}"))

    async def get_notification_contact(self) -> types.KnownContact:
        """How the caller is reached"""
        return cast("types.KnownContact", await self._call("GET", "/api/v1/notifications/contact"))

    async def get_notification_delivery(self, message_id: str) -> types.Delivery:
        """One message, and what it tells of"""
        return cast("types.Delivery", await self._call("GET", f"/api/v1/notifications/deliveries/{self._quote(message_id)}"))

    async def get_notification_rule(self, rule_id: str) -> types.KeptRule:
        """One rule"""
        return cast("types.KeptRule", await self._call("GET", f"/api/v1/notifications/rules/{self._quote(rule_id)}"))

    async def get_open_api(self) -> dict[str, Any]:
        """This document"""
        return cast("dict[str, Any]", await self._call("GET", "/api/v1/openapi.json"))

    async def get_overview(self, *, namespace: Sequence[str] | None = None) -> types.Overview:
        """What needs somebody, what runs, what is fresh"""
        return cast("types.Overview", await self._call("GET", "/api/v1/overview", query={"namespace": namespace}))

    async def get_preferences(self) -> types.Preferences:
        """What one's pages remember"""
        return cast("types.Preferences", await self._call("GET", "/api/v1/preferences"))

    async def get_queue(self, name: str) -> types.KeptObject:
        """One queue"""
        return cast("types.KeptObject", await self._call("GET", f"/api/v1/queues/{self._quote(name)}"))

    async def get_review(self, review_id: str) -> types.ReviewWhole:
        """One review: how it stands, who decided, what is left of its list"""
        return cast("types.ReviewWhole", await self._call("GET", f"/api/v1/reviews/{self._quote(review_id)}"))

    async def get_review_facets(self, review_id: str, *, folder: str | None = None, text: str | None = None, type: Sequence[str] | None = None, min_size: int | None = None, max_size: int | None = None, changed_since: str | None = None, changed_until: str | None = None, decision: Literal['keep', 'strike'] | None = None, by: Sequence[Literal['type', 'size', 'age', 'folder']] | None = None, top: int | None = None) -> types.Facets:
        """Count items by folder, size, age and type"""
        return cast("types.Facets", await self._call("GET", f"/api/v1/reviews/{self._quote(review_id)}/facets", query={"folder": folder, "text": text, "type": type, "minSize": min_size, "maxSize": max_size, "changedSince": changed_since, "changedUntil": changed_until, "decision": decision, "by": by, "top": top}))

    async def get_review_item(self, review_id: str, item_id: str) -> dict[str, Any]:
        """One item, with all that its line in the list says"""
        return cast("dict[str, Any]", await self._call("GET", f"/api/v1/reviews/{self._quote(review_id)}/items/{self._quote(item_id)}"))

    async def get_schedule(self, namespace: str, name: str) -> types.KeptObject:
        """One schedule"""
        return cast("types.KeptObject", await self._call("GET", f"/api/v1/namespaces/{self._quote(namespace)}/schedules/{self._quote(name)}"))

    async def get_session(self) -> types.Session:
        """Who calls, and what they may do where"""
        return cast("types.Session", await self._call("GET", "/api/v1/session"))

    async def get_stage(self, task_id: str, stage: str, *, run: int | None = None) -> types.StageWhole:
        """One stage of the current run, or of another, also when it has left the cluster"""
        return cast("types.StageWhole", await self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/stages/{self._quote(stage)}", query={"run": run}))

    async def get_subscription(self, rule_id: str) -> types.KeptSubscription:
        """One subscription"""
        return cast("types.KeptSubscription", await self._call("GET", f"/api/v1/notifications/subscriptions/{self._quote(rule_id)}"))

    async def get_task(self, task_id: str) -> types.TaskWhole:
        """One task with all that is known of it"""
        return cast("types.TaskWhole", await self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}"))

    async def get_type(self, name: str) -> types.KeptObject:
        """One task type"""
        return cast("types.KeptObject", await self._call("GET", f"/api/v1/types/{self._quote(name)}"))

    async def list_api_keys(self, *, all: bool | None = None, limit: int | None = None, cursor: str | None = None) -> types.ApiKeyPage:
        """One's own API keys, or everybody's"""
        return cast("types.ApiKeyPage", await self._call("GET", "/api/v1/api-keys", query={"all": all, "limit": limit, "cursor": cursor}))

    async def list_audit_records(self, *, namespace: str | None = None, caller: str | None = None, action: str | None = None, kind: str | None = None, name: str | None = None, object_id: str | None = None, start: str | None = None, end: str | None = None, limit: int | None = None, cursor: str | None = None) -> types.AuditPage:
        """Who changed what"""
        return cast("types.AuditPage", await self._call("GET", "/api/v1/audit", query={"namespace": namespace, "caller": caller, "action": action, "kind": kind, "name": name, "objectId": object_id, "start": start, "end": end, "limit": limit, "cursor": cursor}))

    async def list_endpoints(self, *, limit: int | None = None, cursor: str | None = None, text: str | None = None, namespace: Sequence[str] | None = None) -> types.ObjectPage:
        """List storage endpoints"""
        return cast("types.ObjectPage", await self._call("GET", "/api/v1/endpoints", query={"limit": limit, "cursor": cursor, "text": text, "namespace": namespace}))

    async def list_item_errors(self, task_id: str, *, run: int | None = None, stage: str | None = None, class_: Sequence[Literal['permanent', 'transient', 'throttled']] | None = None, reason: str | None = None, prefix: str | None = None, text: str | None = None, limit: int | None = None, cursor: str | None = None) -> types.ItemPage:
        """List the items of a run that failed, by path"""
        return cast("types.ItemPage", await self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/item-errors", query={"run": run, "stage": stage, "class": class_, "reason": reason, "prefix": prefix, "text": text, "limit": limit, "cursor": cursor}))

    async def list_location(self, *, path: str, namespace: str | None = None, after: str | None = None, limit: int | None = None) -> types.LocationListing:
        """One level of a share"""
        return cast("types.LocationListing", await self._call("GET", "/api/v1/locations", query={"path": path, "namespace": namespace, "after": after, "limit": limit}))

    async def list_notification_channels(self) -> types.Channels:
        """The ways to people and programs"""
        return cast("types.Channels", await self._call("GET", "/api/v1/notifications/channels"))

    async def list_notification_deliveries(self, *, limit: int | None = None, cursor: str | None = None, state: Literal['pending', 'sending', 'sent', 'dead'] | None = None) -> types.Deliveries:
        """Messages in a state, such as those given up"""
        return cast("types.Deliveries", await self._call("GET", "/api/v1/notifications/deliveries", query={"limit": limit, "cursor": cursor, "state": state}))

    async def list_notification_rules(self) -> types.Rules:
        """All rules of the administrators"""
        return cast("types.Rules", await self._call("GET", "/api/v1/notifications/rules"))

    async def list_notifications(self, *, limit: int | None = None, cursor: str | None = None, unread: bool | None = None) -> types.Inbox:
        """The caller's inbox, newest first"""
        return cast("types.Inbox", await self._call("GET", "/api/v1/notifications", query={"limit": limit, "cursor": cursor, "unread": unread}))

    async def list_queues(self, *, limit: int | None = None, cursor: str | None = None, text: str | None = None) -> types.ObjectPage:
        """List queues"""
        return cast("types.ObjectPage", await self._call("GET", "/api/v1/queues", query={"limit": limit, "cursor": cursor, "text": text}))

    async def list_review_items(self, review_id: str, *, folder: str | None = None, text: str | None = None, type: Sequence[str] | None = None, min_size: int | None = None, max_size: int | None = None, changed_since: str | None = None, changed_until: str | None = None, decision: Literal['keep', 'strike'] | None = None, sort: Literal['path', 'size', 'age'] | None = None, order: Literal['asc', 'desc'] | None = None, limit: int | None = None, cursor: str | None = None, fraction: float | None = None) -> types.ReviewItemPage:
        """A page of a list"""
        return cast("types.ReviewItemPage", await self._call("GET", f"/api/v1/reviews/{self._quote(review_id)}/items", query={"folder": folder, "text": text, "type": type, "minSize": min_size, "maxSize": max_size, "changedSince": changed_since, "changedUntil": changed_until, "decision": decision, "sort": sort, "order": order, "limit": limit, "cursor": cursor, "fraction": fraction}))

    async def list_review_operations(self, review_id: str, *, limit: int | None = None, before: int | None = None) -> types.OperationLog:
        """What was done to a list, newest first"""
        return cast("types.OperationLog", await self._call("GET", f"/api/v1/reviews/{self._quote(review_id)}/operations", query={"limit": limit, "before": before}))

    async def list_reviews(self, *, namespace: Sequence[str] | None = None, state: Sequence[Literal['waiting', 'approved', 'rejected', 'expired', 'cancelled']] | None = None, mine: bool | None = None, limit: int | None = None, cursor: str | None = None) -> types.ReviewPage:
        """List what waits for a decision, newest first"""
        return cast("types.ReviewPage", await self._call("GET", "/api/v1/reviews", query={"namespace": namespace, "state": state, "mine": mine, "limit": limit, "cursor": cursor}))

    async def list_runs(self, task_id: str, *, limit: int | None = None, cursor: int | None = None) -> types.Runs:
        """The runs of a task, newest first"""
        return cast("types.Runs", await self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/runs", query={"limit": limit, "cursor": cursor}))

    async def list_schedules(self, *, limit: int | None = None, cursor: str | None = None, text: str | None = None, namespace: Sequence[str] | None = None) -> types.ObjectPage:
        """List schedules"""
        return cast("types.ObjectPage", await self._call("GET", "/api/v1/schedules", query={"limit": limit, "cursor": cursor, "text": text, "namespace": namespace}))

    async def list_stages(self, task_id: str, *, run: int | None = None) -> types.StageLines:
        """The stages of a task"""
        return cast("types.StageLines", await self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/stages", query={"run": run}))

    async def list_subscriptions(self) -> types.Subscriptions:
        """All subscriptions of the caller"""
        return cast("types.Subscriptions", await self._call("GET", "/api/v1/notifications/subscriptions"))

    async def list_tasks(self, *, namespace: Sequence[str] | None = None, type: Sequence[str] | None = None, status: Sequence[types.TaskStatus] | None = None, priority: Sequence[int] | None = None, queue: Sequence[str] | None = None, owner: Sequence[str] | None = None, schedule: Sequence[str] | None = None, submitted_since: str | None = None, submitted_until: str | None = None, text: str | None = None, fields: Sequence[Literal['taskId', 'namespace', 'name', 'type', 'status', 'phase', 'priority', 'queue', 'owner', 'submitTime', 'startTime', 'completionTime', 'run', 'stage', 'percent', 'message', 'waiting', 'schedule', 'itemErrorCount', 'archived', 'config', 'stages', 'progress', 'waitingFor', 'conditions', 'runs', 'labels', 'display']] | None = None, limit: int | None = None, cursor: str | None = None) -> types.TaskPage:
        """List tasks, newest first, live and archived"""
        return cast("types.TaskPage", await self._call("GET", "/api/v1/tasks", query={"namespace": namespace, "type": type, "status": status, "priority": priority, "queue": queue, "owner": owner, "schedule": schedule, "submittedSince": submitted_since, "submittedUntil": submitted_until, "text": text, "fields": fields, "limit": limit, "cursor": cursor}))

    async def list_types(self, *, limit: int | None = None, cursor: str | None = None, text: str | None = None) -> types.ObjectPage:
        """List task types"""
        return cast("types.ObjectPage", await self._call("GET", "/api/v1/types", query={"limit": limit, "cursor": cursor, "text": text}))

    async def mark_notifications(self, body: types.Marking, *, idempotency_key: str | None = None) -> types.Changed:
        """Mark entries of the inbox as read"""
        return cast("types.Changed", await self._call("POST", "/api/v1/notifications/marks", body=body, idempotency_key=idempotency_key))

    async def nas_cancel_task(self, body: types.TaskOrder | None = None, *, task_id: str | None = None, reason: str | None = None, idempotency_key: str | None = None) -> types.Done:
        """End a task's current run for good"""
        return cast("types.Done", await self._call("PUT", "/cancel_task", query={"task_id": task_id, "reason": reason}, body=body, idempotency_key=idempotency_key))

    async def nas_change_priority(self, body: types.PriorityOrder, *, idempotency_key: str | None = None) -> types.Done:
        """Give a task another priority"""
        return cast("types.Done", await self._call("PUT", "/change_priority", body=body, idempotency_key=idempotency_key))

    async def nas_delete_task(self, *, task_id: str | None = None, reason: str | None = None, idempotency_key: str | None = None) -> types.Done:
        """Delete a task; its history is kept"""
        return cast("types.Done", await self._call("DELETE", "/delete_task", query={"task_id": task_id, "reason": reason}, idempotency_key=idempotency_key))

    async def nas_pause_task(self, body: types.TaskOrder | None = None, *, task_id: str | None = None, reason: str | None = None, idempotency_key: str | None = None) -> types.Done:
        """Pause a task"""
        return cast("types.Done", await self._call("PUT", "/pause_task", query={"task_id": task_id, "reason": reason}, body=body, idempotency_key=idempotency_key))

    async def nas_restart_task(self, body: types.RestartOrder | None = None, *, task_id: str | None = None, reason: str | None = None, idempotency_key: str | None = None) -> types.Done:
        """Run a task again, from the start or from a stage"""
        return cast("types.Done", await self._call("PUT", "/restart_task", query={"task_id": task_id, "reason": reason}, body=body, idempotency_key=idempotency_key))

    async def nas_resume_task(self, body: types.TaskOrder | None = None, *, task_id: str | None = None, reason: str | None = None, idempotency_key: str | None = None) -> types.Done:
        """Resume a task"""
        return cast("types.Done", await self._call("PUT", "/resume_task", query={"task_id": task_id, "reason": reason}, body=body, idempotency_key=idempotency_key))

    async def pause_task(self, task_id: str, body: types.Reason | None = None, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.TaskOutcome:
        """Pause: save a checkpoint, free the place"""
        return cast("types.TaskOutcome", await self._call("POST", f"/api/v1/tasks/{self._quote(task_id)}/pause", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def preview_schedule(self, *, schedule: str, time_zone: str | None = None, count: int | None = None, after: str | None = None) -> types.Preview:
        """When a schedule would start tasks"""
        return cast("types.Preview", await self._call("GET", "/api/v1/schedules/preview", query={"schedule": schedule, "timeZone": time_zone, "count": count, "after": after}))

    async def query_task(self, *, task_id: str | None = None, task_type: Sequence[str] | None = None, submit_time_start: str | None = None, submit_time_end: str | None = None, status: Sequence[types.TaskStatus] | None = None, namespace: Sequence[str] | None = None, page_size: int | None = None, cursor: str | None = None) -> types.TaskReport | types.TaskReports:
        """One task by its id, or a page of those that match"""
        return cast("types.TaskReport | types.TaskReports", await self._call("GET", "/query_task", query={"task_id": task_id, "task_type": task_type, "submit_time_start": submit_time_start, "submit_time_end": submit_time_end, "status": status, "namespace": namespace, "page_size": page_size, "cursor": cursor}))

    async def read_logs(self, task_id: str, *, run: int | None = None, stage: str | None = None, attempt: int | None = None, level: Literal['debug', 'info', 'warning', 'error', 'critical'] | None = None, since: str | None = None, until: str | None = None, everything: bool | None = None, tail: int | None = None, limit: int | None = None, cursor: str | None = None) -> types.LogPage:
        """Read what the stages of a task wrote"""
        return cast("types.LogPage", await self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/logs", query={"run": run, "stage": stage, "attempt": attempt, "level": level, "since": since, "until": until, "everything": everything, "tail": tail, "limit": limit, "cursor": cursor}))

    async def redeliver_notification(self, message_id: str, *, idempotency_key: str | None = None) -> types.Delivery:
        """Send a message that was given up again"""
        return cast("types.Delivery", await self._call("POST", f"/api/v1/notifications/deliveries/{self._quote(message_id)}/redelivery", idempotency_key=idempotency_key))

    async def redeliver_notifications(self, body: types.Redelivery, *, idempotency_key: str | None = None) -> types.Changed:
        """Send many that were given up again"""
        return cast("types.Changed", await self._call("POST", "/api/v1/notifications/redeliveries", body=body, idempotency_key=idempotency_key))

    async def reject_review(self, review_id: str, body: types.Approval | None = None, *, idempotency_key: str | None = None) -> types.ReviewWhole:
        """Reject: the task ends as failed"""
        return cast("types.ReviewWhole", await self._call("POST", f"/api/v1/reviews/{self._quote(review_id)}/reject", body=body, idempotency_key=idempotency_key))

    async def replace_endpoint(self, namespace: str, name: str, body: types.EndpointChange, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Change a storage endpoint that you have seen: If-Match"""
        return cast("types.KeptObject", await self._call("PUT", f"/api/v1/namespaces/{self._quote(namespace)}/endpoints/{self._quote(name)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def replace_notification_rule(self, rule_id: str, body: types.NewRule, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptRule:
        """Change a rule; `If-Match` names the version that was seen"""
        return cast("types.KeptRule", await self._call("PUT", f"/api/v1/notifications/rules/{self._quote(rule_id)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def replace_preferences(self, body: types.Preferences, *, idempotency_key: str | None = None) -> types.Preferences:
        """Remember something else"""
        return cast("types.Preferences", await self._call("PUT", "/api/v1/preferences", body=body, idempotency_key=idempotency_key))

    async def replace_queue(self, name: str, body: types.QueueChange, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Change a queue that you have seen: If-Match"""
        return cast("types.KeptObject", await self._call("PUT", f"/api/v1/queues/{self._quote(name)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def replace_schedule(self, namespace: str, name: str, body: types.ScheduleChange, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Change a schedule that you have seen: If-Match"""
        return cast("types.KeptObject", await self._call("PUT", f"/api/v1/namespaces/{self._quote(namespace)}/schedules/{self._quote(name)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def replace_subscription(self, rule_id: str, body: types.NewSubscription, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptSubscription:
        """Change a subscription; `If-Match` names the version that was seen"""
        return cast("types.KeptSubscription", await self._call("PUT", f"/api/v1/notifications/subscriptions/{self._quote(rule_id)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def replace_type(self, name: str, body: types.TypeChange, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Change a task type that you have seen: If-Match"""
        return cast("types.KeptObject", await self._call("PUT", f"/api/v1/types/{self._quote(name)}", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def restart_task(self, task_id: str, body: types.Restart | None = None, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.TaskOutcome:
        """Run it again, from the start or from a stage"""
        return cast("types.TaskOutcome", await self._call("POST", f"/api/v1/tasks/{self._quote(task_id)}/restart", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def resume_queue(self, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Start tasks from it again"""
        return cast("types.KeptObject", await self._call("POST", f"/api/v1/queues/{self._quote(name)}/resume", if_match=if_match, idempotency_key=idempotency_key))

    async def resume_schedule(self, namespace: str, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Make tasks again"""
        return cast("types.KeptObject", await self._call("POST", f"/api/v1/namespaces/{self._quote(namespace)}/schedules/{self._quote(name)}/resume", if_match=if_match, idempotency_key=idempotency_key))

    async def resume_task(self, task_id: str, body: types.Reason | None = None, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.TaskOutcome:
        """Go on where it stopped"""
        return cast("types.TaskOutcome", await self._call("POST", f"/api/v1/tasks/{self._quote(task_id)}/resume", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def retry_failed_items(self, task_id: str, body: types.ItemRetry | None = None, *, idempotency_key: str | None = None) -> types.RetryOutcome:
        """Try only the failed items again"""
        return cast("types.RetryOutcome", await self._call("POST", f"/api/v1/tasks/{self._quote(task_id)}/retry-failed-items", body=body, idempotency_key=idempotency_key))

    async def revoke_api_key(self, key_id: str, *, idempotency_key: str | None = None) -> types.ShownApiKey:
        """Revoke an API key"""
        return cast("types.ShownApiKey", await self._call("DELETE", f"/api/v1/api-keys/{self._quote(key_id)}", idempotency_key=idempotency_key))

    async def run_schedule(self, namespace: str, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """One run at once, whatever the clock says"""
        return cast("types.KeptObject", await self._call("POST", f"/api/v1/namespaces/{self._quote(namespace)}/schedules/{self._quote(name)}/run", if_match=if_match, idempotency_key=idempotency_key))

    async def search_logs(self, task_id: str, *, text: str, run: int | None = None, stage: str | None = None, attempt: int | None = None, level: Literal['debug', 'info', 'warning', 'error', 'critical'] | None = None, since: str | None = None, until: str | None = None, everything: bool | None = None, limit: int | None = None, cursor: str | None = None) -> types.LogPage:
        """Find lines that hold a text"""
        return cast("types.LogPage", await self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/logs/search", query={"run": run, "stage": stage, "attempt": attempt, "level": level, "since": since, "until": until, "everything": everything, "text": text, "limit": limit, "cursor": cursor}))

    async def select_review_items(self, review_id: str, body: types.Selection, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.Selected:
        """Strike items off, or keep them after all"""
        return cast("types.Selected", await self._call("POST", f"/api/v1/reviews/{self._quote(review_id)}/selections", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def set_notification_contact(self, body: types.Contact, *, idempotency_key: str | None = None) -> types.KnownContact:
        """Say how to be reached"""
        return cast("types.KnownContact", await self._call("PUT", "/api/v1/notifications/contact", body=body, idempotency_key=idempotency_key))

    async def set_stream_topics(self, stream_id: str, body: types.StreamTopics, *, idempotency_key: str | None = None) -> types.StreamState:
        """Change what a stream follows"""
        return cast("types.StreamState", await self._call("POST", f"/api/v1/stream/{self._quote(stream_id)}/topics", body=body, idempotency_key=idempotency_key))

    async def submit_task(self, body: types.SubmitTask, *, idempotency_key: str | None = None) -> types.Submitted:
        """Submit a task"""
        return cast("types.Submitted", await self._call("POST", "/submit_task", body=body, idempotency_key=idempotency_key))

    async def suspend_queue(self, name: str, body: types.Hold | None = None, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Start nothing from it"""
        return cast("types.KeptObject", await self._call("POST", f"/api/v1/queues/{self._quote(name)}/suspend", body=body, if_match=if_match, idempotency_key=idempotency_key))

    async def suspend_schedule(self, namespace: str, name: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.KeptObject:
        """Make no tasks for now"""
        return cast("types.KeptObject", await self._call("POST", f"/api/v1/namespaces/{self._quote(namespace)}/schedules/{self._quote(name)}/suspend", if_match=if_match, idempotency_key=idempotency_key))

    async def test_notification_channel(self, channel: str, body: types.Test | None = None, *, idempotency_key: str | None = None) -> types.Delivery:
        """Send a test message"""
        return cast("types.Delivery", await self._call("POST", f"/api/v1/notifications/channels/{self._quote(channel)}/tests", body=body, idempotency_key=idempotency_key))

    async def undo_review_selection(self, review_id: str, *, if_match: str | None = None, idempotency_key: str | None = None) -> types.Selected:
        """Take the newest change of a list back"""
        return cast("types.Selected", await self._call("POST", f"/api/v1/reviews/{self._quote(review_id)}/undo", if_match=if_match, idempotency_key=idempotency_key))

    async def validate_task(self, body: types.TaskSubmission) -> types.TaskVerdict:
        """Whether a task would be taken, without submitting it"""
        return cast("types.TaskVerdict", await self._call("POST", "/api/v1/tasks/validate", body=body))

    async def why_waiting(self, task_id: str) -> types.WaitAnswer:
        """Why a task does not run"""
        return cast("types.WaitAnswer", await self._call("GET", f"/api/v1/tasks/{self._quote(task_id)}/waiting"))
