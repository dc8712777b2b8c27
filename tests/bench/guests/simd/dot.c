/* dot.c - the scalar product of two vectors of floats, in two running sums. */
#include "vector.h"

enum { COUNT = 4096 };

static float dot(const Floats *x, const Floats *y)
{
    Floats even = {0}, odd = {0};
    for (u32 i = 0; i < COUNT * sizeof(float) / VECTOR; i += 2) {
        even += x[i] * y[i];
        odd += x[i + 1] * y[i + 1];
    }
    float sum = 0;
    even += odd;
    for (u32 i = 0; i < VECTOR / sizeof(float); i++)
        sum += even[i];
    return sum;
}

u32 work(u32 size)
{
    float *x = (float *)ARENA, *y = x + COUNT;
    u32 sum = 0;
    for (u32 i = 0; i < COUNT; i++) {
        x[i] = (float)(i % 31) / 8;
        y[i] = (float)(i % 17) / 3;
    }
    for (u32 round = 0; round < size * 1000; round++) {
        x[round % COUNT] += 1;
        float product = dot((Floats *)x, (Floats *)y);
        sum = mix(sum, *(u32 *)&product);
    }
    return sum;
}
