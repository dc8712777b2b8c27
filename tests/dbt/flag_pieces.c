/* flag_pieces.c - tables of short code. Registers: rAX and rDX operands, rCX a small count, rBX
 * plain data, rSI the piece's target, rDI plain data for strings. Texts are of 32-bit code. [SDM2].
 */
#include "tests/dbt/flag_pieces.h"

#include <glib.h>

#define CODE(...)              \
    {                          \
        __VA_ARGS__, TOKEN_END \
    }
#define NOTHING   \
    {             \
        TOKEN_END \
    }

/* clang-format off */
#define WRITER(text, sizes, ...) {text, sizes, PLAIN, QUIET, CODE(__VA_ARGS__)}
const FlagPiece flag_writers[] = {
    {"nothing", ALL, PLAIN, QUIET, NOTHING},
    WRITER("add eax, edx",        ALL,    W, 0x01, 0xd0),
    WRITER("add al, dl",          ALL,    0x00, 0xd0),
    WRITER("66 add eax, edx",     ALL,    0x66, 0x01, 0xd0),
    WRITER("add ah, dh",          ALL,    0x00, 0xf4),
    WRITER("add r8, r9",          IN_64,  0x4d, 0x01, 0xc8),
    WRITER("add eax, r9d",        IN_64,  0x44, 0x01, 0xc8),
    WRITER("add esp, 0",          ALL,    W, 0x83, 0xc4, 0x00),
    WRITER("add [ebx], eax",      ALL,    W, 0x01, BX(0)),
    WRITER("lock add [ebx], eax", ALL,    0xf0, 0x01, BX(0)),
    WRITER("add eax, [ebx]",      ALL,    W, 0x03, BX(0)),
    WRITER("or eax, edx",         ALL,    W, 0x09, 0xd0),
    WRITER("adc eax, edx",        ALL,    W, 0x11, 0xd0),
    WRITER("adc r8, [ebx]",       IN_64,  0x4c, 0x13, BX(0)),
    WRITER("sbb eax, edx",        ALL,    W, 0x19, 0xd0),
    WRITER("and eax, edx",        ALL,    W, 0x21, 0xd0),
    WRITER("sub eax, edx",        ALL,    W, 0x29, 0xd0),
    WRITER("xor eax, edx",        ALL,    W, 0x31, 0xd0),
    WRITER("xor eax, eax",        ALL,    0x31, 0xc0),
    WRITER("xor r8d, r8d",        IN_64,  0x45, 0x31, 0xc0),
    WRITER("cmp eax, edx",        ALL,    W, 0x39, 0xd0),
    WRITER("cmp al, [ebx]",       ALL,    0x3a, BX(0)),
    WRITER("cmp [ebx], -1",       ALL,    0x83, BX(7), 0xff),
    WRITER("cmp eax, 7f",         ALL,    0x3d, IMM(0x7f)),
    WRITER("test eax, edx",       ALL,    W, 0x85, 0xd0),
    WRITER("neg eax",             ALL,    W, 0xf7, 0xd8),
    WRITER("neg [ebx]",           ALL,    0xf7, BX(3)),
    WRITER("inc eax",             ALL,    W, 0xff, 0xc0),
    WRITER("inc al",              ALL,    0xfe, 0xc0),
    WRITER("inc [ebx]",           ALL,    0xff, BX(0)),
    WRITER("short inc eax",       NOT_64, 0x40),
    WRITER("dec eax",             ALL,    0xff, 0xc8),
    WRITER("dec r10",             IN_64,  0x49, 0xff, 0xca),
    WRITER("shl eax, 1",          ALL,    0xd1, 0xe0),
    WRITER("shl eax, 4",          ALL,    W, 0xc1, 0xe0, 0x04),
    WRITER("shl eax, cl",         ALL,    0xd3, 0xe0),
    WRITER("shl [ebx], cl",       ALL,    0xd3, BX(4)),
    WRITER("shr al, cl",          ALL,    0xd2, 0xe8),
    WRITER("shr r8, cl",          IN_64,  0x49, 0xd3, 0xe8),
    WRITER("sar eax, cl",         ALL,    W, 0xd3, 0xf8),
    WRITER("sar eax, 0",          ALL,    0xc1, 0xf8, 0x00),
    WRITER("rol eax, cl",         ALL,    0xd3, 0xc0),
    WRITER("rol eax, 1",          ALL,    0xd1, 0xc0),
    WRITER("ror al, 3",           ALL,    0xc0, 0xc8, 0x03),
    WRITER("rcl eax, cl",         ALL,    0xd3, 0xd0),
    WRITER("rcr al, cl",          ALL,    0xd2, 0xd8),
    WRITER("rcr [ebx], 1",        ALL,    0xd1, BX(3)),
    WRITER("shld eax, edx, cl",   IN_32 | IN_64, 0x0f, 0xa5, 0xd0),
    WRITER("shrd eax, edx, 3",    IN_32 | IN_64, 0x0f, 0xac, 0xd0, 0x03),
    WRITER("imul eax, edx",       ALL,    W, 0x0f, 0xaf, 0xc2),
    WRITER("imul eax, [ebx], 3",  ALL,    0x6b, BX(0), 0x03),
    WRITER("mul edx",             ALL,    0xf7, 0xe2),
    WRITER("imul dl",             ALL,    0xf6, 0xea),
    WRITER("div ebp",             ALL,    0xf7, 0xf5),
    WRITER("bsf eax, edx",        ALL,    0x0f, 0xbc, 0xc2),
    WRITER("bsr eax, [ebx]",      ALL,    0x0f, 0xbd, BX(0)),
    WRITER("tzcnt eax, edx",      ALL,    0xf3, 0x0f, 0xbc, 0xc2),
    WRITER("lzcnt eax, edx",      ALL,    0xf3, 0x0f, 0xbd, 0xc2),
    WRITER("popcnt eax, edx",     ALL,    0xf3, 0x0f, 0xb8, 0xc2),
    WRITER("bt eax, edx",         ALL,    0x0f, 0xa3, 0xd0),
    WRITER("bts eax, 3",          ALL,    0x0f, 0xba, 0xe8, 0x03),
    WRITER("btr eax, ecx",        ALL,    0x0f, 0xb3, 0xc8),
    WRITER("lock btc [ebx], 5",   ALL,    0xf0, 0x0f, 0xba, BX(7), 0x05),
    WRITER("andn eax, edx, ecx",  ALL,    0xc4, 0xe2, 0x68, 0xf2, 0xc1),
    WRITER("bextr eax, edx, ecx", ALL,    0xc4, 0xe2, 0x70, 0xf7, 0xc2),
    WRITER("bzhi eax, edx, ecx",  ALL,    0xc4, 0xe2, 0x70, 0xf5, 0xc2),
    WRITER("blsr eax, edx",       ALL,    0xc4, 0xe2, 0x78, 0xf3, 0xca),
    WRITER("blsi eax, edx",       ALL,    0xc4, 0xe2, 0x78, 0xf3, 0xda),
    WRITER("adcx eax, edx",       IN_32 | IN_64, 0x66, 0x0f, 0x38, 0xf6, 0xc2),
    WRITER("adox eax, edx",       IN_32 | IN_64, 0xf3, 0x0f, 0x38, 0xf6, 0xc2),
    WRITER("xadd eax, edx",       ALL,    0x0f, 0xc1, 0xd0),
    WRITER("cmpxchg edx, ecx",    ALL,    0x0f, 0xb1, 0xca),
    WRITER("cmpxchg [ebx], edx",  ALL,    0x0f, 0xb1, BX(2)),
    WRITER("cmpxchg8b [ebx]",     ALL,    0x0f, 0xc7, BX(1)),
    WRITER("sahf",                ALL,    0x9e),
    WRITER("clc",                 ALL,    0xf8),
    WRITER("stc",                 ALL,    0xf9),
    WRITER("cmc",                 ALL,    0xf5),
    WRITER("comiss xmm0, xmm1",   ALL,    0x0f, 0x2f, 0xc1),
    WRITER("ucomisd xmm0, [ebx]", ALL,    0x66, 0x0f, 0x2e, BX(0)),
    WRITER("ptest xmm0, xmm1",    ALL,    0x66, 0x0f, 0x38, 0x17, 0xc1),
    WRITER("vtestps xmm0, xmm1",  ALL,    0xc4, 0xe2, 0x79, 0x0e, 0xc1),
    WRITER("fld1; fcomip st1",    ALL,    0xd9, 0xe8, 0xdf, 0xf0),
    WRITER("scasb",               ALL,    0xae),
    /* rSI is put back for the place */
    WRITER("cmpsw",               ALL,    0x89, 0xf5, 0x66, 0xa7, 0x89, 0xee),
    WRITER("repe cmpsb",          ALL,    0x89, 0xf5, 0xf3, 0xa6, 0x89, 0xee),
    WRITER("repne scasb",         ALL,    0xf2, 0xae),
    WRITER("push 55; popf",       ALL,    0x6a, 0x55, 0x9d),
    WRITER("push 0; popf",        ALL,    0x6a, 0x00, 0x9d),
    WRITER("daa",                 NOT_64, 0x27),
    WRITER("aaa",                 NOT_64, 0x37),
    WRITER("lar eax, edx",        ALL,    0x0f, 0x02, 0xc2),
};
#undef WRITER

#define PLACE(text, sizes, target, ...) {text, sizes, target, QUIET, CODE(__VA_ARGS__)}
#define ON_EACH(text, sizes, ...)                                   \
    PLACE(text ", plain", sizes, PLAIN, __VA_ARGS__),               \
    PLACE(text ", straddling", sizes, STRADDLE, __VA_ARGS__),       \
    PLACE(text ", read-only", sizes, READ_ONLY, __VA_ARGS__),       \
    PLACE(text ", end of plain, read-only", sizes, STRADDLE_READ_ONLY, __VA_ARGS__), \
    PLACE(text ", absent", sizes, ABSENT, __VA_ARGS__),             \
    PLACE(text ", end of plain, absent", sizes, STRADDLE_ABSENT, __VA_ARGS__), \
    PLACE(text ", device", sizes, DEVICE, __VA_ARGS__),             \
    PLACE(text ", code page", sizes, CODE_PAGE, __VA_ARGS__)
const FlagPiece flag_places[] = {
    {"nothing", ALL, PLAIN, QUIET, NOTHING},
    /* checks */
    ON_EACH("mov edi, [esi]",      ALL,   W, 0x8b, SI(7)),
    ON_EACH("mov [esi], edi",      ALL,   W, 0x89, SI(7)),
    ON_EACH("mov [esi], r9",       IN_64, 0x4c, 0x89, SI(1)),
    ON_EACH("not [esi]",           ALL,   0xf7, SI(2)),
    ON_EACH("inc [esi]",           ALL,   0xff, SI(0)),
    ON_EACH("push [esi]",          ALL,   0xff, SI(6)),
    ON_EACH("movups xmm2, [esi]",  ALL,   0x0f, 0x10, SI(2)),
    ON_EACH("movaps [esi], xmm2",  ALL,   0x0f, 0x29, SI(2)),
    ON_EACH("lodsw",               ALL,   0x66, 0xad),
    ON_EACH("movsw",               ALL,   0x66, 0xa5),
    ON_EACH("rep movsb",           ALL,   0xf3, 0xa4),
    ON_EACH("setc [esi]",          ALL,   0x0f, 0x92, SI(0)),
    ON_EACH("adc edi, [esi]",      ALL,   0x13, SI(7)),
    ON_EACH("xlat",                ALL,   0x89, 0xf3, 0xd7), /* mov ebx, esi */
    PLACE("mov edi, [esi], device asks", ALL, DEVICE_KICK, 0x8b, SI(7)),
    PLACE("sti; mov edi, [esi], device asks", ALL, DEVICE_KICK, 0xfb, 0x90, 0x8b, SI(7)),
    PLACE("mov [esi], hlt, own code", ALL, OWN_CODE, 0xc6, SI(0), 0xf4),
    PLACE("mov [esi], hlt; jmp far, far code", ALL, FAR_CODE, 0xc6, SI(0), 0xf4, 0xe9, TO_FAR),
    PLACE("push edi; pop ebp",     ALL,   PLAIN, 0x57, 0x5d),
    PLACE("leave",                 ALL,   PLAIN, 0x89, 0xe5, 0xc9), /* mov ebp, esp */
    /* nothing can leave */
    PLACE("lea edi, [ebx]",        ALL,   PLAIN, 0x8d, BX(7)),
    PLACE("mov edi, ecx",          ALL,   PLAIN, 0x89, 0xcf),
    PLACE("not edi",               ALL,   PLAIN, 0xf7, 0xd7),
    PLACE("movaps xmm2, xmm1",     ALL,   PLAIN, 0x0f, 0x28, 0xd1),
    PLACE("fld1; fstp st0",        ALL,   PLAIN, 0xd9, 0xe8, 0xdd, 0xd8),
    PLACE("mfence",                ALL,   PLAIN, 0x0f, 0xae, 0xf0),
    PLACE("xchg ah, al",           ALL,   PLAIN, 0x86, 0xe0),
    PLACE("mulx edi, ebp, ecx",    ALL,   PLAIN, 0xc4, 0xe2, 0x53, 0xf6, 0xf9),
    /* other writers */
    PLACE("inc edi",               ALL,   PLAIN, 0xff, 0xc7),
    PLACE("dec ch",                ALL,   PLAIN, 0xfe, 0xcd),
    PLACE("shl edi, cl",           ALL,   PLAIN, 0xd3, 0xe7),
    PLACE("xor ecx, ecx; shl edi, cl", ALL, PLAIN, 0x31, 0xc9, 0xd3, 0xe7),
    PLACE("mov cl, 0; shr edi, cl", ALL,  PLAIN, 0xb1, 0x00, 0xd3, 0xef),
    PLACE("mov cl, 20; rcl edi, cl", ALL, PLAIN, 0xb1, 0x20, 0xd3, 0xd7),
    PLACE("sar edi, 0",            ALL,   PLAIN, 0xc1, 0xff, 0x00),
    PLACE("rol edi, 1",            ALL,   PLAIN, 0xd1, 0xc7),
    PLACE("rcl edi, cl",           ALL,   PLAIN, 0xd3, 0xd7),
    PLACE("bt edi, ecx",           ALL,   PLAIN, 0x0f, 0xa3, 0xcf),
    PLACE("clc",                   ALL,   PLAIN, 0xf8),
    PLACE("cmc",                   ALL,   PLAIN, 0xf5),
    PLACE("sahf",                  ALL,   PLAIN, 0x9e),
    PLACE("lahf",                  ALL,   PLAIN, 0x9f),
    PLACE("adcx edi, ecx",         IN_32 | IN_64, PLAIN, 0x66, 0x0f, 0x38, 0xf6, 0xf9),
    PLACE("adox edi, ecx",         IN_32 | IN_64, PLAIN, 0xf3, 0x0f, 0x38, 0xf6, 0xf9),
    PLACE("adc edi, ecx",          ALL,   PLAIN, 0x11, 0xcf),
    PLACE("cmp al, cl",            ALL,   PLAIN, 0x38, 0xc8),
    PLACE("setnz ch",              ALL,   PLAIN, 0x0f, 0x95, 0xc5),
    PLACE("cmovbe edi, ecx",       ALL,   PLAIN, 0x0f, 0x46, 0xf9),
    PLACE("cmovl edi, [ebx]",      ALL,   PLAIN, 0x0f, 0x4c, BX(7)),
    PLACE("cmpxchg8b [ebx]",       ALL,   PLAIN, 0x0f, 0xc7, BX(1)),
    PLACE("div cl",                ALL,   PLAIN, 0xf6, 0xf1),
    PLACE("mov ecx, 0; div ecx",   ALL,   PLAIN, 0xb9, IMM(0), 0xf7, 0xf1),
    PLACE("comiss xmm0, xmm1",     ALL,   PLAIN, 0x0f, 0x2f, 0xc1),
    PLACE("scasb",                 ALL,   PLAIN, 0xae),
    PLACE("repe cmpsb",            ALL,   PLAIN, 0xf3, 0xa6),
    PLACE("mov cx, 0; repe cmpsb", ALL,   PLAIN, 0xb9, IMM(0), 0xf3, 0xa6),
    PLACE("rep stosb",             ALL,   PLAIN, 0xf3, 0xaa),
    PLACE("std; lodsb; cld",       ALL,   PLAIN, 0xfd, 0xac, 0xfc),
    /* handovers and traps */
    PLACE("cpuid",                 ALL,   PLAIN, 0x89, 0xc5, 0x31, 0xc0, 0x89, 0xdf, 0x0f, 0xa2, 0x89, 0xfb),
    PLACE("mov edi, cr2",          ALL,   PLAIN, 0x0f, 0x20, 0xd7),
    PLACE("sldt edi",              ALL,   PLAIN, 0x0f, 0x00, 0xc7),
    PLACE("in al, 80",             ALL,   PLAIN, 0xe4, 0x80),
    PLACE("int 3",                 ALL,   PLAIN, 0xcc),
    PLACE("int 30",                ALL,   PLAIN, 0xcd, 0x30),
    PLACE("into",                  NOT_64, PLAIN, 0xce),
    PLACE("ud2",                   ALL,   PLAIN, 0x0f, 0x0b),
    PLACE("pushf; pop edi",        ALL,   PLAIN, 0x9c, 0x5f),
    PLACE("pushf; popf",           ALL,   PLAIN, 0x9c, 0x9d),
    PLACE("cli",                   ALL,   PLAIN, 0xfa),
    PLACE("sti; nop",              ALL,   PLAIN, 0xfb, 0x90),
    {"sti; nop, requested",        ALL,   PLAIN, REQUESTED, CODE(0xfb, 0x90)},
    {"sti; inc edi, requested",    ALL,   PLAIN, REQUESTED, CODE(0xfb, 0xff, 0xc7)},
    {"sti; jmp back, requested",   ALL,   PLAIN, REQUESTED, CODE(0xfb, 0xe9, TO_BACK)},
    {"sti; jmp far, requested",    ALL,   PLAIN, REQUESTED, CODE(0xfb, 0xe9, TO_FAR)},
    {"sti; jz, requested",         ALL,   PLAIN, REQUESTED, CODE(0xfb, 0x74, 0x00)},
    PLACE("swapgs",                IN_64, PLAIN, 0x0f, 0x01, 0xf8),
    /* exits */
    PLACE("jmp far",               ALL,   PLAIN, 0xe9, TO_FAR),
    PLACE("jmp back",              ALL,   PLAIN, 0xe9, TO_BACK),
    PLACE("jmp +0",                ALL,   PLAIN, 0xeb, 0x00),
    PLACE("jo far",                ALL,   PLAIN, 0x0f, 0x80, TO_FAR),
    PLACE("jo back",               ALL,   PLAIN, 0x0f, 0x80, TO_BACK),
    PLACE("jnc far",               ALL,   PLAIN, 0x0f, 0x83, TO_FAR),
    PLACE("jc back",               ALL,   PLAIN, 0x0f, 0x82, TO_BACK),
    PLACE("jz far",                ALL,   PLAIN, 0x0f, 0x84, TO_FAR),
    PLACE("jz back",               ALL,   PLAIN, 0x0f, 0x84, TO_BACK),
    PLACE("jz +0",                 ALL,   PLAIN, 0x74, 0x00),
    PLACE("jnz +0",                ALL,   PLAIN, 0x75, 0x00),
    PLACE("jbe +0",                ALL,   PLAIN, 0x76, 0x00),
    PLACE("js +0",                 ALL,   PLAIN, 0x78, 0x00),
    PLACE("jp +0",                 ALL,   PLAIN, 0x7a, 0x00),
    PLACE("jl +0",                 ALL,   PLAIN, 0x7c, 0x00),
    PLACE("jg back",               ALL,   PLAIN, 0x0f, 0x8f, TO_BACK),
    PLACE("jmp far, absent",       ALL,   ABSENT, 0xe9, TO_FAR),
    PLACE("jmp +0, absent",        ALL,   ABSENT, 0xeb, 0x00),
    PLACE("jmp back, absent",      ALL,   ABSENT, 0xe9, TO_BACK),
    PLACE("jc back, absent",       ALL,   ABSENT, 0x0f, 0x82, TO_BACK),
    PLACE("jz +0, absent",         ALL,   ABSENT, 0x74, 0x00),
    PLACE("jns +0, absent",        ALL,   ABSENT, 0x79, 0x00),
    PLACE("jnz far, device",       ALL,   DEVICE, 0x0f, 0x85, TO_FAR),
    PLACE("jmp edi, back, absent", ALL,   ABSENT, 0xbf, AT_BACK, 0xff, 0xe7),
    PLACE("loop +0",               ALL,   PLAIN, 0xe2, 0x00),
    PLACE("jecxz +0",              ALL,   PLAIN, 0xe3, 0x00),
    PLACE("jmp edi, far",          ALL,   PLAIN, 0xbf, AT_FAR, 0xff, 0xe7),
    PLACE("jmp edi, back",         ALL,   PLAIN, 0xbf, AT_BACK, 0xff, 0xe7),
    PLACE("jmp [ebx]",             ALL,   PLAIN, W, 0xc7, BX(0), AT_FAR, 0xff, BX(4)),
    PLACE("call +0",               ALL,   PLAIN, 0xe8, IMM(0)),
    PLACE("call far",              ALL,   PLAIN, 0xe8, TO_FAR),
    PLACE("call edi, back",        ALL,   PLAIN, 0xbf, AT_BACK, 0xff, 0xd7),
    PLACE("push; ret far",         ALL,   PLAIN, 0x68, AT_FAR, 0xc3),
    PLACE("push; ret next",        ALL,   PLAIN, 0x68, AT_NEXT, 0xc3),
};
#undef PLACE

#define READER(text, sizes, ...) {text, sizes, PLAIN, QUIET, CODE(__VA_ARGS__)}
#define EACH_CONDITION(R)                                                    \
    R(0, "o"), R(1, "no"), R(2, "c"), R(3, "nc"), R(4, "z"), R(5, "nz"), R(6, "be"), R(7, "nbe"), \
    R(8, "s"), R(9, "ns"), R(10, "p"), R(11, "np"), R(12, "l"), R(13, "nl"), R(14, "le"), R(15, "nle")
#define JCC(n, cc)    READER("j" cc " +2; mov dl, 5a", ALL, 0x70 | n, 0x02, 0xb2, 0x5a)
#define SETCC(n, cc)  READER("set" cc " dl", ALL, 0x0f, 0x90 | n, 0xc2)
#define CMOVCC(n, cc) READER("cmov" cc " edx, ebx", ALL, 0x0f, 0x40 | n, 0xd3)
const FlagPiece flag_readers[] = {
    {"nothing", ALL, PLAIN, QUIET, NOTHING},
    EACH_CONDITION(JCC),
    EACH_CONDITION(SETCC),
    EACH_CONDITION(CMOVCC),
    READER("cmovc edx, [ebx]", ALL,   0x0f, 0x42, BX(2)),
    READER("setbe [ebx]",      ALL,   0x0f, 0x96, BX(0)),
    READER("adc edx, edx",     ALL,   W, 0x11, 0xd2),
    READER("adc dh, [ebx]",    ALL,   0x12, BX(6)),
    READER("adc [ebx], edx",   ALL,   0x11, BX(2)),
    READER("sbb edx, edx",     ALL,   0x19, 0xd2),
    READER("sbb r9, r8",       IN_64, 0x4d, 0x19, 0xc1),
    READER("rcl edx, 1",       ALL,   0xd1, 0xd2),
    READER("rcr dl, cl",       ALL,   0xd2, 0xda),
    READER("rcl [ebx], 1",     ALL,   0xd1, BX(2)),
    READER("adcx edx, ecx",    IN_32 | IN_64, 0x66, 0x0f, 0x38, 0xf6, 0xd1),
    READER("adox edx, ecx",    IN_32 | IN_64, 0xf3, 0x0f, 0x38, 0xf6, 0xd1),
    READER("lahf",             ALL,   0x9f),
    READER("pushf; pop edx",   ALL,   0x9c, 0x5a),
    READER("cmc",              ALL,   0xf5),
    READER("inc dl",           ALL,   0xfe, 0xc2),
    READER("shl dl, cl",       ALL,   0xd2, 0xe2),
    READER("cmp al, cl; setz dl", ALL, 0x38, 0xc8, 0x0f, 0x94, 0xc2),
    READER("xor edx, edx",     ALL,   0x31, 0xd2),
    READER("cmp al, [esi]",    ALL,   0x3a, SI(0)),
    READER("mov edi, [esi]; xor edx, edx", ALL, 0x8b, SI(7), 0x31, 0xd2),
    READER("salc",             NOT_64, 0xd6),
    READER("into",             NOT_64, 0xce),
    READER("ud2",              ALL,   0x0f, 0x0b),
};
/* clang-format on */

const unsigned flag_writer_count = G_N_ELEMENTS(flag_writers);
const unsigned flag_place_count = G_N_ELEMENTS(flag_places);
const unsigned flag_reader_count = G_N_ELEMENTS(flag_readers);
