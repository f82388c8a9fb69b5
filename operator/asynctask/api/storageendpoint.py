"""StorageEndpoint: a share or a remote that tasks name."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from asynctask.api.base import CONDITIONS_KEYS, Condition, Metadata, Model, ObjectName, Rule, Text, rules
from asynctask.api.window import WindowRange, ZoneName

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


Megabytes = Annotated[int, Field(ge=1, le=1_000_000)]
Streams = Annotated[int, Field(ge=0, le=10_000)]


class Period(WindowRange):
    """Hours of some days with limits of their own."""

    megabytes_per_second: Megabytes | None = None
    """For all stages together in these hours. Absent: as at all other times."""
    streams: Streams | None = None
    """Tasks that may use it at once in these hours. Absent: as at all other times."""


class Timetable(Model):
    """Other limits at some hours of the week."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule="self.periods.all(period, has(period.megabytesPerSecond) || has(period.streams))",
                message="each period says megabytesPerSecond or streams or both",
                field_path=".periods",
            ),
        )
    )

    time_zone: ZoneName = "UTC"
    """The IANA time zone, for example `Asia/Taipei`."""
    periods: Annotated[tuple[Period, ...], Field(min_length=1, max_length=32)]
    """The first that is open counts."""


class EndpointLimits(Model):
    """How hard the endpoint may be worked. What is absent limits nothing. Changes hold within seconds, for what runs too."""

    megabytes_per_second: Megabytes | None = None
    """For all stages together, shared by priority; 1 MB is 1,000,000 bytes."""
    streams: Streams | None = None
    """Tasks that may use it at once; others wait in their queue. 0 lets none begin."""
    timetable: Timetable | None = None
    """Other limits at some hours of the week."""


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
