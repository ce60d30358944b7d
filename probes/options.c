#include "probes/options.h"

#include <stdio.h>
#include <string.h>

#include "net/dns.h"
#include "net/wire/text.h"
#include "probes/option_table.h"

static const struct {
    const char *name;
    enum command command;
    unsigned options;
    size_t least, most; /* arguments */
    const char *usage;
    const char *help;
} commands[] = {
    {"check", COMMAND_CHECK, FOR_RUNS, 1, 1, "[check] [OPTIONS] ADDRESS",
        "everything about one mailbox: matrix, findings, exit code"},
    {"probe", COMMAND_PROBE, FOR_RUNS, 2, 2, "probe NAME [OPTIONS] TARGET",
        "one probe or family alone, of an e-mail address"},
    {"diff", COMMAND_DIFF, FOR_REPORTS, 2, 2, "diff BEFORE.json AFTER.json",
        "what changed; exit 0 nothing worse, 2 something worse"},
    {"diagnose", COMMAND_DIAGNOSE, FOR_REPORTS, 1, 1, "diagnose SURVEY.json",
        "matrix and findings again from a saved survey"},
    {"explain", COMMAND_EXPLAIN, FOR_REPORTS, 0, 1, "explain [RULE]",
        "what a finding means and how to fix it; no RULE: the list"},
    {"list", COMMAND_LIST, FOR_REPORTS, 0, 0, "list",
        "probes, their layers, and every fact they may record"},
};
enum { COMMAND_ROWS = sizeof commands / sizeof commands[0] };

static int command_row(enum command command)
{
    for (int i = 0; i < COMMAND_ROWS; i++) {
        if (commands[i].command == command)
            return i;
    }
    return -1;
}

/* ---- parsing ---- */

static const struct option *find_option(const char *word, size_t length, char letter)
{
    for (const struct option *option = option_table; option->name != NULL; option++) {
        bool by_name = word != NULL && strlen(option->name) == length &&
                       strncmp(option->name, word, length) == 0;
        if (by_name || (letter != 0 && option->letter == letter))
            return option;
    }
    return NULL;
}

static bool apply(
    struct options *options, const struct option *option, const char *value, struct fault *fault)
{
    int row = command_row(options->command);
    if (row >= 0 && (commands[row].options & option->commands) == 0)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "--%s does not go with \"%s\"",
            option->name, commands[row].name);
    return option->set(options, value, fault);
}

/* --name, --name=value, --name value */
static bool parse_long(
    struct options *options, const char *word, const char *next, int *used, struct fault *fault)
{
    size_t length = strcspn(word, "=");
    const struct option *option = find_option(word, length, 0);
    if (option == NULL)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "unknown option --%.*s; see exreach --help", (int)(length < 60 ? length : 60), word);
    const char *value = word[length] == '=' ? word + length + 1 : NULL;
    if (option->value == NULL && value != NULL)
        return fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "--%s takes no value", option->name);
    if (option->value != NULL && value == NULL) {
        value = next;
        *used = 1;
    }
    if (option->value != NULL && value == NULL)
        return fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "--%s wants %s", option->name, option->value);
    return apply(options, option, value, fault);
}

/* -v, -vv, -f json, -fjson */
static bool parse_short(
    struct options *options, const char *word, const char *next, int *used, struct fault *fault)
{
    for (; *word != '\0'; word++) {
        const struct option *option = find_option(NULL, 0, *word);
        if (option == NULL)
            return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
                "unknown option -%c; see exreach --help", *word);
        if (option->value == NULL) {
            if (!apply(options, option, NULL, fault))
                return false;
            continue;
        }
        const char *value = word[1] != '\0' ? word + 1 : next;
        *used = word[1] == '\0';
        if (value == NULL)
            return fault_set(
                fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "-%c wants %s", *word, option->value);
        return apply(options, option, value, fault);
    }
    return true;
}

static void defaults(struct options *options)
{
    *options = (struct options){.command = COMMAND_HELP};
    options->settings = (struct settings){
        .auth = AUTH_KERBEROS | AUTH_NEGOTIATE | AUTH_NTLM | AUTH_BASIC | AUTH_BEARER,
        .profile = PROFILE_MAPI_CDO,
        .user = "",
        .account = "",
        .domain = "",
        .realm = "",
        .mail_domain = "",
        .address = "",
        .timeout_ms = 10 * 1000,
        .deadline_ms = 60 * 1000,
        .jobs = 32,
        .per_host = 4,
    };
}

/* Returns where the rest begins; without a command word it is `check`. */
static int take_command(struct options *options, int argc, char **argv)
{
    options->command = COMMAND_CHECK;
    for (int i = 0; argc > 1 && i < COMMAND_ROWS; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            options->command = commands[i].command;
            return 2;
        }
    }
    return 1;
}

static bool check_arguments(const struct options *options, struct fault *fault)
{
    int row = command_row(options->command);
    if (options->help || row < 0)
        return true;
    if (options->argument_count < commands[row].least)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "something is missing: exreach %s; see exreach --help", commands[row].usage);
    if (options->argument_count > commands[row].most)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "one argument too many, \"%.60s\": exreach %s",
            options->arguments[options->argument_count - 1], commands[row].usage);
    /* What happens on the wire is told while it happens: before the words to hide are known. */
    if (options->redact && options->settings.verbose > 0)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "--redact cannot hide anything in the lines of -v: leave one of them out");
    return true;
}

bool options_parse(int argc, char **argv, struct options *ret_options, struct fault *fault)
{
    bool only_arguments = false;
    defaults(ret_options);
    for (int i = take_command(ret_options, argc, argv); i < argc; i++) {
        const char *word = argv[i];
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        int used = 0;
        if (only_arguments || word[0] != '-' || word[1] == '\0') {
            if (ret_options->argument_count == 2)
                return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
                    "one argument too many, \"%.60s\"", word);
            ret_options->arguments[ret_options->argument_count++] = word;
            continue;
        }
        if (strcmp(word, "--") == 0) {
            only_arguments = true;
            continue;
        }
        bool ok = word[1] == '-' ? parse_long(ret_options, word + 2, next, &used, fault)
                                 : parse_short(ret_options, word + 1, next, &used, fault);
        if (!ok)
            return false;
        i += used;
    }
    bool named = argc > 1 && argv[1][0] != '-';
    if (ret_options->help && !named)
        ret_options->command = COMMAND_HELP;
    return check_arguments(ret_options, fault);
}

void options_done(struct options *options)
{
    secret_free(options->settings.secret);
    secret_free(options->settings.token);
    arena_done(&options->arena);
}

/* ---- help ---- */

static char *append(struct arena *arena, char *text, const char *more)
{
    return arena_printf(arena, "%s%s", text, more);
}

static char *add_option(struct arena *arena, char *text, const struct option *option)
{
    char left[64];
    snprintf(left, sizeof left, "%c%c%s--%s%s%s", option->letter != 0 ? '-' : ' ',
        option->letter != 0 ? option->letter : ' ', option->letter != 0 ? ", " : "  ", option->name,
        option->value != NULL ? " " : "", option->value != NULL ? option->value : "");
    text = append(arena, text, arena_printf(arena, "  %-28s", left));
    if (strlen(left) > 28)
        text = append(arena, text, arena_printf(arena, "\n%30s", ""));
    /* The help in a column of its own, wrapped at 100. */
    const char *words = option->help;
    size_t room = 68;
    while (strlen(words) > room) {
        size_t cut = room;
        while (cut > 0 && words[cut] != ' ')
            cut--;
        text = append(arena, text, arena_printf(arena, "  %.*s\n%30s", (int)cut, words, ""));
        words += cut + 1;
    }
    return append(arena, text, arena_printf(arena, "  %s\n", words));
}

char *options_help(struct arena *arena, enum command command)
{
    int row = command_row(command);
    char *text = arena_strdup(arena, "");
    if (row < 0) {
        text = append(arena, text,
            "exreach finds out where mailbox access to Microsoft Exchange breaks.\n\n");
        for (int i = 0; i < COMMAND_ROWS; i++)
            text = append(arena, text,
                arena_printf(arena, "  exreach %-30s  %s\n", commands[i].usage, commands[i].help));
        text = append(arena, text, "  exreach --help | --version | COMMAND --help\n");
    } else {
        text = append(arena, text,
            arena_printf(arena, "exreach %s\n  %s\n", commands[row].usage, commands[row].help));
    }
    unsigned mask = row < 0 ? FOR_RUNS : commands[row].options;
    text = append(arena, text, row < 0 ? "\nOptions of check and probe:\n" : "\nOptions:\n");
    for (const struct option *option = option_table; option->name != NULL; option++) {
        if ((option->commands & mask) != 0)
            text = add_option(arena, text, option);
    }
    return append(arena, text,
        "\nExit code: 0 works, 1 works with warnings, 2 mailbox access is broken, 3 unknown (bad "
        "usage, or\nour own trouble); 130 and 143 interrupted.\n");
}

/* ---- target ---- */

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    }
    return false;
}

static char *upper(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);
    for (char *c = copy; *c != '\0'; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    return copy;
}

bool settings_set_target(struct settings *settings, struct arena *arena, const char *address,
    const char *user, struct fault *fault)
{
    char domain[DNS_NAME_SIZE], suffix[DNS_NAME_SIZE];
    if (has_control(address))
        return fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "the address has a control character in it");
    const char *at = strrchr(address, '@');
    if (at == NULL || at == address || at[1] == '\0')
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "\"%.80s\" is no e-mail address: it needs a part before and a domain behind its @",
            address);
    if (strlen(address) > 254 || strpbrk(address, " <>\"(),;:\\") != NULL)
        return fault_set(
            fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "\"%.80s\" is no e-mail address", address);
    if (!dns_normalize(at + 1, domain, NULL) || strchr(domain, '.') == NULL)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "\"%.80s\": the part behind the @ is no domain", address);
    settings->address = address;
    settings->mail_domain = arena_strdup(arena, domain);
    if (settings->anonymous) {
        settings->user = settings->account = settings->domain = "";
        settings->realm = upper(arena, domain);
        return true;
    }
    settings->user = user != NULL && user[0] != '\0' ? user : address;
    if (has_control(settings->user))
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "the account name has a control character in it");
    const char *backslash = strchr(settings->user, '\\');
    at = backslash == NULL ? strrchr(settings->user, '@') : NULL;
    if (backslash != NULL && (backslash == settings->user || backslash[1] == '\0'))
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "\"%.80s\" is no account name: DOMAIN\\user has a part on both sides", settings->user);
    settings->domain = "";
    settings->account = settings->user;
    /* A UPN suffix is usually the realm; of DOMAIN\user only the mail domain can tell. */
    if (at != NULL && at[1] != '\0' && dns_normalize(at + 1, suffix, NULL))
        settings->realm = upper(arena, suffix);
    else
        settings->realm = upper(arena, at != NULL && at[1] != '\0' ? at + 1 : domain);
    if (backslash != NULL) {
        settings->domain =
            arena_strndup(arena, settings->user, (size_t)(backslash - settings->user));
        settings->account = arena_strdup(arena, backslash + 1);
    }
    return true;
}
