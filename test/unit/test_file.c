#define _GNU_SOURCE
#include "test/support/support.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static struct arena arena;
static struct err err;

static const char *in_folder(const char *name)
{
    return file_join(&arena, temporary_folder(), name);
}

static void assert_content(const char *path, const char *wanted)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    ASSERT_OK(file_read(&b, path, &err));
    ASSERT_SPAN(buf_span(&b), wanted);
    buf_release(&b);
}

/* ---------------------------------------------------------------------------------- reading -- */

static void a_file_is_mapped_whole(void **state)
{
    (void)state;
    struct file_map map;
    ASSERT_OK(file_map(&map, temporary_file("m", span_of("hello")), &err));
    ASSERT_SPAN(map.bytes, "hello");
    file_unmap(&map);
    file_unmap(&map);
    ASSERT_OK(file_map(&map, temporary_file("empty", span_of("")), &err));
    assert_int_equal(map.bytes.len, 0);
    file_unmap(&map);
}

static void what_cannot_be_mapped_is_named(void **state)
{
    (void)state;
    struct file_map map;
    ASSERT_FAILS(file_map(&map, in_folder("absent"), &err), "cannot open: No such file");
    assert_int_equal(err.kind, ERR_IO);
    assert_string_equal(err.where, in_folder("absent"));
    ASSERT_FAILS(file_map(&map, temporary_folder(), &err), "cannot read: Is a directory");
    ASSERT_FAILS(file_map(&map, "/dev/null", &err), "not a regular file");
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    ASSERT_FAILS(file_map(&map, in_folder("pipe"), &err), "not a regular file");
}

static void reading_stops_at_the_limit(void **state)
{
    (void)state;
    struct buf b;
    const char *path = temporary_file("ten", span_of("0123456789"));
    buf_init(&b, 10);
    ASSERT_OK(file_read(&b, path, &err));
    ASSERT_SPAN(buf_span(&b), "0123456789");
    buf_release(&b);
    buf_init(&b, 9);
    ASSERT_FAILS(file_read(&b, path, &err), "longer than the limit of 9 bytes");
    assert_string_equal(err.where, path);
    buf_release(&b);
    ASSERT_FAILS(file_read(&b, in_folder("absent"), &err), "cannot open");
    ASSERT_FAILS(file_read(&b, temporary_folder(), &err), "Is a directory");
}

static void a_large_file_is_read_whole(void **state)
{
    (void)state;
    struct buf content, b;
    buf_init(&content, BUF_NO_LIMIT);
    buf_init(&b, BUF_NO_LIMIT);
    for (int i = 0; i < 200000; i++)
        buf_printf(&content, "%d ", i);
    const char *path = temporary_file("large", buf_span(&content));
    ASSERT_OK(file_read(&b, path, &err));
    assert_true(span_equal(buf_span(&b), buf_span(&content)));
    buf_release(&b);
    buf_release(&content);
}

static void standard_input_is_a_dash(void **state)
{
    (void)state;
    int saved = dup(STDIN_FILENO);
    int fd = open(temporary_file("in", span_of("one\ntwo")), O_RDONLY);
    dup2(fd, STDIN_FILENO);
    assert_content("-", "one\ntwo");
    dup2(saved, STDIN_FILENO);
    close(fd);
    close(saved);
}

static void lines_are_given_with_their_numbers(void **state)
{
    (void)state;
    struct file_lines lines;
    struct span line;
    bool more;
    ASSERT_OK(file_lines_open(&lines, temporary_file("l", span_of("a\r\n\nccc\nlast")), 100, &err));
    static const char *const wanted[] = {"a\r", "", "ccc", "last"};
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        ASSERT_OK(file_lines_next(&lines, &line, &more, &err));
        assert_true(more);
        ASSERT_SPAN(line, wanted[i]);
        assert_int_equal(lines.line, i + 1);
    }
    ASSERT_OK(file_lines_next(&lines, &line, &more, &err));
    assert_false(more);
    ASSERT_OK(file_lines_next(&lines, &line, &more, &err));
    assert_false(more);
    file_lines_close(&lines);
}

static void nothing_behind_the_last_line_break_is_no_line(void **state)
{
    (void)state;
    struct file_lines lines;
    struct span line;
    bool more;
    ASSERT_OK(file_lines_open(&lines, temporary_file("l", span_of("a\n")), 100, &err));
    ASSERT_OK(file_lines_next(&lines, &line, &more, &err));
    assert_true(more);
    ASSERT_OK(file_lines_next(&lines, &line, &more, &err));
    assert_false(more);
    file_lines_close(&lines);
    ASSERT_OK(file_lines_open(&lines, temporary_file("l", span_of("")), 100, &err));
    ASSERT_OK(file_lines_next(&lines, &line, &more, &err));
    assert_false(more);
    file_lines_close(&lines);
    struct file_lines zeroed = {0};
    file_lines_close(&zeroed);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
}

static void lines_of_bytes_in_memory_are_given_too(void **state)
{
    (void)state;
    struct file_lines lines;
    struct span line;
    bool more;
    file_lines_of(&lines, span_of("ab\ncdefg"), 4);
    ASSERT_OK(file_lines_next(&lines, &line, &more, &err));
    assert_true(more);
    ASSERT_SPAN(line, "ab");
    ASSERT_FAILS(file_lines_next(&lines, &line, &more, &err), "a line is longer than 4 bytes");
    assert_string_equal(err.where, "line 2");
    file_lines_close(&lines);
    file_lines_of(&lines, (struct span){0}, 4);
    ASSERT_OK(file_lines_next(&lines, &line, &more, &err));
    assert_false(more);
    file_lines_close(&lines);
}

static void long_lines_cross_the_read_buffer(void **state)
{
    (void)state;
    struct buf content;
    buf_init(&content, BUF_NO_LIMIT);
    for (size_t i = 0; i < 9; i++) {
        for (size_t k = 0; k < i * 77777; k++)
            buf_add_byte(&content, (uint8_t)('a' + i));
        buf_add_byte(&content, '\n');
    }
    struct file_lines lines;
    struct span line;
    bool more;
    ASSERT_OK(file_lines_open(&lines, temporary_file("l", buf_span(&content)), 1 << 20, &err));
    for (size_t i = 0; i < 9; i++) {
        ASSERT_OK(file_lines_next(&lines, &line, &more, &err));
        assert_int_equal(line.len, i * 77777);
        for (size_t k = 0; k < line.len; k++)
            assert_int_equal(line.at[k], 'a' + i);
    }
    ASSERT_OK(file_lines_next(&lines, &line, &more, &err));
    assert_false(more);
    file_lines_close(&lines);
    buf_release(&content);
}

static void a_line_over_the_limit_is_named(void **state)
{
    (void)state;
    struct file_lines lines;
    struct span line;
    bool more;
    const char *path = temporary_file("l", span_of("1234\n12345\n"));
    ASSERT_OK(file_lines_open(&lines, path, 4, &err));
    ASSERT_OK(file_lines_next(&lines, &line, &more, &err));
    ASSERT_FAILS(file_lines_next(&lines, &line, &more, &err), "a line is longer than 4 bytes");
    assert_non_null(strstr(err.where, "line 2"));
    file_lines_close(&lines);

    struct buf endless;
    buf_init(&endless, BUF_NO_LIMIT);
    for (int i = 0; i < 1 << 20; i++)
        buf_add_byte(&endless, 'x');
    ASSERT_OK(file_lines_open(&lines, temporary_file("l", buf_span(&endless)), 4, &err));
    ASSERT_FAILS(file_lines_next(&lines, &line, &more, &err), "a line is longer than 4 bytes");
    assert_true(lines.buffer.cap < 1 << 19);
    file_lines_close(&lines);
    buf_release(&endless);
    ASSERT_FAILS(file_lines_open(&lines, in_folder("absent"), 4, &err), "cannot open");
}

/* ---------------------------------------------------------------------------------- writing -- */

static void a_file_appears_only_when_it_is_whole(void **state)
{
    (void)state;
    const char *path = temporary_file("out", span_of("old"));
    struct file_writer w;
    ASSERT_OK(file_writer_open(&w, path, &err));
    file_write(&w, span_of("new "));
    file_write(&w, (struct span){0});
    file_write(&w, span_of("content"));
    assert_int_equal(w.written, 11);
    assert_content(path, "old");
    ASSERT_OK(file_commit(&w, &err));
    assert_content(path, "new content");
    file_discard(&w);
    assert_content(path, "new content");
}

static void a_discarded_file_leaves_nothing(void **state)
{
    (void)state;
    char *folder = file_join(&arena, temporary_folder(), "discard");
    assert_int_equal(mkdir(folder, 0700), 0);
    struct file_writer w;
    ASSERT_OK(file_writer_open(&w, file_join(&arena, folder, "x"), &err));
    file_write(&w, span_of("new"));
    file_discard(&w);
    file_discard(&w);
    char **names;
    size_t n_names;
    ASSERT_OK(file_list(&arena, folder, &names, &n_names, &err));
    assert_int_equal(n_names, 0);
    struct file_writer zeroed = {0};
    file_discard(&zeroed);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0);
}

static void writes_larger_than_the_buffer_keep_their_order(void **state)
{
    (void)state;
    struct buf large, wanted;
    buf_init(&large, BUF_NO_LIMIT);
    buf_init(&wanted, BUF_NO_LIMIT);
    for (int i = 0; i < 300000; i++)
        buf_add_byte(&large, (uint8_t)(i * 7));
    const char *path = in_folder("order");
    struct file_writer w;
    ASSERT_OK(file_writer_open(&w, path, &err));
    for (int i = 0; i < 4; i++) {
        file_write(&w, span_of("small"));
        file_write(&w, buf_span(&large));
        buf_add_text(&wanted, "small");
        buf_add(&wanted, buf_span(&large));
    }
    ASSERT_OK(file_commit(&w, &err));
    struct file_map map;
    ASSERT_OK(file_map(&map, path, &err));
    assert_true(span_equal(map.bytes, buf_span(&wanted)));
    file_unmap(&map);
    buf_release(&large);
    buf_release(&wanted);
}

static void what_cannot_be_written_is_named(void **state)
{
    (void)state;
    struct file_writer w;
    ASSERT_FAILS(file_writer_open(&w, in_folder("absent/x"), &err), "cannot write: No such file");
    assert_int_equal(err.kind, ERR_IO);
    file_discard(&w);
    ASSERT_FAILS(file_writer_open(&w, temporary_folder(), &err), "cannot write: Is a directory");
    ASSERT_FAILS(file_writer_open(&w, "/dev/null", &err), "not a regular file");
    file_discard(&w);
}

static void an_error_while_writing_keeps_the_old_file(void **state)
{
    (void)state;
    const char *path = temporary_file("kept", span_of("old"));
    struct file_writer w;
    ASSERT_OK(file_writer_open(&w, path, &err));
    close(w.fd);
    w.fd = open("/dev/full", O_WRONLY);
    file_write(&w, span_of("new"));
    ASSERT_FAILS(file_commit(&w, &err), "cannot write: No space left");
    assert_string_equal(err.where, path);
    assert_non_null(strstr(err.hint, "the disk is full"));
    assert_content(path, "old");
}

/* ------------------------------------------------------------------------------------ names -- */

static void kinds_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(file_kind_of(in_folder("absent")), FILE_MISSING);
    assert_int_equal(file_kind_of(temporary_file("r", span_of(""))), FILE_REGULAR);
    assert_int_equal(file_kind_of(temporary_folder()), FILE_FOLDER);
    assert_int_equal(file_kind_of("/dev/null"), FILE_OTHER);
}

static void names_are_joined_with_one_slash(void **state)
{
    (void)state;
    assert_string_equal(file_join(&arena, "a", "b"), "a/b");
    assert_string_equal(file_join(&arena, "a/", "b"), "a/b");
    assert_string_equal(file_join(&arena, "/", "b"), "/b");
}

static void a_folder_is_listed_in_the_order_of_bytes(void **state)
{
    (void)state;
    char *folder = file_join(&arena, temporary_folder(), "list");
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(mkdir(file_join(&arena, folder, "folder"), 0700), 0);
    (void)temporary_file("list/b", span_of(""));
    (void)temporary_file("list/B", span_of(""));
    (void)temporary_file("list/a10", span_of(""));
    (void)temporary_file("list/.hidden", span_of(""));
    char **names;
    size_t n_names;
    ASSERT_OK(file_list(&arena, folder, &names, &n_names, &err));
    assert_int_equal(n_names, 3);
    assert_string_equal(names[0], "B");
    assert_string_equal(names[1], "a10");
    assert_string_equal(names[2], "b");
    ASSERT_OK(file_list_folders(&arena, folder, &names, &n_names, &err));
    assert_int_equal(n_names, 1);
    assert_string_equal(names[0], "folder");
    ASSERT_FAILS(file_list(&arena, in_folder("absent"), &names, &n_names, &err), "cannot list");
}

static void suffixes_ignore_letter_case(void **state)
{
    (void)state;
    assert_true(file_has_suffix("a/B.JSONL", ".jsonl"));
    assert_false(file_has_suffix("a/b.json", ".jsonl"));
    assert_false(file_has_suffix("l", ".jsonl"));
}

static void forgotten_pages_are_read_again(void **state)
{
    (void)state;
    enum { SIZE = 100000 };
    uint8_t *bytes = test_malloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 7);
    struct file_map map;
    ASSERT_OK(file_map(&map, temporary_file("forget", (struct span){bytes, SIZE}), &err));
    file_map_forget(&map, 0);
    file_map_forget(&map, 50000);
    file_map_forget(&map, SIZE + 1);
    assert_memory_equal(map.bytes.at, bytes, SIZE);
    file_unmap(&map);
    file_map_forget(&map, 10);
    test_free(bytes);
}

static void a_folder_is_made_once(void **state)
{
    (void)state;
    const char *path = file_join(&arena, temporary_folder(), "made");
    ASSERT_OK(file_make_folder(path, &err));
    assert_int_equal(file_kind_of(path), FILE_FOLDER);
    ASSERT_OK(file_make_folder(path, &err));
    ASSERT_FAILS(file_make_folder(file_join(&arena, path, "no/way"), &err),
                 "cannot make the folder: No such file");
    const char *file = temporary_file("a file", span_of(""));
    ASSERT_FAILS(file_make_folder(file, &err), "cannot make the folder: File exists");
    const char *link = file_join(&arena, temporary_folder(), "a link to nothing");
    assert_int_equal(symlink("nothing", link), 0);
    ASSERT_FAILS(file_make_folder(link, &err), "cannot make the folder: File exists");
}

static void a_file_is_put_as_a_whole(void **state)
{
    (void)state;
    struct buf read;
    const char *path = file_join(&arena, temporary_folder(), "put");
    buf_init(&read, BUF_NO_LIMIT);
    ASSERT_OK(file_put(path, span_of("old and long"), &err));
    ASSERT_OK(file_put(path, span_of("new"), &err));
    ASSERT_OK(file_read(&read, path, &err));
    ASSERT_SPAN(buf_span(&read), "new");
    assert_false(file_put("/nowhere/at/all", span_of("x"), &err));
    assert_int_equal(err.kind, ERR_IO);
    buf_release(&read);
}

static void paths_become_absolute_without_links(void **state)
{
    (void)state;
    const char *folder = file_absolute(&arena, temporary_folder());
    const char *file = temporary_file("there", span_of("x"));
    const char *link = file_join(&arena, folder, "link");
    assert_int_equal(symlink(file, link), 0);
    assert_string_equal(file_absolute(&arena, link), file_join(&arena, folder, "there"));
    assert_string_equal(file_absolute(&arena, arena_printf(&arena, "%s/./there", folder)),
                        file_join(&arena, folder, "there"));
    assert_string_equal(file_absolute(&arena, "not/there"), "not/there");
}

static void a_removed_file_is_gone(void **state)
{
    (void)state;
    const char *path = temporary_file("gone", span_of("x"));
    ASSERT_OK(file_remove(path, &err));
    assert_int_equal(file_kind_of(path), FILE_MISSING);
    ASSERT_OK(file_remove(path, &err));
    ASSERT_FAILS(file_remove(temporary_folder(), &err), "cannot remove");
}

static void a_swept_folder_has_no_halves_of_files(void **state)
{
    (void)state;
    const char *folder = file_join(&arena, temporary_folder(), "swept");
    static const char *const names[] = {"a.json.tmp-123", "b", "b.tmp-9", "c.tmp-", "d.tmp-1x"};
    char **left;
    size_t n;
    ASSERT_OK(file_sweep(folder, &err)); /* there is none */
    ASSERT_OK(file_make_folder(folder, &err));
    for (size_t i = 0; i < COUNT_OF(names); i++)
        ASSERT_OK(file_put(file_join(&arena, folder, names[i]), span_of("x"), &err));
    ASSERT_OK(file_sweep(folder, &err));
    ASSERT_OK(file_list(&arena, folder, &left, &n, &err));
    assert_int_equal(n, 3);
    assert_string_equal(left[0], "b");
    assert_string_equal(left[1], "c.tmp-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_become_absolute_without_links),
        cmocka_unit_test(a_removed_file_is_gone),
        cmocka_unit_test(a_swept_folder_has_no_halves_of_files),
        cmocka_unit_test(a_folder_is_made_once),
        cmocka_unit_test(a_file_is_put_as_a_whole),
        cmocka_unit_test(forgotten_pages_are_read_again),
        cmocka_unit_test(a_file_is_mapped_whole),
        cmocka_unit_test(what_cannot_be_mapped_is_named),
        cmocka_unit_test(reading_stops_at_the_limit),
        cmocka_unit_test(a_large_file_is_read_whole),
        cmocka_unit_test(standard_input_is_a_dash),
        cmocka_unit_test(lines_are_given_with_their_numbers),
        cmocka_unit_test(nothing_behind_the_last_line_break_is_no_line),
        cmocka_unit_test(lines_of_bytes_in_memory_are_given_too),
        cmocka_unit_test(long_lines_cross_the_read_buffer),
        cmocka_unit_test(a_line_over_the_limit_is_named),
        cmocka_unit_test(a_file_appears_only_when_it_is_whole),
        cmocka_unit_test(a_discarded_file_leaves_nothing),
        cmocka_unit_test(writes_larger_than_the_buffer_keep_their_order),
        cmocka_unit_test(what_cannot_be_written_is_named),
        cmocka_unit_test(an_error_while_writing_keeps_the_old_file),
        cmocka_unit_test(kinds_are_told_apart),
        cmocka_unit_test(names_are_joined_with_one_slash),
        cmocka_unit_test(a_folder_is_listed_in_the_order_of_bytes),
        cmocka_unit_test(suffixes_ignore_letter_case),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
