"""Patterns that recipes bring: what they must have, and how long they may take.

`(a+)+$` takes a century over a line. Python's `re` cannot be given a limit, but it looks for
signals while it matches. The timer counts the seconds that this process computes, not those that
pass: a busy machine is no reason to fail. Signals reach the main thread only; patterns in others
run without a limit.
"""

import re
import signal
import threading
from collections.abc import Callable, Collection
from types import FrameType
from typing import TypeVar

from mrbench.errors import MeasureError, RecipeError

MOST_S = 5.0  # for a MiB of a log; a plain pattern needs 0.1
T = TypeVar("T")


class _TooLong(Exception):  # noqa: N818 - it never leaves this module
    """The timer has run out."""


def compiled(pattern: str, groups: Collection[str] = (), *, key: str) -> re.Pattern[bytes]:
    """Return a recipe's pattern; RecipeError, with its key, if it is none or lacks such a group."""
    try:
        expression = re.compile(pattern.encode(), re.MULTILINE)
    except (re.error, UnicodeEncodeError, OverflowError, RecursionError) as exc:
        text = f"is not a valid regular expression: {exc}"
        raise RecipeError(text, "correct it", key=key) from exc
    missing = sorted(set(groups) - set(expression.groupindex))
    if missing:
        remedy = f"add it, as (?P<{missing[0]}>...)"
        raise RecipeError(f"lacks the group {missing[0]}", remedy, key=key)
    return expression


def matches(
    expression: re.Pattern[bytes], text: bytes, start: int = 0, *, key: str
) -> list[re.Match[bytes]]:
    """Return all matches of a recipe's pattern. Raises MeasureError where that takes too long.

    key: of the recipe, which has the pattern.
    """
    return within(lambda: list(expression.finditer(text, start)), key=key)


def within(call: Callable[[], T], *, key: str) -> T:
    """Return what a call returns that matches a recipe's pattern. Raises MeasureError likewise."""
    if threading.current_thread() is not threading.main_thread():
        return call()
    before = signal.signal(signal.SIGVTALRM, _ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, MOST_S)
    try:
        return call()
    except _TooLong:
        text = f"the pattern takes more than {MOST_S:g} s over a part of the log"
        remedy = "repeat nothing that is repeated itself, as in (a+)+, and begin with a fixed word"
        raise MeasureError(text, remedy, key=key) from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _ring(_number: int, _frame: FrameType | None) -> None:
    raise _TooLong
