/*
 * The survey as JSON, schema exreach/1, and back. Pure.
 *
 * A survey saved and loaded again gives the same diagnosis and the same matrix. Verdict, findings
 * and checklist are saved for programs that read them; loading leaves them to survey_diagnose().
 */
#ifndef REPORT_JSON_H
#define REPORT_JSON_H

#include "report/renderer.h"

#define JSON_SCHEMA "exreach/1"

/* Bounds of a document that is loaded: it may come by mail from anybody. */
enum {
    JSON_BYTES_MAX = 8 << 20,
    JSON_VALUES_MAX = 200000, /* commas, colons and brackets: what a parser allocates for */
    JSON_ROWS_MAX = 1000,
    JSON_CHECKS_MAX = 8000
};

/* Adds to what the outside contract lists: target.public_folders, .anonymous, .left_out;
 * vantage.proxy, .registry (facts); rows[].path, .subject, .candidate; cells.*.title; rows[].more
 * (checks beyond the one a layer has, of the same shape plus "layer" and "subject"); lookups;
 * interrupted; out_of_time. */
void json_render(
    const struct survey *survey, const struct render_style *style, struct text_buffer *out);

/* Fills an initialised, empty survey. On failure the survey is empty again and the fault (INTERNAL,
 * EXREACH) names the place: rows[3].cells.tls.outcome: unknown word "foo". Unknown keys are
 * ignored. */
bool json_load(const char *bytes, size_t length, struct survey *ret_survey, struct fault *fault);

#endif
