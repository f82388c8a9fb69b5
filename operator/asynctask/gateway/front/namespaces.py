"""Which namespace is meant when none is given."""

from asynctask.gateway.front.calls import Call


def default(call: Call) -> str:
    """That of the caller's API key, if it is for a single one; else the gateway's own default."""
    own = call.caller.scope.namespaces
    return next(iter(own)) if own is not None and len(own) == 1 else call.desk.settings.api_default_namespace
