"""What a person sees: while it runs a live line or plain lines, and findings; the door to rich."""

import itertools
import sys
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol, Self, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

TOPIC_WIDTH = 12
SILENCE_S = 10.0  # plain output says at least this often that it is alive
EVERY_S = 2.0
# of findings: sign, its plain form, and rich's style; the word stands beside it, always
MARKS = {
    "good": ("\u2713", "+", "green"),
    "warning": ("!", "!", "yellow"),
    "missing": ("\u2717", "x", "bold red"),
    "note": ("-", "-", "cyan"),
    "differs": ("\u2717", "x", "bold red"),
}


class Reporter(AbstractContextManager["Reporter"], Protocol):
    """Tells what happens; no figure that it shows goes into a record."""

    def stage(self, who: str, text: str) -> None:
        """Say what `who` is doing from now on."""

    def progress(self, done: int, total: int, rate: float | None, left_s: float | None) -> None:
        """Tell the iteration, images per second so far (None in the warm-up), seconds left."""

    def note(self, text: str, *, problem: bool = False) -> None:
        """Print what stays; a problem also where all else is quiet."""


def make_reporter(*, quiet: bool, stream: TextIO = sys.stderr) -> Reporter:
    """Choose by what the stream is."""
    if not quiet and stream.isatty():
        return LiveReporter(stream)
    return PlainReporter(stream, quiet=quiet)


def _rate(rate: float | None) -> str:
    return "warm-up" if rate is None else f"{rate:.1f} img/s"


def _left(left_s: float | None) -> str:
    return "" if left_s is None else f"{left_s:.0f} s left"


class PlainReporter:
    """Lines for logs and pipes; repeats the stage when nothing was said for a while."""

    def __init__(self, stream: TextIO, *, quiet: bool = False) -> None:
        self._stream = stream
        self._quiet = quiet
        self._started = self._said = time.monotonic()
        self._who = self._what = ""
        self._ended = False

    def __enter__(self) -> Self:
        """Start the heartbeat."""
        if not self._quiet:
            import threading  # noqa: PLC0415 - the quiet have no use for it

            threading.Thread(target=self._keep_alive, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the heartbeat."""
        self._ended = True

    def stage(self, who: str, text: str) -> None:
        """Print the stage."""
        self._who, self._what = who, text
        self._say(f"{who}: {text}")

    def progress(self, done: int, total: int, rate: float | None, left_s: float | None) -> None:
        """Print at most one line in two seconds."""
        self._what = f"iteration {done}/{total}, {_rate(rate)}"
        if time.monotonic() - self._said >= EVERY_S or done >= total:
            self._say(", ".join(x for x in (f"{self._who}: {self._what}", _left(left_s)) if x))

    def note(self, text: str, *, problem: bool = False) -> None:
        """Print the line."""
        self._say(text, always=problem)

    def _say(self, text: str, *, always: bool = False) -> None:
        self._said = time.monotonic()
        if always or not self._quiet:
            print(f"[{self._said - self._started:6.1f} s] {text}", file=self._stream, flush=True)

    def _keep_alive(self) -> None:
        while not self._ended:
            time.sleep(1.0)
            if not self._ended and self._who and time.monotonic() - self._said >= SILENCE_S:
                self._say(f"{self._who}: still {self._what}")


class LiveReporter:
    """One moving line of rich's: stage, bar, images per second so far, time left."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console  # noqa: PLC0415 - only a terminal pays for rich

        self._console = Console(file=stream)
        self._live: Progress = _progress(self._console)
        self._task = self._live.add_task("", total=None, who="", rate="", left="")
        self._who = ""

    def __enter__(self) -> Self:
        """Take the last line of the terminal."""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self._live.stop()

    def stage(self, who: str, text: str) -> None:
        """Show the stage; the bar only pulses, for its length is unknown."""
        if (who, text) != (self._who, ""):
            self._console.print(f"{who}: {text}", markup=False, highlight=False)
        self._who = who
        self._live.reset(self._task, total=None, who=who, rate=text, left="")

    def progress(self, done: int, total: int, rate: float | None, left_s: float | None) -> None:
        """Move the bar."""
        text = f"iteration {done}/{total}  {_rate(rate)}"
        self._live.update(
            self._task, completed=min(done, total), total=total, rate=text, left=_left(left_s)
        )

    def note(self, text: str, *, problem: bool = False) -> None:  # noqa: ARG002 - shown alike
        """Print above the moving line."""
        self._console.print(text, markup=False, highlight=False)


def _progress(console: object) -> "Progress":
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn  # noqa: PLC0415 - see above

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.fields[who]}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[rate]}", markup=False),
        TextColumn("{task.fields[left]}", markup=False),
        console=console,  # type: ignore[arg-type]  # typed loosely to keep rich's import late
        transient=True,
        refresh_per_second=2,  # rich's ten would take a hundredth of a core from the training
    )


def print_report(
    title: str,
    rows: Iterable[tuple[str, str, str, str, str]],
    verdict: str,
    stream: TextIO | None = None,
) -> None:
    """Print rows of (group, level, topic, text, remedy) in columns, wrapped to the terminal.

    Elsewhere it is 80 columns wide (COLUMNS says otherwise), without colour, in what characters
    the stream can take.
    """
    from rich.console import Console  # noqa: PLC0415 - only findings are printed so
    from rich.table import Table  # noqa: PLC0415 - the same
    from rich.text import Text  # noqa: PLC0415 - the same

    out = stream or sys.stdout
    console = Console(file=out, highlight=False, markup=False, emoji=False)
    signs = 0 if console.encoding.startswith("utf") else 1

    def plain(text: str) -> str:
        return text.encode(console.encoding, "backslashreplace").decode(console.encoding)

    def rule(rows: Iterable[tuple[str, str, str, str, str]]) -> Table:
        columns = Table.grid(padding=(0, 1))
        columns.add_column(width=2)
        columns.add_column(no_wrap=True)
        columns.add_column(width=max(map(len, MARKS)))
        columns.add_column(width=TOPIC_WIDTH)
        columns.add_column(overflow="fold")
        for _, level, topic, text, remedy in rows:
            style = MARKS[level][2]
            told = Text(plain(text))
            if remedy:
                told.append(f"\n-> {plain(remedy)}", style)
            columns.add_row("", MARKS[level][signs], Text(level, style), plain(topic), told)
        return columns

    with console.capture() as printed:
        console.print(Text(plain(title), "bold"))
        for group, members in itertools.groupby(rows, key=lambda row: row[0]):
            console.print(Text(group, "bold"), rule(members), sep="\n")
        console.print(Text(plain(verdict), "bold"))
    out.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())
