/*
 * cmd_selftest.c - pace selftest: does this machine compute what it should?
 *
 * The table of cases that every backend is held to ships with the program. Each case is run three
 * ways: the plain backend against its own formulas in float64, the fast one against the plain one,
 * and the fast one again with one thread, which must give the same bits. A processor whose vector
 * units err, or a build whose library does, shows itself here and not in a loss that looks odd.
 * Which of the fast one's sets of loops this processor has been given is said below the table.
 */
#include "backend/cases.h"
#include "cli/command.h"
#include "cli/term.h"
#include "format/json.h"
#include "train/engine.h"

/* What was found for one operation. */
struct row {
    size_t n_cases, n_failed;
    double worst; /* the largest error, as a share of what is allowed */
    struct case_finding finding;
    const char *check;
};

struct selftest {
    struct thread_pool *one, *all;
    struct row rows[CASE_OPS];
    size_t n_failed;
};

static void note(struct selftest *t, enum case_op op, const char *check, struct case_finding found)
{
    struct row *row = &t->rows[op];
    double share = found.tolerance > 0 ? found.error / found.tolerance : found.error;
    bool failed = !cases_pass(&found);
    if (failed || share > row->worst) {
        row->worst = share;
        row->finding = found;
        row->check = check;
    }
    row->n_failed += failed;
    t->n_failed += failed;
}

static void run_case(struct selftest *t, const struct case_row *row)
{
    struct case_backend plain = {.ops = &backend_ref};
    struct case_backend fast = {.ops = &backend_cpu, .threads = t->all};
    struct case_backend alone = {.ops = &backend_cpu, .threads = t->one};
    t->rows[row->op].n_cases++;
    if (!(row->flags & CASE_LARGE))
        note(t, row->op, "its formulas", cases_differentiate(row, &plain));
    note(t, row->op, "plain C", cases_compare(row, &plain, &fast));
    note(t, row->op, "one thread", cases_repeat(row, &alone, &fast));
    if (!cases_has_products(row->op))
        return;
    fast.products = alone.products = PRODUCTS_BF16;
    note(t, row->op, "bfloat16", cases_compare(row, &plain, &fast));
    note(t, row->op, "one thread", cases_repeat(row, &alone, &fast));
}

static void put_json(const struct selftest *t, struct buf *out)
{
    struct json_writer w = {.out = out, .indent = 2};
    json_begin_object(&w);
    json_member_text(&w, "machine", engine_machine());
    json_member_int(&w, "threads", (int64_t)thread_pool_size(t->all));
    json_member_int(&w, "failed", (int64_t)t->n_failed);
    json_key(&w, "operations");
    json_begin_array(&w);
    for (size_t i = 0; i < CASE_OPS; i++) {
        const struct row *row = &t->rows[i];
        json_begin_object(&w);
        json_member_text(&w, "name", cases_op_name((enum case_op)i));
        json_member_int(&w, "cases", (int64_t)row->n_cases);
        json_member_int(&w, "failed", (int64_t)row->n_failed);
        json_member_text(&w, "worst", row->finding.output);
        json_member_double(&w, "error", row->finding.error);
        json_member_double(&w, "tolerance", row->finding.tolerance);
        json_end(&w);
    }
    json_end(&w);
    json_end(&w);
    buf_add_byte(out, '\n');
}

static void put_text(const struct selftest *t, const struct term *term, struct buf *out)
{
    buf_printf(out, "%-10s %6s  %-11s %-24s %s\n", "operation", "cases", "", "worst", "allowed");
    for (size_t i = 0; i < CASE_OPS; i++) {
        const struct row *row = &t->rows[i];
        bool failed = row->n_failed > 0;
        buf_printf(out, "%-10s %6zu  %s%-11s%s %-14.14s %-9.2g %.2g%s%s\n",
                   cases_op_name((enum case_op)i), row->n_cases,
                   term_style(term, failed ? TERM_YELLOW : TERM_GREEN), failed ? "FAILED" : "right",
                   term_style(term, TERM_PLAIN), row->finding.output, row->finding.error,
                   row->finding.tolerance, failed ? "  against " : "", failed ? row->check : "");
    }
    buf_printf(out, "\n%s\n%s\n", engine_machine(),
               t->n_failed == 0 ? "This machine computes what it should."
                                : "This machine does not compute what it should.");
}

bool cmd_selftest(const struct options *o, struct err *err)
{
    struct selftest t = {0};
    struct buf out;
    struct term term = term_of_stdout();
    size_t n_threads = o->threads > 0 ? (size_t)o->threads : thread_processors();
    buf_init(&out, BUF_NO_LIMIT);
    bool ok = thread_pool_open(&t.one, 1, err) && thread_pool_open(&t.all, n_threads, err);
    if (ok) {
        for (size_t i = 0; i < cases_count; i++)
            run_case(&t, &cases_table[i]);
        if (o->json)
            put_json(&t, &out);
        else
            put_text(&t, &term, &out);
        ok = command_print(&out, err);
    }
    if (ok && t.n_failed > 0) {
        err_set(err, ERR_DEVICE, "%zu checks of the arithmetic failed", t.n_failed);
        ok = false;
    }
    thread_pool_close(t.one);
    thread_pool_close(t.all);
    buf_release(&out);
    return ok;
}
