"""Boot loaders, memory testers and installers from packages, through the firmware."""
import re
import time

from guest import PATIENCE, Console, Guest, check, require_guest, test


def grub(*arguments):
    with Guest("-m", "64", "-no-reboot", *arguments) as machine:
        machine.expect(r"SeaBIOS \(version", 60)
        machine.expect("chain to the second menu", 300)
        machine.expect("second menu, power off", 300)
        machine.expect("the chain ends here", 120)
        machine.expect_exit(0)


@test()
def grub_cdrom():
    grub("-cdrom", f"{require_guest('grub')}/grub.iso", "-boot", "d")


@test()
def grub_disk():
    grub("-drive", f"file={require_guest('grub')}/grub.iso,format=raw", "-snapshot")


@test()
def grub_bare_image():
    """An image named without an option is booted as what it is."""
    grub(f"{require_guest('grub')}/grub.iso")


def memtest(name):
    """Its first tests, and no error in them, on the serial line."""
    with Guest("-m", "16", "-kernel", f"{require_guest('memtest')}/{name}.bin", "-append",
               "console=ttyS0,115200") as machine:
        machine.expect(r"Memtest86\+", 120)
        machine.expect(r"#[4-9] +\[", 1800)
        machine.expect(r"Errors: ", 60)
        errors = set(re.findall(r"Errors: +(\d+)", machine.text))
        check(errors == {"0"}, f"memtest86+ found errors: {errors}")
        machine.send("\x01x")
        machine.expect_exit(0)


@test("slow")
def memtest_64():
    memtest("memtest64")


@test("slow")
def memtest_32():
    memtest("memtest32")


@test("slow")
def memtest_iso():
    """From the CD it has no serial console: its screen is read from the video memory."""
    iso = f"{require_guest('memtest')}/memtest64.iso"
    with Guest("-m", "16", "-cdrom", iso, "-boot", "d") as machine:
        machine.expect("Booting from DVD/CD", 120)
        console = Console(machine)
        for _ in range(int(1800 * PATIENCE / 5)):
            time.sleep(5)
            screen = "\n".join(console.screen())
            if re.search(r"#[3-9] +\[", screen):
                break
        check("Memtest86+" in screen and re.search(r"#[3-9] +\[", screen), f"its screen:\n{screen}")
        check(re.search(r"Errors: +0 ", screen), f"errors:\n{screen}")
        machine.send("quit\n")
        machine.expect_exit(0)


def netboot(arch):
    folder = require_guest(f"netboot-{arch}")
    # With less memory it begins with a warning.
    with Guest("-m", "1024", "-kernel", f"{folder}/vmlinuz", "-initrd", f"{folder}/initrd.gz",
               "-append", "console=ttyS0") as machine:
        machine.expect("Select a language|Choose the language", 1200)
        machine.send("\x01x")
        machine.expect_exit(0)


@test("slow")
def netboot_amd64():
    netboot("amd64")


@test("slow")
def netboot_i386():
    netboot("i386")
