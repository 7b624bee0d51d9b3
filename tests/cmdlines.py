"""Command lines that stand in texts: found, taken apart, parsed by the real parser, run in bash."""

import contextlib
import fnmatch
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from mrbench import cli

ROOT = Path(__file__).parents[1]
LIMIT_S = 900  # a safety net for a slow network; nothing is decided by it
# With what a line in a fenced block begins that is typed, and not printed.
PROGRAMS = (
    "mrbench",
    "make",
    "docker",
    "eval",
    "pip",
    "git",
    "python",
    "python3",
    "uv",
    "pipx",
    "pre-commit",
)
FENCE = re.compile(r"^ *```[^\n]*\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
PARTING = {";", "&&", "||", "|", "&"}
# What a reader puts in place of the words in capitals.
PLACEHOLDERS = {
    "COMMAND": "run",
    "RUN": "runs/demo/minimask/*",
    "A": "runs/demo/minimask/*",
    "B": "theirs.tar.gz",
    "DIR": "coco",
    "SHA": "0123456789" * 4,
}
# What is done with a command that is not simply run to end with 0, by the first pattern that fits:
# a number is the exit code with which it must end; a text is why it is only parsed.
HOW: dict[str, int | str] = {
    "mrbench *--help": "test_help.py reads the help of every command",
    "mrbench verify *runs/toy/*": "needs the tutorial's run; test_tutorial.py makes it",
    "mrbench new mine.yaml": "is there in the tests' folder; test_new.py writes others",
    "mrbench report toy *": "needs the tutorial's run; test_tutorial.py makes it",
    "mrbench *--recipe toy.yaml*": "needs the tutorial's recipe; test_tutorial.py makes it",
    "mrbench run *--executor slurm*": "needs a cluster; test_slurm.py has one",
    "mrbench run --recipe own.yaml*": "of a recipe that mrbench new wrote; test_new.py runs one",
    "mrbench parse train.log --recipe own.yaml": "the same; test_parse.py has such a recipe",
    "mrbench table a.tar.gz b.tar.gz": "needs two archives; test_named_runs.py packs some",
    "mrbench run --registered *": "of a registration; test_registered.py makes some",
    "mrbench run *--dry-run*": 0,
    "mrbench run demo": "the demo that all these are run beside",
    "mrbench run --suite demo": "the demo that all these are run beside",
    "mrbench run *--executor docker*": "needs a container engine; test_docker.py has one",
    "mrbench run --suite smoke*": "needs Python 3.7 and GitHub; test_smoke.py reads what it left",
    "mrbench run --suite tokens-smoke*": "makes an environment of 5 GB; test_tokens.py reads runs",
    "mrbench run --suite demo *": "minutes of training; test_sweep.py runs shorter series",
    "mrbench run *": "needs eight GPUs, COCO and GitHub",
    "mrbench run demo *": "minutes of training; test_sweep.py runs shorter series",
    "mrbench register *": "would write the same file twice; test_registered.py writes others",
    "mrbench prepare demo*": 0,
    "mrbench prepare --suite demo*": 0,
    "mrbench prepare*": "needs GitHub",
    "mrbench ab*": "six runs or more; test_ab.py makes them",
    "mrbench bisect*": "thirty runs or more; test_bisect.py makes them",
    "mrbench lock*": "rewrites locks from what an index has today; test_lock.py has an index",
    "mrbench mirror*": "takes gigabytes from the network; test_mirror.py makes a small one",
    "mrbench doctor demo*": 0,
    "mrbench doctor --suite demo*": 0,
    "mrbench doctor*": "its end depends on the machine; test_doctor.py makes machines",
    "mrbench history results/": "needs archives; test_history.py makes some",
    "mrbench results init *": 0,
    "mrbench results *": "needs a results repository; test_repository.py makes some",
    "mrbench collect RUN": "needs a run without a record; test_late_records.py makes some",
    "mrbench data check /data/*": "needs COCO; test_datacheck.py makes datasets",
    "mrbench table today*": "needs runs on GPUs",
    "mrbench table --suite detectors*": "needs runs of it",
    "mrbench show torchvision": "needs runs on GPUs",
    "mrbench show 'minimask batch=4'*": "needs runs of a grid; test_grid.py makes some",
    "mrbench report today *": "needs runs on GPUs",
    "mrbench cache gc *--dry-run*": 0,
    "mrbench cache gc*": "would remove what other tests use; test_cache.py makes a home",
    "mrbench cleanup*": "removes containers of others' tests; test_docker_deaths.py has an engine",
    "mrbench check *--network*": "needs GitHub",
    "mrbench check *--mirror*": "needs a mirror of the upstream repositories",
    "mrbench check *--baseline*": "needs several repeats; the tests of the gate make them",
    "mrbench baseline*": "needs several repeats; the tests of the gate make them",
    "mrbench sign *": "needs a key; test_sign.py makes some",
    "mrbench verify *--signers *": "needs a signature; test_sign.py makes some",
    "mrbench compare minimask": "needs two runs; test_stored.py makes them",
    "mrbench compare minimask *": "needs runs of two commits; test_compare.py makes them",
    "mrbench check --recipe *": "of a wrong recipe; test_workflows.py makes it",
    "mrbench parse tests/logs/simpledet-missing-operator.log": 6,
    "mrbench parse metrics.csv --as *": "of a file of the reader's; test_token_logs.py has one",
    "mrbench parse train.log --rule *": 0,
    "mrbench parse *--rule*": "of a public log; test_published.py has an excerpt of one",
    "mrbench completion fish": "source is fish's; test_completion.py does it there",
}


def fenced(text: str) -> list[str]:
    """Return the lines of markdown's fenced blocks that are typed; lines that go on are joined."""
    found = []
    for block in FENCE.findall(text):
        lines = re.sub(r"\\\n\s*", "", block).splitlines()
        typed = [line.strip()[2:] for line in lines if line.strip().startswith("$ ")]
        typed = typed or [re.sub(r"^\s*(- )?(run: )?", "", line) for line in lines]
        found += [line for line in typed if line.partition(" ")[0] in PROGRAMS]
    return found


def inline(text: str) -> list[str]:
    """Return the commands of mrbench and make within markdown's sentences.

    A bare name, as in "`mrbench run` draws", is taken as its --help.
    """
    spans = re.findall(r"(?<!`)`((?:mrbench|make) [^`]+)`(?!`)", FENCE.sub("", text))
    plain = [re.sub(r"\[(.*?)\]", r"\1", " ".join(span.split())) for span in spans]
    return [f"{p} --help" if re.fullmatch(r"mrbench( [a-z]+){1,2}", p) else p for p in plain]


def commands(line: str) -> list[str]:
    """Take the commands of mrbench out of a line, each without comment and redirection."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|<>")
    lexer.whitespace_split = True
    words: list[list[str]] = [[]]
    for token in lexer:
        if token in PARTING:
            words.append([])
        elif inner := re.fullmatch(r"\$\((.*)\)", token):
            words += [shlex.split(command) for command in commands(inner[1])] + [[]]
        else:
            words[-1].append(token)
    found = []
    for tokens in words:
        kept = tokens[: next((i for i, t in enumerate(tokens) if t in (">", ">>", "<")), None)]
        if kept[:2] == ["docker", "run"] and "mrbench" in kept:  # the image has mrbench's entry
            kept = kept[kept.index("mrbench") :]
        if kept[:1] == ["mrbench"]:
            found.append(shlex.join(kept).replace("'*'", "*"))
    return found


def bare(line: str) -> str:
    """Return a line without its comment."""
    return line.partition(" #")[0].strip()


def fits(text: str, pattern: str) -> bool:
    """Tell whether a text is such; `*` stands for anything."""
    return fnmatch.fnmatchcase(text, pattern)


def how(command: str) -> int | str:
    """Return the exit code with which a command must end, or why it is only parsed."""
    return next((done for pattern, done in HOW.items() if fits(command, pattern)), 0)


def is_run(line: str) -> bool:
    """Tell whether all commands of a line can be run here."""
    return all(isinstance(how(command), int) for command in commands(line))


def parse(command: str) -> None:
    """Let the real parser read a command; AssertionError with what it says against it."""
    words = [_filled(word).replace("...", "") for word in shlex.split(command)][1:]
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            cli.parse(words)
    except SystemExit as exc:
        assert exc.code == 0, f"{command}: {said.getvalue()}"  # noqa: PT017 - of --help, 0


def run(line: str, folder: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a line in bash as a reader does, with the folder's own HOME and that MRBENCH_HOME."""
    inherited = {n: v for n, v in os.environ.items() if not n.startswith(("MRBENCH_", "SLURM_"))}
    variables = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "MRBENCH_HOME": str(home),
        "MRBENCH_LOCKS": str(home),
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
    }
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {_filled(line)}"],
        cwd=folder,
        env=inherited | variables,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def _filled(text: str) -> str:
    names = "|".join(PLACEHOLDERS)
    return re.sub(rf"(?<!\S)({names})(\.\.\.)?(?!\S)", lambda m: PLACEHOLDERS[m[1]], text)


def make_demo(folder: Path) -> Path:
    """Run the demo in a folder, once for all tests; its home is in home/, its events in events.

    laid-out/ has what command lines of texts read: runs, archives, a log, a dataset and a recipe.
    """
    (folder / "home").mkdir()
    cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
    line = f"UV_CACHE_DIR={shlex.quote(cache)} mrbench run --suite demo --json > events"
    done = run(line, folder, folder / "home")
    assert done.returncode == 0, done.stderr
    _lay_out(folder, folder / "laid-out")
    return folder


def check(line: str, demo: Path, folder: Path) -> None:
    """Run a line in a folder that has what it needs; it must end as `how` says of its last."""
    shutil.copytree(demo / "laid-out", folder, symlinks=True, dirs_exist_ok=True)
    if "mrbench pack" in line:
        (folder / "run.tar.gz").unlink()
    done = run(line, folder, demo / "home")
    assert done.returncode == how(commands(line)[-1]), f"{line}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr
    assert done.stdout or ">" in line or "$(" in line, f"{line}: prints nothing"


def _lay_out(demo: Path, folder: Path) -> None:
    shutil.copytree(demo / "runs", folder / "runs")
    for kept in (ROOT / "tests" / "kept" / "smoke").glob("*/*"):  # as if of eight V100s
        if kept.parent.name in ("detectron2", "tensorpack"):
            shutil.copytree(kept, folder / "runs" / "2019" / kept.parent.name / kept.name)
    (folder / "tests").symlink_to(ROOT / "tests")
    (log,) = folder.glob("runs/demo/minimask/*/train.log")
    shutil.copyfile(log, folder / "train.log")
    shutil.copytree(ROOT / "recipes" / "demo", folder, dirs_exist_ok=True)
    shutil.copytree(ROOT / "patches" / "demo", folder / "demo")
    (folder / "minimask.yaml").rename(folder / "mine.yaml")
    made = run(
        "mrbench data synth coco --images 4 --size 64x48; mrbench runs tag runs/demo/minimask/*"
        " before-upgrade; mrbench pack runs/demo/minimask/* -o theirs.tar.gz",
        folder,
        demo / "home",
    )
    assert made.returncode == 0, made.stderr
    shutil.copyfile(folder / "theirs.tar.gz", folder / "run.tar.gz")
