/*
 * random_case.h - cases that nobody thought of: shapes, options and segments drawn at random.
 */
#ifndef PACE_TEST_OP_RANDOM_CASE_H
#define PACE_TEST_OP_RANDOM_CASE_H

#include "backend/cases.h"
#include "base/arena.h"

/*
 * Case number `number`, the same each time; what it points to lives in the arena. Half of them are
 * CASE_LARGE.
 */
struct case_row random_case(struct arena *arena, uint64_t number);

#endif
