/*
 * The report for people: matrix first, causes second, remedies with them, the checklist, and the
 * verdict as the last line. Words carry everything; colour only adds.
 */
#ifndef REPORT_TEXT_H
#define REPORT_TEXT_H

#include "report/renderer.h"

/* With style->quiet the verdict line alone, unwrapped. */
void text_render(
    const struct survey *survey, const struct render_style *style, struct text_buffer *out);

/* "broken: Mailbox access breaks at TLS: …" with a newline. */
void text_verdict(
    const struct survey *survey, const struct render_style *style, struct text_buffer *out);

#endif
