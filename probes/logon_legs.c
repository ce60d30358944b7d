#include "probes/logon_legs.h"

#include <openssl/crypto.h>
#include <string.h>

#include "net/wire/text.h"
#include "probes/run.h"

static bool is_token_scheme(const char *scheme)
{
    return strcmp(scheme, "Basic") != 0 && strcmp(scheme, "Bearer") != 0;
}

bool logon_legs_open(const struct session *session, const struct logon_attempt *attempt,
    const uint8_t *end_point, size_t end_point_length, struct logon_legs *ret_legs,
    struct fault *fault)
{
    const struct settings *settings = session->settings;
    *ret_legs = (struct logon_legs){
        .session = session, .scheme = attempt->scheme, .header = attempt->header};
    if (!is_token_scheme(attempt->scheme))
        return true;
    uint8_t *kept = arena_alloc(&ret_legs->arena, end_point_length + 1);
    if (end_point_length > 0)
        memcpy(kept, end_point, end_point_length);
    struct sec_target target = {.service = "HTTP",
        .host = session->endpoint.host,
        .end_point = end_point_length > 0 ? kept : NULL,
        .end_point_length = end_point_length};
    struct sec_account account = {.user = settings->account,
        .domain = settings->domain,
        .secret = settings->secret,
        .krb = run_krb(session)};
    if (secctx_new(attempt->mechanism, &target, &account, &ret_legs->context, fault))
        return true;
    logon_legs_done(ret_legs);
    return false;
}

void logon_legs_done(struct logon_legs *legs)
{
    logon_legs_forget(legs);
    secctx_free(legs->context);
    arena_done(&legs->arena);
    *legs = (struct logon_legs){.context = NULL};
}

bool logon_legs_will_prove(const struct logon_legs *legs)
{
    return legs->context == NULL || secctx_next_proves(legs->context);
}

static char *bearer_header(struct arena *arena, const struct settings *settings)
{
    return arena_printf(arena, "Bearer %s", secret_text(settings->token));
}

static char *basic_header(struct arena *arena, const struct settings *settings)
{
    size_t user = strlen(settings->user);
    size_t length = user + 1 + secret_length(settings->secret);
    char *plain = arena_alloc(arena, length + 1);
    memcpy(plain, settings->user, user);
    plain[user] = ':';
    memcpy(plain + user + 1, secret_text(settings->secret), secret_length(settings->secret));
    char *coded = base64_encode(arena, plain, length);
    char *header = arena_printf(arena, "Basic %s", coded);
    OPENSSL_cleanse(plain, length);
    OPENSSL_cleanse(coded, strlen(coded));
    return header;
}

bool logon_legs_next(struct logon_legs *legs, struct fault *fault)
{
    const struct settings *settings = legs->session->settings;
    const uint8_t *output = NULL;
    size_t length = 0;
    logon_legs_forget(legs);
    legs->proves = logon_legs_will_prove(legs);
    if (legs->context == NULL) {
        legs->done = true;
        legs->authorization = strcmp(legs->scheme, "Bearer") == 0
                                  ? bearer_header(&legs->arena, settings)
                                  : basic_header(&legs->arena, settings);
        return true;
    }
    if (!secctx_step(
            legs->context, legs->input, legs->input_length, &output, &length, &legs->done, fault))
        return false;
    char *token = base64_encode(&legs->arena, output, length);
    legs->authorization = arena_printf(&legs->arena, "%s %s", legs->header, token);
    OPENSSL_cleanse(token, strlen(token));
    return true;
}

void logon_legs_forget(struct logon_legs *legs)
{
    if (legs->authorization != NULL)
        OPENSSL_cleanse(legs->authorization, strlen(legs->authorization));
    legs->authorization = NULL;
}

bool logon_legs_take(struct logon_legs *legs, const struct http_response *response)
{
    struct challenge list[CHALLENGES_MAX];
    size_t count = 0;
    const char *value;
    for (size_t i = 0; (value = http_header_nth(response, "WWW-Authenticate", i)) != NULL; i++)
        challenges_parse(&legs->arena, value, list, &count);
    const struct challenge *challenge = challenge_find(list, count, legs->header);
    return legs->context != NULL && challenge != NULL && challenge->token != NULL &&
           base64_decode(&legs->arena, challenge->token, strlen(challenge->token), &legs->input,
               &legs->input_length);
}
