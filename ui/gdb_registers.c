/* gdb_registers.c - reads and writes a CPU's registers by gdb's numbers.
 *
 * The program counter gdb sees is linear, CS base included, in every mode: breakpoints and memory
 * have linear addresses too, and without it gdb would neither disassemble real-mode code nor
 * recognise its breakpoints there. Every other register is as the CPU has it. */
#include "ui/gdb_registers_priv.h"

#include "cpu/block.h"
#include "cpu/exec.h"
#include "cpu/x87.h"

enum {
    X87_FCTRL,
    X87_FSTAT,
    X87_FTAG,
    X87_FISEG,
    X87_FIOFF,
    X87_FOSEG,
    X87_FOOFF,
    X87_FOP,
};

enum {
    SYSTEM_KERNEL_GS_BASE,
    SYSTEM_CR0,
    SYSTEM_CR2,
    SYSTEM_CR3,
    SYSTEM_CR4,
    SYSTEM_EFER,
    SYSTEM_XCR0,
};

const GdbRow gdb_rows[] = {
#define FEATURE(name64, name32) {name64, name32, 0, NULL, NULL, REGISTER_NONE, 0},
#define REG(name, name32, bits, type, group, kind, index) \
    {name, name32, bits, type, group, REGISTER_##kind, index},
#include "ui/gdb_registers.def"
#undef REG
#undef FEATURE
};

const size_t gdb_row_count = G_N_ELEMENTS(gdb_rows);

GdbArch gdb_arch_of(const Cpu *cpu)
{
    static const GdbArch arches[] = {
        [CODE_16] = GDB_I8086, [CODE_32] = GDB_I386, [CODE_64] = GDB_X86_64};
    return arches[cpu->code_size];
}

const char *gdb_arch_name(GdbArch arch)
{
    static const char *const names[] = {
        [GDB_I8086] = "i8086", [GDB_I386] = "i386", [GDB_X86_64] = "i386:x86-64"};
    return names[arch];
}

/* --- numbers ---------------------------------------------------------------------------------- */

unsigned gdb_registers_in_row(const GdbRow *row, GdbArch arch)
{
    if (row->kind == REGISTER_NONE)
        return 0;
    return arch != GDB_X86_64 && row->name32 && *row->name32 ? 2 : 1;
}

/* The bytes of a row that a register is. */
typedef struct View {
    const GdbRow *row;
    unsigned first, size;
} View;

static bool find_register(GdbArch arch, unsigned number, View *view)
{
    for (size_t i = 0; i < gdb_row_count; i++) {
        unsigned count = gdb_registers_in_row(&gdb_rows[i], arch);
        if (number < count) {
            unsigned size = gdb_rows[i].bits / 8 / count;
            *view = (View){&gdb_rows[i], number * size, size};
            return true;
        }
        number -= count;
    }
    return false;
}

unsigned gdb_registers_in_g(GdbArch arch)
{
    unsigned count = 0;
    for (size_t i = 1; gdb_rows[i].kind != REGISTER_NONE; i++) /* the first feature's */
        count += gdb_registers_in_row(&gdb_rows[i], arch);
    return count;
}

/* --- reading ---------------------------------------------------------------------------------- */

static uint64_t read_x87(const Cpu *cpu, unsigned index)
{
    const Fpu *f = &cpu->fpu;
    const uint64_t fields[] = {
        [X87_FCTRL] = f->cw,
        [X87_FSTAT] = x87_status(cpu),
        [X87_FTAG] = x87_tag_word(cpu),
        [X87_FISEG] = f->fcs,
        [X87_FIOFF] = f->fip,
        [X87_FOSEG] = f->fds,
        [X87_FOOFF] = f->fdp,
        [X87_FOP] = f->fop,
    };
    return fields[index];
}

static uint64_t read_system(const Cpu *cpu, unsigned index)
{
    const uint64_t fields[] = {
        [SYSTEM_KERNEL_GS_BASE] = cpu->kernel_gs_base,
        [SYSTEM_CR0] = cpu->cr0,
        [SYSTEM_CR2] = cpu->cr2,
        [SYSTEM_CR3] = cpu->cr3,
        [SYSTEM_CR4] = cpu->cr4,
        [SYSTEM_EFER] = cpu->efer,
        [SYSTEM_XCR0] = cpu->xcr0,
    };
    return fields[index];
}

static uint64_t read_word(const Cpu *cpu, const GdbRow *row)
{
    switch (row->kind) {
    case REGISTER_GPR:
        return cpu->gpr[row->index];
    case REGISTER_PC:
        return code_address(cpu, cpu->rip);
    case REGISTER_EFLAGS:
        return eflags_get(cpu);
    case REGISTER_SELECTOR:
        return cpu->seg[row->index].selector;
    case REGISTER_BASE:
        return cpu->seg[row->index].base;
    case REGISTER_X87:
        return read_x87(cpu, row->index);
    case REGISTER_MXCSR:
        return cpu->mxcsr;
    case REGISTER_SYSTEM:
        return read_system(cpu, row->index);
    default:
        g_assert_not_reached();
    }
}

static F80 *stack_register(const Cpu *cpu, unsigned index)
{
    return (F80 *)&cpu->fpu.reg[(cpu->fpu.top + index) & 7];
}

static void read_row(const Cpu *cpu, const GdbRow *row, uint8_t bytes[GDB_REGISTER_BYTES])
{
    if (row->kind == REGISTER_ST) {
        store_le(bytes, stack_register(cpu, row->index)->mant, 8);
        store_le(bytes + 8, stack_register(cpu, row->index)->se, 2);
    } else if (row->kind == REGISTER_XMM || row->kind == REGISTER_YMMH) {
        unsigned half = row->kind == REGISTER_YMMH ? 2 : 0;
        store_le(bytes, cpu->vec[row->index].u64[half], 8);
        store_le(bytes + 8, cpu->vec[row->index].u64[half + 1], 8);
    } else {
        store_le(bytes, read_word(cpu, row), row->bits / 8);
    }
}

size_t gdb_register_read(const Cpu *cpu, GdbArch arch, unsigned number,
                         uint8_t bytes[GDB_REGISTER_BYTES])
{
    View view;
    if (!find_register(arch, number, &view))
        return 0;
    uint8_t all[GDB_REGISTER_BYTES];
    read_row(cpu, view.row, all);
    memcpy(bytes, all + view.first, view.size);
    return view.size;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* Writes as the guest would; false if that raises. */
static bool write_checked(Cpu *cpu, void (*write)(Cpu *cpu, uint64_t v), uint64_t v)
{
    sigjmp_buf guard, *outer = cpu->unwind;
    cpu->unwind = &guard;
    bool raised = sigsetjmp(guard, 0);
    if (!raised)
        write(cpu, v);
    cpu->unwind = outer;
    return !raised;
}

static bool write_system(Cpu *cpu, unsigned index, uint64_t v)
{
    switch (index) {
    case SYSTEM_CR0:
        return write_checked(cpu, cr0_write, v);
    case SYSTEM_CR3:
        return write_checked(cpu, cr3_write, v);
    case SYSTEM_CR4:
        return write_checked(cpu, cr4_write, v);
    case SYSTEM_EFER:
        return write_checked(cpu, efer_write, v);
    case SYSTEM_CR2:
        cpu->cr2 = v;
        return true;
    case SYSTEM_KERNEL_GS_BASE:
        if (cpu_is_canonical(cpu, v))
            cpu->kernel_gs_base = v;
        return cpu_is_canonical(cpu, v);
    default:
        return false;
    }
}

static bool write_x87(Cpu *cpu, unsigned index, uint64_t v)
{
    Fpu *f = &cpu->fpu;
    switch (index) {
    case X87_FCTRL:
        f->cw = (v & CW_WRITABLE) | CW_ONE;
        break;
    case X87_FSTAT:
        f->top = v >> SW_TOP_SHIFT & 7;
        f->sw = v & ~(7u << SW_TOP_SHIFT);
        break;
    case X87_FTAG:
        x87_set_tag_word(cpu, v);
        break;
    case X87_FISEG:
        f->fcs = v;
        break;
    case X87_FIOFF:
        f->fip = v;
        break;
    case X87_FOSEG:
        f->fds = v;
        break;
    case X87_FOOFF:
        f->fdp = v;
        break;
    case X87_FOP:
        f->fop = v & FOP_BITS;
        break;
    }
    x87_update_summary(cpu);
    return true;
}

/* Where a selector is just a number; elsewhere loading one reads descriptors and may fault. */
static bool write_selector(Cpu *cpu, unsigned seg, uint64_t v)
{
    if (cpu->mode > CPU_V86 || v > UINT16_MAX)
        return false;
    segment_load_real(cpu, seg, v);
    cpu_update_mode(cpu);
    return true;
}

static bool write_base(Cpu *cpu, unsigned seg, uint64_t v)
{
    if (!cpu_is_canonical(cpu, v))
        return false;
    cpu->seg[seg].base = v;
    segment_update(&cpu->seg[seg]);
    return true;
}

/* VM says how segments are to be read, so it does not change alone. */
static bool write_eflags(Cpu *cpu, uint64_t v)
{
    eflags_set(cpu, (v & ~FLAG_VM) | (eflags_get(cpu) & FLAG_VM) | FLAG_FIXED);
    cpu_update_mode(cpu);
    debug_registers_changed(cpu); /* TF */
    return true;
}

/* In real-address mode an address outside of CS takes a segment that reaches it. */
void gdb_set_pc(Cpu *cpu, LinAddr la)
{
    const Segment *cs = &cpu->seg[SEG_CS];
    uint32_t offset = la - cs->base;
    if (cpu_is_long(cpu)) {
        cpu->rip = la;
        return;
    }
    if (cpu->mode <= CPU_V86 && offset > cs->limit && la < MIB) {
        segment_load_real(cpu, SEG_CS, la >> 4 & 0xf000);
        cpu_update_mode(cpu);
        offset = la & 0xffff;
    }
    cpu->rip = offset;
}

static bool write_word(Cpu *cpu, const GdbRow *row, uint64_t v)
{
    switch (row->kind) {
    case REGISTER_GPR:
        cpu->gpr[row->index] = v;
        return true;
    case REGISTER_PC:
        gdb_set_pc(cpu, v);
        return true;
    case REGISTER_EFLAGS:
        return write_eflags(cpu, v);
    case REGISTER_SELECTOR:
        return write_selector(cpu, row->index, v);
    case REGISTER_BASE:
        return write_base(cpu, row->index, v);
    case REGISTER_X87:
        return write_x87(cpu, row->index, v);
    case REGISTER_MXCSR:
        cpu->mxcsr = v & 0xffff;
        return true;
    case REGISTER_SYSTEM:
        return write_system(cpu, row->index, v);
    default:
        g_assert_not_reached();
    }
}

static bool write_row(Cpu *cpu, const GdbRow *row, const uint8_t *bytes)
{
    if (row->kind == REGISTER_ST) {
        *stack_register(cpu, row->index) = (F80){.mant = load_le(bytes, 8),
                                                 .se = load_le(bytes + 8, 2)};
        return true;
    }
    if (row->kind == REGISTER_XMM || row->kind == REGISTER_YMMH) {
        unsigned half = row->kind == REGISTER_YMMH ? 2 : 0;
        cpu->vec[row->index].u64[half] = load_le(bytes, 8);
        cpu->vec[row->index].u64[half + 1] = load_le(bytes + 8, 8);
        return true;
    }
    return write_word(cpu, row, load_le(bytes, row->bits / 8));
}

/* A gdb that refused a 32-bit description goes by its own 64-bit numbers, which the size gives
 * away; but 16, which is R8 to the one and RIP to the other, and R8 means nothing to 32-bit code.
 */
static bool find_register_of_size(GdbArch arch, unsigned number, size_t size, View *view)
{
    enum { NUMBER_OF_RIP = 16 };
    if (find_register(arch, number, view) && view->size == size &&
        (arch == GDB_X86_64 || number != NUMBER_OF_RIP))
        return true;
    return find_register(GDB_X86_64, number, view) && view->size == size;
}

bool gdb_register_write(Cpu *cpu, GdbArch arch, unsigned number, const uint8_t *bytes, size_t size)
{
    View view;
    if (!find_register_of_size(arch, number, size, &view))
        return false;
    uint8_t all[GDB_REGISTER_BYTES];
    read_row(cpu, view.row, all);
    if (memcmp(all + view.first, bytes, size) == 0)
        return true; /* `G` writes everything, of which most is as it was */
    memcpy(all + view.first, bytes, size);
    return write_row(cpu, view.row, all);
}
