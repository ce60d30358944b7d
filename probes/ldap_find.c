#include "probes/ldap.h"

bool ldap_find(struct session *session, struct check *check, const struct directory_search *search,
    struct directory_result *ret_found, struct fault *fault)
{
    struct directory_result found = {0};
    bool ok = directory_search(
        session->directory, search, session_limit(session), &session->arena, &found, fault);
    check_int(check, "ldap.requests", check_get_int(check, "ldap.requests", 0) + 1);
    check_int(check, "ldap.bytes", check_get_int(check, "ldap.bytes", 0) + (int64_t)found.bytes);
    session_trace(session, '*', "search \"%s\" %s: %s", search->base, search->filter,
        ok ? "answered" : fault->text);
    if (ok)
        *ret_found = found;
    return ok;
}
