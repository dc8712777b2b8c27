/* random_program.c - short random programs for two engines to run from the same state. */
#include "tests/support/random_program.h"

#include <inttypes.h>

#include "cpu/flags.h"
#include "cpu/isa.h"
#include "cpu/x87.h"
#include "dbt/rows.h"
#include "tests/support/edges.h"
#include "tests/support/judge.h"
#include "tests/support/undefined.h"

enum {
    HLT = 0xf4,
    NOP = 0x90,
    READ_ONLY = 0x24000, /* pages of the data that it protects */
    ABSENT = 0x25000,
    STACK = 0x0a000,
};

static void void_real(BareCpu *t, unsigned level)
{
    bare_real(t);
}

const World worlds[] = {
    {"real", void_real, 0, CODE_16, false},
    {"v86", bare_v86, 3, CODE_16, false},
    {"protected, flat", bare_protected, 0, CODE_32, false},
    {"protected, segmented", bare_protected, 0, CODE_32, true},
    {"protected, user, segmented", bare_protected, 3, CODE_32, true},
    {"compatibility", bare_compat, 3, CODE_32, false},
    {"compatibility, segmented", bare_compat, 0, CODE_32, true},
    {"long", bare_long, 0, CODE_64, false},
    {"long, user", bare_long, 3, CODE_64, false},
};
const unsigned world_count = G_N_ELEMENTS(worlds);

static unsigned below(RandomCode *r, unsigned n)
{
    return random_code_below(r, n);
}

/* --- bytes --------------------------------------------------------------------------------------- */

static void put(Piece *piece, unsigned byte)
{
    g_assert_cmpuint(piece->length, <, PIECE_BYTES);
    piece->bytes[piece->length++] = byte;
}

static void put_le(Piece *piece, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++)
        put(piece, value >> (8 * i) & 0xff);
}

/* MOV reg, value, as wide as `size` */
static void put_mov(Piece *piece, CodeSize mode, unsigned size, unsigned reg, uint64_t value)
{
    if (mode == CODE_64) {
        put(piece, 0x48 | (reg >> 3));
        put(piece, 0xc7);
        put(piece, 0xc0 | (reg & 7));
        put_le(piece, value, 4);
        return;
    }
    if (size == 8)
        size = 4;
    if ((size == 2) != (mode == CODE_16))
        put(piece, 0x66);
    put(piece, 0xb8 | reg);
    put_le(piece, value, size);
}

/* --- aiming memory operands ---------------------------------------------------------------------- */

static uint64_t segment_base(const Program *p, unsigned seg)
{
    return p->world->mode == CODE_64 ? 0 : p->seg[seg].base;
}

/* Mostly plain data; page ends, protected pages, and now and then nothing. */
static uint64_t choose_target(RandomCode *r, Program *p)
{
    if (p->apart) {
        unsigned page = p->apart_next++ % APART_PAGES;
        return AT_DATA + page * PAGE_SIZE +
               (below(r, 6) ? 0x800 + below(r, 64) : PAGE_SIZE - below(r, 16));
    }
    switch (below(r, 16)) {
    case 0:
        return AT_DATA + 0x1000 - below(r, 16);
    case 1:
        return READ_ONLY - below(r, 16);
    case 2:
        return READ_ONLY + below(r, 64);
    case 3:
        return ABSENT - below(r, 16);
    case 4:
        return below(r, 8) ? AT_DATA + 0x2000 : random_code_next(r);
    default:
        return AT_DATA + 0x800 + below(r, 64);
    }
}

/* Replaces the displacement of an operand without registers. */
static bool set_displacement(CodeSize mode, unsigned flags, uint8_t *code, Insn *insn,
                             uint64_t value)
{
    unsigned size = insn->addrsize == 2 ? 2 : 4;
    if (insn->has_moffs) {
        store_le(code + insn->length - insn->addrsize, value, insn->addrsize);
        return decode(code, MAX_INSN_LENGTH, mode, flags, insn) == DECODE_OK;
    }
    for (unsigned at = insn->length - size; at > 1; at--) {
        uint64_t old = load_le(code + at, size);
        Insn again;
        if (old != truncate_to((uint32_t)insn->disp, size))
            continue;
        store_le(code + at, value, size);
        if (decode(code, MAX_INSN_LENGTH, mode, flags, &again) == DECODE_OK &&
            again.row == insn->row &&
            truncate_to((uint32_t)again.disp, size) == truncate_to(value, size)) {
            *insn = again;
            return true;
        }
        store_le(code + at, old, size);
    }
    return false;
}

/* Writes moves that aim the operand to `piece`; rip: of the piece. False: it cannot be aimed. */
static bool aim(RandomCode *r, Program *p, Piece *piece, unsigned flags, uint8_t *code, Insn *insn,
                uint64_t rip)
{
    CodeSize mode = p->world->mode;
    uint64_t target = choose_target(r, p) - segment_base(p, insn->seg);
    if (insn->base == REG_IP)
        return set_displacement(mode, flags, code, insn, target - rip - insn->length);
    if (insn->base == REG_NONE && insn->index == REG_NONE)
        return set_displacement(mode, flags, code, insn, target);
    if (insn->base == insn->index || insn->base == RSP || insn->index == RSP)
        return false;
    uint64_t index = below(r, 16);
    if (insn->index != REG_NONE) {
        if (insn->base == REG_NONE)
            index = (target - insn->disp) >> insn->scale;
        put_mov(piece, mode, insn->addrsize, insn->index, index);
    }
    if (insn->base != REG_NONE)
        put_mov(piece, mode, insn->addrsize, insn->base,
                target - insn->disp - (insn->index == REG_NONE ? 0 : index << insn->scale));
    return true;
}

static bool is_named(const InsnRow *row, const char *start)
{
    return g_str_has_prefix(row->name, start);
}

static void aim_string(RandomCode *r, Program *p, Piece *piece, const Insn *insn)
{
    CodeSize mode = p->world->mode;
    unsigned size = insn->addrsize;
    put_mov(piece, mode, size, RSI, choose_target(r, p) - segment_base(p, insn->seg));
    put_mov(piece, mode, size, RDI, choose_target(r, p) - segment_base(p, SEG_ES));
    put_mov(piece, mode, size, RCX, below(r, 20));
}

static void aim_stack(RandomCode *r, Program *p, Piece *piece)
{
    CodeSize mode = p->world->mode;
    unsigned size = mode == CODE_16 ? 2 : 4;
    if (p->apart && !below(r, 2)) {
        put_mov(piece, mode, size, RSP, choose_target(r, p) - segment_base(p, SEG_SS));
        return;
    }
    if (!below(r, 3)) /* the last: about where segments may end or begin */
        put_mov(piece, mode, size, RSP,
                below(r, 6) ? STACK - below(r, 64) * 4 : 0x8000 - below(r, 3) * 2);
}

/* --- pieces -------------------------------------------------------------------------------------- */

/* What two right engines may do differently, and what would change the world. */
static bool is_wanted(const InsnRow *row)
{
    static const char *const not_wanted[] = {
        "RCP",   "RSQRT", "VRCP",  "VRSQRT",  "F2XM1",    "FYL2X",   "FPATAN",   "FPTAN",
        "FSIN",  "FCOS",  "FPREM", "FLDENV",  "FRSTOR",   "FNSTENV", "FNSAVE",   "POPF",
        "ENTER", "INT",   "BOUND", "VGATHER", "VPGATHER", "MASKMOV", "VMASKMOV", "VPMASKMOV",
        "HLT",   "LEAVE", "XLAT",  "PAUSE",   "CLDEMOTE", "BSWAP",   "FCOMI",    "FUCOMI",
    };
    const char *why;
    if (row->attrs & (ATTR_BRANCH | ATTR_CPL0 | ATTR_IOPL | ATTR_SERIAL) ||
        !judge_row_is_offered(row) || judge_row_class(row, &why) != ROW_JUDGED)
        return false;
    for (unsigned i = 0; i < G_N_ELEMENTS(not_wanted); i++)
        if (is_named(row, not_wanted[i]))
            return false;
    return true;
}

static unsigned choose_row(RandomCode *r)
{
    for (;;) {
        unsigned row = below(r, insn_row_count);
        const InsnRow *info = &insn_rows[row];
        bool integer = !strcmp(judge_row_group(info), "int");
        bool lifted = row_traits(&(Insn){.row = row})->kind != LIFT_INTERP;
        if (is_wanted(info) && (integer || !below(r, 12)) && (lifted || !below(r, 4)))
            return row;
    }
}

static bool uses_stack(const InsnRow *row)
{
    return is_named(row, "PUSH") || is_named(row, "POP");
}

/* An instruction that reads flags the row defines, then CMP, which writes all. */
static void settle_flags(RandomCode *r, Piece *piece, const InsnRow *row, uint32_t undefined)
{
    static const uint16_t reads[8] = {
        FLAG_OF, FLAG_CF, FLAG_ZF,           FLAG_CF | FLAG_ZF,
        FLAG_SF, FLAG_PF, FLAG_SF | FLAG_OF, FLAG_ZF | FLAG_SF | FLAG_OF};
    unsigned cc = below(r, 16);
    if (!(reads[cc >> 1] & undefined)) {
        put(piece, 0x0f); /* SETcc r8 */
        put(piece, 0x90 | cc);
        put(piece, 0xc0 | below(r, 8));
    }
    put(piece, 0x39); /* CMP */
    put(piece, 0xc0 | below(r, 64));
}

static bool is_undefined(const Insn *insn)
{
    const char *name = insn_row(insn)->name;
    bool wide_shift = !strcmp(name, "SHLD") || !strcmp(name, "SHRD");
    return insn->opsize == 2 && (wide_shift || !strcmp(name, "MOVSXD"));
}

static bool make_instruction(RandomCode *r, Program *p, Piece *piece, uint64_t rip)
{
    CodeSize mode = p->world->mode;
    unsigned flags = p->world->enter == void_real || p->world->enter == bare_v86
                         ? DECODE_REAL_OR_V86
                         : 0;
    unsigned row = choose_row(r);
    const InsnRow *info = &insn_rows[row];
    uint8_t code[MAX_INSN_LENGTH];
    Insn insn;
    if (!row_code(r, row, mode, code, &insn) ||
        decode(code, sizeof(code), mode, flags, &insn) != DECODE_OK || insn.row != row ||
        is_undefined(&insn))
        return false;
    piece->length = 0;
    bool memory = false;
    for (unsigned i = 0; i < MAX_OPERANDS; i++)
        memory |= insn.op[i].kind == OPND_MEM;
    if (info->attrs & ATTR_STRING) {
        aim_string(r, p, piece, &insn);
    } else if (memory && strcmp(info->name, "LEA")) {
        Piece trial = *piece;
        bool plain = insn.base < GPR_COUNT || insn.index < GPR_COUNT;
        if (!plain || below(r, 8)) { /* now and then what registers happen to hold */
            if (!aim(r, p, &trial, flags, code, &insn, rip))
                return false;
            *piece = trial;
        }
    }
    if (uses_stack(info))
        aim_stack(r, p, piece);
    for (unsigned i = 0; i < insn.length; i++)
        put(piece, code[i]);
    if (undefined_flags(&insn))
        settle_flags(r, piece, info, undefined_flags(&insn));
    return true;
}

/* Jcc, JMP, CALL near; LOOP and JCXZ. */
static void make_branch(RandomCode *r, Program *p, Piece *piece, unsigned n)
{
    unsigned size = p->world->mode == CODE_16 ? 2 : 4;
    *piece = (Piece){.jump = size};
    piece->target = n + 1 + below(r, 8);
    if (p->loops && !below(r, 3))
        piece->target = n - below(r, MIN(n, 8) + 1);
    switch (below(r, 8)) {
    case 0:
        put(piece, 0xe9);
        break;
    case 1:
        aim_stack(r, p, piece);
        put(piece, 0xe8);
        break;
    case 2:
    case 3:
        piece->jump = 1;
        put(piece, below(r, 3) ? 0xe2 : 0xe3);
        break;
    case 4:
        piece->jump = 1;
        put(piece, 0x70 | below(r, 16));
        break;
    default:
        put(piece, 0x0f);
        put(piece, 0x80 | below(r, 16));
        break;
    }
    put_le(piece, 0, piece->jump);
}

/* The address of another piece, in a register or on the stack, and a jump there. */
static void make_indirect(RandomCode *r, Program *p, Piece *piece, unsigned n)
{
    CodeSize mode = p->world->mode;
    *piece = (Piece){.target = n + 1 + below(r, 8)};
    unsigned reg = RAX + below(r, 4), kind = below(r, 4);
    unsigned size = mode == CODE_16 ? 2 : 4;
    if (kind >= 2)
        aim_stack(r, p, piece);
    put_mov(piece, mode, size, reg, 0);
    piece->store = piece->length - size;
    if (kind == 3) { /* PUSH; RET */
        put(piece, 0x50 | reg);
        put(piece, 0xc3);
    } else { /* JMP, CALL */
        put(piece, 0xff);
        put(piece, (kind == 2 ? 0xd0 : 0xe0) | reg);
    }
}

/* A store into the constant of a MOV: the one that ends this piece, soon to be run, or that of an
 * earlier piece like it, in another block or run before. */
static void make_store_to_code(RandomCode *r, const Program *p, Piece *piece, unsigned n,
                               unsigned earlier)
{
    CodeSize mode = p->world->mode;
    *piece = (Piece){.target = below(r, 2) ? n : earlier, .to_end = true};
    unsigned size = mode == CODE_16 ? 2 : 4;
    put_mov(piece, mode, size, RBX, 0);
    piece->store = piece->length - size;
    if (mode == CODE_16)
        put(piece, 0x2e); /* CS: */
    put(piece, 0xc6);     /* MOV [rBX], imm8 */
    put(piece, mode == CODE_16 ? 0x07 : 0x03);
    put(piece, below(r, 256));
    switch (below(r, 3)) {
    case 0:
        put(piece, 0xeb); /* JMP to the next */
        put(piece, 0);
        break;
    case 1:
        put(piece, 0x70 | below(r, 16)); /* Jcc, likewise */
        put(piece, 0);
        break;
    }
    put_mov(piece, mode, size, RCX, random_code_next(r));
}

/* Another data segment, in worlds that have them. */
static void make_segment_load(RandomCode *r, Piece *piece)
{
    static const uint16_t selectors[] = {SEL_DATA3, SEL_TEST | 3, SEL_TEST2 | 3};
    static const uint8_t segs[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};
    *piece = (Piece){0};
    put_mov(piece, CODE_32, 4, RDX, selectors[below(r, G_N_ELEMENTS(selectors))]);
    put(piece, 0x8e); /* MOV seg, edx */
    put(piece, 0xc0 | segs[below(r, G_N_ELEMENTS(segs))] << 3 | RDX);
}

/* --- programs ------------------------------------------------------------------------------------ */

static void random_segments(RandomCode *r, Program *p)
{
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS, SEG_SS};
    unsigned rpl = p->world->level << AR_DPL_SHIFT;
    for (unsigned i = 0; i < G_N_ELEMENTS(data); i++) {
        Segment *s = &p->seg[data[i]];
        bool stack = data[i] == SEG_SS;
        *s = (Segment){.limit = UINT32_MAX,
                       .access = ACC_DATA | ACC_32 | AR_ACCESSED | rpl,
                       .selector = SEL_TEST};
        if (stack)
            s->selector = SEL_TEST2;
        if (!stack && below(r, 4))
            s->base = AT_DATA - below(r, 3) * 0x800;
        if (!below(r, 3))
            s->limit = 0x8000 + below(r, 0x20000);
        if (!below(r, 4))
            s->access &= ~AR_DB;
        if (!below(r, 5)) { /* what is above the limit */
            s->access |= AR_EXPAND_DOWN;
            s->limit = below(r, 2) ? 0x7ff : 0x7fff;
        }
        if (!stack && !below(r, 8))
            s->access &= ~AR_WRITABLE;
        segment_update(s);
    }
}

static uint64_t random_value(RandomCode *r)
{
    return below(r, 2) ? integer_edges[below(r, INTEGER_EDGES)] : random_code_next(r);
}

static void make(RandomCode *r, Program *p)
{
    p->start = (p->world->mode == CODE_16 ? 0 : AT_CODE) +
               (below(r, 2) ? 0x400 : 0x1000 - below(r, 160));
    if (p->world->mode == CODE_16)
        for (unsigned s = 0; s < SEG_COUNT; s++)
            p->seg[s].base = s == SEG_CS ? AT_CODE : s == SEG_SS ? 0 : AT_DATA;
    if (p->world->segmented)
        random_segments(r, p);
    uint64_t rip = p->start;
    unsigned stored = PROGRAM_PIECES; /* the last piece that writes code */
    p->count = 4 + below(r, PROGRAM_PIECES - 12);
    for (unsigned n = 0; n < p->count; n++) {
        Piece *piece = &p->piece[n];
        *piece = (Piece){0};
        unsigned kind = below(r, 40);
        if (kind < 6)
            make_branch(r, p, piece, n);
        else if (kind == 6)
            make_indirect(r, p, piece, n);
        else if (kind == 7)
            make_store_to_code(r, p, piece, n, MIN(stored, n)), stored = n;
        else if (kind == 8 && p->world->segmented)
            make_segment_load(r, piece);
        else
            while (!make_instruction(r, p, piece, rip))
                *piece = (Piece){0};
        rip += piece->length;
    }
    for (unsigned g = 0; g < GPR_COUNT; g++)
        p->gpr[g] = random_value(r);
    if (p->world->mode != CODE_64)
        for (unsigned g = 0; g < GPR_COUNT; g++)
            p->gpr[g] = (uint32_t)p->gpr[g];
    p->gpr[RSP] = STACK;
    p->flags = random_code_next(r) & FLAGS_ARITH;
    for (unsigned i = 0; i < sizeof(p->data); i += 8)
        store_le64(p->data + i, random_value(r));
    for (unsigned i = 0; i < 16; i++)
        for (unsigned n = 0; n < 4; n++)
            p->vec[i].u64[n] = random_value(r);
}

void program_make(RandomCode *r, bool loops, Program *p)
{
    memset(p, 0, sizeof(*p));
    p->loops = loops;
    p->world = &worlds[below(r, world_count)];
    make(r, p);
}

static bool has_paging(const World *w)
{
    return w->enter == bare_long || w->enter == bare_compat;
}

void program_make_apart(RandomCode *r, Program *p)
{
    memset(p, 0, sizeof(*p));
    p->apart = true;
    do
        p->world = &worlds[below(r, world_count)];
    while (!has_paging(p->world));
    make(r, p);
}

/* --- loading ------------------------------------------------------------------------------------- */

static uint64_t piece_offset(const Program *p, unsigned n)
{
    uint64_t offset = p->start;
    for (unsigned i = 0; i < n && i < p->count; i++)
        offset += p->piece[i].length;
    return offset;
}

/* The piece as it lies at its place: displacements and addresses of pieces filled in. */
static void piece_bytes(const Program *p, unsigned n, uint8_t *bytes)
{
    const Piece *piece = &p->piece[n];
    memcpy(bytes, piece->bytes, piece->length);
    uint64_t end = piece_offset(p, n) + piece->length;
    uint64_t target = piece_offset(p, MIN(piece->target, p->count));
    if (piece->jump) {
        int64_t distance = target - end;
        if (piece->jump == 1 && distance != (int8_t)distance)
            distance = 0;
        store_le(bytes + piece->length - piece->jump, distance, piece->jump);
    }
    if (piece->to_end) /* through DS, or CS in 16-bit code */
        target += p->piece[piece->target].length - 1 -
                  (p->world->mode == CODE_16 ? 0 : segment_base(p, SEG_DS));
    if (piece->store)
        store_le(bytes + piece->store, target, p->world->mode == CODE_16 ? 2 : 4);
}

bool program_is_settled_at(const Program *p, uint64_t rip)
{
    unsigned flags = p->world->mode == CODE_16 ? DECODE_REAL_OR_V86 : 0;
    for (unsigned n = 0; n < p->count; n++) {
        uint64_t start = piece_offset(p, n);
        uint8_t bytes[PIECE_BYTES + MAX_INSN_LENGTH] = {0};
        Insn insn = {0};
        piece_bytes(p, n, bytes);
        for (unsigned at = 0; at < p->piece[n].length && start < rip; at += insn.length) {
            DecodeStatus status = decode(bytes + at, MAX_INSN_LENGTH, p->world->mode, flags, &insn);
            g_assert(status == DECODE_OK);
            if (undefined_flags(&insn) && rip < start + p->piece[n].length)
                return false;
        }
    }
    return true;
}

static void put_handlers(BareCpu *t)
{
    enum { VECTORS = 32 };
    bare_write(t, PROGRAM_HANDLER, HLT, 1);
    for (unsigned v = 0; v < VECTORS; v++) {
        if (cpu_is_lma(t->cpu))
            bare_idt_long(t, v, gate_make(SEL_CODE64, PROGRAM_HANDLER, AR_P | DESC_INT_GATE, 0), 0);
        else
            bare_idt(t, v, gate_make(SEL_CODE0, PROGRAM_HANDLER, AR_P | DESC_INT_GATE, 0));
        bare_write(t, 4 * v, (PROGRAM_HANDLER >> 4) << 16, 4);
    }
}

/* What make_segment_load loads: one that grows down, and a short one. */
static void put_segments(BareCpu *t)
{
    bare_gdt(t, SEL_TEST, descriptor_make(AT_DATA - 0x800, 7, ACC_DOWN | ACC_32 | DPL(3)));
    bare_gdt(t, SEL_TEST2, descriptor_make(AT_DATA, 0x1fff, ACC_DATA | DPL(3)));
}

/* 4 KiB pages for the first 2 MiB, some of them protected. */
static void protect_pages(BareCpu *t, const Program *p)
{
    enum { PRESENT = 1, WRITABLE = 2, USER = 4 };
    for (unsigned n = 0; n < 512; n++) {
        uint64_t pa = n * PAGE_SIZE, rights = PRESENT | WRITABLE | USER;
        if (pa == READ_ONLY && !p->apart)
            rights = PRESENT | USER;
        bare_write(t, PROGRAM_TABLE + 8 * n, pa == ABSENT && !p->apart ? 0 : pa | rights, 8);
    }
    bare_write(t, AT_PAGES + 2 * PAGE_SIZE, PROGRAM_TABLE | PRESENT | WRITABLE | USER, 8);
    t->cpu->cr0 |= CR0_WP;
    tlb_flush_all(t->cpu);
}

void program_load(BareCpu *t, const Program *p)
{
    Cpu *cpu = t->cpu;
    p->world->enter(t, p->world->level);
    if (cpu_is_lma(cpu))
        protect_pages(t, p);
    put_handlers(t);
    put_segments(t);
    memset(&cpu->fpu, 0, sizeof(cpu->fpu));
    x87_init(cpu);
    cpu->mxcsr = 0x1f80;
    cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    cpu->xcr0 = xcr0_supported(cpu) & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
    if (p->world->segmented)
        for (unsigned s = 0; s < SEG_COUNT; s++)
            if (s != SEG_CS)
                cpu->seg[s] = p->seg[s];
    memcpy(cpu->gpr, p->gpr, sizeof(cpu->gpr));
    memcpy(cpu->vec, p->vec, sizeof(cpu->vec));
    flags_set_arith(cpu, p->flags);
    cpu->cr2 = 0;
    cpu->rip = p->start;
    cpu->tsc_adjust = 0;
    memcpy(t->ram.host + AT_DATA, p->data, sizeof(p->data));
    uint8_t *code = t->ram.host + AT_CODE + (p->start & 0xffff);
    for (unsigned n = 0; n < p->count; n++) {
        piece_bytes(p, n, code);
        code += p->piece[n].length;
    }
    memset(code, HLT, MAX_INSN_LENGTH);
    cpu_update_mode(cpu);
}

void program_forget_accessed(BareCpu *t)
{
    enum { ACCESSED = 0x20 };
    static const PhysAddr tables[] = {AT_PAGES, AT_PAGES + PAGE_SIZE, AT_PAGES + 2 * PAGE_SIZE,
                                      PROGRAM_TABLE};
    for (unsigned n = 0; n < G_N_ELEMENTS(tables) && cpu_is_lma(t->cpu); n++)
        for (unsigned at = 0; at < PAGE_SIZE; at += 8)
            t->ram.host[tables[n] + at] &= ~ACCESSED;
}

void program_print(const Program *p, GString *out)
{
    g_string_append_printf(out, "%s, rip %#" PRIx64 "\n", p->world->name, p->start);
    unsigned flags = p->world->mode == CODE_16 ? DECODE_REAL_OR_V86 : 0;
    for (unsigned n = 0; n < p->count; n++) {
        uint8_t bytes[PIECE_BYTES + MAX_INSN_LENGTH] = {0};
        uint64_t rip = piece_offset(p, n);
        piece_bytes(p, n, bytes);
        for (unsigned at = 0; at < p->piece[n].length;) {
            Insn insn;
            char text[128] = "?";
            unsigned length = 1;
            if (decode(bytes + at, MAX_INSN_LENGTH, p->world->mode, flags, &insn) == DECODE_OK) {
                insn_format(&insn, text, sizeof(text));
                length = insn.length;
            }
            bool nop = length == 1 && bytes[at] == NOP;
            if (!nop) {
                g_string_append_printf(out, "  %2u %06" PRIx64 "  ", n, rip + at);
                for (unsigned i = 0; i < length; i++)
                    g_string_append_printf(out, "%02x", bytes[at + i]);
                g_string_append_printf(out, "  %s\n", text);
            }
            at += length;
        }
    }
}
