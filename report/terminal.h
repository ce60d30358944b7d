/*
 * The terminal we write to: the only file of report/ that asks the system anything.
 */
#ifndef REPORT_TERMINAL_H
#define REPORT_TERMINAL_H

#include "report/renderer.h"

enum terminal_color { TERMINAL_COLOR_AUTO, TERMINAL_COLOR_ALWAYS, TERMINAL_COLOR_NEVER };

/* "auto", "always", "never"; false for another word. */
bool terminal_color_parse(const char *name, enum terminal_color *ret_color);

bool terminal_is(int descriptor); /* a terminal is behind it */

/* What suits the descriptor. Width: COLUMNS, else the terminal's, else 80. UTF-8: by the locale
 * variables (LC_ALL, LC_CTYPE, LANG). Colour with AUTO: a terminal, TERM not "dumb", NO_COLOR unset
 * or empty. */
struct render_style terminal_style(int descriptor, enum terminal_color color);

#endif
