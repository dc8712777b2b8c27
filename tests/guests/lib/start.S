/* start.S - where a guest starts: 32-bit protected mode, flat, paging off, from rom.S or a multiboot
 * loader. [MULTIBOOT] "OS image format", "Machine state". */
#include "selectors.h"
#define MULTIBOOT_MAGIC 0x1badb002

        .section .multiboot, "ax"
        .long MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC
        .balign 16
        .code32
        .global _start
_start:
        cli
        cld
        mov $start_stack_end, %esp
        /* rom.S gives the image without its .bss, and RAM may hold anything. */
        mov $__bss_start, %edi
        mov $__bss_end, %ecx
        sub %edi, %ecx
        xor %eax, %eax
        rep stosb
        in $0x92, %al           /* A20 on: the "fast" way */
        or $2, %al
        and $0xfe, %al
        out %al, $0x92
        lgdt start_gdtr
        ljmp $SEL_CODE32, $1f
1:      mov $SEL_DATA, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %fs
        mov %eax, %gs
        mov %eax, %ss
#ifdef __x86_64__
        /* The first 4 GiB as they are, in 2 MiB pages for all rings. */
        mov $start_pml4, %ebx
        movl $start_pdpt + 7, (%ebx)
        mov $start_pdpt, %ebx
        mov $start_pd + 7, %eax
        mov $4, %ecx
2:      mov %eax, (%ebx)
        add $8, %ebx
        add $4096, %eax
        loop 2b
        mov $start_pd, %ebx
        mov $0x87, %eax         /* present, writable, user, 2 MiB */
        mov $2048, %ecx
3:      mov %eax, (%ebx)
        add $8, %ebx
        add $0x200000, %eax
        loop 3b
        mov %cr4, %eax
        or $1 << 5, %eax        /* PAE */
        mov %eax, %cr4
        mov $start_pml4, %eax
        mov %eax, %cr3
        mov $0xc0000080, %ecx   /* EFER: LME */
        rdmsr
        or $1 << 8, %eax
        wrmsr
        mov %cr0, %eax
        or $0x80000001, %eax
        mov %eax, %cr0
        ljmp $SEL_CODE64, $4f
        .code64
4:      mov $start_stack_end, %rsp
#endif
        call guest_main
        .code32

        .section .rodata
        .balign 8
start_gdt:
        .quad 0
        .quad 0x00cf9b000000ffff        /* SEL_CODE32 */
        .quad 0x00cf93000000ffff        /* SEL_DATA */
        .quad 0, 0, 0, 0
        .quad 0x00af9b000000ffff        /* SEL_CODE64 */
start_gdtr:
        .word 63
        .long start_gdt, 0

        .bss
        .balign 4096
        .global start_pml4
start_pml4:
        .skip 4096
start_pdpt:
        .skip 4096
start_pd:
        .skip 16384
        .skip 32768
start_stack_end:
        .section .note.GNU-stack, "", @progbits
