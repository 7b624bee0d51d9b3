"""Lives as long as one container: makes it, copies out what it prints, and removes it.

The shim runs it in the place of the job, so that log, arrival times and limits are the shim's. Told
to end (SIGTERM), which also comes when the shim itself was killed, it stops the container first. It
ends as the container did: with its exit code, or by the same signal.

    python -m mrbench.launch.executors.docker.client ORDER.json
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mrbench.errors import MrbenchError
from mrbench.files import write_whole
from mrbench.launch.executors.docker.engine import connect, meaning, remove
from mrbench.model.container import ContainerOrder, ContainerState
from mrbench.model.finding import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    import docker
    from docker.models.containers import Container

PR_SET_PDEATHSIG = 1  # linux/prctl.h
ENDINGS = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
OVER = signal.SIGUSR1  # the copying thread wakes the main one
GIVE_UP_S = 20.0  # an engine that does not end a container in this time will not
SIGNALLED = 128  # exit codes above tell the signal, in containers as in shells
FIRST_BYTES = 500
NOT_STARTED = (126, 127)  # what the engine's init ends with where it cannot start the command
ROWS, COLUMNS = 50, 250  # as on the shim's terminals


def main() -> None:
    """Carry out one order."""
    # Before there is a container: from here on only _follow() listens to them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS | {OVER})
    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    order = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=ContainerOrder)
    state = ContainerState()
    try:
        with connect(MrbenchError) as client:
            _live(client, order, state, parent)
    except MrbenchError as exc:
        state.failed = Problem(exc.text, exc.remedy)
    _tell(order, state)
    _end_like(state.code)


def _live(
    client: "docker.DockerClient", order: ContainerOrder, state: ContainerState, parent: int
) -> None:
    container: Container | None = None
    try:
        if os.getppid() != parent:
            return
        container, output = _start(client, order, state)
        container.reload()
        state.started, state.pid = True, container.attrs["State"]["Pid"]
        _tell(order, state)
        first = _follow(container, output, order.grace_s)
        container.reload()
        inner = container.attrs["State"]
        state.code, state.out_of_memory = inner["ExitCode"], inner["OOMKilled"]
        state.error = inner["Error"]
        state.began, state.ended = inner["StartedAt"], inner["FinishedAt"]
        if inner["ExitCode"] in NOT_STARTED and first.startswith(b"[FATAL tini "):
            problem = meaning(first.decode("utf-8", "replace"))
            raise MrbenchError(problem.text, problem.remedy)
    finally:
        if container is not None:
            remove(container)
            state.removed = True


def _start(
    client: "docker.DockerClient", order: ContainerOrder, state: ContainerState
) -> "tuple[Container, Iterable[bytes]]":
    """Make, attach, start; limits that the engine may not raise are left out, with a warning."""
    import docker  # noqa: PLC0415 - the signals are blocked first

    state.ulimits = dict(order.ulimits)
    while True:
        container = client.containers.create(**_arguments(order, state.ulimits))
        state.container = container.id
        try:
            output = container.attach(stream=True)  # before the start: nothing is missed
            container.start()
            if order.terminal:
                container.resize(ROWS, COLUMNS)
        except docker.errors.APIError as exc:
            remove(container)
            refused = _refused_limit(str(exc.explanation), state.ulimits)
            if refused is None:
                raise
            del state.ulimits[refused]
            state.warnings.append(
                f"ulimit {refused} was not granted: the engine may not raise it; let it"
                " (CAP_SYS_RESOURCE), if the training complains"
            )
        else:
            return container, output


def _arguments(order: ContainerOrder, limits: dict[str, int]) -> dict[str, Any]:  # any: the SDK's
    from docker.types import DeviceRequest, LogConfig, Mount, Ulimit  # noqa: PLC0415 - as above

    gpus = [DeviceRequest(device_ids=order.gpus, capabilities=[["gpu"]])]
    return {
        **msgspec.to_builtins(order.container),
        "ulimits": [Ulimit(name=name, soft=n, hard=n) for name, n in limits.items()],
        "mounts": [
            Mount(place, place, type="bind", read_only=read_only)
            for place, read_only in order.mounts.items()
        ],
        "device_requests": gpus if order.gpus else [],
        "log_config": LogConfig(type="none"),  # the engine need not write it down, too
        "tty": order.terminal,
    }


def _refused_limit(message: str, limits: dict[str, int]) -> str | None:
    for name in limits:
        if f"rlimit type {getattr(resource, f'RLIMIT_{name.upper()}')}" in message:
            return name
    return None


def _follow(container: "Container", output: "Iterable[bytes]", grace_s: float) -> bytes:
    """Copy what is printed until the container has ended; end it when told to.

    Returns the beginning of what was printed.
    """
    import docker  # noqa: PLC0415 - as above

    first = bytearray()
    main_thread = threading.get_ident()
    copier = threading.Thread(
        target=_copy, args=(container, output, first, main_thread), daemon=True
    )
    copier.start()
    ladder = iter(((signal.SIGTERM, grace_s), (signal.SIGKILL, GIVE_UP_S)))
    due_s: float | None = None
    while True:
        wait_s = threading.TIMEOUT_MAX if due_s is None else max(0.0, due_s - time.monotonic())
        heard = signal.sigtimedwait(ENDINGS | {OVER}, wait_s)
        if heard is not None and heard.si_signo == OVER:
            copier.join()
            break
        if heard is not None and due_s is not None:
            continue  # it is being ended already
        rung = next(ladder, None)
        if rung is None:
            break  # whatever holds it, remove() makes the last attempt
        with contextlib.suppress(docker.errors.APIError):  # it has just ended
            container.kill(int(rung[0]))
        due_s = time.monotonic() + rung[1]
    return bytes(first)


def _copy(
    container: "Container", output: "Iterable[bytes]", first: bytearray, main_thread: int
) -> None:
    """Copy the output to standard output, wait for the container, wake the main thread."""
    import docker  # noqa: PLC0415 - as above
    import requests  # noqa: PLC0415 - the SDK's own

    heard = True
    try:
        for chunk in output:
            first += chunk[: FIRST_BYTES - len(first)]
            rest = chunk
            while rest and heard:
                try:
                    rest = rest[os.write(1, rest) :]
                except BrokenPipeError:  # the shim was killed; the signal is on its way
                    heard = False
        container.wait(timeout=None)
    except (docker.errors.DockerException, requests.RequestException, OSError):
        pass  # removed from outside, or the engine is gone; reload() will tell
    finally:
        signal.pthread_kill(main_thread, OVER)


def _tell(order: ContainerOrder, state: ContainerState) -> None:
    with contextlib.suppress(OSError):  # the disk is full; the exit code still tells
        write_whole(Path(order.state), msgspec.json.encode(state))


def _end_like(code: int | None) -> None:
    """End as the container did."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if code is not None and SIGNALLED < code < SIGNALLED + signal.NSIG:
        number = code - SIGNALLED
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    os._exit(1 if code is None else code)


if __name__ == "__main__":
    main()
