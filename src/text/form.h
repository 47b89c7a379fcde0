/*
 * form.h - Unicode's normal forms, of the version that the `tokenizers` library has.
 */
#ifndef PACE_TEXT_FORM_H
#define PACE_TEXT_FORM_H

#include "text/text.h"

enum form { FORM_NFC, FORM_NFD, FORM_NFKC, FORM_NFKD };

/* Rewrites t->bytes into the form; leaves them alone where they are in it as they stand. */
MUST_CHECK bool form_run(enum form form, struct text *t, struct err *err);

#endif
