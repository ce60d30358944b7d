/*
 * The program: commands, secrets, signals, and the only writing to streams besides the renderers'
 * buffers.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/host.h"
#include "net/http.h"
#include "net/wire/regfile.h"
#include "probes/options.h"
#include "probes/probe.h"
#include "probes/run.h"
#include "report/diagnose.h"
#include "report/diff.h"
#include "report/escape.h"
#include "report/explain.h"
#include "report/json.h"
#include "report/redact.h"
#include "report/registry.h"
#include "report/renderer.h"
#include "report/terminal.h"

#if defined(__GLIBC__) /* any header of the C library above defines it */
#include <malloc.h>
#endif

enum { EXIT_UNKNOWN = 3 };

static volatile sig_atomic_t caught_signal;

/* ---- complaints ---- */

static int complain(const struct fault *fault)
{
    struct text_buffer line = {0};
    text_escape(&line, fault->text, true);
    fprintf(stderr, "exreach: %s\n", buffer_text(&line));
    buffer_done(&line);
    return EXIT_UNKNOWN;
}

/* ---- output ---- */

static bool write_stdout(const char *bytes, size_t length)
{
    if (fwrite(bytes, 1, length, stdout) == length && fflush(stdout) == 0)
        return true;
    perror("exreach: standard output");
    return false;
}

static int exit_code(int code)
{
    return caught_signal != 0 ? 128 + (int)caught_signal : code;
}

static bool write_output(
    const struct survey *survey, const struct options *options, const struct output *output)
{
    const struct renderer *renderer = renderer_find(output->format);
    struct render_style style = terminal_style(1, options->color);
    struct text_buffer out = {0};
    struct fault fault;
    style.quiet = options->quiet;
    if (output->file != NULL && options->color != TERMINAL_COLOR_ALWAYS)
        style.color = false;
    renderer->render(survey, &style, &out);
    bool ok;
    if (output->file == NULL) {
        ok = write_stdout(buffer_text(&out), out.length);
    } else {
        ok = host_write_file(output->file, buffer_text(&out), out.length, &fault);
        if (!ok)
            complain(&fault);
    }
    buffer_done(&out);
    return ok;
}

static int report(struct survey *survey, const struct options *options)
{
    static const struct output text = {"text", NULL};
    bool ok = true, to_stdout = false;
    survey_diagnose(survey);
    int code = (int)survey->verdict.status;
    if (options->redact)
        survey_redact(survey);
    for (size_t i = 0; i < options->output_count; i++)
        to_stdout = to_stdout || options->outputs[i].file == NULL;
    /* Saving a file does not take the report from the terminal. */
    if (!to_stdout)
        ok = write_output(survey, options, &text);
    for (size_t i = 0; i < options->output_count; i++)
        ok = write_output(survey, options, &options->outputs[i]) && ok;
    if (!ok)
        return EXIT_UNKNOWN;
    return exit_code(code);
}

static bool check_formats(const struct options *options, struct fault *fault)
{
    for (size_t i = 0; i < options->output_count; i++) {
        if (renderer_find(options->outputs[i].format) == NULL)
            return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
                "--format: \"%.40s\" is not one of text, json", options->outputs[i].format);
    }
    return true;
}

/* ---- what happens meanwhile ---- */

static void trace(void *context, const char *check, char direction, const char *line)
{
    struct text_buffer out = {0};
    (void)context;
    buffer_printf(&out, "%s %c ", check, direction);
    text_escape(&out, line, true);
    buffer_add(&out, "\n");
    fputs(buffer_text(&out), stderr); /* one call: lines of threads do not mix */
    buffer_done(&out);
}

static void progress(void *context, size_t done, size_t total, int64_t elapsed_us)
{
    (void)context;
    fprintf(stderr, "\r%zu of %zu done, %.1f s \r", done, total, (double)elapsed_us / 1e6);
    fflush(stderr);
}

static volatile sig_atomic_t reading_secrets;

static void on_signal(int number)
{
    caught_signal = number;
    secret_restore_terminal();
    if (reading_secrets) /* nothing is under way, and a read about to begin would not notice */
        _Exit(128 + number);
    run_interrupt();
}

/* The second signal ends the program at once; what the first one finds being written is written to
 * its end. */
static void catch_signals(void)
{
    unsigned flags = (unsigned)SA_RESETHAND | (unsigned)SA_RESTART;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)flags};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- check, probe ---- */

static bool read_secrets(struct options *options, struct fault *fault)
{
    struct settings *settings = &options->settings;
    const char *file = options->password_file;
    if (options->token_file != NULL &&
        !secret_read_file(options->token_file, &settings->token, fault))
        return false;
    if (settings->anonymous || settings->kerberos_cache || settings->token != NULL)
        return true;
    if (file == NULL)
        file = host_env("EXREACH_PASSWORD_FILE");
    if (file != NULL)
        return secret_read_file(file, &settings->secret, fault);
    char prompt[300];
    snprintf(prompt, sizeof prompt, "Password of %s: ", settings->user);
    if (secret_prompt(prompt, &settings->secret, fault))
        return true;
    return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
        "no password: give --password-file FILE, or -k, or --anonymous (%.80s)", fault->text);
}

/* --registry: the facts of all files, in the options' arena. */
static bool read_registry(struct options *options, struct fact **ret_facts, struct fault *fault)
{
    const struct words *files = &options->settings.registry;
    struct registry *registry = registry_new(&options->arena);
    bool ok = true;
    for (size_t i = 0; i < files->count && ok; i++) {
        struct arena arena = {0};
        char *bytes;
        size_t length;
        ok = host_read_file(&arena, files->list[i], REGFILE_MAX, &bytes, &length, fault) &&
             registry_add(registry, files->list[i], bytes, length, fault);
        arena_done(&arena);
    }
    if (ok)
        *ret_facts = registry_facts(registry);
    return ok;
}

static bool known_word(const char *word)
{
    for (int service = 0; service < SERVICE_COUNT; service++) {
        if (strcmp(word, service_str((enum service)service)) == 0)
            return true;
    }
    for (size_t i = 0; probe_table[i] != NULL; i++) {
        size_t family = strcspn(probe_table[i]->id, ".");
        bool is_family = strlen(word) == family && strncmp(word, probe_table[i]->id, family) == 0;
        if (is_family || strcmp(word, probe_table[i]->id) == 0)
            return true;
    }
    return false;
}

static bool check_words(const struct words *words, const char *where, struct fault *fault)
{
    for (size_t i = 0; i < words->count; i++) {
        if (!known_word(words->list[i]))
            return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
                "%s: there is no probe or family \"%.60s\"; see exreach list", where,
                words->list[i]);
    }
    return true;
}

static void set_target(struct survey *survey, const struct settings *settings)
{
    survey->version = EXREACH_VERSION;
    survey->target = (struct target){.address = settings->address,
        .domain = settings->mail_domain,
        .account = settings->user,
        .profile = settings->profile,
        .mailboxes = settings->mailboxes.list,
        .mailbox_count = settings->mailboxes.count,
        .public_folders = settings->public_folders,
        .anonymous = settings->anonymous};
    for (int service = 0; service < SERVICE_COUNT; service++) {
        if (!settings_wants_service(settings, (enum service)service))
            survey->target.left_out |= 1u << service;
    }
}

static bool global_init(struct fault *fault)
{
    return http_global_init(fault) && krb_global_init(fault) && directory_global_init(fault);
}

/* All that can be wrong with the request is said before anything is sent. */
static bool prepare(struct options *options, struct fact **ret_registry, struct fault *fault)
{
    struct settings *settings = &options->settings;
    bool probe = options->command == COMMAND_PROBE;
    const char *address = options->arguments[probe ? 1 : 0];
    if (probe) {
        settings->only.count = 0;
        settings->only.list[settings->only.count++] = options->arguments[0];
    }
    if (!check_formats(options, fault) ||
        !check_words(&settings->only, probe ? "probe" : "--only", fault) ||
        !check_words(&settings->skip, "--skip", fault) ||
        !settings_set_target(settings, &options->arena, address, settings->user, fault) ||
        !read_registry(options, ret_registry, fault) ||
        !tls_trust_new(settings->ca, &settings->trust, fault))
        return false;
    reading_secrets = true;
    bool ok = read_secrets(options, fault);
    reading_secrets = false;
    return ok;
}

static int run_check_command(struct options *options)
{
    struct settings *settings = &options->settings;
    struct fault fault;
    struct survey survey;
    struct fact *registry = NULL;
    bool stuck = false;
    catch_signals();
    if (!prepare(options, &registry, &fault) || !global_init(&fault)) {
        tls_trust_free(settings->trust);
        return exit_code(complain(&fault));
    }
    settings->trace = settings->verbose > 0 ? trace : NULL;
    bool show_progress = terminal_is(2) && settings->verbose == 0 && !options->quiet;
    settings->progress = show_progress ? progress : NULL;

    survey_init(&survey);
    set_target(&survey, settings);
    bool ok = survey_run(&survey, settings, &stuck, &fault);
    survey.vantage.registry = registry; /* the run fills in the rest of it */
    if (show_progress)
        fputs("\r                              \r", stderr);
    int code = ok ? report(&survey, options) : complain(&fault);
    krb_global_done();
    if (stuck) {
        /* A thread still uses what we would free. */
        fflush(NULL);
        _Exit(code);
    }
    survey_done(&survey);
    tls_trust_free(settings->trust);
    http_global_done();
    return code;
}

/* ---- commands without a network ---- */

static bool load_survey(const char *path, struct survey *ret_survey, struct fault *fault)
{
    struct arena arena = {0};
    char *bytes;
    size_t length;
    struct fault why;
    survey_init(ret_survey);
    bool ok = host_read_file(&arena, path, JSON_BYTES_MAX, &bytes, &length, fault);
    if (ok && !json_load(bytes, length, ret_survey, &why))
        ok = fault_set(fault, why.cause, why.origin, why.code, "%.80s: %.110s", path, why.text);
    arena_done(&arena);
    return ok;
}

static int run_diagnose(const struct options *options)
{
    struct survey survey;
    struct fault fault;
    if (!check_formats(options, &fault))
        return complain(&fault);
    bool ok = load_survey(options->arguments[0], &survey, &fault);
    int code = ok ? report(&survey, options) : complain(&fault);
    survey_done(&survey);
    return code;
}

static int run_diff(const struct options *options)
{
    struct survey before, after;
    struct fault fault;
    struct text_buffer out = {0};
    int code = EXIT_UNKNOWN;
    survey_init(&after);
    if (!load_survey(options->arguments[0], &before, &fault) ||
        !load_survey(options->arguments[1], &after, &fault)) {
        complain(&fault);
    } else {
        struct render_style style = terminal_style(1, options->color);
        survey_diagnose(&before);
        survey_diagnose(&after);
        if (options->redact) {
            survey_redact(&before);
            survey_redact(&after);
        }
        code = survey_diff(&before, &after, &style, &out) ? 2 : 0;
        if (!write_stdout(buffer_text(&out), out.length))
            code = EXIT_UNKNOWN;
    }
    buffer_done(&out);
    survey_done(&before);
    survey_done(&after);
    return code;
}

static int run_explain(const struct options *options)
{
    struct render_style style = terminal_style(1, options->color);
    struct text_buffer out = {0};
    struct fault fault;
    int code = 0;
    if (options->argument_count == 0)
        explain_list(&style, &out);
    else if (!explain_rule(options->arguments[0], &style, &out, &fault))
        code = complain(&fault);
    if (code == 0 && !write_stdout(buffer_text(&out), out.length))
        code = EXIT_UNKNOWN;
    buffer_done(&out);
    return code;
}

static const char *fact_type_str(enum fact_type type)
{
    static const char *const names[] = {"yes/no", "number", "text", "list"};
    return names[type];
}

static int run_list(void)
{
    struct text_buffer out = {0};
    for (size_t i = 0; probe_table[i] != NULL; i++) {
        const struct probe *probe = probe_table[i];
        buffer_printf(&out, "%s%-22s %-9s %s\n", i > 0 ? "\n" : "", probe->id,
            layer_str(probe->layer), probe->title);
        for (const struct fact_def *fact = probe->facts; fact->key != NULL; fact++)
            buffer_printf(
                &out, "    %-26s %-7s %s\n", fact->key, fact_type_str(fact->type), fact->doc);
    }
    bool ok = write_stdout(buffer_text(&out), out.length);
    buffer_done(&out);
    return ok ? 0 : EXIT_UNKNOWN;
}

static int run_help(struct options *options, enum command command)
{
    const char *text = options_help(&options->arena, command);
    return write_stdout(text, strlen(text)) ? 0 : EXIT_UNKNOWN;
}

static int run_command(struct options *options)
{
    static const char version[] = "exreach " EXREACH_VERSION "\n";
    if (options->help)
        return run_help(options, options->command);
    switch (options->command) {
    case COMMAND_CHECK:
    case COMMAND_PROBE:
        return run_check_command(options);
    case COMMAND_DIFF:
        return run_diff(options);
    case COMMAND_DIAGNOSE:
        return run_diagnose(options);
    case COMMAND_EXPLAIN:
        return run_explain(options);
    case COMMAND_LIST:
        return run_list();
    case COMMAND_VERSION:
        return write_stdout(version, sizeof version - 1) ? 0 : EXIT_UNKNOWN;
    case COMMAND_HELP:
        break;
    }
    return run_help(options, COMMAND_HELP);
}

/* Threads that mostly wait need no heaps of their own: two for all save 0.5 MiB and many page
 * faults. */
static void bound_heaps(void)
{
#if defined(__GLIBC__)
    enum { HEAPS = 2 };
    mallopt(M_ARENA_MAX, HEAPS);
#endif
}

int main(int argc, char **argv)
{
    struct options options;
    struct fault fault;
    bound_heaps();
    host_keep_descriptors();
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error to be told, not a silent death */
    secret_protect_process();
    bool ok = options_parse(argc, argv, &options, &fault);
    int code = ok ? run_command(&options) : complain(&fault);
    options_done(&options);
    return code;
}
