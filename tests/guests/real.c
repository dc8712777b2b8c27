/* real.c - real mode: addresses and their ends, interrupts, the stack, strings, what is not there.
 * [SDM3] "8086 Emulation", "Real-Address Mode". */
#include "lib/32/real.h"
#include "lib/cpu.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

#define BYTES(...) ".byte " #__VA_ARGS__ "\n"

enum { DATA = LOW_DATA };

/* Runs code from the usual registers, changed by the statements in between. */
#define REAL(code, ...)           \
    ({                            \
        Regs16 r = REGS16;        \
        low_reset();              \
        __VA_ARGS__;              \
        run_real(&r, CODE(code)); \
        r;                        \
    })
#define check_done(r) check_eq((r).vector, TRAP_DONE)
#define check_vector(r, v, ip)   \
    do {                         \
        check_eq((r).vector, v); \
        check_eq((r).eip, ip);   \
    } while (0)

/* Addresses. [SDM3] "Address Translation in Real-Address Mode". */

CODE16(load_word, "mov (%bx), %ax" DONE);
CODE16(load_byte, "mov (%bx), %al" DONE);
CODE16(load_dword, "mov (%bx), %eax" DONE);
CODE16(store_word, "mov %ax, (%bx)" DONE);
CODE16(load_stack, "mov (%bp), %ax" DONE);
CODE16(load_32bit_address, "movb (%ebx), %al" DONE);
CODE16(load_sum, "movb (%bx,%si), %al" DONE);
CODE16(load_disp, "movb 0x7000(%bx,%si), %al" DONE);

CASE(segment_times_16, "an address is the segment times 16 and the offset")
{
    low16(DATA + 0x234) = 0xbeef;
    Regs16 r = REAL(load_word, r.ebx = 0x234);
    check_done(r);
    check_eq(r.eax, 0xbeef);
    r = REAL(load_word, r.ds = DATA / 16 + 0x23; r.ebx = 4);
    check_eq(r.eax, 0xbeef);
}

CASE(effective_address_wraps, "16-bit effective addresses wrap at 64 KiB")
{
    *low8(DATA + 0x10) = 0x5a;
    check_eq(REAL(load_sum, r.ebx = 0xfff8; r.esi = 0x18).eax, 0x5a);
    check_eq(REAL(load_disp, r.ebx = 0xf000; r.esi = 0xa010).eax, 0x5a);
}

CASE(last_byte, "a byte at FFFFh can be read, a word there is #GP")
{
    *low8(LOW_64K + 0xffff) = 0x77;
    Regs16 r = REAL(load_byte, r.ds = LOW_64K / 16; r.ebx = 0xffff);
    check_done(r);
    check_eq(r.eax, 0x77);
    check_vector(REAL(load_word, r.ds = LOW_64K / 16; r.ebx = 0xffff), GP, 0);
    check_vector(REAL(store_word, r.ds = LOW_64K / 16; r.ebx = 0xffff), GP, 0);
    check_done(REAL(load_word, r.ds = LOW_64K / 16; r.ebx = 0xfffe));
    check_vector(REAL(load_dword, r.ds = LOW_64K / 16; r.ebx = 0xfffd), GP, 0);
    check_done(REAL(load_dword, r.ds = LOW_64K / 16; r.ebx = 0xfffc));
}

CASE(last_byte_stack, "a word at SS:FFFF is #SS")
{
    check_vector(REAL(load_stack, r.ebp = 0xffff), SS, 0);
    check_done(REAL(load_stack, r.ebp = 0xfffe));
}

CASE(beyond_64k, "a 32-bit offset above FFFFh is #GP")
{
    check_vector(REAL(load_32bit_address, r.ebx = 0x10000), GP, 0);
    check_vector(REAL(load_32bit_address, r.ebx = 0xffffffff), GP, 0);
    check_done(REAL(load_32bit_address, r.ebx = 0xffff));
}

CODE16(a20, "in $0x92, %al\n and $0xfd, %al\n out %al, $0x92\n movl (%bx), %ecx\n"
            "or $2, %al\n out %al, $0x92\n movl (%bx), %edx" DONE);

CASE(above_1m, "FFFF:0010 is 1 MiB, or 0 with A20 masked")
{
    u32 at_0;

    low_reset();
    at_0 = low32(0);
    Regs16 r = REAL(a20, r.ds = 0xffff; r.ebx = 0x10);
    check_done(r);
    check_eq(r.ecx, at_0);
    check_eq(r.edx, low32(0x100000));
}

CODE16(cs_store, "movw $0x1234, %cs:0x100\n mov %cs:0x100, %ax" DONE);

CASE(cs_writable, "CS can be written in real mode")
{
    Regs16 r = REAL(cs_store);
    check_done(r);
    check_eq(r.eax, 0x1234);
}

/* "Unreal" mode: the limits of protected mode stay. [SDM3] "Switching to Real-Address Mode" */
CODE16(unreal,
       "cli\n mov %cr0, %eax\n or $1, %al\n mov %eax, %cr0\n mov $0x10, %bx\n mov %bx, %ds\n"
       "and $0xfe, %al\n mov %eax, %cr0\n xor %bx, %bx\n mov %bx, %ds\n"
       "mov $0x123456, %ebx\n movl (%ebx), %ecx\n movl $0x9abcdef0, (%ebx)" DONE);

CASE(unreal_mode, "a limit of 4 GiB loaded in protected mode stays when DS is loaded in real mode")
{
    low32(0x123456) = 0x12345678;
    Regs16 r = REAL(unreal);
    check_done(r);
    check_eq(r.ecx, 0x12345678);
    check_eq(low32(0x123456), 0x9abcdef0);
}

/* Interrupts. [SDM3] "Interrupt and Exception Handling in Real-Address Mode". */

CODE16(int_flags, "int $0x60\n mov %bp, %dx" DONE);
static const u8 handler_60[] = {
    0x9c,             /* PUSHF */
    0x58,             /* POP AX */
    0x89, 0xe5,       /* MOV BP, SP */
    0x8b, 0x5e, 0x00, /* MOV BX, [BP]      IP */
    0x8b, 0x4e, 0x02, /* MOV CX, [BP + 2]  CS */
    0x8b, 0x76, 0x04, /* MOV SI, [BP + 4]  FLAGS */
    0xcf,             /* IRET */
};

static void install_60(void)
{
    memcpy((void *)low8(0x7800), handler_60, sizeof(handler_60));
    low32(0x60 * 4) = 0x07800000; /* 0780:0000 */
}

CASE(int_pushes,
     "INT n pushes FLAGS, CS and IP as words, clears IF and TF, and IRET brings them back")
{
    Regs16 r = REAL(int_flags, install_60(); r.eflags = 2 | FLAG_IF | FLAG_CF);
    check_done(r);
    check_eq(r.eax & 0xffff & (FLAG_IF | FLAG_TF | FLAG_CF), FLAG_CF);
    check_eq(r.ebx, 2);
    check_eq(r.ecx, LOW_CODE >> 4);
    check_eq(r.esi & (FLAG_IF | FLAG_CF), FLAG_IF | FLAG_CF);
    check_eq(r.edx & 0xffff, 0x3ff0 - 6);
    check_eq(r.eflags & (FLAG_IF | FLAG_CF), FLAG_IF | FLAG_CF);
    check_eq(r.esp, 0x3ff0);
}

CASE(lidt_moves_vectors, "LIDT moves the interrupt vectors")
{
    static const u8 code[] = {0x66, 0x0f, 0x01, 0x1e, 0x0c, 0x00, /* LIDT [000C] */
                              0xcd, 0x60, 0xcd, 0xf1, 0x90, 0x90,
                              0xff, 0x03, 0x00, 0x00, 0x02, 0x00};
    Regs16 r = REGS16;

    low_reset();
    for (u32 i = 0; i < 256; i++) {
        low32(0x20000 + i * 4) = low32(i * 4);
    }
    low32(0x20000 + 0x60 * 4) = LOW_STUBS + 0x61 * 8; /* vector 60h leads where 61h did */
    r.ds = r.cs;
    run_real(&r, code, code + sizeof(code));
    check_vector(r, 0x61, 8);
}

CASE(idt_limit, "a vector beyond the IDT's limit is #GP")
{
    static const u8 code[] = {0x66, 0x0f, 0x01, 0x1e, 0x0c, 0x00, /* LIDT [000C] */
                              0xcd, 0x60, 0xcd, 0xf1, 0x90, 0x90, 0x82,
                              0x01, 0x00, 0x00, 0x00, 0x00}; /* limit: 60h's last byte is missing */
    Regs16 r = REGS16;

    low_reset();
    r.ds = r.cs;
    run_real(&r, code, code + sizeof(code));
    check_vector(r, GP, 6);
}

CODE16(divide, "div %cl" DONE);
CODE16(int3, "int3" DONE);
CODE16(into, "into" DONE);
CODE16(bound, "bound %ax, (%bx)" DONE);
CODE16(ud, "ud2");
CODE16(icebp, BYTES(0xf1));

CASE(exceptions, "exceptions come by their vectors, without error codes")
{
    check_vector(REAL(divide, r.eax = 1), DE, 0);
    check_vector(REAL(int3), BP, 1);
    check_vector(REAL(into, r.eflags = 2 | FLAG_OF), OF, 1);
    check_done(REAL(into));
    low32(DATA) = 0x00050002;
    check_vector(REAL(bound, r.eax = 6), BR, 0);
    check_done(REAL(bound, r.eax = 5));
    check_vector(REAL(ud), UD, 0);
    check_eq(REAL(ud).esp, 0x3ff0); /* nothing else was pushed */
    check_vector(REAL(icebp), DB, 1);
}

CODE16(fpu_em, "mov %cr0, %eax\n mov %eax, %ecx\n or $4, %al\n mov %eax, %cr0\n fnop");

CASE(nm, "#NM in real mode with CR0.EM")
{
    Regs16 r = REAL(fpu_em);
    write_cr0(read_cr0() & ~CR0_EM);
    check_eq(r.vector, NM);
}

CODE16(trap_flag, "pushf\n pop %ax\n or $1, %ah\n push %ax\n popf\n nop\n nop" DONE);

CASE(single_step, "TF steps: #DB after the instruction that follows POPF")
{
    check_vector(REAL(trap_flag), DB, 8);
}

CODE16(iret_flags,
       "pushw $0x7ed7\n push %cs\n call 1f\n 1: pop %ax\n add $(2f - 1b), %ax\n push %ax\n"
       "iret\n 2: pushf\n pop %ax" DONE);

CASE(iret_all_flags, "IRET in real mode sets IOPL and NT") /* [SDM2] IRET, REAL-ADDRESS-MODE */
{
    Regs16 r = REAL(iret_flags);
    check_done(r);
    check_eq(r.eax & 0xffff, 0x7ed7);
}

CODE16(popf_flags, "push %ax\n popf\n pushf\n pop %bx\n pushfl\n pop %ecx" DONE);

CASE(popf_all_flags,
     "POPF sets IOPL and NT, keeps bit 1 set, bits 3, 5 and 15 clear") /* [SDM2] POPF */
{
    Regs16 r = REAL(popf_flags, r.eax = 0xfeff);
    check_done(r);
    check_eq(r.ebx & 0xffff, 0x7ed7);
    r = REAL(popf_flags, r.eax = 0);
    check_eq(r.ebx & 0xffff, 2);
}

CODE16(popfd, "pushl $0x00240246\n popfl\n pushfl\n pop %eax" DONE);

CASE(popfd_ac_id, "POPFD sets AC and ID") /* [SDM2] POPF */
{
    Regs16 r = REAL(popfd);
    check_eq(r.eax & 0x00240fff, 0x00240246);
}

/* The stack. [SDM3] "Stack", [SDM2] PUSH, POP. */

CODE16(push_sp, "push %sp\n pop %ax" DONE);
CODE16(push_wrap, "push %ax" DONE);
CODE16(pop_wrap, "pop %ax" DONE);
CODE16(pushl, "pushl %eax" DONE);
CODE16(pusha_popa, "pusha\n mov %sp, %bp\n mov 6(%bp), %ax\n mov 14(%bp), %cx\n add $16, %sp" DONE);
CODE16(enter, "enter $4, $2\n mov %sp, %ax\n mov (%bp), %cx\n mov -2(%bp), %dx\n mov -4(%bp), %si\n"
              "leave" DONE);

CASE(push_sp_old, "PUSH SP pushes SP as it was before") /* [SDM2] PUSH */
{
    check_eq(REAL(push_sp).eax & 0xffff, 0x3ff0);
}

CASE(push_wraps, "PUSH at SP 0 goes to FFFEh, POP there comes back to 0")
{
    Regs16 r = REAL(push_wrap, r.ss = LOW_64K / 16; r.esp = 0xabcd0000; r.eax = 0x1357);
    check_eq(r.esp, 0xabcdfffe);
    check_eq(low16(LOW_64K + 0xfffe), 0x1357);
    r = REAL(pop_wrap, r.ss = LOW_64K / 16; r.esp = 0xfffe);
    check_eq(r.eax, 0x1357);
    check_eq(r.esp, 0);
}

CASE(push_dword_wraps, "PUSH of a doubleword at SP 2 would cross the end: #SS, at 0 it fits")
{
    Regs16 r = REAL(pushl, r.ss = LOW_64K / 16; r.esp = 0; r.eax = 0x2468ace0);
    check_done(r);
    check_eq(low32(LOW_64K + 0xfffc), 0x2468ace0);
    r = REAL(pushl, r.ss = LOW_64K / 16; r.esp = 2);
    check_vector(r, SS, 0);
    check_eq(r.esp, 2);
}

CASE(pusha_order, "PUSHA pushes AX CX DX BX SP BP SI DI, SP as before") /* [SDM2] PUSHA */
{
    Regs16 r = REAL(pusha_popa, r.eax = 0x1111; r.ecx = 0x2222);
    check_eq(r.eax & 0xffff, 0x3ff0);
    check_eq(r.ecx & 0xffff, 0x1111);
}

CASE(enter_levels, "ENTER 4, 2 copies the frame pointers") /* [SDM2] ENTER */
{
    low16(LOW_STACK + 0x3ff8) = 0xaaaa; /* the outer frame: its BP, and above it ... */
    low16(LOW_STACK + 0x3ff6) = 0xbbbb; /* ... its first display entry */
    Regs16 r = REAL(enter, r.ebp = 0x3ff8);
    check_done(r);
    check_eq(r.ecx & 0xffff, 0x3ff8);
    check_eq(r.edx & 0xffff, 0xbbbb);
    check_eq(r.esi & 0xffff, 0x3fee); /* the new frame's own */
    check_eq(r.eax & 0xffff, 0x3fee - 4 - 4);
    check_eq(r.ebp & 0xffff, 0x3ff8);
}

CODE16(call_wrap, "call 1f\n 1: mov %sp, %ax" DONE);

CASE(call_wraps, "CALL at SP 0 pushes at FFFEh")
{
    Regs16 r = REAL(call_wrap, r.ss = LOW_64K / 16; r.esp = 0);
    check_eq(r.eax & 0xffff, 0xfffe);
    check_eq(low16(LOW_64K + 0xfffe), 3);
}

CODE16(far_call, "lcall *(%bx)\n mov $7, %cx" DONE);

CASE(far_call_return, "CALL far and RET far with a count")
{
    static const u8 code[] = {0x89, 0xe5, 0x8b, 0x46,
                              0x02, 0xca, 0x04, 0x00}; /* MOV BP, SP; MOV AX, [BP + 2]; RETF 4 */

    memcpy((void *)low8(0x7900), code, sizeof(code));
    low32(DATA) = 0x07900000;
    Regs16 r = REAL(far_call);
    check_done(r);
    check_eq(r.eax & 0xffff, LOW_CODE >> 4);
    check_eq(r.esp, 0x3ff4);
    check_eq(r.ecx & 0xffff, 7);
}

/* Strings. [SDM2] MOVS, LODS, STOS, SCAS, CMPS, REP. */

CODE16(rep_movsb, "rep movsb" DONE);
CODE16(rep_movsw, "rep movsw" DONE);
CODE16(std_movsb, "std\n rep movsb" DONE);
CODE16(a32_stosb, "addr32 rep stosb" DONE);
CODE16(repne_scasb, "repne scasb" DONE);
CODE16(repe_cmpsb, "repe cmpsb" DONE);

CASE(movsb_wraps, "REP MOVSB: SI and DI wrap at 64 KiB")
{
    *low8(LOW_64K + 0xffff) = 0x11;
    *low8(LOW_64K) = 0x22;
    Regs16 r = REAL(rep_movsb, r.ds = LOW_64K / 16; r.es = LOW_64K_2 / 16; r.esi = 0xabcdffff;
                    r.edi = 0xffff; r.ecx = 0x12340002);
    check_done(r);
    check_eq(r.esi, 0xabcd0001);
    check_eq(r.edi, 1);
    check_eq(r.ecx, 0x12340000);
    check_eq(*low8(LOW_64K_2 + 0xffff), 0x11);
    check_eq(*low8(LOW_64K_2), 0x22);
}

CASE(movsw_end, "REP MOVSW stops with #GP at FFFFh, having done the words before")
{
    Regs16 r = REAL(rep_movsw, r.ds = LOW_64K / 16; r.es = DATA / 16; r.esi = 0xfffb; r.edi = 0;
                    r.ecx = 5);
    check_vector(r, GP, 0);
    check_eq(r.esi, 0xffff);
    check_eq(r.edi, 4);
    check_eq(r.ecx, 3);
}

CASE(movsb_down, "DF: REP MOVSB goes down, and wraps at 0")
{
    Regs16 r = REAL(std_movsb, r.ds = LOW_64K / 16; r.es = LOW_64K_2 / 16; r.esi = 1; r.edi = 5;
                    r.ecx = 3);
    check_eq(r.esi, 0xfffe);
    check_eq(r.edi, 2);
}

CASE(rep_zero, "REP with CX 0 does nothing; the upper half of ECX does not count")
{
    Regs16 r = REAL(rep_movsb, r.ecx = 0x10000; r.esi = 4);
    check_done(r);
    check_eq(r.esi, 4);
}

CASE(rep_address_32, "with a 32-bit address size REP uses ECX, EDI; beyond 64 KiB is #GP")
{
    Regs16 r = REAL(a32_stosb, r.es = LOW_64K / 16; r.edi = 0xfffe; r.ecx = 4; r.eax = 0x33);
    check_vector(r, GP, 0);
    check_eq(r.edi, 0x10000);
    check_eq(r.ecx, 2);
}

CASE(scas_cmps, "REPNE SCAS and REPE CMPS stop by ZF, after counting")
{
    memset((void *)low8(DATA), 1, 16);
    *low8(DATA + 5) = 9;
    Regs16 r = REAL(repne_scasb, r.eax = 9; r.ecx = 16);
    check_eq(r.ecx, 10);
    check_eq(r.edi, 6);
    check(r.eflags & FLAG_ZF);
    r = REAL(repe_cmpsb, r.esi = 0; r.edi = 8; r.ecx = 8);
    check_eq(r.ecx, 2);
    check(!(r.eflags & FLAG_ZF));
}

/* Branches. */

CODE16(loop16, "loop 1f\n mov $1, %dx\n 1:" DONE);
CODE16(jecxz, "jecxz 1f\n mov $1, %dx\n 1:" DONE);
CODE16(jcxz, "jcxz 1f\n mov $1, %dx\n 1:" DONE);

CASE(loop_counts, "LOOP counts CX, JCXZ asks CX, JECXZ asks ECX") /* [SDM2] LOOP, Jcc */
{
    Regs16 r = REAL(loop16, r.ecx = 0x50001);
    check_eq(r.ecx, 0x50000);
    check_eq(r.edx, 1);
    r = REAL(loop16, r.ecx = 0x50000);
    check_eq(r.ecx, 0x5ffff);
    check_eq(r.edx, 0);
    check_eq(REAL(jcxz, r.ecx = 0x10000).edx, 0);
    check_eq(REAL(jecxz, r.ecx = 0x10000).edx, 1);
}

CODE16(jmp_around, "jmp . - 0x100");
CODE16(jmp_32bit, BYTES(0x66, 0xe9, 0x00, 0x00, 0x01, 0x00));

CASE(ip_wraps, "a near jump wraps IP at 64 KiB")
{
    static const u8 done[] = {0xcd, 0xf1};

    low_reset();
    memcpy((void *)low8(LOW_64K + 0xff10), done, 2);
    Regs16 r = REAL(jmp_around, r.cs = LOW_64K / 16; r.eip = 0x10);
    check_vector(r, TRAP_DONE, 0xff12);
}

CASE(jmp_32bit_limit, "a 32-bit near jump beyond 64 KiB is #GP") /* [SDM2] JMP */
{
    check_vector(REAL(jmp_32bit, r.cs = LOW_64K / 16; r.eip = 0x100), GP, 0x100);
}

CODE16(mov_imm, "mov $0x1234, %ax");

CASE(code_end, "an instruction that crosses FFFFh is #GP")
{
    check_vector(REAL(mov_imm, r.cs = LOW_64K / 16; r.eip = 0xfffe), GP, 0xfffe);
}

/* What real mode has and has not. [SDM3] "Registers and Instructions Supported by Real-Address
 * Mode". */

#define NOT_REAL(name, text) CODE16(not_##name, text)
NOT_REAL(lldt, "lldt %ax");
NOT_REAL(ltr, "ltr %ax");
NOT_REAL(sldt, "sldt %ax");
NOT_REAL(str, "str %ax");
NOT_REAL(lar, "lar %ax, %cx");
NOT_REAL(lsl, "lsl %ax, %cx");
NOT_REAL(verr, "verr %ax");
NOT_REAL(verw, "verw %ax");
NOT_REAL(arpl, "arpl %ax, %cx");

CASE(protected_only, "LLDT, LTR, SLDT, STR, LAR, LSL, VERR, VERW and ARPL are #UD")
{
    check_vector(REAL(not_lldt), UD, 0);
    check_vector(REAL(not_ltr), UD, 0);
    check_vector(REAL(not_sldt), UD, 0);
    check_vector(REAL(not_str), UD, 0);
    check_vector(REAL(not_lar), UD, 0);
    check_vector(REAL(not_lsl), UD, 0);
    check_vector(REAL(not_verr), UD, 0);
    check_vector(REAL(not_verw), UD, 0);
    check_vector(REAL(not_arpl), UD, 0);
}

CODE16(system,
       "smsw %ax\n clts\n mov %cr0, %ebx\n cli\n mov $0x174, %ecx\n rdmsr\n wrmsr\n invd" DONE);

CASE(system_instructions, "system instructions are allowed: real mode runs at CPL 0")
{
    check_done(REAL(system));
}

CODE16(sgdt16, "sgdt (%bx)" DONE);

CASE(sgdt_stores_32, "SGDT with a 16-bit operand size stores the whole base") /* [SDM2] SGDT */
{
    low16(DATA + 4) = 0xffff;
    REAL(sgdt16);
    check_eq(low16(DATA), sizeof(gdt) - 1);
    check_eq(low16(DATA + 2) | low16(DATA + 4) << 16, (word)gdt);
}

CODE16(lgdt16, "lgdt (%bx)\n sgdt 8(%bx)\n lgdtl 16(%bx)" DONE);

CASE(lgdt_loads_24, "LGDT with a 16-bit operand size loads 24 bits of base") /* [SDM2] LGDT */
{
    low16(DATA) = 0xff;
    low32(DATA + 2) = 0xab123456;
    low16(DATA + 16) = sizeof(gdt) - 1;
    low32(DATA + 18) = (word)gdt;
    REAL(lgdt16);
    check_eq(low16(DATA + 10) | low16(DATA + 12) << 16, 0x00123456);
}

CODE16(loads, "les (%bx), %si\n lfs (%bx), %di\n mov %es:(%si), %al\n mov %fs:(%di), %ah" DONE);

CASE(far_pointer_loads, "LES and LFS take any segment")
{
    low32(DATA) = 0x12340008;
    *low8(0x12348) = 0x42;
    Regs16 r = REAL(loads);
    check_done(r);
    check_eq(r.es, 0x1234);
    check_eq(r.eax & 0xffff, 0x4242);
}

CODE16(pe_keeps_base, "mov %cr0, %eax\n or $1, %al\n mov %eax, %cr0\n mov %cs:0x40, %dx\n"
                      "and $0xfe, %al\n mov %eax, %cr0" DONE);

CASE(pe_keeps_segments, "setting PE changes no segment until it is loaded")
{
    low_reset();
    low16(LOW_CODE + 0x40) = 0x7531;
    Regs16 r = REAL(pe_keeps_base);
    check_done(r);
    check_eq(r.edx & 0xffff, 0x7531);
}

CODE16(lmsw,
       "smsw %ax\n or $8, %al\n lmsw %ax\n smsw %bx\n and $0xf7, %al\n lmsw %ax\n smsw %cx" DONE);

CASE(lmsw_bits, "LMSW changes the low four bits") /* [SDM2] LMSW */
{
    Regs16 r = REAL(lmsw);
    check_eq(r.ebx & 0xf, (r.ecx & 0xf) | 8);
}

CODE16(xlat, "xlat" DONE);

CASE(xlat_wraps, "XLAT adds AL to BX within 16 bits") /* [SDM2] XLAT */
{
    *low8(DATA + 0x0f) = 0x66;
    check_eq(REAL(xlat, r.ebx = 0xfff0; r.eax = 0x1f).eax & 0xff, 0x66);
}

CODE16(lock_movs, BYTES(0xf0, 0xa4));

CASE(lock_illegal, "LOCK before MOVS is #UD")
{
    check_vector(REAL(lock_movs), UD, 0);
}
