/*
 * `exreach diff BEFORE AFTER`: what changed between two diagnosed surveys. Pure.
 */
#ifndef REPORT_DIFF_H
#define REPORT_DIFF_H

#include "report/renderer.h"

/* Writes what changed, row by row, then findings, checklist and verdict; a summary line last.
 * Returns whether something is worse: a check that worked and does not any more, a new finding, a
 * checklist item that fails now, or the verdict. */
bool survey_diff(const struct survey *before, const struct survey *after,
    const struct render_style *style, struct text_buffer *out);

#endif
