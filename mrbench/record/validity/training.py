"""Rules on how it was trained: the window, the loss, one process from the start, the clocks."""

from mrbench.model.suite import Rule
from mrbench.record.validity.base import Outcome, Record

WHOLE = 1.0  # of the window's iterations
MOST_APART = 0.01  # two clocks, of their ratio
MOST_GROWTH = 10.0  # of the loss, from the window's first quarter to its last


def _warned(record: Record, words: str) -> str:
    """Return the measurement's own warning of the same thing, so that it is told once."""
    warnings = record["measurement"].get("warnings") or ()
    return next((text for text in warnings if words in text), "")


def window(record: Record, rule: Rule) -> tuple[Outcome, str]:
    """Ask how much of the window is timed."""
    planned, measured = record["plan"]["window"], record["measurement"]
    wanted = planned["last"] - planned["first"]
    share = measured["iterations"] / wanted
    text = f"{measured['iterations']} of the window's {wanted} iterations are timed"
    text = _warned(record, "iterations are in the log") or text
    least = WHOLE if rule.at_least is None else rule.at_least
    return ("held" if share >= least else "broken"), text


def loss(record: Record, rule: Rule) -> tuple[Outcome, str]:
    """Ask whether the loss stays finite, which the measurement saw to, and does not run away."""
    first, last = (record["measurement"].get(f"loss_{end}") for end in ("first", "last"))
    if first is None or last is None:
        return "unknown", "the log tells no losses"
    most = MOST_GROWTH if rule.at_most is None else rule.at_most
    text = f"the loss went from {first:.4g} to {last:.4g} in the window"
    return ("broken" if last > most * abs(first) else "held"), text


def single_process(record: Record, _rule: Rule) -> tuple[Outcome, str]:
    """Ask whether one process trained from iteration 1 on."""
    measured = record["measurement"]
    if measured["processes"] > 1:
        text = f"{measured['processes']} processes wrote this log, one after the other"
        return "broken", _warned(record, "processes wrote this log") or text
    began = measured.get("began")
    if began is None:
        return "unknown", "the first iteration was not recorded"
    # Some formats' first line covers nothing but the start of their clock: an interval's length.
    interval = measured["iterations"] / max(1, measured.get("intervals") or 1)
    if began > interval:
        return "broken", f"the log begins behind iteration {began}: it was resumed, or is cut"
    return "held", "one process, from the first iteration on"


def clocks(record: Record, rule: Rule) -> tuple[Outcome, str]:
    """Ask whether a second clock agrees with the one that leads."""
    measured = record["measurement"]
    agreement = measured.get("agreement")
    if agreement is None:
        return "unknown", "no second clock could check the first"
    most = MOST_APART if rule.at_most is None else rule.at_most
    other = {measured["clock"], measured.get("second_clock") or "arrival"} - {"log"}
    text = f"the {other.pop() if other else 'log'} clock tells {agreement:.4f} times the log's"
    wrong = abs(agreement - 1) > most + (measured.get("agreement_error") or 0.0)
    if wrong and measured.get("disagreement"):
        text = measured["disagreement"]["text"]
    return ("broken" if wrong else "held"), text
