/*
 * The command line: commands and options, parsed into settings. Every error is one line that
 * names what is wrong and where.
 */
#ifndef PROBES_OPTIONS_H
#define PROBES_OPTIONS_H

#include "probes/settings.h"
#include "report/terminal.h"

enum command {
    COMMAND_CHECK,
    COMMAND_PROBE,
    COMMAND_DIFF,
    COMMAND_DIAGNOSE,
    COMMAND_EXPLAIN,
    COMMAND_LIST,
    COMMAND_HELP,
    COMMAND_VERSION
};

enum { OUTPUTS_MAX = 8 };

struct output {
    const char *format; /* "json" */
    const char *file;   /* NULL: standard output */
};

struct options {
    enum command command;
    bool help; /* --help of the command */
    const char *arguments[2];
    size_t argument_count;
    struct output outputs[OUTPUTS_MAX];
    size_t output_count; /* 0: text on standard output */
    const char *password_file;
    const char *token_file;
    bool quiet;
    bool redact;
    enum terminal_color color;
    struct settings settings; /* of check and probe; secrets are read by main */
    struct arena arena;
};

/* argv[1 …]; false with a fault whose text is the whole error line. options_done() in any
 * case. */
bool options_parse(int argc, char **argv, struct options *ret_options, struct fault *fault);
void options_done(struct options *options);
/* Usage of a command, from the same table that parses; COMMAND_HELP: of the program. */
char *options_help(struct arena *arena, enum command command);
/* Splits and checks an e-mail address; fills settings->address, mail_domain, and account, domain,
 * realm from user (NULL or "": the address). */
bool settings_set_target(struct settings *settings, struct arena *arena, const char *address,
    const char *user, struct fault *fault);

#endif
