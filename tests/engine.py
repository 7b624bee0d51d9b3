"""A Docker engine of the tests' own, apart from any that this machine has, and base images."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from needs import search_path
from waiting import SAFETY_S

HERE = Path(__file__).parent
BASE = "test/python"  # this Python, nothing installed; where an image needs to know of pip's CA
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@contextlib.contextmanager
def running_engine(path: str | None = None) -> Iterator[str]:
    """Start an engine in a folder of its own; gives its DOCKER_HOST. path: its PATH."""
    folder = Path(tempfile.mkdtemp(prefix="mrbench-engine-"))
    host = f"unix://{folder}/docker.sock"
    (folder / "daemon.json").write_text("{}")
    command: list[str | Path] = [
        *("dockerd", "--config-file", folder / "daemon.json", "--host", host, "--group", "root"),
        *("--data-root", folder / "data", "--exec-root", folder / "exec"),
        *("--pidfile", folder / "dockerd.pid", "--log-level", "warn"),
        # no bridge, no rule, no forwarding: nothing of the machine's network changes
        *("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false"),
    ]
    variables = {**os.environ, "PATH": search_path(path)}
    log = folder / "log"
    with log.open("w") as out:
        engine = subprocess.Popen(command, env=variables, stdout=out, stderr=out)
    try:
        deadline_s = time.monotonic() + SAFETY_S
        while docker(host, "version", check=False).returncode:
            if engine.poll() is not None or time.monotonic() > deadline_s:
                pytest.skip(f"dockerd does not run here: {log.read_text()[-300:]}")
            time.sleep(0.1)
        yield host
        names = docker(host, "ps", "-aq", check=False).stdout.split()  # a test may have killed it
        if names:
            docker(host, "rm", "-f", *names)
    finally:
        engine.terminate()
        try:
            engine.wait(SAFETY_S)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.wait()
        subprocess.run(["umount", folder / "exec/netns/default"], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def docker(host: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run Docker's own client against an engine; its builder is the engine's, not BuildKit."""
    variables = {**os.environ, "DOCKER_HOST": host, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(
        ["docker", *words], env=variables, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done


def import_base(
    host: str, python: str = sys.executable, name: str = BASE, script: str = "rootfs.sh"
) -> str:
    """Make a base image of a Python of this machine; the script says what else is in it."""
    settings = [f"ENV {n}={CERTIFICATES}" for n in ("PIP_CERT", "SSL_CERT_FILE")]
    path = "ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    changes = [word for change in [path, *settings] for word in ("-c", change)]
    with subprocess.Popen(["bash", str(HERE / script), python], stdout=subprocess.PIPE) as rootfs:
        subprocess.run(
            ["docker", "import", *changes, "-", name],
            env={**os.environ, "DOCKER_HOST": host},
            stdin=rootfs.stdout,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    assert rootfs.returncode == 0
    return name


def containers(host: str) -> list[str]:
    """Return all containers of an engine, in whatever state."""
    return docker(host, "ps", "-a", "--format", "{{.Names}} {{.Status}}").stdout.splitlines()
