/* aml.c - writing ACPI machine language. */
#include "bios/aml.h"
#include "bios/bytes.h"

/* [ACPI] "AML Byte Stream Byte Values". */
enum {
    NAME_OP = 0x08,
    DWORD_PREFIX = 0x0c,
    SCOPE_OP = 0x10,
    BUFFER_OP = 0x11,
    DUAL_NAME_PREFIX = 0x2e,
    EXT_OP_PREFIX = 0x5b,
    EXT_PROCESSOR_OP = 0x83,
};

/* Address space descriptors: [ACPI] "Address Space Resource Descriptors". */
enum {
    DESCRIPTOR_QWORD = 0x8a,
    DESCRIPTOR_DWORD = 0x87,
    DESCRIPTOR_WORD = 0x88,
    SPACE_MEMORY = 0,
    SPACE_PORTS = 1,
    SPACE_BUS = 2,
    FIXED_BOTH_ENDS = 0x0c,
    PORTS_ENTIRE_RANGE = 0x03,
    MEMORY_READ_WRITE = 0x01,
};

/* The length counts its own bytes. Of two or more, the first holds the low four bits and how many
 * follow. [ACPI] "Package Length Encoding". */
static void put_package(GByteArray *out, GByteArray *body)
{
    unsigned length = body->len;

    if (length + 1 < 0x40) {
        put_le(out, length + 1, 1);
    } else {
        unsigned more = length + 2 < 0x1000 ? 1 : 2;
        length += 1 + more;
        put_le(out, more << 6 | (length & 0x0f), 1);
        put_le(out, length >> 4, more);
    }
    g_byte_array_append(out, body->data, body->len);
    g_byte_array_unref(body);
}

/* Segments of four letters, filled with '_'; at most two of them. */
static void put_path(GByteArray *out, const char *path)
{
    if (*path == '\\')
        put_le(out, *path++, 1);
    if (strchr(path, '.'))
        put_le(out, DUAL_NAME_PREFIX, 1);
    g_auto(GStrv) segments = g_strsplit(path, ".", -1);
    g_assert(g_strv_length(segments) <= 2);
    for (char **s = segments; *s; s++) {
        char letters[] = "____";
        memcpy(letters, *s, MIN(strlen(*s), 4));
        g_byte_array_append(out, (const uint8_t *)letters, 4);
    }
}

void aml_scope(GByteArray *out, const char *path, GByteArray *body)
{
    GByteArray *whole = g_byte_array_new();

    put_path(whole, path);
    g_byte_array_append(whole, body->data, body->len);
    g_byte_array_unref(body);
    put_le(out, SCOPE_OP, 1);
    put_package(out, whole);
}

void aml_name_integer(GByteArray *out, const char *path, uint32_t value)
{
    put_le(out, NAME_OP, 1);
    put_path(out, path);
    put_le(out, DWORD_PREFIX, 1);
    put_le(out, value, 4);
}

void aml_name_buffer(GByteArray *out, const char *path, GByteArray *bytes)
{
    GByteArray *whole = g_byte_array_new();

    put_le(whole, DWORD_PREFIX, 1);
    put_le(whole, bytes->len, 4);
    g_byte_array_append(whole, bytes->data, bytes->len);
    g_byte_array_unref(bytes);
    put_le(out, NAME_OP, 1);
    put_path(out, path);
    put_le(out, BUFFER_OP, 1);
    put_package(out, whole);
}

/* [ACPI] 1.0 "Processor": an id that the MADT repeats, and no power registers. */
void aml_processor(GByteArray *out, const char *path, uint8_t id)
{
    GByteArray *whole = g_byte_array_new();

    put_path(whole, path);
    put_le(whole, id, 1);
    put_le(whole, 0, 4);
    put_le(whole, 0, 1);
    put_le(out, EXT_OP_PREFIX, 1);
    put_le(out, EXT_PROCESSOR_OP, 1);
    put_package(out, whole);
}

/* Granularity, first, last, translation and length, each `width` bytes. */
static void put_window(GByteArray *out, uint8_t tag, uint8_t space, uint8_t flags, uint64_t first,
                       uint64_t last, unsigned width)
{
    put_le(out, tag, 1);
    put_le(out, 3 + 5 * width, 2);
    put_le(out, space, 1);
    put_le(out, FIXED_BOTH_ENDS, 1);
    put_le(out, flags, 1);
    put_le(out, 0, width);
    put_le(out, first, width);
    put_le(out, last, width);
    put_le(out, 0, width);
    put_le(out, last - first + 1, width);
}

void aml_window_bus(GByteArray *out, uint16_t first, uint16_t last)
{
    put_window(out, DESCRIPTOR_WORD, SPACE_BUS, 0, first, last, 2);
}

void aml_window_ports(GByteArray *out, uint16_t first, uint16_t last)
{
    put_window(out, DESCRIPTOR_WORD, SPACE_PORTS, PORTS_ENTIRE_RANGE, first, last, 2);
}

void aml_window_memory32(GByteArray *out, uint32_t first, uint32_t last)
{
    put_window(out, DESCRIPTOR_DWORD, SPACE_MEMORY, MEMORY_READ_WRITE, first, last, 4);
}

void aml_window_memory64(GByteArray *out, uint64_t first, uint64_t last)
{
    put_window(out, DESCRIPTOR_QWORD, SPACE_MEMORY, MEMORY_READ_WRITE, first, last, 8);
}

/* [ACPI] "I/O Port Descriptor": 16-bit decode, one fixed place. */
void aml_ports(GByteArray *out, uint16_t first, uint8_t count)
{
    put_le(out, 0x47, 1);
    put_le(out, 1, 1);
    put_le(out, first, 2);
    put_le(out, first, 2);
    put_le(out, 1, 1);
    put_le(out, count, 1);
}

void aml_end_tag(GByteArray *out)
{
    put_le(out, 0x79, 1);
    put_le(out, 0, 1); /* no checksum */
}
