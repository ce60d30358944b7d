#include "net/directory_impl.h"

enum {
    PAGE_ENTRIES = 500, /* AD gives 1000 at most (MaxPageSize), some are set to less */
    PAGES_MAX = 100,    /* against a server that sends empty pages for ever */
    COOKIE_MAX = 64 * 1024
};

void directory_page_done(struct directory_page *page)
{
    ber_memfree(page->cookie.bv_val);
    *page = (struct directory_page){0};
}

bool directory_page_ask(const struct directory_page *page, LDAP *ldap, size_t room,
    LDAPControl **ret_control, struct fault *fault)
{
    struct berval cookie = page->cookie;
    LDAPControl *control = NULL;
    ber_int_t size = (ber_int_t)(room < PAGE_ENTRIES ? room : PAGE_ENTRIES);
    /* Not critical: who does not know the control answers as ever, and a cut is seen. */
    int code =
        ldap_create_page_control(ldap, size, cookie.bv_len > 0 ? &cookie : NULL, 0, &control);
    if (code != LDAP_SUCCESS)
        return directory_library_fault(code, "the request for a page", fault);
    *ret_control = control;
    return true;
}

bool directory_page_answer(
    struct directory_page *page, LDAP *ldap, LDAPControl **controls, struct fault *fault)
{
    ber_int_t estimate = 0;
    struct berval cookie = {0};
    ber_memfree(page->cookie.bv_val);
    page->cookie = (struct berval){0};
    page->count++;
    LDAPControl *control = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
    if (control == NULL)
        return true;
    /* libldap reads through a null pointer where the control has no value. */
    int code = control->ldctl_value.bv_val == NULL || control->ldctl_value.bv_len == 0
                   ? LDAP_DECODING_ERROR
                   : ldap_parse_pageresponse_control(ldap, control, &estimate, &cookie);
    if (code != LDAP_SUCCESS)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_LDAP, code,
            "broken LDAP: the paged results control cannot be decoded");
    if (cookie.bv_len > COOKIE_MAX) {
        ber_memfree(cookie.bv_val);
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_LDAP, 0,
            "the server's cookie for the next page has %zu bytes", (size_t)cookie.bv_len);
    }
    page->cookie = cookie;
    return true;
}

bool directory_page_more(const struct directory_page *page)
{
    return page->cookie.bv_len > 0 && page->count < PAGES_MAX;
}
