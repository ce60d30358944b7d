#include "xml.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 64, NODES_MAX = 20000 };

struct parse {
    XML_Parser parser;
    struct xml_node *root;
    struct xml_node *open;
    size_t depth;
    size_t nodes;
};

/* expat joins namespace and name by the separator given to it. */
static char *local_name(const char *joined, char **ret_space)
{
    const char *bar = strrchr(joined, '|');

    if (ret_space != NULL) {
        *ret_space = xstrdup(bar ? joined : "");
        if (bar != NULL)
            (*ret_space)[bar - joined] = '\0';
    }
    return xstrdup(bar ? bar + 1 : joined);
}

static void XMLCALL on_start(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct parse *parse = data;
    struct xml_node *node;
    size_t count = 0;

    if (++parse->depth > DEPTH_MAX || ++parse->nodes > NODES_MAX) {
        XML_StopParser(parse->parser, XML_FALSE);
        return;
    }
    node = xcalloc(1, sizeof *node);
    node->name = local_name(name, &node->space);
    while (attributes[count] != NULL)
        count++;
    node->attributes = xcalloc(count + 1, sizeof *node->attributes);
    for (size_t i = 0; i < count; i++)
        node->attributes[i] = i % 2 ? xstrdup(attributes[i]) : local_name(attributes[i], NULL);
    node->parent = parse->open;
    if (parse->open == NULL)
        parse->root = node;
    else if (parse->open->last == NULL)
        parse->open->first = parse->open->last = node;
    else
        parse->open->last = parse->open->last->next = node;
    parse->open = node;
}

static void XMLCALL on_end(void *data, const XML_Char *name)
{
    struct parse *parse = data;

    (void)name;
    parse->depth--;
    parse->open = parse->open->parent;
}

static void XMLCALL on_text(void *data, const XML_Char *text, int len)
{
    struct parse *parse = data;

    if (parse->open != NULL)
        buf_add(&parse->open->text, text, (size_t)len);
}

static void XMLCALL on_doctype(void *data, const XML_Char *name, const XML_Char *system_id,
    const XML_Char *public_id, int internal)
{
    struct parse *parse = data;

    (void)name;
    (void)system_id;
    (void)public_id;
    (void)internal;
    XML_StopParser(parse->parser, XML_FALSE);
}

struct xml_node *xml_parse(const struct buf *document)
{
    struct parse parse = {.parser = XML_ParserCreateNS(NULL, '|')};
    enum XML_Status status;

    if (parse.parser == NULL)
        return NULL;
    XML_SetUserData(parse.parser, &parse);
    XML_SetElementHandler(parse.parser, on_start, on_end);
    XML_SetCharacterDataHandler(parse.parser, on_text);
    XML_SetStartDoctypeDeclHandler(parse.parser, on_doctype);
    status = XML_Parse(parse.parser, buf_text(document), (int)document->len, 1);
    XML_ParserFree(parse.parser);
    if (status != XML_STATUS_OK) {
        xml_free(parse.root);
        return NULL;
    }
    return parse.root;
}

void xml_free(struct xml_node *node)
{
    while (node != NULL) {
        struct xml_node *next = node->next;

        xml_free(node->first);
        for (size_t i = 0; node->attributes[i] != NULL; i++)
            free(node->attributes[i]);
        free(node->attributes);
        free(node->space);
        free(node->name);
        buf_done(&node->text);
        free(node);
        node = next;
    }
}

const struct xml_node *xml_child(
    const struct xml_node *node, const char *name, const struct xml_node *after)
{
    const struct xml_node *child;

    if (node == NULL)
        return NULL;
    child = after ? after->next : node->first;
    while (child != NULL && strcmp(child->name, name) != 0)
        child = child->next;
    return child;
}

const struct xml_node *xml_path(const struct xml_node *node, const char *const *names)
{
    for (; *names != NULL && node != NULL; names++)
        node = xml_child(node, *names, NULL);
    return node;
}

const struct xml_node *xml_find(const struct xml_node *node, const char *name)
{
    if (node == NULL || strcmp(node->name, name) == 0)
        return node;
    for (const struct xml_node *child = node->first; child != NULL; child = child->next) {
        const struct xml_node *found = xml_find(child, name);

        if (found != NULL)
            return found;
    }
    return NULL;
}

const char *xml_attribute(const struct xml_node *node, const char *name)
{
    if (node == NULL)
        return "";
    for (size_t i = 0; node->attributes[i] != NULL; i += 2)
        if (strcmp(node->attributes[i], name) == 0)
            return node->attributes[i + 1];
    return "";
}

const char *xml_text(const struct xml_node *node)
{
    char *text;
    size_t len;

    if (node == NULL || node->text.data == NULL)
        return "";
    text = node->text.data;
    len = strlen(text);
    while (len > 0 && strchr(" \t\r\n", text[len - 1]) != NULL)
        text[--len] = '\0';
    return text + strspn(text, " \t\r\n");
}
