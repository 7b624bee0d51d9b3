"""How often `mrbench check --baseline` is right, beside rules that others use, on simulated runs.

Runs of a training have autocorrelated iterations (see simulation.py) and differ as a whole by the
noise that a row names; both together are the noise from run to run. Cells are percent of the
checks. A false alarm is a `fail` where nothing changed; a regression is missed by a `pass`. The
margin is 3 %. The promise, for 1 % noise and 3 repeats: at most 5 % false alarms, and at most 10 %
missed of regressions of 5 %. And where the slowdown is exactly the margin, so that both answers are
wrong, each is given in at most 6.5 % of the checks, in every design and however often it is looked.
"""

import math
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from msgspec.structs import replace
from simulation import Array, Repeats, repeats

from mrbench.checks.baseline.runs_needed import runs_needed
from mrbench.checks.baseline.verdict import Terms, judge
from mrbench.measure.repeats import Sample, log_sample, sample
from mrbench.model.finding import Outcome

TERMS = Terms(margin=0.03)
ITERATIONS = 400
MOST_FALSE, MOST_MISSED, MOST_WRONG = 5.0, 10.0, 6.5
# runs of the baseline and new ones, percent of noise of each
DESIGNS = (
    *((3, 3, 1.0, 1.0), (3, 3, 3.0, 0.5), (10, 3, 0.5, 1.0), (3, 10, 3.0, 0.5), (10, 3, 1.0, 1.0)),
    *((5, 5, 1.0, 1.0), (10, 3, 0.5, 3.0), (2, 2, 1.0, 1.0), (10, 2, 0.5, 1.0), (2, 10, 1.0, 0.5)),
    *((10, 1, 0.5, 1.0), (10, 1, 0.5, 2.0), (1, 10, 1.0, 1.0)),
)
LOOKS = ((3, 6), (3, 5, 8, 12), (3, 4, 5, 6, 7, 8, 9, 10))  # new runs at each look
SIDE = 30  # runs that are drawn for the baseline and for the new commit, each
VERDICTS: tuple[Outcome, ...] = ("ok", "failed", "inconclusive")


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the simulated checks compare.

    slower: by which share the new commit really is. noise: from run to run, beside what iterations
    add; of the new commit new_noise, if it is another. sessions: what all runs of a side share.
    earlier: runs of earlier baselines, from which the noise is known besides.
    """

    slower: float = 0.0
    noise: float = 0.01
    base: int = 3
    new: int = 3
    new_noise: float | None = None
    sessions: float = 0.0
    earlier: int = 0


def draw(case: Case, drawn: Repeats) -> tuple[Array, Array, Array, Array]:
    """Return seconds per iteration and variances of iterations, of all runs of both sides."""
    noise = np.full(2 * SIDE, case.noise)
    noise[SIDE:] = case.noise if case.new_noise is None else case.new_noise
    random = np.random.default_rng(0)
    session = case.sessions * random.standard_normal((len(drawn.level), 2))
    level = noise * drawn.level + np.repeat(session, SIDE, axis=1)
    level[:, SIDE:] -= math.log1p(-case.slower)
    mean, variance = drawn.mean * np.exp(level), drawn.variance * np.exp(2 * level)
    return mean[:, :SIDE], mean[:, SIDE:], variance[:, :SIDE], variance[:, SIDE:]


def samples(case: Case, drawn: Repeats) -> list[tuple[Sample, Sample]]:
    """Return both sides of each check as the gate sees them."""
    old, new, _, _ = draw(case, drawn)
    return [
        (stored([1 / s for s in a], case), log_sample([1 / s for s in b[: case.new]]))
        for a, b in zip(old.tolist(), new.tolist(), strict=True)
    ]


def stored(rates: list[float], case: Case) -> Sample:
    """Return a baseline's sample; the runs behind its own are those of earlier ones."""
    now = log_sample(rates[: case.base])
    before = log_sample(rates[case.base : case.base + case.earlier])
    return replace(now, squares=now.squares + before.squares, freedom=now.freedom + before.freedom)


def by_mrbench(case: Case, drawn: Repeats) -> dict[Outcome, float]:
    """Return percent of each verdict."""
    found = Counter(judge(a, b, TERMS).verdict for a, b in samples(case, drawn))
    return {verdict: 100 * found[verdict] / found.total() for verdict in VERDICTS}


def by_threshold(case: Case, drawn: Repeats, slowest: float) -> float:
    """Return how often the mean speed falls below that share of the baseline's, in percent."""
    old, new, _, _ = draw(case, drawn)
    ratio = old[:, : case.base].mean(axis=1) / new[:, : case.new].mean(axis=1)
    return 100 * float((ratio < slowest).mean())


def by_iterations(case: Case, drawn: Repeats) -> float:
    """Return how often a t test that takes all iterations for independent says slower, at 5 %."""
    old, new, old_variance, new_variance = draw(case, drawn)
    apart = new[:, : case.new].mean(axis=1) - old[:, : case.base].mean(axis=1)
    square = np.zeros(len(apart))
    for mean, variance, runs in ((old, old_variance, case.base), (new, new_variance, case.new)):
        within = variance[:, :runs].mean(axis=1) + mean[:, :runs].var(axis=1)
        square += within / (runs * ITERATIONS)
    return 100 * float((apart > 1.645 * np.sqrt(square)).mean())


def line(name: str, case: Case, drawn: Repeats) -> dict[Outcome, float]:
    """Print a row: mrbench's three answers, and how often each of the others fails."""
    found = by_mrbench(case, drawn)
    cells = [f"{found[v]:.1f}" for v in VERDICTS]
    cells += [
        f"{other:.1f}"
        for other in (
            by_threshold(case, drawn, 0.93),
            by_iterations(case, drawn),
            by_threshold(case, drawn, 0.5),
        )
    ]
    print(f"{name:44}" + "".join(f"{cell:>14}" for cell in cells), flush=True)
    return found


def header(title: str) -> None:
    """Print a table's head."""
    print(f"\n{title:44}{'mrbench':>14}\n{'':44}" + "".join(f"{v:>14}" for v in VERDICTS), end="")
    print("".join(f"{v:>14}" for v in ("fail: < 93 %", "iid t test", "2x")))


def main(checks: int = 4000, followed: int = 60) -> None:
    """Simulate, print the tables, and end with an error where the promise is not kept."""
    drawn = repeats(checks, 2 * SIDE, seed=1)
    spread = np.log(draw(Case(), drawn)[0]).std(axis=1, ddof=1)
    print(f"{checks} checks a row; margin 3 %; window of {ITERATIONS} iterations")
    print(f"with 1 % noise, runs differ by {100 * math.sqrt(np.mean(spread**2)):.2f} % in all")
    header("1 % noise, 3 repeats against 3")
    found = {}
    for slower in (0.0, 0.01, 0.02, 0.03, 0.05, 0.07):
        found[slower] = line(f"really {slower:.0%} slower", Case(slower=slower), drawn)
    header("other noise, 3 against 3")
    for noise in (0.005, 0.01, 0.02, 0.03):
        for slower in (0.0, 0.05):
            line(f"{noise:.1%}: {slower:.0%} slower", Case(noise=noise, slower=slower), drawn)
    header("other repeats, 1 % noise")
    for base, new in ((1, 1), (3, 1), (5, 1), (1, 3), (5, 5), (10, 3), (10, 10)):
        for slower in (0.0, 0.05):
            case = Case(slower=slower, base=base, new=new)
            line(f"{new} against {base}: {slower:.0%} slower", case, drawn)
    for slower in (0.0, 0.05):
        case = Case(slower=slower, earlier=10)
        line(f"3 against 3, noise of 10 more: {slower:.0%} slower", case, drawn)
    header("harder, 3 against 3")
    for slower in (0.0, 0.05):
        case = Case(slower=slower, sessions=0.005)
        line(f"each day is 0.5 % apart: {slower:.0%} slower", case, drawn)
        case = Case(slower=slower, new_noise=0.03)
        line(f"new commit's noise is 3 %: {slower:.0%} slower", case, drawn)
    for slower in (0.0, 0.05):
        case = Case(slower=slower, sessions=0.02, noise=0.005)
        line(f"each day is 2 % apart, noise 0.5 %: {slower:.0%} slower", case, drawn)
    follow(drawn, followed)
    worst = max(at_the_margin(checks), looked_again(checks))
    chance = 3 * math.sqrt(MOST_WRONG * (100 - MOST_WRONG) / checks)
    kept = found[0.0]["failed"] <= MOST_FALSE and found[0.05]["ok"] <= MOST_MISSED
    if not kept or worst > MOST_WRONG + chance:
        raise SystemExit("the gate does not keep its promise")


def at_the_margin(checks: int) -> float:
    """Print the designs' wrong answers where the slowdown is the margin; return the worst share."""
    print("\nslower by exactly the margin, so that both answers are wrong; percent of checks")
    names = ("noise", *VERDICTS, "5 %: fail", "0 %: pass")
    print(f"{'new against baseline':44}" + "".join(f"{name:>14}" for name in names))
    worst = 0.0
    for base, new, base_noise, new_noise in DESIGNS:
        old, fresh = plain(checks, base, new, base_noise / 100, new_noise / 100)
        shares = [_shares(old, fresh, slower) for slower in (TERMS.margin, 0.05, 0.0)]
        cells = [f"{new_noise:g}, {base_noise:g}"] + [f"{shares[0][v]:.1f}" for v in VERDICTS]
        cells += [f"{shares[1]['failed']:.1f}", f"{shares[2]['ok']:.1f}"]
        print(f"{f'{new} against {base}':44}" + "".join(f"{c:>14}" for c in cells), flush=True)
        worst = max(worst, shares[0]["ok"], shares[0]["failed"])
    return worst


def plain(checks: int, base: int, new: int, base_noise: float, new_noise: float) -> list[Array]:
    """Draw the logarithms of both sides' speeds, (checks, runs) each, with no change."""
    random = np.random.default_rng(base + 100 * new)
    sides = ((base, base_noise), (new, new_noise))
    return [noise * random.standard_normal((checks, runs)) for runs, noise in sides]


def _shares(old: Array, new: Array, slower: float) -> dict[Outcome, float]:
    changed = (new + math.log1p(-slower)).tolist()
    pairs = zip(old.tolist(), changed, strict=True)
    found = Counter(judge(sample(a), sample(b), TERMS).verdict for a, b in pairs)
    return {verdict: 100 * found[verdict] / found.total() for verdict in VERDICTS}


def looked_again(checks: int) -> float:
    """Print wrong answers of looking again after further runs; return the worst share."""
    print("\nthe same, looked at again after further runs until it is decided; 1 % noise")
    names = ("ok", "failed", "pass, uncounted", "fail, uncounted")
    print(f"{'':44}" + "".join(f"{name:>16}" for name in names))
    worst = 0.0
    for base in (3, 10):
        for looks in LOOKS:
            old, new = plain(checks, base, looks[-1], 0.01, 0.01)
            rows = (old.tolist(), (new + math.log1p(-TERMS.margin)).tolist())
            counted = Counter(_decided(a, b, looks, 1) for a, b in zip(*rows, strict=True))
            once = Counter(_decided(a, b, looks, 0) for a, b in zip(*rows, strict=True))
            cells = [100 * found[v] / checks for found in (counted, once) for v in VERDICTS[:2]]
            name = f"new {', '.join(map(str, looks))} against {base}"
            print(f"{name:44}" + "".join(f"{c:>16.1f}" for c in cells), flush=True)
            worst = max(worst, *cells[:2])
    return worst


def _decided(old: list[float], new: list[float], looks: Sequence[int], step: int) -> Outcome:
    """Return the first verdict that decides; step: by how much --look grows each time."""
    for i, runs in enumerate(looks):
        terms = replace(TERMS, look=1 + i * step)
        verdict = judge(sample(old), sample(new[:runs]), terms).verdict
        if verdict != "inconclusive":
            return verdict
    return "inconclusive"


def follow(drawn: Repeats, most: int) -> None:
    """Print what becomes of inconclusive checks that are given the further runs they ask for."""
    print("\nfurther runs that inconclusive checks ask for, and what comes out with them, percent")
    names = ("asked: median", f"> {SIDE - 3}", "decided", "ok", "failed")
    print(f"{'':44}" + "".join(f"{name:>14}" for name in names))
    for base in (3, 10):
        for slower in (0.0, 0.01, 0.02, 0.03, 0.05):
            case = Case(slower=slower, base=base)
            print(f"3 against {base}: {slower:.0%} slower".ljust(44) + _row(case, drawn, most))


def _row(case: Case, drawn: Repeats, most: int) -> str:
    new = draw(case, drawn)[1].tolist()
    asked, verdicts, undecided = [], Counter[Outcome](), 0
    for (base, fresh), seconds in zip(samples(case, drawn), new, strict=True):
        if judge(base, fresh, TERMS).verdict != "inconclusive":
            continue
        undecided += 1
        again = replace(TERMS, look=2)
        count = runs_needed(base, fresh, again)
        if count is not None and case.new + count <= SIDE:
            asked.append(count)
            grown = log_sample([1 / s for s in seconds[: case.new + count]])
            verdicts[judge(base, grown, again).verdict] += 1
        if undecided == most:
            break
    if not asked:
        return f"{'-':>14}"
    shares = {v: 100 * verdicts[v] / len(asked) for v in VERDICTS}
    never = 100 * (1 - len(asked) / undecided)
    figures = (never, 100 - shares["inconclusive"], shares["ok"], shares["failed"])
    return f"{median(asked):>14g}" + "".join(f"{figure:>14.1f}" for figure in figures)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
