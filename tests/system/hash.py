"""Counted runs repeat exactly: the same guest, stopped at the same time, is in the same state, to the last bit of
RAM, CPUs and devices, in either engine."""
import glob
import os
import re
import time

from guest import MYNA, Guest, Skip, add_test, check, require_guest


def state(machine_options, engine, stop_ms, pause):
    """The lines of `info hash` when the machine has stopped by itself; until then it is looked at, and stands for
    that, every `pause` seconds."""
    options = ["-display", "none", "-serial", "null", "-monitor", "stdio", "-accel", engine,
               "-icount", f"shift=3,sleep=off,stop={stop_ms}", "-rtc", "base=2026-01-01"]
    with Guest(*options, *machine_options, graphics=True) as machine:
        def ask(question):
            machine.send(question + "\n")
            start = machine.seen
            end = machine.expect(r"\n\(myna\) ", 60).start()
            return machine.text[start:end]

        machine.expect(r"\(myna\) ", 60)
        while "paused" not in ask("info status"):
            time.sleep(pause)
        ask("info hash")
        ask("info cpus")
        machine.send("quit\n")
        machine.expect_exit(0)
        hashes = re.findall(r"^([0-9a-f]{64})  (\S+)$", machine.text, re.MULTILINE)
        insns = re.findall(r"(\d+) instructions", machine.text)
    check({"ram", "cpu0", "i8254"} <= {name for _, name in hashes}, f"no hashes:\n{machine.text}")
    check(insns and int(insns[0]) > 1000, "the guest did not run")
    return hashes


def repeats(machine_options, stop_ms):
    first = state(machine_options, "jit", stop_ms, 0.1)
    for engine in ["jit", "interp"]:
        again = state(machine_options, engine, stop_ms, 0.01)
        check(len(first) == len(again), "another number of hashes")
        differ = [name for (x, name), (y, _) in zip(first, again) if x != y]
        check(not differ, f"jit and {engine} differ after {stop_ms} ms of {machine_options} in {differ}")


def bare_guests():
    """Every bare-metal guest, stopped at two places of its run and at its end."""
    images = sorted(glob.glob(os.path.join(os.path.dirname(MYNA), "tests/guests/*.bin")))
    if not images:
        raise Skip("the bare-metal guests are not built")
    for image in images:
        smp = ["-smp", "4"] if re.search("smp64|parallel64|smc", image) else []
        for stop_ms in [3, 17, 200]:
            repeats(["-cpu", "max", "-m", "16", "-nodefaults", "-bios", image, *smp], stop_ms)


def linux(kernel, cpus, stop_ms):
    folder = require_guest(f"linux-{kernel}")
    repeats(["-m", "256", "-smp", str(cpus), "-kernel", f"{folder}/vmlinuz", "-initrd",
             f"{folder}/initrd.gz", "-append", "console=ttyS0"], stop_ms)


add_test("hash_bare_guests", ["slow"], bare_guests)
add_test("hash_linux_start", [], lambda: linux("686", 1, 500))
add_test("hash_linux_amd64", ["slow"], lambda: linux("amd64", 1, 60000))
add_test("hash_linux_686_pae_smp2", ["slow"], lambda: linux("686-pae", 2, 60000))
