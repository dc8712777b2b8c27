/* real.S - to real mode and back, and to virtual-8086 mode. [SDM3] "Switching Back to Real-Address Mode",
 * "Entering Virtual-8086 Mode". */
#include "lib/selectors.h"

/* Offsets in Regs16 of real.h, which lies at SHARED. */
#define SHARED (LOW_SWITCH + 0x800)
#define EAX 0
#define EBX 4
#define ECX 8
#define EDX 12
#define ESI 16
#define EDI 20
#define EBP 24
#define ESP 28
#define EIP 32
#define EFLAGS 36
#define CS_ 40
#define DS_ 42
#define ES_ 44
#define FS_ 46
#define GS_ 48
#define SS_ 50
#define VECTOR 52
#define FAR_ 60
#define LOW(label) (LOW_SWITCH + (label) - real_begin)

        .text
        .code32
        .global real_switch
real_switch:
        pusha
        mov %esp, saved_esp
        lidt real_idtr
        ljmp $SEL_CODE16, $LOW(to_real)
from_real:
        mov $SEL_DATA, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %fs
        mov %eax, %gs
        mov %eax, %ss
        mov saved_esp, %esp
        popa
        ret

        .global v86_switch
v86_switch:                     /* const Regs16 * */
        mov 4(%esp), %eax
        pushl GS_(%eax)
        pushl FS_(%eax)
        pushl DS_(%eax)
        pushl ES_(%eax)
        pushl SS_(%eax)
        pushl ESP(%eax)
        mov EFLAGS(%eax), %edx
        or $1 << 17, %edx       /* VM */
        push %edx
        pushl CS_(%eax)
        pushl EIP(%eax)
        mov EBX(%eax), %ebx
        mov ECX(%eax), %ecx
        mov EDX(%eax), %edx
        mov ESI(%eax), %esi
        mov EDI(%eax), %edi
        mov EBP(%eax), %ebp
        mov EAX(%eax), %eax
        iret

/* From here on copied to LOW_SWITCH. */
        .global real_begin, real_trap, real_end
        .code16
real_begin:
to_real:
        mov $SEL_DATA16, %ax    /* limits of 64 KiB stay in real mode */
        mov %ax, %ds
        mov %ax, %es
        mov %ax, %fs
        mov %ax, %gs
        mov %ax, %ss
        mov %cr0, %eax
        and $0x7ffffffe, %eax
        mov %eax, %cr0
        ljmp $0, $LOW(1f)
1:      xor %ax, %ax
        mov %ax, %ss
        mov $SHARED - 16, %sp
        mov %ax, %ds
        pushl SHARED + EFLAGS
        popfl
        mov SHARED + SS_, %ss
        mov SHARED + ESP, %esp
        mov SHARED + ES_, %es
        mov SHARED + FS_, %fs
        mov SHARED + GS_, %gs
        mov SHARED + EAX, %eax
        mov SHARED + EBX, %ebx
        mov SHARED + ECX, %ecx
        mov SHARED + EDX, %edx
        mov SHARED + ESI, %esi
        mov SHARED + EDI, %edi
        mov SHARED + EBP, %ebp
        mov SHARED + DS_, %ds
        ljmp *%cs:SHARED + FAR_

/* On the stack: vector, IP, CS, FLAGS. */
real_trap:
        mov %eax, %cs:SHARED + EAX
        mov %ebx, %cs:SHARED + EBX
        mov %ecx, %cs:SHARED + ECX
        mov %edx, %cs:SHARED + EDX
        mov %esi, %cs:SHARED + ESI
        mov %edi, %cs:SHARED + EDI
        mov %ebp, %cs:SHARED + EBP
        mov %ds, %cs:SHARED + DS_
        mov %es, %cs:SHARED + ES_
        mov %fs, %cs:SHARED + FS_
        mov %gs, %cs:SHARED + GS_
        mov %ss, %cs:SHARED + SS_
        popw %cs:SHARED + VECTOR
        popw %cs:SHARED + EIP
        popw %cs:SHARED + CS_
        popw %cs:SHARED + EFLAGS
        mov %esp, %cs:SHARED + ESP
        movw $0, %cs:SHARED + EIP + 2
        movw $0, %cs:SHARED + EFLAGS + 2
        cld
        mov %cr0, %eax
        or $1, %al
        mov %eax, %cr0
        ljmpl $SEL_CODE32, $from_real
real_end:
        .code32

        .section .rodata
real_idtr:
        .word 0x3ff
        .long 0

        .bss
        .balign 4
saved_esp:
        .skip 4
        .section .note.GNU-stack, "", @progbits
