/* row_tests.h - which rows of the instruction table have a hand-written test.
 *
 * The sources of the tests are the record: the bytes in CODE(...), EXECUTE(...) and RUN(...), and
 * in tables whose rows begin { "text", {0x.., ...}. */
#ifndef MYNA_TESTS_SUPPORT_ROW_TESTS_H
#define MYNA_TESTS_SUPPORT_ROW_TESTS_H

#include "core/types.h"

/* For each row, the first test source with a case that executes it, or NULL. source_dir is the root
 * of the tree. Free with row_tests_free. */
char **row_tests_scan(const char *source_dir);
void row_tests_free(char **files);

#endif
