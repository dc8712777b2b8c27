/* translation.c - what translating costs by itself: the code of a program or a kernel, in an ELF
 * file, goes through the dispatcher's door and is linked, and nothing of it is run. valgrind can
 * count it, undisturbed by what else the host does:
 *
 *   valgrind --tool=callgrind --toggle-collect=find_block translation FILE [INSTRUCTIONS]
 *
 * Blocks are made in an order that running code has: where a block goes, and behind its end, where
 * a call comes back. */
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "dbt/lift.h"
#include "dbt/rows.h"
#include "dbt/runtime.h"
#include "tests/support/testcpu.h"

enum { LOADED_AT = 1 * MIB, CODE_CACHE = 256 * MIB, INSTRUCTIONS = 200000 };

/* Where in memory the code is. */
typedef struct Code {
    uint64_t entry, end;
} Code;

typedef struct Walk {
    Cpu *cpu;
    Translator *translator;
    uint32_t key;
    GArray *ahead; /* of uint32_t, exits not gone through yet, the last first */
} Walk;

/* --- the code ------------------------------------------------------------------------------------ */

/* The first segment of code: nearly all of it. NULL: there is none. */
static const Elf64_Phdr *find_code(const uint8_t *file, size_t size)
{
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)file;
    if (size < sizeof(*head) || memcmp(file, ELFMAG, SELFMAG) || head->e_machine != EM_X86_64)
        return NULL;
    const Elf64_Phdr *segments = (const Elf64_Phdr *)(file + head->e_phoff);
    if (head->e_phoff + head->e_phnum * sizeof(*segments) > size)
        return NULL;
    for (unsigned i = 0; i < head->e_phnum; i++) {
        const Elf64_Phdr *s = &segments[i];
        if (s->p_type == PT_LOAD && s->p_flags & PF_X && s->p_offset + s->p_filesz <= size)
            return s;
    }
    return NULL;
}

/* A kernel's entry point is a physical address. */
static uint64_t entry_offset(uint64_t entry, const Elf64_Phdr *code)
{
    bool is_virtual = entry - code->p_vaddr < code->p_filesz;
    return entry - (is_virtual ? code->p_vaddr : code->p_paddr);
}

/* A CPU in 64-bit mode with the file's code in its memory. */
static TestCpu *load(const char *path, Code *where, GError **err)
{
    g_autofree char *contents = NULL;
    size_t size;
    if (!g_file_get_contents(path, &contents, &size, err))
        return NULL;
    const uint8_t *file = (const uint8_t *)contents;
    const Elf64_Phdr *code = find_code(file, size);
    if (!code) {
        g_set_error(err, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: no ELF file with x86-64 code",
                    path);
        return NULL;
    }
    *where = (Code){.entry = LOADED_AT + entry_offset(((const Elf64_Ehdr *)file)->e_entry, code),
                    .end = LOADED_AT + code->p_filesz};
    TestCpu *t = test_cpu_new("max", (where->end + MIB) & ~(uint64_t)PAGE_MASK);
    memcpy(t->ram.host + LOADED_AT, file + code->p_offset, code->p_filesz);
    test_cpu_flat(t, CPU_LONG, 0);
    t->cpu->cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    t->cpu->xcr0 = XCR0_X87 | XCR0_SSE | XCR0_AVX;
    cpu_update_mode(t->cpu);
    return t;
}

/* --- the walk ------------------------------------------------------------------------------------ */

static uint32_t block_at(Walk *w, uint64_t rip)
{
    Translator *t = w->translator;
    uint64_t before = t->stats.blocks;
    w->cpu->rip = rip;
    uint32_t index = find_block(t, w->cpu, w->key, 0);
    const Block *block = &t->blocks[index];
    for (uint32_t i = 0; index && t->stats.blocks != before && i < block->exit_count; i++) {
        uint32_t exit = block->first_exit + i;
        if (t->exits[exit].kind >= EXIT_NEAR)
            g_array_append_val(w->ahead, exit);
    }
    return index;
}

/* Behind the block that was made last. */
static uint64_t behind(const Translator *t)
{
    unsigned last = t->ir->insn_count - 1;
    return t->ir->insn_rip[last] + t->ir->insn[last].length;
}

static void walk(Walk *w, const Code *code, uint64_t instructions)
{
    Translator *t = w->translator;
    uint64_t at = code->entry;
    while (t->stats.insns < instructions && at < code->end) {
        uint64_t before = t->stats.blocks;
        if (block_at(w, at) && t->stats.blocks != before)
            at = behind(t);
        else
            at++;
        while (w->ahead->len && t->stats.insns < instructions) {
            uint32_t exit = g_array_index(w->ahead, uint32_t, w->ahead->len - 1);
            g_array_set_size(w->ahead, w->ahead->len - 1);
            uint32_t target = block_at(w, t->exits[exit].rip);
            if (target)
                link_exit(t, exit, target);
        }
    }
}

/* --- the report ---------------------------------------------------------------------------------- */

static Ns processor_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * NS_PER_SEC + t.tv_nsec;
}

/* The same if a change of the translator changes nothing that it writes. */
static uint32_t hash_code(const Translator *t)
{
    uint32_t hash = 0;
    const CodeSpace *space = &t->space[SPACE_PLAIN];
    for (uint32_t at = space->first.code; at < space->next.code; at++)
        hash = hash * 31 + t->rw[at];
    return hash;
}

static void report(const Translator *t, Ns taken)
{
    const TranslatorStats *s = &t->stats;
    const CodePlace *next = &t->space[SPACE_PLAIN].next;
    uint64_t stub_bytes = 0;
    for (uint32_t i = 1; i < next->block; i++)
        stub_bytes += t->blocks[i].code_end - t->blocks[i].stubs;
    double insns = s->insns;
    printf("%" PRIu64 " blocks of %.1f instructions\n", s->blocks, insns / s->blocks);
    printf("%.1f bytes of code an instruction, %.1f of them in stubs\n", s->code_bytes / insns,
           stub_bytes / insns);
    printf("%.2f exits and %.2f sites an instruction\n", next->exit / insns, next->site / insns);
    printf("code: %08x\n", hash_code(t));
    printf("%.0f ns an instruction\n", taken / insns);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) err = NULL;
    Code code;
    if (argc < 2) {
        fprintf(stderr, "usage: translation FILE [INSTRUCTIONS]\n");
        return 2;
    }
    TestCpu *t = load(argv[1], &code, &err);
    Translator *translator = t ? translator_new(t->cpu, CODE_CACHE, &err) : NULL;
    if (!translator) {
        fprintf(stderr, "translation: %s\n", err->message);
        return 1;
    }
    t->cpu->engine_data = translator;
    Walk w = {.cpu = t->cpu,
              .translator = translator,
              .key = lift_key(t->cpu, false),
              .ahead = g_array_new(FALSE, FALSE, sizeof(uint32_t))};
    row_traits_make(); /* once in a process */
    Ns start = processor_time();
    walk(&w, &code, argc > 2 ? g_ascii_strtoull(argv[2], NULL, 10) : INSTRUCTIONS);
    report(translator, processor_time() - start);
    g_array_free(w.ahead, TRUE);
    translator_free(translator);
    test_cpu_free(t);
    return 0;
}
