/* float_x87.c - the work of float_sse.c in the x87's 80-bit format. */
#include "guest.h"

const u32 work_result = 0x76936da8;

/* What float.h is to do, in which type. */
#define REAL long double
enum { MATRICES = 16, FRACTALS = 12 };
#include "float.h"
