/*
 * charsmap.h - SentencePiece's precompiled map of characters (the normalizer "Precompiled").
 */
#ifndef PACE_TEXT_CHARSMAP_H
#define PACE_TEXT_CHARSMAP_H

#include "base/arena.h"
#include "base/err.h"
#include "text/text.h"

struct charsmap {
    const uint32_t *units; /* of the double array, in the arena */
    size_t n_units;
    struct span texts; /* what characters become, each ended by NUL */
};

/* From the Base64 text in tokenizer.json. Errors: ERR_INPUT. */
MUST_CHECK bool charsmap_read(struct charsmap *map, struct span base64, struct arena *arena,
                              struct err *err);

/*
 * What the bytes become: the text of the shortest entry that they begin with. False where there is
 * none.
 */
bool charsmap_find(const struct charsmap *map, struct span bytes, struct span *text);

/* Rewrites t->bytes, cluster by cluster. */
MUST_CHECK bool charsmap_run(const struct charsmap *map, struct text *t, struct err *err);

#endif
