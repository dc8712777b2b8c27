/* test_shadow_stacks.c - shadow stacks: their pages, their instructions, and what calls, returns,
 * events and system calls do to them. [SDM1] "Shadow Stacks", [SDM3] "Shadow-Stack Accesses",
 * [SDM2] by their names. */
#include "cpu/cet.h"
#include "tests/support/bare_cpu.h"

/* Linear USER and on: pages of a table beside those of bare_long. */
enum {
    PAGE_TABLE = 0x103000,
    USER = 0x400000,       /* a user's shadow stack, at 30000 */
    SUPERVISOR = 0x401000, /* a supervisor's, at 31000 */
    READ_ONLY = 0x402000,  /* not dirty */
    WRITABLE = 0x403000,   /* dirty */
    ABSENT = 0x404000,
    SECOND = 0x405000, /* another of the supervisor's */
    TOP = 0x800,       /* where stacks begin in their pages */
    PTE_PRESENT = 1,
    PTE_WRITE = 2,
    PTE_USER = 4,
    PTE_ACCESSED = 0x20,
    PTE_DIRTY = 0x40,
    VECTOR = 0x40,
};

static void map(BareCpu *t, LinAddr la, unsigned rights)
{
    unsigned page = (la - USER) / PAGE_SIZE;
    bare_write(t, PAGE_TABLE + 8 * page, (0x30000 + la - USER) | rights, 8);
}

/* Where a linear address of a shadow stack is. */
static PhysAddr at(LinAddr la)
{
    return 0x30000 + la - USER;
}

static BareCpu *shadow_cpu(unsigned cpl)
{
    BareCpu *t = bare_cpu();
    Cpu *cpu = t->cpu;
    bare_long(t, cpl);
    bare_write(t, AT_PAGES + 2 * PAGE_SIZE + 2 * 8, PAGE_TABLE | 7, 8);
    map(t, USER, PTE_PRESENT | PTE_USER | PTE_DIRTY);
    map(t, SUPERVISOR, PTE_PRESENT | PTE_DIRTY);
    map(t, READ_ONLY, PTE_PRESENT | PTE_USER);
    map(t, WRITABLE, PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_DIRTY);
    map(t, SECOND, PTE_PRESENT | PTE_DIRTY);
    cpu->cr0 |= CR0_WP;
    cpu->cr4 |= CR4_CET;
    cpu->u_cet = cpu->s_cet = CET_SH_STK_EN | CET_WR_SHSTK_EN;
    cpu->ssp = (cpl == 3 ? USER : SUPERVISOR) + TOP;
    cpu_update_mode(cpu);
    return t;
}

/* --- pages ----------------------------------------------------------------------------------- */

typedef enum Way { SHADOW_READ, SHADOW_WRITE, PLAIN_READ, PLAIN_WRITE } Way;

typedef struct PageCase {
    LinAddr la;
    unsigned cpl;
    Way way;
    int error; /* -1: no fault */
} PageCase;

/* clang-format off */
static const PageCase pages[] = {
    { USER,       3, SHADOW_READ,  -1 },
    { USER,       3, SHADOW_WRITE, -1 },
    { USER,       3, PLAIN_READ,   -1 },
    { USER,       3, PLAIN_WRITE,  PF_PRESENT | PF_USER | PF_WRITE },
    { USER,       0, SHADOW_READ,  PF_PRESENT | PF_SHADOW },
    { USER,       0, PLAIN_WRITE,  PF_PRESENT | PF_WRITE },
    { SUPERVISOR, 0, SHADOW_WRITE, -1 },
    { SUPERVISOR, 3, SHADOW_WRITE, PF_PRESENT | PF_USER | PF_WRITE | PF_SHADOW },
    { READ_ONLY,  3, SHADOW_READ,  PF_PRESENT | PF_USER | PF_SHADOW },
    { WRITABLE,   3, SHADOW_WRITE, PF_PRESENT | PF_USER | PF_WRITE | PF_SHADOW },
    { ABSENT,     3, SHADOW_READ,  PF_USER | PF_SHADOW },
    { ABSENT,     0, SHADOW_WRITE, PF_WRITE | PF_SHADOW },
};
/* clang-format on */

static void do_touch(Cpu *cpu, LinAddr la, Way way)
{
    ShadowOwner owner = shadow_owner(cpu->cpl);
    switch (way) {
    case SHADOW_READ:
        shadow_load(cpu, la, 8, owner);
        break;
    case SHADOW_WRITE:
        shadow_store(cpu, la, 1, 8, owner);
        break;
    case PLAIN_READ:
        mem_load(cpu, la, 8);
        break;
    case PLAIN_WRITE:
        mem_store(cpu, la, 1, 8);
        break;
    }
}

static NOINLINE Raised touch(BareCpu *t, LinAddr la, Way way)
{
    const volatile Way kept = way; /* across the jump */
    return RAISED_BY(t, do_touch(t->cpu, la, kept));
}

static void test_pages(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(pages); i++) {
        const PageCase *c = &pages[i];
        BareCpu *t = shadow_cpu(c->cpl);
        Raised r = touch(t, c->la + 8, c->way);
        g_test_message("case %u", i);
        g_assert_cmpint(r.vector, ==, c->error == -1 ? -1 : EXC_PF);
        g_assert_cmphex(r.error, ==, c->error == -1 ? 0 : c->error);
        if (c->error != -1)
            g_assert_cmphex(t->cpu->cr2, ==, c->la + 8);
        bare_cpu_free(t);
    }
}

/* The tables above must all be writable, and a fault in the second page stores nothing. */
static void test_upper_levels(void)
{
    BareCpu *t = shadow_cpu(3);
    bare_write(t, AT_PAGES + 2 * PAGE_SIZE + 2 * 8, PAGE_TABLE | 5, 8);
    assert_raised(touch(t, USER, SHADOW_READ), EXC_PF, PF_PRESENT | PF_USER | PF_SHADOW);
    bare_write(t, AT_PAGES + 2 * PAGE_SIZE + 2 * 8, PAGE_TABLE | 7, 8);
    assert_quiet(touch(t, USER, SHADOW_READ));
    g_assert_cmphex(bare_read(t, PAGE_TABLE, 8) & PTE_ACCESSED, ==, PTE_ACCESSED);
    assert_raised(touch(t, SUPERVISOR - 4, SHADOW_WRITE), EXC_PF,
                  PF_PRESENT | PF_USER | PF_WRITE | PF_SHADOW);
    g_assert_cmphex(t->cpu->cr2, ==, SUPERVISOR);
    g_assert_cmphex(bare_read(t, at(SUPERVISOR - 4), 4), ==, 0);
    bare_cpu_free(t);
}

/* --- near calls and returns ------------------------------------------------------------------ */

static void test_near(void)
{
    BareCpu *t = shadow_cpu(3);
    Cpu *cpu = t->cpu;
    assert_quiet(EXECUTE(t, 0xe8, 0x10, 0x00, 0x00, 0x00)); /* call +10h */
    g_assert_cmphex(cpu->ssp, ==, USER + TOP - 8);
    g_assert_cmphex(bare_read(t, at(cpu->ssp), 8), ==, AT_CODE + 5);
    assert_quiet(EXECUTE(t, 0xc3)); /* ret */
    g_assert_cmphex(cpu->rip, ==, AT_CODE + 5);
    g_assert_cmphex(cpu->ssp, ==, USER + TOP);
    assert_quiet(EXECUTE(t, 0xe8, 0x00, 0x00, 0x00, 0x00)); /* call of the next instruction */
    g_assert_cmphex(cpu->ssp, ==, USER + TOP);
    cpu->gpr[RAX] = AT_HANDLER;
    assert_quiet(EXECUTE(t, 0xff, 0xd0)); /* call rax */
    uint64_t rsp = cpu->gpr[RSP];
    bare_write(t, rsp, AT_DATA, 8); /* overwritten */
    assert_raised(EXECUTE(t, 0xc3), EXC_CP, CP_NEAR_RET);
    g_assert_cmphex(cpu->rip, ==, AT_HANDLER);
    g_assert_cmphex(cpu->gpr[RSP], ==, rsp);
    g_assert_cmphex(cpu->ssp, ==, USER + TOP - 8);
    bare_cpu_free(t);
}

/* The decoded blocks of the run loop know as well; a block decoded before does not serve. */
static void test_in_the_run_loop(void)
{
    BareCpu *t = shadow_cpu(3);
    Cpu *cpu = t->cpu;
    cpu->u_cet = 0;
    cpu_update_mode(cpu);
    RUN(t, 2, 0xe8, 0x00, 0x00, 0x00, 0x00, 0xe8, 0xf0, 0x00, 0x00, 0x00);
    g_assert_cmphex(cpu->ssp, ==, USER + TOP);
    cpu->u_cet = CET_SH_STK_EN;
    cpu_update_mode(cpu);
    cpu->rip = AT_CODE;
    cpu_run(cpu, 2);
    g_assert_cmphex(cpu->ssp, ==, USER + TOP - 8);
    g_assert_cmphex(bare_read(t, at(cpu->ssp), 8), ==, AT_CODE + 10);
    bare_cpu_free(t);
}

/* Where the one stack faults the other does not move. */
static void test_near_faults(void)
{
    BareCpu *t = shadow_cpu(3);
    Cpu *cpu = t->cpu;
    cpu->gpr[RSP] = ABSENT + 8;
    assert_raised(EXECUTE(t, 0xe8, 0x10, 0x00, 0x00, 0x00), EXC_PF, PF_USER | PF_WRITE);
    g_assert_cmphex(cpu->ssp, ==, USER + TOP);
    cpu->gpr[RSP] = AT_STACK3;
    cpu->ssp = ABSENT + 8;
    assert_raised(EXECUTE(t, 0xe8, 0x10, 0x00, 0x00, 0x00), EXC_PF, PF_USER | PF_WRITE | PF_SHADOW);
    g_assert_cmphex(cpu->gpr[RSP], ==, AT_STACK3);
    assert_raised(EXECUTE(t, 0xc3), EXC_PF, PF_USER | PF_SHADOW);
    g_assert_cmphex(cpu->gpr[RSP], ==, AT_STACK3);
    bare_cpu_free(t);
}

/* Outside 64-bit mode an entry has four bytes. */
static void test_near_32(void)
{
    BareCpu *t = shadow_cpu(3);
    Cpu *cpu = t->cpu;
    cpu->seg[SEG_CS].access = (cpu->seg[SEG_CS].access & ~AR_L) | AR_DB;
    cpu->gpr[RSP] = AT_STACK3;
    cpu_update_mode(cpu);
    assert_quiet(EXECUTE(t, 0xe8, 0x10, 0x00, 0x00, 0x00));
    g_assert_cmphex(cpu->ssp, ==, USER + TOP - 4);
    g_assert_cmphex(bare_read(t, at(cpu->ssp), 4), ==, AT_CODE + 5);
    assert_quiet(EXECUTE(t, 0xc3));
    g_assert_cmphex(cpu->ssp, ==, USER + TOP);
    assert_quiet(EXECUTE(t, 0x66, 0xe8, 0x10, 0x00)); /* 16 bits: four too */
    g_assert_cmphex(cpu->ssp, ==, USER + TOP - 4);
    bare_cpu_free(t);
}

/* --- the instructions ------------------------------------------------------------------------ */

static void test_pointer(void)
{
    BareCpu *t = shadow_cpu(3);
    Cpu *cpu = t->cpu;
    cpu->gpr[RAX] = UINT64_MAX;
    assert_quiet(EXECUTE(t, 0xf3, 0x48, 0x0f, 0x1e, 0xc8)); /* rdsspq rax */
    g_assert_cmphex(cpu->gpr[RAX], ==, USER + TOP);
    cpu->gpr[RAX] = UINT64_MAX;
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x1e, 0xc8)); /* rdsspd eax */
    g_assert_cmphex(cpu->gpr[RAX], ==, USER + TOP);
    cpu->gpr[RAX] = 0x103;                                  /* eight bits count */
    assert_quiet(EXECUTE(t, 0xf3, 0x48, 0x0f, 0xae, 0xe8)); /* incsspq rax */
    g_assert_cmphex(cpu->ssp, ==, USER + TOP + 24);
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0xae, 0xe8)); /* incsspd eax */
    g_assert_cmphex(cpu->ssp, ==, USER + TOP + 36);
    cpu->ssp = SUPERVISOR - 8;
    cpu->gpr[RAX] = 2; /* the last one is in the next page */
    assert_raised(EXECUTE(t, 0xf3, 0x48, 0x0f, 0xae, 0xe8), EXC_PF,
                  PF_PRESENT | PF_USER | PF_SHADOW);
    g_assert_cmphex(cpu->ssp, ==, SUPERVISOR - 8);
    cpu->u_cet = 0;
    cpu->gpr[RAX] = 1;
    assert_raised(EXECUTE(t, 0xf3, 0x48, 0x0f, 0xae, 0xe8), EXC_UD, 0);
    assert_quiet(EXECUTE(t, 0xf3, 0x48, 0x0f, 0x1e, 0xc8)); /* a NOP */
    g_assert_cmphex(cpu->gpr[RAX], ==, 1);
    bare_cpu_free(t);
}

static void test_write(void)
{
    BareCpu *t = shadow_cpu(3);
    Cpu *cpu = t->cpu;
    cpu->gpr[RBX] = USER + 0x10;
    cpu->gpr[RAX] = 0x1122334455667788;
    assert_quiet(EXECUTE(t, 0x0f, 0x38, 0xf6, 0x03)); /* wrssd [rbx], eax */
    g_assert_cmphex(bare_read(t, at(USER + 0x10), 8), ==, 0x55667788);
    assert_quiet(EXECUTE(t, 0x48, 0x0f, 0x38, 0xf6, 0x03)); /* wrssq [rbx], rax */
    g_assert_cmphex(bare_read(t, at(USER + 0x10), 8), ==, 0x1122334455667788);
    cpu->gpr[RBX] += 4;
    assert_raised(EXECUTE(t, 0x48, 0x0f, 0x38, 0xf6, 0x03), EXC_GP, 0);
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0x38, 0xf5, 0x03), EXC_GP, 0); /* wrussd: privileged */
    cpu->u_cet = CET_SH_STK_EN;
    assert_raised(EXECUTE(t, 0x0f, 0x38, 0xf6, 0x03), EXC_UD, 0);
    bare_cpu_free(t);

    t = shadow_cpu(0);
    t->cpu->u_cet = 0; /* WRUSS does not ask */
    t->cpu->gpr[RBX] = USER + 0x10;
    t->cpu->gpr[RAX] = 0x99;
    assert_quiet(EXECUTE(t, 0x66, 0x48, 0x0f, 0x38, 0xf5, 0x03)); /* wrussq [rbx], rax */
    g_assert_cmphex(bare_read(t, at(USER + 0x10), 8), ==, 0x99);
    t->cpu->gpr[RBX] = SUPERVISOR;
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0x38, 0xf5, 0x03), EXC_PF,
                  PF_PRESENT | PF_USER | PF_WRITE | PF_SHADOW);
    t->cpu->cr4 &= ~(uint64_t)CR4_CET;
    assert_raised(EXECUTE(t, 0x66, 0x0f, 0x38, 0xf5, 0x03), EXC_UD, 0);
    bare_cpu_free(t);
}

static void test_tokens(void)
{
    BareCpu *t = shadow_cpu(0);
    Cpu *cpu = t->cpu;
    cpu->pl_ssp[0] = SECOND + TOP;
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xe8), EXC_CP, CP_SETSSBSY); /* no token */
    bare_write(t, at(SECOND + TOP), SECOND + TOP, 8);
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xe8)); /* setssbsy */
    g_assert_cmphex(cpu->ssp, ==, SECOND + TOP);
    g_assert_cmphex(bare_read(t, at(SECOND + TOP), 8), ==, SECOND + TOP + CET_TOKEN_BUSY);
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xe8), EXC_CP, CP_SETSSBSY); /* busy */
    cpu->gpr[RBX] = SECOND + TOP;
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0xae, 0x33)); /* clrssbsy [rbx] */
    g_assert_cmphex(cpu->ssp, ==, 0);
    g_assert_cmphex(bare_read(t, at(SECOND + TOP), 8), ==, SECOND + TOP);
    g_assert_false(eflags_get(cpu) & FLAG_CF);
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0xae, 0x33)); /* it was not busy */
    g_assert_true(eflags_get(cpu) & FLAG_CF);
    cpu->gpr[RBX] += 4;
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0xae, 0x33), EXC_GP, 0);
    cpu->pl_ssp[0] += 4;
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xe8), EXC_GP, 0);
    cpu->s_cet = 0;
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xe8), EXC_UD, 0);
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0xae, 0x33), EXC_UD, 0);
    bare_cpu_free(t);
    t = shadow_cpu(3);
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xe8), EXC_GP, 0);
    bare_cpu_free(t);
}

/* To another stack of the user's, and the way back. */
static void test_switch(void)
{
    enum { OTHER = USER + 0x400 };
    BareCpu *t = shadow_cpu(3);
    Cpu *cpu = t->cpu;
    cpu->gpr[RBX] = OTHER;
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0x2b), EXC_CP, CP_RSTORSSP); /* no token */
    bare_write(t, at(OTHER), OTHER + 8, 8);                                 /* not 64-bit */
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0x2b), EXC_CP, CP_RSTORSSP);
    bare_write(t, at(OTHER), (OTHER + 8) | 1, 8);
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x01, 0x2b)); /* rstorssp [rbx] */
    g_assert_cmphex(cpu->ssp, ==, OTHER);
    g_assert_cmphex(bare_read(t, at(OTHER), 8), ==, (USER + TOP) | 3);
    g_assert_false(eflags_get(cpu) & FLAG_CF);
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xea)); /* saveprevssp */
    g_assert_cmphex(cpu->ssp, ==, OTHER + 8);
    g_assert_cmphex(bare_read(t, at(USER + TOP - 8), 8), ==, (USER + TOP) | 1);
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xea), EXC_GP, 0); /* no token there */
    cpu->gpr[RBX] = USER + TOP - 8;
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x01, 0x2b));
    g_assert_cmphex(cpu->ssp, ==, USER + TOP - 8);
    cpu->gpr[RBX]++;
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0x2b), EXC_GP, 0);
    eflags_set(cpu, FLAG_FIXED | FLAG_CF); /* there are no holes in 64-bit mode */
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xea), EXC_GP, 0);
    bare_cpu_free(t);
}

/* A stack left at an odd multiple of four: CF tells, and the zeros are popped too. */
static void test_switch_with_hole(void)
{
    enum { OTHER = USER + 0x400 };
    BareCpu *t = shadow_cpu(3);
    Cpu *cpu = t->cpu;
    cpu->seg[SEG_CS].access = (cpu->seg[SEG_CS].access & ~AR_L) | AR_DB;
    cpu_update_mode(cpu);
    cpu->gpr[RBX] = OTHER;
    bare_write(t, at(OTHER), OTHER + 12, 8);
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x01, 0x2b)); /* rstorssp [ebx] */
    g_assert_true(eflags_get(cpu) & FLAG_CF);
    g_assert_cmphex(bare_read(t, at(OTHER), 8), ==, (USER + TOP) | 2);
    bare_write(t, at(OTHER + 8), 1, 4);
    assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xea), EXC_GP, 0); /* saveprevssp */
    bare_write(t, at(OTHER + 8), 0, 4);
    assert_quiet(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xea));
    g_assert_cmphex(cpu->ssp, ==, OTHER + 12);
    g_assert_cmphex(bare_read(t, at(USER + TOP - 8), 8), ==, USER + TOP);
    bare_cpu_free(t);
}

/* --- far transfers --------------------------------------------------------------------------- */

static void assert_frame(BareCpu *t, LinAddr ssp, uint16_t cs, uint64_t rip, uint64_t previous)
{
    g_assert_cmphex(bare_read(t, at(ssp), 8), ==, previous);
    g_assert_cmphex(bare_read(t, at(ssp) + 8, 8), ==, rip);
    g_assert_cmphex(bare_read(t, at(ssp) + 16, 8), ==, cs);
}

static void test_far(void)
{
    BareCpu *t = shadow_cpu(3);
    Cpu *cpu = t->cpu;
    cpu->ssp -= 4; /* leaves a hole */
    cpu->gpr[RBX] = AT_DATA;
    bare_write(t, at(USER + TOP - 8), UINT64_MAX, 8);
    bare_write(t, AT_DATA, AT_HANDLER, 8);
    bare_write(t, AT_DATA + 8, SEL_CODE64_3, 2);
    assert_quiet(EXECUTE(t, 0x48, 0xff, 0x1b)); /* call far [rbx] */
    g_assert_cmphex(cpu->ssp, ==, USER + TOP - 8 - 24);
    assert_frame(t, cpu->ssp, SEL_CODE64_3, AT_CODE + 3, USER + TOP - 4);
    g_assert_cmphex(bare_read(t, at(USER + TOP - 8), 4), ==, 0);
    bare_write(t, at(cpu->ssp + 8), 0x1234, 8);
    assert_raised(EXECUTE(t, 0x48, 0xcb), EXC_CP, CP_FAR_RET_IRET); /* retf */
    bare_write(t, at(cpu->ssp + 8), AT_CODE + 3, 8);
    assert_quiet(EXECUTE(t, 0x48, 0xcb));
    g_assert_cmphex(cpu->ssp, ==, USER + TOP - 4);
    assert_raised(EXECUTE(t, 0x48, 0xcb), EXC_GP, 0); /* nothing on the plain stack */
    bare_cpu_free(t);
}

static void set_gate(BareCpu *t, unsigned ist)
{
    bare_idt_long(t, VECTOR, gate_make(SEL_CODE64, AT_HANDLER, AR_P | DESC_INT_GATE | DPL(3), ist),
                  0);
}

/* From the user: the supervisor's token is taken, and IRETQ gives it back. */
static void test_interrupt_from_user(void)
{
    BareCpu *t = shadow_cpu(3);
    Cpu *cpu = t->cpu;
    set_gate(t, 0);
    cpu->pl_ssp[0] = SUPERVISOR + TOP;
    assert_raised(EXECUTE(t, 0xcd, VECTOR), EXC_GP, 0); /* no token */
    g_assert_cmpuint(cpu->cpl, ==, 3);
    bare_write(t, at(SUPERVISOR + TOP), SUPERVISOR + TOP, 8);
    assert_quiet(EXECUTE(t, 0xcd, VECTOR));
    g_assert_cmpuint(cpu->cpl, ==, 0);
    g_assert_cmphex(cpu->ssp, ==, SUPERVISOR + TOP);
    g_assert_cmphex(cpu->pl_ssp[3], ==, USER + TOP);
    g_assert_cmphex(bare_read(t, at(SUPERVISOR + TOP), 8), ==, SUPERVISOR + TOP + CET_TOKEN_BUSY);
    cpu->pl_ssp[3] = USER + TOP - 0x100;  /* the supervisor may choose another */
    assert_quiet(EXECUTE(t, 0x48, 0xcf)); /* iretq */
    g_assert_cmpuint(cpu->cpl, ==, 3);
    g_assert_cmphex(cpu->ssp, ==, USER + TOP - 0x100);
    g_assert_cmphex(bare_read(t, at(SUPERVISOR + TOP), 8), ==, SUPERVISOR + TOP);
    bare_cpu_free(t);
}

static void test_interrupt_same_level(void)
{
    BareCpu *t = shadow_cpu(0);
    Cpu *cpu = t->cpu;
    set_gate(t, 0);
    assert_quiet(EXECUTE(t, 0xcd, VECTOR));
    g_assert_cmphex(cpu->ssp, ==, SUPERVISOR + TOP - 24);
    assert_frame(t, cpu->ssp, SEL_CODE64, AT_CODE + 2, SUPERVISOR + TOP);
    bare_write(t, cpu->gpr[RSP], AT_DATA, 8); /* another place to return to */
    assert_raised(EXECUTE(t, 0x48, 0xcf), EXC_CP, CP_FAR_RET_IRET);
    bare_write(t, cpu->gpr[RSP], AT_CODE + 2, 8);
    assert_quiet(EXECUTE(t, 0x48, 0xcf));
    g_assert_cmphex(cpu->ssp, ==, SUPERVISOR + TOP);
    bare_cpu_free(t);
}

/* An interrupt stack has a shadow stack in the table that an MSR names. */
static void test_interrupt_stack(void)
{
    BareCpu *t = shadow_cpu(0);
    Cpu *cpu = t->cpu;
    set_gate(t, 1);
    cpu->interrupt_ssp_table = AT_DATA;
    bare_write(t, AT_DATA + 8, SECOND + TOP, 8);
    bare_write(t, at(SECOND + TOP), SECOND + TOP, 8);
    assert_quiet(EXECUTE(t, 0xcd, VECTOR));
    g_assert_cmphex(cpu->ssp, ==, SECOND + TOP - 24);
    assert_frame(t, cpu->ssp, SEL_CODE64, AT_CODE + 2, SUPERVISOR + TOP);
    g_assert_cmphex(bare_read(t, at(SECOND + TOP), 8), ==, SECOND + TOP + CET_TOKEN_BUSY);
    assert_quiet(EXECUTE(t, 0x48, 0xcf));
    g_assert_cmphex(cpu->ssp, ==, SUPERVISOR + TOP);
    g_assert_cmphex(bare_read(t, at(SECOND + TOP), 8), ==, SECOND + TOP);
    bare_write(t, at(SECOND + TOP), SECOND + TOP + CET_TOKEN_BUSY, 8);
    assert_raised(EXECUTE(t, 0xcd, VECTOR), EXC_GP, 0);
    bare_write(t, AT_DATA + 8, SECOND + TOP + 4, 8);
    assert_raised(EXECUTE(t, 0xcd, VECTOR), EXC_GP, 0); /* not aligned */
    bare_cpu_free(t);
}

static void test_system_call(void)
{
    BareCpu *t = shadow_cpu(3);
    Cpu *cpu = t->cpu;
    cpu->star = (uint64_t)(SEL_CODE0 | 3) << 48 | (uint64_t)SEL_CODE64 << 32;
    cpu->lstar = AT_HANDLER;
    assert_quiet(EXECUTE(t, 0x0f, 0x05)); /* syscall */
    g_assert_cmphex(cpu->ssp, ==, 0);
    g_assert_cmphex(cpu->pl_ssp[3], ==, USER + TOP);
    assert_quiet(EXECUTE(t, 0x48, 0x0f, 0x07)); /* sysretq */
    g_assert_cmphex(cpu->ssp, ==, USER + TOP);
    cpu->sysenter_cs = SEL_CODE64;
    cpu->sysenter_eip = AT_HANDLER;
    assert_quiet(EXECUTE(t, 0x0f, 0x34)); /* sysenter */
    g_assert_cmphex(cpu->ssp, ==, 0);
    cpu->gpr[RDX] = AT_CODE;
    cpu->gpr[RCX] = AT_STACK3;
    assert_quiet(EXECUTE(t, 0x48, 0x0f, 0x35)); /* sysexitq */
    g_assert_cmphex(cpu->ssp, ==, USER + TOP);
    bare_cpu_free(t);
}

/* Without the feature or CR4.CET, RDSSP is a NOP and the others are #UD. */
static void test_absent(void)
{
    BareCpu *t = shadow_cpu(0);
    for (unsigned i = 0; i < 2; i++) {
        t->cpu->gpr[RAX] = t->cpu->gpr[RBX] = SUPERVISOR;
        t->cpu->cr4 &= ~(uint64_t)CR4_CET;
        cpu_update_mode(t->cpu);
        assert_quiet(EXECUTE(t, 0xf3, 0x48, 0x0f, 0x1e, 0xc8));
        g_assert_cmphex(t->cpu->gpr[RAX], ==, SUPERVISOR);
        assert_raised(EXECUTE(t, 0xf3, 0x0f, 0xae, 0xe8), EXC_UD, 0);
        assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0x2b), EXC_UD, 0);
        assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xea), EXC_UD, 0);
        assert_raised(EXECUTE(t, 0xf3, 0x0f, 0x01, 0xe8), EXC_UD, 0);
        assert_raised(EXECUTE(t, 0xf3, 0x0f, 0xae, 0x33), EXC_UD, 0);
        assert_raised(EXECUTE(t, 0x0f, 0x38, 0xf6, 0x03), EXC_UD, 0);
        assert_raised(EXECUTE(t, 0x66, 0x0f, 0x38, 0xf5, 0x03), EXC_UD, 0);
        feature_set_off(&t->cpu->features, FEATURE_CET_SS);
    }
    bare_cpu_free(t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/shadow-stacks/pages", test_pages);
    g_test_add_func("/shadow-stacks/upper-levels", test_upper_levels);
    g_test_add_func("/shadow-stacks/near", test_near);
    g_test_add_func("/shadow-stacks/run-loop", test_in_the_run_loop);
    g_test_add_func("/shadow-stacks/near-faults", test_near_faults);
    g_test_add_func("/shadow-stacks/near-32", test_near_32);
    g_test_add_func("/shadow-stacks/pointer", test_pointer);
    g_test_add_func("/shadow-stacks/write", test_write);
    g_test_add_func("/shadow-stacks/tokens", test_tokens);
    g_test_add_func("/shadow-stacks/switch", test_switch);
    g_test_add_func("/shadow-stacks/switch-with-hole", test_switch_with_hole);
    g_test_add_func("/shadow-stacks/far", test_far);
    g_test_add_func("/shadow-stacks/interrupt-from-user", test_interrupt_from_user);
    g_test_add_func("/shadow-stacks/interrupt-same-level", test_interrupt_same_level);
    g_test_add_func("/shadow-stacks/interrupt-stack", test_interrupt_stack);
    g_test_add_func("/shadow-stacks/system-call", test_system_call);
    g_test_add_func("/shadow-stacks/absent", test_absent);
    return g_test_run();
}
