"""What is measured, one function each."""
import os
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import Union

from emulators import Failed, Lacks, Native, OverTime

PATIENCE_TO_START = 60
PATIENCE_TO_BOOT = 300
PROMPT = r"guest# "
SECONDS_TO_SETTLE, SECONDS_OF_IDLENESS = 3, 10


@dataclass
class Time:
    """Seconds between two marks: by the host's clock, and of the process's threads together."""
    wall: float
    cpu: float
    checksum: Union[int, str, None] = None


def work(machine, image, size, cap):
    """A workload from mark to mark."""
    with machine.start(image, size) as process:
        if lacks := process.expect(r"<begin>|<lacks (\w+)>", PATIENCE_TO_START)[1]:
            raise Lacks(f"no {lacks}")
        begin, before = time.monotonic(), process.cpu_seconds()
        try:
            end = process.expect(r"<end (\w+) (\w+) (\w+)>", cap)
        except OverTime:
            raise OverTime(cap) from None
        wall = time.monotonic() - begin
        cpu = process.finish() - before
        checksum, ticks, _ = (int(text, 16) for text in end.groups())
        return Time(wall, ticks / 1e9 if isinstance(machine, Native) else cpu, checksum)


def program(process, name, cap, is_guest):
    """A program under Linux from mark to mark; it is one of several that run in turn. The host's own
    programs are other processes than the shell that starts them, so that only the clock counts them."""
    process.expect(rf"<begin {name}>", PATIENCE_TO_BOOT)
    begin, before = time.monotonic(), process.cpu_seconds()
    try:
        end = process.expect(rf"<end {name} (\d+) (\w+)>", cap)
    except OverTime:
        raise OverTime(cap) from None
    wall = time.monotonic() - begin
    taken = Time(wall, process.cpu_seconds() - before if is_guest else wall, end[2])
    if end[1] != "0":
        raise Failed(f"{name} ended with status {end[1]}: {process.text[-500:]}")
    return taken


def boot(machine, guest, cap):
    """A kernel from the start of the process to its shell. Then the guest switches itself off, which is
    not timed: its init sleeps two seconds for that."""
    with machine.start_linux(guest) as process:
        try:
            process.expect(PROMPT, cap)
        except OverTime:
            raise OverTime(cap) from None
        taken = Time(time.monotonic() - process.started, process.cpu_seconds())
        process.send("poweroff\n")
        process.finish()
        return taken


def start_up(machine, image):
    """Seconds from the start of the process to the first byte the guest's first instructions write."""
    with machine.start(image, image.workload.size) as process:
        process.expect("!", PATIENCE_TO_START)
        seconds = time.monotonic() - process.started
        process.expect("<end", PATIENCE_TO_START)
        process.finish()
        return seconds


def waiting(machine, guest, cap):
    """A guest at its prompt: the part of a host processor it uses, MiB of the process beside its RAM."""
    with machine.start_linux(guest) as process:
        process.expect(PROMPT, cap)
        time.sleep(SECONDS_TO_SETTLE)
        start, before = time.monotonic(), process.cpu_seconds()
        time.sleep(SECONDS_OF_IDLENESS)
        idle = (process.cpu_seconds() - before) / (time.monotonic() - start)
        return idle, process.resident_beside(guest.memory << 20) / (1 << 20)


def guest_instructions(counter, image, size, cap):
    """How many instructions a workload has, by a guest's clock that counts them."""
    with counter.start(image, size) as process:
        end = process.expect(r"<end (\w+) (\w+) (\w+)>", cap)
        return int(end[2], 16) * 1_000_000 // int(end[3], 16)


def host_instructions(machine, image, size, folder):
    """How many instructions the emulator executes for it, from start to end: by the host's counter where
    there is one, else by valgrind's, which runs generated code as any other."""
    command = machine.rom_command(image.rom(size))
    output = os.path.join(folder, "callgrind.out")
    perf = subprocess.run(["perf", "stat", "-x,", "-e", "instructions:u", "--", *command], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True) if shutil.which("perf") else None
    if perf and (match := re.search(r"^(\d+),,instructions", perf.stderr, re.MULTILINE)):
        return int(match[1])
    if not shutil.which("valgrind"):
        raise Lacks("no counter")
    subprocess.run(["valgrind", "--tool=callgrind", "--smc-check=all", f"--callgrind-out-file={output}", *command],
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(output) as file:
        if match := re.search(r"^(?:summary|totals): (\d+)", file.read(), re.MULTILINE):
            return int(match[1])
    raise Failed("no count")
