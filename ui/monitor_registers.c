/* monitor_registers.c - a CPU's registers for people, and by name. */
#include <inttypes.h>

#include "cpu/exec.h"
#include "ui/monitor_priv.h"

static const char *const gpr_names[GPR_COUNT] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                                 "rsi", "rdi", "r8",  "r9",  "r10", "r11",
                                                 "r12", "r13", "r14", "r15"};
static const char *const seg_names[SEG_COUNT] = {"es", "cs", "ss", "ds", "fs", "gs"};

static uint64_t *system_register(Cpu *cpu, const char *name)
{
    const struct {
        const char *name;
        uint64_t *value;
    } table[] = {
        {"rip", &cpu->rip},   {"pc", &cpu->rip},    {"cr0", &cpu->cr0},   {"cr2", &cpu->cr2},
        {"cr3", &cpu->cr3},   {"cr4", &cpu->cr4},   {"efer", &cpu->efer}, {"xcr0", &cpu->xcr0},
        {"dr0", &cpu->dr[0]}, {"dr1", &cpu->dr[1]}, {"dr2", &cpu->dr[2]}, {"dr3", &cpu->dr[3]},
        {"dr6", &cpu->dr[6]}, {"dr7", &cpu->dr[7]},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        if (g_str_equal(table[i].name, name))
            return table[i].value;
    }
    return NULL;
}

bool register_value(const Cpu *cpu, const char *name, uint64_t *value)
{
    for (unsigned i = 0; i < GPR_COUNT; i++) {
        if (g_str_equal(gpr_names[i], name)) {
            *value = cpu->gpr[i];
            return true;
        }
        /* eax is the low half of rax, and so on */
        if (i < R8 && name[0] == 'e' && g_str_equal(gpr_names[i] + 1, name + 1)) {
            *value = (uint32_t)cpu->gpr[i];
            return true;
        }
    }
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        if (g_str_equal(seg_names[i], name)) {
            *value = cpu->seg[i].selector;
            return true;
        }
    }
    if (g_str_equal(name, "eflags") || g_str_equal(name, "rflags")) {
        *value = eflags_get(cpu);
        return true;
    }
    const uint64_t *system = system_register((Cpu *)cpu, g_str_equal(name, "eip") ? "rip" : name);
    if (system)
        *value = *system;
    return system != NULL;
}

static void print_segment(const char *name, const Segment *s, GString *out)
{
    g_string_append_printf(out, "%-4s=%04x %016" PRIx64 " %08x %04x", name, s->selector, s->base,
                           s->limit, s->access);
    if (s->access & AR_P && s->access & AR_S)
        g_string_append_printf(out, " DPL=%u %s%s", segment_dpl(s),
                               s->access & AR_CODE ? "CS" : "DS",
                               s->access & AR_L    ? "64"
                               : s->access & AR_DB ? "32"
                                                   : "16");
    g_string_append_c(out, '\n');
}

static void print_flags(const Cpu *cpu, GString *out)
{
    uint64_t flags = eflags_get(cpu);
    static const struct {
        char letter;
        uint32_t bit;
    } letters[] = {{'D', FLAG_DF}, {'O', FLAG_OF}, {'S', FLAG_SF}, {'Z', FLAG_ZF},
                   {'A', FLAG_AF}, {'P', FLAG_PF}, {'C', FLAG_CF}};
    char text[G_N_ELEMENTS(letters) + 1] = {0};
    for (unsigned i = 0; i < G_N_ELEMENTS(letters); i++)
        text[i] = flags & letters[i].bit ? letters[i].letter : '-';
    static const char *const activities[] = {[CPU_RUNNING] = "running",
                                             [CPU_HALTED] = "halted",
                                             [CPU_WAIT_SIPI] = "waiting for SIPI",
                                             [CPU_SHUTDOWN] = "shut down"};
    g_string_append_printf(
        out, "RIP=%016" PRIx64 " RFL=%08" PRIx64 " [%s] CPL=%u A20=%u SMM=%u %s\n", cpu->rip, flags,
        text, cpu->cpl, cpu->a20, cpu->smm, activities[cpu->activity]);
}

static void print_floating(const Cpu *cpu, GString *out)
{
    g_string_append_printf(out, "FCW=%04x FSW=%04x TOP=%u VALID=%02x MXCSR=%08x\n", cpu->fpu.cw,
                           cpu->fpu.sw, cpu->fpu.top, cpu->fpu.valid, cpu->mxcsr);
    for (unsigned i = 0; i < 8; i++)
        g_string_append_printf(out, "FPR%u=%016" PRIx64 " %04x%s", i, cpu->fpu.reg[i].mant,
                               cpu->fpu.reg[i].se, i % 2 ? "\n" : " ");
    for (unsigned i = 0; i < 16; i++)
        g_string_append_printf(out, "XMM%02u=%016" PRIx64 "%016" PRIx64 "%s", i, cpu->vec[i].u64[1],
                               cpu->vec[i].u64[0], i % 2 ? "\n" : " ");
}

void registers_print(Cpu *cpu, GString *out)
{
    g_string_append_printf(out, "CPU#%u\n", cpu->index);
    for (unsigned i = 0; i < GPR_COUNT; i++) {
        g_autofree char *name = g_ascii_strup(gpr_names[i], -1);
        g_string_append_printf(out, "%-3s=%016" PRIx64 "%s", name, cpu->gpr[i],
                               i % 4 == 3 ? "\n" : " ");
    }
    print_flags(cpu, out);
    for (unsigned i = 0; i < SEG_COUNT; i++) {
        g_autofree char *name = g_ascii_strup(seg_names[i], -1);
        print_segment(name, &cpu->seg[i], out);
    }
    print_segment("LDT", &cpu->ldtr, out);
    print_segment("TR", &cpu->tr, out);
    g_string_append_printf(out, "GDT = %016" PRIx64 " %04x\nIDT = %016" PRIx64 " %04x\n",
                           cpu->gdtr.base, cpu->gdtr.limit, cpu->idtr.base, cpu->idtr.limit);
    g_string_append_printf(
        out, "CR0=%08" PRIx64 " CR2=%016" PRIx64 " CR3=%016" PRIx64 " CR4=%08" PRIx64 "\n",
        cpu->cr0, cpu->cr2, cpu->cr3, cpu->cr4);
    for (unsigned i = 0; i < 4; i++)
        g_string_append_printf(out, "DR%u=%016" PRIx64 " ", i, cpu->dr[i]);
    g_string_append_printf(out, "\nDR6=%016" PRIx64 " DR7=%016" PRIx64 " EFER=%016" PRIx64 "\n",
                           cpu->dr[6], cpu->dr[7], cpu->efer);
    print_floating(cpu, out);
}
