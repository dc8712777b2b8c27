"""What the emulators cost the host: to start, to wait, in memory, in instructions."""
import shlex
import statistics

import measure
from emulators import Failed, Lacks, Native, QemuLike
from images import Image
from linux import packaged
from report import number
from workloads import ONCE, ONCE_INSTRUCTIONS, STARTUP, WORKLOADS

# RAM of a size that no other mapping is likely to have.
MEMORY = 300
AGAIN = 3
COUNTED = ["int/recursion", "int/bytecode", "int/sort", "int/text", "int32/sort", "float/nbody"]
NAMES = ["host/startup", "host/idle_amd64", "host/idle_686-pae", "host/idle_686", "host/instructions",
         "host/translation"]


class Host:
    def __init__(self, session):
        self.session = session
        self.options = session.options
        self.begun = False

    def row(self, label, function):
        """Prints function(machine) for each machine: a number, or why there is none."""
        if not self.begun:
            print("\n| host | " + " | ".join(self.session.names) + " |\n|---" + "|---:" * len(self.session.names) + "|")
            self.begun = True
        found = {}
        for machine in self.session.machines:
            try:
                found[machine.name] = function(machine)
            except Failed as reason:
                found[machine.name] = str(reason)
        cells = [value if isinstance(value, str) else number(value) for value in found.values()]
        print("| " + " | ".join([label, *cells]) + " |", flush=True)
        self.session.found.append({"host": label, "values": found})

    def start_up(self):
        image = Image(STARTUP, self.options.dir)
        self.row("ms from start to the first instruction", lambda machine: 1000 * statistics.median(
            measure.start_up(machine, image) for _ in range(3 * self.session.repeat)))

    def waiting(self, kernel):
        """Two rows from one boot."""
        memory = {}

        def idle(machine):
            if not isinstance(machine, QemuLike):
                raise Lacks("-")
            guest = packaged(self.options.guests, f"linux-{kernel}", MEMORY)
            part, memory[machine.name] = measure.waiting(machine, guest, 5 * self.options.cap)
            return part * 100
        self.row(f"% of a processor, {kernel} at its prompt", idle)
        self.row(f"MiB beside the guest's {MEMORY}, {kernel} at its prompt",
                 lambda machine: memory.get(machine.name, "-"))

    def instructions(self):
        """Host instructions for each guest instruction: what a longer run adds, divided by what it has
        more, so that the start counts for nothing."""
        counter = QemuLike("count", shlex.join(self.session.machines[0].command), ["-icount", "shift=0"])
        for workload in WORKLOADS:
            if workload.name not in COUNTED:
                continue
            image, sizes = Image(workload, self.options.dir), (workload.quick, workload.quick * 3)
            guest = [measure.guest_instructions(counter, image, size, self.options.cap) for size in sizes]

            def ratio(machine):
                if not isinstance(machine, QemuLike):
                    raise Lacks("-")
                host = [measure.host_instructions(machine, image, size, self.options.dir) for size in sizes]
                if host[0] < guest[0]:  # it did not run there
                    raise Lacks("not counted")
                return (host[1] - host[0]) / (guest[1] - guest[0])
            self.row(f"host instructions for a guest's, {workload.name}", ratio)

    def translation(self):
        """Time for each instruction that runs for the first time: what the first pass over much code
        takes more than those after it. The same measure for all, taken from outside."""
        image, runs = Image(ONCE, self.options.dir), (0, 1, 1 + AGAIN)
        expected = {size: measure.work(Native(), image, size, self.options.cap).checksum for size in runs}

        def extra(machine):
            taken = {size: measure.work(machine, image, size, self.options.cap) for size in runs}
            if any(taken[size].checksum != expected[size] for size in runs):
                raise Failed("WRONG")
            written, first, more = (getattr(taken[size], self.options.clock) for size in runs)
            return 1e9 * (first - written - (more - first) / AGAIN) / ONCE_INSTRUCTIONS

        self.row("ns more for an instruction's first run than for the next",
                 lambda machine: statistics.median(extra(machine) for _ in range(self.session.repeat)))

    def run_all(self, names):
        if "host/startup" in names:
            self.start_up()
        for kernel in ("amd64", "686-pae", "686"):
            if f"host/idle_{kernel}" in names:
                self.waiting(kernel)
        if "host/instructions" in names:
            self.instructions()
        if "host/translation" in names:
            self.translation()
