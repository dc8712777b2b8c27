/* code.c - hostile programs: instructions chosen for the trouble they make.
 *
 * Each form loads what it needs first, so that MSRs, ports and addresses are real ones. */
#include "tests/fuzz/code.h"

#include "cpu/regs.h"
#include "tests/fuzz/board.h"
#include "tests/fuzz/world.h"

enum { EAX, ECX, EDX, ESI = 6, EDI = 7 };

typedef struct Emitter {
    Input *in;
    CodeSize size;
    uint8_t *at, *end;
} Emitter;

static void put(Emitter *e, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes && e->at < e->end; i++)
        *e->at++ = v >> 8 * i;
}

/* Operands of 32 bits, whatever the code size. */
static void put_wide(Emitter *e)
{
    if (e->size == CODE_16)
        put(e, 0x66, 1);
}

static void put_load(Emitter *e, unsigned reg, uint32_t v)
{
    put_wide(e);
    put(e, 0xb8 + reg, 1);
    put(e, v, 4);
}

/* modrm, SIB and displacement of [address], after an address prefix where 16-bit code needs one;
 * `opcode` has `bytes` bytes. */
static void put_absolute(Emitter *e, uint32_t opcode, unsigned bytes, unsigned reg,
                         uint32_t address)
{
    if (e->size == CODE_16)
        put(e, 0x67, 1);
    put(e, opcode, bytes);
    if (e->size == CODE_16) {
        put(e, 0x05 | (reg & 7) << 3, 1);
    } else {
        put(e, 0x04 | (reg & 7) << 3, 1);
        put(e, 0x25, 1);
    }
    put(e, address, 4);
}

/* --- what they aim at ------------------------------------------------------------------------- */

uint16_t code_port(Input *in)
{
    static const uint16_t ports[] = {
        0x00,   0x08,   0x0f,   0x20,  0x21,  0x40,  0x43,  0x60,  0x61,  0x64,   0x70,   0x71,
        0x81,   0x92,   0xa0,   0xa1,  0xb2,  0xc0,  0xd0,  0xd6,  0xde,  0xe9,   0x170,  0x177,
        0x1ce,  0x1cf,  0x1d0,  0x1f0, 0x1f1, 0x1f6, 0x1f7, 0x2f8, 0x376, 0x378,  0x3b4,  0x3b5,
        0x3c0,  0x3c4,  0x3c5,  0x3ce, 0x3cf, 0x3d4, 0x3d5, 0x3f0, 0x3f2, 0x3f5,  0x3f6,  0x3f8,
        0x402,  0x4d0,  0x501,  0x510, 0x511, 0x514, 0x518, 0x600, 0xb00, 0xb008, 0xafe0, 0xc000,
        0xc002, 0xc004, 0xc008, 0xcf8, 0xcf9, 0xcfc, 0xffff};
    return INPUT_CHOOSE(in, ports) + (input_one_in(in, 3) ? input_below(in, 9) : 0);
}

uint32_t input_code_address(Input *in)
{
    static const uint32_t addresses[] = {
        0,          WORLD_GDT,  WORLD_IDT,   WORLD_TSS,  WORLD_STACKS, WORLD_CODE, WORLD_DATA,
        0x9fffc,    0xa0000,    0xb8000,     0xc0000,    0xe0000,      0xf0000,    0xfffff,
        0x30000,    0x38000,    WORLD_PAGES, 0x3ff000,   0x400000,     0xe0000000, 0xe2000000,
        0xe2000500, 0xfec00000, 0xfec00010,  0xfed00000, 0xfed00100,   0xfee00000, 0xfee000b0,
        0xfee00300, 0xfee00320, 0xfee00380,  0xfffc0000, 0xfffffffc,   0xfffff000};
    uint32_t address = INPUT_CHOOSE(in, addresses);
    switch (input_below(in, 4)) {
    case 0:
        return address + input_below(in, 0x4000);
    case 1:
        return address + (input_below(in, 64) << 4);
    case 2:
        return address - 1 - input_below(in, 16);
    default:
        return address;
    }
}

static uint32_t any_msr(Input *in)
{
    static const uint32_t msrs[] = {MSR_TSC,
                                    MSR_APIC_BASE,
                                    MSR_TSC_ADJUST,
                                    MSR_SYSENTER_CS,
                                    MSR_SYSENTER_ESP,
                                    MSR_SYSENTER_EIP,
                                    MSR_MCG_STATUS,
                                    MSR_MISC_ENABLE,
                                    MSR_DEBUGCTL,
                                    MSR_MTRR_PHYSBASE0,
                                    MSR_MTRR_FIX64K_00000,
                                    MSR_MTRR_FIX4K_C0000,
                                    MSR_PAT,
                                    MSR_MTRR_DEF_TYPE,
                                    MSR_MC0_CTL,
                                    MSR_TSC_DEADLINE,
                                    MSR_X2APIC_FIRST,
                                    MSR_EFER,
                                    MSR_STAR,
                                    MSR_LSTAR,
                                    MSR_FMASK,
                                    MSR_FS_BASE,
                                    MSR_GS_BASE,
                                    MSR_KERNEL_GS_BASE,
                                    MSR_TSC_AUX,
                                    MSR_SMBASE};
    return INPUT_CHOOSE(in, msrs) + (input_one_in(in, 3) ? input_below(in, 64) : 0);
}

static uint16_t any_selector(Input *in)
{
    return input_one_in(in, 16) ? input_bits(in, 2) : input_below(in, WORLD_SELECTORS);
}

/* --- forms ------------------------------------------------------------------------------------ */

static void put_port(Emitter *e)
{
    static const uint8_t opcodes[] = {0xec, 0xed, 0xee, 0xef, 0x6c, 0x6d, 0x6e, 0x6f};
    put_load(e, EDX, code_port(e->in));
    if (input_one_in(e->in, 2))
        put_load(e, EAX, input_number(e->in));
    uint8_t opcode = INPUT_CHOOSE(e->in, opcodes);
    if (opcode < 0x70) {
        put_load(e, ECX, input_number(e->in));
        put_load(e, opcode < 0x6e ? EDI : ESI, input_code_address(e->in));
        put(e, 0xf3, 1);
    }
    if (input_one_in(e->in, 2))
        put(e, 0x66, 1);
    put(e, opcode, 1);
}

/* Two ports in a row: index and data, PCI configuration, commands with parameters. */
static void put_register_pair(Emitter *e)
{
    static const struct {
        uint16_t index, data;
        uint8_t bytes;
    } pairs[] = {{0x70, 0x71, 1},   {0x3c4, 0x3c5, 1}, {0x3ce, 0x3cf, 1}, {0x3d4, 0x3d5, 1},
                 {0x1ce, 0x1d0, 2}, {0xcf8, 0xcfc, 4}, {0x510, 0x511, 2}, {0x64, 0x60, 1}};
    unsigned n = input_below(e->in, G_N_ELEMENTS(pairs));
    bool pci = pairs[n].index == 0xcf8;
    uint32_t index = input_number(e->in), v = input_number(e->in);
    if (pci)
        index = 0x80000000 | (index & 0x1ffc);
    put_load(e, EDX, pairs[n].index);
    put_load(e, EAX, index);
    if (pairs[n].bytes == 4)
        put_wide(e);
    else if (pairs[n].bytes == 2 && e->size != CODE_16)
        put(e, 0x66, 1);
    put(e, pairs[n].bytes == 1 ? 0xee : 0xef, 1);
    put_load(e, EDX, pairs[n].data);
    put_load(e, EAX, v);
    put_wide(e);
    put(e, pci ? 0xef : 0xee, 1);
}

static void put_memory(Emitter *e)
{
    static const struct {
        uint32_t opcode;
        uint8_t bytes;
    } forms[] = {{0x88, 1},     {0x89, 1},     {0x8a, 1},   {0x8b, 1},   {0x01, 1},   {0x87, 1},
                 {0xb10f, 2},   {0xc10f, 2},   {0xab0f, 2}, {0x110f, 2}, {0x290f, 2}, {0x280f, 2},
                 {0x6f0f, 2},   {0x7f0f, 2},   {0xc70f, 2}, {0xae0f, 2}, {0xdd, 1},   {0xd9, 1},
                 {0xdb, 1},     {0xff, 1},     {0xfe, 1},   {0xf7, 1},   {0x8f, 1},   {0x8e, 1},
                 {0x8c, 1},     {0xb20f, 2},   {0x62, 1},   {0x010f, 2}, {0x000f, 2}, {0xb60f, 2},
                 {0xf0380f, 3}, {0x18c70f, 3}, {0x2b0f, 2}, {0xe70f, 2}};
    unsigned n = input_below(e->in, G_N_ELEMENTS(forms));
    unsigned prefix = input_below(e->in, 8);
    static const uint8_t prefixes[] = {0x66, 0xf0, 0xf2, 0xf3};
    if (prefix < G_N_ELEMENTS(prefixes))
        put(e, prefixes[prefix], 1);
    if (e->size == CODE_64 && input_one_in(e->in, 3))
        put(e, 0x48, 1);
    put_absolute(e, forms[n].opcode, forms[n].bytes, input_below(e->in, 8),
                 input_code_address(e->in));
}

static void put_msr(Emitter *e)
{
    put_load(e, ECX, any_msr(e->in));
    put_load(e, EAX, input_one_in(e->in, 2) ? input_number(e->in) : input_code_address(e->in));
    put_load(e, EDX, input_one_in(e->in, 2) ? 0 : input_number(e->in));
    put(e, input_one_in(e->in, 3) ? 0x320f : 0x300f, 2);
}

static void put_control_register(Emitter *e)
{
    static const uint8_t registers[] = {0, 0, 2, 3, 4, 4, 8};
    static const uint32_t values[] = {CR0_PE,
                                      CR0_PG | CR0_PE,
                                      CR0_PG | CR0_PE | CR0_WP | CR0_AM | CR0_NE,
                                      CR0_TS | CR0_PE,
                                      CR4_PAE,
                                      CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXSAVE,
                                      CR4_PSE,
                                      CR4_SMAP | CR4_SMEP | CR4_PAE,
                                      CR4_PCIDE | CR4_PAE,
                                      CR4_PKE | CR4_PAE,
                                      CR4_VME | CR4_PVI | CR4_DE,
                                      0,
                                      UINT32_MAX,
                                      WORLD_PAGES,
                                      WORLD_PAGES + 0x1000,
                                      WORLD_PAGES + 0x2000};
    bool debug = input_one_in(e->in, 4);
    unsigned reg = debug ? input_below(e->in, 8) : INPUT_CHOOSE(e->in, registers);
    put_load(e, EAX, input_one_in(e->in, 3) ? input_number(e->in) : INPUT_CHOOSE(e->in, values));
    if (debug && input_one_in(e->in, 2))
        put_load(e, EAX, input_code_address(e->in));
    unsigned opcode = (debug ? 0x21 : 0x20) | (input_one_in(e->in, 4) ? 0 : 2);
    put(e, 0x0f | opcode << 8, 2);
    put(e, 0xc0 | reg << 3, 1);
}

static void put_descriptor_table(Emitter *e)
{
    unsigned reg = input_below(e->in, 8);
    if (input_one_in(e->in, 2)) {
        put_absolute(e, 0x010f, 2, reg, input_code_address(e->in)); /* SGDT .. INVLPG */
        return;
    }
    put_load(e, EAX, any_selector(e->in));
    put(e, 0x000f, 2); /* SLDT .. VERW */
    put(e, 0xc0 | reg << 3, 1);
}

static void put_segment(Emitter *e)
{
    put_load(e, EAX, any_selector(e->in));
    put(e, 0x8e, 1);
    put(e, 0xc0 | input_below(e->in, 8) << 3, 1);
}

static void put_far(Emitter *e)
{
    static const uint16_t plain[] = {0xcb,   0xcf,   0xf1,   0xcc,   0xce,
                                     0x050f, 0x070f, 0x340f, 0x350f, 0xaa0f};
    switch (input_below(e->in, 5)) {
    case 0: {
        uint16_t opcode = INPUT_CHOOSE(e->in, plain);
        if (e->size == CODE_64 && input_one_in(e->in, 2))
            put(e, 0x48, 1);
        put(e, opcode, opcode > 0xff ? 2 : 1);
        break;
    }
    case 1:
        put(e, 0xcd, 1);
        put(e, input_byte(e->in), 1);
        break;
    case 2:
        put_absolute(e, 0xff, 1, input_one_in(e->in, 2) ? 3 : 5, input_code_address(e->in));
        break;
    default:
        put_wide(e);
        put(e, input_one_in(e->in, 2) ? 0xea : 0x9a, 1);
        put(e, world_entry(e->in), 4);
        put(e, any_selector(e->in), 2);
    }
}

static void put_string(Emitter *e)
{
    static const uint8_t opcodes[] = {0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab,
                                      0xac, 0xad, 0xae, 0xaf, 0x6d, 0x6f};
    put_load(e, ESI, input_code_address(e->in));
    put_load(e, EDI, input_code_address(e->in));
    put_load(e, ECX, input_one_in(e->in, 4) ? input_number(e->in) : input_below(e->in, 0x2000));
    put(e, input_one_in(e->in, 3) ? 0xfd : 0xfc, 1);
    put(e, input_one_in(e->in, 3) ? 0xf2 : 0xf3, 1);
    if (e->size == CODE_64 && input_one_in(e->in, 3))
        put(e, 0x48, 1);
    put(e, INPUT_CHOOSE(e->in, opcodes), 1);
}

static void put_store_to_code(Emitter *e)
{
    uint32_t target = WORLD_CODE + input_below(e->in, WORLD_CODE_SIZE);
    unsigned wide = input_below(e->in, 2);
    put_absolute(e, 0xc6 + wide, 1, 0, target);
    if (wide)
        put(e, input_bits(e->in, 4), e->size == CODE_16 ? 2 : 4);
    else
        put(e, input_byte(e->in), 1);
}

static void put_short(Emitter *e)
{
    static const uint16_t plain[] = {0xf4,   0xfa,   0xfb,   0xfb,   0x9c,   0x9d, 0x80f,  0x90f,
                                     0x60f,  0xa20f, 0x310f, 0x0b0f, 0x770f, 0x9b, 0xe3db, 0x9d,
                                     0xf8d9, 0x90f3, 0x60,   0x61,   0xc8,   0xc9, 0xd7,   0xc3};
    uint16_t opcode = INPUT_CHOOSE(e->in, plain);
    put(e, opcode, opcode > 0xff ? 2 : 1);
}

static void put_system(Emitter *e)
{
    static const uint8_t last[] = {0xc1, 0xc8, 0xc9, 0xca, 0xcb, 0xd0, 0xd1, 0xd5,
                                   0xd6, 0xee, 0xef, 0xf8, 0xf9, 0xf0, 0xfc};
    put_load(e, ECX, input_below(e->in, 3));
    put_load(e, EAX, input_number(e->in));
    put_load(e, EDX, 0);
    put(e, 0x010f, 2); /* MONITOR, CLAC, XGETBV, XSETBV, SWAPGS, ... */
    put(e, INPUT_CHOOSE(e->in, last), 1);
}

static void put_branch(Emitter *e)
{
    put(e, input_one_in(e->in, 3) ? 0xeb : 0x70 + input_below(e->in, 16), 1);
    put(e, input_byte(e->in), 1);
}

/* A prefix or escape, so that each opcode map is met, and any bytes. */
static void put_any(Emitter *e)
{
    static const uint32_t starts[] = {0,        0x0f, 0x0f66, 0x0ff3, 0x0ff2, 0x380f, 0x3a0f66,
                                      0x380f66, 0xd8, 0xd9,   0xda,   0xdb,   0xdc,   0xdd,
                                      0xde,     0xdf, 0xf0,   0xc5,   0xc4};
    for (uint32_t start = INPUT_CHOOSE(e->in, starts); start; start >>= 8)
        put(e, start & 0xff, 1);
    put(e, input_bits(e->in, 4), 1 + input_below(e->in, 4));
}

void code_fill(Input *in, CodeSize size, uint8_t *code, size_t bytes)
{
    static void (*const forms[])(Emitter * e) = {put_any,
                                                 put_any,
                                                 put_any,
                                                 put_port,
                                                 put_register_pair,
                                                 put_memory,
                                                 put_memory,
                                                 put_msr,
                                                 put_control_register,
                                                 put_descriptor_table,
                                                 put_segment,
                                                 put_far,
                                                 put_string,
                                                 put_store_to_code,
                                                 put_short,
                                                 put_system,
                                                 put_branch,
                                                 put_short};
    Emitter e = {in, size, code, code + bytes};
    while (e.at < e.end)
        INPUT_CHOOSE(in, forms)(&e);
}
