/*
 * pretoken_tool.c - shows what normalisers and pre-tokenizers make of texts, for comparison with
 * the `tokenizers` library (test/golden/pretoken_check.py).
 *
 * Standard input: a JSON object a line,
 *
 *     {"normalizer": …, "pre_tokenizer": …, "texts": ["…", …]}
 *
 * Standard output: a line for each: {"error": "…"} where it cannot be read, or
 *
 *     {"texts": [{"normalized": "…", "pieces": [["piece", start, end], …]}, …]}
 *
 * with the pieces as the library shows them (the byte alphabet where ByteLevel is last) and their
 * places in the original in bytes.
 */
#include <stdio.h>

#include "base/file.h"
#include "text/normalize.h"
#include "text/pretoken.h"
#include "text/unicode.h"

struct job {
    struct normalizer normalizer;
    struct pretokenizer pretokenizer;
    struct text text;
    struct buf letters;
    struct json_writer writer;
};

static void put_piece(struct job *job, struct text_piece piece)
{
    struct span bytes = span_part(job->text.bytes, piece.start, piece.end - piece.start);
    struct text_origin origin = text_origin_of(&job->text, piece.start, piece.end);
    if (job->pretokenizer.byte_level) {
        buf_clear(&job->letters);
        for (size_t i = 0; i < bytes.len; i++)
            buf_add_utf8(&job->letters, unicode_of_byte[bytes.at[i]]);
        bytes = buf_span(&job->letters);
    }
    json_begin_array(&job->writer);
    json_put_string(&job->writer, bytes);
    json_put_int(&job->writer, origin.start);
    json_put_int(&job->writer, origin.end);
    json_end(&job->writer);
}

static void run_text(struct job *job, struct span text)
{
    struct err err = {0};
    struct json_writer *w = &job->writer;
    json_begin_object(w);
    text_set(&job->text, text, 0, true);
    bool ok = normalizer_run(&job->normalizer, &job->text, &err);
    if (ok) {
        json_key(w, "normalized");
        json_put_string(w, job->text.bytes);
        ok = pretokenizer_run(&job->pretokenizer, &job->text, &err);
    }
    if (ok) {
        json_key(w, "pieces");
        json_begin_array(w);
        for (size_t i = 0; i < job->text.n_pieces; i++)
            put_piece(job, job->text.pieces[i]);
        json_end(w);
    } else {
        json_key(w, "error");
        json_put_text(w, err.what);
    }
    json_end(w);
}

static void run_texts(struct job *job, struct span texts, struct arena *arena)
{
    struct json_reader r;
    json_open(&r, texts, arena);
    json_begin_object(&job->writer);
    json_key(&job->writer, "texts");
    json_begin_array(&job->writer);
    for (json_enter_array(&r); json_next_item(&r);)
        run_text(job, json_string(&r));
    json_end(&job->writer);
    json_end(&job->writer);
}

static void run_line(struct job *job, struct span line)
{
    struct arena arena = {0};
    struct json_reader r;
    struct err err = {0};
    struct span key, texts = {0};
    json_open(&r, line, &arena);
    for (json_enter_object(&r); json_next_key(&r, &key);) {
        if (span_is(key, "normalizer"))
            normalizer_read(&job->normalizer, &r);
        else if (span_is(key, "pre_tokenizer"))
            pretokenizer_read(&job->pretokenizer, &r);
        else
            texts = json_raw(&r);
    }
    if (json_close(&r, &err)) {
        run_texts(job, texts, &arena);
    } else {
        json_begin_object(&job->writer);
        json_key(&job->writer, "error");
        json_put_text(&job->writer, err.what);
        json_end(&job->writer);
    }
    normalizer_release(&job->normalizer);
    pretokenizer_release(&job->pretokenizer);
    arena_release(&arena);
}

int main(void)
{
    struct file_lines lines;
    struct err err = {0};
    struct span line;
    struct buf out;
    struct job job = {0};
    bool more;
    buf_init(&out, BUF_NO_LIMIT);
    buf_init(&job.letters, BUF_NO_LIMIT);
    text_init(&job.text);
    if (!file_lines_open(&lines, "-", (size_t)1 << 30, &err))
        return 3;
    while (file_lines_next(&lines, &line, &more, &err) && more) {
        buf_clear(&out);
        job.writer = (struct json_writer){.out = &out};
        run_line(&job, line);
        printf("%s\n", buf_string(&out));
        fflush(stdout);
    }
    file_lines_close(&lines);
    text_release(&job.text);
    buf_release(&job.letters);
    buf_release(&out);
    return err.kind == ERR_NONE ? 0 : 3;
}
