"""The commands of docs/tutorial.md, run one after the other as a reader types them."""

import json
import re
from pathlib import Path

import cmdlines
from mrbench.record.default_rules import MACHINE_RULES

TEXT = (cmdlines.ROOT / "docs" / "tutorial.md").read_text()
MOST_COMMANDS = 6


def test_six_commands_lead_from_a_script_to_a_number(tmp_path: Path) -> None:
    toy = tmp_path / "toy"
    toy.mkdir()
    (script,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (toy / "train.py").write_text(script)
    (toy / ".gitconfig").write_text("[user]\nname = me\nemail = me@example.org\n")
    lines = cmdlines.fenced(TEXT)
    steps = [line for line in lines if not line.startswith("git ")]
    assert len(steps) == MOST_COMMANDS
    for line in lines:
        done = cmdlines.run(line, toy, tmp_path / "home")
        # a busy machine makes the run invalid, but it has its number
        allowed = (0, 6) if line.startswith("mrbench run") else (0,)
        assert done.returncode in allowed, f"{line}: {done.stdout}{done.stderr}"
        if line.startswith("mrbench new"):
            _looks_as_shown(done.stdout)
    (path,) = toy.glob("runs/toy/toy/*/record.json")
    record = json.loads(path.read_text())
    failed = {
        each["rule"] for each in record["validity"]["findings"] if each["outcome"] == "failed"
    }
    if "foreign_load" in failed:  # a late reader of the log sees the lines late
        failed.discard("clocks")
    assert failed <= {*MACHINE_RULES}
    measured = record["measurement"]
    assert (measured["first"], measured["last"]) == (101, 500)
    assert measured["throughput"] > 0
    assert (toy / "toy.html").stat().st_size


def _looks_as_shown(printed: str) -> None:
    """Compare with the lines of the tutorial, but for the path, the commit and fractions."""
    block = next(b for b in cmdlines.FENCE.findall(TEXT) if "wrote toy.yaml" in b)
    shown = block[block.index("wrote toy.yaml") :]
    assert _plain(printed) == _plain(shown)


def _plain(text: str) -> str:
    text = re.sub(r"commit \w+ of \S+", "commit", text)
    text = re.sub(r" *note: at this speed.*\n.*\n.*\n", "", text)  # on a fast machine
    return re.sub(r"\d+\.\d+", "N", text).strip()
