/* remap64.c - mappings that several processors change while all use them, with interrupts between
 * them to make the others forget. [SDM3] "Propagation of Paging-Structure Changes to Multiple
 * Processors", "Invalidation of TLBs and Paging-Structure Caches".
 *
 * Each page of a window in two address spaces has a sequence number, odd while it is being changed.
 * Who finds it even and the same before and after an access must have met what the page is noted to
 * be: that frame, or that fault. The numbers drawn are the same in every run.
 * run with: -smp 2
 * run with: -smp 4
 * run with: -smp 2 -accel interp,thread=multi
 * run with: -smp 4 -accel jit,thread=multi
 * run with: -smp 2 -accel jit,thread=single -check lockstep
 */
#include "lib/64/others.h"
#include "lib/cpu.h"
#include "lib/paging.h"
#include "lib/tap.h"
#include "lib/trap.h"

enum { VECTOR = 0x41, PAGE = 4096, LARGE = 2 << 20, ENTRIES = 512 };

/* The window: regions of 2 MiB, each a table of small pages or a large page; some pages of each are
 * used. The last one is global and the same in both spaces. */
enum { SPACES = 2, REGIONS = 4, GLOBAL = REGIONS - 1, PAGES = 8, PAGE_STEP = 61 };

/* Frames, by number: small ones, then the used pages of large ones. */
enum { SMALL = 16, BIG = 3, FRAMES = SMALL + BIG * PAGES, BIG_AT = 8 << 20 };
static u8 small[SMALL][PAGE] __attribute__((aligned(4096)));
/* In each frame: its number, three times; a cell for each processor; code that returns the number.
 */
enum { CELLS_AT = 64, CODE_AT = 2048, SIGNATURE = 0x5a5a0000 };

typedef struct {
    volatile u32 sequence, frame;
    volatile u64 rights; /* bits of the entry; not PAGE_P: absent */
} Page;
static Page pages[SPACES][REGIONS][PAGES];
static Page behind[SPACES][REGIONS][PAGES]; /* what the tables of small pages say */
static volatile u64 *tables[SPACES][REGIONS], *directory[SPACES];
static u8 table_pages[SPACES * (REGIONS + 3)][PAGE] __attribute__((aligned(4096)));
static word root[SPACES];

/* --- where things are ------------------------------------------------------------------------------- */

static u32 page_index(u32 page)
{
    return page * PAGE_STEP % ENTRIES;
}

static u8 *window(u32 region, u32 page)
{
    return (u8 *)WINDOW + region * LARGE + page_index(page) * PAGE;
}

static u8 *frame_at(u32 frame)
{
    if (frame < SMALL) {
        return small[frame];
    }
    u32 big = (frame - SMALL) / PAGES, page = (frame - SMALL) % PAGES;
    return (u8 *)(word)BIG_AT + big * LARGE + page_index(page) * PAGE;
}

static bool is_large(u32 space, u32 region)
{
    return directory[space][region] & PAGE_PS;
}

static void make_frames(void)
{
    for (u32 f = 0; f < FRAMES; f++) {
        u8 *at = frame_at(f);
        const u32 words[3] = {SIGNATURE + f, SIGNATURE + f, SIGNATURE + f};
        memset(at, 0, PAGE);
        memcpy(at, words, sizeof(words));
        at[CODE_AT] = 0xb8; /* mov number, %eax; ret */
        memcpy(at + CODE_AT + 1, words, 4);
        at[CODE_AT + 5] = 0xc3;
    }
}

/* The second space has what the first has outside the window. */
static void make_spaces(void)
{
    u32 used = 0;

    paging_start(PAGING_4LEVEL);
    const u64 *first = (u64 *)read_cr3(), *first_top = (u64 *)(word)(first[0] & ~0xfffull);
    memset(table_pages, 0, sizeof(table_pages));
    memset(pages, 0, sizeof(pages));
    memset(behind, 0, sizeof(behind));
    for (u32 s = 0; s < SPACES; s++) {
        u64 *level4 = (u64 *)table_pages[used++], *level3 = (u64 *)table_pages[used++];
        directory[s] = (u64 *)table_pages[used++];
        memcpy(level3, first_top, PAGE);
        level3[0] &= ~(u64)PAGE_U; /* this program is a supervisor's */
        level4[0] = (word)level3 | PAGE_ALL;
        level3[(word)WINDOW >> 30] = (word)directory[s] | PAGE_ALL;
        root[s] = (word)level4;
        for (u32 r = 0; r < REGIONS; r++) {
            tables[s][r] = r == GLOBAL && s ? tables[0][r] : (u64 *)table_pages[used++];
            directory[s][r] = (word)tables[s][r] | PAGE_ALL;
        }
    }
}

/* --- a processor ------------------------------------------------------------------------------------ */

enum { LOAD, STORE, ADD, EXECUTE, KINDS };
typedef struct {
    word resume_ip, resume_sp;
    volatile bool fault;
    volatile u32 error;
    volatile word address;
    u64 random;
    u32 space;
    volatile bool outdated[SPACES]; /* the next load of CR3 must flush */
    volatile bool asked;
    u32 checked[KINDS], faults, changes;
    bool wrong;
    u32 kind, region, page;
    u64 got, want;
} Me;
static Me mes[MAX_CPUS];
static bool has_pcid, has_smap;
static volatile u32 arrived, changing;
static u32 turns;

/* [SDM3] "Process-Context Identifiers (PCIDs)". */
#define CR3_KEEP (1ull << 63)

static u32 draw(Me *m, u32 below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (u32)(m->random >> 24) % below;
}

static word cr3_of(u32 space)
{
    return root[space] | (has_pcid ? space + 1 : 0);
}

static void page_fault(Frame *frame)
{
    Me *m = &mes[apic_id()];

    m->fault = true;
    m->error = frame->error;
    m->address = read_cr2();
    frame->ip = m->resume_ip;
    frame->sp = m->resume_sp;
}

/* --- forgetting ------------------------------------------------------------------------------------- */

typedef enum {
    BY_INVLPG,
    BY_CR4,
    BY_INVPCID_ALL,
    FOR_GLOBAL,
    BY_CR3 = FOR_GLOBAL,
    BY_INVPCID_PAGE,
    BY_INVPCID_SPACE,
    BY_INVPCID_LOCAL,
    METHODS,
} Method;

/* One entry of the directory or of a table. */
static struct {
    Method method;
    u32 space, region, first, last; /* pages that were small, or one address of a large one */
} request;

static void invpcid(word type, u32 space, const void *address)
{
    const word descriptor[2] = {space + 1, (word)address};

    asm volatile("invpcid %0, %1" : : "m"(descriptor), "r"(type) : "memory");
}

static void forget_pages(Me *m)
{
    bool here = request.region == GLOBAL || request.space == m->space;

    for (u32 page = request.first; page <= request.last; page++) {
        u8 *address = window(request.region, page);
        if (here && request.method == BY_INVLPG) {
            invlpg(address);
        } else if (has_pcid) {
            invpcid(0, request.space, address);
        }
    }
}

/* As CR3 is loaded, or when it is loaded next. */
static void forget_space(Me *m)
{
    if (request.space == m->space) {
        write_cr3(cr3_of(m->space));
    } else {
        m->outdated[request.space] = true;
    }
}

static void forget(Me *m)
{
    switch (request.method) {
    case BY_INVLPG:
    case BY_INVPCID_PAGE:
        forget_pages(m);
        break;
    case BY_CR4:
        write_cr4(read_cr4() & ~(word)CR4_PGE);
        write_cr4(read_cr4() | CR4_PGE);
        break;
    case BY_CR3:
        forget_space(m);
        break;
    default:
        invpcid(request.method == BY_INVPCID_SPACE ? 1
                : request.method == BY_INVPCID_ALL ? 2
                                                   : 3,
                request.space, NULL);
    }
}

static void forget_handler(Frame *frame)
{
    Me *m = &mes[apic_id()];

    forget(m);
    m->asked = false;
    apic_eoi();
}

/* All have forgotten afterwards. */
static void shoot_down(Me *self)
{
    for (u32 id = 0; id < cpu_count(); id++) {
        mes[id].asked = &mes[id] != self;
    }
    asm volatile("cli" : : : "memory");
    forget(self);
    asm volatile("sti" : : : "memory");
    apic_send(0, VECTOR | ICR_ASSERT | ICR_OTHERS);
    for (u32 id = 0; id < cpu_count(); id++) {
        while (mes[id].asked) {
            asm volatile("pause" : : : "memory");
        }
    }
}

static Method draw_method(Me *m, bool global)
{
    static const Method plain[] = {BY_INVLPG, BY_CR4, BY_CR3};

    if (!has_pcid) {
        return plain[draw(m, global ? 2 : 3)];
    }
    return draw(m, global ? FOR_GLOBAL : METHODS);
}

/* --- changing --------------------------------------------------------------------------------------- */

static void open_pages(u32 space, u32 region, u32 first, u32 last)
{
    for (u32 p = first; p <= last; p++) {
        pages[space][region][p].sequence++;
    }
}

static void close_pages(u32 space, u32 region, u32 first, u32 last)
{
    u64 entry = directory[space][region];
    u32 big = ((entry & 0xffe00000u) - BIG_AT) / LARGE;

    for (u32 p = first; p <= last; p++) {
        Page *page = &pages[space][region][p];
        bool large = is_large(space, region);
        page->frame = large ? SMALL + big * PAGES + p : behind[space][region][p].frame;
        page->rights = large ? entry & (PAGE_NX | PAGE_ALL) : behind[space][region][p].rights;
        asm volatile("" : : : "memory");
        page->sequence++;
    }
}

static u64 draw_rights(Me *m)
{
    static const u64 rights[] = {
        0,
        PAGE_P,
        PAGE_P | PAGE_W,
        PAGE_P | PAGE_W,
        PAGE_P | PAGE_W | PAGE_NX,
        PAGE_P | PAGE_NX,
        PAGE_P | PAGE_W | PAGE_U,
    };

    return rights[draw(m, COUNT(rights))];
}

static void set_directory(u32 space, u32 region, u64 entry)
{
    directory[space][region] = entry;
    if (region == GLOBAL) {
        directory[1][region] = entry;
    }
}

/* A region becomes a large page, another one, or a table. */
static void change_region(Me *m, u32 space, u32 region)
{
    bool was_large = is_large(space, region), was_there = directory[space][region] & PAGE_P;
    u64 entry = (word)tables[space][region] | PAGE_ALL;

    if (!was_large || draw(m, 2)) {
        entry = (BIG_AT + draw(m, BIG) * LARGE) | draw_rights(m) | PAGE_PS;
        entry |= region == GLOBAL ? PAGE_G : 0;
    }
    open_pages(space, region, 0, PAGES - 1);
    set_directory(space, region, entry);
    request.first = was_large ? draw(m, PAGES) : 0;
    request.last = was_large ? request.first : PAGES - 1;
    if (was_there || draw(m, 2)) {
        shoot_down(m);
    }
    close_pages(space, region, 0, PAGES - 1);
}

/* A small page, which nobody sees while the region is large. What was absent nobody remembers. */
static void change_page(Me *m, u32 space, u32 region, u32 page)
{
    Page *entry = &behind[space][region][page];
    bool was_there = entry->rights & PAGE_P;

    open_pages(space, region, page, page);
    if (draw(m, 3)) {
        entry->frame = draw(m, SMALL);
    }
    entry->rights = draw_rights(m);
    tables[space][region][page_index(page)] = (word)frame_at(entry->frame) | entry->rights |
                                              (region == GLOBAL ? PAGE_G : 0);
    request.first = request.last = page;
    if (was_there || draw(m, 2)) {
        shoot_down(m);
    }
    close_pages(space, region, page, page);
}

static void change(Me *m)
{
    u32 region = draw(m, REGIONS), space = region == GLOBAL ? 0 : draw(m, SPACES), taken;

    do {
        taken = 1;
        asm volatile("pause\n xchg %0, %1" : "+r"(taken), "+m"(changing) : : "memory");
    } while (taken);
    request.space = space;
    request.region = region;
    request.method = draw_method(m, region == GLOBAL);
    if (draw(m, 6) == 0) {
        change_region(m, space, region);
    } else {
        change_page(m, space, region, draw(m, PAGES));
    }
    m->changes++;
    asm volatile("" : : : "memory");
    changing = 0;
}

/* --- using ------------------------------------------------------------------------------------------ */

#define RESUME "lea 1f(%%rip), %%rax\n mov %%rax, (%1)\n mov %%rsp, 8(%1)\n"

/* Three loads near each other: their sum. */
static u64 load(Me *m, u8 *at)
{
    u64 sum;

    asm volatile(RESUME "mov (%2), %%eax\n mov 4(%2), %%ecx\n mov 8(%2), %%edx\n"
                        "add %%rcx, %%rax\n add %%rdx, %%rax\n 1:"
                 : "=&a"(sum)
                 : "r"(m), "r"(at)
                 : "rcx", "rdx", "memory", "cc");
    return sum;
}

static void store(Me *m, u8 *at, u64 value)
{
    asm volatile(RESUME "mov %2, (%0)\n 1:" : : "r"(at), "r"(m), "r"(value) : "rax", "memory");
}

static void add(Me *m, u8 *at, u64 value)
{
    asm volatile(RESUME "lock add %2, (%0)\n 1:"
                 :
                 : "r"(at), "r"(m), "r"(value)
                 : "rax", "memory", "cc");
}

static u64 execute(Me *m, u8 *at)
{
    u64 value;

    asm volatile(RESUME "call *%2\n 1:" : "=&a"(value) : "r"(m), "r"(at) : "memory", "cc");
    return value;
}

/* The error code that an access of the kind must bring, or 0: none; an absent page has PF_U here.
 */
static u32 fault_of(u32 kind, u64 rights)
{
    bool writes = kind == STORE || kind == ADD;
    u32 access = writes ? PF_W : kind == EXECUTE ? PF_I : 0;

    if (!(rights & PAGE_P)) {
        return access | PF_U;
    }
    bool refused = (writes && !(rights & PAGE_W)) || (kind == EXECUTE && rights & PAGE_NX) ||
                   (has_smap && rights & PAGE_U);
    return refused ? access | PF_P : 0;
}

static void judge(Me *m, u64 got, u64 want, u32 kind, u32 region, u32 page)
{
    if (got != want && !m->wrong) {
        m->wrong = true;
        m->got = got;
        m->want = want;
        m->kind = kind;
        m->region = region;
        m->page = page;
    }
}

/* A and D of the entry that maps the page. A global one was met in either space. */
static u64 marks(u32 space, u32 region, u32 page)
{
    u64 entry = tables[space][region][page_index(page)];

    if (is_large(space, region)) {
        entry = directory[space][region] | (region == GLOBAL ? directory[1][region] : 0);
    }
    return entry & (PAGE_A | PAGE_D);
}

static void use(Me *m)
{
    u32 kind = draw(m, KINDS), region = draw(m, REGIONS), page = draw(m, PAGES);
    u32 space = region == GLOBAL ? 0 : m->space;
    u8 *at = window(region, page);
    Page *noted = &pages[space][region][page];
    u32 before = noted->sequence, frame = noted->frame, wanted = fault_of(kind, noted->rights);
    u32 cell_at = CELLS_AT + 8 * (m - mes);
    volatile u64 *cell = (u64 *)(frame_at(frame) + cell_at);
    u64 old = *cell, number = SIGNATURE + frame, value = m->random;

    m->fault = false;
    switch (kind) {
    case LOAD:
        value = load(m, at);
        number *= 3;
        break;
    case STORE:
        store(m, at + cell_at, value);
        number = value;
        value = *cell;
        break;
    case ADD:
        add(m, at + cell_at, value);
        number = old + value;
        value = *cell;
        break;
    default:
        value = execute(m, at + CODE_AT);
    }
    u64 marked = marks(space, region, page);
    bool fault = m->fault;
    u32 error = m->error;
    if (before & 1 || noted->sequence != before) {
        return;
    }
    m->checked[kind]++;
    m->faults += fault;
    if (fault) {
        judge(m, error | (error & PF_P ? 0 : PF_U), wanted, kind, region, page);
        judge(m, m->address & ~0xfffull, (word)at, kind, region, page);
        judge(m, *cell, old, kind, region, page);
        return;
    }
    judge(m, 0, wanted, kind, region, page);
    judge(m, value, number, kind, region, page);
    u64 must = kind == STORE || kind == ADD ? PAGE_A | PAGE_D : PAGE_A;
    judge(m, marked & must, must, kind, region, page);
}

static void change_space(Me *m)
{
    asm volatile("cli" : : : "memory");
    m->space = !m->space;
    bool keep = has_pcid && !m->outdated[m->space] && draw(m, 4);
    m->outdated[m->space] = false;
    write_cr3(cr3_of(m->space) | (keep ? CR3_KEEP : 0));
    asm volatile("sti" : : : "memory");
}

/* --- the job ---------------------------------------------------------------------------------------- */

static void meet(u32 times)
{
    asm volatile("lock incl %0" : "+m"(arrived));
    while (arrived < times * cpu_count()) {
        asm volatile("pause" : : : "memory");
    }
}

static void enter_spaces(Me *m)
{
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
    write_cr0(read_cr0() | CR0_WP);
    write_cr3(root[0]);
    write_cr4(read_cr4() | CR4_PGE | (has_pcid ? CR4_PCIDE : 0) |
              (has_smap ? CR4_SMAP | CR4_SMEP : 0));
    write_cr3(cr3_of(0));
    m->random = 88172645463325252u + (m - mes);
    asm volatile("sti" : : : "memory");
}

/* The others must hear requests until nobody makes any. */
static void change_and_use(void)
{
    Me *m = &mes[apic_id()];

    enter_spaces(m);
    meet(1);
    for (u32 turn = 0; turn < turns; turn++) {
        u32 what = draw(m, 32);
        if (what == 0) {
            change(m);
        } else if (what == 1) {
            change_space(m);
        } else {
            use(m);
        }
    }
    meet(2);
    asm volatile("cli" : : : "memory");
}

static void report(u32 id)
{
    static const char *const kinds[] = {"load", "store", "add", "execute"};
    const Me *m = &mes[id];

    if (!check(!m->wrong)) {
        print("# processor %d, %s, region %d, page %d: %lx, expected %lx\n", id, kinds[m->kind],
              m->region, m->page, m->got, m->want);
    }
    u32 least = turns / 16; /* of each kind there is a quarter */
    for (u32 kind = 0; kind < KINDS; kind++) {
        check(m->checked[kind] > least);
    }
    check(m->faults > least);
    check(m->changes > turns / 64);
}

static void run_turns(u32 wanted)
{
    require(HAS_NX);
    has_pcid = cpu_has(HAS_PCID) && cpu_has(HAS_INVPCID);
    has_smap = cpu_has(HAS_SMAP) && cpu_has(HAS_SMEP);
    if (!check(start_others())) {
        tap_abort();
    }
    turns = wanted;
    memset(mes, 0, sizeof(mes));
    arrived = changing = 0;
    make_frames();
    make_spaces();
    trap_handle(PF, page_fault);
    trap_handle(VECTOR, forget_handler);
    for_others(id)
    {
        begin(id, change_and_use);
    }
    change_and_use();
    for_others(id)
    {
        check(finish_late(id));
    }
    for (u32 id = 0; id < cpu_count(); id++) {
        report(id);
    }
    check(start_others()); /* back to the first page tables */
}

CASE(remapped, "nobody uses a mapping that it was made to forget")
{
    run_turns(100000);
}
