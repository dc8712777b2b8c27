/* suggest.c - the nearest right spelling of a misspelt word: optimal string alignment distance. */
#include "machine/suggest.h"

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    return MIN(a, MIN(b, c));
}

unsigned suggest_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b), width = lb + 1;
    g_autofree unsigned *cost = g_new(unsigned, (la + 1) * width); /* of a's first i, b's first j */
    for (size_t j = 0; j <= lb; j++)
        cost[j] = j;
    for (size_t i = 1; i <= la; i++) {
        unsigned *row = cost + i * width, *above = row - width;
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            char ca = g_ascii_tolower(a[i - 1]), cb = g_ascii_tolower(b[j - 1]);
            row[j] = min3(above[j] + 1, row[j - 1] + 1, above[j - 1] + (ca != cb));
            bool swapped = i > 1 && j > 1 && ca == g_ascii_tolower(b[j - 2]) &&
                           cb == g_ascii_tolower(a[i - 2]);
            if (swapped)
                row[j] = MIN(row[j], (above - width)[j - 2] + 1);
        }
    }
    return cost[la * width + lb];
}

const char *suggest_nearest(const char *word, const char *const *words)
{
    const char *best = NULL;
    unsigned least = UINT_MAX;
    for (; *words; words++) {
        unsigned distance = suggest_distance(word, *words);
        if (distance < least) {
            least = distance;
            best = *words;
        }
    }
    /* Further than half the word away it is another word, not a slip of the finger. */
    return best && least <= (strlen(word) + 1) / 2 ? best : NULL;
}
