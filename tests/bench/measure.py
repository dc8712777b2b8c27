"""What is measured, one function each."""
import time

from emulators import Failed, QemuLike

SECONDS_OF_IDLENESS = 10
PROMPT = r"guest# "


class LinuxGuest:
    append = "console=ttyS0"

    def __init__(self, folder):
        self.kernel, self.initrd = f"{folder}/vmlinuz", f"{folder}/initrd.gz"


def start_up(emulator, rom):
    """Seconds from the start of the process to the first byte the guest's first instructions write."""
    with emulator.start_rom(rom) as process:
        process.expect("!")
        seconds = time.monotonic() - process.started
        process.expect("<end right")
        process.finish()
    return seconds


def work(emulator, rom):
    """CPU seconds of a workload, without the emulator's start."""
    with emulator.start_rom(rom) as process:
        process.expect("<begin>")
        before = process.cpu_seconds()
        end = process.expect(r"<end (\w+) (\w+)", timeout=300)
        if end[1] != "right":
            raise Failed(f"wrong result {end[2]}")
        return process.finish() - before


def instructions(counter, rom):
    """How many instructions the workload has, by a clock that counts them."""
    with counter.start_rom(rom) as process:
        end = process.expect(r"<end right \w+ (\w+) (\w+)>", timeout=300)
        process.finish()
    ticks, known = int(end[1], 16), int(end[2], 16)
    return ticks * 1_000_000 / known


def counting(command):
    return QemuLike("count", command, ["-icount", "shift=0"])


def linux(emulator, guest, idle_seconds=SECONDS_OF_IDLENESS):
    """A kernel from its first line to the shell, then the shell waiting."""
    with emulator.start_linux(guest) as process:
        process.expect("Linux version", timeout=120)
        first = process.cpu_seconds()
        process.expect(PROMPT, timeout=300)
        prompt = process.cpu_seconds()
        wall = time.monotonic() - process.started
        time.sleep(2)
        before = process.cpu_seconds()
        time.sleep(idle_seconds)
        idle = (process.cpu_seconds() - before) / idle_seconds
        resident, private = process.resident()
    return {"loading": first, "boot": prompt - first, "wall": wall, "idle": idle, "resident": resident,
            "private": private}
