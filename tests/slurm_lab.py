"""A Slurm of one node, for the length of a test.

From Debian's packages (slurm-wlm, munge), run by root: munged, slurmctld and slurmd on the loopback
interface, without systemd and accounting. All of it lies in one folder but for two links in
/etc/slurm, because a job step of Snakemake's executor looks nowhere else. GPUs are declared, not
there: a character device each, as slurmd wants one.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ETC = Path("/etc/slurm")
LINKED = ("slurm.conf", "gres.conf")
# The folder's name: a link to such a folder is ours, even one left by a test that was killed.
MARK = "feature-quality-slurm-lab"
PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "scontrol", "sbatch", "setpriv")
GPUS = 2
MUNGED_FILES = {
    "key-file": "munge.key",
    "socket": "munge.socket",
    "pid-file": "munged.pid",
    "seed-file": "munge.seed",
    "log-file": "munged.log",
}

CONFIGURATION = """\
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={root}/munge.socket
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
# The node is as large as is said below, whatever the machine has.
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
# Tests read the records of jobs that have ended.
MinJobAge=3600
KillWait=5
CompleteWait=0
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=16 RealMemory=64000 Gres=gpu:fake:{gpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=7-0 State=UP
PartitionName=gpu Nodes={host} MaxTime=7-0 State=UP
"""


def jobs() -> list[dict[str, str]]:
    """What Slurm knows about every job, in the order in which they came."""
    records = _output("scontrol", "--oneliner", "show", "job").splitlines()
    fields = [dict(f.split("=", 1) for f in line.split() if "=" in f) for line in records]
    return sorted((f for f in fields if "JobId" in f), key=lambda job: int(job["JobId"]))


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds} s for: {what}")
        time.sleep(0.1)


@contextlib.contextmanager
def one_node_slurm(parent: Path) -> Iterator[Path]:
    """Bring Slurm up in a new folder of ``parent``, and take it down again; the folder."""
    if missing := [program for program in PROGRAMS if not shutil.which(program)]:
        raise FileNotFoundError(f"not installed: {', '.join(missing)} (slurm-wlm, munge)")
    root = parent / MARK
    root.mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_linked(root))
        _configure(root)
        start = [f"--{name}={root / file}" for name, file in MUNGED_FILES.items()]
        stack.enter_context(_daemon(root, "munged", "--foreground", "--force", *start))
        wait_until(lambda: _works("munge", f"--socket={root / 'munge.socket'}", "-n"), "munged")
        stack.enter_context(_daemon(root, "slurmctld", "-D", "-i"))
        wait_until(lambda: _works("scontrol", "ping"), "slurmctld")
        stack.enter_context(_daemon(root, "slurmd", "-D", "-N", _host()))
        wait_until(lambda: "idle" in _output("sinfo", "--noheader", "--format=%t"), "slurmd")
        stack.callback(_end_jobs)
        yield root


@contextlib.contextmanager
def _linked(root: Path) -> Iterator[None]:
    """Links to the configuration; refuses where there is another one, or another test."""
    if "SLURM_CONF" in os.environ:
        raise FileExistsError("SLURM_CONF names a Slurm configuration that is not this test's")
    ETC.mkdir(exist_ok=True)
    lock = os.open(ETC, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        links = [ETC / name for name in LINKED]
        for link in links:
            if not _ours(link) and (link.exists() or link.is_symlink()):
                raise FileExistsError(f"{link} is a Slurm configuration that is not this test's")
        for link in links:
            link.unlink(missing_ok=True)
            link.symlink_to(root / link.name)
        try:
            yield
        finally:
            for link in links:
                link.unlink()
    except BlockingIOError:
        raise FileExistsError(f"another test has its Slurm linked in {ETC}") from None
    finally:
        os.close(lock)


def _ours(link: Path) -> bool:
    return link.is_symlink() and link.readlink().parent.name == MARK


def _configure(root: Path) -> None:
    for name in ("state", "spool"):
        (root / name).mkdir()
    key = root / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    for index in range(GPUS):
        subprocess.run(["mknod", root / f"gpu{index}", "c", "1", "3"], check=True)
    controller_port, node_port = _free_ports(2)
    text = CONFIGURATION.format(
        host=_host(),
        root=root,
        gpus=GPUS,
        controller_port=controller_port,
        node_port=node_port,
    )
    (root / "slurm.conf").write_text(text)
    (root / "gres.conf").write_text(f"Name=gpu Type=fake File={root}/gpu[0-{GPUS - 1}]\n")


def _host() -> str:
    return socket.gethostname().partition(".")[0]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def _daemon(root: Path, program: str, *arguments: str) -> Iterator[None]:
    """A daemon that ends with this block, or with this process if that is killed."""
    with (root / f"{program}.out").open("w") as out:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _end_jobs() -> None:
    _output("scancel", "--user=root")
    wait_until(lambda: not _output("squeue", "--noheader"), "the last jobs to end")


def _works(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
