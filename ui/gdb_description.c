/* gdb_description.c - the registers as XML for gdb. [GDB] "Target Description Format". */
#include "ui/gdb_registers_priv.h"

typedef struct FlagRow {
    const char *name;
    unsigned bytes; /* not 0: the row begins a type */
    unsigned bit;
} FlagRow;

static const FlagRow flag_rows[] = {
#define FLAGS(name, bytes) {name, bytes, 0},
#define FLAG(name, bit)    {name, 0, bit},
#include "ui/gdb_flags.def"
#undef FLAG
#undef FLAGS
};

/* A type must be told in the feature that uses it. */
static bool feature_uses(const GdbRow *feature, const char *type)
{
    for (const GdbRow *row = feature + 1; row < gdb_rows + gdb_row_count; row++) {
        if (row->kind == REGISTER_NONE)
            return false;
        if (g_str_equal(row->type, type))
            return true;
    }
    return false;
}

static void describe_flags(GString *xml, const GdbRow *feature)
{
    bool used = false;
    for (size_t i = 0; i < G_N_ELEMENTS(flag_rows); i++) {
        const FlagRow *f = &flag_rows[i];
        if (f->bytes && used)
            g_string_append(xml, "</flags>\n");
        if (f->bytes)
            used = feature_uses(feature, f->name);
        if (used && f->bytes)
            g_string_append_printf(xml, "<flags id=\"%s\" size=\"%u\">\n", f->name, f->bytes);
        else if (used)
            g_string_append_printf(xml, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>\n", f->name,
                                   f->bit, f->bit);
    }
    if (used)
        g_string_append(xml, "</flags>\n");
}

/* Each way to look at a vector register. */
static const char vector_types[] =
    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>\n"
    "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>\n"
    "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>\n"
    "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>\n"
    "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>\n"
    "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>\n"
    "<union id=\"vec128\">\n"
    "<field name=\"v4_float\" type=\"v4f\"/>\n<field name=\"v2_double\" type=\"v2d\"/>\n"
    "<field name=\"v16_int8\" type=\"v16i8\"/>\n<field name=\"v8_int16\" type=\"v8i16\"/>\n"
    "<field name=\"v4_int32\" type=\"v4i32\"/>\n<field name=\"v2_int64\" type=\"v2i64\"/>\n"
    "<field name=\"uint128\" type=\"uint128\"/>\n</union>\n";

static void describe_register(GString *xml, const char *name, unsigned bits, const char *type,
                              const char *group, unsigned number)
{
    g_string_append_printf(
        xml, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" group=\"%s\" regnum=\"%u\"/>\n", name,
        bits, type, group, number);
}

/* What only 64-bit code can name keeps its place in `g`, but without a name gdb does not show it.
 */
static void describe_row_32(GString *xml, const GdbRow *row, unsigned number)
{
    if (!row->name32) {
        describe_register(xml, row->name, row->bits, row->type, row->group, number);
    } else if (*row->name32) {
        const char *type = g_str_equal(row->type, "int64") ? "int32" : row->type;
        describe_register(xml, row->name32, 32, type, row->group, number);
        describe_register(xml, "", 32, "int32", row->group, number + 1);
    } else if (row->kind == REGISTER_GPR) {
        describe_register(xml, "", row->bits, row->type, row->group, number);
    }
}

static void describe_row(GString *xml, const GdbRow *row, GdbArch arch, unsigned number)
{
    if (arch == GDB_X86_64)
        describe_register(xml, row->name, row->bits, row->type, row->group, number);
    else
        describe_row_32(xml, row, number);
}

/* gdb has no GNU/Linux for 8086s and says so unless told that there is no system. */
char *gdb_description(GdbArch arch)
{
    GString *xml = g_string_new("<?xml version=\"1.0\"?>\n"
                                "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n");
    g_string_append_printf(xml, "<architecture>%s</architecture>\n%s", gdb_arch_name(arch),
                           arch == GDB_I8086 ? "<osabi>none</osabi>\n" : "");
    unsigned number = 0;
    for (size_t i = 0; i < gdb_row_count; i++) {
        const GdbRow *row = &gdb_rows[i];
        if (row->kind != REGISTER_NONE) {
            describe_row(xml, row, arch, number);
            number += gdb_registers_in_row(row, arch);
            continue;
        }
        g_string_append_printf(xml, "%s<feature name=\"%s\">\n", i ? "</feature>\n" : "",
                               arch == GDB_X86_64 ? row->name : row->name32);
        describe_flags(xml, row);
        if (feature_uses(row, "vec128"))
            g_string_append(xml, vector_types);
    }
    g_string_append(xml, "</feature>\n</target>\n");
    return g_string_free(xml, FALSE);
}
