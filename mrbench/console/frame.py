"""The lines of the live view: what is shown, in as many columns and rows as there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from mrbench.console.gauges import Gauge
from mrbench.console.meters import Signs, bar, gpu_lines
from mrbench.console.plain import Figures, duration, figures, place_of
from mrbench.model.reporter import RunProgress, RunStart

LONGEST_BAR = 40
LEAST_BAR = 6
SILENCE_S = 5.0  # then the time left was wrong
TWO = 2  # rows: head and figures, without bar; with fewer, one line says it all


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
