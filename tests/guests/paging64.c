/* paging64.c - 4-level paging: pages of every size, rights, reserved bits and error codes, A and D,
 * NX, SMEP, SMAP, UMIP, WP, PCID. [SDM3] "4-Level Paging and 5-Level Paging", "Access Rights",
 * "Page-Fault Exceptions", "Process-Context Identifiers (PCIDs)".
 */
#include "lib/64/long.h"
#include "lib/paging.h"
#include "lib/rings.h"

enum { PAGE = 4096, PTE = 1, PDE = 2, PDPTE = 3, PML4E = 4 };
#define BIT(n) (1ull << (n))

#define LOOK  TRY("movb (%0), %%al", : : "r"(WINDOW) : "eax", "memory")
#define STORE TRY("movb $0x5a, (%0)", : : "r"(WINDOW) : "memory")
#define RUN   CATCH(((void (*)(void))(word)WINDOW)())
#define page_fault(expression, code)        \
    do {                                    \
        Trap fault_ = (expression);         \
        expect_raised(fault_, PF, code);    \
        check_eq(fault_.cr2, (word)WINDOW); \
    } while (0)

USER(user_look, "movb (%0), %%al", : "r"(WINDOW) : "eax", "memory")
USER(user_store, "movb $1, (%0)", : "r"(WINDOW) : "memory")
USER(user_run, "call *%0", : "r"(WINDOW) : "memory")

extern u8 start_pml4[]; /* start.S */

/* The window leads to frame 0, with these bits of its page-table entry. */
static void setup(u64 bits)
{
    if (cpu_has(HAS_NX)) {
        wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
    }
    write_cr3((word)start_pml4); /* the tables are built anew where those in use may lie */
    paging_start(PAGING_4LEVEL);
    memset(frames[0], 0xc3, PAGE); /* RET */
    frames[1][0] = 0x11;
    page_map(WINDOW, FRAME(0) | bits);
}

/* --- Pages of every size. */

CASE(translate_4k, "4 KiB pages, all four tables marked accessed")
{
    setup(PAGE_ALL);
    check_eq(*WINDOW, 0xc3);
    for (int level = PTE; level <= PML4E; level++) {
        check(page_get(WINDOW, level) & PAGE_A);
    }
    check(!(page_get(WINDOW, PTE) & PAGE_D));
}

CASE(translate_2m, "2 MiB pages: bits 20 to 0 are the offset")
{
    setup(PAGE_ALL);
    page_set(WINDOW, PDE, (FRAME(1) & ~(BIT(21) - 1)) | PAGE_ALL | PAGE_PS);
    write_cr3(read_cr3());
    check_eq(WINDOW[FRAME(1) & (BIT(21) - 1)], 0x11);
    WINDOW[FRAME(1) & (BIT(21) - 1)] = 0x12;
    check((page_get(WINDOW, PDE) & (PAGE_A | PAGE_D)) == (PAGE_A | PAGE_D));
    check_eq(frames[1][0], 0x12);
}

CASE(translate_1g, "1 GiB pages: bits 29 to 0 are the offset")
{
    require(HAS_PDPE1GB);
    setup(PAGE_ALL);
    page_set(WINDOW, PDPTE, PAGE_ALL | PAGE_PS);
    write_cr3(read_cr3());
    check_eq(WINDOW[FRAME(1)], 0x11);
    WINDOW[FRAME(1)] = 0x13;
    check((page_get(WINDOW, PDPTE) & (PAGE_A | PAGE_D)) == (PAGE_A | PAGE_D));
    check_eq(frames[1][0], 0x13);
}

CASE(invlpg_large, "INVLPG of any address of a large page forgets all of it")
{
    setup(PAGE_ALL);
    page_set(WINDOW, PDE, PAGE_ALL | PAGE_PS);
    write_cr3(read_cr3());
    (void)WINDOW[0];
    (void)WINDOW[0x5000];
    page_set(WINDOW, PDE, 0);
    invlpg(WINDOW + 0x12345);
    page_fault(LOOK, 0);
}

/* --- Rights and error codes. */

CASE(not_present, "an entry absent at any level: error code without P")
{
    for (int level = PTE; level <= PDPTE; level++) {
        setup(PAGE_ALL);
        page_change(WINDOW, level, PAGE_P, 0);
        page_fault(LOOK, 0);
        page_fault(STORE, PF_W);
        page_fault(in_user(user_look), PF_U);
    }
}

CASE(supervisor_page, "a page is the user's only if every level says so")
{
    for (int level = PTE; level <= PDPTE; level++) {
        setup(PAGE_ALL);
        page_change(WINDOW, level, PAGE_U, 0);
        expect_none(LOOK);
        page_fault(in_user(user_look), PF_P | PF_U);
        page_fault(in_user(user_store), PF_P | PF_U | PF_W);
    }
}

CASE(read_only, "a page is writable only if every level says so; WP makes that bind ring 0")
{
    for (int level = PTE; level <= PDPTE; level++) {
        setup(PAGE_ALL);
        page_change(WINDOW, level, PAGE_W, 0);
        page_fault(in_user(user_store), PF_P | PF_U | PF_W);
        expect_none(STORE);
        write_cr0(read_cr0() | CR0_WP);
        page_fault(STORE, PF_P | PF_W);
        expect_none(LOOK);
        write_cr0(read_cr0() & ~(word)CR0_WP);
    }
}

CASE(no_execute, "NX at any level: instruction fetches fault with I; data does not care")
{
    require(HAS_NX);
    for (int level = PTE; level <= PDPTE; level++) {
        setup(PAGE_ALL);
        expect_none(RUN);
        page_change(WINDOW, level, 0, PAGE_NX);
        page_fault(RUN, PF_P | PF_I);
        page_fault(in_user(user_run), PF_P | PF_U | PF_I);
        expect_none(LOOK);
    }
}

CASE(no_execute_disabled, "without NXE bit 63 is reserved, and I is not told")
{
    require(HAS_NX);
    setup(PAGE_ALL);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(u64)EFER_NXE);
    page_change(WINDOW, PTE, 0, PAGE_NX);
    page_fault(LOOK, PF_P | PF_RSVD);
    page_map(WINDOW, 0);
    page_fault(RUN, 0);
}

CASE(reserved_bits, "reserved bits: RSVD and P")
{
    u32 out[4];
    cpuid(0x80000008, 0, out);
    u32 address_bits = out[0] & 0xff;
    for (int level = PTE; level <= PDPTE; level++) {
        setup(PAGE_ALL);
        page_change(WINDOW, level, 0, BIT(address_bits));
        page_fault(LOOK, PF_P | PF_RSVD);
        page_fault(STORE, PF_P | PF_RSVD | PF_W);
        page_fault(in_user(user_look), PF_P | PF_RSVD | PF_U);
    }
    setup(PAGE_ALL);
    page_set(WINDOW, PDE, PAGE_ALL | PAGE_PS | BIT(13)); /* not aligned to 2 MiB */
    write_cr3(read_cr3());
    page_fault(LOOK, PF_P | PF_RSVD);
    setup(PAGE_ALL);
    page_set(WINDOW, PDPTE, PAGE_ALL | PAGE_PS | BIT(21));
    write_cr3(read_cr3());
    page_fault(LOOK, PF_P | PF_RSVD);
}

CASE(accessed_dirty, "A is set by reads, D by writes only, and neither by what faults")
{
    setup(PAGE_P | PAGE_U);
    write_cr0(read_cr0() | CR0_WP);
    page_fault(STORE, PF_P | PF_W);
    check(!(page_get(WINDOW, PTE) & PAGE_D));
    page_map(WINDOW, FRAME(0) | PAGE_ALL);
    *WINDOW;
    check_eq(page_get(WINDOW, PTE) & (PAGE_A | PAGE_D), PAGE_A);
    *WINDOW = 0xc3;
    check_eq(page_get(WINDOW, PTE) & (PAGE_A | PAGE_D), PAGE_A | PAGE_D);
}

/* --- SMEP, SMAP, UMIP. */

CASE(smep, "SMEP: ring 0 does not fetch from user pages")
{
    require(HAS_SMEP);
    setup(PAGE_P | PAGE_W);
    for (u32 page = 0; page < 16 << 20; page += PAGE) { /* this code is ring 0's */
        page_set((void *)(word)page, PTE, page | PAGE_P | PAGE_W);
    }
    write_cr3(read_cr3());
    write_cr4(read_cr4() | CR4_SMEP);
    expect_none(RUN);
    page_map(WINDOW, FRAME(0) | PAGE_ALL);
    page_fault(RUN, PF_P | PF_I);
    expect_none(LOOK);
    write_cr4(read_cr4() & ~(word)CR4_SMEP);
    expect_none(RUN);
}

CASE(smap, "SMAP: ring 0 does not touch user pages, unless AC")
{
    require(HAS_SMAP);
    setup(PAGE_P | PAGE_W);
    for (u32 page = 0; page < 16 << 20; page += PAGE) {
        page_set((void *)(word)page, PTE, page | PAGE_P | PAGE_W);
    }
    write_cr3(read_cr3());
    write_cr4(read_cr4() | CR4_SMAP);
    expect_none(LOOK);
    page_map(WINDOW, FRAME(0) | PAGE_ALL);
    page_fault(LOOK, PF_P);
    page_fault(STORE, PF_P | PF_W);
    expect_none(RUN);
    asm volatile("stac");
    expect_none(LOOK);
    expect_none(STORE);
    asm volatile("clac");
    page_fault(LOOK, PF_P);
    /* What the processor reads for itself is not helped by AC. */
    gdt_set_system(SEL_LDT, (word)WINDOW, 0xff, SEG_P | SYS_LDT);
    asm volatile("lldt %w0\n stac" : : "r"(SEL_LDT));
    page_fault(TRY("mov %0, %%fs", : : "r"(4)), PF_P);
    asm volatile("clac");
}

USER(user_sgdt, "sgdt -16(%%rsp)", : : "memory")
USER(user_str, "str %%eax", : : "eax")
USER(user_smsw, "smsw %%eax", : : "eax")
CASE(umip, "UMIP: SGDT, STR and SMSW at CPL 3 are #GP(0)")
{
    require(HAS_UMIP);
    expect_done(in_user(user_str));
    write_cr4(read_cr4() | CR4_UMIP);
    faults(in_user(user_str), GP, 0);
    faults(in_user(user_smsw), GP, 0);
    faults(in_user(user_sgdt), GP, 0);
    expect_none(TRY("str %%eax", : : : "eax"));
}

/* --- PCID. */

#define INVPCID(type, descriptor) TRY("invpcid %1, %0", : : "r"((word)(type)), "m"(descriptor))

CASE(pcid_rules, "PCIDE needs CR3[11:0] = 0; with it CR0.PG stays")
{
    require(HAS_PCID);
    setup(PAGE_ALL);
    write_cr3(read_cr3() | 0x18);
    faults(TRY("mov %0, %%cr4", : : "r"(read_cr4() | CR4_PCIDE)), GP, 0);
    write_cr3(read_cr3() & ~0xfffull);
    expect_none(TRY("mov %0, %%cr4", : : "r"(read_cr4() | CR4_PCIDE)));
    word cr3 = read_cr3();
    expect_none(TRY("mov %0, %%cr3", : : "r"(cr3 | 5)));
    check_eq(read_cr3(), cr3 | 5);
    expect_none(TRY("mov %0, %%cr3", : : "r"(cr3 | 6 | BIT(63))));
    check_eq(read_cr3(), cr3 | 6);
    write_cr3(cr3);
    write_cr4(read_cr4() & ~(word)CR4_PCIDE);
    faults(TRY("mov %0, %%cr3", : : "r"(cr3 | BIT(63))), GP, 0);
}

CASE(pcid_switch, "a load of CR3 with bit 63 clear forgets what its PCID knew")
{
    require(HAS_PCID);
    setup(PAGE_ALL);
    write_cr4(read_cr4() | CR4_PCIDE);
    word cr3 = read_cr3();
    write_cr3(cr3 | 1);
    check_eq(*WINDOW, 0xc3);
    page_set(WINDOW, PTE, FRAME(1) | PAGE_ALL);
    write_cr3(cr3 | 2);
    check_eq(*WINDOW, 0x11);
    write_cr3(cr3 | 1);
    check_eq(*WINDOW, 0x11);
    write_cr3(cr3);
}

CASE(invpcid, "INVPCID: one address, one PCID, all, all but global")
{
    require(HAS_INVPCID);
    setup(PAGE_ALL);
    if (cpu_has(HAS_PCID)) {
        write_cr4(read_cr4() | CR4_PCIDE);
    }
    struct {
        u64 pcid, address;
    } d = {0, (word)WINDOW};
    for (u32 type = 0; type < 4; type++) {
        page_map(WINDOW, FRAME(0) | PAGE_ALL);
        check_eq(*WINDOW, 0xc3);
        page_set(WINDOW, PTE, FRAME(1) | PAGE_ALL);
        expect_none(INVPCID(type, d));
        check_eq(*WINDOW, 0x11);
    }
    faults(INVPCID(4, d), GP, 0);
    d.pcid = 0x1000;
    faults(INVPCID(1, d), GP, 0);
    d.pcid = 0;
    d.address = NOT_CANONICAL;
    faults(INVPCID(0, d), GP, 0);
}

/* --- Global pages. */

CASE(global_flush, "a change of CR4.PGE forgets global pages too")
{
    require(HAS_PGE);
    setup(PAGE_ALL | PAGE_G);
    write_cr4(read_cr4() | CR4_PGE);
    check_eq(*WINDOW, 0xc3);
    page_set(WINDOW, PTE, FRAME(1) | PAGE_ALL | PAGE_G);
    write_cr4(read_cr4() & ~(word)CR4_PGE);
    check_eq(*WINDOW, 0x11);
}
