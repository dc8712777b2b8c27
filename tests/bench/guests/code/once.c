/* once.c - much code that runs little: half a million instructions, no two at one place, `size`
 * times.
 *
 * What the first time takes more than the second is what a translator needs to translate them. The
 * instructions are drawn as compilers mix them, in functions of some sixty; every branch is decided
 * by a constant, so that it is known which instructions run. */
#include "guest.h"

enum { PER_FUNCTION = 64, FUNCTIONS = INSTRUCTIONS / PER_FUNCTION, ALIGNMENT = 16 };
enum { DATA_SIZE = 4096, PIVOT = 1 << 20, MOST_OVER = 4 };

typedef u32 Function(u8 *data);

typedef struct Writer {
    u8 *at;
    u32 state;
} Writer;

static u32 draw(Writer *w, u32 below)
{
    return (random_next(&w->state) >> 8) % below;
}

static void put(Writer *w, u32 byte)
{
    *w->at++ = byte;
}

static void put32(Writer *w, u32 value)
{
    *(u32 *)w->at = value;
    w->at += 4;
}

/* Any but RSP, RBP (the pivot) and RDI (the data). */
static u32 draw_register(Writer *w)
{
    static const u8 usable[] = {0, 1, 2, 3, 6, 8, 9, 10, 11};
    return usable[draw(w, sizeof(usable))];
}

enum { REX = 0x40, REX_W = 8, REX_R = 4, REX_X = 2, REX_B = 1 };

/* opcode reg, rm, both registers, of 32 or 64 bits */
static void put_registers(Writer *w, u32 opcode, u32 reg, u32 rm)
{
    u32 rex = (draw(w, 2) ? REX_W : 0) | (reg >= 8 ? REX_R : 0) | (rm >= 8 ? REX_B : 0);
    if (rex)
        put(w, REX | rex);
    put(w, opcode);
    put(w, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* opcode reg, [rdi + displacement] */
static void put_memory(Writer *w, u32 opcode, bool escape)
{
    u32 reg = draw_register(w), rex = (draw(w, 2) ? REX_W : 0) | (reg >= 8 ? REX_R : 0);
    if (rex)
        put(w, REX | rex);
    if (escape)
        put(w, 0x0f);
    put(w, opcode);
    if (draw(w, 2)) {
        put(w, 0x47 | (reg & 7) << 3);
        put(w, draw(w, 16) * 8);
    } else {
        put(w, 0x87 | (reg & 7) << 3);
        put32(w, draw(w, DATA_SIZE / 8) * 8);
    }
}

/* lea reg, [base + index * scale + displacement] */
static void put_lea(Writer *w)
{
    u32 reg = draw_register(w), base = draw_register(w), index = draw_register(w);
    put(w,
        REX | REX_W | (reg >= 8 ? REX_R : 0) | (index >= 8 ? REX_X : 0) | (base >= 8 ? REX_B : 0));
    put(w, 0x8d);
    put(w, 0x44 | (reg & 7) << 3);
    put(w, draw(w, 4) << 6 | (index & 7) << 3 | (base & 7));
    put(w, draw(w, 128));
}

static void put_immediate(Writer *w, u32 opcode, u32 digit)
{
    put_registers(w, opcode, digit, draw_register(w));
    put(w, draw(w, 31) + 1);
}

static void put_instruction(Writer *w)
{
    static const u8 alu[] = {0x01, 0x29, 0x21, 0x09, 0x31};
    u32 kind = draw(w, 88);
    if (kind < 25)
        put_memory(w, 0x8b, false);
    else if (kind < 35)
        put_memory(w, 0x89, false);
    else if (kind < 39)
        put_memory(w, 0xb6, true);
    else if (kind < 54)
        put_registers(w, 0x89, draw_register(w), draw_register(w));
    else if (kind < 61)
        put_lea(w);
    else if (kind < 71)
        put_registers(w, alu[draw(w, sizeof(alu))], draw_register(w), draw_register(w));
    else if (kind < 81)
        put_immediate(w, 0x83, draw(w, 5) ? 0 : 4); /* add, and */
    else if (kind < 84)
        put_immediate(w, 0xc1, 4); /* shl */
    else {
        put(w, 0xb8 | draw(w, 4)); /* mov eax..ebx, constant */
        put32(w, draw(w, UINT32_MAX));
    }
}

/* cmp ebp, constant; ja over some instructions: they run, or not. How many do, with these two. */
static u32 put_branch(Writer *w)
{
    bool taken = draw(w, 5) < 2;
    u32 over = draw(w, MOST_OVER) + 1;
    put(w, 0x81);
    put(w, 0xfd);
    put32(w, draw(w, PIVOT) + (taken ? 0 : PIVOT));
    put(w, 0x77);
    u8 *distance = w->at++;
    for (u32 i = 0; i < over; i++)
        put_instruction(w);
    *distance = w->at - distance - 1;
    return 2 + (taken ? 0 : over);
}

/* push rbx; push rbp; mov ebp, PIVOT; the body; pop rbp; pop rbx; ret */
static void put_function(Writer *w)
{
    u32 left = PER_FUNCTION - 6;
    put(w, 0x53);
    put(w, 0x55);
    put(w, 0xbd);
    put32(w, PIVOT);
    while (left) {
        if (left >= MOST_OVER + 2 && draw(w, 8) == 0) {
            left -= put_branch(w);
        } else {
            put_instruction(w);
            left--;
        }
    }
    put(w, 0x5d);
    put(w, 0x5b);
    put(w, 0xc3);
}

u32 work(u32 size)
{
    static Function *function[FUNCTIONS];
    u8 *data = ARENA;
    Writer w = {.at = ARENA + DATA_SIZE, .state = 7};
    for (u32 i = 0; i < FUNCTIONS; i++) {
        while ((u64)w.at % ALIGNMENT)
            put(&w, 0xcc);
        function[i] = (Function *)w.at;
        put_function(&w);
    }
    u32 sum = 0;
    for (u32 pass = 0; pass < size; pass++)
        for (u32 i = 0; i < FUNCTIONS; i++)
            sum = mix(sum, function[i](data));
    return sum;
}
