"""What git knows of a results repository: what a change touches, and what was there before."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

from mrbench import files
from mrbench.errors import MrbenchError, WorkspaceError
from mrbench.prepare.source.git import git
from mrbench.prepare.source.here import top_of
from mrbench.results.repository.layout import REGISTRATIONS, RUNS


class Commits:
    """The commits behind a folder. since: the commit whose later changes are meant; "": all.

    MrbenchError where the folder is not in a git repository, or that does not have the commit.
    """

    def __init__(self, root: Path, since: str | None = None) -> None:
        top = top_of(root)
        if top is None:
            remedy = "`mrbench results init` makes one"
            raise MrbenchError("is not in a git repository", remedy, file=root)
        self._top, self._root = top, files.real_path(root)
        self._inside = self._root.relative_to(top)
        self.since = ""
        if since and since.strip("0"):  # GitHub gives zeros for what came before a new branch
            try:
                words = "rev-parse", "--verify", "--end-of-options", f"{since}^{{commit}}"
                self.since = self._git(*words).strip()
            except WorkspaceError as exc:
                remedy = "name another, or fetch it: `git fetch --unshallow`"
                raise MrbenchError(f"--since {since!r}: no such commit", remedy, file=root) from exc

    def _git(self, *words: str) -> str:
        return os.fsdecode(git(self._top / ".git", *words, tree=self._top))

    def _path(self, name: str = "") -> str:
        path = (self._inside / name).as_posix()
        return f":(top,literal){'' if path == '.' else path}"

    def stage(self, *names: str) -> None:
        """Add files to the index, ignored ones as well."""
        self._git("add", "--force", "--", *map(self._path, names))

    def changes(self) -> Mapping[str, str]:
        """Return git's letter (A, M, D, ...) for each file that changed since then, by its name."""
        base = self._git("merge-base", self.since, "HEAD").strip()
        words = "diff", "--no-renames", "--name-status", "-z", base, "--", self._path()
        told = self._git(*words).split("\0")
        archives = self._path(RUNS), self._path(REGISTRATIONS)
        new = self._git("ls-files", "--others", "-z", "--", *archives).split("\0")
        found = dict(zip(told[1::2], told[::2], strict=False)) | dict.fromkeys(new[:-1], "A")
        return {Path(n).relative_to(self._inside).as_posix(): how for n, how in found.items()}

    def content(self, name: str, revision: str = "") -> bytes | None:
        """Return what a file holds, or held in a commit; None where it is not there."""
        with contextlib.suppress(WorkspaceError, OSError):
            if not revision:
                return files.read_regular(self._root / name, files.MOST_BYTES)
            place = f"{revision}:{(self._inside / name).as_posix()}"
            return git(self._top / ".git", "cat-file", "blob", place)
        return None

    def was_there(self, name: str, archive: str) -> bool:
        """Tell whether a file was there, as it is now, before an archive came in."""
        words = "log", "-1", "--first-parent", "-m", "--diff-filter=AM", "--format=%H"
        commit = self._git(*words, "--", self._path(archive)).strip()
        before = self.since or (f"{commit}^" if commit else "HEAD")
        return self.content(name, before) == self.content(name)
