"""Tab completes in real shells; each completion is asked for as a shell asks, too."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mrbench.record import tags
from needs import skip_without
from terminal import Terminal

BIN = Path(sys.executable).parent
KEPT = Path(__file__).parent / "kept"
RUN = "20261125T101200Z-d3d87a44"
# How each shell is started without anybody's settings, and what a user puts into them.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(mrbench completion bash)"'),
    "zsh": (
        ["zsh", "-f", "-i"],
        'autoload -U compinit; compinit -D; eval "$(mrbench completion zsh)"',
    ),
    "fish": (["fish", "--no-config", "-i"], "mrbench completion fish | source"),
}


def ask(line: str, cwd: Path, point: int | None = None) -> list[str]:
    """Return what mrbench offers at the end of a line, as bash asks for it."""
    answer = cwd / "answer"
    variables = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SHELL": "bash",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "_ARGCOMPLETE_COMP_WORDBREAKS": " \t\n\"'><=;|&(:",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line) if point is None else point),
        "COMP_TYPE": "9",
    }
    done = subprocess.run(
        ["bash", "-c", 'exec 8>"$0" 9>&2; exec mrbench', str(answer)],
        cwd=cwd,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("", "")
    found = answer.read_text()
    answer.unlink()
    return [word for word in found.split("\013") if word]


@pytest.mark.parametrize(
    ("line", "there", "not_there"),
    [
        ("mrbench ", {"run", "table", "completion"}, {"--suite", "--version"}),
        ("mrbench --", {"--version", "--help"}, {"run"}),
        ("mrbench run ", {"--suite", "--dry-run", "demo"}, {"run", "runs/"}),
        (
            "mrbench run --suite smoke --impl detectron2,t",
            {"detectron2,torchvision"},
            {"torchvision"},
        ),
        ("mrbench ver", {"verify"}, {"run"}),
        ("mrbench run --", {"--suite", "--dry-run", "--executor"}, {"--format"}),
        ("mrbench run --suite ", {"2019", "demo", "today", "smoke"}, {"--impl"}),
        ("mrbench run --suite s", {"smoke"}, {"demo"}),
        ("mrbench run --suite=s", {"smoke"}, {"demo"}),
        ("mrbench run --executor ", {"local", "docker", "slurm"}, {"README.md"}),
        ("mrbench run --impl ", {"detectron2", "matterport"}, {"minimask", "torchvision"}),
        ("mrbench run --suite smoke --impl t", {"torchvision", "tensorpack"}, {"detectron2"}),
        ("mrbench run --impl detectron2 m", {"matterport", "mmdetection"}, {"minimask"}),
        ("mrbench run demo --set ", {"batch=", "width="}, {"README.md", "runs/"}),
        ("mrbench run demo --set width=128,2", {"128,256"}, {"batch="}),
        ("mrbench run --gpus ", set(), {"README.md", "runs/"}),
        ("mrbench run --data ", {"runs/", "a b/"}, {"mine.yaml", "x.log"}),
        ("mrbench run --recipe ", {"mine.yaml", "runs/"}, {"x.log"}),
        ("mrbench table --format ", {"plain", "rst", "csv"}, {"runs/"}),
        ("mrbench table --reference ", {"2019-10", "2020-05"}, {"runs/"}),
        ("mrbench table --suite ", {"demo", "smoke", "mine"}, {"runs/"}),
        ("mrbench schema ", {"recipe", "suite"}, {"runs/"}),
        ("mrbench completion ", {"bash", "zsh", "fish"}, {"runs/"}),
        ("mrbench data ", {"synth", "check"}, {"runs/"}),
        ("mrbench data check --", {"--archives", "--json"}, {"--seed"}),
        ("mrbench new own.yaml --from dem", {"demo/minimask"}, {"smoke/detectron"}),
        ("mrbench parse ", {"x.log", "runs/"}, set()),
        ("mrbench show ", {"smoke/", "mine/", "detectron2", "theirs.tar.gz"}, {"x.log", "toy"}),
        ("mrbench runs ", {"rm"}, {"smoke/"}),
        ("mrbench runs --", {"--since", "--impl"}, {"--dry-run"}),
        ("mrbench runs --suite ", {"smoke", "mine"}, {"runs/"}),
        ("mrbench runs --tag ", {"night"}, {"smoke"}),
        ("mrbench run --name n", {"night"}, set()),
        ("mrbench runs rm smoke/detectron2/", {f"smoke/detectron2/{RUN}"}, {"mine/"}),
        ("mrbench runs rm ", {"smoke/"}, {"theirs.tar.gz", "detectron2", "night"}),
        ("mrbench runs tag smoke/detectron2/", {f"smoke/detectron2/{RUN}"}, {"mine/"}),
        (f"mrbench runs tag {RUN} ", {"night", "noon"}, {"smoke/"}),
        (f"mrbench runs untag {RUN} ", {"night"}, {"noon"}),
        ("mrbench show ni", {"night"}, {"noon"}),
        ("mrbench table th", {"theirs.tar.gz"}, {"smoke"}),
        ("mrbench baseline save b.json ", {"mine", "theirs.tar.gz"}, {"x.log"}),
        ("mrbench check ", {"demo"}, {"theirs.tar.gz", "mine"}),
        ("mrbench check --baseline b.json ", {"mine", "theirs.tar.gz"}, {"x.log"}),
        ("mrbench verify tens", {"tensorpack"}, {"detectron2", "smoke/"}),
        ("mrbench show smoke/detectron2/", {f"smoke/detectron2/{RUN}"}, {"smoke/detectron2/"}),
        ("mrbench show 2026", {RUN}, {"smoke/"}),
        ("mrbench verify runs/smoke/detectron2/", {f"runs/smoke/detectron2/{RUN}/"}, set()),
        ("mrbench compare smoke/detectron2/x s", {"smoke/"}, {"mine/"}),
        ("mrbench show --runs other ", {"demo/"}, {"smoke/"}),
        ("mrbench show nothing/here/", set(), {"smoke/"}),
        ("mrbench run --suite nope --impl ", set(), set()),
        ("mrbench nope ", {"run"}, {"--suite"}),
        ("mrbench parse 'x", {"x.log"}, set()),
    ],
)
def test_what_is_offered(line: str, there: set[str], not_there: set[str], tmp_path: Path) -> None:
    lay_out(tmp_path)
    found = {word.removeprefix("--suite=") for word in ask(line, tmp_path)}
    found |= {word.replace("\\ ", " ") for word in found}
    assert there <= found
    assert not found & not_there
    assert there or not {word for word in found if not word.startswith("-")}


def lay_out(folder: Path) -> None:
    shutil.copytree(KEPT / "smoke", folder / "runs" / "smoke")
    tags.change(folder / "runs" / "smoke" / "detectron2" / RUN, add=["night"])
    (other,) = (folder / "runs" / "smoke" / "torchvision").iterdir()
    tags.change(other, add=["noon"])
    (folder / "runs" / "mine" / "toy").mkdir(parents=True)
    (folder / "other" / "demo").mkdir(parents=True)
    (folder / "a b").mkdir()
    for name in ("mine.yaml", "x.log", "theirs.tar.gz", "README.md"):
        (folder / name).touch()


def test_names_that_would_draw_on_the_terminal_are_not_offered(tmp_path: Path) -> None:
    (tmp_path / "runs" / "bad\x1b[2J").mkdir(parents=True)
    (tmp_path / "bad\x1b[2J").mkdir()
    assert not [word for word in ask("mrbench show b", tmp_path) if "\x1b" in word]
    assert not [word for word in ask("mrbench show --runs b", tmp_path) if "\x1b" in word]


@pytest.mark.parametrize("shell", SHELLS)
def test_tab_in_a_real_shell(shell: str, tmp_path: Path) -> None:
    command, setting = SHELLS[shell]
    if shell != "bash":
        skip_without(shell)
    lay_out(tmp_path)
    terminal = Terminal(160, 30)
    variables = {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "HOME": os.environ["HOME"],
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "PS1": "> ",
    }
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command],
        cwd=tmp_path,
        stdin=terminal.slave,
        stdout=terminal.slave,
        stderr=terminal.slave,
        env=variables,
    )

    def type_in(text: str, awaited: str) -> None:
        os.write(terminal.master, text.encode())
        terminal.wait_for(lambda lines: any(awaited in line for line in lines))

    try:
        type_in(f"{setting}; echo rea''dy\n", "ready")
        type_in("mrbench ver\t", "mrbench verify")
        type_in("smoke/detectron2/\t", f"verify smoke/detectron2/{RUN}")
        type_in("\x15mrbench run --su\t", "mrbench run --suite")
        type_in("smo\t", "run --suite smoke")
        type_in("--impl torch\t", "--suite smoke --impl torchvision")
        type_in("\x15mrbench table --format \t\t", "markdown")
        type_in("\x15mrbench run --data a\t", r"--data a\ b/")
    finally:
        process.kill()
        process.wait()
        os.close(terminal.master)
        os.close(terminal.slave)
