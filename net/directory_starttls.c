#include "net/directory_impl.h"

static bool ask(
    struct directory *directory, struct net_limit limit, int *ret_result, struct fault *fault)
{
    int id = 0, result = 0;
    char *diagnostic = NULL;
    LDAPMessage *message = NULL;
    int code = ldap_extended_operation(
        directory->ldap, LDAP_EXOP_START_TLS, NULL, NULL, NULL, &id); /* 1.3.6.1.4.1.1466.20037 */
    if (code != LDAP_SUCCESS)
        return directory_library_fault(code, "StartTLS cannot be sent", fault);
    if (!directory_next(directory, id, limit, &message, fault))
        return false;
    bool ok = ldap_msgtype(message) == LDAP_RES_EXTENDED &&
              ldap_parse_result(directory->ldap, message, &result, NULL, &diagnostic, NULL, NULL,
                  0) == LDAP_SUCCESS;
    ldap_msgfree(message);
    if (!ok)
        directory_library_fault(LDAP_DECODING_ERROR, "StartTLS", fault);
    else
        *ret_result = result;
    if (ok && result != LDAP_SUCCESS)
        ok = directory_result_fault(result, diagnostic, fault);
    ldap_memfree(diagnostic);
    return ok;
}

bool directory_starttls(struct directory *directory, const char *host,
    const struct tls_trust *trust, struct net_limit limit, struct tls_seen *seen, int *ret_result,
    struct fault *fault)
{
    struct pipe *pipe = &directory->pipe;
    *ret_result = -1;
    if (!ask(directory, limit, ret_result, fault))
        return false;
    /* RFC 4511 §4.14.2: nothing comes behind the answer; what does was not protected by TLS. */
    if (pipe_has_message(pipe) || pipe->plain.length > 0) {
        directory->dead = true;
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0,
            "the server goes on in the clear after it accepted StartTLS");
    }
    if (tls_connect(pipe->sock, host, trust, limit, seen, &pipe->tls, fault))
        return true;
    directory->dead = true;
    return false;
}
