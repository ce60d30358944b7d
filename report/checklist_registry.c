#include "report/checklist_answer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "report/registry.h"

#define MAPI_CDO_WANTED "6.5.8353"

/* ---- the facts --------------------------------------------------------------------------------
 */

/* NULL: not there, or of another type (a survey may come from anywhere). */
static const struct fact *registry_fact(
    const struct answer *answer, const char *key, enum fact_type type)
{
    const struct fact *fact = answer->survey->vantage.registry;
    while (fact != NULL && strcmp(fact->key, key) != 0)
        fact = fact->next;
    return fact != NULL && fact->type == type ? fact : NULL;
}

static bool was_exported(const struct answer *answer, const char *key)
{
    const struct fact *keys = registry_fact(answer, "registry.keys", FACT_LIST);
    for (size_t i = 0; keys != NULL && i < keys->count; i++) {
        if (text_equal_nocase(keys->list[i], key))
            return true;
    }
    return false;
}

/* What is not found is not there only if both parts were exported: programs of 32 bits have theirs
 * under Wow6432Node. Settles and returns false where one is missing; where both are, nothing. */
static bool has_all_programs(struct answer *answer, const char *what)
{
    bool plain = was_exported(answer, REGISTRY_UNINSTALL);
    bool wow = was_exported(answer, REGISTRY_UNINSTALL_WOW);
    if (plain != wow)
        answer_settle(answer, OUTCOME_SKIPPED,
            "check by hand: no %s in what --registry has; on Windows of 64 bits export HKLM\\%s, "
            "too",
            what, plain ? REGISTRY_UNINSTALL_WOW : REGISTRY_UNINSTALL);
    return plain && wow;
}

/* By number, part by part: 6.5.8353 is before 6.5.10000; a missing part is 0. */
static int compare_versions(const char *a, const char *b)
{
    while (*a != '\0' || *b != '\0') {
        char *end_a = NULL, *end_b = NULL;
        unsigned long left = strtoul(a, &end_a, 10), right = strtoul(b, &end_b, 10);
        if (left != right)
            return left < right ? -1 : 1;
        a = end_a + strcspn(end_a, ".");
        b = end_b + strcspn(end_b, ".");
        a += *a == '.';
        b += *b == '.';
    }
    return 0;
}

/* ---- faq-3, faq-2013-2: MAPI Client and CDO ---------------------------------------------------
 */

/* True where it is there and new enough; settles otherwise, or leaves it to the hand. */
static bool has_mapi_cdo(struct answer *answer, const char **ret_version)
{
    const struct fact *fact = registry_fact(answer, "registry.mapi_cdo", FACT_TEXT);
    if (fact == NULL) {
        if (has_all_programs(answer, "MAPI Client and CDO"))
            answer_settle(answer, OUTCOME_FAIL, "it is not installed");
        return false;
    }
    answer_text(answer, "registry.mapi_cdo", fact->text);
    *ret_version = fact->text;
    if (fact->text[0] < '0' || fact->text[0] > '9')
        answer_settle(
            answer, OUTCOME_WARN, "installed, but of what version is not in the registry");
    else if (compare_versions(fact->text, MAPI_CDO_WANTED) < 0)
        answer_settle(answer, OUTCOME_FAIL, "%s is older than " MAPI_CDO_WANTED, fact->text);
    else
        return true;
    return false;
}

void answer_mapi_cdo(struct answer *answer)
{
    const char *version = "";
    if (has_mapi_cdo(answer, &version))
        answer_settle(answer, OUTCOME_PASS, "%s is installed", version);
}

void answer_newest_mapi_cdo(struct answer *answer)
{
    const char *version = "";
    bool later = answer_has_later_than_2013(answer);
    bool ok = has_mapi_cdo(answer, &version);
    if (ok && !later)
        answer_settle(answer, OUTCOME_PASS, "%s is installed", version);
    else if (ok)
        answer_settle(answer, OUTCOME_WARN,
            "%s is installed, but Microsoft does not support it with Exchange 2016 and later",
            version);
    else if (later && answer->item->summary == NULL)
        answer_settle(answer, OUTCOME_SKIPPED,
            "check by hand: Programs and Features: the version of MAPI Client and CDO, which "
            "Microsoft "
            "does not support with the Exchange seen here");
}

/* ---- faq-4: Outlook ---------------------------------------------------------------------------
 */

/* "Uninstall: Microsoft Outlook …", "App Paths: …", "ClickToRun: …"; a suite may lack it, and
 * Clients\Mail keeps it after it has gone. */
static bool is_sure(const char *sign)
{
    if (text_starts_nocase(sign, "Uninstall:"))
        return text_find_nocase(sign, "Outlook") != NULL;
    return !text_starts_nocase(sign, "Clients\\Mail:");
}

void answer_no_outlook(struct answer *answer)
{
    const struct fact *signs = registry_fact(answer, "registry.outlook", FACT_LIST);
    if (signs == NULL || signs->count == 0) {
        if (has_all_programs(answer, "Outlook"))
            answer_settle(answer, OUTCOME_PASS, "none is installed");
        return;
    }
    const char *sign = signs->list[0];
    for (size_t i = 0; i < signs->count && !is_sure(sign); i++)
        sign = signs->list[i];
    answer_list(answer, "registry.outlook", signs->list, signs->count);
    if (is_sure(sign))
        answer_settle(answer, OUTCOME_FAIL, "Outlook is installed (%s)", sign);
    else if (text_starts_nocase(signs->list[0], "Uninstall:"))
        answer_settle(answer, OUTCOME_WARN,
            "%s: Outlook is part of it unless it was left out at installing", signs->list[0]);
    else
        answer_settle(answer, OUTCOME_WARN,
            "only Clients\\Mail knows Microsoft Outlook: look whether OUTLOOK.EXE is there; if "
            "not, "
            "the key is a remainder");
}

/* ---- faq-5: the default mail client -----------------------------------------------------------
 */

void answer_mail_client(struct answer *answer)
{
    const struct fact *clients = registry_fact(answer, "registry.mail_clients", FACT_LIST);
    const char *other = NULL, *of_user = NULL;
    size_t machine = 0;
    for (size_t i = 0; clients != NULL && i < clients->count; i++) {
        const char *text = clients->list[i];
        bool user = text_starts_nocase(text, "HKCU\\");
        const char *value = strchr(text, '=');
        bool same = value != NULL && text_equal_nocase(value + 1, "ExchangeMAPI");
        machine += !user;
        if (!same && user && of_user == NULL)
            of_user = text;
        else if (!same && !user && other == NULL)
            other = text;
    }
    if (machine == 0)
        return;
    answer_list(answer, "registry.mail_clients", clients->list, clients->count);
    if (other != NULL) {
        const char *value = strchr(other, '=');
        int key = value != NULL ? (int)(value - other) : 0;
        if (value != NULL && value[1] == '\0')
            answer_settle(answer, OUTCOME_FAIL, "%.*s names none", key, other);
        else
            answer_settle(answer, OUTCOME_FAIL, "%.*s is %s", key, other,
                value != NULL ? value + 1 : "unknown");
    } else if (of_user != NULL) {
        answer_settle(answer, OUTCOME_WARN,
            "it is for the machine, but a user has another: %s; is that the account?", of_user);
    } else {
        answer_settle(
            answer, OUTCOME_PASS, "ExchangeMAPI in %zu key%s", machine, machine == 1 ? "" : "s");
    }
}

/* ---- faq-9, faq-2013-4: Windows ---------------------------------------------------------------
 */

void answer_machine_domain(struct answer *answer)
{
    enum { DOMAINS_MAX = 16 };
    const struct fact *fact = registry_fact(answer, "registry.domain", FACT_TEXT);
    const char *servers[DOMAINS_MAX];
    if (fact == NULL)
        return;
    answer_text(answer, "registry.domain", fact->text);
    if (fact->text[0] == '\0') {
        answer_settle(answer, OUTCOME_FAIL, "the application server is in no domain");
        return;
    }
    size_t count = exchange_domains(answer, servers, DOMAINS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (text_equal_nocase(servers[i], fact->text)) {
            answer_settle(answer, OUTCOME_PASS, "both are in %s", fact->text);
            return;
        }
    }
    if (count > 0)
        answer_settle(answer, OUTCOME_FAIL,
            "the application server is in %s, the Exchange server in %s", fact->text, servers[0]);
    else
        answer_settle(answer, OUTCOME_SKIPPED,
            "check by hand: the application server is in %s; is the Exchange server, too?",
            fact->text);
}

void answer_lm_level(struct answer *answer)
{
    enum { NTLMV2_ONLY = 3 }; /* [MS-NLMP] 3.1.1.1: clients send no LM and no NTLMv1 */
    const struct fact *fact = registry_fact(answer, "registry.lm_compatibility", FACT_INT);
    if (fact == NULL) {
        if (was_exported(answer, REGISTRY_LSA))
            answer_settle(
                answer, OUTCOME_PASS, "not set: Windows Server 2008 and later then act as with 3");
        return;
    }
    answer_int(answer, "registry.lm_compatibility", fact->integer);
    answer_settle(answer, fact->integer >= NTLMV2_ONLY ? OUTCOME_PASS : OUTCOME_FAIL,
        "it is %" PRId64 "%s", fact->integer,
        fact->integer >= NTLMV2_ONLY ? "" : ": LM and NTLMv1 are sent, which Exchange may refuse");
}
