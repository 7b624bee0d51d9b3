"""The cause of a failure: from its log's signs, how the training ended, and its last mark."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from mrbench.measure.failure import ends
from mrbench.measure.failure.base import Weight, quote
from mrbench.measure.failure.scan import LINE, SURVIVED_LINES, ErrorLine, find_errors
from mrbench.measure.log.blocks import Block, read_blocks
from mrbench.measure.spans import Marks
from mrbench.model.finding import Problem
from mrbench.model.measurement import Measurement
from mrbench.model.run import Exit, Failure, FailureCause, Status

BEFORE_BYTES = 1 << 16  # of the last mark: other ranks' errors may stand there
MOST_BYTES = 1 << 24  # from there; then only the log's end
TAIL_BYTES = 1 << 17
DIVERGED = "take the weights and the learning rate that the recipe states, or lower the latter"
STALLED = (
    "the quoted line is the last: look for data-loader workers that died, an evaluation, or a rank"
    " that others wait for (NCCL); raise launch.stall_limit_s if it was only slow"
)
TIMED_OUT = "raise launch.wall_clock_limit_s, or narrow the window (--window)"
LIMITS: dict[str, tuple[FailureCause, Status, str]] = {
    "stalled": ("stalled", "stalled", STALLED),
    "timed_out": ("timed_out", "timed_out", TIMED_OUT),
}
SHELLS = 128  # the exit status of a shell whose command was ended by signal N is 128 + N
SIGNALS: dict[int, tuple[FailureCause, str]] = {
    signal.SIGSEGV: ("crashed", ends.CRASH),
    signal.SIGBUS: ("crashed", ends.CRASH),
    signal.SIGILL: ("crashed", ends.CRASH),
    signal.SIGFPE: ("crashed", ends.CRASH),
    signal.SIGABRT: ("crashed", ends.CRASH),
    signal.SIGTERM: ("terminated", ends.TERMINATED),
    signal.SIGHUP: ("terminated", ends.TERMINATED),
    signal.SIGPIPE: ("broken_pipe", ends.PIPE),
    signal.SIGXFSZ: ("file_size_limit", ends.FILE_SIZE),
}
# The output before these signals explains more than the signal does.
EXPLAINED_SIGNALS = (signal.SIGABRT, signal.SIGTERM, signal.SIGHUP)
UNREAD = (
    "compare the log with the recipe's log.format or log.pattern (`mrbench parse LOG --recipe FILE`"
    " tries another), unless nothing was trained"
)
ENDED_EARLY = (
    "let it train past the window: raise the number of iterations in launch.command or in the"
    " training's configuration"
)
_GIB = {b"bytes": 2.0**-30, b"KiB": 2.0**-20, b"MiB": 2.0**-10, b"GiB": 1.0, b"TiB": 1024.0}
_SIZE = rb"(\d+(?:\.\d+)?) (bytes|KiB|MiB|GiB|TiB)"
_TOTAL = re.compile(rb"total capaci?ty of " + _SIZE + rb"|" + _SIZE + rb" total capacity")
_FREE = re.compile(_SIZE + rb" (?:is )?free")
_MINE = re.compile(rb"this process has " + _SIZE)
_RESERVED = re.compile(_SIZE + rb" reserved in total by PyTorch")
_PARTS = (  # that add up to what PyTorch holds
    re.compile(_SIZE + rb" (?:already allocated|is allocated by PyTorch)"),
    re.compile(_SIZE + rb" (?:cached|is reserved by PyTorch but unallocated)"),
)
_GPU = re.compile(rb"GPU (\d+)")
CONTEXT_GIB = 2.0  # what CUDA, cuDNN and NCCL may take of their own, unseen by PyTorch


def failure_of_run(log: Path, marks: Marks, exit_: Exit, status: Status) -> Failure | None:
    """Return why a run gave no number; None if the training did not fail.

    status: that of the measurement of the log alone. Raises MeasureError if the log is unreadable.
    """
    if status == "diverged":
        return _diverged(log, marks)
    if exit_.reason == "enough":
        return None
    errors, last = _scan_log(log, marks)
    best = errors[0] if errors else None
    if exit_.reason in ("interrupted", "out_of_memory") or exit_.message:
        return _by_message(exit_, last)
    if best and best.weight <= Weight.REPORTED and not _by_nan(best, marks):
        return _as_failure(best, exit_)
    return _diverged(log, marks) if marks.ends_nan else _by_end(exit_, status, best, last)


def failure_of_log(log: Path, marks: Marks, status: Status) -> Failure | None:
    """Return why a log has no number, from its own error lines; None without any."""
    if status == "diverged":
        return _diverged(log, marks)
    if status not in ("no_iterations", "incomplete_window"):
        return None
    errors, _ = _scan_log(log, marks)
    survived = all(each.later_lines >= SURVIVED_LINES or each.at < marks.last for each in errors)
    best = errors[0] if errors and not survived else None
    if marks.ends_nan and (best is None or best.weight > Weight.REPORTED or _by_nan(best, marks)):
        return _diverged(log, marks)
    return _as_failure(best, None) if best else None


def shortfall(measurement: Measurement) -> str:
    """Return what the log lacks for a number, without the advice meant for a healthy training."""
    return measurement.reason if measurement.remedy else ""


def explain(failure: Failure, end: str) -> Problem:
    """Return the failure in words: cause, quoted line, what is known besides; what to do.

    The cause is left out where the status says the same. end: how the training ended, or nothing.
    """
    rank = "" if failure.rank is None else f"rank {failure.rank}"
    details = ", ".join(text for text in (rank, failure.detail, end) if text)
    message = failure.line or "it printed nothing"
    if failure.cause != failure.status:
        last = ", last line" if failure.cause == "unread_log" and failure.line else ""
        message = f"{failure.cause.replace('_', ' ')}{last}: {message}"
    return Problem(f"{message} ({details})" if details else message, failure.remedy)


def _by_nan(best: ErrorLine, marks: Marks) -> bool:
    """Return whether a loss that is not finite led to the error."""
    return marks.ends_nan and best.sign.cause in ("exception", "assertion")


def _by_message(exit_: Exit, last: str) -> Failure:
    """Explain by the executor's message (what it could not do, who ended it) or an interrupt."""
    text, remedy = exit_.message, exit_.remedy
    if exit_.reason == "interrupted":
        return _failure("interrupted", "interrupted", text or last, remedy or ends.AGAIN)
    if exit_.reason == "out_of_memory":
        return _failure("host_out_of_memory", "out_of_memory", text or last, remedy or ends.KILLED)
    if exit_.reason in LIMITS:
        cause, how, usual = LIMITS[exit_.reason]
        return _failure(cause, how, text or last, remedy or usual)
    errors = find_errors([(0, exit_.message.encode())], Marks())
    cause = "killed" if exit_.code is None else "unknown"
    if errors:
        cause = errors[0].sign.cause
    return _failure(cause, "failed", text, remedy or ends.LOOK)


def _by_end(exit_: Exit, status: Status, best: ErrorLine | None, last: str) -> Failure | None:
    """Explain by how the training ended; its log has no error of its own."""
    if exit_.reason in LIMITS:
        cause, how, remedy = LIMITS[exit_.reason]
        return _failure(cause, how, last, remedy)
    if exit_.code:
        return _by_code(exit_, best, last)
    if status == "no_iterations":
        return _failure("unread_log", status, last, UNREAD)
    if status == "incomplete_window":
        return _failure("ended_early", status, last, ENDED_EARLY)
    return None


def _by_code(exit_: Exit, best: ErrorLine | None, last: str) -> Failure:
    """Explain by the exit status, and by the consequences and echoes in the log."""
    code = exit_.code or 0
    number = -code if code < 0 else max(0, code - SHELLS)
    if number == signal.SIGKILL:
        return _killed(_failure("killed", "failed", last, ends.KILLED), exit_)
    if number in SIGNALS and not (best and number in EXPLAINED_SIGNALS):
        cause, remedy = SIGNALS[number]
        return _failure(cause, "failed", last, remedy)
    return _as_failure(best, exit_) if best else _failure("unknown", "failed", last, ends.LOOK)


def _as_failure(error: ErrorLine, exit_: Exit | None) -> Failure:
    sign = error.sign
    failure = Failure(
        cause=sign.cause,
        status=sign.status,
        line=quote(error.line),
        remedy=sign.remedy,
        rank=error.rank,
    )
    if sign.cause == "gpu_out_of_memory" and (held := _held_by_others(error.line)):
        return replace(failure, detail=held[0], remedy=held[1])
    return _killed(failure, exit_) if sign.remedy == ends.KILLED else failure


def _held_by_others(line: bytes) -> tuple[str, str] | None:
    """Return what other processes held of the GPU, and the remedy; None if little or unknown.

    Only PyTorch prints total, free and its own memory. The rest belongs to others or to CUDA.
    """
    total, free, mine = _gib(_TOTAL, line), _gib(_FREE, line), _own_gib(line)
    if total is None or free is None or mine is None:
        return None
    others = total - free - mine
    if others < max(CONTEXT_GIB, total / 8):
        return None
    gpu = _GPU.search(line)
    name = f"GPU {gpu[1].decode()}" if gpu else "the GPU"
    detail = f"other processes held about {others:.1f} of {total:.1f} GiB of {name}"
    return detail, (
        f"end the other processes on {name} (nvidia-smi lists them), or choose other GPUs with"
        " CUDA_VISIBLE_DEVICES"
    )


def _own_gib(line: bytes) -> float | None:
    total = _gib(_MINE, line)
    total = _gib(_RESERVED, line) if total is None else total
    if total is not None:
        return total
    parts = [_gib(each, line) for each in _PARTS]
    return None if parts[0] is None else sum(part or 0.0 for part in parts)


def _gib(pattern: re.Pattern[bytes], line: bytes) -> float | None:
    size = pattern.search(line)
    if size is None:
        return None
    number, unit = [group for group in size.groups() if group is not None]
    return float(number) * _GIB[unit]


def _killed(failure: Failure, exit_: Exit | None) -> Failure:
    """Add whether the kernel killed a process for lack of memory, if that is known."""
    if exit_ is None or exit_.oom_kills is None:
        return replace(failure, detail="whether for lack of memory is not known")
    if not exit_.oom_kills:
        detail = "no process of this machine was killed for lack of memory"
        return replace(failure, cause="killed", status="failed", remedy=ends.STOPPED, detail=detail)
    return replace(
        failure,
        cause="host_out_of_memory",
        status="out_of_memory",
        detail=f"the kernel killed {exit_.oom_kills} of this machine's processes meanwhile for lack"
        " of memory",
    )


def _failure(cause: FailureCause, status: Status, line: str, remedy: str) -> Failure:
    return Failure(cause=cause, status=status, line=line, remedy=remedy)


def _diverged(log: Path, marks: Marks) -> Failure:
    line = "" if marks.nan_at is None else _line_at(log, marks.nan_at)
    return _failure("diverged", "diverged", line, DIVERGED)


def _line_at(log: Path, end: int) -> str:
    """Return the line whose text ends at an offset."""
    for offset, block in read_blocks(log):
        if offset + len(block) >= end:
            return quote(_last_line(block[: end - offset]))
    return ""


def _scan_log(log: Path, marks: Marks) -> tuple[list[ErrorLine], str]:
    """Return the signs from shortly before the last mark on, and the log's last line."""
    last = b""
    since = max(0, marks.last - BEFORE_BYTES)

    def behind() -> Iterator[Block]:
        nonlocal last
        passed, tail = 0, b""
        for offset, block in read_blocks(log):
            last = _last_line(block) or last
            cut = max(0, since - offset)
            part = block[cut:]
            if passed < MOST_BYTES:
                yield offset + cut, part
            else:
                tail = (tail + part)[-TAIL_BYTES:]
            passed += len(part)
        yield since + passed - len(tail), tail

    errors = find_errors(behind(), marks)
    return errors, quote(last)


def _last_line(block: bytes) -> bytes:
    lines = LINE.findall(block[-TAIL_BYTES:])
    return next((line for line in reversed(lines) if line.strip()), b"")
