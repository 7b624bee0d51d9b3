"""How many further runs would let the gate decide."""

import math
from random import Random

from mrbench.checks.baseline.verdict import Terms, alike, decides
from mrbench.measure.repeats import NONE, Sample

LIKELY = 0.5  # further runs are worth their time if they more likely than not decide
SURE = 0.8  # and a check is planned so that it mostly decides at once
MOST = 50  # runs; nobody makes more of them for one check
FUTURES = 250  # drawn for each number: the share that decides is known to 3 %
GUESS = 0.01  # the noise of one run, a share, where nothing is known of it


def runs_needed(
    base: Sample, new: Sample, terms: Terms, *, guess: float = GUESS, odds: float = LIKELY
) -> int | None:
    """Return the least number of further runs that decides with these odds; None: more than MOST.

    Nothing is assumed of the truth but what the runs so far tell: true speed and true noise are
    drawn from where these leave them (flat priors), the further runs from there, and old and new
    ones together go through the very test. That is the predictive power of Spiegelhalter, Freedman
    and Blackburn, Controlled Clinical Trials 7 (1986) 8-17. Without any new run the truth is taken
    to be the baseline's. guess: the noise of one run, a share, where nothing is known of it. The
    test at the end takes neither for granted. terms: those of the check after the further runs.
    """
    if not base.freedom:  # whatever is added to the new runs
        return None
    low, high = 0, 1
    while _odds(base, new, terms, guess, high) < odds:
        low, high = high, 2 * high
        if low >= MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        enough = _odds(base, new, terms, guess, middle) >= odds
        low, high = (low, middle) if enough else (middle, high)
    return high if high <= MOST else None


def _odds(base: Sample, new: Sample, terms: Terms, guess: float, count: int) -> float:
    """Return in which share of its futures a number of further runs decides."""
    random = Random(0)  # noqa: S311 - the same futures for every number, and in every check
    futures = (_future(base, new, guess, count, random) for _ in range(FUTURES))
    return sum(decides(base, grown, terms) for grown in futures) / FUTURES


def _future(base: Sample, new: Sample, guess: float, count: int, random: Random) -> Sample:
    """Draw further runs from what is known, and join them with the new ones."""
    squares, freedom = base.squares + new.squares, base.freedom + new.freedom
    if not alike(base, new):
        squares, freedom = new.squares, new.freedom
    noise = guess
    if freedom:
        noise = math.sqrt(squares / random.gammavariate(freedom / 2, 2))
    side = new if new.count else base
    truth = random.gauss(side.mean, noise / math.sqrt(side.count))
    mean = random.gauss(truth, noise / math.sqrt(count))
    scatter = noise**2 * random.gammavariate((count - 1) / 2, 2) if count > 1 else 0.0
    return (new if new.count else NONE).joined(count, mean, scatter)
