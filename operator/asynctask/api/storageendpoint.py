"""StorageEndpoint: a share or a remote that tasks name."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from asynctask.api.base import CONDITIONS_KEYS, Condition, Metadata, Model, ObjectName, Rule, Text, rules

NAS_PATH = r"^(/[^/\x00-\x1f]+)+$"
NO_DOTS = rules(
    Rule(rule="self.split('/').all(part, part != '.' && part != '..')", message="a path has no `.` or `..` in it"),
)
NO_CREDENTIALS = rules(
    Rule(
        rule="!self.matches('^[^/]*//[^/?#]*@')",
        message="credentials don't belong in the URL; put them into a Secret and name it in secretName",
        reason="FieldValueForbidden",
    ),
)


class VolumeSource(Model):
    """A share that the cluster can mount."""

    claim_name: ObjectName
    """The PersistentVolumeClaim, in the same namespace."""
    sub_path: Annotated[str, Field(max_length=1024, pattern=r"^([^/].*)?$", json_schema_extra=NO_DOTS)] = ""
    """The part of the volume that is the share; all of it when empty."""


class RemoteSource(Model):
    """A server that stages speak to themselves."""

    type: Literal["S3", "WebDAV", "SFTP", "SMB"]
    """The protocol."""
    url: Annotated[
        str, Field(min_length=1, max_length=2048, pattern=r"^[a-z0-9+]+://\S+$", json_schema_extra=NO_CREDENTIALS)
    ]
    """Where it is. Credentials don't belong here."""
    secret_name: ObjectName | None = None
    """The Secret with the credentials, in the same namespace; mounted into the stages that use the endpoint."""


class EndpointLimits(Model):
    """How hard the endpoint may be worked."""

    megabytes_per_second: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """For all stages together; 1 MB is 1,000,000 bytes."""


class StorageEndpointSpec(Model):
    """Where the storage is and how it may be used."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule="has(self.volume) != has(self.remote)",
                message="an endpoint is either a volume or a remote",
            ),
            Rule(rule="!has(self.volume) || has(self.path)", message="a volume needs the path that users know it by"),
        )
    )

    title: Text = Text()
    """What people see."""
    path: Annotated[str, Field(min_length=2, max_length=1024, pattern=NAS_PATH, json_schema_extra=NO_DOTS)] | None = (
        None
    )
    """The path that users know the share by, for example /nas/photos. Stages find it mounted there."""
    volume: VolumeSource | None = None
    """A share that the cluster can mount."""
    remote: RemoteSource | None = None
    """A server; named in a config as ENDPOINT:PATH."""
    read_only: bool = False
    """Refuse tasks that would write."""
    limits: EndpointLimits = EndpointLimits()
    """How hard it may be worked."""


class StorageEndpointStatus(Model):
    """What the operator makes of the endpoint."""

    conditions: Annotated[tuple[Condition, ...], Field(max_length=16, json_schema_extra=CONDITIONS_KEYS)] = ()
    """`Ready`."""


class StorageEndpoint(Model):
    """A share or a remote that tasks of the namespace may name, with its limits."""

    metadata: Metadata
    spec: StorageEndpointSpec
    status: StorageEndpointStatus = StorageEndpointStatus()
