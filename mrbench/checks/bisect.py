"""`mrbench bisect`: git's own bisect, with old-against-new tests (ab.py) as the judge.

Each commit that git proposes is tested against good. It counts as bad if it is slower by more than
half of the slowdown measured between good and bad, which makes both errors alike. One whose test
stays undecided is skipped, as are those that cannot be trained. In the end runs that chose nothing
compare the first bad commit with its parent, and good with its own first runs.
"""

import contextlib
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from mrbench.checks.ab import AbTest, Pairs, Side, StoppedError
from mrbench.checks.ab_words import change
from mrbench.checks.baseline.words import share
from mrbench.checks.reporters import exit_code
from mrbench.errors import Inconclusive, MrbenchError, RecipeError, UnavailableError
from mrbench.measure.sequential import FEWEST, Terms
from mrbench.model.finding import Finding, Outcome
from mrbench.model.inputs import PACKAGE, Source
from mrbench.prepare import run_copy
from mrbench.prepare.mirror.base import git_base
from mrbench.prepare.source import address, store
from mrbench.prepare.source.git import GitError, git
from mrbench.run.cycle import Runs
from mrbench.text import counted, one_line, shorten

Mark = Literal["good", "bad", "skip"]
MARKS: Mapping[Outcome, Mark] = {"ok": "good", "failed": "bad", "inconclusive": "skip"}
Sides = Callable[[str], Side]
FIRST = "first bad"  # topic of what was found
GO_ON = "see to that, then go on with --resume"
# Exit codes of what says nothing of a commit: a file that cannot be written, something lacking.
MACHINES = (MrbenchError.exit_code, UnavailableError.exit_code)
MORE = "give more --max-pairs, or a steadier machine"


class Bisection:
    """`git bisect` in a repository that has the history of two commits, but no files.

    RecipeError if good is no ancestor of bad.
    """

    def __init__(self, folder: Path, good: Source, bad: str, mirror: str | None) -> None:
        self._folder, self._marked = folder / "history.git", {good.commit, bad}
        self._folder.mkdir()
        if good.url.startswith(PACKAGE):
            raise RecipeError(f"{good.url} has no history", "give a recipe of a git repository")
        address.check_address(good)
        store.fetch_history(self._folder, replace(good, commit=bad), mirror)
        if good.commit not in self._git("rev-list", bad).split()[1:]:
            cut = ", whose history is cut off" if (self._folder / "shallow").exists() else ""
            text = f"{good.commit} is not among the ancestors of {bad} in {good.url}{cut}"
            raise RecipeError(text, "give two of one branch, the older one as --good")
        self._git("update-ref", "HEAD", bad)
        self._bisect("start", "--no-checkout", bad, good.commit)

    def next(self) -> str | None:
        """Return the commit that git proposes to test; None where none is left to test."""
        untested = self.possible().keys() - self._marked
        return self._git("rev-parse", "BISECT_HEAD").strip() if untested else None

    def mark(self, sha: str, mark: Mark) -> None:
        """Tell git about a commit."""
        self._marked.add(sha)
        self._bisect(mark, sha)

    def possible(self) -> dict[str, str]:
        """Return which may be the first bad commit, the newest first, each as people see it."""
        ends = ("refs/bisect/bad", "--not", "--glob=refs/bisect/good-*")
        log = self._git("log", "--topo-order", "--no-mailmap", "--format=%H%x00%as%x00%s", *ends)
        each = [line.split("\0", 2) for line in log.split("\n")[:-1]]
        return {sha: f'{sha} "{shorten(subject)}" ({date})' for sha, date, subject in each}

    def parent(self, sha: str) -> str:
        """Return a commit's first parent."""
        return self._git("rev-parse", f"{sha}^").strip()

    def _bisect(self, *words: str) -> None:
        try:
            self._git("bisect", *words)
        except GitError:  # in the end: it lacks the files to show, or only skipped ones are left
            if self.next():
                raise

    def _git(self, *words: str) -> str:
        return git(self._folder, *words).decode("utf-8", "replace")


class Search:
    """A search between two commits; sides: makes the side of another commit, by its id."""

    def __init__(self, good: Side, bad: Side, sides: Sides, terms: Terms, *, resume: bool) -> None:
        self._good, self._bad, self._sides = good, bad, sides
        self._terms, self._resume = terms, resume
        self._findings: list[Finding] = []

    def run(self, runs: Runs) -> tuple[list[Finding], int]:
        """Search; return the findings, and the command's exit code.

        MrbenchError where good cannot be trained any more.
        """
        self._runs, began, good = runs, time.monotonic(), self._good.plan
        runs.reporter.note(f"fetching the history of {good.source.url}")
        with run_copy.own(run_copy.folder(good.suite, good.implementation, "bisect")) as own:
            ends, mirror = (good.source, self._bad.plan.source.commit), git_base(runs.places.mirror)
            code = self._search(Bisection(own.path, *ends, mirror))
        tried = [finding.outcome for finding in self._findings if finding.topic == "commit"]
        skipped, trainings = tried.count("not checked"), len(runs.records)
        minutes = (time.monotonic() - began) / 60
        text = f"{counted(len(tried), 'commit')} tried, {skipped} of them skipped;"
        text += f" {counted(trainings, 'training')} in {minutes:.1f} minutes"
        text += ", beside those made before" * self._resume
        figures = {"tried": len(tried), "skipped": skipped, "trainings": trainings}
        cost = Finding("cost", "ok", text, figures=figures | {"minutes": minutes})
        subject = f"{good.suite}/{good.implementation}"
        found = [replace(each, subject=subject) for each in (*self._findings, cost)]
        return sorted(found, key=lambda each: each.topic == FIRST), code  # the answer comes last

    def _search(self, bisection: Bisection) -> int:
        note = self._runs.reporter.note
        first = self._test(self._good, self._bad, self._terms.margin, resume=self._resume)
        self._findings, code = first.run(self._runs)
        if first.judgement is None or first.judgement.verdict != "failed":
            return code
        self._findings = [replace(each, outcome="ok") for each in self._findings]  # as was said
        margin = -math.expm1(first.judgement.change / 2)
        note(f"commits slower by more than {share(margin)}, half of that, count as bad")
        while sha := bisection.next():
            bisection.mark(sha, self._mark(sha, margin))
            left = counted(len(bisection.possible()), "possible commit")
            note(f"{self._findings[-1].text}; {left}")
        self._confirm(bisection, margin)
        self._again(first)
        return exit_code(self._findings)

    def _test(self, old: Side, new: Side, margin: float, *, resume: bool = False) -> AbTest:
        test = AbTest(old, new, replace(self._terms, margin=margin))
        if resume:
            with contextlib.suppress(RecipeError):  # there is no such test yet
                test.go_on(self._runs.places)
        return test

    def _outcome(self, test: AbTest) -> Finding:
        """Run a test; return what it found, or why a side cannot be prepared.

        MrbenchError where that is the machine's fault, not the commit's.
        """
        try:
            said = test.run(self._runs)[0][-1]
        except MrbenchError as exc:
            if exc.exit_code in MACHINES:
                raise
            return Finding("", "not checked", one_line(str(exc)))
        if test.stopped:
            record = self._runs.records[-1]
            failure = record.measurement.failure if record.measurement else None
            if record.exit_code in MACHINES or (failure and failure.cause == "disk_full"):
                raise StoppedError(said.text, GO_ON)
        return said

    def _mark(self, sha: str, margin: float) -> Mark:
        """Test a commit against the good one."""
        side = self._sides(sha)
        test = self._test(self._good, side, margin, resume=self._resume)
        said = self._outcome(test)
        if test.stopped == "old":
            invalid = said.outcome == "inconclusive"  # by a rule of its suite, however often made
            code = Inconclusive.exit_code if invalid else StoppedError.exit_code
            raise StoppedError(said.text, GO_ON, code)
        mark: Mark = MARKS[test.judgement.verdict] if test.judgement else "skip"
        outcome: Outcome = "not checked" if mark == "skip" else "ok"
        text = f"{side.label}: {mark}: {said.text}"
        self._findings.append(Finding("commit", outcome, text, key=sha, figures=said.figures))
        return mark

    def _confirm(self, bisection: Bisection, margin: float) -> None:
        """Test what was found, the newest first, against what came before it."""
        possible = bisection.possible()
        newest, oldest = next(iter(possible)), next(reversed(possible))
        test = self._test(self._sides(bisection.parent(oldest)), self._sides(newest), margin)
        said = self._outcome(test)
        slower = test.judgement is not None and test.judgement.verdict == "failed"
        text = f"{' or '.join(possible.values())}, against the commit before: {said.text}"
        text += "" if slower else "; not confirmed"
        found = Finding(FIRST, "failed", text, key=newest, figures=said.figures)
        if not slower or newest != oldest:
            remedy = f"see why some were skipped; if undecided, {MORE}" if slower else MORE
            found = replace(found, outcome="inconclusive", remedy=remedy, key="")
        self._findings.append(found)

    def _again(self, first: AbTest) -> None:
        """Train good once more and compare it with its first runs, which tells of the machine."""
        self._runs.reporter.note("good once more: has the machine changed?")
        before, made = first.pairs.old[:FEWEST], len(first.pairs.old)
        try:
            again = [first.valid_run("old", made + 1 + n, self._runs) for n in range(FEWEST)]
        except StoppedError as exc:
            self._findings.append(Finding("good again", "note", exc.text))
            return
        said = Pairs(before, again).judge(replace(self._terms, max_pairs=FEWEST))
        if said is not None and said.low is not None and said.high is not None:
            steady = said.low <= 0 <= said.high
            text = f"{change(said)} than in its first {FEWEST} runs: the machine"
            text += " is as it was, as far as these can tell" if steady else " changed meanwhile"
            self._findings.append(Finding("good again", "ok" if steady else "note", text))
