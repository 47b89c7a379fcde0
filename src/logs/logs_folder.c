/*
 * logs_folder.c - the log in a folder.
 *
 * Trainers leave several records of one run. The folder, then those below it, three levels deep,
 * are swept for
 *
 *   1  journal.jsonl (pace's own), trainer_state.json (of the folder, or of its newest
 *      checkpoint-N, whichever came further), trainer_log.jsonl (LLaMA-Factory), logging.jsonl
 *      (ms-swift)
 *   2  TensorBoard's event files
 *   3  *.log, *.jsonl, *.csv, *.txt …
 *
 * What the first sweep that finds anything found is read. Of several runs' event files those of the
 * newest are; otherwise, where there are several, the person must choose.
 *
 * A run's event files are those of one folder; folders called "train" and "validation" (Keras), or
 * ending so ("Loss_train", "Loss_val": PyTorch's add_scalars), are parts of one run. Which of
 * several runs is the newest is told by the time in its files' names.
 */
#include "logs/logs_folder.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/num.h"

enum { DEEPEST = 3, FOLDERS_MOST = 2000, HITS_SHOWN = 6 };

struct search {
    struct arena *arena;
    struct logs_folder *log;
    size_t root_len;  /* of the path that was given */
    size_t n_folders; /* visited */
    size_t n_hits;    /* logs found */
    struct buf hits;  /* their names, for a message */
    struct err *err;
    bool failed;
};

struct entries {
    char **names;
    size_t n;
};

static bool exists(struct arena *arena, const char *folder, const char *name)
{
    return file_kind_of(file_join(arena, folder, name)) == FILE_REGULAR;
}

/* Room for the paths of a run's files. */
static void begin_paths(struct search *s, size_t n)
{
    s->log->paths = arena_array(s->arena, const char *, n);
    s->log->parts = arena_array(s->arena, const char *, n);
    s->log->n_paths = 0;
}

static void add_path(struct search *s, const char *folder, const char *name, const char *part)
{
    s->log->paths[s->log->n_paths] = file_join(s->arena, folder, name);
    s->log->parts[s->log->n_paths++] = part;
}

static bool take_file(struct search *s, const char *folder, const char *name)
{
    begin_paths(s, 1);
    add_path(s, folder, name, "");
    return true;
}

/* ----------------------------------------------------------------------------------- Trainer -- */

/* "global_step" of a trainer_state.json: in its text, without reading the log in front of it. */
static int64_t global_step(struct arena *arena, const char *folder)
{
    struct file_map map;
    struct err err;
    int64_t step = 0;
    struct span key = span_of("\"global_step\":");
    if (!file_map(&map, file_join(arena, folder, "trainer_state.json"), &err))
        return 0;
    size_t at = span_find(map.bytes, key);
    for (at += key.len; at < map.bytes.len && map.bytes.at[at] == ' '; at++)
        ;
    size_t end = at;
    while (end < map.bytes.len && map.bytes.at[end] >= '0' && map.bytes.at[end] <= '9')
        end++;
    if (end <= map.bytes.len && end > at)
        (void)num_parse_i64(span_part(map.bytes, at, end - at), &step);
    file_unmap(&map);
    return step;
}

/* The newest checkpoint-N with a state, and its N; NULL for none. */
static const char *newest_checkpoint(struct search *s, const char *folder, struct entries below,
                                     int64_t *step)
{
    const char *prefix = "checkpoint-", *newest = NULL;
    *step = -1;
    for (size_t i = 0; i < below.n; i++) {
        int64_t n;
        struct span name = span_of(below.names[i]);
        if (!span_starts_with(name, span_of(prefix)) ||
            !num_parse_i64(span_from(name, strlen(prefix)), &n) || n <= *step)
            continue;
        const char *path = file_join(s->arena, folder, below.names[i]);
        if (!exists(s->arena, path, "trainer_state.json"))
            continue;
        newest = path;
        *step = n;
    }
    return newest;
}

static bool find_state(struct search *s, const char *folder, struct entries below)
{
    int64_t step;
    const char *checkpoint = newest_checkpoint(s, folder, below, &step);
    bool is_here = exists(s->arena, folder, "trainer_state.json");
    if (is_here && (!checkpoint || global_step(s->arena, folder) >= step))
        return take_file(s, folder, "trainer_state.json");
    if (!checkpoint)
        return false;
    s->log->note =
        arena_printf(s->arena, "the state of the newest checkpoint, %" PRId64 ", is read", step);
    return take_file(s, checkpoint, "trainer_state.json");
}

/* ------------------------------------------------------------------------------- TensorBoard -- */

struct event_file {
    const char *folder, *name;
    const char *run;  /* its folder, or the one above where that is a part of a run */
    const char *part; /* "" or the part's name */
};

/* "events.out.tfevents.1711132283.host" */
static bool is_event_file(const char *name)
{
    const char *at = strstr(name, "tfevents.");
    return at && at[strlen("tfevents.")] >= '0' && at[strlen("tfevents.")] <= '9';
}

/* A folder's name that says "this half of the run". */
static bool is_part(const char *name)
{
    static const char *const words[] = {"train", "training", "validation", "val",
                                        "valid", "eval",     "test"};
    const char *last = strrchr(name, '_');
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (strcmp(name, words[i]) == 0 || (last && strcmp(last + 1, words[i]) == 0))
            return true;
    }
    return false;
}

static struct entries list(struct search *s, const char *folder, bool folders)
{
    struct entries e = {0};
    bool ok = folders ? file_list_folders(s->arena, folder, &e.names, &e.n, s->err)
                      : file_list(s->arena, folder, &e.names, &e.n, s->err);
    s->failed |= !ok;
    return ok ? e : (struct entries){0};
}

static void gather_events(struct search *s, const char *folder, const char *above, int depth,
                          struct buf *files)
{
    if (s->n_folders++ > FOLDERS_MOST)
        return;
    struct entries here = list(s, folder, false);
    const char *slash = strrchr(folder, '/'), *base = slash ? slash + 1 : folder;
    bool part = above && is_part(base);
    for (size_t i = 0; i < here.n; i++) {
        struct event_file f = {folder, here.names[i], part ? above : folder, part ? base : ""};
        if (is_event_file(f.name))
            buf_add(files, (struct span){(const uint8_t *)&f, sizeof f});
    }
    struct entries below = depth > 0 ? list(s, folder, true) : (struct entries){0};
    for (size_t i = 0; i < below.n; i++)
        gather_events(s, file_join(s->arena, folder, below.names[i]), folder, depth - 1, files);
}

/* The seconds in "events.out.tfevents.1711132283.host": text of equal length, compared as such. */
static const char *time_of(const struct event_file *f)
{
    return strstr(f->name, "tfevents.") + strlen("tfevents.");
}

static bool find_events(struct search *s, const char *folder)
{
    struct buf files;
    buf_init(&files, BUF_NO_LIMIT);
    gather_events(s, folder, NULL, DEEPEST, &files);
    const struct event_file *f = (const struct event_file *)(void *)files.at, *newest = NULL;
    size_t n = files.len / sizeof *f, n_runs = 0;
    for (size_t i = 0; i < n; i++) {
        n_runs += i == 0 || strcmp(f[i].run, f[i - 1].run) != 0;
        if (!newest || strcmp(time_of(&f[i]), time_of(newest)) > 0)
            newest = &f[i];
    }
    begin_paths(s, n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(f[i].run, newest->run) == 0)
            add_path(s, f[i].folder, f[i].name, f[i].part);
    }
    if (n_runs > 1)
        s->log->note =
            arena_printf(s->arena, "%zu runs are in the folder; the newest is read", n_runs);
    buf_release(&files);
    return n > 0;
}

/* ------------------------------------------------------------------------------- other files -- */

static bool is_text(const char *name)
{
    static const char *const suffixes[] = {".log", ".jsonl", ".csv", ".tsv", ".out", ".txt"};
    for (size_t i = 0; i < COUNT_OF(suffixes); i++) {
        if (file_has_suffix(name, suffixes[i]))
            return strcmp(name, "requirements.txt") != 0;
    }
    return false;
}

static void hit(struct search *s, const char *folder, const char *name)
{
    const char *path = file_join(s->arena, folder, name) + s->root_len;
    if (s->n_hits++ < HITS_SHOWN)
        buf_printf(&s->hits, "%s%s", s->hits.len > 0 ? ", " : "", path + (path[0] == '/'));
}

/* Takes the folder's texts; true stops the search below it. */
static bool find_texts(struct search *s, const char *folder, struct entries below)
{
    struct entries here = list(s, folder, false);
    size_t before = s->n_hits;
    (void)below;
    for (size_t i = 0; i < here.n; i++) {
        if (is_text(here.names[i])) {
            hit(s, folder, here.names[i]);
            take_file(s, folder, here.names[i]);
        }
    }
    return s->n_hits > before;
}

static bool find_named(struct search *s, const char *folder, const char *name)
{
    if (!exists(s->arena, folder, name))
        return false;
    hit(s, folder, name);
    return take_file(s, folder, name);
}

static bool find_record(struct search *s, const char *folder, struct entries below)
{
    if (find_named(s, folder, "journal.jsonl"))
        return true;
    if (find_state(s, folder, below)) {
        hit(s, folder, "trainer_state.json");
        return true;
    }
    return find_named(s, folder, "trainer_log.jsonl") || find_named(s, folder, "logging.jsonl");
}

/* ------------------------------------------------------------------------------------ search -- */

/* Asks the folder and, where it has nothing, those below it. */
static void sweep(struct search *s, const char *folder, int depth,
                  bool (*find)(struct search *, const char *, struct entries))
{
    if (s->n_folders++ > FOLDERS_MOST)
        return;
    struct entries below = list(s, folder, true);
    if (find(s, folder, below) || depth == 0)
        return;
    for (size_t i = 0; i < below.n; i++)
        sweep(s, file_join(s->arena, folder, below.names[i]), depth - 1, find);
}

static bool search(struct search *s, const char *folder)
{
    sweep(s, folder, DEEPEST, find_record);
    if (s->n_hits == 0 && !find_events(s, folder))
        sweep(s, folder, DEEPEST, find_texts);
    return s->n_hits <= 1 && s->log->n_paths > 0;
}

bool logs_folder_find(struct logs_folder *log, const char *folder, struct arena *arena,
                      struct err *err)
{
    struct err problem = {0};
    struct search s = {.arena = arena, .log = log, .err = &problem, .root_len = strlen(folder)};
    *log = (struct logs_folder){0};
    buf_init(&s.hits, sizeof err->what / 2);
    bool ok = search(&s, folder);
    if (!ok && s.failed) {
        *err = problem;
    } else if (!ok && s.n_hits > 1) {
        err_set(err, ERR_INPUT, "%zu logs are in the folder: %s%s", s.n_hits, buf_string(&s.hits),
                s.n_hits > HITS_SHOWN ? " …" : "");
        err_hint(err, "name one of them");
    } else if (!ok) {
        err_set(err, ERR_INPUT, "no training log in the folder");
        err_hint(err, "looked for: trainer_state.json (also in checkpoint-N), trainer_log.jsonl, "
                      "logging.jsonl, TensorBoard event files, journal.jsonl, a .log or .csv file");
    }
    buf_release(&s.hits);
    return ok;
}
