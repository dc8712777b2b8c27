/* judge.c - one instance on both engines. */
#include "tests/support/judge.h"

#include <inttypes.h>

#include "cpu/block.h"
#include "cpu/exec.h"
#include "cpu/mmu.h"
#include "dbt/rows.h"
#include "tests/support/judge_jit.h"

/* --- the guest ------------------------------------------------------------------------------- */

enum {
    PRESENT = 1,
    PRESENT_WRITABLE_USER = 7,
    TABLE = 0x74000,
    DIRECTORY = 0x75000,
    POINTERS = 0x76000,
    ROOT = 0x77000
};

static void put_entry(InsnBench *t, PhysAddr pa, uint64_t entry)
{
    uint8_t bytes[8];
    store_le64(bytes, entry);
    insn_bench_write(t, pa, bytes, sizeof(bytes));
}

/* User mode sees the memory that the host has, and nothing else. PAE and 4-level paging share the
 * lower tables. */
static void map_memory(InsnBench *t)
{
    uint64_t rights = t->code_size == CODE_64 ? PRESENT_WRITABLE_USER : PRESENT;
    for (unsigned page = 0; page < JUDGE_MEMORY_SIZE / PAGE_SIZE; page++)
        put_entry(t, TABLE + 8 * page, (JUDGE_MEMORY + page * PAGE_SIZE) | PRESENT_WRITABLE_USER);
    put_entry(t, DIRECTORY + JUDGE_MEMORY / (2 * MIB) * 8, TABLE | PRESENT_WRITABLE_USER);
    put_entry(t, POINTERS, DIRECTORY | rights);
    put_entry(t, ROOT, POINTERS | PRESENT_WRITABLE_USER);
}

static InsnBench *guest_new(CodeSize mode)
{
    InsnBench *t = insn_bench_new("max");
    Cpu *cpu = t->cpu;
    insn_bench_enter(t, mode);
    map_memory(t);
    cpu->cr3 = mode == CODE_64 ? ROOT : POINTERS;
    cpu->cr4 |= CR4_PAE | CR4_OSFXSR | CR4_OSXMMEXCPT;
    cpu->cr0 |= CR0_PG | CR0_MP;
    if (cpu_has(cpu, FEATURE_XSAVE)) {
        cpu->cr4 |= CR4_OSXSAVE;
        cpu->xcr0 = xcr0_supported(cpu) & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
    }
    if (mode == CODE_32)
        g_assert_true(mmu_load_pdptes(cpu, cpu->cr3));
    cpu->efer |= EFER_SCE;
    cpu->tr.limit = 0;   /* no I/O map */
    cpu->idtr.limit = 0; /* no gates: an interrupt is #GP with its vector */
    cpu->cpl = 3;
    tlb_flush_all(cpu);
    cpu_update_mode(cpu);
    return t;
}

/* A repeated instruction may stop in between, to look at interrupts. */
static int step_to_end(Judge *j, const Instance *i)
{
    InsnBench *t = j->t[i->mode - 1];
    int vector;
    do {
        vector = insn_bench_step(t, &i->insn);
    } while (vector < 0 && t->cpu->rip == judge_address(j, i) &&
             insn_rows[i->row].attrs & ATTR_STRING);
    return vector;
}

/* The host's kernel has gates for user mode at 3 and 4 only, and one for INT1's 1. */
static void settle_interrupt(Judge *j, const Instance *i)
{
    enum { ERROR_IDT = 2 };
    unsigned vector = j->ours.error >> 3;
    bool allowed = vector == EXC_BP || vector == EXC_OF || instance_named(i, "INT1");
    bool interrupt = instance_named_like(i, "INT") && j->ours.vector == EXC_GP;
    if (!interrupt || !allowed || !(j->ours.error & ERROR_IDT))
        return;
    j->ours.vector = vector;
    j->ours.error = 0;
}

/* How the guest runs the instance. */
typedef enum Run { RUN_INTERPRETED, RUN_COLD, RUN_WARM } Run;

static void run_guest(Judge *j, const Instance *i, Run how)
{
    InsnBench *t = j->t[i->mode - 1];
    Cpu *cpu = t->cpu;
    memcpy(t->high.host, i->memory, JUDGE_MEMORY_SIZE);
    eflags_set(cpu, FLAG_FIXED | FLAG_IF);
    for (unsigned seg = 0; seg < SEG_COUNT; seg++)
        cpu->seg[seg].selector = native_selector(seg, i->mode == CODE_32);
    native_state_put(&i->before, cpu);
    cpu->rip = judge_address(j, i);
    uint64_t there = 0;
    int vector = how == RUN_INTERPRETED ? step_to_end(j, i)
                                        : judge_run_translated(j, i, how == RUN_WARM, &there);
    native_state_take(&j->ours, cpu);
    j->ours.vector = vector;
    j->ours.error = vector >= 0 ? cpu->raised.error : 0;
    j->ours.cr2 = vector == EXC_PF ? cpu->cr2 : 0;
    j->ours.rip = vector < 0 && instance_is_branch(i) ? cpu->rip : there;
    settle_interrupt(j, i);
}

/* --- the host -------------------------------------------------------------------------------- */

static void run_host(Judge *j, const Instance *i)
{
    memcpy(j->host, i->memory, JUDGE_MEMORY_SIZE);
    j->host_state = i->before;
    if (instance_is_branch(i))
        native_run_branch(j->native, i->code, i->insn.length, &j->host_state);
    else if (i->mode == CODE_32)
        native_run_32(j->native, i->code, i->insn.length, &j->host_state);
    else
        native_run(j->native, i->code, i->insn.length, &j->host_state);
    if (j->host_state.vector < 0)
        j->host_state.error = 0;
}

/* --- judging --------------------------------------------------------------------------------- */

static const char *difference(Judge *j, const Instance *i)
{
    uint32_t flags = (FLAGS_ARITH | FLAG_DF) & ~judge_undefined_flags(i);
    if (i->mode == CODE_32)
        memcpy(j->host_state.image + IMAGE_XMM + 128, j->ours.image + IMAGE_XMM + 128, 128);
    const char *what = native_state_difference(&j->ours, &j->host_state, flags);
    if (what)
        return what;
    if (j->ours.cr2 != j->host_state.cr2)
        return "the address of the page fault";
    bool kernel = j->ours.cr2 >> 63; /* whose pages are present on the host */
    if (j->ours.error != j->host_state.error && !kernel)
        return "the error code";
    if (j->ours.rip != j->host_state.rip)
        return "rip";
    return memcmp(j->host, j->t[i->mode - 1]->high.host, JUDGE_MEMORY_SIZE) ? "memory" : NULL;
}

static const char *judge_run(Judge *j, const Instance *i, Run how)
{
    run_guest(j, i, how);
    run_host(j, i);
    judge_settle(j, i);
    j->raised = j->ours.vector >= 0 && j->host_state.vector >= 0;
    return difference(j, i);
}

/* Does the translator know which general registers the row's instructions change? */
static const char *unknown_write(const Judge *j, const Instance *i)
{
    const RowTraits *traits = row_traits(&i->insn);
    if (traits->kind < LIFT_ROW || traits->kind > LIFT_LEA || j->raised)
        return NULL;
    uint16_t known = row_written_gprs(&i->insn, traits);
    for (unsigned r = 0; r < GPR_COUNT; r++)
        if (j->ours.gpr[r] != i->before.gpr[r] && !(known >> r & 1))
            return "a register that row_written_gprs does not name";
    return NULL;
}

/* The translator twice: when nothing is in the TLB the interpreter does what touches memory. */
const char *judge_instance(Judge *j, const Instance *i)
{
    if (!j->jit)
        return judge_run(j, i, RUN_INTERPRETED);
    const char *what = judge_run(j, i, RUN_COLD);
    if (!what)
        what = judge_run(j, i, RUN_WARM);
    return what ? what : unknown_write(j, i);
}

/* --- life ------------------------------------------------------------------------------------ */

Judge *judge_new(uint64_t seed)
{
    Native *native = native_new();
    uint8_t *host = native ? native_map(native, JUDGE_MEMORY, JUDGE_MEMORY_SIZE) : NULL;
    if (!host) {
        native_free(native);
        return NULL;
    }
    Judge *j = g_new0(Judge, 1);
    j->native = native;
    j->host = host;
    j->t[CODE_32 - 1] = guest_new(CODE_32);
    j->t[CODE_64 - 1] = guest_new(CODE_64);
    j->random.state = seed * 2 + 1;
    random_code_init(&j->codes, seed);
    judge_refresh(j);
    return j;
}

void judge_free(Judge *j)
{
    insn_bench_free(j->t[0]);
    insn_bench_free(j->t[1]);
    native_free(j->native);
    judge_jit_free(j->jit);
    g_free(j);
}

/* --- printing -------------------------------------------------------------------------------- */

static const char *const gpr_names[GPR_COUNT] = {
    "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
    "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15",
};

static void print_code(const Instance *i, GString *out)
{
    char text[128];
    insn_format(&i->insn, text, sizeof(text));
    g_string_append_printf(out, "    { \"%s\", CODE(", text);
    for (unsigned n = 0; n < i->insn.length; n++)
        g_string_append_printf(out, "%s0x%02x", n ? ", " : "", i->code[n]);
    g_string_append_printf(out, "), /* %u-bit */\n", i->mode == CODE_64 ? 64 : 32);
}

/* Items for what is not as in `plain`; memory in words of eight bytes. */
static void print_items(const NativeState *s, const uint8_t *memory, const NativeState *plain,
                        const uint8_t *plain_memory, GString *out)
{
    for (unsigned r = 0; r < GPR_COUNT; r++) {
        if (s->gpr[r] != plain->gpr[r])
            g_string_append_printf(out, " R(%s, %#" PRIx64 "),", gpr_names[r], s->gpr[r]);
    }
    for (unsigned r = 0; r < 16; r++) {
        const unsigned at[2] = {IMAGE_XMM + 16 * r, IMAGE_YMM + 16 * r};
        for (unsigned h = 0; h < 2; h++) {
            if (memcmp(s->image + at[h], plain->image + at[h], 16))
                g_string_append_printf(out, " %s(%u, %#" PRIx64 ", %#" PRIx64 "),", h ? "YH" : "X",
                                       r, load_le64(s->image + at[h] + 8),
                                       load_le64(s->image + at[h]));
        }
    }
    for (unsigned r = 0; r < 8; r++) {
        const uint8_t *p = s->image + IMAGE_ST + 16 * r;
        if (memcmp(p, plain->image + IMAGE_ST + 16 * r, 10))
            g_string_append_printf(out, " ST(%u, %#x, %#" PRIx64 "),", r, load_le16(p + 8),
                                   load_le64(p));
    }
    if (memcmp(s->image, plain->image, IMAGE_FOP))
        g_string_append_printf(out, " FPU(%#x, %#x, %#x),", load_le16(s->image + IMAGE_CW),
                               load_le16(s->image + IMAGE_SW), s->image[IMAGE_TAGS]);
    if (memcmp(s->image + IMAGE_MXCSR, plain->image + IMAGE_MXCSR, 4))
        g_string_append_printf(out, " MXCSR(%#x),", load_le32(s->image + IMAGE_MXCSR));
    for (unsigned at = 0; at < JUDGE_MEMORY_SIZE; at += 8) {
        uint64_t word = load_le64(memory + at);
        if (word != load_le64(plain_memory + at))
            g_string_append_printf(out, " M(%#x, 8, %#" PRIx64 "),", JUDGE_MEMORY + at, word);
    }
    g_string_append_printf(out, " FL(%#" PRIx64 ")", s->flags & (FLAGS_ARITH | FLAG_DF));
}

void judge_print(Judge *j, const Instance *i, const char *difference, GString *out)
{
    static const uint8_t zero[JUDGE_MEMORY_SIZE];
    NativeState plain = {.has_image = true};
    store_le16(plain.image + IMAGE_CW, 0x37f);
    store_le32(plain.image + IMAGE_MXCSR, 0x1f80);
    print_code(i, out);
    g_string_append(out, "      .in = {");
    print_items(&i->before, i->memory, &plain, zero, out);
    g_string_append(out, " },\n      .out = {");
    if (j->host_state.vector >= 0)
        g_string_append_printf(out, " RAISES(%d)", j->host_state.vector);
    else
        print_items(&j->host_state, j->host, &i->before, i->memory, out);
    g_string_append_printf(out, " } },\n%s differs", difference);
    if (j->ours.cr2 || j->host_state.cr2)
        g_string_append_printf(out, "; cr2 %#" PRIx64 ", host %#" PRIx64, j->ours.cr2,
                               j->host_state.cr2);
    if (j->ours.error || j->host_state.error)
        g_string_append_printf(out, "; error %#x, host %#x", j->ours.error, j->host_state.error);
    if (j->ours.rip || j->host_state.rip)
        g_string_append_printf(out, "; rip %#" PRIx64 ", host %#" PRIx64 ", instruction %#" PRIx64,
                               j->ours.rip, j->host_state.rip, judge_address(j, i));
    native_state_report(out, &i->before, &j->ours, &j->host_state);
}
