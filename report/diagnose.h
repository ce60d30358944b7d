/*
 * What the facts mean: rules, what no rule explains, their ranking, the verdict, the checklist.
 * Pure.
 */
#ifndef REPORT_DIAGNOSE_H
#define REPORT_DIAGNOSE_H

#include "probes/survey.h"

/* Fills findings, verdict and checklist anew, whatever they were. Everything is in the survey's
 * arena.
 *
 * Findings are in the order of the report: causes before consequences (caused_by, right behind
 * their cause), what breaks the profile before what does not, what breaks more services before
 * less, lower layers before higher; our own trouble (X-ERROR) last. */
void survey_diagnose(struct survey *survey);

#endif
