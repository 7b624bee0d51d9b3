"""A small world for tests of `mrbench check`: a suite laid out as mrbench's own, all of it good."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mrbench.model.inputs import Environment
from mrbench.prepare.environment.lock import head
from toy import SUITE, edit, make_upstream, mrbench
from upstreams import diff

Git = Callable[..., str]
ENVIRONMENT = Environment(kind="venv", requirements=("six==1.16.0", "toml>=0.10"))
LOCK = """six==1.16.0 \\
    --hash=sha256:{hash}
toml==0.10.2 \\
    --hash=sha256:{hash}
"""
RECIPE = """title: Toy
framework: none
source:
  url: https://github.com/owner/toy
  commit: {commit}
  tree: {tree}
  patches: [toys/toy.patch]
environment:
  kind: venv
  requirements: [six==1.16.0, toml>=0.10]
  lock: toy.lock
workload:
  per_device: 4
launch:
  command: "{{python}} train.py --config configs/small.yaml {{weights}}/toy/r50.pth {{data}}"
  variables:
    SOME: "{{checkout}}"
weights:
  - file: toy/r50.pth
    url: https://example.org/r50.pth
data:
  layout: any
log:
  pattern: 'iter: (?P<iteration>\\d+) loss: (?P<loss>\\S+) time: (?P<value>[\\d.]+)'
  timing: interval_mean
  every: 10
guards:
  evaluation: there is none
  checkpoint: there is none
  resume: there is none
  stop: by mrbench, after the window
sample:
  log: logs/toy.log
  throughput: 1600.0
  origin: written by hand; 4 images in 2.5 ms
"""
REFERENCES = """references:
  - name: paper
    date: "2020-01-02"
    source: https://github.com/owner/toy/blob/{commit}/README.md
    throughput: {{toy: 1500}}
"""


class World:
    """base: holds recipes/, patches/ and tests/. mirror: a folder of owner/toy.git."""

    def __init__(self, folder: Path, git: Git) -> None:
        self.git = git
        self.base, self.mirror = folder / "base", folder / "mirror"
        self.upstream = self.mirror / "owner" / "toy"
        make_upstream(self.upstream, git)
        (self.upstream / "configs").mkdir()
        (self.upstream / "configs" / "small.yaml").write_text("size: 1\n")
        git(self.upstream, "add", ".")
        git(self.upstream, "commit", "-qm", "a configuration")
        self.commit = git(self.upstream, "rev-parse", "HEAD")
        patch = diff(self.upstream, git, {"configs/small.yaml": b"size: 2\n"})
        self.patch = self._write("patches/toys/toy.patch", _full(patch, git, self.upstream))
        self.tree = self._patched_tree()
        suite = SUITE + REFERENCES.format(commit=self.commit)
        self.suite = self._write("recipes/toys/suite.yaml", suite.lstrip().encode())
        recipe = RECIPE.format(commit=self.commit, tree=self.tree)
        self.recipe = self._write("recipes/toys/toy.yaml", recipe.encode())
        lock = head(ENVIRONMENT) + LOCK.format(hash="0f" * 32).encode()
        self.lock = self._write("recipes/toys/toy.lock", lock)
        log = "".join(f"iter: {i} loss: 0.5 time: 0.002500\n" for i in range(10, 61, 10))
        self.log = self._write("tests/logs/toy.log", log.encode())

    def _write(self, name: str, content: bytes) -> Path:
        path = self.base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def _patched_tree(self) -> str:
        """Return the tree as git alone makes it."""
        self.git(self.upstream, "apply", "--index", str(self.patch))
        tree = self.git(self.upstream, "write-tree")
        self.git(self.upstream, "reset", "-q", "--hard")
        return tree

    def check(self, *words: object, code: int = 0) -> dict[str, Any]:
        """Run `mrbench check` on the suite and the recipe; return its JSON."""
        files = "--recipe", "recipes/toys/suite.yaml", "recipes/toys/toy.yaml"
        done = mrbench("check", *files, "--format", "json", *words, cwd=self.base)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        assert answer["exit_code"] == code
        return answer

    def failure(self, *words: object) -> Mapping[str, Any]:
        """Return the one check that fails."""
        answer = self.check(*words, code=7)
        (failed,) = [check for check in answer["checks"] if check["outcome"] == "failed"]
        return dict(failed)

    def change(self, path: Path, old: str, new: str) -> int:
        """Replace a text; return the line of the first one of it."""
        line = path.read_text().partition(old)[0].count("\n") + 1
        edit(path, old, new)
        return line


def _full(patch: bytes, git: Git, folder: Path) -> bytes:
    """Write the ids of blobs in full, as git does with --full-index."""
    lines = patch.decode().splitlines(keepends=True)
    for i, line in enumerate(lines):
        if line.startswith("index "):
            ids, _, mode = line.removeprefix("index ").partition(" ")
            both = [git(folder, "rev-parse", each) for each in ids.split("..")]
            lines[i] = f"index {'..'.join(both)} {mode}"
    return "".join(lines).encode()
