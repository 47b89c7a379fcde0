/*
 * unicode_data.h - the generated tables behind unicode.h and charset.h; see tool/unicode_tables.py.
 */
#ifndef PACE_TEXT_UNICODE_DATA_H
#define PACE_TEXT_UNICODE_DATA_H

#include "base/base.h"

/* A \p{name} of Oniguruma: `name` in small letters without space, '-' and '_'; sorted by name. */
struct unicode_property {
    const char *name;
    uint32_t place;    /* of its ranges in unicode_set_bytes */
    uint32_t n_ranges;
};
extern const struct unicode_property unicode_properties[];
extern const size_t unicode_n_properties;
/* Ranges as pairs "skip, take", seven bits a byte, lowest first. */
extern const uint8_t unicode_set_bytes[];

/* start, start + step, … (count of them) each map to themselves plus distance. */
struct unicode_run {
    uint32_t start;
    uint16_t count, step;
    int32_t distance;
};
extern const struct unicode_run unicode_lowers[];
extern const size_t unicode_lowers_len;
/* Pairs of characters that differ in case alone, as Oniguruma sees it. */
extern const struct unicode_run unicode_fold_pairs[];
extern const size_t unicode_fold_pairs_len;
/* Groups of three and more, each ended by 0. */
extern const uint32_t unicode_fold_groups[];
extern const size_t unicode_fold_groups_len;
/* A character and the two or three that it equals without regard to case, ended by 0. */
extern const uint32_t unicode_multi_folds[];
extern const size_t unicode_multi_folds_len;

/* Block of 128 code points -> place in the block -> number of a combination of flags -> flags. */
enum { UNICODE_BLOCK_BITS = 7 };
extern const uint8_t unicode_flag_index[];
extern const uint8_t unicode_flag_blocks[];
extern const uint16_t unicode_flag_values[];

/* From `start` to the next range's start, sorted. */
struct unicode_range {
    uint32_t start;
    uint8_t value;
};
extern const struct unicode_range unicode_scripts[];
extern const size_t unicode_scripts_len;
/* Canonical combining classes. */
extern const struct unicode_range unicode_combining[];
extern const size_t unicode_combining_len;

#endif
