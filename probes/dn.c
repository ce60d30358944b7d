#include "probes/dn.h"

#include "net/wire/text.h"
#include "probes/ldap_value.h"

const char *dn_parent(const char *dn)
{
    size_t at = 0;
    /* RFC 4514 §2.4: a "\" takes the next character with it. */
    while (dn[at] != '\0' && dn[at] != ',')
        at += dn[at] == '\\' && dn[at + 1] != '\0' ? 2 : 1;
    return dn[at] == ',' ? dn + at + 1 : NULL;
}

const char *dn_name_below(struct arena *arena, const char *dn, const char *container)
{
    const char *parent = dn_parent(dn);
    while (parent != NULL) {
        if (text_equal_nocase(dn_leaf(arena, parent), container))
            return dn_leaf(arena, dn);
        dn = parent;
        parent = dn_parent(dn);
    }
    return NULL;
}
