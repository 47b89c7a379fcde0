/*
 * tiny_model.c - the files of tiny_model.h.
 */
#include "test/support/tiny_model.h"

#include <sys/stat.h>

#include "base/file.h"

static const char tokenizer[] =
    "{\"version\": \"1.0\", \"truncation\": null, \"padding\": null, \"added_tokens\": ["
    "{\"id\": 5, \"content\": \"<s>\", \"single_word\": false, \"lstrip\": false, \"rstrip\": "
    "false,"
    " \"normalized\": false, \"special\": true},"
    "{\"id\": 6, \"content\": \"<e>\", \"single_word\": false, \"lstrip\": false, \"rstrip\": "
    "false,"
    " \"normalized\": false, \"special\": true}],"
    "\"normalizer\": null, \"pre_tokenizer\": null, \"post_processor\": {\"type\": "
    "\"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": \"<s>\", \"type_id\": 0}}, "
    "{\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}], \"pair\": [{\"Sequence\": {\"id\": \"A\", "
    "\"type_id\": 0}}, {\"Sequence\": {\"id\": \"B\", \"type_id\": 0}}], \"special_tokens\": "
    "{\"<s>\": {\"id\": \"<s>\", \"ids\": [5], \"tokens\": [\"<s>\"]}}}, \"decoder\": null,"
    "\"model\": {\"type\": \"BPE\", \"dropout\": null, \"unk_token\": null, "
    "\"continuing_subword_prefix\": null, \"end_of_word_suffix\": null, \"fuse_unk\": false, "
    "\"byte_fallback\": false, \"ignore_merges\": false, \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, "
    "\" \": 3, \"ab\": 4, \"<s>\": 5, \"<e>\": 6, \"\\n\": 7, \":\": 8, \"u\": 9}, "
    "\"merges\": [[\"a\", \"b\"]]}}";

static struct arena arena; /* of paths; small, and lives as long as the program */

const char *write_into(const char *folder, const char *name, const char *content)
{
    struct err err;
    struct file_writer w;
    char *path = file_join(&arena, folder, name);
    ASSERT_OK(file_writer_open(&w, path, &err));
    file_write(&w, span_of(content));
    ASSERT_OK(file_commit(&w, &err));
    return path;
}

const char *tiny_model(const char *name, const char *config, const char *template)
{
    char *folder = file_join(&arena, temporary_folder(), name);
    assert_int_equal(mkdir(folder, 0777), 0);
    tiny_tokenizer(folder, config, template);
    return folder;
}

void tiny_tokenizer(const char *folder, const char *config, const char *template)
{
    write_into(folder, "tokenizer.json", tokenizer);
    if (config)
        write_into(folder, "tokenizer_config.json", config);
    if (template)
        write_into(folder, "chat_template.jinja", template);
}

const char *tiny_rows(int n)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (int i = 0; i < n; i++)
        buf_printf(&text, "{\"prompt\": \"%c%c%c%c\", \"completion\": \"%s\"}\n", "abc"[i % 3],
                   "cab"[i / 3 % 3], "uc "[i / 9 % 3], "cu"[i / 27 % 2],
                   i % 2 ? "abcabcabc" : "bcabcabcabc");
    const char *path = temporary_file("rows.jsonl", buf_span(&text));
    buf_release(&text);
    return path;
}
