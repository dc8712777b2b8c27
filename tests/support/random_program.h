/* random_program.h - short random programs for two engines to run from the same state.
 *
 * A program is a row of pieces: an instruction of some row, with what aims its memory operand in
 * front of it, or a branch to another piece. Behind an instruction that leaves flags undefined its
 * piece writes them all, so that nothing undefined outlives a piece. */
#ifndef MYNA_TESTS_SUPPORT_RANDOM_PROGRAM_H
#define MYNA_TESTS_SUPPORT_RANDOM_PROGRAM_H

#include "tests/support/bare_cpu.h"
#include "tests/support/random_code.h"

enum {
    PROGRAM_PIECES = 40,
    PIECE_BYTES = 80,
    PROGRAM_TABLE = 0x110000, /* page table of the first 2 MiB, in worlds with paging */
    PROGRAM_HANDLER = 0x15000,
    APART_PAGES = 20, /* from AT_DATA on */
};

typedef struct Piece {
    uint8_t bytes[PIECE_BYTES];
    uint8_t length;
    uint8_t jump;   /* bytes of the displacement that ends the piece; 0: no branch */
    uint8_t target; /* piece it leads to */
    uint8_t store;  /* where the address of that piece stands; 0: nowhere */
    bool to_end;    /* the address of its last byte instead */
} Piece;

/* The machine the program runs in. */
typedef struct World {
    const char *name;
    void (*enter)(BareCpu *t, unsigned level); /* of bare_cpu.h */
    unsigned level;                            /* privilege, or IOPL */
    CodeSize mode;
    bool segmented; /* data segments have bases and limits; some grow down */
} World;
extern const World worlds[];
extern const unsigned world_count;

typedef struct Program {
    const World *world;
    Piece piece[PROGRAM_PIECES];
    unsigned count;
    uint64_t start; /* offset of the first piece in CS */
    uint64_t gpr[GPR_COUNT];
    uint32_t flags;
    bool loops;           /* some branches lead backwards */
    bool apart;           /* each access to a page of its own, while they last */
    unsigned apart_next;  /* page */
    uint8_t data[0x8000]; /* at AT_DATA */
    Vec vec[16];
    Segment seg[SEG_COUNT]; /* of segmented worlds */
} Program;

void program_make(RandomCode *r, bool loops, Program *p);
/* The same in a world with paging, each access to a page of its own, all of them writable. */
void program_make_apart(RandomCode *r, Program *p);

/* Puts the program, its data and the machine's state into t. */
void program_load(BareCpu *t, const Program *p);

/* No flag is undefined before the byte at offset rip of CS: it is not within a piece that settles
 * them at its end. */
bool program_is_settled_at(const Program *p, uint64_t rip);

/* Clears the accessed bits of the page tables: a processor may set them early. [SDM3] "Accessed and
 * Dirty Flags". */
void program_forget_accessed(BareCpu *t);

/* Its instructions, one a line. */
void program_print(const Program *p, GString *out);

#endif
