"""Output for people and programs: progress of a run, findings, tables; only this room uses rich."""

import os
import sys
from typing import TextIO

from mrbench.console.plain import PlainReporter
from mrbench.model.reporter import Reporter

DUMB = ("", "dumb", "unknown")  # of TERM: cannot move its cursor


def make_reporter(*, quiet: bool, verbose: bool = False, events: TextIO | None = None) -> Reporter:
    """Choose by what stderr is; events: where JSON lines go beside it.

    verbose: plain lines, on a terminal, too: to draw below what a training prints takes time.
    """
    out = sys.stderr
    plain = PlainReporter(out, quiet=quiet, verbose=verbose)
    if events is not None:
        from mrbench.console.events import EventReporter  # noqa: PLC0415 - only --json needs it

        return EventReporter(events, plain)
    if not (quiet or verbose) and out.isatty() and os.environ.get("TERM", "") not in DUMB:
        from mrbench.console.live import LiveReporter  # noqa: PLC0415 - only a terminal pays for rich

        return LiveReporter(out)
    return plain
