"""What the API takes and gives.

Generated from the OpenAPI document by hack/generate."""

from typing import Any, Literal, NotRequired, TypedDict


class AgeFacet(TypedDict):
    """Items of a class of ages."""

    items: int
    bytes: int
    struckItems: int
    struckBytes: int
    minDays: int
    maxDays: NotRequired[int | None]
    """Younger than this; absent: any age."""
    changedSince: NotRequired[str | None]
    """The same as a filter."""
    changedUntil: NotRequired[str | None]


class Amount(TypedDict):
    """Items and their bytes."""

    items: NotRequired[int]
    bytes: NotRequired[int]


class ApiKeyPage(TypedDict):
    """Keys, newest first."""

    items: list["ShownApiKey"]
    next: NotRequired[str | None]
    """The cursor of the next page; absent on the last."""


class Approval(TypedDict):
    """A decision's words."""

    message: NotRequired[str]
    """Why; kept with the decision."""


class ApprovalStage(TypedDict):
    """A stage that waits for people."""

    message: NotRequired["Text"]
    """What is to be decided."""
    approvers: NotRequired["Approvers | None"]
    """Who may decide; absent: whoever has the right to."""
    quorum: NotRequired[int]
    """How many different people must approve. One rejection rejects."""
    separationOfDuties: NotRequired[bool]
    """Whether who submitted the task may not approve it."""
    items: NotRequired["ItemList | None"]
    """A list to review item by item; absent: it is about going on as a whole."""
    expiresAfterSeconds: NotRequired[int | None]
    """How long people have to decide, counted from the moment the stage began; for ever when absent."""
    atExpiry: NotRequired[Literal['Reject', 'Approve']]
    """What becomes of it when too few have decided by then and nobody rejected."""


class Approvers(TypedDict):
    """Who may decide. With neither users nor groups: whoever has the right to (RBAC verb `review` on `stages`)."""

    users: NotRequired[list[str]]
    """Names of users, as the cluster authenticates them."""
    groups: NotRequired[list[str]]
    """Names of groups; one of them is enough."""


class AsyncTaskSpec(TypedDict):
    """What is to be done."""

    type: NotRequired[str | None]
    """The TaskType to run; or give `stages`."""
    stages: NotRequired["list[StageTemplate] | None"]
    """Stages of the task's own, in place of a type."""
    locations: NotRequired[list["LocationField"]]
    """With stages of its own: which config fields are locations on storage. A TaskType brings its own list."""
    config: NotRequired[dict[str, Any]]
    """The work's parameters, checked against the type's schema; at most 64 KiB."""
    priority: NotRequired[int | None]
    """1 is the most urgent, 5 the least. Absent: the type's preset, else 3."""
    queueName: NotRequired[str]
    """The TaskQueue it waits in."""
    preemptible: NotRequired[bool | None]
    """False: more urgent tasks never push it out, whatever its queue allows. Absent: as its type says, else tru…"""
    overlapPolicy: NotRequired[Literal['Wait', 'Skip', 'Fail']]
    """When it is due while another task writes where it reads, or uses where it writes. `Wait`: until that one…"""
    minMegabytesPerSecond: NotRequired[int | None]
    """Start only when each storage endpoint that it uses still has this much of its limit to promise; 1 MB is 1…"""
    suspend: NotRequired[bool]
    """Pause: the stage saves a checkpoint, its pod goes, its quota is free. Set it to false to resume."""
    cancel: NotRequired[bool]
    """End the current run for good. Raise `run` and set this to false to start again."""
    run: NotRequired[int]
    """Raise it to run the task again."""
    restartFrom: NotRequired[str | None]
    """With a higher run: keep the results of the stages that come before this one. Holds for that run alone: th…"""
    dependsOn: NotRequired[list["Dependency"]]
    """Tasks that must have ended first. When one ends otherwise, this one fails."""
    dependencyTimeoutSeconds: NotRequired[int | None]
    """The run fails when the tasks that it depends on have not ended, or are not there, this long after it was…"""
    retry: NotRequired["Retry | None"]
    """Overrides the type's retry policy."""
    window: NotRequired["Window | None"]
    """The hours at which it may run. Those of its type and of its queue hold as well: all must be open."""
    activeDeadlineSeconds: NotRequired[int | None]
    """The run fails when it has not ended this long after its first stage began; pauses count."""
    ttlSecondsAfterFinished: NotRequired[int | None]
    """Delete the task this long after it ended. Absent: keep it."""
    runAs: NotRequired["RunAs | None"]
    """User and groups of the stages."""
    notify: NotRequired[list["TaskNotification"]]
    """Who is told of what, besides what the administrators' rules and the users' subscriptions say."""


class AuditPage(TypedDict):
    """Records, newest first."""

    items: list["ShownRecord"]
    next: NotRequired[str | None]
    """The cursor of the next page; absent on the last. A page may be short, even empty, and have one: so far it…"""


class BandwidthAnswer(TypedDict):
    """All endpoints."""

    items: list["EndpointUse"]


class BulkAction(TypedDict):
    """One action on all live tasks that a filter takes. Without a digest they are only counted."""

    action: Literal['pause', 'resume', 'cancel', 'restart', 'prioritize', 'delete']
    filter: "TaskFilter"
    """Which tasks."""
    reason: NotRequired[str]
    stage: NotRequired[str | None]
    """Of a restart: the stage to begin from."""
    priority: NotRequired[int | None]
    """Of `prioritize`."""
    digest: NotRequired[str | None]
    """As the count gave it: the action is done to those very tasks, or to none."""


class BulkFailure(TypedDict):
    """A task that it could not be done to."""

    taskId: str
    name: str
    code: str


class BulkOutcome(TypedDict):
    """What would be done, or what was done."""

    count: int
    """Tasks that the filter takes and the action would change, or has changed."""
    digest: str
    """Give it to do the action to these tasks."""
    done: bool
    sample: list["TaskLine"]
    """The newest of them."""
    failures: list["BulkFailure"]


class CalendarAnswer(TypedDict):
    """Starts, in order."""

    items: list["CalendarEntry"]
    truncated: bool
    """There are more of them: ask for a shorter time."""


class CalendarEntry(TypedDict):
    """A start to come."""

    time: str
    namespace: str
    name: str
    """The schedule."""
    type: str
    """The TaskType; empty with stages of its own."""
    suspended: bool
    """It would start then, were it not suspended."""


class Changed(TypedDict):
    """How many changed."""

    changed: int


class ChannelState(TypedDict):
    """A channel. Its settings and secrets are not shown."""

    name: str
    kind: str
    byDefault: bool
    """Whether people are reached by it when a rule names no channels."""
    breaker: NotRequired[str | None]
    """`closed`: it works. `open`: it fails and is left in peace. `half-open`: it is being tried. For administra…"""
    lastError: NotRequired[str | None]
    lastSentTime: NotRequired[str | None]


class Channels(TypedDict):
    """The channels of the file that is in force."""

    items: list["ChannelState"]


class CheckpointAnswer(TypedDict):
    """How a stage would go on after an interruption."""

    sequence: int
    attempt: int
    time: NotRequired[str | None]
    data: dict[str, Any]
    """The stage's own."""


class ChildTask(TypedDict):
    """A task that a `task` stage starts."""

    type: str
    """Its TaskType."""
    config: NotRequired[dict[str, Any]]
    """Its config."""
    configFrom: NotRequired[dict[str, str]]
    """Config fields that are computed: CEL expressions over `config` and `outputs`, in `forEach` also over `ite…"""
    priority: NotRequired[int | None]
    """Its priority. Absent: the parent's, also when that is changed."""
    queueName: NotRequired[str | None]
    """Its queue; the parent's when absent."""
    name: str
    """Its name within the stage."""


class Condition(TypedDict):
    """One fact about an object, as the Kubernetes API conventions have it."""

    type: str
    """The fact."""
    status: Literal['True', 'False', 'Unknown']
    """Whether it holds."""
    reason: NotRequired[str]
    """Why, for programs."""
    message: NotRequired[str]
    """Why, for people."""
    observedGeneration: NotRequired[int]
    """The generation of the spec that this speaks of."""
    lastTransitionTime: NotRequired[str | None]
    """When `status` last changed."""


class Contact(TypedDict):
    """How the caller wants to be reached. The inbox is always there."""

    mail: NotRequired[str]
    """Mail address. Empty: the one that the sign-in tells, if it does."""
    phone: NotRequired[str]
    """Telephone number, for SMS."""
    language: NotRequired[Literal['en', 'zh'] | None]
    """Language of messages."""
    timeZone: NotRequired[str]
    """IANA time zone of the times in messages."""
    muted: NotRequired[list[str]]
    """Channels by which not to be reached."""


class Decision(TypedDict):
    """A decision by somebody who is known: written by the gateway, one for each person, the newest holds."""

    decision: Literal['Approved', 'Rejected']
    """The decision."""
    by: str
    """Who."""
    message: NotRequired[str]
    """In their words."""
    time: NotRequired[str | None]
    """When."""
    itemsDigest: NotRequired[str]
    """Of the list that was approved: `reviewItems.digest`. An approval of another list than the newest doesn't…"""


class Deliveries(TypedDict):
    """A page of messages, newest first."""

    items: list["Delivery"]
    nextCursor: NotRequired[str | None]


class Delivery(TypedDict):
    """A message in the outbox."""

    id: str
    """Bound to the message: receivers see it as `Idempotency-Key`, mails as `Message-ID`."""
    channel: str
    recipient: str
    state: str
    events: int
    """How many it tells of."""
    attempts: int
    createTime: str
    nextTime: NotRequired[str | None]
    endTime: NotRequired[str | None]
    errorClass: NotRequired[str | None]
    error: NotRequired[str | None]
    titles: NotRequired[list[str] | None]
    """What it tells of, the first of them; of one message alone."""


class Dependency(TypedDict):
    """Another task of the namespace that must have ended first."""

    name: str
    """The task. What counts is its current run."""
    condition: NotRequired[Literal['Succeeded', 'PartiallySucceeded', 'Finished']]
    """How it must have ended. `Succeeded`: in full. `PartiallySucceeded`: in full or in part. `Finished`: in an…"""


class Done(TypedDict):
    """An action that succeeded."""

    task_id: str
    status: "TaskStatus"
    message: str


class EndpointChange(TypedDict):
    """An endpoint as it shall be."""

    labels: NotRequired[dict[str, Any]]
    annotations: NotRequired[dict[str, str]]
    spec: "StorageEndpointSpec"


class EndpointLimits(TypedDict):
    """How hard the endpoint may be worked. What is absent limits nothing. Changes hold within seconds, for what…"""

    megabytesPerSecond: NotRequired[int | None]
    """For all stages together, shared by priority; 1 MB is 1,000,000 bytes."""
    streams: NotRequired[int | None]
    """Tasks that may use it at once; others wait in their queue. 0 lets none begin."""
    timetable: NotRequired["Timetable | None"]
    """Other limits at some hours of the week."""


class EndpointUse(TypedDict):
    """An endpoint's limits and what is made of them."""

    namespace: str
    name: str
    limitBytesPerSecond: NotRequired[int | None]
    """In force now; absent: none."""
    usedBytesPerSecond: int
    """What the stages at work report."""
    allowedBytesPerSecond: NotRequired[int | None]
    """What they were told they may move."""
    stages: int
    """At work on it, where a limit makes them count."""
    streamLimit: NotRequired[int | None]
    """Tasks that may use it at once, now."""
    nextChange: NotRequired[str | None]
    """When other limits may be in force."""


class EnvVar(TypedDict):
    """One environment variable of the stage's container."""

    name: str
    """The variable's name. Names that begin with ASYNCTASK_ or CONFIG_ are the operator's."""
    value: NotRequired[str]
    """Its value, unless `secretKeyRef` is given."""
    secretKeyRef: NotRequired["SecretKeyRef | None"]
    """Take the value from a Secret of the namespace."""


class Facets(TypedDict):
    """What a filter takes, counted in several ways."""

    matched: "Tally"
    """All of it."""
    types: NotRequired["list[TypeFacet] | None"]
    """Most bytes first; the rest are under `otherTypes`."""
    otherTypes: NotRequired["Tally | None"]
    sizes: NotRequired["list[SizeFacet] | None"]
    ages: NotRequired["list[AgeFacet] | None"]
    folders: NotRequired["list[FolderFacet] | None"]
    """Right below the filter's folder, most bytes first; the rest are under `otherFolders`."""
    otherFolders: NotRequired["Tally | None"]
    here: NotRequired["Tally | None"]
    """In that folder itself."""
    version: int


FailedItem = TypedDict(
    "FailedItem",
    {
        "path": str,
        "stage": str,
        "run": int,
        "attempt": int,
        "class": str,
        "reason": str,
        "message": str,
        "time": str,
    },
)


FailureGroup = TypedDict(
    "FailureGroup",
    {
        "stage": str,
        "class": str,
        "reason": str,
        "count": int,
    },
)


class FailureSummary(TypedDict):
    """The failed items of a run, counted."""

    run: int
    total: int
    """Items that are listed here."""
    reported: int
    """Items that the task counts: more than are listed when they were more than are kept, or were told to nobod…"""
    groups: list["FailureGroup"]


class FolderFacet(TypedDict):
    """Items below a folder."""

    items: int
    bytes: int
    struckItems: int
    struckBytes: int
    name: str
    folder: str
    """The same as a filter."""


class ForEach(TypedDict):
    """One task for each item of a list."""

    type: str
    """Its TaskType."""
    config: NotRequired[dict[str, Any]]
    """Its config."""
    configFrom: NotRequired[dict[str, str]]
    """Config fields that are computed: CEL expressions over `config` and `outputs`, in `forEach` also over `ite…"""
    priority: NotRequired[int | None]
    """Its priority. Absent: the parent's, also when that is changed."""
    queueName: NotRequired[str | None]
    """Its queue; the parent's when absent."""
    items: str
    """A CEL expression over `config` and `outputs` (by stage) that gives a list, or a number N for 0 to N-1. At…"""


class Fresh(TypedDict):
    """How old the last good result of a schedule is."""

    namespace: str
    name: str
    state: Literal['Fresh', 'Stale', 'AtRisk', 'Unknown']
    message: str
    lastSuccess: NotRequired[str | None]


class Freshness(TypedDict):
    """How old the last good result may be."""

    maxAgeSeconds: int
    """The last run that succeeded, wholly or in part, must have begun within this time."""


class GraphAnswer(TypedDict):
    """Whether the graph makes sense."""

    valid: bool
    order: list[str]
    """Stages in an order that respects their needs."""
    cycle: list[str]
    """From a name back to it."""
    errors: list["TaskProblem"]


class GraphCheck(TypedDict):
    """Stages, or tasks that depend on each other, to be checked before they are saved."""

    stages: NotRequired[list[dict[str, Any]] | None]
    """Stages as in `AsyncTask.spec.stages`; what is looked at is `name` and `needs`."""
    namespace: NotRequired[str | None]
    name: NotRequired[str | None]
    """A task of the namespace, or one to come."""
    dependsOn: NotRequired[list[str] | None]
    """The tasks that it is to depend on."""


class Hold(TypedDict):
    """How a queue is held."""

    suspendRunning: NotRequired[bool]
    """What runs saves a checkpoint, stops and waits too."""


class Inbox(TypedDict):
    """A page of the inbox, newest first."""

    items: list["InboxEntry"]
    nextCursor: NotRequired[str | None]


class InboxEntry(TypedDict):
    """One notification."""

    id: str
    time: str
    """When it came."""
    isRead: bool
    kind: "Kind"
    """What happened; `FirstFailure` and `Recovered` in place of how it ended, where it is one."""
    title: str
    """In a line, in the language of the request."""
    text: str
    """In a sentence or two."""
    namespace: str
    name: str
    """The task's, or the schedule's."""
    taskId: NotRequired[str | None]
    taskType: NotRequired[str | None]
    priority: NotRequired[int | None]
    schedule: NotRequired[str | None]
    params: dict[str, Any]
    """What the texts are made of."""


class ItemList(TypedDict):
    """The list whose items are reviewed one by one."""

    stage: str
    """The stage that makes the list; it must come before this one."""
    artifact: str
    """The artifact that it keeps the list as: JSON lines, an item a line."""


class ItemPage(TypedDict):
    """A page of failed items."""

    items: list["FailedItem"]
    nextCursor: NotRequired[str | None]
    """Give it as `cursor` to go on; absent: that was all. With a filter a page may be short before that."""


class ItemRange(TypedDict):
    """From one item to another as they stand in an order, both with them."""

    fromId: int
    toId: int
    sort: NotRequired[Literal['path', 'size', 'age']]


ItemRetry = TypedDict(
    "ItemRetry",
    {
        "stage": NotRequired[str | None],
        "class": NotRequired[list[Literal['permanent', 'transient', 'throttled']]],
        "reason": NotRequired[str],
        "prefix": NotRequired[str],
        "text": NotRequired[str],
    },
)


class ItemsFilter(TypedDict):
    """Which items of a list. What is left out asks for nothing."""

    folder: NotRequired[str]
    """Everything below this folder."""
    text: NotRequired[str]
    """Part of the path, in upper or lower case."""
    type: NotRequired[list[str]]
    """Endings of names, in lower case and without the dot; an empty one for names without."""
    minSize: NotRequired[int | None]
    """At least so many bytes."""
    maxSize: NotRequired[int | None]
    """At most so many bytes."""
    changedSince: NotRequired[str | None]
    """Of this time or later."""
    changedUntil: NotRequired[str | None]
    """Before this time."""
    decision: NotRequired[Literal['keep', 'strike'] | None]
    """Only what was struck off, or what was not."""


class JobStage(TypedDict):
    """A stage that is a pod. Any image will do: exit code 0 means done."""

    image: str
    """The container image."""
    imagePullPolicy: NotRequired[Literal['Always', 'IfNotPresent', 'Never']]
    """When the image is pulled."""
    command: NotRequired[list[str]]
    """The entry point; the image's own when empty. `$(CONFIG_SOURCE_PATH)` and the like are filled in."""
    args: NotRequired[list[str]]
    """Arguments of the entry point, filled in the same way."""
    env: NotRequired[list["EnvVar"]]
    """More environment variables."""
    resources: NotRequired["Resources"]
    """CPU, memory and scratch space."""
    workspace: NotRequired[bool]
    """Mount the task's workspace: a directory that outlives the pod."""
    securityProfile: NotRequired[Literal['Restricted', 'DataOwner']]
    """`Restricted` is non-root without capabilities. `DataOwner` may read and own every file; only in namespace…"""
    nodeSelector: NotRequired[dict[str, str]]
    """Labels that the node must carry."""
    tolerations: NotRequired[list["Toleration"]]
    """Taints that the pod bears."""
    terminationGracePeriodSeconds: NotRequired[int]
    """Seconds between the request to stop and the kill: time to save a checkpoint."""
    checkpointPeriodSeconds: NotRequired[int]
    """How often a stage should save a checkpoint: at most this much work is repeated."""
    podOverride: NotRequired[dict[str, Any] | None]
    """More fields of the pod: affinity, dnsConfig, dnsPolicy, hostAliases, imagePullSecrets, priorityClassName,…"""


class KeptObject(TypedDict):
    """An object as the cluster has it."""

    namespace: NotRequired[str | None]
    name: str
    uid: str
    resourceVersion: str
    """Give it as `If-Match` when you change it."""
    generation: NotRequired[int | None]
    createTime: NotRequired[str | None]
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: dict[str, Any]
    """As in the custom resource."""
    status: dict[str, Any]


class KeptRule(TypedDict):
    """A rule."""

    id: str
    name: str
    namespace: NotRequired[str | None]
    version: str
    """Give it as `If-Match` when you change it."""
    createTime: str
    changeTime: str
    changedBy: str
    rule: "Rule"


class KeptSubscription(TypedDict):
    """A subscription."""

    id: str
    name: str
    namespace: NotRequired[str | None]
    version: str
    """Give it as `If-Match` when you change it."""
    createTime: str
    changeTime: str
    changedBy: str
    rule: "Wish"


Kind = Literal['Succeeded', 'PartiallySucceeded', 'Failed', 'Cancelled', 'Invalid', 'FirstFailure', 'Recovered', 'DeadlineAtRisk', 'ReviewWanted', 'ReviewExpiring', 'ScheduleStale', 'MissPredicted', 'ScheduleFresh', 'Test']
"""What a rule can ask for. `FirstFailure` and `Recovered` are said of an end, beside how it ended."""


class KnownContact(TypedDict):
    """The same, and what is known otherwise."""

    mail: NotRequired[str]
    """Mail address. Empty: the one that the sign-in tells, if it does."""
    phone: NotRequired[str]
    """Telephone number, for SMS."""
    language: NotRequired[Literal['en', 'zh'] | None]
    """Language of messages."""
    timeZone: NotRequired[str]
    """IANA time zone of the times in messages."""
    muted: NotRequired[list[str]]
    """Channels by which not to be reached."""
    signInMail: NotRequired[str | None]
    """The address that the sign-in told: mail goes there while `mail` is empty."""


class LocationCheck(TypedDict):
    """What is there."""

    endpoint: str
    exists: bool
    kind: str
    writable: bool
    """By the mode bits, for that user and group; never where the endpoint is read-only. Access lists do not cou…"""
    readOnly: bool
    """The endpoint refuses tasks that would write."""
    freeBytes: int
    totalBytes: int


class LocationEntry(TypedDict):
    """One name."""

    name: str
    kind: str
    """`Directory`, `File`, `Link` or `Other`."""
    size: int
    modified: str


class LocationField(TypedDict):
    """A config field that holds a location on storage."""

    field: str
    """The top-level config field: a string or a list of strings."""
    access: NotRequired[Literal['Read', 'Write']]
    """`Read` mounts read-only."""


class LocationListing(TypedDict):
    """One level, by name."""

    endpoint: str
    items: list["LocationEntry"]
    more: bool
    """There are names after these."""
    capped: bool
    """The directory has so many names that not all were looked at: those shown are not the first of all."""


class LogLine(TypedDict):
    """One line."""

    id: str
    """Tells it from every other line of the task."""
    time: str
    level: str
    run: int
    stage: str
    attempt: int
    text: str
    missing: NotRequired[int | None]
    """It stands for so many lines that were not kept."""


class LogPage(TypedDict):
    """Lines, oldest first."""

    items: list["LogLine"]
    nextCursor: NotRequired[str | None]
    """Give it as `cursor` to go on. A page may be short, even empty, and have one: so far it was looked. Absent…"""


class MadeApiKey(TypedDict):
    """A new key. This is the only time that it is shown."""

    id: str
    label: str
    owner: str
    """Whose rights it has, within its scope."""
    namespaces: NotRequired[list[str] | None]
    actions: NotRequired[list[str] | None]
    taskTypes: NotRequired[list[str] | None]
    createTime: str
    expireTime: NotRequired[str | None]
    revokeTime: NotRequired[str | None]
    useTime: NotRequired[str | None]
    """About when it was last used: right to some ten minutes."""
    token: str
    """To be sent as `Authorization: Bearer TOKEN`."""


class Marking(TypedDict):
    """Which entries to mark."""

    ids: NotRequired[list[str]]
    """These;"""
    until: NotRequired[str | None]
    """or all that came until then."""
    isRead: NotRequired[bool]
    """As read, or (with `ids`) as unread again."""


class Match(TypedDict):
    """Which events. Every field that is given must fit; one that is absent fits all."""

    events: NotRequired[list["Kind"]]
    """Kinds of events."""
    namespaces: NotRequired[list[str]]
    """Namespaces."""
    types: NotRequired[list[str]]
    """TaskTypes."""
    queues: NotRequired[list[str]]
    """TaskQueues."""
    priorities: NotRequired[list[int]]
    """Priorities, 1 to 5."""
    initiators: NotRequired[list[str]]
    """Who submitted the task."""
    schedules: NotRequired[list[str]]
    """TaskSchedules."""


class Need(TypedDict):
    """Something that a person should look at."""

    kind: Literal['Review', 'Invalid', 'Failed', 'Stale', 'AtRisk']
    """`Review`: a stage waits for a decision. `Invalid`: a task can't run as it is written. `Failed`: one faile…"""
    code: str
    """Why, for programs."""
    message: str
    namespace: str
    name: str
    """The task or the schedule."""
    taskId: NotRequired[str | None]
    stage: NotRequired[str | None]
    since: NotRequired[str | None]


class NewApiKey(TypedDict):
    """What a key is for. Left out or null, a part of the scope narrows nothing."""

    label: str
    """For people: which application has it."""
    namespaces: NotRequired[list[str] | None]
    """Where it may act."""
    actions: NotRequired[list[Literal['read', 'submit', 'control', 'delete', 'review', 'configure']] | None]
    """What it may do: `read`, `submit`, `control` (pause, resume, cancel, restart, priority), `delete`, `review…"""
    taskTypes: NotRequired[list[str] | None]
    """Which types of tasks it may submit."""
    expireTime: NotRequired[str | None]
    """When it ends; never if left out."""


class NewEndpoint(TypedDict):
    """An endpoint to make."""

    labels: NotRequired[dict[str, Any]]
    annotations: NotRequired[dict[str, str]]
    spec: "StorageEndpointSpec"
    namespace: NotRequired[str | None]
    """Where; absent: the caller's default."""
    name: str


class NewQueue(TypedDict):
    """A queue to make."""

    labels: NotRequired[dict[str, Any]]
    annotations: NotRequired[dict[str, str]]
    spec: "TaskQueueSpec"
    name: str


class NewRule(TypedDict):
    """An administrators' rule."""

    name: str
    namespace: NotRequired[str | None]
    """Only of this namespace; absent: of all."""
    rule: "Rule"


class NewSchedule(TypedDict):
    """A schedule to make."""

    labels: NotRequired[dict[str, Any]]
    annotations: NotRequired[dict[str, str]]
    spec: "TaskScheduleSpec"
    namespace: NotRequired[str | None]
    """Where; absent: the caller's default."""
    name: str


class NewSubscription(TypedDict):
    """What the caller wants to be told of, in the inbox and by mail."""

    name: str
    namespace: NotRequired[str | None]
    """Only of this namespace; absent: of all in which the caller may see tasks."""
    rule: NotRequired["Wish"]


class NewType(TypedDict):
    """A type to make."""

    labels: NotRequired[dict[str, Any]]
    annotations: NotRequired[dict[str, str]]
    spec: "TaskTypeSpec"
    name: str


class ObjectPage(TypedDict):
    """A page, by namespace and name."""

    items: list["KeptObject"]
    nextCursor: NotRequired[str | None]
    """Give it as `cursor` to have the next page; absent: there is none."""


class OperationLine(TypedDict):
    """Something that was done to a list."""

    number: int
    time: str
    by: str
    action: Literal['keep', 'strike']
    changed: "Amount"
    undone: bool
    selection: dict[str, Any]
    """As it was asked for."""


class OperationLog(TypedDict):
    """What was done to a list, the newest first."""

    items: list["OperationLine"]


class Overview(TypedDict):
    """The state of things."""

    counts: dict[str, int]
    """Tasks of the cluster by their state."""
    needs: list["Need"]
    """What needs somebody, most urgent first; at most 20 of a kind."""
    needCounts: dict[str, int]
    """How many there are of each kind."""
    running: list["TaskLine"]
    """What runs, newest first; at most 20."""
    freshness: list["Fresh"]
    """Schedules that watch how old their last good result may be."""
    dataAgeSeconds: float
    """How old all this may be: 0 while the cluster is followed."""


class Period(TypedDict):
    """Hours of some days with limits of their own."""

    days: NotRequired[list[Literal['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']]]
    """The days on which it opens. Empty: every day."""
    start: NotRequired[str]
    """When it opens, by the clock on the wall."""
    end: NotRequired[str]
    """When it closes. Earlier than `start`: on the next day."""
    megabytesPerSecond: NotRequired[int | None]
    """For all stages together in these hours. Absent: as at all other times."""
    streams: NotRequired[int | None]
    """Tasks that may use it at once in these hours. Absent: as at all other times."""


class Preemption(TypedDict):
    """Whether urgent tasks may push less urgent ones out. What is pushed out saves a checkpoint and waits on in…"""

    policy: NotRequired[Literal['Never', 'LowerPriority']]
    """`LowerPriority`: a task that waits may stop running ones of a lower priority, if that makes room for it."""
    minRuntimeSeconds: NotRequired[int]
    """A task is left alone until it has run this long since it last started."""
    maxPerHour: NotRequired[int]
    """Tasks that may be pushed out within any hour, over the whole queue."""


class Preferences(TypedDict):
    """Whatever pages of the user keep."""

    values: dict[str, Any]
    """At most 16 KiB as JSON."""


class Pressure(TypedDict):
    """Start nothing while the cluster is as busy as this. What runs goes on."""

    maxNodeCPUPercent: NotRequired[int | None]
    """CPU in use over all nodes. Needs metrics.k8s.io (metrics-server); ignored, and said so in a condition, wh…"""
    maxNodeMemoryPercent: NotRequired[int | None]
    """Memory in use over all nodes. Needs metrics.k8s.io (metrics-server)."""
    maxNetworkMegabytesPerSecond: NotRequired[int | None]
    """What the running stages of all queues say that they move together; 1 MB is 1,000,000 bytes."""


class Preview(TypedDict):
    """When it would start tasks, without jitter."""

    times: list[str]


class PriorityOrder(TypedDict):
    """The priority to give it."""

    task_id: str
    priority: int


class Problem(TypedDict):
    """RFC 9457, with the code that programs act on and the parameters of its text."""

    type: str
    title: str
    status: int
    detail: str
    """In the language that Accept-Language asks for."""
    instance: NotRequired[str]
    code: str
    params: dict[str, Any]
    errors: NotRequired[list[dict[str, Any]]]


class Progress(TypedDict):
    """How far the work is. Bytes and items count from the beginning of the stage, over all its attempts."""

    bytesDone: NotRequired[int | None]
    """Bytes done so far."""
    bytesTotal: NotRequired[int | None]
    """Bytes in all, as far as known."""
    itemsDone: NotRequired[int | None]
    """Files or other items done so far."""
    itemsTotal: NotRequired[int | None]
    """Items in all, as far as known."""
    bytesPerSecond: NotRequired[int | None]
    """The rate of late, in bytes per second."""
    remainingSeconds: NotRequired[int | None]
    """Estimated time left, in seconds."""
    message: NotRequired[str]
    """What is being done."""


class ProgressReport(TypedDict):
    """How far the current stage is."""

    percent: NotRequired[int | None]
    bytes_done: NotRequired[int | None]
    bytes_total: NotRequired[int | None]
    items_done: NotRequired[int | None]
    items_total: NotRequired[int | None]
    bytes_per_second: NotRequired[int | None]
    remaining_seconds: NotRequired[int | None]
    message: NotRequired[str | None]


class QueueChange(TypedDict):
    """A queue as it shall be."""

    labels: NotRequired[dict[str, Any]]
    annotations: NotRequired[dict[str, str]]
    spec: "TaskQueueSpec"


class Quota(TypedDict):
    """What the tasks that run may request together. A task counts with the most that its stages may request at…"""

    cpu: NotRequired[str | None]
    """CPUs, for example `4` or `2500m`."""
    memory: NotRequired[str | None]
    """Memory, for example `16Gi`."""


class Reason(TypedDict):
    """Why something is done."""

    reason: NotRequired[str]
    """In the caller's words: kept with the task and in the audit."""


class Redelivery(TypedDict):
    """Which dead messages to send again."""

    ids: list[str]


class RemoteSource(TypedDict):
    """A server that stages speak to themselves."""

    type: Literal['S3', 'WebDAV', 'SFTP', 'SMB']
    """The protocol."""
    url: str
    """Where it is. Credentials don't belong here."""
    secretName: NotRequired[str | None]
    """The Secret with the credentials, in the same namespace; mounted into the stages that use the endpoint."""


class Resources(TypedDict):
    """CPU, memory and scratch space of the container."""

    requests: NotRequired[dict[str, str]]
    """What it is sure to get, and what queues count."""
    limits: NotRequired[dict[str, str]]
    """What it may not pass."""


class Restart(TypedDict):
    """How a task is run again."""

    reason: NotRequired[str]
    """In the caller's words: kept with the task and in the audit."""
    stage: NotRequired[str | None]
    """The stage to begin from, those before it keep their results; absent: from the start."""


class RestartOrder(TypedDict):
    """How to run it again."""

    task_id: NotRequired[str | None]
    """May stand in the query instead."""
    reason: NotRequired[str | None]
    stage: NotRequired[str | None]
    """The stage to begin from; absent: from the start."""


class Retry(TypedDict):
    """How often and how soon a failed attempt is tried again. Permanent errors never are."""

    maxAttempts: NotRequired[int]
    """Attempts in a row that may fail. An attempt that moved the checkpoint on starts the count anew."""
    backoffSeconds: NotRequired[int]
    """Pause before the second attempt; doubled each time. Four times this when throttled."""
    maxBackoffSeconds: NotRequired[int]
    """The longest pause."""


class RetryOutcome(TypedDict):
    """A run that tries failed items again."""

    taskId: str
    run: int
    """The new run."""
    items: int
    """Paths that it deals with."""


class ReviewItem(TypedDict):
    """An item of a list."""

    id: int
    """Within the review."""
    path: str
    size: int
    time: str
    """What its age counts from."""
    type: str
    """The ending of its name."""
    decision: Literal['keep', 'strike']


class ReviewItemPage(TypedDict):
    """A page of a list."""

    items: list["ReviewItem"]
    total: int
    """Rows that the filter takes."""
    offset: int
    """Rows before this page."""
    nextCursor: NotRequired[str | None]
    version: int
    """Of the review."""


class ReviewItemsState(TypedDict):
    """The list of a review."""

    state: Literal['ready', 'preparing', 'unusable']
    code: NotRequired[str | None]
    """Why it can't be reviewed, for programs."""
    problem: NotRequired[str | None]
    """And for people."""
    version: NotRequired[int | None]
    """Grows with each change; the ETag."""
    totals: NotRequired["Totals | None"]


class ReviewPage(TypedDict):
    """Reviews, the newest first."""

    items: list["ReviewRow"]
    nextCursor: NotRequired[str | None]


class ReviewRow(TypedDict):
    """A review, as lists show it."""

    id: str
    """Of the review: the Stage's uid."""
    namespace: str
    taskId: str
    """The task's uid."""
    task: str
    """The task's name."""
    stage: str
    """The stage's name within the task."""
    run: int
    state: Literal['waiting', 'approved', 'rejected', 'expired', 'cancelled']
    title: "Text"
    """What people see."""
    message: "Text"
    """What is to be decided."""
    createTime: str
    """Since when it waits."""
    expireTime: NotRequired[str | None]
    """Until when people may decide."""
    quorum: int
    """How many people must approve."""
    approvals: int
    """How many have."""
    hasItems: bool
    """Whether a list is reviewed item by item."""
    mayDecide: bool
    """Whether the caller may approve and reject."""


class ReviewWhole(TypedDict):
    """A review with all that is known of it."""

    id: str
    """Of the review: the Stage's uid."""
    namespace: str
    taskId: str
    """The task's uid."""
    task: str
    """The task's name."""
    stage: str
    """The stage's name within the task."""
    run: int
    state: Literal['waiting', 'approved', 'rejected', 'expired', 'cancelled']
    title: "Text"
    """What people see."""
    message: "Text"
    """What is to be decided."""
    createTime: str
    """Since when it waits."""
    expireTime: NotRequired[str | None]
    """Until when people may decide."""
    quorum: int
    """How many people must approve."""
    approvals: int
    """How many have."""
    hasItems: bool
    """Whether a list is reviewed item by item."""
    mayDecide: bool
    """Whether the caller may approve and reject."""
    objectName: str
    """The Stage object."""
    outcome: str
    """How it stands, in a sentence."""
    approvers: NotRequired["Approvers | None"]
    """Who may decide; absent: whoever has the right to."""
    separationOfDuties: bool
    atExpiry: Literal['Reject', 'Approve']
    whyNot: NotRequired[str | None]
    """Why the caller may not approve: a code."""
    decisions: NotRequired[list["Decision"]]
    """What people decided."""
    items: NotRequired["ReviewItemsState | None"]
    """The list, of a review of items."""


class Right(TypedDict):
    """What may be done, and where."""

    resource: str
    verb: str
    everywhere: bool
    """In every namespace."""
    namespaces: NotRequired[list[str]]
    """Where, unless everywhere."""


class Rule(TypedDict):
    """Who is told of which events."""

    match: NotRequired["Match"]
    """Which events."""
    channels: NotRequired[list[str]]
    """Channels by which people are reached, besides their inbox. Absent: those that are on by default, such as…"""
    language: NotRequired[Literal['en', 'zh'] | None]
    """The language; absent: the recipient's own."""
    groupSeconds: NotRequired[int]
    """What happens within this time is told in one message. 0: each at once."""
    maxPerHour: NotRequired[int]
    """Most messages an hour to one recipient and channel; what is more waits and is told together."""
    enabled: NotRequired[bool]
    """Whether it counts."""
    to: list[str]
    """To whom."""


class Rules(TypedDict):
    """All that the caller may see."""

    items: list["KeptRule"]


class Run(TypedDict):
    """One run of the task."""

    run: int
    status: "TaskStatus"
    message: NotRequired[str | None]
    startTime: NotRequired[str | None]
    completionTime: NotRequired[str | None]
    stage: NotRequired[str | None]
    """Where it stopped, or the stages that run."""
    errorCode: NotRequired[str | None]
    """Why it failed, for programs."""
    errorDetail: NotRequired[list[dict[str, Any]] | None]
    """The stages that did not succeed."""
    itemErrorCount: NotRequired[int | None]


class RunAs(TypedDict):
    """The user and groups that the stages' processes have. Root is never among them."""

    user: NotRequired[int]
    """User id."""
    group: NotRequired[int]
    """Group id."""
    fsGroup: NotRequired[int | None]
    """Group that volumes are made accessible to, where they support it."""


class Runs(TypedDict):
    """Runs, newest first."""

    items: list["Run"]
    nextCursor: NotRequired[int | None]


class ScheduleChange(TypedDict):
    """A schedule as it shall be."""

    labels: NotRequired[dict[str, Any]]
    annotations: NotRequired[dict[str, str]]
    spec: "TaskScheduleSpec"


class SecretKeyRef(TypedDict):
    """One key of a Secret in the task's namespace."""

    name: str
    """The Secret."""
    key: str
    """The key in it."""


class Selected(TypedDict):
    """What was done to a list."""

    operation: NotRequired[int | None]
    """Its number; absent when nothing was changed."""
    matched: int
    """Items that were meant."""
    changed: "Amount"
    """Those of them that were not so already."""
    totals: "Totals"
    version: int


class Selection(TypedDict):
    """What is to be struck off a list, or kept after all: items for which all holds that is given."""

    action: Literal['keep', 'strike']
    ids: NotRequired[list[int] | None]
    """These items."""
    range: NotRequired["ItemRange | None"]
    """From one item to another."""
    filter: NotRequired["ItemsFilter | None"]
    """All that a filter takes; an empty one takes everything."""
    dryRun: NotRequired[bool]
    """Only say how much it would change."""


class Session(TypedDict):
    """The caller as the gateway knows them."""

    user: str
    groups: list[str]
    via: str
    """How they said who they are."""
    language: str
    namespaces: NotRequired[list[str] | None]
    """Where they may list tasks; absent: everywhere."""
    rights: list["Right"]
    csrfToken: NotRequired[str | None]
    """Of a browser's session: to be sent as X-CSRF-Token with each change."""


class ShownApiKey(TypedDict):
    """A key, without its secret."""

    id: str
    label: str
    owner: str
    """Whose rights it has, within its scope."""
    namespaces: NotRequired[list[str] | None]
    actions: NotRequired[list[str] | None]
    taskTypes: NotRequired[list[str] | None]
    createTime: str
    expireTime: NotRequired[str | None]
    revokeTime: NotRequired[str | None]
    useTime: NotRequired[str | None]
    """About when it was last used: right to some ten minutes."""


class ShownRecord(TypedDict):
    """One change, made or refused."""

    id: str
    time: str
    caller: str
    via: str
    address: str
    action: str
    kind: str
    namespace: str
    name: str
    objectId: str
    status: int
    """The HTTP status of the answer."""
    code: str
    """Why it was refused; empty when it was not."""
    requestId: str
    before: NotRequired[Any]
    after: NotRequired[Any]


class SignIn(TypedDict):
    """A token that one has."""

    token: str
    """A Kubernetes token of the audience `asynctask-api`, or one of the identity provider."""


class SignedIn(TypedDict):
    """A session has begun; its cookie came with this answer."""

    user: str
    csrfToken: str
    """To be sent as X-CSRF-Token with each change."""
    seconds: int
    """How long the session holds."""


class SizeFacet(TypedDict):
    """Items of a class of sizes."""

    items: int
    bytes: int
    struckItems: int
    struckBytes: int
    minSize: int
    maxSize: NotRequired[int | None]
    """The largest; absent: any."""


class StageLine(TypedDict):
    """One stage of one run."""

    stageId: str
    name: str
    """Its name within the task."""
    run: int
    kind: str
    """`job`, `approval`, `wait` or `task`."""
    status: "TaskStatus"
    phase: str
    reason: NotRequired[str | None]
    message: NotRequired[str | None]
    attempt: int
    failures: int
    percent: NotRequired[int | None]
    startTime: NotRequired[str | None]
    completionTime: NotRequired[str | None]
    retryTime: NotRequired[str | None]
    checkpointTime: NotRequired[str | None]
    itemErrorCount: int
    archived: NotRequired[bool | None]


class StageLines(TypedDict):
    """Stages, newest run first, in the order in which they began."""

    items: list["StageLine"]


class StageReport(TypedDict):
    """A stage of the current run."""

    name: str
    status: "TaskStatus"
    percent: NotRequired[int | None]
    attempt: NotRequired[int | None]
    message: NotRequired[str | None]
    start_time: NotRequired[str | None]
    end_time: NotRequired[str | None]


class StageTemplate(TypedDict):
    """One stage of a task: exactly one of `job`, `approval`, `wait` and `task`."""

    name: str
    """The stage's name within the task."""
    title: NotRequired["Text"]
    """What people see."""
    needs: NotRequired[list[str] | None]
    """Stages that must have ended before this one begins. Absent: the stage before it in the list. Empty: none."""
    needsCondition: NotRequired[Literal['Succeeded', 'PartiallySucceeded', 'Finished'] | None]
    """How they must have ended. `Succeeded`: in full, else this one is skipped. `PartiallySucceeded`, and absen…"""
    when: NotRequired[str | None]
    """A CEL expression over `config`, and over `outputs` and `outcomes` of the stages before it, by name; when…"""
    job: NotRequired["JobStage | None"]
    """A pod."""
    approval: NotRequired["ApprovalStage | None"]
    """A person's decision."""
    wait: NotRequired["WaitStage | None"]
    """A delay."""
    task: NotRequired["TaskStage | None"]
    """Other tasks."""
    retry: NotRequired["Retry | None"]
    """Overrides the task's retry policy."""
    activeDeadlineSeconds: NotRequired[int | None]
    """The stage fails when one attempt has run this long. A pause starts the clock anew."""


class StageWhole(TypedDict):
    """A stage whole: as the cluster has it, or as it was last seen there."""

    stageId: str
    name: str
    run: int
    status: "TaskStatus"
    spec: dict[str, Any]
    """As in the custom resource: template, locations, inputs."""
    archived: NotRequired[bool | None]
    """It has left the cluster."""
    state: dict[str, Any]
    """The custom resource's status without its checkpoint: phase, progress, holder, outputs, errors."""


class StorageEndpointSpec(TypedDict):
    """Where the storage is and how it may be used."""

    title: NotRequired["Text"]
    """What people see."""
    path: NotRequired[str | None]
    """The path that users know the share by, for example /nas/photos. Stages find it mounted there."""
    volume: NotRequired["VolumeSource | None"]
    """A share that the cluster can mount."""
    remote: NotRequired["RemoteSource | None"]
    """A server; named in a config as ENDPOINT:PATH."""
    readOnly: NotRequired[bool]
    """Refuse tasks that would write."""
    limits: NotRequired["EndpointLimits"]
    """How hard it may be worked."""


class StreamState(TypedDict):
    """A stream that is open."""

    stream: str
    """Its id."""
    topics: list[str]
    """What it follows: those of the topics asked for that the caller may see."""


class StreamTopics(TypedDict):
    """What to follow from now on; what is not named here is followed no longer."""

    topics: list[str]


class SubmitTask(TypedDict):
    """A task to run."""

    task_type: str
    """Its TaskType."""
    task_config: NotRequired[dict[str, Any] | str]
    """What the type asks for: an object, or the JSON of one in a string."""
    priority: NotRequired[int | None]
    """1 is the most urgent, 5 the least; absent: the type's preset."""
    namespace: NotRequired[str | None]
    """Absent: the caller's default."""
    queue: NotRequired[str | None]
    """The TaskQueue to wait in; absent: `default`."""


class Submitted(TypedDict):
    """The API server has it."""

    task_id: str


class Subscriptions(TypedDict):
    """All of the caller's."""

    items: list["KeptSubscription"]


class Tally(TypedDict):
    """Items and bytes that a filter takes, and how much of that is struck off."""

    items: int
    bytes: int
    struckItems: int
    struckBytes: int


class TaskChange(TypedDict):
    """Fields of a task to change; what is absent stays, null takes away."""

    priority: NotRequired[int | None]
    """1 is the most urgent, 5 the least; null: the type's preset."""
    suspend: NotRequired[bool]
    """Pause, or resume."""
    cancel: NotRequired[bool]
    """End the current run for good."""
    queueName: NotRequired[str]
    """The TaskQueue it waits in."""
    ttlSecondsAfterFinished: NotRequired[int | None]
    """Delete the task this long after it ended."""
    activeDeadlineSeconds: NotRequired[int | None]
    """The run fails when it has not ended this long after its first stage began."""
    window: NotRequired["Window | None"]
    """The hours at which it may run."""


class TaskFilter(TypedDict):
    """Which tasks. What is left out asks for nothing; a field that is given more than once takes any of its val…"""

    namespace: NotRequired[list[str]]
    """Namespaces."""
    type: NotRequired[list[str]]
    """Task types."""
    status: NotRequired[list["TaskStatus"]]
    """States."""
    priority: NotRequired[list[int]]
    """Priorities."""
    queue: NotRequired[list[str]]
    """Queues."""
    owner: NotRequired[list[str]]
    """Who submitted them."""
    schedule: NotRequired[list[str]]
    """Schedules that made them."""
    submittedSince: NotRequired[str | None]
    """Submitted at this time or later."""
    submittedUntil: NotRequired[str | None]
    """Submitted before this time."""
    text: NotRequired[str]
    """Part of the name, the type or the message."""


class TaskLine(TypedDict):
    """A task in a list. Only the fields that were asked for are there."""

    taskId: str
    """The task's uid, its identity everywhere."""
    namespace: NotRequired[str | None]
    name: NotRequired[str | None]
    type: NotRequired[str | None]
    """Its TaskType; absent with stages of its own."""
    status: NotRequired["TaskStatus | None"]
    phase: NotRequired[str | None]
    """The state as the custom resource has it, finer than `status`."""
    priority: NotRequired[int | None]
    queue: NotRequired[str | None]
    owner: NotRequired[str | None]
    """Who submitted it."""
    submitTime: NotRequired[str | None]
    startTime: NotRequired[str | None]
    completionTime: NotRequired[str | None]
    run: NotRequired[int | None]
    stage: NotRequired[str | None]
    """The stages that run now, or where it stopped."""
    percent: NotRequired[int | None]
    message: NotRequired[str | None]
    waiting: NotRequired[str | None]
    """Why it waits, for programs."""
    schedule: NotRequired[str | None]
    """The schedule that made it."""
    itemErrorCount: NotRequired[int | None]
    archived: NotRequired[bool | None]
    """True: it has left the cluster."""
    config: NotRequired[dict[str, Any] | None]
    stages: NotRequired[list[dict[str, Any]] | None]
    progress: NotRequired["Progress | None"]
    display: NotRequired[dict[str, str] | None]
    waitingFor: NotRequired["Waiting | None"]
    conditions: NotRequired["list[Condition] | None"]
    runs: NotRequired[list[dict[str, Any]] | None]
    labels: NotRequired[dict[str, str] | None]


class TaskNotification(TypedDict):
    """Who is told of which events of the task, besides what the rules of the administrators say."""

    on: list[Literal['Succeeded', 'PartiallySucceeded', 'Failed', 'Cancelled', 'Invalid', 'FirstFailure', 'Recovered', 'DeadlineAtRisk', 'ReviewWanted', 'ReviewExpiring']]
    """The events. `FirstFailure`: it failed and the run before, or the schedule's task before, had not. `Recove…"""
    to: NotRequired[list[str]]
    """To whom: `initiator`, `administrators`, `reviewers`, `user:NAME`, `mail:ADDRESS`, `sms:NUMBER`, or `chann…"""


class TaskOrder(TypedDict):
    """Which task, and why."""

    task_id: NotRequired[str | None]
    """May stand in the query instead."""
    reason: NotRequired[str | None]


class TaskOutcome(TypedDict):
    """What has come of an action."""

    taskId: str
    status: "TaskStatus"
    changed: bool
    """False: it was so already."""
    message: str


class TaskPage(TypedDict):
    """A page of tasks, newest first."""

    items: list["TaskLine"]
    nextCursor: NotRequired[str | None]
    """Give it as `cursor` to have the next page; absent: there is none."""
    archive: Literal['Available', 'Unavailable', 'None']
    """`Unavailable`: history can't be read right now, so tasks that left the cluster are missing here. `None`:…"""


class TaskProblem(TypedDict):
    """One thing to mend."""

    field: str
    code: str
    params: dict[str, Any]
    message: str


class TaskQueueSpec(TypedDict):
    """The queue's limits. What is absent limits nothing."""

    suspend: NotRequired[bool]
    """Start nothing. What runs goes on to its end, unless `suspendRunning` is true."""
    suspendRunning: NotRequired[bool]
    """With `suspend`: what runs saves a checkpoint, stops, and waits in the queue; it goes on when `suspend` is…"""
    maxRunning: NotRequired[int | None]
    """Tasks that may run at once; 0 holds all back; absent: no limit."""
    maxRunningPerNamespace: NotRequired[int | None]
    """Tasks of one namespace that may run at once."""
    maxRunningPerType: NotRequired[int | None]
    """Tasks of one TaskType that may run at once. Tasks with stages of their own count as one type together."""
    quota: NotRequired["Quota"]
    """CPU and memory that the running tasks may request together."""
    startRatePerMinute: NotRequired[int | None]
    """Tasks that may start within any minute; starts are spread evenly."""
    promoteAfterSeconds: NotRequired[int | None]
    """Each time a task has waited this long it counts as one priority more urgent, up to 1. Absent: it never do…"""
    headOfLineSeconds: NotRequired[int]
    """Smaller tasks may overtake one that doesn't fit for this long; then room is kept free until it does."""
    window: NotRequired["Window | None"]
    """The hours at which its tasks may run."""
    pressure: NotRequired["Pressure"]
    """Start nothing while the cluster is busy."""
    fairShare: NotRequired[list["Weight"]]
    """Weights of namespaces: of equally urgent tasks, those of the namespace that has the least running for its…"""
    preemption: NotRequired["Preemption"]
    """Whether urgent tasks may push less urgent ones out."""
    kueueLocalQueue: NotRequired[str | None]
    """Hand the quota to Kueue: Jobs are made suspended for the LocalQueue of this name in the task's namespace.…"""


class TaskReport(TypedDict):
    """A task: state, progress, config, stages."""

    task_id: str
    task_type: str
    namespace: str
    name: str
    status: "TaskStatus"
    priority: int
    submit_time: str
    start_time: NotRequired[str | None]
    end_time: NotRequired[str | None]
    message: NotRequired[str | None]
    task_config: dict[str, Any]
    progress: "ProgressReport"
    stages: list["StageReport"]
    item_error_count: NotRequired[int]
    archived: NotRequired[bool]
    """It has left the cluster."""


class TaskReports(TypedDict):
    """A page."""

    tasks: list["TaskReport"]
    next_cursor: NotRequired[str | None]
    archive: str
    """`Unavailable`: history can't be read right now, so tasks that left the cluster are missing here."""


class TaskScheduleSpec(TypedDict):
    """When, and what."""

    schedule: str
    """Five cron fields: minute, hour, day of month, month, day of week."""
    timeZone: NotRequired[str]
    """The IANA time zone that the schedule is read in."""
    suspend: NotRequired[bool]
    """Make no tasks for now. What came due meanwhile is not made up for."""
    missedRunPolicy: NotRequired[Literal['Collapse', 'Skip']]
    """What came due while nothing could be started: `Collapse` makes up for all of it with one run, `Skip` wait…"""
    startingDeadlineSeconds: NotRequired[int | None]
    """A run that could not start within this time is left out. Absent: with `Collapse` never, with `Skip` after…"""
    concurrencyPolicy: NotRequired[Literal['Queue', 'Skip', 'Replace']]
    """When the run before has not ended: `Queue` starts one when it has, `Skip` leaves this one out, `Replace`…"""
    jitterSeconds: NotRequired[int]
    """Start up to this much later, by a fixed amount for each schedule, so that many don't start in the same se…"""
    runNow: NotRequired[int]
    """Raise it to have one run at once, whatever the clock says, even while suspended. It waits for the run bef…"""
    successfulTasksHistoryLimit: NotRequired[int]
    """Tasks to keep that succeeded, wholly or in part."""
    failedTasksHistoryLimit: NotRequired[int]
    """Tasks to keep that failed or were cancelled."""
    freshness: NotRequired["Freshness | None"]
    """Watch how old the last good result is: condition `Fresh`."""
    taskTemplate: "TaskTemplate"


class TaskStage(TypedDict):
    """A stage that starts other tasks and waits for them. It holds no quota meanwhile. Its outputs are `total`,…"""

    tasks: NotRequired["list[ChildTask] | None"]
    """The tasks to start, in this order."""
    forEach: NotRequired["ForEach | None"]
    """One task for each item of a list, in its order."""
    parallelism: NotRequired[int]
    """How many of them are there at once; their own queue decides which of those run."""
    maxFailures: NotRequired[int | None]
    """How many may fail: the stage is then done in part. With one more, no further task is started, and the sta…"""


TaskStatus = Literal['queued', 'running', 'paused', 'completed', 'partially_completed', 'failed', 'cancelled', 'skipped', 'invalid']
"""Words that applications match on; none is ever renamed."""


class TaskSubmission(TypedDict):
    """A task to make."""

    namespace: NotRequired[str | None]
    """Where; absent: the caller's default."""
    name: NotRequired[str | None]
    """Its name; absent: made up."""
    labels: NotRequired[dict[str, Any]]
    """Labels of the caller's own."""
    spec: "AsyncTaskSpec"
    """What is to be done, as in the custom resource."""


class TaskTemplate(TypedDict):
    """The tasks to make."""

    metadata: NotRequired["TemplateMetadata"]
    """What they carry."""
    spec: "AsyncTaskSpec"
    """What they do."""


class TaskTypeSpec(TypedDict):
    """What tasks of this type do, and which config they take."""

    title: NotRequired["Text"]
    """What people see."""
    description: NotRequired[str]
    """What it does, in a few sentences."""
    configSchema: NotRequired[dict[str, Any]]
    """JSON Schema (2020-12) of the task's config. Defaults in it are filled in."""
    defaultPriority: NotRequired[int]
    """The priority of tasks that give none."""
    preemptible: NotRequired[bool]
    """Whether more urgent tasks may push tasks of this type out, where the queue allows it. False for work that…"""
    locations: NotRequired[list["LocationField"]]
    """Which config fields are locations on storage, and how they are used."""
    stages: list["StageTemplate"]
    """The stages."""
    retry: NotRequired["Retry"]
    """How failed attempts are tried again."""
    window: NotRequired["Window | None"]
    """The hours at which tasks of this type may run."""


class TaskVerdict(TypedDict):
    """Whether a task would be taken."""

    valid: bool
    errors: list["TaskProblem"]
    priority: NotRequired[int | None]
    """The priority that it would have."""
    config: NotRequired[dict[str, Any] | None]
    """The config that its stages would get: defaults filled in."""


class TaskWhole(TypedDict):
    """A task with all that is known of it."""

    taskId: str
    """The task's uid, its identity everywhere."""
    namespace: NotRequired[str | None]
    name: NotRequired[str | None]
    type: NotRequired[str | None]
    """Its TaskType; absent with stages of its own."""
    status: NotRequired["TaskStatus | None"]
    phase: NotRequired[str | None]
    """The state as the custom resource has it, finer than `status`."""
    priority: NotRequired[int | None]
    queue: NotRequired[str | None]
    owner: NotRequired[str | None]
    """Who submitted it."""
    submitTime: NotRequired[str | None]
    startTime: NotRequired[str | None]
    completionTime: NotRequired[str | None]
    run: NotRequired[int | None]
    stage: NotRequired[str | None]
    """The stages that run now, or where it stopped."""
    percent: NotRequired[int | None]
    message: NotRequired[str | None]
    waiting: NotRequired[str | None]
    """Why it waits, for programs."""
    schedule: NotRequired[str | None]
    """The schedule that made it."""
    itemErrorCount: NotRequired[int | None]
    archived: NotRequired[bool | None]
    """True: it has left the cluster."""
    config: NotRequired[dict[str, Any] | None]
    stages: NotRequired[list[dict[str, Any]] | None]
    progress: NotRequired["Progress | None"]
    display: NotRequired[dict[str, str] | None]
    waitingFor: NotRequired["Waiting | None"]
    conditions: NotRequired["list[Condition] | None"]
    runs: NotRequired[list[dict[str, Any]] | None]
    labels: NotRequired[dict[str, str] | None]
    spec: dict[str, Any]
    """As in the custom resource."""
    annotations: NotRequired[dict[str, str] | None]
    generation: NotRequired[int | None]
    resourceVersion: NotRequired[str | None]
    reason: NotRequired[str | None]
    """Why it was last paused, resumed, cancelled or restarted."""


class TemplateMetadata(TypedDict):
    """What the tasks carry besides their spec."""

    labels: NotRequired[dict[str, str]]
    """Labels of the tasks."""
    annotations: NotRequired[dict[str, str]]
    """Annotations of the tasks."""


class Test(TypedDict):
    """Where a test goes."""

    to: NotRequired[str | None]
    """`mail:ADDRESS` or `sms:NUMBER`; absent for channels with but one recipient."""


class Text(TypedDict):
    """A text for people, in the languages of the product."""

    en: NotRequired[str]
    """English."""
    zh: NotRequired[str]
    """Chinese."""


class Timetable(TypedDict):
    """Other limits at some hours of the week."""

    timeZone: NotRequired[str]
    """The IANA time zone, for example `Asia/Taipei`."""
    periods: list["Period"]
    """The first that is open counts."""


class Toleration(TypedDict):
    """A node taint that the pod bears."""

    key: NotRequired[str]
    """The taint's key; empty with operator Exists means all."""
    operator: NotRequired[Literal['Exists', 'Equal']]
    """How the value is compared."""
    value: NotRequired[str]
    """The taint's value."""
    effect: NotRequired[Literal['', 'NoSchedule', 'PreferNoSchedule', 'NoExecute']]
    """The effect borne; empty means all."""


class Totals(TypedDict):
    """What has become of a list so far."""

    total: "Amount"
    """All of it."""
    struck: "Amount"
    """What was struck off."""
    remaining: "Amount"
    """What would be approved now."""


class TypeChange(TypedDict):
    """A type as it shall be."""

    labels: NotRequired[dict[str, Any]]
    annotations: NotRequired[dict[str, str]]
    spec: "TaskTypeSpec"


class TypeFacet(TypedDict):
    """Items by the ending of their names."""

    items: int
    bytes: int
    struckItems: int
    struckBytes: int
    type: str


class Unread(TypedDict):
    """How many are unread."""

    unread: int
    isMore: bool
    """Whether there are more than that: they are not counted further."""


class VolumeSource(TypedDict):
    """A share that the cluster can mount."""

    claimName: str
    """The PersistentVolumeClaim, in the same namespace."""
    subPath: NotRequired[str]
    """The part of the volume that is the share; all of it when empty."""


class WaitAnswer(TypedDict):
    """Why a task does not run."""

    taskId: str
    status: "TaskStatus"
    waits: bool
    code: NotRequired[str | None]
    """Why, for programs."""
    message: NotRequired[str | None]
    """Why, in the caller's language as far as the code says it."""
    params: dict[str, Any]
    """Figures and names that belong to the code."""
    since: NotRequired[str | None]


class WaitStage(TypedDict):
    """A stage that waits for time to pass. It holds no quota."""

    delaySeconds: int
    """How long, counted from the moment the stage began."""


class Waiting(TypedDict):
    """Why the task does not run. Written once while it waits for the same thing: figures that move are those of…"""

    reason: str
    """Why, for programs."""
    message: NotRequired[str]
    """Why, for people."""
    queue: NotRequired[str]
    """The TaskQueue it waits in."""
    ahead: NotRequired[int | None]
    """Tasks of the queue that went before it when this was written."""
    resource: NotRequired[str]
    """What it waits for: a limit of the queue such as `maxRunning` or `quota.cpu`, a path that is locked, a Sto…"""
    holder: NotRequired[str]
    """The task of this namespace that holds it, where it is one."""
    since: NotRequired[str | None]
    """Since when it has waited."""
    earliestStartTime: NotRequired[str | None]
    """Before this it can't start; absent where that can't be known."""
    displacedBy: NotRequired[str]
    """What pushed it out: a task of this namespace by name, any other by its priority."""
    displacedTime: NotRequired[str | None]
    """When."""


class Weight(TypedDict):
    """One namespace's part in the queue."""

    namespace: str
    """The namespace."""
    weight: NotRequired[int]
    """With 3 it has three tasks running for each one of a namespace with 1, while both have enough waiting."""


class Window(TypedDict):
    """Hours of the week, by the clock on the wall of a time zone. It is open while any of its ranges is."""

    timeZone: NotRequired[str]
    """The IANA time zone, for example `Europe/Berlin`."""
    ranges: list["WindowRange"]
    """The hours."""
    atClose: NotRequired[Literal['Pause', 'Finish']]
    """`Pause`: what runs saves a checkpoint and stops, and goes on at the next opening. `Finish`: a run that ha…"""


class WindowRange(TypedDict):
    """Hours of some days."""

    days: NotRequired[list[Literal['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']]]
    """The days on which it opens. Empty: every day."""
    start: NotRequired[str]
    """When it opens, by the clock on the wall."""
    end: NotRequired[str]
    """When it closes. Earlier than `start`: on the next day."""


class Wish(TypedDict):
    """Which events somebody wants to be told of, and how."""

    match: NotRequired["Match"]
    """Which events."""
    channels: NotRequired[list[str]]
    """Channels by which people are reached, besides their inbox. Absent: those that are on by default, such as…"""
    language: NotRequired[Literal['en', 'zh'] | None]
    """The language; absent: the recipient's own."""
    groupSeconds: NotRequired[int]
    """What happens within this time is told in one message. 0: each at once."""
    maxPerHour: NotRequired[int]
    """Most messages an hour to one recipient and channel; what is more waits and is told together."""
    enabled: NotRequired[bool]
    """Whether it counts."""
