"""The printing interval of a log: how many iterations lie between its lines, by the lines."""

from typing import Self

import msgspec

from mrbench.measure.parsers.base import Mark

AGREEING = 3  # votes for the same interval before it is believed
PATIENCE = 4  # marks that are waited for at most
ENOUGH = 5  # intervals that show whether there is a rule in them
IRREGULAR = 0.2  # of the intervals
MOST_KEPT = 100  # different intervals remembered


class Interval(msgspec.Struct):
    """What a process's marks show of their interval: the most frequent, of several the shortest.

    An epoch's last line comes when the epoch ends, and line 1 of logs that count from 0 tells of
    one iteration: neither shows the interval. Lines may come at multiples of it over all epochs, or
    in each. votes: marks by their distance from the one before;
    within: those whose mark before is of the same epoch.
    """

    votes: dict[int, int]
    within: dict[int, int]
    usual: int = 0
    marks: int = 0
    irregular: bool = False
    last: int = 0
    floor: int = 0
    latest: int = 0  # vote of the last mark, which may turn out to be its epoch's last

    @classmethod
    def expecting(cls, every: int | None) -> Self:
        """Return the interval of a process whose format or recipe expects this one."""
        return cls({every: 1} if every else {}, {}, usual=every or 0)

    @property
    def settled(self) -> bool:
        """Whether the marks agree, or have been waited for long enough."""
        return self.marks >= PATIENCE or (
            self.marks > 1 and self.votes.get(self.usual, 0) >= AGREEING
        )

    def add(self, mark: Mark, start: int | None) -> None:
        """Take a mark into account. start: iterations done before the process, if known."""
        begins = self.marks == 0 or mark.floor > self.floor
        if begins and self.latest < self.usual:
            self._vote(self.latest, -1, within=True)
        base = max(mark.floor, start or 0) if begins else self.last
        gap = mark.iteration - base
        self.latest = 0 if begins or mark.closes else gap
        if not mark.closes and not (begins and gap == 1):
            self._vote(gap, 1, within=not begins)
            if begins and self.marks and mark.iteration - self.last > gap:
                self._vote(mark.iteration - self.last, 1, within=False)
        self.marks += 1
        self.last, self.floor = mark.iteration, mark.floor

    def _vote(self, gap: int, count: int, *, within: bool) -> None:
        if gap < 1:
            return
        for votes in (self.votes, self.within)[: 1 + within]:
            votes[gap] = votes.get(gap, 0) + count
            if len(votes) > MOST_KEPT:
                for rare in [g for g, n in votes.items() if n <= 1]:
                    del votes[rare]
        if self.votes.get(gap, 0) != self.votes.get(self.usual, 0) or gap < self.usual:
            self.usual = max(self.votes, key=lambda g: (self.votes[g], -g), default=0)
        self.irregular = self._keeps_none()

    def _keeps_none(self) -> bool:
        """Return whether there is no interval, as with a progress bar that is not always redrawn.

        Of several iterations, one that is twice or thrice as long lost a line.
        """
        usual = self.usual
        strays = sum(n for g, n in self.within.items() if g > usual and (usual == 1 or g % usual))
        seen = sum(self.within.values())
        return seen >= ENOUGH and strays > IRREGULAR * seen
