"""Debian's kernels with a busybox initrd: shell, disks, messages, power-off."""
import os
import re
import subprocess
import tempfile
import time

from guest import Failure, Guest, Shell, add_test, check, require_guest, test

# What kernels complain of on any PC of this kind; none of it is about how the machine behaves.
HARMLESS = [
    r"Spectre|Meltdown|MDS|Retbleed|L1TF|speculative|Vulnerable|Mitigation|mitigations",
    r"Kernel Lockdown|module verification failed|taint",
    r"AMD-Vi|IOMMU|iommu",
    r"PKCS|X\.509|ima:|evm:|integrity",
    r"floppy",
    r"crng|random:",
    r"work still pending",
]

# Words with which Linux complains of hardware and firmware, at any level.
COMPLAINTS = re.compile(r"Firmware Bug|BIOS bug|ACPI.*(Error|Exception|Warning)|Call Trace|BUG:|WARNING:"
                        r"|lost interrupt|irq \d+: nobody cared|timed out|I/O error|DMAR|mce:.*error"
                        r"|MP table errors|clocksource:.*unstable|Oops", re.IGNORECASE)


def bad_messages(raw):
    """Lines of `dmesg -r` that are errors, or complain of the machine."""
    bad = []
    for line in raw.splitlines():
        match = re.match(r"<(\d+)>(.*)", line)
        if not match:
            continue
        level, text = int(match.group(1)) & 7, match.group(2)
        if (level <= 3 or COMPLAINTS.search(text)) and \
                not any(re.search(pattern, text, re.IGNORECASE) for pattern in HARMLESS):
            bad.append(text)
    return bad


def boot(guest, arguments=(), append=""):
    folder = require_guest(guest)
    return Guest("-m", "256", "-kernel", f"{folder}/vmlinuz", "-initrd", f"{folder}/initrd.gz",
                 "-append", f"console=ttyS0 panic=-1 {append}", "-no-reboot", *arguments)


def disk_session(shell):
    """Makes a file system, writes a file, and reads it back after a new mount."""
    shell.run("mke2fs /dev/sda > /dev/null && mount -t ext2 /dev/sda /mnt")
    shell.run("dd if=/dev/urandom of=/mnt/file bs=64k count=32 2> /dev/null; echo text > /mnt/text")
    before = shell.run("md5sum < /mnt/file")
    shell.run("umount /mnt && echo 3 > /proc/sys/vm/drop_caches && mount -t ext2 /dev/sda /mnt")
    check(shell.run("md5sum < /mnt/file") == before, "the file read back is another one")
    check("text" in shell.run("cat /mnt/text"), "the small file is lost")
    shell.run("umount /mnt")


def session(guest, cpus):
    with tempfile.TemporaryDirectory() as folder:
        disk = os.path.join(folder, "disk.img")
        subprocess.run(["truncate", "-s", "64M", disk], check=True)
        smp = ["-smp", str(cpus)] if cpus > 1 else []
        with boot(guest, ["-drive", f"file={disk},format=raw", *smp]) as machine:
            shell = Shell(machine)
            shell.wait()
            shown = shell.run("cat /proc/cpuinfo")
            check(shown.count("processor\t:") == cpus, f"not {cpus} CPUs:\n{shown}")
            total = re.search(r"Mem:\s+(\d+)", shell.run("free"))
            check(total and 150_000 < int(total.group(1)) < 262_144, "free shows another size")
            disk_session(shell)
            bad = bad_messages(shell.run("dmesg -r"))
            check(not bad, "the kernel complains:\n" + "\n".join(bad))
            machine.send("poweroff\n")
            machine.expect_exit(0)
        with open(disk, "rb") as file:
            file.seek(0x438)  # the superblock's magic number
            check(file.read(2) == b"\x53\xef", "the host's file holds no file system")


for kernel in ["amd64", "686-pae", "686"]:
    for count in [1, 2, 4]:
        if count > 1 and kernel == "686":
            continue  # built without SMP
        quick = (kernel, count) in [("amd64", 1), ("686", 1)]
        add_test(f"linux_{kernel.replace('-', '_')}_smp{count}", [] if quick else ["slow"],
                 lambda kernel=kernel, count=count: session(f"linux-{kernel}", count))


@test("slow")
def linux_cpu_max():
    """The kernel takes what `-cpu max` offers beyond the default: it says so, and runs on it."""
    with boot("linux-amd64", ["-cpu", "max"]) as machine:
        shell = Shell(machine)
        shell.wait()
        flags = re.search(r"flags\t+: (.*)", shell.run("cat /proc/cpuinfo")).group(1).split()
        for flag in ["smap", "pku", "ospke", "la57", "sha_ni", "gfni", "vaes", "xsaves"]:
            check(flag in flags, f"no {flag} among {flags}")
        messages = shell.run("dmesg -r")
        check("xstate_offset[9]" in messages, "the kernel does not save protection keys")
        bad = bad_messages(messages)
        check(not bad, "the kernel complains:\n" + "\n".join(bad))
        machine.send("poweroff\n")
        machine.expect_exit(0)


@test("slow")
def linux_reboot():
    """reboot ends the machine under -no-reboot, with status 0."""
    with boot("linux-686") as machine:
        shell = Shell(machine)
        shell.wait()
        machine.send("reboot -f\n")
        machine.expect_exit(0)


@test("slow")
def linux_cdrom():
    """An ISO 9660 CD can be mounted and read."""
    iso = f"{require_guest('grub')}/grub.iso"
    with boot("linux-686", ["-cdrom", iso]) as machine:
        shell = Shell(machine)
        shell.wait()
        shell.run("mount -t iso9660 -o ro /dev/sr0 /mnt")
        check("menuentry" in shell.run("cat /mnt/boot/grub/grub.cfg"), "grub.cfg is not there")
        machine.send("poweroff\n")
        machine.expect_exit(0)


@test("alone")
def linux_idle():
    """An idle guest leaves the host's processor alone. Its kernel must be one that stops its tick."""
    with boot("linux-amd64") as machine:
        shell = Shell(machine)
        shell.wait()
        time.sleep(5)  # what init started
        start, clock = machine.cpu_seconds(), time.monotonic()
        time.sleep(10)
        used = (machine.cpu_seconds() - start) / (time.monotonic() - clock)
        check(used < 0.02, f"an idle guest uses {used:.1%} of a processor")
        machine.send("poweroff\n")
        machine.expect_exit(0)


@test("slow")
def linux_icount():
    """Time counted in instructions: the same boot takes the same virtual time."""
    stamps = []
    for _ in range(2):
        with boot("linux-686", ["-icount", "shift=3,sleep=off", "-rtc", "base=2026-01-01"]) as machine:
            Shell(machine).wait()
            stamp = re.findall(r"\[ *(\d+\.\d+)\] Run /init", machine.text)
            if not stamp:
                raise Failure("no time stamp of /init")
            stamps.append(stamp)
    check(stamps[0] == stamps[1], f"two runs differ: {stamps}")
