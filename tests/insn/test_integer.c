/* test_integer.c - single integer instructions against values worked out from [SDM2]. */
#include "tests/support/insn_bench.h"

static const InsnCase any_size[] = {
    {"nop", CODE(0x90)},
};

int main(int argc, char **argv)
{
    InsnBench *t = insn_bench_new("max");
    insn_bench_check(t, CODE_16, any_size, 1);
    insn_bench_check(t, CODE_32, any_size, 1);
    insn_bench_check(t, CODE_64, any_size, 1);
    insn_bench_free(t);
    return 0;
}
