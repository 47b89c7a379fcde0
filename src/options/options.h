/*
 * options.h - every option of every command, in one table.
 *
 * A row of option_table is a field of `struct options` together with all that is said about it: its
 * name (Hugging Face's where they have one), the values it takes, the purpose it is listed under,
 * the commands that know it. Flags, run files, help, man pages and shell completion read the table.
 *
 * Names are written with hyphens; everywhere a name is looked up, underscores do as well.
 */
#ifndef PACE_OPTIONS_OPTIONS_H
#define PACE_OPTIONS_OPTIONS_H

#include "base/buf.h"
#include "base/err.h"

/* The commands that an option belongs to: a bit each. */
enum option_user {
    FOR_TOKENIZE = 1 << 0,
    FOR_DATA = 1 << 1,
    FOR_INSPECT = 1 << 2,
    FOR_SCHEDULE = 1 << 3,
    FOR_FIND = 1 << 4,
    FOR_DOCTOR = 1 << 5,
    FOR_EXPLAIN = 1 << 6,
    FOR_EVAL = 1 << 7,
    FOR_CHAT = 1 << 8,
    FOR_SELFTEST = 1 << 9,
    FOR_PLAN = 1 << 10,
    FOR_TUNE = 1 << 11,
    FOR_MERGE = 1 << 12,
    FOR_PRETRAIN = 1 << 13,
    FOR_EXPORT = 1 << 14,
    FOR_ALL = (1 << 15) - 1,
};

/* What an option is for: help lists them under these headings. */
enum option_purpose {
    PURPOSE_INPUT,
    PURPOSE_TEXT,
    PURPOSE_CHAT,
    PURPOSE_DATA,
    PURPOSE_ADAPTER,
    PURPOSE_RUN,
    PURPOSE_RATE,
    PURPOSE_ANSWER,
    PURPOSE_MACHINE,
    PURPOSE_OUTPUT,
    PURPOSE_COUNT,
};

enum option_type {
    OPTION_BOOL,   /* bool; bare means true */
    OPTION_INT,    /* int64_t, within the row's range */
    OPTION_NUMBER, /* double, within the row's range */
    OPTION_TEXT,   /* const char * */
    OPTION_BYTES,  /* uint64_t; "4G", "512M", "800K", or bytes */
};

struct option_row {
    const char *name;
    const char *other_name; /* a second spelling ("batch"), or NULL */
    char letter;            /* "-o", or '\0' */
    enum option_type type;
    enum option_purpose purpose;
    unsigned users;    /* bits of enum option_user */
    size_t offset;     /* of the field in struct options */
    double low, high;  /* the range of a number, both ends allowed; no range where both are 0 */
    const char *value; /* what the value is called in help: "DIR" */
    const char *help;
    bool with_resume; /* may stand beside --resume; what may not belongs to the run */
};

enum { OPTIONS_MOST_ARGUMENTS = 4096, OPTIONS_MOST_ROWS = 128, OPTIONS_MOST_NEEDLESS = 32 };

/* The values: what the user gave, or the defaults of options_init. */
struct options {
    const char *arguments[OPTIONS_MOST_ARGUMENTS]; /* what is not an option: MODEL, DATA, FILE */
    size_t n_arguments;
    bool given[OPTIONS_MOST_ROWS];               /* by row: the user said it */
    struct span needless[OPTIONS_MOST_NEEDLESS]; /* known, not needed, passed over */
    size_t n_needless;

    bool from_scratch; /* pace pretrain: the weights are random; not an option */
    bool help;
    bool json;
    bool quiet;
    bool verbose;

    const char *model;
    const char *adapter;    /* a PEFT folder, or NULL */
    const char *output_dir; /* of export: the file, or a folder for it */
    bool overwrite_output_dir;
    const char *resume; /* the folder of a run to go on with, or NULL */

    const char *chat_template_path;
    const char *columns;
    double eval_split; /* -1: pace chooses */
    double test_split; /* -1: pace chooses */
    int64_t max_length;
    bool skip_bad_rows;
    int64_t seed;
    int64_t show;

    const char *method; /* NULL: auto */
    int64_t lora_rank;  /* this and the next four: 0 where they are not given */
    double lora_alpha;
    int64_t per_device_train_batch_size;
    double num_train_epochs;
    double weight_decay;
    bool use_rslora;
    double lora_dropout;
    const char *target_modules; /* "all-linear", a list with commas, or NULL: the family's */
    const char *modules_to_save;
    const char *rank_pattern, *alpha_pattern; /* JSON objects, or NULL */
    const char *optim, *optim_args;
    double adam_beta1, adam_beta2, adam_epsilon;
    double max_grad_norm; /* 0: no clipping */
    double logging_steps; /* below 1: a share of the run; 0: not given */
    double save_steps;    /* the same */
    bool no_shuffle;
    const char *guard; /* "act", "watch", "off" */
    int64_t gradient_accumulation_steps;
    bool prior_only;
    int64_t max_steps;         /* -1: not given */
    double eval_steps;         /* below 1: a share of the run; 0: not given */
    const char *learning_rate; /* a number or "auto"; NULL: not given */
    const char *lr_scheduler_type;
    const char *lr_scheduler_kwargs; /* a JSON object, or NULL */
    double warmup_steps;             /* below 1: a share of the run */
    double warmup_ratio;
    const char *metrics; /* a JSON list, or NULL */
    bool csv;
    bool plot;
    const char *svg_path;
    const char *html_path;

    int64_t threads;       /* 0: all processors */
    uint64_t memory_bytes; /* 0: what the machine has free */
    bool bf16;

    const char *logits_path;
    int64_t rows; /* 0: all */

    const char *format;  /* what export writes: "gguf", "gguf-adapter" */
    const char *outtype; /* "f32", "f16", "bf16", "auto"; NULL: not given */

    const char *system;
    double temperature;
    int64_t top_k;
    double top_p;
    int64_t max_new_tokens;

    bool lines;
    bool decode;
    bool no_special_tokens;
    bool chat;
    bool text_only;
    bool add_generation_prompt;
    const char *template_path;
};

extern const struct option_row option_table[];
extern const size_t option_count;

/* The heading of a purpose: "Input". */
const char *option_purpose_name(enum option_purpose purpose);

/* Sets the defaults. */
void options_init(struct options *o);

/* Index of the row with that name (either spelling), or option_count. */
size_t options_find(struct span name);

/*
 * Sets an option from the text of its value. Errors (ERR_USAGE): the option belongs to another
 * command, the value is not of its type or out of range. `text` must outlive the struct.
 */
MUST_CHECK bool options_set(struct options *o, size_t row, const char *text, unsigned user,
                            struct err *err);

/* True where the user gave the option. */
bool options_given(const struct options *o, const char *name);

/* Sets in `o` what was given in `given`; texts are not copied. */
void options_overlay(struct options *o, const struct options *given);

/*
 * An ERR_USAGE that names the option as it was written, with "did you mean" where one is near.
 * Returns false.
 */
MUST_CHECK bool options_refuse_unknown(struct span word, unsigned user, struct err *err);

/*
 * True for an option of Hugging Face's that pace knows and has no use for (report_to …): it is
 * remembered, and options_note_needless tells of it. The name must outlive the struct.
 */
bool options_pass_over(struct options *o, struct span name);

/* One note that names the options that were passed over, where there are any. */
void options_note_needless(const struct options *o);

#endif
