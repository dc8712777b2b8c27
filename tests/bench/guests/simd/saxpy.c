/* saxpy.c - y = a x + y over vectors of floats that fit a first-level cache. */
#include "vector.h"

enum { COUNT = 4096 };

static void saxpy(float a, const Floats *x, Floats *y)
{
    for (u32 i = 0; i < COUNT * sizeof(float) / VECTOR; i++)
        y[i] += a * x[i];
}

u32 work(u32 size)
{
    float *x = (float *)ARENA, *y = x + COUNT;
    for (u32 i = 0; i < COUNT; i++) {
        x[i] = (float)(i % 31) / 8;
        y[i] = (float)(i % 17);
    }
    for (u32 round = 0; round < size * 1000; round++)
        saxpy(round & 1 ? -0.25f : 0.5f, (Floats *)x, (Floats *)y);
    u32 sum = 0;
    for (u32 i = 0; i < COUNT; i++)
        sum = mix(sum, *(u32 *)&y[i]);
    return sum;
}
