/* test_vectors_286.c - instructions captured from a real 80286 in real mode, run here by each
 * engine.
 *
 * The vectors are a sample of the public SingleStepTests/80286 set and are read where they lie: in
 * the folder named by MYNA_VECTORS, or in shared/vectors/ beside the source tree or its parent.
 * Three lines a case, numbers in hexadecimal:
 *
 *     # BYTES NAME
 *     i REG=VALUE ... | ADDRESS=BYTE ...           before; other memory is undefined
 *     f REG=VALUE ... | ADDRESS=BYTE ... [! N A]   what changed; exception N pushed its flags at A
 *
 * A case ends after the HLT behind the instruction, or the one its handler begins with. What
 * processors do otherwise today is in the table `changes`, each row with its place in the manual.
 */
#include "cpu/block.h"
#include "cpu/exec.h"
#include "cpu/x87.h"
#include "dbt/dbt.h"
#include "dbt/translator.h"
#include "tests/support/bare_cpu.h"
#include "tests/support/engine.h"

enum {
    MEMORY_SIZE = 0x110000, /* all that real mode reaches */
    MAX_BYTES = 512,
    FLAGS_286 = 0x0fff, /* the others cannot be set in real mode */
    HLT = 0xf4,
};

typedef enum VectorReg {
    V_AX,
    V_CX,
    V_DX,
    V_BX,
    V_SP,
    V_BP,
    V_SI,
    V_DI,
    V_ES,
    V_CS,
    V_SS,
    V_DS,
    V_IP,
    V_FLAGS,
    V_COUNT,
} VectorReg;

static const char *const reg_names[V_COUNT] = {
    "ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "es", "cs", "ss", "ds", "ip", "flags",
};
static_assert((int)V_DI == (int)RDI && (int)(V_DS - V_ES) == (int)SEG_DS,
              "general and segment registers are in order");

typedef struct VectorByte {
    uint32_t address;
    uint8_t value;
} VectorByte;

typedef struct Vector {
    const char *name;
    uint8_t code[MAX_INSN_LENGTH + 1];
    unsigned code_size;
    uint16_t before[V_COUNT], after[V_COUNT];
    VectorByte memory[MAX_BYTES], written[MAX_BYTES];
    unsigned memory_count, written_count;
    int exception;   /* or -1 */
    Insn insn;       /* as this CPU decodes it */
    bool is_insn;    /* it does */
    bool end_only;   /* only the end of the run is judged */
    uint8_t skipped; /* bytes before the instruction */
} Vector;

/* --- reading ------------------------------------------------------------------------------- */

static void parse_code(Vector *v, const char *hex)
{
    v->code_size = 0;
    while (g_ascii_isxdigit(hex[0]) && v->code_size < sizeof(v->code)) {
        v->code[v->code_size++] = g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]);
        hex += 2;
    }
}

static void parse_register(uint16_t *regs, const char *name, size_t length, uint16_t value)
{
    for (unsigned r = 0; r < V_COUNT; r++) {
        if (strlen(reg_names[r]) == length && !strncmp(name, reg_names[r], length)) {
            regs[r] = value;
            return;
        }
    }
    g_error("no register %.*s", (int)length, name);
}

static void parse_state(char *line, uint16_t *regs, VectorByte *bytes, unsigned *count)
{
    bool in_memory = false;
    *count = 0;
    for (char *save, *word = strtok_r(line, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *equals = strchr(word, '=');
        if (*word == '|') {
            in_memory = true;
        } else if (equals && in_memory) {
            g_assert_cmpuint(*count, <, MAX_BYTES);
            bytes[(*count)++] = (VectorByte){strtoul(word, NULL, 16),
                                             strtoul(equals + 1, NULL, 16)};
        } else if (equals) {
            parse_register(regs, word, equals - word, strtoul(equals + 1, NULL, 16));
        }
    }
}

static void parse_vector(Vector *v, char *const lines[3])
{
    g_assert_true(lines[0][0] == '#' && lines[1][0] == 'i' && lines[2][0] == 'f');
    parse_code(v, lines[0] + 2);
    v->name = strchr(lines[0] + 2, ' ') + 1;
    parse_state(lines[1] + 2, v->before, v->memory, &v->memory_count);
    v->before[V_FLAGS] &= FLAGS_286;
    memcpy(v->after, v->before, sizeof(v->after));
    char *raised = strchr(lines[2], '!');
    v->exception = -1;
    if (raised) {
        *raised = 0;
        v->exception = strtoul(raised + 1, NULL, 10);
    }
    parse_state(lines[2] + 2, v->after, v->written, &v->written_count);
    v->is_insn = decode(v->code, v->code_size, CODE_16, DECODE_REAL_OR_V86, &v->insn) == DECODE_OK;
    v->end_only = false;
    v->skipped = 0;
}

/* --- what has changed since ---------------------------------------------------------------- */

/* If the change concerns the case, makes it one for a processor of today and returns true. */
typedef bool Adapt(Vector *v);

/* The byte at an offset from the instruction's start. */
static VectorByte *code_byte(Vector *v, unsigned offset)
{
    uint32_t address = v->before[V_CS] * 16u + (uint16_t)(v->before[V_IP] + offset);
    for (unsigned i = 0; i < v->memory_count; i++) {
        if (v->memory[i].address == address)
            return &v->memory[i];
    }
    g_assert_not_reached();
}

/* Puts a NOP before the prefixes in the place of the LOCK among them, so that addresses stay. */
static bool adapt_lock(Vector *v)
{
    enum { LOCK = 0xf0, NOP = 0x90 };
    const uint8_t *lock = memchr(v->code, LOCK, v->code_size);
    if (v->is_insn || !lock || v->exception == EXC_UD)
        return false;
    memmove(v->code + 1, v->code, lock - v->code);
    v->code[0] = NOP;
    for (unsigned i = 0; i < v->code_size; i++)
        code_byte(v, i)->value = v->code[i];
    v->skipped = 1;
    v->is_insn = decode(v->code + 1, v->code_size - 1, CODE_16, DECODE_REAL_OR_V86, &v->insn) ==
                 DECODE_OK;
    return v->is_insn;
}

static bool is_stack_access(const Insn *insn)
{
    for (unsigned i = 0; i < MAX_OPERANDS; i++) {
        if (insn->op[i].kind == OPND_MEM)
            return insn->seg == SEG_SS;
    }
    return true; /* the only other memory is the stack */
}

/* Moves the handler of 13 to 12. */
static bool adapt_stack_fault(Vector *v)
{
    if (v->exception != EXC_GP || !v->is_insn || !is_stack_access(&v->insn))
        return false;
    for (unsigned i = 0; i < v->memory_count; i++) {
        if (v->memory[i].address / 4 == EXC_GP)
            v->memory[i].address -= 4 * (EXC_GP - EXC_SS);
    }
    return true;
}

/* The end alone is judged where the 286 raised an exception and processors of today do not. */
static bool end_behind(Vector *v)
{
    memcpy(v->after, v->before, sizeof(v->after));
    v->after[V_IP] = v->before[V_IP] + v->code_size;
    v->exception = -1;
    v->written_count = 0;
    v->end_only = true;
    return true;
}

static bool adapt_length(Vector *v)
{
    enum { LIMIT_286 = 10 };
    return v->exception == EXC_GP && v->is_insn && v->insn.length > LIMIT_286 && end_behind(v);
}

static bool adapt_fs_gs(Vector *v)
{
    const Insn *insn = &v->insn;
    for (unsigned i = 0; v->is_insn && i < MAX_OPERANDS; i++) {
        if (insn->op[i].kind == OPND_SEG && insn->op[i].reg >= SEG_FS)
            return v->exception == EXC_UD && end_behind(v);
    }
    return false;
}

static const struct {
    const char *what, *source;
    Adapt *adapt;
} changes[] = {
    {"LOCK is #UD before what cannot be locked: judged without it", "[SDM2] LOCK", adapt_lock},
    {"a word at the end of SS raises 12, not 13", "[SDM3] \"Segment Wraparound\"",
     adapt_stack_fault},
    {"an instruction may be 15 bytes long, not 10", "[SDM3] \"Architecture Compatibility\"",
     adapt_length},
    {"there are FS and GS", "[SDM1] \"Segment Registers\"", adapt_fs_gs},
};

/* --- running ------------------------------------------------------------------------------- */

typedef struct Judge {
    BareCpu *t;
    uint8_t *expected; /* MEMORY_SIZE */
    unsigned cases, changed[G_N_ELEMENTS(changes)], failed;
    unsigned by_host; /* cases that translated code did alone, up to the HLT */
} Judge;

static void load_registers(Cpu *cpu, const uint16_t *regs)
{
    for (unsigned r = V_AX; r <= V_DI; r++)
        cpu->gpr[r] = regs[r];
    for (unsigned s = SEG_ES; s <= SEG_DS; s++)
        segment_load_real(cpu, s, regs[V_ES + s]);
    cpu->rip = regs[V_IP];
    eflags_set(cpu, regs[V_FLAGS] | FLAG_FIXED);
}

static uint16_t result_register(const Cpu *cpu, unsigned r)
{
    if (r <= V_DI)
        return cpu->gpr[r];
    if (r <= V_DS)
        return cpu->seg[r - V_ES].selector;
    return r == V_IP ? cpu->rip : eflags_get(cpu);
}

static void put_memory(Judge *j, const Vector *v, bool forget)
{
    for (unsigned i = 0; i < v->memory_count; i++) {
        uint8_t value = forget ? 0 : v->memory[i].value;
        bare_write(j->t, v->memory[i].address, value, 1);
        j->expected[v->memory[i].address] = value;
    }
    for (unsigned i = 0; i < v->written_count; i++) {
        j->expected[v->written[i].address] = forget ? 0 : v->written[i].value;
        if (forget)
            bare_write(j->t, v->written[i].address, 0, 1);
    }
}

/* HLT is always handed over, and is here the last of a run. */
static void run_counted(Judge *j)
{
    enum { BUDGET = 100 }; /* what is behind the HLT is in the same block */
    Cpu *cpu = j->t->cpu;
    if (!dbt_is_attached(cpu)) {
        cpu_run(cpu, BUDGET);
        return;
    }
    const TranslatorStats *stats = &translator_of(cpu)->stats;
    uint64_t sites = stats->sites_taken, entries = stats->entries;
    cpu_run(cpu, BUDGET);
    j->by_host += stats->sites_taken == sites + 1 && stats->entries > entries;
}

static void run(Judge *j, const Vector *v)
{
    Cpu *cpu = j->t->cpu;
    bare_real(j->t);
    x87_init(cpu); /* the 286 had no coprocessor: what its cases do there has no effect */
    tlb_flush_all(cpu);
    put_memory(j, v, false);
    load_registers(cpu, v->before);
    run_counted(j);
}

static uint32_t stack_slot(const Vector *v, unsigned n)
{
    return v->after[V_SS] * 16u + (uint16_t)(v->after[V_SP] + 2 * n);
}

/* A fault pushed the address of the instruction, which may have moved. */
static void settle_pushed_ip(Judge *j, const Vector *v)
{
    uint8_t *pushed = j->expected + stack_slot(v, 0);
    if (load_le16(pushed) == v->before[V_IP])
        store_le16(pushed, v->before[V_IP] + v->skipped);
}

/* Undefined bits of the flags pushed above CS and IP are taken from ours. */
static bool settle_pushed_flags(Judge *j, const Vector *v, uint32_t undefined)
{
    uint32_t at = stack_slot(v, 2);
    uint16_t pushed = bare_read(j->t, at, 2), expected = load_le16(j->expected + at);
    if ((pushed ^ expected) & ~undefined)
        return false;
    store_le16(j->expected + at, pushed);
    return true;
}

/* The first difference, or NULL. */
static const char *difference(Judge *j, const Vector *v)
{
    const Cpu *cpu = j->t->cpu;
    uint32_t undefined = v->is_insn ? insn_row(&v->insn)->flags_undefined : 0;
    if (cpu->activity != CPU_HALTED)
        return "the end";
    if (v->end_only)
        return cpu->rip == v->after[V_IP] ? NULL : "the end";
    for (unsigned r = 0; r < V_FLAGS; r++) {
        if (result_register(cpu, r) != v->after[r])
            return reg_names[r];
    }
    if ((result_register(cpu, V_FLAGS) ^ v->after[V_FLAGS]) & ~undefined)
        return "flags";
    if (v->exception >= 0)
        settle_pushed_ip(j, v);
    if (v->exception >= 0 && !settle_pushed_flags(j, v, undefined))
        return "pushed flags";
    return memcmp(j->t->ram.host, j->expected, MEMORY_SIZE) ? "memory" : NULL;
}

static void report(const Judge *j, const char *file, const Vector *v, const char *what)
{
    g_autoptr(GString) out = g_string_new(NULL);
    g_string_append_printf(out, "%s: %s: %s\n", file, v->name, what);
    for (unsigned r = 0; r < V_COUNT; r++)
        g_string_append_printf(out, "  %-5s %04x -> %04x, expected %04x\n", reg_names[r],
                               v->before[r], result_register(j->t->cpu, r), v->after[r]);
    for (unsigned a = 0; a < MEMORY_SIZE; a++) {
        if (j->expected[a] != j->t->ram.host[a])
            g_string_append_printf(out, "  memory %06x is %02x, expected %02x\n", a,
                                   j->t->ram.host[a], j->expected[a]);
    }
    g_test_message("%s", out->str);
}

static void judge_case(Judge *j, const char *file, Vector *v)
{
    j->cases++;
    for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++)
        j->changed[i] += changes[i].adapt(v);
    run(j, v);
    const char *what = difference(j, v);
    if (what) {
        report(j, file, v, what);
        j->failed++;
    }
    memset(j->t->ram.host, 0, MEMORY_SIZE);
    code_cache_flush(j->t->cpu->code); /* written behind the CPU's back */
    put_memory(j, v, true);
}

static void judge_file(Judge *j, const char *folder, const char *file)
{
    g_autofree char *path = g_build_filename(folder, file, NULL), *text = NULL;
    GError *err = NULL;
    g_file_get_contents(path, &text, NULL, &err);
    g_assert_no_error(err);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    static Vector v;
    for (unsigned i = 0; lines[i] && *lines[i]; i += 3) {
        parse_vector(&v, &lines[i]);
        judge_case(j, file, &v);
    }
}

static char *find_folder(void)
{
    const char *told = g_getenv("MYNA_VECTORS");
    const char *const places[] = {told, MYNA_SOURCE_DIR "/../shared/vectors",
                                  MYNA_SOURCE_DIR "/../../shared/vectors"};
    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        g_autofree char *folder = places[i] ? g_build_filename(places[i], "80286-real", NULL)
                                            : NULL;
        if (folder && g_file_test(folder, G_FILE_TEST_IS_DIR))
            return g_steal_pointer(&folder);
    }
    return NULL;
}

static void judge_folder(Judge *j, const char *folder, GDir *dir)
{
    memset(j->t->ram.host, 0, MEMORY_SIZE);
    for (const char *file; (file = g_dir_read_name(dir));) {
        if (g_str_has_suffix(file, ".txt"))
            judge_file(j, folder, file);
    }
    g_test_message("%u cases, %u differ", j->cases, j->failed);
    for (unsigned i = 0; i < G_N_ELEMENTS(changes); i++)
        g_test_message("%5u cases: %s (%s)", j->changed[i], changes[i].what, changes[i].source);
    g_assert_cmpuint(j->cases, >, 0);
    g_assert_cmpuint(j->failed, ==, 0);
    if (dbt_is_attached(j->t->cpu)) {
        g_test_message("%u cases ran as host code alone", j->by_host);
        g_assert_cmpuint(j->by_host, >, j->cases / 2);
    }
}

static void test_vectors(gconstpointer data)
{
    const Engine *engine = data;
    g_autoptr(GError) err = NULL;
    g_autofree char *folder = find_folder();
    GDir *dir = folder ? g_dir_open(folder, 0, NULL) : NULL;
    if (!dir) {
        g_test_skip("no vectors beside the source tree, nor in MYNA_VECTORS");
        return;
    }
    Judge j = {.t = bare_cpu(), .expected = g_malloc0(MEMORY_SIZE)};
    if (engine->attach(j.t->cpu, &err))
        judge_folder(&j, folder, dir);
    else
        g_test_skip(err->message);
    g_dir_close(dir);
    g_free(j.expected);
    bare_cpu_free(j.t);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < engine_count; i++) {
        g_autofree char *path = g_strdup_printf("/vectors/80286/%s", engines[i].name);
        g_test_add_data_func(path, &engines[i], test_vectors);
    }
    return g_test_run();
}
