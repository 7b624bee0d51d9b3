"""The folder of one run: its copy of the source and what the training writes; gone afterwards."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from mrbench import locks
from mrbench.errors import MrbenchError
from mrbench.files import home

# Who owns a folder. A process of mrbench has OWNER locked; the kernel lets go when it dies. A run
# that was handed to a cluster is named in RUN, and owns the folder until it has its record.
OWNER, RUN = ".owner", "run-folder"
TRIES = 100


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
        _make(path, held)
        scratch = Scratch(path)
        try:
            yield scratch
        except BaseException:
            scratch.handed_over = False
            raise
        finally:
            if not scratch.handed_over:
                remove(path)


def remove(path: Path) -> None:
    """Remove a run's folder, as far as that can be done."""
    shutil.rmtree(path, ignore_errors=True)


def sweep(parent: Path) -> list[Path]:
    """Remove the folders that nobody owns any more; return them."""
    removed = []
    for path in {marker.parent for name in (OWNER, RUN) for marker in parent.glob(f"*/{name}")}:
        with contextlib.suppress(OSError, MrbenchError), _disowned(path) as disowned:
            if disowned:
                remove(path)
                removed.append(path)
    return sorted(removed)


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


def _make(path: Path, held: contextlib.ExitStack) -> None:
    """Make the folder and lock it; another process may sweep it away in between."""
    say: Callable[[str], None] = lambda _text: None  # noqa: E731 - they are at it for a moment
    for _ in range(TRIES):
        path.mkdir(parents=True)
        with contextlib.suppress(FileNotFoundError):
            held.enter_context(locks.hold(path / OWNER, path.name, say))
            return
    raise FileNotFoundError(f"{path} is removed each time it is made")
