/*
 * field.c - a column's meaning from the words of its name.
 *
 * Trainers agree on the words and on nothing else: loss/train, train_loss, trainLoss, "Train loss",
 * train/lm_loss. So a name is cut into words (at every character that is no letter or digit, and
 * where a capital follows a small letter), each word is looked up in one table, and the set of
 * kinds found decides. A word that the table does not know makes the name something else:
 * "loss_scale", "kl_loss", "embedding_lr", "step_time". Two exceptions, both seen in the wild: a
 * learning rate may name its optimizer or parameter group behind it ("lr-AdamW/pg1"), and a
 * held-out loss its data set in the middle ("eval_wiki_loss").
 *
 * The rank counts the words beyond the bare name, so that "loss" is preferred to "train_loss"
 * (which is nanoGPT's estimate, and a Trainer's mean of the whole run) and "global_step" to
 * "_step".
 *
 * To add a word: a row. Sources of the names: transformers, TRL, LLaMA-Factory, ms-swift,
 * torchtune, mlx-lm, llm.c, nanoGPT, Lightning, Keras, fairseq, Megatron, W&B's CSV export.
 */
#include "logs/field.h"

enum { LONGEST_NAME = 200, LONGEST_WORD = 16 };

enum kind {
    KIND_OTHER = 1 << 0,
    KIND_PLAIN = 1 << 1, /* says nothing of the meaning */
    KIND_LOSS = 1 << 2,
    KIND_TRAIN = 1 << 3,
    KIND_EVAL = 1 << 4,
    KIND_TEST = 1 << 5,
    KIND_LR = 1 << 6,
    KIND_LEARNING = 1 << 7,
    KIND_RATE = 1 << 8,
    KIND_GRAD = 1 << 9,
    KIND_NORM = 1 << 10,
    KIND_STEP = 1 << 11,
    KIND_EPOCH = 1 << 12,
    KIND_TOTAL = 1 << 13,
    KIND_GLOBAL = 1 << 14,
    KIND_BOUND = 1 << 15, /* a setting, not a value of the run: "min_lr" */
    KIND_RUNTIME = 1 << 16,
};

static const struct {
    char word[LONGEST_WORD];
    unsigned kinds;
} words[] = {
    {"loss", KIND_LOSS},
    {"losses", KIND_LOSS},
    {"train", KIND_TRAIN},
    {"training", KIND_TRAIN},
    {"trainer", KIND_TRAIN},
    {"eval", KIND_EVAL},
    {"evaluation", KIND_EVAL},
    {"val", KIND_EVAL},
    {"valid", KIND_EVAL},
    {"validation", KIND_EVAL},
    {"dev", KIND_EVAL},
    {"heldout", KIND_EVAL},
    {"test", KIND_EVAL | KIND_TEST},
    {"lr", KIND_LR},
    {"learningrate", KIND_LR},
    {"learning", KIND_LEARNING},
    {"rate", KIND_RATE},
    {"grad", KIND_GRAD},
    {"grads", KIND_GRAD},
    {"gradient", KIND_GRAD},
    {"gradients", KIND_GRAD},
    {"norm", KIND_NORM},
    {"gnorm", KIND_GRAD | KIND_NORM},
    {"gradnorm", KIND_GRAD | KIND_NORM},
    {"step", KIND_STEP},
    {"steps", KIND_STEP},
    {"iter", KIND_STEP},
    {"iters", KIND_STEP},
    {"iteration", KIND_STEP},
    {"iterations", KIND_STEP},
    {"update", KIND_STEP},
    {"updates", KIND_STEP},
    {"epoch", KIND_EPOCH},
    {"epochs", KIND_EPOCH},
    {"total", KIND_TOTAL},
    {"max", KIND_TOTAL | KIND_BOUND},
    {"num", KIND_TOTAL},
    {"global", KIND_GLOBAL},
    {"runtime", KIND_RUNTIME},
    {"min", KIND_BOUND},
    {"base", KIND_BOUND},
    {"init", KIND_BOUND},
    {"initial", KIND_BOUND},
    {"peak", KIND_BOUND},
    {"final", KIND_BOUND},
    {"end", KIND_BOUND},
    {"warmup", KIND_BOUND},
    {"decay", KIND_BOUND},
    {"scheduler", KIND_BOUND},
    {"schedule", KIND_BOUND},
    {"type", KIND_BOUND},
    {"ratio", KIND_BOUND},
    {"factor", KIND_BOUND},
    {"mult", KIND_BOUND},
    {"multiplier", KIND_BOUND},
    {"frac", KIND_BOUND},
    {"current", KIND_PLAIN},
    {"avg", KIND_PLAIN},
    {"average", KIND_PLAIN},
    {"mean", KIND_PLAIN},
    {"running", KIND_PLAIN},
    {"smooth", KIND_PLAIN},
    {"smoothed", KIND_PLAIN},
    {"batch", KIND_PLAIN},
    {"per", KIND_PLAIN},
    {"token", KIND_PLAIN},
    {"lm", KIND_PLAIN},
    {"ce", KIND_PLAIN},
    {"nll", KIND_PLAIN},
    {"cross", KIND_PLAIN},
    {"entropy", KIND_PLAIN},
    {"metrics", KIND_PLAIN},
    {"metric", KIND_PLAIN},
    {"optimizer", KIND_PLAIN},
    {"optimization", KIND_PLAIN},
    {"bar", KIND_PLAIN},
    {"model", KIND_PLAIN},
    {"l2", KIND_PLAIN},
    {"2", KIND_PLAIN},
    {"0", KIND_PLAIN},
};

/* ----------------------------------------------------------------------------------- words -- */

/* All that decides: the kinds of a name's words. */
struct parts {
    unsigned kinds; /* of all words */
    unsigned first, last;
    int n_words, n_steps;
};

static unsigned kinds_of(const char *word)
{
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(words[i].word, word) == 0)
            return words[i].kinds;
    }
    return KIND_OTHER;
}

static void add_word(struct parts *p, char *word, size_t *len)
{
    if (*len == 0)
        return;
    word[*len < LONGEST_WORD ? *len : 0] = '\0'; /* longer than any word of the table */
    p->last = kinds_of(word);
    if (p->n_words == 0)
        p->first = p->last;
    p->kinds |= p->last;
    p->n_words++;
    p->n_steps += (p->last & KIND_STEP) != 0;
    *len = 0;
}

static bool is_small(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_capital(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

static struct parts parts_of(struct span name)
{
    struct parts p = {0};
    char word[LONGEST_WORD + 1];
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        bool is_inner = is_small(c) || (c >= '0' && c <= '9') || c >= 0x80;
        if (!is_inner && !(is_capital(c) && i > 0 && is_capital(name.at[i - 1])))
            add_word(&p, word, &len);
        if (!is_inner && !is_capital(c))
            continue;
        word[min_size(len, LONGEST_WORD - 1)] = (char)(is_capital(c) ? c + 'a' - 'A' : c);
        len++;
    }
    add_word(&p, word, &len);
    return p;
}

/* ---------------------------------------------------------------------------------- fields -- */

static bool has(const struct parts *p, unsigned kinds)
{
    return (p->kinds & kinds) == kinds;
}

/* All words are of these kinds, or plain. */
static bool only(const struct parts *p, unsigned kinds)
{
    return (p->kinds & ~(kinds | KIND_PLAIN)) == 0;
}

static bool loss_of(const struct parts *p, struct field_match *m)
{
    if (!has(p, KIND_LOSS) || (p->last & KIND_BOUND))
        return false;
    bool is_eval = has(p, KIND_EVAL);
    m->field = is_eval ? FIELD_EVAL_LOSS : FIELD_LOSS;
    m->rank = p->n_words - 1 + has(p, KIND_EPOCH) + 4 * has(p, KIND_TEST);
    if (only(p,
             KIND_LOSS | KIND_TRAIN | KIND_EVAL | KIND_TEST | KIND_TOTAL | KIND_STEP | KIND_EPOCH))
        return true;
    m->rank += 10;
    return is_eval && (p->first & KIND_EVAL) && (p->last & KIND_LOSS);
}

static bool rate_of(const struct parts *p, struct field_match *m)
{
    bool is_long = has(p, KIND_LEARNING | KIND_RATE);
    m->field = FIELD_RATE;
    m->rank = p->n_words - 1 - is_long;
    if (!has(p, KIND_LR) && !is_long)
        return false;
    if (p->kinds & (KIND_BOUND | KIND_LOSS | KIND_EVAL | KIND_STEP | KIND_GRAD))
        return false;
    bool is_behind = (p->first & (KIND_LR | KIND_LEARNING | KIND_TRAIN | KIND_PLAIN)) != 0;
    return !has(p, KIND_OTHER) || is_behind;
}

static bool norm_of(const struct parts *p, struct field_match *m)
{
    m->field = FIELD_GRAD_NORM;
    m->rank = p->n_words - 1;
    return has(p, KIND_NORM) && (has(p, KIND_GRAD) || p->n_words == 1 || has(p, KIND_GLOBAL)) &&
           only(p, KIND_GRAD | KIND_NORM | KIND_TRAIN | KIND_GLOBAL | KIND_TOTAL);
}

/* "num_updates" is fairseq's count so far; "global_step/max_steps" is "601/2161". */
static bool step_of(const struct parts *p, struct field_match *m)
{
    bool is_total = has(p, KIND_TOTAL) && p->n_steps == 1;
    m->field = is_total ? FIELD_TOTAL_STEPS : FIELD_STEP;
    m->rank = p->n_words - 1 + (has(p, KIND_GLOBAL) ? 0 : 3);
    return has(p, KIND_STEP) &&
           only(p, KIND_STEP | KIND_TRAIN | KIND_GLOBAL | KIND_TOTAL |
                       (p->n_steps == 1 && has(p, KIND_TOTAL) ? KIND_BOUND : 0) |
                       (p->n_steps == 2 ? KIND_BOUND : 0));
}

static bool epoch_of(const struct parts *p, struct field_match *m)
{
    m->field = has(p, KIND_TOTAL) ? FIELD_TOTAL_EPOCHS : FIELD_EPOCH;
    m->rank = p->n_words - 1;
    return has(p, KIND_EPOCH) &&
           only(p, KIND_EPOCH | KIND_TRAIN | KIND_TOTAL | (has(p, KIND_TOTAL) ? KIND_BOUND : 0));
}

static bool runtime_of(const struct parts *p, struct field_match *m)
{
    m->field = FIELD_RUNTIME;
    return has(p, KIND_RUNTIME | KIND_TRAIN) && only(p, KIND_RUNTIME | KIND_TRAIN);
}

struct field_match field_of(struct span name)
{
    static bool (*const tests[])(const struct parts *, struct field_match *) = {
        loss_of, rate_of, norm_of, step_of, epoch_of, runtime_of,
    };
    struct field_match m = {0};
    struct span separator = span_of(" - ");
    for (size_t i; (i = span_find(name, separator)) < name.len;) {
        size_t start = name.len - span_from(name, i).len;
        m.group = (struct span){m.group.at ? m.group.at : name.at,
                                m.group.at ? (size_t)(name.at + start - m.group.at) : start};
        name = span_from(name, i + separator.len);
    }
    if (name.len > LONGEST_NAME || span_ends_with(name, span_of("__MIN")) ||
        span_ends_with(name, span_of("__MAX")))
        return (struct field_match){0};
    struct parts p = parts_of(name);
    for (size_t i = 0; i < COUNT_OF(tests); i++) {
        m.rank = 0;
        if (tests[i](&p, &m))
            return m;
    }
    return (struct field_match){0};
}

const char *field_name(enum field field)
{
    static const char *const names[FIELD_COUNT] = {
        "nothing", "step",          "total steps",   "epoch",         "total epochs",
        "loss",    "held-out loss", "gradient norm", "learning rate", "runtime",
    };
    return names[field];
}
