"""Start the telemetry program beside a training, and end it while the training still runs."""

import contextlib
import os
import site
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mrbench.launch.gpus import inspect
from mrbench.prepare.contained import uninterrupted

PROGRAM = Path(__file__).with_name("__main__.py")
STOP_S = 10.0  # on a busy machine it may not have begun; a driver that hangs keeps nobody longer


def command(file: Path, root: int, *options: str) -> list[str]:
    """Return the command line of the program that writes a file about the descendants of root."""
    python = [sys.executable, "-I", "-S", str(PROGRAM)]
    return [*python, search_path(), str(file), str(root), *options]


def search_path() -> str:
    """Return where the program finds psutil, pynvml and msgspec.

    Those of mrbench's own interpreter come first: PYTHONPATH, which the program itself doesn't
    read, may hold another Python's for the training. It counts if mrbench was installed by it.
    """
    return os.pathsep.join(dict.fromkeys(filter(None, [*site.getsitepackages(), *sys.path])))


class Beside:
    """The program that will look at GPUs and processes; a training runs on if it cannot.

    file: where it writes. before: the processes on the GPUs before the training, None where they
    could not be told. visible: CUDA_VISIBLE_DEVICES where the training gets another than mrbench.
    """

    def __init__(
        self,
        file: Path,
        *,
        gpus: bool,
        before: Sequence[int] | None = None,
        visible: str | None = None,
    ) -> None:
        self._file = file.absolute()
        self._options = ["--gpus"] if gpus else []
        if before is not None:
            self._options += ["--before", ",".join(map(str, before))]
        self._variables = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, root: int | None, *, apart: bool = False) -> None:
        """Start it; it then watches the descendants of `root`, and ends with that process.

        apart: by that alone, not also with the process that started it; and that process is the
        training's own, not a shim that starts it.
        """
        if root is None:
            return
        # A program that is not known yet would write behind the run's record. Without it, its file
        # is missing, which the summary tells.
        with uninterrupted(), contextlib.suppress(OSError):
            self._process = subprocess.Popen(
                command(self._file, root, *self._options, *(["--itself"] if apart else [])),
                stdin=subprocess.DEVNULL if apart else subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, **self._variables},
                start_new_session=True,  # Ctrl-C on the terminal is for mrbench alone
            )

    def stop(self) -> None:
        """Let it look once more, and end it; may be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin:
            process.stdin.close()
        for _ in range(2):
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def start_apart(file: Path, *, gpus: bool) -> None:
    """Start the program for this very process, which becomes a training's; it ends with that."""
    program = Beside(file, gpus=gpus, before=on_the_gpus() if gpus else None)
    program.start(os.getpid(), apart=True)


def on_the_gpus() -> list[int] | None:
    """Return the processes that compute on the GPUs now; None where unknown."""
    inspection = inspect()
    return None if inspection.error else [p.pid for gpu in inspection.gpus for p in gpu.processes]
