/* row_draft.c - drafts of cases for a row of the instruction table. */
#include "tests/support/row_draft.h"

#include <inttypes.h>

#include "cpu/exec.h"
#include "cpu/isa.h"
#include "tests/support/row_state.h"

typedef struct Draft {
    const RowVariant *v;
    const InsnRow *row;
    unsigned turn;
    GString *in;
} Draft;

static bool is_named(const Draft *d, const char *name)
{
    return !strcmp(d->row->name, name);
}

static bool is_like(const Draft *d, const char *part)
{
    return strstr(d->row->name, part);
}

/* --- values ------------------------------------------------------------------------------------- */

typedef enum Elements {
    INTEGERS,
    HALVES,
    FLOATS,
    DOUBLES,
    EXTENDED,
    DECIMAL,
    LETTERS,
} Elements;

static const uint64_t integers[] = {
    0x7fffffffffffffff, 0x8000000080000001, 0x0123456789abcdef, 0xff80007f00ff8001,
    0x5a5aa5a53c3cc3c3, 0x00000001fffffffe, 0xfedcba9876543210, 0x7f80ff0180017ffe,
    0x8080808000010203, 0xffffffff00007fff, 0x000000007fffff80,
};
static const uint64_t halves[] = {
    0x3c01c2000001fc01,
    0x7bff8000fbff7d01,
    0x83ff04003555c900,
    0xfe0100007e00bc00,
};
static const uint32_t floats[] = {
    0x3f800001, 0xc2f6e979, 0x40490fdb, 0x7f7fffff, 0x00000001, 0xff800000, 0x80000000,
    0x4b000001, 0x3eaaaaab, 0x7fc12345, 0x00800000, 0xbf99999a, 0x4effffff,
};
static const uint64_t doubles[] = {
    0x3ff0000000000001, 0xc05edd2f1a9fbe77, 0x400921fb54442d18, 0x7fefffffffffffff,
    0x0000000000000001, 0xfff0000000000000, 0x8000000000000000, 0x41dfffffffe00000,
    0x3fd5555555555555, 0x7ff8123456789abc, 0x0010000000000000, 0xbff3333333333333,
};
static const char *const extended[] = {
    "3fff_8000000000000001", "c005_f6e978d4fdf3b646", "4000_c90fdaa22168c235",
    "3ffd_aaaaaaaaaaaaaaab", "bffe_cccccccccccccccd", "0000_0000000000000001",
    "7fff_8000000000000000", "400e_fffe000000000000",
};

static Elements source_elements(const char *name)
{
    static const struct {
        const char *start;
        Elements elements;
    } sources[] = {
        {"PH2", HALVES}, {"PS2", FLOATS}, {"SS2", FLOATS}, {"PD2", DOUBLES}, {"SD2", DOUBLES}};
    for (unsigned i = 0; i < G_N_ELEMENTS(sources); i++) {
        if (strstr(name, sources[i].start))
            return sources[i].elements;
    }
    return INTEGERS;
}

static Elements elements_of(const Draft *d, const Operand *op)
{
    const char *name = d->row->name;
    if (d->row->attrs & ATTR_X87) {
        bool integer = g_str_has_prefix(name, "FI") || op->size == 2;
        return is_like(d, "FB") ? DECIMAL
               : integer        ? INTEGERS
               : op->size == 4  ? FLOATS
               : op->size == 8  ? DOUBLES
                                : EXTENDED;
    }
    if (strstr(name, "CVT"))
        return source_elements(name);
    if (is_like(d, "STRI") || is_like(d, "STRM"))
        return LETTERS;
    if (g_str_has_suffix(name, "PS") || g_str_has_suffix(name, "SS"))
        return FLOATS;
    bool is_double = g_str_has_suffix(name, "PD") || g_str_has_suffix(name, "SD");
    return is_double ? DOUBLES : INTEGERS;
}

static void put_values(Draft *d, Elements elements, unsigned size)
{
    static const char letters[] = "bcabdaac\0xyzabc";
    uint8_t bytes[64];
    for (unsigned at = 0; at < size; at += 8) {
        unsigned n = d->turn++;
        if (elements == FLOATS) {
            store_le32(bytes + at, floats[n % G_N_ELEMENTS(floats)]);
            store_le32(bytes + at + 4, floats[(n + 5) % G_N_ELEMENTS(floats)]);
        } else if (elements == LETTERS) {
            memcpy(bytes + at, letters + n % 4 + at / 2, 8);
        } else {
            store_le64(bytes + at, elements == HALVES    ? halves[n % G_N_ELEMENTS(halves)]
                                   : elements == DOUBLES ? doubles[n % G_N_ELEMENTS(doubles)]
                                                         : integers[n % G_N_ELEMENTS(integers)]);
        }
    }
    row_bytes_print(d->in, bytes, size);
}

static void put_gpr(Draft *d, unsigned reg, unsigned size)
{
    static const char *const names[GPR_COUNT] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    uint64_t v = integers[d->turn++ % G_N_ELEMENTS(integers)];
    bool wide = row_mode_of(d->row) == ROW_64;
    if (reg < 8)
        g_string_append_printf(d->in, " %c%s=", wide ? 'r' : 'e', names[reg]);
    else
        g_string_append_printf(d->in, " r%u=", reg);
    g_string_append_printf(d->in, wide ? "%016" PRIx64 : "%08" PRIx64, wide ? v : (uint32_t)v);
}

/* --- operands ----------------------------------------------------------------------------------- */

static void put_address_register(Draft *d, unsigned reg, unsigned offset)
{
    static const char *const names[] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    bool wide = row_mode_of(d->row) == ROW_64;
    if (reg < 8)
        g_string_append_printf(d->in, " %c%s=data", wide ? 'r' : 'e', names[reg]);
    else
        g_string_append_printf(d->in, " r%u=data", reg);
    if (offset)
        g_string_append_printf(d->in, "+%x", offset);
}

static void put_memory(Draft *d, const Operand *op)
{
    const Insn *insn = &d->v->insn;
    unsigned base = op->reg < GPR_COUNT ? op->reg : insn->base;
    bool second = op != row_memory_operand(insn);
    unsigned offset = second ? 0x40 : 0;
    if (base < GPR_COUNT)
        put_address_register(d, base, offset);
    bool gather = is_like(d, "GATHER");
    unsigned size = gather ? 32 : op->size;
    if (!size || size > 32 || !(op->access & OPND_READ))
        return;
    g_string_append(d->in, second ? " [data+40]=" : " [data]=");
    Elements elements = elements_of(d, op);
    if (elements == EXTENDED)
        g_string_append(d->in, extended[d->turn++ % G_N_ELEMENTS(extended)]);
    else if (elements == DECIMAL)
        g_string_append(d->in, "8000_1234_56789012_34567890");
    else
        put_values(d, elements, size);
}

static void put_vector(Draft *d, const Operand *op, unsigned n)
{
    unsigned size = op->size == 32 ? 32 : 16;
    g_string_append_printf(d->in, " %cmm%u=", size == 32 ? 'y' : 'x', op->reg);
    put_values(d, elements_of(d, op), size);
}

static void put_operand(Draft *d, unsigned n)
{
    const Operand *op = &d->v->insn.op[n];
    bool reads = op->access & OPND_READ;
    switch (op->kind) {
    case OPND_GPR:
        if (reads)
            put_gpr(d, op->reg, op->size);
        break;
    case OPND_MEM:
        put_memory(d, op);
        break;
    case OPND_VEC:
        if (reads || op->size < 16)
            put_vector(d, op, n);
        break;
    case OPND_MMX:
        if (reads) {
            g_string_append_printf(d->in, " mm%u=", op->reg);
            put_values(d, elements_of(d, op), 8);
        }
        break;
    default:
        break;
    }
}

/* --- what some instructions need beside their operands -------------------------------------------- */

static void put_stack(Draft *d)
{
    for (unsigned i = 0; i < 3; i++)
        g_string_append_printf(d->in, " st%u=%s", i,
                               extended[(d->turn + 3 * i) % (G_N_ELEMENTS(extended) - (i == 1))]);
    g_string_append(d->in, " fsw=2800");
    d->turn++;
}

static void put_implicit(Draft *d)
{
    static const struct {
        const char *name;
        const char *in;
    } implicit[] = {
        {"DIV", " rax=0000000001234567 rdx=0"},
        {"IDIV", " rax=0000000001234567 rdx=0"},
        {"MUL", " rax=fedcba98765432f1"},
        {"IMUL", " rax=fedcba98765432f1"},
        {"MULX", " rdx=fedcba98765432f1"},
        {"CBW", " rax=123456789abcdef0"},
        {"CWD", " rax=123456788abcdef0"},
        {"LAHF", ""},
        {"SAHF", " rax=ffff9500"},
        {"LEAVE", " rbp=stack-20 [stack-20]=0000000012345678"},
        {"AAA", " eax=123407fb"},
        {"AAS", " eax=123407fb"},
        {"DAA", " eax=123407ae"},
        {"DAS", " eax=123407ae"},
        {"AAM", " eax=12340757"},
        {"AAD", " eax=12340807"},
        {"PCMPESTRI", " rax=5 rdx=6"},
        {"PCMPESTRM", " rax=5 rdx=6"},
        {"VPCMPESTRI", " rax=5 rdx=6"},
        {"VPCMPESTRM", " rax=5 rdx=6"},
        {"CMPXCHG8B", " rax=89abcdef rdx=01234567 rbx=data rcx=55667788"},
        {"CMPXCHG", " rax=7fffffffffffffff"},
        {"POP", " [stack]=8877665544332211"},
        {"STMXCSR", " mxcsr=5fa5"},
        {"VSTMXCSR", " mxcsr=5fa5"},
        {"BT", " rcx=13 r9=2b"},
        {"BTS", " rcx=13 r9=2b"},
        {"BTR", " rcx=13 r9=2b [data+2]=ffff_ffff_ffff_ffff"},
        {"BTC", " rcx=13 r9=2b"},
        {"LDMXCSR", " [data]=00005fa5"},
        {"VLDMXCSR", " [data]=00005fa5"},
        {"XLAT", " rax=1122334455667705 [data+5]=9c"},
        {"POPA", " [stack]=88776655_44332211_ccddeeff_00112233 "
                 "[stack+10]=01234567_89abcdef_fedcba98_76543210"},
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(implicit); i++) {
        if (is_named(d, implicit[i].name))
            g_string_append(d->in, implicit[i].in);
    }
    if (d->row->attrs & ATTR_X87)
        put_stack(d);
    if (is_like(d, "GATHER"))
        g_string_append(d->in, " ymm2=00000000_00000002_00000000_00000001_00000000_00000003_"
                               "00000000_00000004");
}

static void put_flags(Draft *d)
{
    if (!((d->row->flags_read | d->row->flags_written) & FLAGS_ARITH))
        return;
    if (d->turn % 3 == 1)
        g_string_append(d->in, " CF PF AF ZF SF OF");
    else if (d->turn % 3 == 2)
        g_string_append(d->in, " CF");
}

/* --- faults ------------------------------------------------------------------------------------- */

static void print_raise(const RowRaise *raise, GString *out)
{
    static const char names[][3] = {"DE", "DB", "??", "BP", "OF", "BR", "UD", "NM", "DF", "??",
                                    "TS", "NP", "SS", "GP", "PF", "??", "MF", "AC", "??", "XM"};
    if (raise->vector < 0) {
        g_string_append(out, "ok");
        return;
    }
    g_string_append_printf(out, "#%s", names[raise->vector]);
    if (raise->has_error)
        g_string_append_printf(out, "(%x)", raise->error);
}

/* False: these operands do not show what they should. */
static bool print_faults(RowHost *h, const RowCase *c, const Insn *insn, bool by_host, GString *out)
{
    g_autoptr(GString) faults = g_string_new(NULL);
    for (unsigned i = 0; i < row_condition_count; i++) {
        const RowCondition *condition = &row_conditions[i];
        if (!condition->needed || !condition->needed(insn, c->mode))
            continue;
        RowRaise raise = row_condition_raise(condition, insn);
        if (condition->by_host && by_host) {
            row_host_run(h, c, condition);
            if (raise.vector >= 0 && h->raise.vector != raise.vector)
                return false;
            raise = h->raise;
        }
        g_string_append_printf(faults, " %s=", condition->name);
        print_raise(&raise, faults);
    }
    if (faults->len)
        g_string_append_printf(out, "    faults%s\n", faults->str);
    return true;
}

bool row_draft(RowHost *h, const RowVariant *v, unsigned turn, GString *out)
{
    g_autoptr(GString) head = g_string_new(NULL);
    Draft d = {v, insn_row(&v->insn), turn, g_string_new(NULL)};
    char text[128];
    insn_format(&v->insn, text, sizeof(text));
    g_string_append_printf(head, "%s :", text);
    for (unsigned i = 0; i < v->insn.length; i++)
        g_string_append_printf(head, " %02x", v->code[i]);
    for (unsigned n = 0; n < MAX_OPERANDS && v->insn.op[n].kind; n++)
        put_operand(&d, n);
    put_implicit(&d);
    put_flags(&d);
    bool is_32 = row_mode_of(d.row) == ROW_32;
    g_string_append_printf(head, "\n%s%s%s", d.in->len ? "    in    " : "", d.in->str,
                           d.in->len ? "\n" : "");
    g_string_free(d.in, TRUE);
    g_autofree char *whole = g_strdup_printf("mode %s\n%s", is_32 ? "32" : "64", head->str);
    g_autoptr(GPtrArray) cases = row_text_read("draft", whole);
    const RowCase *c = cases->pdata[0];
    bool by_host = row_host_can(h, c);
    g_autoptr(GString) tail = g_string_new(NULL);
    if (by_host) {
        row_host_run(h, c, NULL);
        if (h->raise.vector >= 0)
            by_host = false;
    }
    if (by_host) {
        g_autoptr(GString) after = g_string_new(NULL);
        row_host_print(h, c, after);
        if (after->len)
            g_string_append_printf(tail, "    out   %s\n", after->str);
    }
    if (!print_faults(h, c, &v->insn, by_host, tail))
        return false;
    g_string_append_printf(out, "%s%s%s", head->str, by_host ? "" : "    # by hand\n", tail->str);
    return true;
}
