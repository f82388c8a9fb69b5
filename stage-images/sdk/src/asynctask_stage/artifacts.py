"""Streamed bulk data of a task's run: review lists, manifests, logs; shared by all its stages."""

import errno
import hashlib
import http.client
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO, Protocol, TypeVar

from asynctask_stage.clients import Backoff, Body, GatewayAway, GatewayClient, Invalid, NotThere, Refused
from asynctask_stage.errors import ErrorClass, PermanentError, Superseded, ThrottledError, TransientError
from asynctask_stage.stops import StopFlag

Source = bytes | Path | IO[bytes] | Iterable[bytes]
T = TypeVar("T")

TRIES = 5
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_BLOCK = 1024 * 1024


class Artifacts(Protocol):
    """What ``stage.artifacts`` can do. ``name`` holds letters, digits, ``.``, ``_`` and ``-``, at most 100."""

    def put(self, name: str, source: Source) -> None:
        """Store ``source`` whole or not at all. A stream that can't seek is tried only once."""

    def open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Read as a binary stream; ``FileNotFoundError`` when there is none of that name."""

    def get(self, name: str, path: Path, *, digest: str = "") -> None:
        """Fetch into the file ``path``, which appears only when it is complete.

        With a ``digest`` (``sha256:`` and hexadecimal digits, as an approval's outputs have it) only when the bytes are
        the ones it was made of; else ``PermanentError``.
        """


class GatewayArtifacts:
    """Artifacts at the gateway. When it stays away the errors are ``TransientError`` or ``ThrottledError``."""

    def __init__(self, client: GatewayClient | None, stop: StopFlag, *, first_pause: float = 1.0) -> None:
        self._client = client
        self._stop = stop
        self._first_pause = first_pause

    def put(self, name: str, source: Source) -> None:
        """See ``Artifacts.put``."""
        client = self._checked(name)
        if isinstance(source, Path):
            with source.open("rb") as file:
                self.put(name, file)
            return
        make_body, length, once = _body_of(source)
        self._try(lambda: client.put_artifact(name, make_body, length=length, once=once), tries=1 if once else TRIES)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """See ``Artifacts.open``. What breaks while the stream is read is the reader's to handle."""
        client = self._checked(name)
        with ExitStack() as stack:
            yield self._try(lambda: stack.enter_context(client.get_artifact(name)))

    def get(self, name: str, path: Path, *, digest: str = "") -> None:
        """See ``Artifacts.get``."""
        client = self._checked(name)
        temporary = path.with_name(f".{path.name}.part")

        def fetch() -> None:
            with client.get_artifact(name) as stream, temporary.open("wb") as file:
                try:
                    shutil.copyfileobj(stream, file, _BLOCK)
                except (http.client.HTTPException, ConnectionError, TimeoutError) as error:
                    raise GatewayAway(f"lost the gateway: {error!r}") from error
                file.flush()
                os.fsync(file.fileno())

        try:
            self._try(fetch)
            if digest:
                with temporary.open("rb") as file:
                    check_digest(name, digest, hashlib.file_digest(file, "sha256").hexdigest())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)

    def _checked(self, name: str) -> GatewayClient:
        if not _NAME.fullmatch(name) or name in (".", ".."):
            raise ValueError(f"not a name of an artifact: {name!r}")
        if self._client is None:
            raise PermanentError("artifacts need a gateway", reason="NoGateway")
        return self._client

    def _try(self, call: Callable[[], T], *, tries: int = TRIES) -> T:
        backoff = Backoff(self._first_pause, 15.0)
        for left in reversed(range(tries)):
            self._stop.check()
            try:
                return call()
            except NotThere as error:
                raise FileNotFoundError(errno.ENOENT, str(error)) from error
            except GatewayAway as error:
                if not left:
                    kind = ThrottledError if error.error_class is ErrorClass.THROTTLED else TransientError
                    raise kind(str(error), reason="GatewayAway") from error
                self._stop.wait(backoff.pause(error))
            except Refused as error:
                self._stop.set(str(error), superseded=True)
                raise Superseded(str(error)) from error
            except Invalid as error:
                raise PermanentError(str(error), reason="InvalidArtifact") from error
        raise AssertionError("no tries")


def check_digest(name: str, wanted: str, found: str) -> None:
    """Raise ``PermanentError`` unless an artifact is the very one that was meant."""
    if wanted != f"sha256:{found}":
        raise PermanentError(f"artifact {name} is not the one that was approved", reason="DigestMismatch")


def _body_of(source: bytes | IO[bytes] | Iterable[bytes]) -> tuple[Callable[[], Body], int | None, bool]:
    """How to make the body (anew, for each try), its length where it is known, and whether it can be made only once."""
    if isinstance(source, bytes):
        return lambda: source, len(source), False
    if not hasattr(source, "read"):
        return lambda: source, None, True
    stream: IO[bytes] = source  # type: ignore[assignment]
    if not stream.seekable():
        return lambda: _blocks(stream), None, True
    start = stream.tell()
    length = stream.seek(0, os.SEEK_END) - start

    def again() -> Body:
        stream.seek(start)
        return _blocks(stream)

    return again, length, False


def _blocks(stream: IO[bytes]) -> Iterator[bytes]:
    while block := stream.read(_BLOCK):
        yield block
