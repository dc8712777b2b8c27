/* text.c - the string functions of a C library, byte by byte, over lines of text. */
#include "guest.h"

enum { TEXT = 1 << 16 };

static __attribute__((noinline)) u32 length(const char *s)
{
    const char *at = s;
    while (*at)
        at++;
    return at - s;
}

static __attribute__((noinline)) char *find(const char *s, char c)
{
    for (; *s != c; s++)
        if (!*s)
            return NULL;
    return (char *)s;
}

static __attribute__((noinline)) int compare(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (u8)*a - (u8)*b;
}

static __attribute__((noinline)) char *copy(char *to, const char *from)
{
    while ((*to = *from++))
        to++;
    return to;
}

static __attribute__((noinline)) u32 count_of(const char *s, const char *word)
{
    u32 count = 0;
    for (; *s; s++) {
        u32 i = 0;
        while (word[i] && s[i] == word[i])
            i++;
        count += !word[i];
    }
    return count;
}

static __attribute__((noinline)) void upper(char *s)
{
    for (; *s; s++)
        if (*s >= 'a' && *s <= 'z')
            *s -= 'a' - 'A';
}

static void make_text(char *text)
{
    u32 state = 13;
    for (u32 i = 0; i < TEXT; i++) {
        u32 random = random_next(&state);
        text[i] = random % 53 == 0 ? '\n' : random % 6 == 0 ? ' ' : 'a' + random / 64 % 26;
    }
    text[TEXT - 1] = '\n';
    text[TEXT] = 0;
}

u32 work(u32 size)
{
    char *text = (char *)ARENA, *line = text + 2 * TEXT, *before = line + TEXT;
    u32 sum = 0;
    make_text(text);
    *before = 0;
    for (u32 round = 0; round < size; round++) {
        for (char *at = text, *end; (end = find(at, '\n')); at = end + 1) {
            *end = 0;
            char *tail = copy(line, at);
            sum += length(at) + (tail - line);
            if (compare(line, before) < 0)
                sum = mix(sum, length(line));
            sum += count_of(line, "th");
            upper(line);
            copy(before, at);
            *end = '\n';
        }
        sum = mix(sum, (u8)line[0]);
    }
    return sum;
}
