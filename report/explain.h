/*
 * `exreach explain [RULE]`: the rule table as text. Pure.
 */
#ifndef REPORT_EXPLAIN_H
#define REPORT_EXPLAIN_H

#include "report/renderer.h"

/* One rule, by its id without regard to case. false (INTERNAL, EXREACH): there is no such rule. */
bool explain_rule(
    const char *id, const struct render_style *style, struct text_buffer *out, struct fault *fault);
/* One line a rule. */
void explain_list(const struct render_style *style, struct text_buffer *out);

#endif
