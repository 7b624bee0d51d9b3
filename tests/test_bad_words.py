"""Whatever is typed, the answer is one line that says what is wrong, where, and what to do."""

import contextlib
import io
import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrbench import cli
from mrbench.cli import command_names
from toy import mrbench

KEPT = Path(__file__).parent / "kept" / "smoke"
RUN = "20261125T101200Z-d3d87a44"
OPTIONS = ("--suite", "--impl", "--gpus", "--window", "--repeat", "--json", "--runs", "-o", "--")
WORDS = st.one_of(
    st.sampled_from(
        [*command_names(), *OPTIONS, "synth", "check", "demo", "", "0", "-1", "-", "1:2"]
    ),
    st.text(max_size=6),
)
HELP = "--help`"


def parsed(words: list[str]) -> tuple[object, str, str]:
    """Return the code with which the parser ended, None if it did not, and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    code = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            cli.parse(words)
        except SystemExit as exc:
            code = exc.code
    return code, out.getvalue(), err.getvalue()


@given(st.lists(WORDS, max_size=6))
def test_the_parser_takes_words_or_refuses_them_in_one_line(words: list[str]) -> None:
    code, printed, said = parsed(words)
    if code == 2:
        assert said.startswith("mrbench: ")
        assert said.endswith("--help`\n")
        assert said[:-1].isprintable()
        assert not printed
    else:
        assert code in (None, 0)  # 0: --help, --version
        assert not said
        assert bool(printed) == (code == 0)


@pytest.mark.parametrize(
    ("line", "code", "message", "remedy"),
    [
        ("rnu", 2, "'rnu' is not known", "did you mean 'run'?"),
        ("nothing-like-it", 2, "'nothing-like-it' is not known", "known: ab, baseline, "),
        ("-- run", 2, "'--' is not known", HELP),
        ("--json run", 2, "no option '--json'", "`mrbench --help`"),
        ("run --windwo 1:2", 2, "no option '--windwo'", "did you mean '--window'?"),
        ("run --windwo=1:2", 2, "no option '--windwo'", "did you mean '--window'?"),
        ("list x", 2, "unexpected argument 'x'", "`mrbench list --help`"),
        ("run demo --suite smoke", 2, "suite demo or suite smoke?", "give one of them"),
        ("run minimask", 2, "no suite is called 'minimask'", "give --suite NAME --impl minimask"),
        ("table minimask", 2, "of demo, today, today-smoke", "give --suite NAME --impl minimask"),
        ("run empty", 2, "no suite is called 'empty'", "give --recipe empty.yaml"),
        ("check empty.yaml", 2, "no suite is called 'empty.yaml'", "give --recipe empty.yaml"),
        ("run --recipe empty", 2, "empty: cannot be read", "did you mean empty.yaml?"),
        ("run demo --recipe empty.yaml", 2, "--recipe exclude each other", "give --recipe alone"),
        ("table own2", 2, "no suite is called 'own2'", "did you mean 'own'?"),
        ("demo", 2, "'demo' is a suite", "`mrbench run demo`"),
        ("help runn", 2, "'runn' is not known", "did you mean 'run'?"),
        ("mirror create m demo", 2, "unexpected argument 'demo'", "did you mean --suite demo?"),
        ("prepare minimask", 2, "no suite is called 'minimask'", "--suite NAME --impl minimask"),
        ("data", 2, "required: ACTION", "`mrbench data --help`"),
        ("data draw", 2, "'draw' is not known", "known: synth, check"),
        ("verify", 2, "required: RUN", "`mrbench verify --help`"),
        ("show --runs gone", 1, "gone: no such folder of runs", "`mrbench run --suite demo`"),
        ("show --runs empty", 1, "empty: no runs here", "`mrbench run --suite demo`"),
        ("show --json --plot", 2, "--plot: not allowed with argument --json", HELP),
        ("run --suite", 2, "--suite: expected one argument", HELP),
        ("run --executor dokcer", 2, "--executor: 'dokcer' is not known", "mean 'docker'?"),
        ("run --window 5", 2, "--window '5' is not a window", "give A:B with A < B"),
        ("run --gpus x", 2, "--gpus: 'x'", "give a number of GPUs, or several"),
        ("run --gpus=-1", 2, "--gpus: '-1'", "give a number of GPUs, or several"),
        ("run --repeat -1", 2, "--repeat: '-1' is not a positive number", HELP),
        ("run --repeat 0", 2, "--repeat: '0' is not a positive number", HELP),
        ("run --repeat 1.5", 2, "--repeat: '1.5' is not a positive number", HELP),
        ("run --cool-down nan", 2, "--cool-down: 'nan' is not a temperature", "degrees Celsius"),
        ("run --commit main", 2, "--commit: 'main' is not a commit", "`git rev-parse main` prints"),
        ("run --executor docker --shm x", 2, "--shm: 'x' is not an amount", "give it as 64g"),
        (
            "run --executor docker --memory -1",
            2,
            "--memory: '-1' is not an amount",
            "give it as 64g",
        ),
        ("run --executor slurm --nodes 0", 2, "--nodes: '0' is not a positive", HELP),
        (
            "run --executor slurm --time x --dry-run",
            2,
            "--time 'x' is not a time",
            "as 90 or 1:30:00",
        ),
        ("run --recipe runs", 2, "runs: cannot be read (Not a regular file)", "check the path"),
        ("run --recipe junk", 2, "junk: is not UTF-8 text", "this is not a recipe"),
        ("run --recipe empty.yaml", 2, "empty.yaml: is empty", "start from a recipe"),
        ("run --suite demo --weights junk", 4, "--weights junk: no such folder", "check the path"),
        ("run --suite demo --mirror gone", 4, "--mirror gone: no such folder", "check the path"),
        ("run --suite demo --runs junk", 4, "junk is a file, and no folder", "name --runs DIR"),
        ("run demo --data synthetic", 2, "changes nothing: minimask draws", "leave it out"),
        ("run tokens --data synthetic", 2, "--data synthetic changes nothing", "leave it out"),
        ("run today --data synthetic:99999999999", 2, "draw at most 1,000,000 images", HELP),
        ("doctor --gpus 0 --suite demo", 2, "--gpus 0", "give at least 1"),
        ("data synth new --images x", 2, "--images: 'x' is not a positive number", HELP),
        ("data synth new --images 1", 2, "needs at least 2 images", "ask for such"),
        ("data synth new --size 640", 2, "--size: '640' is not WxH", "as 640x480"),
        ("data synth new --seed x", 2, "--seed: 'x' is not a whole number", HELP),
        ("data synth runs", 2, "is not empty", "name a new or an empty folder"),
        ("mirror verify junk", 4, "junk is not a mirror", "`mrbench mirror create junk` makes"),
        ("mirror create junk --suite demo", 4, "junk is a file", "name a folder"),
        ("table --suite smoke --format x", 2, "--format: 'x' is not known", "known: plain, "),
        ("parse runs", 6, "runs: cannot be read as a log", "give a readable file"),
        ("parse junk --window 5", 2, "--window '5' is not a window", "give A:B"),
        ("parse junk --work-per-iteration 0", 2, "'0' is not a positive number", HELP),
        ("show gone", 1, "no run 'gone' under runs", f"the newest is 'smoke/detectron2/{RUN}'"),
        ("show smoke/detectron/20261124", 1, "no run", f"mean 'smoke/detectron2/{RUN}'?"),
        ("show 01", 1, "no run '01' under runs", "the newest is"),
        ("show record", 1, "no run 'record'", "the newest is"),
        ("show x --runs gone", 1, "no run 'x' under gone", "no such folder, check --runs"),
        ("show x --runs empty", 1, "no run 'x' under empty", "none at all, check --runs"),
        (
            "show broken",
            1,
            "broken/record.json: expected keys and values, got a list",
            "restore it or remove the run",
        ),
        ("verify runs", 1, "no run 'runs'", "the newest is"),
        ("verify junk", 1, "junk: cannot be read", "give an archive that `mrbench pack` made"),
        ("compare gone.tgz gone", 1, "gone.tgz: no such archive", "check the path"),
        (f"pack {RUN}", 2, "required: -o/--output", HELP),
        (f"pack {RUN} -o x.zip", 2, "-o/--output: 'x.zip'", "call it NAME.tar.gz"),
        (f"pack {RUN} -o gone/x.tar.gz", 1, "gone/x.tar.gz: cannot be written", "another file"),
        ("schema recipes", 2, "KIND: 'recipes' is not known", "did you mean 'recipe'?"),
        ("completion tcsh", 2, "shell: 'tcsh' is not known", "known: bash, zsh, fish"),
    ],
)
def test_what_is_wrong_where_and_what_to_do(
    line: str, code: int, message: str, remedy: str, tmp_path: Path
) -> None:
    shutil.copytree(KEPT / "detectron2", tmp_path / "runs" / "smoke" / "detectron2")
    broken = tmp_path / "runs" / "2019" / "detectron2" / "20000101T000000Z-broken"
    broken.mkdir(parents=True)
    (broken / "record.json").write_text(json.dumps([1]))
    (tmp_path / "junk").write_bytes(b"\xff\xfe" * 100)
    (tmp_path / "empty.yaml").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "runs" / "own").mkdir()
    done = mrbench(*line.split(), cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("mrbench: ")
    assert message in done.stderr
    assert remedy in done.stderr[done.stderr.index(message) :]
    assert "Traceback" not in done.stderr
    if "nothing was started" not in done.stderr:  # which tells all that is lacking
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["status", "collect"])
def test_a_folder_without_submitted_runs_is_told(command: str, tmp_path: Path) -> None:
    done = mrbench(command, "--runs", "gone", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "gone: nothing" in done.stdout
    assert "there is no such folder, check --runs" in done.stdout
