/* block.h - decoded blocks: the interpreter's cache of straight-line code. */
#ifndef MYNA_CPU_BLOCK_H
#define MYNA_CPU_BLOCK_H

#include "cpu/cpu.h"

enum { BLOCK_MAX_INSNS = 32 };

/* Fields of Cpu.mode_key: everything beside the bytes that decides how they decode and bind. */
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
    KEY_CET = 1 << 13, /* shadow stacks or branch tracking are on */
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

CodeCache *code_cache_new(Cpu *cpu);
void code_cache_free(CodeCache *cache);

/* The block at CS:rip, built if need be. Raises what fetching would. */
const CodeBlock *code_block(Cpu *cpu);

/* Frees dropped blocks; only between blocks. */
void code_cache_collect(CodeCache *cache);

/* Drops the blocks that hold any of [host, host+size), which lies in one page; the running one ends
 * after the present instruction. True if this CPU still has blocks in the page; when the last one
 * went, *flags gets the address of the page's flag byte. */
bool code_cache_invalidate(CodeCache *cache, const uint8_t *host, uint64_t size, uint8_t **flags);
void code_cache_flush(CodeCache *cache);

/* What the decoded blocks take. */
uint64_t code_cache_bytes(const CodeCache *cache);

/* Gives insn its exec function for this CPU's features and mode_key: the row's own, a specialised
 * form, or one that raises. */
void exec_bind(Cpu *cpu, Insn *insn);

#endif
