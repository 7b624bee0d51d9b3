"""What logs say when a training fails: look-alikes of what a test cannot provoke on a CPU."""

import math
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from mrbench.measure.failure.scan import NOISE, SIGNS, find_errors, sign_of
from mrbench.measure.failure.verdict import MOST_BYTES, failure_of_log, failure_of_run
from mrbench.measure.spans import Marks
from mrbench.model.measurement import IterationSample
from mrbench.model.run import Exit, Failure

LOGS = Path(__file__).parent / "logs"
STATUS = {
    "gpu_out_of_memory": "out_of_memory",
    "host_out_of_memory": "out_of_memory",
    "diverged": "diverged",
}


def examples(name: str) -> list[tuple[str, str]]:
    """Read texts that are parted by lines `== cause`."""
    parts = re.split("^== ", (LOGS / name).read_text(), flags=re.MULTILINE)[1:]
    return [(cause.strip(), text) for cause, _, text in (part.partition("\n") for part in parts)]


CASES = examples("failures.txt")
NOTHING = [text for _, text in examples("no-failures.txt")]


def of_text(folder: Path, text: str, marks: Marks | None = None) -> Failure | None:
    (folder / "log").write_text(text)
    return failure_of_log(folder / "log", marks or Marks(), "no_iterations")


@pytest.mark.parametrize(
    ("cause", "text"), CASES, ids=[f"{c}-{i}" for i, (c, _) in enumerate(CASES)]
)
def test_a_log_tells_the_cause(tmp_path: Path, cause: str, text: str) -> None:
    echo = "\nsubprocess.CalledProcessError: Command 'python' returned non-zero exit status 1.\n"
    for log in (text, text + echo, f"{echo}\x1b[31m{text}\x1b[0m\n", echo * 2000 + text):
        found = of_text(tmp_path, log)
        assert found is not None
        assert found.cause == cause
        assert found.line in text.replace("\n", " ") or len(found.line) == 300
        assert found.remedy
        assert found.status == STATUS.get(cause, "failed")


@pytest.mark.parametrize("text", NOTHING, ids=range(len(NOTHING)))
def test_what_only_looks_like_a_failure_is_none(tmp_path: Path, text: str) -> None:
    assert of_text(tmp_path, text) is None
    assert of_text(tmp_path, text * 3 + "[05/23 23:57:47 d2.utils]: done\n") is None


def test_an_error_before_the_last_mark_did_not_end_the_training(tmp_path: Path) -> None:
    error = "Traceback (most recent call last):\nKeyError: 'masks'\n"
    lines = [f"iter: {i}\n" for i in range(1, 11)]
    lost = "RuntimeError: Connection reset by peer\n"
    end = Exit(reason="exited", code=1, seconds=1.0)
    for at, of_ours in (
        (10, "KeyError: 'masks'"),
        (9, "KeyError: 'masks'"),  # a rank failed and another printed one mark more
        (8, "KeyError: 'masks'"),
        (4, lost),  # all trained on
    ):
        log = "".join([*lines[:at], error, *lines[at:]])
        (tmp_path / "log").write_text(log)
        marks = Marks()
        ends = [log.index(line) + len(line) for line in lines]
        list(marks.watch(IterationSample(i, 1, 1.0, e) for i, e in enumerate(ends)))
        alone = failure_of_log(tmp_path / "log", marks, "incomplete_window")
        assert (alone is None) == (at < 10)
        good = failure_of_run(tmp_path / "log", marks, replace(end, code=0), "incomplete_window")
        assert good is not None
        assert good.cause == ("ended_early" if at < 10 else "exception")
        with (tmp_path / "log").open("a") as file:
            file.write(lost)
        found = failure_of_run(tmp_path / "log", marks, end, "incomplete_window")
        assert found is not None
        assert found.line == of_ours.strip()
    assert failure_of_log(tmp_path / "log", Marks(), "ok") is None
    assert failure_of_log(tmp_path / "log", Marks(), "non_monotonic") is None


def test_what_a_loss_that_is_no_number_leads_to_is_not_the_cause(tmp_path: Path) -> None:
    log = b"iter: 1 loss: nan\niter: 2 loss: nan\nIndexError: no box is left\n"
    (tmp_path / "log").write_bytes(log)
    ends = [log.index(b"\niter: 2"), log.index(b"\nIndex")]
    marks = Marks()
    list(marks.watch([IterationSample(i, 1, 1.0, e, None, math.nan) for i, e in enumerate(ends)]))
    end = Exit(reason="exited", code=1, seconds=1.0)
    for found in (
        failure_of_log(tmp_path / "log", marks, "incomplete_window"),
        failure_of_run(tmp_path / "log", marks, end, "incomplete_window"),
        failure_of_run(tmp_path / "log", marks, end, "diverged"),
    ):
        assert found is not None
        assert (found.cause, found.line) == ("diverged", "iter: 1 loss: nan")
    list(marks.watch([IterationSample(3, 1, 1.0, ends[1], None, 0.5)]))  # it recovered
    again = failure_of_log(tmp_path / "log", marks, "incomplete_window")
    assert again is not None
    assert again.line == "IndexError: no box is left"


def test_no_sign_is_passed_by_for_want_of_a_hint() -> None:
    lines = [line.encode() for _, text in CASES for line in text.splitlines()]
    for line in lines:
        if any(sign.pattern.search(line) for sign in SIGNS) and not NOISE.search(line):
            assert sign_of(line) is not None


TRACE = 'Traceback (most recent call last):\n  File "train.py", line 1, in main\n'
HANDLING = "\nDuring handling of the above exception, another exception occurred:\n\n"
CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"


@pytest.mark.parametrize(
    ("log", "line", "rank"),
    [
        # what was handled is no root
        (
            f"{TRACE}KeyError: 'r50'\n{HANDLING}{TRACE}ValueError: no r50\n",
            "ValueError: no r50",
            None,
        ),
        # a stated cause is
        (f"{TRACE}KeyError: 'r50'\n{CAUSED}{TRACE}ValueError: no r50\n", "KeyError: 'r50'", None),
        # lack of memory stays the root when the clean-up fails, too
        (f"{TRACE}MemoryError\n{HANDLING}{TRACE}OSError: x is no file\n", "MemoryError", None),
        (
            (
                f"{TRACE}_queue.Empty\n{HANDLING}{TRACE}"
                "RuntimeError: DataLoader worker (pid 7) exited unexpectedly\n"
            ),
            "RuntimeError: DataLoader worker (pid 7) exited unexpectedly",
            None,
        ),
        # survivors speak first
        (
            (
                "[1,0]<stderr>:RuntimeError: NCCL error in: x.cpp:410, unhandled system error\n"
                "[1,5]<stderr>:Connection reset by peer\n"
                "[1,3]<stderr>:KeyError: 'masks'\n"
            ),
            "[1,3]<stderr>:KeyError: 'masks'",
            3,
        ),
        (
            (
                "2: ConnectionResetError: [Errno 104] Connection reset by peer\n"
                "srun: error: n1: task 1: Segmentation fault (core dumped)\n"
            ),
            "srun: error: n1: task 1: Segmentation fault (core dumped)",
            1,
        ),
        # a line in parts, as mpirun tags them
        (
            (
                "[1,1]<stderr>:Traceback (most recent call last):\n"
                "[1,1]<stderr>:    [1,1]<stderr>:raise E('CUDA out of memory')[1,1]<stderr>:\n"
                "[1,1]<stderr>:KeyError[1,1]<stderr>:: [1,1]<stderr>:'masks'[1,1]<stderr>:\n"
            ),
            "[1,1]<stderr>:KeyError: 'masks'",
            1,
        ),
        # a launcher first repeats, then quotes
        (
            (
                f"{TRACE}Exception: \n\n-- Process 3 terminated with the following error:\n{TRACE}"
                "IndexError: list index out of range\n"
            ),
            "IndexError: list index out of range",
            3,
        ),
        (
            (
                f"{TRACE}"
                "FileNotFoundError: Caught FileNotFoundError in DataLoader worker process 0.\n"
                f"Original {TRACE}FileNotFoundError: [Errno 2] No such file: '1.jpg'\n"
            ),
            "FileNotFoundError: [Errno 2] No such file: '1.jpg'",
            None,
        ),
        (
            (
                "[rank0]:[E3 1.cpp:6] [Rank 0] Watchdog caught collective operation timeout: W\n"
                "E0320 api.py:869] failed (exitcode: -9) local_rank: 5 (pid: 2630) of binary: p\n"
                "torch.distributed.elastic.multiprocessing.errors.ChildFailedError: \n"
            ),
            "E0320 api.py:869] failed (exitcode: -9) local_rank: 5 (pid: 2630) of binary: p",
            5,
        ),
        (
            (
                "Primary job  terminated normally, but 1 process returned\na non-zero exit code.\n"
                "mpirun noticed that process rank 7 with PID 0 on node n exited on signal 11 (S).\n"
            ),
            "mpirun noticed that process rank 7 with PID 0 on node n exited on signal 11 (S).",
            7,
        ),
        # an error that was survived, however it reads, is less than one that was not
        (f"{TRACE}ImportError: no apex\n" + "set up\n" * 60 + "KeyError: 1\n", "KeyError: 1", None),
        (
            f"{TRACE}ImportError: no apex\n" + "set up\n" * 60 + "Connection reset by peer\n",
            "ImportError: no apex",
            None,
        ),
    ],
)
def test_the_first_rank_and_the_root_count(
    tmp_path: Path, log: str, line: str, rank: int | None
) -> None:
    found = of_text(tmp_path, log + "subprocess.CalledProcessError: returned exit status 1.\n")
    assert found is not None
    assert (found.line, found.rank) == (line, rank)


@pytest.mark.parametrize(("detail", "line"), examples("gpu-memory.txt"))
def test_who_held_the_memory_is_told(tmp_path: Path, detail: str, line: str) -> None:
    found = of_text(tmp_path, line)
    assert found is not None
    assert (found.cause, found.detail) == ("gpu_out_of_memory", detail)
    assert ("other processes" in found.remedy) == bool(detail)


@pytest.mark.parametrize(
    ("oom_kills", "cause", "status", "says"),
    [
        (1, "host_out_of_memory", "out_of_memory", "the kernel killed 1 of this"),
        (0, "killed", "failed", "no process of this machine"),
        (None, "killed", "failed", "not known"),
    ],
)
@pytest.mark.parametrize("code", [-9, 137])
def test_the_kernels_count_decides_why_it_was_killed(
    tmp_path: Path, oom_kills: int | None, cause: str, status: str, says: str, code: int
) -> None:
    (tmp_path / "log").write_text("loading\n")
    end = Exit(reason="exited", code=code, seconds=1.0, oom_kills=oom_kills)
    found = failure_of_run(tmp_path / "log", Marks(), end, "no_iterations")
    assert found is not None
    assert (found.cause, found.status, found.line) == (cause, status, "loading")
    assert says in found.detail


@pytest.mark.parametrize(
    ("end", "status", "cause"),
    [
        (Exit(reason="interrupted", code=-15, seconds=1), "no_iterations", "interrupted"),
        (Exit(reason="enough", code=-15, seconds=1), "incomplete_window", None),
        (Exit(reason="enough", code=-15, seconds=1), "diverged", "diverged"),
        (Exit(reason="exited", code=0, seconds=1), "non_monotonic", None),
        (Exit(reason="exited", code=-6, seconds=1), "no_iterations", "nccl"),
        (Exit(reason="exited", code=-11, seconds=1), "no_iterations", "crashed"),
        (Exit(reason="exited", code=0, seconds=1), "incomplete_window", "ended_early"),
        (Exit(reason="stalled", code=-9, seconds=1), "incomplete_window", "stalled"),
        (
            Exit(
                reason="exited",
                code=-9,
                seconds=1,
                message="the output could not be written (No space left on device); make room",
            ),
            "no_iterations",
            "disk_full",
        ),
        (
            Exit(reason="exited", code=None, seconds=1, message="what watched was killed; look"),
            "no_iterations",
            "killed",
        ),
    ],
)
def test_a_consequence_counts_only_where_nothing_better_is_known(
    tmp_path: Path, end: Exit, status: str, cause: str | None
) -> None:
    (tmp_path / "log").write_text("Watchdog caught collective operation timeout: WorkNCCL\nbye\n")
    found = failure_of_run(tmp_path / "log", Marks(), end, status)  # type: ignore[arg-type]  # of a table
    assert (found and found.cause) == cause
    assert found is None or found.remedy


def test_a_quoted_line_is_short_and_printable(tmp_path: Path) -> None:
    found = of_text(tmp_path, "RuntimeError: \x07\x1b[31m" + "x" * 5000 + "\n")
    assert found is not None
    assert 250 < len(found.line) <= 300
    assert found.line.isprintable()


def test_much_output_is_read_in_parts() -> None:
    noise = b"frame of no interest, printed by a thread that was left over\n" * 1000
    found = find_errors(((i, noise if i else b"KeyError: 'masks'\n") for i in range(100)), Marks())
    assert [each.line for each in found] == [b"KeyError: 'masks'"]
    assert found[0].later_lines == 99 * 1000


def test_the_end_counts_however_long_the_log(tmp_path: Path) -> None:
    line = b"." * 1023 + b"\n"
    with (tmp_path / "log").open("wb") as file:
        for _ in range(MOST_BYTES // 1024 + 2000):
            file.write(line)
        file.write(b"MemoryError\n")
    found = failure_of_log(tmp_path / "log", Marks(), "no_iterations")
    assert found is not None
    assert found.cause == "host_out_of_memory"


@pytest.mark.parametrize(
    "asked",
    [
        "no weights: pretrained/r50.pth does not exist, starting from scratch",
        "sh: nvidia-smi: command not found",
        "ls: cannot access 'x': No such file or directory",
        "mkdir: cannot create directory '/root/.cache': Permission denied",
    ],
)
def test_the_answer_to_a_question_is_less_than_an_error(tmp_path: Path, asked: str) -> None:
    alone = of_text(tmp_path, f"{asked}\n")
    assert alone is not None
    assert alone.line == asked
    found = of_text(tmp_path, f"{asked}\nbuilding\nKeyError: 'masks'\n")
    assert found is not None
    assert found.line == "KeyError: 'masks'"
    assert of_text(tmp_path, f"{asked}\n" + "iteration\n" * 100) is None
    end = Exit(reason="exited", code=0, seconds=1.0)
    assert failure_of_run(tmp_path / "log", Marks(), end, "non_monotonic") is None


@pytest.mark.parametrize("width", [48, 60, 72, 79, 80, 90])
def test_a_message_that_a_terminal_wrapped_is_read_whole(width: int) -> None:
    message = (
        "torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 1.25 GiB (GPU 0; 23.50"
        " GiB total capacity; 9.10 GiB already allocated)"
    )
    lines = ["(env) user@host:~$ python tools/train.py", "Traceback (most recent call last):"]
    lines += ['  File "/opt/lab/project/tools/train.py", line 208, in <module>', "    main(args)"]
    lines += [f'  File "/opt/{"module/" * 12}a.py", line 1194, in inference_on_dataset']
    lines += ["    return forward(*input)", message, "(env) user@host:~$"]
    wrapped = [line[i : i + width] for line in lines for i in range(0, len(line), width)]
    (best, *_) = find_errors([(0, "\n".join(wrapped).encode())], Marks())
    assert (best.sign.cause, best.line.decode()) == ("gpu_out_of_memory", message)
    stripped = "\n".join(line.rstrip(" ") for line in wrapped).encode()  # as copying does
    assert find_errors([(0, stripped)], Marks())[0].line.decode().split() == message.split()
    assert best.at == "\n".join(wrapped).index("torch.cuda")
