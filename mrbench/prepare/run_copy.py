"""The folder of a run: its copy of the source, with links to data and weights; it ends with it."""

import contextlib
import errno
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mrbench import locks
from mrbench.errors import MrbenchError, WorkspaceError
from mrbench.files import home, real_path
from mrbench.model.finding import Problem
from mrbench.prepare.removal import remove_tree


def arrange(template: Path, folder: Path, links: Iterable[tuple[str, Path]]) -> Path:
    """Copy `template` (a patched, built checkout) to `folder` and add the links.

    Each run gets a copy, so that two runs at once, or one that writes into its source, cannot
    disturb another, and the cached checkout stays as it was verified.
    """
    remove_tree(folder)
    try:
        shutil.copytree(template, folder, symlinks=True)
        for name, target in links:
            _link(folder, name, target)
    except (OSError, shutil.Error) as exc:
        remove_tree(folder)
        text = f"cannot copy the checkout ({exc})"
        raise WorkspaceError(text, "make room there, or set MRBENCH_HOME", file=folder) from exc
    return folder


def _link(folder: Path, name: str, target: Path) -> None:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    if not real_path(place.parent).is_relative_to(real_path(folder)):
        raise WorkspaceError(f"link {name} would leave the checkout", "correct the recipe")
    if place.is_symlink():
        place.unlink()
    elif place.is_dir() and not any(place.iterdir()):
        place.rmdir()
    elif place.exists():
        raise WorkspaceError(f"link {name}: the checkout has a file there", "correct the recipe")
    place.symlink_to(real_path(target))


# Who owns a folder. A process of mrbench has OWNER locked; the kernel lets go when it dies. A run
# that was handed to a cluster is named in RUN, and owns the folder until it has its record.
OWNER, RUN = ".owner", "run-folder"
TRIES = 100
REMOVE = "remove it by hand"


class Scratch:
    """A folder that this process owns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.handed_over = False

    def hand_over(self, run: Path) -> None:
        """Leave the folder to a run that goes on without this process."""
        (self.path / RUN).write_text(f"{run}\n")
        (self.path / OWNER).unlink()
        self.handed_over = True


def folder(suite: str, implementation: str, run_name: str) -> Path:
    """Return where a run's folder stands."""
    return home() / "scratch" / f"{suite}-{implementation}-{run_name}"


@contextlib.contextmanager
def own(path: Path) -> Iterator[Scratch]:
    """Make the folder, and remove it in the end unless it was handed over.

    What runs left beside it that are over is removed as well. OSError where it cannot be made.
    """
    sweep(path.parent)
    with contextlib.ExitStack() as held:
        scratch = Scratch(_make(path, held))
        try:
            yield scratch
        except BaseException:
            scratch.handed_over = False
            raise
        finally:
            if not scratch.handed_over:
                remove(scratch.path)


def remove(path: Path) -> Problem | None:
    """Remove a run's folder, as far as that can be done; return what stays, if anything.

    What says whose it is goes last: what stays is found by the next sweep, which tries again.
    """
    try:
        names = [entry.name for entry in os.scandir(path) if entry.name not in (OWNER, RUN)]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as exc:
        return Problem(f"{path} cannot be removed ({exc.strerror})", REMOVE)
    left = list(filter(None, (remove_tree(path / name) for name in names)))
    if left:
        return Problem(f"{path} cannot be removed: {left[0]}", REMOVE)
    why = remove_tree(path)
    return Problem(f"{path} cannot be removed: {why}", REMOVE) if why else None


def sweep(parent: Path) -> tuple[list[Path], list[Problem]]:
    """Remove the folders that nobody owns any more; return them, and what could not be removed."""
    removed, left = [], []
    for path in {marker.parent for name in (OWNER, RUN) for marker in parent.glob(f"*/{name}")}:
        with contextlib.suppress(OSError, MrbenchError), _disowned(path) as disowned:
            if disowned:
                problem = remove(path)
                if problem:
                    left.append(problem)
                else:
                    removed.append(path)
    return sorted(removed), left


@contextlib.contextmanager
def _disowned(path: Path) -> Iterator[bool]:
    """Tell whether nobody owns the folder, and keep it so meanwhile."""
    with contextlib.ExitStack() as held:
        if (path / OWNER).exists():
            free = held.enter_context(locks.attempt(path / OWNER)) is not None
        else:
            run = Path((path / RUN).read_text().rstrip("\n"))
            free = (run / "record.json").exists() or not run.exists()
        yield free


def _make(wanted: Path, held: contextlib.ExitStack) -> Path:
    """Make a folder and lock it; return it. Another process may sweep it away in between.

    Runs of two folders of runs, or of two programs, may begin in the same second: the later one's
    name gets a number.
    """
    say: Callable[[str], None] = lambda _text: None  # noqa: E731 - they are at it for a moment
    wanted.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(1, TRIES + 1):
        path = wanted if attempt == 1 else wanted.with_name(f"{wanted.name}-{attempt}")
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            path.mkdir()
            held.enter_context(locks.hold(path / OWNER, path.name, say))
            return path
    raise FileExistsError(errno.EEXIST, "is there already, under 100 names", str(wanted))
