"""A folder with programs out of the distribution's packages, to be run here and in a guest."""
import glob
import importlib.machinery
import os
import re
import shutil
import stat
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPTS = os.path.join(ROOT, "scripts")
SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "guests", "linux")
LOADER = "lib64/ld-linux-x86-64.so.2"

sys.path.insert(0, SCRIPTS)
sys.dont_write_bytecode = True
from unpacked import Packages  # noqa: E402

mkinitrd = importlib.machinery.SourceFileLoader("mkinitrd", os.path.join(SCRIPTS, "mkinitrd")).load_module()

# program: (package, or the package that depends on one of that form; where the program is in it)
PROGRAMS = {
    "busybox": ("busybox-static", None, "*bin/busybox"),
    "xz": ("xz-utils", None, "usr/bin/xz"),
    "sqlite3": ("sqlite3", None, "usr/bin/sqlite3"),
    "perl": ("perl-base", None, "usr/bin/perl"),
    "cc1": ("cpp", r"cpp-\d+", "usr/lib*/gcc/x86_64-linux-gnu/*/cc1"),
}
TEXT_SIZE = 3 << 18


def libraries_of(packages, package, found):
    """The library packages that a package needs, and those they need."""
    for line in re.findall(r"^(?:Pre-)?Depends: (.*)$", packages.show(package), re.MULTILINE):
        for name in re.findall(r"(?:^|, )((?:lib|zlib)[\w.+-]*)", line):
            if name not in found:
                found.append(name)
                libraries_of(packages, name, found)
    return found


def needed(path):
    """The names of the shared libraries an ELF file wants."""
    text = subprocess.run(["readelf", "-d", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", text)


class Tree:
    """bin, lib, lib64 and data below a folder; made once."""

    def __init__(self, folder, guests):
        self.folder = folder
        self.packages = Packages(guests, "amd64")

    def path(self, name):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def make(self):
        proof = self.path("complete")
        if not os.path.exists(proof):
            shutil.rmtree(self.folder, ignore_errors=True)
            for program, (package, pattern, place) in PROGRAMS.items():
                self._add_program(program, package, pattern, place)
        self._add_own()
        open(self.path("complete"), "w").close()

    def _add_program(self, program, package, pattern, place):
        if pattern:
            package = self.packages.depends(package, pattern)
        (found,) = glob.glob(os.path.join(self.packages.unpack(package), place))
        shutil.copy(found, self.path(f"bin/{program}"))
        trees = [self.packages.unpack(name) for name in libraries_of(self.packages, package, [])]
        for library in needed(found):
            self._add_library(library, trees)

    def _add_library(self, library, trees):
        target = self.path(LOADER if library == os.path.basename(LOADER) else f"lib/{library}")
        if os.path.exists(target):
            return
        places = [place for tree in trees for place in glob.glob(f"{tree}/**/{library}", recursive=True)]
        if not places:
            raise FileNotFoundError(f"{library} is in none of {', '.join(map(os.path.basename, trees))}")
        shutil.copy(os.path.realpath(places[0]), target)
        for other in needed(target):
            self._add_library(other, trees)

    def _add_own(self):
        """The bench's own program and data."""
        subprocess.run(["gcc", "-O2", "-Wall", "-static", "-o", self.path("bin/events"), f"{SOURCES}/events.c",
                        "-lpthread"], check=True)
        for name in ("run", "init"):
            shutil.copy(f"{SOURCES}/{name}", self.path(name))
        for name in ("query.sql", "words.pl"):
            shutil.copy(f"{SOURCES}/{name}", self.path(f"data/{name}"))
        with open(self.path("bin/cc1"), "rb") as file, open(self.path("data/text"), "wb") as text:
            file.seek(1 << 20)
            text.write(file.read(TEXT_SIZE))
        for source in glob.glob(f"{os.path.dirname(SOURCES)}/int/*.c"):
            name = os.path.basename(source).replace(".c", ".i")
            subprocess.run(["gcc", "-E", "-P", "-ffreestanding", f"-I{os.path.dirname(SOURCES)}/lib", "-o",
                            self.path(f"data/{name}"), source], check=True)

    def initrd(self, path):
        """The folder as a RAM disk, not compressed: unpacking is not what is measured."""
        archive = mkinitrd.Cpio()
        for name in ("dev", "proc", "tmp"):
            archive.add(name, 0o40755)
        archive.add("dev/console", 0o20600, device=(5, 1))
        for folder, _, names in os.walk(self.folder):
            inside = os.path.relpath(folder, self.folder)
            if inside != ".":
                archive.add(inside, 0o40755)
            for name in sorted(names):
                with open(os.path.join(folder, name), "rb") as file:
                    mode = 0o100755 if name == "init" else 0o100000 | stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                    archive.add(os.path.normpath(os.path.join(inside, name)), mode, file.read())
        with open(path, "wb") as file:
            file.write(archive.finish())
        return path
