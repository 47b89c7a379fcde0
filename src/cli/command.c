/*
 * command.c - the table of commands.
 *
 * To add one: its cmd_<name>.c with one function, a line in the list below, a row, and a bit in
 * enum option_user. Help, man pages, completion and "did you mean" follow. A command that is not
 * built yet has no row.
 */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>

const struct command command_table[] = {
    {"chat", FOR_CHAT, "MODEL", 1, 1, "talk to a model, with its adapter and without",
     "Reads a line, answers it as the model does, remembers both. The model's chat\n"
     "template is applied; a model without one continues the text. /base switches the\n"
     "adapter off and on again, /forget begins anew, /exit ends; Ctrl-C ends an\n"
     "answer. The context has 4,096 tokens (--max-length), or as many as the model\n"
     "takes. Where the input is a pipe, each of its lines is a turn.",
     cmd_chat, .takes_run_file = false},
    {"data", FOR_DATA, "DATA", 1, 1, "what is in a data file, and what of it is trained on",
     "Reads a data file (.jsonl, .json, .csv, .tsv, .txt) or a folder of them: the\n"
     "format, recognised by its columns; how many rows, how long, how many to train\n"
     "on, held out and for the test; duplicates; rows that cannot be used, by file\n"
     "and line; and some rows with the trained-on text marked. Exit code 3 where\n"
     "rows are bad and --skip-bad-rows is not given. A YAML file may hold the\n"
     "arguments and options: pace data run.yaml.",
     cmd_data, .takes_run_file = true},
    {"doctor", FOR_DOCTOR, "LOG...", 1, OPTIONS_MOST_ARGUMENTS,
     "what a training log says of its learning rate, and what to set",
     "Reads what a trainer left behind (trainer_state.json, a checkpoint or output\n"
     "folder, TensorBoard events, CSV, JSON lines, the text of a console, our own\n"
     "journal) and says, in order of importance, what happened, why it thinks so and\n"
     "what to set: spikes, divergence, NaN (also where the trainer hides it), a loss\n"
     "that does not move, overfitting, warmup and decay, a resume gone wrong. A\n"
     "healthy log is called healthy. The exit code is 0 whatever the verdict, 3 where\n"
     "a log cannot be read; of several logs all others are reported.",
     cmd_doctor, .takes_run_file = false},
    {"eval", FOR_EVAL, "MODEL DATA", 2, 2,
     "the loss of a model on data, with an adapter or without",
     "Runs MODEL over the rows of DATA and tells the mean loss of the tokens that\n"
     "training would learn from (the answers of a conversation, the whole of a text),\n"
     "the perplexity, and how many of these tokens are the likeliest. Rows longer\n"
     "than the model's context are an error, unless --max-length cuts them.",
     cmd_eval, .takes_run_file = true},
    {"explain", FOR_EXPLAIN, "RUN", 1, 1, "the story of a run, from the journal that it left",
     "Reads journal.jsonl (RUN is the file, or the output folder that holds it) and\n"
     "tells what happened: what was chosen and why, what the search for the learning\n"
     "rate saw, loss and learning rate as a plot, each decision as a sentence with\n"
     "its numbers, the verdict on the test rows, and how it ended. A journal that\n"
     "ends in the middle, as a killed run leaves it, is read as far as it goes. Logs\n"
     "of other trainers: pace doctor.",
     cmd_explain, .takes_run_file = false},
    {"export", FOR_EXPORT, "MODEL -o FILE", 1, 1,
     "a model or an adapter as a GGUF file, for llama.cpp and its kin",
     "Writes MODEL as one GGUF file with its tokenizer, special tokens and chat\n"
     "template; with --adapter A folded in. --format gguf-adapter writes the adapter\n"
     "alone, which llama.cpp puts on the model's GGUF file with --lora. MODEL is a\n"
     "Hugging Face folder, a .gguf file, or the folder that pace tune left. Families\n"
     "that can be written are llama, qwen2 and qwen3.",
     cmd_export, .takes_run_file = false},
    {"find", FOR_FIND, "MODEL DATA", 2, 2, "which learning rate, and why",
     "Finds the learning rate for pace tune with the same arguments: a first guess\n"
     "from other jobs' runs, tested by short beginnings of the run at neighbouring\n"
     "rates, which cost at most a quarter of it. Shows the arms, what a wrong rate\n"
     "would cost, what the guess is made up of (each term with its effect, the number\n"
     "of runs it rests on and where they come from), and what other tools would set.\n"
     "What is not given (epochs, batch, rank) is chosen, and the choice explained.\n"
     "Nothing is saved. --prior-only: the guess alone, from config.json (or a .gguf\n"
     "file) and the data; weights are not read.",
     cmd_find, .takes_run_file = true},
    {"inspect", FOR_INSPECT, "MODEL", 1, 1, "what is in a file of weights: tensors and metadata",
     "Reads a .safetensors or .gguf file, or a model folder (whole, in shards, or an\n"
     "adapter), and lists its metadata and its tensors: name, type, shape, bytes. The\n"
     "file is checked whole: lengths, shapes, places; what is wrong ends with exit\n"
     "code 3 and the byte, key or tensor named.",
     cmd_inspect, .takes_run_file = false},
    {"merge", FOR_MERGE, "MODEL --adapter A -o DIR", 1, 1,
     "an adapter folded into its model, as a model folder",
     "Adds a low-rank adapter (a PEFT folder) to the weights of the model that it was\n"
     "trained on and writes a Hugging Face folder that needs no adapter any more: one\n"
     "model.safetensors in the model's own types, config.json, tokenizer and chat\n"
     "template. The sums are float32 and rounded once. MODEL may also be the folder\n"
     "that pace tune left: then the adapter is the one in it.",
     cmd_merge, .takes_run_file = false},
    {"plan", FOR_PLAN, "MODEL DATA", 2, 2,
     "what tune would do, with the memory and the time it takes",
     "Chooses as pace tune would (method, rank, batch, epochs, steps), each with its\n"
     "reason, and counts the memory that weights, gradients, optimizer and\n"
     "activations take, before anything is trained. The time is that of a short trial\n"
     "of the model itself. Whether it fits is measured against --memory, or against\n"
     "what the machine has free. A YAML file may hold arguments and options:\n"
     "pace plan run.yaml.",
     cmd_plan, .takes_run_file = true},
    {"pretrain", FOR_PRETRAIN, "CONFIG DATA -o OUT", 2, 2, "train a small model from scratch",
     "Trains a model with random weights on the rows of DATA. CONFIG is a config.json\n"
     "or the folder of one; where no tokenizer.json stands beside it, a byte-level\n"
     "BPE with its vocab_size is trained on the data first. From there on it is pace\n"
     "tune: the learning rate is found and guarded, what is not given is chosen.\n"
     "OUT/model is a Hugging Face folder, in the dtype that config.json names. A YAML\n"
     "file may hold arguments and options: pace pretrain run.yaml.",
     cmd_pretrain, .takes_run_file = true},
    {"schedule", FOR_SCHEDULE, "[SCHEDULE...]", 0, 16, "the learning rate of every step of a run",
     "Prints, draws or compares learning-rate schedules: the rate that each update of\n"
     "a run is made with, as Hugging Face's Trainer and torch compute it. SCHEDULE is\n"
     "a name, perhaps with parameters: cosine, cosine:num_cycles=2; several stand\n"
     "side by side. Printed is a table; --json and --csv have a number per update,\n"
     "--plot draws in the terminal, --svg into a file. Without --learning-rate and\n"
     "--max-steps the peak is 5e-5 and the run has 1,000 updates.\n"
     "\n"
     "linear, cosine, cosine_with_restarts, polynomial, constant,\n"
     "constant_with_warmup, inverse_sqrt, cosine_with_min_lr,\n"
     "cosine_warmup_with_min_lr and warmup_stable_decay follow the step;\n"
     "reduce_lr_on_plateau and greedy move after evaluations, which --metrics gives,\n"
     "one per --eval-steps updates; step and exponential are torch's StepLR and\n"
     "ExponentialLR. A YAML file may hold the options: pace schedule run.yaml.",
     cmd_schedule, .takes_run_file = true},
    {"selftest", FOR_SELFTEST, "", 0, 0, "whether this machine computes what it should",
     "Runs every operation of the engine on a table of cases: the plain code against\n"
     "its formulas in double precision, the fast code against the plain, and with one\n"
     "thread against all. Exit code 5 where anything differs by more than is allowed.",
     cmd_selftest, .takes_run_file = false},
    {"tokenize", FOR_TOKENIZE, "--model MODEL [FILE]", 0, 1, "text to token ids, and back",
     "Encodes FILE (or standard input) with the model's own tokenizer and prints the\n"
     "ids. MODEL is a folder with a tokenizer.json, that file itself, or a .gguf\n"
     "file. With --lines each line is a document; --decode reads ids (numbers\n"
     "between spaces, or JSON) and writes their text.\n"
     "\n"
     "With --chat the input is a conversation: a JSON list of messages, or an object\n"
     "with messages, tools and further variables of the template. Printed are the\n"
     "text as transformers' apply_chat_template writes it, its ids, and a mask of the\n"
     "tokens that training learns from: the assistant's words and the mark that ends\n"
     "its turn. The template is chat_template.jinja or chat_template.json in the\n"
     "folder, else the one in tokenizer_config.json.",
     cmd_tokenize, .takes_run_file = false},
    {"tune", FOR_TUNE, "MODEL DATA [-o OUT]", 2, 2, "fine-tune a model on data",
     "Trains low-rank adapters (or, with --method full, all weights) on the rows of\n"
     "DATA and writes into OUT: adapter/ as PEFT has it (or model/); report.html with\n"
     "all that was seen and decided, to look at, report.json and journal.jsonl with\n"
     "the same for scripts, README.md, trainer_state.json, tensorboard/. What is not\n"
     "given is chosen, the learning rate too, and the choice explained; a rate that\n"
     "is given is obeyed. Losses before and after are those of test rows that nothing\n"
     "else looked at. Ctrl-C ends the run behind its step and saves its state;\n"
     "pace tune --resume OUT goes on from the last state that was saved, also after a\n"
     "crash, and comes to the same result bit for bit. A YAML file may hold arguments\n"
     "and options: pace tune run.yaml.",
     cmd_tune, .takes_run_file = true},
};
const size_t command_count = COUNT_OF(command_table);

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(command_table[i].name, name) == 0)
            return &command_table[i];
    }
    return NULL;
}

bool command_print(struct buf *text, struct err *err)
{
    size_t written = fwrite(text->at, 1, text->len, stdout);
    bool ok = written == text->len;
    if (!ok) {
        err_set(err, ERR_IO, "cannot write: %s", strerror(errno));
        err_in(err, "standard output");
    }
    buf_clear(text);
    return ok;
}
