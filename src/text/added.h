/*
 * added.h - added tokens: whole strings ("<|im_end|>") that are cut out of the text before the
 * model sees the rest. They come in two sets: those found in the text as it is, and those
 * ("normalized") found in the normalised text between the former.
 *
 * Identical to the `tokenizers` library, with `encode_special_tokens` at its default (false):
 * special tokens in a text are recognised.
 */
#ifndef PACE_TEXT_ADDED_H
#define PACE_TEXT_ADDED_H

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"
#include "format/json.h"
#include "text/trie.h"

/* Longer ones are refused: a walk through the trie costs a token's length at every place. */
enum { ADDED_LONGEST = 1024 };

struct added_token {
    struct span content;
    struct span shown;   /* what is searched for: the content, normalised where `normalized` */
    struct span decoded; /* what decoding gives: as `shown`; but a token that is in the file twice
                          * stays as it was normalised the last time */
    uint32_t id;
    bool single_word; /* only where no letter or digit adjoins */
    bool lstrip;      /* takes the white space before it along */
    bool rstrip;      /* and that behind it */
    bool normalized;
    bool special;
};

/* The tokens of one set, to be searched for. */
struct added_set {
    struct trie trie;     /* values: indices of added.tokens */
    uint64_t pairs[1024]; /* bitmap: two bytes that a token begins with */
    uint8_t only_first;   /* where all tokens begin with the same byte */
    bool has_only_first;
};

struct added {
    struct added_token *tokens; /* in the arena they were read into */
    size_t n_tokens;
    struct added_set raw, normalized;
    struct map by_content; /* -> index of tokens */
    struct map by_id;      /* the id's four bytes -> index: of several the last */
    struct map special;    /* contents of special tokens */
};

/* Reads the list "added_tokens"; the ids in it are the library's to give: see added_finish. */
void added_read(struct added *a, struct json_reader *r);

/*
 * Prepares searching: `id`, `shown` and `decoded` of each token have been set. Tokens without
 * content are dropped.
 */
void added_finish(struct added *a);

/* Safe on a zeroed struct. */
void added_release(struct added *a);

/* The token with that content or id, or NULL. */
const struct added_token *added_by_content(const struct added *a, struct span content);
const struct added_token *added_by_id(const struct added *a, uint32_t id);

/* True for the content of a special token. */
bool added_is_special(const struct added *a, struct span content);

/* A part of a text: an added token (token not NULL), or what lies between. */
struct added_part {
    size_t start, end;
    const struct added_token *token;
};

/* A walk over the parts of a text, in order; parts that are not tokens are never empty. */
struct added_walk {
    const struct added *added;
    const struct added_set *set;
    struct span text;
    size_t search_at;       /* where the search goes on */
    size_t done;            /* end of the last part */
    struct added_part held; /* a token found while the text before it was given */
    bool has_held;
};

void added_begin(struct added_walk *w, const struct added *a, const struct added_set *set,
                 struct span text);
bool added_next(struct added_walk *w, struct added_part *part);

static inline bool added_set_is_empty(const struct added_set *set)
{
    return set->trie.n_nodes <= 1;
}

#endif
