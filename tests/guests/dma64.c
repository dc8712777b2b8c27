/* dma64.c - code that a disk controller changes: what its bus master puts into memory is what runs,
 * on the processor that asked for it and on the others. [SDM3] "Self-Modifying Code", "Handling
 * Self- and Cross-Modifying Code": the code that is reached behind a serializing instruction.
 * run with: --disk
 * run with: --disk -smp 2
 * run with: --disk -smp 4
 * run with: --disk -smp 2 -accel interp,thread=multi
 * run with: --disk -smp 4 -accel jit,thread=multi
 * run with: --disk -smp 4 -accel jit,thread=single -check lockstep
 */
#include "lib/64/others.h"
#include "lib/code.h"
#include "lib/cpu.h"
#include "lib/disk.h"
#include "lib/snippet.h"
#include "lib/tap.h"

enum { ROUNDS = 40, PAGE = 4096 };

/* Two pages for code, others after a few changes: an emulator may treat code that changes all the
 * time otherwise than other code. */
enum { AREAS = 160, CHANGES = 4 };
static u8 areas[AREAS][2 * PAGE] __attribute__((aligned(4096)));
static u8 *volatile code;
static u8 sector[SECTOR] __attribute__((aligned(512)));

static u32 run(const u8 *at)
{
    u32 result;

    asm volatile("call *%1"
                 : "=a"(result)
                 : "r"(at)
                 : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
    return result;
}

static void serialize(void)
{
    u32 out[4];

    cpuid(0, 0, out);
}

static void fresh(void)
{
    static u32 used;

    u8 *area = areas[used++ % AREAS];
    memset(area, NOP, sizeof(areas[0]));
    code = area;
}

/* Is it time for another area? It is there then. */
static bool moves_on(u32 round)
{
    if (round % CHANGES == 0) {
        fresh();
    }
    return round % CHANGES == 0;
}

static void clear(void)
{
    require_disk();
    fresh();
}

static void setup_others(void)
{
    if (cpu_count() == 1) {
        tap_skip("one processor");
    }
    clear();
    if (!check(start_others())) {
        tap_abort();
    }
}

/* Sector n returns n + 100, for each round. */
static void write_functions(void)
{
    for (u32 n = 0; n < ROUNDS; n++) {
        put_return(sector, n + 100);
        disk_write(n, sector);
    }
}

/* --- on the processor that asks ----------------------------------------------------------------- */

CASE(rewrite, "a function that has run often is the one that was read over it")
{
    clear();
    write_functions();
    for (u32 n = 0; n < ROUNDS; n++) {
        moves_on(n);
        disk_read(n, code, SECTOR);
        for (u32 i = 0; i < 100; i++) {
            check_eq(run(code), n + 100);
        }
    }
}

/* Starts what is prepared, and waits for its end in the page that it changes. */
SNIPPET(start_and_wait, "mov $0xc000, %edx\n mov $9, %al\n out %al, (%dx)\n"
                        "add $2, %edx\n 1: in (%dx), %al\n test $4, %al\n jz 1b\n"
                        "push %rbx\n xor %eax, %eax\n cpuid\n pop %rbx\n"
                        "start_and_wait_value: mov $0, %eax\n ret\n start_and_wait_end:");
LABEL(start_and_wait_value);
LABEL(start_and_wait_end);

static void put_start_and_wait(u8 *at, u32 value)
{
    memcpy(at, (const u8 *)start_and_wait, start_and_wait_end - (const u8 *)start_and_wait);
    put32(at + (start_and_wait_value - (const u8 *)start_and_wait) + 1, value);
}

CASE(waiting_loop, "the loop that waits for the disk is itself read, and what follows it is new")
{
    clear();
    for (u32 n = 0; n < ROUNDS; n++) {
        put_start_and_wait(sector, n + 1);
        disk_write(n, sector);
    }
    for (u32 n = 0; n < ROUNDS; n++) {
        if (moves_on(n)) {
            put_start_and_wait(code, 0);
        }
        disk_prepare_read(n, code, SECTOR);
        check_eq(run(code), n + 1);
        disk_finish();
    }
}

CASE(waiting_beside, "only what follows the loop is read; then only what is beside it")
{
    const u32 value = start_and_wait_value - (const u8 *)start_and_wait;

    clear();
    write_functions();
    for (u32 n = 0; n < ROUNDS; n++) {
        moves_on(n);
        u8 *at = code + 64 - (value & 1); /* transfers begin at even addresses */
        put_start_and_wait(at, 0);
        disk_prepare_read(n, at + value + (n & 1 ? 0 : 512), 6);
        check_eq(run(at), n & 1 ? n + 100 : 0);
        disk_finish();
        check_eq(run(at + value), n & 1 ? n + 100 : 0);
    }
}

CASE(two_pages, "an instruction that lies in two pages: either half is read, or both")
{
    clear();
    memset(sector, 0, sizeof(sector));
    for (u32 n = 0; n < ROUNDS; n++) {
        sector[0] = sector[1] = n + 1;
        sector[2] = RET;
        disk_write(n, sector);
    }
    for (u32 n = 0; n < ROUNDS; n++) {
        if (moves_on(n)) {
            put_return(code + PAGE - 3, 0);
        }
        u32 byte = n + 1;
        u32 first = *(u16 *)(code + PAGE - 2), second = *(u16 *)(code + PAGE);
        disk_read(n, code + PAGE - (n % 3 == 0 ? 2 : 0), n % 3 == 2 ? 4 : 2);
        if (n % 3 == 0) {
            first = byte << 8 | byte;
        } else {
            second = byte << 8 | byte;
        }
        check_eq(run(code + PAGE - 3), second << 16 | first);
    }
    /* Through the end of one page into the other. */
    memset(sector, NOP, sizeof(sector));
    for (u32 n = 0; n < ROUNDS; n++) {
        put_return(sector + SECTOR / 2 - 3, 0x01020304 * n);
        disk_write(n, sector);
        moves_on(n);
        disk_read(n, code + PAGE - SECTOR / 2, SECTOR);
        check_eq(run(code + PAGE - 3), 0x01020304 * n);
        check_eq(run(code + PAGE - SECTOR / 2), 0x01020304 * n);
    }
}

CASE(beside_code, "data that is read beside code leaves it as it is, and comes whole")
{
    clear();
    write_functions();
    put_return(code, 7);
    for (u32 n = 0; n < ROUNDS; n++) {
        check_eq(run(code), 7);
        disk_read(n, code + 1024, SECTOR);
        check_eq(*(volatile u32 *)(code + 1025), n + 100);
    }
}

/* --- while others run it --------------------------------------------------------------------------- */

static volatile u32 version, stale;

static void run_changing_code(void)
{
    while (version < ROUNDS) {
        u32 before = version;
        serialize();
        stale += run(code) < before + 99;
        me()->beats++;
    }
}

CASE(others_run, "code that others run all the time: never older than what they were told of")
{
    setup_others();
    write_functions();
    put_return(code, 99);
    version = stale = 0;
    for_others(id)
    {
        begin(id, run_changing_code);
    }
    for_others(id)
    {
        check(wait_until(others[id].beats));
    }
    for (u32 n = 0; n < ROUNDS; n++) {
        if (n % CHANGES == 0) {
            u8 *before = code, *after = areas[AREAS - 1 - n / CHANGES];
            memcpy(after, before, 6);
            serialize();
            code = after;
        }
        disk_read(n, code, 6);
        version = n + 1;
        check_eq(run(code), n + 100);
    }
    for_others(id)
    {
        check(finish_late(id));
    }
    check_eq(stale, 0);
}

/* Loops in code without an end; what is read makes one. */
static void run_endless(void)
{
    me()->beats++;
    me()->value = run(code);
}

static void end_loops(u32 first_sector, u8 *at, u32 bytes)
{
    for_others(id)
    {
        others[id].beats = 0;
        begin(id, run_endless);
    }
    for_others(id)
    {
        check(wait_until(others[id].beats));
    }
    delay_us(500);
    for_others(id)
    {
        check(others[id].job);
    }
    disk_read(first_sector, at, bytes);
    for_others(id)
    {
        if (!check(finish_late(id))) {
            tap_abort();
        }
        check_eq(others[id].value, 1);
    }
}

CASE(endless_loop, "a loop of one block in others ends when its branch is read over")
{
    static const u8 loop[] = {0xb8, 1, 0, 0, 0, NOP, 0xeb, 0xfe}; /* mov $1, %eax; nop; jmp . */

    setup_others();
    memset(sector, RET, sizeof(sector));
    disk_write(0, sector);
    for (u32 n = 0; n < 10; n++) {
        moves_on(n);
        memcpy(code, loop, sizeof(loop));
        end_loops(0, code + 6, 2);
    }
}

CASE(endless_pages, "a loop through two pages ends when the second, or the first, is read over")
{
    /* first: mov $1, %eax; nop; jmp second; nop...; second: jmp first + 6 */
    static const u8 first[] = {0xb8, 1, 0, 0, 0, NOP, 0xe9}, second[] = {0xe9};
    enum { FIRST = 6, DISTANCE = PAGE + 64 };

    setup_others();
    memset(sector, RET, sizeof(sector));
    disk_write(0, sector);
    for (u32 n = 0; n < 10; n++) {
        moves_on(n);
        memcpy(code, first, sizeof(first));
        put32(code + FIRST + 1, DISTANCE - (FIRST + 5));
        memcpy(code + DISTANCE, second, sizeof(second));
        put32(code + DISTANCE + 1, FIRST - (DISTANCE + 5));
        end_loops(0, code + (n & 1 ? FIRST : DISTANCE), 2);
    }
}

CASE(endless_straddle, "so does one whose branch lies in two pages, by either half")
{
    enum { BRANCH = PAGE - 2, BACK = -7, ELSEWHERE = BACK - 0x100 };
    static const u8 first[] = {0xb8, 1, 0, 0, 0, 0xe9}; /* mov $1, %eax; jmp to the branch */

    setup_others();
    memset(sector, RET, sizeof(sector));
    disk_write(0, sector);
    put32(sector, (u32)ELSEWHERE >> 8);
    disk_write(1, sector);
    for (u32 n = 0; n < 10; n++) {
        if (moves_on(n)) {
            code[BRANCH + 5 + ELSEWHERE] = RET;
        }
        memcpy(code, first, sizeof(first));
        put32(code + sizeof(first), BRANCH - (sizeof(first) + 4));
        code[BRANCH] = 0xe9; /* jmp to the nops before it */
        put32(code + BRANCH + 1, BACK);
        end_loops(n & 1, code + BRANCH + (n & 1 ? 2 : 0), 2);
    }
}

/* The other processor asks and waits, in the page; this one runs another function of it meanwhile.
 */
static void ask_in_page(void)
{
    for (u32 n = 0; n < ROUNDS; n++) {
        disk_prepare_read(n, code, SECTOR);
        stale += run(code) != n + 1;
        disk_finish();
        me()->beats++;
    }
}

CASE(asked_by_another, "another asks for it in the page; this one runs beside it")
{
    setup_others();
    for (u32 n = 0; n < ROUNDS; n++) {
        put_start_and_wait(sector, n + 1);
        put_return(sector + 256, 0x100 + n);
        disk_write(n, sector);
    }
    put_start_and_wait(code, 0);
    put_return(code + 256, 0x100);
    stale = 0;
    begin(1, ask_in_page);
    u32 last = 0x100, older = 0;
    while (others[1].job) {
        u32 done = others[1].beats;
        serialize();
        u32 value = run(code + 256);
        older += value < last || value + 1 < 0x100 + done;
        last = value;
    }
    serialize();
    check_eq(run(code + 256), 0x100 + ROUNDS - 1);
    check_eq(stale, 0);
    check_eq(older, 0);
}
