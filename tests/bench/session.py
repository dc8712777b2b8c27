"""A run of the bench: its options, its machines, what they took, what was found."""
import json
import statistics
import sys

from emulators import Failed, Lacks, OverTime
from report import Cell


class Session:
    def __init__(self, options, machines):
        self.options = options
        self.machines = machines
        self.names = [machine.name for machine in machines]
        self.repeat = 1 if options.quick else options.repeat
        self.found = []
        self.wrong = 0

    def take_turns(self, functions):
        """name -> the Times of so many runs, or the reason why not (which ends its turns)."""
        times = {name: [] for name in functions}
        for _ in range(self.repeat):
            for name, function in functions.items():
                if isinstance(times[name], Failed):
                    continue
                try:
                    times[name].append(function())
                except Failed as reason:
                    times[name] = reason
        return times

    def cell(self, times, expected=None):
        """The median of the runs; a wrong result is worth nothing."""
        if isinstance(times, OverTime):
            return Cell(reason=str(times), at_least=times.seconds)
        if isinstance(times, Failed):
            if isinstance(times, Lacks):
                return Cell(reason=str(times))
            print(f"bench: {times}", file=sys.stderr)
            return Cell(reason="failed", wrong=True)
        for taken in times:
            if expected is not None and taken.checksum != expected:
                print(f"bench: {taken.checksum} instead of {expected}", file=sys.stderr)
                return Cell(reason="WRONG", wrong=True)
        if self.options.quick:
            return Cell(reason="right")
        return Cell(statistics.median(getattr(taken, self.options.clock) for taken in times))

    def native(self, name, times):
        """The judge: the cell of the native runs, and the checksum that all others must have."""
        if isinstance(times, Failed):
            sys.exit(f"bench: {name} does not run natively: {times}")
        return self.cell(times, times[0].checksum), times[0].checksum

    def note(self, name, times, cells, **more):
        """Keeps a row for --json, and counts what is wrong."""
        self.wrong += sum(cell.wrong for cell in cells.values())
        self.found.append({"workload": name, **more, "times": {
            machine: {"wall": [taken.wall for taken in values], "cpu": [taken.cpu for taken in values]}
            if not isinstance(values, Failed) else {"failed": str(values)} for machine, values in times.items()},
            "median": {machine: cell.value for machine, cell in cells.items() if cell.value is not None}})

    def end_table(self, table):
        if table.begun:
            table.end()
            self.found.append({"class": table.group, "means": table.means()})

    def write(self, path):
        with open(path, "w") as file:
            json.dump({"command": sys.argv, "results": self.found}, file, indent=1)
