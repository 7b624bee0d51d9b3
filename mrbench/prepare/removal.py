"""Remove folders that strangers' programs wrote to, whatever they left there."""

import contextlib
import os
import shutil
from pathlib import Path


def remove_tree(path: Path) -> str | None:
    """Remove a file or a folder with all that is in it; return why some of it stays, if it does.

    Whatever a stranger's program left there: folders that nobody may enter, or nested deeper than
    Python's own function, or the system's longest path, can follow.
    """
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return None
    except (OSError, RecursionError):
        pass
    else:
        return None
    why: list[str] = []
    try:
        _flatten(path, why)
    except OSError as exc:
        why.append(exc.strerror or str(exc))
    return why[0] if why and os.path.lexists(path) else None


def _flatten(path: Path, why: list[str]) -> None:
    """Empty folder after folder, each lifted to the top before, so that no path grows long."""
    if path.is_symlink() or not path.is_dir():
        path.unlink()
        return
    count, waiting = 0, [path]
    while waiting:
        folder = waiting.pop()
        with contextlib.suppress(OSError):
            folder.chmod(0o700)
        try:
            entries = list(os.scandir(folder))
        except OSError as exc:
            why.append(f"{folder.name} ({exc.strerror})")
            continue
        for entry in entries:
            place = folder / entry.name
            try:
                if not entry.is_dir(follow_symlinks=False):
                    place.unlink()
                    continue
                with contextlib.suppress(OSError):
                    place.chmod(0o700)  # a folder that nobody may write to cannot be moved
                if folder is not path:
                    count += 1
                    lifted = path / f".lifted-{count}-{os.urandom(4).hex()}"
                    place = place.rename(lifted)
                waiting.append(place)
            except OSError as exc:
                why.append(f"{entry.name} ({exc.strerror})")
        if folder is not path:
            try:
                folder.rmdir()
            except OSError as exc:
                why.append(f"{folder.name} ({exc.strerror})")
    path.rmdir()
