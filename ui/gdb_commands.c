/* gdb_commands.c - gdb's packets: the table of them, registers, memory and threads. [GDB]
 * "Packets". */
#include "ui/gdb_priv.h"

/* --- parts of a packet ------------------------------------------------------------------------ */

bool gdb_take(GdbText *text, char c)
{
    if (text->at == text->end || *text->at != c)
        return false;
    text->at++;
    return true;
}

bool gdb_take_word(GdbText *text, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(text->end - text->at) < size || memcmp(text->at, word, size) != 0)
        return false;
    text->at += size;
    return true;
}

bool gdb_take_hex(GdbText *text, uint64_t *value)
{
    unsigned digits = 0;
    *value = 0;
    for (; text->at < text->end && g_ascii_isxdigit(*text->at); text->at++, digits++)
        *value = *value << 4 | g_ascii_xdigit_value(*text->at);
    return digits >= 1 && digits <= 16;
}

bool gdb_take_bytes(GdbText *text, GByteArray *bytes)
{
    for (; text->end - text->at >= 2; text->at += 2) {
        int high = g_ascii_xdigit_value(text->at[0]), low = g_ascii_xdigit_value(text->at[1]);
        if (high < 0 || low < 0)
            return false;
        const uint8_t byte = high << 4 | low;
        g_byte_array_append(bytes, &byte, 1);
    }
    return text->at == text->end;
}

bool gdb_take_thread(GdbServer *s, GdbText *text, Cpu **cpu)
{
    uint64_t id;
    *cpu = NULL;
    if (gdb_take_word(text, "-1"))
        return true;
    if (!gdb_take_hex(text, &id) || id > vm_cpu_count(s->vm))
        return false;
    if (id)
        *cpu = vm_cpu(s->vm, id - 1);
    return true;
}

/* --- registers -------------------------------------------------------------------------------- */

static void read_registers(GdbServer *s, GdbText args)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (unsigned i = 0; i < gdb_registers_in_g(s->arch); i++) {
        uint8_t bytes[GDB_REGISTER_BYTES];
        size_t size = gdb_register_read(s->cpu, s->arch, i, bytes);
        gdb_append_hex(out, bytes, size);
    }
    gdb_reply(s, "%s", out->str);
}

/* What the CPU refuses stays as it was. */
static void write_registers(GdbServer *s, GdbText args)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    if (!gdb_take_bytes(&args, bytes)) {
        gdb_reply_error(s, GDB_INVALID);
        return;
    }
    bool ok = true;
    size_t done = 0;
    for (unsigned i = 0; i < gdb_registers_in_g(s->arch); i++) {
        uint8_t old[GDB_REGISTER_BYTES];
        size_t size = gdb_register_read(s->cpu, s->arch, i, old);
        if (done + size > bytes->len)
            break;
        if (memcmp(old, bytes->data + done, size) != 0)
            ok &= gdb_register_write(s->cpu, s->arch, i, bytes->data + done, size);
        done += size;
    }
    if (ok)
        gdb_reply(s, "OK");
    else
        gdb_reply_error(s, GDB_INVALID);
}

static void read_register(GdbServer *s, GdbText args)
{
    uint64_t number;
    uint8_t bytes[GDB_REGISTER_BYTES];
    size_t size = 0;
    if (gdb_take_hex(&args, &number) && number <= UINT16_MAX)
        size = gdb_register_read(s->cpu, s->arch, number, bytes);
    if (!size) {
        gdb_reply_error(s, GDB_INVALID);
        return;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    gdb_append_hex(out, bytes, size);
    gdb_reply(s, "%s", out->str);
}

static void write_register(GdbServer *s, GdbText args)
{
    uint64_t number;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    if (gdb_take_hex(&args, &number) && number <= UINT16_MAX && gdb_take(&args, '=') &&
        gdb_take_bytes(&args, bytes) &&
        gdb_register_write(s->cpu, s->arch, number, bytes->data, bytes->len))
        gdb_reply(s, "OK");
    else
        gdb_reply_error(s, GDB_INVALID);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* Linear addresses have 32 bits until the CPU is in IA-32e mode, and then are canonical. */
static bool fit_address(const Cpu *cpu, uint64_t *address)
{
    if (cpu_is_lma(cpu))
        return cpu_is_canonical(cpu, *address);
    *address = (uint32_t)*address;
    return true;
}

static size_t read_memory(GdbServer *s, uint64_t address, uint8_t *bytes, size_t size)
{
    if (s->physical) {
        address_space_read(&vm_board(s->vm)->memory, address, bytes, size);
        return size;
    }
    return fit_address(s->cpu, &address) ? mem_read_debug(s->cpu, address, bytes, size) : 0;
}

static size_t write_memory(GdbServer *s, uint64_t address, const uint8_t *bytes, size_t size)
{
    if (s->physical) {
        address_space_write_rom(&vm_board(s->vm)->memory, address, bytes, size);
        return size;
    }
    return fit_address(s->cpu, &address) ? mem_write_debug(s->cpu, address, bytes, size) : 0;
}

/* "ADDRESS,LENGTH" */
static bool take_range(GdbText *args, uint64_t *address, uint64_t *length)
{
    return gdb_take_hex(args, address) && gdb_take(args, ',') && gdb_take_hex(args, length);
}

static void do_read_memory(GdbServer *s, GdbText args)
{
    uint64_t address, length;
    if (!take_range(&args, &address, &length)) {
        gdb_reply_error(s, GDB_INVALID);
        return;
    }
    uint8_t bytes[GDB_PACKET_MAX / 2];
    size_t got = read_memory(s, address, bytes, MIN(length, sizeof(bytes)));
    if (!got && length) {
        gdb_reply_error(s, GDB_BAD_ADDRESS);
        return;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    gdb_append_hex(out, bytes, got);
    gdb_reply(s, "%s", out->str);
}

static void store(GdbServer *s, uint64_t address, uint64_t length, const void *bytes, size_t size)
{
    if (length != size)
        gdb_reply_error(s, GDB_INVALID);
    else if (write_memory(s, address, bytes, size) != size)
        gdb_reply_error(s, GDB_BAD_ADDRESS);
    else
        gdb_reply(s, "OK");
}

static void do_write_memory(GdbServer *s, GdbText args)
{
    uint64_t address, length;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    if (take_range(&args, &address, &length) && gdb_take(&args, ':') &&
        gdb_take_bytes(&args, bytes))
        store(s, address, length, bytes->data, bytes->len);
    else
        gdb_reply_error(s, GDB_INVALID);
}

static void do_write_binary(GdbServer *s, GdbText args)
{
    uint64_t address, length;
    if (take_range(&args, &address, &length) && gdb_take(&args, ':'))
        store(s, address, length, args.at, args.end - args.at);
    else
        gdb_reply_error(s, GDB_INVALID);
}

/* --- threads ---------------------------------------------------------------------------------- */

/* "Hg THREAD", "Hc THREAD": whom other packets are about. */
static void choose_thread(GdbServer *s, GdbText args)
{
    Cpu *cpu;
    bool general = gdb_take(&args, 'g');
    if ((!general && !gdb_take(&args, 'c')) || !gdb_take_thread(s, &args, &cpu)) {
        gdb_reply_error(s, GDB_INVALID);
        return;
    }
    if (cpu && general)
        s->cpu = cpu;
    else if (cpu)
        s->stepped = cpu;
    gdb_reply(s, "OK");
}

static void is_alive(GdbServer *s, GdbText args)
{
    Cpu *cpu;
    if (gdb_take_thread(s, &args, &cpu) && cpu)
        gdb_reply(s, "OK");
    else
        gdb_reply_error(s, GDB_INVALID);
}

/* --- the table -------------------------------------------------------------------------------- */

/* gdb tries what a target knows: an empty reply says it does not. */
void gdb_command(GdbServer *s, const char *payload, size_t size)
{
    static const struct {
        const char *name; /* begins the packet; the first that fits counts */
        void (*fn)(GdbServer *s, GdbText args);
    } commands[] = {
        {"?", gdb_run_tell_why},  {"vCont?", gdb_run_vcont_query},
        {"vCont", gdb_run_vcont}, {"vKill", gdb_run_vkill},
        {"c", gdb_run_continue},  {"C", gdb_run_continue_signal},
        {"s", gdb_run_step},      {"S", gdb_run_step_signal},
        {"D", gdb_run_detach},    {"k", gdb_run_kill},
        {"Z", gdb_run_insert},    {"z", gdb_run_remove},
        {"g", read_registers},    {"G", write_registers},
        {"p", read_register},     {"P", write_register},
        {"m", do_read_memory},    {"M", do_write_memory},
        {"X", do_write_binary},   {"H", choose_thread},
        {"T", is_alive},          {"q", gdb_query},
        {"Q", gdb_set},
    };
    GdbText text = {payload, payload + size};
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (gdb_take_word(&text, commands[i].name)) {
            commands[i].fn(s, text);
            return;
        }
    }
    gdb_reply(s, "%s", "");
}
