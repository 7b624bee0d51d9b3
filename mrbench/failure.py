"""Why a training ended without a number, read from the end of its log."""

import re

from mrbench.outcome import Status

_PREFIX = rb"^(?:\[[^\]\n]{1,40}\](?:<\w{1,9}>)?:? ?|\d{1,4}: )?"
_SIGNS: tuple[tuple[Status, re.Pattern[bytes]], ...] = (
    (
        "out_of_memory",
        re.compile(
            rb"CUDA out of memory|CUDA error: out of memory|cudaMalloc failed: out of memory|"
            rb"OutOfMemoryError|^.{0,80}ResourceExhaustedError|"
            + _PREFIX
            + rb"MemoryError\b|std::bad_alloc|"
            rb"Out of memory: Killed|oom-kill|Detected \d+ oom.kill|^Killed\s*\Z",
            re.MULTILINE,
        ),
    ),
    (
        "diverged",
        re.compile(
            _PREFIX + rb"FloatingPointError\b|Loss is NaN|Loss is nan, stopping|"
            rb"Training has diverged|total_cost: -?(?:nan|inf)",
            re.MULTILINE,
        ),
    ),
    (
        "failed",
        re.compile(
            _PREFIX + rb"(?!(?:\w+\.)*(?:CalledProcessError|ChildFailedError)\b)"
            rb"(?:\w{1,60}\.){0,9}\w{0,60}(?:Error|Exception)(?::[^\n]*)?\s*$|"
            rb"Segmentation fault|Bus error|core dumped\)|^[^\n]{0,40}: F \S*tensorflow/[^\n]*|"
            rb"^(?!slurmstepd)\S{1,99}: error: ",
            re.MULTILINE,
        ),
    ),
)
_LONGEST = 300  # characters of a line that are quoted


def diagnose(tail: bytes) -> tuple[Status, str] | None:
    """Return what ended the training and the line that says so, or None.

    Ask only where there is no number: a training may print all of this and go on. The first line
    counts, since later ones are other ranks' and the launcher's echo.
    """
    for status, sign in _SIGNS:
        found = sign.search(tail)
        if found:
            return status, _quote(tail, found)
    return None


def _quote(tail: bytes, found: re.Match[bytes]) -> str:
    start = tail.rfind(b"\n", 0, found.start() + 1) + 1
    end = tail.find(b"\n", found.end() - 1)
    line = tail[start : end if end > start else len(tail)]
    text = line[:_LONGEST].decode(errors="replace").strip()
    return "".join(char if char.isprintable() else " " for char in text)
