/* board.c - the board: two empty address spaces, a clock, a lock, and a list of devices. */
#include "core/board.h"
#include "core/device_priv.h"

/* [SDM3] "Physical Address Space" allows 52 address bits; the ISA bus has 16 for ports. */
#define MEMORY_SIZE ((uint64_t)1 << 52)
#define PORTS_SIZE  ((uint64_t)1 << 16)

Board *board_new(Clock *clock)
{
    Board *board = g_new0(Board, 1);

    board->clock = clock;
    mem_init_container(&board->memory_root, "memory", MEMORY_SIZE);
    mem_init_container(&board->port_root, "ports", PORTS_SIZE);
    address_space_init(&board->memory, "memory", &board->memory_root);
    address_space_init(&board->ports, "ports", &board->port_root);
    board->devices = g_ptr_array_new();
    board->defaults = g_array_new(FALSE, FALSE, sizeof(DeviceDefault));
    board->displays = g_ptr_array_new();
    board->inputs = g_ptr_array_new();
    lock_init(&board->lock);
    return board;
}

void board_free(Board *board)
{
    if (!board)
        return;
    /* Devices that go away change the map; nobody is left to hear of it. */
    board->memory.on_change = NULL;
    board->memory.on_code_write = NULL;
    address_space_hold(&board->memory);
    address_space_hold(&board->ports);
    for (unsigned i = board->devices->len; i-- > 0;)
        device_free(g_ptr_array_index(board->devices, i));
    address_space_fini(&board->memory);
    address_space_fini(&board->ports);
    mem_fini(&board->memory_root);
    mem_fini(&board->port_root);
    g_ptr_array_unref(board->devices);
    g_array_unref(board->defaults);
    g_ptr_array_unref(board->displays);
    g_ptr_array_unref(board->inputs);
    clock_free(board->clock);
    lock_fini(&board->lock);
    g_free(board);
}

void board_reset(Board *board)
{
    address_space_hold(&board->memory);
    address_space_hold(&board->ports);
    for (unsigned i = 0; i < board->devices->len; i++)
        device_reset(g_ptr_array_index(board->devices, i));
    for (unsigned i = 0; i < board->devices->len; i++)
        device_update(g_ptr_array_index(board->devices, i));
    address_space_release(&board->ports);
    address_space_release(&board->memory);
}

void board_request(Board *board, BoardRequest what, int value)
{
    if (board->request)
        board->request(board->request_opaque, what, value);
}

Ns board_wall_clock(Board *board)
{
    if (board->wall_clock)
        return board->wall_clock(board->wall_clock_opaque);
    return g_get_real_time() * NS_PER_US;
}
