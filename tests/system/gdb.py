"""gdb as a user has it, at the machine's gdb server: gdb_guest.asm from the reset vector on."""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from guest import Console, Failure, Guest, PATIENCE, Skip, check, test

FOLDER = os.path.dirname(os.path.abspath(__file__))


def listens(port):
    """Is somebody at this port of this host? Looks without connecting, which would be a gdb."""
    with open("/proc/net/tcp", encoding="ascii") as file:
        return f"0100007F:{port:04X} 00000000:0000 0A" in file.read()


class Debugged(contextlib.AbstractContextManager):
    """The guest, stopped at its first instruction, and what gdb needs to know of it."""

    def __init__(self, *options, port=None):
        if not shutil.which("gdb"):
            raise Skip("there is no gdb")
        self.folder = tempfile.TemporaryDirectory()
        self.target = f"localhost:{port}" if port else os.path.join(self.folder.name, "gdb")
        image = os.path.join(self.folder.name, "guest.bin")
        listing = subprocess.run(["nasm", "-f", "bin", os.path.join(FOLDER, "gdb_guest.asm"), "-o", image],
                                 stdout=subprocess.PIPE, text=True, check=True).stdout
        self.symbols = {name: int(value, 16) for value, name
                        in re.findall(r"^ *([0-9A-F]+) +(?:[0-9A-F]+ +)?(\w+)$", listing, re.MULTILINE)}
        self.guest = Guest("-S", "-m", "16", "-bios", image, "-cpu", "max", "-device",
                           "isa-debug-exit,iobase=0xf4", "-gdb",
                           f"tcp::{port}" if port else f"unix:{self.target}", *options)
        self.wait_for_server(port)

    def __exit__(self, *reason):
        self.guest.__exit__(*reason)
        self.folder.cleanup()

    def wait_for_server(self, port):
        deadline = time.monotonic() + 30 * PATIENCE
        while not (listens(port) if port else os.path.exists(self.target)):
            check(time.monotonic() < deadline and self.guest.process.poll() is None, "no gdb server")
            time.sleep(0.02)

    def command(self, *arguments):
        """gdb without its start-up files, knowing the guest's symbols as $variables."""
        known = [word for name, value in self.symbols.items() for word in ("-ex", f"set ${name}={value:#x}")]
        return ["gdb", "-nx", "-q", *arguments, "-ex", "set pagination off", "-ex", "set confirm off", *known]

    def gdb(self, script, *arguments):
        """What gdb says to the lines of a script; each is echoed before its answer."""
        words = []
        for line in ["target remote " + self.target] + [x.strip() for x in script.split("\n")]:
            if line:
                words += ["-ex", f"echo \\n> {line}\\n", "-ex", line]
        done = subprocess.run(self.command("-batch", *arguments) + words, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120 * PATIENCE)
        return Said(done.stdout)


class Said:
    """gdb's output, read on from what was found."""

    def __init__(self, text):
        self.text = text
        self.at = 0

    def then(self, *patterns):
        for pattern in patterns:
            match = re.compile(pattern, re.MULTILINE).search(self.text, self.at)
            if not match:
                raise Failure(f"gdb does not say {pattern!r} after:\n{self.text[:self.at]}\n=== but ===\n"
                              f"{self.text[self.at:]}")
            self.at = match.end()


@test()
def gdb_modes():
    """From the reset vector through three modes: steps, breakpoints, watchpoints, registers, memory."""
    with Debugged() as d:
        s = d.symbols
        said = d.gdb("""
            show architecture
            x/i $pc
            p/x $cs
            stepi
            break *$real_write
            continue
            x/i $pc
            p/x $ax
            delete
            watch *(unsigned short *)$REAL_WORD
            continue
            x/i $pc
            delete
            set var *(unsigned char *)0x900 = 0x5a
            x/2xb 0x900
            find $real_mode, +65535, (char)0x55, (char)0xaa
            p $cr0
            hbreak *$in_protected_mode
            continue
            set architecture i386
            x/i $pc
            p/x $ecx
            stepi
            p $cr0
            delete
            break *$long_mode
            continue
            disconnect
            """)
        said.then(r'currently "i8086"', r"=> 0xfffffff0:\s+ljmp +\$0xf000,\$0x0", r"= 0xf000",
                  r"^0x000f0000 in", r"Breakpoint 1, 0x000f000f in", r"=> 0xf000f:\s+mov +%ax,0x600",
                  r"= 0x1111", r"[Ww]atchpoint 2: ", r"Old value = 0", r"New value = 4369",
                  r"=> 0xf0012:\s+mov +\$0x2222,%ax", r"0x900:\s+0x5a\s+0x00", r"\[ .*ET",
                  r"myna: CPU 0 now executes i386 code",
                  f"Breakpoint 3, {s['in_protected_mode']:#010x} in",
                  r"=> 0xf0041:\s+movl +\$0x2003,0x1000", r"= 0x12345678", r"^0x000f004b in", r"\[ .*PE.* \]",
                  r"myna: CPU 0 now executes i386:x86-64 code; `disconnect' and `target remote'",
                  r"Breakpoint 4, 0x000f00a4 in")
        said = d.gdb("""
            show architecture
            x/i $pc
            info registers
            stepi 2
            p/x $r15
            watch *(int *)$COUNT
            continue
            continue
            delete
            rwatch *(int *)$COUNT
            continue
            continue
            delete
            awatch *(int *)$COPY
            continue
            delete
            tbreak *$work_middle
            continue
            p/x $rsp
            p $xmm3.uint128 = 0x1234567890
            p/x $ymm3.v4_int64
            p $st0 = 1.5
            p $st0
            set $eflags = $eflags | 1
            p $eflags
            p $fs_base = 0x123456789000
            monitor info registers
            monitor print 6 * 7
            x/2xb 0x900
            p $cr3 = 0x5000000000000000
            x/xb 0x4000000000
            set var *(int *)$EXIT = 3
            detach
            """)
        said.then(r'currently "i386:x86-64"', r"=> 0xf00a4:\s+mov +\$0x7000,%[re]sp", r"r15 +0x0", r"rip +0xf00a4",
                  r"cr0 +0x\w+ +\[ .*PG", r"efer +0x500 +\[ .*LME.*LMA", r"= 0x123456789abcdef0",
                  r"[Ww]atchpoint 1", r"New value = 1$", r"0x0*f00f3", r"[Ww]atchpoint 1", r"New value = 2$",
                  r"read watchpoint 2", r"Value = 2", r"read watchpoint 2", r"Value = 3",
                  r"access .* watchpoint 3", r"Temporary breakpoint 4, 0x0*f011b in", r"= 0x6ff8",
                  r"> p/x", r"0x1234567890, 0x0, 0x0, 0x0", r"= 1\.5", r"= 1\.5", r"\[ .*CF.*\]",
                  r"FS  =0000 0000123456789000", r"^0x2a", r"0x900:\s+0x5a",
                  r"Could not write register \"cr3\"|E16", r"Cannot access memory", r"detached")
        d.guest.expect_exit(7, 20)


@test()
def gdb_program():
    """A 64-bit program that gdb knows before the CPU executes such code: the way kernels are debugged."""
    with Debugged() as d:
        source, program = (os.path.join(d.folder.name, "program." + kind) for kind in ("asm", "o"))
        with open(source, "w", encoding="ascii") as file:
            for name, value in d.symbols.items():
                file.write(f"global {name}:function\n{name} equ {value:#x}\n")
        subprocess.run(["nasm", "-f", "elf64", source, "-o", program], check=True)
        said = d.gdb("""
            p/x $rip
            hbreak *&long_mode
            continue
            p/x $rip
            stepi 2
            p/x $r15
            set $r15 = 5
            set $rip = &work
            stepi
            p/x $rip
            p $r15
            disconnect
            target remote TARGET
            p $efer
            p $r15
            kill
            """.replace("TARGET", d.target), program)
        said.then(r"= 0xfffffff0", r"Breakpoint 1, 0x0*f00a4 in", r"= 0xf00a4", r"= 0x123456789abcdef0",
                  r"> stepi", r"^0x0*f011b in", r"= 0xf011b", r"= 5", r"LMA", r"= 5", r"killed")
        d.guest.expect_exit(0, 20)


@test()
def gdb_cpus():
    """Two CPUs in different modes as threads; over TCP; gdb kills the program."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Debugged("-smp", "2", "-accel", "interp", port=port) as d:
        said = d.gdb("""
            info threads
            hbreak *$copied
            continue
            ignore 1 1000
            continue
            info threads
            thread 2
            p $cs
            p/x $cs_base
            p $before = *(int *)$COUNT2
            set scheduler-locking on
            set architecture i8086
            stepi 2
            p *(int *)$COUNT2 - $before
            set scheduler-locking off
            delete
            break *0x8004 thread 2
            continue
            thread
            p *(int *)$COUNT2 - $before > 0
            kill
            """)
        said.then(r"\* 1 +Thread 1 \(CPU#0 \[running\]\)", r"2 +Thread 2 \(CPU#1 \[waiting for SIPI\]\)",
                  r"Thread 1 hit Breakpoint 1", r"Thread 1 hit Breakpoint 1",
                  r"2 +Thread 2 \(CPU#1 \[running\]\) +0x0*80", r"Switching to thread 2", r"= 2048", r"= 0x8000",
                  r"> stepi 2", r"^0x0*8004 in", r"= 1$", r"Thread 2 hit Breakpoint 2, 0x0*8004", r"Current thread is 2",
                  r"= 1", r"killed")
        d.guest.expect_exit(0, 20)


@test()
def gdb_interrupt():
    """Ctrl-C, a machine that another hand stops, and one that ends."""
    with Debugged() as d:
        process = subprocess.Popen(d.command("-ex", f"target remote {d.target}"), stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            process.stdin.write("continue\n")
            process.stdin.flush()
            text = ""
            while "Continuing." not in text:
                line = process.stdout.readline()
                check(line, f"gdb ended:\n{text}")
                text += line
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            rest, _ = process.communicate("p *(int *)$COUNT > 100\nset var *(int *)$EXIT = 1\ncontinue\n",
                                          timeout=60 * PATIENCE)
        finally:
            process.kill()
            process.wait()
        Said(rest).then("received signal SIGINT", "= 1", r"exited with code 03")
        d.guest.expect_exit(3, 20)


@test()
def gdb_monitor():
    """The monitor's gdbserver, and devices that cannot be."""
    with tempfile.TemporaryDirectory() as folder, Guest("-S", "-m", "16") as machine:
        console = Console(machine)
        path = os.path.join(folder, "gdb")
        check("Waiting for gdb" in console.run(f"gdbserver unix:{path}"), "it does not wait")
        check(os.path.exists(path), "there is no socket")
        check("gdbserver: " in console.run("gdbserver tcp:nowhere"), "no error")
        check(not os.path.exists(path), "the first socket is left")
        check(console.run("gdbserver none").strip() == "", "none says something")
        machine.send("quit\n")
        machine.expect_exit(0, 20)
    with Guest("-gdb", "tcp:nowhere") as machine:
        machine.expect(r"^myna: -gdb: .*tcp:HOST:PORT", 20)
        machine.expect_exit(1, 20)
