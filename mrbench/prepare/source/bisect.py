"""git's own bisect between two commits, in a repository that has their history but no files."""

from pathlib import Path
from typing import Literal

import msgspec
from msgspec.structs import replace

from mrbench.errors import RecipeError
from mrbench.model.inputs import Source
from mrbench.prepare.source import address, store
from mrbench.prepare.source.git import GitError, git
from mrbench.text import one_line, shorten

GOOD, SKIPPED = "refs/bisect/good-*", "refs/bisect/skip-*"
LONGEST = 72  # characters of a subject that are shown


class Commit(msgspec.Struct, frozen=True):
    """A commit as people are shown it. date: its author's; subject: printable, on one line."""

    sha: str
    date: str
    subject: str

    def __str__(self) -> str:
        """Return all three."""
        return f'{self.sha} "{self.subject}" ({self.date})'


class Bisection:
    """`git bisect`, begun between two commits. GitError or WorkspaceError where git cannot."""

    def __init__(
        self, folder: Path, source: Source, good: str, bad: str, mirror: str | None
    ) -> None:
        """Fetch and begin; RecipeError if good is not among the ancestors of bad."""
        self._folder = folder / "history.git"
        self._folder.mkdir()
        address.check_address(source)
        store.fetch_history(self._folder, replace(source, commit=bad), mirror)
        if good not in self._git("rev-list", bad).split():
            cut = ", whose history is cut off" if (self._folder / "shallow").exists() else ""
            text = f"{good} is not among the ancestors of {bad} in {source.url}{cut}"
            raise RecipeError(text, "give two of one branch, the older one as --good")
        self._git("update-ref", "HEAD", bad)
        self._bisect("start", "--no-checkout", bad, good)

    def next(self) -> str | None:
        """Return the commit that git proposes to test; None where none is left to test."""
        possible = {commit.sha for commit in self.possible()}
        first_known = {self._git("rev-parse", "refs/bisect/bad").strip()}
        untested = possible - first_known - {*self._refs(SKIPPED)}
        return self._git("rev-parse", "BISECT_HEAD").strip() if untested else None

    def mark(self, sha: str, verdict: Literal["good", "bad", "skip"]) -> None:
        """Tell git about a commit."""
        self._bisect(verdict, sha)

    def possible(self) -> list[Commit]:
        """Return the commits that may be the first bad one, the newest first."""
        words = ("refs/bisect/bad", "--not", f"--glob={GOOD}")  # a .mailmap would be a file
        log = self._git("log", "--no-mailmap", "--format=%H%x00%as%x00%s", *words)
        fields = (line.split("\0", 2) for line in log.split("\n")[:-1])
        return [Commit(sha, date, shorten(one_line(text), LONGEST)) for sha, date, text in fields]

    def parent(self, sha: str) -> str:
        """Return a commit's first parent."""
        return self._git("rev-parse", f"{sha}^").strip()

    def _refs(self, pattern: str) -> list[str]:
        return self._git("for-each-ref", "--format=%(objectname)", pattern).split()

    def _bisect(self, *words: str) -> None:
        try:
            self._git("bisect", *words)
        except GitError:  # in the end: it lacks the files to show, or only skipped ones are left
            if self.next():
                raise

    def _git(self, *words: str) -> str:
        return git(self._folder, *words).decode("utf-8", "replace")
