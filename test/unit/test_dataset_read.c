#include "test/support/support.h"

#include <unistd.h>

#include "text/dataset_read.h"

static struct arena arena;
static struct err err;

/* All records of a file as text: "line name=value, …;" or "line !problem;". */
static const char *read_all(const char *name, struct span content)
{
    static struct buf out;
    buf_release(&out);
    buf_init(&out, BUF_NO_LIMIT);
    struct record_reader reader;
    struct record record;
    bool more;
    if (!record_reader_open(&reader, temporary_file(name, content), &err))
        return NULL;
    bool ok;
    while ((ok = record_next(&reader, &arena, &record, &more, &err)) && more) {
        buf_printf(&out, "%llu ", (unsigned long long)record.line);
        if (record.problem)
            buf_printf(&out, "!%s", record.problem);
        for (size_t i = 0; i < record.n_fields; i++)
            buf_printf(&out, "%s%.*s=%.*s", i > 0 ? ", " : "", SPAN_ARGS(record.fields[i].name),
                       SPAN_ARGS(record.fields[i].text));
        buf_add_text(&out, ";");
    }
    record_reader_close(&reader);
    return ok ? buf_string(&out) : NULL;
}

static void assert_reads(const char *name, const char *content, const char *wanted)
{
    const char *found = read_all(name, span_of(content));
    if (!found)
        fail_msg("%s: %s: %s", content, err.where, err.what);
    assert_string_equal(found, wanted);
}

static void assert_refuses(const char *name, const char *content, const char *what,
                           const char *where)
{
    ASSERT_FAILS(read_all(name, span_of(content)), what);
    if (!strstr(err.where, where))
        fail_msg("expected \"%s\" in \"%s\"", where, err.where);
}

static void jsonl_is_an_object_a_line(void **state)
{
    (void)state;
    assert_reads("a.jsonl",
                 "{\"a\": \"x\\ny\", \"b\": [1, 2]}\r\n\n  {\"a\": \"\\u00e9\", \"b\": null}",
                 "1 a=x\ny, b=[1, 2];3 a=\xc3\xa9, b=null;");
    assert_reads("a.ndjson", "\xef\xbb\xbf{\"a\": \"x\"}\n", "1 a=x;");
    assert_reads("a.JSONL", "{\"a\": 1, \"a\": 2}", "1 a=1, a=2;");
    assert_reads("a.jsonl", "", "");
}

static void a_bad_line_names_what_is_wrong_and_the_next_is_read(void **state)
{
    (void)state;
    assert_reads("a.jsonl",
                 "{\"a\": \"x\"\n"
                 "[1]\n"
                 "\"text\"\n"
                 "{\"a\": \"\\ud800\"}\n"
                 "{\"a\": \"\xff\"}\n"
                 "{\"a\": \"x\"} {\"b\": 1}\n"
                 "{\"a\": \"ok\"}\n",
                 "1 !the text ends early (column 10: a);"
                 "2 !a row is an object with named columns: {\"prompt\": \xe2\x80\xa6, "
                 "\xe2\x80\xa6} (column 1);"
                 "3 !a row is an object with named columns: {\"prompt\": \xe2\x80\xa6, "
                 "\xe2\x80\xa6} (column 1);"
                 "4 !unpaired surrogate in a string (column 8: a);"
                 "5 !invalid UTF-8 in a string (column 8: a);"
                 "6 !text after the end of the value (column 12);"
                 "7 a=ok;");
}

static void json_is_read_in_every_layout(void **state)
{
    (void)state;
    assert_reads("a.json", "[\n  {\"a\": 1},\n  {\n \"a\": 2\n}\n]\n", "2 a=1;3 a=2;");
    assert_reads("a.json", "{\"n\": 2,\n \"data\": [{\"a\": 1}, {\"a\": 2}], \"x\": [3]}",
                 "2 a=1;2 a=2;");
    assert_reads("a.json", "{\"a\": 1}\n{\"a\": 2}\n", "1 a=1;2 a=2;");
    assert_reads("a.json", "{\n\"a\": 1}\n\n{\n\"a\": 2}\n", "1 a=1;4 a=2;");
    assert_reads("a.json", "{\"prompt\": \"x\"}", "1 prompt=x;");
    assert_reads("a.json", "[]", "");
    assert_reads("a.jsonl", "[{\"a\": 1},\n{\"a\": 2}]", "1 a=1;2 a=2;");
}

static void a_bad_row_of_a_list_does_not_end_the_reading(void **state)
{
    (void)state;
    assert_reads("a.json", "[{\"a\": 1},\n{\"a\": \"\\ud800\"},\n{\"a\": \n tru}, 5, {\"a\": 2}]",
                 "1 a=1;2 !unpaired surrogate in a string (column 8: a);"
                 "3 !expected a value (line 4, column 2: a);"
                 "4 !a row is an object with named columns: {\"prompt\": \xe2\x80\xa6, "
                 "\xe2\x80\xa6} (column 1);4 a=2;");
}

static void a_json_file_that_breaks_off_is_an_error_with_its_line(void **state)
{
    (void)state;
    assert_refuses("a.json", "[{\"a\": 1},\n{\"a\": 2", "the row that begins here is not closed",
                   "a.json: line 2");
    assert_refuses("a.json", "[{\"a\": 1},\n\n", "the file ends inside the list", "line 3");
    assert_refuses("a.json", "[{\"a\": 1}", "the file ends inside the list", "line 1");
    assert_refuses("a.json", "[{\"a\": 1}\n{\"a\": 2}]", "expected ',' or ']'", "line 2");
    assert_refuses("a.json", "[,]", "expected ',' or ']'", "line 1");
    assert_refuses("a.json", "hello", "neither '[' nor '{'", "a.json");
    assert_refuses("a.json", "{\"a\": [{}], \"b\": [{}]}", "2 lists of rows: a, b", "a.json");
}

static void tables_have_their_columns_in_the_header(void **state)
{
    (void)state;
    assert_reads("a.tsv",
                 "\xef\xbb\xbftext\tlabel\r\nit's \"good\"\t1\r\n\"a\"\"b\"\t\"0\"\n\n"
                 "\"open\t1\n",
                 "2 text=it's \"good\", label=1;3 text=a\"b, label=0;5 text=\"open, label=1;");
    assert_reads("a.csv", "text,label\n\"a,\n\"\"b\"\"\",1\nc,2\n",
                 "2 text=a,\n\"b\", label=1;4 text=c, label=2;");
}

static void a_bad_row_of_a_table_is_named(void **state)
{
    (void)state;
    assert_reads("a.tsv", "a\tb\n1\n2\t3\t4\n\xff\t1\n5\t6\n",
                 "2 !1 fields, but the header has 2;"
                 "3 !3 fields, but the header has 2;"
                 "4 !invalid UTF-8 in column 'a';5 a=5, b=6;");
    assert_refuses("a.csv", "a,b\n1,2\n\"open,2\n3,4\n", "never closed", "line 3");
    assert_refuses("a.csv", "", "empty", "a.csv");
}

static void txt_comes_in_parts_that_end_with_a_line(void **state)
{
    (void)state;
    assert_reads("a.txt", "\xef\xbb\xbfone\ntwo", "1 text=one\ntwo;");
    assert_reads("a.txt", "", "");
    /* Three megabytes of lines of 100 bytes: the parts are whole lines, and nothing is lost. */
    enum { LINES = 31000, WIDTH = 100 };
    char *text = test_malloc((size_t)LINES * WIDTH);
    memset(text, 'x', (size_t)LINES * WIDTH);
    for (size_t i = 1; i <= LINES; i++)
        text[i * WIDTH - 1] = '\n';
    const char *path = temporary_file("big.txt", (struct span){(uint8_t *)text, LINES * WIDTH});
    struct record_reader reader;
    struct record record;
    bool more;
    size_t len = 0, parts = 0;
    ASSERT_OK(record_reader_open(&reader, path, &err));
    for (;;) {
        ASSERT_OK(record_next(&reader, &arena, &record, &more, &err));
        if (!more)
            break;
        assert_true(record.is_document);
        assert_int_equal(record.line, 1 + len / WIDTH);
        assert_int_equal(record.fields[0].text.len % WIDTH, 0);
        len += record.fields[0].text.len;
        parts++;
    }
    assert_int_equal(len, LINES * WIDTH);
    assert_int_equal(parts, 3);
    record_reader_close(&reader);
    test_free(text);
}

/* The parts of a text of `unit` repeated over two megabytes are cut between whole units. */
static void assert_cut(const char *unit, size_t lead)
{
    size_t n = ((2u << 20) / strlen(unit));
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (size_t i = 0; i < lead; i++)
        buf_add_byte(&text, 'x');
    for (size_t i = 0; i < n; i++)
        buf_add_text(&text, unit);
    struct record_reader reader;
    struct record record;
    bool more;
    size_t len = 0;
    ASSERT_OK(record_reader_open(&reader, temporary_file("cut.txt", buf_span(&text)), &err));
    for (;;) {
        ASSERT_OK(record_next(&reader, &arena, &record, &more, &err));
        if (!more)
            break;
        assert_null(record.problem);
        len += record.fields[0].text.len;
        assert_int_equal((len - lead) % strlen(unit), 0);
    }
    assert_int_equal(len, text.len);
    record_reader_close(&reader);
    buf_release(&text);
}

static void txt_without_lines_is_cut_at_spaces_or_between_letters(void **state)
{
    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        assert_cut(" word", lead);
        assert_cut("\xe2\x82\xac", lead);
        assert_cut("\xf0\x9f\x98\x80", lead);
    }
}

static void a_line_of_txt_that_is_no_text_is_named_and_passed_over(void **state)
{
    (void)state;
    assert_reads("a.txt", "one\ntwo\nb\xff d\nthree\n",
                 "1 text=one\ntwo\n;3 !invalid UTF-8 (byte 9);4 text=three\n;");
    const char *found = read_all("a.txt", (struct span){(const uint8_t *)"one\na\0b\ntwo", 11});
    assert_string_equal(found, "1 text=one\n;2 !a NUL (byte 5);3 text=two;");
}

static void files_of_another_kind_are_named(void **state)
{
    (void)state;
    assert_refuses("a.jsonl.gz", "\x1f\x8b\x08", "compressed with gzip", "a.jsonl.gz");
    assert_refuses("a.jsonl", "\x1f\x8b\x08", "compressed with gzip", "a.jsonl");
    assert_refuses("a.csv", "PK\x03\x04", "zip archive or a spreadsheet", "a.csv");
    assert_refuses("a.parquet", "PAR1xx", "Parquet", "a.parquet");
    assert_refuses("a.txt", "\xff\xfex", "UTF-16", "a.txt");
    assert_refuses("a.doc", "hello", "the name does not say", "a.doc");
    assert_non_null(strstr(err.hint, ".jsonl"));
    struct record_reader reader;
    ASSERT_FAILS(record_reader_open(&reader, "/nowhere/a.jsonl", &err), "cannot open");
    assert_int_equal(err.kind, ERR_IO);
    assert_true(record_reader_knows("x.JSON"));
    assert_false(record_reader_knows("README.md"));
}

static void of_two_columns_of_one_name_the_last_counts(void **state)
{
    (void)state;
    struct record_field fields[] = {{span_of("a"), JSON_STRING, span_of("1")},
                                    {span_of("a"), JSON_STRING, span_of("2")}};
    struct record record = {.fields = fields, .n_fields = 2};
    ASSERT_SPAN(record_find(&record, span_of("a"))->text, "2");
    assert_null(record_find(&record, span_of("b")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jsonl_is_an_object_a_line),
        cmocka_unit_test(a_bad_line_names_what_is_wrong_and_the_next_is_read),
        cmocka_unit_test(json_is_read_in_every_layout),
        cmocka_unit_test(a_bad_row_of_a_list_does_not_end_the_reading),
        cmocka_unit_test(a_json_file_that_breaks_off_is_an_error_with_its_line),
        cmocka_unit_test(tables_have_their_columns_in_the_header),
        cmocka_unit_test(a_bad_row_of_a_table_is_named),
        cmocka_unit_test(txt_comes_in_parts_that_end_with_a_line),
        cmocka_unit_test(txt_without_lines_is_cut_at_spaces_or_between_letters),
        cmocka_unit_test(a_line_of_txt_that_is_no_text_is_named_and_passed_over),
        cmocka_unit_test(files_of_another_kind_are_named),
        cmocka_unit_test(of_two_columns_of_one_name_the_last_counts),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
