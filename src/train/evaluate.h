/*
 * evaluate.h - how well a model says the rows of a data set, and the logits themselves.
 */
#ifndef PACE_TRAIN_EVALUATE_H
#define PACE_TRAIN_EVALUATE_H

#include "train/engine.h"
#include "train/rows.h"
#include "train/step.h"

struct exactness {
    uint64_t answers; /* rows of which a beginning is given: prompts, not plain texts */
    uint64_t exact;   /* of these, whose targets are each the likeliest token: what generation
                         without sampling says there is what the row says, end included */
};

struct evaluation {
    struct step_sums sums;
    uint64_t rows;
    struct exactness answers;
    double seconds;
};

/* `losses` are those of the list's rows. */
struct exactness evaluate_exactness(const struct row_store *store, const struct row_list *list,
                                    const struct row_loss *losses);

/* Loss and accuracy over the rows' targets, and how many answers are exact. Errors: ERR_MEMORY. */
MUST_CHECK bool evaluate_rows(struct evaluation *e, struct engine *engine,
                              const struct row_store *store, const struct row_list *list,
                              uint64_t memory_bytes, struct err *err);

/*
 * The losses of single tokens, as stepper_evaluate_tokens gives them, with memory of its own.
 * Errors: ERR_MEMORY.
 */
MUST_CHECK bool evaluate_tokens(struct engine *engine, const struct row_store *store,
                                const struct row_list *list, float *loss, struct err *err);

/*
 * Writes a safetensors file with `logits` [rows, T, V] float32, T the longest row, shorter rows
 * padded with zeros. Errors: ERR_MEMORY, ERR_IO.
 */
MUST_CHECK bool evaluate_logits(struct engine *engine, const struct row_store *store,
                                const struct row_list *list, const char *path, struct err *err);

#endif
