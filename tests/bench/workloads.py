"""The table of the bare-metal workloads: each is one C file of guests/, compiled one way."""
import fnmatch
from dataclasses import dataclass
from typing import Callable, Optional


@dataclass
class Workload:
    name: str  # class/name
    source: str  # below guests/
    size: int  # for a measurement: a native run of 0.2 s or more, seconds in a translator
    quick: int  # for a check of the result
    what: str
    flags: tuple = ()  # of the compiler, beside those for all
    width: int = 64
    # What work(size) must return, where a process of Linux cannot run it.
    result: Optional[Callable[[int], int]] = None

    @property
    def group(self):
        return self.name.split("/")[0]


# Classes in the order of the tables.
GROUPS = {
    "int": "integer",
    "int32": "integer, compiled for 32 bits (native: for 64)",
    "float": "scalar double, SSE2",
    "x87": "80-bit x87",
    "sse": "vectors of 16 bytes",
    "avx2": "vectors of 32 bytes",
    "rep": "repeated string instructions",
    "smc": "self-modifying code",
    "sys": "system events, one a unit of size",
}

INTEGER = [
    # name       size   quick  what
    ("recursion", 250, 2, "recursive functions, calls through pointers"),
    ("bytecode", 4500000, 5000, "an interpreter with a switch"),
    ("sort", 45, 1, "quicksort with a comparison function"),
    ("hash", 450, 2, "SHA-256, a hash table"),
    ("lz", 120, 1, "LZ77 compression and decompression"),
    ("walk", 20, 1, "a tree and a list over 64 MiB"),
    ("pages", 16, 1, "a chain through 8,192 pages, copies, strides"),
    ("sieve", 75, 1, "the primes below a million"),
    ("bignum", 200000, 200, "products and remainders of 2,048 bits"),
    ("text", 500, 2, "string functions, byte by byte"),
]
INTEGER32 = ["recursion", "bytecode", "sort", "hash", "lz", "sieve", "text"]

FLOAT = [
    ("nbody", 1800, 2, "five bodies: square roots, divisions"),
    ("mandelbrot", 200, 1, "escape times: a dependent chain"),
    ("spectral", 5000, 10, "conversions and divisions"),
    ("fft", 1000, 2, "a Fourier transform of 4,096 points"),
]
X87 = {"nbody": 200, "mandelbrot": 60, "fft": 130}

SIMD = [
    # name  SSE size  AVX2 size  quick  what
    ("saxpy", 50, 50, 1, "y += a x, float"),
    ("dot", 120, 120, 1, "a scalar product, float"),
    ("blend", 50, 80, 1, "pixels over pixels"),
    ("find", 1500, 2500, 1, "the first byte of a value"),
]

REP = [
    # instruction, bytes, size
    ("movsb", 64, 40), ("movsb", 4096, 100), ("movsb", 65536, 100), ("movsq", 4096, 400),
    ("stosb", 64, 250), ("stosb", 4096, 600), ("stosq", 65536, 2500),
    ("scasb", 64, 60), ("scasb", 4096, 60), ("scasb", 65536, 60),
    ("cmpsb", 64, 40), ("cmpsb", 4096, 40),
]

MODIFY = [
    # name      source        size   quick  what, flags
    ("jit_once", "jit", 30, 1, "functions built, run 4 times each", ("-DRUNS=4",)),
    ("jit_50", "jit", 400, 1, "functions built, run 50 times each", ("-DRUNS=50",)),
    ("patch", "patch", 300, 1, "a constant in the code changed before each call", ()),
    ("beside", "beside", 12000, 1, "data in the page of the code", ()),
]

SYSTEM = [
    # name       size  quick  what, result
    ("syscall", 20000000, 1000, "SYSCALL, SWAPGS, a call, SYSRET", lambda n: n * (n - 1) // 2),
    ("gate", 5000000, 1000, "INT 80h and IRET", lambda n: n),
    ("page_fault", 2000000, 1000, "a page fault handled", lambda n: n),
    ("switch", 400000, 1000, "a context switch: INT, CR3, stack, IRET; eight pages touched",
     lambda n: 8 * (n + n // 2)),
    ("cr3", 400000, 1000, "CR3 written; sixteen pages touched", lambda n: 16 * (n + n // 2)),
    ("self_ipi", 1500000, 1000, "an interrupt from the local APIC to its own CPU", lambda n: n),
    ("mmio", 8000000, 1000, "a register of the local APIC read", lambda n: n),
    ("port", 15000000, 1000, "a port read", lambda n: 0xfe * n),
    ("invlpg", 3000000, 1000, "a page table entry changed, INVLPG, the page read",
     lambda n: sum(i % 32 for i in range(n % 32)) + n // 32 * 496),
    ("irqflag", 30000000, 1000, "PUSHF, CLI, POPF", lambda n: 2 * n),
]


def rows():
    for name, size, quick, what in INTEGER:
        yield Workload(f"int/{name}", f"int/{name}.c", size, quick, what)
    for name, size, quick, what in INTEGER:
        if name in INTEGER32:
            yield Workload(f"int32/{name}", f"int/{name}.c", size, quick, what, width=32)
    for name, size, quick, what in FLOAT:
        yield Workload(f"float/{name}", f"float/{name}.c", size, quick, what)
    for name, _, quick, what in FLOAT:
        if name in X87:
            yield Workload(f"x87/{name}", f"float/{name}.c", X87[name], quick, what, ("-DREAL=long double",))
    for name, size, _, quick, what in SIMD:
        yield Workload(f"sse/{name}", f"simd/{name}.c", size, quick, what)
    for name, _, size, quick, what in SIMD:
        yield Workload(f"avx2/{name}", f"simd/{name}.c", size, quick, what, ("-mavx2",))
    for name, count, size in REP:
        yield Workload(f"rep/{name}_{count}", "rep/rep.c", size, 1, f"REP {name.upper()}, {count:,} bytes",
                       (f"-D{name.upper()}", f"-DCOUNT={count}"))
    for name, source, size, quick, what, flags in MODIFY:
        yield Workload(f"smc/{name}", f"smc/{source}.c", size, quick, what, flags)
    for name, size, quick, what, result in SYSTEM:
        yield Workload(f"sys/{name}", f"sys/{name}.c", size, quick, what, result=result)


WORKLOADS = list(rows())
ONCE_INSTRUCTIONS = 1 << 19
ONCE = Workload("code/once", "code/once.c", 1, 1, "instructions that run for the first time",
                (f"-DINSTRUCTIONS={ONCE_INSTRUCTIONS}",))
STARTUP = Workload("sys/startup", "sys/startup.c", 7, 7, "nothing", result=lambda n: n)


def chosen(patterns, names):
    """The names that a class, a name, or a name with wildcards selects, in the order of names."""
    return [name for name in names
            if any(fnmatch.fnmatch(name, pattern) or name.split("/")[0] == pattern for pattern in patterns)]
