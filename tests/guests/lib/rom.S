/* rom.S - a guest as firmware: from the reset vector to the guest's image, copied to its place.
 *
 *      4 GiB - 256 KiB  the image (IMAGE, without .bss)
 *      4 GiB -   4 KiB  this code
 *      4 GiB -  16      the reset vector
 *
 * [SDM3] "First Instruction Executed".
 */
#define ROM_SIZE  0x40000
#define ROM_BASE  0xfffc0000
#define CODE      0x3f000               /* in the ROM */
#define SEGMENT   0xffff0000            /* CS.base after reset */
#define IMAGE_AT  0x100000

        .text
        .incbin IMAGE
        .org CODE
        .code32
flat:
        mov $0x10, %eax
        mov %eax, %ds
        mov %eax, %es
        mov %eax, %ss
        cld
        mov $ROM_BASE, %esi
        mov $IMAGE_AT, %edi
        mov $CODE / 4, %ecx
        rep movsl
        mov $ENTRY, %eax
        jmp *%eax

        .balign 8
table:  .quad 0
        .quad 0x00cf9b000000ffff
        .quad 0x00cf93000000ffff
table_register:
        .word 23
        .long ROM_BASE + CODE + (table - flat)

        .code16
reset:
        cli
        lgdtl %cs:(ROM_BASE + CODE - SEGMENT) + (table_register - flat)
        mov %cr0, %eax
        or $1, %al
        mov %eax, %cr0
        ljmpl $0x08, $ROM_BASE + CODE

        .org ROM_SIZE - 16
        jmp reset
        .org ROM_SIZE
