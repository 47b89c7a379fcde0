/*
 * console_line.h - one line of a console's output, taken apart. Shared by console*.c alone.
 */
#ifndef PACE_LOGS_CONSOLE_LINE_H
#define PACE_LOGS_CONSOLE_LINE_H

#include "logs/sheet.h"

/* Every function moves on through lines and bars; zeroed at the start. */
struct console {
    struct sheet *sheet;
    bool reads_bars; /* nothing else holds a loss: look into progress bars */
    bool has_loss;   /* a line with a loss has been seen */
    bool in_summary; /* behind "***** train metrics *****" */

    int columns[16]; /* of a table with blanks between its columns: -1 for none of ours */
    size_t n_columns;

    struct console_bar {
        int64_t total, last, most;
        size_t first_line, last_line;
        bool goes_back;
    } bars[16];
    size_t n_bars;
    size_t n_lines;

    struct console_mean { /* llama.cpp: means since the epoch began */
        int64_t batch;    /* samples that a step takes; 0: not known yet */
        int64_t step;     /* within the epoch */
        double epoch_start, total, mean;
    } mean;
};

/* Reads every Python or JSON dict with a metric in it; the text without them is left in `line`. */
void console_read_dicts(struct console *c, struct span *line);

/* A progress bar of tqdm's or llama.cpp's; true where the line is one. */
bool console_read_bar(struct console *c, struct span line);

/* How far the training's progress bar came and its total; the sheet is told. */
void console_judge_bars(struct console *c);

/* Names and numbers. */
void console_read_line(struct console *c, struct span line);

#endif
