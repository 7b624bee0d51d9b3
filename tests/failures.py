"""What each way to fail (failing.py) must be called: cause, status, and the line that is quoted."""

import subprocess
from typing import NamedTuple


class Kind(NamedTuple):
    """A failure: what it must be called, its line, and how it is started if not plainly."""

    cause: str
    status: str
    line: str
    command: str = "{python} train.py NAME"
    rank: int | None = None
    needs: tuple[str, ...] = ()  # a command that must succeed, else it is left out


def _shell(script: str) -> str:
    return f"bash -c '{script}'"


NAMESPACE = ("unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=64k", "none", "/mnt")
SHM = "mount -t tmpfs -o size=64k none /dev/shm && exec {python} train.py small_shm"
DISK = "mount -t tmpfs -o size=64k none /mnt && DISK=/mnt exec {python} train.py small_disk"
KINDS: dict[str, Kind] = {
    "killed": Kind("killed", "failed", "iter: 20 "),
    "killed_in_a_shell": Kind(
        "killed", "failed", " Killed ", _shell("{python} train.py killed; exit $?")
    ),
    "killed_rank": Kind("killed", "failed", "process 2 terminated with signal SIGKILL", rank=2),
    "mpi": Kind(
        "killed",
        "failed",
        "exited on signal 9",
        "mpirun --allow-run-as-root --oversubscribe -np 2 {python} train.py mpi",
        1,
        ("mpirun", "--version"),
    ),
    "mpi_data": Kind(
        "data_missing",
        "failed",
        "[1,1]<stderr>:FileNotFoundError: [Errno 2]",
        "mpirun --allow-run-as-root --oversubscribe --tag-output -np 2 {python} train.py mpi_data",
        1,
        ("mpirun", "--version"),
    ),
    "terminated": Kind("terminated", "failed", "iter: 20 "),
    "segfault": Kind("crashed", "failed", "iter: 20 "),
    "segfault_told": Kind(
        "crashed",
        "failed",
        "Fatal Python error: Segmentation fault",
        "{python} -X faulthandler train.py segfault",
    ),
    "bus_error": Kind("crashed", "failed", "iter: 20 "),
    "abort": Kind("crashed", "failed", "iter: 20 "),
    "memory": Kind("host_out_of_memory", "out_of_memory", "MemoryError"),
    "handling_memory": Kind("host_out_of_memory", "out_of_memory", "MemoryError"),
    "full": Kind("disk_full", "failed", "OSError: [Errno 28] No space left on device"),
    "small_disk": Kind(
        "disk_full",
        "failed",
        "OSError: [Errno 28] No space left on device",
        f'unshare -rm bash -c "{DISK}"',
        needs=NAMESPACE,
    ),
    "small_shm": Kind(
        "shared_memory_full",
        "failed",
        "OSError: [Errno 28] No space left on device: ",
        f'unshare -rm bash -c "{SHM}"',
        needs=NAMESPACE,
    ),
    "file_size": Kind("file_size_limit", "failed", "OSError: [Errno 27] File too large"),
    "open_files": Kind("too_many_open_files", "failed", "OSError: [Errno 24]"),
    "pipe": Kind(
        "broken_pipe",
        "failed",
        "BrokenPipeError: [Errno 32] Broken pipe",
        _shell("set -o pipefail; {python} train.py pipe | head -c 9"),
    ),
    "nan_in_window": Kind("diverged", "diverged", "iter: 40 loss: nan"),
    "nan_before_window": Kind("diverged", "diverged", "iter: 6 loss: nan"),
    "nan_raised": Kind("diverged", "diverged", "FloatingPointError: divide by zero"),
    "data": Kind("data_missing", "failed", "FileNotFoundError: [Errno 2] No such file"),
    "weights": Kind("weights_missing", "failed", "No such file or directory: 'R-50.pkl'"),
    "some_file": Kind("file_missing", "failed", "No such file or directory: 'config/mask.yaml'"),
    "script": Kind("file_missing", "failed", "can't open file", "{python} gone.py"),
    "program": Kind(
        "program_missing",
        "failed",
        "no_such_launcher: command not found",
        _shell("no_such_launcher train.py"),
    ),
    "denied": Kind("permission_denied", "failed", "PermissionError: [Errno 13]"),
    "directory": Kind("wrong_path", "failed", "IsADirectoryError: [Errno 21]"),
    "cut_json": Kind("file_broken", "failed", "json.decoder.JSONDecodeError: Expecting value"),
    "cut_pickle": Kind("file_broken", "failed", "_pickle.UnpicklingError: "),
    "port": Kind("port_in_use", "failed", "OSError: [Errno 98] Address already in use"),
    "refused": Kind("connection_refused", "failed", "ConnectionRefusedError: [Errno 111]"),
    "download": Kind("download_failed", "failed", "urllib.error.URLError: <urlopen error"),
    "module": Kind("module_missing", "failed", "ModuleNotFoundError: No module named 'no_such"),
    "library": Kind("library_missing", "failed", "OSError: libno_such_library.so.1: cannot open"),
    "attribute": Kind("api_changed", "failed", "AttributeError: module 'numpy' has no attribute"),
    "keyword": Kind("api_changed", "failed", "unexpected keyword argument 'encoding'"),
    "loader": Kind("api_changed", "failed", "required positional argument: 'Loader'"),
    "imported": Kind("api_changed", "failed", "ImportError: cannot import name 'Mapping'"),
    "old_python": Kind("wrong_python", "failed", "SyntaxError: Missing parentheses"),
    "arguments": Kind("wrong_arguments", "failed", "train.py: error: unrecognized arguments"),
    "check": Kind("assertion", "failed", "AssertionError: the batch does not divide"),
    "recursion": Kind("exception", "failed", "RecursionError: maximum recursion depth"),
    "plain_exit": Kind("unknown", "failed", "config has no solver"),
    "silent_exit": Kind("unknown", "failed", "iter: 20 "),
    "worker_dies": Kind("data_loader_died", "failed", "BrokenProcessPool: "),
    "worker_raises": Kind("data_missing", "failed", "FileNotFoundError: [Errno 2]"),
    "first_rank": Kind("data_missing", "failed", "[rank3]: FileNotFoundError", rank=3),
    "handling_fails": Kind("exception", "failed", "ValueError: no such backbone: resnet"),
    "handled": Kind("ended_early", "incomplete_window", "iter: 25 "),
    "ends_early": Kind("ended_early", "incomplete_window", "iter: 20 "),
    "nothing": Kind("unread_log", "no_iterations", "hello", "echo hello"),
    "stops": Kind("stalled", "stalled", "iter: 20 "),
    "sleeps": Kind("timed_out", "timed_out", "iter: 20 "),
}


def lacking(kind: Kind) -> str:
    """Return why a kind cannot be tried here, or nothing."""
    if not kind.needs:
        return ""
    try:
        done = subprocess.run(kind.needs, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return f"{kind.needs[0]} is not installed"
    return done.stderr.strip() if done.returncode else ""
