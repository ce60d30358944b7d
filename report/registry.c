#include "report/registry.h"

#include <string.h>

#include "net/wire/regfile.h"
#include "net/wire/text.h"

enum { LIST_MAX = 32, KEY_SIZE = 1024, VALUE_MAX = 512 };

#define APP_PATHS    "SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\App Paths\\OUTLOOK.EXE"
#define CLICK_TO_RUN "SOFTWARE\\Microsoft\\Office\\ClickToRun\\Configuration"
#define SELECT       "SYSTEM\\Select"
#define USER         "HKCU\\"

/* What a file says of one key or value, in the order of reading: the last word counts. */
struct note {
    const char
        *key; /* without its root: "SOFTWARE\\Clients\\Mail"; of a user "HKCU\\SOFTWARE\\…" */
    const char *name; /* NULL: the key itself */
    const char *text; /* NULL: none */
    uint64_t number;
    bool deleted;
    struct note *next;
};

struct registry {
    struct arena *arena;
    struct note *notes, *last;
    const char *files[LIST_MAX];
    size_t file_count;
};

struct registry *registry_new(struct arena *arena)
{
    struct registry *registry = arena_alloc(arena, sizeof *registry);
    registry->arena = arena;
    return registry;
}

/* ---- keys -------------------------------------------------------------------------------------
 */

static bool is_below(const char *key, const char *base)
{
    size_t length = strlen(base);
    return text_starts_nocase(key, base) && (key[length] == '\\' || key[length] == '\0');
}

static const char *after(const char *key, const char *prefix)
{
    return text_starts_nocase(key, prefix) ? key + strlen(prefix) : NULL;
}

/* Without its root, those of users under HKCU; NULL: a root that is not asked for. */
static const char *short_key(const char *key, char *buffer, size_t size)
{
    static const char *const machine[] = {"HKEY_LOCAL_MACHINE\\", "HKLM\\"};
    static const char *const user[] = {"HKEY_CURRENT_USER\\", "HKCU\\"};
    const char *rest = NULL;
    for (size_t i = 0; i < 2 && rest == NULL; i++)
        rest = after(key, machine[i]);
    if (rest != NULL)
        return rest;
    for (size_t i = 0; i < 2 && rest == NULL; i++)
        rest = after(key, user[i]);
    const char *sid = rest == NULL ? after(key, "HKEY_USERS\\") : NULL;
    if (sid != NULL && (sid = strchr(sid, '\\')) != NULL)
        rest = sid + 1;
    if (rest == NULL || strlen(rest) + sizeof USER > size)
        return NULL;
    memcpy(buffer, USER, sizeof USER);
    memcpy(buffer + strlen(USER), rest, strlen(rest) + 1);
    return buffer;
}

/* "SYSTEM\ControlSet001\Services" and "SYSTEM\CurrentControlSet\Services" are both
 * "Services", of set 1 and 0; NULL: no such key. */
static const char *control_key(const char *key, int *ret_set)
{
    const char *rest = after(key, "SYSTEM\\CurrentControlSet\\");
    *ret_set = 0;
    if (rest != NULL)
        return rest;
    rest = after(key, "SYSTEM\\ControlSet00");
    if (rest == NULL || rest[0] < '1' || rest[0] > '9' || rest[1] != '\\')
        return NULL;
    *ret_set = rest[0] - '0';
    return rest + 2;
}

static bool is_asked_for(const char *key)
{
    static const char *const bases[] = {REGISTRY_UNINSTALL, REGISTRY_UNINSTALL_WOW,
        REGISTRY_CLIENTS, REGISTRY_CLIENTS_WOW, USER REGISTRY_CLIENTS, APP_PATHS, CLICK_TO_RUN,
        SELECT};
    int set = 0;
    const char *control = control_key(key, &set);
    if (control != NULL)
        return text_equal_nocase(control, "Control\\Lsa") ||
               text_equal_nocase(control, "Services\\Tcpip\\Parameters");
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        if (is_below(key, bases[i]))
            return true;
    }
    return false;
}

static bool is_value_asked_for(const char *key, const char *name)
{
    static const char *const names[] = {"", "DisplayName", "DisplayVersion", "ProductReleaseIds",
        "LmCompatibilityLevel", "Domain", "NV Domain", "Current"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (text_equal_nocase(name, names[i]))
            return true;
    }
    return text_equal_nocase(key, CLICK_TO_RUN) && text_ends_nocase(name, ".ExcludedApps");
}

static void note_entry(void *context, const struct regfile_entry *entry)
{
    struct registry *registry = context;
    char buffer[KEY_SIZE];
    const char *key = short_key(entry->key, buffer, sizeof buffer);
    bool wipes = entry->kind == REGFILE_DELETED && entry->name == NULL; /* of a parent, too */
    if (key == NULL || (!wipes && !is_asked_for(key)) ||
        (entry->name != NULL && !is_value_asked_for(key, entry->name)))
        return;
    struct note *note = arena_alloc(registry->arena, sizeof *note);
    bool same = registry->last != NULL && strcmp(registry->last->key, key) == 0;
    note->key = same ? registry->last->key : arena_strdup(registry->arena, key);
    note->name = arena_strdup(registry->arena, entry->name);
    if (entry->kind == REGFILE_TEXT)
        note->text = arena_printf(registry->arena, "%.*s", VALUE_MAX, entry->text);
    note->number = entry->number;
    note->deleted = entry->kind == REGFILE_DELETED;
    if (registry->last != NULL)
        registry->last->next = note;
    else
        registry->notes = note;
    registry->last = note;
}

bool registry_add(struct registry *registry, const char *file, const void *bytes, size_t length,
    struct fault *fault)
{
    struct fault why;
    if (registry->file_count < LIST_MAX)
        registry->files[registry->file_count++] = arena_strdup(registry->arena, file);
    if (regfile_read(bytes, length, note_entry, registry, &why))
        return true;
    return fault_set(fault, why.cause, why.origin, why.code, "%.80s: %.110s", file, why.text);
}

/* ---- looking up -------------------------------------------------------------------------------
 */

static bool same_name(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : text_equal_nocase(a, b);
}

/* What comes behind it does not take it back. */
static bool is_last_word(const struct note *note)
{
    for (const struct note *at = note->next; at != NULL; at = at->next) {
        if (at->deleted && at->name == NULL && is_below(note->key, at->key))
            return false;
        if (at->name != NULL && same_name(at->name, note->name) &&
            text_equal_nocase(at->key, note->key))
            return false;
    }
    return true;
}

static const struct note *find_note(
    const struct registry *registry, const char *key, const char *name)
{
    for (const struct note *at = registry->notes; at != NULL; at = at->next) {
        if (!at->deleted && same_name(at->name, name) && text_equal_nocase(at->key, key) &&
            is_last_word(at))
            return at;
    }
    return NULL;
}

static const char *find_text(const struct registry *registry, const char *key, const char *name)
{
    const struct note *note = find_note(registry, key, name);
    return note != NULL ? note->text : NULL;
}

/* The control set in use, of those that were exported; -1: none has the key. */
static int control_set(const struct registry *registry, const char *key)
{
    bool sets[10] = {false};
    for (const struct note *at = registry->notes; at != NULL; at = at->next) {
        int set = 0;
        const char *rest = control_key(at->key, &set);
        if (rest != NULL && text_equal_nocase(rest, key) && !at->deleted && is_last_word(at))
            sets[set] = true;
    }
    const struct note *current = find_note(registry, SELECT, "Current");
    if (sets[0])
        return 0;
    if (current != NULL && current->number >= 1 && current->number <= 9 && sets[current->number])
        return (int)current->number;
    for (int set = 1; set <= 9; set++) {
        if (sets[set])
            return set;
    }
    return -1;
}

static const struct note *find_control(
    const struct registry *registry, const char *key, const char *name)
{
    int set = control_set(registry, key);
    if (set < 0)
        return NULL;
    const char *path = set == 0
                           ? arena_printf(registry->arena, "SYSTEM\\CurrentControlSet\\%s", key)
                           : arena_printf(registry->arena, "SYSTEM\\ControlSet00%d\\%s", set, key);
    return find_note(registry, path, name);
}

/* ---- facts ------------------------------------------------------------------------------------
 */

struct texts {
    const char *list[LIST_MAX];
    size_t count;
};

static void add_text(struct texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->count; i++) {
        if (strcmp(texts->list[i], text) == 0)
            return;
    }
    if (texts->count < LIST_MAX)
        texts->list[texts->count++] = text;
}

static bool has_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++) {
        if (text_find_nocase(text, *words) != NULL)
            return true;
    }
    return false;
}

static struct fact *add_fact(
    struct registry *registry, struct fact **first, const char *key, enum fact_type type)
{
    struct fact *fact = arena_alloc(registry->arena, sizeof *fact);
    fact->key = key;
    fact->type = type;
    while (*first != NULL)
        first = &(*first)->next;
    *first = fact;
    return fact;
}

static void add_list(
    struct registry *registry, struct fact **first, const char *key, const struct texts *texts)
{
    if (texts->count == 0)
        return;
    struct fact *fact = add_fact(registry, first, key, FACT_LIST);
    fact->list = arena_copy(registry->arena, texts->list, texts->count * sizeof texts->list[0]);
    fact->count = texts->count;
}

static bool is_mapi_cdo(const char *name)
{
    return text_find_nocase(name, "Collaboration Data Objects") != NULL ||
           (text_find_nocase(name, "MAPI") != NULL && text_find_nocase(name, "CDO") != NULL);
}

/* Outlook itself by name; not what is made for it. */
static bool is_outlook(const char *name)
{
    static const char *const others[] = {"Connector", "Add-in", "Addin", "Plug-in", "Plugin",
        "for Outlook", "for Microsoft", "Social", "Express", "Backup", "Viewer", NULL};
    return text_starts_nocase(name, "Microsoft") && text_find_nocase(name, "Outlook") != NULL &&
           !has_one_of(name, others);
}

/* Office with Outlook in it, unless it was left out at installing. */
static bool is_suite(const char *name)
{
    static const char *const suites[] = {"Professional", "ProPlus", "Standard", "Business",
        "Enterprise", "Office 365", "365 Apps", NULL};
    static const char *const others[] = {"MUI", "Visio", "Project", "Proof", "Shared", "Language",
        "Viewer", "Components", "Validation", "SharePoint", "Access", "Meeting", "Server", NULL};
    return (text_starts_nocase(name, "Microsoft Office ") ||
               text_starts_nocase(name, "Microsoft 365 ")) &&
           has_one_of(name, suites) && !has_one_of(name, others);
}

/* "O365ProPlusRetail" of Click-to-Run. */
static bool is_suite_id(const char *id)
{
    static const char *const ids[] = {"O365", "ProPlus", "Professional", "Standard", "Business",
        "Personal", "Mondo", "Outlook", NULL};
    return has_one_of(id, ids);
}

/* Click-to-Run was told to leave Outlook out of this product. */
static bool leaves_outlook_out(const struct registry *registry, const char *id)
{
    const char *name = arena_printf(registry->arena, "%s.ExcludedApps", id);
    const char *excluded = find_text(registry, CLICK_TO_RUN, name);
    return excluded != NULL && text_find_nocase(excluded, "outlook") != NULL;
}

/* Its key in Uninstall is "O365ProPlusRetail - en-us". */
static bool is_without_outlook(const struct registry *registry, const char *key)
{
    const char *part = strrchr(key, '\\');
    const char *end = part != NULL ? strstr(part, " - ") : NULL;
    return end != NULL && leaves_outlook_out(registry,
                              arena_strndup(registry->arena, part + 1, (size_t)(end - part - 1)));
}

static void look_at_product(struct registry *registry, const struct note *note,
    struct texts *outlook, const char **mapi_cdo)
{
    const char *name = note->text;
    bool office = is_outlook(name) || (is_suite(name) && !is_without_outlook(registry, note->key));
    if (!(office && outlook->count < LIST_MAX) && !(is_mapi_cdo(name) && *mapi_cdo == NULL))
        return;
    if (!is_last_word(note))
        return;
    const char *version = find_text(registry, note->key, "DisplayVersion");
    if (version == NULL)
        version = "";
    if (is_mapi_cdo(name))
        *mapi_cdo = version;
    else
        add_text(outlook, arena_printf(registry->arena, "Uninstall: %s%s%s", name,
                              *version != '\0' ? " " : "", version));
}

static void look_at_products(
    struct registry *registry, struct texts *outlook, const char **mapi_cdo)
{
    for (const struct note *at = registry->notes; at != NULL; at = at->next) {
        if (at->name != NULL && at->text != NULL && text_equal_nocase(at->name, "DisplayName") &&
            (is_below(at->key, REGISTRY_UNINSTALL) || is_below(at->key, REGISTRY_UNINSTALL_WOW)))
            look_at_product(registry, at, outlook, mapi_cdo);
    }
}

static void look_for_outlook(struct registry *registry, struct texts *outlook)
{
    static const char *const clients[] = {
        REGISTRY_CLIENTS "\\Microsoft Outlook", REGISTRY_CLIENTS_WOW "\\Microsoft Outlook"};
    const char *path = find_text(registry, APP_PATHS, "");
    if (path != NULL)
        add_text(outlook, arena_printf(registry->arena, "App Paths: %s", path));
    const char *ids = find_text(registry, CLICK_TO_RUN, "ProductReleaseIds");
    for (const char *at = ids != NULL ? ids : ""; *at != '\0';) {
        size_t length = strcspn(at, ",");
        const char *id = arena_strndup(registry->arena, at, length);
        if (is_suite_id(id) && !leaves_outlook_out(registry, id))
            add_text(outlook, arena_printf(registry->arena, "ClickToRun: %s", id));
        at += length + (at[length] == ',');
    }
    for (size_t i = 0; i < 2; i++) {
        if (find_note(registry, clients[i], NULL) != NULL)
            add_text(outlook, "Clients\\Mail: Microsoft Outlook");
    }
}

/* Of the machine, for programs of either width, and of users, whose choice goes before. */
static void look_at_clients(struct registry *registry, struct texts *clients)
{
    static const char *const keys[] = {
        REGISTRY_CLIENTS, REGISTRY_CLIENTS_WOW, USER REGISTRY_CLIENTS};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *client = find_text(registry, keys[i], "");
        bool user = keys[i][0] == USER[0];
        if (client == NULL && (user || find_note(registry, keys[i], NULL) == NULL))
            continue;
        add_text(
            clients, arena_printf(registry->arena, "%s=%s", keys[i], client != NULL ? client : ""));
    }
}

static void look_at_keys(const struct registry *registry, struct texts *keys)
{
    static const char *const plain[] = {
        REGISTRY_UNINSTALL, REGISTRY_UNINSTALL_WOW, REGISTRY_CLIENTS, REGISTRY_CLIENTS_WOW};
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (find_note(registry, plain[i], NULL) != NULL)
            add_text(keys, plain[i]);
    }
    if (control_set(registry, "Control\\Lsa") >= 0)
        add_text(keys, REGISTRY_LSA);
    if (control_set(registry, "Services\\Tcpip\\Parameters") >= 0)
        add_text(keys, REGISTRY_TCPIP);
}

/* The one in use, else what it will be after a restart. NULL: not exported. */
static const char *domain_of(const struct registry *registry)
{
    const struct note *now = find_control(registry, "Services\\Tcpip\\Parameters", "Domain");
    const struct note *then = find_control(registry, "Services\\Tcpip\\Parameters", "NV Domain");
    const char *domain = now != NULL ? now->text : NULL;
    if ((domain == NULL || *domain == '\0') && then != NULL && then->text != NULL)
        domain = then->text;
    return domain;
}

struct fact *registry_facts(struct registry *registry)
{
    struct fact *first = NULL;
    struct texts files = {.count = 0}, keys = {.count = 0}, outlook = {.count = 0},
                 clients = {.count = 0};
    const char *mapi_cdo = NULL;
    for (size_t i = 0; i < registry->file_count; i++)
        add_text(&files, registry->files[i]);
    look_at_keys(registry, &keys);
    look_at_products(registry, &outlook, &mapi_cdo);
    look_for_outlook(registry, &outlook);
    look_at_clients(registry, &clients);
    add_list(registry, &first, "registry.files", &files);
    add_list(registry, &first, "registry.keys", &keys);
    if (mapi_cdo != NULL)
        add_fact(registry, &first, "registry.mapi_cdo", FACT_TEXT)->text = mapi_cdo;
    add_list(registry, &first, "registry.outlook", &outlook);
    add_list(registry, &first, "registry.mail_clients", &clients);
    const struct note *level = find_control(registry, "Control\\Lsa", "LmCompatibilityLevel");
    if (level != NULL)
        add_fact(registry, &first, "registry.lm_compatibility", FACT_INT)->integer =
            (int64_t)(level->number & UINT32_MAX);
    const char *domain = domain_of(registry);
    if (domain != NULL)
        add_fact(registry, &first, "registry.domain", FACT_TEXT)->text = domain;
    return first;
}
