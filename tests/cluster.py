"""A real Slurm for tests: controller and four nodes on this machine, in a folder of its own.

Nothing of it is installed as a service: munged, slurmctld and one slurmd for each node run as
children of the test, on free ports, and end with it.
"""

import contextlib
import os
import random
import secrets
import shutil
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from mrbench.prepare.shim.tree import descendants
from needs import search_path
from waiting import SAFETY_S, wait_for

GPUS = 8
T = TypeVar("T", bound="Cluster")
CONFIGURATION = """\
ClusterName=mrbench
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
GresTypes=gpu
JobAcctGatherType=jobacct_gather/none
{accounting}
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=1000
KillWait=30
MinJobAge={kept_s}
SlurmctldTimeout=300
SlurmdTimeout=300
MessageTimeout=60
InactiveLimit=0
MailProg=/bin/true
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{ports}] CPUs=16 \
RealMemory=16000 Gres=gpu:v100:{gpus} Feature=fast State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=1-0 State=UP
PartitionName=short Nodes=n1 MaxTime=5 State=UP
PartitionName=urgent Nodes=ALL MaxTime=1-0 PriorityTier=10 PreemptMode=OFF State=UP
"""


class Cluster:
    """The daemons; kept_s: how long the controller remembers jobs that are over."""

    kept_s = 300

    def __init__(self, folder: Path, nodes: int = 4) -> None:
        self.folder, self.nodes = folder, nodes
        self.configuration = folder / "slurm.conf"
        self._daemons: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        for name in ("state", "spool", "munge", "dev"):
            (self.folder / name).mkdir(mode=0o700)
        key = self.folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        ports = free_ports(self.nodes + 1)
        text = CONFIGURATION.format(
            host=socket.gethostname().partition(".")[0],
            folder=self.folder,
            controller=ports[0],
            nodes=self.nodes,
            ports=",".join(map(str, ports[1:])),
            gpus=GPUS,
            accounting=self.accounting(),
            kept_s=self.kept_s,
        )
        self.configuration.write_text(text)
        for index in range(GPUS):
            device = os.makedev(1, 3)  # /dev/null's: Slurm wants a character device
            os.mknod(self.folder / "dev" / f"nvidia{index}", 0o666 | stat.S_IFCHR, device)
        gres = f"NodeName=n[1-{self.nodes}] Name=gpu Type=v100 File={self.folder}/dev/nvidia[0-7]\n"
        (self.folder / "gres.conf").write_text(gres)
        munge = [f"--{x}={self.folder}/munge/{x}" for x in ("pid-file", "log-file", "seed-file")]
        where = [f"--key-file={key}", f"--socket={self.folder}/munge.sock"]
        self.run("munged", "--foreground", "--force", *where, *munge)
        self.start_accounting()
        self.run("slurmctld", "-D", "-f", str(self.configuration))
        for number in range(1, self.nodes + 1):
            self.start_node(f"n{number}")
        self.wait_for_nodes()

    def accounting(self) -> str:
        """Return the configuration's lines about it: there is none."""
        return "AccountingStorageType=accounting_storage/none"

    def start_accounting(self) -> None:
        """Start what has to run before the controller."""

    def start_node(self, name: str) -> None:
        (self.folder / "spool" / name).mkdir(exist_ok=True)
        self.run("slurmd", "-D", "-f", str(self.configuration), "-N", name, key=name)

    def wait_for_nodes(self) -> None:
        wait_for(
            lambda: self.ask("sinfo", "-hN", "-pmain", "-o%t").split() == ["idle"] * self.nodes
        )

    def kill_node(self, name: str) -> None:
        """End a node as a power failure does: its daemon and all that runs there, at once."""
        steps = [
            int(path.parent.name)
            for path in Path("/proc").glob("[0-9]*/comm")
            if _is_step_of(path.parent, self.folder, name)
        ]
        daemon = self._daemons.pop(name)
        daemon.kill()
        daemon.wait()
        for step in steps:
            family = [step, *descendants(step)]
            for pid in family:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.ask("scontrol", "update", f"nodename={name}", "state=down", "reason=killed")

    def stop_controller(self) -> None:
        daemon = self._daemons.pop("slurmctld")
        daemon.terminate()
        daemon.wait(SAFETY_S)

    def start_controller(self) -> None:
        self.run("slurmctld", "-D", "-f", str(self.configuration))
        self.wait_for_nodes()

    def stop(self) -> None:
        with contextlib.suppress(subprocess.SubprocessError):
            self.cancel_all()
        for daemon in reversed(self._daemons.values()):
            daemon.terminate()
        for daemon in self._daemons.values():
            try:
                daemon.wait(20)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def cancel_all(self) -> None:
        """Leave no job, as the next test expects."""
        self.ask("scancel", "--quiet", "-u", "root")
        wait_for(lambda: not self.ask("squeue", "-h").strip())

    def ask(self, *words: str) -> str:
        """Run one of Slurm's commands; what it printed."""
        variables = os.environ | {"SLURM_CONF": str(self.configuration)}
        done = subprocess.run(
            words, env=variables, capture_output=True, text=True, timeout=SAFETY_S, check=False
        )
        return done.stdout

    def run(self, program: str, *words: str, key: str = "") -> None:
        path = shutil.which(program, path=search_path())
        assert path is not None
        with (self.folder / f"{key or program}.out").open("ab") as out:
            self._daemons[key or program] = subprocess.Popen(
                [path, *words],
                env=os.environ | {"SLURM_CONF": str(self.configuration)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )


@contextlib.contextmanager
def running(cluster: T) -> Iterator[T]:
    """Start a cluster and stop it in the end."""
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _is_step_of(process: Path, folder: Path, node: str) -> bool:
    """Tell slurmstepd of that node by the configuration and the name that it was given."""
    try:
        if not (process / "comm").read_text().startswith("slurmstepd"):
            return False
        files = [str(f.readlink()) for f in (process / "fd").iterdir()]
    except OSError:
        return False
    return any(name.startswith(f"{folder}/slurmd-{node}.log") for name in files)


def free_ports(count: int) -> list[int]:
    """Return ports that are free, and that the kernel gives to no connection meanwhile."""
    range_file = Path("/proc/sys/net/ipv4/ip_local_port_range")
    first_given = int(range_file.read_text().split()[0])
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(first_given // 2, first_given)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("", port))
            found += [port] if port not in found else []
    return found
