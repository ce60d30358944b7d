#include "net/wire/xml.h"

#include "net/wire/text.h"

#include <expat.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Between namespace and local name: expat refuses a namespace that contains it. */
enum { SEPARATOR = '\n' };

struct tree {
    struct arena *arena;
    XML_Parser parser;
    struct xml_node *root, *open;
    struct xml_node *last; /* the latest child of `open`, so that appending needs no walk */
    size_t depth, nodes;
    char *text; /* of the innermost element, since its start or its last child's end */
    size_t text_length;
    const char *refused; /* why we stopped; NULL: we did not */
    bool web_page;
};

static void refuse(struct tree *tree, const char *why)
{
    tree->refused = why;
    XML_StopParser(tree->parser, XML_FALSE);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static const char *trimmed(struct tree *tree)
{
    size_t first = 0, end = tree->text_length;
    while (first < end && is_space(tree->text[first]))
        first++;
    while (end > first && is_space(tree->text[end - 1]))
        end--;
    return end == first ? "" : arena_strndup(tree->arena, tree->text + first, end - first);
}

/* "namespace\nlocal" to a node's two names. A namespace like the parent's shares its copy: the
 * document may use a long one many times. */
static bool split_name(struct tree *tree, const char *full, struct xml_node *node)
{
    const char *separator = strrchr(full, SEPARATOR);
    const char *local = separator == NULL ? full : separator + 1;
    size_t length = separator == NULL ? 0 : (size_t)(separator - full);
    if (length > XML_NAME_MAX || strlen(local) > XML_NAME_MAX)
        return false;
    const char *shared = tree->open == NULL ? "" : tree->open->space;
    bool same = strlen(shared) == length && memcmp(shared, full, length) == 0;
    node->space = same ? shared : arena_strndup(tree->arena, full, length);
    node->name = arena_strdup(tree->arena, local);
    return true;
}

static bool add_attributes(struct tree *tree, const XML_Char **list, struct xml_node *node)
{
    for (size_t i = 0; list[i] != NULL; i += 2) {
        const char *separator = strrchr(list[i], SEPARATOR);
        const char *local = separator == NULL ? list[i] : separator + 1;
        if (i / 2 >= XML_ATTRIBUTES_MAX || strlen(local) > XML_NAME_MAX ||
            strlen(list[i + 1]) > XML_TEXT_MAX)
            return false;
        struct xml_attribute *attribute = arena_alloc(tree->arena, sizeof *attribute);
        attribute->name = arena_strdup(tree->arena, local);
        attribute->value = arena_strdup(tree->arena, list[i + 1]);
        attribute->next = node->attributes;
        node->attributes = attribute;
    }
    return true;
}

static void XMLCALL on_start(void *user, const XML_Char *name, const XML_Char **attributes)
{
    struct tree *tree = user;
    if (tree->refused != NULL) /* expat may still finish an empty element after a stop */
        return;
    if (tree->depth >= XML_DEPTH_MAX || tree->nodes >= XML_NODES_MAX) {
        refuse(tree,
            tree->depth >= XML_DEPTH_MAX ? "elements are nested too deep" : "too many elements");
        return;
    }
    struct xml_node *node = arena_alloc(tree->arena, sizeof *node);
    node->text = "";
    if (!split_name(tree, name, node) || !add_attributes(tree, attributes, node)) {
        refuse(tree, "an element's name or attributes are too long");
        return;
    }
    if (tree->root == NULL && text_equal_nocase(node->name, "html")) {
        tree->web_page = true;
        refuse(tree, "");
        return;
    }
    node->parent = tree->open;
    if (tree->open == NULL)
        tree->root = node;
    else if (tree->last == NULL)
        tree->open->child = node;
    else
        tree->last->next = node;
    tree->open = node;
    tree->last = NULL;
    tree->depth++;
    tree->nodes++;
    tree->text_length = 0;
}

static void XMLCALL on_end(void *user, const XML_Char *name)
{
    (void)name;
    struct tree *tree = user;
    if (tree->refused != NULL)
        return;
    /* Of mixed content only what follows the last child is kept: the formats we read have none. */
    tree->open->text = trimmed(tree);
    tree->last = tree->open;
    tree->open = tree->open->parent;
    tree->depth--;
    tree->text_length = 0;
}

static void XMLCALL on_text(void *user, const XML_Char *text, int length)
{
    struct tree *tree = user;
    if (tree->refused != NULL || length <= 0)
        return;
    if ((size_t)length > XML_TEXT_MAX - tree->text_length) {
        refuse(tree, "an element's text is too long");
        return;
    }
    memcpy(tree->text + tree->text_length, text, (size_t)length);
    tree->text_length += (size_t)length;
}

static void XMLCALL on_doctype(void *user, const XML_Char *name, const XML_Char *system_id,
    const XML_Char *public_id, int internal_subset)
{
    (void)system_id;
    (void)public_id;
    (void)internal_subset;
    struct tree *tree = user;
    tree->web_page = text_equal_nocase(name, "html");
    refuse(tree, "it has a DOCTYPE, which no such answer has and which is never read");
}

/* What a body that is not XML looks like; NULL: it may be XML. */
static const char *other_kind(const char *body, size_t length)
{
    static const char bom[] = "\xEF\xBB\xBF";
    size_t at = length >= 3 && memcmp(body, bom, 3) == 0 ? 3 : 0;
    while (at < length && is_space(body[at]))
        at++;
    if (at == length)
        return "an empty body";
    char start[16] = "";
    memcpy(start, body + at, length - at < sizeof start ? length - at : sizeof start - 1);
    if (text_starts_nocase(start, "<!doctype html") || text_starts_nocase(start, "<html"))
        return "a web page (HTML)";
    if (start[0] == '{' || start[0] == '[')
        return "JSON";
    /* 0xFE and 0xFF start UTF-16; a NUL is its half without a mark. */
    bool utf16 = start[0] == '\0' || (start[0] & 0xFE) == 0xFE;
    return start[0] == '<' || utf16 ? NULL : "text that is not XML";
}

static bool parse_failed(struct tree *tree, const char *what, struct fault *fault)
{
    enum XML_Error error = XML_GetErrorCode(tree->parser);
    if (error == XML_ERROR_NO_MEMORY)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "no memory for the XML parser");
    if (tree->web_page)
        return fault_set(
            fault, CAUSE_NOT_EXCHANGE, ORIGIN_EXREACH, 0, "a web page (HTML) instead of %s", what);
    unsigned long long line = XML_GetCurrentLineNumber(tree->parser);
    const char *why = tree->refused != NULL ? tree->refused : XML_ErrorString(error);
    return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "not readable as %s, line %llu: %s",
        what, line, why);
}

bool xml_parse(struct arena *arena, const void *body, size_t length, const char *what,
    const struct xml_node **ret_root, struct fault *fault)
{
    const char *other = other_kind(length == 0 ? "" : body, length);
    if (other != NULL)
        return fault_set(
            fault, CAUSE_NOT_EXCHANGE, ORIGIN_EXREACH, 0, "%s instead of %s", other, what);
    if (length > INT_MAX / 2)
        return fault_set(fault, CAUSE_MALFORMED, ORIGIN_EXREACH, 0, "%s of absurd size", what);

    bool ok = false;
    struct tree tree = {.arena = arena};
    tree.parser = XML_ParserCreateNS(NULL, SEPARATOR);
    if (tree.parser == NULL)
        return fault_set(fault, CAUSE_INTERNAL, ORIGIN_EXREACH, 0, "no memory for the XML parser");
    tree.text = xcalloc(1, XML_TEXT_MAX);
    XML_SetUserData(tree.parser, &tree);
    XML_SetElementHandler(tree.parser, on_start, on_end);
    XML_SetCharacterDataHandler(tree.parser, on_text);
    XML_SetStartDoctypeDeclHandler(tree.parser, on_doctype);
    if (XML_Parse(tree.parser, body, (int)length, XML_TRUE) != XML_STATUS_OK) {
        parse_failed(&tree, what, fault);
        goto out;
    }
    *ret_root = tree.root;
    ok = true;
out:
    free(tree.text);
    XML_ParserFree(tree.parser);
    return ok;
}

bool xml_is(const struct xml_node *node, const char *space, const char *name)
{
    return node != NULL && strcmp(node->name, name) == 0 && strcmp(node->space, space) == 0;
}

const struct xml_node *xml_child(const struct xml_node *node, const char *space, const char *name)
{
    if (node == NULL)
        return NULL;
    for (const struct xml_node *child = node->child; child != NULL; child = child->next) {
        if (xml_is(child, space, name))
            return child;
    }
    return NULL;
}

const char *xml_child_text(const struct xml_node *node, const char *space, const char *name)
{
    const struct xml_node *child = xml_child(node, space, name);
    return child == NULL || child->text[0] == '\0' ? NULL : child->text;
}

const char *xml_attribute(const struct xml_node *node, const char *name)
{
    if (node == NULL)
        return NULL;
    for (const struct xml_attribute *one = node->attributes; one != NULL; one = one->next) {
        if (strcmp(one->name, name) == 0)
            return one->value;
    }
    return NULL;
}

long long xml_number(const char *text)
{
    if (text == NULL || *text == '\0')
        return -1;
    long long value = 0;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || value > (INT64_MAX - 9) / 10)
            return -1;
        value = value * 10 + (*text - '0');
    }
    return value;
}

static const char *escape_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&apos;";
    default:
        return NULL;
    }
}

char *xml_escape(struct arena *arena, const char *text)
{
    char *escaped = arena_alloc(arena, 6 * strlen(text) + 1);
    size_t out = 0;
    for (; *text != '\0'; text++) {
        const char *escape = escape_of(*text);
        if (escape != NULL) {
            while (*escape != '\0')
                escaped[out++] = *escape++;
        } else if ((unsigned char)*text >= ' ' || *text == '\t') {
            escaped[out++] = *text;
        }
    }
    return escaped;
}
