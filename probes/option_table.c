#include "probes/option_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/dns.h"
#include "net/wire/text.h"

static bool usage(struct fault *fault, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 2, 3)))
#endif
    ;

static bool usage(struct fault *fault, const char *format, ...)
{
    char text[FAULT_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "%s", text);
}

/* ---- values ---- */

static bool add_word(struct words *words, const char *word, const char *option, struct fault *fault)
{
    if (words->count == SETTINGS_WORDS)
        return usage(fault, "--%s: too many values, at %s", option, word);
    words->list[words->count++] = word;
    return true;
}

static bool parse_number(const char *text, const char *option, long lowest, long highest,
    long *ret_number, struct fault *fault)
{
    char *end;
    long number = strtol(text, &end, 10);
    if (end == text || *end != '\0' || number < lowest || number > highest)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
            "--%s: \"%s\" is not a number from %ld to %ld", option, text, lowest, highest);
    *ret_number = number;
    return true;
}

/* NAME[:PORT], [IPv6]:PORT; a bare IPv6 address has no port. */
static bool parse_place(struct arena *arena, const char *text, const char *option,
    struct place *ret_place, struct fault *fault)
{
    char host[DNS_NAME_SIZE];
    struct net_address address;
    long port = 0;
    const char *colon = text[0] == '[' ? strstr(text, "]:") : strchr(text, ':');
    if (colon != NULL && text[0] == '[')
        colon++;
    if (text[0] != '[' && colon != NULL && strchr(colon + 1, ':') != NULL)
        colon = NULL;
    size_t length = colon != NULL ? (size_t)(colon - text) : strlen(text);
    if (colon != NULL && !parse_number(colon + 1, option, 1, 65535, &port, fault))
        return false;
    char *name = arena_strndup(arena, text, length);
    if (net_address_parse(name, (uint16_t)port, &address)) {
        *ret_place = (struct place){arena_strdup(arena, address.text), (uint16_t)port};
        return true;
    }
    if (!dns_normalize(name, host, NULL))
        return usage(fault, "--%s: \"%s\" is no host name or address", option, text);
    *ret_place = (struct place){arena_strdup(arena, host), (uint16_t)port};
    return true;
}

static bool add_place(struct options *options, struct places *places, const char *text,
    const char *option, struct fault *fault)
{
    if (places->count == SETTINGS_PLACES)
        return usage(fault, "--%s: too many values, at %s", option, text);
    if (!parse_place(&options->arena, text, option, &places->list[places->count], fault))
        return false;
    places->count++;
    return true;
}

/* ---- options, in the order of --help ---- */

static bool set_user(struct options *options, const char *value, struct fault *fault)
{
    if (value[0] == '\0' || strlen(value) > 256)
        return usage(fault, "--user: \"%.80s\" is no account name", value);
    options->settings.user = value;
    return true;
}

static bool set_password_file(struct options *options, const char *value, struct fault *fault)
{
    (void)fault;
    options->password_file = value;
    return true;
}

static bool set_kerberos(struct options *options, const char *value, struct fault *fault)
{
    (void)value;
    (void)fault;
    options->settings.kerberos_cache = true;
    return true;
}

static bool set_token_file(struct options *options, const char *value, struct fault *fault)
{
    (void)fault;
    options->token_file = value;
    return true;
}

static bool set_anonymous(struct options *options, const char *value, struct fault *fault)
{
    (void)value;
    (void)fault;
    options->settings.anonymous = true;
    return true;
}

static bool set_mailbox(struct options *options, const char *value, struct fault *fault)
{
    const char *at = strchr(value, '@');
    if (at == NULL || at == value || at[1] == '\0' || strpbrk(value, " <>\r\n\t") != NULL)
        return usage(fault, "--mailbox: \"%s\" is no e-mail address", value);
    return add_word(&options->settings.mailboxes, value, "mailbox", fault);
}

static bool set_public_folders(struct options *options, const char *value, struct fault *fault)
{
    (void)value;
    (void)fault;
    options->settings.public_folders = true;
    return true;
}

static bool set_host(struct options *options, const char *value, struct fault *fault)
{
    return add_place(options, &options->settings.hosts, value, "host", fault);
}

static bool set_dc(struct options *options, const char *value, struct fault *fault)
{
    return add_place(options, &options->settings.dcs, value, "dc", fault);
}

static bool set_dns(struct options *options, const char *value, struct fault *fault)
{
    struct settings *settings = &options->settings;
    struct place place;
    if (settings->resolver_count == SETTINGS_RESOLVERS)
        return usage(fault, "--dns: too many values, at %s", value);
    if (!parse_place(&options->arena, value, "dns", &place, fault))
        return false;
    uint16_t port = place.port != 0 ? place.port : 53;
    if (!net_address_parse(place.host, port, &settings->resolvers[settings->resolver_count]))
        return usage(
            fault, "--dns: \"%s\" is no address; a resolver is named by its address", value);
    settings->resolver_count++;
    return true;
}

static bool set_connect(struct options *options, const char *value, struct fault *fault)
{
    struct settings *settings = &options->settings;
    const char *second = strchr(value, ':');
    second = second != NULL ? strchr(second + 1, ':') : NULL;
    struct place from, to;
    if (settings->detour_count == SETTINGS_PLACES)
        return usage(fault, "--connect: too many values, at %s", value);
    if (second == NULL)
        return usage(fault, "--connect: \"%s\" is not HOST:PORT:ADDR[:PORT]", value);
    char *first = arena_strndup(&options->arena, value, (size_t)(second - value));
    struct detour *detour = &settings->detours[settings->detour_count];
    if (!parse_place(&options->arena, first, "connect", &from, fault) ||
        !parse_place(&options->arena, second + 1, "connect", &to, fault))
        return false;
    *detour = (struct detour){.host = from.host, .port = from.port};
    if (!net_address_parse(to.host, to.port != 0 ? to.port : from.port, &detour->to))
        return usage(fault, "--connect: \"%s\" is no address", to.host);
    settings->detour_count++;
    return true;
}

static bool set_ca(struct options *options, const char *value, struct fault *fault)
{
    (void)fault;
    options->settings.ca = value;
    return true;
}

static bool set_allow_host(struct options *options, const char *value, struct fault *fault)
{
    struct place place;
    return parse_place(&options->arena, value, "allow-host", &place, fault) &&
           add_word(&options->settings.allow_hosts, place.host, "allow-host", fault);
}

static bool set_allow_basic(struct options *options, const char *value, struct fault *fault)
{
    (void)value;
    (void)fault;
    options->settings.allow_basic = true;
    return true;
}

static bool split_list(struct options *options, const char *value, struct words *words,
    const char *option, struct fault *fault)
{
    for (const char *at = value; *at != '\0';) {
        size_t length = strcspn(at, ",");
        if (length > 0 &&
            !add_word(words, arena_strndup(&options->arena, at, length), option, fault))
            return false;
        at += length + (at[length] == ',');
    }
    if (words->count == 0)
        return usage(fault, "--%s: the list is empty", option);
    return true;
}

static bool set_auth(struct options *options, const char *value, struct fault *fault)
{
    static const struct {
        const char *name;
        unsigned bit;
    } schemes[] = {{"kerberos", AUTH_KERBEROS}, {"negotiate", AUTH_KERBEROS | AUTH_NEGOTIATE},
        {"ntlm", AUTH_NTLM}, {"basic", AUTH_BASIC}, {"bearer", AUTH_BEARER}};
    struct words words = {.count = 0};
    if (!split_list(options, value, &words, "auth", fault))
        return false;
    options->settings.auth = 0;
    for (size_t i = 0; i < words.count; i++) {
        unsigned bit = 0;
        for (size_t s = 0; s < sizeof schemes / sizeof schemes[0]; s++)
            bit |= strcmp(schemes[s].name, words.list[i]) == 0 ? schemes[s].bit : 0;
        if (bit == 0)
            return usage(fault,
                "--auth: \"%s\" is not one of kerberos, negotiate, ntlm, basic, bearer",
                words.list[i]);
        options->settings.auth |= bit;
    }
    /* Whoever asks for Basic alone has allowed it. */
    if (options->settings.auth == AUTH_BASIC)
        options->settings.allow_basic = true;
    return true;
}

static bool set_only(struct options *options, const char *value, struct fault *fault)
{
    return split_list(options, value, &options->settings.only, "only", fault);
}

static bool set_skip(struct options *options, const char *value, struct fault *fault)
{
    return split_list(options, value, &options->settings.skip, "skip", fault);
}

static bool set_profile(struct options *options, const char *value, struct fault *fault)
{
    if (!profile_parse(value, &options->settings.profile))
        return usage(fault,
            "--profile: \"%s\" is not one of mapi-cdo, outlook, ews-app, owa-user, all", value);
    return true;
}

static bool set_seconds(const char *value, const char *option, int *ret_ms, struct fault *fault)
{
    char *end;
    double seconds = strtod(value, &end);
    if (end == value || *end != '\0' || !(seconds >= 0.1 && seconds <= 3600))
        return usage(
            fault, "--%s: \"%s\" is not a number of seconds from 0.1 to 3600", option, value);
    *ret_ms = (int)(seconds * 1000);
    return true;
}

static bool set_timeout(struct options *options, const char *value, struct fault *fault)
{
    return set_seconds(value, "timeout", &options->settings.timeout_ms, fault);
}

static bool set_deadline(struct options *options, const char *value, struct fault *fault)
{
    return set_seconds(value, "deadline", &options->settings.deadline_ms, fault);
}

static bool set_jobs(struct options *options, const char *value, struct fault *fault)
{
    long number = 0;
    if (!parse_number(value, "jobs", 1, 256, &number, fault))
        return false;
    options->settings.jobs = (int)number;
    return true;
}

static bool set_per_host(struct options *options, const char *value, struct fault *fault)
{
    long number = 0;
    if (!parse_number(value, "per-host", 1, 64, &number, fault))
        return false;
    options->settings.per_host = (int)number;
    return true;
}

static bool set_format(struct options *options, const char *value, struct fault *fault)
{
    const char *equals = strchr(value, '=');
    size_t length = equals != NULL ? (size_t)(equals - value) : strlen(value);
    if (options->output_count == OUTPUTS_MAX)
        return usage(fault, "--format: too many values, at %s", value);
    if (equals != NULL && equals[1] == '\0')
        return usage(fault, "--format: \"%s\" names no file", value);
    options->outputs[options->output_count++] = (struct output){
        arena_strndup(&options->arena, value, length), equals != NULL ? equals + 1 : NULL};
    return true;
}

static bool set_save(struct options *options, const char *value, struct fault *fault)
{
    if (options->output_count == OUTPUTS_MAX)
        return usage(fault, "--save: too many outputs, at %s", value);
    options->outputs[options->output_count++] = (struct output){"json", value};
    return true;
}

static bool set_registry(struct options *options, const char *value, struct fault *fault)
{
    return add_word(&options->settings.registry, value, "registry", fault);
}

static bool set_insecure(struct options *options, const char *value, struct fault *fault)
{
    (void)value;
    (void)fault;
    options->settings.insecure = true;
    return true;
}

static bool set_risk_lockout(struct options *options, const char *value, struct fault *fault)
{
    (void)value;
    (void)fault;
    options->settings.risk_lockout = true;
    return true;
}

static bool set_redact(struct options *options, const char *value, struct fault *fault)
{
    (void)value;
    (void)fault;
    options->redact = true;
    return true;
}

static bool set_verbose(struct options *options, const char *value, struct fault *fault)
{
    (void)value;
    (void)fault;
    options->settings.verbose++;
    return true;
}

static bool set_quiet(struct options *options, const char *value, struct fault *fault)
{
    (void)value;
    (void)fault;
    options->quiet = true;
    return true;
}

static bool set_color(struct options *options, const char *value, struct fault *fault)
{
    if (!terminal_color_parse(value, &options->color))
        return usage(fault, "--color: \"%s\" is not one of auto, always, never", value);
    return true;
}

static bool set_help(struct options *options, const char *value, struct fault *fault)
{
    (void)value;
    (void)fault;
    options->help = true;
    return true;
}

static bool set_version(struct options *options, const char *value, struct fault *fault)
{
    (void)value;
    (void)fault;
    options->command = COMMAND_VERSION;
    return true;
}

const struct option option_table[] = {
    {"user", 'u', "NAME", FOR_RUNS, set_user,
        "account to log in with: user@domain or DOMAIN\\user; default: the address"},
    {"password-file", 0, "FILE", FOR_RUNS, set_password_file,
        "first line is the password; - is standard input. Otherwise EXREACH_PASSWORD_FILE, else a "
        "prompt on the terminal"},
    {"kerberos", 'k', NULL, FOR_RUNS, set_kerberos,
        "use the current credential cache or keytab, no password"},
    {"token-file", 0, "FILE", FOR_RUNS, set_token_file, "OAuth bearer token"},
    {"anonymous", 0, NULL, FOR_RUNS, set_anonymous,
        "no credentials at all: everything up to the AUTH column"},
    {"mailbox", 0, "ADDRESS", FOR_RUNS, set_mailbox,
        "also open this mailbox with the account (repeatable)"},
    {"public-folders", 0, NULL, FOR_RUNS, set_public_folders, "also open the public folder tree"},
    {"host", 0, "NAME[:PORT]", FOR_RUNS, set_host,
        "a front end to test besides what is discovered (repeatable)"},
    {"dc", 0, "NAME[:PORT]", FOR_RUNS, set_dc,
        "a domain controller to test besides what DNS says (repeatable)"},
    {"dns", 0, "SERVER[:PORT]", FOR_RUNS, set_dns,
        "ask this resolver; given twice or more, answers are compared"},
    {"connect", 0, "HOST:PORT:ADDR[:PORT]", FOR_RUNS, set_connect,
        "connect there instead; name, SNI and Host stay"},
    {"ca", 0, "FILE|DIR", FOR_RUNS, set_ca, "trust these; default: the system's store"},
    {"allow-host", 0, "NAME", FOR_RUNS, set_allow_host,
        "credentials may go to this host although discovery alone would not allow it (repeatable)"},
    {"allow-basic", 0, NULL, FOR_RUNS, set_allow_basic,
        "Basic may be used where nothing better is offered"},
    {"risk-lockout", 0, NULL, FOR_RUNS, set_risk_lockout,
        "send the password even when one more failure would lock the account"},
    {"auth", 0, "LIST", FOR_RUNS, set_auth, "only these: kerberos, negotiate, ntlm, basic, bearer"},
    {"only", 0, "LIST", FOR_RUNS, set_only, "probes by id or family; see `exreach list`"},
    {"skip", 0, "LIST", FOR_RUNS, set_skip, "leave these probes or families out"},
    {"profile", 0, "NAME", FOR_RUNS, set_profile,
        "which rows must work: mapi-cdo (default), outlook, ews-app, owa-user, all"},
    {"timeout", 0, "SECONDS", FOR_RUNS, set_timeout, "per step (default 10)"},
    {"deadline", 0, "SECONDS", FOR_RUNS, set_deadline, "whole run (default 60)"},
    {"jobs", 0, "N", FOR_RUNS, set_jobs, "worker threads (default 32)"},
    {"per-host", 0, "N", FOR_RUNS, set_per_host, "chains at once per address (default 4)"},
    {"format", 'f', "FMT[=FILE]", FOR_ALL, set_format, "text (default) or json; repeatable"},
    {"save", 0, "FILE", FOR_RUNS, set_save, "the survey as JSON (same as -f json=FILE)"},
    {"registry", 0, "FILE", FOR_RUNS, set_registry,
        "a `reg export` of the application server, for the checklist's local items (repeatable)"},
    {"insecure", 0, NULL, FOR_RUNS, set_insecure,
        "a certificate that does not verify is a warning and the chain goes on, without "
        "credentials"},
    {"redact", 0, NULL, FOR_ALL, set_redact,
        "names, addresses and mailboxes are replaced by stable tokens in every output"},
    {"verbose", 'v', NULL, FOR_RUNS, set_verbose,
        "what happens on the wire, secrets masked; -vv: every HTTP header"},
    {"quiet", 'q', NULL, FOR_ALL, set_quiet, "only the verdict line"},
    {"color", 0, "WHEN", FOR_ALL, set_color, "auto, always or never; NO_COLOR is honoured"},
    {"help", 'h', NULL, FOR_ALL, set_help, "this text"},
    {"version", 0, NULL, FOR_ALL, set_version, "the version"},
    {0},
};
