/* float.h - arithmetic in the type REAL: MATRICES products and FRACTALS pictures. */
#include "guest.h"

enum { N = 48, FRACTAL = 64, DEPTH = 100 };

static u32 matrices(void)
{
    REAL *a = (REAL *)ARENA, *b = a + N * N, *c = b + N * N, total = 0;
    for (u32 i = 0; i < N * N; i++) {
        a[i] = (REAL)(i % 17) / 8;
        b[i] = (REAL)(i % 23) / 16 - 1;
    }
    for (u32 round = 0; round < MATRICES; round++) {
        for (u32 i = 0; i < N; i++) {
            for (u32 j = 0; j < N; j++) {
                REAL sum = 0;
                for (u32 k = 0; k < N; k++)
                    sum += a[i * N + k] * b[k * N + j];
                c[i * N + j] = sum;
            }
        }
        for (u32 i = 0; i < N * N; i++)
            a[i] = c[i] / N;
    }
    for (u32 i = 0; i < N * N; i++)
        total += c[i] < 0 ? -c[i] : c[i];
    return (u32)(total * 1000);
}

static u32 fractal(void)
{
    u32 sum = 0;
    for (u32 row = 0; row < FRACTAL; row++) {
        for (u32 column = 0; column < FRACTAL; column++) {
            REAL cx = (REAL)column * 3 / FRACTAL - 2, cy = (REAL)row * 2 / FRACTAL - 1;
            REAL x = 0, y = 0;
            u32 n = 0;
            while (n < DEPTH && x * x + y * y < 4) {
                REAL t = x * x - y * y + cx;
                y = 2 * x * y + cy;
                x = t;
                n++;
            }
            sum = mix(sum, n);
        }
    }
    return sum;
}

u32 work(void)
{
    u32 sum = mix(0, matrices());
    for (u32 i = 0; i < FRACTALS; i++)
        sum = mix(sum, fractal());
    return sum;
}
