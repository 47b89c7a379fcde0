/*
 * html.h - a page that stands alone: its style inside, no address of anything outside, no script
 * but those that the page names.
 *
 *     html_begin(&page, "Training log");
 *     html_put(&page, "p", "a sentence from a stranger's file");
 *     buf_add_text(&page, "<svg>…</svg>");
 *     html_end(&page);
 *
 * Texts are escaped here and nowhere else; markup is added with buf_add_text.
 */
#ifndef PACE_REPORT_HTML_H
#define PACE_REPORT_HTML_H

#include "base/buf.h"

/* Everything up to the page's first heading, which is the title. */
void html_begin(struct buf *out, const char *title);

/*
 * The same with a style sheet of the page's own and without a heading. `scripts`: the sources of
 * scripts that may run, as a Content-Security-Policy has them; "" for none.
 */
void html_begin_styled(struct buf *out, const char *title, struct span style, const char *scripts);

void html_end(struct buf *out);

/* Text with & < > " ' escaped and what is not safe to show replaced by '?'. */
void html_add_text(struct buf *out, const char *text);

/* The same with its line breaks kept. */
void html_add_lines(struct buf *out, const char *text);

/* An <svg> element; within a page it needs no name space, so that no address at all stands in it.
 */
void html_add_svg(struct buf *out, struct span svg);

/* JSON inside a <script>: the same document, in which nothing can end the element. */
void html_add_json(struct buf *out, struct span json);

/* <tag>text</tag>; the tag may carry attributes: "p class=\"verdict\"". */
void html_put(struct buf *out, const char *tag, const char *text);

#endif
