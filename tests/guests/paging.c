/* paging.c - 32-bit and PAE paging: translation, rights, A and D, error codes, the TLB. [SDM3]
 * "Paging".
 * run with: -cpu max
 */
#include "lib/cpu.h"
#include "lib/rings.h"
#include "lib/tap.h"
#include "lib/trap.h"
#include "lib/x86.h"

enum { P = 1, RW = 2, US = 4, ACCESSED = 0x20, DIRTY = 0x40, PS = 0x80, GLOBAL = 0x100 };
enum { ALL = P | RW | US, PAGE = 4096 };

/* The pages under test are at WINDOW, which is no RAM as a physical address: offsets 0 and 1 pages.
 */
#define WINDOW 0x40000000u
#define NX     (1ull << 63)

typedef u32 Table32[1024] __attribute__((aligned(4096)));
typedef u64 TablePae[512] __attribute__((aligned(4096)));
static Table32 directory, window_table, directory2;
static TablePae pae_directories[4], pae_window;
static u64 pae_pointers[4] __attribute__((aligned(32)));
static u8 page_a[PAGE] __attribute__((aligned(4096))), page_b[PAGE] __attribute__((aligned(4096)));

#define PA(object) ((u32)(word)(object))
#define LOOK(la)   TRY("movl (%0), %%eax", : : "r"(la) : "eax", "memory")
#define STORE(la)  TRY("movl $0x5a5a5a5a, (%0)", : : "r"(la) : "memory")

static u32 load(u32 la)
{
    return *(volatile u32 *)la;
}

/* Everything below 1 GiB and the ROM to itself, in 4 MiB pages; the window through window_table. */
static void paging_32(void)
{
    require(HAS_PSE);
    for (u32 i = 0; i < 1024; i++) {
        directory[i] = i << 22 | PS | ALL;
    }
    memset(window_table, 0, sizeof(window_table));
    directory[WINDOW >> 22] = PA(window_table) | ALL;
    *(u32 *)page_a = 0xaaaa0001;
    *(u32 *)page_b = 0xbbbb0002;
    write_cr4(read_cr4() | CR4_PSE);
    write_cr3(PA(directory));
    write_cr0(read_cr0() | CR0_PG);
}

static void map(u32 offset, u32 entry)
{
    window_table[offset / PAGE] = entry;
    invlpg((void *)(WINDOW + offset));
}

static void paging_pae(void)
{
    require(HAS_PAE);
    for (u32 i = 0; i < 2048; i++) {
        pae_directories[i / 512][i % 512] = (u64)i << 21 | PS | ALL;
    }
    memset(pae_window, 0, sizeof(pae_window));
    pae_directories[WINDOW >> 30][(WINDOW >> 21) % 512] = PA(pae_window) | ALL;
    for (u32 i = 0; i < 4; i++) {
        pae_pointers[i] = PA(pae_directories[i]) | P;
    }
    *(u32 *)page_a = 0xaaaa0001;
    *(u32 *)page_b = 0xbbbb0002;
    write_cr4(read_cr4() | CR4_PAE);
    write_cr3(PA(pae_pointers));
    write_cr0(read_cr0() | CR0_PG);
}

static void map_pae(u32 offset, u64 entry)
{
    pae_window[offset / PAGE] = entry;
    invlpg((void *)(WINDOW + offset));
}

#define page_fault(expression, code, address) \
    do {                                      \
        Trap fault_ = (expression);           \
        expect_fault(fault_, PF, code);       \
        check_eq(fault_.cr2, address);        \
    } while (0)

CASE(translate_4k, "4 KiB pages lead where their entry says")
{
    paging_32();
    map(0, PA(page_a) | ALL);
    map(PAGE, PA(page_b) | ALL);
    check_eq(load(WINDOW), 0xaaaa0001);
    check_eq(load(WINDOW + PAGE), 0xbbbb0002);
    map(0, PA(page_b) | ALL);
    check_eq(load(WINDOW), 0xbbbb0002);
}

CASE(translate_4m, "a 4 MiB page takes bits 31 to 22 from its entry")
{
    paging_32();
    directory[WINDOW >> 22] = (PA(page_a) & 0xffc00000) | PS | ALL;
    write_cr3(PA(directory));
    check_eq(load(WINDOW + (PA(page_a) & 0x3fffff)), 0xaaaa0001);
}

CASE(not_present_read, "an absent page: error code 0 for a read, W for a write; CR2 is the address")
{
    paging_32();
    page_fault(LOOK(WINDOW + 0x123), 0, WINDOW + 0x123);
    page_fault(STORE(WINDOW + 0x124), PF_W, WINDOW + 0x124);
    directory[WINDOW >> 22] = 0;
    write_cr3(PA(directory));
    page_fault(LOOK(WINDOW), 0, WINDOW);
}

CASE(not_present_ignores, "the other bits of an absent entry do not count")
{
    paging_32();
    map(0, 0xfffffffe);
    page_fault(LOOK(WINDOW), 0, WINDOW);
}

static void user_read(void)
{
    asm volatile(TRY_MARK "10: movl (%0), %%eax\n11:" : : "r"(WINDOW) : "eax");
}

static void user_write(void)
{
    asm volatile(TRY_MARK "10: movl $1, (%0)\n11:" : : "r"(WINDOW) : "memory");
}

CASE(user_rights, "ring 3: U/S in both levels, R/W in both levels")
{
    /* [SDM3] "Determination of Access Rights". */
    paging_32();
    map(0, PA(page_a) | P | RW);
    page_fault(in_user(user_read), PF_P | PF_U, WINDOW);
    page_fault(in_user(user_write), PF_P | PF_U | PF_W, WINDOW);
    map(0, PA(page_a) | P | US);
    expect_done(in_user(user_read));
    page_fault(in_user(user_write), PF_P | PF_U | PF_W, WINDOW);
    map(0, PA(page_a) | ALL);
    expect_done(in_user(user_write));
    directory[WINDOW >> 22] = PA(window_table) | P | US;
    write_cr3(PA(directory));
    page_fault(in_user(user_write), PF_P | PF_U | PF_W, WINDOW);
    directory[WINDOW >> 22] = PA(window_table) | P | RW;
    write_cr3(PA(directory));
    page_fault(in_user(user_read), PF_P | PF_U, WINDOW);
}

CASE(user_absent, "ring 3: an absent page has U in its error code")
{
    paging_32();
    page_fault(in_user(user_read), PF_U, WINDOW);
    page_fault(in_user(user_write), PF_U | PF_W, WINDOW);
}

CASE(write_protect, "ring 0 writes read-only pages unless CR0.WP")
{
    paging_32();
    map(0, PA(page_a) | P);
    expect_none(STORE(WINDOW));
    check_eq(*(u32 *)page_a, 0x5a5a5a5a);
    write_cr0(read_cr0() | CR0_WP);
    page_fault(STORE(WINDOW), PF_P | PF_W, WINDOW);
    expect_none(LOOK(WINDOW));
}

CASE(accessed_dirty, "A is set by the first access, D by the first write, in the last level only")
{
    paging_32();
    map(0, PA(page_a) | ALL);
    load(WINDOW);
    check_eq(window_table[0] & (ACCESSED | DIRTY), ACCESSED);
    check_eq(directory[WINDOW >> 22] & (ACCESSED | DIRTY), ACCESSED);
    expect_none(STORE(WINDOW));
    check_eq(window_table[0] & (ACCESSED | DIRTY), ACCESSED | DIRTY);
    check_eq(directory[WINDOW >> 22] & DIRTY, 0);
}

CASE(accessed_dirty_fault, "a fault sets no D")
{
    paging_32();
    write_cr0(read_cr0() | CR0_WP);
    map(0, PA(page_a) | P);
    page_fault(STORE(WINDOW), PF_P | PF_W, WINDOW);
    check_eq(window_table[0] & DIRTY, 0);
}

CASE(reserved_4m, "a reserved bit of a 4 MiB entry is RSVD")
{
    paging_32();
    /* Bit 21 is reserved with every PSE-36. */
    directory[WINDOW >> 22] = 1 << 21 | PS | ALL;
    write_cr3(PA(directory));
    page_fault(LOOK(WINDOW), PF_P | PF_RSVD, WINDOW);
    page_fault(STORE(WINDOW), PF_P | PF_RSVD | PF_W, WINDOW);
}

CASE(page_cross, "an access across two pages faults with the address in the second")
{
    paging_32();
    map(0, PA(page_a) | ALL);
    *(u32 *)(page_a + PAGE - 4) = 0x11223344;
    page_fault(LOOK(WINDOW + PAGE - 2), 0, WINDOW + PAGE);
    page_fault(STORE(WINDOW + PAGE - 2), PF_W, WINDOW + PAGE);
    /* Nothing of it was written. */
    check_eq(*(u32 *)(page_a + PAGE - 4), 0x11223344);
    map(PAGE, PA(page_b) | ALL);
    expect_none(STORE(WINDOW + PAGE - 2));
    check_eq(*(u32 *)(page_a + PAGE - 4), 0x5a5a3344);
    check_eq(*(u32 *)page_b, 0xbbbb5a5a);
}

CASE(fetch_fault,
     "a fetch from an absent page faults with its address, no I bit without NX or SMEP")
{
    paging_32();
    map(0, 0);
    Trap t = CATCH(((void (*)(void))(WINDOW + 0x10))());
    check_eq(t.vector, PF);
    check_eq(t.error, 0);
    check_eq(t.cr2, WINDOW + 0x10);
    check_eq(t.ip, WINDOW + 0x10);
}

CASE(fetch_cross, "an instruction across two pages is fetched from both")
{
    paging_32();
    map(0, PA(page_a) | ALL);
    map(PAGE, PA(page_b) | ALL);
    page_a[PAGE - 2] = 0xb8; /* MOV EAX, 0x44332211; RET */
    page_a[PAGE - 1] = 0x11;
    memcpy(page_b, "\x22\x33\x44\xc3", 4);
    check_eq(((u32(*)(void))(WINDOW + PAGE - 2))(), 0x44332211);
    map(PAGE, 0);
    Trap t = CATCH(((void (*)(void))(WINDOW + PAGE - 2))());
    check_eq(t.vector, PF);
    check_eq(t.cr2, WINDOW + PAGE);
    check_eq(t.ip, WINDOW + PAGE - 2);
}

CASE(cr3_flushes, "MOV to CR3 forgets translations, but not global ones")
{
    /* [SDM3] "Operations that Invalidate TLBs and Paging-Structure Caches". */
    require(HAS_PGE);
    paging_32();
    write_cr4(read_cr4() | CR4_PGE);
    map(0, PA(page_a) | ALL);
    check_eq(load(WINDOW), 0xaaaa0001);
    window_table[0] = PA(page_b) | ALL;
    write_cr3(PA(directory));
    check_eq(load(WINDOW), 0xbbbb0002);
    map(0, PA(page_a) | ALL | GLOBAL);
    check_eq(load(WINDOW), 0xaaaa0001);
    window_table[0] = PA(page_b) | ALL | GLOBAL;
    /* It may be forgotten, so only INVLPG and CR4.PGE promise anything. */
    invlpg((void *)WINDOW);
    check_eq(load(WINDOW), 0xbbbb0002);
    window_table[0] = PA(page_a) | ALL | GLOBAL;
    write_cr4(read_cr4() & ~CR4_PGE);
    check_eq(load(WINDOW), 0xaaaa0001);
}

CASE(two_address_spaces, "CR3 chooses the address space")
{
    static Table32 other_table;

    paging_32();
    map(0, PA(page_a) | ALL);
    memcpy(directory2, directory, sizeof(directory));
    directory2[WINDOW >> 22] = PA(other_table) | ALL;
    other_table[0] = PA(page_b) | ALL;
    for (u32 i = 0; i < 3; i++) {
        write_cr3(PA(directory));
        check_eq(load(WINDOW), 0xaaaa0001);
        write_cr3(PA(directory2));
        check_eq(load(WINDOW), 0xbbbb0002);
    }
}

CASE(absent_not_cached, "an entry made present needs no INVLPG")
{
    /* [SDM3] "Optional Invalidation": absent entries are not cached. */
    paging_32();
    map(0, 0);
    page_fault(LOOK(WINDOW), 0, WINDOW);
    window_table[0] = PA(page_a) | ALL;
    check_eq(load(WINDOW), 0xaaaa0001);
}

CASE(fault_updates_rights,
     "a fault by stale rights goes away without INVLPG once the entry is wider")
{
    paging_32();
    write_cr0(read_cr0() | CR0_WP);
    map(0, PA(page_a) | P);
    load(WINDOW);
    page_fault(STORE(WINDOW), PF_P | PF_W, WINDOW);
    window_table[0] = PA(page_a) | ALL;
    expect_none(STORE(WINDOW));
}

CASE(rep_movs_fault, "a string instruction stops at the fault with its registers at the element")
{
    /* [SDM2] REP: "the state of the registers at the fault". */
    paging_32();
    map(0, PA(page_a) | ALL);
    Trap t = TRY("rep stosb", : : "D"(WINDOW + PAGE - 16), "c"(32), "a"(0x77) : "memory");
    expect_fault(t, PF, PF_W);
    check_eq(t.cr2, WINDOW + PAGE);
    check_eq(t.frame.di, WINDOW + PAGE);
    check_eq(t.frame.cx, 16);
    check_eq(page_a[PAGE - 1], 0x77);
}

/* --- PAE. [SDM3] "PAE Paging". */

CASE(pae_translate, "PAE: 4 KiB and 2 MiB pages")
{
    paging_pae();
    map_pae(0, PA(page_a) | ALL);
    check_eq(load(WINDOW), 0xaaaa0001);
    pae_directories[1][0] = (PA(page_a) & 0xffe00000) | PS | ALL;
    write_cr3(PA(pae_pointers));
    check_eq(load(WINDOW + (PA(page_a) & 0x1fffff)), 0xaaaa0001);
}

CASE(pae_pointers_cached, "the four pointers are read by MOV to CR3, not by each walk")
{
    /* [SDM3] "PDPTE Registers". */
    paging_pae();
    map_pae(0, PA(page_a) | ALL);
    pae_pointers[1] = 0;
    invlpg((void *)WINDOW);
    check_eq(load(WINDOW), 0xaaaa0001);
    write_cr3(PA(pae_pointers));
    page_fault(LOOK(WINDOW), 0, WINDOW);
}

CASE(pae_reserved_pointer, "MOV to CR3 with a reserved bit in a present pointer is #GP(0)")
{
    paging_pae();
    word cr3 = read_cr3();
    pae_pointers[1] |= RW;
    faults(TRY("mov %0, %%cr3", : : "r"(cr3) : "memory"), GP, 0);
    pae_pointers[1] = 0xfe; /* absent: no matter */
    expect_none(TRY("mov %0, %%cr3", : : "r"(cr3) : "memory"));
}

CASE(pae_reserved_bits, "PAE: bits beyond the physical address are RSVD, so is bit 63 without NXE")
{
    paging_pae();
    map_pae(0, PA(page_a) | ALL | 1ull << 52);
    page_fault(LOOK(WINDOW), PF_P | PF_RSVD, WINDOW);
    map_pae(0, PA(page_a) | ALL | NX);
    page_fault(LOOK(WINDOW), PF_P | PF_RSVD, WINDOW);
    pae_directories[1][0] = 1 << 13 | PS | ALL;
    write_cr3(PA(pae_pointers));
    page_fault(LOOK(WINDOW), PF_P | PF_RSVD, WINDOW);
}

CASE(nx, "NX: a fetch faults with P and I, data is free")
{
    require(HAS_NX);
    paging_pae();
    wrmsr(MSR_EFER, EFER_NXE);
    map_pae(0, PA(page_a) | ALL | NX);
    expect_none(LOOK(WINDOW));
    page_a[0] = 0xc3;
    Trap t = CATCH(((void (*)(void))WINDOW)());
    check_eq(t.vector, PF);
    check_eq(t.error, PF_P | PF_I);
    check_eq(t.cr2, WINDOW);
    map_pae(0, PA(page_a) | ALL);
    expect_none(CATCH(((void (*)(void))WINDOW)()));
    map_pae(0, 0);
    t = CATCH(((void (*)(void))WINDOW)());
    check_eq(t.error, PF_I);
    wrmsr(MSR_EFER, 0);
}

/* The kernel's own code has to be in pages of ring 0 for SMEP and SMAP. */
static void supervisor_pages(void)
{
    for (u32 i = 0; i < 1024; i++) {
        if (i != WINDOW >> 22) {
            directory[i] &= ~US;
        }
    }
    write_cr3(PA(directory));
}

CASE(smep, "SMEP: ring 0 does not fetch from pages of ring 3")
{
    require(HAS_SMEP);
    paging_32();
    supervisor_pages();
    map(0, PA(page_a) | ALL);
    page_a[0] = 0xc3;
    expect_none(CATCH(((void (*)(void))WINDOW)()));
    write_cr4(read_cr4() | CR4_SMEP);
    Trap t = CATCH(((void (*)(void))WINDOW)());
    check_eq(t.vector, PF);
    check_eq(t.error, PF_P | PF_I);
    expect_none(LOOK(WINDOW));
}

CASE(smap, "SMAP: ring 0 touches pages of ring 3 only with EFLAGS.AC")
{
    require(HAS_SMAP);
    paging_32();
    supervisor_pages();
    map(0, PA(page_a) | ALL);
    write_cr4(read_cr4() | CR4_SMAP);
    page_fault(LOOK(WINDOW), PF_P, WINDOW);
    page_fault(STORE(WINDOW), PF_P | PF_W, WINDOW);
    asm volatile(".byte 0x0f, 0x01, 0xcb"); /* STAC */
    expect_none(LOOK(WINDOW));
    expect_none(STORE(WINDOW));
    asm volatile(".byte 0x0f, 0x01, 0xca"); /* CLAC */
    page_fault(LOOK(WINDOW), PF_P, WINDOW);
}

CASE(stac_user, "STAC and CLAC are #UD in ring 3")
{
    extern void user_stac(void);
    require(HAS_SMAP);
    faults(in_user(user_stac), UD, 0);
}
asm(".pushsection .text\nuser_stac: movl $1f, try_begin\n1: .byte 0x0f, 0x01, 0xcb\n ret\n"
    ".popsection");

USER(user_loads_segment, "mov %0, %%fs", : "r"(SEL_USER_DATA | 3))
CASE(implicit_supervisor, "descriptors are read with the rights of ring 0, from ring 3 too")
{
    /* [SDM3] "Access Rights": implicit supervisor-mode accesses. */
    paging_32();
    u32 page = PA(gdt) & ~0xfff;
    map(0, page | P | RW);
    load_gdt((void *)(WINDOW + (PA(gdt) & 0xfff)), sizeof(gdt) - 1);
    expect_done(in_user(user_loads_segment));
    load_gdt(gdt, sizeof(gdt) - 1);
}
