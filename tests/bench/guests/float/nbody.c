/* nbody.c - a sun and four planets drawn by each other's gravity: square roots and divisions. */
#include "real.h"

enum { BODIES = 5 };

typedef struct Body {
    Real x, y, z, vx, vy, vz, mass;
} Body;

static Body body[BODIES];

static void place(void)
{
    for (u32 i = 0; i < BODIES; i++) {
        Real far = (Real)(i * 5 + i * i);
        body[i] = (Body){
            far, far / 3, (Real)i / 7, (Real)(i & 1) / 2, (Real)i / 5, (Real)1 / (i + 9), 0};
        body[i].mass = i ? (Real)1 / (40 * i) : 39;
    }
}

static void advance(Real dt)
{
    for (u32 i = 0; i < BODIES; i++) {
        Body *a = &body[i];
        for (u32 j = i + 1; j < BODIES; j++) {
            Body *b = &body[j];
            Real dx = a->x - b->x, dy = a->y - b->y, dz = a->z - b->z;
            Real square = dx * dx + dy * dy + dz * dz;
            Real pull = dt / (square * square_root(square));
            a->vx -= dx * b->mass * pull;
            a->vy -= dy * b->mass * pull;
            a->vz -= dz * b->mass * pull;
            b->vx += dx * a->mass * pull;
            b->vy += dy * a->mass * pull;
            b->vz += dz * a->mass * pull;
        }
    }
    for (u32 i = 0; i < BODIES; i++) {
        body[i].x += dt * body[i].vx;
        body[i].y += dt * body[i].vy;
        body[i].z += dt * body[i].vz;
    }
}

u32 work(u32 size)
{
    u32 sum = 0;
    place();
    for (u32 step = 0; step < size * 1000; step++)
        advance((Real)1 / 1024);
    for (u32 i = 0; i < BODIES; i++)
        sum = mix_real(mix_real(mix_real(sum, body[i].x), body[i].y), body[i].z);
    return sum;
}
