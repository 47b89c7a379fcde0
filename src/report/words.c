/*
 * words.c - numbers and sentences for people.
 *
 * Where the run has written a sentence (a verdict's or a search's reason), that sentence is used:
 * terminal, page and journal then say the same. The sentences made here stand in for those that a
 * journal lacks.
 */
#include "report/words.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static const char not_known[] = "not known";

const char *words_rate(struct arena *arena, double rate)
{
    if (!isfinite(rate))
        return not_known;
    if (rate == 0 || (fabs(rate) >= 0.00995 && fabs(rate) < 1e5))
        return arena_printf(arena, "%.3g", rate);
    char *text = arena_printf(arena, "%.2e", rate), *end = strchr(text, 'e');
    int power = (int)strtol(end + 1, NULL, 10);
    while (end[-1] == '0')
        end--;
    end -= end[-1] == '.';
    *end = '\0';
    return arena_printf(arena, "%se%d", text, power);
}

const char *words_loss(struct arena *arena, double loss)
{
    if (!isfinite(loss))
        return not_known;
    int decimals = fabs(loss) >= 0.1 || loss == 0 ? 3 : fabs(loss) >= 0.01 ? 4 : 5;
    return fabs(loss) >= 1e4 ? arena_printf(arena, "%.3g", loss)
                             : arena_printf(arena, "%.*f", decimals, loss);
}

const char *words_spread(struct arena *arena, double loss, double se)
{
    if (!isfinite(loss) || !isfinite(se) || !(se > 0))
        return words_loss(arena, loss);
    int decimals = se >= 0.01 ? 3 : se >= 0.001 ? 4 : 5;
    return fabs(loss) >= 1e4 ? arena_printf(arena, "%.3g ± %.2g", loss, se)
                             : arena_printf(arena, "%.*f ± %.*f", decimals, loss, decimals, se);
}

const char *words_perplexity(struct arena *arena, double loss)
{
    double value = exp(loss);
    if (!isfinite(value))
        return not_known;
    if (value >= 1e6)
        return arena_printf(arena, "%.2e", value);
    if (value >= 99.95)
        return words_count(arena, value);
    return arena_printf(arena, "%.*f", value < 9.995 ? 2 : 1, value);
}

const char *words_count(struct arena *arena, double count)
{
    if (!isfinite(count))
        return not_known;
    char digits[400];
    char *text = arena_alloc(arena, 600);
    size_t n = (size_t)snprintf(digits, sizeof digits, "%.0f", fabs(count)), len = 0;
    if (count <= -0.5)
        text[len++] = '-';
    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            text[len++] = ',';
        text[len++] = digits[i];
    }
    text[len] = '\0';
    return text;
}

const char *words_number(struct arena *arena, double count, const char *noun)
{
    return arena_printf(arena, "%s %s%s", words_count(arena, count), noun, count == 1 ? "" : "s");
}

const char *words_size(struct arena *arena, double count)
{
    static const struct {
        double unit;
        const char *name;
    } units[] = {{1e12, "trillion"}, {1e9, "billion"}, {1e6, "million"}};
    for (size_t i = 0; i < COUNT_OF(units) && isfinite(count); i++) {
        if (count >= units[i].unit)
            return arena_printf(arena, "%.3g %s", count / units[i].unit, units[i].name);
    }
    return words_count(arena, count);
}

const char *words_time(struct arena *arena, double seconds)
{
    if (!(seconds >= 0) || !isfinite(seconds))
        return not_known;
    int64_t s = (int64_t)fmin(seconds + 0.5, 1e15);
    if (seconds < 9.95)
        return arena_printf(arena, "%.1f s", seconds);
    if (s >= 3600)
        return arena_printf(arena, "%" PRId64 " h %02" PRId64 " min", s / 3600, s / 60 % 60);
    if (s >= 60)
        return arena_printf(arena, "%" PRId64 " min %02" PRId64 " s", s / 60, s % 60);
    return arena_printf(arena, "%" PRId64 " s", s);
}

const char *words_bytes(struct arena *arena, double bytes)
{
    if (!isfinite(bytes))
        return not_known;
    if (bytes >= 1e9)
        return arena_printf(arena, "%.3g GB", bytes / 1e9);
    if (bytes >= 1e6)
        return arena_printf(arena, "%.3g MB", bytes / 1e6);
    return arena_printf(arena, "%.3g KB", bytes / 1e3);
}

const char *words_share(struct arena *arena, double share)
{
    if (!isfinite(share))
        return not_known;
    double percent = 100 * share;
    return arena_printf(arena, "%.*f %%", fabs(percent) < 9.95 ? 1 : 0, percent);
}

const char *words_name(struct arena *arena, const char *path)
{
    size_t len = path ? strlen(path) : 0, start;
    while (len > 1 && path[len - 1] == '/')
        len--;
    for (start = len; start > 0 && path[start - 1] != '/'; start--)
        continue;
    return len > 0 ? arena_string(arena, (struct span){(const uint8_t *)path + start, len - start})
                   : "";
}

const char *words_key(struct arena *arena, const char *key)
{
    char *text = arena_string(arena, span_of(key ? key : ""));
    for (char *c = text; *c; c++)
        *c = *c == '_' || *c == '-' ? ' ' : *c;
    return text;
}

bool words_is_full(const struct facts *f)
{
    return f->method && strstr(f->method, "full");
}

const char *words_shell(struct arena *arena, const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "/._-+=:,@%";
    if (path[0] && strspn(path, plain) == strlen(path))
        return path;
    char *text = arena_alloc(arena, 4 * strlen(path) + 3), *to = text;
    *to++ = '\'';
    for (; *path; path++) {
        if (*path == '\'') {
            memcpy(to, "'\\'", 3);
            to += 3;
        }
        *to++ = *path;
    }
    *to++ = '\'';
    return text;
}

/* -------------------------------------------------------------------------------- sentences -- */

struct words_gain words_gain(const struct facts_verdict *v)
{
    struct words_gain g = {v->base_loss - v->tuned_loss, v->low, v->high};
    if (v->difference * g.gain < 0) /* the record counts a fall as negative */
        g = (struct words_gain){g.gain, -v->high, -v->low};
    return g;
}

const char *words_change(struct arena *arena, double gain)
{
    return arena_printf(arena, "%s by %s", gain < 0 ? "rose" : "fell",
                        words_loss(arena, fabs(gain)));
}

const char *words_headline(const struct facts *f)
{
    const struct facts_verdict *v = &f->verdict;
    struct words_gain g = words_gain(v);
    if (!v->is_there || !isfinite(v->base_loss) || !(v->rows > 0))
        return "Not tested";
    if (v->is_better)
        return "Better than its base";
    bool is_worse = !isfinite(v->tuned_loss) || g.high < 0;
    return is_worse ? "Worse than its base" : "Not shown to be better";
}

/* The run's sentence without the verdict that the headline has said: "better: on 40 rows …". */
static const char *sentence(struct arena *arena, const char *reason)
{
    static const char *const verdicts[] = {
        "better: ", "not better: ", "cannot be told: ", "not measured: "};
    for (size_t i = 0; i < COUNT_OF(verdicts); i++) {
        if (strncasecmp(reason, verdicts[i], strlen(verdicts[i])) == 0)
            reason += strlen(verdicts[i]);
    }
    size_t len = strlen(reason);
    char *text = arena_printf(arena, "%s%s", reason, len > 0 && reason[len - 1] == '.' ? "" : ".");
    if (text[0] >= 'a' && text[0] <= 'z')
        text[0] = (char)(text[0] - 'a' + 'A');
    return text;
}

const char *words_verdict(struct arena *arena, const struct facts *f)
{
    const struct facts_verdict *v = &f->verdict;
    struct words_gain g = words_gain(v);
    if (v->reason && v->reason[0])
        return sentence(arena, v->reason);
    if (!v->is_there && f->test_rows > 0)
        return "The run did not come to the test, so nothing says whether the tuned model is "
               "better than its base.";
    if (!v->is_there || !isfinite(g.gain))
        return "No rows were set aside for a test, so nothing says whether the tuned model is "
               "better than its base.";
    return arena_printf(arena,
                        "On %s that were used for nothing else, the loss %s nats per token, "
                        "from %s to %s (95 %% interval: %s to %s).",
                        words_number(arena, v->rows, "row"), words_change(arena, g.gain),
                        words_loss(arena, v->base_loss), words_loss(arena, v->tuned_loss),
                        words_loss(arena, g.gain < 0 ? -g.high : g.low),
                        words_loss(arena, g.gain < 0 ? -g.low : g.high));
}

const char *words_forgotten(struct arena *arena, const struct facts *f)
{
    const struct facts_verdict *v = &f->verdict;
    if (!isfinite(v->kl) || (v->reason && strstr(v->reason, "KL")))
        return NULL;
    return arena_printf(arena,
                        "On %s that the base wrote itself, the tuned model differs from it "
                        "by %s nats a token (Kullback-Leibler divergence): each is to it %s as "
                        "likely as to the base. 0 nats, 100 %%: nothing has changed there.",
                        words_number(arena, v->kl_tokens, "token"),
                        words_spread(arena, v->kl, v->kl_se),
                        words_share(arena, exp(-fmax(v->kl, 0))));
}

const char *words_plainly(struct arena *arena, const struct facts *f)
{
    const struct facts_verdict *v = &f->verdict;
    if (!v->is_there || !isfinite(v->base_loss) || !isfinite(v->tuned_loss))
        return NULL;
    return arena_printf(arena,
                        "The loss is how surprised a model is by what comes next; lower is better. "
                        "To the base each next token (a word or a piece of one) is like a draw out "
                        "of %s, to the tuned model like one out of %s: their perplexity.",
                        words_perplexity(arena, v->base_loss),
                        words_perplexity(arena, v->tuned_loss));
}

static const struct facts_option *find_option(const struct facts *f, const char *name)
{
    for (size_t i = 0; i < f->n_options; i++) {
        if (f->options[i].option && strcmp(f->options[i].option, name) == 0)
            return &f->options[i];
    }
    return NULL;
}

const char *words_search_cost(struct arena *arena, const struct facts *f)
{
    double kept = NAN;
    for (size_t i = 0; i < f->n_arms; i++) {
        if (f->search.arm >= 0 && f->arms[i].arm == f->search.arm)
            kept = f->arms[i].steps / f->steps;
    }
    if (!(f->search.cost > 0))
        return "nothing: the first guess alone decided";
    const char *cost =
        arena_printf(arena, "%s of the run's computing", words_share(arena, f->search.cost));
    return kept > 0 && kept <= f->search.cost
               ? arena_printf(arena, "%s; %s is steps that the run went on from", cost,
                              words_share(arena, kept))
               : cost;
}

const char *words_rate_origin(struct arena *arena, const struct facts *f)
{
    const struct facts_option *o = find_option(f, "learning-rate");
    if (f->search.reason)
        return f->search.reason;
    if (o && o->reason)
        return arena_printf(arena, "Chosen without a search: %s.", o->reason);
    bool is_given = o || (f->has_run && !f->prior.is_there && !f->search.is_there);
    if (is_given)
        return "Given by the user: nothing was searched.";
    if (f->prior.is_there)
        return "The first guess, from other jobs' runs: nothing was searched.";
    return "Where it comes from is not recorded.";
}
