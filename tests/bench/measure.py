"""What is measured, one function each."""
import time
from dataclasses import dataclass
from typing import Optional

from emulators import Failed, OverTime, QemuLike

PATIENCE_TO_START = 60


@dataclass
class Time:
    """Seconds between two marks: by the host's clock, and of the process's threads together."""
    wall: float
    cpu: float
    checksum: Optional[int] = None
    ticks: int = 0  # of the guest's time stamp counter
    ticks_a_million: int = 0  # for a million simple instructions


def work(machine, image, size, cap):
    """A workload from mark to mark."""
    with machine.start(image, size) as process:
        if lacks := process.expect(r"<begin>|<lacks (\w+)>", PATIENCE_TO_START)[1]:
            raise Failed(f"no {lacks}")
        begin, before = time.monotonic(), process.cpu_seconds()
        try:
            end = process.expect(r"<end (\w+) (\w+) (\w+)>", cap)
        except OverTime:
            raise OverTime(f"over {cap:.0f} s") from None
        wall = time.monotonic() - begin
        return Time(wall, process.finish() - before, *(int(text, 16) for text in end.groups()))


def start_up(machine, image):
    """Seconds from the start of the process to the first byte the guest's first instructions write."""
    with machine.start(image, image.workload.size) as process:
        process.expect("!", PATIENCE_TO_START)
        seconds = time.monotonic() - process.started
        process.expect("<end", PATIENCE_TO_START)
        return Time(seconds, process.finish())


def counting(command):
    """An emulator whose guest's clock counts instructions."""
    return QemuLike("count", command, ["-icount", "shift=0"])


def instructions(counter, image, size, cap):
    """How many guest instructions a workload has."""
    taken = work(counter, image, size, cap)
    return taken.ticks * 1_000_000 // taken.ticks_a_million
