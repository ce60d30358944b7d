/*
 * Runs with probes of our own, which take the place of probes/table.c: every host does at TCP and
 * AUTH what its row says. For the tests of the runner.
 */
#ifndef TESTS_UNIT_RUNS_H
#define TESTS_UNIT_RUNS_H

#include "probes/run.h"

#include <stdatomic.h>

enum act {
    PASS,
    WARN,
    FAIL,
    HALT,  /* SKIPPED, and nothing after it */
    MUTE,  /* settles nothing */
    NAP,   /* 20 ms */
    WAIT,  /* until its limit */
    SLEEP, /* for ever, whatever its limit */
    SPIN,
    INTERRUPT,
    DISCOVER,
    FIND,   /* mail.contoso.test, after a nap */
    NAMED,  /* says whether somebody else has named its place */
    WRONG,  /* a logon to the wrong server, as long as a run may */
    REFUSE, /* a logon that turns out to be refused */
    /* at the gate: what a prover tells; the others pass */
    HOLD, /* keeps the others waiting until its limit, then NO_VERDICT */
    PROVED,
    DENIED,
    NO_VERDICT,
    UNANSWERED,
    UNTOLD
};

enum { HOSTS_MAX = 14, NAP_MS = 20 };

/* How much later than its deadline a run may end: what contract and runner promise. */
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#endif
#endif
#ifdef UNDER_TSAN
enum { SLACK_MS = 1500 };
#else
enum { SLACK_MS = 250 };
#endif

/* Host n is at 127.0.0.(n + 1), or all of them at 127.0.0.1. */
struct host {
    const char *name;
    enum act tcp, auth;
};

struct ran {
    struct settings settings;
    struct survey survey;
    bool stuck;
};

extern atomic_int most_running; /* chains that nap at the same time */
extern atomic_int most_provers, proofs;

int runs_set_up(void **state);
int runs_tear_down(void **state);

/* Settings to be changed before ran_go(). one_address: all hosts have the same. */
void ran_init(struct ran *ran, const struct host *table, bool one_address);
void ran_go(struct ran *ran); /* asserts that the run ends in time */

const struct check *check_at(const struct ran *ran, const char *host, const char *probe);
void assert_outcome(
    const struct ran *ran, const char *host, const char *probe, enum outcome outcome);
/* How many AUTH checks of the table's hosts have this outcome and, unless NULL, this summary. */
int count_auth(const struct ran *ran, enum outcome outcome, const char *summary);

#endif
