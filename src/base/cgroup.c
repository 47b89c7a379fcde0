/*
 * cgroup.c - quotas of processor time and of memory, of both generations of control groups.
 *
 * /proc/self/cgroup has a line for each hierarchy, "number:controllers:path"; that of the second
 * generation names no controller. A bound anywhere on the way from the process's group up to the
 * root holds, so each folder on it is looked at and the least counts:
 *
 *     2nd   cpu.max "quota period" or "max period"; memory.max, memory.current, memory.stat
 *     1st   cpu.cfs_quota_us (-1: none), cpu.cfs_period_us; memory.limit_in_bytes and the like
 *
 * In a container the path may be one of the host's, which is not there: then only the root of
 * /sys/fs/cgroup has files, and they are the container's own. What cannot be read bounds nothing.
 *
 * Source: Linux, Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst,
 * scheduler/sched-bwc.rst.
 */
#include "base/cgroup.h"

#include <math.h>

#include "base/file.h"
#include "base/num.h"

enum { FILE_MOST = 1 << 16 };

/* "" where it cannot be read. */
static const char *content(struct arena *arena, const char *folder, const char *name)
{
    struct buf text;
    struct err ignored;
    buf_init(&text, FILE_MOST);
    bool ok = file_read(&text, file_join(arena, folder, name), &ignored);
    const char *copy = ok ? arena_string(arena, buf_span(&text)) : "";
    buf_release(&text);
    return copy;
}

/* The n-th word of a text as a number. */
static double number_at(const char *text, size_t n, double otherwise)
{
    static const char blanks[] = " \t\n";
    double value;
    for (;; n--) {
        text += strspn(text, blanks);
        struct span word = {(const uint8_t *)text, strcspn(text, blanks)};
        if (n == 0)
            return num_parse_double(word, &value) ? value : otherwise;
        text += word.len;
    }
}

/* The number behind a name at the beginning of a line. */
static double number_of(const char *text, const char *name)
{
    size_t len = strlen(name);
    while (text && !(strncmp(text, name, len) == 0 && text[len] == ' ')) {
        text = strchr(text, '\n');
        text = text ? text + 1 : NULL;
    }
    return text ? number_at(text + len, 0, 0) : 0;
}

static double processors_2(struct arena *arena, const char *folder)
{
    const char *text = content(arena, folder, "cpu.max");
    return number_at(text, 0, INFINITY) / number_at(text, 1, 1e5);
}

static double processors_1(struct arena *arena, const char *folder)
{
    double quota = number_at(content(arena, folder, "cpu.cfs_quota_us"), 0, -1);
    double period = number_at(content(arena, folder, "cpu.cfs_period_us"), 0, 1e5);
    return quota > 0 ? quota / period : INFINITY;
}

static double memory_2(struct arena *arena, const char *folder)
{
    double most = number_at(content(arena, folder, "memory.max"), 0, INFINITY);
    double used = number_at(content(arena, folder, "memory.current"), 0, 0);
    double idle = number_of(content(arena, folder, "memory.stat"), "inactive_file");
    return most - fmax(used - idle, 0);
}

static double memory_1(struct arena *arena, const char *folder)
{
    double most = number_at(content(arena, folder, "memory.limit_in_bytes"), 0, INFINITY);
    double used = number_at(content(arena, folder, "memory.usage_in_bytes"), 0, 0);
    double idle = number_of(content(arena, folder, "memory.stat"), "total_inactive_file");
    return most - fmax(used - idle, 0);
}

/* A bound of both generations: whose it is, and how a group's folder tells it. */
struct bound {
    const char *controller;
    double (*first)(struct arena *arena, const char *folder);
    double (*second)(struct arena *arena, const char *folder);
};

/* Of a group and all that it is in. */
static double least_above(const char *hierarchy, struct span path,
                          double (*read)(struct arena *arena, const char *folder))
{
    struct arena arena = {0};
    double least = INFINITY;
    for (;;) {
        least =
            fmin(least, read(&arena, arena_printf(&arena, "%s%.*s", hierarchy, SPAN_ARGS(path))));
        if (path.len == 0)
            break;
        do
            path.len--;
        while (path.len > 0 && path.at[path.len] != '/');
    }
    arena_release(&arena);
    return least;
}

/* "number:controllers:path" */
static bool split_line(const char *line, struct span *controllers, struct span *path)
{
    const char *first = strchr(line, ':'), *second = first ? strchr(first + 1, ':') : NULL;
    if (!second)
        return false;
    *controllers = (struct span){(const uint8_t *)first + 1, (size_t)(second - first - 1)};
    *path = (struct span){(const uint8_t *)second + 1, strcspn(second + 1, "\n")};
    return true;
}

/* A list with commas. */
static bool has_word(struct span list, const char *word)
{
    while (list.len > 0) {
        const uint8_t *comma = memchr(list.at, ',', list.len);
        size_t len = comma ? (size_t)(comma - list.at) : list.len;
        if (span_is(span_part(list, 0, len), word))
            return true;
        list = span_from(list, min_size(len + 1, list.len));
    }
    return false;
}

static double least_of(const char *root, const struct bound *bound)
{
    struct arena arena = {0};
    struct span controllers, path;
    double least = INFINITY;
    const char *mount = arena_printf(&arena, "%s/sys/fs/cgroup", root);
    const char *line = content(&arena, arena_printf(&arena, "%s/proc/self", root), "cgroup");
    while (split_line(line, &controllers, &path)) {
        const char *of_bound = arena_printf(&arena, "%s/%s", mount, bound->controller);
        if (controllers.len == 0)
            least = fmin(least, least_above(mount, path, bound->second));
        else if (has_word(controllers, bound->controller))
            least = fmin(least, least_above(of_bound, path, bound->first));
        line = (const char *)path.at + path.len;
        line += *line == '\n';
    }
    arena_release(&arena);
    return least;
}

size_t cgroup_processors(const char *root)
{
    static const struct bound bound = {"cpu", processors_1, processors_2};
    double least = ceil(least_of(root, &bound));
    return least < 1e6 ? max_size((size_t)least, 1) : SIZE_MAX;
}

uint64_t cgroup_memory(const char *root)
{
    static const struct bound bound = {"memory", memory_1, memory_2};
    double least = least_of(root, &bound);
    return least < 0x1p62 ? (uint64_t)fmax(least, 0) : UINT64_MAX;
}
