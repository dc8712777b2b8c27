"""Runs a machine and talks to it over its serial line.

The program is $MYNA, so that the tests can be tried on any other emulator with the same options.
"""
import contextlib
import os
import re
import select
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GUESTS = os.environ.get("MYNA_GUESTS", os.path.join(ROOT, "build", "guests"))
MYNA = os.environ.get("MYNA", os.path.join(ROOT, "build", "release", "myna"))
# Every time limit is multiplied by this: sanitizers and emulated hosts are slow.
PATIENCE = float(os.environ.get("MYNA_PATIENCE", "1"))


class Failure(Exception):
    pass


class Skip(Exception):
    pass


def require_guest(name):
    """The folder of a guest, which is made if need be."""
    made = subprocess.run([os.path.join(ROOT, "scripts", "guests"), "--dir", GUESTS, name],
                          stderr=subprocess.PIPE, text=True)
    if made.returncode == 77:
        raise Skip(made.stderr.strip())
    if made.returncode:
        raise Failure(f"scripts/guests {name}: {made.stderr}")
    return os.path.join(GUESTS, name)


# Terminal control sequences, which say nothing here: CSI, OSC and two-character escapes.
CONTROL = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[()].|[=>c78DEHM])")


class Guest(contextlib.AbstractContextManager):
    """A running machine whose first serial port is our pipe."""

    def __init__(self, *arguments, graphics=False):
        """graphics: without -nographic, the options say where serial line and monitor are."""
        self.command = [MYNA, *([] if graphics else ["-nographic"]), *arguments]
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)
        self.raw = ""
        self.seen = 0  # text before this was matched
        self.text = ""

    def __exit__(self, *reason):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def _read(self, deadline):
        """Appends what comes; False at the end of the output."""
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
            return None
        data = os.read(self.process.stdout.fileno(), 65536)
        self.raw += data.decode("latin-1")
        self.text = CONTROL.sub("", self.raw).replace("\r", "")
        return bool(data)

    def _fail(self, message):
        tail = self.text[self.seen:][-3000:]
        raise Failure(f"{message}\ncommand: {' '.join(self.command)}\n--- output ---\n{tail}\n---")

    def expect(self, pattern, timeout=600):
        """Waits until the pattern appears after what was matched before; the match."""
        deadline = time.monotonic() + timeout * PATIENCE
        regex = re.compile(pattern, re.MULTILINE)
        while True:
            match = regex.search(self.text, self.seen)
            if match:
                self.seen = match.end()
                return match
            more = self._read(deadline)
            if more is None:
                self._fail(f"no {pattern!r} within {timeout} seconds")
            if not more:
                self._fail(f"the machine ended without {pattern!r}")

    def send(self, text):
        # Slowly enough for a port without a FIFO: a burst at a time.
        for start in range(0, len(text), 16):
            self.process.stdin.write(text[start:start + 16].encode("latin-1"))
            self.process.stdin.flush()
            time.sleep(0.01)

    def expect_exit(self, status=0, timeout=120):
        deadline = time.monotonic() + timeout * PATIENCE
        while True:
            more = self._read(deadline)
            if more is None:
                self._fail(f"it did not end within {timeout} seconds")
            if not more:
                break
        code = self.process.wait()
        if code != status:
            self._fail(f"it ended with status {code}, not {status}")

    def cpu_seconds(self):
        """Processor time the program has used."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Shell:
    """The demo guest's shell prompt."""

    def __init__(self, guest):
        self.guest = guest
        self.count = 0

    def wait(self, timeout=600):
        self.guest.expect(r"^guest# ", timeout)
        # A lone newline and its prompt show that the shell listens.
        self.run("stty -echo", timeout=120)

    def run(self, command, timeout=120):
        """The command's output; a non-zero status is a failure."""
        self.count += 1
        mark = f"done{self.count}"
        self.guest.send(f"{command}; echo {mark[:2]}''{mark[2:]} $?\n")
        start = self.guest.seen
        match = self.guest.expect(rf"{mark} (\d+)\n", timeout)
        output = self.guest.text[start:match.start()]
        if match.group(1) != "0":
            raise Failure(f"{command!r} ended with status {match.group(1)}:\n{output}")
        return output


class Console:
    """The monitor behind the terminal's multiplexer."""

    PROMPT = r"\((myna|qemu)\) "

    def __init__(self, guest):
        self.guest = guest
        guest.send("\x01c")
        guest.expect(self.PROMPT, 30)

    def run(self, command, timeout=30):
        """The command's answer, up to the next prompt."""
        start = self.guest.seen
        self.guest.send(command + "\n")
        match = self.guest.expect(r"\n" + self.PROMPT, timeout)
        # The guest's last bytes may still come before the echo.
        text = self.guest.text[start:match.start() + 1]
        lines = text[max(text.find(command), 0):].split("\n", 1)
        return lines[1] if len(lines) > 1 else ""

    def screen(self):
        """The VGA text screen of 80 columns, as lines."""
        cells = re.findall(r"0x[0-9a-f]{2}([0-9a-f]{2})\b", self.run("xp/2000xh 0xb8000"))
        text = bytes(int(cell, 16) for cell in cells).decode("cp437")
        return [text[row:row + 80] for row in range(0, len(text), 80)]


def check(condition, message):
    if not condition:
        raise Failure(message)


TESTS = {}


def test(*labels):
    """Makes a function a test of its name."""
    def add(function):
        TESTS[function.__name__] = (function, labels)
        return function
    return add


def add_test(name, labels, function):
    TESTS[name] = (function, labels)


def main():
    if sys.argv[1:] == ["--list"]:
        for name, (_, labels) in TESTS.items():
            print(name, *labels)
        return 0
    for name in sys.argv[1:] or TESTS:
        try:
            TESTS[name][0]()
        except Skip as reason:
            print(f"SKIP {name}: {reason}")
            return 77
        except Failure as reason:
            print(f"FAIL {name}: {reason}")
            return 1
        print(f"ok {name}")
    return 0
