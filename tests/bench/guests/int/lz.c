/* lz.c - an LZ77 compressor with a hash of three bytes, and its decompressor.
 *
 * A token is a count of literals, the literals, a match length and a distance. */
#include "guest.h"

enum { TEXT = 1 << 18, HASHES = 1 << 13, LEAST = 4, MOST = 255, FAR = 65535 };

static u32 last[HASHES];

/* Words of a vocabulary in a skewed order: some of it repeats, some not. */
static void make_text(u8 *text, u32 *state)
{
    for (u32 at = 0; at < TEXT;) {
        u32 random = random_next(state), word = random & (random >> 9) & 0xff;
        u32 length = 3 + word % 7;
        for (u32 i = 0; i < length && at < TEXT; i++)
            text[at++] = 'a' + (word * (i + 3) + i * i) % 26;
        if (at < TEXT)
            text[at++] = random >> 29 ? ' ' : (u8)random;
    }
}

static u32 hash3(const u8 *at)
{
    return (at[0] | at[1] << 8 | (u32)at[2] << 16) * 0x9e3779b1u >> 19;
}

static u8 *emit(u8 *to, const u8 *literal, u32 literals, u32 length, u32 distance)
{
    *to++ = literals;
    for (u32 i = 0; i < literals; i++)
        *to++ = literal[i];
    *to++ = length;
    *to++ = distance;
    *to++ = distance >> 8;
    return to;
}

static u32 compress(const u8 *text, u8 *packed)
{
    u8 *to = packed;
    u32 literal = 0, at = 0;
    for (u32 i = 0; i < HASHES; i++)
        last[i] = 0;
    while (at + LEAST < TEXT) {
        u32 *slot = &last[hash3(text + at)], from = *slot, length = 0;
        *slot = at;
        if (from < at && at - from <= FAR)
            while (length < MOST && at + length < TEXT && text[from + length] == text[at + length])
                length++;
        if (length >= LEAST || at - literal == MOST) {
            if (length < LEAST)
                length = 0;
            to = emit(to, text + literal, at - literal, length, length ? at - from : 0);
            at += length;
            literal = at;
            if (length)
                continue;
        }
        at++;
    }
    while (TEXT - literal > MOST) {
        to = emit(to, text + literal, MOST, 0, 0);
        literal += MOST;
    }
    return emit(to, text + literal, TEXT - literal, 0, 0) - packed;
}

static u32 decompress(const u8 *packed, u32 count, u8 *text)
{
    const u8 *end = packed + count;
    u8 *to = text;
    while (packed < end) {
        for (u32 literals = *packed++; literals; literals--)
            *to++ = *packed++;
        u32 length = *packed++, distance = packed[0] | packed[1] << 8;
        packed += 2;
        for (const u8 *from = to - distance; length; length--)
            *to++ = *from++;
    }
    return to - text;
}

u32 work(u32 size)
{
    u8 *text = ARENA, *packed = ARENA + 2 * TEXT, *again = ARENA + 4 * TEXT;
    u32 state = 5, sum = 0;
    for (u32 round = 0; round < size; round++) {
        make_text(text, &state);
        u32 count = compress(text, packed);
        u32 length = decompress(packed, count, again), same = 0;
        while (same < TEXT && text[same] == again[same])
            same++;
        sum = mix(mix(mix(sum, count), length), same);
    }
    return sum;
}
