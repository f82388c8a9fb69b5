"""What a restart of the process would mend. An API server that is away is none of it: a restart would only add load."""

from dataclasses import dataclass

MAX_WATCH_SILENCE_SECONDS = 240.0
MAX_ECHO_SECONDS = 150.0
MAX_MISSED_LISTINGS = 3


@dataclass(frozen=True, slots=True)
class Signs:
    """How the process is doing; all in seconds."""

    reached: float
    """For how long the API server has been answering without a break; 0 while it is not."""
    oldest_key: float
    """For how long a task has waited to be looked at, or has been looked at."""
    watch_silence: float
    """Since the most silent watch was heard."""
    overdue: str = ""
    """A kind whose watch has not brought what was written MAX_ECHO_SECONDS ago."""
    listed_ago: float = 0.0
    """Since everything was listed; 0 if that is not this replica's work."""


def ailment(signs: Signs, *, stuck_key: float, resync: float) -> str:
    """What is wrong; empty when nothing is. Silence counts from when the API server was there again to break it."""
    if min(signs.oldest_key, signs.reached) > stuck_key:
        return "a task has waited too long to be looked at"
    silence = min(signs.watch_silence, signs.reached)
    if silence > MAX_WATCH_SILENCE_SECONDS:
        return f"a watch has been silent for {silence:.0f} s while the API server answers"
    if signs.overdue and signs.reached > MAX_ECHO_SECONDS:
        return f"the watch of {signs.overdue} does not bring what was written"
    if min(signs.listed_ago, signs.reached) > MAX_MISSED_LISTINGS * resync:
        return "nothing could be listed for a long time while the API server answers"
    return ""
