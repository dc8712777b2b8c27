/* fuzz_devices.c - whatever ports, registers, DMA and the world outside do to the devices of a
 * board, the program lives, and their saved state is all there is of them. */
#include "tests/fuzz/devices.h"
#include "tests/fuzz/fuzz.h"

enum { ACTS = 300 };

/* A second saving says the same as the first, after loading it into the same device. */
static void reload(Device *dev)
{
    g_autoptr(GByteArray) before = g_byte_array_new(), after = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    device_update(dev);
    device_save(dev, before);
    StateReader in = {before->data, before->data + before->len};
    if (!device_load(dev, dev->klass->version, &in, &err))
        g_error("%s: %s", dev->id, err->message);
    device_update(dev);
    device_save(dev, after);
    g_assert_cmpuint(before->len, ==, after->len);
    for (unsigned i = 0; i < before->len; i++)
        if (before->data[i] != after->data[i])
            g_error("%s: byte %u of %u differs after reloading", dev->id, i, before->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in;
    input_init(&in, data, size);
    FuzzBoard *b = fuzz_board_new(input_one_in(&in, 4) ? "-cpu 486" : "-cpu max -smp 2");
    fuzz_board_enable_pci(b);
    for (unsigned i = 0; i < ACTS; i++) {
        devices_act(&in, b);
        if (b->reset_wanted || input_one_in(&in, 200))
            fuzz_board_reset(b);
        if (input_one_in(&in, 20))
            reload(g_ptr_array_index(b->board->devices, input_below(&in, b->board->devices->len)));
    }
    fuzz_board_free(b);
    return 0;
}
