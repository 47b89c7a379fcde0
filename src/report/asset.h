/*
 * asset.h - the files that a page is made of, embedded when the program is built (tool/embed.py).
 */
#ifndef PACE_REPORT_ASSET_H
#define PACE_REPORT_ASSET_H

#include "base/span.h"

extern const struct span asset_style;   /* page.css */
extern const struct span asset_library; /* Chart.js */
extern const struct span asset_script;  /* page.js */
extern const char asset_scripts[];      /* what lets the two run under a Content-Security-Policy */

#endif
