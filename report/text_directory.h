/*
 * What the directory says of the account and of Exchange, a line each, for the text report. Pure.
 */
#ifndef REPORT_TEXT_DIRECTORY_H
#define REPORT_TEXT_DIRECTORY_H

#include "report/renderer.h"

/* Nothing where no directory answered. */
void text_directory(
    const struct survey *survey, const struct render_style *style, struct text_buffer *out);

#endif
