/* smc.c - code that changes code. [SDM3] "Self-Modifying Code", "Handling Self- and Cross-Modifying
 * Code": what is written is what runs, at the latest after a jump. Where the manual asks for a
 * serializing instruction (another linear address), the case has one. */
#include "lib/code.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/snippet.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

/* Two pages that code is written to. */
static u8 code[2 * 4096] __attribute__((aligned(4096)));

typedef u32 Function(void);

enum { INC_EAX = 0x40, DEC_EAX = 0x48, INT3 = 0xcc };

static u32 run(const u8 *at)
{
    u32 result;

    asm volatile("call *%1" : "=a"(result) : "r"(at) : "ecx", "edx", "memory", "cc");
    return result;
}

static void serialize(void)
{
    u32 out[4];

    cpuid(0, 0, out);
}

static void clear(void)
{
    memset(code, INT3, sizeof(code));
}

CASE(rewrite, "a function that is written again does the new thing")
{
    clear();
    for (u32 i = 0; i < 200; i++) {
        put_return(code, i);
        check_eq(run(code), i);
    }
}

CASE(change_immediate, "a new immediate in a function that has run often")
{
    clear();
    put_return(code, 1);
    for (u32 i = 0; i < 5000; i++) {
        run(code);
    }
    put32(code + 1, 0x1234);
    check_eq(run(code), 0x1234);
}

CASE(same_block, "an instruction further on in the same straight code")
{
    u8 *at = code;

    clear();
    *at++ = 0xc6; /* movb $0x55, code + 64: the immediate of the last instruction */
    *at++ = 0x05;
    at = put32(at, (word)code + 65);
    *at++ = 0x55;
    memset(at, NOP, code + 64 - at);
    put_return(code + 64, 0x11);
    check_eq(run(code), 0x55);
}

CASE(next_instruction, "the very next instruction")
{
    u8 *at = code;

    clear();
    *at++ = 0xc6; /* movb $0x66, the byte 8 on */
    *at++ = 0x05;
    at = put32(at, (word)code + 8);
    *at++ = 0x66;
    put_return(at, 0x11);
    check_eq(run(code), 0x66);
}

CASE(next_opcode, "the next instruction becomes another one")
{
    u8 *at = code;

    clear();
    *at++ = 0x31; /* xor %eax, %eax */
    *at++ = 0xc0;
    *at++ = 0xc6; /* movb $INC, the byte after */
    *at++ = 0x05;
    at = put32(at, (word)code + 9);
    *at++ = INC_EAX;
    *at++ = DEC_EAX;
    *at++ = RET;
    check_eq(run(code), 1);
}

CASE(loop_changes_itself, "a loop whose body changes each time round")
{
    u8 *at = code, *body, *loop;

    clear();
    *at++ = 0x31; /* xor %eax, %eax */
    *at++ = 0xc0;
    *at++ = 0xb9; /* mov $100, %ecx */
    at = put32(at, 100);
    loop = at;
    *at++ = 0xfe; /* incb the immediate below */
    *at++ = 0x05;
    at = put32(at, 0);
    body = at;
    *at++ = 0x83; /* add $imm8, %eax */
    *at++ = 0xc0;
    *at++ = 0;
    put32(body - 4, (word)body + 2);
    *at++ = 0xe2; /* loop */
    *at = loop - (at + 1);
    at++;
    *at++ = RET;
    /* 1 + 2 + ... + 100, immediates up to 100 being positive */
    check_eq(run(code), 5050);
}

CASE(backward, "an instruction behind, met again by a jump")
{
    u8 *at = code;

    clear();
    *at++ = MOV_EAX; /* 0: mov $5, %eax */
    at = put32(at, 5);
    *at++ = 0x3c; /* 5: cmp $9, %al */
    *at++ = 9;
    *at++ = 0x74; /* 7: je 18 */
    *at++ = 9;
    *at++ = 0xc6; /* 9: movb $9, code + 1 */
    *at++ = 0x05;
    at = put32(at, (word)code + 1);
    *at++ = 9;
    *at++ = 0xeb; /* 16: jmp 0 */
    *at++ = 0xee;
    *at++ = RET; /* 18 */
    check_eq(run(code), 9);
}

CASE(crossing_page, "an instruction that lies in two pages: either half changes")
{
    u8 *at = code + 4096 - 3;

    clear();
    put_return(at, 0x11223344);
    check_eq(run(at), 0x11223344);
    code[4096] = 0x99; /* the third byte of the immediate */
    check_eq(run(at), 0x11993344);
    code[4095] = 0x88;
    check_eq(run(at), 0x11998844);
    *(volatile u32 *)(code + 4096 - 2) = 0x01020304; /* one write to both */
    check_eq(run(at), 0x01020304);
}

CASE(fall_into_next_page, "code that runs on into a page that changes")
{
    u8 *at = code + 4096 - 4;

    clear();
    memset(at, NOP, 4);
    for (u32 i = 0; i < 20; i++) {
        put_return(code + 4096, i);
        check_eq(run(at), i);
    }
}

CASE(write_beside, "data in the page of running code: the code goes on as it is")
{
    /* mov $1000, %ecx; 1: incl code + 256; loop 1b; mov code + 256, %eax; ret */
    u8 *at = code, *loop;

    clear();
    *(volatile u32 *)(code + 256) = 0;
    *at++ = 0xb9;
    at = put32(at, 1000);
    loop = at;
    *at++ = 0xff;
    *at++ = 0x05;
    at = put32(at, (word)code + 256);
    *at++ = 0xe2;
    *at = loop - (at + 1);
    at++;
    *at++ = 0xa1;
    at = put32(at, (word)code + 256);
    *at++ = RET;
    check_eq(run(code), 1000);
}

CASE(copy_by_rep, "REP MOVSB brings another function to the place")
{
    static u8 other[16];

    clear();
    put_return(code, 7);
    check_eq(run(code), 7);
    put_return(other, 8);
    memcpy(code, other, 6);
    check_eq(run(code), 8);
}

CASE(rep_overwrites_ahead, "REP STOSB over the code that follows it")
{
    u8 *at = code;

    /* mov $code + 32, %edi; mov $8, %ecx; mov $0x40, %al; rep stosb; ...; 32: 8 bytes; ret */
    clear();
    *at++ = 0x57; /* push %edi */
    *at++ = 0xbf;
    at = put32(at, (word)code + 32);
    *at++ = 0xb9;
    at = put32(at, 8);
    *at++ = 0xb0;
    *at++ = INC_EAX;
    *at++ = 0xf3;
    *at++ = 0xaa;
    *at++ = 0x31; /* xor %eax, %eax */
    *at++ = 0xc0;
    memset(at, NOP, code + 40 - at);
    code[40] = 0x5f; /* pop %edi */
    code[41] = RET;
    check_eq(run(code), 8);
}

CASE(patched_call, "the target of a call changes")
{
    clear();
    put_return(code + 64, 1);
    put_return(code + 128, 2);
    code[0] = 0xe9; /* jmp */
    put32(code + 1, 64 - 5);
    check_eq(run(code), 1);
    put32(code + 1, 128 - 5);
    check_eq(run(code), 2);
}

CASE(breakpoint_patch, "INT3 put into code and taken out again")
{
    Trap t;

    clear();
    put_return(code, 3);
    check_eq(run(code), 3);
    code[0] = INT3;
    t = CATCH(run(code));
    check_eq(t.vector, BP);
    check_eq(t.ip, (word)code + 1);
    code[0] = MOV_EAX;
    check_eq(run(code), 3);
}

static void patch_ud(Frame *frame)
{
    u8 *at = (u8 *)frame->ip;

    at[0] = at[1] = INC_EAX;
}

CASE(handler_patches, "a fault handler replaces the instruction that faulted")
{
    u8 *at = code;

    clear();
    trap_handle(UD, patch_ud);
    *at++ = 0x31;
    *at++ = 0xc0;
    *at++ = 0x0f; /* ud2 */
    *at++ = 0x0b;
    *at++ = RET;
    check_eq(run(code), 2);
    check_eq(run(code), 2);
}

CASE(stack_page, "code in the page of its own stack")
{
    u32 result;

    /* The stack grows down towards the code; pushes and pops go on beside it. */
    clear();
    code[0] = 0x6a; /* push $5 */
    code[1] = 5;
    code[2] = 0x58; /* pop %eax */
    code[3] = RET;
    for (u32 i = 0; i < 50; i++) {
        code[1] = i;
        asm volatile("mov %%esp, %%ebx\n mov %1, %%esp\n call *%2\n mov %%ebx, %%esp"
                     : "=a"(result)
                     : "r"(code + 512), "r"(code)
                     : "ebx", "memory");
        check_eq(result, i);
    }
}

CASE(push_makes_code, "PUSH writes the code that runs next")
{
    u32 result;

    /* On a stack at code + 64: push of "mov $imm8, %al; ret" and a call there. */
    clear();
    for (u32 i = 1; i < 20; i++) {
        asm volatile("mov %%esp, %%ebx\n mov %1, %%esp\n push %2\n mov %%esp, %%edx\n"
                     "sub $32, %%esp\n xor %%eax, %%eax\n call *%%edx\n mov %%ebx, %%esp"
                     : "=&a"(result)
                     : "r"(code + 64), "r"(0x90c300b0u | i << 8)
                     : "ebx", "edx", "memory");
        check_eq(result, i);
    }
}

/* Each writes `value` over the immediate at code + 1. */
static void by_mov(u32 value)
{
    *(volatile u32 *)(code + 1) = value;
}

static void by_xchg(u32 value)
{
    asm volatile("xchg %0, %1" : "+r"(value), "+m"(*(u32 *)(code + 1)));
}

static void by_cmpxchg(u32 value)
{
    u32 old = *(volatile u32 *)(code + 1);

    asm volatile("lock cmpxchg %1, %0" : "+m"(*(u32 *)(code + 1)), "+r"(value), "+a"(old));
}

static void by_cmpxchg8b(u32 value)
{
    u32 low = *(volatile u32 *)(code + 1), high = *(volatile u32 *)(code + 5);

    asm volatile("lock cmpxchg8b %0"
                 : "+m"(*(u64 *)(code + 1)), "+a"(low), "+d"(high)
                 : "b"(value), "c"(high));
}

static void by_stos(u32 value)
{
    u8 *to = code + 1;

    asm volatile("stosl" : "+D"(to) : "a"(value) : "memory");
}

static void by_bytes(u32 value)
{
    for (int i = 0; i < 4; i++) {
        *(volatile u8 *)(code + 1 + i) = value >> (8 * i);
    }
}

static void by_fpu(u32 value)
{
    static volatile u32 from;

    from = value;
    asm volatile("fildl %1\n fistpl %0" : "=m"(*(u32 *)(code + 1)) : "m"(from));
}

static void by_sse(u32 value)
{
    static u32 line[4] __attribute__((aligned(16)));

    if (!cpu_has(HAS_SSE)) {
        by_mov(value);
        return;
    }
    write_cr4(read_cr4() | CR4_OSFXSR);
    memcpy(line, code, 16);
    memcpy((u8 *)line + 1, &value, 4);
    asm volatile("movaps %1, %%xmm0\n movaps %%xmm0, %0" : "=m"(*(u32(*)[4])code) : "m"(line));
}

static void by_add(u32 value)
{
    asm volatile("lock addl %1, %0"
                 : "+m"(*(u32 *)(code + 1))
                 : "r"(value - *(volatile u32 *)(code + 1)));
}

CASE(every_store, "stores of every kind are seen")
{
    static void (*const store[])(u32) = {by_mov,   by_xchg, by_cmpxchg, by_cmpxchg8b, by_stos,
                                         by_bytes, by_fpu,  by_sse,     by_add};

    clear();
    put_return(code, 0);
    for (u32 i = 0; i < 4 * COUNT(store); i++) {
        store[i % COUNT(store)](0x1000 + i);
        check_eq(run(code), 0x1000 + i);
    }
}

CASE(change_length, "an instruction becomes longer: the old tail is not run")
{
    clear();
    code[0] = 0xb0; /* mov $1, %al; inc %eax; ... */
    code[1] = 1;
    memset(code + 2, INC_EAX, 4);
    code[6] = RET;
    asm volatile("" : : : "memory");
    check_eq((u8)run(code), 5);
    code[0] = MOV_EAX;
    check_eq(run(code), 0x40404001 + 1);
}

CASE(page_executed_and_written, "two functions of a page, one changes while the other runs")
{
    clear();
    put_return(code + 512, 1);
    for (u32 i = 0; i < 300; i++) {
        put_return(code, i);
        check_eq(run(code + 512), 1);
        check_eq(run(code), i);
    }
}

/* --- with paging ------------------------------------------------------------------------------- */

#define ALIAS (WINDOW + 0x1000)

CASE(alias, "code is changed through another linear address")
{
    clear();
    paging_start(PAGING_32);
    page_map(ALIAS, (word)code | PAGE_ALL);
    put_return(code, 1);
    check_eq(run(code), 1);
    *(volatile u32 *)(ALIAS + 1) = 2;
    serialize();
    check_eq(run(code), 2);
    check_eq(run((u8 *)ALIAS), 2);
    *(volatile u32 *)(code + 1) = 3;
    serialize();
    check_eq(run((u8 *)ALIAS), 3);
    paging_stop();
}

CASE(remap, "another page comes to the same linear address")
{
    paging_start(PAGING_32);
    put_return(frames[0], 10);
    put_return(frames[1], 11);
    for (int i = 0; i < 20; i++) {
        page_map(WINDOW, FRAME(i & 1) | PAGE_ALL);
        check_eq(run((u8 *)WINDOW), 10 + (i & 1));
    }
    paging_stop();
}

CASE(remap_second_page, "the second page of an instruction that lies in two is another one")
{
    u8 *at = (u8 *)WINDOW + 4096 - 3;

    paging_start(PAGING_32);
    page_map(WINDOW, FRAME(0) | PAGE_ALL);
    for (u32 i = 0; i < 20; i++) {
        u8 *second = frames[1 + (i & 1)];
        memset(second, 0x70 + (i & 1), 2);
        second[2] = RET;
        page_map(WINDOW + 4096, (word)second | PAGE_ALL);
        frames[0][4093] = MOV_EAX;
        frames[0][4094] = frames[0][4095] = 0;
        serialize();
        check_eq(run(at), (0x7070u + (i & 1) * 0x101) << 16);
    }
    paging_stop();
}

CASE(two_addresses_one_page, "code at two linear addresses of one page sees its own address")
{
    u8 *at = frames[3];

    /* call 1f; 1: pop %eax; ret */
    *at++ = 0xe8;
    at = put32(at, 0);
    *at++ = 0x58;
    *at++ = RET;
    paging_start(PAGING_32);
    page_map(WINDOW, FRAME(3) | PAGE_ALL);
    page_map(WINDOW + 0x5000, FRAME(3) | PAGE_ALL);
    for (int i = 0; i < 4; i++) {
        check_eq(run((u8 *)WINDOW), (word)WINDOW + 5);
        check_eq(run((u8 *)WINDOW + 0x5000), (word)WINDOW + 0x5005);
    }
    paging_stop();
}

CASE(write_protected, "a write to a code page that is write-protected changes nothing")
{
    Trap t;

    clear();
    paging_start(PAGING_32);
    write_cr0(read_cr0() | CR0_WP);
    put_return(frames[0], 1);
    page_map(WINDOW, FRAME(0) | PAGE_P);
    check_eq(run((u8 *)WINDOW), 1);
    t = CATCH(*(volatile u32 *)(WINDOW + 1) = 2);
    check_eq(t.vector, PF);
    check_eq(t.error, PF_P | PF_W);
    check_eq(run((u8 *)WINDOW), 1);
    paging_stop();
}
