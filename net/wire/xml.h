/*
 * A small, bounded XML reader over expat, for answers of servers: namespaces are matched, prefixes
 * do not matter. A DOCTYPE is refused, so there are no entities of the document's own and nothing
 * external.
 */
#ifndef NET_WIRE_XML_H
#define NET_WIRE_XML_H

#include "net/arena.h"
#include "net/fault.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    XML_DEPTH_MAX = 32,
    XML_NODES_MAX = 8192,
    XML_ATTRIBUTES_MAX = 32, /* of one element */
    XML_NAME_MAX = 256,      /* namespace, or local name */
    XML_TEXT_MAX = 16 * 1024 /* of one element, or one attribute's value */
};

struct xml_attribute {
    const char *name; /* local name; the namespace is not kept */
    const char *value;
    const struct xml_attribute *next;
};

struct xml_node {
    const char *space; /* namespace, "" for none */
    const char *name;  /* local name */
    const char *text;  /* own characters and CDATA, trimmed; never NULL */
    const struct xml_attribute *attributes;
    struct xml_node *parent, *child, *next;
};

/* The whole document, in the arena. what: the answer expected, for the fault's words ("an
 * Autodiscover answer"). NOT_EXCHANGE: not XML at all, or a web page (empty, HTML, JSON, text: the
 * fault says which). MALFORMED: broken XML, a DOCTYPE, or over the limits. INTERNAL: no memory for
 * the parser. */
bool xml_parse(struct arena *arena, const void *body, size_t length, const char *what,
    const struct xml_node **ret_root, struct fault *fault);

bool xml_is(const struct xml_node *node, const char *space, const char *name);
/* The first child of that name, or NULL; a NULL node gives NULL. */
const struct xml_node *xml_child(const struct xml_node *node, const char *space, const char *name);
/* … its text; NULL where it is absent or empty. */
const char *xml_child_text(const struct xml_node *node, const char *space, const char *name);
const char *xml_attribute(const struct xml_node *node, const char *name); /* or NULL */
/* Decimal digits only; -1: NULL, anything else, or over INT64_MAX. */
long long xml_number(const char *text);

/* For what we write: & < > " ' escaped, control characters dropped. */
char *xml_escape(struct arena *arena, const char *text);

#endif
