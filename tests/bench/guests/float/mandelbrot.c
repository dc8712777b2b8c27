/* mandelbrot.c - how soon points of the plane escape: multiplications, additions, a branch. */
#include "real.h"

enum { SIDE = 64, DEPTH = 200 };

static u32 picture(Real shift)
{
    u32 sum = 0;
    for (u32 row = 0; row < SIDE; row++) {
        for (u32 column = 0; column < SIDE; column++) {
            Real cx = (Real)column * 3 / SIDE - 2 + shift, cy = (Real)row * 2 / SIDE - 1;
            Real x = 0, y = 0;
            u32 n = 0;
            while (n < DEPTH && x * x + y * y < 4) {
                Real t = x * x - y * y + cx;
                y = 2 * x * y + cy;
                x = t;
                n++;
            }
            sum = mix(sum, n);
        }
    }
    return sum;
}

u32 work(u32 size)
{
    u32 sum = 0;
    for (u32 i = 0; i < size; i++)
        sum = mix(sum, picture((Real)(i % 64) / 4096));
    return sum;
}
