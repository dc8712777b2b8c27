/* cpu.c - GDT, LDT, IDT and TSS. [SDM3] "Protected-Mode Memory Management". */
#include "cpu.h"
#include "trap.h"
#include "x86.h"

enum { STACK_SIZE = 16384 };

u64 gdt[64] __attribute__((aligned(16))), ldt[32] __attribute__((aligned(16)));
Tss tss __attribute__((aligned(4096)));
word idt[256 * 2] __attribute__((aligned(16)));
u8 kernel_stack[STACK_SIZE] __attribute__((aligned(4096)));
u8 user_stack[STACK_SIZE] __attribute__((aligned(4096)));

static word start_cr0, start_cr3, start_cr4;

u64 descriptor(u32 base, u32 limit, u32 access)
{
    u32 low = (limit & 0xffff) | base << 16;
    u32 high = (base >> 16 & 0xff) | (access & 0xff) << 8 | (limit & 0xf0000) |
               (access & 0xf00) << 12 | (base & 0xff000000);

    return (u64)high << 32 | low;
}

u64 gate(u16 selector, u32 offset, u32 access, u32 count)
{
    u32 low = (u32)selector << 16 | (offset & 0xffff);
    u32 high = (offset & 0xffff0000) | access << 8 | count;

    return (u64)high << 32 | low;
}

void gdt_set(u16 selector, u64 value)
{
    gdt[selector >> 3] = value;
}

void idt_reset(u8 vector, u32 dpl)
{
    u64 value = gate(SEL_CODE, (word)trap_stubs + vector * 16, SEG_P | SEG_DPL(dpl) | SYS_INT, 0);

    memcpy((u8 *)idt + vector * 2 * sizeof(word), &value, sizeof(value));
}

void load_gdt(const void *base, u16 limit)
{
    struct __attribute__((packed)) {
        u16 limit;
        word base;
    } pointer = {limit, (word)base};

    asm volatile("lgdt %0" : : "m"(pointer));
}

void load_idt(const void *base, u16 limit)
{
    struct __attribute__((packed)) {
        u16 limit;
        word base;
    } pointer = {limit, (word)base};

    asm volatile("lidt %0" : : "m"(pointer));
}

void load_flat_segments(void)
{
    asm volatile("mov %0, %%ds\n mov %0, %%es\n mov %0, %%ss" : : "r"(SEL_DATA) : "memory");
}

void cpu_load_tables(void)
{
    load_gdt(gdt, sizeof(gdt) - 1);
    load_idt(idt, sizeof(idt) - 1);
    load_flat_segments();
}

void cpu_init(void)
{
    gdt_set(SEL_CODE32, descriptor(0, 0xfffff, CODE_RX | SEG_A | SEG_DB | SEG_G));
    gdt_set(SEL_DATA, descriptor(0, 0xfffff, DATA_RW | SEG_A | SEG_DB | SEG_G));
    gdt_set(SEL_USER_CODE32, descriptor(0, 0xfffff, CODE_RX | SEG_DPL(3) | SEG_DB | SEG_G));
    gdt_set(SEL_USER_DATA, descriptor(0, 0xfffff, DATA_RW | SEG_DPL(3) | SEG_DB | SEG_G));
    gdt_set(SEL_USER_CODE64, descriptor(0, 0xfffff, CODE_RX | SEG_DPL(3) | SEG_L | SEG_G));
    gdt_set(SEL_USER_DATA2, gdt[SEL_USER_DATA >> 3]);
    gdt_set(SEL_CODE64, descriptor(0, 0xfffff, CODE_RX | SEG_A | SEG_L | SEG_G));
    gdt_set(SEL_DATA2, gdt[SEL_DATA >> 3]);
    start_cr0 = read_cr0() | CR0_NE;
    start_cr3 = read_cr3();
    start_cr4 = read_cr4();
    write_cr0(start_cr0);
    for (u32 vector = 0; vector < 256; vector++) {
        idt_reset(vector, 0);
    }
    cpu_load_tables();
}

/* A case may have been left from inside an NMI handler. [SDM3] "Handling Multiple NMIs". */
static void unblock_nmi(void)
{
#ifdef __x86_64__
    asm volatile("mov %%rsp, %%rax\n mov %%ss, %%ecx\n push %%rcx\n push %%rax\n pushf\n"
                 "mov %%cs, %%ecx\n push %%rcx\n lea 1f(%%rip), %%rax\n push %%rax\n iretq\n1:"
                 :
                 :
                 : "rax", "rcx", "memory");
#else
    asm volatile("pushf\n push %%cs\n push $1f\n iret\n1:" : : : "memory");
#endif
}

void cpu_reset_state(void)
{
    asm volatile("cli; cld" : : : "memory");
    memset(trap_handlers, 0, sizeof(trap_handlers));
    write_cr0(start_cr0);
    write_cr3(start_cr3);
    write_cr4(start_cr4);
    write_dr7(0);
    unblock_nmi();
    for (u32 vector = 0; vector < 256; vector++) {
        idt_reset(vector, 0);
    }
    cpu_load_tables();
}
