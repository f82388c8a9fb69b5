"""What a command says when it can't do as asked."""

NOT_FOUND, REFUSED, NO_SERVER, USAGE = 4, 5, 6, 2
TASK_FAILED, TASK_PARTIAL = 1, 3
"""Exit codes. 1 and 3 are of tasks that were waited for; 3 is what a stage says of work done in part too."""


class Failure(Exception):
    """A sentence for people, and what to do next."""

    def __init__(self, message: str, hint: str = "", code: int = 1) -> None:
        super().__init__(message)
        self.hint = hint
        self.code = code
