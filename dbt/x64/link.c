/* link.c - patches exits to the blocks they lead to, and back. */
#include "cpu/block.h"
#include "dbt/x64/emit.h"

static Asm whole_cache(Translator *t, uint32_t at)
{
    return (Asm){.code = t->rw, .at = at};
}

void emit_page_check(Asm *a, uint32_t key, LinAddr la, uint32_t id)
{
    unsigned index = (la >> PAGE_SHIFT) % CODE_IDS;
    Rm id_at = rm_gs(HOST_NONE, emit_context(key) + offsetof(MmuContext, code_id) + 4 * index);
    asm_modrm(a, OP1(0x81), (HostWidth){0}, 7, id_at);
    asm_imm(a, id, 4);
}

enum { FAR_ROOM = 18, JMP_SHORT_BYTES = 2, INT3 = 0xcc }; /* cmp gs:[id], imm32; je rel32 */

void emit_far_room(Asm *a)
{
    asm_byte(a, 0xeb); /* jmp short */
    asm_byte(a, FAR_ROOM - JMP_SHORT_BYTES);
    memset(a->code + a->at, INT3, FAR_ROOM - JMP_SHORT_BYTES);
    a->at += FAR_ROOM - JMP_SHORT_BYTES;
}

/* Another page: its linear address must still show the page that the target was made from. */
static void patch_far(Translator *t, Exit *exit, const Block *target, LinAddr la)
{
    uint32_t id = link_page_id(t, la & ~PAGE_MASK, page_start(target->host));
    Asm a = whole_cache(t, exit->patch);
    emit_page_check(&a, target->key, la, id);
    asm_jcc(&a, COND_E, target->entry);
    g_assert(a.at == exit->patch + FAR_ROOM);
}

void x64_link(Translator *t, Exit *exit, const Block *target)
{
    Asm a = whole_cache(t, 0);
    const Block *from = &t->blocks[exit->block];
    if (exit->kind == EXIT_FAR) {
        LinAddr la = exit->rip + t->link_base;
        bool is_long = (target->key >> KEY_MODE_SHIFT & 7) == CPU_LONG;
        patch_far(t, exit, target, is_long ? la : (uint32_t)la);
        return;
    }
    /* Only a circle of blocks must look at what is pending, and none goes forward all the way. */
    bool forward = exit->rip > from->rip && !exit->polls;
    uint32_t entry = forward ? entry_polled(target) : target->entry;
    a.at = exit->patch;
    asm_jmp(&a, entry);
    switch ((ShortcutKind)exit->shortcut_kind) {
    case SHORTCUT_NONE:
        break;
    case SHORTCUT_JCC:
        asm_patch(&a, exit->shortcut, entry);
        break;
    case SHORTCUT_JCC_DEAD:
        if (entry_dead(target) && forward)
            asm_patch(&a, exit->shortcut, entry_dead(target));
        break;
    case SHORTCUT_JMP_DEAD:
        if (entry_dead(target) && forward) {
            a.at = exit->shortcut;
            asm_jmp(&a, entry_dead(target));
        }
        break;
    }
}

/* mov r11d, number: as it was before the jump was written over it. */
static void put_number(Asm *a, uint32_t number)
{
    asm_byte(a, 0x41);
    asm_byte(a, 0xbb);
    asm_imm(a, number, 4);
}

void x64_unlink(Translator *t, Exit *exit)
{
    Asm a = whole_cache(t, exit->patch);
    if (exit->kind == EXIT_FAR) {
        emit_far_room(&a);
        return;
    }
    put_number(&a, exit - t->exits);
    if (exit->shortcut_kind == SHORTCUT_JCC || exit->shortcut_kind == SHORTCUT_JCC_DEAD) {
        asm_patch(&a, exit->shortcut, exit->patch - exit->before);
    } else if (exit->shortcut_kind == SHORTCUT_JMP_DEAD) {
        uint8_t code[32];
        Asm saving = {.code = code, .at = 0};
        emit_save_flags(&saving);
        memcpy(t->rw + exit->shortcut, code, saving.at);
    }
}
