"""`python -m asynctask.cli`, and the entry point of `asynctask` and `kubectl-asynctask`."""

import sys

from asynctask.cli.app import app
from asynctask.cli.failures import Failure


def main() -> None:
    """Run a command; a failure is a sentence and an exit code, never a traceback."""
    try:
        app(prog_name="kubectl asynctask" if sys.argv[0].endswith("kubectl-asynctask") else "asynctask")
    except Failure as failure:
        print(f"Error: {failure}", file=sys.stderr)  # noqa: T201 - this is how a command line speaks
        if failure.hint:
            print(f"  {failure.hint}", file=sys.stderr)  # noqa: T201
        sys.exit(failure.code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)


if __name__ == "__main__":
    main()
