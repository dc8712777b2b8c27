/* test_state.c - the field list's encoder, decoder, printer and comparer. */
#include "core/state.h"
#include "core/error.h"

typedef struct Inner {
    uint8_t a;
    uint32_t b[2];
} Inner;

typedef struct Outer {
    uint16_t word;
    bool flag;
    int32_t negative;
    uint64_t big;
    uint8_t raw[3];
    Inner inner[2];
    uint32_t late; /* since version 2 */
} Outer;

static const StateField inner_fields[] = {STATE(Inner, a), STATE_ARRAY(Inner, b), STATE_END};

static const StateField fields[] = {
    STATE(Outer, word),          STATE(Outer, flag),
    STATE(Outer, negative),      STATE(Outer, big),
    STATE_BYTES(Outer, raw),     STATE_STRUCTS(Outer, inner, inner_fields),
    STATE_SINCE(Outer, late, 2), STATE_END,
};

static const Outer sample = {
    .word = 0x1234,
    .flag = true,
    .negative = -2,
    .big = 0x1122334455667788,
    .raw = {7, 8, 9},
    .inner = {{1, {2, 3}}, {4, {5, 6}}},
    .late = 0xabcd,
};

static void test_encoding(void)
{
    static const uint8_t expected[] = {
        0x34, 0x12, 1, 0xfe, 0xff, 0xff, 0xff, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22,
        0x11, 7,    8, 9,    1,    2,    0,    0,    0,    3,    0,    0,    0,    4,
        5,    0,    0, 0,    6,    0,    0,    0,    0xcd, 0xab, 0,    0,
    };
    g_autoptr(GByteArray) out = g_byte_array_new();

    state_save(fields, &sample, out);
    g_assert_cmpmem(out->data, out->len, expected, sizeof(expected));
}

static void test_round_trip(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    Outer loaded = {0};

    state_save(fields, &sample, out);
    StateReader in = {out->data, out->data + out->len};
    g_assert_true(state_load(fields, 2, "sample", &loaded, &in, NULL));
    g_assert_true(in.at == in.end);
    g_autofree char *difference = state_first_difference(fields, &sample, &loaded);
    g_assert_null(difference);
    g_assert_cmpint(loaded.negative, ==, -2);
}

/* A field newer than the state keeps its value, and takes no bytes. */
static void test_old_version(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    Outer loaded = {.late = 99};

    state_save(fields, &sample, out);
    StateReader in = {out->data, out->data + out->len - 4};
    g_assert_true(state_load(fields, 1, "sample", &loaded, &in, NULL));
    g_assert_true(in.at == in.end);
    g_assert_cmpuint(loaded.late, ==, 99);
    g_assert_cmphex(loaded.inner[1].b[1], ==, 6);
}

static void test_every_truncation(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();

    state_save(fields, &sample, out);
    for (unsigned length = 0; length < out->len; length++) {
        g_autofree uint8_t *copy = g_memdup2(out->data, length); /* exact, for the sanitizer */
        g_autoptr(GError) err = NULL;
        Outer loaded = {0};
        StateReader in = {copy, copy + length};
        g_assert_false(state_load(fields, 2, "sample", &loaded, &in, &err));
        g_assert_error(err, MYNA_ERROR, MYNA_ERROR_STATE);
        g_assert_nonnull(strstr(err->message, "sample"));
    }
}

static void test_error_names_field(void)
{
    uint8_t bytes[2] = {0};
    StateReader in = {bytes, bytes + 2};
    g_autoptr(GError) err = NULL;
    Outer loaded;

    g_assert_false(state_load(fields, 2, "sample", &loaded, &in, &err));
    g_assert_cmpstr(err->message, ==, "sample: saved state ends at field 'flag'");
}

/* A hostile byte does not make a bool that is neither true nor false. */
static void test_bool(void)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    Outer loaded = {0};

    state_save(fields, &sample, out);
    out->data[2] = 0x80;
    StateReader in = {out->data, out->data + out->len};
    g_assert_true(state_load(fields, 2, "sample", &loaded, &in, NULL));
    uint8_t byte;
    memcpy(&byte, &loaded.flag, 1);
    g_assert_cmphex(byte, ==, 1);
}

static void test_difference(void)
{
    Outer other = sample;

    other.inner[1].b[0] = 0x50;
    g_autofree char *nested = state_first_difference(fields, &sample, &other);
    g_assert_cmpstr(nested, ==, "inner[1].b[0]: 0x5 != 0x50");
    other.raw[2] = 1;
    g_autofree char *raw = state_first_difference(fields, &sample, &other);
    g_assert_cmpstr(raw, ==, "raw[2]: 0x9 != 0x1");
    other.negative = -1;
    g_autofree char *number = state_first_difference(fields, &sample, &other);
    g_assert_cmpstr(number, ==, "negative: 0xfffffffe != 0xffffffff");
}

static void test_print(void)
{
    g_autoptr(GString) out = g_string_new(NULL);

    state_print(fields, &sample, 2, out);
    g_assert_cmpstr(out->str, ==,
                    "  word=0x1234\n  flag=0x1\n  negative=0xfffffffe\n  big=0x1122334455667788\n"
                    "  raw+0x0: 07 08 09\n"
                    "  inner[0]:\n    a=0x1\n    b[0]=0x2 b[1]=0x3\n"
                    "  inner[1]:\n    a=0x4\n    b[0]=0x5 b[1]=0x6\n"
                    "  late=0xabcd\n");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/state/encoding", test_encoding);
    g_test_add_func("/state/round-trip", test_round_trip);
    g_test_add_func("/state/old-version", test_old_version);
    g_test_add_func("/state/every-truncation", test_every_truncation);
    g_test_add_func("/state/error-names-field", test_error_names_field);
    g_test_add_func("/state/bool", test_bool);
    g_test_add_func("/state/difference", test_difference);
    g_test_add_func("/state/print", test_print);
    return g_test_run();
}
