/*
 * options.c - the option table, and how a row's value is read from text.
 *
 * To add an option: a field in struct options, a row here, and its default in options_init where
 * that is not zero. Nothing else: flags, run files, help, man pages and completion follow. Rows of
 * one purpose stand together, in the order in which help shows them.
 */
#include "options/options.h"

#include <math.h>

#include "base/log.h"
#include "base/nearest.h"
#include "base/num.h"

#define AT(field) offsetof(struct options, field)

/* Commands that go together. */
enum {
    TUNERS = FOR_FIND | FOR_PLAN | FOR_TUNE,                 /* of a base's fine-tuning */
    TRAINERS = TUNERS | FOR_PRETRAIN,                        /* of a run, as it is to be made */
    READERS = FOR_DATA | FOR_EVAL | TRAINERS,                /* of rows */
    TALKERS = READERS | FOR_CHAT,                            /* of chat templates */
    ENGINES = FOR_EVAL | FOR_CHAT | FOR_SELFTEST | TRAINERS, /* they compute */
    WRITERS = FOR_MERGE | FOR_EXPORT,                        /* of weights */
};

const struct option_row option_table[] = {
    {"model", NULL, 0, OPTION_TEXT, PURPOSE_INPUT, FOR_TOKENIZE | FOR_DATA, AT(model), 0, 0,
     "MODEL", "a Hugging Face folder, a tokenizer.json or a .gguf file"},
    {"adapter", NULL, 0, OPTION_TEXT, PURPOSE_INPUT, FOR_EVAL | FOR_CHAT | WRITERS | TUNERS,
     AT(adapter), 0, 0, "DIR", "a PEFT folder: applied, or in training gone on from"},

    {"lines", NULL, 0, OPTION_BOOL, PURPOSE_TEXT, FOR_TOKENIZE, AT(lines), 0, 0, NULL,
     "each line is a document; a line ends at '\\n' alone"},
    {"decode", NULL, 0, OPTION_BOOL, PURPOSE_TEXT, FOR_TOKENIZE, AT(decode), 0, 0, NULL,
     "read token ids and write their text"},
    {"no-special-tokens", NULL, 0, OPTION_BOOL, PURPOSE_TEXT, FOR_TOKENIZE, AT(no_special_tokens),
     0, 0, NULL, "leave out what the tokenizer adds around a text (<s>, <|begin_of_text|>)"},
    {"chat", NULL, 0, OPTION_BOOL, PURPOSE_TEXT, FOR_TOKENIZE, AT(chat), 0, 0, NULL,
     "the input is a JSON list of messages, rendered by the model's chat template"},
    {"template", NULL, 0, OPTION_TEXT, PURPOSE_TEXT, FOR_TOKENIZE, AT(template_path), 0, 0, "FILE",
     "with --chat: this template instead of the model's"},
    {"add-generation-prompt", NULL, 0, OPTION_BOOL, PURPOSE_TEXT, FOR_TOKENIZE,
     AT(add_generation_prompt), 0, 0, NULL, "with --chat: end with the header of an answer"},
    {"text-only", NULL, 0, OPTION_BOOL, PURPOSE_TEXT, FOR_TOKENIZE, AT(text_only), 0, 0, NULL,
     "with --chat: the rendered text alone, without a tokenizer"},

    {"chat-template-path", NULL, 0, OPTION_TEXT, PURPOSE_CHAT, TALKERS, AT(chat_template_path), 0,
     0, "FILE|chatml", "a chat template in place of the model's own"},

    {"columns", NULL, 0, OPTION_TEXT, PURPOSE_DATA, READERS, AT(columns), 0, 0, "ROLE=COLUMN,...",
     "what the columns mean: prompt=question,completion=query"},
    {"eval-split", NULL, 0, OPTION_NUMBER, PURPOSE_DATA, FOR_DATA | TRAINERS, AT(eval_split), 0,
     1e15, "X", "rows held out: a share below 1 or a number; 0: none"},
    {"test-split", NULL, 0, OPTION_NUMBER, PURPOSE_DATA, FOR_DATA | TRAINERS, AT(test_split), 0,
     1e15, "X", "rows kept for the test: a share below 1 or a number; 0: none"},
    {"max-length", NULL, 0, OPTION_INT, PURPOSE_DATA, TALKERS, AT(max_length), 1, 1 << 24, "N",
     "longest row in tokens (1024); plain text is cut into pieces of it"},
    {"skip-bad-rows", NULL, 0, OPTION_BOOL, PURPOSE_DATA, READERS, AT(skip_bad_rows), 0, 0, NULL,
     "leave out rows that cannot be used instead of stopping"},
    {"seed", NULL, 0, OPTION_INT, PURPOSE_DATA, TALKERS, AT(seed), 0, 1e15, "N",
     "of every random choice, the split included (42)"},

    {"r", "lora-r", 0, OPTION_INT, PURPOSE_ADAPTER, TUNERS, AT(lora_rank), 1, 1 << 16, "N",
     "rank of the adapters (16)"},
    {"lora-alpha", NULL, 0, OPTION_NUMBER, PURPOSE_ADAPTER, TUNERS, AT(lora_alpha), 1e-6, 1e6, "X",
     "what their output is scaled with, over the rank (32)"},
    {"use-rslora", NULL, 0, OPTION_BOOL, PURPOSE_ADAPTER, TUNERS, AT(use_rslora), 0, 0, NULL,
     "scale over the square root of the rank instead"},
    {"lora-dropout", NULL, 0, OPTION_NUMBER, PURPOSE_ADAPTER, TUNERS, AT(lora_dropout), 0, 0.99,
     "X", "share of their input that is left out, at random (0)"},
    {"target-modules", NULL, 0, OPTION_TEXT, PURPOSE_ADAPTER, TUNERS, AT(target_modules), 0, 0,
     "NAMES",
     "the layers that get adapters, with commas; or all-linear, all but the head (all-linear)"},
    {"modules-to-save", NULL, 0, OPTION_TEXT, PURPOSE_ADAPTER, TUNERS, AT(modules_to_save), 0, 0,
     "NAMES", "modules that are trained whole beside them"},
    {"rank-pattern", NULL, 0, OPTION_TEXT, PURPOSE_ADAPTER, TUNERS, AT(rank_pattern), 0, 0, "JSON",
     "other ranks for some of them: {\"q_proj\": 32}"},
    {"alpha-pattern", NULL, 0, OPTION_TEXT, PURPOSE_ADAPTER, TUNERS, AT(alpha_pattern), 0, 0,
     "JSON", "other alphas for some of them"},

    {"method", NULL, 0, OPTION_TEXT, PURPOSE_RUN, TUNERS, AT(method), 0, 0, "METHOD",
     "auto, lora, qlora, full or dpo (auto)"},
    {"per-device-train-batch-size", "batch", 0, OPTION_INT, PURPOSE_RUN, TRAINERS,
     AT(per_device_train_batch_size), 1, 1 << 24, "N",
     "rows of one backward pass; chosen if absent"},
    {"gradient-accumulation-steps", NULL, 0, OPTION_INT, PURPOSE_RUN, TRAINERS,
     AT(gradient_accumulation_steps), 1, 1 << 24, "N", "backward passes of one update (1)"},
    {"num-train-epochs", "epochs", 0, OPTION_NUMBER, PURPOSE_RUN, TRAINERS, AT(num_train_epochs),
     1e-6, 1e6, "X", "times that each row is seen; chosen if absent"},
    {"weight-decay", NULL, 0, OPTION_NUMBER, PURPOSE_RUN, TRAINERS, AT(weight_decay), 0, 1e3, "X",
     "AdamW's (0)"},
    {"max-steps", "steps", 0, OPTION_INT, PURPOSE_RUN, FOR_SCHEDULE | TRAINERS, AT(max_steps), -1,
     1e15, "N", "optimizer updates of the run; -1: not given"},
    {"eval-steps", NULL, 0, OPTION_NUMBER, PURPOSE_RUN, FOR_SCHEDULE | FOR_TUNE | FOR_PRETRAIN,
     AT(eval_steps), 0, 1e15, "N",
     "updates from one evaluation to the next; below 1: a share of the run"},
    {"optim", NULL, 0, OPTION_TEXT, PURPOSE_RUN, TRAINERS, AT(optim), 0, 0, "NAME",
     "the optimizer, by Hugging Face's names (adamw_torch)"},
    {"optim-args", NULL, 0, OPTION_TEXT, PURPOSE_RUN, TRAINERS, AT(optim_args), 0, 0, "NAME=X,...",
     "its own arguments: momentum=0.9,nesterov=true"},
    {"adam-beta1", NULL, 0, OPTION_NUMBER, PURPOSE_RUN, TRAINERS, AT(adam_beta1), 0, 0.999999, "X",
     "how long its mean remembers (0.9)"},
    {"adam-beta2", NULL, 0, OPTION_NUMBER, PURPOSE_RUN, TRAINERS, AT(adam_beta2), 0, 0.999999, "X",
     "and its mean of squares (0.999)"},
    {"adam-epsilon", NULL, 0, OPTION_NUMBER, PURPOSE_RUN, TRAINERS, AT(adam_epsilon), 0, 1, "X",
     "what is added to its denominator (1e-8)"},
    {"max-grad-norm", NULL, 0, OPTION_NUMBER, PURPOSE_RUN, TRAINERS, AT(max_grad_norm), 0, 1e15,
     "X", "gradients longer than this are scaled down to it; 0: never (1)"},
    {"no-shuffle", NULL, 0, OPTION_BOOL, PURPOSE_RUN, FOR_FIND | FOR_TUNE | FOR_PRETRAIN,
     AT(no_shuffle), 0, 0, NULL, "rows in the order of the file, in every epoch"},
    {"logging-steps", NULL, 0, OPTION_NUMBER, PURPOSE_RUN, FOR_TUNE | FOR_PRETRAIN,
     AT(logging_steps), 0, 1e15, "N",
     "updates from one line of the log to the next; below 1: a share of the run"},
    {"save-steps", NULL, 0, OPTION_NUMBER, PURPOSE_RUN, FOR_TUNE | FOR_PRETRAIN, AT(save_steps), 0,
     1e15, "N",
     "updates from one checkpoint to the next; below 1: a share of the run; by time if absent"},

    {"learning-rate", "lr", 0, OPTION_TEXT, PURPOSE_RATE,
     FOR_SCHEDULE | FOR_PLAN | FOR_TUNE | FOR_PRETRAIN, AT(learning_rate), 0, 0, "RATE",
     "the peak, which the schedule is multiplied with; in training auto: found by short runs"},
    {"lr-scheduler-type", "schedule", 0, OPTION_TEXT, PURPOSE_RATE, FOR_SCHEDULE | TRAINERS,
     AT(lr_scheduler_type), 0, 0, "NAME", "one of Hugging Face's, step or exponential (linear)"},
    {"lr-scheduler-kwargs", NULL, 0, OPTION_TEXT, PURPOSE_RATE, FOR_SCHEDULE | TRAINERS,
     AT(lr_scheduler_kwargs), 0, 0, "JSON", "the schedule's parameters: {\"num_cycles\": 2}"},
    {"warmup-steps", NULL, 0, OPTION_NUMBER, PURPOSE_RATE, FOR_SCHEDULE | TRAINERS,
     AT(warmup_steps), 0, 1e15, "N",
     "updates of warmup; below 1: a share of the run, rounded up (0)"},
    {"warmup-ratio", NULL, 0, OPTION_NUMBER, PURPOSE_RATE, FOR_SCHEDULE | TRAINERS,
     AT(warmup_ratio), 0, 1, "X",
     "warmup as a share of the run, rounded up; --warmup-steps comes first"},
    {"prior-only", NULL, 0, OPTION_BOOL, PURPOSE_RATE, FOR_FIND, AT(prior_only), 0, 0, NULL,
     "the first guess alone: nothing is trained"},
    {"metrics", NULL, 0, OPTION_TEXT, PURPOSE_RATE, FOR_SCHEDULE, AT(metrics), 0, 0, "JSON",
     "for reduce_lr_on_plateau and greedy: a list of evaluation losses"},
    {"guard", NULL, 0, OPTION_TEXT, PURPOSE_RATE, TRAINERS, AT(guard), 0, 0, "MODE",
     "act, watch or off: whether the rate is changed when a run breaks"},

    {"system", NULL, 0, OPTION_TEXT, PURPOSE_ANSWER, FOR_CHAT, AT(system), 0, 0, "TEXT",
     "the system's message before the conversation"},
    {"temperature", NULL, 0, OPTION_NUMBER, PURPOSE_ANSWER, FOR_CHAT, AT(temperature), 0, 100, "X",
     "below 1 the likely becomes likelier; 0: always the likeliest (0.8)"},
    {"top-k", NULL, 0, OPTION_INT, PURPOSE_ANSWER, FOR_CHAT, AT(top_k), 0, 1e9, "N",
     "draw among the N likeliest tokens; 0: among all (40)"},
    {"top-p", NULL, 0, OPTION_NUMBER, PURPOSE_ANSWER, FOR_CHAT, AT(top_p), 0, 1, "X",
     "draw among the likeliest that together reach this share (0.95)"},
    {"max-new-tokens", NULL, 0, OPTION_INT, PURPOSE_ANSWER, FOR_CHAT, AT(max_new_tokens), 1, 1e9,
     "N", "longest answer in tokens (512)"},

    {"threads", NULL, 0, OPTION_INT, PURPOSE_MACHINE, ENGINES | WRITERS, AT(threads), 0, 1024, "N",
     "processors to use; 0: all", .with_resume = true},
    {"memory", NULL, 0, OPTION_BYTES, PURPOSE_MACHINE, FOR_EVAL | TRAINERS, AT(memory_bytes), 0, 0,
     "SIZE", "the most to use: 4G, 800M, 2GiB; what is free if absent", .with_resume = true},
    {"bf16", NULL, 0, OPTION_BOOL, PURPOSE_MACHINE, ENGINES, AT(bf16), 0, 0, NULL,
     "products in bfloat16; false: float32; chosen for training if absent"},

    {"output-dir", NULL, 'o', OPTION_TEXT, PURPOSE_OUTPUT, FOR_TUNE | FOR_PRETRAIN | WRITERS,
     AT(output_dir), 0, 0, "OUT",
     "the folder for the result; of export the file, or a folder for it"},
    {"overwrite-output-dir", NULL, 0, OPTION_BOOL, PURPOSE_OUTPUT,
     FOR_TUNE | FOR_PRETRAIN | WRITERS, AT(overwrite_output_dir), 0, 0, NULL,
     "write into OUT though it is not empty"},
    {"resume", NULL, 0, OPTION_TEXT, PURPOSE_OUTPUT, FOR_TUNE, AT(resume), 0, 0, "OUT",
     "go on with the run of that folder where it was cut off; nothing else is needed",
     .with_resume = true},
    {"format", NULL, 0, OPTION_TEXT, PURPOSE_OUTPUT, FOR_EXPORT, AT(format), 0, 0, "FORMAT",
     "gguf: the whole model, the adapter folded in; gguf-adapter: the adapter alone (gguf)"},
    {"outtype", NULL, 0, OPTION_TEXT, PURPOSE_OUTPUT, FOR_EXPORT, AT(outtype), 0, 0, "TYPE",
     "of matrices: f32, f16, bf16, or auto: the model's own (auto; of an adapter f32)"},
    {"logits", NULL, 0, OPTION_TEXT, PURPOSE_OUTPUT, FOR_EVAL, AT(logits_path), 0, 0,
     "FILE.safetensors", "write the logits of the first --rows rows: [rows, T, V]"},
    {"rows", NULL, 0, OPTION_INT, PURPOSE_OUTPUT, FOR_EVAL, AT(rows), 1, 1e9, "N",
     "only the first N rows"},
    {"show", NULL, 0, OPTION_INT, PURPOSE_OUTPUT, FOR_DATA, AT(show), 0, 1000, "N",
     "rows to look at (3); with --json and --model also their token ids and mask"},
    {"csv", NULL, 0, OPTION_BOOL, PURPOSE_OUTPUT, FOR_SCHEDULE, AT(csv), 0, 0, NULL,
     "a line per update: step and learning rate"},
    {"plot", NULL, 0, OPTION_BOOL, PURPOSE_OUTPUT, FOR_SCHEDULE, AT(plot), 0, 0, NULL,
     "draw it in the terminal"},
    {"html", NULL, 0, OPTION_TEXT, PURPOSE_OUTPUT, FOR_DOCTOR, AT(html_path), 0, 0, "FILE",
     "write a page with the curves as well, which needs no network"},
    {"svg", NULL, 0, OPTION_TEXT, PURPOSE_OUTPUT, FOR_SCHEDULE, AT(svg_path), 0, 0, "FILE",
     "draw it into an SVG file"},
    {"json", NULL, 0, OPTION_BOOL, PURPOSE_OUTPUT, FOR_ALL, AT(json), 0, 0, NULL,
     "one JSON document on standard output, and nothing else there", .with_resume = true},
    {"quiet", NULL, 'q', OPTION_BOOL, PURPOSE_OUTPUT, FOR_ALL, AT(quiet), 0, 0, NULL,
     "the result and errors alone: no notes, no progress", .with_resume = true},
    {"verbose", NULL, 'v', OPTION_BOOL, PURPOSE_OUTPUT, FOR_ALL, AT(verbose), 0, 0, NULL,
     "details of what is done", .with_resume = true},
    {"help", NULL, 'h', OPTION_BOOL, PURPOSE_OUTPUT, FOR_ALL, AT(help), 0, 0, NULL, "this text"},
};
const size_t option_count = COUNT_OF(option_table);
_Static_assert(COUNT_OF(option_table) <= OPTIONS_MOST_ROWS, "options.given is too small");

/*
 * Hugging Face's options that have no meaning here: trackers, the hub, devices, data loaders of
 * Python; what saves memory or time there and is done or chosen anyway here (rows packed, layers
 * computed anew, the best state is kept). A script that sets them keeps working; one note says that
 * they were passed over. What would change the result (label smoothing, NEFTune) is not among them.
 */
static const char *const needless_names[] = {
    "report-to",
    "push-to-hub",
    "hub-model-id",
    "hub-strategy",
    "hub-token",
    "hub-private-repo",
    "run-name",
    "use-cpu",
    "no-cuda",
    "fp16",
    "tf32",
    "local-rank",
    "ddp-find-unused-parameters",
    "dataloader-num-workers",
    "dataloader-pin-memory",
    "dataloader-persistent-workers",
    "remove-unused-columns",
    "disable-tqdm",
    "log-level",
    "logging-dir",
    "save-strategy",
    "save-total-limit",
    "save-safetensors",
    "torch-compile",
    "deepspeed",
    "fsdp",
    "include-num-input-tokens-seen",
    "trust-remote-code",
    "attn-implementation",
    "dataset-num-proc",
    "activation-checkpointing",
    "activation-checkpointing-kwargs",
    "activation-offloading",
    "accelerator-config",
    "auto-find-batch-size",
    "average-tokens-across-devices",
    "bf16-full-eval",
    "dataloader-prefetch-factor",
    "ddp-backend",
    "ddp-bucket-cap-mb",
    "ddp-broadcast-buffers",
    "ddp-timeout",
    "do-eval",
    "do-train",
    "eval-accumulation-steps",
    "eval-packing",
    "eval-strategy",
    "fp16-full-eval",
    "fsdp-config",
    "full-determinism",
    "gradient-checkpointing",
    "gradient-checkpointing-kwargs",
    "greater-is-better",
    "liger-kernel-config",
    "load-best-model-at-end",
    "log-on-each-node",
    "logging-first-step",
    "logging-nan-inf-filter",
    "logging-strategy",
    "metric-for-best-model",
    "packing",
    "packing-strategy",
    "pad-to-multiple-of",
    "padding-free",
    "parallelism-config",
    "per-device-eval-batch-size",
    "prediction-loss-only",
    "save-on-each-node",
    "save-only-model",
    "skip-memory-metrics",
    "torch-compile-backend",
    "torch-compile-mode",
    "torch-empty-cache-steps",
    "use-cache",
    "use-liger-kernel",
};

void options_init(struct options *o)
{
    *o = (struct options){.eval_split = -1,
                          .test_split = -1,
                          .max_length = 1024,
                          .seed = 42,
                          .show = 3,
                          .gradient_accumulation_steps = 1,
                          .max_steps = -1,
                          .lr_scheduler_type = "linear",
                          .optim = "adamw_torch",
                          .adam_beta1 = 0.9,
                          .adam_beta2 = 0.999,
                          .adam_epsilon = 1e-8,
                          .max_grad_norm = 1,
                          .guard = "act",
                          .format = "gguf",
                          .temperature = 0.8,
                          .top_k = 40,
                          .top_p = 0.95,
                          .max_new_tokens = 512};
}

const char *option_purpose_name(enum option_purpose purpose)
{
    static const char *const names[PURPOSE_COUNT] = {
        [PURPOSE_INPUT] = "Input",         [PURPOSE_TEXT] = "Text",
        [PURPOSE_CHAT] = "Chat",           [PURPOSE_DATA] = "Data",
        [PURPOSE_ADAPTER] = "Adapters",    [PURPOSE_RUN] = "The run",
        [PURPOSE_RATE] = "Learning rate",  [PURPOSE_ANSWER] = "The answer",
        [PURPOSE_MACHINE] = "The machine", [PURPOSE_OUTPUT] = "Output",
    };
    return names[purpose];
}

/* ------------------------------------------------------------------------------------ names -- */

static uint8_t plain_letter(uint8_t c)
{
    return c == '_' ? '-' : c;
}

/* Equal but for hyphens and underscores. */
static bool same_name(struct span name, const char *text)
{
    if (!text || name.len != strlen(text))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (plain_letter(name.at[i]) != plain_letter((uint8_t)text[i]))
            return false;
    }
    return true;
}

size_t options_find(struct span name)
{
    size_t row = 0;
    while (row < option_count && !same_name(name, option_table[row].name) &&
           !same_name(name, option_table[row].other_name))
        row++;
    return row;
}

bool options_given(const struct options *o, const char *name)
{
    size_t row = options_find(span_of(name));
    CHECK(row < option_count);
    return o->given[row];
}

static size_t field_size(enum option_type type)
{
    static const size_t sizes[] = {[OPTION_BOOL] = sizeof(bool),
                                   [OPTION_INT] = sizeof(int64_t),
                                   [OPTION_NUMBER] = sizeof(double),
                                   [OPTION_TEXT] = sizeof(const char *),
                                   [OPTION_BYTES] = sizeof(uint64_t)};
    return sizes[type];
}

void options_overlay(struct options *o, const struct options *given)
{
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        if (!given->given[i])
            continue;
        memcpy((char *)o + row->offset, (const char *)given + row->offset, field_size(row->type));
        o->given[i] = true;
    }
}

bool options_pass_over(struct options *o, struct span name)
{
    for (size_t i = 0; i < COUNT_OF(needless_names); i++) {
        if (!same_name(name, needless_names[i]))
            continue;
        if (o->n_needless < OPTIONS_MOST_NEEDLESS)
            o->needless[o->n_needless++] = name;
        return true;
    }
    return false;
}

void options_note_needless(const struct options *o)
{
    if (o->n_needless == 0)
        return;
    struct buf names;
    buf_init(&names, BUF_NO_LIMIT);
    for (size_t i = 0; i < o->n_needless; i++)
        buf_printf(&names, "%s%.*s", i > 0 ? ", " : "", SPAN_ARGS(o->needless[i]));
    log_note("known but not needed here, and passed over: %s", buf_string(&names));
    buf_release(&names);
}

bool options_refuse_unknown(struct span word, unsigned user, struct err *err)
{
    struct span name = word;
    while (name.len > 0 && name.at[0] == '-')
        name = span_from(name, 1);
    const char *candidates[2 * OPTIONS_MOST_ROWS];
    size_t n = 0;
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        if (!(row->users & user))
            continue;
        candidates[n++] = row->name;
        if (row->other_name)
            candidates[n++] = row->other_name;
    }
    const char *nearest = nearest_word(name, candidates, n);
    err_set(err, ERR_USAGE, "unknown option %.*s", SPAN_ARGS(word));
    if (nearest)
        err_hint(err, "did you mean --%s?", nearest);
    else
        err_hint(err, "--help lists the options");
    return false;
}

/* ----------------------------------------------------------------------------------- values -- */

static bool read_bool(const char *text, bool *out)
{
    static const char *const yes[] = {"true", "True", "yes", "1"};
    static const char *const no[] = {"false", "False", "no", "0"};
    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        bool is_yes = strcmp(text, yes[i]) == 0;
        if (is_yes || strcmp(text, no[i]) == 0) {
            *out = is_yes;
            return true;
        }
    }
    return false;
}

static bool refuse_value(const struct option_row *row, const char *text, const char *wanted,
                         struct err *err)
{
    err_set(err, ERR_USAGE, "--%s: '%s' is not %s", row->name, text, wanted);
    return false;
}

static bool check_range(const struct option_row *row, const char *text, double value,
                        struct err *err)
{
    if ((row->low == 0 && row->high == 0) || (value >= row->low && value <= row->high))
        return true;
    err_set(err, ERR_USAGE, "--%s: %s is not between %.15g and %.15g", row->name, text, row->low,
            row->high);
    return false;
}

/* What no int64_t holds is out of range where there is one, not something other than a number. */
static bool refuse_int(const struct option_row *row, const char *text, struct err *err)
{
    double value;
    bool is_whole = text[strspn(text, "+-0123456789")] == '\0';
    if (is_whole && row->high != 0 && num_parse_double(span_of(text), &value))
        return check_range(row, text, value, err);
    return refuse_value(row, text, "a whole number", err);
}

/* "4G", "1.5g", "512MiB", "4096": units are powers of 1,000, as in what pace prints; with an i, of
 * 1,024. */
static bool read_bytes(const char *text, uint64_t *out)
{
    static const char units[] = "kmgt";
    static const double MOST = 0x1p62;
    size_t n = strspn(text, "0123456789.");
    const char *unit = text + n;
    double value, scale = 1;
    if (!num_parse_double((struct span){(const uint8_t *)text, n}, &value))
        return false;
    const char *found = *unit ? strchr(units, *unit | 0x20) : NULL;
    if (found) {
        unit++;
        scale = pow(*unit == 'i' ? 1024 : 1000, (double)(found - units + 1));
        unit += *unit == 'i';
    }
    unit += *unit == 'B' || *unit == 'b';
    if (*unit != '\0' || !(value * scale >= 1 && value * scale < MOST))
        return false;
    *out = (uint64_t)(value * scale);
    return true;
}

/* Reads the value into the row's field. */
static bool read_value(const struct option_row *row, const char *text, void *field, struct err *err)
{
    switch (row->type) {
    case OPTION_BOOL:
        return read_bool(text, field) || refuse_value(row, text, "true or false", err);
    case OPTION_INT: {
        int64_t *value = field;
        return num_parse_i64(span_of(text), value) ? check_range(row, text, (double)*value, err)
                                                   : refuse_int(row, text, err);
    }
    case OPTION_NUMBER: {
        double *value = field;
        return num_parse_double(span_of(text), value) ? check_range(row, text, *value, err)
                                                      : refuse_value(row, text, "a number", err);
    }
    case OPTION_TEXT:
        *(const char **)field = text;
        return true;
    case OPTION_BYTES:
        return read_bytes(text, field) || refuse_value(row, text, "a size such as 4G or 800M", err);
    }
    CHECK(row->type <= OPTION_BYTES);
    return false;
}

bool options_set(struct options *o, size_t row, const char *text, unsigned user, struct err *err)
{
    CHECK(row < option_count);
    const struct option_row *option = &option_table[row];
    if (!(option->users & user)) {
        err_set(err, ERR_USAGE, "this command has no option --%s", option->name);
        err_hint(err, "--help lists those it has");
        return false;
    }
    o->given[row] = true;
    return read_value(option, text, (char *)o + option->offset, err);
}
