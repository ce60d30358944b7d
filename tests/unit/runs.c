#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/runs.h"

#include "probes/mapi.h"
#include "probes/name.h"
#include "probes/probe.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct host *hosts;
static int never; /* a descriptor that is never readable */
static atomic_int running, provers;
atomic_int most_running, most_provers, proofs;

static void count_in(atomic_int *count, atomic_int *most)
{
    int now = atomic_fetch_add(count, 1) + 1;
    int before = atomic_load(most);
    while (now > before && !atomic_compare_exchange_weak(most, &before, now))
        continue;
}

static void nap(int ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

#ifdef UNDER_TSAN
/* A run with a stuck probe leaves its threads behind. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_thread_leaks=0";
}
#endif

/* ---- the probes ---- */

static void at_gate(struct session *session, struct check *check, enum act act)
{
    struct fault why;
    char who[256];
    enum gate_pass pass = run_gate(session, WAY_HTTP, &why, who);
    if (pass == GATE_STOP && why.cause == CAUSE_INTERRUPTED) {
        check_fail(check, &why);
        return;
    }
    if (pass == GATE_STOP) {
        check_settle(check, OUTCOME_SKIPPED, "refused by %s", who);
        check_halt(check);
        return;
    }
    check_settle(check, OUTCOME_PASS, "%s", pass == GATE_PROVE ? "proved" : "went");
    if (pass == GATE_GO)
        return;
    count_in(&provers, &most_provers);
    atomic_fetch_add(&proofs, 1);
    if (act == HOLD)
        sock_wait(never, SOCK_READABLE, session_limit(session), &why);
    else
        nap(NAP_MS);
    run_count_logon(session, act == DENIED);
    atomic_fetch_sub(&provers, 1);
    fault_set(&why, CAUSE_PASSWORD_WRONG, ORIGIN_EXREACH, 0, "wrong");
    if (act == DENIED || act == UNANSWERED)
        check_fail(check, &why);
    if (act != UNTOLD)
        run_gate_tell(session, WAY_HTTP,
            act == DENIED                      ? GATE_DENIED
            : act == NO_VERDICT || act == HOLD ? GATE_NO_VERDICT
            : act == UNANSWERED                ? GATE_UNANSWERED
                                               : GATE_PROVED,
            check, &why);
}

static void ask_wrong_server(struct session *session, struct check *check)
{
    if (!run_store_logon(session, false)) {
        mapi_settle_unasked(session, "mapi", check);
        return;
    }
    run_store_logon_done(session, false, true);
    mapi_note_opened(session, check);
    run_store_followed(session);
    check_settle(check, OUTCOME_PASS, "followed");
}

/* What chains share, behind the runner's lock. */
static void ask_run(struct session *session, struct check *check, enum act act)
{
    const char *summary = "passed";
    if (act == WRONG) {
        ask_wrong_server(session, check);
        return;
    }
    if (act == FIND) {
        nap(NAP_MS);
        run_discover(session, SERVICE_EWS, "https://mail.contoso.test/EWS/Exchange.asmx",
            SOURCE_AUTODISCOVER);
    }
    if (act == NAMED)
        summary = run_named(session) ? "named" : "a guess";
    if (act == REFUSE) {
        run_count_logon(session, false);
        run_count_refusal(session);
    }
    check_settle(check, OUTCOME_PASS, "%s", summary);
}

static void perform(struct session *session, struct check *check, enum act act)
{
    struct fault fault;
    fault_set(&fault, CAUSE_REFUSED, ORIGIN_SYSTEM, 111, "refused");
    switch (act) {
    case SPIN:
        for (volatile int forever = 1; forever != 0;)
            continue;
        return;
    case SLEEP:
        for (;;)
            nap(1000);
    case MUTE:
        return;
    case FAIL:
        check_fail(check, &fault);
        return;
    case HALT:
        check_settle(check, OUTCOME_SKIPPED, "halted");
        check_halt(check);
        return;
    case WAIT:
        sock_wait(never, SOCK_READABLE, session_limit(session), &fault);
        check_fail(check, &fault);
        return;
    case WARN:
        check_settle(check, OUTCOME_WARN, "warned");
        return;
    case INTERRUPT:
        nap(100);
        run_interrupt();
        break;
    case DISCOVER:
        run_discover(session, SERVICE_EWS, "https://127.0.0.99/found", SOURCE_AUTODISCOVER);
        break;
    case FIND:
    case NAMED:
    case WRONG:
    case REFUSE:
        ask_run(session, check, act);
        return;
    case NAP:
        count_in(&running, &most_running);
        nap(NAP_MS);
        atomic_fetch_sub(&running, 1);
        break;
    case PASS:
        break;
    case HOLD:
    case PROVED:
    case DENIED:
    case NO_VERDICT:
    case UNANSWERED:
    case UNTOLD:
        at_gate(session, check, act);
        return;
    }
    check_settle(check, OUTCOME_PASS, "passed");
}

static const struct host *host_of(const struct session *session)
{
    static const struct host other = {"", PASS, PASS};
    for (const struct host *host = hosts; host->name != NULL; host++) {
        if (strcmp(host->name, session->endpoint.host) == 0)
            return host;
    }
    return &other;
}

static void tcp_run(struct session *session, struct check *check)
{
    perform(session, check, host_of(session)->tcp);
}

static void auth_run(struct session *session, struct check *check)
{
    perform(session, check, host_of(session)->auth);
}

static void pass_run(struct session *session, struct check *check)
{
    (void)session;
    check_settle(check, OUTCOME_PASS, "passed");
}

static bool is_ours(const struct endpoint *endpoint)
{
    return endpoint->service == SERVICE_EWS || endpoint->service == SERVICE_AUTODISCOVER;
}

static size_t subjects(const struct settings *settings)
{
    return settings->mailboxes.count;
}

static const char *subject(const struct settings *settings, size_t index)
{
    return settings->mailboxes.list[index];
}

static const struct fact_def no_facts[] = {FACT_END};
static const struct probe probe_tcp = {
    "t.tcp", "", LAYER_TCP, no_facts, is_ours, tcp_run, NULL, NULL};
static const struct probe probe_auth = {
    "t.auth", "", LAYER_AUTH, no_facts, is_ours, auth_run, NULL, NULL};
static const struct probe probe_mailbox = {
    "t.mailbox", "", LAYER_MAILBOX, no_facts, is_ours, pass_run, NULL, NULL};
static const struct probe probe_other = {
    "t.other", "", LAYER_MAILBOX, no_facts, is_ours, pass_run, subjects, subject};
static const struct probe probe_health = {
    "t.health", "", LAYER_HTTP, no_facts, is_ours, pass_run, NULL, NULL};

/* Takes the place of probes/table.c. */
const struct probe *const probe_table[] = {
    &probe_dns_name, &probe_tcp, &probe_auth, &probe_mailbox, &probe_other, &probe_health, NULL};

/* ---- a run ---- */

void ran_init(struct ran *ran, const struct host *table, bool one_address)
{
    *ran = (struct ran){.settings = {.address = "svc@contoso.test",
                            .mail_domain = "contoso.test",
                            .realm = "",
                            .account = "",
                            .resolvers = {{"127.0.0.1", 9}}, /* never asked */
                            .resolver_count = 1,
                            .only = {.list = {"ews"}, .count = 1},
                            .timeout_ms = 10000,
                            .deadline_ms = 20000,
                            .jobs = 32,
                            .per_host = 4}};
    struct settings *settings = &ran->settings;
    hosts = table;
    atomic_store(&most_running, 0);
    atomic_store(&most_provers, 0);
    atomic_store(&proofs, 0);
    /* mail.contoso.test is a guess of the planner's: not to be looked up. */
    settings->detours[settings->detour_count++] =
        (struct detour){"mail.contoso.test", 0, {"127.0.0.100", 443}};
    for (int i = 0; table[i].name != NULL; i++) {
        struct detour detour = {.host = table[i].name, .to = {.port = 443}};
        snprintf(detour.to.text, sizeof detour.to.text, "127.0.0.%d", one_address ? 1 : i + 1);
        settings->detours[settings->detour_count++] = detour;
        settings->hosts.list[settings->hosts.count++] = (struct place){table[i].name, 0};
        assert_in_range(i, 0, HOSTS_MAX - 1);
    }
    survey_init(&ran->survey);
}

void ran_go(struct ran *ran)
{
    struct fault fault = {.text = ""};
    int64_t begun = clock_monotonic_us();
    if (!survey_run(&ran->survey, &ran->settings, &ran->stuck, &fault))
        fail_msg("%s", fault.text);
    int64_t took_ms = (clock_monotonic_us() - begun) / 1000;
    if (took_ms > ran->settings.deadline_ms + SLACK_MS)
        fail_msg("took %lld ms", (long long)took_ms);
}

const struct check *check_at(const struct ran *ran, const char *host, const char *probe)
{
    for (const struct chain *chain = ran->survey.chains; chain != NULL; chain = chain->next) {
        if (strcmp(chain->endpoint.host, host) == 0 && chain_check(chain, probe) != NULL)
            return chain_check(chain, probe);
    }
    fail_msg("no %s of %s", probe, host);
    return NULL;
}

void assert_outcome(
    const struct ran *ran, const char *host, const char *probe, enum outcome outcome)
{
    const struct check *check = check_at(ran, host, probe);
    if (check->outcome != outcome)
        fail_msg("%s: %s, \"%s\"", check->id, outcome_str(check->outcome), check->summary);
}

int count_auth(const struct ran *ran, enum outcome outcome, const char *summary)
{
    int count = 0;
    for (const struct host *host = hosts; host->name != NULL; host++) {
        const struct check *check = check_at(ran, host->name, "t.auth");
        count +=
            check->outcome == outcome && (summary == NULL || strcmp(check->summary, summary) == 0);
    }
    return count;
}

int runs_set_up(void **state)
{
    (void)state;
    struct fault fault;
    return wake_open(&never, &fault) ? 0 : -1;
}

int runs_tear_down(void **state)
{
    (void)state;
    wake_close(never);
    return 0;
}
