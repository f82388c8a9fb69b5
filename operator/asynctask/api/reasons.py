"""Why something is as it is: one list for conditions, events, logs, metrics, the API and the UI."""

from enum import StrEnum


class Reason(StrEnum):
    """PascalCase reasons. A value is never renamed once released: dashboards and scripts match on it."""

    # the task as it was written
    VALID = "Valid"
    UNKNOWN_TYPE = "UnknownType"
    INVALID_TYPE = "InvalidType"
    INVALID_CONFIG = "InvalidConfig"
    CONFIG_TOO_LARGE = "ConfigTooLarge"
    INVALID_STAGES = "InvalidStages"
    CYCLE_IN_NEEDS = "CycleInNeeds"
    CYCLE_IN_DEPENDENCIES = "CycleInDependencies"
    INVALID_LOCATION = "InvalidLocation"
    ENDPOINT_NOT_FOUND = "EndpointNotFound"
    UNKNOWN_QUEUE = "UnknownQueue"
    UNKNOWN_STAGE = "UnknownStage"
    INVALID_EXPRESSION = "InvalidExpression"
    INVALID_POD_OVERRIDE = "InvalidPodOverride"
    PROFILE_NOT_ALLOWED = "ProfileNotAllowed"

    # waiting
    QUEUED = "Queued"
    QUEUE_FULL = "QueueFull"
    QUEUE_SUSPENDED = "QueueSuspended"
    DISPLACED = "Displaced"
    CLUSTER_BUSY = "ClusterBusy"
    WAITING_FOR_KUEUE = "WaitingForKueue"
    OVERLAPPING = "Overlapping"
    NAMESPACE_LIMIT_REACHED = "NamespaceLimitReached"
    TYPE_LIMIT_REACHED = "TypeLimitReached"
    QUEUE_QUOTA_EXCEEDED = "QueueQuotaExceeded"
    REQUEST_TOO_LARGE = "RequestTooLarge"
    START_RATE_LIMITED = "StartRateLimited"
    ENDPOINT_BUSY = "EndpointBusy"
    BANDWIDTH_UNAVAILABLE = "BandwidthUnavailable"
    LOCATION_LOCKED = "LocationLocked"
    ROOM_RESERVED = "RoomReserved"
    ADMITTED = "Admitted"
    DEPENDENCY_PENDING = "DependencyPending"
    DEPENDENCY_MISSING = "DependencyMissing"
    DEPENDENCY_FAILED = "DependencyFailed"
    WAITING_FOR_APPROVAL = "WaitingForApproval"
    WAITING_FOR_TIME = "WaitingForTime"
    WAITING_FOR_TASKS = "WaitingForTasks"
    BACKING_OFF = "BackingOff"

    # running
    RUNNING = "Running"
    STARTING = "Starting"
    SUSPENDED = "Suspended"
    STOPPING = "Stopping"
    NOT_PAUSED = "NotPaused"
    CHECKPOINT_SAVED = "CheckpointSaved"
    NOT_RUNNING = "NotRunning"

    # a pod that can't start
    IMAGE_PULL_FAILED = "ImagePullFailed"
    UNSCHEDULABLE = "Unschedulable"
    CONTAINER_CONFIG_ERROR = "ContainerConfigError"
    POD_REFUSED = "PodRefused"
    POD_PENDING = "PodPending"
    QUOTA_EXCEEDED = "QuotaExceeded"
    CREATION_REFUSED = "CreationRefused"

    # a pod that doesn't end
    POD_LINGERED = "PodLingered"

    # ends
    SUCCEEDED = "Succeeded"
    PARTIALLY_SUCCEEDED = "PartiallySucceeded"
    SKIPPED = "Skipped"
    FAILED = "Failed"
    STAGE_FAILED = "StageFailed"
    CANCELLED = "Cancelled"
    REJECTED = "Rejected"
    DEADLINE_EXCEEDED = "DeadlineExceeded"
    RETRIES_EXHAUSTED = "RetriesExhausted"
    PERMANENT_ERROR = "PermanentError"
    TRANSIENT_ERROR = "TransientError"
    THROTTLED = "Throttled"
    OUT_OF_MEMORY = "OutOfMemory"
    DISK_LIMIT_EXCEEDED = "DiskLimitExceeded"
    POD_LOST = "PodLost"
    CHILD_TASK_FAILED = "ChildTaskFailed"
