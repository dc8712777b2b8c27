/* test_straddle.c - accesses at the end of a page, for every kind of page and the next, in the
 * interpreter and in the translator: registers, flags, faults, memory and what a device saw must be
 * the same. Also at the last page of the address space, where addresses wrap. */
#include "cpu/block.h"
#include "cpu/flags.h"
#include "cpu/mmu.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/bare_cpu.h"

enum {
    DEVICE = 0x300000, /* physical */
    ROM = 0x301000,
    TABLES = 0x110000, /* page tables of the test */
    PLACE = 0x40000,   /* physical pages of RAM for the pair */
    FUNCTION = 0x800,  /* offset of a RET in pages with code */
    PAIR = 0x400000,   /* linear address of the pair */
    MOST_LOGGED = 64,
    HLT = 0xf4,
    RET = 0xc3,
};

typedef enum PageKind { PLAIN, ABSENT, READ_ONLY, IO, ROM_PAGE, WITH_CODE, KINDS } PageKind;

typedef struct Log {
    uint64_t entry[MOST_LOGGED];
    unsigned count;
} Log;

typedef struct World {
    BareCpu *t;
    MemRegion device, rom;
    Log log;
    Cpu result;
} World;

static uint64_t device_read(void *opaque, uint64_t offset, unsigned size)
{
    Log *log = opaque;
    if (log->count < MOST_LOGGED)
        log->entry[log->count++] = offset << 8 | size;
    return 0x0123456789abcdef + offset;
}

static void device_write(void *opaque, uint64_t offset, uint64_t value, unsigned size)
{
    Log *log = opaque;
    if (log->count < MOST_LOGGED)
        log->entry[log->count++] = (uint64_t)1 << 63 | value << 24 | offset << 8 | size;
}

static const MemOps device_ops = {device_read, device_write, 1, 8};

static World *world_new(bool translate)
{
    World *w = g_new0(World, 1);
    w->t = bare_cpu();
    uint8_t rom[PAGE_SIZE];
    memset(rom, 0x5a, sizeof(rom));
    mem_init_io(&w->device, "device", PAGE_SIZE, &device_ops, &w->log);
    mem_add(&w->t->memory_root, DEVICE, &w->device, 0);
    g_assert_true(mem_init_rom(&w->rom, "rom", rom, sizeof(rom), NULL));
    mem_add(&w->t->memory_root, ROM, &w->rom, 0);
    GError *err = NULL;
    if (translate && !dbt_attach(w->t->cpu, &(DbtOptions){.counted = true}, &err)) {
        g_clear_error(&err);
        bare_cpu_free(w->t);
        g_free(w);
        return NULL;
    }
    return w;
}

static void world_free(World *w)
{
    mem_remove(&w->device);
    mem_remove(&w->rom);
    bare_cpu_free(w->t);
    mem_fini(&w->rom);
    g_free(w);
}

/* --- the case ------------------------------------------------------------------------------------ */

/* rBX, and in stack accesses rSP, is the address. */
typedef struct Access {
    const char *text;
    uint8_t length, code[10];
    bool only_64;
} Access;

static const Access accesses[] = {
    {"mov al, [rbx]", 2, {0x8a, 0x03}},
    {"mov ax, [rbx]", 3, {0x66, 0x8b, 0x03}},
    {"mov eax, [rbx]", 2, {0x8b, 0x03}},
    {"mov rax, [rbx]", 3, {0x48, 0x8b, 0x03}, true},
    {"mov r9, [rbx]", 3, {0x4c, 0x8b, 0x0b}, true},
    {"mov [rbx], al", 2, {0x88, 0x03}},
    {"mov [rbx], cx", 3, {0x66, 0x89, 0x0b}},
    {"mov [rbx], ecx", 2, {0x89, 0x0b}},
    {"mov [rbx], rcx", 3, {0x48, 0x89, 0x0b}, true},
    {"mov [rbx], r10", 3, {0x4c, 0x89, 0x13}, true},
    {"mov dword [rbx], 123456h", 6, {0xc7, 0x03, 0x56, 0x34, 0x12, 0x00}},
    {"add [rbx], ecx", 2, {0x01, 0x0b}},
    {"lock xadd [rbx], ecx", 4, {0xf0, 0x0f, 0xc1, 0x0b}},
    {"sbb rcx, [rbx]", 3, {0x48, 0x1b, 0x0b}, true},
    {"xchg [rbx], cx", 3, {0x66, 0x87, 0x0b}},
    {"cmpxchg [rbx], ecx", 3, {0x0f, 0xb1, 0x0b}},
    {"cmpxchg8b [rbx]", 3, {0x0f, 0xc7, 0x0b}},
    {"shl dword [rbx], 3", 3, {0xc1, 0x23, 0x03}},
    {"movups xmm1, [rbx]", 3, {0x0f, 0x10, 0x0b}},
    {"movups [rbx], xmm1", 3, {0x0f, 0x11, 0x0b}},
    {"movaps xmm1, [rbx]", 3, {0x0f, 0x28, 0x0b}},
    {"vmovups ymm1, [rbx]", 4, {0xc5, 0xfc, 0x10, 0x0b}},
    {"vmovups [rbx], ymm1", 4, {0xc5, 0xfc, 0x11, 0x0b}},
    {"movsd [rbx], xmm1", 4, {0xf2, 0x0f, 0x11, 0x0b}},
    {"mov esp, ebx; push ecx", 3, {0x89, 0xdc, 0x51}},
    {"mov rsp, rbx; push rcx", 4, {0x48, 0x89, 0xdc, 0x51}, true},
    {"mov rsp, rbx; pop rcx", 4, {0x48, 0x89, 0xdc, 0x59}, true},
    {"mov rsp, rbx; push [rsi]", 5, {0x48, 0x89, 0xdc, 0xff, 0x36}, true},
    {"mov rsp, rbx; pushf", 4, {0x48, 0x89, 0xdc, 0x9c}, true},
    {"mov rsp, rbx; call +0", 8, {0x48, 0x89, 0xdc, 0xe8, 0, 0, 0, 0}, true},
    {"mov rsp, rbx; ret", 4, {0x48, 0x89, 0xdc, 0xc3}, true},
    {"mov rbp, rbx; leave", 4, {0x48, 0x89, 0xdd, 0xc9}, true},
    {"jmp [rbx]", 2, {0xff, 0x23}},
    {"mov edi, ebx; stosd", 3, {0x89, 0xdf, 0xab}},
    {"mov rdi, rbx; movsq", 5, {0x48, 0x89, 0xdf, 0x48, 0xa5}, true},
    {"mov rsi, rbx; lodsw", 5, {0x48, 0x89, 0xde, 0x66, 0xad}, true},
    {"mov edi, ebx; mov ecx, 3; rep stosd", 9, {0x89, 0xdf, 0xb9, 3, 0, 0, 0, 0xf3, 0xab}},
};

typedef struct Case {
    const Access *access;
    PageKind kind[2];
    LinAddr pair; /* linear address of the first page */
    unsigned offset;
    bool compat;
} Case;

static PhysAddr physical(PageKind kind, unsigned n)
{
    return kind == IO ? DEVICE : kind == ROM_PAGE ? ROM : PLACE + n * PAGE_SIZE;
}

static void map(BareCpu *t, LinAddr la, uint64_t entry, PhysAddr *next)
{
    enum { RIGHTS = 7, PRESENT = 1, LARGE = 0x80 };
    PhysAddr table = AT_PAGES;
    for (unsigned level = 3; level > 0; level--) {
        PhysAddr at = table + 8 * (la >> (12 + 9 * level) & 511);
        uint64_t pointer = bare_read(t, at, 8);
        if (!(pointer & PRESENT)) {
            pointer = *next | RIGHTS;
            memset(t->ram.host + *next, 0, PAGE_SIZE);
            *next += PAGE_SIZE;
            bare_write(t, at, pointer, 8);
        }
        g_assert_false(pointer & LARGE);
        table = pointer & ~(uint64_t)0xfff;
    }
    bare_write(t, table + 8 * (la >> 12 & 511), entry, 8);
}

static LinAddr next_page(const Case *c)
{
    return c->compat ? (uint32_t)(c->pair + PAGE_SIZE) : c->pair + PAGE_SIZE;
}

/* A linear address that wraps to 0 comes to the first large page: no pair there. */
static void map_pair(BareCpu *t, const Case *c)
{
    enum { PRESENT_USER = 5, WRITABLE = 2 };
    PhysAddr next = TABLES;
    for (unsigned n = 0; n < 2; n++) {
        LinAddr la = n ? next_page(c) : c->pair;
        uint64_t rights = c->kind[n] == READ_ONLY ? PRESENT_USER : PRESENT_USER | WRITABLE;
        if (la < 2 * MIB)
            continue;
        map(t, la, c->kind[n] == ABSENT ? 0 : physical(c->kind[n], n) | rights, &next);
    }
    t->cpu->cr0 |= CR0_WP;
    tlb_flush_all(t->cpu);
}

static void put_handlers(BareCpu *t)
{
    enum { VECTORS = 32, HANDLER = 0x15000, CODE_64 = SEL_CODE64 };
    bare_write(t, HANDLER, HLT, 1);
    for (unsigned v = 0; v < VECTORS; v++)
        bare_idt_long(t, v,
                      gate_make(CODE_64, HANDLER, AR_P | DESC_INT_GATE, 0) | (uint64_t)1 << 32, 0);
    bare_write(t, AT_TSS + 0x24, AT_IST1, 8);
}

/* First the function of each page that has code, then the access, then HLT. */
static void put_code(BareCpu *t, const Case *c)
{
    uint8_t *code = t->ram.host + AT_CODE;
    for (unsigned n = 0; n < 2; n++) {
        LinAddr la = n ? next_page(c) : c->pair;
        memset(t->ram.host + PLACE + n * PAGE_SIZE, 0x11 * (n + 1), PAGE_SIZE);
        bare_write(t, PLACE + n * PAGE_SIZE + FUNCTION, RET, 1);
        if (c->kind[n] != WITH_CODE || la < 2 * MIB)
            continue;
        *code++ = c->compat ? 0xb8 : 0x48; /* mov rax, function */
        if (!c->compat)
            *code++ = 0xb8;
        store_le(code, la + FUNCTION, c->compat ? 4 : 8);
        code += c->compat ? 4 : 8;
        *code++ = 0xff; /* call rax */
        *code++ = 0xd0;
    }
    memcpy(code, c->access->code, c->access->length);
    memset(code + c->access->length, HLT, MAX_INSN_LENGTH);
}

static void prepare(World *w, const Case *c)
{
    BareCpu *t = w->t;
    Cpu *cpu = t->cpu;
    if (c->compat)
        bare_compat(t, 0);
    else
        bare_long(t, 0);
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    cpu->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    put_handlers(t);
    map_pair(t, c);
    put_code(t, c);
    for (unsigned r = 0; r < GPR_COUNT; r++)
        cpu->gpr[r] = 0x1111 * (r + 1);
    cpu->gpr[RSP] = AT_STACK0;
    cpu->gpr[RBX] = c->pair + c->offset;
    cpu->gpr[RSI] = AT_DATA;
    if (c->compat)
        cpu->gpr[RBX] = (uint32_t)cpu->gpr[RBX];
    for (unsigned v = 0; v < 16; v++)
        for (unsigned n = 0; n < 4; n++)
            cpu->vec[v].u64[n] = 0x0101010101010101u * (v + n);
    flags_set_arith(cpu, FLAG_CF | FLAG_PF);
    cpu->cr2 = 0;
    cpu_update_mode(cpu);
}

static void run(World *w, const Case *c)
{
    enum { BUDGET = 40 };
    w->log.count = 0;
    cpu_run(w->t->cpu, BUDGET);
    w->result = *w->t->cpu;
}

/* --- comparing ----------------------------------------------------------------------------------- */

static void assert_same(const World *a, const World *b, const Case *c, const char *how)
{
    const Cpu *x = &a->result, *y = &b->result;
    const char *what = NULL;
    if (x->rip != y->rip || x->activity != y->activity)
        what = "rip or activity";
    else if (memcmp(x->gpr, y->gpr, sizeof(x->gpr)))
        what = "a general register";
    else if (eflags_get(x) != eflags_get(y))
        what = "eflags";
    else if (x->cr2 != y->cr2)
        what = "cr2";
    else if (memcmp(x->vec, y->vec, sizeof(x->vec)))
        what = "a vector register";
    else if (memcmp(a->t->ram.host, b->t->ram.host, 2 * MIB))
        what = "memory";
    else if (a->log.count != b->log.count || memcmp(a->log.entry, b->log.entry, 8 * a->log.count))
        what = "what the device saw";
    else if (memcmp(a->rom.host, b->rom.host, PAGE_SIZE))
        what = "the ROM";
    if (!what)
        return;
    unsigned at = 0;
    while (at < 2 * MIB - 1 && a->t->ram.host[at] == b->t->ram.host[at])
        at++;
    g_error("%s-bit %s, pages %u and %u at %" G_GINT64_MODIFIER "x, offset %u, %s: %s differs; "
            "memory %#x: %#x %#x, rip %" G_GINT64_MODIFIER "x",
            c->compat ? "32" : "64", c->access->text, c->kind[0], c->kind[1], c->pair, c->offset,
            how, what, at, a->t->ram.host[at], b->t->ram.host[at], y->rip);
}

/* What a run may leave in RAM that the next case does not write itself. */
static void forget_run(World *w)
{
    memset(w->t->ram.host + AT_DATA, 0x77, PAGE_SIZE);
    memset(w->t->ram.host, 0, PAGE_SIZE);
    memset(w->t->ram.host + AT_STACK0 - PAGE_SIZE, 0, PAGE_SIZE);
    memset(w->t->ram.host + AT_IST1 - 0x800, 0, 0x800);
    code_cache_flush(w->t->cpu->code);
}

static void check(World *a, World *b, const Case *c)
{
    forget_run(a);
    forget_run(b);
    prepare(a, c);
    run(a, c);
    prepare(b, c);
    Cpu before = *b->t->cpu;
    run(b, c);
    assert_same(a, b, c, "first run");
    /* Once more, with the TLB filled and the code translated. */
    put_code(a->t, c);
    put_code(b->t, c);
    memset(b->t->ram.host + AT_DATA, 0x77, PAGE_SIZE);
    *b->t->cpu = before;
    bool first = c->kind[0] == WITH_CODE || c->kind[1] == WITH_CODE;
    if (first) /* the access may have dropped the function's code; it is as it was */
        code_cache_flush(b->t->cpu->code);
    prepare(a, c);
    run(a, c);
    run(b, c);
    assert_same(a, b, c, "second run");
}

static World *interpreted, *translated;

static void check_pair(const Case *like)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(accesses); i++) {
        if (accesses[i].only_64 && like->compat)
            continue;
        for (int offset = 4090; offset <= 4100; offset++) {
            Case c = *like;
            c.access = &accesses[i];
            c.offset = offset;
            check(interpreted, translated, &c);
        }
    }
}

static void every_pair(gconstpointer compat)
{
    for (unsigned first = 0; first < KINDS; first++)
        for (unsigned second = 0; second < KINDS; second++)
            check_pair(&(Case){.kind = {first, second}, .pair = PAIR, .compat = compat != NULL});
}

static void top_page(gconstpointer compat)
{
    LinAddr top = compat ? UINT32_MAX & ~PAGE_MASK : UINT64_MAX & ~PAGE_MASK;
    for (unsigned kind = 0; kind < KINDS; kind++)
        check_pair(&(Case){.kind = {kind, PLAIN}, .pair = top, .compat = compat != NULL});
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    interpreted = world_new(false);
    translated = world_new(true);
    if (!translated) {
        world_free(interpreted);
        return 77; /* no translator for this host */
    }
    g_test_add_data_func("/straddle/pairs-64", NULL, every_pair);
    g_test_add_data_func("/straddle/pairs-32", "compat", every_pair);
    g_test_add_data_func("/straddle/top-page-64", NULL, top_page);
    g_test_add_data_func("/straddle/top-page-32", "compat", top_page);
    int status = g_test_run();
    const TranslatorStats *s = &translator_of(translated->t->cpu)->stats;
    g_assert_cmpuint(s->blocks, >, 10000);
    world_free(interpreted);
    world_free(translated);
    return status;
}
