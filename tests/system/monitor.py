"""The human monitor, over the terminal's multiplexer."""
import os
import tempfile
import time

from guest import Console, Guest, Shell, check, test
from linux import boot


@test()
def monitor_views():
    with Guest("-S", "-m", "32", "-name", "looking-glass") as machine:
        console = Console(machine)
        for command, expected in [
                ("info status", "VM status: paused (prelaunch)"), ("info name", "looking-glass"),
                ("info registers", "RIP=000000000000fff0"), ("info registers -a", "CPU#0"),
                ("info cpus", "CPU #0"), ("info mtree", "bios +0x20000"), ("info pci", "8086:1237"),
                ("info block", "ide1-cd0: [not inserted]"), ("info devices", "mc146818rtc"),
                ("info pic", "irr"), ("info chardev", "mux"), ("info mem", "paging is off"),
                ("info i8254", "="), ("info nonsense", "there is no 'nonsense'"),
                ("xp/4xb 0xfffffff0", "0xea"), ("xp/1i 0xfffffff0", "jmp"),
                ("print $rip + 0x10 * 2", "0x10010"), ("p/d (2+3)*4-1", "19"), ("p 1/0", "divides by zero"),
                ("x/2xw 0", "0x"), ("cpu 3", "there are CPUs 0 to 0"), ("help quit", "end the program"),
                ("help", "system_reset"), ("quitt", "did you mean 'quit'?"), ("xp/2", "ADDRESS# is missing"),
                ("log nothing", "nothing"), ("sendkey ctrl-alt-nokey", "no key 'nokey'"),
                ("eject nowhere", "no drive nowhere"),
                ("info accel", "CPU #0: "), ("accel kvm", "only: jit, interp"), ("info hot many", "on, off or a number"),
                ("jit", "ADDRESS# is missing")]:
            answer = console.run(command)
            check(expected in answer, f"{command!r}: {answer!r} does not hold {expected!r}")
        machine.send("quit\n")
        machine.expect_exit(0, 20)


@test()
def monitor_run_control():
    with Guest("-S", "-m", "32") as machine:
        console = Console(machine)
        machine.send("cont\n\x01c")
        machine.expect(r"Retrying in 60 seconds\.", 120)
        console = Console(machine)
        console.run("stop")
        check("VM status: paused" in console.run("info status"), "stop does not stop it")
        check("running" not in console.run("info status"), "it runs")
        before = console.run("info cpus")
        check(console.run("info cpus") == before, "a stopped CPU goes on")
        console.run("system_reset")
        machine.send("cont\n\x01c")
        machine.expect(r"SeaBIOS \(version", 60)
        machine.send("\x01c")
        machine.expect(r"\(myna\) ", 30)
        machine.send("q\n")
        machine.expect_exit(0, 20)


@test("slow")
def monitor_engines():
    """The engine is changed again and again while Linux boots, and while it works."""
    with boot("linux-686", ["-accel", "jit"]) as machine:
        for turn in range(40):
            time.sleep(0.2)
            console = Console(machine)
            name = ("interp", "jit")[turn % 2]
            check(console.run(f"accel {name}").strip() == "", "accel complains")
            check(f"CPU #0: {name}" in console.run("info accel"), "it runs on the other one")
            machine.send("\x01c")
        machine.seen = 0  # the prompt may have come among the monitor's answers
        shell = Shell(machine)
        shell.wait()
        check("sda" not in shell.run("mount"), "another guest")
        console = Console(machine)
        console.run("info hot on")
        machine.send("\x01c")
        shell.run("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done")
        console = Console(machine)
        for command, expected in [("info hot 5", "samples in"), ("info jit", "host instructions for each"),
                                  ("jit $eip", "block"), ("info hot off", "")]:
            answer = console.run(command)
            check(expected in answer, f"{command!r}: {answer!r} does not hold {expected!r}")
        machine.send("\x01c")
        machine.send("poweroff\n")
        machine.expect_exit(0)


@test()
def monitor_line_editing():
    """Backspace, Ctrl-U and the arrow keys."""
    with Guest("-S", "-m", "32") as machine:
        console = Console(machine)
        check("19" in console.run("p/d 1x\x7f9"), "backspace")
        check("7" in console.run("garbage\x15p/d 7"), "Ctrl-U")
        check("19" in console.run("\x1b[A\x1b[A"), "two steps up")
        machine.send("quit\n")
        machine.expect_exit(0, 20)


@test()
def monitor_screendump():
    """SeaBIOS's text screen as a picture, in both formats."""
    with tempfile.TemporaryDirectory() as folder, Guest("-m", "32") as machine:
        machine.expect(r"Retrying in 60 seconds\.", 120)
        console = Console(machine)
        png, ppm = os.path.join(folder, "a.png"), os.path.join(folder, "a.ppm")
        for path in (png, ppm):
            answer = console.run(f"screendump {path}")
            check(answer.strip() == "", f"screendump {path}: {answer}")
        with open(png, "rb") as file:
            check(file.read(8) == b"\x89PNG\r\n\x1a\n", "no PNG signature")
        with open(ppm, "rb") as file:
            header, pixels = file.read(15), file.read()
            check(header == b"P6\n720 400\n255\n", f"another size: {header}")
            check(len(set(pixels)) > 1, "the screen is blank")
        machine.send("quit\n")
        machine.expect_exit(0, 20)
