/* spectral.c - the power method on a matrix whose elements are computed: conversions and divisions.
 */
#include "real.h"

enum { N = 100 };

static Real element(u32 i, u32 j)
{
    return 1 / (Real)(int)((i + j) * (i + j + 1) / 2 + i + 1);
}

static void multiply(Real *to, const Real *from, bool transposed)
{
    for (u32 i = 0; i < N; i++) {
        Real sum = 0;
        for (u32 j = 0; j < N; j++)
            sum += (transposed ? element(j, i) : element(i, j)) * from[j];
        to[i] = sum;
    }
}

u32 work(u32 size)
{
    static Real u[N], v[N], t[N];
    Real uv = 0, vv = 0;
    for (u32 i = 0; i < N; i++)
        u[i] = 1 + (Real)i / N;
    for (u32 round = 0; round < size; round++) {
        multiply(t, u, false);
        multiply(v, t, true);
        uv = vv = 0;
        for (u32 i = 0; i < N; i++) {
            uv += u[i] * v[i];
            vv += v[i] * v[i];
        }
        Real length = square_root(vv);
        for (u32 i = 0; i < N; i++)
            u[i] = v[i] / length;
    }
    return mix_real(mix_real(0, uv), vv);
}
