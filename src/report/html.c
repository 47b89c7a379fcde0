/*
 * html.c - the frame of the pages that pace writes, and text made safe for them.
 *
 * A page is mailed, opened from a disk without a network, read in the dark: so the style stands in
 * its head, colours are named once for light and once for dark, and nothing is loaded. A policy in
 * the head says so to the browser as well: should a text ever slip through unescaped, it can load
 * and run nothing.
 */
#include "report/html.h"

#include "base/arena.h"
#include "base/mem.h"
#include "base/utf8.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" "
    "content=\"default-src 'none'; style-src 'unsafe-inline'";

static const char plain_style[] =
    ":root { color-scheme: light dark; --line: #d0d4da; --soft: #5b6470; --paper: #ffffff;\n"
    "  --ink: #1b1f24; --good: #1a7f37; --bad: #b35900; }\n"
    "@media (prefers-color-scheme: dark) { :root { --line: #3a414a; --soft: #9aa4b0;\n"
    "  --paper: #16191d; --ink: #e6e9ed; --good: #4cc26a; --bad: #f0a040; } }\n"
    "body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);\n"
    "  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }\n"
    "h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem;\n"
    "  border-top: 1px solid var(--line); padding-top: 1.5rem; overflow-wrap: anywhere; }\n"
    "svg { width: 100%; height: auto; } .soft { color: var(--soft); }\n"
    ".good, .bad { font-weight: 600; font-size: 1.15rem; }\n"
    ".good { color: var(--good); } .bad { color: var(--bad); }\n"
    "pre { border: 1px solid var(--line); border-radius: 6px; padding: 0.6rem 0.8rem;\n"
    "  overflow-x: auto; } dt { font-weight: 600; margin-top: 0.8rem; } dd { margin: 0 0 0 1.2rem; "
    "}\n";

void html_begin_styled(struct buf *out, const char *title, struct span style, const char *scripts)
{
    buf_add_text(out, head);
    if (scripts[0])
        buf_printf(out, "; script-src %s", scripts);
    buf_add_text(out, "\">\n");
    html_put(out, "title", title);
    buf_add_text(out, "<style>\n");
    buf_add(out, style);
    buf_add_text(out, "</style>\n</head>\n<body>\n");
}

void html_begin(struct buf *out, const char *title)
{
    html_begin_styled(out, title, span_of(plain_style), "");
    html_put(out, "h1", title);
}

void html_end(struct buf *out)
{
    buf_add_text(out, "</body>\n</html>\n");
}

void html_add_text(struct buf *out, const char *text)
{
    size_t len = strlen(text);
    char *copy = mem_alloc(len + 1);
    memcpy(copy, text, len + 1);
    utf8_make_printable(copy);
    buf_add_html(out, span_of(copy));
    mem_free(copy);
}

void html_add_lines(struct buf *out, const char *text)
{
    struct arena arena = {0};
    while (*text) {
        size_t len = strcspn(text, "\n");
        html_add_text(out, arena_string(&arena, (struct span){(const uint8_t *)text, len}));
        text += len;
        if (*text) {
            buf_add_byte(out, '\n');
            text++;
        }
    }
    arena_release(&arena);
}

void html_add_svg(struct buf *out, struct span svg)
{
    struct span name_space = span_of(" xmlns=\"http://www.w3.org/2000/svg\"");
    size_t at = span_find(svg, name_space);
    buf_add(out, span_part(svg, 0, at));
    buf_add(out, span_from(svg, min_size(at + name_space.len, svg.len)));
}

/* Signs of markup stand only inside strings of JSON, where they can be written as numbers. */
void html_add_json(struct buf *out, struct span json)
{
    for (size_t i = 0; i < json.len; i++) {
        uint8_t c = json.at[i];
        if (c == '<' || c == '>' || c == '&')
            buf_printf(out, "\\u%04x", c);
        else
            buf_add_byte(out, c);
    }
}

void html_put(struct buf *out, const char *tag, const char *text)
{
    size_t name_len = strcspn(tag, " ");
    buf_printf(out, "<%s>", tag);
    html_add_text(out, text);
    buf_printf(out, "</%.*s>\n", (int)name_len, tag);
}
