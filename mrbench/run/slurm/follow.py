"""Run plans on a cluster: submit all, follow them to their ends, cancel what is left on leaving."""

import functools
import time
from collections.abc import Sequence
from typing import Any

from mrbench.console import Reporter
from mrbench.doctor import preflight
from mrbench.errors import MrbenchError, UnavailableError
from mrbench.launch.executors import Wishes
from mrbench.model.places import Places
from mrbench.model.plan import Plan
from mrbench.recipe.load import RecipeFile
from mrbench.record.record import in_turns, run_start, summary
from mrbench.record.rundir import RunDir
from mrbench.run.slurm import client, collect, handover, states, submit, watching
from mrbench.run.slurm.client import Job

Record = dict[str, Any]
ASK_S = 2.0  # between two questions to the controller, for all jobs at once
QUEUE_S = 10.0  # the whole queue may be long
VISIBLE_S = 15.0  # until a shared file system shows what a node wrote last
CANCELLED_S = 90.0  # Slurm kills what does not end within KillWait, 30 s as a rule


def run_all(
    planned: Sequence[tuple[Plan, RecipeFile]],
    places: Places,
    repeat: int,
    reporter: Reporter,
    wishes: Wishes,
) -> list[Record]:
    """Submit every plan `repeat` times, interleaved; follow them, unless they are detached."""
    lack = client.unavailable()
    if lack:
        raise UnavailableError(f"nothing was started; {lack.text}", lack.remedy)
    preflight.check([plan for plan, _ in planned], places, elsewhere=True)
    submit.check((plan for plan, _ in planned), wishes)
    with submit.watching(wanted=not wishes.detach) as watcher:
        following = Following(reporter, watcher)
        try:
            for plan, file, series in in_turns(planned, repeat):
                known = {"series": series, "forced": []}
                following.add(*submit.submit(plan, file, places, reporter, wishes, watcher, known))
            if wishes.detach:
                return following.submitted()
            following.to_the_end()
        except BaseException:
            if not wishes.detach:
                following.cancel()
            raise
    return following.records


class Following:
    """Jobs of a cluster and what became of them; records are written as the jobs end."""

    def __init__(self, reporter: Reporter, watcher: submit.Watcher | None = None) -> None:
        self.records: list[Record] = []
        self._reporter, self._watcher = reporter, watcher
        self._open: dict[str, RunDir] = {}  # by the job's id
        self._seen: dict[str, Job] = {}
        self._ended_s: dict[str, float] = {}
        self._asked_s = self._queue_s = float("-inf")
        self._queue: list[str] = []  # of everybody
        self._told: dict[str, str] = {}
        self._current = ""

    def add(self, folder: RunDir, record: Record | None = None) -> None:
        """Take what was submitted, or the record of what could not be."""
        if record is None:
            self._open[handover.load(folder.submission)["job"]] = folder
        else:
            self._keep(folder, record)

    def submitted(self) -> list[Record]:
        """Return what to print of jobs that go on without mrbench, and the records of the rest."""
        found = []
        for number, folder in self._open.items():
            self._reporter.note(f"job {number}: {folder.path}")
            found.append({"job": number, "folder": str(folder.path), "exit_code": 0})
        return [*self.records, *found]

    def to_the_end(self) -> None:
        """Follow one after the other; those that end meanwhile are finished at once."""
        while self._open:
            self.look()
            if not self._open:
                return
            number = next((n for n in self._open if self._runs(n)), next(iter(self._open)))
            folder = self._open[number]
            if self._runs(number) and folder.log.exists():
                self._begin(folder, handover.load(folder.draft))
                watching.show(folder, self._reporter, functools.partial(self._watch, number))
                # the window is over: the node ends the training
            time.sleep(0.1)

    def once(self) -> None:
        """Finish the records of those that are over, and leave the others."""
        self.look()
        while self._ended_s.keys() & self._open.keys():  # over, but not all can be seen of it yet
            self.look()
            time.sleep(0.1)

    def _runs(self, number: str) -> bool:
        job = self._seen.get(number)
        return job is not None and job.state in states.RUNNING

    def _watch(self, number: str) -> bool:
        self.look()
        return number in self._open

    def look(self, *, only_once: bool = False, interrupted: str = "") -> None:
        """Ask for the jobs' states, say what changed, finish the records of those that ended."""
        if time.monotonic() - self._asked_s < ASK_S and not only_once:
            return
        self._asked_s = time.monotonic()
        try:
            self._seen = client.jobs(self._open)
            waits = any(job.state == "PENDING" for job in self._seen.values())
            if waits and time.monotonic() - self._queue_s >= QUEUE_S:
                self._queue, self._queue_s = client.queue(), time.monotonic()
        except MrbenchError as exc:
            self._say("", f"{exc} (following goes on)")
            return
        for number, folder in list(self._open.items()):
            job = self._seen.get(number)
            if self._is_over(number, folder, job, wait=not only_once):
                del self._open[number]
                if self._watcher:
                    self._watcher.say("over", handover.load(folder.submission)["name"])
                self._keep(folder, collect.finish(folder, job, interrupted))
            elif job:
                self._tell(number, folder, job)

    def _is_over(self, number: str, folder: RunDir, job: Job | None, *, wait: bool) -> bool:
        if collect.settled(folder, job) and job is not None:
            return True
        if job is not None and job.state not in states.ENDED:
            return False
        since_s = self._ended_s.setdefault(number, time.monotonic())
        return not wait or time.monotonic() - since_s >= VISIBLE_S

    def _keep(self, folder: RunDir, record: Record) -> None:
        self._begin(folder, record)
        self._reporter.run_ended(record, summary(record))
        self.records.append(record)

    def _begin(self, folder: RunDir, record: Record) -> None:
        """Say of which run all that follows is told."""
        if self._current != record["id"]:
            self._current = record["id"]
            self._reporter.run_started(run_start(record, folder))

    def _tell(self, number: str, folder: RunDir, job: Job) -> None:
        """Say where a job stands, if it is news."""
        who = folder.path.parent.name
        if job.state == "PENDING":
            hopeless = states.HOPELESS.get(job.reason.partition(",")[0])
            if hopeless:
                self._say(number, f"{who}: job {number} waits in vain: {hopeless}", problem=True)
            else:
                self._say(number, "", stage=(who, watching.queued(number, job, self._queue)))
        else:
            self._say(number, "", stage=(who, f"job {number}: {job.state.lower()} on {job.nodes}"))

    def _say(
        self, number: str, text: str, *, problem: bool = False, stage: tuple[str, str] | None = None
    ) -> None:
        said = text or str(stage)
        if self._told.get(number) == said:
            return
        self._told[number] = said
        if stage:
            self._reporter.stage(*stage)
        else:
            self._reporter.note(text, problem=problem)

    def cancel(self) -> None:
        """Cancel all that is left, wait until it is gone, and finish the records."""
        why = "interrupted by the user"
        try:
            client.cancel(*self._open)
        except MrbenchError as exc:
            text = f"jobs {', '.join(self._open)} end by themselves in some minutes, for {exc}"
            self._reporter.note(f"{text}; then `mrbench collect` writes the records", problem=True)
            return
        until_s = time.monotonic() + CANCELLED_S
        while self._open and time.monotonic() < until_s:
            self._asked_s = float("-inf")
            self.look(interrupted=why)
            time.sleep(0.1)
        if self._open:
            self.look(only_once=True, interrupted=why)
