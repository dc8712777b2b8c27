/* monitor_memory.c - x, xp and print: guest memory and values in the user's format. */
#include <inttypes.h>

#include "cpu/disassemble.h"
#include "cpu/mem.h"
#include "ui/monitor_priv.h"

/* [GDB] "Examining Memory": a count, a letter for the form, a letter for the size. */
typedef struct Format {
    unsigned count;
    char form;     /* d u x o c i */
    unsigned size; /* bytes */
} Format;

static bool parse_format(const char *text, Format *f, GString *out)
{
    *f = (Format){1, 'x', 4};
    if (g_ascii_isdigit(*text)) {
        char *end;
        f->count = MIN(g_ascii_strtoull(text, &end, 10), 65536);
        text = end;
    }
    for (; *text; text++) {
        switch (*text) {
        case 'b':
            f->size = 1;
            break;
        case 'h':
            f->size = 2;
            break;
        case 'w':
            f->size = 4;
            break;
        case 'g':
            f->size = 8;
            break;
        case 'd':
        case 'u':
        case 'x':
        case 'o':
        case 'c':
        case 'i':
            f->form = *text;
            break;
        default:
            g_string_append_printf(out, "'%c' is no format: d u x o c i, b h w g\n", *text);
            return false;
        }
    }
    if (f->form == 'c')
        f->size = 1;
    return true;
}

static void print_value(const Format *f, uint64_t v, GString *out)
{
    unsigned digits = f->size * 2;
    switch (f->form) {
    case 'd':
        g_string_append_printf(out, "%" PRId64, sign_extend(v, f->size * 8));
        break;
    case 'u':
        g_string_append_printf(out, "%" PRIu64, v);
        break;
    case 'o':
        g_string_append_printf(out, "0%" PRIo64, v);
        break;
    case 'c':
        if (g_ascii_isprint(v))
            g_string_append_printf(out, "'%c'", (char)v);
        else
            g_string_append_printf(out, "'\\x%02x'", (unsigned)v);
        break;
    default:
        g_string_append_printf(out, "0x%0*" PRIx64, (int)digits, v);
        break;
    }
}

/* How memory is read: through the CPU's page tables, or not. Bytes done. */
typedef size_t ReadFn(Monitor *m, uint64_t address, void *buffer, size_t size);

static size_t read_linear(Monitor *m, uint64_t address, void *buffer, size_t size)
{
    return mem_read_debug(monitor_cpu_chosen(m), address, buffer, size);
}

static size_t read_physical(Monitor *m, uint64_t address, void *buffer, size_t size)
{
    address_space_read(&vm_board(monitor_vm(m))->memory, address, buffer, size);
    return size;
}

static void dump_code(Monitor *m, const Format *f, uint64_t address, ReadFn *read, GString *out)
{
    g_autoptr(Disassembler) disassembler = disassembler_new(monitor_cpu_chosen(m)->code_size);
    for (unsigned i = 0; i < f->count; i++) {
        uint8_t code[16];
        size_t size = read(m, address, code, sizeof(code));
        if (size == 0) {
            g_string_append_printf(out, "Cannot access memory at 0x%" PRIx64 "\n", address);
            return;
        }
        g_string_append_printf(out, "0x%016" PRIx64 ":  ", address);
        address += disassemble(disassembler, address, code, size, out);
        g_string_append_c(out, '\n');
    }
}

static void dump(Monitor *m, const MonitorArgs *args, ReadFn *read, GString *out)
{
    Format f;
    if (!parse_format(args->format, &f, out))
        return;
    uint64_t address = args->number[0];
    if (f.form == 'i') {
        dump_code(m, &f, address, read, out);
        return;
    }
    unsigned a_line = f.form == 'c' ? 8 : MAX(16 / f.size, 1);
    for (unsigned i = 0; i < f.count; i++, address += f.size) {
        uint8_t bytes[8];
        if (i % a_line == 0)
            g_string_append_printf(out, "%s%016" PRIx64 ":", i ? "\n" : "", address);
        if (read(m, address, bytes, f.size) != f.size) {
            g_string_append_printf(out, " Cannot access memory\n");
            return;
        }
        g_string_append_c(out, ' ');
        print_value(&f, load_le(bytes, f.size), out);
    }
    g_string_append_c(out, '\n');
}

void monitor_x(Monitor *m, const MonitorArgs *args, GString *out)
{
    dump(m, args, read_linear, out);
}

void monitor_xp(Monitor *m, const MonitorArgs *args, GString *out)
{
    dump(m, args, read_physical, out);
}

void monitor_print(Monitor *m, const MonitorArgs *args, GString *out)
{
    Format f;
    if (!parse_format(args->format, &f, out))
        return;
    f.size = 8;
    if (f.form == 'x')
        g_string_append_printf(out, "0x%" PRIx64, args->number[0]);
    else
        print_value(&f, args->number[0], out);
    g_string_append_c(out, '\n');
}
