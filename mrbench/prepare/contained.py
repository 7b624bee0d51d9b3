"""What runs under a shim (shim/): told its order, heard, and ended with all that it started."""

import contextlib
import marshal
import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from typing import IO, Literal

import msgspec

from mrbench.model.run import Exit
from mrbench.prepare import shim_process

SHORT_OF_MEMORY = "look for a lack of memory"
WAKE_S = 0.5
PATIENCE_S = 45.0  # beyond the grace period: the shim itself gives up after 30 s
# SIGALRM: by it, one that came in a __del__ comes once more (cli/__init__.py)
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold a Ctrl-C back, whichever thread it reaches, until the block is left."""
    if threading.current_thread() is not threading.main_thread():
        yield  # no signal is handled here
        return
    held: list[int] = []
    handlers = {number: signal.getsignal(number) for number in INTERRUPTS}
    taken = {number: handler for number, handler in handlers.items() if callable(handler)}
    try:
        for number in taken:
            signal.signal(number, lambda each, _: held.append(each))
        yield
    finally:
        for number, handler in taken.items():
            signal.signal(number, handler)
        for each in held:
            signal.raise_signal(each)


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """The shim's first report: the job's first process, or which step failed, by which errno."""

    pid: int | None = None
    failed: str = ""
    errno: int = 0


class Contained:
    """A job or step under a shim, which ends all of it with mrbench."""

    def __init__(self, shim: shim_process.Shim, orders: IO[bytes]) -> None:
        self._shim, self._orders, self._reports = shim.process, orders, shim.reports
        self._main: int | None = None
        self._began_s = time.monotonic()
        self._heard = b""
        self._end: Exit | None = None

    @contextlib.contextmanager
    def carrying_out(self, order: dict[str, object], grace_s: float) -> Iterator[Start]:
        """Give the order, and hear of the start; leaving the block ends all that was started.

        Left by an exception, a signal's among them, it counts as interrupted; otherwise as enough.
        """
        try:
            # Not by argv: variables may hold secrets, and everybody can read argv.
            words = marshal.dumps(order)
            self.send(len(words).to_bytes(4, "big") + words)
            yield self.hear_start()
        except BaseException:
            self.stop("interrupted")
            raise
        finally:
            self.finish(grace_s)

    def root(self) -> int | None:
        """Return the shim's process id."""
        return self._shim.pid

    def stop(self, reason: Literal["enough", "interrupted"]) -> None:
        """Ask for the job's end; only the first reason counts."""
        self.send(reason.encode())
        self._orders.close()

    def exit(self) -> Exit:
        """Tell how the job ended; only once it has."""
        if not self.ended(0) or self._end is None:
            raise RuntimeError("exit() was asked before the job's end")
        return self._end

    def send(self, words: bytes) -> None:
        """Write to the shim, unless it has gone or was told to stop."""
        with contextlib.suppress(ConnectionError):
            while words and not self._orders.closed:
                words = words[self._orders.write(words) or 0 :]

    def hear_start(self) -> Start:
        """Wait until the command was started or has failed to."""
        while not self._hears(WAKE_S):
            pass
        line = self._reports.readline()
        start = msgspec.json.decode(line, type=Start) if line else Start(failed="shim")
        self._main = start.pid
        return start

    def finish(self, grace_s: float) -> None:
        """Ask for the job's end, and wait until nothing of it is left.

        A shim that does not end one in time, as it can, is killed; the kernel ends the job then.
        A Ctrl-C waits for that: the shim still writes down how the job ended, and who reads that
        must not come before.
        """
        until_s = time.monotonic() + grace_s + PATIENCE_S
        with uninterrupted(), self._reports:
            self.stop("enough")
            while not self.ended(WAKE_S):
                if time.monotonic() > until_s:
                    self._shim.kill()
            self._shim.wait()

    def ended(self, wait_s: float) -> bool:
        """Wait at most so long for the end; tell whether it has come."""
        if self._end is None and self._hears(wait_s):
            words = os.read(self._reports.fileno(), 1 << 16)
            self._heard += words
            # The start is said first, if an interrupt came before that was heard.
            last = self._heard.rpartition(b"\n")[0].rpartition(b"\n")[2]
            try:
                self._end = msgspec.json.decode(last, type=Exit)
            except msgspec.DecodeError:
                if not words:
                    self._end = self._lost()  # the end is the last thing that the shim says
        return self._end is not None

    def _hears(self, wait_s: float) -> bool:
        """Wait at most so long for a word of the shim's; tell whether it has come."""
        if wait_s:  # the job may have stopped the shim (SIGSTOP), which then sees no limit
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self._shim.pid, signal.SIGCONT)
        poller = select.poll()
        poller.register(self._reports, select.POLLIN)
        return bool(poller.poll(wait_s * 1000))

    def _lost(self) -> Exit:
        """Return the end of a job whose shim was killed; the kernel may have ended the job, too."""
        if self._main is not None:  # the kernel has killed it already, but not its children
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._main, signal.SIGKILL)
        message, remedy = "the process that watched the training was killed", SHORT_OF_MEMORY
        seconds = time.monotonic() - self._began_s
        return Exit(reason="exited", code=None, seconds=seconds, message=message, remedy=remedy)
