"""The live view: a few lines at the bottom of a terminal, drawn anew once a second.

A thread draws, so that nobody who follows a log waits for the terminal. Where the terminal was
made so small that lines may have been wrapped, nobody can know where they stand: the last messages
and the lines are written from the top of the screen again.
"""

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TextIO

from rich.console import Console
from rich.text import Text

from mrbench.console.meters import ASCII, UTF8, Gauge, Signs, bar, gpu_lines, read_gauges
from mrbench.console.plain import Figures, duration, figures, place_of
from mrbench.model.record import RunRecord
from mrbench.model.reporter import RunProgress, RunStart
from mrbench.text import without_secrets

LONGEST_BAR = 40
LEAST_BAR = 6
SILENCE_S = 5.0  # then the time left was wrong
TWO = 2  # rows: head and figures, without bar; with fewer, one line says it all
LOOK_S = 0.25  # how soon another stage or another size is seen
CLOCK_S = 1.0  # how soon figures are: drawing costs time that a training on CPUs could have
UP, TOP, ERASE, ERASE_LINE = "\x1b[{}A", "\x1b[H", "\x1b[J", "\x1b[K"
KEPT_MESSAGES = 200


@dataclass(kw_only=True)
class State:
    """What is known now; since_s: seconds since the stage began, or since `progress` arrived."""

    who: str = ""
    stage: str = ""
    start: RunStart | None = None
    progress: RunProgress | None = None
    gauges: Sequence[Gauge] = ()
    since_s: float = 0.0
    beat: int = 0


def compose(state: State, columns: int, rows: int, signs: Signs) -> list[Text]:
    """Return at most `rows` lines, none wider than `columns` cells; none without a subject."""
    if not state.who:
        return []
    progress = state.progress  # looked at once: another thread sets it
    texts = _figures(progress, state.since_s) if progress else None
    short = (texts.iteration, texts.rate, texts.left) if texts else _stage(state, signs)
    if rows < TWO:
        return [_fit([state.who, short[0].removeprefix("iteration "), *short[1:]], columns)]
    lines = [_fit(_head(state), columns, style="bold")]
    if progress is None or texts is None or rows == TWO:
        lines.append(_fit(short, columns))
    else:
        lines.append(_progress(progress, texts, columns, signs))
        lines.append(_fit([texts.rate, texts.loss, texts.data], columns))
    return lines + gpu_lines(state.gauges, columns, rows - len(lines), signs)


def _head(state: State) -> list[str]:
    return [state.who, *(place_of(state.start).split(", ") if state.start else ())]


def _stage(state: State, signs: Signs) -> tuple[str, str]:
    spin = signs.spinner[state.beat % len(signs.spinner)]
    return f"{spin} {state.stage}", duration(state.since_s) if state.since_s >= 1 else ""


def _figures(progress: RunProgress, since_s: float) -> Figures:
    """Count the time left down between two lines of the log."""
    texts = figures(progress)
    if progress.left_s is None:
        return texts
    left_s = max(0.0, progress.left_s - since_s)
    if left_s == 0 and since_s >= SILENCE_S:
        return texts._replace(left=f"no line for {duration(since_s)}")
    return texts._replace(left=f"{duration(left_s)} left")


def _progress(progress: RunProgress, texts: Figures, columns: int, signs: Signs) -> Text:
    """Lay out bar, iteration, place in the window, time left; the bar takes what they leave."""
    first, last = progress.window.first, progress.window.last
    done = min(progress.iteration, last) - first
    place = f"window {done}/{last - first}" if done > 0 else f"warm-up of {first}"
    pieces = [piece for piece in (texts.iteration, texts.left) if piece]
    if len("  ".join([*pieces, place])) + 2 + LEAST_BAR <= columns:
        pieces.insert(1, place)
    words = "  ".join(pieces)
    room = min(LONGEST_BAR, columns - len(words) - 2)
    if room < LEAST_BAR:
        return _fit(pieces, columns)
    return Text.assemble(bar(progress.iteration / progress.end, room, signs, "green"), "  ", words)


def _fit(pieces: Sequence[str], columns: int, style: str = "") -> Text:
    """Join as many pieces as have room; the first is cut if it alone has none."""
    shown = [piece for piece in pieces if piece]
    while len(shown) > 1 and len("  ".join(shown)) > columns:
        shown.pop()
    text = Text("  ".join(shown), style=style, no_wrap=True)
    text.truncate(columns)
    return text


class LiveReporter:
    """Messages go up, as plain output has them; below them stand the lines of compose."""

    verbose = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._console = Console(file=stream, force_terminal=True, highlight=False, emoji=False)
        self._signs = signs_of(stream)
        self._state = State()
        self._since = time.monotonic()
        self._changed = True
        self._messages: deque[str] = deque(maxlen=KEPT_MESSAGES)
        self._lines: list[str] = []  # of the frame that stands there, without their styles
        self._size = (0, 0)
        self._waits = False
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._painter = threading.Thread(target=self._paint_on, daemon=True)

    def __enter__(self) -> Self:
        """Begin to draw."""
        with contextlib.suppress(RuntimeError):  # the user may start no more threads
            self._painter.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal with the messages only."""
        self._ended.set()
        with self._lock:
            self._write(self._begin(0) + ERASE)

    def stage(self, who: str, text: str, *, waits: bool = False) -> None:
        """Show the stage; it also stays as a message, of a wait only the first."""
        again = waits and self._waits
        self._waits = waits
        self._state.who, self._state.stage, self._state.progress = who, _printable(text), None
        self._changed = True
        if not again:
            self._since = time.monotonic()
            self.note(_printable(f"{who}: {text}"))

    def note(self, text: str, *, problem: bool = False) -> None:  # noqa: ARG002 - shown alike
        """Print above the lines."""
        fresh = [_printable(line) for line in text.splitlines()]
        with self._lock:
            begin = self._begin(1)
            self._messages.extend(fresh)
            shown = "".join(f"{self._encoded(line)}\r\n" for line in fresh)
            self._write(f"{begin}{ERASE}{shown}")
            self._lines, self._size = [], self._measured()
            if not self._ended.is_set():
                self._draw()

    def output(self, text: str) -> None:
        """Tell nothing of it."""

    def run_started(self, start: RunStart) -> None:
        """Show which run it is."""
        who = start.record.plan.label
        self._state.start, self._state.who, self._state.gauges = start, who, ()

    def progress(self, progress: RunProgress) -> None:
        """Show how far it is, with the next frame."""
        self._state.progress, self._since = progress, time.monotonic()

    def run_ended(self, record: RunRecord, summary: str) -> None:  # noqa: ARG002 - the summary says it
        """Print the summary in place of the lines."""
        self._state = State()
        self.note(summary)

    def _paint_on(self) -> None:
        drawn = 0.0
        while not self._ended.wait(LOOK_S):
            late = time.monotonic() - drawn >= CLOCK_S
            if not (late or self._changed or self._size != self._measured()):
                continue
            if late:
                drawn = time.monotonic()
                self._read_gauges()
            with self._lock:
                if not self._ended.is_set():
                    self._draw()

    def _read_gauges(self) -> None:
        state = self._state
        start = state.start
        if start and start.record.plan.accelerator == "gpu":
            state.gauges = read_gauges(start.telemetry, start.record.plan.gpus)
        state.beat += 1

    def _draw(self) -> None:
        """Draw the lines over those that stand there; only with the lock held."""
        self._changed = False
        self._state.since_s = time.monotonic() - self._since
        columns, rows = size = self._measured()
        # One column stays free: behind the last one terminals differ on what comes next.
        lines = compose(self._state, max(1, columns - 1), max(1, rows - 1), self._signs)
        begin = self._begin(len(lines))
        body = self._styled(Text("\n").join(lines)).replace("\n", f"{ERASE_LINE}\r\n")
        self._write(f"{begin}{body}{ERASE}")
        self._lines, self._size = [line.plain for line in lines], size

    def _begin(self, kept_rows: int) -> str:
        """Return what moves the cursor to where the lines begin, leaving room for `kept_rows`."""
        columns, rows = self._measured()
        longest = max((len(line) for line in self._lines), default=0)
        if (columns, rows) != self._size and (longest >= columns or len(self._lines) > rows):
            # Written over, not cleared: some terminals keep a copy of what they clear.
            return TOP + self._repeated(columns, rows - kept_rows)
        up = len(self._lines) - 1
        return "\r" + (UP.format(up) if up > 0 else "")

    def _repeated(self, columns: int, rows: int) -> str:
        """Return the last messages, as many as have room."""
        shown: list[str] = []
        for line in reversed(self._messages):
            rows -= max(1, -(-len(line) // columns))
            if rows < 0:
                break
            shown.insert(0, f"{self._encoded(line)}{ERASE_LINE}\r\n")
        return "".join(shown)

    def _measured(self) -> tuple[int, int]:
        try:
            columns, rows = os.get_terminal_size(self._stream.fileno())
        except OSError:
            columns, rows = 0, 0
        return columns or 80, rows or 24

    def _styled(self, lines: Text) -> str:
        with self._console.capture() as captured:
            self._console.print(lines, end="", soft_wrap=True, markup=False)
        return self._encoded(captured.get())

    def _encoded(self, text: str) -> str:
        if self._signs is UTF8:
            return text
        return text.replace("\u00b1", "+-").encode("ascii", "replace").decode()

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal is gone; the run need not care
            self._stream.write(text)
            self._stream.flush()


def _printable(text: str) -> str:
    """Replace what would move the cursor: messages quote what programs printed."""
    shown = without_secrets(text).expandtabs()
    return "".join(char if char.isprintable() else "?" for char in shown)


def signs_of(stream: TextIO) -> Signs:
    """Choose by the locale and the stream; Python makes LC_CTYPE C.UTF-8 of nothing or C."""
    names = [os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG")]
    if names[1] == "C.UTF-8":
        names[1] = None
    locale = next((name for name in names if name), "C").lower().replace("-", "")
    utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
    return UTF8 if utf8 and "utf8" in locale else ASCII
