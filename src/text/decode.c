/*
 * decode.c - decoders: each takes the list of a text's tokens and gives another one; what is left
 * at the end is put together.
 *
 * ByteLevel and Fuse leave one token. The texts that a step makes live in an arena for the time of
 * one call. Where the library's code would stop the program (a Strip that is longer than a token),
 * the token is simply empty.
 *
 * To add one: write the function, add its row to the table; `read_step` reads the fields.
 */
#include "text/decode.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "text/unicode.h"

struct token_list {
    struct span *tokens;
    size_t n;
    struct arena arena;
    size_t most_bytes; /* that the arena may grow to: see decoder_run */
};

/* A file with more steps than that was not made for decoding. */
enum { MOST_STEPS = 64 };

struct decode_step {
    bool (*run)(const struct decode_step *step, struct token_list *list, struct err *err);
    struct span content;     /* Strip's character, Metaspace's, suffix, prefix, CTC's pad token */
    struct span replacement; /* Replace's content, CTC's word delimiter */
    size_t start, stop;      /* Strip: characters at most */
    bool cleanup;            /* WordPiece and CTC: no spaces before punctuation */
    bool drops_first;        /* Metaspace: the first token's blanks vanish */
    bool has_pattern;
    struct regex regex; /* Replace */
};

static const char replacement_character[] = "\xef\xbf\xbd";

/* ------------------------------------------------------------------------------ byte by byte -- */

/* The bytes that the token spells in the byte alphabet, appended; false where it is not in it. */
static bool add_spelled_bytes(struct span token, struct buf *out)
{
    size_t before = out->len;
    for (size_t at = 0; at < token.len; at += utf8_length(span_from(token, at))) {
        int byte = unicode_byte_of(utf8_decode(token.at + at));
        if (byte < 0) {
            out->len = before;
            return false;
        }
        buf_add_byte(out, (uint8_t)byte);
    }
    return true;
}

/* How many bytes at the start of `s`, which is invalid there, become one U+FFFD. */
static size_t invalid_length(struct span s)
{
    uint8_t lead = s.at[0];
    size_t wanted = lead < 0xc2 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 1;
    uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    size_t len = 1;
    while (len < wanted && len < s.len && s.at[len] >= low && s.at[len] <= high) {
        low = 0x80;
        high = 0xbf;
        len++;
    }
    return len;
}

/* Each longest beginning of a character that does not go on becomes U+FFFD, as Unicode advises. */
static struct span repair(struct span bytes, struct arena *arena)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    while (bytes.len > 0) {
        size_t valid = utf8_first_invalid(bytes);
        buf_add(&out, span_part(bytes, 0, valid));
        bytes = span_from(bytes, valid);
        if (bytes.len == 0)
            break;
        buf_add_text(&out, replacement_character);
        bytes = span_from(bytes, invalid_length(bytes));
    }
    struct span text = arena_copy(arena, buf_span(&out));
    buf_release(&out);
    return text;
}

static bool run_byte_level(const struct decode_step *step, struct token_list *list, struct err *err)
{
    (void)step, (void)err;
    struct buf bytes;
    buf_init(&bytes, BUF_NO_LIMIT);
    for (size_t i = 0; i < list->n; i++) {
        if (!add_spelled_bytes(list->tokens[i], &bytes))
            buf_add(&bytes, list->tokens[i]);
    }
    struct span text = repair(buf_span(&bytes), &list->arena);
    if (list->n > 0)
        list->tokens[0] = text;
    list->n = min_size(list->n, 1);
    buf_release(&bytes);
    return true;
}

static int hex_digit(uint8_t c)
{
    uint8_t lower = c | 0x20;
    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The byte of a token "<0x0A>", or -1. ("+5" counts as a hexadecimal number, as in the library.) */
static int byte_of_token(struct span token)
{
    if (token.len != 6 || !span_starts_with(token, span_of("<0x")) || token.at[5] != '>')
        return -1;
    int low = hex_digit(token.at[4]);
    int high = token.at[3] == '+' ? 0 : hex_digit(token.at[3]);
    return low < 0 || high < 0 ? -1 : high * 16 + low;
}

/* Bytes gathered from byte tokens become one token, or one U+FFFD each. */
static void put_gathered(struct token_list *list, size_t *n, struct buf *bytes)
{
    if (bytes->len == 0)
        return;
    if (utf8_first_invalid(buf_span(bytes)) == bytes->len) {
        list->tokens[(*n)++] = arena_copy(&list->arena, buf_span(bytes));
    } else {
        for (size_t i = 0; i < bytes->len; i++)
            list->tokens[(*n)++] = span_of(replacement_character);
    }
    buf_clear(bytes);
}

static bool run_byte_fallback(const struct decode_step *step, struct token_list *list,
                              struct err *err)
{
    (void)step, (void)err;
    struct buf bytes;
    buf_init(&bytes, BUF_NO_LIMIT);
    size_t n = 0; /* never ahead of i: gathered bytes were a token each */
    for (size_t i = 0; i < list->n; i++) {
        struct span token = list->tokens[i];
        int byte = byte_of_token(token);
        if (byte >= 0) {
            buf_add_byte(&bytes, (uint8_t)byte);
            continue;
        }
        put_gathered(list, &n, &bytes);
        list->tokens[n++] = token;
    }
    put_gathered(list, &n, &bytes);
    list->n = n;
    buf_release(&bytes);
    return true;
}

/* ------------------------------------------------------------------------------- token by token */

static bool run_fuse(const struct decode_step *step, struct token_list *list, struct err *err)
{
    (void)step, (void)err;
    size_t len = 0;
    for (size_t i = 0; i < list->n; i++)
        len += list->tokens[i].len;
    uint8_t *text = arena_alloc(&list->arena, len + 1);
    size_t at = 0;
    for (size_t i = 0; i < list->n; i++) {
        memcpy(text + at, list->tokens[i].at, list->tokens[i].len);
        at += list->tokens[i].len;
    }
    if (list->n > 0)
        list->tokens[0] = (struct span){text, len};
    list->n = min_size(list->n, 1);
    return true;
}

static bool run_strip(const struct decode_step *step, struct token_list *list, struct err *err)
{
    (void)err;
    for (size_t i = 0; i < list->n; i++) {
        struct span *token = &list->tokens[i];
        struct span left = *token;
        for (size_t n = 0; n < step->start && span_starts_with(left, step->content); n++)
            left = span_from(left, step->content.len);
        /* The end is stripped from the whole token, so both ends may ask for the same character. */
        size_t end = token->len, begin = token->len - left.len;
        for (size_t n = 0; n < step->stop; n++) {
            if (!span_ends_with(span_part(*token, 0, end), step->content))
                break;
            end -= step->content.len;
        }
        *token = span_part(*token, min_size(begin, end), end - min_size(begin, end));
    }
    return true;
}

/* Every `from` in the text becomes `to`; the text itself where there is none. */
static struct span replace_all(struct span text, struct span from, struct span to,
                               struct arena *arena)
{
    size_t first = from.len > 0 ? span_find(text, from) : text.len;
    if (first == text.len)
        return text;
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    for (;;) {
        size_t at = span_find(text, from);
        buf_add(&out, span_part(text, 0, at));
        if (at == text.len)
            break;
        buf_add(&out, to);
        text = span_from(text, at + from.len);
    }
    struct span result = arena_copy(arena, buf_span(&out));
    buf_release(&out);
    return result;
}

/* An empty text matches between all characters: the case that replace_all leaves out. */
static struct span replace_everywhere(struct span text, struct span to, struct arena *arena)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    buf_add(&out, to);
    for (size_t at = 0; at < text.len;) {
        size_t len = utf8_length(span_from(text, at));
        buf_add(&out, span_part(text, at, len));
        buf_add(&out, to);
        at += len;
    }
    struct span result = arena_copy(arena, buf_span(&out));
    buf_release(&out);
    return result;
}

static bool run_bpe(const struct decode_step *step, struct token_list *list, struct err *err)
{
    (void)err;
    for (size_t i = 0; i < list->n; i++) {
        struct span to = span_of(i + 1 == list->n ? "" : " ");
        struct span *token = &list->tokens[i];
        if (step->content.len > 0)
            *token = replace_all(*token, step->content, to, &list->arena);
        else
            *token = replace_everywhere(*token, to, &list->arena);
    }
    return true;
}

static bool run_metaspace(const struct decode_step *step, struct token_list *list, struct err *err)
{
    (void)err;
    for (size_t i = 0; i < list->n; i++) {
        struct span to = span_of(i == 0 && step->drops_first ? "" : " ");
        list->tokens[i] = replace_all(list->tokens[i], step->content, to, &list->arena);
    }
    return true;
}

static struct span clean_up(struct span text, struct arena *arena)
{
    static const char *const pairs[][2] = {
        {" .", "."},   {" ?", "?"},     {" !", "!"},     {" ,", ","},
        {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},   {" do not", " don't"},
        {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
    };
    for (size_t i = 0; i < COUNT_OF(pairs); i++)
        text = replace_all(text, span_of(pairs[i][0]), span_of(pairs[i][1]), arena);
    return text;
}

/* Not by a format: a token may hold the character 0. */
static struct span put_space_before(struct span token, struct arena *arena)
{
    uint8_t *at = arena_array(arena, uint8_t, token.len + 1);
    at[0] = ' ';
    if (token.len > 0)
        memcpy(at + 1, token.at, token.len);
    return (struct span){at, token.len + 1};
}

static bool run_word_piece(const struct decode_step *step, struct token_list *list, struct err *err)
{
    (void)err;
    for (size_t i = 0; i < list->n; i++) {
        struct span *token = &list->tokens[i];
        if (i > 0 && span_starts_with(*token, step->content))
            *token = span_from(*token, step->content.len);
        else if (i > 0)
            *token = put_space_before(*token, &list->arena);
        if (step->cleanup)
            *token = clean_up(*token, &list->arena);
    }
    return true;
}

static bool run_ctc(const struct decode_step *step, struct token_list *list, struct err *err)
{
    (void)err;
    size_t n = 0;
    struct span previous = {0};
    for (size_t i = 0; i < list->n; i++) {
        struct span token = list->tokens[i];
        bool is_repeated = i > 0 && span_equal(token, previous);
        previous = token;
        if (is_repeated)
            continue;
        token = replace_all(token, step->content, span_of(""), &list->arena);
        if (step->cleanup) {
            token = clean_up(token, &list->arena);
            token = step->replacement.len > 0
                        ? replace_all(token, step->replacement, span_of(" "), &list->arena)
                        : replace_everywhere(token, span_of(" "), &list->arena);
        }
        if (token.len > 0)
            list->tokens[n++] = token;
    }
    list->n = n;
    return true;
}

static bool run_replace(const struct decode_step *step, struct token_list *list, struct err *err)
{
    struct regex_search search = {0};
    struct buf out;
    bool ok = true;
    buf_init(&out, list->most_bytes);
    for (size_t i = 0; ok && i < list->n; i++) {
        struct span token = list->tokens[i];
        size_t done = 0, start, end;
        bool found = true;
        buf_clear(&out);
        regex_begin(&search, &step->regex, token);
        while ((ok = regex_next(&search, &start, &end, &found, err)) && found) {
            buf_add(&out, span_part(token, done, start - done));
            buf_add(&out, step->replacement);
            done = end;
        }
        if (done == 0 && out.len == 0)
            continue;
        buf_add(&out, span_from(token, done));
        list->tokens[i] = arena_copy(&list->arena, buf_span(&out));
        if (ok && (out.overflowed || list->arena.total_bytes > list->most_bytes)) {
            err_set(err, ERR_INPUT, "the decoder's Replace makes more than %zu bytes",
                    list->most_bytes);
            ok = false;
        }
    }
    buf_release(&out);
    regex_search_release(&search);
    return ok;
}

/*
 * ------------------------------------------------------------------------------------ reading --
 */

static const struct {
    const char *type;
    bool (*run)(const struct decode_step *step, struct token_list *list, struct err *err);
    const char *own_member; /* tells the kind in the library's early files, which have no type */
} kinds[] = {
    {"ByteLevel", run_byte_level, NULL},
    {"ByteFallback", run_byte_fallback, NULL},
    {"Fuse", run_fuse, NULL},
    {"Strip", run_strip, NULL},
    {"Replace", run_replace, "pattern"},
    {"Metaspace", run_metaspace, NULL},
    {"BPEDecoder", run_bpe, "suffix"},
    {"WordPiece", run_word_piece, "prefix"},
    {"CTC", run_ctc, "pad_token"},
};

/* What the steps are gathered in while the sequence is read. */
struct step_list {
    struct decode_step *steps;
    size_t n, cap;
};

static struct decode_step *add_step(struct step_list *list)
{
    if (list->n == list->cap) {
        list->cap = max_size(8, 2 * list->cap);
        list->steps = mem_resize(list->steps, list->cap * sizeof *list->steps);
    }
    list->steps[list->n] = (struct decode_step){0};
    return &list->steps[list->n++];
}

/* {"String": "x"} or {"Regex": "x+"} */
static void read_pattern(struct decode_step *step, struct json_reader *r)
{
    struct span key;
    struct err err;
    json_enter_object(r);
    while (json_next_key(r, &key)) {
        struct span pattern = arena_copy(r->arena, json_string(r));
        regex_release(&step->regex);
        step->has_pattern = true;
        if (span_is(key, "String"))
            regex_literal(&step->regex, pattern);
        else if (!span_is(key, "Regex"))
            json_fail(r, "expected \"String\" or \"Regex\"");
        else if (!r->failed && !regex_compile(&step->regex, pattern, &err))
            json_fail(r, "%s", err.what);
    }
}

static size_t read_count(struct json_reader *r)
{
    int64_t count = json_int(r);
    if (count < 0)
        json_fail(r, "a count below zero");
    return count < 0 ? 0 : (size_t)count;
}

/* "never" keeps the first token's blanks; older files say add_prefix_space instead. */
static bool reads_as_prepending(struct json_reader *r, bool is_scheme)
{
    return is_scheme ? !span_is(json_string(r), "never") : json_bool(r);
}

static void read_field(struct decode_step *step, struct span key, struct json_reader *r)
{
    bool is_replace = step->run == run_replace, is_metaspace = step->run == run_metaspace;
    if (span_is(key, "pattern") && is_replace)
        read_pattern(step, r);
    else if (span_is(key, "prefix") || span_is(key, "suffix") || span_is(key, "pad_token") ||
             (span_is(key, "replacement") && is_metaspace) ||
             (span_is(key, "content") && !is_replace))
        step->content = arena_copy(r->arena, json_string(r));
    else if (span_is(key, "content") || span_is(key, "word_delimiter_token"))
        step->replacement = arena_copy(r->arena, json_string(r));
    else if (span_is(key, "cleanup"))
        step->cleanup = json_bool(r);
    else if (span_is(key, "start"))
        step->start = read_count(r);
    else if (span_is(key, "stop"))
        step->stop = read_count(r);
    else if (is_metaspace && span_is(key, "prepend_scheme"))
        step->drops_first = step->drops_first && reads_as_prepending(r, true);
    else if (is_metaspace && span_is(key, "add_prefix_space") && !json_null(r))
        step->drops_first = reads_as_prepending(r, false) && step->drops_first;
    else
        json_skip(r);
}

static void read_steps(struct step_list *list, struct json_reader *r);

static void read_sequence(struct step_list *list, struct span text, struct json_reader *r)
{
    struct json_reader *inner = arena_new(r->arena, struct json_reader);
    struct span key;
    json_open(inner, text, r->arena);
    json_enter_object(inner);
    while (json_next_key(inner, &key)) {
        if (!span_is(key, "decoders")) {
            json_skip(inner);
            continue;
        }
        for (json_enter_array(inner); json_next_item(inner);)
            read_steps(list, inner);
    }
    if (inner->failed)
        json_fail(r, "%s", inner->error.what);
}

static struct span read_type(struct span text, struct arena *arena)
{
    struct json_reader r;
    struct span key, type = {0}, guess = {0};
    json_open(&r, text, arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        for (size_t i = 0; i < COUNT_OF(kinds); i++) {
            if (kinds[i].own_member && span_is(key, kinds[i].own_member))
                guess = span_of(kinds[i].type);
        }
        if (span_is(key, "type"))
            type = json_string(&r);
        else
            json_skip(&r);
    }
    return type.at ? type : guess;
}

/* Reads the fields of one decoder, which is no sequence. */
static void read_step(struct decode_step *step, struct span text, struct json_reader *r)
{
    struct json_reader inner;
    struct span key;
    step->drops_first = true;
    json_open(&inner, text, r->arena);
    json_enter_object(&inner);
    while (json_next_key(&inner, &key))
        read_field(step, key, &inner);
    bool one = step->content.len > 0 && utf8_length(step->content) == step->content.len;
    if (!inner.failed && (step->run == run_strip || step->run == run_metaspace) && !one)
        json_fail(&inner, "expected one character");
    if (!inner.failed && step->run == run_replace && !step->has_pattern)
        json_fail(&inner, "\"pattern\" is missing");
    if (inner.failed)
        json_fail(r, "%s", inner.error.what);
}

/* Reads the decoder at the reader's place; of a sequence, all steps. */
static void read_steps(struct step_list *list, struct json_reader *r)
{
    if (json_peek(r) != JSON_OBJECT) {
        json_fail(r, "expected a decoder");
        return;
    }
    size_t at = r->offset;
    struct span text = json_raw(r);
    if (r->failed)
        return;
    struct span type = read_type(text, r->arena);
    if (span_is(type, "Sequence")) {
        read_sequence(list, text, r);
        return;
    }
    size_t kind = 0;
    while (kind < COUNT_OF(kinds) && !span_is(type, kinds[kind].type))
        kind++;
    if (kind == COUNT_OF(kinds)) {
        r->offset = at;
        json_fail(r, "decoder \"%.*s\" is not known", SPAN_ARGS(type));
        return;
    }

    if (list->n == MOST_STEPS) {
        json_fail(r, "more than %d decoders", MOST_STEPS);
        return;
    }
    struct decode_step *step = add_step(list);
    step->run = kinds[kind].run;
    read_step(step, text, r);
}

void decoder_read(struct decoder *d, struct json_reader *r)
{
    struct step_list list = {0};
    *d = (struct decoder){.is_null = json_null(r)};
    if (!d->is_null)
        read_steps(&list, r);
    d->steps = arena_array(r->arena, struct decode_step, max_size(list.n, 1));
    d->n_steps = list.n;
    if (list.n > 0)
        memcpy(d->steps, list.steps, list.n * sizeof *list.steps);
    mem_free(list.steps);
}

void decoder_release(struct decoder *d)
{
    for (size_t i = 0; i < d->n_steps; i++)
        regex_release(&d->steps[i].regex);
    *d = (struct decoder){0};
}

bool decoder_run(const struct decoder *d, struct span *tokens, size_t n, struct buf *out,
                 struct err *err)
{
    /* A step copies its tokens at most; only Replace can make them grow, and not beyond measure. */
    struct token_list list = {.tokens = tokens, .n = n, .most_bytes = 1 << 20};
    bool ok = true;
    for (size_t i = 0; i < n; i++)
        list.most_bytes += (tokens[i].len + 16) * 4 * (d->n_steps + 1);
    for (size_t i = 0; ok && i < d->n_steps; i++)
        ok = d->steps[i].run(&d->steps[i], &list, err);
    for (size_t i = 0; ok && i < list.n; i++) {
        if (i > 0 && d->is_null)
            buf_add_byte(out, ' ');
        buf_add(out, list.tokens[i]);
    }
    arena_release(&list.arena);
    return ok;
}
