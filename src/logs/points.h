/*
 * points.h - from a sheet of rows and columns to the points of one run: which column is the loss,
 * which step a row belongs to, what was logged twice, where the run was taken up again.
 */
#ifndef PACE_LOGS_POINTS_H
#define PACE_LOGS_POINTS_H

#include "logs/sheet.h"
#include "pace/rate.h"

/*
 * Fills the series; its points go into the sheet's arena, in the order of steps, and what was
 * corrected or left out into the sheet's notes. `columns` [FIELD_COUNT]: the name of the column
 * that each field was read from, or NULL. A sheet without a loss gives no points.
 */
void points_of_sheet(struct sheet *sheet, struct pace_series *series, const char **columns);

#endif
