"""The files of a run that were open while it trained, for where its folder is removed meanwhile."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from mrbench.record.rundir import RunDir


class HeldFiles:
    """What can be read of a run's files even after somebody has removed them."""

    def __init__(self, folder: RunDir) -> None:
        self._folder = folder
        self._open: dict[str, int] = {}

    def take(self) -> None:
        """Open what is there now; may be called again for what comes later."""
        folder = self._folder
        for path in (folder.log, folder.stamps, folder.telemetry, folder.secrets):
            if path.name not in self._open:
                with contextlib.suppress(OSError):
                    self._open[path.name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def restore(self, plan: str) -> tuple[RunDir, tuple[str, ...]]:
        """Write anew what is missing of the folder; plan: the text of plan.json.

        Returns the folder and what to say of it. It is another one, among the temporary files,
        where the old one cannot be made again; OSError where neither can.
        """
        missing = [name for name in self._open if not (self._folder.path / name).exists()]
        if not missing and self._folder.plan.exists():
            return self._folder, ()
        lost = "the run's folder was removed while it trained"
        try:
            self._write(self._folder.path, missing, plan)
        except OSError:
            parts = self._folder.path.parts[-3:]
            folder = Path(tempfile.mkdtemp(prefix="mrbench-runs-")).joinpath(*parts)
            self._write(folder, list(self._open), plan)
            return RunDir(folder), (f"{lost} and cannot be made again: it is at {folder}",)
        again = ", ".join(missing) or self._folder.plan.name
        return self._folder, (f"{lost}, or parts of it; restored: {again}",)

    def close(self) -> None:
        """Let go of the files."""
        while self._open:
            os.close(self._open.popitem()[1])

    def _write(self, folder: Path, names: list[str], plan: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        RunDir(folder).plan.write_text(plan)
        for name in names:
            if name == RunDir(folder).secrets.name:
                (folder / name).touch(0o600)
            shutil.copyfile(f"/proc/self/fd/{self._open[name]}", folder / name)
