/*
 * cmd_doctor.c - pace doctor: what a training log, ours or another trainer's, says of its learning
 * rate.
 *
 * The verdict is a result, not a failure: the exit code is 0 whatever it is. Of several logs all
 * are reported; those that cannot be read are named, and the code is then 3.
 */
#include "base/file.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/doctor_view.h"

static bool write_page(const struct doctor_case *cases, size_t n, const char *path, struct err *err)
{
    struct buf page;
    buf_init(&page, BUF_NO_LIMIT);
    doctor_page(cases, n, &page);
    bool ok = file_put(path, buf_span(&page), err);
    buf_release(&page);
    return ok;
}

static bool print_cases(const struct options *o, const struct doctor_case *cases, size_t n,
                        struct err *err)
{
    struct buf out;
    struct term term = term_of_stdout();
    buf_init(&out, BUF_NO_LIMIT);
    if (o->json)
        doctor_view_json(cases, n, &out);
    for (size_t i = 0; i < n && !o->json; i++) {
        buf_add_text(&out, i > 0 ? "\n" : "");
        doctor_view_text(&cases[i], &term, &out);
    }
    bool ok = command_print(&out, err);
    buf_release(&out);
    return ok;
}

/* Reads all logs; those that fail are told of at once, but for the last, which is left in `err`. */
static size_t read_cases(const struct options *o, struct doctor_case *cases, struct arena *arena,
                         struct err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n_arguments; i++) {
        struct doctor_case *c = &cases[n];
        struct err failed = {0};
        c->path = o->arguments[i];
        if (log_read(&c->log, c->path, arena, &failed)) {
            pace_diagnose(&c->log.series, &c->diagnosis);
            n++;
            continue;
        }
        if (err->kind != ERR_NONE)
            log_error(err);
        *err = failed;
    }
    return n;
}

bool cmd_doctor(const struct options *o, struct err *err)
{
    struct arena arena = {0};
    struct doctor_case *cases = arena_array(&arena, struct doctor_case, o->n_arguments);
    struct err unread = {0};
    size_t n = read_cases(o, cases, &arena, &unread);
    bool ok = n == 0 || (print_cases(o, cases, n, err) &&
                         (!o->html_path || write_page(cases, n, o->html_path, err)));
    if (ok && unread.kind != ERR_NONE) {
        *err = unread;
        ok = false;
    }
    arena_release(&arena);
    return ok;
}
