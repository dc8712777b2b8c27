/* start.S - from the reset vector to C. [SDM3] "First Instruction Executed",
 * "Switching to Protected Mode", "Initializing IA-32e Mode".
 *
 * The ROM ends at 4 GiB. It holds the image, which is linked to run at 1 MiB, and in its last page
 * this code, which takes the image there.
 */
    .section .start16, "ax"
    .code16
    .globl start16
start16:
    cli
    cld
    in $0x92, %al /* A20 on, without the reset bit */
    or $2, %al
    and $0xfe, %al
    out %al, $0x92
    lgdtl %cs:(start_gdt_pointer - start16 + START16_IP)
    mov $0x11, %eax /* PE, ET; CD and NW off */
    mov %eax, %cr0
    ljmpl $0x08, $start32

    .code32
start32:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    mov $rom_image, %esi
    mov $image_start, %edi
    mov $image_dwords, %ecx
    rep movsl
    mov $bss_start, %edi
    mov $bss_dwords, %ecx
    xor %eax, %eax
    rep stosl
    mov $start_stack_end, %esp
#ifdef __x86_64__
    call long_mode_on
    ljmpl $0x38, $start64
    .code64
start64:
    call guest_main
#else
    call guest_main
#endif
1:  hlt
    jmp 1b

    .balign 8
start_gdt:
    .quad 0
    .quad 0x00cf9b000000ffff /* 08 code */
    .quad 0x00cf93000000ffff /* 10 data */
    .quad 0, 0, 0, 0
    .quad 0x00af9b000000ffff /* 38 64-bit code */
start_gdt_end:
start_gdt_pointer:
    .word start_gdt_end - start_gdt - 1
    .long start_gdt

    .section .reset, "ax"
    .code16
    jmp start16

#ifdef __x86_64__
/* The first 4 GiB, each address to itself, in 2 MiB pages; then long mode, still in 32-bit code. */
    .text
    .code32
    .globl long_mode_on
long_mode_on:
    mov $start_pdpt + 7, %eax
    mov %eax, start_pml4
    mov $start_pd + 7, %eax
    xor %ecx, %ecx
1:  mov %eax, start_pdpt(, %ecx, 8)
    add $0x1000, %eax
    inc %ecx
    cmp $4, %ecx
    jb 1b
    mov $0x87, %eax /* P, R/W, U/S, PS */
    xor %ecx, %ecx
2:  mov %eax, start_pd(, %ecx, 8)
    add $0x200000, %eax
    inc %ecx
    cmp $2048, %ecx
    jb 2b
    .globl long_mode_enter
long_mode_enter:
    mov %cr4, %eax
    or $0x20, %eax /* PAE */
    mov %eax, %cr4
    mov $start_pml4, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx /* IA32_EFER.LME */
    rdmsr
    or $0x100, %eax
    wrmsr
    mov $0x80000011, %eax /* PG, ET, PE */
    mov %eax, %cr0
    ret

    .bss
    .balign 4096
    .globl start_pml4, start_pd
start_pml4: .skip 4096
start_pdpt: .skip 4096
start_pd:   .skip 4 * 4096
#endif

    .bss
    .balign 16
    .skip 65536
start_stack_end:
    .section .note.GNU-stack, "", @progbits
