"""Samples of logs whose lines tell a mean of the last so many iterations, however often they come.

Lines that far apart tell of every iteration once. Before there are so many, the mean is that of all
since the process, or in some logs the epoch, began.
"""

import math
from collections.abc import Iterable, Iterator

import msgspec

from mrbench.measure.parsers.base import Mark, TextFormat, to_sample
from mrbench.measure.parsers.steps import Step
from mrbench.model.finding import Problem
from mrbench.model.measurement import IterationSample

LEAST_TOLD = 0.75  # of all iterations: lines that tell of fewer leave too much out
LONGEST_PROOF = 2000  # lines that are kept until they show that nothing is smoothed


def from_smoothed(
    steps: Iterable[Step], rule: TextFormat, window: int | None
) -> Iterator[IterationSample]:
    """Turn the lines of each process into samples.

    window: iterations that each value is the mean of, as the user says; else the log states it, or
    the format fixes it, or the lines show that it is 1, or it is unknown: then so are the seconds.
    """
    stretch = _Stretch(rule, 0)
    for step in steps:
        if step.first:
            yield from stretch.end()
            over = window or step.smoothing or rule.smoothing or 0
            stretch = _Stretch(rule, over, last=step.start or 0, origin=step.start or 0)
        yield from stretch.take(step)
    yield from stretch.end()


class _Stretch(msgspec.Struct):
    """What is known of one process's iterations; with restarts, of its epoch's.

    window: iterations that each value is the mean of; 0 if unknown. origin: iterations done before
    the smoothing began; last: the last iteration that a sample tells of. early: the lines of its
    first iterations, each the mean of all so far. held: consecutive lines of unknown smoothing.
    """

    rule: TextFormat
    window: int
    last: int = 0
    origin: int = 0
    early: dict[int, Mark] = {}
    held: list[Step] = []
    undecided: bool = True
    begun: bool = False  # whether the process has yielded a sample

    def take(self, step: Step) -> Iterator[IterationSample]:
        mark = step.mark
        if self.rule.restarts and mark.floor > self.origin:
            yield from self.end()
            self.origin = self.last = mark.floor
            self.early = {}
        if not self.window and self.undecided and self._may_prove(step):
            self.held.append(step)
            if _unsmoothed([each.mark for each in self.held[-3:]]):
                self.window = 1
                yield from self._release()
            return
        yield from self._release()
        yield from self._sampled(step)

    def end(self) -> Iterator[IterationSample]:
        """Yield what is still to be told when the process or the epoch is over."""
        yield from self._release()
        if self.last == self.origin and self.early:
            done = max(self.early)
            yield self._whole(self.early[done], done)

    def _may_prove(self, step: Step) -> bool:
        if not self.held:
            return True
        follows = step.mark.iteration == self.held[-1].mark.iteration + 1
        return follows and len(self.held) < LONGEST_PROOF

    def _release(self) -> Iterator[IterationSample]:
        """Yield the samples of the lines held; from now on none is."""
        held, self.held = self.held, []
        if held:
            self.undecided = False
        for step in held:
            yield from self._sampled(step)

    def _sampled(self, step: Step) -> Iterator[IterationSample]:
        mark, done = step.mark, step.mark.iteration - self.origin
        if not self.window:
            yield self._untold(step, _unstated(self.rule))
        elif done > self.window and self._leaves_out(step):
            yield self._untold(step, _too_far_apart(step.interval, self.window))
        elif done >= self.window:
            yield from self._beginning(done - self.window)
            ahead = mark.iteration - self.last
            if ahead >= self.window or (mark.closes and self.rule.restarts and ahead > 0):
                yield self._told(mark, min(ahead, self.window))
        elif done > 0:
            self.early[done] = mark
            if self._far_apart(step.interval) or (mark.closes and self.rule.restarts):
                yield self._whole(mark, done)

    def _leaves_out(self, step: Step) -> bool:
        """Return whether the lines leave too much out, unless this one tells of all since the last.

        An epoch's last line may come sooner than the others.
        """
        told = step.mark.closes and step.mark.iteration - self.last <= self.window
        return self._far_apart(step.interval) and not told

    def _far_apart(self, interval: int) -> bool:
        """Return whether lines at this interval tell of too few iterations, each of them once."""
        if interval <= 0:
            return False
        reach = interval * math.ceil(self.window / interval)
        return interval > self.window or self.window < LEAST_TOLD * reach

    def _beginning(self, head: int) -> Iterator[IterationSample]:
        """Yield the first `head` iterations, which the window's first full line leaves out."""
        fits = [done for done in self.early if done <= head]
        if self.last == self.origin and fits:
            yield self._whole(self.early[max(fits)], max(fits))
        self.early = {}

    def _whole(self, mark: Mark, done: int) -> IterationSample:
        self.early = {}
        return self._told(mark, done)

    def _told(self, mark: Mark, count: int) -> IterationSample:
        self.last = mark.iteration
        data_s = None if mark.data is None else mark.data * count
        first, self.begun = not self.begun, True
        return to_sample(
            mark,
            count,
            mark.value * count,
            rounding_s=mark.error * count,
            data_s=data_s,
            begins=first,
        )

    def _untold(self, step: Step, why: Problem) -> IterationSample:
        """Return the iterations since the line before, whose seconds another clock must tell."""
        count = step.mark.iteration - self.last
        count = min(count, step.interval) if step.interval and not step.irregular else count
        self.last = step.mark.iteration
        first, self.begun = not self.begun, True
        return to_sample(step.mark, count, math.nan, rounding_s=0.0, unknown=why, begins=first)


def _unsmoothed(marks: list[Mark]) -> bool:
    """Return whether three lines of neighbouring iterations cannot be means of several.

    Of two iterations or more, all that the middle one tells of is in the other two as well, so that
    it cannot be more than both together.
    """
    if len(marks) < 3:  # noqa: PLR2004 - as said above
        return False
    before, here, after = marks
    return here.value - 3 * here.error > before.value + after.value


def _unstated(rule: TextFormat) -> Problem:
    return Problem(
        f"the log does not state over how many iterations its time is smoothed{rule.usual}",
        "give --smoothing N (in a recipe: log.smoothing)",
    )


def _too_far_apart(interval: int, window: int) -> Problem:
    told, often = f"the mean of the last {window} alone", f"every {window} iterations"
    if window == 1:
        told, often = "the last one's time alone", "after every iteration"
    elif interval < window:
        told = f"the mean of the last {window}, so that no lines tell of most iterations just once"
    return Problem(
        f"its lines are {interval} iterations apart, but each tells {told}",
        f"print {often}, or let mrbench run the training: it times the lines as they arrive",
    )
