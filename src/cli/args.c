/*
 * args.c - the words of a command line into options. Why not getopt_long: names are spelled with
 * hyphens or underscores, Booleans take an optional value, and a wrong word must be answered with
 * "did you mean", none of which it offers.
 */
#include "cli/args.h"

#include "options/run_file.h"

struct words {
    char *const *at;
    size_t n;
    size_t next;
};

static bool looks_like_option(const char *word)
{
    return word[0] == '-' && word[1] != '\0';
}

static bool is_bool_word(const char *word)
{
    return strcmp(word, "true") == 0 || strcmp(word, "false") == 0;
}

/* The value behind an option's name: after '=', or the next word. */
static bool find_value(const struct option_row *row, const char *after_equals, struct words *words,
                       const char **value, struct err *err)
{
    bool has_next = words->next < words->n;
    if (after_equals) {
        *value = after_equals;
    } else if (row->type == OPTION_BOOL) {
        bool takes_next = has_next && is_bool_word(words->at[words->next]);
        *value = takes_next ? words->at[words->next++] : "true";
    } else if (has_next) {
        *value = words->at[words->next++];
    } else {
        err_set(err, ERR_USAGE, "--%s needs a value: --%s %s", row->name, row->name, row->value);
        return false;
    }
    return true;
}

static size_t find_letter(char letter)
{
    size_t row = 0;
    while (row < option_count && option_table[row].letter != letter)
        row++;
    return row;
}

/* Passes over the value of an option that is not needed: the next word, unless it is an option. */
static void skip_value(struct words *words)
{
    if (words->next < words->n && !looks_like_option(words->at[words->next]))
        words->next++;
}

static bool read_option(struct options *o, const struct command *command, const char *word,
                        struct words *words, struct err *err)
{
    bool is_long = word[1] == '-';
    size_t start = is_long ? 2 : 1;
    const char *name = word + start;
    const char *equals = is_long ? strchr(name, '=') : NULL;
    struct span span = {(const uint8_t *)name, equals ? (size_t)(equals - name) : strlen(name)};

    size_t row = option_count;
    if (is_long)
        row = options_find(span);
    else if (span.len == 1)
        row = find_letter(name[0]);
    if (row == option_count && is_long && options_pass_over(o, span)) {
        if (!equals)
            skip_value(words);
        return true;
    }
    if (row == option_count)
        return options_refuse_unknown((struct span){(const uint8_t *)word, start + span.len},
                                      command->user, err);

    const char *value;
    return find_value(&option_table[row], equals ? equals + 1 : NULL, words, &value, err) &&
           options_set(o, row, value, command->user, err);
}

static bool add_argument(struct options *o, const struct command *command, const char *word,
                         struct err *err)
{
    size_t most = min_size(command->most_arguments, OPTIONS_MOST_ARGUMENTS);
    if (o->n_arguments == most) {
        err_set(err, ERR_USAGE, "one argument too many: '%s'", word);
        err_hint(err, "usage: pace %s %s", command->name, command->arguments);
        return false;
    }
    o->arguments[o->n_arguments++] = word;
    return true;
}

/* Reads the run file that the first argument names; the other arguments move up. */
static bool expand_run_file(struct options *o, struct arena *arena, const struct command *command,
                            struct err *err)
{
    if (!command->takes_run_file || o->n_arguments == 0 || !run_file_is(o->arguments[0]))
        return true;
    const char *path = o->arguments[0];
    o->n_arguments--;
    for (size_t i = 0; i < o->n_arguments; i++)
        o->arguments[i] = o->arguments[i + 1];
    return run_file_read(o, arena, path, command->user, command->arguments, err);
}

static bool read_words(struct options *o, const struct command *command, struct words *words,
                       struct err *err)
{
    bool options_ended = false;
    while (words->next < words->n) {
        const char *word = words->at[words->next++];
        bool ok;
        if (!options_ended && strcmp(word, "--") == 0)
            ok = options_ended = true;
        else if (!options_ended && looks_like_option(word))
            ok = read_option(o, command, word, words, err);
        else
            ok = add_argument(o, command, word, err);
        if (!ok)
            return false;
    }
    return true;
}

bool args_read(struct options *o, struct arena *arena, const struct command *command,
               char *const *word_list, size_t n, struct err *err)
{
    struct words words = {word_list, n, 0};
    if (!read_words(o, command, &words, err) || !expand_run_file(o, arena, command, err))
        return false;
    if (o->n_arguments < command->least_arguments && !o->help && !o->resume) {
        err_set(err, ERR_USAGE, "pace %s needs %s", command->name, command->arguments);
        err_hint(err, "pace %s --help tells more", command->name);
        return false;
    }
    return true;
}
