"""Every command in README.md and docs/ works: it is run, or parsed where that is not possible."""

import re
import subprocess
from pathlib import Path

import pytest

import cmdlines
from test_help import PARSERS

PAGES = [cmdlines.ROOT / "README.md", *sorted((cmdlines.ROOT / "docs").glob("*.md"))]
TEXT = "\n".join(page.read_text() for page in PAGES)
LINES = list(dict.fromkeys([*cmdlines.fenced(TEXT), *cmdlines.inline(TEXT)]))
COMMANDS = {line: cmdlines.commands(line) for line in LINES}
# Whole lines that are not mrbench's alone, and why they are not run.
OTHERS = {
    "pip install --editable *": "installs from an index; make's .dev does the same",
    "make *": "test_every_target_of_make_is_there",
    "pre-commit run": "test_the_readme_shows_what_hook_and_annotation_say",
    "git *": "the reader's own repository, or a clone of this one",
    "python3 -m venv *": "make does the same",
    "python -m venv bench": "the reader's own; test_mirror.py does the same",
    "python -m pip install --no-index *": "from the reader's mirror; test_mirror.py does the same",
    "python3 train.py *": "test_tutorial.py runs it",
    "python3 -c *.ipynb > dpo.log": "takes a public log out of its notebook",
    "docker build --target *": "test_every_target_of_docker_is_there",
    "docker run *": "needs a container engine; its command of mrbench is parsed",
}
# Examples of a command's help, which test_help.py runs.
EXAMPLES = {cmdlines.bare(line) for p in PARSERS.values() for line in p.examples.splitlines()}
RUN = [line for line, found in COMMANDS.items() if found and line.startswith(("mrbench", "eval"))]


def test_the_readme_is_read() -> None:
    assert len(LINES) > 20
    assert any("mrbench run" in line for line in LINES)


@pytest.mark.parametrize("line", [line for line in LINES if line not in RUN])
def test_what_others_do_is_known(line: str) -> None:
    assert any(cmdlines.fits(line, pattern) for pattern in OTHERS), f"say in OTHERS: {line}"


@pytest.mark.parametrize("line", [x for x in COMMANDS if COMMANDS[x]], ids=cmdlines.bare)
def test_every_command_is_one_that_the_parser_takes(line: str) -> None:
    for command in COMMANDS[line]:
        cmdlines.parse(command)


@pytest.mark.parametrize(
    "line",
    [c for c in RUN if cmdlines.is_run(c) and cmdlines.bare(c) not in EXAMPLES],
    ids=cmdlines.bare,
)
def test_the_command_does_what_it_says(line: str, demo: Path, tmp_path: Path) -> None:
    cmdlines.check(line, demo, tmp_path)


def test_every_target_of_make_is_there() -> None:
    for line in LINES:
        if line.startswith("make "):
            words = line.partition("#")[0].split()
            done = subprocess.run(
                ["make", "--dry-run", *words[1:]],
                cwd=cmdlines.ROOT,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, f"{line}: {done.stderr}"


def test_every_target_of_docker_is_there() -> None:
    dockerfile = (cmdlines.ROOT / "Dockerfile").read_text()
    for target in re.findall(r"docker build --target (\S+)", TEXT):
        assert re.search(
            rf"^FROM \S+ AS {re.escape(target)}$", dockerfile, re.MULTILINE | re.IGNORECASE
        ), target
