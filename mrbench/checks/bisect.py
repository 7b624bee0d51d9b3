"""`mrbench bisect`: git's own bisect, with old-against-new tests (ab.py) as the judge.

Each commit that git proposes is tested against the good one. It counts as bad if it is slower by
more than half of the slowdown measured between good and bad, which makes both errors alike. One
whose test stays undecided is skipped, as are those that cannot be trained: there is no coin's toss.
In the end runs that chose nothing compare the first bad commit with its parent, and the good one
with its own first runs.
"""

import contextlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from mrbench.checks.ab import AbTest, Side, StoppedError, rounding
from mrbench.checks.ab_words import change
from mrbench.checks.baseline.likeness import forbidding, kept_facts
from mrbench.checks.baseline.words import share
from mrbench.errors import CheckFailed, Inconclusive, MrbenchError, RecipeError, UnavailableError
from mrbench.measure.repeats import ratio
from mrbench.measure.sequential import FEWEST, Judgement, Terms, Verdict
from mrbench.model.finding import Finding, Outcome
from mrbench.model.places import Places
from mrbench.model.reporter import Reporter
from mrbench.prepare import run_copy
from mrbench.prepare.mirror import base as mirrored
from mrbench.prepare.source.bisect import Bisection, Commit
from mrbench.run.cycle import begin
from mrbench.run.executor import Executor
from mrbench.text import counted, one_line

Mark = Literal["good", "bad", "skip"]
MARKS: Mapping[Verdict, Mark] = {"pass": "good", "fail": "bad", "undecided": "skip"}
SAYS: Mapping[Mark, str] = {"good": "like good", "bad": "like bad", "skip": "skipped"}
MOST = 20  # commits that a line names
MORE = "give more --max-pairs, or a steadier machine"


class Search:
    """A search between two commits; side_of: makes the side of another commit, by its id."""

    def __init__(
        self,
        good: Side,
        bad: Side,
        side_of: Callable[[str], Side],
        terms: Terms,
        *,
        resume: bool,
    ) -> None:
        self._good, self._bad, self._side_of = good, bad, side_of
        self._terms, self._resume = terms, resume
        self._findings: list[Finding] = []

    def run(
        self, places: Places, reporter: Reporter, executor: Executor, *, force: bool
    ) -> tuple[list[Finding], int]:
        """Search; return the findings, and the command's exit code.

        MrbenchError where nothing can be started, or good cannot be trained any more.
        """
        began, plan = time.monotonic(), self._good.plan
        folder = run_copy.folder(plan.suite, plan.implementation, "bisect")
        with (
            begin([plan, self._bad.plan], places, reporter, executor, force=force) as runs,
            run_copy.own(folder) as own,
        ):
            ends = plan.source.commit, self._bad.plan.source.commit
            mirror = mirrored.git_base(places.mirror)
            bisection = Bisection(own.path, plan.source, *ends, mirror)
            self._among = runs, places, reporter, executor
            code = self._search(bisection)
        minutes = (time.monotonic() - began) / 60
        marks = [finding.outcome for finding in self._findings if finding.topic == "commit"]
        skipped, trainings = marks.count("not checked"), len(runs.records)
        text = f"{counted(len(marks), 'commit')} tried, {skipped} of them skipped;"
        text += f" {counted(trainings, 'training')} in {minutes:.0f} minutes"
        cost = {"tried": len(marks), "skipped": skipped, "trainings": trainings, "minutes": minutes}
        self._add("cost", "ok", text, figures=cost)
        return self._findings, code

    def _search(self, bisection: Bisection) -> int:
        reporter = self._among[2]
        first = self._test(self._good, self._bad, self._terms.margin, resume=self._resume)
        findings, code = first.run_among(*self._among)
        self._findings += findings
        if first.judgement is None or first.judgement.verdict != "fail":
            return code
        margin = -math.expm1(first.judgement.change / 2)
        reporter.note(f"commits slower by more than {share(margin)}, half of it, count as bad")
        while sha := bisection.next():
            bisection.mark(sha, self._mark(sha, margin))
            reporter.note(f"{self._findings[-1].text}; {len(bisection.possible())} commits remain")
        possible = bisection.possible()
        code = self._confirm(possible, bisection.parent(possible[-1].sha), margin)
        self._again(first)
        return code

    def _test(self, old: Side, new: Side, margin: float, *, resume: bool = False) -> AbTest:
        test = AbTest(old, new, replace(self._terms, margin=margin))
        if resume:
            with contextlib.suppress(RecipeError):  # there is no such test yet
                test.go_on(self._among[1])
        return test

    def _mark(self, sha: str, margin: float) -> Mark:
        """Test a commit against the good one, and say what it is like."""
        side = self._side_of(sha)
        test = self._test(self._good, side, margin, resume=self._resume)
        said = self._outcome(test)
        if test.stopped == "old":
            raise StoppedError(said.text, "see to that, then go on with --resume")
        mark: Mark = MARKS[test.judgement.verdict] if test.judgement else "skip"
        outcome: Outcome = "not checked" if mark == "skip" else "ok"
        text = f"{side.label} {SAYS[mark]}: {said.text}"
        self._add("commit", outcome, text, key=sha, figures=said.figures)
        return mark

    def _outcome(self, test: AbTest) -> Finding:
        """Run a test; return what it found, or why a side cannot be prepared."""
        try:
            return test.run_among(*self._among)[0][-1]
        except MrbenchError as exc:
            if exc.exit_code == UnavailableError.exit_code:  # the machine's fault, not the commit's
                raise
            return Finding(topic="", outcome="not checked", text=one_line(str(exc)))

    def _confirm(self, possible: Sequence[Commit], parent: str, margin: float) -> int:
        """Test what was found, the newest first, against what came before it."""
        newest, *others = possible
        test = self._test(self._side_of(parent), self._side_of(newest.sha), margin)
        said = self._outcome(test)
        slower = test.judgement is not None and test.judgement.verdict == "fail"
        sure = slower and not others
        what = f"{newest}, against its parent"
        if others:
            listed = "; ".join(map(str, possible[:MOST]))
            more = f" and {len(possible) - MOST} more" if len(possible) > MOST else ""
            what = f"one of {len(possible)} commits, as the others were skipped: {listed}{more};"
            what += " the newest against the parent of the oldest"
        outcome: Outcome = "failed" if sure else "inconclusive"
        text = f"{what}: {said.text}{'' if slower else '; not confirmed'}"
        remedy, key = ("", newest.sha) if sure else (MORE, "")
        self._add("first bad", outcome, text, remedy, key=key, figures=said.figures)
        return CheckFailed.exit_code if sure else Inconclusive.exit_code

    def _again(self, first: AbTest) -> None:
        """Train good once more and compare it with its first runs, which tells of the machine."""
        runs, _, reporter, _ = self._among
        known, pairs = first.pairs.old, first.pairs.complete
        try:
            again = [
                first.valid_run("old", n, runs, reporter)
                for n in range(pairs + 1, pairs + FEWEST + 1)
            ]
        except StoppedError as exc:
            self._add("good again", "note", exc.text)
            return
        now, before = ([r.throughput or 0.0 for r in each] for each in (again, known))
        found = ratio(now, before, rounding=rounding([*again, *known]))
        low, high = found.low, found.high
        steady = low is not None and high is not None and low <= 1 <= high
        told = change(
            Judgement(
                verdict="undecided",
                pairs=FEWEST,
                change=math.log(found.ratio),
                low=low and math.log(low),
                high=high and math.log(high),
            )
        )
        unlike = forbidding(kept_facts(known[0]), kept_facts(again[-1]))
        text = f"{told} than in its first {counted(pairs, 'run')}"
        if unlike or not steady:
            text += f": the machine changed meanwhile{''.join(f' ({why})' for why in unlike[:1])}"
            remedy = "each test trained in turns, so a slow change does not matter to it"
            self._add("good again", "note", text, remedy)
        else:
            self._add("good again", "ok", f"{text}: no change of the machine was seen")

    def _add(  # noqa: PLR0917 - as Finding has them
        self,
        topic: str,
        outcome: Outcome,
        text: str,
        remedy: str = "",
        key: str = "",
        figures: Mapping[str, float] | None = None,
    ) -> None:
        subject = f"{self._good.plan.suite}/{self._good.plan.implementation}"
        known = figures or {}
        self._findings.append(
            Finding(topic, outcome, text, remedy, subject=subject, key=key, figures=known)
        )
