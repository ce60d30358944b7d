#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "probes/option_table.h"
#include "probes/options.h"
#include "tests/unit/judged.h"

#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 60 };

/* argv from one line, split at spaces; "~" stands for a space, "_" alone for an empty word. */
static bool parse(const char *line, struct options *options, char *buffer, struct fault *fault)
{
    char *argv[WORDS_MAX + 1];
    int argc = 0;
    strcpy(buffer, line);
    for (char *word = strtok(buffer, " "); word != NULL; word = strtok(NULL, " ")) {
        assert_in_range(argc, 0, WORDS_MAX - 1);
        argv[argc++] = strcmp(word, "_") == 0 ? word + 1 : word;
        for (char *c = word; *c != '\0'; c++)
            *c = (char)(*c == '~' ? ' ' : *c);
    }
    argv[argc] = NULL;
    return options_parse(argc, argv, options, fault);
}

/* ---- commands and arguments ---- */

static void test_commands(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        enum command command;
        const char *first;
        bool help;
    } table[] = {
        {"exreach a@b.test", COMMAND_CHECK, "a@b.test", false},
        {"exreach check a@b.test", COMMAND_CHECK, "a@b.test", false},
        {"exreach -v a@b.test", COMMAND_CHECK, "a@b.test", false},
        {"exreach a@b.test -v", COMMAND_CHECK, "a@b.test", false},
        {"exreach check -- -a@b.test", COMMAND_CHECK, "-a@b.test", false},
        {"exreach probe ews a@b.test", COMMAND_PROBE, "ews", false},
        {"exreach diagnose s.json", COMMAND_DIAGNOSE, "s.json", false},
        {"exreach diagnose -", COMMAND_DIAGNOSE, "-", false},
        {"exreach diff a.json b.json", COMMAND_DIFF, "a.json", false},
        {"exreach explain", COMMAND_EXPLAIN, NULL, false},
        {"exreach explain A12", COMMAND_EXPLAIN, "A12", false},
        {"exreach list", COMMAND_LIST, NULL, false},
        {"exreach probe --help", COMMAND_PROBE, NULL, true},
        {"exreach check -h", COMMAND_CHECK, NULL, true},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char buffer[200];
        struct options options;
        struct fault fault;
        if (!parse(table[i].line, &options, buffer, &fault))
            fail_msg("%s: %s", table[i].line, fault.text);
        if (options.command != table[i].command || options.help != table[i].help)
            fail_msg("%s: command %d", table[i].line, (int)options.command);
        assert_int_equal(options.argument_count > 0, table[i].first != NULL);
        if (table[i].first != NULL)
            assert_string_equal(options.arguments[0], table[i].first);
        options_done(&options);
    }
    struct options options;
    struct fault fault;
    char buffer[50];
    assert_true(parse("exreach --version", &options, buffer, &fault));
    assert_int_equal(options.command, COMMAND_VERSION);
    options_done(&options);
}

static const struct {
    const char *line, *names, *says;
} errors[] = {
    {"exreach", "ADDRESS", "missing"},
    {"exreach check", "ADDRESS", "missing"},
    {"exreach probe ews", "TARGET", "missing"},
    {"exreach diff a.json", "AFTER.json", "missing"},
    {"exreach diagnose", "SURVEY.json", "missing"},
    {"exreach a@b.test c@d.test", "c@d.test", "too many"},
    {"exreach check a b c", "\"c\"", "too many"},
    {"exreach explain A1 A2", "A2", "too many"},
    {"exreach list x", "\"x\"", "too many"},
    {"exreach a@b.test --nonsense", "--nonsense", "unknown option"},
    {"exreach a@b.test --nonsense=1", "--nonsense;", "unknown option"},
    {"exreach a@b.test --", NULL, NULL},
    {"exreach a@b.test --use x", "--use;", "unknown option"},
    {"exreach a@b.test -x", "-x", "unknown option"},
    {"exreach a@b.test -vx", "-x", "unknown option"},
    {"exreach a@b.test --user", "--user", "wants NAME"},
    {"exreach a@b.test -u", "-u", "wants NAME"},
    {"exreach a@b.test -vf", "-f", "wants FMT"},
    {"exreach a@b.test --registry", "--registry", "wants FILE"},
    {"exreach a@b.test --risk-lockout=1", "--risk-lockout", "takes no value"},
    {"exreach diagnose s.json --registry a.reg", "--registry", "does not go with \"diagnose\""},
    {"exreach a@b.test --insecure=yes", "--insecure", "takes no value"},
    {"exreach a@b.test --user _", "--user", "no account name"},
    {"exreach diagnose s.json --user a", "--user", "does not go with \"diagnose\""},
    {"exreach list --host x", "--host", "does not go with \"list\""},
    {"exreach a@b.test --mailbox nobody", "nobody", "--mailbox"},
    {"exreach a@b.test --mailbox @b", "@b", "--mailbox"},
    {"exreach a@b.test --mailbox a@", "a@", "--mailbox"},
    {"exreach a@b.test --mailbox a~b@c", "a b@c", "--mailbox"},
    {"exreach a@b.test --host _", "\"\"", "--host"},
    {"exreach a@b.test --host a..b", "a..b", "no host name"},
    {"exreach a@b.test --host a/b", "a/b", "no host name"},
    {"exreach a@b.test --host mail:", "--host", "number from 1 to 65535"},
    {"exreach a@b.test --host mail:0", "\"0\"", "number from 1 to 65535"},
    {"exreach a@b.test --host mail:65536", "\"65536\"", "number from 1 to 65535"},
    {"exreach a@b.test --host mail:99999999999999999999", "--host", "number from 1 to 65535"},
    {"exreach a@b.test --host mail:44x", "\"44x\"", "number from 1 to 65535"},
    {"exreach a@b.test --host [::1", "[::1", "no host name"},
    {"exreach a@b.test --dc ::g", "::g", "no host name"},
    {"exreach a@b.test --dns ns.b.test", "ns.b.test", "no address"},
    {"exreach a@b.test --dns 127.0.0.1:x", "\"x\"", "--dns"},
    {"exreach a@b.test --connect mail", "\"mail\"", "HOST:PORT:ADDR"},
    {"exreach a@b.test --connect mail:443", "mail:443", "HOST:PORT:ADDR"},
    {"exreach a@b.test --connect mail:443:other", "other", "no address"},
    {"exreach a@b.test --connect mail:x:127.0.0.1", "\"x\"", "--connect"},
    {"exreach a@b.test --connect mail:443:127.0.0.1:0", "\"0\"", "--connect"},
    {"exreach a@b.test --allow-host a~b", "a b", "--allow-host"},
    {"exreach a@b.test --auth kerberos,md5", "md5", "--auth"},
    {"exreach a@b.test --auth ,", "empty", "--auth"},
    {"exreach a@b.test --only _", "empty", "--only"},
    {"exreach a@b.test --skip ,,", "empty", "--skip"},
    {"exreach a@b.test --profile best", "best", "--profile"},
    {"exreach a@b.test --timeout 0", "\"0\"", "--timeout"},
    {"exreach a@b.test --timeout 10s", "10s", "--timeout"},
    {"exreach a@b.test --timeout nan", "nan", "--timeout"},
    {"exreach a@b.test --timeout -1", "-1", "--timeout"},
    {"exreach a@b.test --deadline inf", "inf", "--deadline"},
    {"exreach a@b.test --deadline 3601", "3601", "--deadline"},
    {"exreach a@b.test --jobs 0", "\"0\"", "--jobs"},
    {"exreach a@b.test --jobs 257", "257", "--jobs"},
    {"exreach a@b.test --per-host many", "many", "--per-host"},
    {"exreach a@b.test --format json=", "json=", "names no file"},
    {"exreach a@b.test --color blue", "blue", "--color"},
};

/* Every error is one line that names what is wrong and where. */
static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(errors); i++) {
        char buffer[200];
        struct options options;
        struct fault fault = {.cause = CAUSE_NONE};
        bool ok = parse(errors[i].line, &options, buffer, &fault);
        if (ok != (errors[i].names == NULL))
            fail_msg("%s: taken %d", errors[i].line, ok);
        if (!ok &&
            (strstr(fault.text, errors[i].names) == NULL ||
                strstr(fault.text, errors[i].says) == NULL || strchr(fault.text, '\n') != NULL))
            fail_msg("%s: \"%s\" says not where and what", errors[i].line, fault.text);
        options_done(&options);
    }
}

/* ---- every option ---- */

static void test_values(void **state)
{
    (void)state;
    char buffer[1000];
    struct options options;
    struct fault fault;
    if (!parse("exreach a@b.test -u CONTOSO\\svc --password-file=- -k --token-file t --anonymous"
               " --mailbox x@b.test --mailbox y@b.test --public-folders --ca ca.pem --allow-host"
               " Proxy.B.Test. --allow-basic --auth ntlm,bearer --only ews,tls --skip owa"
               " --profile ews-app --timeout 2.5 --deadline=30 --jobs 7 --per-host 3 -fjson=o.json"
               " -f text --save s.json --insecure -vv -q --color never"
               " --registry a.reg --registry=b.reg --risk-lockout",
            &options, buffer, &fault))
        fail_msg("%s", fault.text);
    const struct settings *settings = &options.settings;
    assert_string_equal(settings->user, "CONTOSO\\svc");
    assert_string_equal(options.password_file, "-");
    assert_string_equal(options.token_file, "t");
    assert_true(settings->kerberos_cache && settings->anonymous && settings->public_folders);
    assert_true(settings->allow_basic && settings->insecure && options.quiet);
    assert_int_equal(settings->mailboxes.count, 2);
    assert_string_equal(settings->mailboxes.list[1], "y@b.test");
    assert_int_equal(settings->registry.count, 2);
    assert_string_equal(settings->registry.list[1], "b.reg");
    assert_true(settings->risk_lockout);
    assert_string_equal(settings->ca, "ca.pem");
    assert_string_equal(settings->allow_hosts.list[0], "proxy.b.test");
    assert_int_equal(settings->auth, AUTH_NTLM | AUTH_BEARER);
    assert_int_equal(settings->only.count, 2);
    assert_string_equal(settings->only.list[1], "tls");
    assert_string_equal(settings->skip.list[0], "owa");
    assert_int_equal(settings->profile, PROFILE_EWS_APP);
    assert_int_equal(settings->timeout_ms, 2500);
    assert_int_equal(settings->deadline_ms, 30000);
    assert_int_equal(settings->jobs, 7);
    assert_int_equal(settings->per_host, 3);
    assert_int_equal(settings->verbose, 2);
    assert_int_equal(options.output_count, 3);
    assert_string_equal(options.outputs[0].format, "json");
    assert_string_equal(options.outputs[0].file, "o.json");
    assert_null(options.outputs[1].file);
    assert_string_equal(options.outputs[2].file, "s.json");
    assert_int_equal(options.color, TERMINAL_COLOR_NEVER);
    options_done(&options);
}

/* What goes over the wire is told before anybody knows what is to be hidden. */
static void test_redacted_traces(void **state)
{
    (void)state;
    char buffer[100];
    struct options options;
    struct fault fault;
    assert_true(parse("exreach a@b.test --redact", &options, buffer, &fault));
    assert_true(options.redact);
    options_done(&options);
    assert_false(parse("exreach a@b.test --redact -v", &options, buffer, &fault));
    assert_non_null(strstr(fault.text, "--redact"));
    options_done(&options);
}

static void test_defaults(void **state)
{
    (void)state;
    char buffer[100];
    struct options options;
    struct fault fault;
    assert_true(parse("exreach a@b.test", &options, buffer, &fault));
    assert_int_equal(options.settings.timeout_ms, 10000);
    assert_int_equal(options.settings.deadline_ms, 60000);
    assert_int_equal(options.settings.jobs, 32);
    assert_int_equal(options.settings.per_host, 4);
    assert_int_equal(options.settings.profile, PROFILE_MAPI_CDO);
    assert_false(options.settings.allow_basic);
    assert_false(options.settings.insecure);
    assert_false(options.settings.risk_lockout);
    assert_int_equal(options.settings.registry.count, 0);
    assert_int_equal(options.output_count, 0);
    options_done(&options);
}

static void test_auth(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        unsigned auth;
        bool basic;
    } table[] = {
        {"exreach a@b.test --auth kerberos", AUTH_KERBEROS, false},
        {"exreach a@b.test --auth negotiate", AUTH_KERBEROS | AUTH_NEGOTIATE, false},
        {"exreach a@b.test --auth basic", AUTH_BASIC, true}, /* alone: allowed by that */
        {"exreach a@b.test --auth basic,ntlm", AUTH_BASIC | AUTH_NTLM, false},
        {"exreach a@b.test --auth ntlm --auth bearer", AUTH_BEARER, false}, /* the last one */
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char buffer[100];
        struct options options;
        struct fault fault;
        assert_true(parse(table[i].line, &options, buffer, &fault));
        assert_int_equal(options.settings.auth, table[i].auth);
        assert_int_equal(options.settings.allow_basic, table[i].basic);
        options_done(&options);
    }
}

static void test_places(void **state)
{
    (void)state;
    static const struct {
        const char *value, *host;
        uint16_t port;
    } table[] = {
        {"Mail.B.Test.", "mail.b.test", 0},
        {"mail:8443", "mail", 8443},
        {"127.0.0.1", "127.0.0.1", 0},
        {"127.0.0.1:65535", "127.0.0.1", 65535},
        {"::1", "::1", 0},
        {"[::1]", "::1", 0},
        {"[::1]:1", "::1", 1},
        {"fe80::1", "fe80::1", 0},
        {"b\xC3\xBC"
         "cher.test",
            "xn--bcher-kva.test", 0},
    };
    static const char *const options_with_place[] = {"--host", "--dc"};
    for (size_t i = 0; i < COUNT(table); i++) {
        for (size_t o = 0; o < 2; o++) {
            char line[200], buffer[200];
            struct options options;
            struct fault fault;
            snprintf(
                line, sizeof line, "exreach a@b.test %s %s", options_with_place[o], table[i].value);
            if (!parse(line, &options, buffer, &fault))
                fail_msg("%s: %s", line, fault.text);
            const struct places *places = o == 0 ? &options.settings.hosts : &options.settings.dcs;
            assert_int_equal(places->count, 1);
            assert_string_equal(places->list[0].host, table[i].host);
            assert_int_equal(places->list[0].port, table[i].port);
            options_done(&options);
        }
    }
}

static void test_resolvers_and_detours(void **state)
{
    (void)state;
    char buffer[400];
    struct options options;
    struct fault fault;
    if (!parse("exreach a@b.test --dns 127.0.0.1 --dns [::1]:5353 --dns ::1"
               " --connect Mail.b.test:443:127.0.0.20 --connect mail:443:::1"
               " --connect mail:25:[::1]:2525",
            &options, buffer, &fault))
        fail_msg("%s", fault.text);
    const struct settings *settings = &options.settings;
    static const struct net_address resolvers[] = {{"127.0.0.1", 53}, {"::1", 5353}, {"::1", 53}};
    static const struct detour detours[] = {{"mail.b.test", 443, {"127.0.0.20", 443}},
        {"mail", 443, {"::1", 443}}, {"mail", 25, {"::1", 2525}}};
    assert_int_equal(settings->resolver_count, 3);
    assert_int_equal(settings->detour_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(settings->resolvers[i].text, resolvers[i].text);
        assert_int_equal(settings->resolvers[i].port, resolvers[i].port);
        assert_string_equal(settings->detours[i].host, detours[i].host);
        assert_int_equal(settings->detours[i].port, detours[i].port);
        assert_string_equal(settings->detours[i].to.text, detours[i].to.text);
        assert_int_equal(settings->detours[i].to.port, detours[i].to.port);
    }
    options_done(&options);
}

/* What may be repeated has an end, and says so. */
static void test_too_many(void **state)
{
    (void)state;
    static const char *const values[] = {"--host h", "--dc h", "--dns 127.0.0.1",
        "--connect h:1:127.0.0.1", "--mailbox a@b", "--allow-host h", "--format text", "--only ews",
        "--skip ews", "--save x", "--registry a.reg"};
    for (size_t i = 0; i < COUNT(values); i++) {
        static char *argv[2 + 2 * (SETTINGS_WORDS + 1)];
        char option[100];
        struct options options;
        struct fault fault;
        int argc = 2;
        argv[0] = argv[1] = option + strlen(strcpy(option, values[i])); /* "" */
        char *value = strchr(option, ' ');
        *value = '\0';
        for (int n = 0; n <= SETTINGS_WORDS; n++) {
            argv[argc++] = option;
            argv[argc++] = value + 1;
        }
        assert_false(options_parse(argc, argv, &options, &fault));
        if (strstr(fault.text, option) == NULL || strstr(fault.text, "too many") == NULL)
            fail_msg("%s: %s", option, fault.text);
        options_done(&options);
    }
}

/* ---- help comes from the same table ---- */

static void test_help(void **state)
{
    (void)state;
    struct arena arena = {0};
    const char *check = options_help(&arena, COMMAND_CHECK);
    const char *diagnose = options_help(&arena, COMMAND_DIAGNOSE);
    const char *program = options_help(&arena, COMMAND_HELP);
    for (const struct option *option = option_table; option->name != NULL; option++) {
        char name[60];
        snprintf(name, sizeof name, "--%s", option->name);
        if (((option->commands & FOR_RUNS) != 0) != (strstr(check, name) != NULL) ||
            ((option->commands & FOR_REPORTS) != 0) != (strstr(diagnose, name) != NULL))
            fail_msg("%s is missing in a help, or out of place", name);
        assert_true(option->help[0] != '\0');
    }
    for (const char *line = check; *line != '\0'; line += strcspn(line, "\n") + 1) {
        if (strcspn(line, "\n") > 100)
            fail_msg("over 100 columns: %.*s", (int)strcspn(line, "\n"), line);
    }
    assert_non_null(strstr(program, "exreach [check] [OPTIONS] ADDRESS"));
    assert_non_null(strstr(program, "diff BEFORE.json AFTER.json"));
    /* no option takes a password as its value */
    assert_null(strstr(program, "--password "));
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_redacted_traces),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_auth),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_resolvers_and_detours),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
