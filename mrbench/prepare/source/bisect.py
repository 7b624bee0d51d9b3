"""git's own bisect between two commits, in a repository that has their history but no files."""

from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from mrbench.errors import RecipeError
from mrbench.model.inputs import PACKAGE, Source
from mrbench.prepare.source import address, store
from mrbench.prepare.source.git import GitError, git
from mrbench.text import shorten

Mark = Literal["good", "bad", "skip"]


class Bisection:
    """`git bisect`, begun between two commits; RecipeError if good is no ancestor of bad."""

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
        log = self._git("log", "--no-mailmap", "--format=%H%x00%as%x00%s", *ends)
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
