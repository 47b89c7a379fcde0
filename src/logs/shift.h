/*
 * shift.h - which update a learning rate in a Trainer's log belongs to, and whether it hides NaN.
 */
#ifndef PACE_LOGS_SHIFT_H
#define PACE_LOGS_SHIFT_H

#include "logs/sheet.h"
#include "pace/rate.h"

/* True where the columns' names are those that the Trainer, or what is built on it, writes. */
bool shift_concerns(const struct sheet *sheet);

/* Sets rate_is_of_next and hides_nan of a log that Hugging Face's Trainer wrote; with a note. */
void shift_judge(struct sheet *sheet, struct pace_series *series);

#endif
