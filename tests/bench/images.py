"""The workloads as images: one object file for the ROM of a bare machine and for a process of Linux."""
import functools
import os
import struct
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCES = os.path.join(HERE, "guests")
LIBRARY = os.path.join(SOURCES, "lib")

# No vector code but what is written as such: the classes must stay what they say.
FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-ffreestanding", "-fno-pic", "-fno-pie", "-mno-red-zone",
         "-fno-stack-protector", "-fcf-protection=none", "-fno-asynchronous-unwind-tables", "-fno-math-errno",
         "-fno-tree-vectorize", "-fno-tree-loop-distribute-patterns", "-fno-strict-aliasing", f"-I{LIBRARY}"]
LINK = ["-nostdlib", "-static", "-no-pie"]
SIZE_IN_ROM = -8  # where work_size lies, from the image's end
PROCESS_AT = "0x20000000"  # away from the arena


@functools.lru_cache(maxsize=None)  # the library's files are compiled once in a run
def compile_file(source, output, width, flags=()):
    subprocess.run(["gcc", f"-m{width}", *FLAGS, *flags, "-c", source, "-o", output], check=True)
    return output


class Image:
    """A workload, compiled."""

    def __init__(self, workload, folder):
        self.workload, self.folder = workload, folder
        self.base = os.path.join(folder, workload.name.replace("/", "-"))
        os.makedirs(folder, exist_ok=True)
        source = os.path.join(SOURCES, workload.source)
        self.objects = [compile_file(source, f"{self.base}.o", workload.width, workload.flags)]
        if "-mavx2" in workload.flags:
            self.objects.append(self._library("guest.c", "-avx2", ("-DNEEDS_AVX2",)))
        else:
            self.objects.append(self._library("guest.c"))

    def _library(self, file, suffix="", flags=()):
        width = self.workload.width
        return compile_file(f"{LIBRARY}/{file}", f"{self.folder}/{file}{width}{suffix}.o", width, flags)

    def rom(self, size):
        """The path of the ROM that does so much of the work."""
        parts = ["start.S", "machine.c"] + (["kernel.c"] if self.workload.source.startswith("sys/") else [])
        elf, rom = f"{self.base}.elf", f"{self.base}.bin"
        subprocess.run(["gcc", f"-m{self.workload.width}", *LINK, f"-Wl,-T,{LIBRARY}/rom.ld",
                        "-Wl,-N,--build-id=none,-z,noexecstack,--no-warn-rwx-segments", "-o", elf,
                        *[self._library(part) for part in parts], *self.objects], check=True)
        subprocess.run(["objcopy", "-O", "binary", "-j", ".image", elf, rom], check=True)
        with open(rom, "r+b") as file:
            file.seek(SIZE_IN_ROM, os.SEEK_END)
            file.write(struct.pack("<I", size))
        return rom

    def process(self):
        """The path of the program that runs it natively; its argument is the size."""
        program = f"{self.base}.native"
        subprocess.run(["gcc", *LINK, f"-Wl,-Ttext-segment={PROCESS_AT},-z,noexecstack", "-o", program,
                        self._library("linux.c"), *self.objects], check=True)
        return program
