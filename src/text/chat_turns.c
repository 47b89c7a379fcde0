/*
 * chat_turns.c - where the assistant's turns stand in a rendered conversation.
 *
 * A template with {% generation %} says it itself. For the others the text F of the whole
 * conversation is compared with renderings of parts and variants of it:
 *
 *   A  messages before the turn, with the generation prompt     …<|im_start|>assistant\n
 *   P  what the generation prompt adds to A                     <|im_start|>assistant\n
 *   B  messages up to and with the turn                         …assistant\nHello<|im_end|>\n
 *   V  F with the turn's content replaced by a mark
 *
 * Where A and B both begin F, the turn is F between their ends. That holds for most templates and
 * costs two renderings. It fails where a template writes an earlier turn in another way than the
 * last one (Qwen3 drops the reasoning, gpt-oss ends the last turn with another mark) or raises for
 * a part of a conversation. Then:
 *
 *   1. F and V have a common start and a common end: between them stands the content, whatever the
 *      template did to the rest. The same for the neighbours gives a window that holds the turn.
 *   2. The turn begins behind P, found in the window; where the template writes only the first part
 *      of P there (<|im_start|>assistant\n<think>\n with the reasoning dropped), behind that part.
 *   3. It ends where the longest end of B ends in the window; where that is not longer than the
 *      content, behind the first "<…>" or "[…]" that follows the content, and those after it that
 *      have "end" in them; else with the content. A turn without content (a call of a tool) ends
 *      behind the first mark that has "end" in it.
 *
 * Last, the line break behind the end mark is taken off: the model never writes it. Where nothing
 * but white space follows the content, that is the template's only end mark, and stays.
 */
#include "text/chat_turns.h"

#include "base/utf8.h"
#include "format/jinja_unicode.h"

/* A character for private use: no conversation holds it, and no template changes it. */
#define MARK "\xee\x80\x80"

struct turns {
    const struct chat_work *work;
    struct span full; /* F */
    struct buf before, with, prompt, variant;
    struct text_range *content; /* of each message in F, where it is known */
    bool *is_known;
    size_t n;
};

static const struct jinja_dict *message_at(const struct chat_work *work, size_t i)
{
    return work->messages.as.list->items[i].as.dict;
}

static bool is_assistant(const struct jinja_dict *message)
{
    struct jinja_value role;
    return jinja_dict_get_text(message, span_of("role"), &role) && role.type == JINJA_STRING &&
           (span_is(jinja_span(role), "assistant") || span_is(jinja_span(role), "model"));
}

static bool is_trained(const struct chat_work *work, size_t i)
{
    if (work->request->trained)
        return i < work->request->n_trained && work->request->trained[i];
    return is_assistant(message_at(work, i));
}

/* The message's text, where it has one. */
static struct span content_of(const struct jinja_dict *message)
{
    struct jinja_value content;
    if (!jinja_dict_get_text(message, span_of("content"), &content) || content.type != JINJA_STRING)
        return (struct span){0};
    return jinja_span(content);
}

static size_t common_start(struct span a, struct span b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.at[n] == b.at[n])
        n++;
    return n;
}

static size_t common_end(struct span a, struct span b)
{
    size_t n = 0;
    while (n < a.len && n < b.len && a.at[a.len - 1 - n] == b.at[b.len - 1 - n])
        n++;
    return n;
}

/* Moves a place in UTF-8 text back to the start of its character. */
static size_t char_start(struct span text, size_t at)
{
    while (at > 0 && at < text.len && utf8_is_inner(text.at[at]))
        at--;
    return at;
}

static bool render_first(struct turns *t, size_t n, bool prompt, struct buf *out)
{
    struct err ignored; /* a part of a conversation may well be refused */
    struct jinja_list part = *t->work->messages.as.list;
    part.n = n;
    return n > 0 && chat_render_part(t->work, &part, prompt, out, &ignored);
}

/* F with message i's content replaced by the mark. */
static bool render_variant(struct turns *t, size_t i)
{
    struct err ignored;
    struct arena *arena = t->work->arena;
    struct jinja_list list = {0};
    for (size_t k = 0; k < t->n; k++) {
        struct jinja_value message = t->work->messages.as.list->items[k];
        if (k == i) {
            message = jinja_dict_new(arena);
            const struct jinja_dict *from = message_at(t->work, k);
            for (size_t p = 0; p < from->n; p++)
                jinja_dict_put(arena, message.as.dict, from->pairs[p].key, from->pairs[p].value);
            jinja_dict_put_text(arena, message.as.dict, "content",
                                jinja_string(arena, span_of(MARK)));
        }
        jinja_list_add(arena, &list, message);
    }
    return chat_render_part(t->work, &list, t->work->request->add_generation_prompt, &t->variant,
                            &ignored);
}

/* Step 1: where message i's content stands in F. False: it cannot be told. */
static bool find_content(struct turns *t, size_t i, struct text_range *out)
{
    if (t->is_known[i]) {
        *out = t->content[i];
        return true;
    }
    if (content_of(message_at(t->work, i)).len == 0 || !render_variant(t, i))
        return false;
    struct span variant = buf_span(&t->variant);
    size_t mark = span_find(variant, span_of(MARK));
    if (mark == variant.len)
        return false; /* the template does not write this content */
    size_t start = common_start(t->full, variant), end = common_end(t->full, variant);
    if (start > mark)
        start = mark;
    if (end > t->full.len - start)
        end = t->full.len - start;
    *out = (struct text_range){char_start(t->full, start), t->full.len - end};
    t->content[i] = *out;
    t->is_known[i] = true;
    return true;
}

/* Moves a place inside "<…>" back to its '<': a special token is one thing. */
static size_t mark_start(struct span text, size_t from, size_t at)
{
    size_t i = at;
    while (i > from && text.at[i - 1] != '<' && text.at[i - 1] != '>')
        i--;
    return i > from && text.at[i - 1] == '<' ? i - 1 : at;
}

/* What the generation prompt adds behind messages [0, i): P, in t->prompt. */
static void find_prompt(struct turns *t, size_t i)
{
    buf_clear(&t->prompt);
    if (!render_first(t, i, false, &t->with) || !render_first(t, i, true, &t->before))
        return;
    /* Instead of the prompt some templates close the text: <|endoftext|>. */
    struct span before = buf_span(&t->before);
    size_t same = common_start(before, buf_span(&t->with));
    if (same < t->with.len)
        same = mark_start(before, 0, char_start(before, same));
    buf_add(&t->prompt, span_from(before, same));
}

/* Takes the white space behind the end mark off; `content_end` is where the content surely is over.
 */
static size_t without_line_break(struct turns *t, size_t i, size_t start, size_t end)
{
    struct span turn = span_part(t->full, start, end - start);
    struct span content = content_of(message_at(t->work, i));
    turn.len -= jinja_space_behind(turn);
    content.len -= jinja_space_behind(content);
    bool has_mark = content.len == 0 || !span_ends_with(turn, content);
    return has_mark ? start + turn.len : end;
}

/* A and B begin F: the turn stands between their ends. */
static bool find_by_parts(struct turns *t, size_t i, struct text_range *out)
{
    if (!render_first(t, i, true, &t->before) || !render_first(t, i + 1, false, &t->with))
        return false;
    struct span before = buf_span(&t->before), with = buf_span(&t->with);
    if (!span_starts_with(t->full, before) || !span_starts_with(t->full, with) ||
        with.len < before.len)
        return false;
    *out = (struct text_range){before.len, with.len};
    find_prompt(t, i);
    if (t->prompt.len > 0)
        return true;
    /* Without a generation prompt, the header before the content is the template's. */
    struct text_range content;
    if (!find_content(t, i, &content) || content.start < out->start)
        return true;
    struct span gap = span_part(t->full, out->start, content.start - out->start);
    if (jinja_space_before(gap) < gap.len)
        out->start = content.start;
    return true;
}

/* Step 2: behind the longest part of P that stands in the window. */
static bool find_start(struct turns *t, size_t i, struct text_range window, size_t *start)
{
    struct text_range content;
    bool has_content = find_content(t, i, &content);
    size_t limit = has_content ? content.start : window.end, best = 0;
    struct span prompt = buf_span(&t->prompt);
    for (size_t at = window.start; at < limit; at++) {
        struct span rest = span_part(t->full, at, limit - at);
        size_t len = common_start(rest, prompt);
        if (len > best) {
            best = len;
            *start = len < prompt.len ? mark_start(t->full, at, char_start(t->full, at + len))
                                      : at + len;
        }
    }
    if (best > 0)
        return true;
    *start = content.start;
    return has_content;
}

/* Length of a "<…>" or "[…]" at the start of `text`, white space before it allowed; 0: none. */
static size_t mark_length(struct span text)
{
    size_t i = jinja_space_before(text);
    if (i == text.len || (text.at[i] != '<' && text.at[i] != '['))
        return 0;
    uint8_t close = text.at[i] == '<' ? '>' : ']';
    for (size_t end = i + 1; end < text.len && end < i + 64; end++) {
        if (text.at[end] == close)
            return end + 1;
    }
    return 0;
}

static bool says_end(struct span mark)
{
    for (size_t i = 0; i + 3 <= mark.len; i++) {
        if ((mark.at[i] | 32) == 'e' && (mark.at[i + 1] | 32) == 'n' &&
            (mark.at[i + 2] | 32) == 'd')
            return true;
    }
    return false;
}

/* Length of the first mark, and of those right behind it that call themselves an end. */
static size_t end_marks_length(struct span text)
{
    size_t all = mark_length(text), next = all;
    while (next > 0) {
        next = mark_length(span_from(text, all));
        if (!says_end(span_part(text, all, next)))
            break;
        all += next;
    }
    return all;
}

/* Behind the first mark in [from, to) that calls itself an end, and those right behind it. */
static bool find_end_mark(struct span full, size_t from, size_t to, size_t *end)
{
    for (size_t at = from; at < to; at++) {
        struct span rest = span_part(full, at, to - at);
        size_t len = rest.at[0] == '<' || rest.at[0] == '[' ? mark_length(rest) : 0;
        if (len > 0 && says_end(span_part(rest, 0, len))) {
            *end = at + end_marks_length(rest);
            return true;
        }
    }
    return false;
}

/* Step 3. */
static bool find_end(struct turns *t, size_t i, struct text_range window, size_t start, size_t *end)
{
    struct text_range content = {start, start};
    bool has_content = find_content(t, i, &content) && content.end >= start;
    size_t low = has_content ? content.end : start, best = 0;
    window.end = max_size(window.end, low); /* a neighbour may have been found too early */
    *end = low;
    if (render_first(t, i + 1, false, &t->with)) {
        for (size_t at = low; at <= window.end; at++) {
            size_t len = common_end(span_part(t->full, start, at - start), buf_span(&t->with));
            if (len > best) {
                best = len;
                *end = at;
            }
        }
    }
    /* The longest end of B is this turn's where it reaches into the content, or is all of the turn.
     */
    if (*end > low && (has_content ? best > *end - low : best == *end - start))
        return true;
    if (!has_content)
        return find_end_mark(t->full, start, window.end, end) || best > 0;
    *end = low + end_marks_length(span_part(t->full, low, window.end - low));
    return true;
}

static bool find_by_window(struct turns *t, size_t i, struct text_range *out)
{
    struct text_range window = {0, t->full.len}, neighbour;
    /* The nearest on either side whose content the template writes: some drop a tool's answers. */
    for (size_t k = i; k > 0 && window.start == 0; k--) {
        if (find_content(t, k - 1, &neighbour))
            window.start = neighbour.end;
    }
    for (size_t k = i + 1; k < t->n && window.end == t->full.len; k++) {
        if (find_content(t, k, &neighbour))
            window.end = neighbour.start;
    }
    if (window.start > window.end)
        return false;
    find_prompt(t, i);
    return find_start(t, i, window, &out->start) && find_end(t, i, window, out->start, &out->end);
}

static bool find_all(struct turns *t, struct chat_text *text, struct err *err)
{
    size_t last_end = 0;
    for (size_t i = 0; i < t->n; i++) {
        struct text_range turn;
        if (!is_trained(t->work, i))
            continue;
        if ((!find_by_parts(t, i, &turn) && !find_by_window(t, i, &turn)) ||
            turn.start < last_end || turn.end < turn.start) {
            err_set(err, ERR_INPUT,
                    "cannot tell where message %zu, the assistant's, stands in what the template "
                    "wrote",
                    i + 1);
            err_hint(err, "mark the assistant's words in the template with {%% generation %%}");
            return false;
        }
        turn.end = without_line_break(t, i, turn.start, turn.end);
        chat_add_span(text, turn.start, turn.end);
        last_end = turn.end;
    }
    return true;
}

bool chat_find_turns(const struct chat_work *work, struct chat_text *text, struct err *err)
{
    struct turns t = {.work = work, .full = buf_span(&text->text)};
    t.n = work->messages.as.list->n;
    t.content = arena_array(&text->arena, struct text_range, t.n);
    t.is_known = arena_array(&text->arena, bool, t.n);
    buf_init(&t.before, BUF_NO_LIMIT);
    buf_init(&t.with, BUF_NO_LIMIT);
    buf_init(&t.prompt, BUF_NO_LIMIT);
    buf_init(&t.variant, BUF_NO_LIMIT);
    bool ok = find_all(&t, text, err);
    buf_release(&t.before);
    buf_release(&t.with);
    buf_release(&t.prompt);
    buf_release(&t.variant);
    return ok;
}
