"""Whole boots in which the translator is judged: beside the interpreter, and with a code cache too small."""
import os
import re
import shutil
import subprocess

from guest import MYNA, PATIENCE, Failure, Guest, Shell, Skip, add_test, check, require_guest, test
from linux import boot


@test()
def valgrind():
    """A host whose kernel lets nobody write GS, and maps no memory twice, runs generated code too."""
    if not shutil.which("valgrind"):
        raise Skip("no valgrind")
    for guest in ["smc", "paging64"]:
        image = os.path.join(os.path.dirname(MYNA), f"tests/guests/{guest}.bin")
        if not os.path.exists(image):
            raise Skip("the bare-metal guests are not built")
        ran = subprocess.run(["valgrind", "-q", "--tool=none", "--smc-check=all", MYNA, "-accel", "jit", "-cpu", "max",
                              "-display", "none", "-nodefaults", "-no-reboot", "-bios", image, "-debugcon", "stdio",
                              "-device", "isa-debug-exit,iobase=0xf4,iosize=4"], stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=100 * PATIENCE)
        cases = re.findall(r"^(not )?ok \d+", ran.stdout, re.MULTILINE)
        check(f"1..{len(cases)}\n" in ran.stdout and len(cases) > 10, f"{guest}: {ran.stdout}{ran.stderr}")
        check(not any(cases) and ran.returncode == 1, f"{guest}: status {ran.returncode}\n{ran.stdout}")


def finish_linux(machine):
    shell = Shell(machine)
    shell.wait(3000)
    shell.run("md5sum /bin/* > /dev/null", 600)
    machine.send("poweroff\n")
    machine.expect_exit(0, 1200)


def finish_grub(machine):
    machine.expect("chain to the second menu", 1200)
    machine.expect("the chain ends here", 1200)
    machine.expect_exit(0, 600)


def finish_memtest(machine):
    machine.expect(r"#[4-9] +\[", 3000)
    machine.send("\x01x")
    machine.expect_exit(0, 600)


def finish_installer(machine):
    machine.expect("Select a language|Choose the language", 3300)
    machine.send("\x01x")
    machine.expect_exit(0, 600)


def linux(kernel):
    return lambda options: boot(f"linux-{kernel}", options), finish_linux


def grub():
    return lambda options: Guest("-m", "64", "-no-reboot", "-cdrom",
                                 f"{require_guest('grub')}/grub.iso", "-boot", "d",
                                 *options), finish_grub


def memtest(bits):
    return lambda options: Guest("-m", "16", "-kernel", f"{require_guest('memtest')}/memtest{bits}.bin",
                                 "-append", "console=ttyS0,115200", *options), finish_memtest


def installer(arch):
    def start(options):
        folder = require_guest(f"netboot-{arch}")
        return Guest("-m", "1024", "-kernel", f"{folder}/vmlinuz", "-initrd", f"{folder}/initrd.gz",
                     "-append", "console=ttyS0", *options)
    return start, finish_installer


def lockstep(guest, one_in):
    """One block in so many is run by the interpreter too, and nothing differs."""
    start, finish = guest
    with start(["-accel", "jit", "-check", f"lockstep={one_in}"]) as machine:
        finish(machine)
        found = re.search(r"lockstep: (\d+) blocks compared, (\d+) instructions; not compared: (\d+)",
                          machine.text)
        if not found:
            raise Failure("nothing tells what was compared")
        compared, insns, not_compared = map(int, found.groups())
        print(found.group(0))
        check(compared > 10 * not_compared, "most blocks were not compared")
        check(compared > 100_000 and insns > compared, "too little was compared")


def small_cache(guest):
    """A code cache of a mebibyte, emptied all the time."""
    start, finish = guest
    with start(["-accel", "jit,tb-size=1"]) as machine:
        finish(machine)


def add_tests(name, guest, one_in, quick_lockstep, quick_cache):
    add_test(f"lockstep_{name}", [] if quick_lockstep else ["slow"], lambda: lockstep(guest, one_in))
    add_test(f"small_cache_{name}", [] if quick_cache else ["slow"], lambda: small_cache(guest))


add_tests("grub", grub(), 1, True, False)
add_tests("memtest_64", memtest(64), 1, False, False)
add_tests("memtest_32", memtest(32), 1, False, False)
add_tests("linux_amd64", linux("amd64"), 1, False, False)
add_tests("linux_686_pae", linux("686-pae"), 1, False, False)
add_tests("linux_686", linux("686"), 1, False, True)
add_tests("installer_amd64", installer("amd64"), 1, False, False)
add_tests("installer_i386", installer("i386"), 1, False, False)
