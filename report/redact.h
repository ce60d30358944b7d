/*
 * --redact: names, addresses and mailboxes become stable tokens (host-1, address-2, mailbox-3), the
 * same one everywhere in the survey. Pure.
 */
#ifndef REPORT_REDACT_H
#define REPORT_REDACT_H

#include "probes/survey.h"

/* After survey_diagnose(), before rendering: replaces in every text of the survey. What is known to
 * be a name (endpoints, target, vantage, look-ups, facts that name things) is replaced wherever it
 * occurs, in sentences, too; beside that everything that looks like an address (numeric or e-mail)
 * or lies in a known domain. Builds and versions stay. */
void survey_redact(struct survey *survey);

#endif
