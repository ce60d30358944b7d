/* A small XML tree over expat, with namespaces; DTDs, deep and huge documents are refused. */
#ifndef FRONTEND_XML_H
#define FRONTEND_XML_H

#include "buf.h"

struct xml_node {
    char *space; /* namespace, "" without one */
    char *name;
    char **attributes; /* name, value, name, value, ..., NULL; namespaces left out */
    struct buf text;   /* all character data directly inside */
    struct xml_node *parent;
    struct xml_node *first;
    struct xml_node *last;
    struct xml_node *next;
};

/* NULL: not well-formed, or refused. */
struct xml_node *xml_parse(const struct buf *document);
void xml_free(struct xml_node *node);

/* The next child of this name, after `after` or the first; any namespace. */
const struct xml_node *xml_child(
    const struct xml_node *node, const char *name, const struct xml_node *after);
/* Down a path of child names ended by NULL; NULL if it breaks off. `node` may be NULL. */
const struct xml_node *xml_path(const struct xml_node *node, const char *const *names);
/* The first node of this name at any depth. */
const struct xml_node *xml_find(const struct xml_node *node, const char *name);
const char *xml_attribute(const struct xml_node *node, const char *name);
/* The text without blanks around it; "" for NULL. The result lives in the node. */
const char *xml_text(const struct xml_node *node);

#endif
