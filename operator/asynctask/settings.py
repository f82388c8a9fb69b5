"""Settings of operator and gateway, read once at start from the environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClusterSettings(BaseSettings):
    """How to reach the API server, and which namespaces to serve."""

    model_config = SettingsConfigDict(env_prefix="ASYNCTASK_", use_attribute_docstrings=True)

    namespace: str = "asynctask-system"
    """The namespace that operator and gateway live in."""
    watch_namespaces: tuple[str, ...] = ()
    """Namespaces served, as a JSON list; all when empty."""
    log_format: str = "json"
    """`json` or `console`."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""
    request_timeout_seconds: float = Field(default=30, gt=0)
    """A request to the API server fails after this time."""


class OperatorSettings(ClusterSettings):
    """The operator's own."""

    identity: str = ""
    """This replica's name in the Lease; the host's name when empty."""
    lease_name: str = "asynctask-operator"
    """The Lease that the replicas compete for."""
    lease_duration_seconds: float = Field(default=15, gt=1)
    """A leader that has not renewed for this long may be replaced."""
    lease_renew_seconds: float = Field(default=4, gt=0)
    """How often the leader renews."""
    leader_election: bool = True
    """Whether replicas compete for the Lease; without it this must be the only one."""
    metrics_port: int = Field(default=9090, ge=0, le=65535)
    """Port of /metrics, /healthz and /readyz."""
    workers: int = Field(default=64, ge=1, le=256)
    """Tasks reconciled at once."""
    writes_per_second: float = Field(default=500, gt=0)
    """Most writes to the API server per second; slowed down by itself when the server says 429."""
    display_delay_seconds: float = Field(default=1.0, ge=0)
    """A status change that only informs waits this long for company, so that short tasks cost fewer writes."""
    progress_period_seconds: float = Field(default=5.0, gt=0)
    """A task's progress is written at most this often."""
    queued_display_delay_seconds: float = Field(default=3.0, ge=0)
    """A task that waits, in its queue or for its pod to begin, says so after this time."""
    resync_seconds: float = Field(default=300, gt=0)
    """How often everything is listed anew, to repair what a watch may lose."""
    stuck_pod_seconds: float = Field(default=600, gt=0)
    """A pod that can't start (image, configuration, no node) fails its stage after this time."""
    lingering_pod_seconds: float = Field(default=30, gt=0)
    """A pod that has reported its end is stopped this long after its grace period."""
    replacement_seconds: float = Field(default=30, gt=0)
    """When a pod that the cluster took has not been replaced for this long, another attempt begins."""
    stuck_key_seconds: float = Field(default=120, gt=0)
    """A task that waits longer than this to be looked at makes the liveness probe fail."""
    archive_required: bool = False
    """Whether a task whose time to live is over stays until the gateway has archived it."""
    gateway_url: str = ""
    """The gateway's base URL as stage pods reach it; empty: stages work without one."""
    stage_service_account: str = "default"
    """The service account of stage pods. It needs no rights."""


class GatewaySettings(ClusterSettings):
    """The gateway's own."""

    port: int = Field(default=8080, ge=0, le=65535)
    """Port of the stage API."""
    metrics_port: int = Field(default=9091, ge=0, le=65535)
    """Port of /metrics, /healthz and /readyz."""
    progress_period_seconds: float = Field(default=5.0, gt=0)
    """A stage's progress is written to its Stage at most this often."""
    artifacts_directory: str = "/var/lib/asynctask/artifacts"
    """Where artifacts are kept."""
    artifact_max_bytes: int = Field(default=1 << 30, gt=0)
    """The largest artifact."""
    archive_url: str = ""
    """The SQL database of history, such as `sqlite:////data/archive.db`, `postgresql://…`, `mysql://…`; empty: none."""
    log_max_bytes: int = Field(default=64 << 20, ge=1 << 20)
    """Of an attempt's log so much is kept, before compression: its beginning and its end. Kept beside the artifacts."""
    api_port: int = Field(default=8088, ge=0, le=65535)
    """Port of the API for people and programs."""
    api_development: bool = False
    """Serve that API on the loopback interface alone, to callers who need not sign in. Never for others."""
    api_accept_cluster_tokens: bool = False
    """Take the API server's own tokens too, not only those of the audience `asynctask-api`."""
    locations_directory: str = "/var/lib/asynctask/locations"
    """Where shares are mounted for the API to look at, read-only, each at `NAMESPACE/ENDPOINT`."""
    api_default_namespace: str = "default"
    """Where tasks go whose submitter names no namespace and has no API key for a single one."""
    archive_retention_days: int = Field(default=365, ge=0)
    """Tasks that left the cluster longer ago than this go from the archive, with all that is kept of them; 0: never."""
    audit_retention_days: int = Field(default=730, ge=0)
    """The same of the audit."""
    identity: str = ""
    """This replica's name in the Lease; made from the host's name when empty."""
    lease_name: str = "asynctask-gateway"
    """The Lease that replicas compete for: who holds it archives, prunes and notifies."""
    lease_duration_seconds: float = Field(default=15, gt=1)
    """A leader that has not renewed for this long may be replaced."""
    lease_renew_seconds: float = Field(default=4, gt=0)
    """How often the leader renews."""
    api_external_url: str = ""
    """Where browsers reach that API, such as `https://tasks.example.com`: for signing in, and to tell own pages."""
    api_trusted_proxies: tuple[str, ...] = ()
    """Networks of proxies whose X-Forwarded-For is believed, as a JSON list."""
    api_calls_per_second: float = Field(default=300, gt=0)
    """Calls of one caller per second over time; twice as many at once."""
    journal_directory: str = "/var/lib/asynctask/journal"
    """Where audit records wait while the archive is away."""
    oidc_issuer: str = ""
    """Issuer of an OpenID Connect provider whose tokens are taken; empty: none."""
    oidc_client_id: str = ""
    """Our name with the provider; tokens must be meant for it."""
    oidc_client_secret_file: str = ""
    """File with our secret for signing in; empty for a public client."""
    oidc_audience: str = ""
    """Audience that tokens must have, where it is not the client's name."""
    oidc_scopes: tuple[str, ...] = ("openid", "profile", "email")
    """Scopes asked for when signing in, as a JSON list."""
    oidc_username_claim: str = "sub"
    """Claim with the user's name; `email` counts only when verified."""
    oidc_username_prefix: str = "oidc:"
    """Put before user names, so that they can't be mistaken for others; RBAC names them so."""
    oidc_groups_claim: str = "groups"
    """Claim with the user's groups."""
    oidc_groups_prefix: str = "oidc:"
    """Put before groups."""
    oidc_ca_file: str = ""
    """Certificates to trust the provider by; the system's when empty."""
    notifications_file: str = ""
    """The file that names the channels of notifications; without one people are told in their inbox alone."""
