"""Follow jobs of a cluster: their place in the queue, their logs as they grow, their ends."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mrbench.errors import MrbenchError
from mrbench.measure.log.blocks import follow_blocks
from mrbench.measure.parsers import parse_samples, until_past
from mrbench.model.finding import Problem
from mrbench.run.progress import Progress
from mrbench.run.recorder import BY_USER, Recorder, Run
from mrbench.run.slurm import client, collect, handover, states
from mrbench.run.slurm.client import JobState
from mrbench.run.training import echoed

ASK_S = 2.0  # between two questions to the controller, for all jobs at once
LONGEST_S = 30.0  # the same, once nothing has changed for a while
GROWTH = 1.3
QUEUE_S = 10.0  # the whole queue may be long
LAST_STATE_S = 15.0  # until Slurm's state of a job whose node has reported is its last one
VISIBLE_S = 15.0  # until a shared file system shows what a node wrote last
CANCELLED_ASK_S = 0.5
CANCELLED_S = 90.0  # Slurm kills what does not end within KillWait, 30 s as a rule
POLL_S = 0.25
PAUSE_S = 0.1


class Following:
    """Jobs and the runs that they are; each is recorded as it ends.

    over: is told the name of each job that was recorded.
    """

    def __init__(
        self, recorder: Recorder, over: Callable[[str], None] = lambda _name: None
    ) -> None:
        self._recorder, self._over = recorder, over
        self._open: dict[str, Run] = {}  # by the job's number
        self._names: dict[str, str] = {}
        self._jobs: dict[str, JobState] = {}  # as Slurm told last
        self._ended_s: dict[str, float] = {}
        self._asked_s = self._queue_s = float("-inf")
        self._pause_s = ASK_S
        self._seen: object = None  # the jobs' states as they were then
        self._files_then: list[bool] = []
        self._settled_s: dict[str, float] = {}
        self._never: set[str] = set()  # have been seen once to wait for what cannot come
        self._queue: list[str] = []  # of everybody
        self._lines: dict[str, str] = {}  # said last, by the job's number

    def add(self, number: str, run: Run) -> None:
        """Take a job that was submitted; MrbenchError where its run's folder is damaged."""
        self._open[number] = run
        self._names[number] = handover.submission_of(run.folder).name

    def to_the_end(self) -> None:
        """Follow one after the other until all are recorded."""
        while self._open:
            self.look()
            number = next(filter(self._runs, self._open), None)
            if number and _log_of(self._open[number]).exists():
                self._show(number, self._open[number])
            time.sleep(PAUSE_S)

    def once(self) -> None:
        """Record those that are over, and leave the others."""
        self.look()
        # over, but not all can be seen of it yet
        while (self._ended_s.keys() | self._settled_s.keys() | self._never) & self._open.keys():
            self.look()
            time.sleep(PAUSE_S)

    def cancel(self) -> None:
        """Cancel all that is left, wait until it is gone, and record it."""
        try:
            client.cancel(*self._open)
        except MrbenchError as exc:
            text = f"jobs {', '.join(self._open)} end by themselves in some minutes, for {exc}"
            text += "; then `mrbench collect` writes the records"
            self._recorder.reporter.note(text, problem=True)
            return
        until_s = time.monotonic() + CANCELLED_S
        while self._open:
            self._pause_s = CANCELLED_ASK_S
            last = time.monotonic() >= until_s
            if last:
                self._asked_s = float("-inf")
            self.look(interrupted=BY_USER.text, patient=not last)
            if last:
                return
            time.sleep(PAUSE_S)

    def look(self, *, interrupted: str = "", patient: bool = True) -> None:
        """Ask for the jobs' states, if it is time to; say what is new, record what is over.

        interrupted: why mrbench itself ends them, if it does. patient: whether to wait until a
        shared file system shows all of a job that is over.
        """
        if time.monotonic() - self._asked_s < self._due_s():
            return
        self._asked_s = time.monotonic()
        try:
            self._jobs = client.jobs(self._open)
            waits = any(job.state == "PENDING" for job in self._jobs.values())
            if waits and time.monotonic() - self._queue_s >= max(QUEUE_S, 2 * self._pause_s):
                self._queue, self._queue_s = client.queue(), time.monotonic()
        except MrbenchError as exc:
            self._note("", f"{exc} (following goes on)")
            return
        self._slow_down()
        for number, run in list(self._open.items()):
            job = self._jobs.get(number)
            never = self._never_starts(number, job)
            if never or self._is_over(number, run, job, patient=patient):
                try:
                    if never or not job:  # Slurm's word, not an answer that lacks it, ends a run
                        client.cancel(number)
                except MrbenchError as exc:
                    self._note(number, f"{exc} (following goes on)")
                    continue
                del self._open[number]
                self._over(self._names[number])
                collect.finish(run, job, self._recorder, interrupted, never)
            elif job:
                self._tell(number, run.plan.implementation, job)

    def _due_s(self) -> float:
        """Return the pause between two questions; a short one where a file is new."""
        return self._pause_s if self._files() == self._files_then else min(self._pause_s, ASK_S)

    def _files(self) -> list[bool]:
        """Tell which jobs have begun, and which have ended, as far as the folders show it."""
        return [
            path.exists()
            for run in self._open.values()
            for path in (run.folder.log, run.folder.node_report)
        ]

    def _slow_down(self) -> None:
        """Ask less often as long as nothing changes: others ask the same controller."""
        states_now = {n: (job.state, job.reason) for n, job in self._jobs.items()}
        news = self._seen != states_now or self._files() != self._files_then
        self._seen, self._files_then = states_now, self._files()
        # once a node has reported, Slurm's last word is a moment away
        news = news or any(run.folder.node_report.exists() for run in self._open.values())
        self._pause_s = ASK_S if news else min(self._pause_s * GROWTH, LONGEST_S)

    def _never_starts(self, number: str, job: JobState | None) -> Problem | None:
        """Return why a job can never start; at the second look, for Slurm may be changing it."""
        reason = job.reason.partition(",")[0] if job and job.state == "PENDING" else ""
        why = states.NEVER.get(reason)
        if why is None:
            self._never.discard(number)
            return None
        known = number in self._never
        self._never.add(number)
        return Problem(f"job {number} could never start: {why.text}", why.remedy) if known else None

    def _is_over(self, number: str, run: Run, job: JobState | None, *, patient: bool) -> bool:
        if collect.settled(run.folder, job) and job is not None:
            since_s = self._settled_s.setdefault(number, time.monotonic())
            last = job.state in states.ENDED or not patient
            return last or time.monotonic() - since_s >= LAST_STATE_S
        if job is not None and job.state not in states.ENDED:
            return False
        since_s = self._ended_s.setdefault(number, time.monotonic())
        return not patient or time.monotonic() - since_s >= VISIBLE_S

    def _runs(self, number: str) -> bool:
        job = self._jobs.get(number)
        return job is not None and job.state in states.RUNNING

    def _show(self, number: str, run: Run) -> None:
        """Show a run's progress up to the end of its window, and wait until it is over."""

        def ended(wait_s: float) -> bool:
            time.sleep(wait_s)
            self.look()
            return number not in self._open

        self._recorder.show(run)
        plan = run.plan
        log = _log_of(run)
        progress = Progress(plan, self._recorder.reporter)
        blocks = follow_blocks(log, ended, tick=lambda: None, poll_s=POLL_S)
        blocks = progress.at_once(echoed(blocks, self._recorder.reporter))
        samples = parse_samples(blocks, plan.log, plan.rated_work, plan.window)
        for sample in until_past(samples, plan.window):
            if number in self._open:
                progress.show(sample)
        while not ended(POLL_S):  # the window is over: the node ends the training
            pass

    def _tell(self, number: str, who: str, job: JobState) -> None:
        """Say where a job stands, if it is news."""
        hopeless = states.HOPELESS.get(job.reason.partition(",")[0])
        if job.state != "PENDING":
            self._stage(number, who, f"job {number}: {job.state.lower()} on {job.nodes}")
        elif hopeless:
            self._note(number, f"{who}: job {number} waits in vain: {hopeless}", problem=True)
        else:
            self._stage(number, who, queued(number, job, self._queue))

    def _stage(self, number: str, who: str, text: str) -> None:
        if self._is_news(number, text):
            self._recorder.reporter.stage(who, text)

    def _note(self, number: str, text: str, *, problem: bool = False) -> None:
        if self._is_news(number, text):
            self._recorder.reporter.note(text, problem=problem)

    def _is_news(self, number: str, text: str) -> bool:
        before, self._lines[number] = self._lines.get(number), text
        return before != text


def queued(number: str, job: JobState, queue: Sequence[str]) -> str:
    """Return where a job that waits stands in the queue, and what it waits for."""
    place = queue.index(number) + 1 if number in queue else None
    where = f", {place} of {len(queue)} that wait" if place else ""
    why = "for Slurm to look at it" if job.reason == "None" else f"({job.reason})"
    return f"job {number} waits {why}{where}"


def _log_of(run: Run) -> Path:
    """Return the log that is measured; see RunDir.measured."""
    log, _ = run.folder.measured(run.plan.log)
    return log
