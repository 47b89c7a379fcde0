/*
 * cmd_chat.c - pace chat: talk to a model, with its adapter and without.
 *
 * Each line that is read is a turn; lines that begin with a slash are for the program. The answer
 * is written as it comes. Ctrl-C ends an answer, and between answers the program. Where the input
 * is no terminal there is no prompt and Ctrl-C ends the program, so that a script can hold a
 * conversation; with --json the turns come as one document at the end.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/term.h"
#include "format/json.h"
#include "train/engine.h"
#include "train/talk.h"

enum { LONGEST_LINE = 16 << 20, CONTEXT_LEAST = 16, CONTEXT_USUAL = 4096 };

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

/* What Ctrl-C does. */
static void set_interrupt(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
}

struct session {
    const struct options *o;
    struct engine engine;
    struct talk talk;
    struct term term;
    bool is_terminal; /* a person types */
    bool is_base;     /* the adapter is switched off */
    struct buf json;
    struct json_writer writer;
};

static bool show(void *context, struct span text)
{
    struct session *s = context;
    bool ok =
        s->o->json || (fwrite(text.at, 1, text.len, stdout) == text.len && fflush(stdout) == 0);
    return ok && !is_interrupted;
}

static void put_turn(struct session *s, struct span words, enum talk_end end)
{
    static const char *const names[] = {
        [TALK_ENDED] = "end", [TALK_FULL] = "length", [TALK_STOPPED] = "interrupted"};
    struct json_writer *w = &s->writer;
    json_begin_object(w);
    json_key(w, "user");
    json_put_string(w, words);
    json_key(w, "answer");
    json_put_string(w, buf_span(&s->talk.said));
    json_member_int(w, "tokens", (int64_t)s->talk.answer.n);
    json_member_text(w, "ended_by", names[end]);
    json_end(w);
}

static bool answer(struct session *s, struct span words, struct err *err)
{
    enum talk_end end = TALK_ENDED;
    is_interrupted = 0;
    if (s->is_terminal)
        set_interrupt(interrupt);
    bool ok = talk_say(&s->talk, words, show, s, &end, err);
    set_interrupt(SIG_DFL);
    if (!ok)
        return false;
    if (s->o->json)
        put_turn(s, words, end);
    else
        (void)fputs(end == TALK_FULL ? " [...]\n" : "\n", stdout);
    return true;
}

/* --------------------------------------------------------------------------------- commands -- */

static bool toggle_base(struct session *s, struct err *err)
{
    if (s->engine.model.n_adapters == 0) {
        log_note("there is no adapter: this is the base");
        return true;
    }
    s->is_base = !s->is_base;
    log_note(s->is_base ? "now without the adapter" : "now with the adapter");
    return talk_use_adapters(&s->talk, !s->is_base, err);
}

/* A line for the program; *more is false where it ends the session. */
static bool obey(struct session *s, struct span line, bool *more, struct err *err)
{
    if (span_is(line, "/base"))
        return toggle_base(s, err);
    if (span_is(line, "/forget")) {
        talk_forget(&s->talk);
        log_note("forgotten");
    } else if (span_is(line, "/exit") || span_is(line, "/quit") || span_is(line, "/bye")) {
        *more = false;
    } else {
        if (!span_is(line, "/help"))
            log_warning("there is no %.*s", SPAN_ARGS(line));
        log_note("/base: with or without the adapter; /forget: begin anew; /exit");
    }
    return true;
}

static void prompt(const struct session *s)
{
    if (!s->is_terminal)
        return;
    (void)printf("%s%s%s ", term_style(&s->term, TERM_BOLD), s->is_base ? "base>" : ">",
                 term_style(&s->term, TERM_PLAIN));
    (void)fflush(stdout);
}

static bool turn(struct session *s, struct span line, bool *more, struct err *err)
{
    struct err trouble = {0};
    if (line.len > 0 && line.at[line.len - 1] == '\r')
        line.len--;
    if (line.len == 0)
        return true;
    bool ok = line.at[0] == '/' ? obey(s, line, more, &trouble) : answer(s, line, &trouble);
    if (ok)
        return true;
    if (!s->is_terminal) { /* a script must learn of it */
        *err = trouble;
        return false;
    }
    log_error(&trouble);
    return trouble.kind == ERR_INPUT || (*err = trouble, false);
}

static bool converse(struct session *s, struct err *err)
{
    struct file_lines lines;
    struct span line;
    bool ok = file_lines_open(&lines, "-", LONGEST_LINE, err), more = ok;
    while (ok && more) {
        prompt(s);
        ok = file_lines_next(&lines, &line, &more, err);
        if (ok && more)
            ok = turn(s, line, &more, err);
    }
    file_lines_close(&lines);
    return ok;
}

static bool open_talk(struct session *s, struct err *err)
{
    const struct options *o = s->o;
    size_t most = s->engine.model.config.max_positions, context = min_size(most, CONTEXT_USUAL);
    if (options_given(o, "max-length"))
        context = min_size(most, max_size((size_t)o->max_length, CONTEXT_LEAST));
    struct arena arena = {0};
    struct talk_options options = {
        .template_path = engine_template(o, &arena),
        .system = o->system,
        .sample = {.temperature = o->temperature, .top_k = o->top_k, .top_p = o->top_p},
        .seed = (uint64_t)o->seed,
        .context = context,
        .most = (size_t)o->max_new_tokens,
    };
    bool ok = talk_open(&s->talk, &s->engine.model, o->arguments[0], &options, err);
    arena_release(&arena);
    return ok;
}

bool cmd_chat(const struct options *o, struct err *err)
{
    struct session s = {.o = o, .term = term_of_stdout()};
    s.is_terminal = isatty(STDIN_FILENO) && !o->json;
    buf_init(&s.json, BUF_NO_LIMIT);
    s.writer = (struct json_writer){.out = &s.json};
    json_begin_object(&s.writer);
    json_key(&s.writer, "turns");
    json_begin_array(&s.writer);
    bool ok =
        engine_open(&s.engine, o->arguments[0], o, err) && open_talk(&s, err) && converse(&s, err);
    if (ok && o->json) {
        json_end(&s.writer);
        json_end(&s.writer);
        buf_add_byte(&s.json, '\n');
        ok = command_print(&s.json, err);
    }
    talk_close(&s.talk);
    engine_close(&s.engine);
    buf_release(&s.json);
    return ok;
}
