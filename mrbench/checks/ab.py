"""`mrbench ab`: train old and new in turns until it is decided whether new is slower.

The rule is that of measure/sequential.py. Runs are ordinary recorded runs, of which the record says
their place in the test. A run that breaks a rule of its suite (other programs took cores, say) is
not counted and is made again, next to its partner, at most TRIES times. A run that fails ends the
test: nothing is known of how fast it is.
"""

import functools
import secrets
from collections.abc import Iterator, Sequence
from itertools import count

import msgspec
from msgspec.structs import replace

from mrbench.checks import ab_words as words
from mrbench.checks.baseline.likeness import differing, forbidding, kept_facts
from mrbench.checks.baseline.words import explained
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
from mrbench.record import rundir
from mrbench.results.compare import no_number
from mrbench.run.cycle import Runs

TRIES = 3  # of one run that a rule of its suite makes invalid
SIDES = ("old", "new")
ELSEWHERE = "the baseline was made elsewhere, so its noise is not used: "


class Side(msgspec.Struct, frozen=True):
    """One of the two: what users call it, and what is trained."""

    label: str
    plan: Plan
    file: RecipeFile


class Pairs(msgspec.Struct):
    """The valid runs so far, by side, in the order of their pairs."""

    old: list[RunRecord]
    new: list[RunRecord]

    @property
    def complete(self) -> int:
        """Return how many pairs have both runs."""
        return min(len(self.old), len(self.new))

    def judge(self, terms: Terms) -> Judgement | None:
        """Judge the complete pairs, if there are any."""
        if not self.complete:
            return None
        each = [[r.throughput or 0.0 for r in side] for side in (self.old, self.new)]
        roundings = [r.measurement.rounding for r in (*self.old, *self.new) if r.measurement]
        known = [bound for bound in roundings if bound and 0 <= bound < 1]
        old, new = (rates[: self.complete] for rates in each)
        return judge(old, new, terms, rounding=max(known, default=0.0))


class StoppedError(MrbenchError):
    """The test ends without an answer: a run failed, or is invalid each time."""

    @classmethod
    def with_code(cls, text: str, remedy: str, code: int) -> "StoppedError":
        """Return the error that ends the command with this exit code: the failed run's own."""
        error = cls(text, remedy)
        error.exit_code = code
        return error


class AbTest:
    """Old against new; `pairs` holds what is known already, of a test that goes on."""

    def __init__(
        self, old: Side, new: Side, terms: Terms, entry: BaselineEntry | None = None
    ) -> None:
        self.sides = {"old": old, "new": new}
        self.terms, self.pairs = terms, Pairs([], [])
        self.judgement: Judgement | None = None  # in the end, if the two may be compared
        self.stopped: str | None = None  # the side that ended the test without an answer
        self.name = f"{rundir.stamp()}-{secrets.token_hex(3)}"
        self._entry = entry
        self._runs = 0

    @property
    def labels(self) -> tuple[str, str]:
        """What users call the two."""
        return self.sides["old"].label, self.sides["new"].label

    def go_on(self, places: Places) -> None:
        """Take the pairs of the newest such test in the folder of runs; RecipeError without one."""
        known = _latest(places, self.sides["old"].plan, self.sides["new"].plan)
        if not known:
            raise RecipeError(
                f"--resume: no earlier test of these two in {places.runs}", "leave it out"
            )
        turn = known[-1].turn
        if turn and (turn.margin, turn.max_pairs) != (self.terms.margin, self.terms.max_pairs):
            asked = f"--margin {100 * turn.margin:g}% --max-pairs {turn.max_pairs}"
            raise RecipeError("--resume: that test was begun with other terms", f"give {asked}")
        if turn:
            self.name = turn.test
        self.pairs = _complete(known)
        self._runs = 2 * self.pairs.complete

    def run(self, runs: Runs) -> tuple[list[Finding], int]:
        """Train until it is decided; return the findings, and the command's exit code.

        MrbenchError where one of the two cannot be prepared.
        """
        for side in self.sides.values():
            _prepare(side, runs)
        if self.pairs.complete:
            self._begin(self.pairs.old[0], runs)
        try:
            judgement = self._decide(runs)
        except StoppedError as exc:
            ended = self._finding("inconclusive", exc.text, exc.remedy)
            if exc.exit_code != Inconclusive.exit_code:
                ended = replace(ended, outcome="failed")
            return [ended], exc.exit_code
        return self._answer(judgement)

    def _decide(self, runs: Runs) -> Judgement | None:
        """Run pair after pair; None where the two may not be compared."""
        judgement = self.pairs.judge(self.terms)
        while judgement is None or judgement.verdict == "undecided":
            pair = self.pairs.complete + 1
            if pair > self.terms.max_pairs:
                break
            order = SIDES if pair % 2 else SIDES[::-1]  # A B, B A, ...
            for side in order:
                known: list[RunRecord] = getattr(self.pairs, side)
                del known[pair - 1 :]
                known.append(self.valid_run(side, pair, runs))
                if self._runs == 1:
                    self._begin(known[0], runs)
            if self._forbidding():
                return None
            judgement = self.pairs.judge(self.terms)
            if judgement:
                runs.reporter.note(words.progress(judgement, self.terms))
        return judgement

    def _begin(self, first: RunRecord, runs: Runs) -> None:
        """Keep to the machine of the first run, and take a baseline's noise if it is of there."""
        runs.stay_with(first)
        entry = self._entry
        if entry is None or entry.noise is None or not entry.noise_freedom:
            return
        unlike = forbidding(entry.provenance, kept_facts(first))
        if unlike:
            runs.reporter.note(ELSEWHERE + unlike[0], problem=True)
        else:
            self.terms = replace(self.terms, stored=(entry.noise, entry.noise_freedom))

    def valid_run(self, name: str, pair: int, runs: Runs) -> RunRecord:
        """Run one side until it is valid; StoppedError where it fails, or after TRIES."""
        side, most = self.sides[name], self.terms.max_pairs
        for tries in count(1):
            self._runs += 1
            runs.reporter.note(f"pair {pair} of at most {most}: {name} ({side.label})")
            turn = Turn(
                test=self.name,
                side="old" if name == "old" else "new",
                pair=pair,
                max_pairs=most,
                margin=self.terms.margin,
            )
            series = Series(run=self._runs, runs=2 * most, repeat=pair, repeats=most)
            runs.start(side.plan, side.file, series, turn=turn)
            runs.wait()
            record = runs.records[-1]
            why = no_number(record, edited=False)
            if why is None:
                return record
            if (
                record.status != "ok"
            ):  # else it has a number, and a rule of its suite speaks against
                text = f"{name} ({side.label}) has no number in pair {pair}: {why}"
                code, self.stopped = record.exit_code or CheckFailed.exit_code, name
                raise StoppedError.with_code(text, "see its folder: " + record.id, code)
            if tries == TRIES:
                break
            runs.reporter.note(f"{name} ({side.label}) is {why}; it is run again", problem=True)
        self.stopped = name
        text = f"{name} ({side.label}) is invalid {TRIES} times in pair {pair}: {why}"
        raise StoppedError.with_code(
            text, "see to that, then go on with --resume", Inconclusive.exit_code
        )

    def _forbidding(self) -> list[str]:
        """Say why the two may not be compared; all runs are of one machine and one way to time."""
        facts = [kept_facts(record) for record in (*self.pairs.old, *self.pairs.new)]
        return [why for other in facts[1:] for why in forbidding(facts[0], other)]

    def _answer(self, judgement: Judgement | None) -> tuple[list[Finding], int]:
        reasons = self._forbidding()
        if judgement is None or reasons:
            text = f"may not be compared: {reasons[0] if reasons else 'nothing was run'}"
            return [self._finding("failed", text, words.UNLIKE)], CheckFailed.exit_code
        self.judgement = judgement
        one, other = kept_facts(self.pairs.old[-1]), kept_facts(self.pairs.new[-1])
        alike = replace(
            self._finding(
                "ok", explained([d for d in differing(one, other) if d.kind == EXPLAINS])
            ),
            topic="provenance",
        )
        old, new = (_mean(side) for side in (self.pairs.old, self.pairs.new))
        outcome, code = words.OUTCOMES[judgement.verdict]
        unit = self.pairs.old[-1].plan.unit
        text = words.answer(judgement, self.terms, (old, new), self.labels, unit)
        throughput = replace(
            self._finding(outcome, text + words.slowed(self.pairs.old + self.pairs.new)),
            remedy=words.REMEDIES[judgement.verdict],
            figures=words.figures(judgement, self.terms, old, new),
        )
        return [alike, throughput], code

    def _finding(self, outcome: Outcome, text: str, remedy: str = "") -> Finding:
        plan = self.sides["new"].plan
        return Finding(
            topic="throughput",
            subject=f"{plan.suite}/{plan.implementation}",
            outcome=outcome,
            text=text,
            remedy=remedy,
        )


def _prepare(side: Side, runs: Runs) -> None:
    """Fill the caches, so that nothing but training lies between the runs of a pair."""
    plan = side.plan
    stage = functools.partial(runs.reporter.stage, f"{plan.implementation} ({side.label})")
    folder = run_copy.folder(plan.suite, plan.implementation, "ab")
    with run_copy.own(folder) as own:
        prepare(plan, side.file, runs.places, own.path, stage, runs.executor.surroundings)


def _latest(places: Places, old: Plan, new: Plan) -> list[RunRecord]:
    """Return the usable runs of the newest test of these two plans, in the order of their time."""
    digests = {"old": old.digest, "new": new.digest}
    tests: dict[str, list[tuple[RunRecord, bool]]] = {}
    for record, edited in _records(places, old.suite):
        if record.turn:
            tests.setdefault(record.turn.test, []).append((record, edited))
    for runs in sorted(tests.values(), key=lambda runs: runs[0][0].started, reverse=True):
        turns = [(r, r.turn) for r, _ in runs if r.turn]
        if all(r.plan_digest == digests[turn.side] for r, turn in turns):
            return [r for r, edited in runs if no_number(r, edited=edited) is None]
    return []


def _records(places: Places, suite: str) -> Iterator[tuple[RunRecord, bool]]:
    for path in rundir.find_records(places.runs, suite):
        try:
            yield rundir.load_checked(path, str(path))
        except MrbenchError:  # `table` and `verify` tell of it
            continue


def _complete(records: Sequence[RunRecord]) -> Pairs:
    """Return the pairs of which both runs are there, up to the first that lacks one."""
    by_turn = {(r.turn.side, r.turn.pair): r for r in records if r.turn}
    pairs = Pairs([], [])
    for pair in count(1):
        old, new = by_turn.get(("old", pair)), by_turn.get(("new", pair))
        if old is None or new is None:
            return pairs
        pairs.old.append(old)
        pairs.new.append(new)
    raise AssertionError


def _mean(records: Sequence[RunRecord]) -> float:
    """Return the geometric mean of the runs' throughput."""
    return words.mean([record.throughput or 0.0 for record in records])
