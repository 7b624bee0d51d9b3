"""The lines of the live view: what is shown, in as many columns and rows as there are."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.text import Text

from mrbench.console.gauges import Gauge
from mrbench.console.meters import Signs, bar, gpu_lines
from mrbench.console.plain import Figures, duration, figures, place_of
from mrbench.model.reporter import RunStart, Seen

LONGEST_BAR = 40
LEAST_BAR = 6
SILENCE_S = 5.0  # then the time left was wrong
TWO = 2  # rows: head and figures, without bar; with fewer, one line says it all


@dataclass(kw_only=True)
class State:
    """What is known now; since_s: seconds since the stage began, or since `seen` was told."""

    who: str = ""
    stage: str = ""
    start: RunStart | None = None
    seen: Seen | None = None
    gauges: Sequence[Gauge] = field(default=())
    since_s: float = 0.0
    beat: int = 0


def compose(state: State, columns: int, rows: int, signs: Signs) -> list[Text]:
    """Return at most `rows` lines, none wider than `columns` cells; none without a subject."""
    if not state.who:
        return []
    seen = state.seen  # looked at once: another thread sets it
    told = _figures(seen, state.since_s) if seen else None
    short = (told.iteration, told.rate, told.left) if told else _stage(state, signs)
    if rows < TWO:
        return [_fit([state.who, short[0].removeprefix("iteration "), *short[1:]], columns)]
    lines = [_fit(_head(state), columns, style="bold")]
    if seen is None or told is None or rows == TWO:
        lines.append(_fit(short, columns))
    else:
        lines.append(_progress(seen, told, columns, signs))
        lines.append(_fit([told.rate, told.loss, told.data], columns))
    return lines + gpu_lines(state.gauges, columns, rows - len(lines), signs)


def _head(state: State) -> list[str]:
    return [state.who, *(place_of(state.start).split(", ") if state.start else ())]


def _stage(state: State, signs: Signs) -> tuple[str, str]:
    spin = signs.spinner[state.beat % len(signs.spinner)]
    return f"{spin} {state.stage}", duration(state.since_s) if state.since_s >= 1 else ""


def _figures(seen: Seen, since_s: float) -> Figures:
    """Count the time left down between two lines of the log."""
    told = figures(seen)
    if seen.left_s is None:
        return told
    left_s = max(0.0, seen.left_s - since_s)
    if left_s == 0 and since_s >= SILENCE_S:
        return told._replace(left=f"no line for {duration(since_s)}")
    return told._replace(left=f"{duration(left_s)} left")


def _progress(seen: Seen, told: Figures, columns: int, signs: Signs) -> Text:
    """Lay out bar, iteration, place in the window, time left; the bar takes what they leave."""
    first, last = seen.window.first, seen.window.last
    done = min(seen.iteration, last) - first
    place = f"window {done}/{last - first}" if done > 0 else f"warm-up of {first}"
    pieces = [piece for piece in (told.iteration, told.left) if piece]
    if len("  ".join([*pieces, place])) + 2 + LEAST_BAR <= columns:
        pieces.insert(1, place)
    words = "  ".join(pieces)
    room = min(LONGEST_BAR, columns - len(words) - 2)
    if room < LEAST_BAR:
        return _fit(pieces, columns)
    return Text.assemble(bar(seen.iteration / seen.end, room, signs, "green"), "  ", words)


def _fit(pieces: Sequence[str], columns: int, style: str = "") -> Text:
    """Join as many pieces as have room; the first is cut if it alone has none."""
    told = [piece for piece in pieces if piece]
    while len(told) > 1 and len("  ".join(told)) > columns:
        told.pop()
    text = Text("  ".join(told), style=style, no_wrap=True)
    text.truncate(columns)
    return text
