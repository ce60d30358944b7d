/*
 * The matrix: services by layers, one row per address, with its legend. Pure.
 *
 * Rows stand in the order of enum service, then host, then address. The label takes what the cells
 * leave: names in full, else without the mail domain, else on a line of their own.
 */
#ifndef REPORT_MATRIX_H
#define REPORT_MATRIX_H

#include "report/renderer.h"

void matrix_render(
    const struct survey *survey, const struct render_style *style, struct text_buffer *out);

/* The chains in the order of the rows; count of them. In the arena. */
const struct chain **matrix_order(
    const struct survey *survey, struct arena *arena, size_t *ret_count);

/* What a cell shows: "ok" "warn" "FAIL" "." "skip" "-" "ERR" "?"; NULL check: "-". */
const char *matrix_word(const struct check *check);
/* A SKIPPED that says no more than that the question does not arise here. */
bool matrix_does_not_apply(const struct check *check);

#endif
