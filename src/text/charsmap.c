/*
 * charsmap.c - a trie from characters to what they become, as SentencePiece packs it.
 *
 *     u32 size | size bytes of double array, u32 units | texts, each ended by NUL    little-endian
 *
 * A unit of the double array (Darts-clone's layout):
 *
 *     bits 0-7 and 31   label: the byte that leads here (bit 31 is set in values)
 *     bit 8             the node has a value, in the unit at its offset
 *     bit 9             the offset is in units of 256
 *     bits 10-30        offset, joined with the place of the node by exclusive or
 *     bits 0-30         of a value: the place of its text
 *
 * The library looks up whole user-perceived characters (grapheme clusters) of up to five bytes and
 * then single code points; of several entries that match it takes the shortest, even where the
 * cluster goes on behind it. Both are kept. An entry that points outside of the array or of the
 * texts, or into the middle of a character, is no entry.
 *
 * Sources: the layout is that of darts-clone and sentencepiece; checked against the `tokenizers`
 * library.
 */
#include "text/charsmap.h"

#include "base/utf8.h"
#include "text/grapheme.h"
#include "text/transform.h"

/* ----------------------------------------------------------------------------------- Base64 -- */

static int base64_digit(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static bool decode_base64(struct span text, struct arena *arena, struct span *out)
{
    if (text.len % 4 != 0)
        return false;
    uint8_t *bytes = arena_alloc(arena, text.len / 4 * 3 + 1);
    size_t n = 0, padding = 0;
    for (size_t i = 0; i < text.len; i += 4) {
        uint32_t value = 0;
        for (size_t k = 0; k < 4; k++) {
            int digit = base64_digit(text.at[i + k]);
            bool pad = text.at[i + k] == '=' && i + 4 == text.len && k >= 2;
            if ((digit < 0 && !pad) || (padding > 0 && !pad))
                return false;
            padding += pad;
            value = value << 6 | (uint32_t)(pad ? 0 : digit);
        }
        for (size_t k = 0; k < 3 - padding; k++)
            bytes[n++] = (uint8_t)(value >> (16 - 8 * k));
    }
    *out = (struct span){bytes, n};
    return true;
}

bool charsmap_read(struct charsmap *map, struct span base64, struct arena *arena, struct err *err)
{
    struct span bytes, units;
    uint32_t size;
    *map = (struct charsmap){0};
    if (!decode_base64(base64, arena, &bytes)) {
        err_set(err, ERR_INPUT, "precompiled_charsmap is not Base64");
        return false;
    }
    struct cursor c = cursor_of(bytes);
    if (!cursor_u32_le(&c, &size) || size % 4 != 0 || !cursor_take(&c, size, &units)) {
        err_set(err, ERR_INPUT, "precompiled_charsmap of %zu bytes is too short for its trie",
                bytes.len);
        return false;
    }
    map->texts = span_from(bytes, c.offset);
    if (utf8_first_invalid(map->texts) < map->texts.len) {
        err_set(err, ERR_INPUT, "precompiled_charsmap holds text that is not UTF-8");
        return false;
    }
    uint32_t *copy = arena_array(arena, uint32_t, size / 4);
    struct cursor u = cursor_of(units);
    for (size_t i = 0; i < size / 4; i++)
        CHECK(cursor_u32_le(&u, &copy[i]));
    map->units = copy;
    map->n_units = size / 4;
    return true;
}

/* ----------------------------------------------------------------------------------- lookup -- */

static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & 1u << 9) >> 6);
}

static bool text_at(const struct charsmap *map, size_t place, struct span *text)
{
    if (place > map->texts.len)
        return false;
    struct span rest = span_from(map->texts, place);
    bool inside = rest.len > 0 && utf8_is_inner(rest.at[0]);
    const uint8_t *end = rest.len > 0 ? memchr(rest.at, 0, rest.len) : NULL;
    *text = span_part(rest, 0, end ? (size_t)(end - rest.at) : rest.len);
    return !inside;
}

bool charsmap_find(const struct charsmap *map, struct span bytes, struct span *text)
{
    if (map->n_units == 0)
        return false;
    size_t node = offset_of(map->units[0]);
    for (size_t i = 0; i < bytes.len && bytes.at[i] != 0; i++) {
        node ^= bytes.at[i];
        if (node >= map->n_units)
            return false;
        uint32_t unit = map->units[node];
        if ((unit & (1u << 31 | 0xff)) != bytes.at[i])
            return false;
        node ^= offset_of(unit);
        if (node >= map->n_units)
            return false;
        if (unit >> 8 & 1)
            return text_at(map, map->units[node] & 0x7fffffff, text);
    }
    return false;
}

/* ----------------------------------------------------------------------------------- running -- */

/*
 * The new text and its account (transform.h). The last character is held back, since a replacement
 * by nothing is charged to it: the old characters vanish behind what stands before them.
 */
struct account {
    struct transform tr;
    uint32_t held;
    int change; /* of the character held */
    bool is_holding;
};

static void put_character(struct account *a, uint32_t c, int change)
{
    if (a->is_holding)
        transform_put(&a->tr, a->held, a->change);
    a->held = c;
    a->change = change;
    a->is_holding = true;
}

/*
 * What the library writes down for n_old characters that become the text: characters in excess are
 * new ones at its end, missing ones vanish behind its last one. At the text's very beginning a
 * replacement by nothing leaves no account at all, and the origins of what follows are too early.
 */
static void put_text(struct account *a, struct span text, size_t n_old)
{
    size_t n_new = utf8_count(text), n = 0;
    for (size_t at = 0; at < text.len; n++)
        put_character(a, transform_decode(text, at, &at), n < n_old ? 0 : 1);
    if (n_new < n_old && a->is_holding)
        a->change -= (int)(n_old - n_new);
}

/* The cluster's characters one by one. */
static void put_characters(const struct charsmap *map, struct account *a, struct span cluster)
{
    for (size_t at = 0, next; at < cluster.len; at = next) {
        uint32_t c = transform_decode(cluster, at, &next);
        struct span text;
        if (charsmap_find(map, span_part(cluster, at, next - at), &text))
            put_text(a, text, 1);
        else
            put_character(a, c, 0);
    }
}

/* Where the first character that the map changes may stand: ASCII without entries is passed over.
 */
static bool changes_anything(const struct charsmap *map, struct span bytes)
{
    for (size_t at = 0, next; at < bytes.len; at = next) {
        struct span text;
        (void)transform_decode(bytes, at, &next);
        /* The shortest entry decides, so whatever a cluster begins with is found here too, unless
         * it is longer than a character; then a following character is looked at. */
        if (charsmap_find(map, span_part(bytes, at, min_size(5, bytes.len - at)), &text))
            return true;
    }
    return false;
}

bool charsmap_run(const struct charsmap *map, struct text *t, struct err *err)
{
    enum { LONGEST_CLUSTER = 5 };
    if (!changes_anything(map, t->bytes))
        return true;
    struct account a = {.tr.text = t};
    struct span bytes = t->bytes;
    text_begin_rewrite(t);
    for (size_t at = 0; at < bytes.len;) {
        struct span text, cluster = span_part(bytes, at, grapheme_length(span_from(bytes, at)));
        bool whole = cluster.len <= LONGEST_CLUSTER && charsmap_find(map, cluster, &text);
        if (whole)
            put_text(&a, text, utf8_count(cluster));
        else
            put_characters(map, &a, cluster);
        at += cluster.len;
    }
    if (a.is_holding)
        transform_put(&a.tr, a.held, a.change);
    return text_end_rewrite(t, err);
}
