/* gdb's commands, without gdb: what real ones never send, and what they cannot show. [GDB]
 * "Packets". */
#include "tests/support/gdb_peer.h"

static void assert_answer(GdbPeer *p, const char *question, const char *answer)
{
    g_autofree char *got = gdb_peer_ask(p, question);
    g_assert_cmpstr(got, ==, answer);
}

static void answers(void)
{
    static const struct {
        const char *question, *answer;
    } cases[] = {
        {"?", "T05thread:1;"},
        {"qXfer:features:read:target.xml:0,5", "m<?xml"},
        {"qSupported:swbreak+;hwbreak+",
         "PacketSize=4000;vContSupported+;qXfer:features:read+;QStartNoAckMode+;swbreak+;hwbreak+"},
        {"vCont?", "vCont;c;C;s;S;t"},
        {"vMustReplyEmpty", ""},
        {"", ""},
        {"qC", "QC1"},
        {"qfThreadInfo", "m1,2"},
        {"qsThreadInfo", "l"},
        {"qAttached", "1"},
        {"qThreadExtraInfo,2", "435055233120"
                               "5b77616974696e6720666f7220534950495d"},
        {"qThreadExtraInfo,3", "E16"},
        {"T1", "OK"},
        {"T2", "OK"},
        {"T3", "E16"},
        {"T0", "E16"},
        {"T", "E16"},
        {"Hg2", "OK"},
        {"qC", "QC2"},
        {"Hg-1", "OK"},
        {"Hg0", "OK"},
        {"Hgp1.1", "E16"},
        {"H", "E16"},
        {"Hc2", "OK"},
        {"Hx2", "E16"},
        {"Hg1", "OK"},
        {"m500,4", "00000000"},
        {"M500,4:deadbeef", "OK"},
        {"m500,4", "deadbeef"},
        {"M500,4:deadbe", "E16"},
        {"M500,4:deadbeefff", "E16"},
        {"M500,4:zzzzzzzz", "E16"},
        {"M500,4:deadbeefd", "E16"},
        {"M500:4", "E16"},
        {"m", "E16"},
        {"m500", "E16"},
        {"m500,", "E16"},
        {"m12345678123456789,1", "E16"},
        {"m500,0", ""},
        {"X500,2:ab", "OK"},
        {"m500,2", "6162"},
        {"X500,0:", "OK"},
        {"X500,1:", "E16"},
        {"mfffffffffffffff0,2", "ea5b"}, /* 32 bits: the reset vector */
        {"qqemu.PhyMemMode", "0"},
        {"Qqemu.PhyMemMode:1", "OK"},
        {"qqemu.PhyMemMode", "1"},
        {"m500,2", "6162"},
        {"Qqemu.PhyMemMode:0", "OK"},
        {"Qqemu.PhyMemMode:", "E16"},
        {"qqemu.sstepbits", "ENABLE=1,NOIRQ=2"},
        {"qqemu.sstep", "0x3"},
        {"Qqemu.sstep=0x1", "OK"},
        {"qqemu.sstep", "0x1"},
        {"Qqemu.sstep=8", "E16"},
        {"Qqemu.sstep=", "E16"},
        {"P0=8877665544332211", "OK"},
        {"p0", "88776655"},
        {"p1", "44332211"},
        {"P0=88", "E16"},
        {"P0", "E16"},
        {"pffff", "E16"},
        {"p", "E16"},
        {"pffffffffffffffff", "E16"},
        {"Z0,7c00,1", "OK"},
        {"Z0,7c00,1", "OK"},
        {"z0,7c00,1", "OK"},
        {"z0,7c00,1", "OK"},
        {"Z2,500,0", "E16"},
        {"Z4,ffffffffffffffff,1", "OK"},
        {"Z4,ffffffff00000000,ffffffffffffffff", "OK"},
        {"Z4,1000,ffffffffffffffff", "E16"},
        {"Z5,0,1", "E16"},
        {"Z", "E16"},
        {"Z0", "E16"},
        {"vCont;x", "E16"},
        {"vCont;s:3", "E16"},
        {"vCont;c:1 ", "E16"},
        {"vCont;t", "T05thread:1;"},
        {"qRcmd,7072696e742032", "O3078320a OK"}, /* print 2 */
        {"qRcmd,7", "E16"},
        {"qRcmd,", "OK"},
        {"qRcmd,676462736572766572206e6f6e65",
         "O6764627365727665723a206e6f742066726f6d2067646220697473656c660a OK"},
        {"qXfer:features:read:target.xml:ffffffff,10", "l"},
        {"qXfer:features:read:other.xml:0,10", "E16"},
        {"qXfer:features:read:target.xml:0", "E16"},

    };
    GdbPeer *p = gdb_peer_new();
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_answer(p, cases[i].question, cases[i].answer);
    gdb_peer_free(p);
}

static void assert_same_registers(GdbPeer *p, const char *g)
{
    g_autofree char *other = gdb_peer_ask(p, "g");
    g_assert_cmpstr(other, ==, g);
}

/* The same bytes in every description; G gives them back. */
static void all_registers(void)
{
    GdbPeer *p = gdb_peer_new();
    Cpu *cpu = vm_cpu(p->vm, 0);
    for (unsigned i = 0; i < GPR_COUNT; i++)
        cpu->gpr[i] = 0x0101010101010101 * (i + 1);
    g_autofree char *g = gdb_peer_ask(p, "g");
    g_assert_cmpuint(strlen(g), ==, 2 * (16 * 8 + 8 + 7 * 4 + 8 * 10 + 8 * 4));
    g_assert_true(g_str_has_prefix(g + 16 * 16, "f0ffffff00000000")); /* rip, linear */
    for (GdbArch arch = GDB_I8086; arch <= GDB_X86_64; arch++) {
        p->server->arch = arch;
        assert_same_registers(p, g);
        g_autofree char *set = g_strconcat("G", g, NULL);
        set[1 + 3] = '7'; /* in AH */
        assert_answer(p, set, "OK");
        g_assert_cmphex(cpu->gpr[RAX], ==, 0x0101010101010701);
        cpu->gpr[RAX] = 0x0101010101010101;
    }
    assert_answer(p, "G00", "OK"); /* less than a register */
    assert_same_registers(p, g);
    assert_answer(p, "G0", "E16");
    gdb_peer_free(p);
}

/* Every register there is can be read, and written with what it reads. */
static void each_register(void)
{
    GdbPeer *p = gdb_peer_new();
    for (GdbArch arch = GDB_I8086; arch <= GDB_X86_64; arch++) {
        p->server->arch = arch;
        unsigned count = 0;
        for (unsigned number = 0;; number++, count++) {
            g_autofree char *ask = g_strdup_printf("p%x", number);
            g_autofree char *value = gdb_peer_ask(p, ask);
            if (g_str_equal(value, "E16"))
                break;
            g_autofree char *set = g_strdup_printf("P%x=%s", number, value);
            assert_answer(p, set, "OK");
        }
        g_assert_cmpuint(count, ==, arch == GDB_X86_64 ? 86 : 95);
    }
    gdb_peer_free(p);
}

/* Values no guest could load are refused, and leave things as they were. */
static void refuses(void)
{
    GdbPeer *p = gdb_peer_new();
    Cpu *cpu = vm_cpu(p->vm, 0);
    uint8_t bytes[8];
    static const struct {
        const char *name;
        uint64_t value;
    } cases[] = {{"cr0", CR0_PG},
                 {"cr4", ~(uint64_t)0},
                 {"efer", ~(uint64_t)0},
                 {"fs_base", (uint64_t)1 << 60},
                 {"xcr0", 7}};
    static const unsigned first =
        73; /* fs_base gs_base, cs ss ds es k_gs bases, cr0 2 3 4 efer xcr0 */
    static const unsigned numbers[] = {first + 7, first + 10, first + 11, first, first + 12};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        uint8_t old[GDB_REGISTER_BYTES], now[GDB_REGISTER_BYTES];
        store_le(bytes, cases[i].value, 8);
        g_assert_cmpuint(gdb_register_read(cpu, GDB_X86_64, numbers[i], old), ==, 8);
        g_assert_false(gdb_register_write(cpu, GDB_X86_64, numbers[i], bytes, 8));
        gdb_register_read(cpu, GDB_X86_64, numbers[i], now);
        g_assert_cmpmem(now, 8, old, 8);
    }
    gdb_peer_free(p);
}

/* Set in the segment, or, where it does not reach, in one that does. */
static void sets_pc(void)
{
    GdbPeer *p = gdb_peer_new();
    Cpu *cpu = vm_cpu(p->vm, 0);
    gdb_set_pc(cpu, 0xffff1234);
    g_assert_cmphex(cpu->rip, ==, 0x1234);
    g_assert_cmphex(cpu->seg[SEG_CS].base, ==, 0xffff0000);
    gdb_set_pc(cpu, 0x27c00);
    g_assert_cmphex(cpu->rip, ==, 0x7c00);
    g_assert_cmphex(cpu->seg[SEG_CS].selector, ==, 0x2000);
    g_assert_cmphex(cpu->seg[SEG_CS].base, ==, 0x20000);
    gdb_peer_free(p);
}

/* While the machine runs gdb says only Ctrl-C; nothing else makes it stop or answer twice. */
static void resumes(void)
{
    GdbPeer *p = gdb_peer_new();
    p->server->arch = GDB_I8086;
    assert_answer(p, "Z0,7c00,1", "OK");
    assert_answer(p, "vCont;s:1", "");
    g_assert_cmpint(vm_status(p->vm), ==, VM_RUNNING);
    g_autofree char *nothing = gdb_peer_send(p, "\003", 1);
    g_assert_cmpint(vm_status(p->vm), ==, VM_PAUSED);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_autofree char *stopped = gdb_peer_send(p, "", 0);
    g_assert_cmpstr(stopped, ==, "T02thread:1;");
    assert_answer(p, "D", "OK");
    g_assert_cmpint(vm_status(p->vm), ==, VM_RUNNING);
    g_assert_null(vm_cpu(p->vm, 0)->breakpoints);
    vm_stop(p->vm);
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_autofree char *quiet = gdb_peer_send(p, "", 0);
    g_assert_cmpstr(quiet, ==, "");
    gdb_peer_free(p);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/gdb-commands/answers", answers);
    g_test_add_func("/gdb-commands/all-registers", all_registers);
    g_test_add_func("/gdb-commands/each-register", each_register);
    g_test_add_func("/gdb-commands/refuses", refuses);
    g_test_add_func("/gdb-commands/sets-pc", sets_pc);
    g_test_add_func("/gdb-commands/resumes", resumes);
    return g_test_run();
}
