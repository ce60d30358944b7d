/*
 * The options as data: what --help prints and what the command line is parsed with.
 */
#ifndef PROBES_OPTION_TABLE_H
#define PROBES_OPTION_TABLE_H

#include "probes/options.h"

enum { FOR_RUNS = 1 /* check, probe */, FOR_REPORTS = 2 /* diagnose, diff */, FOR_ALL = 3 };

struct option {
    const char *name;  /* "user" */
    char letter;       /* 'u' or 0 */
    const char *value; /* "NAME"; NULL: none */
    unsigned commands;
    bool (*set)(struct options *options, const char *value, struct fault *fault);
    const char *help;
};

extern const struct option option_table[]; /* a zero entry ends it */

#endif
