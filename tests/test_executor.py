"""Running a job on this machine: what is captured, what ends it, what it says of a bad start."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from jobs import STUBBORN, make_job, python, run, survivors
from mrbench.errors import LaunchError
from mrbench.launch.executors import local
from mrbench.launch.executors.base import EXIT, LOG, STAMPS
from mrbench.launch.executors.local import start
from mrbench.measure.log.blocks import BLOCK_BYTES, LONGEST_LINE_BYTES, read_stamps


def test_this_machine_can_run_jobs() -> None:
    assert local.unavailable() is None


def test_output_arrives_byte_for_byte_from_both_streams(tmp_path: Path) -> None:
    code = (
        "import os; os.write(1, bytes(range(256))); os.write(2, b'\\xff\\xfe\\0 err'); os._exit(3)"
    )
    output, end = run(make_job(*python(code)), tmp_path)
    assert output == bytes(range(256)) + b"\xff\xfe\0 err"
    assert (end.reason, end.code, end.message) == ("exited", 3, "")


def test_large_output_is_complete(tmp_path: Path) -> None:
    code = "import sys\nfor i in range(300000): sys.stdout.write(f'line {i}\\n')"
    output, _ = run(make_job(*python(code), variables={"PYTHONUNBUFFERED": ""}), tmp_path)
    assert output == b"".join(b"line %d\n" % i for i in range(300000))


def test_stamps_cover_the_log_and_tell_when(tmp_path: Path) -> None:
    code = """
import os, time
for i in range(4):
    print(time.monotonic_ns(), flush=True)
    while not os.path.exists(f"seen{i}"):
        time.sleep(0.01)
"""
    arrived, printed, size = [], [], 0
    with start(make_job(*python(code), directory=tmp_path), tmp_path) as running:
        for i, (offset, block) in enumerate(running.blocks(tick=lambda: None)):
            printed.append(int(block) / 1e9)
            size = offset + len(block)
            arrived.append(read_stamps(tmp_path / STAMPS).at(size))
            (tmp_path / f"seen{i}").touch()  # only now it prints the next
    assert read_stamps(tmp_path / STAMPS).ends[-1] == size
    assert sorted(printed + arrived) == [
        x for pair in zip(printed, arrived, strict=True) for x in pair
    ]


def test_python_prints_at_once_unless_the_job_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "")  # the user's habits do not decide
    show = python("import os; print(os.environ['PYTHONUNBUFFERED'])")
    assert run(make_job(*show), _folder(tmp_path, "a"))[0] == b"1\n"
    job = make_job(*show, variables={"PYTHONUNBUFFERED": "x"})
    assert run(job, _folder(tmp_path, "b"))[0] == b"x\n"


def test_exit_file_tells_the_end(tmp_path: Path) -> None:
    _, end = run(make_job("bash", "-c", "echo hello; kill -9 $$"), tmp_path)
    assert (end.reason, end.code) == ("exited", -signal.SIGKILL)
    told = json.loads((tmp_path / EXIT).read_text())
    assert (told["reason"], told["code"], told["bytes"]) == ("exited", -9, 6)
    assert told["seconds"] == end.seconds
    first = read_stamps(tmp_path / STAMPS).times_ns[0]
    assert told["started_monotonic_ns"] <= first <= time.monotonic_ns()


def test_terminal_only_where_asked(tmp_path: Path) -> None:
    code = "import os, sys; print(sys.stdout.isatty(), sys.stderr.isatty(), sys.stdin.isatty())"
    output, _ = run(make_job(*python(code)), _folder(tmp_path, "pipe"))
    assert output == b"False False False\n"
    code += "; print(*os.get_terminal_size(1))"
    output, end = run(make_job(*python(code), terminal=True), _folder(tmp_path, "terminal"))
    assert output == b"True True False\n250 50\n"
    assert (end.reason, end.code) == ("exited", 0)


def test_signals_reach_the_command_as_usual(tmp_path: Path) -> None:
    code = (
        "import signal; print(*(int(signal.getsignal(n) == signal.SIG_IGN)"
        " for n in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP)))"
    )
    assert run(make_job(*python(code)), _folder(tmp_path, "a"))[0] == b"0 0 0\n"
    output, _ = run(make_job("bash", "-c", "yes | head -1"), _folder(tmp_path, "b"))
    assert output == b"y\n"  # an ignored SIGPIPE would have made `yes` complain


def test_command_gets_no_files_of_ours(tmp_path: Path) -> None:
    # The interpreter opens none that stays; a shell would have its own pipes at times.
    code = """
import os
for file in range(1024):
    try:
        os.fstat(file)
    except OSError:
        continue
    print(file)
"""
    with (
        (tmp_path / "lock").open("w") as lock,
        start(make_job(*python(code)), tmp_path, keep_open=(lock.fileno(),)) as running,
    ):
        output = b"".join(block for _, block in running.blocks(tick=lambda: None))
    assert output == b"0\n1\n2\n"


def test_enough_ends_a_command_that_ignores_sigterm(tmp_path: Path) -> None:
    job = make_job("bash", "-c", STUBBORN, variables={"READY": str(tmp_path / "ready")})
    with start(job, tmp_path, grace_s=0.3) as running:
        for _, block in running.blocks(tick=lambda: None):
            if b"ready" in block:
                assert len(survivors(job)) >= 5  # the command and four children
                running.stop("enough")
    assert survivors(job) == []
    assert (running.exit().reason, running.exit().code) == ("enough", -signal.SIGKILL)
    assert json.loads((tmp_path / EXIT).read_text())["killed"] >= 4


def test_sigterm_comes_first_and_last_words_are_kept(tmp_path: Path) -> None:
    script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done"
    with start(make_job("bash", "-c", script), tmp_path) as running:
        next(running.blocks(tick=lambda: None))
    assert running.exit().code == 7
    assert (tmp_path / LOG).read_bytes().endswith(b"bye\n")


def test_leaving_the_block_ends_the_job(tmp_path: Path) -> None:
    job = make_job("sleep", "1000")
    with start(job, tmp_path) as running:
        assert survivors(job)
        with pytest.raises(RuntimeError, match="before the job's end"):
            running.exit()
    assert survivors(job) == []
    assert (running.exit().reason, running.exit().code) == ("enough", -signal.SIGTERM)


def test_exception_in_the_block_interrupts_the_job(tmp_path: Path) -> None:
    job = make_job("sleep", "1000")
    with pytest.raises(KeyboardInterrupt), start(job, tmp_path):
        raise KeyboardInterrupt
    assert survivors(job) == []
    assert json.loads((tmp_path / EXIT).read_text())["reason"] == "interrupted"


def test_leftover_that_holds_the_pipe_is_ended(tmp_path: Path) -> None:
    job = make_job("bash", "-c", "setsid sleep 1000 & echo done")
    output, end = run(job, tmp_path)
    assert output == b"done\n"
    assert (end.reason, end.code) == ("exited", 0)
    assert survivors(job) == []


def test_leftover_that_does_not_hold_the_pipe_is_ended(tmp_path: Path) -> None:
    job = make_job("bash", "-c", "setsid sleep 1000 > /dev/null 2>&1 & exit 0")
    _, end = run(job, tmp_path)
    assert (end.reason, end.code) == ("exited", 0)
    assert survivors(job) == []


def test_command_that_closes_its_output_is_still_waited_for(tmp_path: Path) -> None:
    _, end = run(make_job("bash", "-c", "exec > /dev/null 2>&1; sleep 0.3; exit 4"), tmp_path)
    assert (end.reason, end.code) == ("exited", 4)


def test_wall_clock_limit(tmp_path: Path) -> None:
    script = "while :; do echo on; sleep 0.05; done"
    job = make_job("bash", "-c", script, wall_clock_limit_s=2.0)
    output, end = run(job, tmp_path)
    assert end.reason == "timed_out"
    assert end.seconds >= 2.0
    assert output.count(b"on\n") > 1
    assert survivors(job) == []


def test_stall_limit_counts_from_the_last_output(tmp_path: Path) -> None:
    script = "for i in 1 2 3 4 5 6; do echo $i; sleep 0.2; done; sleep 1000"
    job = make_job("bash", "-c", script, stall_limit_s=2.0)
    output, end = run(job, tmp_path)
    assert end.reason == "stalled"
    assert output == b"1\n2\n3\n4\n5\n6\n"
    began_s = json.loads((tmp_path / EXIT).read_text())["started_monotonic_ns"] / 1e9
    assert began_s + end.seconds >= read_stamps(tmp_path / STAMPS).at(len(output)) + 2.0
    assert survivors(job) == []


def test_blocks_end_at_carriage_returns_and_newlines(tmp_path: Path) -> None:
    code = (
        "import os, time\n"
        "for part in (b'epoch 1\\n 10%\\r 20', b'%\\r 30%', b'\\n', b'tail'):\n"
        "    os.write(1, part); time.sleep(0.15)"
    )
    ticks = []
    with start(make_job(*python(code)), tmp_path) as running:
        blocks = list(running.blocks(tick=lambda: ticks.append(1)))
    assert b"".join(block for _, block in blocks) == b"epoch 1\n 10%\r 20%\r 30%\ntail"
    assert all(block[-1:] in b"\r\n" for _, block in blocks[:-1])
    assert [offset for offset, _ in blocks] == [
        sum(len(block) for _, block in blocks[:i]) for i in range(len(blocks))
    ]
    assert len(ticks) >= 3


def test_blocks_stay_bounded_without_line_ends(tmp_path: Path) -> None:
    code = "import os\nfor _ in range(40): os.write(1, b'x' * 250000)"
    with start(make_job(*python(code)), tmp_path) as running:
        sizes = [len(block) for _, block in running.blocks(tick=lambda: None)]
    assert sum(sizes) == 10_000_000
    assert max(sizes) <= LONGEST_LINE_BYTES + BLOCK_BYTES


def test_existing_log_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / LOG).write_text("precious")
    with (
        pytest.raises(LaunchError, match=r"cannot be made .*--runs"),
        start(make_job("true"), tmp_path),
    ):
        pass
    assert (tmp_path / LOG).read_text() == "precious"


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("no-such-program-xyz",), r"no-such-program-xyz: .* \(No such file.*install it"),
        (("./plain.txt",), r"plain.txt: .*Permission denied.*chmod \+x"),
        (("./no-interpreter",), "no-interpreter: the interpreter that its first line names"),
        (("./no-first-line",), "no-first-line: .*Exec format error.*name its interpreter"),
        (("true", "a\0b"), "true: .*Invalid argument"),
    ],
)
def test_command_that_cannot_start(tmp_path: Path, argv: tuple[str, ...], expected: str) -> None:
    (tmp_path / "plain.txt").write_text("x")
    for name, text in (("no-interpreter", "#!/no/such/sh\n"), ("no-first-line", "\0\0")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    job = make_job(*argv, directory=tmp_path, variables={"PATH": f"{os.environ['PATH']}:."})
    with pytest.raises(LaunchError, match=expected), start(job, _folder(tmp_path, "run")):
        pass


def test_directory_that_is_missing(tmp_path: Path) -> None:
    job = make_job("true", directory=tmp_path / "gone")
    with (
        pytest.raises(LaunchError, match=r"gone: cannot be entered \(No such"),
        start(job, tmp_path),
    ):
        pass


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder
