/* expression.c - the arithmetic that monitor commands take for numbers, by recursive descent. */
#include "core/error.h"
#include "ui/monitor_priv.h"

typedef struct Parser {
    const char *at;
    const Cpu *cpu;
    const char *problem; /* NULL: none yet */
    unsigned depth;
} Parser;

static uint64_t parse_sum(Parser *p);

static void skip_space(Parser *p)
{
    while (g_ascii_isspace(*p->at))
        p->at++;
}

static bool take(Parser *p, char c)
{
    skip_space(p);
    if (*p->at != c)
        return false;
    p->at++;
    return true;
}

static uint64_t parse_register(Parser *p)
{
    size_t length = 0;
    while (g_ascii_isalnum(p->at[length]))
        length++;
    g_autofree char *name = g_strndup(p->at, length);
    uint64_t value = 0;
    if (!p->cpu || !register_value(p->cpu, name, &value))
        p->problem = "there is no such register";
    p->at += length;
    return value;
}

static uint64_t parse_number(Parser *p)
{
    char *end;
    bool hex = p->at[0] == '0' && (p->at[1] | 0x20) == 'x';
    uint64_t value = g_ascii_strtoull(p->at, &end, hex ? 16 : 10);
    if (end == p->at)
        p->problem = "a number, $register or ( is missing";
    p->at = end;
    return value;
}

static uint64_t parse_factor(Parser *p)
{
    enum { DEPTH_MAX = 64 };
    if (++p->depth > DEPTH_MAX)
        p->problem = "it is too deep";
    uint64_t value = 0;
    if (p->problem)
        return 0;
    if (take(p, '-')) {
        value = -parse_factor(p);
    } else if (take(p, '~')) {
        value = ~parse_factor(p);
    } else if (take(p, '(')) {
        value = parse_sum(p);
        if (!take(p, ')'))
            p->problem = ") is missing";
    } else {
        value = take(p, '$') ? parse_register(p) : parse_number(p);
    }
    p->depth--;
    return value;
}

static uint64_t parse_product(Parser *p)
{
    uint64_t value = parse_factor(p);
    while (!p->problem) {
        if (take(p, '*')) {
            value *= parse_factor(p);
        } else if (take(p, '/')) {
            uint64_t divisor = parse_factor(p);
            if (divisor == 0)
                p->problem = "it divides by zero";
            else
                value /= divisor;
        } else {
            break;
        }
    }
    return value;
}

static uint64_t parse_sum(Parser *p)
{
    uint64_t value = parse_product(p);
    while (!p->problem) {
        if (take(p, '+'))
            value += parse_product(p);
        else if (take(p, '-'))
            value -= parse_product(p);
        else if (take(p, '&'))
            value &= parse_product(p);
        else if (take(p, '|'))
            value |= parse_product(p);
        else
            break;
    }
    return value;
}

bool expression_value(const char *text, const Cpu *cpu, uint64_t *value, GError **err)
{
    Parser p = {.at = text, .cpu = cpu};
    *value = parse_sum(&p);
    skip_space(&p);
    if (!p.problem && *p.at)
        p.problem = "something follows it";
    if (p.problem)
        g_set_error(err, MYNA_ERROR, MYNA_ERROR_USAGE, "\"%s\" is no expression: %s", text,
                    p.problem);
    return !p.problem;
}
