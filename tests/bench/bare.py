"""The bare-metal workloads: ROM images beside the same object code in a process."""
import measure
from emulators import Native
from images import Image
from report import Cell, Table
from workloads import GROUPS, WORKLOADS

NAMES = [workload.name for workload in WORKLOADS]


def twin(workload):
    """What runs natively for a workload: itself, or for 32 bits the same compiled for 64."""
    name = workload.name.replace("int32/", "int/")
    return next(other for other in WORKLOADS if other.name == name)


class Bare:
    def __init__(self, session):
        self.session = session
        self.images = {}

    def image(self, workload):
        if workload.name not in self.images:
            self.images[workload.name] = Image(workload, self.session.options.dir)
        return self.images[workload.name]

    def size(self, workload):
        options = self.session.options
        return workload.quick if options.quick else max(1, int(workload.size * options.scale))

    def functions(self, workload, machines):
        """machine name -> what takes its time."""
        image, size, cap = self.image(workload), self.size(workload), self.session.options.cap
        return {machine.name: lambda machine=machine: measure.work(machine, image, size, cap)
                for machine in machines}

    def run(self, workload, table):
        session, size = self.session, self.size(workload)
        functions = self.functions(workload, session.machines)
        if workload.result:
            times = session.take_turns(functions)
            expected, native, base = workload.result(size) & 0xffffffff, Cell(), size * 1e-9
        else:
            image = self.image(twin(workload))
            native_run = {"native": lambda: measure.work(Native(), image, size, session.options.cap)}
            times = session.take_turns({**native_run, **functions})
            native, expected = session.native(workload.name, times["native"])
            base = native.value
        cells = {name: session.cell(times[name], expected) for name in session.names}
        table.row(workload.name.split("/")[1], native, base, cells)
        session.note(workload.name, times, {"native": native, **cells}, size=size)

    def run_all(self, names):
        for group in GROUPS:
            table = Table(group, self.session.names, "ns each" if group == "sys" else "× native")
            for workload in WORKLOADS:
                if workload.name in names and workload.group == group:
                    self.run(workload, table)
            self.session.end_table(table)
