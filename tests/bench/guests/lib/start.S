/* start.S - from the reset vector to main(): flat 32-bit or 64-bit code under 4 KiB pages.
 *
 * The image is a 64 KiB ROM that runs from a copy of itself at 1 MiB, where its addresses are:
 *   0010'0000  the copy, then uninitialised data     0050'0000  page tables
 *   004f'0000  stack, growing down                    0080'0000  up to 128 MiB: the workloads'
 * All of the 128 MiB are mapped where they are, for user mode too.
 * [SDM3] "Processor Management and Initialization". */
#define IMAGE      0x100000
#define IMAGE_SIZE 0x10000
#define ROM        0xffff0000 /* the image as the reset vector sees it */
#define STACK      0x4f0000
#define TABLES     0x500000
#define PAGES      32768
#define PTE        7 /* present, writable, user */
#define CONSOLE    0xe9

#define CODE32 0x08
#define DATA   0x10
#define CODE64 0x38

    .section .start, "ax"
    .code16
    .globl start16
/* The first byte out tells how long the emulator took to get here. */
start16:
    mov $'!', %al
    out %al, $CONSOLE
    cli
    mov $2, %al             /* A20 on, in case */
    out %al, $0x92
    lgdtl %cs:(gdt_in_rom - start16)
    mov $0x31, %eax         /* PE, ET, NE */
    mov %eax, %cr0
    ljmpl $CODE32, $(start32 - IMAGE + ROM)

    .code32
start32:
    mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    cld
    mov $ROM, %esi
    mov $IMAGE, %edi
    mov $(IMAGE_SIZE / 4), %ecx
    rep movsl
    mov $bss_start, %edi
    mov $bss_end, %ecx
    sub %edi, %ecx
    xor %eax, %eax
    rep stosb
    mov $STACK, %esp
    mov $copied, %eax
    jmp *%eax
copied:
    lgdt gdt_in_ram

#ifdef __x86_64__
#define ENTRY   8
#define LEVEL4  TABLES
#define LEVEL3  (TABLES + 0x1000)
#define LEVEL2  (TABLES + 0x2000)
#define LEVEL1  (TABLES + 0x3000)
    movl $(LEVEL3 + PTE), LEVEL4
    movl $(LEVEL2 + PTE), LEVEL3
    mov $(PAGES / 512), %ecx
#else
#define ENTRY   4
#define LEVEL2  TABLES
#define LEVEL1  (TABLES + 0x1000)
    mov $(PAGES / 1024), %ecx
#endif
    mov $LEVEL2, %edi
    mov $(LEVEL1 + PTE), %eax
1:  mov %eax, (%edi)
    add $ENTRY, %edi
    add $4096, %eax
    loop 1b
    mov $LEVEL1, %edi
    mov $PTE, %eax
    mov $PAGES, %ecx
1:  mov %eax, (%edi)
    add $ENTRY, %edi
    add $4096, %eax
    loop 1b

    mov $0x620, %eax        /* CR4: PAE, OSFXSR, OSXMMEXCPT */
#ifndef __x86_64__
    and $~0x20, %eax
#endif
    mov %eax, %cr4
    mov $1, %eax            /* and, where there is XSAVE, OSXSAVE with x87, SSE and AVX in XCR0 */
    cpuid
    bt $26, %ecx
    jnc 1f
    mov %cr4, %eax
    or $0x40000, %eax
    mov %eax, %cr4
    mov $0xd, %eax
    xor %ecx, %ecx
    cpuid                   /* EAX: what may be set in XCR0 */
    and $7, %eax
    xor %ecx, %ecx
    xor %edx, %edx
    xsetbv
1:
    mov $TABLES, %eax
    mov %eax, %cr3
#ifdef __x86_64__
    mov $0xc0000080, %ecx   /* IA32_EFER: SCE, LME */
    rdmsr
    or $0x101, %eax
    wrmsr
#endif
    mov $0x80000033, %eax   /* PG, NE, ET, MP, PE */
    mov %eax, %cr0
#ifdef __x86_64__
    ljmp $CODE64, $1f
    .code64
1:  mov $STACK, %rsp
    fninit
    call main
#else
    fninit
    call main
#endif
2:  hlt
    jmp 2b

/* In the order that SYSCALL and SYSRET want. */
    .balign 8
    .globl gdt_tss
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    /* 08 code, 32 bits */
    .quad 0x00cf93000000ffff    /* 10 data */
    .quad 0x00cffb000000ffff    /* 18 user code, 32 bits */
    .quad 0x00cff3000000ffff    /* 20 user data */
    .quad 0x00affb000000ffff    /* 28 user code, 64 bits */
    .quad 0
    .quad 0x00af9b000000ffff    /* 38 code, 64 bits */
    .quad 0x00cf93000000ffff    /* 40 data, after the code for SYSCALL */
gdt_tss:
    .quad 0, 0                  /* 48 TSS */
gdt_end:
gdt_in_rom:
    .word gdt_end - gdt - 1
    .long gdt - IMAGE + ROM
gdt_in_ram:
    .word gdt_end - gdt - 1
    .long gdt

    .section .reset, "ax"
    .globl work_size
    .code16
    jmp start16
    .balign 8
work_size:                  /* at the image's end less 8 */
    .long 0
    .balign 16
