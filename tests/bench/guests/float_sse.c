/* float_sse.c - scalar double precision in SSE: products of matrices and an escape-time fractal. */
#include "guest.h"

const u32 work_result = 0x97084efc;

/* What float.h is to do, in which type. */
#define REAL double
enum { MATRICES = 60, FRACTALS = 50 };
#include "float.h"
