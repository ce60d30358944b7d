#include "report/rule.h"

#include <stdarg.h>
#include <string.h>

enum { GROWTH = 8, EVIDENCE_MAX = 64 };

struct match *scan_match(struct scan *scan, const char *key, const char *component)
{
    struct match **end = &scan->matches;
    for (; *end != NULL; end = &(*end)->next) {
        if ((*end)->rule == scan->rule && strcmp((*end)->key, key) == 0)
            return *end;
    }
    struct match *match = arena_alloc(scan->arena, sizeof *match);
    match->rule = scan->rule;
    match->key = arena_strdup(scan->arena, key);
    match->component = arena_strdup(scan->arena, component);
    *end = match;
    return match;
}

struct match *scan_matchf(struct scan *scan, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(scan->arena, format, args);
    va_end(args);
    return scan_match(scan, text, text);
}

static bool contains(const struct check *const *checks, size_t count, const struct check *check)
{
    for (size_t i = 0; i < count; i++) {
        if (checks[i] == check)
            return true;
    }
    return false;
}

bool match_cites(const struct match *match, const struct check *check)
{
    return contains((const struct check *const *)match->checks, match->check_count, check);
}

bool match_explains(const struct match *match, const struct check *check)
{
    return contains((const struct check *const *)match->explained, match->explained_count, check);
}

/* Room for one more pointer: a larger copy in the arena each time the old one is full. */
static void *grow(struct arena *arena, void *old, size_t count, size_t size)
{
    if (count != 0 && (count < GROWTH || (count & (count - 1)) != 0))
        return old;
    void *larger = arena_alloc(arena, (count < GROWTH ? GROWTH : count * 2) * size);
    if (count > 0)
        memcpy(larger, old, count * size);
    return larger;
}

static void add_evidence(struct scan *scan, struct match *match, const char *text)
{
    if (match->evidence_count == EVIDENCE_MAX)
        return;
    for (size_t i = 0; i < match->evidence_count; i++) {
        if (strcmp(match->evidence[i], text) == 0)
            return;
    }
    match->evidence = grow(scan->arena, match->evidence, match->evidence_count, sizeof text);
    match->evidence[match->evidence_count++] = text;
}

void match_say(struct scan *scan, struct match *match, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add_evidence(scan, match, arena_vprintf(scan->arena, format, args));
    va_end(args);
}

void match_cite(
    struct scan *scan, struct match *match, const struct chain *chain, const struct check *check)
{
    if (match_cites(match, check))
        return;
    match->checks = grow(scan->arena, match->checks, match->check_count, sizeof check);
    match->checks[match->check_count++] = check;
    match_tell(scan, match, "", chain, check);
}

/* "a, b" has it, as a whole. */
static bool lists(const char *list, const char *address)
{
    size_t length = strlen(address);
    for (const char *at = strstr(list, address); at != NULL; at = strstr(at + 1, address)) {
        if ((at == list || at[-1] == ' ') && (at[length] == ',' || at[length] == '\0'))
            return true;
    }
    return false;
}

struct match *scan_match_list(struct scan *scan, const char *kind, const char *name)
{
    struct match *match = scan_match(scan, "", arena_printf(scan->arena, "%s %s", kind, name));
    if (!match_names(match, name))
        match->component = arena_printf(scan->arena, "%s, %s", match->component, name);
    return match;
}

bool match_names(const struct match *match, const char *name)
{
    return lists(match->component, name);
}

const char *scan_owners(struct scan *scan, const char *text)
{
    static const char between[] = " | ";
    const char *end = strstr(text, between);
    if (end == NULL)
        return text;
    return arena_printf(scan->arena, "%.*s and %s", (int)(end - text), text,
        scan_owners(scan, end + sizeof between - 1));
}

const char *scan_texts(struct scan *scan, const struct check *check, const char *key)
{
    enum { SHOWN_MAX = 16 };
    const struct fact *fact = check_fact(check, key);
    const char *text = "";
    for (size_t i = 0; fact != NULL && fact->type == FACT_LIST && i < fact->count; i++) {
        if (i == SHOWN_MAX)
            return arena_printf(scan->arena, "%s, and %zu more", text, fact->count - i);
        text = arena_printf(scan->arena, "%s%s%s", text, i > 0 ? ", " : "", fact->list[i]);
    }
    return text;
}

/* One more address in the brackets of a sentence there is already; false: there is none such. */
static bool add_address(
    struct scan *scan, struct match *match, const char *head, const char *tail, const char *address)
{
    size_t head_length = strlen(head), tail_length = strlen(tail);
    for (size_t i = 0; i < match->evidence_count; i++) {
        const char *text = match->evidence[i];
        size_t length = strlen(text);
        if (length < head_length + tail_length || strncmp(text, head, head_length) != 0 ||
            strcmp(text + length - tail_length, tail) != 0)
            continue;
        const char *list =
            arena_strndup(scan->arena, text + head_length, length - head_length - tail_length);
        if (!lists(list, address))
            match->evidence[i] = arena_printf(scan->arena, "%s%s, %s%s", head, list, address, tail);
        return true;
    }
    return false;
}

/* Without what survey_reconcile() adds: that clients go on is no part of what was seen. */
static const char *words_of(struct scan *scan, const struct check *check)
{
    const char *end = strstr(check->summary, "; clients go on to the next place");
    return end == NULL ? check->summary
                       : arena_strndup(scan->arena, check->summary, (size_t)(end - check->summary));
}

/* "ews.version at mail.contoso.test:443 (192.0.2.1, 192.0.2.2): …": the same words about one place
 * are one sentence. A name is asked of a resolver, at no port. */
void match_tell(struct scan *scan, struct match *match, const char *before,
    const struct chain *chain, const struct check *check)
{
    const struct endpoint *endpoint = &chain->endpoint;
    const char *words = words_of(scan, check);
    const char *resolver = check_get_text(check, "dns.resolver", NULL);
    if (resolver != NULL) {
        match_say(scan, match, "%s%s, asked of %s: %s", before, check->probe, resolver, words);
        return;
    }
    const char *place = arena_printf(scan->arena, "%s%s at %s:%u", before, check->probe,
        endpoint->host, (unsigned)endpoint->port);
    const char *address = endpoint->address;
    if (address == NULL || strcmp(address, endpoint->host) == 0 || strstr(words, address) != NULL) {
        match_say(scan, match, "%s: %s", place, words);
        return;
    }
    const char *head = arena_printf(scan->arena, "%s (", place);
    const char *tail = arena_printf(scan->arena, "): %s", words);
    if (!add_address(scan, match, head, tail, address))
        match_say(scan, match, "%s%s%s", head, address, tail);
}

void match_explain(struct scan *scan, struct match *match, const struct check *check)
{
    match->explained = grow(scan->arena, match->explained, match->explained_count, sizeof check);
    match->explained[match->explained_count++] = check;
}

bool check_answered(const struct check *check)
{
    return check_is_good(check) || check_is_bad(check);
}

bool check_is_good(const struct check *check)
{
    return check != NULL && (check->outcome == OUTCOME_PASS || check->outcome == OUTCOME_WARN);
}

bool check_is_bad(const struct check *check)
{
    return check != NULL && (check->outcome == OUTCOME_FAIL || check->outcome == OUTCOME_WARN);
}

bool check_failed(const struct check *check, enum cause cause)
{
    return check_is_bad(check) && check->fault.cause == cause;
}

bool check_is_gated(const struct check *check)
{
    static const char refused[] = "the password was refused";
    static const char open[] = "the password is not tried again";
    static const char unused[] = "the password is not used";
    return check->outcome == OUTCOME_SKIPPED &&
           (strncmp(check->summary, refused, sizeof refused - 1) == 0 ||
               strncmp(check->summary, open, sizeof open - 1) == 0 ||
               strncmp(check->summary, unused, sizeof unused - 1) == 0);
}

bool check_is_held_back(const struct check *check)
{
    return check_failed(check, CAUSE_LOCKOUT_NEAR);
}

const struct chain *survey_chain_of(const struct survey *survey, const struct check *check)
{
    for (const struct chain *chain = survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            if (at == check)
                return chain;
        }
    }
    return NULL;
}

/* ---- the words of a fix ---- */

/* What cmdlets take as -Identity: sAMAccountName where the directory told it, else the name's own
 * part, which mostly is the same. */
static const char *user_name(struct scan *scan)
{
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *account = chain_check(chain, "ldap.account");
        const char *sam =
            check_is_good(account) ? check_get_text(account, "account.sam", NULL) : NULL;
        if (sam != NULL)
            return sam;
    }
    const char *account = scan->survey->target.account;
    const char *slash = strchr(account, '\\');
    if (slash != NULL)
        return slash + 1;
    return arena_strndup(scan->arena, account, strcspn(account, "@"));
}

static const char *host_of(const struct scan *scan, const struct match *match)
{
    const struct endpoint *endpoint = &survey_chain_of(scan->survey, match->checks[0])->endpoint;
    const char *slash = endpoint->subject != NULL ? strchr(endpoint->subject, '/') : NULL;
    return slash != NULL ? slash + 1 : endpoint->host;
}

/* Of a further mailbox, where it is about one. */
static const char *address_of(const struct scan *scan, const struct match *match)
{
    const struct check *check = match->checks[0];
    bool other = check->layer == LAYER_MAILBOX && check->subject != NULL &&
                 match_names(match, check->subject);
    return other ? check->subject : scan->survey->target.address;
}

static const char *placeholder_value(
    struct scan *scan, const struct match *match, const char *name, size_t length)
{
    const struct target *target = &scan->survey->target;
    const struct {
        const char *name, *value;
    } values[] = {
        {"account", target->account},
        {"user", user_name(scan)},
        {"address", address_of(scan, match)},
        {"domain", target->domain},
        {"host", host_of(scan, match)},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        if (strlen(values[i].name) == length && memcmp(values[i].name, name, length) == 0)
            return values[i].value;
    }
    return NULL;
}

const char *match_fill(struct scan *scan, const struct match *match, const char *text)
{
    const char *open = strchr(text, '{');
    const char *close = open != NULL ? strchr(open, '}') : NULL;
    if (close == NULL)
        return text;
    const char *value = placeholder_value(scan, match, open + 1, (size_t)(close - open - 1));
    return arena_printf(scan->arena, "%.*s%s%s", (int)(open - text), text,
        value != NULL ? value : "", match_fill(scan, match, close + 1));
}
