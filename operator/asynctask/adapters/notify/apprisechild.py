"""`python -m asynctask.adapters.notify.apprisechild`: sends one message.

It reads the message from standard input and writes how it went to standard output.
"""

import json
import logging
import re
import sys


class LastStatus(logging.Handler):
    """Remembers the HTTP status that a plugin warned of. Nothing else of what it says: there may be secrets in it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.status: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Look at one record."""
        if found := re.search(r"error=(\d{3})\b", record.getMessage()):
            self.status = int(found[1])


def main() -> None:
    """One message."""
    request = json.load(sys.stdin)
    import apprise

    last = LastStatus()
    logger = logging.getLogger("apprise")
    logger.addHandler(last)
    logger.propagate = False
    asset = apprise.AppriseAsset(secure_logging=True, async_mode=False, plugin_paths=[])
    service = apprise.Apprise.instantiate(request["url"], asset=asset, suppress_exceptions=True)
    if service is None:
        result = "invalid"
    else:
        taken = service.notify(body=request["body"], title=request["title"], notify_type=request["type"])
        result = "sent" if taken else "failed"
    json.dump({"result": result, "status": last.status}, sys.stdout)


if __name__ == "__main__":
    main()
