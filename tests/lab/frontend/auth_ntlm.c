#include "auth_ntlm.h"

#include "auth.h"
#include "ntlm_messages.h"
#include "spnego.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wbclient.h>

/* One logon under way; `spnego` is its wrapping, if any. */
struct ntlm_logon {
    const struct config *config;
    const struct node *node;
    const struct channel *channel;
    bool challenged;
    unsigned char challenge[NTLM_CHALLENGE_SIZE];
    unsigned char exported_key[NTLM_KEY_SIZE];
    uint32_t flags;
    struct buf messages; /* type 1 and type 2, for the MIC */
    struct buf mech_types;
};

/* libwbclient looks this symbol up and, if it says yes, takes winbindd's directory from
 * SELFTEST_WINBINDD_SOCKET_DIR instead of the one it was built with. */
__attribute__((visibility("default"), used)) bool nss_wrapper_enabled(void);

bool nss_wrapper_enabled(void)
{
    return true;
}

bool ntlm_init(const char *socket_dir, char *ret_error, size_t error_size)
{
    if (*socket_dir != '\0' && setenv("SELFTEST_WINBINDD_SOCKET_DIR", socket_dir, 1) != 0) {
        snprintf(ret_error, error_size, "cannot set winbindd's directory");
        return false;
    }
    return true;
}

void ntlm_done(void)
{
    wbcSetClientProcessName("");
}

bool ntlm_is_negotiate(const void *token, size_t len)
{
    return ntlm_type(token, len) == 1;
}

static void *ntlm_start(
    const struct config *config, const struct node *node, const struct channel *channel)
{
    struct ntlm_logon *logon = xcalloc(1, sizeof *logon);

    logon->config = config;
    logon->node = node;
    logon->channel = channel;
    return logon;
}

static void ntlm_free(void *state)
{
    struct ntlm_logon *logon = state;

    OPENSSL_cleanse(logon->exported_key, sizeof logon->exported_key);
    buf_done(&logon->messages);
    buf_done(&logon->mech_types);
    free(logon);
}

void ntlm_session(const void *state, unsigned char ret_key[16], uint32_t *ret_flags)
{
    const struct ntlm_logon *logon = state;

    memcpy(ret_key, logon->exported_key, NTLM_KEY_SIZE);
    *ret_flags = logon->flags;
}

static void refuse(struct auth_step *step, enum auth_result result, const char *reason)
{
    step->result = result;
    copy_text(step->reason, sizeof step->reason, reason);
}

static void challenge_client(
    struct ntlm_logon *logon, const void *token, size_t len, struct auth_step *step)
{
    uint32_t asked = 0;

    if (!ntlm_parse_negotiate(token, len, &asked)) {
        refuse(step, AUTH_REJECT, "not an NTLM type 1");
        return;
    }
    if (RAND_bytes(logon->challenge, sizeof logon->challenge) != 1) {
        refuse(step, AUTH_BROKEN, "no random bytes");
        return;
    }
    ntlm_make_challenge(logon->config, logon->node, asked, logon->challenge, &step->token);
    buf_add(&logon->messages, token, len);
    buf_add(&logon->messages, step->token.data, step->token.len);
    logon->challenged = true;
    step->result = AUTH_CONTINUE;
}

/* The domain's verdict. One call is one logon there. */
static bool ask_domain(struct ntlm_logon *logon, const struct ntlm_response *response,
    unsigned char ret_base_key[NTLM_KEY_SIZE], struct auth_step *step)
{
    struct wbcAuthUserParams params = {
        .account_name = response->user,
        .domain_name = response->domain,
        .workstation_name = response->workstation,
        .level = WBC_AUTH_USER_LEVEL_RESPONSE,
    };
    struct wbcAuthUserInfo *info = NULL;
    struct wbcAuthErrorInfo *error = NULL;
    struct wbcContext *context = wbcCtxCreate();
    wbcErr code;

    memcpy(params.password.response.challenge, logon->challenge, NTLM_CHALLENGE_SIZE);
    ntlm_effective_challenge(response, params.password.response.challenge);
    params.password.response.nt_length = (uint32_t)response->nt_len;
    params.password.response.nt_data = without_const(response->nt);
    params.password.response.lm_length = (uint32_t)response->lm_len;
    params.password.response.lm_data = without_const(response->lm);
    code = wbcCtxAuthenticateUserEx(context, &params, &info, &error);
    if (WBC_ERROR_IS_OK(code)) {
        memcpy(ret_base_key, info->user_session_key, NTLM_KEY_SIZE);
        copy_text(step->who.user, sizeof step->who.user, info->account_name);
        copy_text(step->who.domain, sizeof step->who.domain, info->domain_name);
    } else if (code == WBC_ERR_AUTH_ERROR && error != NULL) {
        step->result = AUTH_REJECT;
        snprintf(step->reason, sizeof step->reason, "0x%08x %s", (unsigned)error->nt_status,
            error->nt_string ? error->nt_string : "");
    } else {
        refuse(step, AUTH_BROKEN, wbcErrorString(code));
    }
    wbcFreeMemory(info);
    wbcFreeMemory(error);
    wbcCtxFree(context);
    return WBC_ERROR_IS_OK(code);
}

static void check_response(
    struct ntlm_logon *logon, const void *token, size_t len, struct auth_step *step)
{
    struct ntlm_response response;
    unsigned char base_key[NTLM_KEY_SIZE];
    size_t mic_offset;

    if (!ntlm_parse_response(token, len, &response)) {
        refuse(step, AUTH_REJECT, "not an NTLM type 3");
        return;
    }
    if (*response.user == '\0' || response.nt_len < 24) {
        refuse(step, AUTH_REJECT, "anonymous or without an NT response");
        return;
    }
    copy_text(step->who.user, sizeof step->who.user, response.user);
    copy_text(step->who.domain, sizeof step->who.domain, response.domain);
    if (!ask_domain(logon, &response, base_key, step))
        return;
    ntlm_exported_key(&response, base_key, logon->exported_key);
    logon->flags = response.flags;
    if (response.has_mic) {
        mic_offset = logon->messages.len + 72;
        buf_add(&logon->messages, token, len);
        if (response.mic == NULL ||
            !ntlm_mic_right(&logon->messages, mic_offset, logon->exported_key)) {
            refuse(step, AUTH_REJECT, "wrong MIC in the NTLM type 3");
            return;
        }
    }
    step->who.binding = ntlm_binding(&response, logon->channel);
    step->who.mech = "ntlm";
    step->result = AUTH_ACCEPT;
}

static void ntlm_step(void *state, const void *token, size_t len, struct auth_step *ret_step)
{
    struct ntlm_logon *logon = state;

    if (logon->challenged)
        check_response(logon, token, len, ret_step);
    else
        challenge_client(logon, token, len, ret_step);
}

/* RFC 4178, 5: once the client has sent a mechListMIC it is checked and answered in kind. */
static bool check_mech_list(
    const struct ntlm_logon *logon, const void *token, size_t len, struct buf *ret_mic)
{
    struct buf sent = {0};
    unsigned char expected[16];
    bool right = true;

    if (spnego_mech_list_mic(token, len, &sent)) {
        ntlm_sign(logon->exported_key, logon->flags, true, &logon->mech_types, expected);
        right = sent.len == sizeof expected && memcmp(sent.data, expected, sent.len) == 0;
        ntlm_sign(logon->exported_key, logon->flags, false, &logon->mech_types, expected);
        buf_add(ret_mic, expected, sizeof expected);
    }
    buf_done(&sent);
    return right;
}

static void spnego_step(void *state, const void *token, size_t len, struct auth_step *ret_step)
{
    struct ntlm_logon *logon = state;
    struct buf inner = {0};
    struct buf mic = {0};
    struct buf wrapped = {0};
    bool first = !logon->challenged;

    if (!spnego_unwrap(token, len, &inner)) {
        refuse(ret_step, AUTH_REJECT, "malformed SPNEGO");
        return;
    }
    if (first)
        spnego_mech_types(token, len, &logon->mech_types);
    if (first && inner.len == 0) { /* no optimistic token: ask for one */
        spnego_wrap(SPNEGO_ACCEPT_INCOMPLETE, true, NULL, NULL, &ret_step->token);
        ret_step->result = AUTH_CONTINUE;
        buf_done(&inner);
        return;
    }
    ntlm_step(logon, buf_text(&inner), inner.len, ret_step);
    if (ret_step->result == AUTH_ACCEPT && !check_mech_list(logon, token, len, &mic))
        refuse(ret_step, AUTH_REJECT, "wrong mechListMIC");
    if (ret_step->result == AUTH_CONTINUE)
        spnego_wrap(SPNEGO_ACCEPT_INCOMPLETE, first, &ret_step->token, NULL, &wrapped);
    if (ret_step->result == AUTH_ACCEPT)
        spnego_wrap(SPNEGO_ACCEPT_COMPLETED, false, NULL, &mic, &wrapped);
    buf_done(&inner);
    buf_done(&mic);
    buf_done(&ret_step->token);
    ret_step->token = wrapped;
}

const struct auth_mech auth_ntlm = {ntlm_start, ntlm_step, ntlm_free, true};
const struct auth_mech auth_spnego_ntlm = {ntlm_start, spnego_step, ntlm_free, true};
