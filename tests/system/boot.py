"""Boot loaders, memory testers and installers from packages, through the firmware."""
from guest import Guest, check, require_guest, test


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


def memtest(timeout, *arguments):
    """Its first tests, and no error in them. Its screen goes to the serial line at its own pace."""
    with Guest("-m", "16", *arguments) as machine:
        machine.expect(r"Memtest86\+", 120)
        machine.expect(r"Test #[3-9]", timeout)
        check("FAIL" not in machine.text, "memtest86+ found errors")
        machine.send("\x01x")
        machine.expect_exit(0)


@test("slow")
def memtest_64():
    memtest(1200, "-kernel", f"{require_guest('memtest')}/memtest64.bin", "-append",
            "console=ttyS0,115200")


@test("slow")
def memtest_32():
    memtest(1200, "-kernel", f"{require_guest('memtest')}/memtest32.bin", "-append",
            "console=ttyS0,115200")


@test("slow")
def memtest_iso():
    """The CD's boot loader has no serial console: the picture shows that it runs."""
    with Guest("-m", "64", "-cdrom", f"{require_guest('memtest')}/memtest64.iso", "-boot", "d") as machine:
        machine.expect("Booting from DVD/CD", 120)
        machine.expect(r"GRUB|Memtest86\+|Welcome", 120)


def netboot(arch):
    folder = require_guest(f"netboot-{arch}")
    with Guest("-m", "512", "-kernel", f"{folder}/vmlinuz", "-initrd", f"{folder}/initrd.gz",
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
