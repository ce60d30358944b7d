#include "report/rules.h"

#include <stdlib.h>
#include <string.h>

#include "net/wire/text.h"
#include "report/profile.h"
#include "report/rule_rpc.h"

/* Clocks and the schemes on offer: what is not the account's fault. */

/* ---- A20 ---- */

enum { SKEW_MAX_S = 300 /* RFC 4120 5.5.1, and Windows' default */, CLOCKS_MAX = 32 };

/* What one server showed of its clock. */
struct clock_seen {
    const char *host;
    int64_t skew;
};

struct clocks {
    struct clock_seen list[CLOCKS_MAX];
    size_t count;
};

static int64_t size_of(int64_t skew)
{
    return skew < 0 ? -skew : skew;
}

static bool is_off(int64_t skew)
{
    return size_of(skew) > SKEW_MAX_S;
}

static bool clock_answers(const struct check *check)
{
    return (check_is_good(check) || check_is_bad(check)) &&
           check_fact(check, "clock.skew_s") != NULL;
}

/* One entry a host, its largest difference. */
static void note_clock(struct clocks *clocks, const char *host, int64_t skew)
{
    for (size_t i = 0; i < clocks->count; i++) {
        if (strcmp(clocks->list[i].host, host) != 0)
            continue;
        if (size_of(skew) > size_of(clocks->list[i].skew))
            clocks->list[i].skew = skew;
        return;
    }
    if (clocks->count < CLOCKS_MAX)
        clocks->list[clocks->count++] = (struct clock_seen){host, skew};
}

/* Whose clock it is: that of those who differ where others agree with us; ours where everybody
 * differs from it in the same way. */
static const char *whose_clock(struct scan *scan, const struct clocks *clocks)
{
    size_t off = 0, alike = 0;
    const char *names = "";
    int64_t first = 0;
    for (size_t i = 0; i < clocks->count; i++) {
        int64_t skew = clocks->list[i].skew;
        if (!is_off(skew))
            continue;
        first = off++ == 0 ? skew : first;
        alike += size_of(skew - first) <= SKEW_MAX_S ? 1 : 0;
        names = arena_printf(
            scan->arena, "%s%s%s", names, *names != '\0' ? ", " : "", clocks->list[i].host);
    }
    const char *here = scan->survey->vantage.host != NULL ? scan->survey->vantage.host : "";
    if (off > 1 && off == clocks->count && alike == off)
        return arena_printf(scan->arena, "clock of this host (%s)", here);
    if (off == 0 || off == clocks->count)
        return arena_printf(scan->arena, "clock of %s, or of this host (%s)",
            *names != '\0' ? names : "the domain controller", here);
    return arena_printf(scan->arena, "clock of %s", names);
}

static void say_clocks(struct scan *scan, struct match *match, const struct clocks *clocks)
{
    const char *right = "";
    for (size_t i = 0; i < clocks->count; i++) {
        const struct clock_seen *at = &clocks->list[i];
        if (is_off(at->skew))
            match_say(scan, match, "%s is %lld min %lld s %s ours", at->host,
                (long long)(size_of(at->skew) / 60), (long long)(size_of(at->skew) % 60),
                at->skew < 0 ? "behind" : "ahead of");
        else
            right =
                arena_printf(scan->arena, "%s%s%s", right, *right != '\0' ? ", " : "", at->host);
    }
    if (*right != '\0')
        match_say(scan, match, "in step with ours: %s", right);
}

static void when_skewed(struct scan *scan)
{
    struct clocks clocks = {.count = 0};
    struct match *match = NULL;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        for (const struct check *at = chain->checks; at != NULL; at = at->next) {
            bool differs = clock_answers(at) && is_off(check_get_int(at, "clock.skew_s", 0));
            if (clock_answers(at))
                note_clock(&clocks, chain->endpoint.host, check_get_int(at, "clock.skew_s", 0));
            if (!differs && !check_failed(at, CAUSE_CLOCK_SKEW))
                continue;
            match = scan_match(scan, "", "");
            match_cite(scan, match, chain, at);
        }
    }
    if (match == NULL)
        return;
    match->component = whose_clock(scan, &clocks);
    say_clocks(scan, match, &clocks);
}

static bool skew_explains(
    const struct survey *survey, const struct match *match, const struct check *check)
{
    (void)survey, (void)match;
    return check_failed(check, CAUSE_CLOCK_SKEW) || check_failed(check, CAUSE_TICKET_REFUSED);
}

/* ---- A25 ---- */

static bool has_scheme(const struct fact *schemes, const char *scheme)
{
    for (size_t i = 0; i < schemes->count; i++) {
        if (text_equal_nocase(schemes->list[i], scheme))
            return true;
    }
    return false;
}

/* What the service offered before the logon; NULL: nothing, or it is no HTTP service. */
static const struct fact *schemes_of(const struct chain *chain)
{
    const struct check *offer = chain_cell(chain, LAYER_HTTP);
    const struct fact *schemes = check_is_good(offer) ? check_fact(offer, "http.schemes") : NULL;
    return schemes != NULL && schemes->type == FACT_LIST && schemes->count > 0 ? schemes : NULL;
}

static const char *scheme_list(struct scan *scan, const struct fact *schemes)
{
    const char *text = "";
    for (size_t i = 0; i < schemes->count && i < 8; i++)
        text = arena_printf(scan->arena, "%s%s%s", text, i > 0 ? ", " : "", schemes->list[i]);
    return text;
}

/* Bearer alone is modern authentication, another matter; no scheme at all, too. */
static bool lacks_scheme(const struct chain *chain, const struct check *logon)
{
    const struct fact *schemes = schemes_of(chain);
    if (schemes == NULL || (schemes->count == 1 && has_scheme(schemes, "Bearer")))
        return false;
    if (check_failed(logon, CAUSE_NO_SCHEME))
        return true;
    return check_is_good(logon) && schemes->count == 1 &&
           strcmp(check_get_text(logon, "auth.scheme", ""), "Basic") == 0;
}

static const char *service_at(struct scan *scan, const struct chain *chain)
{
    return arena_printf(
        scan->arena, "%s at %s", service_title(chain->endpoint.service), chain->endpoint.host);
}

static void when_scheme_missing(struct scan *scan)
{
    struct match *match = NULL;
    for (const struct chain *chain = scan->survey->chains; chain != NULL; chain = chain->next) {
        const struct check *logon = chain_cell(chain, LAYER_AUTH);
        if (logon == NULL || !lacks_scheme(chain, logon) ||
            is_rpc_scheme_missing(scan->survey, chain))
            continue;
        const char *place = service_at(scan, chain);
        match = scan_match(scan, "", place);
        if (strstr(match->component, place) == NULL)
            match->component = arena_printf(scan->arena, "%s, %s", match->component, place);
        match_cite(scan, match, chain, logon);
        match_say(scan, match, "%s offers only %s", place, scheme_list(scan, schemes_of(chain)));
    }
    for (const struct chain *chain = scan->survey->chains; match != NULL && chain != NULL;
         chain = chain->next) {
        const struct check *logon = chain_cell(chain, LAYER_AUTH);
        const char *place = service_at(scan, chain);
        if (check_is_good(logon) && schemes_of(chain) != NULL &&
            strstr(match->component, place) == NULL)
            match_say(scan, match, "%s offers %s", place, scheme_list(scan, schemes_of(chain)));
    }
}

const struct rule rules_auth[] = {
    {
        .id = "A20",
        .layer = LAYER_AUTH,
        .title = "Clocks differ by more than the five minutes that Kerberos allows",
        .severity = SEVERITY_FAIL,
        .when = when_skewed,
        .explains = skew_explains,
        .cause =
            "Kerberos refuses what was made more than five minutes from its own time. Windows "
            "clients then fall back to NTLM or fail, now on this server and now on that; exreach "
            "itself reckons with the KDC's time where it can, so that its rows may be green. "
            "Certificates and tokens are judged by the same clocks.",
        .looks_like =
            "KRB_AP_ERR_SKEW (37) with the server's time in stime. The same difference shows in "
            "the KDC's other errors, in rootDSE currentTime, in the time stamp of the NTLM "
            "challenge (MsvAvTimestamp) and in the Date header of Exchange.",
        .fix = {"On the machine that is wrong: w32tm /resync, then w32tm /query /status; on Linux: "
                "chronyc makestep.",
            "The PDC emulator of the forest root must have a source: w32tm /config "
            "/manualpeerlist:SERVER /syncfromflags:manual /update. All others follow the domain "
            "(/syncfromflags:domhier).",
            "A virtual machine may get its host's time besides: leave it one source."},
        .references = {"RFC 4120 5.9.1 stime, 7.5.9 KRB_AP_ERR_SKEW",
            "Microsoft: Windows Time service tools and settings"},
    },
    {
        .id = "A25",
        .layer = LAYER_AUTH,
        .title = "The service does not offer a logon scheme that may be used",
        .severity = SEVERITY_FAIL,
        .when = when_scheme_missing,
        .cause =
            "Every virtual directory has its own list of authentication schemes. This one has none "
            "that exreach may use as it was called: Basic, which hands over the password itself, "
            "only with --allow-basic; others are left out by --auth, or want a password where -k "
            "gives none. Clients made for another scheme fail here in the same way.",
        .looks_like =
            "401 with WWW-Authenticate: Basic alone (or NTLM alone) on this path, while other "
            "paths of the same server offer Negotiate and NTLM. No WWW-Authenticate at all, or "
            "Bearer alone, is another fault.",
        .fix = {"Give the virtual directory its schemes back, e. g. "
                "Set-WebServicesVirtualDirectory "
                "-Identity \"SERVER\\EWS (Default Web Site)\" -WindowsAuthentication $true, on "
                "every server.",
            "Or use what it offers: --allow-basic, or another --auth.",
            "A proxy that logs on in front of Exchange (pre-authentication) may offer less than "
            "Exchange behind it: compare with --connect {host}:443:ADDRESS-OF-THE-SERVER."},
        .references = {"RFC 9110 11.6.1 WWW-Authenticate",
            "Microsoft: Set-WebServicesVirtualDirectory"},
    },
};

RULES_COUNT(rules_auth);
