"""The workloads under Linux: kernels booted, system events as programs see them, whole programs."""
import os
import subprocess
from dataclasses import dataclass

import measure
from emulators import Failed, Lacks, OverTime, Process
from report import Cell, Table
from tree import ROOT, Tree

# name: (size, what)
EVENTS = {
    "fork": (2000, "fork, exit, wait"),
    "exec": (1000, "fork, exec of a static program, wait"),
    "pipe": (40000, "a byte to another process and back"),
    "signal": (200000, "a signal to itself, handled"),
    "segv": (100000, "a store that faults, handled, and two mprotect"),
    "mmap": (10000, "sixteen pages mapped, touched, unmapped"),
    "calls": (1000000, "getpid; every eighth time a stat"),
    "thread": (20000, "a thread made and joined"),
}
PROGRAMS = {
    "xz": (1, "xz -6 of 768 KiB"),
    "sqlite": (40000, "SQL in memory: insert, index, join, update, group"),
    "perl": (60, "words counted, matched, sorted"),
    "cc1": (1, "gcc's compiler on ten small files, -O2"),
}
# name: the folder of scripts/guests
BOOTS = {"amd64": "linux-amd64", "686-pae": "linux-686-pae"}
GROUPS = {"linux": "system events under Linux", "prog": "whole programs under Linux",
          "boot": "a kernel from the start of the process to the shell"}
NAMES = [f"{group}/{name}" for group, rows in zip(GROUPS, (EVENTS, PROGRAMS, BOOTS)) for name in rows]


@dataclass
class Guest:
    """What -kernel, -initrd, -append and -m get."""
    kernel: str
    initrd: str
    append: str
    memory: int


def packaged(folder, name, memory=256):
    """A guest that scripts/guests makes."""
    made = subprocess.run([os.path.join(ROOT, "scripts/guests"), "--dir", folder, name], stderr=subprocess.PIPE,
                          text=True)
    if made.returncode:
        raise Lacks(f"no guest {name}: {made.stderr.strip()}")
    return Guest(f"{folder}/{name}/vmlinuz", f"{folder}/{name}/initrd.gz", "console=ttyS0", memory)


class Native:
    """The programs of the tree on the host."""

    name = "native"

    def __init__(self, tree):
        self.tree = tree

    def start_programs(self, jobs):
        script = 'for job in $2; do "$0" sh "$1/run" "$1" "${job%:*}" "${job#*:}"; done'
        box = f"{self.tree.folder}/bin/busybox"
        return Process([box, "sh", "-c", script, box, self.tree.folder, " ".join(jobs)])


class Booted:
    """The same programs in a guest, all in one boot."""

    def __init__(self, machine, kernel, initrd):
        self.name, self.machine, self.kernel, self.initrd = machine.name, machine, kernel, initrd

    def start_programs(self, jobs):
        append = f"console=ttyS0 quiet BENCH={','.join(jobs)}"
        return self.machine.start_linux(Guest(self.kernel, self.initrd, append, 512))


class Linux:
    def __init__(self, session):
        self.session = session
        self.guests = session.options.guests

    def jobs(self, rows, names):
        scale = self.session.options.scale
        return {name: f"{name}:{max(1, int(size * scale))}" for name, (size, _) in rows.items() if name in names}

    def rounds(self, place, jobs):
        """name -> the Times of all runs in a place, or why there is none. One that fails is left out of
        further runs."""
        times = {name: [] for name in jobs}
        for _ in range(self.session.repeat):
            self.one_round(place, jobs, times)
        return times

    def one_round(self, place, jobs, times):
        """As many boots as it takes: what is over time ends one."""
        left = [name for name in jobs if not isinstance(times[name], Failed)]
        while left:
            with place.start_programs([jobs[name] for name in left]) as process:
                while left:
                    name = left.pop(0)
                    try:
                        is_guest = place.name != "native"
                        times[name].append(measure.program(process, name, self.session.options.cap, is_guest))
                    except OverTime as reason:
                        times[name] = reason
                        break
                    except Failed as reason:
                        times[name] = reason

    def places(self):
        tree = Tree(os.path.join(self.session.options.dir, "tree"), self.guests)
        tree.make()
        kernel = packaged(self.guests, "linux-amd64").kernel
        initrd = tree.initrd(os.path.join(self.session.options.dir, "linux.cpio"))
        places = {machine.name: Booted(machine, kernel, initrd) for machine in self.session.machines
                  if hasattr(machine, "linux_command")}
        return {"native": Native(tree), **places}

    def run_programs(self, group, rows, names):
        jobs = self.jobs(rows, names)
        if not jobs:
            return
        session, table = self.session, Table(group, self.session.names, "× native")
        times = {name: self.rounds(place, jobs) for name, place in self.places().items()}
        for name in jobs:
            here = {machine: taken[name] for machine, taken in times.items()}
            native, expected = session.native(name, here["native"])
            cells = {machine: session.cell(here[machine], expected) if machine in here else Cell(reason="-")
                     for machine in session.names}
            table.row(name, native, native.value, cells)
            session.note(f"{group}/{name}", here, {"native": native, **cells}, size=jobs[name])
        session.end_table(table)

    def run_boots(self, names):
        session, table = self.session, Table("boot", self.session.names, None)
        for name, folder in BOOTS.items():
            if name not in names:
                continue
            try:
                guest = packaged(self.guests, folder)
            except Failed as reason:
                table.row(name, None, None, {machine: Cell(reason=str(reason)) for machine in session.names})
                continue
            times = session.take_turns({
                machine.name: lambda machine=machine: measure.boot(machine, guest, 5 * session.options.cap)
                for machine in session.machines})
            cells = {machine: session.cell(times[machine]) for machine in session.names}
            table.row(name, None, None, cells)
            session.note(f"boot/{name}", times, cells)
        session.end_table(table)

    def run_all(self, names):
        wanted = {group: [name.split("/")[1] for name in names if name.startswith(group + "/")] for group in GROUPS}
        self.run_programs("linux", EVENTS, wanted["linux"])
        self.run_programs("prog", PROGRAMS, wanted["prog"])
        self.run_boots(wanted["boot"])
