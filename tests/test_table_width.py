"""The table on a terminal: as wide as that is, without the columns that it has no room for."""

import io
import re
from pathlib import Path

import pytest

from manyruns import KEPT
from mrbench.results.rows import make_rows
from mrbench.results.table import render
from terminal import mrbench_on
from test_table import SUITE, record, taken

SMOKE = ("table", "--suite", "smoke", "--runs", KEPT)


class Tty(io.StringIO):
    """A stream that says that it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def on_terminal(
    columns: int, monkeypatch: pytest.MonkeyPatch, names: list[str] | None = None
) -> str:
    """Return the table of runs on GPUs as a terminal of that width gets it, without its colours."""
    runs = []
    for name, rate in (("detectron2", 62.3), ("maskrcnn-benchmark", 53.1), ("simpledet", None)):
        for k in range(3):
            rates = rate and rate * (1 + k / 100)
            measured = {"throughput": rates, "peak_allocated_bytes": 4710 << 20}
            telemetry = taken(5.3, 10.5)
            runs.append(
                record(name, rates, started=str(k), measurement=measured, telemetry=telemetry)
            )
    runs += [record("tensorpack", 56.4), record("mmdetection", 49.8)]
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout", Tty())
    text = render(SUITE, make_rows(SUITE, runs), "plain", names)
    return re.sub(r"\x1b[^m]*m", "", text)


@pytest.mark.parametrize("columns", [60, 80, 100, 120])
def test_a_terminal_gets_its_width_and_hyperlinks(columns: int, tmp_path: Path) -> None:
    with mrbench_on(columns, 120, *SMOKE, cwd=tmp_path) as (terminal, process):
        lines = terminal.wait_for_end(process)
    rule = next(i for i, line in enumerate(lines) if line.startswith("-----"))
    table = lines[rule + 1 : lines.index("", rule)]
    assert len(table) == 8  # a line for each row: nothing is folded
    (row,) = (line for line in table if line.startswith("simpledet [3]"))
    assert "1.56 (1.47 to 1.60)" in row
    assert row.endswith("valid, 1 note")
    shown = " ".join(line for line in lines if line)
    assert ("Framework" in lines[rule - 1]) == (columns >= 80)
    assert ("Not shown" in shown) == (columns < 100)
    uris = re.findall(rb"\x1b\]8;[^;]*;(file://[^\x1b\x07]+)", terminal.raw)
    assert any(b"/smoke/detectron2/" in uri for uri in uris)
    assert len(set(uris)) == 8


@pytest.mark.parametrize(
    ("columns", "gone"),
    [
        (60, "Published, Ratio, Framework, Allocated (GiB), J/image, GPU memory (GiB), Between"),
        (80, "Published, Ratio, Framework, Allocated (GiB), J/image"),
        (100, "Published, Ratio, Framework"),
        (140, ""),
    ],
)
def test_a_narrow_terminal_goes_without_the_less_telling_columns(
    columns: int, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = on_terminal(columns, monkeypatch)
    lines = text.splitlines()
    assert all(len(line) <= columns for line in lines)
    for name in ("detectron2 ", "maskrcnn-benchmark ", "62.9 ± 1.5", "not judged"):
        assert any(name in line for line in lines)
    _, _, names = " ".join(lines).partition("shows all): ")
    assert set(gone.split(", ")) <= {*re.split(r"[,.] ", names), "Between"}
    assert ("J/image: joules" in text) == (columns >= 100)
    if columns >= 60:
        rows = [line for line in lines if re.search(r"PyTorch|not judged|invalid", line)]
        assert len(rows) == 5


def test_columns_that_were_named_go_from_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["implementation", "gpu_memory", "energy", "throughput", "hardware", "commit"]
    text = on_terminal(60, monkeypatch, names)
    assert "Not shown (terminal too narrow, `| cat` shows all)" in " ".join(text.splitlines())
    assert "Commit" in text.partition("Not shown")[2]
    assert "J/image" in text.partition("Not shown")[0]
