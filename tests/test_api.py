"""What mrbench offers to Python programs, and the examples of docs/python.md."""

import contextlib
import gzip
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mrbench
from manyruns import KEPT, make
from mrbench.errors import CheckFailed, MeasureError, MrbenchError, RecipeError
from needs import skip_without
from toy import mrbench as run_mrbench

ROOT = Path(__file__).parents[1]
EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL)
LOG = KEPT / "smoke" / "tensorpack"


def test_importing_mrbench_loads_nothing_else() -> None:
    code = "import mrbench, sys; print([n for n in sys.modules if n.startswith(('mrb', 'msg'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['mrbench']\n"


def test_runs_are_loaded_oldest_first(tmp_path: Path) -> None:
    runs = make(tmp_path, 10)
    records = mrbench.load_runs(tmp_path)
    assert [record.id for record in records] == [r.relative_to(tmp_path).as_posix() for r in runs]
    assert json.loads(json.dumps(records[3].to_dict())) == json.loads(
        (runs[3] / "record.json").read_text()
    )
    assert mrbench.load_runs(tmp_path, suite="demo") == []
    assert mrbench.load_run(runs[3]) == records[3]


def test_what_cannot_be_trusted_is_an_error(tmp_path: Path) -> None:
    runs = make(tmp_path, 2)
    path = runs[0] / "record.json"
    path.write_text(path.read_text().replace('"status": "ok"', '"status": "stalled"'))
    with pytest.raises(CheckFailed, match="edited"):
        mrbench.load_runs(tmp_path)
    with pytest.raises(CheckFailed, match="edited"):
        mrbench.load_run(runs[0])
    errors: list[MrbenchError] = []
    assert len(mrbench.load_runs(tmp_path, on_error=errors.append)) == len(errors) == 1
    for missing in (tmp_path / "gone", tmp_path):
        with pytest.raises(MrbenchError, match="not a run"):
            mrbench.load_run(missing)
    with pytest.raises(MrbenchError, match="no such folder"):
        mrbench.load_runs(tmp_path / "gone")


def test_an_archive_is_loaded(tmp_path: Path) -> None:
    (run,) = LOG.iterdir()
    assert run_mrbench("pack", run, "-o", "run.tar.gz", cwd=tmp_path).returncode == 0
    loaded = mrbench.load_run(tmp_path / "run.tar.gz")
    assert loaded.throughput == mrbench.load_run(run).throughput


def test_a_log_is_measured_as_by_the_command(tmp_path: Path) -> None:
    (log,) = LOG.glob("*/train.log.gz")
    parsed = mrbench.parse_log(log, suite="smoke", implementation="tensorpack")
    words = ("parse", log, "--suite", "smoke", "--impl", "tensorpack", "--json")
    assert json.loads(json.dumps(parsed.to_dict())) == json.loads(
        run_mrbench(*words, cwd=tmp_path).stdout
    )
    with pytest.raises(RecipeError):
        mrbench.parse_log(log, window="5")
    with pytest.raises(MeasureError):
        mrbench.parse_log(log.parent / "gone.log")


@pytest.mark.parametrize("example", EXAMPLES, ids=("pandas", "log"))
def test_the_examples_work(example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "pandas" in example:
        skip_without("pandas")
    make(tmp_path / "runs", 10)
    (packed,) = LOG.glob("*/train.log.gz")
    (tmp_path / "train.log").write_bytes(gzip.decompress(packed.read_bytes()))
    monkeypatch.chdir(tmp_path)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(example, "docs/python.md", "exec"), {})  # noqa: S102 - our own
    assert said.getvalue()
