"""How often `mrbench bisect` finds the commit, on simulated runs of 30 commits.

From one commit on, at random, trainings are slower by the planted share (or none is). Runs differ
by the noise that a row names. Each test is one of measure/sequential.py, with the terms that
mrbench/checks/bisect.py gives it; one that stays undecided skips its commit. Cells are percent of
the searches. found: the commit. several: it is one of those that skipped commits leave. unsure:
either of them, but the last test, against what came before, did not confirm it. wrong: what was
named, and confirmed, is not it; refuted: the last test said so. undecided, not slower: what the
first test, of both ends, said. runs: their mean number. `python tests/bench/bisect_simulated.py`
"""

import math
import random
import sys
from collections import Counter

from mrbench.measure.sequential import FEWEST, Judgement, Terms, judge

COMMITS, MARGIN = 30, 0.03
NAMES = ("found", "several", "unsure", "wrong", "refuted", "undecided", "not slower")


class Searches:
    """Searches of one kind, and what became of them."""

    def __init__(self, planted: float, noise: float, max_pairs: int) -> None:
        self.planted, self.noise = math.log1p(-planted), noise
        self.terms = Terms(margin=MARGIN, max_pairs=max_pairs)
        self.runs, self.ends = 0, Counter[str]()

    def test(self, *, slow_old: bool, slow_new: bool, margin: float) -> Judgement:
        """Draw pairs until it is decided."""
        terms = Terms(margin=margin, max_pairs=self.terms.max_pairs)
        old: list[float] = []
        new: list[float] = []
        while True:
            for side, slow in ((old, slow_old), (new, slow_new)):
                side.append(math.exp(random.gauss(slow * self.planted, self.noise)))
            judgement = judge(old, new, terms)
            if judgement.verdict != "inconclusive" or len(old) == terms.max_pairs:
                self.runs += 2 * len(old)
                return judgement

    def search(self) -> str:
        """Make one search; return how it ended."""
        first_slow = random.randrange(1, COMMITS)
        whole = self.test(slow_old=False, slow_new=True, margin=MARGIN)
        if whole.verdict != "failed":
            return "not slower" if whole.verdict == "ok" else "undecided"
        margin = -math.expm1(whole.change / 2)
        good, bad, skipped = 0, COMMITS - 1, set[int]()
        while left := [n for n in range(good + 1, bad) if n not in skipped]:
            commit = left[len(left) // 2]
            slow = commit >= first_slow
            verdict = self.test(slow_old=False, slow_new=slow, margin=margin).verdict
            if verdict == "ok":
                good = commit
            elif verdict == "failed":
                bad = commit
            else:
                skipped.add(commit)
        self.runs += FEWEST
        slow_old, slow_new = good >= first_slow, bad >= first_slow
        last = self.test(slow_old=slow_old, slow_new=slow_new, margin=margin).verdict
        right = slow_new and not slow_old
        if last != "failed":
            return "unsure" if right else "refuted"
        return ("found" if bad - good == 1 else "several") if right else "wrong"


def main(searches: int = 2_000) -> None:
    """Simulate, and print the table."""
    print(f"{searches} searches a row; margin {MARGIN:.0%}")
    print(f"{'':40}" + "".join(f"{name:>12}" for name in (*NAMES, "runs")))
    for max_pairs in (10, 20):
        for noise in (0.01, 0.02, 0.04):
            for planted in (0.05, 0.10, 0.0):
                random.seed(1)
                made = Searches(planted, noise, max_pairs)
                ends = Counter(made.search() for _ in range(searches))
                cells = [f"{100 * ends[name] / searches:.2f}" for name in NAMES]
                cells += [f"{made.runs / searches:.1f}"]
                name = f"{planted:.0%} slower, noise {noise:.0%}, {max_pairs} pairs"
                print(f"{name:40}" + "".join(f"{cell:>12}" for cell in cells), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
