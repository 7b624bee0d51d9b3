"""The life of a run, the same for every executor: plan, prepare, train, judge, record."""

import contextlib
import functools
from collections.abc import Iterable, Iterator, Sequence

from mrbench.doctor import preflight
from mrbench.errors import BusyError, MrbenchError
from mrbench.model.finding import Finding
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.model.record import RunRecord, Series, Turn
from mrbench.model.reporter import Reporter
from mrbench.prepare import inherited, run_copy
from mrbench.prepare.job import prepare
from mrbench.recipe.load import RecipeFile
from mrbench.run.executor import Executor, Session
from mrbench.run.recorder import Recorder, Run, failure

MOST = 8  # variables that a note names


def run_all(
    planned: Sequence[tuple[Plan, RecipeFile]],
    places: Places,
    repeat: int,
    reporter: Reporter,
    executor: Executor,
    *,
    force: bool = False,
    name: str | None = None,
) -> list[RunRecord]:
    """Run every plan `repeat` times, interleaved (A B C A B C): slow drift spreads evenly.

    Returns the records of all runs that have one. force: go on where that may be forced; the record
    then tells what. name: a tag of all these runs. MrbenchError where nothing can be started;
    nothing was made then.
    """
    plans = tuple(plan for plan, _ in planned)
    with begin(plans, places, reporter, executor, force=force) as runs:
        for plan, file, series in _in_turns(planned, repeat):
            runs.start(plan, file, series, name=name)
        runs.wait()
    return runs.records


@contextlib.contextmanager
def begin(
    plans: Sequence[Plan],
    places: Places,
    reporter: Reporter,
    executor: Executor,
    *,
    force: bool = False,
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
    with executor.session(recorder) as session:
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
        self._places, self._executor, self._session = places, executor, session
        self._recorder, self._forced = recorder, forced

    @property
    def records(self) -> list[RunRecord]:
        """Those of all runs that have one, in the order of their ends."""
        return self._recorder.records

    def start(
        self,
        plan: Plan,
        file: RecipeFile,
        series: Series,
        *,
        turn: Turn | None = None,
        name: str | None = None,
    ) -> None:
        """Prepare a run and hand it to the executor.

        turn: its place in an old-against-new test. name: a tag of the run.
        """
        forced = [f.text for f in self._forced if plan.implementation in f.implementations]
        run = Run.begin(plan, file, self._places, series=series, forced=tuple(forced), name=name)
        run.know(turn=turn)
        self._recorder.show(run)
        _start(run, file, self._places, self._executor, self._session, self._recorder)

    def wait(self) -> None:
        """Wait until each run has its record, or is left to a cluster."""
        self._session.wait()

    def stay_with(self, record: RunRecord) -> None:
        """Train further runs on the machine of this one, where there are several."""
        self._session.stay_with(record)


def _start(  # noqa: PLR0917 - the life's parts, each used once
    run: Run,
    file: RecipeFile,
    places: Places,
    executor: Executor,
    session: Session,
    recorder: Recorder,
) -> None:
    """Prepare a run and hand it to its executor; whatever fails becomes the run's record."""
    stage = functools.partial(recorder.reporter.stage, run.plan.implementation)
    try:
        with run_copy.own(run.scratch or run.folder.path) as own:
            run.scratch = own.path
            prepared = prepare(run.plan, file, places, own.path, stage, executor.surroundings)
            run.know_prepared(prepared)
            session.submit(run, prepared, own)
    except BusyError:
        recorder.withdraw(run)
        raise
    except (MrbenchError, OSError) as exc:  # the next run may fare better
        recorder.finish(run, failure(exc))
    except KeyboardInterrupt:
        recorder.interrupted(run)
        raise
    except Exception as exc:
        recorder.finish(run, failure(exc))
        raise


def _tell_left_out(plans: Sequence[Plan], reporter: Reporter) -> None:
    """Say which of the caller's variables no training is given that could have changed it."""
    each = [inherited.left_out(plan.inherit, plan.variables) for plan in plans]
    names = sorted(set[str]().union(*each))
    if names:
        more = f" and {len(names) - MOST} more" if len(names) > MOST else ""
        reporter.note(
            f"not passed on to the training: {', '.join(names[:MOST])}{more}"
            " (--pass-variable NAME does so)"
        )


def exit_code(records: Iterable[RunRecord]) -> int:
    """Return the largest of the runs' exit codes."""
    return max((record.exit_code for record in records), default=0)


def _in_turns(
    planned: Sequence[tuple[Plan, RecipeFile]], repeat: int
) -> Iterator[tuple[Plan, RecipeFile, Series]]:
    """Yield each plan `repeat` times, A B C A B C, with the run's place among all."""
    runs = repeat * len(planned)
    for number in range(runs):
        turn, which = divmod(number, len(planned))
        yield (
            *planned[which],
            Series(run=number + 1, runs=runs, repeat=turn + 1, repeats=repeat),
        )
