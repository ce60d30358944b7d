#include "probes/rpc_row.h"

#include <string.h>

#include "net/wire/text.h"
#include "probes/offer.h"
#include "probes/rpc_impl.h"

/* ---- the address book ---- */

static void read_book(struct session *session, struct rpc_line *line, struct book_seen *ret_seen)
{
    struct rpc_nspi nspi = {.caller = {.client = line->client, .session = session}};
    const struct book_way way = rpc_book_way(&nspi);
    mapi_read_names(session, &way, rpc_session_of(session)->legacy_dn, ret_seen);
    rpc_row_called(line, ret_seen->step == NULL);
}

const struct book_seen *rpc_read_book(struct session *session)
{
    struct rpc_session *rpc = rpc_session_of(session);
    struct rpc_line *line = NULL;
    if (rpc->book != NULL)
        return rpc->book;
    struct book_seen *seen = rpc->book = arena_alloc(&session->arena, sizeof *rpc->book);
    if (!rpc_row_line(session, RPC_BOOK, &line, &seen->fault)) {
        seen->step = rpc_place_str(RPC_BOOK);
        return seen;
    }
    read_book(session, line, seen);
    const struct fault before = seen->fault;
    bool first = seen->step != NULL && strcmp(seen->step, nspi_opnum_str(NSPI_BIND)) == 0;
    if (first && rpc_wants_seal(line, &before) &&
        rpc_row_seal(session, line, before.text, &seen->fault)) {
        read_book(session, line, seen);
        rpc_row_sealed(line, seen->step == NULL || seen->fault.code != before.code);
    }
    return seen;
}

static const struct fact_def book_facts[] = {BOOK_FACTS, RPC_LINE_FACTS, FACT_END};

static void note_line(struct session *session, enum rpc_place place, struct check *check)
{
    const struct rpc_session *rpc = rpc_session_of(session);
    note_rpc_line(&rpc->lines[place], rpc, check);
    check_text(check, "rpc.bare", rpc->lines[place].bare);
}

static bool is_refused(const struct session *session, struct check *check)
{
    if (rpc_is_refused(session))
        check_settle(check, OUTCOME_SKIPPED,
            "not tried: this row's logon was refused, or not answered by Exchange (rpc.connect)");
    return rpc_is_refused(session);
}

static void book_run(struct session *session, struct check *check)
{
    if (is_refused(session, check))
        return;
    const struct book_seen *seen = rpc_read_book(session);
    note_line(session, RPC_BOOK, check);
    const struct rpc_session *rpc = rpc_session_of(session);
    if (seen->step != NULL && rpc_row_is_nameless(rpc, &rpc->lines[RPC_BOOK], check))
        return;
    judge_book(seen, session->settings->address, check);
}

const struct probe probe_rpc_book = {
    .id = "rpc.book",
    .title = "the address book resolves the account (NSPI over RPC, 6004)",
    .layer = LAYER_PROTOCOL,
    .facts = book_facts,
    .applies = rpc_applies,
    .run = book_run,
};

/* ---- the referral ---- */

const char *rpc_server_dn(struct arena *arena, const char *home)
{
    static const char database[] = "/cn=Microsoft Private MDB";
    if (home == NULL || text_find_nocase(home, "/cn=Servers/cn=") == NULL)
        return NULL;
    size_t length = strlen(home);
    if (text_ends_nocase(home, database))
        length -= strlen(database);
    return arena_strndup(arena, home, length);
}

static void refer(struct session *session, struct rpc_line *line, const char *server_dn,
    struct referral_seen *ret_seen)
{
    struct rpc_caller caller = {.client = line->client, .session = session};
    rpc_read_referral(&caller, rpc_session_of(session)->legacy_dn, server_dn, ret_seen);
    rpc_row_called(line, ret_seen->step == NULL);
}

static const struct fact_def referral_facts[] = {REFERRAL_FACTS, RPC_LINE_FACTS, FACT_END};

/* Which server the mailbox is on, the address book has told (the probe before): it is not read for
 * this, lest one provider's trouble shows in the other's cell. */
static void referral_run(struct session *session, struct check *check)
{
    const struct rpc_session *rpc = rpc_session_of(session);
    const char *home = rpc->book != NULL ? rpc->book->entries[0].home : NULL;
    const char *server_dn = rpc_server_dn(&session->arena, home);
    struct rpc_line *line = NULL;
    struct referral_seen seen;
    struct fault fault;
    if (is_refused(session, check))
        return;
    if (!rpc_row_line(session, RPC_REFERRAL, &line, &fault)) {
        note_line(session, RPC_REFERRAL, check);
        if (!rpc_row_is_nameless(rpc, line, check))
            check_fail(check, &fault);
        return;
    }
    refer(session, line, server_dn, &seen);
    const struct fault before = seen.fault;
    bool first = seen.step != NULL && seen.new_dsa.host == NULL;
    if (first && rpc_wants_seal(line, &before) &&
        rpc_row_seal(session, line, before.text, &seen.fault)) {
        refer(session, line, server_dn, &seen);
        rpc_row_sealed(line, seen.step == NULL || seen.fault.code != before.code);
    }
    note_line(session, RPC_REFERRAL, check);
    judge_referral(&seen, check);
}

const struct probe probe_rpc_referral = {
    .id = "rpc.referral",
    .title = "the referral service names the address book server (RFRI over RPC, 6002)",
    .layer = LAYER_PROTOCOL,
    .facts = referral_facts,
    .applies = rpc_applies,
    .run = referral_run,
};
