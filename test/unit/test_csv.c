#include "test/support/support.h"

#include "format/csv.h"

static struct arena arena;
static struct err err;

/* The rows behind the header as "a|b\nc|d\n", with the line of each where `lines` is set. */
static const char *rows_of(const char *text, char delimiter, bool lines)
{
    static struct buf out;
    struct csv c;
    struct csv_row row;
    bool more;
    buf_release(&out);
    buf_init(&out, 1 << 20);
    ASSERT_OK(csv_open_bytes(&c, span_of(text), delimiter, 1 << 20, &err));
    for (;;) {
        ASSERT_OK(csv_next(&c, &row, &more, &err));
        if (!more)
            break;
        if (lines)
            buf_printf(&out, "%d:", (int)row.line);
        for (size_t i = 0; i < row.n_fields; i++)
            buf_printf(&out, "%s%.*s", i > 0 ? "|" : "", SPAN_ARGS(row.fields[i]));
        buf_add_byte(&out, '\n');
    }
    csv_close(&c);
    char *copy = arena_string(&arena, buf_span(&out));
    buf_release(&out);
    return copy;
}

static void quotes_keep_commas_and_line_breaks(void **state)
{
    (void)state;
    const char *text = "t,l\n\"a, \"\"b\"\"\",1\n\"two\r\nlines\n\",2\n\"\",\"\"\nx,\n";
    assert_string_equal(rows_of(text, ',', false), "a, \"b\"|1\ntwo\r\nlines\n|2\n|\nx|\n");
}

static void blanks_and_bare_quotes_belong_to_the_field(void **state)
{
    (void)state;
    assert_string_equal(rows_of("t,l\n a ,\tb\t\n5\" disk,x\n", ',', false),
                        " a |\tb\t\n5\" disk|x\n");
}

static void every_line_end_ends_a_row_and_empty_lines_are_none(void **state)
{
    (void)state;
    assert_string_equal(rows_of("t,l\r\n1,2\r3,4\n\n\r\n5,6", ',', true), "2:1|2\n2:3|4\n5:5|6\n");
}

static void the_line_of_a_row_is_that_of_its_beginning(void **state)
{
    (void)state;
    assert_string_equal(rows_of("t\n\"a\n\n\nb\"\n\nc\n", ',', true), "2:a\n\n\nb\n7:c\n");
    assert_string_equal(rows_of("t\tl\na\tb\n\r\n\nc\td\r\n", '\t', true), "2:a|b\n5:c|d\n");
}

static void the_header_names_the_columns(void **state)
{
    (void)state;
    struct csv c;
    ASSERT_OK(csv_open_bytes(&c, span_of("\xef\xbb\xbf\"te\"\"xt\",label\n"), ',', 100, &err));
    assert_int_equal(c.n_columns, 2);
    ASSERT_SPAN(c.header[0], "te\"xt");
    ASSERT_SPAN(c.header[1], "label");
    csv_close(&c);
}

static void a_tab_separated_row_is_a_line_whatever_its_quotes(void **state)
{
    (void)state;
    const char *text = "t\tl\n\"bare start\t0\nsaid \"so\"\t1\n\"\t2\n\"a\" and \"b\"\t3\n";
    assert_string_equal(rows_of(text, '\t', false),
                        "\"bare start|0\nsaid \"so\"|1\n\"|2\n\"a\" and \"b\"|3\n");
}

static void a_tab_separated_field_in_certain_quotes_is_unquoted(void **state)
{
    (void)state;
    const char *text = "t\tl\n\"a \"\"b\"\" c\"\t0\n\"\"\t1\n\"\"\"\"\t2\n\"\"\"\t3\n, \t \n";
    assert_string_equal(rows_of(text, '\t', false), "a \"b\" c|0\n|1\n\"|2\n\"\"\"|3\n, | \n");
}

static void a_row_of_another_width_is_named_and_reading_goes_on(void **state)
{
    (void)state;
    struct csv c;
    struct csv_row row;
    bool more;
    const char *path = temporary_file("w.csv", span_of("a,b\n1,2\n3\n4,5\n"));
    ASSERT_OK(csv_open(&c, path, ',', 100, &err));
    ASSERT_OK(csv_next(&c, &row, &more, &err));
    ASSERT_OK(csv_check_row(&c, &row, &err));
    ASSERT_OK(csv_next(&c, &row, &more, &err));
    ASSERT_FAILS(csv_check_row(&c, &row, &err), "1 fields, but the header has 2");
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.where, "w.csv: line 3"));
    ASSERT_OK(csv_next(&c, &row, &more, &err));
    ASSERT_OK(csv_check_row(&c, &row, &err));
    ASSERT_OK(csv_next(&c, &row, &more, &err));
    assert_false(more);
    ASSERT_OK(csv_next(&c, &row, &more, &err));
    assert_false(more);
    csv_close(&c);
}

static void a_quote_that_is_never_closed_is_named_by_its_line(void **state)
{
    (void)state;
    struct csv c;
    struct csv_row row;
    bool more;
    const char *path = temporary_file("q.csv", span_of("a\n1\n\n\"x\n2\n3\n"));
    ASSERT_OK(csv_open(&c, path, ',', 100, &err));
    ASSERT_OK(csv_next(&c, &row, &more, &err));
    ASSERT_FAILS(csv_next(&c, &row, &more, &err), "the quote that opens a field is never closed");
    assert_non_null(strstr(err.where, "q.csv: line 4"));
    csv_close(&c);
}

static void text_behind_a_closing_quote_is_named_by_its_line(void **state)
{
    (void)state;
    static const char *const texts[] = {"a\n1\n\"say \"hi\" now\"\n", "a\n1\n\"x\" \n",
                                        "a,b\n1,2\n\"\"\"x\"\"y\"z,3\n"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        struct csv c;
        struct csv_row row;
        bool more;
        ASSERT_OK(csv_open_bytes(&c, span_of(texts[i]), ',', 100, &err));
        ASSERT_OK(csv_next(&c, &row, &more, &err));
        ASSERT_FAILS(csv_next(&c, &row, &more, &err), "text follows the quote that closes a field");
        assert_string_equal(err.where, "line 3");
        assert_non_null(strstr(err.hint, "must be doubled"));
        csv_close(&c);
    }
}

static void a_row_over_the_limit_is_refused(void **state)
{
    (void)state;
    struct csv c;
    struct csv_row row;
    bool more;
    const char *text = "a\nshort\n\"x\nlong\nlong\nlong\nlong\n";
    ASSERT_OK(csv_open_bytes(&c, span_of(text), ',', 10, &err));
    ASSERT_OK(csv_next(&c, &row, &more, &err));
    ASSERT_FAILS(csv_next(&c, &row, &more, &err), "a row is longer than 10 bytes");
    assert_string_equal(err.where, "line 3");
    csv_close(&c);
    ASSERT_OK(csv_open_bytes(&c, span_of("a\n0123456789x\n"), '\t', 10, &err));
    ASSERT_FAILS(csv_next(&c, &row, &more, &err), "a line is longer than 10 bytes");
    csv_close(&c);
}

static void a_file_without_a_header_is_refused(void **state)
{
    (void)state;
    struct csv c;
    ASSERT_FAILS(csv_open_bytes(&c, span_of(""), ',', 10, &err), "the table is empty");
    ASSERT_FAILS(csv_open_bytes(&c, span_of("\n\r\n\n"), '\t', 10, &err), "the table is empty");
    ASSERT_FAILS(csv_open(&c, temporary_file("e.csv", span_of("")), ',', 10, &err), "is empty");
    assert_non_null(strstr(err.where, "e.csv"));
    ASSERT_FAILS(csv_open(&c, "/absent/x.csv", ',', 10, &err), "cannot open");
    csv_close(&c);
    struct csv zeroed = {0};
    csv_close(&zeroed);
}

static void many_long_rows_are_read(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_add_text(&text, "text,label\n");
    for (int i = 0; i < 3000; i++) {
        buf_add_byte(&text, '"');
        for (int k = 0; k < i; k++)
            buf_add_byte(&text, (uint8_t)(k % 40 == 39 ? '\n' : 'a' + i % 26));
        buf_printf(&text, "\",%d\n", i);
    }
    struct csv c;
    struct csv_row row;
    bool more;
    ASSERT_OK(csv_open(&c, temporary_file("long.csv", buf_span(&text)), ',', 4000, &err));
    for (size_t i = 0; i < 3000; i++) {
        ASSERT_OK(csv_next(&c, &row, &more, &err));
        assert_true(more && row.n_fields == 2);
        assert_int_equal(row.fields[0].len, i);
        ASSERT_SPAN(row.fields[1], arena_printf(&arena, "%zu", i));
    }
    ASSERT_OK(csv_next(&c, &row, &more, &err));
    assert_false(more);
    csv_close(&c);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotes_keep_commas_and_line_breaks),
        cmocka_unit_test(blanks_and_bare_quotes_belong_to_the_field),
        cmocka_unit_test(every_line_end_ends_a_row_and_empty_lines_are_none),
        cmocka_unit_test(the_line_of_a_row_is_that_of_its_beginning),
        cmocka_unit_test(the_header_names_the_columns),
        cmocka_unit_test(a_tab_separated_row_is_a_line_whatever_its_quotes),
        cmocka_unit_test(a_tab_separated_field_in_certain_quotes_is_unquoted),
        cmocka_unit_test(a_row_of_another_width_is_named_and_reading_goes_on),
        cmocka_unit_test(a_quote_that_is_never_closed_is_named_by_its_line),
        cmocka_unit_test(text_behind_a_closing_quote_is_named_by_its_line),
        cmocka_unit_test(a_row_over_the_limit_is_refused),
        cmocka_unit_test(a_file_without_a_header_is_refused),
        cmocka_unit_test(many_long_rows_are_read),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
