/* block.h - decoded blocks: the interpreter's cache of straight-line code. */
#ifndef MYNA_CPU_BLOCK_H
#define MYNA_CPU_BLOCK_H

#include "cpu/cpu.h"

enum { BLOCK_MAX_INSNS = 32 };

/* Fields of Cpu.mode_key: everything beside the bytes that decides how they decode and bind, and
 * for translated code (dbt/lift.h, which has the bits between) where the stack and the TLB are. */
enum {
    KEY_MODE_SHIFT = 0,
    KEY_CODE_SIZE_SHIFT = 3,
    KEY_CPL_SHIFT = 5,
    KEY_EM = 1 << 7,
    KEY_TS = 1 << 8,
    KEY_MP = 1 << 9,
    KEY_OSFXSR = 1 << 10,
    KEY_OSXSAVE = 1 << 11,
    KEY_AVX = 1 << 12,
    KEY_CET = 1 << 13,    /* shadow stacks or branch tracking are on */
    KEY_STACK_SHIFT = 16, /* log2 of the stack pointer's bytes, 1-3 */
    KEY_TLB_SHIFT = 28,   /* TlbMode */
};

/* A run of instructions that begins at one host address of guest RAM, in one page but for the last
 * instruction, which may cross into `crossed`. */
typedef struct CodeBlock {
    uint8_t *host;    /* of the first byte; with mode_key the block's name */
    uint8_t *crossed; /* first byte of the second page, or NULL */
    uint32_t mode_key;
    uint16_t count;         /* instructions */
    uint16_t bytes;         /* code bytes */
    struct CodeBlock *next; /* in its hash bucket, or in the list of the dead */
    Insn insns[];
} CodeBlock;

/* Linear address of CS:rip. */
static inline LinAddr code_address(const Cpu *cpu, uint64_t rip)
{
    if (cpu->mode == CPU_LONG)
        return rip;
    return (uint32_t)(cpu->seg[SEG_CS].base + rip);
}

CodeCache *code_cache_new(Cpu *cpu);
void code_cache_free(CodeCache *cache);

/* The block at CS:rip, built if need be. Raises what fetching would. */
const CodeBlock *code_block(Cpu *cpu);

/* Frees dropped blocks; only between blocks. */
void code_cache_collect(CodeCache *cache);

/* For cpu/group.c, with its lock held: makes the record of a page; is there one for that of host?
 */
void code_cache_add_page(CodeCache *cache, const MemPage *mem);
bool code_cache_has_page(const CodeCache *cache, const uint8_t *host);

/* Likewise. Drops the blocks that hold any of [host, host+size), which lies in one page; the
 * running one ends after the present instruction. When the page's last one went so does the record;
 * then returns the address of the page's flag byte, else NULL. */
uint8_t *code_cache_invalidate(CodeCache *cache, const uint8_t *host, uint64_t size);

/* Drops every block; the records stay. */
void code_cache_flush(CodeCache *cache);

/* What the decoded blocks take. */
uint64_t code_cache_bytes(const CodeCache *cache);

/* What is wrong with the cache, or NULL: a block that its page does not know of, or whose bytes are
 * no longer those of memory. For tests, between instructions; the caller frees it. */
char *code_cache_problem(const CodeCache *cache);

/* Gives insn its exec function for this CPU's features and mode_key: the row's own or a specialised
 * form of it (true), or one that raises or does what an older CPU did (false). */
bool exec_bind(Cpu *cpu, Insn *insn);
/* The same with the row's own function, not a specialised form of it: for who only may run it. */
bool exec_bind_general(Cpu *cpu, Insn *insn);
/* Does that depend on the CPU or its mode? Most instructions run on every CPU, in every mode, at
 * every level. */
bool exec_is_ruled(const InsnRow *row);

#endif
