/* Remote operations ([MS-OXCROPS]): a buffer of requests in, a buffer of responses out. */
#ifndef FRONTEND_MAPI_ROP_H
#define FRONTEND_MAPI_ROP_H

#include "session.h"

enum { OBJECTS_MAX = 256, HANDLES_MAX_IN_BUFFER = 256 };

enum object_type { OBJECT_NONE, OBJECT_LOGON, OBJECT_FOLDER, OBJECT_HIERARCHY, OBJECT_CONTENTS };

/* A logon that its folders and tables share. */
struct shared_store {
    struct store store;
    int users;
};

struct object {
    enum object_type type;
    struct shared_store *store;
    struct folder folder;
    bool deep;        /* of a table */
    struct tags tags; /* its columns */
    size_t position;
};

struct session {
    const struct config *config;
    const struct node *node;
    struct mailbox account;
    char asked[256];                    /* the server that the client wanted to speak to */
    struct object objects[OBJECTS_MAX]; /* a handle is its index and one */
};

void object_release(struct object *object);

/* One ROP input buffer (2.2.1). EC_NONE, or what the call as a whole fails with. */
uint32_t rop_run(struct session *session, const struct buf *in, struct buf *ret_out);

/* One request, while it is answered. */
struct rop {
    struct session *session;
    struct wire *in;       /* after the handle indices */
    struct buf *out;       /* after them and the return value */
    struct object *object; /* the input's, or NULL */
    struct object *made;   /* set by what creates an object */
};

/* rop_ops.c; each returns the ReturnValue and writes what follows it. */
uint32_t rop_open_folder(struct rop *rop);
uint32_t rop_get_hierarchy_table(struct rop *rop);
uint32_t rop_get_contents_table(struct rop *rop);
uint32_t rop_get_properties(struct rop *rop);
uint32_t rop_set_columns(struct rop *rop);
uint32_t rop_query_rows(struct rop *rop);
uint32_t rop_get_receive_folder(struct rop *rop);
uint32_t rop_long_term_id(struct rop *rop);
uint32_t rop_id_from_long_term_id(struct rop *rop);
uint32_t rop_logon(struct rop *rop, struct buf *ret_failure);

/* A free object, of the same store as `parent` if there is one; NULL: no more. */
struct object *object_new(
    struct session *session, const struct object *parent, enum object_type type);

#endif
