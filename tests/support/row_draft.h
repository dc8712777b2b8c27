/* row_draft.h - drafts of cases for a row of the instruction table: one for each variant, with
 * operands at which something happens. A person reads them before they are committed. */
#ifndef MYNA_TESTS_SUPPORT_ROW_DRAFT_H
#define MYNA_TESTS_SUPPORT_ROW_DRAFT_H

#include "tests/support/row_host.h"
#include "tests/support/row_variant.h"

/* Appends a case with all that this host can tell about it. False: only its first lines, for a
 * person to go on from. `turn` chooses other operands. */
bool row_draft(RowHost *h, const RowVariant *v, unsigned turn, GString *out);

#endif
