"""The shim's one loop: follow the job, see what ends it, end the rest, report.

Standard input, a socket: open files to keep; the order, marshalled; then `enough` or `interrupted`,
or its end, which means that mrbench is gone. Standard output: a line of JSON on the start, one on
the job's end.
"""

import _signal as signal  # without the enums of signal.py, which take 5 ms to make
import _socket  # socket.py would cost as much
import marshal  # mrbench runs the same Python; importing json takes 4 ms
import os
import select
import time

from mrbench.prepare.shim.capture import Capture, open_sink, write_all
from mrbench.prepare.shim.tree import WATCHED, Tree, adopt_orphans, descendants, oom_kills, start

ORDERS, REPORTS = 0, 1
LEFTOVERS_S = 1.0  # what outlives the main process may still end by itself
GIVE_UP_S = 30.0  # a process held by the kernel, or another user's, resists SIGKILL


def as_json(content: dict[str, object]) -> bytes:
    """Make a line of JSON; the module that does so is imported for failures only."""
    if content.get("message"):
        import json  # noqa: PLC0415 - see above

        return json.dumps(content).encode() + b"\n"
    words = (f'"{name}": {_plain(value)}' for name, value in content.items())
    return f"{{{', '.join(words)}}}\n".encode()


def _plain(value: object) -> str:
    if value is None:
        return "null"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def say(line: bytes) -> None:
    """Send mrbench a line, which it may no longer be there to read."""
    try:  # noqa: SIM105 - contextlib is not imported for this
        write_all(REPORTS, line)
    except BrokenPipeError:
        pass


def receive(size_bytes: int) -> bytes:
    """Read so many bytes of the order, and not one more."""
    content = b""
    while len(content) < size_bytes:
        more = os.read(ORDERS, size_bytes - len(content))
        if not more:
            raise EOFError
        content += more
    return content


def follow(capture: Capture, tree: Tree, wake: int, wall_s: float, stall_s: float) -> str:
    """Capture until the job ends or has to; return the reason."""
    capture.poller.register(ORDERS, select.POLLIN)
    while not capture.failure and (capture.open or not tree.gone):
        reason, due_s = next_limit(capture, tree, wall_s, stall_s)
        wait_s = min(max(due_s - time.monotonic(), 0), 60)
        for file, _ in capture.poller.poll(int(wait_s * 1000) + 1):  # +1: it rounds down
            if file == capture.source:
                capture.take()
            elif file == ORDERS:
                # At its end mrbench has died.
                return "enough" if os.read(ORDERS, 100).startswith(b"enough") else "interrupted"
            elif set(os.read(wake, 4096)) - {signal.SIGCHLD}:
                return "interrupted"
            else:
                tree.reap()
        reason, due_s = next_limit(capture, tree, wall_s, stall_s)
        if time.monotonic() >= due_s:
            return reason
    return "exited"


def next_limit(capture: Capture, tree: Tree, wall_s: float, stall_s: float) -> tuple[str, float]:
    """Return what would end the job next, and when if nothing happens before."""
    if tree.code is not None:
        return "exited", tree.ended_s + LEFTOVERS_S
    wall, stall = tree.began_s + wall_s, capture.last_s + stall_s
    return ("timed_out", wall) if wall <= stall else ("stalled", stall)


def end(capture: Capture, tree: Tree, wake: int, grace_s: float) -> None:
    """SIGTERM to all, SIGKILL to what is left after the grace period, until nothing is."""
    capture.poller.unregister(ORDERS)
    kill_at_s = time.monotonic() + grace_s
    tree.reap()
    tree.signal(signal.SIGTERM)
    while not tree.gone and time.monotonic() < kill_at_s + GIVE_UP_S:
        for file, _ in capture.poller.poll(20):
            if file == wake:
                os.read(wake, 4096)
            else:
                capture.take()  # else one that prints could not get on with its ending
        if time.monotonic() >= kill_at_s:
            tree.signal(signal.SIGKILL)
        tree.reap()


def report(path: str, reason: str, started: str, capture: Capture, tree: Tree) -> None:
    """Write exit.json, whole or not at all, and tell mrbench; of a step only tell."""
    message, remedy = capture.failure, capture.remedy
    if not tree.gone:
        message = f"processes {descendants(os.getpid())} could not be killed"
        remedy = "look at them"
    content: dict[str, object] = {
        "reason": reason,
        "code": tree.code,
        "seconds": (tree.ended_s or time.monotonic()) - tree.began_s,
        "message": message,
        "remedy": remedy,
        "oom_kills": oom_kills(tree.oom_kills),
        "started": started,
        "started_monotonic_ns": int(tree.began_s * 1e9),
        "bytes": capture.size_bytes,
        "killed": len(tree.killed),
    }
    line = as_json(content)
    if not path:
        say(line)
        return
    try:
        beside = f"{path}.{os.urandom(6).hex()}.part"
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            write_all(file, line)
            os.rename(beside, path)  # noqa: PTH104 - pathlib costs time
        except OSError:
            os.unlink(beside)  # noqa: PTH108 - the same
        os.close(file)
    except OSError:  # the disk is full
        pass
    say(line)


def take_files() -> None:
    """Take mrbench's open files (locks): they stay open here, and the job does not inherit them."""
    channel = _socket.socket(fileno=ORDERS)
    channel.recvmsg(1, 1024, _socket.MSG_CMSG_CLOEXEC)
    channel.detach()


def watch_signals() -> int:
    """Turn signals into bytes that poll() sees."""
    wake, tell_wake = os.pipe()
    os.set_blocking(tell_wake, False)
    signal.set_wakeup_fd(tell_wake, warn_on_full_buffer=False)
    for number in WATCHED:
        signal.signal(number, lambda *_: None)
    return wake


def main() -> None:
    """Carry out one order."""
    take_files()
    try:
        size = int.from_bytes(receive(4), "big")
        order = marshal.loads(receive(size))  # noqa: S302 - from mrbench alone, by its own pipe
    except EOFError:
        return  # mrbench died before it had said what to do
    try:
        wake = watch_signals()
    except OSError as exc:
        say(as_json({"failed": "limit", "errno": exc.errno}))
        return
    adopt_orphans()
    flags = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if order["appends"] else os.O_EXCL)
    try:
        log, stamps = (os.open(order[name], flags, 0o666) for name in ("log", "stamps"))
    except OSError as exc:
        say(as_json({"failed": "log", "errno": exc.errno}))
        return
    try:
        source, sink = open_sink(terminal=order["terminal"])
        began_s, started = time.monotonic(), time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        pid, failure = start(order["argv"], order["directory"], order["variables"], sink)
    except OSError as exc:  # too many open files, or processes
        say(as_json({"failed": "limit", "errno": exc.errno}))
        return
    if failure:
        step, number = failure.split()
        say(as_json({"failed": step, "errno": int(number)}))
        return
    say(b'{"pid": %d}\n' % pid)
    capture, tree = Capture(source, log, stamps), Tree(pid, began_s)
    capture.poller.register(wake, select.POLLIN)
    try:
        reason = follow(capture, tree, wake, order["wall_clock_limit_s"], order["stall_limit_s"])
    except BaseException:
        end(capture, tree, wake, 0.0)  # a fault of ours must leave nothing running either
        raise
    if not tree.gone:
        end(capture, tree, wake, order["grace_s"])
    capture.drain()
    report(order["exit"], reason, started, capture, tree)
    os._exit(0)  # the interpreter's own ending would only take time
