/* flag_pieces.h - the pieces that flag_triples.c puts together: writer, place, reader. */
#ifndef MYNA_TESTS_DBT_FLAG_PIECES_H
#define MYNA_TESTS_DBT_FLAG_PIECES_H

#include <stdint.h>

/* Code: bytes, and these, which depend on the code size or on where the piece lies. */
enum {
    TOKEN_SI = 0x100,  /* ModRM of [rSI]; the low bits are its reg field */
    TOKEN_BX = 0x200,  /* ModRM of [rBX], likewise */
    TOKEN_IMM = 0x300, /* immediate of the operand size; the low byte, sign-extended */
    TOKEN_W = 0x400,   /* REX.W in 64-bit code, nothing elsewhere */
    TOKEN_TO_FAR,      /* displacement to the reader in another page */
    TOKEN_TO_BACK,     /* to the one before, in the same page */
    TOKEN_AT_FAR,      /* their offsets in CS, as an immediate */
    TOKEN_AT_BACK,
    TOKEN_AT_NEXT, /* the offset of what follows the piece */
    TOKEN_END = 0xffff,
};
#define SI(reg) (TOKEN_SI | (reg) << 3)
#define BX(reg) (TOKEN_BX | (reg) << 3)
#define IMM(v)  (TOKEN_IMM | ((v)&0xff))
#define W       TOKEN_W
#define TO_FAR  TOKEN_TO_FAR
#define TO_BACK TOKEN_TO_BACK
#define AT_FAR  TOKEN_AT_FAR
#define AT_BACK TOKEN_AT_BACK
#define AT_NEXT TOKEN_AT_NEXT

/* Where rSI points. */
typedef enum Target {
    PLAIN,
    STRADDLE, /* plain pages, on two of them */
    READ_ONLY,
    STRADDLE_READ_ONLY,
    ABSENT,
    STRADDLE_ABSENT,
    DEVICE,
    DEVICE_KICK, /* which asks for an interrupt */
    CODE_PAGE,   /* beside all code */
    OWN_CODE,    /* the HLT behind the reader, which a store of HLT leaves as it is */
    FAR_CODE,    /* the same of the reader in the other page */
    TARGETS,
} Target;

/* Code sizes that have the piece. */
enum { IN_16 = 1, IN_32 = 2, IN_64 = 4, NOT_64 = IN_16 | IN_32, ALL = NOT_64 | IN_64 };

/* Interrupts. */
typedef enum Request { QUIET, REQUESTED /* one waits, IF is clear */ } Request;

enum { PIECE_TOKENS = 16 };

typedef struct FlagPiece {
    const char *text;
    uint8_t sizes;
    Target target;
    Request request;
    uint16_t code[PIECE_TOKENS]; /* to TOKEN_END */
} FlagPiece;

extern const FlagPiece flag_writers[], flag_places[], flag_readers[];
extern const unsigned flag_writer_count, flag_place_count, flag_reader_count;

#endif
