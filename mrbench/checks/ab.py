"""`mrbench ab`: train old and new in turns until it is decided whether new is slower.

The rule is that of measure/sequential.py. Runs are ordinary recorded runs, of which the record says
their place in the test. A run that breaks a rule of its suite (other programs took cores, say) is
not counted and is made again, next to its partner, at most TRIES times. A run that fails ends the
test: nothing is known of how fast it is.
"""

import functools
import secrets
from collections.abc import Mapping, Sequence
from itertools import count, takewhile
from statistics import geometric_mean
from typing import Literal

import msgspec
from msgspec.structs import replace

from mrbench.checks import ab_words as words
from mrbench.checks.baseline.likeness import differing, forbidding, kept_facts
from mrbench.checks.baseline.words import explained
from mrbench.checks.reporters import exit_code
from mrbench.errors import CheckFailed, Inconclusive, MrbenchError, RecipeError
from mrbench.measure.sequential import Judgement, Terms, judge
from mrbench.model.baseline import BaselineEntry
from mrbench.model.comparison import EXPLAINS
from mrbench.model.finding import Finding, Outcome
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord, Series, Turn
from mrbench.prepare import run_copy
from mrbench.prepare.job import prepare
from mrbench.recipe.load import RecipeFile
from mrbench.record import listing, rundir
from mrbench.results.compare import no_number
from mrbench.results.rows import rounding
from mrbench.run.cycle import Runs

TRIES = 3  # of one run that a rule of its suite makes invalid
SideName = Literal["old", "new"]
SIDES: tuple[SideName, SideName] = ("old", "new")
ELSEWHERE = "the baseline was made elsewhere, so its noise is not used: "


class Side(msgspec.Struct, frozen=True):
    """One of the two: what users call it, and what is trained."""

    label: str
    plan: Plan
    file: RecipeFile


class Pairs(msgspec.Struct):
    """The valid runs so far, by side, in the order of their pairs; as many of each."""

    old: list[RunRecord]
    new: list[RunRecord]

    def judge(self, terms: Terms) -> Judgement | None:
        """Judge the pairs, if there are any."""
        if not self.old:
            return None
        old, new = ([run.throughput or 0.0 for run in side] for side in (self.old, self.new))
        return judge(old, new, terms, rounding=max(map(rounding, (*self.old, *self.new))))


class StoppedError(MrbenchError):
    """The test ends without an answer: a run failed, or is invalid each time."""

    def __init__(self, text: str, remedy: str, code: int = MrbenchError.exit_code) -> None:
        super().__init__(text, remedy)
        self.exit_code = code  # that of the run that failed


class AbTest:
    """Old against new; `pairs` holds what is known already, of a test that goes on."""

    def __init__(
        self, old: Side, new: Side, terms: Terms, entry: BaselineEntry | None = None
    ) -> None:
        self.sides: dict[SideName, Side] = {"old": old, "new": new}
        self.terms, self.pairs = terms, Pairs([], [])
        self.judgement: Judgement | None = None  # in the end, if the two may be compared
        self.stopped: str | None = None  # the side that ended the test without an answer
        self.name = f"{rundir.stamp()}-{secrets.token_hex(3)}"
        self._entry = entry
        self._runs = 0
        self._subject = f"{new.plan.suite}/{new.plan.implementation}"

    def go_on(self, places: Places) -> None:
        """Take the pairs of the newest such test in the folder of runs; RecipeError without one."""
        known = _latest(places, {name: side.plan for name, side in self.sides.items()})
        turn = known[-1].turn if known else None
        if turn is None:
            raise RecipeError(
                f"--resume: no earlier test of these two in {places.runs}", "leave it out"
            )
        if (turn.margin, turn.max_pairs) != (self.terms.margin, self.terms.max_pairs):
            asked = f"--margin {100 * turn.margin:g}% --max-pairs {turn.max_pairs}"
            raise RecipeError("--resume: that test was begun with other terms", f"give {asked}")
        self.name, self.pairs = turn.test, _complete(known)
        self._runs = 2 * len(self.pairs.old)

    def run(self, runs: Runs) -> tuple[list[Finding], int]:
        """Train until it is decided; return the findings, and the command's exit code.

        MrbenchError where one of the two cannot be prepared.
        """
        for side in self.sides.values():
            _prepare(side, runs)
        if self.pairs.old:
            self._begin(self.pairs.old[0], runs)
        try:
            judgement = self._decide(runs)
        except StoppedError as exc:
            open_ = exc.exit_code == Inconclusive.exit_code
            outcome: Outcome = "inconclusive" if open_ else "failed"
            ended = Finding("throughput", outcome, exc.text, exc.remedy, subject=self._subject)
            return [ended], exc.exit_code
        return self._answer(judgement)

    def _decide(self, runs: Runs) -> Judgement | None:
        """Run pair after pair; None where the two may not be compared."""
        judgement = self.pairs.judge(self.terms)
        while judgement is None or judgement.verdict == "inconclusive":
            pair, made = len(self.pairs.old) + 1, dict[SideName, RunRecord]()
            if pair > self.terms.max_pairs:
                break
            for side in SIDES if pair % 2 else SIDES[::-1]:  # A B, B A, ...
                made[side] = self.valid_run(side, pair, runs)
                if (pair, side) == (1, "old"):
                    self._begin(made[side], runs)
            self.pairs.old.append(made["old"])
            self.pairs.new.append(made["new"])
            if self._forbidding():
                return None
            judgement = self.pairs.judge(self.terms)
            if judgement:
                runs.reporter.note(words.progress(judgement, self.terms))
        return judgement

    def _begin(self, first: RunRecord, runs: Runs) -> None:
        """Keep to the machine of the first run, and take a baseline's noise if it is of there."""
        runs.session.stay_with(first)
        entry = self._entry
        if entry is None or entry.noise is None or not entry.noise_freedom:
            return
        unlike = forbidding(entry.provenance, kept_facts(first))
        if unlike:
            runs.reporter.note(ELSEWHERE + unlike[0], problem=True)
        else:
            self.terms = replace(self.terms, stored=(entry.noise, entry.noise_freedom))

    def valid_run(self, name: SideName, pair: int, runs: Runs) -> RunRecord:
        """Run one side until it is valid; StoppedError where it fails, or after TRIES."""
        side, most = self.sides[name], self.terms.max_pairs
        for tries in range(1, TRIES + 1):
            self._runs += 1
            runs.reporter.note(f"pair {pair} of at most {most}: {name} ({side.label})")
            turn = Turn(
                test=self.name, side=name, pair=pair, max_pairs=most, margin=self.terms.margin
            )
            series = Series(run=self._runs, runs=2 * most, repeat=pair, repeats=most)
            runs.start(side.plan, side.file, series, turn=turn)
            runs.session.wait()
            record = runs.records[-1]
            why = no_number(record, edited=False)
            if why is None:
                return record
            if record.status != "ok":  # else a rule of its suite speaks against its number
                text = f"{name} ({side.label}) has no number in pair {pair}: {why}"
                code, self.stopped = record.exit_code or CheckFailed.exit_code, name
                raise StoppedError(text, f"see its folder: {record.id}", code)
            if tries < TRIES:
                runs.reporter.note(f"{name} ({side.label}) is {why}; it is run again", problem=True)
        self.stopped = name
        text = f"{name} ({side.label}) is invalid {TRIES} times in pair {pair}: {why}"
        remedy = "see to that, then go on with --resume"
        raise StoppedError(text, remedy, Inconclusive.exit_code)

    def _forbidding(self) -> list[str]:
        """Say why the two may not be compared; all runs are of one machine and one way to time."""
        facts = [kept_facts(record) for record in (*self.pairs.old, *self.pairs.new)]
        return [why for other in facts[1:] for why in forbidding(facts[0], other)]

    def _answer(self, judgement: Judgement | None) -> tuple[list[Finding], int]:
        reasons = self._forbidding()
        if judgement is None or reasons:
            text = f"may not be compared: {reasons[0]}"
            unlike = Finding("throughput", "failed", text, words.UNLIKE, subject=self._subject)
            return [unlike], CheckFailed.exit_code
        self.judgement = judgement
        one, other = kept_facts(self.pairs.old[-1]), kept_facts(self.pairs.new[-1])
        told = explained([d for d in differing(one, other) if d.kind == EXPLAINS])
        alike = Finding("provenance", "ok", told, subject=self._subject)
        both = self.pairs.old, self.pairs.new
        old, new = (geometric_mean([run.throughput or 0.0 for run in side]) for side in both)
        labels = self.sides["old"].label, self.sides["new"].label
        unit = self.pairs.old[-1].plan.unit
        text = words.answer(judgement, self.terms, (old, new), labels, unit)
        throughput = Finding(
            "throughput",
            judgement.verdict,
            text + words.slowed(self.pairs.old + self.pairs.new),
            words.STILL_OPEN if judgement.verdict == "inconclusive" else "",
            subject=self._subject,
            figures=words.figures(judgement, self.terms, old, new),
        )
        return [alike, throughput], exit_code([throughput])


def _prepare(side: Side, runs: Runs) -> None:
    """Fill the caches, so that nothing but training lies between the runs of a pair."""
    plan = side.plan
    stage = functools.partial(runs.reporter.stage, f"{plan.implementation} ({side.label})")
    folder = run_copy.folder(plan.suite, plan.implementation, "ab")
    with run_copy.own(folder) as own:
        prepare(plan, side.file, runs.places, own.path, stage, runs.executor.surroundings)


def _latest(places: Places, plans: Mapping[SideName, Plan]) -> list[RunRecord]:
    """Return the usable runs of the newest test of these two plans, in the order of their time."""
    tests: dict[str, list[RunRecord]] = {}
    for entry in listing.list_runs(places.runs, plans["old"].suite):
        # `table` and `verify` tell of what cannot be read
        if isinstance(entry, listing.StoredRun) and entry.record.turn:
            tests.setdefault(entry.record.turn.test, []).append(entry.record)
    for runs in sorted(tests.values(), key=lambda runs: runs[0].started, reverse=True):
        if all(r.plan_digest == plans[r.turn.side].digest for r in runs if r.turn):
            return [run for run in runs if no_number(run, edited=False) is None]
    return []


def _complete(records: Sequence[RunRecord]) -> Pairs:
    """Return the pairs of which both runs are there, up to the first that lacks one."""
    known = {(r.turn.side, r.turn.pair): r for r in records if r.turn}
    pairs = list(takewhile(lambda n: ("old", n) in known and ("new", n) in known, count(1)))
    return Pairs([known["old", n] for n in pairs], [known["new", n] for n in pairs])
