/* test_i8237.c - DMA: programming, directions, terminal count, word channels, requests. */
#include "devices/chipset/i8237.h"
#include "tests/support/testbus.h"

enum { VERIFY = 0x40, WRITE = 0x44, READ = 0x48, AUTOINIT = 0x10, DECREMENT = 0x20 };

typedef struct Agent {
    IsaDma *dma;
    unsigned channel;
    IsaDmaDirection direction;
    uint8_t bytes[512];
    size_t want, done;
    unsigned calls;
    bool terminal_count;
} Agent;

/* A device that moves all it wants, then lowers DREQ. */
static void ready(void *opaque)
{
    Agent *a = opaque;

    a->calls++;
    a->done = a->direction == ISA_DMA_TO_MEMORY
                  ? isa_dma_to_memory(a->dma, a->channel, a->bytes, a->want, &a->terminal_count)
                  : isa_dma_from_memory(a->dma, a->channel, a->bytes, a->want, &a->terminal_count);
    isa_dma_request(a->dma, a->channel, 0);
}

static TestBus *bus_with(Agent *a, unsigned channel, IsaDmaDirection direction, size_t want)
{
    TestBus *t = test_bus("i8237");

    *a = (Agent){i8237_isa_dma(t->dev), channel, direction, {0}, want};
    for (unsigned i = 0; i < sizeof(a->bytes); i++)
        a->bytes[i] = i ^ 0x5a;
    isa_dma_attach(a->dma, channel, ready, a);
    return t;
}

/* Programs channel 2, as a floppy driver does. */
static void program2(TestBus *t, uint8_t mode, PhysAddr address, unsigned count)
{
    outb(t, 0x0a, 0x06);
    outb(t, 0x0c, 0);
    outb(t, 0x0b, mode | 2);
    outb(t, 0x04, address);
    outb(t, 0x04, address >> 8);
    outb(t, 0x81, address >> 16);
    outb(t, 0x05, count - 1);
    outb(t, 0x05, (count - 1) >> 8);
}

static void test_to_memory(void)
{
    Agent a;
    TestBus *t = bus_with(&a, 2, ISA_DMA_TO_MEMORY, 512);

    program2(t, WRITE, 0x12340, 512);
    isa_dma_request(a.dma, 2, 1);
    g_assert_cmpuint(a.calls, ==, 0); /* masked */
    g_assert_cmphex(inb(t, 0x08), ==, 0x40);
    outb(t, 0x0a, 0x02);
    g_assert_cmpuint(a.calls, ==, 1);
    g_assert_cmpuint(a.done, ==, 512);
    g_assert_true(a.terminal_count);
    g_assert_cmpmem(t->ram.host + 0x12340, 512, a.bytes, 512);
    g_assert_cmphex(inb(t, 0x08), ==, 0x04); /* TC of channel 2, cleared by reading */
    g_assert_cmphex(inb(t, 0x08), ==, 0x00);
    g_assert_cmphex(inb(t, 0x0f) & 0xf, ==, 0xf); /* masked again: no autoinitialize */
    test_bus_free(t);
}

static void test_from_memory_in_parts(void)
{
    Agent a;
    TestBus *t = bus_with(&a, 2, ISA_DMA_FROM_MEMORY, 100);

    memset(t->ram.host + 0x2000, 0x77, 256);
    program2(t, READ, 0x2000, 256);
    outb(t, 0x0a, 0x02);
    isa_dma_request(a.dma, 2, 1);
    g_assert_cmpuint(a.done, ==, 100);
    g_assert_false(a.terminal_count);
    g_assert_cmphex(a.bytes[99], ==, 0x77);
    g_assert_cmphex(inb(t, 0x04), ==, 0x64); /* current address 2064h */
    g_assert_cmphex(inb(t, 0x04), ==, 0x20);
    g_assert_cmphex(inb(t, 0x05), ==, 155); /* 156 left, less one */
    g_assert_cmphex(inb(t, 0x05), ==, 0);
    a.want = 512;
    isa_dma_request(a.dma, 2, 1);
    g_assert_cmpuint(a.done, ==, 156);
    g_assert_true(a.terminal_count);
    test_bus_free(t);
}

static void test_verify_and_wrong_direction(void)
{
    Agent a;
    TestBus *t = bus_with(&a, 2, ISA_DMA_TO_MEMORY, 16);

    program2(t, VERIFY, 0x3000, 16);
    outb(t, 0x0a, 0x02);
    isa_dma_request(a.dma, 2, 1);
    g_assert_true(a.terminal_count);
    g_assert_cmphex(t->ram.host[0x3000], ==, 0);
    a.direction = ISA_DMA_FROM_MEMORY;
    program2(t, WRITE, 0x3000, 16);
    outb(t, 0x0a, 0x02);
    isa_dma_request(a.dma, 2, 1);
    g_assert_cmphex(a.bytes[0], ==, 0xff);
    test_bus_free(t);
}

static void test_autoinit(void)
{
    Agent a;
    TestBus *t = bus_with(&a, 2, ISA_DMA_TO_MEMORY, 512);

    program2(t, WRITE | AUTOINIT, 0x4000, 4);
    outb(t, 0x0a, 0x02);
    for (unsigned i = 0; i < 3; i++) {
        isa_dma_request(a.dma, 2, 1);
        g_assert_cmpuint(a.done, ==, 4);
        g_assert_true(a.terminal_count);
    }
    g_assert_cmphex(inb(t, 0x0f) & 4, ==, 0);
    g_assert_cmphex(inb(t, 0x04), ==, 0x00);
    g_assert_cmphex(inb(t, 0x04), ==, 0x40);
    test_bus_free(t);
}

/* The address counts within 64 KiB: it does not carry into the page register. */
static void test_wrap_and_decrement(void)
{
    Agent a;
    TestBus *t = bus_with(&a, 2, ISA_DMA_TO_MEMORY, 4);

    program2(t, WRITE, 0x1fffe, 4);
    outb(t, 0x0a, 0x02);
    isa_dma_request(a.dma, 2, 1);
    g_assert_cmpmem(t->ram.host + 0x1fffe, 2, a.bytes, 2);
    g_assert_cmpmem(t->ram.host + 0x10000, 2, a.bytes + 2, 2);
    program2(t, WRITE | DECREMENT, 0x5003, 4);
    outb(t, 0x0a, 0x02);
    isa_dma_request(a.dma, 2, 1);
    for (unsigned i = 0; i < 4; i++)
        g_assert_cmphex(t->ram.host[0x5003 - i], ==, a.bytes[i]);
    test_bus_free(t);
}

/* Channel 5: words, addresses halved, bit 0 of the page unused. */
static void test_words(void)
{
    Agent a;
    TestBus *t = bus_with(&a, 5, ISA_DMA_TO_MEMORY, 8);

    outb(t, 0xd8, 0);
    outb(t, 0xd6, WRITE | 1);
    outb(t, 0xc4, 0x00);
    outb(t, 0xc4, 0x08); /* word 0800h: byte 1000h */
    outb(t, 0x8b, 0x03);
    outb(t, 0xc6, 3);
    outb(t, 0xc6, 0);
    outb(t, 0xd4, 0x01);
    isa_dma_request(a.dma, 5, 1);
    g_assert_true(a.terminal_count);
    g_assert_cmpuint(a.done, ==, 8);
    g_assert_cmpmem(t->ram.host + 0x21000, 8, a.bytes, 8);
    test_bus_free(t);
}

static void test_disable_and_clear(void)
{
    Agent a;
    TestBus *t = bus_with(&a, 2, ISA_DMA_TO_MEMORY, 4);

    program2(t, WRITE, 0x6000, 4);
    outb(t, 0x08, 0x04); /* controller disabled */
    outb(t, 0x0e, 0);    /* clear mask register */
    isa_dma_request(a.dma, 2, 1);
    g_assert_cmpuint(a.calls, ==, 0);
    outb(t, 0x08, 0);
    g_assert_cmpuint(a.calls, ==, 1);
    outb(t, 0x0d, 0); /* master clear */
    g_assert_cmphex(inb(t, 0x0f) & 0xf, ==, 0xf);
    g_assert_cmphex(inb(t, 0x08), ==, 0);
    outb(t, 0x80, 0x55);
    g_assert_cmphex(inb(t, 0x80), ==, 0x55);
    test_bus_free(t);
}

static void test_no_controller(void)
{
    uint8_t byte = 0;
    bool terminal_count = true;

    isa_dma_attach(NULL, 2, ready, NULL);
    isa_dma_request(NULL, 2, 1);
    g_assert_cmpuint(isa_dma_to_memory(NULL, 2, &byte, 1, &terminal_count), ==, 0);
    g_assert_false(terminal_count);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8237/to-memory", test_to_memory);
    g_test_add_func("/i8237/from-memory-in-parts", test_from_memory_in_parts);
    g_test_add_func("/i8237/verify-and-wrong-direction", test_verify_and_wrong_direction);
    g_test_add_func("/i8237/autoinit", test_autoinit);
    g_test_add_func("/i8237/wrap-and-decrement", test_wrap_and_decrement);
    g_test_add_func("/i8237/words", test_words);
    g_test_add_func("/i8237/disable-and-clear", test_disable_and_clear);
    g_test_add_func("/i8237/no-controller", test_no_controller);
    return g_test_run();
}
