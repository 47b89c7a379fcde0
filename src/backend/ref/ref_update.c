/*
 * ref_update.c - an update of an optimiser, its blocks one behind another.
 *
 * The arithmetic is rule.h's, the same for every backend of a processor: what is to be held to an
 * independent calculation here are the libraries in Python (test/golden/optim_check.py).
 */
#include "backend/ref/ref.h"
#include "backend/rule.h"

void ref_update(struct backend *b, const struct optim_args *a)
{
    (void)b;
    size_t n = rule_blocks(a);
    for (size_t block = 0; block < n; block++)
        rule_run_block(a, block);
}
