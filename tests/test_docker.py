"""Running a job in a container: what is captured, what it may do, what it says of a bad start."""

import gc
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from engine import BASE, containers, docker, import_base, running_engine
from jobs import make_job
from mrbench.errors import LaunchError
from mrbench.launch.executors.base import CONTAINER, EXIT, LOG, STAMPS
from mrbench.launch.executors.docker import Docker
from mrbench.launch.executors.docker.order import ULIMITS
from mrbench.measure.log.blocks import read_stamps
from mrbench.model.job import Job
from mrbench.model.options import ExecutorOptions
from mrbench.model.run import Exit

pytestmark = pytest.mark.usefixtures("docker_host")

LOOK_AROUND = """
import json, os
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
vfs = os.statvfs("/dev/shm")
try:
    open(os.environ["READ_ONLY"] + "/new", "w")
    refusal = None
except OSError as exc:
    refusal = exc.strerror
print(json.dumps({
    "init": open("/proc/1/comm").read().strip(),
    "links": os.listdir("/sys/class/net"),
    "capabilities": int(status["CapEff"], 16),
    "no_new_privileges": status["NoNewPrivs"].strip(),
    "shm_bytes": vfs.f_frsize * vfs.f_blocks,
    "writing": refusal,
    "home": os.path.isdir(os.environ["HOME"]) and os.access(os.environ["HOME"], os.W_OK),
    "secret": os.environ.get("A_SECRET"),
    "stdin": os.read(0, 1).decode(),
}))
"""
CAP_SYS_ADMIN = 1 << 21


def in_container(folder: Path, *argv: str, **wanted: Any) -> Job:  # noqa: ANN401 - Job's fields
    folder.mkdir(exist_ok=True)
    return replace(
        make_job(*argv, directory=folder), **{"image": BASE, "writable": (folder,), **wanted}
    )


def python(code: str) -> tuple[str, ...]:
    return ("python3", "-I", "-S", "-c", code)


def run(
    job: Job, folder: Path, *, shm: str | None = None, memory: str | None = None
) -> tuple[bytes, Exit, dict[str, Any]]:
    """Follow a job to its end; return what it printed, how it ended, and container.json."""
    executor = Docker(ExecutorOptions(shm=shm, memory=memory))
    with executor.start(job, folder, grace_s=1.0) as running:
        output = b"".join(block for _, block in running.blocks(tick=lambda: None))
    assert output == (folder / LOG).read_bytes()
    assert containers(os.environ["DOCKER_HOST"]) == []
    return output, running.exit(), json.loads((folder / CONTAINER).read_text())


def test_output_arrives_byte_for_byte_from_both_streams(tmp_path: Path) -> None:
    code = "import os; os.write(1, bytes(range(256))); os.write(2, b'\\xff\\0 err'); os._exit(3)"
    output, end, _ = run(in_container(tmp_path, *python(code)), tmp_path)
    assert sorted(output) == sorted(bytes(range(256)) + b"\xff\0 err")  # two streams, no order
    assert (end.reason, end.code, end.message) == ("exited", 3, "")
    assert json.loads((tmp_path / EXIT).read_text())["code"] == 3


def test_large_output_is_complete(tmp_path: Path) -> None:
    code = "import sys\nfor i in range(100000): sys.stdout.write(f'line {i}\\n')"
    job = in_container(tmp_path, *python(code), variables={"PYTHONUNBUFFERED": ""})
    output, _, _ = run(job, tmp_path)
    assert output == b"".join(b"line %d\n" % i for i in range(100000))
    assert read_stamps(tmp_path / STAMPS).ends[-1] == len(output)


def test_stamps_tell_when_it_was_printed(tmp_path: Path) -> None:
    code = """
import os, time
for i in range(4):
    print(time.monotonic_ns(), flush=True)
    while not os.path.exists(f"seen{i}"):
        time.sleep(0.01)
"""
    executor = Docker(ExecutorOptions())
    moments, size = [], 0
    with executor.start(in_container(tmp_path, *python(code)), tmp_path) as running:
        for i, (offset, block) in enumerate(running.blocks(tick=lambda: None)):
            size = offset + len(block)
            moments += [int(block) / 1e9, read_stamps(tmp_path / STAMPS).at(size)]
            (tmp_path / f"seen{i}").touch()  # only now it prints the next
    assert len(moments) == 8
    assert moments == sorted(moments)  # containers have this machine's monotonic clock


def test_a_container_may_do_what_training_needs_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "of mrbench's own environment")
    data, folder = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    job = in_container(folder, *python(LOOK_AROUND), read_only=(data,))
    job = replace(job, variables={"READ_ONLY": str(data)})
    output, _, told = run(job, folder, shm="48m")
    found = json.loads(output)
    assert found["init"] == "docker-init"
    assert found["links"] == ["lo"]
    assert not found["capabilities"] & CAP_SYS_ADMIN
    assert found["no_new_privileges"] == "1"
    assert found["shm_bytes"] == 48 << 20
    assert found["writing"] == "Read-only file system"
    assert found["home"]
    assert found["secret"] is None
    assert found["stdin"] == ""
    assert set(told["ulimits"]) | {w.split()[1] for w in told["warnings"]} == set(ULIMITS)
    assert told["image"]["id"].startswith("sha256:")
    assert told["engine"]["version"]
    assert "of mrbench's own" not in (folder / CONTAINER).read_text()


def test_the_hosts_shared_memory_on_wish(tmp_path: Path) -> None:
    code = "import os; print(os.statvfs('/dev/shm').f_blocks)"
    output, _, _ = run(in_container(tmp_path, *python(code)), tmp_path, shm="host")
    assert int(output) == os.statvfs("/dev/shm").f_blocks  # noqa: S108 - looked at only


def test_files_belong_to_the_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # the tests' engine takes root alone; what matters is whose id the container gets
    monkeypatch.setattr(os, "getuid", lambda: 1234)
    monkeypatch.setattr(os, "getgid", lambda: 1235)
    monkeypatch.setattr(os, "getgroups", lambda: [1235, 1236])
    job = in_container(
        tmp_path / "run", *python("import os; open('new', 'w'); print(os.getgroups())")
    )
    os.chown(tmp_path / "run", 1234, 1235)
    for folder in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        folder.chmod(0o755)
    output, end, _ = run(job, tmp_path / "run")
    assert end.code == 0, output
    assert b"1236" in output
    made = (tmp_path / "run" / "new").stat()
    assert (made.st_uid, made.st_gid) == (1234, 1235)


def test_the_loopback_serves_by_the_containers_own_name(tmp_path: Path) -> None:
    code = """
import socket
server = socket.create_server(("127.0.0.1", 0))
socket.create_connection((socket.gethostname(), server.getsockname()[1]), 5)
print("met")
"""
    assert run(in_container(tmp_path, *python(code)), tmp_path)[0] == b"met\n"


def test_terminal_only_where_asked(tmp_path: Path) -> None:
    code = "import os, time; time.sleep(0.5); print(os.isatty(1), os.isatty(0), os.isatty(2))"
    output, _, _ = run(in_container(tmp_path / "a", *python(code)), tmp_path / "a")
    assert output == b"False False False\n"
    job = in_container(tmp_path / "b", *python(code + "; print(*os.get_terminal_size(1))"))
    output, end, _ = run(replace(job, terminal=True), tmp_path / "b")
    assert output.split() == b"True True True 250 50".split()
    assert (end.reason, end.code) == ("exited", 0)


def test_a_signals_death_is_told_as_on_this_machine(tmp_path: Path) -> None:
    code = "import os; os.kill(os.getpid(), 11)"
    _, end, _ = run(in_container(tmp_path, *python(code)), tmp_path)
    assert (end.reason, end.code) == ("exited", -signal.SIGSEGV)


def test_the_lack_of_memory_is_told_with_its_limit(tmp_path: Path) -> None:
    code = "block = bytearray(1)\nwhile True: block += bytes(10_000_000)"
    _, end, told = run(in_container(tmp_path, *python(code)), tmp_path, memory="60m")
    assert told["out_of_memory"]
    assert (end.reason, end.code) == ("out_of_memory", -signal.SIGKILL)
    assert "its limit of 60m" in end.message


def test_a_program_that_the_image_lacks(tmp_path: Path) -> None:
    told = "no-such-program: the image has no such program; correct"
    with pytest.raises(LaunchError, match=told):
        run(in_container(tmp_path, "no-such-program", "1"), tmp_path)


def test_a_program_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("text")
    told = "is not a program that this user may run in the image; make it executable"
    with pytest.raises(LaunchError, match=told):
        run(in_container(tmp_path, str(tmp_path / "plain")), tmp_path)


@pytest.mark.parametrize(
    ("wanted", "wishes", "told"),
    [
        ({"image": "no/such:image"}, {}, r"image no/such:image is not here; name one"),
        ({"image": None}, {}, r"which image to run in; name one with --image"),
        ({"gpus": 2}, {}, r"cannot give GPUs to containers; install the NVIDIA Container Toolkit"),
        ({"read_only": (Path("/no/such"),)}, {}, r"/no/such: the engine finds no such folder; use"),
        ({}, {"memory": "1zz"}, r"--memory or --shm is not a size; write it as 64g"),
        ({}, {"memory": "1k"}, r"--memory gives too little .* give more with --memory"),
    ],
)
def test_what_cannot_start_is_one_line(
    tmp_path: Path, wanted: dict[str, Any], wishes: dict[str, Any], told: str
) -> None:
    executor = Docker(ExecutorOptions(**wishes))
    job = in_container(tmp_path, "true", **wanted)
    with pytest.raises(Exception, match=told) as caught, executor.start(job, tmp_path):
        pass
    assert "\n" not in str(caught.value)
    assert type(caught.value).__module__ == "mrbench.errors"
    assert containers(os.environ["DOCKER_HOST"]) == []


# the SDK leaves a socket open whose connecting failed
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_no_engine_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executor = Docker(ExecutorOptions())
    assert executor.unavailable() is None
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    told = str(executor.unavailable())
    assert told.startswith(f"no Docker engine at unix://{tmp_path}/none.sock; install Docker")
    (tmp_path / "none.sock").touch()
    assert "start it" in str(executor.unavailable())
    gc.collect()  # here, where that is known, not within another test


@pytest.mark.parametrize("words", [("kill",), ("rm", "-f")])
def test_a_container_that_somebody_else_ends(tmp_path: Path, words: tuple[str, ...]) -> None:
    host = os.environ["DOCKER_HOST"]
    executor = Docker(ExecutorOptions())
    job = in_container(tmp_path, *python("import time; print('up', flush=True); time.sleep(1000)"))
    with executor.start(job, tmp_path) as running:
        blocks = running.blocks(tick=lambda: None)
        assert next(blocks) == (0, b"up\n")
        (name,) = docker(host, "ps", "-q").stdout.split()
        docker(host, *words, name)
        assert list(blocks) == []
    end = running.exit()
    assert end.reason == "exited"
    if words == ("kill",):
        assert end.code == -signal.SIGKILL
    else:
        assert "removed by somebody else" in end.message or end.code == -signal.SIGKILL
    assert containers(host) == []


@pytest.mark.parametrize(
    ("limits", "reason"),
    [({"wall_clock_limit_s": 8.0}, "timed_out"), ({"stall_limit_s": 8.0}, "stalled")],
)
def test_limits_end_a_container_that_ignores_sigterm(
    tmp_path: Path, limits: dict[str, float], reason: str
) -> None:
    script = "trap '' TERM; setsid sleep 1000 & echo ready; while :; do sleep 1; done"
    output, end, told = run(in_container(tmp_path, "bash", "-c", script, **limits), tmp_path)
    assert output == b"ready\n"
    assert (end.reason, told["code"]) == (reason, 137)


def test_enough_ends_it(tmp_path: Path) -> None:
    executor = Docker(ExecutorOptions())
    code = "import time\nwhile True: print(1, flush=True); time.sleep(0.01)"
    # it heeds SIGTERM: this would not end if the grace period were waited for
    with executor.start(in_container(tmp_path, *python(code)), tmp_path, grace_s=1e6) as running:
        next(running.blocks(tick=lambda: None))
        running.stop("enough")
    assert running.exit().reason == "enough"


def test_gpus_are_asked_for_by_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # an engine gives GPUs once it finds NVIDIA's hook on its PATH; ours has nothing to give
    hook = tmp_path / "bin" / "nvidia-container-runtime-hook"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\ncat >/dev/null; exit 0\n")
    hook.chmod(0o755)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1,2")
    code = "import os; print(*(os.environ.get(f'{n}_VISIBLE_DEVICES') for n in ('NVIDIA', 'CUDA')))"
    job = in_container(tmp_path / "run", *python(code), gpus=2)
    with running_engine(f"{hook.parent}:{os.environ['PATH']}") as host:
        import_base(host)
        monkeypatch.setenv("DOCKER_HOST", host)
        output, _, told = run(job, tmp_path / "run")
    assert output == b"3,1 None\n"
    assert told["gpus"] == ["3", "1"]
