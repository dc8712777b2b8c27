"""Packages of the distribution, downloaded and unpacked, never installed."""
import glob
import os
import re
import subprocess


class Unavailable(Exception):
    pass


def run(*command, **options):
    subprocess.run(command, check=True, **options)


class Packages:
    """apt with lists and a cache of its own, for one architecture."""

    def __init__(self, folder, arch):
        self.arch = arch
        self.folder = os.path.join(folder, "packages", arch)
        state = os.path.join(self.folder, "apt")
        for name in ["lists/partial", "archives/partial"]:
            os.makedirs(os.path.join(state, name), exist_ok=True)
        self.options = [
            f"-oAPT::Architecture={arch}", f"-oAPT::Architectures::={arch}",
            f"-oDir::State::Lists={state}/lists", f"-oDir::Cache={state}",
            "-oDir::State::Status=/dev/null", "-oAPT::Sandbox::User=", "-oDebug::NoLocking=1",
            "-oAcquire::Languages=none"]
        if not glob.glob(f"{state}/lists/*Packages*"):
            # One source that cannot be had does not spoil the others, so the status says little.
            subprocess.run(["apt-get", *self.options, "-qq", "update"], stderr=subprocess.DEVNULL)

    def show(self, package):
        shown = subprocess.run(["apt-cache", *self.options, "--no-all-versions", "show", package],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if shown.returncode or not shown.stdout:
            raise Unavailable(f"there is no package {package} for {self.arch}")
        return shown.stdout

    def depends(self, package, pattern):
        match = re.search(rf"^Depends: .*?\b({pattern})", self.show(package), re.MULTILINE)
        if not match:
            raise Unavailable(f"{package} depends on no {pattern}")
        return match.group(1)

    def unpack(self, package):
        """The package's files, as a folder."""
        target = os.path.join(self.folder, package)
        if not os.path.isdir(target):
            self.show(package)
            for old in glob.glob(os.path.join(self.folder, f"{package}_*.deb")):
                os.remove(old)
            run("apt-get", *self.options, "-qq", "download", package, cwd=self.folder)
            (archive,) = glob.glob(os.path.join(self.folder, f"{package}_*.deb"))
            run("dpkg-deb", "-x", archive, target + ".part")
            os.rename(target + ".part", target)
            os.remove(archive)
        return target

    def download(self, packages):
        """The archives of packages and of all they depend on."""
        for package in packages:
            self.show(package)
        run("apt-get", *self.options, "-qq", "--yes", "--no-install-recommends", "--download-only",
            "install", *packages)
        return sorted(glob.glob(os.path.join(self.folder, "apt", "archives", "*.deb")))
