/*
 * facts.h - what a run's journal says beside its observations: how it was set up, what the search
 * saw, what was left out, what came of it.
 *
 * A record that is not there leaves its numbers NAN, its texts NULL, its lists empty; so does a
 * member that is missing or of another type: journals of runs that were killed, of other versions
 * or from strangers are told as far as they go. Losses are in nats per target token, spreads in
 * decades. The records, one JSON object a line (journal.h has the others):
 *
 *   run         what was asked for and chosen; the first line
 *   preflight   a check before the first step
 *   prior       the first guess of the rate, with its terms
 *   arm         a short beginning of the run at one rate
 *   search      the rate that was chosen, and what the search knows of its neighbours
 *   quarantine  a row that is left out
 *   checkpoint, resume
 *   answer      a prompt with what base and tuned model say
 *   choice      which state is saved
 *   verdict     losses on the test rows, what was forgotten
 *   end         how the run ended, and what it took
 */
#ifndef PACE_REPORT_FACTS_H
#define PACE_REPORT_FACTS_H

#include "logs/journal.h"

/* An option and why it has its value. */
struct facts_option {
    const char *option, *value;
    const char *reason; /* NULL: it was given */
};

struct facts_memory {
    const char *name; /* "activations" */
    double bytes;
};

struct facts_check {
    const char *check; /* "base_loss" */
    bool ok;
    const char *action, *reason;
};

struct facts_term {
    const char *name, *source;
    double value, effect, se, runs; /* effect, se: decades */
};

struct facts_prior {
    bool is_there;
    double learning_rate, sd, low, high;
    const struct facts_term *terms;
    size_t n_terms;
};

struct facts_arm {
    double arm, learning_rate, steps, loss, se, base_loss;
    const char *status; /* "measured", "diverged", … */
    const char *action, *reason;
};

struct facts_search {
    bool is_there;
    double learning_rate, low, high, sd;
    const char *method, *reason;   /* method: "race", "prior", … */
    double double_cost, half_cost; /* nats: of twice and of half the rate */
    double best_loss, curvature;   /* the bowl: nats at its bottom, nats per squared decade */
    double cost;                   /* share of the planned run */
    double arm;                    /* that the run went on from; -1: none */
};

/* Something that happened to the run, beside the guard's decisions. */
struct facts_incident {
    const char *action; /* "quarantine", "resume", "average", … */
    const char *reason;
    const char *file;  /* of a quarantined row */
    double row, line;  /* the same */
    double step, loss; /* as recorded */
    size_t n_entries;  /* observations before it */
};

struct facts_answer {
    const char *prompt, *expected, *base, *tuned;
};

struct facts_verdict {
    bool is_there, is_better;
    double base_loss, tuned_loss, difference, low, high, rows;
    double kl, kl_se, kl_tokens; /* from the base, on what the base wrote */
    double answers, base_exact, tuned_exact; /* test rows that are answers; said word for word */
    const char *reason;
};

struct facts_end {
    bool is_there;
    const char *status; /* "done", "stopped", "interrupted" */
    const char *reason;
    double steps, tokens, seconds, tokens_per_second, peak_memory_bytes;
    double main, search, eval, redo, total_ratio; /* of the computing, main is 1 */
};

struct facts {
    bool has_run;
    const char *pace, *model, *data, *method, *optimizer, *model_type, *guard, *time;
    double parameters, trained_parameters;
    double train_rows, eval_rows, test_rows;
    double steps, batch_rows, epochs, seed;
    const struct facts_option *options;
    size_t n_options;
    const struct facts_memory *memory;
    size_t n_memory;

    const struct facts_check *checks;
    size_t n_checks;
    struct facts_prior prior;
    const struct facts_arm *arms;
    size_t n_arms;
    struct facts_search search;
    const struct facts_incident *quarantined;
    size_t n_quarantined;
    const struct facts_incident *resumes;
    size_t n_resumes;
    const struct facts_answer *answers;
    size_t n_answers;
    struct facts_incident choice; /* of the state that is saved; action NULL: there is none */
    struct facts_verdict verdict;
    struct facts_end end;
};

/* Texts live in the arena. The journal has been read: its lines are well formed. */
void facts_read(struct facts *facts, const struct journal *journal, struct arena *arena);

/*
 * The same as members of an open JSON object: run, preflight, prior, arms, search, quarantined,
 * choice, verdict, answers, each with the members that its records have. What is not there is null.
 */
struct json_writer;
void facts_put(struct json_writer *w, const struct facts *facts);

/* The member "compute" of a run's end. */
void facts_put_compute(struct json_writer *w, const struct facts_end *end);

#endif
