/* trampoline.c - the fixed code: into generated code and out of it.
 *
 * - enter(cpu, code): a C function; saves C's registers, loads the guest's, jumps to code; returns
 *   the number in R11 when the code leaves;
 * - exit: jumped to with a number in R11;
 * - cold: jumped to with a Site in R11; the guest's registers go to struct Cpu, C runs the
 *   instruction, and the code goes on where C says, or is left with 0;
 * - miss: called with a linear address in R10 and a Site in R11, after a TLB miss;
 * - port: called with a port's number in R10 and a Site in R11, for IN and OUT;
 * - load_vectors, spill_vectors: called; between memory and the host's vector registers and MXCSR;
 * - load_x87: called; dbt/x87.c. */
#include "dbt/x64/emit.h"

#include "dbt/x87.h"

#define JIT(field) x64_cpu(offsetof(Cpu, jit.field))

static const uint8_t callee_saved[] = {HOST_RBX, HOST_RBP, HOST_R12, HOST_R13, HOST_R14, HOST_R15};

static void put_push(Asm *a, unsigned reg)
{
    if (reg >= HOST_R8)
        asm_byte(a, 0x41);
    asm_byte(a, 0x50 | (reg & 7));
}

static void put_pop(Asm *a, unsigned reg)
{
    if (reg >= HOST_R8)
        asm_byte(a, 0x41);
    asm_byte(a, 0x58 | (reg & 7));
}

static void put_pushes(Asm *a, const uint8_t *regs, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        put_push(a, regs[i]);
}

/* Of what they pushed. */
static void put_pops(Asm *a, const uint8_t *regs, unsigned count)
{
    while (count-- > 0)
        put_pop(a, regs[count]);
}

static void move_registers(Asm *a, bool load)
{
    for (unsigned gpr = 0; gpr < GPR_COUNT; gpr++) {
        unsigned home = x64_home(gpr);
        if (home == HOST_NONE)
            continue;
        Rm memory = x64_cpu(offsetof(Cpu, gpr) + 8 * gpr);
        if (load)
            asm_mov(a, 8, home, memory);
        else
            asm_store(a, 8, memory, home);
    }
}

static uint32_t jump_short(Asm *a, unsigned opcode)
{
    asm_byte(a, opcode);
    asm_byte(a, 0);
    return a->at;
}

static void land_short(Asm *a, uint32_t from)
{
    a->code[from - 1] = a->at - from;
}

static void call_to(Asm *a, uint32_t target)
{
    asm_byte(a, 0xe8);
    asm_imm(a, target - (a->at + 4), 4);
}

static void call_c(Asm *a, uintptr_t function)
{
    asm_mov_imm(a, HOST_RAX, function);
    asm_modrm(a, OP1(0xff), (HostWidth){0}, 2, rm_reg(HOST_RAX)); /* call rax */
}

static void jump_next(Asm *a)
{
    asm_modrm(a, OP1(0xff), (HostWidth){0}, 4, JIT(next));
}

/* --- vector registers ---------------------------------------------------------------------------- */

static Rm vector_at(unsigned n, size_t offset)
{
    return x64_cpu(offsetof(Cpu, vec) + n * sizeof(Vec) + offset);
}

/* All of the registers, or their lower halves; a load of these clears the upper ones. */
static void move_vectors(Asm *a, bool load, bool whole)
{
    for (unsigned i = 0; i < 16; i++)
        asm_vex(a, OP0F(load ? 0x10 : 0x11), false, whole, i, 0, vector_at(i, 0)); /* vmovups */
}

static void put_vzeroupper(Asm *a)
{
    asm_byte(a, 0xc5);
    asm_byte(a, 0xf8);
    asm_byte(a, 0x77);
}

/* A guest that uses SSE only leaves the upper halves zero. The host must know that they are: to one
 * that does not, each SSE instruction depends on the former value of what it writes, and scalar
 * loops take half as long again. */
static void put_load_vectors(Asm *a)
{
    asm_vex(a, OP0F(0x10), false, false, 0, 0, vector_at(0, 16)); /* vmovups xmm0 */
    for (unsigned i = 1; i < 16; i++)
        asm_vex(a, OP0F(0x56), false, false, 0, 0, vector_at(i, 16));          /* vorps xmm0 */
    asm_vex(a, (HostOp){2, 0x66, 0x17}, false, false, 0, 0, rm_reg(HOST_RAX)); /* vptest xmm0 */
    uint32_t zero = asm_jcc(a, COND_E, 0);
    move_vectors(a, true, true);
    uint32_t loaded = asm_jmp(a, 0);
    asm_patch(a, zero, a->at);
    put_vzeroupper(a);
    move_vectors(a, true, false);
    asm_patch(a, loaded, a->at);
    asm_op(a, OP0F(0xae), 4, 2, x64_cpu(offsetof(Cpu, mxcsr))); /* ldmxcsr */
    asm_store_imm(a, 1, JIT(vectors_loaded), 1);
    asm_byte(a, 0xc3);
}

static void put_spill_vectors(Asm *a)
{
    enum { MXCSR_DEFAULT = 0x1f80 };
    move_vectors(a, false, true);
    asm_op(a, OP0F(0xae), 4, 3, x64_cpu(offsetof(Cpu, mxcsr))); /* stmxcsr */
    asm_byte(a, 0x68);                                          /* push imm32 */
    asm_imm(a, MXCSR_DEFAULT, 4);
    asm_op(a, OP0F(0xae), 4, 2, rm_mem(HOST_RSP, 0));
    asm_lea(a, 8, HOST_RSP, rm_mem(HOST_RSP, 8));
    put_vzeroupper(a);
    asm_store_imm(a, 1, JIT(vectors_loaded), 0);
    asm_byte(a, 0xc3);
}

static void compare_byte(Asm *a, Rm at, unsigned value)
{
    asm_modrm(a, OP1(0x80), (HostWidth){0}, 7, at);
    asm_byte(a, value);
}

static void spill_if_loaded(Asm *a, const Trampolines *t)
{
    compare_byte(a, JIT(vectors_loaded), 0);
    uint32_t skip = jump_short(a, 0x74);
    call_to(a, t->spill_vectors);
    land_short(a, skip);
}

/* If they were, as `flag` says, they are again. */
static void load_if(Asm *a, const Trampolines *t, unsigned flag)
{
    asm_op(a, OP1(0x85), 4, flag, rm_reg(flag)); /* test */
    uint32_t skip = jump_short(a, 0x74);
    call_to(a, t->load_vectors);
    land_short(a, skip);
}

/* --- in and out ---------------------------------------------------------------------------------- */

enum { RETURNS_MAX = 1024, RETURN_BYTES = 16, FIRST_RETURNS = 2 };

/* Pairs of rip 0 and the code for it. */
static void put_first_returns(Asm *a, uintptr_t nowhere)
{
    asm_mov_imm(a, HOST_R11, nowhere);
    for (unsigned i = 0; i < FIRST_RETURNS; i++) {
        asm_byte(a, 0x6a); /* push 0 */
        asm_byte(a, 0);
        put_push(a, HOST_R11);
    }
    asm_store(a, 8, JIT(returns), HOST_RSP);
    asm_lea(a, 8, HOST_R11, rm_mem(HOST_RSP, -RETURNS_MAX * RETURN_BYTES));
    asm_store(a, 8, JIT(returns_limit), HOST_R11);
}

static void put_enter(Asm *a, const Translator *t)
{
    put_pushes(a, callee_saved, G_N_ELEMENTS(callee_saved));
    asm_lea(a, 8, HOST_RSP, rm_mem(HOST_RSP, -8));
    asm_lea(a, 8, HOST_R9, rm_mem(HOST_RDI, CPU_BIAS));
    put_first_returns(a, (uintptr_t)t->rx + t->trampolines.nowhere);
    asm_store(a, 8, JIT(next), HOST_RSI);
    move_registers(a, true);
    jump_next(a);
}

static void put_return(Asm *a)
{
    asm_mov(a, 8, HOST_RSP, JIT(returns));
    asm_lea(a, 8, HOST_RSP, rm_mem(HOST_RSP, FIRST_RETURNS * RETURN_BYTES + 8));
    put_pops(a, callee_saved, G_N_ELEMENTS(callee_saved));
    asm_byte(a, 0xc3);
}

static void put_exit(Asm *a, const Trampolines *t)
{
    move_registers(a, false);
    spill_if_loaded(a, t);
    asm_mov(a, 4, HOST_RAX, rm_reg(HOST_R11));
    put_return(a);
}

/* A return to rip 0, which no call expects: the dispatcher goes on there. */
static void put_nowhere(Asm *a, const Trampolines *t)
{
    asm_store_imm(a, 8, x64_cpu(offsetof(Cpu, rip)), 0);
    asm_mov_imm(a, HOST_R11, 0);
    asm_jmp(a, t->exit);
}

/* The vectors were in the host's registers: they are again when the code goes on. */
static void put_cold(Asm *a, const Trampolines *t)
{
    move_registers(a, false);
    asm_op(a, OP0F(0xb6), 4, HOST_RBX, JIT(vectors_loaded)); /* RBX survives the call */
    spill_if_loaded(a, t);
    asm_lea(a, 8, HOST_RDI, rm_mem(HOST_R9, -CPU_BIAS));
    asm_mov(a, 4, HOST_RSI, rm_reg(HOST_R11));
    asm_mov(a, 8, HOST_R12, rm_reg(HOST_R9));
    asm_store(a, 8, JIT(returns_top), HOST_RSP);
    call_c(a, (uintptr_t)door_interpret);
    asm_mov(a, 8, HOST_R9, rm_reg(HOST_R12));
    asm_op(a, OP1(0x85), 8, HOST_RAX, rm_reg(HOST_RAX)); /* test rax, rax */
    uint32_t stays = jump_short(a, 0x75);
    put_return(a); /* RAX = 0 */
    land_short(a, stays);
    asm_mov(a, 8, HOST_RSP, JIT(returns_top));
    asm_store(a, 8, JIT(next), HOST_RAX);
    load_if(a, t, HOST_RBX);
    asm_op(a, OP0F(0xb7), 4, HOST_RAX, JIT(flags)); /* movzx eax, image */
    asm_byte(a, 0x04);                              /* add al, 127: OF */
    asm_byte(a, 0x7f);
    asm_byte(a, 0x9e); /* sahf */
    move_registers(a, true);
    jump_next(a);
}

/* Called with the linear address in R10 and the site in R11: returns if the look-up is worth
 * another try, with ZF set, or without it if R10 + R11 is where the value is; else goes on as
 * `cold`. Of the guest's registers only those that C may change are saved. */
static void put_miss(Asm *a, const Trampolines *t)
{
    static const uint8_t saved[] = {HOST_RAX, HOST_RCX, HOST_RDX, HOST_RSI, HOST_RDI,
                                    HOST_R8,  HOST_R9,  HOST_R11, HOST_RBX};
    put_pushes(a, saved, G_N_ELEMENTS(saved));
    asm_op(a, OP0F(0xb6), 4, HOST_RBX, JIT(vectors_loaded));
    spill_if_loaded(a, t);
    asm_lea(a, 8, HOST_RDI, rm_mem(HOST_R9, -CPU_BIAS));
    asm_mov(a, 8, HOST_RSI, rm_reg(HOST_R10));
    asm_mov(a, 4, HOST_RDX, rm_reg(HOST_R11));
    call_c(a, (uintptr_t)door_miss);
    asm_mov(a, 4, HOST_R10, rm_reg(HOST_RAX));
    asm_mov(a, 8, HOST_R9, rm_mem(HOST_RSP, 2 * 8));
    load_if(a, t, HOST_RBX);
    put_pops(a, saved, G_N_ELEMENTS(saved));
    asm_alu_imm(a, ALU_SUB, 4, rm_reg(HOST_R10), MISS_RETRY);
    uint32_t missed = jump_short(a, 0x78); /* js */
    asm_lea(a, 8, HOST_R11, x64_cpu(offsetof(Cpu, jit.loaded) - (MISS_LOADED - MISS_RETRY)));
    asm_byte(a, 0xc3);
    land_short(a, missed);
    asm_lea(a, 8, HOST_RSP, rm_mem(HOST_RSP, 8));
    asm_alu_imm(a, ALU_AND, 4, rm_reg(HOST_R11), MISS_SITE);
    asm_jmp(a, t->cold);
}

/* The same with the guest's flags in EFLAGS, which go to the image. */
static void put_miss_with_flags(Asm *a, const Trampolines *t)
{
    put_push(a, HOST_RAX);
    asm_byte(a, 0x9f);                                             /* lahf */
    asm_modrm(a, OP0F(0x90), (HostWidth){0}, 0, rm_reg(HOST_RAX)); /* seto al */
    asm_store(a, 2, JIT(flags), HOST_RAX);
    put_pop(a, HOST_RAX);
    asm_jmp(a, t->miss);
}

/* Called with a port's number in R10 and a site in R11; RAX is the guest's. */
static void put_port(Asm *a, const Trampolines *t)
{
    static const uint8_t saved[] = {HOST_RCX, HOST_RDX, HOST_RSI, HOST_RDI,
                                    HOST_R8,  HOST_R9,  HOST_RBX};
    put_pushes(a, saved, G_N_ELEMENTS(saved));
    asm_op(a, OP0F(0xb6), 4, HOST_RBX, JIT(vectors_loaded));
    spill_if_loaded(a, t);
    asm_lea(a, 8, HOST_RDI, rm_mem(HOST_R9, -CPU_BIAS));
    asm_mov(a, 4, HOST_RSI, rm_reg(HOST_R10));
    asm_mov(a, 4, HOST_RDX, rm_reg(HOST_R11));
    asm_mov(a, 8, HOST_RCX, rm_reg(HOST_RAX));
    call_c(a, (uintptr_t)door_port);
    asm_mov(a, 8, HOST_R9, rm_mem(HOST_RSP, 1 * 8));
    load_if(a, t, HOST_RBX);
    put_pops(a, saved, G_N_ELEMENTS(saved));
    asm_byte(a, 0xc3);
}

/* At a block's head: the flags are in the image. The vectors may be the guest's. */
static void put_load_x87(Asm *a)
{
    static const uint8_t saved[] = {HOST_RAX, HOST_RCX, HOST_RDX, HOST_RSI, HOST_RDI,
                                    HOST_R8,  HOST_R9,  HOST_R10, HOST_R11};
    put_pushes(a, saved, G_N_ELEMENTS(saved));
    asm_lea(a, 8, HOST_RDI, rm_mem(HOST_R9, -CPU_BIAS));
    call_c(a, (uintptr_t)x87_load);
    put_pops(a, saved, G_N_ELEMENTS(saved));
    asm_byte(a, 0xc3);
}

uint32_t x64_trampolines(Translator *t)
{
    Asm a = {.code = t->rw, .at = 0};
    Trampolines *at = &t->trampolines;
    asm_byte(&a, 0xcc); /* offset 0 means "none" elsewhere */
    at->load_vectors = a.at;
    put_load_vectors(&a);
    at->spill_vectors = a.at;
    put_spill_vectors(&a);
    at->load_x87 = a.at;
    put_load_x87(&a);
    at->exit = a.at;
    put_exit(&a, at);
    at->nowhere = a.at;
    put_nowhere(&a, at);
    at->enter = a.at;
    put_enter(&a, t);
    at->cold = a.at;
    put_cold(&a, at);
    at->miss = a.at;
    put_miss(&a, at);
    at->miss_with_flags = a.at;
    put_miss_with_flags(&a, at);
    at->port = a.at;
    put_port(&a, at);
    g_assert(a.at <= MAX_BLOCK_CODE);
    return a.at;
}
