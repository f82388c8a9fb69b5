"""What the generator refuses."""


class SchemaError(Exception):
    """A type that can't be, or must not be, part of a CRD; the message begins with the field's path."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or '(the kind)'} {problem}")
        self.path = path
