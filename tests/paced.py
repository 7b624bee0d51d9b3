"""A training for tests that goes as far as a test lets it: recipe, program and reins."""

import textwrap
from collections.abc import Callable
from pathlib import Path

from toy import edit, make_suite

PROGRAM = '''
"""Prints as many iterations as the file named by the first argument says, 0.01 s each.

No line ends with the number: that would count only once another line shows that it is all there.
"""
import pathlib, sys, time
honest, began, done = sys.argv[2:] == ["honest"], time.monotonic(), 0
while True:
    limit = int(pathlib.Path(sys.argv[1]).read_text() or 0)
    if done >= limit:  # it waits
        began = time.monotonic() - done * 0.01
    while done < limit:
        done += 10
        if honest:
            time.sleep(max(0.0, began + done * 0.01 - time.monotonic()))
        print(f"iter: {done} loss: {5 / (1 + done / 100):.4f} time: 0.010000 s", flush=True)
    time.sleep(0.01)
'''


class Paced:
    """A recipe whose training waits for `until`; window 50:400, four images per iteration."""

    def __init__(self, folder: Path, git: Callable[..., str]) -> None:
        self.folder = folder
        self.recipe = make_suite(folder, git)
        self._limit = folder / "limit"
        program = folder / "paced.py"
        program.write_text(textwrap.dedent(PROGRAM))
        edit(self.recipe, "train.py 60 0.002", f"{program} {self._limit}")
        edit(self.recipe.parent / "suite.yaml", "first: 10, last: 40", "first: 50, last: 400")
        self.until(0)

    def keep_its_pace(self) -> None:
        """Let each iteration really take the 0.01 s that it prints, so that no clock refutes it."""
        edit(self.recipe, str(self._limit), f"{self._limit} honest")

    def until(self, iteration: int) -> None:
        """Let it train up to this iteration."""
        fresh = self._limit.with_suffix(".new")
        fresh.write_text(str(iteration))
        fresh.rename(self._limit)  # whole: it is read all the time
