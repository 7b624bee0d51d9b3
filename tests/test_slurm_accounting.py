"""Slurm's accounting, on a real slurmdbd and MariaDB: it remembers longer, and tells who."""

import secrets
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import cluster as clusters
from cluster import Cluster
from mrbench.errors import UnavailableError
from mrbench.run.slurm import client
from needs import skip_without
from test_slurm import only_record, run
from toy import edit, make_suite, mrbench
from waiting import SAFETY_S, wait_for

QUEUE = 4  # jobs that the controller takes in all
CONFIGURATION = """\
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
DbdHost=localhost
DbdPort={port}
SlurmUser=root
PidFile={folder}/slurmdbd.pid
LogFile={folder}/slurmdbd.log
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={sql}
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm
"""
LINES = """\
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort={port}
AccountingStoragePass={folder}/munge.sock
AccountingStorageEnforce=associations
MaxJobCount={queue}"""


class Accounted(Cluster):
    """A cluster whose controller soon forgets jobs, and whose accounting does not."""

    kept_s = 2

    def accounting(self) -> str:
        self.port, self.sql = clusters.free_ports(2)
        return LINES.format(port=self.port, folder=self.folder, queue=QUEUE)

    def start_accounting(self) -> None:
        tables, socket = self.folder / "sql", self.folder / "sql.sock"
        here = ("--no-defaults", f"--datadir={tables}")
        method = "--auth-root-authentication-method=normal"
        install = ("mariadb-install-db", *here, "--user=root", method)
        subprocess.run(install, capture_output=True, check=True, timeout=SAFETY_S)
        where = (f"--socket={socket}", "--bind-address=127.0.0.1", f"--port={self.sql}")
        pid = f"--pid-file={self.folder}/sql.pid"
        self.run("mariadbd", *here, "--user=root", *where, pid)
        wait_for(socket.exists)
        password = secrets.token_hex(16)
        said = "".join(
            f"CREATE USER 'slurm'@'{host}' IDENTIFIED BY '{password}';"
            f"GRANT ALL ON slurm.* TO 'slurm'@'{host}';"
            for host in ("localhost", "127.0.0.1")
        )
        ask = ("mariadb", "--no-defaults", f"--socket={socket}", "--user=root")
        subprocess.run(ask, input=said, text=True, check=True, timeout=SAFETY_S)
        path = self.folder / "slurmdbd.conf"
        path.write_text(
            CONFIGURATION.format(
                folder=self.folder, port=self.port, sql=self.sql, password=password
            )
        )
        path.chmod(0o600)
        self.run("slurmdbd", "-D")
        # the controller asks for its cluster as it starts, and dies where there is none
        wait_for(lambda: "mrbench" in self.ask("sacctmgr", "-i", "add", "cluster", "mrbench"))
        self.ask("sacctmgr", "-i", "add", "account", "bench")
        self.ask("sacctmgr", "-i", "add", "user", "root", "account=bench")


@pytest.fixture(scope="module")
def accounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounted]:
    skip_without("slurm")
    skip_without("accounting")
    with clusters.running(Accounted(tmp_path_factory.mktemp("accounted"))) as started:
        yield started


@pytest.fixture
def toy(
    accounted: Accounted,
    tmp_path: Path,
    git: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    monkeypatch.setenv("SLURM_CONF", str(accounted.configuration))
    return make_suite(tmp_path, git)


def forgotten(cluster: Cluster) -> bool:
    return not cluster.ask("squeue", "-h", "-tall").strip()


def test_a_job_that_the_controller_forgot(toy: Path, tmp_path: Path, accounted: Accounted) -> None:
    assert run(toy, "--detach").returncode == 0
    wait_for(lambda: list(tmp_path.glob("runs/*/*/*/node.json")))
    wait_for(lambda: forgotten(accounted))
    done = mrbench("collect", cwd=tmp_path)
    record = only_record(tmp_path)
    assert (record["status"], done.returncode) == ("ok", 0)
    assert record["slurm"]["state"] == "COMPLETED"


def test_who_cancelled(toy: Path, tmp_path: Path, accounted: Accounted) -> None:
    edit(toy, "60 0.002", "1000000 0.5")
    assert run(toy, "--detach").returncode == 0
    wait_for(lambda: list(tmp_path.glob("runs/*/*/*/train.log")))
    accounted.ask("scancel", "--name", f"mrbench-{toy.stem}")  # none of that name
    accounted.ask("scancel", "-u", "root")
    wait_for(lambda: forgotten(accounted))
    done = mrbench("collect", cwd=tmp_path)
    record = only_record(tmp_path)
    assert (record["status"], done.returncode) == ("interrupted", 130)
    assert record["slurm"]["cancelled_by"] == "root"
    assert "cancelled by root" in record["reason"]


def test_an_account_that_is_not_there(toy: Path, tmp_path: Path) -> None:
    done = run(toy, "--account", "nobody")
    assert done.returncode == 2
    assert "name one of yours with --account" in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_full_queue(
    toy: Path, tmp_path: Path, accounted: Accounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert toy
    script = tmp_path / "job.sh"
    script.write_text("#!/bin/sh\n#SBATCH --output=/dev/null\n#SBATCH --hold\n")
    monkeypatch.setattr(client, "SUBMIT_S", 5.0)  # sbatch itself would go on asking
    with pytest.raises(UnavailableError, match="the queue is full; wait"):
        list(map(client.submit, [script] * (QUEUE + 1)))
    accounted.ask("scancel", "-u", "root")
