/* bytecode.c - an interpreter for a little stack machine: branches that are hard to foresee. */
#include "guest.h"

typedef enum Op { PUSH, ADD, SUB, XOR, DUP, SWAP, OVER, SHIFT, LOAD, STORE, LOOP, SKIP, END } Op;

enum { SLOTS = 16 };

/* Twice around: slots 0 to 3 mixed with one another; a branch on the data in the middle. */
static const u8 program[] = {
    LOAD, 0,     PUSH, 77,    ADD, DUP,  LOAD, 1,    XOR, STORE, 1,     SHIFT, LOAD, 2,    SUB,
    DUP,  STORE, 2,    SKIP,  5,   PUSH, 13,   ADD,  DUP, SHIFT, LOAD,  3,     SWAP, OVER, XOR,
    ADD,  STORE, 3,    STORE, 0,   LOAD, 2,    PUSH, 1,   ADD,   STORE, 2,     LOOP, 42,   END,
};

static u32 interpret(u32 loops)
{
    u32 stack[64], slot[SLOTS] = {1, 2, 3, 4}, *top = stack;
    *top = 0;
    for (const u8 *at = program;;) {
        switch ((Op)*at++) {
        case PUSH:
            *++top = *at++;
            break;
        case ADD:
            top--;
            top[0] += top[1];
            break;
        case SUB:
            top--;
            top[0] -= top[1];
            break;
        case XOR:
            top--;
            top[0] ^= top[1];
            break;
        case DUP:
            top++;
            top[0] = top[-1];
            break;
        case SWAP: {
            u32 t = top[0];
            top[0] = top[-1];
            top[-1] = t;
            break;
        }
        case OVER:
            top++;
            top[0] = top[-2];
            break;
        case SHIFT:
            top[0] = top[0] << 3 | top[0] >> 29;
            break;
        case LOAD:
            *++top = slot[*at++ & (SLOTS - 1)];
            break;
        case STORE:
            slot[*at++ & (SLOTS - 1)] = *top--;
            break;
        case SKIP: /* over so many bytes if the top is odd */
            at += *top & 1 ? *at + 1 : 1;
            break;
        case LOOP: /* back to the start with an empty stack */
            at = --loops ? program : at + 1;
            top = stack;
            break;
        case END:
            return mix(mix(slot[0], slot[1]), mix(slot[2], slot[3]));
        }
    }
}

u32 work(u32 size)
{
    return interpret(size);
}
