/* start_ap.S - an application processor from its start-up IPI to ap_main, in long mode. Runs at any
 * page below 1 MiB. [SDM3] "Typical AP Initialization Sequence". */
#include "lib/selectors.h"

        .text
        .code16
        .global ap_begin, ap_end, ap_cr3, ap_registers
ap_begin:
        mov %eax, %cs:ap_registers - ap_begin
        mov %ebx, %cs:ap_registers - ap_begin + 4
        mov %ecx, %cs:ap_registers - ap_begin + 8
        mov %edx, %cs:ap_registers - ap_begin + 12
        mov %esi, %cs:ap_registers - ap_begin + 16
        mov %edi, %cs:ap_registers - ap_begin + 20
        mov %ebp, %cs:ap_registers - ap_begin + 24
        mov %esp, %cs:ap_registers - ap_begin + 28
        mov %cs, %cs:ap_registers - ap_begin + 40
        mov %ds, %cs:ap_registers - ap_begin + 42
        mov %es, %cs:ap_registers - ap_begin + 44
        mov %ss, %cs:ap_registers - ap_begin + 46
        pushfl
        popl %cs:ap_registers - ap_begin + 32
        mov %cr0, %eax
        mov %eax, %cs:ap_registers - ap_begin + 36
        xor %esi, %esi
        mov %cs, %si
        shl $4, %esi            /* the linear address of ap_begin */
        lgdtl %cs:ap_gdtr - ap_begin
        mov $1 << 5, %eax       /* PAE */
        mov %eax, %cr4
        mov %cs:ap_cr3 - ap_begin, %eax
        mov %eax, %cr3
        mov $0xc0000080, %ecx   /* EFER: LME */
        rdmsr
        or $1 << 8, %eax
        wrmsr
        mov $0x80000031, %eax   /* PG, NE, ET, PE; the caches are on */
        mov %eax, %cr0
        ljmpl $SEL_CODE64, $ap_long
        .balign 4
ap_gdtr:
        .word 64 * 8 - 1
        .long gdt
        .balign 4
ap_cr3: .long 0
ap_registers:
        .skip 48
ap_end:

        .code64
ap_long:
        mov $SEL_DATA, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        mov $1, %eax            /* CPUID: the APIC's number chooses the stack */
        cpuid
        shr $24, %ebx
        inc %ebx
        shl $12, %ebx
        lea ap_stacks(%rbx), %rsp
        mov %rsi, %rdi
        add $ap_registers - ap_begin, %rdi
        call ap_main
        .section .note.GNU-stack, "", @progbits
