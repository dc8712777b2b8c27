/* fuzz_state.c - saved state of any bytes is refused with one message, or makes a machine that
 * runs.
 *
 * The bytes are those of a machine in use with some of them changed, cut short, or all of them the
 * input's. */
#include "core/error.h"
#include "tests/fuzz/devices.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"

enum { ROUNDS = 4, ACTS = 20, INSNS = 200 };

static void damage(Input *in, GByteArray *state)
{
    unsigned changes = input_one_in(in, 16) ? state->len : input_below(in, 12);
    for (unsigned i = 0; i < changes; i++)
        state->data[input_bits(in, 2) % state->len] = input_one_in(in, 2) ? input_byte(in) : 0xff;
    if (input_one_in(in, 8))
        g_byte_array_set_size(state, input_bits(in, 2) % state->len);
}

static bool cpu_load(Cpu *cpu, const GByteArray *state, GError **err)
{
    StateReader in = {state->data, state->data + state->len};
    return state_load(cpu_state_fields, 0, "cpu", cpu, &in, err) && cpu_loaded(cpu, err);
}

/* Refused: with a message; then the machine is as useful as one just made. */
static void refused(FuzzBoard *b, const GError *err)
{
    g_assert_error(err, MYNA_ERROR, MYNA_ERROR_STATE);
    g_assert_null(strchr(err->message, '\n'));
    fuzz_board_reset(b);
}

/* What the CPU counts is time; loading a machine would set the clock, loading a CPU alone must not
 * move it. */
static void load_damaged_cpu(FuzzBoard *b, const GByteArray *state)
{
    g_autoptr(GError) err = NULL;
    Ns now = clock_now(b->clock);
    bool ok = cpu_load(pc_cpus(b->pc)[0], state, &err);
    if (!ok)
        cpu_reset(pc_cpus(b->pc)[0], CPU_POWER_ON);
    clock_set(b->clock, now);
    if (!ok)
        refused(b, err);
}

static void load_cpu(Input *in, FuzzBoard *b)
{
    Cpu *cpu = pc_cpus(b->pc)[0];
    g_autoptr(GByteArray) state = g_byte_array_new();
    world_enter(in, cpu, &b->board->memory);
    fuzz_board_run(b, input_byte(in));
    state_save(cpu_state_fields, cpu, state);
    damage(in, state);
    load_damaged_cpu(b, state);
}

static void load_devices(Input *in, FuzzBoard *b)
{
    g_autoptr(GByteArray) state = devices_save(b);
    g_autoptr(GError) err = NULL;
    damage(in, state);
    if (!devices_load(b, state->data, state->len, &err))
        refused(b, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in;
    input_init(&in, data, size);
    FuzzBoard *b = fuzz_board_new("-cpu max");
    fuzz_board_enable_pci(b);
    world_write(&in, &b->board->memory);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < ACTS; i++)
            devices_act(&in, b);
        if (input_one_in(&in, 2))
            load_devices(&in, b);
        else
            load_cpu(&in, b);
        for (unsigned i = 0; i < ACTS; i++)
            devices_act(&in, b);
        fuzz_board_run(b, INSNS);
        fuzz_board_check(b);
    }
    fuzz_board_free(b);
    return 0;
}
