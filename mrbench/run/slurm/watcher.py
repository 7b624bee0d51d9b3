"""The process that cancels the jobs of a mrbench that was killed, and renews their leases."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import IO

from mrbench.run.slurm import watch


class Watcher:
    """The program watch.py beside this process, and what it is told."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(Path(watch.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            bufsize=0,
            start_new_session=True,  # Ctrl-C on the terminal is for mrbench alone
        )
        self._words: IO[bytes] | None = self._process.stdin

    def take(self, name: str, folder: Path) -> None:
        """Watch over the job of that name and its run's folder, before it is submitted."""
        watch.renew(str(folder), 0)
        self._say("job", name, folder)

    def drop(self, name: str) -> None:
        """Let go of a job that is over; its lease is not renewed any more."""
        self._say("over", name)

    def close(self) -> None:
        """End the program: nothing is left to watch."""
        self._say("bye")
        if self._words is not None:
            self._words.close()
        self._process.wait()

    def _say(self, *words: object) -> None:
        with contextlib.suppress(BrokenPipeError):  # it was killed: the leases end the jobs
            if self._words is not None:
                self._words.write(os.fsencode(" ".join(map(str, words)) + "\n"))
