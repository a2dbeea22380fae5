"""A real Slurm on the hosts of a lab: slurmctld on the first, a slurmd on each other one.

Knows nothing of extfarm.  Partitions: `low`, whose jobs are requeued when a job of `high` wants their node, and
`short`, which refuses jobs of more than an hour.  An array has two tasks at most.
"""

import os
import shutil

from hosts import LOCAL, SHARED, wait_until

_PROGRAMS = ("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
# Jobs are root's: the lab has no other user.  No munge: nobody else reaches the lab's addresses.
_CONFIG = """ClusterName=lab
SlurmctldHost={head.name}({head.address})
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
SlurmUser=root
SlurmdUser=root
StateSaveLocation={local}/slurm.state
SlurmdSpoolDir={local}/slurm.spool
SlurmctldPidFile={local}/slurmctld.pid
SlurmdPidFile={local}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
SlurmdParameters=config_overrides
MpiDefault=none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
EnforcePartLimits=ALL
MaxArraySize=2
SlurmdTimeout=4
KillWait=2
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1
{nodes}
PartitionName=low Nodes=ALL Default=YES PriorityTier=1 DefaultTime=30 State=UP
PartitionName=high Nodes=ALL PriorityTier=10 PreemptMode=OFF State=UP
PartitionName=short Nodes=ALL PriorityTier=1 MaxTime=60 State=UP
"""


def why_not():
    """What is not installed, or None."""
    path = "/usr/bin:/usr/sbin"
    missing = [name for name in _PROGRAMS if shutil.which(name, path=path) is None]
    return f"not installed: {', '.join(missing)} (scripts/install-dependencies installs them)" if missing else None


class SlurmCluster:
    def __init__(self, lab, head, nodes, cpus):
        self.lab, self.head, self.nodes = lab, lab[head], nodes
        self.config = SHARED + "/slurm.conf"
        lines = "\n".join(f"NodeName={name} NodeAddr={lab[name].address} CPUs={cpus} RealMemory=1000" for name in nodes)
        with open(lab.path("slurm.conf"), "w", encoding="utf-8") as out:
            out.write(_CONFIG.format(head=self.head, local=LOCAL, nodes=lines))
        with open(lab.path("hosts"), "w", encoding="utf-8") as out:
            out.write("127.0.0.1 localhost\n" + "".join(f"{lab[name].address} {name}\n" for name in (head, *nodes)))
        for name in (head, *nodes):
            done = lab[name].run("mount", "--bind", SHARED + "/hosts", "/etc/hosts")
            assert done.returncode == 0, done.stderr
            os.makedirs(f"/proc/{lab[name].pid}/root{LOCAL}/slurm.state", exist_ok=True)
            os.makedirs(f"/proc/{lab[name].pid}/root{LOCAL}/slurm.spool", exist_ok=True)
        self.controller = self.head.start("slurmctld", "-D", "-c", "-f", self.config)
        self.daemons = {name: lab[name].start("slurmd", "-D", "-N", name, "-f", self.config) for name in nodes}
        wait_until(lambda: self.run("sinfo", "-h", "-o", "%D", "-t", "idle", "-p", "low").strip() == str(len(nodes)),
                   lambda: f"idle nodes: {self.controller.output()}", 30)

    def run(self, *command):
        """What a command prints on the head; nothing when it fails."""
        done = self.head.run(*command, SLURM_CONF=self.config)
        return done.stdout if done.returncode == 0 else ""

    def jobs(self):
        """Every job that has not ended: (id, state, node)."""
        lines = self.run("squeue", "-h", "-r", "-O", "ArrayJobID:12,ArrayTaskID:12,State:16,NodeList:16").splitlines()
        return [(f"{words[0]}_{words[1]}", words[2], words[3] if len(words) > 3 else "")
                for words in map(str.split, lines)]

    def running(self, node=None):
        return [job for job, state, where in self.jobs() if state == "RUNNING" and node in (None, where)]

    def held_by(self, node, seconds):
        """A job of the partition `high` takes all of a node for so long."""
        return self.run("sbatch", "--parsable", "-p", "high", "-w", node, "--exclusive", "-o", "/dev/null",
                        "--wrap", f"sleep {seconds}").strip()
