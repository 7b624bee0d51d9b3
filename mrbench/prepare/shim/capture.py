"""The job's output: the pipe or terminal it comes through, the log, and the arrival times."""

import errno
import fcntl
import os
import select
import time

CHUNK_BYTES = 1 << 20
ROWS, COLUMNS = 50, 250  # progress bars print next to nothing on a terminal of size 0


class Capture:
    """The job's output on its way into the log and the stamps."""

    def __init__(self, source: int, log: int, stamps: int) -> None:
        self.source, self.log, self.stamps = source, log, stamps
        self.size_bytes = os.fstat(log).st_size  # a step's log may have others' output already
        self.last_s = time.monotonic()
        self.poller = select.poll()
        self.poller.register(source, select.POLLIN)
        self.open = True
        self.failure = self.remedy = ""

    def take(self) -> None:
        """Read what is there, note when, write both down; once writing failed, only read."""
        try:
            chunk = os.read(self.source, CHUNK_BYTES)
        except OSError as exc:
            if exc.errno != errno.EIO:  # EIO: nobody has the terminal open any more
                raise
            chunk = b""
        arrived_ns = time.monotonic_ns()
        if not chunk:
            self.open = False
            self.poller.unregister(self.source)
        elif not self.failure:
            self.last_s = arrived_ns / 1e9
            end = self.size_bytes + len(chunk)
            try:
                write_all(self.log, chunk)
                write_all(self.stamps, b"%d %d\n" % (arrived_ns, end))
                self.size_bytes = end
            except OSError as exc:
                os.ftruncate(self.log, self.size_bytes)  # no byte without its time
                self.failure = f"the output could not be written ({exc.strerror})"
                self.remedy = "make room"

    def drain(self) -> None:
        """Take what the dead left; a bounded amount, for strangers may hold the pipe too."""
        for _ in range(1000):
            if not (self.open and any(file == self.source for file, _ in self.poller.poll(0))):
                return
            self.take()


def write_all(file: int, content: bytes) -> None:
    """Write all of it; a single write may take less."""
    while content:
        content = content[os.write(file, content) :]


def open_sink(*, terminal: bool) -> tuple[int, int]:
    """Return both ends of a large pipe, or of a terminal that leaves bytes as they are."""
    if not terminal:
        source, sink = os.pipe()
        try:  # noqa: SIM105 - as above
            fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, CHUNK_BYTES)
        except OSError:  # the user's share of pipe memory is used up; the usual size will do
            pass
        return source, sink
    import termios  # noqa: PLC0415 - few jobs want a terminal

    source, sink = os.openpty()
    termios.tcsetwinsize(sink, (ROWS, COLUMNS))
    modes = termios.tcgetattr(sink)
    modes[1] &= ~termios.OPOST  # no \r before each \n
    termios.tcsetattr(sink, termios.TCSANOW, modes)
    return source, sink
