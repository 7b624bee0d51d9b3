"""The life of a run, the same for every executor: plan, prepare, train, judge, record."""

import contextlib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from mrbench.doctor import preflight
from mrbench.errors import BegunError, BusyError, MrbenchError
from mrbench.model.finding import Finding
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord, Series, Turn
from mrbench.model.registration import Registered
from mrbench.model.reporter import Reporter
from mrbench.prepare import inherited, run_copy, step
from mrbench.prepare.job import prepare
from mrbench.recipe.load import RecipeFile
from mrbench.run.ends import failure
from mrbench.run.executor import Executor, Session
from mrbench.run.ration import Ration
from mrbench.run.recorder import Recorder, Run

Scheduled = tuple[Plan, RecipeFile, Series]
MOST = 8  # variables that a note names


class SeriesInterrupted(KeyboardInterrupt):
    """The user ended a series. records: of its runs, as far as they have one."""

    def __init__(self, records: Sequence[RunRecord]) -> None:
        super().__init__()
        self.records = records


def in_turns(
    planned: Sequence[tuple[Plan, RecipeFile]],
    repeat: int,
    there: Mapping[str, int] = MappingProxyType({}),
) -> list[Scheduled]:
    """Return each plan `repeat` times, interleaved (A B C A B C): slow drift spreads evenly.

    there: how many runs of a plan there are already, by its digest; its first rounds are left out.
    """
    each = [(there.get(plan.digest, 0) if there else 0, plan, file) for plan, file in planned]
    rounds = range(1, repeat + 1)
    due = [(n, plan, file) for n in rounds for known, plan, file in each if n > known]
    return [
        (plan, file, Series(run=number, runs=len(due), repeat=n, repeats=repeat))
        for number, (n, plan, file) in enumerate(due, 1)
    ]


def run_all(
    scheduled: Sequence[Scheduled],
    places: Places,
    reporter: Reporter,
    executor: Executor,
    *,
    force: bool,
    name: str | None,
    ration: Ration,
    registered: Registered | None,
) -> list[RunRecord]:
    """Run a series, as `in_turns` orders it.

    ration: which of them are not begun after all; that is said at the end. registered: the
    registration that all are bound to.

    Returns the records of all runs that have one. force: go on where that may be forced; the record
    then tells what. name: a tag of all these runs. MrbenchError where nothing can be started;
    nothing was made then. SeriesInterrupted where the user ends it.
    """
    plans = tuple({id(plan): plan for plan, *_ in scheduled}.values())
    records: list[RunRecord] = []
    try:
        with begin(plans, places, reporter, executor, force=force) as runs:
            records = runs.records
            for plan, file, series in scheduled:
                if not ration.leaves_out(plan, file, records):
                    runs.start(plan, file, series, name=name, registered=registered)
            runs.session.wait()
            for line in ration.lines():
                reporter.note(line, problem=True)
    except KeyboardInterrupt as exc:
        raise SeriesInterrupted(records) from exc
    return records


@contextlib.contextmanager
def begin(
    plans: Sequence[Plan],
    places: Places,
    reporter: Reporter,
    executor: Executor,
    *,
    force: bool,
) -> Iterator["Runs"]:
    """Look whether runs of these plans can be started, and take them; see `run_all`."""
    forced = preflight.refuse_lacking(plans, places, executor, force=force)
    executor.check(plans)
    for finding in forced:
        text = f"{', '.join(finding.implementations)}: {finding.text}; forced"
        reporter.note(text, problem=True)
    if not executor.surroundings.in_image:
        _tell_left_out(plans, reporter)
    recorder = Recorder(reporter)
    with step.told(reporter.output), executor.session(recorder) as session:
        try:
            yield Runs(places, executor, session, recorder, forced)
        except BaseException:
            session.cancel()
            raise


class Runs:
    """The runs of one command, started one after the other."""

    def __init__(
        self,
        places: Places,
        executor: Executor,
        session: Session,
        recorder: Recorder,
        forced: Sequence[Finding],
    ) -> None:
        self.places, self.executor, self.reporter = places, executor, recorder.reporter
        self.session, self._recorder, self._forced = session, recorder, forced
        self.records = recorder.records  # of all runs that have one, in the order of their ends

    def start(
        self,
        plan: Plan,
        file: RecipeFile,
        series: Series,
        *,
        turn: Turn | None = None,
        name: str | None = None,
        registered: Registered | None = None,
    ) -> None:
        """Prepare a run and hand it to the executor; whatever fails becomes the run's record.

        turn: its place in an old-against-new test. name: a tag of the run. registered: what it is
        bound to.
        """
        forced = tuple(f.text for f in self._forced if plan.implementation in f.implementations)
        run = Run.begin(plan, file, self.places, series=series, forced=forced, name=name)
        run.know(turn=turn)
        run.registered = registered
        self._recorder.show(run)
        try:
            self._hand_over(run, file)
        except BusyError:
            self._recorder.withdraw(run)
            raise
        except BegunError as exc:
            self._recorder.withdraw(run)
            self.reporter.note(str(exc), problem=True)
        except (MrbenchError, OSError) as exc:  # the next run may fare better
            self._recorder.finish(run, failure(exc))
        except KeyboardInterrupt:
            self._recorder.interrupted(run)
            raise
        except Exception as exc:
            self._recorder.finish(run, failure(exc))
            raise

    def _hand_over(self, run: Run, file: RecipeFile) -> None:
        stage = functools.partial(self.reporter.stage, run.plan.label)
        surroundings = self.executor.surroundings
        with run_copy.own(run.scratch or run.folder.path) as own:
            run.scratch = own.path
            prepared = prepare(run.plan, file, self.places, own.path, stage, surroundings)
            run.know_prepared(prepared)
            self.session.submit(run, prepared, own)


def _tell_left_out(plans: Sequence[Plan], reporter: Reporter) -> None:
    """Say which of the caller's variables no training is given that could have changed it."""
    each = [inherited.left_out(plan.inherit, plan.variables) for plan in plans]
    names = sorted(set[str]().union(*each))
    if names:
        more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
        reporter.note(
            f"not passed on to the training: {', '.join(names[:MOST])}{more}"
            " (to pass one on: --pass-variable NAME)"
        )


def exit_code(records: Iterable[RunRecord]) -> int:
    """Return the largest of the runs' exit codes."""
    return max((record.exit_code for record in records), default=0)
