"""What the program says to mistakes: one line that names the word and what would be right."""
import os
import re
import subprocess
import tempfile
import time

from guest import MYNA, Guest, check, test

# arguments, what the one line must hold
MISTAKES = [
    (["-bois", "x"], '"-bois"; did you mean "-bios"?'),
    (["--nographics"], '"-nographics"; did you mean "-nographic"?'),
    (["-m"], "-m needs an argument"),
    (["-m", "0"], '-m: "0" should be at least 1 MiB'),
    (["-m", "many"], '"size=many" should be a size'),
    (["-m", "100000G"], "is more than the host's"),
    (["-smp", "0"], '"cpus=0" should be a number from 1'),
    (["-smp", "cpus=2,cors=2"], 'unknown key "cors"; did you mean "cores"?'),
    (["-smp", "cpus=4,maxcpus=2"], "cpus=4 is more than maxcpus=2"),
    (["-drive", "fiel=x"], 'unknown key "fiel"; did you mean "file"?'),
    (["-drive", "file=x,if=scsi"], '"if=scsi" should be one of: ide, floppy, none'),
    (["-drive", "file=x,format=qcow9"], "qcow9"),
    (["-hda", "/nowhere/disk.img"], "/nowhere/disk.img: No such file or directory"),
    (["-hda", "/"], "/: "),
    (["/nowhere/disk.img"], "/nowhere/disk.img: No such file or directory"),
    (["-kernel", "/nowhere/vmlinuz"], "-kernel: /nowhere/vmlinuz: no such file"),
    (["-initrd", "x"], "-initrd needs -kernel"),
    (["-bios", "/etc/passwd"], "should be a multiple of 64 KiB"),
    (["-boot", "order=cx"], '"order=cx" should be letters'),
    (["-cpu", "qemu65"], "qemu65"),
    (["-machine", "q36"], 'no machine "q36"'),
    (["-accel", "kvm"], 'no accelerator "kvm", only: '),
    (["-accel", "jit,thread=multi", "-icount", "3"], "thread=multi does not go with -icount"),
    (["-device", "isa-debug-exot"], 'did you mean "isa-debug-exit"?'),
    (["-device", "isa-debug-exit,iobaze=1"], "iobaze"),
    (["-device", "i8259"], "part of the board"),
    (["-device", "ide-hd,drive=x"], "there is no -drive if=none,id=x"),
    (["-device", "ide-hd"], "names no drive=ID"),
    (["-device", "ide-cd,bus=ide.2"], '"bus=ide.2" should be one of: ide.0, ide.1'),
    (["-global", "isa-debug-exit.iobase"], "should be DRIVER.PROPERTY=VALUE"),
    (["-global", "isa-debug-exit.iobaze=1"], "no property 'iobaze'"),
    (["-global", "isa-debug-exot.iobase=1"], 'no device "isa-debug-exot"'),
    (["-smbios", "type=9,serial=1"], "should begin with type=0, 1, 2, 3 or 11"),
    (["-smbios", "type=1,serail=1"], 'unknown key "serail"; did you mean "serial"?'),
    (["-smbios", "type=0,release=1"], "a release that is not MAJOR.MINOR"),
    (["-serial", "nonsense"], "nonsense"),
    (["-display", "curtain"], 'no display "curtain"'),
    (["-d", "everything"], "everything"),
    (["-rtc", "base=yesterday"], '"base=yesterday" should be utc'),
    (["-icount", "shift=99"], '"shift=99" should be auto'),
    (["-uuid", "1234"], '"1234" should look like'),
]


def run(*arguments):
    return subprocess.run([MYNA, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=30)


@test()
def command_line_mistakes():
    for arguments, expected in MISTAKES:
        done = run(*arguments)
        said = done.stderr
        check(done.returncode == 1, f"{arguments}: status {done.returncode}, {said!r}")
        check(said.count("\n") == 1 and said.startswith("myna: "), f"{arguments}: not one line: {said!r}")
        check(expected in said, f"{arguments}: {said!r} does not hold {expected!r}")
        check(done.stdout == "", f"{arguments}: something was started: {done.stdout!r}")


@test()
def command_line_help():
    for arguments, expected in [(["-help"], "-nographic"), (["--help"], "-drive"),
                                (["-version"], "myna version"), (["-cpu", "help"], "qemu64"),
                                (["-machine", "help"], "pc"), (["-accel", "help"], "interp"),
                                (["-device", "help"], "isa-debug-exit"), (["-d", "help"], "guest_errors"),
                                (["-device", "isa-debug-exit,help"], "iobase"),
                                (["-device", "ide-hd,help"], "bootindex")]:
        done = run(*arguments)
        check(done.returncode == 0 and expected in done.stdout, f"{arguments}: {done}")


@test()
def command_line_odd_image():
    """An image that is no whole number of sectors is refused by name."""
    with tempfile.TemporaryDirectory() as folder:
        image = os.path.join(folder, "odd.img")
        with open(image, "wb") as file:
            file.write(bytes(1000))
        done = run("-drive", f"file={image},format=raw")
        check(done.returncode == 1 and "odd.img" in done.stderr, f"{done}")


@test("alone")
def start_is_quick():
    """From the shell to the firmware's first instruction in under 50 ms: here with all of the
    program's own start, on a busy host, so the limit is looser."""
    best = 1.0
    for _ in range(5):
        start = time.monotonic()
        with Guest("-S", "-monitor", "none", "-serial", "none", "-chardev", "null,id=n") as machine:
            machine.process.terminate()
            machine.process.wait()
        best = min(best, time.monotonic() - start)
    check(best < 0.5, f"starting and ending takes {best * 1000:.0f} ms")


@test()
def terminate_is_clean():
    """SIGTERM ends the program with status 0, as a closed window would."""
    with Guest("-S") as machine:
        time.sleep(0.5)
        machine.process.terminate()
        machine.expect_exit(0, 20)


@test()
def debug_exit():
    """isa-debug-exit: a boot sector writes 16 to port F4h; the status is 16 * 2 + 1."""
    code = bytes.fromhex("b010 ba f400 ee f4")  # mov al, 16; mov dx, 0xf4; out dx, al; hlt
    with tempfile.TemporaryDirectory() as folder:
        image = os.path.join(folder, "exit.img")
        with open(image, "wb") as file:
            file.write(code.ljust(510, b"\0") + b"\x55\xaa" + bytes(512 * 2047))
        with Guest("-drive", f"file={image},format=raw", "-device",
                   "isa-debug-exit,iobase=0xf4,iosize=4") as machine:
            machine.expect_exit(33, 60)
            check(re.search("Booting from Hard Disk", machine.text), "it did not boot from the disk")
