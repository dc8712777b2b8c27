/* fft.c - a fast Fourier transform of 4,096 points, forth and back: strided loads and stores. */
#include "real.h"

enum { LOG = 12, POINTS = 1 << LOG };

typedef struct Complex {
    Real re, im;
} Complex;

static Complex root[POINTS / 2];

/* Powers of the first root of unity, which comes from halving the angle of -1. */
static void make_roots(void)
{
    Real re = -1, im = 0;
    for (u32 i = 1; i < LOG; i++) {
        Real half = square_root((1 + re) / 2);
        im = half == 0 ? 1 : im / (2 * half);
        re = half;
    }
    root[0] = (Complex){1, 0};
    for (u32 i = 1; i < POINTS / 2; i++) {
        Complex a = root[i / 2], b = root[i - i / 2];
        if (i == 1)
            root[i] = (Complex){re, im};
        else
            root[i] = (Complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
    }
}

static void reorder(Complex *x)
{
    for (u32 i = 1, j = 0; i < POINTS; i++) {
        u32 bit = POINTS / 2;
        for (; j & bit; bit /= 2)
            j ^= bit;
        j ^= bit;
        if (i < j) {
            Complex t = x[i];
            x[i] = x[j];
            x[j] = t;
        }
    }
}

static void transform(Complex *x, Real direction)
{
    reorder(x);
    for (u32 half = 1; half < POINTS; half *= 2) {
        u32 step = POINTS / 2 / half;
        for (u32 start = 0; start < POINTS; start += 2 * half) {
            for (u32 i = 0; i < half; i++) {
                Complex w = root[i * step], *a = &x[start + i], *b = a + half;
                Real im = w.im * direction;
                Complex t = {b->re * w.re - b->im * im, b->re * im + b->im * w.re};
                *b = (Complex){a->re - t.re, a->im - t.im};
                *a = (Complex){a->re + t.re, a->im + t.im};
            }
        }
    }
}

u32 work(u32 size)
{
    Complex *x = (Complex *)ARENA;
    u32 state = 17, sum = 0;
    make_roots();
    for (u32 i = 0; i < POINTS; i++)
        x[i] = (Complex){(Real)(random_next(&state) & 0xffff) / 65536, 0};
    for (u32 round = 0; round < size; round++) {
        transform(x, 1);
        sum = mix_real(sum, x[round % POINTS].re);
        transform(x, -1);
        for (u32 i = 0; i < POINTS; i++)
            x[i] = (Complex){x[i].re / POINTS, x[i].im / POINTS};
    }
    return mix_real(sum, x[1].re);
}
