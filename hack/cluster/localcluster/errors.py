"""The one exception of this package."""


class ClusterError(RuntimeError):
    """Something a person has to act on; the text says what to do next."""
