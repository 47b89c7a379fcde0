/*
 * regex.c - regular expressions over letters.
 *
 * PCRE2 must see classes as the `tokenizers` library's Oniguruma does, whose Unicode is newer than
 * PCRE2's. Expanded into ranges, \p{L} is a list of 650 that PCRE2 walks for every character beyond
 * U+00FF: slow where it matters, on Chinese or Russian. So PCRE2 sees no Unicode at all:
 *
 *   1. The pattern is parsed into operators and sets of code points (regex_parse.c).
 *   2. The sets cut all of Unicode into a few kinds of characters: two are of one kind where every
 *      set of the pattern has both or neither. GPT-2's pattern knows 13 kinds. Each kind gets a
 *      byte: its letter. ('\n' is a kind of its own, and its letter is '\n', for '^' and '$'.)
 *   3. PCRE2 compiles the pattern over letters: a class is a bitmap of 256, no UTF, no case.
 *   4. A text is spelled in letters, one byte a character, by a two-stage table, and PCRE2's JIT
 *      runs over these. Letters are counted back to bytes; in ASCII the two are the same.
 *
 * Matching is the same whatever the script, needs no check of UTF-8, and no character property of
 * PCRE2 is ever consulted. The price is that a back-reference would compare kinds; it is refused.
 *
 * A pattern can be hostile ("(a|a)*b"). PCRE2 counts the steps that it takes from one start and
 * gives up at a limit. That limit is low, so a whole text costs at most so many steps a character;
 * where a start needs more (an honest pattern walks back over a run of a million spaces once), it
 * is tried alone with more, taken from a budget for the text. Steps decide, never a clock: what
 * fails, fails always.
 */
#include "text/regex.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "text/regex_parse.h"

enum {
    BLOCK_SIZE = 1 << REGEX_BLOCK_BITS,
    MAX_LETTERS = 255,
    STEPS_A_START = 2000,
    STEPS_GROWTH = 16, /* from one try to the next */
    HEAP_LIMIT_KIB = 64 * 1024,
    JIT_STACK_BYTES = 64 << 20, /* reserved; used as needed */
};

static const uint64_t STEPS_A_TEXT = 200000000;
static const uint64_t STEPS_A_CHARACTER = 100;

/* ----------------------------------------------------------------------------------- kinds -- */

/* Code points from edges[i] to edges[i + 1] - 1 are of kind kinds[i]. */
struct kinds {
    uint32_t *edges;
    uint8_t *of;
    size_t n_edges;
    unsigned n_kinds;
    bool too_many;
};

static int order_edges(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void collect_edges(struct kinds *k, const struct regex_skeleton *s, struct arena *arena)
{
    size_t n = 3;
    for (size_t i = 0; i < s->n_sets; i++)
        n += s->sets[i].n_edges;
    k->edges = arena_array(arena, uint32_t, n);
    n = 0;
    k->edges[n++] = 0;
    k->edges[n++] = '\n';
    k->edges[n++] = '\n' + 1;
    for (size_t i = 0; i < s->n_sets; i++) {
        for (size_t j = 0; j < s->sets[i].n_edges; j++)
            k->edges[n++] = s->sets[i].edges[j];
    }
    qsort(k->edges, n, sizeof *k->edges, order_edges);
    for (size_t i = 0; i < n; i++) {
        if (k->edges[i] < CHARSET_END && (i == 0 || k->edges[i] != k->edges[i - 1]))
            k->edges[k->n_edges++] = k->edges[i];
    }
    k->of = arena_alloc(arena, k->n_edges);
}

/* Splits every kind that the set has only a part of. */
static void refine(struct kinds *k, struct charset set)
{
    int split[256][2];
    memset(split, -1, sizeof split);
    unsigned n = 0;
    size_t at = 0;
    for (size_t i = 0; i < k->n_edges; i++) {
        while (at < set.n_edges && set.edges[at] <= k->edges[i])
            at++;
        int *kind = &split[k->of[i]][at & 1];
        if (*kind < 0)
            *kind = (int)n++;
        if (n > MAX_LETTERS) {
            k->too_many = true;
            return;
        }
        k->of[i] = (uint8_t)*kind;
    }
    k->n_kinds = n;
}

static bool find_kinds(struct kinds *k, const struct regex_skeleton *s, struct arena *arena,
                       struct err *err)
{
    *k = (struct kinds){.n_kinds = 1};
    collect_edges(k, s, arena);
    refine(k, charset_range(arena, '\n', '\n'));
    for (size_t i = 0; i < s->n_sets && !k->too_many; i++)
        refine(k, s->sets[i]);
    if (k->too_many)
        err_set(err, ERR_INPUT, "the pattern tells more than %d kinds of characters apart",
                MAX_LETTERS);
    return !k->too_many;
}

/* Any one-to-one map will do in which '\n' keeps its value. */
static void name_letters(struct kinds *k)
{
    unsigned newline = 0;
    for (size_t i = 0; i < k->n_edges; i++) {
        if (k->edges[i] == '\n')
            newline = k->of[i];
    }
    for (size_t i = 0; i < k->n_edges; i++) {
        unsigned kind = k->of[i];
        k->of[i] = (uint8_t)(kind == newline ? '\n' : kind < newline ? kind : kind - 1);
        if (kind != newline && k->of[i] >= '\n')
            k->of[i]++;
    }
}

/* ----------------------------------------------------------------------------------- tables -- */

static void fill_block(const struct kinds *k, size_t *at, uint32_t first, uint8_t *block)
{
    for (uint32_t c = first; c < first + BLOCK_SIZE; c++) {
        while (*at + 1 < k->n_edges && k->edges[*at + 1] <= c)
            (*at)++;
        block[c - first] = k->of[*at];
    }
}

/* True where all of the block is of the interval k->edges[at]. */
static bool is_uniform(const struct kinds *k, size_t at, uint32_t first)
{
    return k->edges[at] <= first &&
           (at + 1 == k->n_edges || k->edges[at + 1] >= first + BLOCK_SIZE);
}

static void build_blocks(struct regex *re, const struct kinds *k)
{
    int uniform[256]; /* letter -> block that holds nothing else */
    size_t n = 0, cap = 0, at = 0;
    memset(uniform, -1, sizeof uniform);
    re->block_of = mem_alloc(REGEX_N_BLOCKS * sizeof *re->block_of);
    for (uint32_t i = 0; i < REGEX_N_BLOCKS; i++) {
        uint32_t first = i << REGEX_BLOCK_BITS;
        while (at + 1 < k->n_edges && k->edges[at + 1] <= first)
            at++;
        bool same = is_uniform(k, at, first);
        if (same && uniform[k->of[at]] >= 0) {
            re->block_of[i] = (uint16_t)uniform[k->of[at]];
            continue;
        }
        if (n == cap) {
            cap = max_size(2 * cap, 32);
            re->blocks = mem_resize(re->blocks, cap * sizeof *re->blocks);
        }
        if (same)
            uniform[k->of[at]] = (int)n;
        fill_block(k, &at, first, re->blocks[n]);
        re->block_of[i] = (uint16_t)n++;
    }
}

/* ---------------------------------------------------------------------------------- compile -- */

/* The set as a class of letters: every kind is in it whole or not at all. */
static void put_class(struct buf *out, const struct kinds *k, struct charset set)
{
    bool in[256] = {false};
    size_t at = 0, n_in = 0;
    unsigned only = 0;
    for (size_t i = 0; i < k->n_edges; i++) {
        while (at < set.n_edges && set.edges[at] <= k->edges[i])
            at++;
        if ((at & 1) && !in[k->of[i]]) {
            in[k->of[i]] = true;
            only = k->of[i];
            n_in++;
        }
    }
    if (n_in == 1) {
        buf_printf(out, "\\x%02x", only);
        return;
    }
    buf_add_text(out, n_in == 0 ? "[^\\x00-\\xff]" : "[");
    for (unsigned first = 0; n_in > 0 && first < 256; first++) {
        unsigned last = first;
        while (in[first] && last < 255 && in[last + 1])
            last++;
        if (in[first])
            buf_printf(out, "\\x%02x-\\x%02x", first, last);
        first = last;
    }
    if (n_in > 0)
        buf_add_text(out, "]");
}

static void put_pattern(struct buf *out, const struct regex_skeleton *s, const struct kinds *k)
{
    for (size_t i = 0; i < s->text.len;) {
        if (s->text.at[i] != REGEX_SET_MARK) {
            buf_add_byte(out, s->text.at[i++]);
            continue;
        }
        put_class(out, k, s->sets[s->text.at[i + 1] | s->text.at[i + 2] << 8]);
        i += 3;
    }
}

static bool compile_letters(struct regex *re, struct buf *pattern, struct err *err)
{
    int code;
    PCRE2_SIZE place;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    CHECK(context);
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    re->code = pcre2_compile(pattern->at ? pattern->at : (const uint8_t *)"", pattern->len,
                             PCRE2_MULTILINE | PCRE2_NO_AUTO_CAPTURE | PCRE2_USE_OFFSET_LIMIT,
                             &code, &place, context);
    pcre2_compile_context_free(context);
    if (!re->code) {
        uint8_t message[120];
        pcre2_get_error_message(code, message, sizeof message);
        err_set(err, ERR_INPUT, "the pattern is not supported: %s", (const char *)message);
        return false;
    }
    /* Where the JIT cannot (an unusual processor), the interpreter does the same, slower. */
    re->has_jit = pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE) == 0;
    return true;
}

bool regex_compile(struct regex *re, struct span pattern, struct err *err)
{
    *re = (struct regex){0};
    struct arena arena = {0};
    struct buf letters;
    buf_init(&letters, 16u << 20);
    struct regex_skeleton *skeleton = arena_new(&arena, struct regex_skeleton);
    struct kinds kinds;
    bool ok = regex_parse(skeleton, pattern, &arena, err) &&
              find_kinds(&kinds, skeleton, &arena, err);
    if (ok) {
        name_letters(&kinds);
        build_blocks(re, &kinds);
        put_pattern(&letters, skeleton, &kinds);
        ok = buf_check(&letters, err) && compile_letters(re, &letters, err);
    }
    if (!ok)
        regex_release(re);
    buf_release(&letters);
    buf_release(&skeleton->text);
    arena_release(&arena);
    return ok;
}

void regex_literal(struct regex *re, struct span text)
{
    *re = (struct regex){.is_literal = true, .literal_len = text.len};
    re->literal = mem_alloc(text.len);
    if (text.len > 0)
        memcpy(re->literal, text.at, text.len);
}

void regex_release(struct regex *re)
{
    pcre2_code_free(re->code);
    mem_free(re->blocks);
    mem_free(re->block_of);
    mem_free(re->literal);
    *re = (struct regex){0};
}

/* ------------------------------------------------------------------------------------ search -- */

/* Spells bytes `from` … of the text in letters behind the `n` that there are. */
static size_t spell_rest(const struct regex *re, struct span text, size_t from, uint8_t *out,
                         size_t n)
{
    const uint8_t *ascii = re->blocks[re->block_of[0]];
    for (size_t i = from; i < text.len;) {
        uint8_t byte = text.at[i];
        if (byte < 0x80) {
            out[n++] = ascii[byte];
            i++;
            continue;
        }
        size_t len = utf8_length(span_from(text, i));
        uint32_t c = len > 0 ? utf8_decode(text.at + i) : 0xfffd;
        out[n++] = re->blocks[re->block_of[c >> REGEX_BLOCK_BITS]][c & (BLOCK_SIZE - 1)];
        i += max_size(len, 1);
    }
    return n;
}

static void spell(struct regex_search *s)
{
    const struct regex *re = s->re;
    buf_clear(&s->buffer);
    s->buffer.max = BUF_NO_LIMIT; /* no longer than the text */
    (void)buf_reserve(&s->buffer, s->text.len + 1);
    const uint8_t *ascii = re->blocks[re->block_of[0]];
    size_t n = 0;
    while (n < s->text.len && s->text.at[n] < 0x80) {
        s->buffer.at[n] = ascii[s->text.at[n]];
        n++;
    }
    s->bytewise = n == s->text.len;
    if (!s->bytewise)
        n = spell_rest(re, s->text, n, s->buffer.at, n);
    s->letters = (struct span){s->buffer.at, n};
}

void regex_begin(struct regex_search *s, const struct regex *re, struct span text)
{
    s->re = re;
    s->text = text;
    s->letter_at = s->byte_at = s->next = 0;
    s->last_end = SIZE_MAX;
    if (re->is_literal)
        return;
    spell(s);
    s->budget = STEPS_A_TEXT + STEPS_A_CHARACTER * s->letters.len;
    if (s->match)
        return;
    s->match = pcre2_match_data_create(1, NULL);
    s->context = pcre2_match_context_create(NULL);
    s->stack = pcre2_jit_stack_create(32 << 10, JIT_STACK_BYTES, NULL);
    CHECK(s->match && s->context && s->stack);
    pcre2_jit_stack_assign(s->context, NULL, s->stack);
    pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB);
    pcre2_set_match_limit(s->context, STEPS_A_START);
}

void regex_search_release(struct regex_search *s)
{
    pcre2_match_data_free(s->match);
    pcre2_match_context_free(s->context);
    pcre2_jit_stack_free(s->stack);
    buf_release(&s->buffer);
    *s = (struct regex_search){0};
}

/* The byte at which the given letter, at or behind s->letter_at, begins. */
static size_t byte_of(struct regex_search *s, size_t letter)
{
    if (s->bytewise)
        return letter;
    const uint8_t *text = s->text.at;
    size_t at = s->byte_at;
    for (size_t n = letter - s->letter_at; n > 0; n--) {
        uint8_t byte = text[at];
        at += byte < 0x80 ? 1 : max_size(utf8_length(span_from(s->text, at)), 1);
    }
    s->letter_at = letter;
    s->byte_at = at;
    return at;
}

/* One call of PCRE2: starts from `from` on, up to the context's limits. */
static int try_match(struct regex_search *s, size_t from)
{
    int rc = s->re->has_jit ? pcre2_jit_match(s->re->code, s->letters.at, s->letters.len, from, 0,
                                              s->match, s->context)
                            : PCRE2_ERROR_JIT_STACKLIMIT;
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(s->re->code, s->letters.at, s->letters.len, from, PCRE2_NO_JIT, s->match,
                         s->context);
    return rc;
}

/* The start `at` alone, with as many steps as the budget has. */
static int try_harder(struct regex_search *s, size_t at)
{
    uint64_t steps = STEPS_A_START;
    int rc = PCRE2_ERROR_MATCHLIMIT;
    while (rc == PCRE2_ERROR_MATCHLIMIT && s->budget > 0) {
        steps *= STEPS_GROWTH;
        if (steps > s->budget)
            steps = s->budget;
        s->budget -= steps;
        pcre2_set_match_limit(s->context, steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX);
        rc = try_match(s, at);
    }
    pcre2_set_match_limit(s->context, STEPS_A_START);
    return rc;
}

/* One start after the other, since one of them takes long. */
static int try_each_start(struct regex_search *s, size_t from)
{
    int rc = PCRE2_ERROR_NOMATCH;
    for (size_t at = from; at <= s->letters.len && rc == PCRE2_ERROR_NOMATCH; at++) {
        pcre2_set_offset_limit(s->context, at);
        rc = try_match(s, at);
        if (rc == PCRE2_ERROR_MATCHLIMIT)
            rc = try_harder(s, at);
    }
    pcre2_set_offset_limit(s->context, PCRE2_UNSET);
    return rc;
}

/* The first match from letter `from` on: 1 found, 0 none, -1 error. */
static int match_from(struct regex_search *s, size_t from, struct err *err)
{
    int rc = try_match(s, from);
    if (rc == PCRE2_ERROR_MATCHLIMIT)
        rc = try_each_start(s, from);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc >= 0)
        return 1;
    err_set(err, ERR_INPUT, "a pattern of the tokenizer takes too long on %zu characters of text",
            s->letters.len - from);
    err_hint(err, "the pattern backtracks without end; check the pre_tokenizer in tokenizer.json");
    return -1;
}

/* As regex_next, in letters. */
static bool next_letters(struct regex_search *s, size_t *start, size_t *end, bool *found,
                         struct err *err)
{
    *found = false;
    while (s->next <= s->letters.len) {
        int rc = match_from(s, s->next, err);
        if (rc <= 0)
            return rc == 0;
        const PCRE2_SIZE *place = pcre2_get_ovector_pointer(s->match);
        /* \K in a look-ahead can put the start behind the end. */
        size_t first = min_size(place[0], place[1]), last = place[1];
        if (first == last && last == s->last_end) {
            s->next++;
            continue;
        }
        s->next = s->last_end = last;
        *start = first;
        *end = last;
        *found = true;
        return true;
    }
    return true;
}

static bool next_literal(struct regex_search *s, size_t *start, size_t *end)
{
    const struct regex *re = s->re;
    struct span literal = {re->literal, re->literal_len};
    if (literal.len == 0) {
        /* Between all characters: an empty match at every place but right behind the last one. */
        if (s->last_end != SIZE_MAX && s->next < s->text.len)
            s->next += max_size(utf8_length(span_from(s->text, s->next)), 1);
        else if (s->last_end != SIZE_MAX)
            return false;
        *start = *end = s->last_end = s->next;
        return true;
    }
    size_t at = s->next + span_find(span_from(s->text, s->next), literal);
    if (at == s->text.len)
        return false;
    *start = at;
    *end = s->next = at + literal.len;
    return true;
}

bool regex_next(struct regex_search *s, size_t *start, size_t *end, bool *found, struct err *err)
{
    if (s->re->is_literal) {
        *found = next_literal(s, start, end);
        return true;
    }
    size_t first = 0, last = 0;
    if (!next_letters(s, &first, &last, found, err))
        return false;
    if (*found) {
        *start = byte_of(s, first);
        *end = byte_of(s, last);
    }
    return true;
}
