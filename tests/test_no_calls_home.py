"""No row of detectors-smoke asks for a network: each trains in a namespace that counts packets.

Everything that leaves goes through one interface, whose other end nobody answers: the question of
a name server, a connection, a packet of any program. It needs the rows' environments, which are
gigabytes: MRBENCH_TEST_ROWS names a home of mrbench that has them (`mrbench prepare --suite
detectors-smoke` makes one).
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from mrbench.recipe import load
from needs import search_path, skip_without

HOME = os.environ.get("MRBENCH_TEST_ROWS")
SUITES = ("detectors", "detectors-smoke")
ROWS = [(suite, name) for suite in SUITES for name in load.implementations(suite)]
# of what is installed: the variable by which it stays offline, and its value
OFFLINE: Mapping[str, Mapping[str, str]] = {
    "ultralytics": {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "False"},
    "transformers": {"HF_HUB_OFFLINE": "1"},
    "rfdetr": {"HF_HUB_OFFLINE": "1"},
    "albumentations": {"NO_ALBUMENTATIONS_UPDATE": "1"},
}
SPACE = ("unshare", "--net", "--mount", "--map-root-user", "sh", "-ec")
COUNTED = """
ip link set lo up
echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
ip link add out0 type veth peer name far0
ip link set far0 up
ip link set out0 up
ip addr add 198.51.100.2/24 dev out0
ip route add default via 198.51.100.1
printf 'nameserver 198.51.100.53\\noptions timeout:1 attempts:1\\n' > "$1"
mount --bind "$1" /etc/resolv.conf
shift
code=0; "$@" || code=$?
ip -s -j link show out0
exit $code
"""
ASKS = "import socket\ntry: socket.getaddrinfo('example.org', 80)\nexcept OSError: pass"
LIMIT_S = 3600  # a safety net


def counted(tmp_path: Path, *command: str) -> tuple[int, int, str]:
    """Run a command; return its exit code, the packets that wanted to leave, and its output."""
    skip_without("offline")
    done = subprocess.run(
        [*SPACE, COUNTED, "sh", str(tmp_path / "resolv.conf"), *command],
        env={**os.environ, "PATH": search_path()},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    text, _, last = done.stdout.strip().rpartition("\n")
    if not last.startswith("["):
        pytest.skip(f"no network namespaces with interfaces here: {done.stderr.strip()}")
    packets = json.loads(last)[0]["stats64"]["tx"]["packets"]
    return done.returncode, packets, text + done.stderr


def test_what_asks_is_counted(tmp_path: Path) -> None:
    assert counted(tmp_path, sys.executable, "-c", "pass")[:2] == (0, 0)
    assert counted(tmp_path, sys.executable, "-c", ASKS)[1] > 0


@pytest.mark.slow
@pytest.mark.skipif(not HOME, reason="needs environments: MRBENCH_TEST_ROWS names a home with them")
@pytest.mark.parametrize("name", load.implementations("detectors-smoke"))
def test_a_row_trains_and_nothing_wants_to_leave(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MRBENCH_HOME", str(HOME))
    monkeypatch.delenv("MRBENCH_LOCKS", raising=False)
    run = ("run", "--suite", "detectors-smoke", "--impl", name, "--runs", str(tmp_path), "--quiet")
    code, packets, said = counted(tmp_path, sys.executable, "-m", "mrbench", *run)
    assert (code, packets) == (0, 0), said
    (record,) = tmp_path.glob("*/*/*/record.json")
    assert json.loads(record.read_bytes())["status"] == "ok"


@pytest.mark.parametrize(("suite", "name"), ROWS)
def test_a_recipe_keeps_what_it_installs_offline(suite: str, name: str) -> None:
    recipe = load.load_named(suite, name).recipe
    installed = " ".join(recipe.environment.requirements)
    for package, variables in OFFLINE.items():
        if f"{package}==" in installed:
            assert variables.items() <= recipe.launch.variables.items(), package
