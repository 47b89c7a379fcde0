/*
 * card.h - README.md of a run: a model card as the Hugging Face Hub reads it.
 */
#ifndef PACE_REPORT_CARD_H
#define PACE_REPORT_CARD_H

#include "report/report.h"

/* Appends the card. */
void card_put(const struct report *report, struct buf *out);

#endif
