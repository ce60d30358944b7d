/*
 * Eight threads with connections and contexts of their own, one struct krb and one secret for all:
 * what the runner does. Under ThreadSanitizer it must stay silent. Runs inside the lab:
 *
 *     tests/lab/lab run DIR -- directory_threads_test DIR
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/directory.h"

enum { THREADS = 8, ROUNDS = 6 };

static const struct net_address kdc = {"127.0.0.10", 88};
static struct krb *krb;
static struct secret *password;

struct worker {
    pthread_t thread;
    size_t number;
    size_t good;
    struct fault fault;
};

static struct net_limit soon(void)
{
    return (struct net_limit){.deadline = deadline_in_ms(20000), .cancel_fd = -1};
}

static bool http_token(struct fault *fault)
{
    static const uint8_t end_point[32] = {1};
    struct krb_ticket ticket;
    struct krb_reply reply;
    struct sec_target target = {.service = "HTTP",
        .host = "mail.contoso.test",
        .end_point = end_point,
        .end_point_length = sizeof end_point};
    struct sec_account account = {.krb = krb};
    struct secctx *context = NULL;
    const uint8_t *token = NULL;
    size_t length = 0;
    bool done = false;
    bool ok = krb_service_ticket(
                  krb, &kdc, "HTTP", "mail.contoso.test", soon(), &ticket, &reply, fault) &&
              secctx_new(SEC_KERBEROS, &target, &account, &context, fault) &&
              secctx_step(context, NULL, 0, &token, &length, &done, fault);
    if (ok && (!done || length < 500 || token[0] != 0x60))
        ok = fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "not a token");
    secctx_free(context);
    return ok;
}

/* Over 389, sealed: by Kerberos or NTLM. */
static bool sealed_search(bool ntlm, struct fault *fault)
{
    static const struct net_address place = {"127.0.0.10", 389};
    static const char *const attributes[] = {"cn", NULL};
    struct directory_search search = {.base = "DC=contoso,DC=test",
        .scope = DIRECTORY_SUBTREE,
        .filter = "(sAMAccountName=svc)",
        .attributes = attributes};
    struct sec_target target = {
        .service = "ldap", .host = "dc1.contoso.test", .flags = SEC_SIGN | SEC_SEAL};
    struct sec_account account = {
        .user = "svc", .domain = "CONTOSO", .secret = password, .krb = krb};
    struct krb_ticket ticket;
    struct krb_reply reply;
    net_sock sock = NET_SOCK_NONE;
    struct directory *directory = NULL;
    struct secctx *context = NULL;
    struct arena arena = {0};
    struct directory_result result = {0};
    bool sent = false;
    bool ok =
        krb_service_ticket(krb, &kdc, "ldap", "dc1.contoso.test", soon(), &ticket, &reply, fault) &&
        sock_connect(&place, soon(), &sock, fault) &&
        directory_open(sock, NULL, &directory, fault) &&
        secctx_new(ntlm ? SEC_NTLM : SEC_KERBEROS_PLAIN, &target, &account, &context, fault) &&
        directory_bind(directory, ntlm ? "GSS-SPNEGO" : "GSSAPI", context, soon(), &sent, fault) &&
        directory_search(directory, &search, soon(), &arena, &result, fault);
    if (ok && result.count != 1)
        ok = fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "not found");
    directory_close(directory);
    secctx_free(context);
    arena_done(&arena);
    return ok;
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (size_t i = 0; i < ROUNDS; i++) {
        bool ok = http_token(&worker->fault) &&
                  sealed_search((worker->number + i) % 2 == 0, &worker->fault);
        worker->good += ok ? 1 : 0;
    }
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: directory_threads_test DIR\n");
        return 77;
    }
    char path[512];
    struct fault fault = {0};
    struct krb_reply reply;
    bool sent = false;
    snprintf(path, sizeof path, "%s/password", argv[1]);
    if (!krb_global_init(&fault) || !directory_global_init(&fault) ||
        !secret_read_file(path, &password, &fault) ||
        !krb_new("svc@contoso.test", "CONTOSO.TEST", &krb, &fault) ||
        !krb_login(krb, &kdc, password, soon(), &sent, &reply, &fault)) {
        fprintf(stderr, "%s\n", fault.text);
        return 1;
    }
    static struct worker workers[THREADS];
    size_t good = 0;
    for (size_t i = 0; i < THREADS; i++) {
        workers[i].number = i;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            return 1;
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        good += workers[i].good;
        if (workers[i].good != ROUNDS)
            fprintf(stderr, "%s: %s\n", cause_str(workers[i].fault.cause), workers[i].fault.text);
    }
    krb_free(krb);
    secret_free(password);
    krb_global_done();
    printf("%zu of %d rounds\n", good, THREADS * ROUNDS);
    return good == THREADS * ROUNDS ? 0 : 1;
}
