"""Window: the hours at which work may be done."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from asynctask.api.base import SET_KEYS, Model, Rule, rules

Weekday = Literal["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
WallTime = Annotated[str, Field(min_length=5, max_length=5, pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
ZoneName = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$")]


class WindowRange(Model):
    """Hours of some days."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule="self.start != self.end",
                message="start and end are the same; leave both out for the whole day",
                field_path=".end",
            ),
            Rule(rule="self.start != '24:00'", message="a day ends at 24:00; it begins at 00:00", field_path=".start"),
        )
    )

    days: Annotated[tuple[Weekday, ...], Field(max_length=7, json_schema_extra=SET_KEYS)] = ()
    """The days on which it opens. Empty: every day."""
    start: WallTime = "00:00"
    """When it opens, by the clock on the wall."""
    end: WallTime = "24:00"
    """When it closes. Earlier than `start`: on the next day."""


class Window(Model):
    """Hours of the week, by the clock on the wall of a time zone. It is open while any of its ranges is."""

    time_zone: ZoneName = "UTC"
    """The IANA time zone, for example `Europe/Berlin`."""
    ranges: Annotated[tuple[WindowRange, ...], Field(min_length=1, max_length=32)]
    """The hours."""
    at_close: Literal["Pause", "Finish"] = "Pause"
    """`Pause`: what runs saves a checkpoint and stops, and goes on at the next opening. `Finish`: a run that has begun goes on to its end."""
