"""The emulators: how each is started with a ROM or with Linux, and the clocks of its process."""
import contextlib
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

GUEST_MEMORY = 128  # MiB, for the ROM images


NICENESS = os.nice(0)  # which a bench that is woken at once does not pass on by itself


class Failed(Exception):
    """No time could be taken: why is the text."""


class Lacks(Failed):
    """The emulator, or the host, does not have what the workload needs."""


class OverTime(Failed):
    def __init__(self, seconds):
        super().__init__(f"over {seconds:g} s")
        self.seconds = seconds


def be_nice():
    os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


class Process:
    """A running emulator, or any program, whose output is read as it comes."""

    def __init__(self, command, terminal=False):
        self.text = ""
        self.started = time.monotonic()
        if terminal:
            output, inside = pty.openpty()
            self.child = subprocess.Popen(command, stdin=inside, stdout=inside, stderr=inside, preexec_fn=be_nice,
                                          start_new_session=True, env={**os.environ, "TERM": "vt100"})
            os.close(inside)
            self.input = output
        else:
            self.child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          stderr=subprocess.DEVNULL, preexec_fn=be_nice, start_new_session=True)
            output, self.input = self.child.stdout.fileno(), self.child.stdin.fileno()
        self.output = output

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.returncode is None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.finish()

    def read(self, timeout):
        """Some more output; False at its end."""
        if not select.select([self.output], [], [], timeout)[0]:
            raise OverTime(timeout)
        try:
            data = os.read(self.output, 65536)
        except OSError:  # a terminal whose other side is closed
            return False
        self.text += data.decode("latin-1")
        return bool(data)

    def expect(self, pattern, timeout=120):
        """The match of pattern in the output, as soon as it is there."""
        end = time.monotonic() + timeout
        while not (match := re.search(pattern, self.text)):
            if not self.read(max(0, end - time.monotonic())):
                raise Failed(f"ended without {pattern!r}: {self.text[-200:]!r}")
        return match

    def send(self, text):
        os.write(self.input, text.encode())

    def cpu_seconds(self):
        """What its threads have used so far, to the nanosecond."""
        total = 0
        for thread in os.listdir(f"/proc/{self.child.pid}/task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended
                with open(f"/proc/{self.child.pid}/task/{thread}/schedstat") as file:
                    total += int(file.read().split()[0])
        return total / 1e9

    def resident_beside(self, ram):
        """Bytes in memory, without the mapping of `ram` bytes that is the guest's."""
        total, size, seen = 0, 0, False
        with open(f"/proc/{self.child.pid}/smaps") as file:
            for line in file:
                if match := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
                    size = int(match[2], 16) - int(match[1], 16)
                    seen |= size == ram
                elif line.startswith("Pss:") and size != ram:
                    total += int(line.split()[1]) * 1024
        if not seen:
            raise Failed("no mapping of the guest's size")
        return total

    def finish(self):
        """Waits for the end; CPU seconds of the whole life."""
        while self.read(60):
            pass
        _, status, usage = os.wait4(self.child.pid, 0)
        self.child.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime


class Native:
    """No emulator: the same object code as a process of the host, which counts its own CPU time."""

    name = "native"

    def start(self, image, size):
        return Process([image.process(), str(size)])


class QemuLike:
    """myna, and any other program that takes the same options."""

    def __init__(self, name, command, options=()):
        self.name = name
        self.command = shlex.split(command) + list(options)

    def rom_command(self, rom):
        # Vector workloads want what the emulator's CPU can be; Linux gets what it is by default.
        cpu = [] if "-cpu" in self.command else ["-cpu", "max"]
        return [*self.command, *cpu, "-nodefaults", "-display", "none", "-no-reboot", "-m", str(GUEST_MEMORY),
                "-bios", rom, "-debugcon", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"]

    def start(self, image, size):
        return Process(self.rom_command(image.rom(size)))

    def linux_command(self, guest):
        return [*self.command, "-m", str(guest.memory), "-nographic", "-no-reboot", "-kernel", guest.kernel, "-initrd",
                guest.initrd, "-append", guest.append]

    def start_linux(self, guest):
        return Process(self.linux_command(guest))

    def close(self):
        pass


class Bochs:
    """Bochs, on a terminal of its own; what the debug console gets appears there too."""

    name = "bochs"

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="bench-bochs-")

    @staticmethod
    def installed():
        return shutil.which("bochs") is not None

    def run(self, lines):
        settings, go = os.path.join(self.folder, "bochsrc"), os.path.join(self.folder, "go")
        with open(settings, "w") as file:
            file.write("\n".join(["display_library: term", "config_interface: textconfig", "port_e9_hack: enabled=1",
                                  "panic: action=fatal", f"log: {self.folder}/log", "speaker: enabled=0",
                                  "sound: driver=dummy", *lines, ""]))
        with open(go, "w") as file:
            file.write("c\n")  # where the debugger is built in, it waits for this
        return Process(["bochs", "-q", "-f", settings, "-rc", go], terminal=True)

    def rom_command(self, _rom):
        return ["bochs", "-q", "-f", "bochsrc", "-rc", "go"]

    def start(self, image, size):
        return self.run([f"memory: guest={GUEST_MEMORY}, host={GUEST_MEMORY}", f"romimage: file={image.rom(size)}",
                         "boot: cdrom"])

    def start_linux(self, guest):
        raise Lacks("no -kernel")

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
