"""The workloads as ROM images: compiled from guests/ with the host's gcc."""
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, "guests")

# What a row of the table is about: guest, widths, what it does.
WORKLOADS = [
    # name       widths    what
    ("integer", (64, 32), "hash, sieve, heap sort"),
    ("memory", (64, 32), "walk and copy over 20,000 pages"),
    ("call", (64, 32), "recursion and calls by pointer"),
    ("syscall", (64,), "SYSCALL and INT from ring 3"),
    ("bytecode", (64, 32), "interpreter with a switch"),
    ("strings", (64, 32), "REP MOVS, STOS, SCAS, CMPS"),
    ("float_sse", (64,), "scalar double in SSE"),
    ("float_x87", (64,), "80-bit x87"),
    ("modify", (64, 32), "self-modifying code"),
]
NAMES = [f"{name}{width}" for name, widths, _ in WORKLOADS for width in widths]
WHAT = {f"{name}{width}": what for name, widths, what in WORKLOADS for width in widths}

# No vector code: the classes must stay what they say.
FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-ffreestanding", "-fno-pic", "-fno-pie", "-mno-red-zone",
         "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables",
         "-fno-tree-vectorize", "-fno-tree-loop-distribute-patterns", "-fno-strict-aliasing", "-nostdlib", "-static",
         "-Wl,-N,--build-id=none,-z,noexecstack"]


def build(name, folder):
    """The path of the image of a workload such as integer64."""
    source, width = name[:-2], name[-2:]
    files = [os.path.join(SOURCES, file) for file in ("start.S", "guest.c", f"{source}.c")]
    elf, rom = os.path.join(folder, f"{name}.elf"), os.path.join(folder, f"{name}.bin")
    os.makedirs(folder, exist_ok=True)
    subprocess.run(["gcc", f"-m{width}", *FLAGS, f"-Wl,-T,{SOURCES}/rom.ld", "-o", elf, *files], check=True)
    subprocess.run(["objcopy", "-O", "binary", "-j", ".image", elf, rom], check=True)
    return rom
