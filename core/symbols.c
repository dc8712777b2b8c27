/* symbols.c - names for guest addresses. [ELF] "Symbol Table"; text as nm prints it.
 *
 * Only what lies in code or data of a program is kept: absolute symbols and the empty names of
 * sections would hide functions. */
#include "core/symbols.h"

#include <elf.h>
#include <inttypes.h>

#include "core/error.h"

typedef struct Symbol {
    uint64_t address;
    const char *name; /* in Symbols.names */
} Symbol;

struct Symbols {
    GArray *list; /* of Symbol, by address */
    GStringChunk *names;
};

/* Past the last symbol, or in a hole: not everything belongs to what is before it. */
enum { FARTHEST = 1 << 20 };

static Symbols *symbols_new(void)
{
    Symbols *s = g_new0(Symbols, 1);
    s->list = g_array_new(FALSE, FALSE, sizeof(Symbol));
    s->names = g_string_chunk_new(64 * KIB);
    return s;
}

void symbols_free(Symbols *s)
{
    if (!s)
        return;
    g_array_unref(s->list);
    g_string_chunk_free(s->names);
    g_free(s);
}

static void add(Symbols *s, uint64_t address, const char *name, size_t length)
{
    if (length == 0)
        return;
    Symbol symbol = {address, g_string_chunk_insert_len(s->names, name, length)};
    g_array_append_val(s->list, symbol);
}

static gint by_address(gconstpointer a, gconstpointer b)
{
    const Symbol *x = a, *y = b;
    return x->address < y->address ? -1 : x->address > y->address;
}

size_t symbols_count(const Symbols *s)
{
    return s->list->len;
}

/* --- sources ------------------------------------------------------------------------------------ */

/* "ffffffff81000000 T _text", with "[module]" behind it in /proc/kallsyms. */
static void add_line(Symbols *s, const char *line, const char *end)
{
    char *at;
    uint64_t address = g_ascii_strtoull(line, &at, 16);
    if (at == line || end - at < 4 || at[0] != ' ' || at[2] != ' ')
        return;
    char type = at[1];
    const char *name = at + 3;
    size_t length = 0;
    while (name + length < end && !g_ascii_isspace(name[length]))
        length++;
    if (type != 'a' && type != 'A' && type != 'U' && address)
        add(s, address, name, length);
}

Symbols *symbols_from_text(const char *text)
{
    Symbols *s = symbols_new();
    while (*text) {
        const char *end = strchrnul(text, '\n');
        add_line(s, text, end);
        text = *end ? end + 1 : end;
    }
    g_array_sort(s->list, by_address);
    return s;
}

/* Tables may lie anywhere: each is looked at only if it is inside the file. */
static bool inside(size_t size, uint64_t offset, uint64_t bytes)
{
    return offset <= size && bytes <= size - offset;
}

typedef struct Section {
    uint32_t type, link;
    uint64_t offset, size, entry;
} Section;

static bool read_section(const uint8_t *data, size_t size, unsigned n, Section *out)
{
    if (data[EI_CLASS] == ELFCLASS64) {
        Elf64_Ehdr header;
        memcpy(&header, data, sizeof(header));
        Elf64_Shdr s;
        if (n >= header.e_shnum || !inside(size, header.e_shoff, (n + 1) * sizeof(s)))
            return false;
        memcpy(&s, data + header.e_shoff + n * sizeof(s), sizeof(s));
        *out = (Section){s.sh_type, s.sh_link, s.sh_offset, s.sh_size, sizeof(Elf64_Sym)};
    } else {
        Elf32_Ehdr header;
        memcpy(&header, data, sizeof(header));
        Elf32_Shdr s;
        if (n >= header.e_shnum || !inside(size, header.e_shoff, (n + 1) * sizeof(s)))
            return false;
        memcpy(&s, data + header.e_shoff + n * sizeof(s), sizeof(s));
        *out = (Section){s.sh_type, s.sh_link, s.sh_offset, s.sh_size, sizeof(Elf32_Sym)};
    }
    return inside(size, out->offset, out->size) || out->type == SHT_NOBITS;
}

static void add_elf_symbol(Symbols *s, const uint8_t *at, bool wide, const char *names, size_t size)
{
    Elf64_Sym symbol;
    if (wide) {
        memcpy(&symbol, at, sizeof(symbol));
    } else {
        Elf32_Sym narrow;
        memcpy(&narrow, at, sizeof(narrow));
        symbol = (Elf64_Sym){.st_name = narrow.st_name,
                             .st_info = narrow.st_info,
                             .st_shndx = narrow.st_shndx,
                             .st_value = narrow.st_value};
    }
    unsigned type = ELF64_ST_TYPE(symbol.st_info);
    bool placed = symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS;
    if (type <= STT_FUNC && placed && symbol.st_name < size)
        add(s, symbol.st_value, names + symbol.st_name,
            strnlen(names + symbol.st_name, size - symbol.st_name));
}

Symbols *symbols_from_elf(const uint8_t *data, size_t size)
{
    bool elf = size >= sizeof(Elf64_Ehdr) && memcmp(data, ELFMAG, SELFMAG) == 0;
    if (!elf || data[EI_DATA] != ELFDATA2LSB)
        return NULL;
    Section table = {0}, names = {0};
    for (unsigned n = 0; table.type != SHT_SYMTAB; n++)
        if (!read_section(data, size, n, &table))
            return NULL;
    if (!read_section(data, size, table.link, &names) || names.type != SHT_STRTAB)
        return NULL;
    Symbols *s = symbols_new();
    for (uint64_t at = 0; at + table.entry <= table.size; at += table.entry)
        add_elf_symbol(s, data + table.offset + at, data[EI_CLASS] == ELFCLASS64,
                       (const char *)data + names.offset, names.size);
    g_array_sort(s->list, by_address);
    return s;
}

Symbols *symbols_load(const char *path, GError **err)
{
    g_autofree char *data = NULL;
    gsize size;
    g_autoptr(GError) why = NULL;
    if (!g_file_get_contents(path, &data, &size, &why)) {
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE, "%s", why->message);
        return NULL;
    }
    Symbols *s = symbols_from_elf((const uint8_t *)data, size);
    if (!s)
        s = symbols_from_text(data);
    if (s->list->len)
        return s;
    symbols_free(s);
    g_set_error(err, MYNA_ERROR, MYNA_ERROR_FILE,
                "%s: no symbols: neither an ELF file with a symbol table nor lines \"ADDRESS TYPE "
                "NAME\" with addresses",
                path);
    return NULL;
}

/* --- look-up ------------------------------------------------------------------------------------ */

const char *symbols_find(const Symbols *s, uint64_t address, uint64_t *offset)
{
    unsigned low = 0, high = s->list->len; /* the last at or below address is in [low, high) */
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (g_array_index(s->list, Symbol, middle).address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    const Symbol *found = &g_array_index(s->list, Symbol, low - 1);
    *offset = address - found->address;
    return *offset < FARTHEST ? found->name : NULL;
}

void symbols_print(const Symbols *s, uint64_t address, GString *out)
{
    uint64_t offset;
    const char *name = s ? symbols_find(s, address, &offset) : NULL;
    if (!name)
        g_string_append_printf(out, "0x%" PRIx64, address);
    else if (offset)
        g_string_append_printf(out, "%s+0x%" PRIx64, name, offset);
    else
        g_string_append(out, name);
}
