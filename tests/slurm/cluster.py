"""A Slurm of one's own: controller and nodes on this machine, on loopback, as root.

Needs Debian's slurm-wlm and munge. The nodes advertise processors and GPUs that are not
there; what is proven is how jobs are queued, killed, requeued and lost.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

CONFIGURATION = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort=17817
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={base}/munge/socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
AccountingStorageType=accounting_storage/none
StateSaveLocation={base}/state
SlurmdSpoolDir={base}/spool.%n
SlurmctldPidFile={base}/slurmctld.pid
SlurmdPidFile={base}/slurmd.%n.pid
SlurmctldLogFile={base}/slurmctld.log
SlurmdLogFile={base}/slurmd.%n.log
SlurmdParameters=config_overrides
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
ReturnToService=2
KillWait=10
MinJobAge=1800
SlurmctldTimeout=10
SlurmdTimeout=15
InactiveLimit=0
NodeName=n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[18001-{last_port}] \
CPUs=8 Sockets=1 CoresPerSocket=8 ThreadsPerCore=1 RealMemory=64000 Gres=gpu:2
PartitionName=gpu Nodes=ALL Default=YES MaxTime=2-00:00:00 State=UP
PartitionName=cpu Nodes=ALL MaxTime=1-00:00:00 State=UP
"""
ETC = Path("/etc/slurm")
FILES = ("slurm.conf", "gres.conf", "cgroup.conf")


def until(condition, seconds, what):
    """Wait until condition() is true."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"after {seconds} s still not: {what}")
        time.sleep(0.1)


def output(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


class Cluster:
    """Controller and nodes n1 … nN, two pretended GPUs each."""

    def __init__(self, base, nodes=3):
        self.base = Path(base)
        self.nodes = nodes

    def start(self):
        for tool in ("slurmctld", "slurmd", "munged"):
            if shutil.which(tool) is None:
                raise RuntimeError(
                    f"{tool} is missing: apt-get install slurm-wlm munge"
                )
        self.base.mkdir(parents=True, exist_ok=True)
        self.base.chmod(0o755)
        (self.base / "state").mkdir()
        self._configure()
        self._start_munge()
        subprocess.run(["slurmctld", "-f", self.base / "slurm.conf"], check=True)
        until(lambda: "UP" in output("scontrol", "ping"), 20, "controller up")
        for number in range(1, self.nodes + 1):
            self.start_node(f"n{number}")
        until(lambda: len(self.idle()) == self.nodes, 30, "all nodes idle")

    def _configure(self):
        host = socket.gethostname().split(".")[0]
        text = CONFIGURATION.format(
            base=self.base, host=host, nodes=self.nodes, last_port=18000 + self.nodes
        )
        devices = self.base / "dev"
        devices.mkdir()
        for number in range(2):
            # Copies of /dev/null: Slurm refuses GPUs without a device file.
            os.mknod(devices / f"gpu{number}", 0o666 | 0o020000, os.makedev(1, 3))
        (self.base / "slurm.conf").write_text(text)
        (self.base / "gres.conf").write_text(
            f"NodeName=n[1-{self.nodes}] Name=gpu File={devices}/gpu[0-1]\n"
        )
        (self.base / "cgroup.conf").write_text(
            "CgroupAutomount=no\nConstrainCores=no\nConstrainRAMSpace=no\n"
        )
        # At the default place too: Snakemake's job step drops SLURM_CONF before srun.
        for name in FILES:
            link = ETC / name
            if link.exists() and not link.is_symlink():
                raise RuntimeError(f"{link} is there: this machine has a Slurm already")
            link.unlink(missing_ok=True)
            link.symlink_to(self.base / name)

    def _start_munge(self):
        folder = self.base / "munge"
        folder.mkdir(mode=0o755)
        key = folder / "key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        for path in (folder, key):
            shutil.chown(path, "munge", "munge")
        subprocess.run(
            [
                *("setpriv", "--reuid=munge", "--regid=munge", "--clear-groups"),
                *("munged", f"--key-file={key}", f"--socket={folder}/socket"),
                *(f"--pid-file={folder}/munged.pid", f"--log-file={folder}/log"),
                f"--seed-file={folder}/seed",
            ],
            check=True,
        )

    def start_node(self, name):
        (self.base / f"spool.{name}").mkdir(exist_ok=True)
        subprocess.run(
            ["slurmd", "-N", name, "-f", self.base / "slurm.conf"], check=True
        )

    def idle(self):
        """Return the names of the nodes that wait for work."""
        return output("sinfo", "-hN", "-p", "gpu", "-t", "idle", "-o", "%N").split()

    def kill_node(self, name):
        """Let a node vanish with all that runs on it, as a power cut does."""
        numbers = [
            number for number, (_, node, _) in self.jobs().items() if node == name
        ]
        os.kill(int((self.base / f"slurmd.{name}.pid").read_text()), signal.SIGKILL)
        for number in numbers:
            for step in output("pgrep", "-f", rf"slurmstepd: \[{number}\.").split():
                kill_tree(int(step))
        return numbers

    def jobs(self, states="all"):
        """Return {job id: (state, node, comment)}."""
        lines = output(
            *("squeue", "-h", "-t", states, "-o", "%i|%T|%N|%k")
        ).splitlines()
        parts = [line.strip().split("|") for line in lines]
        return {p[0]: tuple(p[1:]) for p in parts}

    def running(self, rule):
        """Return the ids of the running jobs of a rule."""
        found = self.jobs("running").items()
        return [number for number, (_, _, comment) in found if rule in comment]

    def cancel_all(self):
        subprocess.run(["scancel", "-u", "root"], check=False)
        until(lambda: not self.jobs("pending,running,completing"), 60, "no jobs")

    def stop(self):
        subprocess.run(["scancel", "-u", "root"], check=False)
        time.sleep(1)
        files = [
            *self.base.glob("slurmd.*.pid"),
            self.base / "slurmctld.pid",
            self.base / "munge" / "munged.pid",
        ]
        for file in files:
            try:
                os.kill(int(file.read_text()), signal.SIGKILL)
            except (OSError, ValueError):
                continue
        for name in FILES:
            if (ETC / name).is_symlink():
                (ETC / name).unlink()


def kill_tree(pid):
    """Kill a process and all that came of it, children first found."""
    for child in output("pgrep", "-P", str(pid)).split():
        kill_tree(int(child))
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
