/* cpu.c - GDT, LDT, IDT and TSS. [SDM3] "Protected-Mode Memory Management". */
#include "cpu.h"
#include "trap.h"
#include "x86.h"

enum { PIC1 = 0x20, PIC2 = 0xa0 };

u64 gdt[64] __attribute__((aligned(16))), ldt[32] __attribute__((aligned(16)));
Tss tss __attribute__((aligned(4096)));
word idt[256 * 2] __attribute__((aligned(16)));
u8 kernel_stack[STACK_SIZE] __attribute__((aligned(4096)));
u8 user_stack[STACK_SIZE] __attribute__((aligned(4096)));

static word start_cr0, start_cr3, start_cr4;
static bool has_cr4; /* it came with the Pentium's extensions */
#ifdef __x86_64__
static u64 start_efer;
#endif

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

void ldt_set(u16 selector, u64 value)
{
    ldt[selector >> 3] = value;
}

void idt_set(u8 vector, u64 value)
{
#ifdef __x86_64__
    idt[vector * 2] = value;
    idt[vector * 2 + 1] = 0;
#else
    idt[vector * 2] = value;
    idt[vector * 2 + 1] = value >> 32;
#endif
}

void idt_reset(u8 vector, u32 dpl)
{
    word handler = (word)trap_stubs + vector * TRAP_STUB_SIZE;

    idt_set(vector, gate(SEL_CODE, handler, SEG_P | SEG_DPL(dpl) | SYS_INT, 0));
}

void idt_access(u8 vector, u8 access)
{
    ((u8 *)&idt[vector * 2])[5] = access;
}

void idt_ist(u8 vector, u8 ist)
{
    ((u8 *)&idt[vector * 2])[4] = ist;
}

typedef struct {
    u16 limit;
    word base;
} __attribute__((packed)) TableRegister;

void load_gdt(const void *base, u16 limit)
{
    TableRegister r = {limit, (word)base};

    asm volatile("lgdt %0" : : "m"(r));
}

void load_idt(const void *base, u16 limit)
{
    TableRegister r = {limit, (word)base};

    asm volatile("lidt %0" : : "m"(r));
}

void load_flat_segments(void)
{
    asm volatile("mov %0, %%ds\n mov %0, %%es\n mov %0, %%fs\n mov %0, %%gs\n mov %0, %%ss"
                 :
                 : "r"(SEL_DATA)
                 : "memory");
}

/* The descriptors every case starts with; those of the cases are cleared. */
static void gdt_reset(void)
{
    /* clang-format off */
    static const struct { u16 selector; u32 limit, access; } rows[] = {
        {SEL_CODE32,      0xfffff, CODE_RX | SEG_A | SEG_DB | SEG_G},
        {SEL_DATA,        0xfffff, DATA_RW | SEG_A | SEG_DB | SEG_G},
        {SEL_USER_CODE32, 0xfffff, CODE_RX | SEG_A | SEG_DB | SEG_G | SEG_DPL(3)},
        {SEL_USER_DATA,   0xfffff, DATA_RW | SEG_A | SEG_DB | SEG_G | SEG_DPL(3)},
        {SEL_USER_CODE64, 0xfffff, CODE_RX | SEG_A | SEG_L | SEG_G | SEG_DPL(3)},
        {SEL_USER_DATA2,  0xfffff, DATA_RW | SEG_A | SEG_DB | SEG_G | SEG_DPL(3)},
        {SEL_CODE64,      0xfffff, CODE_RX | SEG_A | SEG_L | SEG_G},
        {SEL_DATA2,       0xfffff, DATA_RW | SEG_A | SEG_DB | SEG_G},
        {SEL_CODE16,      0x0ffff, CODE_RX | SEG_A},
        {SEL_DATA16,      0x0ffff, DATA_RW | SEG_A},
    };
    /* clang-format on */

    memset(gdt, 0, sizeof(gdt));
    memset(ldt, 0, sizeof(ldt));
    for (unsigned i = 0; i < COUNT(rows); i++) {
        gdt_set(rows[i].selector, descriptor(0, rows[i].limit, rows[i].access));
    }
    gdt_set(SEL_TSS, descriptor((u32)(word)&tss, sizeof(tss) - 1, SEG_P | SYS_TSS));
    gdt_set(SEL_LDT, descriptor((u32)(word)ldt, sizeof(ldt) - 1, SEG_P | SYS_LDT));
}

static void tss_reset(void)
{
    memset(&tss, 0, offsetof(Tss, io));
    memset(tss.io, 0xff, sizeof(tss.io)); /* no port is allowed */
    tss.io_base = offsetof(Tss, io);
#ifdef __x86_64__
    tss.rsp[0] = KERNEL_STACK_END;
#else
    tss.esp0 = KERNEL_STACK_END;
    tss.ss0 = SEL_DATA;
#endif
}

void cpu_reset_state(void)
{
    asm volatile("cli");
    write_flags(FLAG_FIXED);
    trap_forget();
    write_dr7(0x400);
    write_cr0(start_cr0);
    if (has_cr4) {
        write_cr4(start_cr4);
    }
    write_cr3(start_cr3);
#ifdef __x86_64__
    wrmsr(MSR_EFER, start_efer);
#endif
    gdt_reset();
    tss_reset();
    for (int vector = 0; vector < 256; vector++) {
        idt_reset(vector, vector == TRAP_DONE ? 3 : 0);
    }
    load_gdt(gdt, sizeof(gdt) - 1);
    load_idt(idt, sizeof(idt) - 1);
    load_flat_segments();
    asm volatile("lldt %w0" : : "r"(0));
    asm volatile("ltr %w0" : : "r"(SEL_TSS));
    asm volatile("fninit");
}

void cpu_init(void)
{
    start_cr0 = read_cr0() | CR0_NE;
    start_cr3 = read_cr3();
    has_cr4 = cpu_has(HAS_PSE);
    start_cr4 = has_cr4 ? read_cr4() : 0;
#ifdef __x86_64__
    start_efer = rdmsr(MSR_EFER);
#endif
    outb(PIC1 + 1, 0xff); /* every line masked */
    outb(PIC2 + 1, 0xff);
}
