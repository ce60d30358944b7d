#include "probes/rpc_calls.h"

#include <string.h>

#include "net/wire/ecodes.h"
#include "probes/rpc.h"
#include "probes/run.h"

enum {
    STUB_MAX = 16384 /* of a request: names, or a batch of ROPs */
};

/* What Outlook says it is: a server compares it with MAPIBlockOutlookVersions. [MS-OXCRPC]
 * 3.1.4.1.3.1: the form of four numbers. */
static struct build client_version(void)
{
    struct build version = {0};
    build_parse(MAPI_CLIENT_VERSION, &version);
    return version;
}

static struct writer stub_of(struct rpc_caller *caller)
{
    return writer_of(arena_alloc(&caller->session->arena, STUB_MAX), STUB_MAX);
}

/* A line to another server has the scheme of the row's own. */
static const char *scheme_of(const struct rpc_caller *caller)
{
    const struct rpc_session *rpc = rpc_session_of(caller->session);
    for (int i = 0; i < RPC_PLACES; i++) {
        if (rpc->lines[i].client == caller->client)
            return rpc->lines[i].scheme;
    }
    return rpc->lines[RPC_STORE].scheme;
}

/* The first answer after NTLM's last token tells of the logon, once. */
static void tell_refusal(struct rpc_caller *caller, const struct fault *fault)
{
    const struct rpc_seen *seen = rpc_client_seen(caller->client);
    if (caller->refused || !seen->proved || seen->calls > 0 ||
        !rpc_refuses_logon(scheme_of(caller), fault))
        return;
    caller->refused = true;
    run_count_refusal(caller->session);
}

/* One call; faults name it, behind who speaks. */
static bool carry(struct rpc_caller *caller, const char *name, uint16_t opnum,
    const struct writer *stub, struct rpc_stub *ret_answer, struct fault *fault)
{
    struct fault why = {.cause = CAUSE_NONE};
    caller->call = name;
    if (rpc_call(caller->client, opnum, (struct rpc_stub){stub->bytes, stub->length},
            session_limit(caller->session), &caller->session->arena, ret_answer, &why))
        return true;
    fault_set(fault, why.cause, why.origin, why.code, "%s: %.160s", name, why.text);
    session_trace(caller->session, '<', "%s: %s", name, why.text);
    tell_refusal(caller, &why);
    return false;
}

static bool too_large(const char *name, struct fault *fault)
{
    return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0,
        "%s: a legacy DN or name is too long for our own request", name);
}

static void trace_answer(struct rpc_caller *caller, uint32_t code)
{
    const char *name = ecode_name(code);
    session_trace(caller->session, '<', "%s: %s (0x%x)", caller->call,
        code == EC_NONE ? "success"
        : name != NULL  ? name
                        : "an unknown code",
        (unsigned)code);
}

/* ---- the address book, [MS-OXNSPI] 3.1.4.1 ---- */

static bool ask_book(void *context, const struct nspi_call *call, struct nspi_answer *ret_answer,
    struct fault *fault)
{
    struct rpc_nspi *nspi = context;
    struct rpc_caller *caller = &nspi->caller;
    struct writer stub = stub_of(caller);
    struct rpc_stub answer;
    const char *name = nspi_opnum_str(call->opnum);
    if (!nspi_write(&stub, call))
        return too_large(name, fault);
    return carry(caller, name, (uint16_t)call->opnum, &stub, &answer, fault) &&
           nspi_read(&caller->session->arena, call->opnum, answer.bytes, answer.length, ret_answer,
               fault);
}

static void trace_book(void *context, char direction, const char *line)
{
    const struct rpc_nspi *nspi = context;
    session_trace(nspi->caller.session, direction, "%s", line);
}

struct book_way rpc_book_way(struct rpc_nspi *nspi)
{
    return (struct book_way){.context = nspi, .call = ask_book, .trace = trace_book};
}

/* ---- the referral, [MS-OXABREF] 3.1.4 ---- */

static bool refer(struct rpc_caller *caller, enum rfri_opnum opnum, const char *dn,
    struct rfri_answer *ret_answer, struct referral_seen *seen)
{
    const char *name = rfri_opnum_str(opnum);
    struct writer stub = stub_of(caller);
    struct rpc_stub answer;
    session_trace(
        caller->session, '>', "%s for %s", name, *dn != '\0' ? dn : "nobody in particular");
    bool ok = rfri_write(&stub, opnum, dn) || too_large(name, &seen->fault);
    ok = ok && carry(caller, name, (uint16_t)opnum, &stub, &answer, &seen->fault) &&
         rfri_read(
             &caller->session->arena, opnum, answer.bytes, answer.length, ret_answer, &seen->fault);
    if (ok) {
        session_trace(caller->session, '<', "%s: 0x%x, %s", name, (unsigned)ret_answer->status,
            ret_answer->host != NULL ? ret_answer->host : "no server");
        ok = rfri_succeeded(opnum, ret_answer, &seen->fault);
    }
    if (!ok)
        seen->step = name;
    return ok;
}

void rpc_read_referral(struct rpc_caller *caller, const char *legacy_dn, const char *server_dn,
    struct referral_seen *ret_seen)
{
    *ret_seen = (struct referral_seen){.step = NULL};
    if (refer(caller, RFRI_NEW_DSA, legacy_dn != NULL ? legacy_dn : "", &ret_seen->new_dsa,
            ret_seen) &&
        server_dn != NULL)
        refer(caller, RFRI_FQDN, server_dn, &ret_seen->fqdn, ret_seen);
}

void judge_referral(const struct referral_seen *seen, struct check *check)
{
    const char *server = seen->new_dsa.host;
    check_text(check, "referral.server", server);
    check_text(check, "referral.fqdn", seen->fqdn.host);
    if (seen->step == NULL) {
        check_settle(check, OUTCOME_PASS, "the address book is at %s%s%s", server,
            seen->fqdn.host != NULL ? ", the mailbox at " : "",
            seen->fqdn.host != NULL ? seen->fqdn.host : "");
        return;
    }
    check_text(check, "referral.step", seen->step);
    if (seen->fault.origin == ORIGIN_MAPI) {
        check_text(check, "referral.error", ecode_name((uint32_t)seen->fault.code));
        check_text(check, "referral.error_words", ecode_words((uint32_t)seen->fault.code));
    }
    check_fail(check, &seen->fault);
}

/* ---- the store, [MS-OXCRPC] 3.1.4 ---- */

bool rpc_store_connect(struct rpc_mailbox *mailbox, const char *legacy_dn, struct fault *fault)
{
    static const char name[] = "EcDoConnectEx";
    struct rpc_caller *caller = &mailbox->caller;
    const struct emsmdb_connect connect = {.user_dn = legacy_dn,
        .code_page = NSPI_CODE_PAGE_WESTERN,
        .lcid = NSPI_LOCALE_DEFAULT,
        .client = client_version()};
    struct writer stub = stub_of(caller);
    struct rpc_stub answer;
    session_trace(caller->session, '>', "%s as %s, version " MAPI_CLIENT_VERSION, name, legacy_dn);
    if (!emsmdb_connect_write(&stub, &connect))
        return too_large(name, fault);
    if (!carry(caller, name, EMSMDB_OPNUM_CONNECT_EX, &stub, &answer, fault) ||
        !emsmdb_connect_read(
            answer.bytes, answer.length, &caller->session->arena, &mailbox->connected, fault))
        return false;
    mailbox->handle = mailbox->connected.handle;
    trace_answer(caller, mailbox->connected.result);
    return true;
}

static const char *version_text(struct arena *arena, const struct build *build)
{
    return arena_printf(arena, "%d.%d.%d.%d", build->major, build->minor, build->build,
        build->revision < 0 ? 0 : build->revision);
}

void judge_rpc_connect(const struct emsmdb_session *connected, struct check *check)
{
    char product[80];
    struct fault fault;
    const struct build *server = &connected->server;
    bool said = server->major > 0;
    build_name(server, product, sizeof product);
    if (said)
        check_text(check, "rpc.store_build",
            arena_printf(&check->arena, "%s, %s", version_text(&check->arena, server), product));
    if (connected->result != EC_NONE) {
        mapi_code_fault(&fault, connected->result, "EcDoConnectEx");
        note_mapi_error(check, "rpc", connected->result);
        check_fail(check, &fault);
        return;
    }
    if (*connected->display_name != '\0')
        check_text(check, "rpc.display_name", connected->display_name);
    if (*connected->dn_prefix != '\0')
        check_text(check, "rpc.dn_prefix", connected->dn_prefix);
    check_settle(check, OUTCOME_PASS, "RPC connects to the store, server %s",
        said ? product : "of an unnamed version");
}

static bool run_down(const char *when, struct fault *fault)
{
    return fault_set(fault, CAUSE_CLOSED, ORIGIN_MAPI, 0,
        "EcDoRpcExt2: the store has ended the session %s (null handle)", when);
}

/* A null handle ends the session, whatever the code says (3.1.4.2): an answer that came with it
 * still counts. */
static bool execute(void *context, const void *rops, size_t length, struct mapi_binary *ret_answer,
    struct fault *fault)
{
    static const char name[] = "EcDoRpcExt2";
    struct rpc_mailbox *mailbox = context;
    struct rpc_caller *caller = &mailbox->caller;
    struct arena *arena = &caller->session->arena;
    struct writer rop = stub_of(caller), stub = stub_of(caller);
    struct rpc_stub answer;
    struct emsmdb_rpc rpc;
    struct ext_buffers buffers;
    if (mailbox->rundown)
        return run_down("before", fault);
    if (!ext_buffer_write(&rop, rops, length) ||
        !emsmdb_rpc_write(&stub, &mailbox->handle, rop.bytes, rop.length))
        return too_large(name, fault);
    session_trace(caller->session, '>', "%s: %zu bytes of ROPs", name, length);
    if (!carry(caller, name, EMSMDB_OPNUM_RPC_EXT2, &stub, &answer, fault) ||
        !emsmdb_rpc_read(answer.bytes, answer.length, arena, &rpc, fault))
        return false;
    trace_answer(caller, rpc.result);
    mailbox->handle = rpc.handle;
    mailbox->rundown = emsmdb_handle_is_null(&rpc.handle);
    mailbox->server_ms = rpc.server_ms;
    if (rpc.result != EC_NONE)
        return mapi_code_fault(fault, rpc.result, name);
    if (!ext_buffers_read(rpc.rop, rpc.rop_length, arena, &buffers, fault))
        return false;
    if (buffers.count > 0) {
        *ret_answer = (struct mapi_binary){buffers.payloads[0].bytes, buffers.payloads[0].length};
        return true;
    }
    return mailbox->rundown ? run_down("with this call", fault)
                            : fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
                                  "the store's answer to EcDoRpcExt2 has no ROPs in it");
}

static void trace_store(void *context, char direction, const char *line)
{
    const struct rpc_mailbox *mailbox = context;
    session_trace(mailbox->caller.session, direction, "%s", line);
}

struct store_way rpc_store_way(struct rpc_mailbox *mailbox)
{
    return (struct store_way){.context = mailbox, .execute = execute, .trace = trace_store};
}

bool rpc_store_disconnect(struct rpc_mailbox *mailbox, struct fault *fault)
{
    static const char name[] = "EcDoDisconnect";
    struct rpc_caller *caller = &mailbox->caller;
    struct writer stub = stub_of(caller);
    struct rpc_stub answer;
    uint32_t code = EC_NONE;
    session_trace(caller->session, '>', "%s", name);
    emsmdb_disconnect_write(&stub, &mailbox->handle);
    if (!carry(caller, name, EMSMDB_OPNUM_DISCONNECT, &stub, &answer, fault) ||
        !emsmdb_disconnect_read(answer.bytes, answer.length, &mailbox->handle, &code, fault))
        return false;
    trace_answer(caller, code);
    mailbox->rundown = true;
    return code == EC_NONE || mapi_code_fault(fault, code, name);
}

/* [MS-OXCRPC] 3.1.4.4: no session, no parameters; whoever answers has taken the logon inside RPC.
 */
bool rpc_store_dummy(struct rpc_caller *caller, struct fault *fault)
{
    static const char name[] = "EcDummyRpc";
    struct writer stub = stub_of(caller);
    struct rpc_stub answer;
    uint32_t code = EC_NONE;
    session_trace(caller->session, '>', "%s", name);
    if (!carry(caller, name, EMSMDB_OPNUM_DUMMY, &stub, &answer, fault) ||
        !emsmdb_dummy_read(answer.bytes, answer.length, &code, fault))
        return false;
    trace_answer(caller, code);
    return code == EC_NONE || mapi_code_fault(fault, code, name);
}
