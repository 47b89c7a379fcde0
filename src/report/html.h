/*
 * html.h - a page that stands alone: its style inside, no script, no address of anything outside.
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

void html_end(struct buf *out);

/* Text with & < > " ' escaped and what is not safe to show replaced by '?'. */
void html_add_text(struct buf *out, const char *text);

/* <tag>text</tag>; the tag may carry attributes: "p class=\"verdict\"". */
void html_put(struct buf *out, const char *tag, const char *text);

#endif
