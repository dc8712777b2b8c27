/* test_piix4_pm.c - ACPI registers. [PIIX4] "Power Management I/O Registers", [ACPI]. */
#include "tests/support/testbus.h"

enum { PM = 0x600, STS = PM, EN = PM + 2, CNT = PM + 4, TMR = PM + 8, GPE = 0xafe0, SMB = 0xb100 };

static void config_write(TestBus *t, unsigned reg, uint32_t value, unsigned size)
{
    pci_config_write(t->pci, ((PciFunction *)t->dev)->devfn, reg, value, size);
}

static uint32_t config_read(TestBus *t, unsigned reg, unsigned size)
{
    return pci_config_read(t->pci, ((PciFunction *)t->dev)->devfn, reg, size);
}

/* As firmware does it. */
static TestBus *enabled_pm(void)
{
    TestBus *t = test_bus("PIIX4_PM");

    config_write(t, 0x40, 0x601, 4);
    config_write(t, 0x80, 1, 1);
    return t;
}

static void test_base(void)
{
    TestBus *t = test_bus("PIIX4_PM");

    g_assert_cmphex(config_read(t, 0, 4), ==, 0x71138086);
    g_assert_cmphex(config_read(t, 8, 4), ==, 0x06800003);
    g_assert_cmphex(config_read(t, 0x40, 4), ==, 1);
    g_assert_cmphex(config_read(t, 0x90, 4), ==, 0xb101);
    g_assert_cmphex(inw(t, CNT), ==, 0xffff);
    config_write(t, 0x40, 0x600, 4);
    g_assert_cmphex(config_read(t, 0x40, 4), ==, 0x601);
    g_assert_cmphex(inw(t, CNT), ==, 0xffff);
    config_write(t, 0x80, 1, 1);
    g_assert_cmphex(inw(t, CNT), ==, 0);
    config_write(t, 0x40, 0x1000, 2);
    g_assert_cmphex(inw(t, CNT), ==, 0xffff);
    g_assert_cmphex(inw(t, 0x1004), ==, 0);
    test_bus_reset(t);
    g_assert_cmphex(inw(t, 0x1004), ==, 0xffff);
    test_bus_free(t);
}

/* [ACPI] "Power Management Timer": 3.579545 MHz, 24 bits. */
static void test_timer_counts(void)
{
    TestBus *t = enabled_pm();

    g_assert_cmphex(inl(t, TMR), ==, 0);
    clock_step(t, NS_PER_SEC);
    g_assert_cmpuint(inl(t, TMR), ==, 3579545);
    g_assert_cmpuint(inw(t, TMR + 2), ==, 3579545 >> 16);
    clock_step(t, 4 * NS_PER_SEC);
    g_assert_cmpuint(inl(t, TMR), ==, 5 * 3579545 & 0xffffff);
    test_bus_free(t);
}

/* TMR_STS sets when bit 23 changes: every 2.3435 s. */
static void test_timer_status(void)
{
    TestBus *t = enabled_pm();

    outw(t, EN, 1);
    clock_step(t, 2343 * NS_PER_MS);
    g_assert_cmpint(level(t, "sci", 0), ==, 0);
    clock_step(t, 1 * NS_PER_MS);
    g_assert_cmpint(level(t, "sci", 0), ==, 1);
    g_assert_cmphex(inw(t, STS), ==, 1);
    outw(t, STS, 1);
    g_assert_cmphex(inw(t, STS), ==, 0);
    g_assert_cmpint(level(t, "sci", 0), ==, 0);
    t = test_bus_reload(t);
    clock_step(t, 2342 * NS_PER_MS);
    g_assert_cmphex(inw(t, STS), ==, 0);
    clock_step(t, 2 * NS_PER_MS);
    g_assert_cmphex(inw(t, STS), ==, 1);
    /* Without the enable bit the status still shows what has passed. */
    outw(t, EN, 0);
    outw(t, STS, 1);
    clock_step(t, 3 * NS_PER_SEC);
    g_assert_cmphex(inb(t, STS), ==, 1);
    g_assert_cmpint(level(t, "sci", 0), ==, 0);
    test_bus_free(t);
}

static void test_power_button(void)
{
    TestBus *t = enabled_pm();

    set_line(t, "power_button", 0, 1);
    g_assert_cmphex(inw(t, STS), ==, 0x100);
    g_assert_cmpint(level(t, "sci", 0), ==, 0);
    outb(t, EN + 1, 0x01);
    g_assert_cmphex(inw(t, EN), ==, 0x100);
    g_assert_cmpint(level(t, "sci", 0), ==, 1);
    outw(t, STS, 0x001); /* another bit */
    g_assert_cmpint(level(t, "sci", 0), ==, 1);
    outl(t, STS, 0x01000100); /* status and enable in one */
    g_assert_cmpint(level(t, "sci", 0), ==, 0);
    g_assert_cmphex(inw(t, EN), ==, 0x100);
    test_bus_free(t);
}

static TestRequest last_request(TestBus *t)
{
    g_assert_cmpuint(t->requests->len, >, 0);
    return g_array_index(t->requests, TestRequest, t->requests->len - 1);
}

/* SLP_TYP in bits 12:10 as in the board's DSDT, SLP_EN in bit 13. */
static void test_sleep(void)
{
    TestBus *t = enabled_pm();

    outw(t, CNT, 1 << 10);
    g_assert_cmpuint(t->requests->len, ==, 0);
    outw(t, CNT, 1 << 13 | 1 << 10);
    g_assert_cmpint(last_request(t).what, ==, BOARD_SUSPEND);
    g_assert_cmphex(inw(t, CNT), ==, 1 << 10); /* SLP_EN reads as 0 */
    outw(t, CNT, 1 << 13 | 0 << 10);
    g_assert_cmpint(last_request(t).what, ==, BOARD_POWEROFF);
    outw(t, CNT, 1 << 13 | 2 << 10);
    g_assert_cmpint(last_request(t).what, ==, BOARD_POWEROFF);
    outw(t, CNT, 1 << 13 | 7 << 10);
    g_assert_cmpuint(t->requests->len, ==, 3);
    set_line(t, "wake", 0, 1);
    g_assert_cmphex(inw(t, STS), ==, 0x8100);
    test_bus_free(t);
}

static void test_apm(void)
{
    TestBus *t = enabled_pm();

    outb(t, 0xb3, 0x55);
    g_assert_cmphex(inb(t, 0xb3), ==, 0x55);
    outb(t, 0xb2, 0xf1);
    g_assert_cmphex(inw(t, CNT), ==, 1); /* SCI_EN */
    outb(t, 0xb2, 0xf0);
    g_assert_cmphex(inw(t, CNT), ==, 0);
    outb(t, 0xb2, 0x10);
    g_assert_cmpuint(messages(t, "smi", 0), ==, 0);
    config_write(t, 0x58, 1 << 25, 4); /* DEVACTB: APMC_EN */
    outb(t, 0xb2, 0x10);
    outb(t, 0xb2, 0x10);
    g_assert_cmpuint(messages(t, "smi", 0), ==, 2);
    g_assert_cmphex(inb(t, 0xb2), ==, 0x10);
    test_bus_free(t);
}

static void test_gpe(void)
{
    TestBus *t = enabled_pm();

    g_assert_cmphex(inl(t, GPE), ==, 0);
    set_line(t, "gpe", 9, 1);
    g_assert_cmphex(inw(t, GPE), ==, 0x200);
    g_assert_cmpint(level(t, "sci", 0), ==, 0);
    outb(t, GPE + 3, 0x02);
    g_assert_cmpint(level(t, "sci", 0), ==, 1);
    outb(t, GPE + 1, 0x02);
    g_assert_cmphex(inl(t, GPE), ==, 0x02000000);
    g_assert_cmpint(level(t, "sci", 0), ==, 0);
    test_bus_free(t);
}

/* [PIIX4] "SMBus": nobody answers. */
static void test_smbus(void)
{
    TestBus *t = enabled_pm();

    g_assert_cmphex(inb(t, SMB), ==, 0);
    outb(t, SMB + 4, 0xa1);
    outb(t, SMB + 3, 0x12);
    g_assert_cmphex(inb(t, SMB + 4), ==, 0xa1);
    outb(t, SMB + 2, 0x48); /* start, byte data */
    g_assert_cmphex(inb(t, SMB), ==, 0x04);
    g_assert_cmphex(inb(t, SMB + 2), ==, 0x08);
    outb(t, SMB, 0x04);
    g_assert_cmphex(inb(t, SMB), ==, 0);
    outb(t, SMB + 7, 0x11);
    outb(t, SMB + 7, 0x22);
    inb(t, SMB + 2); /* rewinds */
    g_assert_cmphex(inb(t, SMB + 7), ==, 0x11);
    g_assert_cmphex(inb(t, SMB + 7), ==, 0x22);
    config_write(t, 0xd2, 0, 1);
    g_assert_cmphex(inb(t, SMB + 4), ==, 0xff);
    test_bus_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/piix4-pm/base", test_base);
    g_test_add_func("/piix4-pm/timer-counts", test_timer_counts);
    g_test_add_func("/piix4-pm/timer-status", test_timer_status);
    g_test_add_func("/piix4-pm/power-button", test_power_button);
    g_test_add_func("/piix4-pm/sleep", test_sleep);
    g_test_add_func("/piix4-pm/apm", test_apm);
    g_test_add_func("/piix4-pm/gpe", test_gpe);
    g_test_add_func("/piix4-pm/smbus", test_smbus);
    return g_test_run();
}
