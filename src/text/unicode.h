/*
 * unicode.h - what the parts of the `tokenizers` library know of each character.
 *
 * The parts follow different versions of Unicode: the tables (unicode_data.c) are made by
 * tool/unicode_tables.py, which asks the library itself about every code point. Code points are
 * 0 … 0x10FFFF throughout; beyond that the behaviour is undefined.
 */
#ifndef PACE_TEXT_UNICODE_H
#define PACE_TEXT_UNICODE_H

#include "base/span.h"

/* Properties that single steps ask for. */
enum unicode_flag {
    UNICODE_SPACE = 1 << 0,       /* Strip, WhitespaceSplit, Bert*: white space */
    UNICODE_NUMERIC = 1 << 1,     /* Digits */
    UNICODE_PUNCTUATION = 1 << 2, /* Punctuation, BertPreTokenizer */
    UNICODE_WORD = 1 << 3,        /* Whitespace: a character of a word */
    UNICODE_CONTROL = 1 << 4,     /* BertNormalizer, clean_text: dropped */
    UNICODE_NONSPACING = 1 << 5,  /* BertNormalizer, strip_accents: dropped */
    UNICODE_MARK = 1 << 6,        /* StripAccents: dropped */
    UNICODE_LOWERS = 1 << 7,      /* Lowercase changes it */
    /* The normal form may change it, or it may join or change places with a character before it. */
    UNICODE_NFC = 1 << 8,
    UNICODE_NFD = 1 << 9,
    UNICODE_NFKC = 1 << 10,
    UNICODE_NFKD = 1 << 11,
    /* Grapheme clusters: it goes on with the character before it, or into the one behind it. */
    UNICODE_EXTENDS = 1 << 12,
    UNICODE_PREPENDS = 1 << 13,
};

/* The flags of a code point, joined. */
uint16_t unicode_flags(uint32_t code_point);

/* Lowercase as Rust's char::to_lowercase: writes one or two code points and returns how many. */
size_t unicode_lower(uint32_t code_point, uint32_t out[2]);

/* A number for the script, as UnicodeScripts tells them apart; UNICODE_SCRIPT_ANY joins any. */
enum { UNICODE_SCRIPT_ANY = 0 };
uint8_t unicode_script(uint32_t code_point);

/* The canonical combining class that the normal forms use; 0 for a character that is no mark. */
uint8_t unicode_combining_class(uint32_t code_point);

/*
 * The byte alphabet of byte-level vocabularies: each byte as a printable character, U+0021 for '!',
 * U+0120 for the space. Index: byte. All values are below 0x144.
 */
extern const uint16_t unicode_of_byte[256];
/* The inverse: -1 for a character that is none of them. */
int unicode_byte_of(uint32_t code_point);

/* Writes the code point as UTF-8 and returns the length, 1 to 4. */
size_t unicode_encode(uint8_t *out, uint32_t code_point);

#endif
