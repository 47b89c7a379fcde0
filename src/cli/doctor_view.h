/*
 * doctor_view.h - what `pace doctor` shows of a log and its diagnosis: text, JSON, a page.
 */
#ifndef PACE_CLI_DOCTOR_VIEW_H
#define PACE_CLI_DOCTOR_VIEW_H

#include "cli/term.h"
#include "logs/logs.h"
#include "report/plot.h"

/* One log that was read. */
struct doctor_case {
    const char *path; /* as the user gave it */
    struct log_file log;
    struct pace_diagnosis diagnosis;
};

/* The whole document of --json. */
void doctor_view_json(const struct doctor_case *cases, size_t n, struct buf *out);

void doctor_view_text(const struct doctor_case *c, const struct term *term, struct buf *out);

/* A page of its own with a section for each log. */
void doctor_page(const struct doctor_case *cases, size_t n, struct buf *out);

/* --- What text and page share. --------------------------------------------------------------- */

/* "trainer_state, 40 losses, steps 5 to 200, learning rate up to 5e-5" */
void doctor_add_summary(const struct doctor_case *c, struct buf *out);

/* "too high: …", a sentence. */
void doctor_add_verdict(const struct doctor_case *c, struct buf *out);

/* The line to paste, as flags and as Hugging Face's arguments. False where there is none. */
bool doctor_add_options(const struct doctor_case *c, struct buf *flags, struct buf *arguments);

/* Losses, held-out losses and rates with the findings marked; the arrays live in the arena. */
struct plot doctor_plot(const struct doctor_case *c, struct arena *arena);

#endif
