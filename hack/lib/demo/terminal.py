"""What the demo prints: phases with their times, steps, proofs, and one line that moves."""

from __future__ import annotations

import shutil
import sys
import time

QUIET_SECONDS = 5.0
"""Where the output is no terminal, a moving line is printed this often at most."""


class DemoError(RuntimeError):
    """Something went another way than shown; the text says what to do next."""


class Terminal:
    """Prints as the demo goes along, and remembers how long each phase took."""

    def __init__(self) -> None:
        self.phases: list[tuple[str, float]] = []
        self.proofs: list[str] = []
        self._began = time.monotonic()
        self._phase_began = self._began
        self._phase = ""
        self._is_terminal = sys.stdout.isatty()
        self._moving = ""
        self._moved_at = 0.0

    def phase(self, title: str) -> None:
        """Begin a phase, and end the one before."""
        self.end_phase()
        self._phase, self._phase_began = title, time.monotonic()
        self._print(f"\n== {title}")

    def end_phase(self) -> None:
        """Note how long the phase took."""
        self.settle()
        if self._phase:
            self.phases.append((self._phase, time.monotonic() - self._phase_began))
            self._phase = ""

    def say(self, text: str) -> None:
        """A line of its own."""
        self.settle()
        self._print(f"   {text}")

    def act(self, text: str) -> None:
        """Announce something that is done to the running system."""
        self.settle()
        self._print(f"\n>> {text}")

    def proven(self, text: str) -> None:
        """Something that was shown and holds."""
        self.settle()
        self.proofs.append(text)
        self._print(f"   OK  {text}")

    def moving(self, text: str) -> None:
        """The line that is drawn over again; in a log, a line now and then."""
        if text == self._moving:
            return
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1
            sys.stdout.write("\r\x1b[K" + text[:width])
            sys.stdout.flush()
            self._moving = text
        elif time.monotonic() - self._moved_at >= QUIET_SECONDS:
            self._print(text)
            self._moved_at = time.monotonic()
            self._moving = text

    def settle(self) -> None:
        """Leave the moving line as it is and go on below it."""
        if self._moving and self._is_terminal:
            sys.stdout.write("\n")
        self._moving = ""

    def times(self) -> None:
        """How long everything took."""
        self.end_phase()
        self._print("\nTook:")
        for title, seconds in self.phases:
            self._print(f"   {seconds:7.1f} s  {title}")
        self._print(f"   {time.monotonic() - self._began:7.1f} s  in all")

    @staticmethod
    def _print(text: str) -> None:
        print(text, flush=True)


def size(count: float) -> str:
    """Bytes for people, in powers of ten as disks are sold."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.2f} GB"
