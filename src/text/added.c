/*
 * added.c - added tokens: read, and found in a text.
 *
 * The library searches with an Aho-Corasick automaton in the mode "leftmost longest": of the tokens
 * that begin earliest the longest one counts, and the search goes on behind it. That is a walk
 * through a trie from each place where a token can begin; what makes it fast is that hardly any
 * place is one. Usually all tokens begin with '<', and memchr looks for it; otherwise a bitmap over
 * two bytes tells.
 *
 * What follows a find is the library's, too: a token that must be a single word and is not is
 * passed over, with its text; `lstrip` widens it to the left, though not into the part before;
 * `rstrip` widens it to the right without telling the search, so the next token may begin inside.
 */
#include "text/added.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"

/*
 * ------------------------------------------------------------------------------------ reading --
 */

static void read_token(struct added_token *token, struct json_reader *r)
{
    *token = (struct added_token){.id = UINT32_MAX};
    struct span key;
    json_enter_object(r);
    while (json_next_key(r, &key)) {
        if (span_is(key, "content"))
            token->content = arena_copy(r->arena, json_string(r));
        else if (span_is(key, "single_word"))
            token->single_word = json_bool(r);
        else if (span_is(key, "lstrip"))
            token->lstrip = json_bool(r);
        else if (span_is(key, "rstrip"))
            token->rstrip = json_bool(r);
        else if (span_is(key, "normalized"))
            token->normalized = json_bool(r);
        else if (span_is(key, "special"))
            token->special = json_bool(r);
        else
            json_skip(r);
    }
    token->shown = token->decoded = token->content;
    if (token->content.len > ADDED_LONGEST)
        json_fail(r, "an added token of %zu bytes; %d is the most", token->content.len,
                  ADDED_LONGEST);
}

void added_read(struct added *a, struct json_reader *r)
{
    struct added_token *list = NULL;
    size_t cap = 0;
    a->n_tokens = 0;
    json_enter_array(r);
    while (json_next_item(r)) {
        if (a->n_tokens == cap) {
            cap = max_size(16, 2 * cap);
            list = mem_resize(list, cap * sizeof *list);
        }
        read_token(&list[a->n_tokens++], r);
    }
    a->tokens = arena_array(r->arena, struct added_token, max_size(a->n_tokens, 1));
    if (a->n_tokens > 0)
        memcpy(a->tokens, list, a->n_tokens * sizeof *list);
    mem_free(list);
}

static struct span id_bytes(const uint32_t *id)
{
    return (struct span){(const uint8_t *)id, sizeof *id};
}

static void note_beginning(struct added_set *set, struct span text, size_t n_before)
{
    size_t low = text.at[0] * 256u, high = low + 255;
    if (text.len > 1)
        low = high = low + text.at[1];
    for (size_t pair = low; pair <= high; pair++)
        set->pairs[pair / 64] |= (uint64_t)1 << (pair % 64);
    set->has_only_first = n_before == 0 || (set->has_only_first && set->only_first == text.at[0]);
    set->only_first = text.at[0];
}

/* The pattern is what will be met: normalised for the set that is searched after normalising. */
static void build_set(struct added *a, struct added_set *set, bool normalized)
{
    struct trie_word *words = mem_alloc(max_size(a->n_tokens, 1) * sizeof *words);
    size_t n = 0;
    for (size_t i = 0; i < a->n_tokens; i++) {
        const struct added_token *token = &a->tokens[i];
        if (token->normalized != normalized || token->shown.len == 0 ||
            added_by_id(a, token->id) != token)
            continue;
        note_beginning(set, token->shown, n);
        words[n++] = (struct trie_word){token->shown, (uint32_t)i};
    }
    trie_build(&set->trie, words, n);
    mem_free(words);
}

void added_finish(struct added *a)
{
    size_t n = 0;
    for (size_t i = 0; i < a->n_tokens; i++) {
        if (a->tokens[i].content.len > 0)
            a->tokens[n++] = a->tokens[i];
    }
    a->n_tokens = n;
    for (uint32_t i = 0; i < n; i++) {
        struct added_token *token = &a->tokens[i];
        map_put(&a->by_content, token->content, i);
        map_put(&a->by_id, id_bytes(&token->id), i);
        if (token->special)
            map_put(&a->special, token->content, i);
    }
    build_set(a, &a->raw, false);
    build_set(a, &a->normalized, true);
}

void added_release(struct added *a)
{
    trie_release(&a->raw.trie);
    trie_release(&a->normalized.trie);
    map_release(&a->by_content);
    map_release(&a->by_id);
    map_release(&a->special);
    *a = (struct added){0};
}

const struct added_token *added_by_content(const struct added *a, struct span content)
{
    uint32_t i;
    return map_get(&a->by_content, content, &i) ? &a->tokens[i] : NULL;
}

const struct added_token *added_by_id(const struct added *a, uint32_t id)
{
    uint32_t i;
    return map_get(&a->by_id, id_bytes(&id), &i) ? &a->tokens[i] : NULL;
}

bool added_is_special(const struct added *a, struct span content)
{
    return map_get(&a->special, content, NULL);
}

/*
 * ---------------------------------------------------------------------------------- searching --
 */

/* The next place at or behind `at` where a token can begin, or text.len. */
static size_t next_beginning(const struct added_set *set, struct span text, size_t at)
{
    if (set->has_only_first) {
        const uint8_t *found =
            at < text.len ? memchr(text.at + at, set->only_first, text.len - at) : NULL;
        return found ? (size_t)(found - text.at) : text.len;
    }
    for (; at + 1 < text.len; at++) {
        size_t pair = text.at[at] * 256u + text.at[at + 1];
        if (set->pairs[pair / 64] >> (pair % 64) & 1)
            return at;
    }
    return at;
}

/* The longest token at `start`: its end and index; false where there is none. */
static bool longest_at(const struct added_set *set, struct span text, size_t start, size_t *end,
                       uint32_t *index)
{
    bool found = false;
    uint32_t node = 0;
    for (size_t i = start; i < text.len; i++) {
        node = trie_child(&set->trie, node, text.at[i]);
        if (node == 0)
            break;
        if (set->trie.nodes[node].value != TRIE_NONE) {
            *index = set->trie.nodes[node].value;
            *end = i + 1;
            found = true;
        }
    }
    return found;
}

/* Start of the character that ends at `end` > 0. */
static size_t character_before(struct span text, size_t end)
{
    do
        end--;
    while (end > 0 && utf8_is_inner(text.at[end]));
    return end;
}

static bool is_word_at(struct span text, size_t at)
{
    return unicode_flags(utf8_decode(text.at + at)) & UNICODE_WORD;
}

static bool is_single_word(struct span text, size_t start, size_t end)
{
    return (start == 0 || !is_word_at(text, character_before(text, start))) &&
           (end == text.len || !is_word_at(text, end));
}

static size_t strip_left(struct span text, size_t start)
{
    while (start > 0) {
        size_t before = character_before(text, start);
        if (!(unicode_flags(utf8_decode(text.at + before)) & UNICODE_SPACE))
            break;
        start = before;
    }
    return start;
}

static size_t strip_right(struct span text, size_t end)
{
    while (end < text.len && unicode_flags(utf8_decode(text.at + end)) & UNICODE_SPACE)
        end += utf8_length(span_from(text, end));
    return end;
}

void added_begin(struct added_walk *w, const struct added *a, const struct added_set *set,
                 struct span text)
{
    *w = (struct added_walk){.added = a, .set = set, .text = text};
    if (added_set_is_empty(set))
        w->search_at = text.len;
}

/* The next token that counts, from search_at on. */
static bool find_token(struct added_walk *w, struct added_part *part)
{
    while (w->search_at < w->text.len) {
        size_t start = next_beginning(w->set, w->text, w->search_at), end;
        uint32_t index;
        if (start == w->text.len || !longest_at(w->set, w->text, start, &end, &index)) {
            w->search_at = start + 1;
            continue;
        }
        w->search_at = end;
        const struct added_token *token = &w->added->tokens[index];
        if (token->single_word && !is_single_word(w->text, start, end))
            continue;
        if (token->lstrip)
            start = max_size(strip_left(w->text, start), w->done);
        if (token->rstrip)
            end = strip_right(w->text, end);
        if (start >= end) /* it lies in the white space that the token before took along */
            continue;
        *part = (struct added_part){start, end, token};
        return true;
    }
    return false;
}

bool added_next(struct added_walk *w, struct added_part *part)
{
    if (w->has_held) {
        w->has_held = false;
        *part = w->held;
    } else if (find_token(w, part)) {
        if (w->done < part->start) {
            w->held = *part;
            w->has_held = true;
            *part = (struct added_part){w->done, w->held.start, NULL};
        }
    } else if (w->done < w->text.len) {
        *part = (struct added_part){w->done, w->text.len, NULL};
    } else {
        return false;
    }
    w->done = part->end;
    return true;
}
