/*
 * The vocabulary: one survey is one run, from what was asked to what it means. Pure data; no I/O.
 *
 *     survey_plan ─► survey_run ─► survey_diagnose ─► survey_render
 *
 * Each stage fills only its own part. Everything a survey points to lives in its arena or in the
 * arena of one of its checks and dies with survey_done(). Text is UTF-8 where it is ours; text that
 * came from a server is kept as it came (without NUL) and escaped by the renderers.
 */
#ifndef PROBES_SURVEY_H
#define PROBES_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/arena.h"
#include "net/fault.h"

/* ---- words ---- */

/* The columns of the matrix, in order. */
enum layer {
    LAYER_DNS,
    LAYER_TCP,
    LAYER_TLS,
    LAYER_HTTP,     /* the server speaks its protocol: HTTP, for LDAP the rootDSE */
    LAYER_AUTH,     /* logon; LDAP bind; for Kerberos the AS exchange */
    LAYER_PROTOCOL, /* the service answers; LDAP search; for Kerberos a service ticket */
    LAYER_MAILBOX,  /* the mailbox opens; LDAP: the account's object is mailbox-enabled */
    LAYER_COUNT
};

enum outcome {
    OUTCOME_NOT_RUN, /* only while a run lasts: survey_run leaves none behind */
    OUTCOME_PASS,
    OUTCOME_WARN,
    OUTCOME_FAIL,
    OUTCOME_BLOCKED, /* by the check named in blocked_by; proves nothing about itself */
    OUTCOME_SKIPPED, /* summary has the reason */
    OUTCOME_ERROR,   /* our own trouble */
    OUTCOME_COUNT
};

enum service {
    SERVICE_DNS,
    SERVICE_KERBEROS,
    SERVICE_LDAP,
    SERVICE_GC,
    SERVICE_AUTODISCOVER,
    SERVICE_EWS,
    SERVICE_OWA,
    SERVICE_ECP,
    SERVICE_MAPI,
    SERVICE_RPC,
    SERVICE_OAB,
    SERVICE_ACTIVESYNC,
    SERVICE_COUNT
};

/* How an endpoint was learned; an endpoint keeps a set: 1u << enum source. */
enum source {
    SOURCE_USER, /* an option */
    SOURCE_DNS,  /* SRV records, or the names that clients derive from the domain */
    SOURCE_SCP,
    SOURCE_AUTODISCOVER, /* an authenticated Autodiscover answer */
    SOURCE_AD,           /* a virtual directory object */
    SOURCE_GUESS,        /* a customary name; its failures count for nothing */
    SOURCE_COUNT
};

/* "dns", "pass", "ews", "autodiscover": as in JSON. The inverses return false for unknown names. */
const char *layer_str(enum layer layer);
const char *outcome_str(enum outcome outcome);
const char *service_str(enum service service);
const char *source_str(enum source source);
bool layer_parse(const char *name, enum layer *ret_layer);
bool outcome_parse(const char *name, enum outcome *ret_outcome);
bool service_parse(const char *name, enum service *ret_service);
bool source_parse(const char *name, enum source *ret_source);

/* ---- facts ---- */

enum fact_type { FACT_BOOL, FACT_INT, FACT_TEXT, FACT_LIST /* of texts */ };

/* A probe declares its facts in an array that a zero entry ends. Dates are texts, RFC 3339. */
struct fact_def {
    const char *key; /* "http.status": stable, dotted, lower case */
    enum fact_type type;
    const char *doc; /* one line, for `exreach list` */
};

struct fact {
    const char *key;
    enum fact_type type;
    bool boolean;
    int64_t integer;
    const char *text;
    const char *const *list; /* count entries */
    size_t count;
    struct fact *next; /* in the order of recording */
};

/* ---- checks, chains ---- */

struct check {
    const char *id;      /* "<row id>/<probe id>[/<subject>]", unique in the survey */
    const char *probe;   /* probe id, "ews.folders" */
    const char *title;   /* of the probe */
    const char *subject; /* a further mailbox this check is about, or NULL */
    enum layer layer;
    enum outcome outcome;
    bool halts;          /* what comes after it in the chain, at later layers, is BLOCKED */
    const char *summary; /* one sentence, ours; "" until settled */
    struct fact *facts;  /* first fact or NULL */
    struct fault fault;  /* CAUSE_NONE where nothing failed */
    const struct check *blocked_by; /* where outcome is BLOCKED */
    int64_t elapsed_us;
    struct check *next; /* of the chain, in the order they ran: layers ascend, extras come last */

    const struct fact_def *defs; /* while it runs; NULL in a loaded survey: every fact is allowed */
    struct arena arena;          /* owns everything above */
};

/* One place to reach. */
struct endpoint {
    enum service service;
    const char *host;    /* as in SNI and Host: lower case A-labels, no trailing dot; never NULL */
    const char *address; /* numeric; NULL where the name has none */
    uint16_t port;
    const char *path;    /* "/EWS/Exchange.asmx"; NULL where the service has none */
    const char *url;     /* as it was learned or built; NULL for services without */
    const char *subject; /* Kerberos: the service principal "HTTP/mail.contoso.test"; else NULL */
    unsigned sources;    /* 1u << enum source */
    bool candidate;      /* one of several places clients try in turn: see survey_reconcile() */
};

/* The checks of one endpoint: a row of the matrix, the work of one thread. */
struct chain {
    const char *id; /* "ews/mail.contoso.test/127.0.0.20:443" */
    struct endpoint endpoint;
    struct check *checks; /* at most one plain check a layer, then extras */
    struct chain *next;
};

/* One DNS question and what came back; asked once per (name, type, resolver). */
struct lookup {
    const char *name;
    const char *type;     /* "A", "AAAA", "SRV", "MX", "CNAME" */
    const char *resolver; /* "127.0.0.10:53" */
    int rcode;            /* -1 where no answer came */
    const char *const
        *records; /* "127.0.0.20", "0 0 443 mail.contoso.test": rdata as in zone files */
    size_t count;
    size_t dropped; /* records of the answer that are not in `records`; not saved */
    uint32_t ttl;   /* lowest of the answer */
    int64_t elapsed_us;
    struct fault fault;
    struct lookup *next;
};

/* ---- target, vantage, diagnosis ---- */

enum profile {
    PROFILE_MAPI_CDO,
    PROFILE_OUTLOOK,
    PROFILE_EWS_APP,
    PROFILE_OWA_USER,
    PROFILE_ALL,
    PROFILE_COUNT
};
const char *profile_str(enum profile profile); /* "mapi-cdo" */
bool profile_parse(const char *name, enum profile *ret_profile);

struct target {
    const char *address; /* the mailbox's e-mail address */
    const char *domain;  /* behind its @, lower case A-labels */
    const char *account; /* as given with --user, or the address; "" when anonymous */
    enum profile profile;
    const char *const *mailboxes; /* --mailbox */
    size_t mailbox_count;
    bool public_folders;
    bool anonymous;
    unsigned left_out; /* 1u << enum service: not asked for (--only, --skip, probe NAME) */
};

struct vantage {
    const char *host;
    const char *const *addresses;
    size_t address_count;
    const char *const *resolvers;
    size_t resolver_count;
    const char *proxy;     /* in use, or NULL */
    struct fact *registry; /* of the application server, from --registry; NULL: none was given */
};

enum severity { SEVERITY_FAIL, SEVERITY_WARN, SEVERITY_INFO, SEVERITY_COUNT };
const char *severity_str(enum severity severity);
bool severity_parse(const char *name, enum severity *ret_severity);

struct finding {
    const char *rule; /* "A12" */
    const char *title;
    enum severity severity;
    enum layer layer;
    const char *component; /* what is broken: "name autodiscover.contoso.test", "account svc@…" */
    const char *const *checks; /* ids, at least one */
    size_t check_count;
    const char *const *evidence; /* sentences */
    size_t evidence_count;
    const char *const *fix;
    size_t fix_count;
    const char *caused_by; /* rule id of the finding this one follows from, or NULL */
    struct finding *next;  /* first is the root cause */
};

enum status { STATUS_OK, STATUS_DEGRADED, STATUS_BROKEN, STATUS_UNKNOWN, STATUS_COUNT };
const char *status_str(enum status status); /* "ok" … */

struct verdict {
    enum status status; /* the exit code is its number: 0 1 2 3 */
    const char *summary;
    const struct finding *breaks_at; /* NULL where nothing broke */
};

struct checklist_item {
    const char *item; /* "faq-11" */
    const char *title;
    enum outcome outcome;
    const char *summary;
    struct fact *facts;
    struct checklist_item *next;
};

struct survey {
    const char *version; /* of exreach */
    int64_t started_us;  /* since the epoch, UTC */
    int64_t elapsed_us;
    struct target target;
    struct vantage vantage;
    struct chain *chains; /* in the order of discovery; renderers sort */
    struct lookup *lookups;
    int logons_attempted; /* logons in which a secret or a proof of it was sent */
    int logons_refused;
    bool interrupted; /* by a signal */
    bool out_of_time; /* the run's deadline passed */

    /* filled by survey_diagnose() */
    struct finding *findings;
    struct verdict verdict;
    struct checklist_item *checklist;

    struct arena arena;
};

void survey_init(struct survey *survey);
void survey_done(struct survey *survey);

/* ---- building ---- */

/* Appends a chain; the endpoint is copied into the survey's arena, its id made from it. */
struct chain *survey_add_chain(struct survey *survey, const struct endpoint *endpoint);

/* A check of its own arena; not yet part of any chain. chain_id, probe, title and defs must outlive
 * it or be static; subject (may be NULL) is copied. */
struct check *check_new(const char *chain_id, const char *probe, const char *title,
    enum layer layer, const char *subject, const struct fact_def *defs);
void check_free(struct check *check); /* only one that no chain owns; NULL is allowed */
void chain_append(struct chain *chain, struct check *check); /* the chain owns it now */

/* Recording a fact a probe did not declare, or with another type, is a bug: it asserts. Texts and
 * lists are copied. A second record of the same key replaces the first. NULL text records nothing.
 */
void check_bool(struct check *check, const char *key, bool value);
void check_int(struct check *check, const char *key, int64_t value);
void check_text(struct check *check, const char *key, const char *value);
void check_textn(struct check *check, const char *key, const void *bytes, size_t length);
void check_list(struct check *check, const char *key, const char *const *texts, size_t count);
void check_add(struct check *check, const char *key, const char *text); /* one more list entry */

/* Settling: the outcome, whether it halts the chain (FAIL, ERROR and BLOCKED do, PASS and WARN do
 * not, SKIPPED does not), and one sentence. check_halt() afterwards halts at a WARN or a SKIPPED,
 * too. */
void check_settle(struct check *check, enum outcome outcome, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;
void check_halt(struct check *check);
/* FAIL (or ERROR where the cause is ours) with this fault; the summary is the fault's text. */
void check_fail(struct check *check, const struct fault *fault);

/* ---- reading ---- */

const struct fact *check_fact(const struct check *check, const char *key); /* NULL: not recorded */
/* With a default for what was not recorded. */
bool check_get_bool(const struct check *check, const char *key, bool otherwise);
int64_t check_get_int(const struct check *check, const char *key, int64_t otherwise);
const char *check_get_text(const struct check *check, const char *key, const char *otherwise);

/* The cell of a layer: its plain check (no subject, not an extra), or NULL. Extras are checks that
 * have a subject, or whose layer is not above that of every plain check before them. */
const struct check *chain_cell(const struct chain *chain, enum layer layer);
bool chain_is_extra(const struct chain *chain, const struct check *check);
const struct check *chain_check(const struct chain *chain, const char *probe); /* by probe id */
/* Which server behind a shared name answered: the first fact "node" of its checks, or NULL. */
const char *chain_node(const struct chain *chain);
/* Every check that applies is PASS or WARN, at least one at AUTH or later is. Extras about a
 * subject (a further mailbox) count, extras without (http.health) do not. */
bool chain_works(const struct chain *chain);

struct chain *survey_find_chain(const struct survey *survey, const char *id);
struct check *survey_find_check(const struct survey *survey, const char *id);

/* After a run, before the diagnosis: places that clients try in turn (endpoint.candidate, and those
 * known only by a guess) are no failures where another place of the service answered, and
 * customary absences (no web server on the domain's own name) never are. Turns such FAILs into
 * SKIPPED or WARN, and their BLOCKED into SKIPPED. Idempotent. */
void survey_reconcile(struct survey *survey);

#endif
