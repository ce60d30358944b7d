#include "rop.h"

#include <stdlib.h>

enum rop_id {
    ROP_RELEASE = 0x01,
    ROP_OPEN_FOLDER = 0x02,
    ROP_GET_HIERARCHY_TABLE = 0x04,
    ROP_GET_CONTENTS_TABLE = 0x05,
    ROP_GET_PROPERTIES_SPECIFIC = 0x07,
    ROP_SET_COLUMNS = 0x12,
    ROP_QUERY_ROWS = 0x15,
    ROP_GET_RECEIVE_FOLDER = 0x27,
    ROP_LONG_TERM_ID_FROM_ID = 0x43,
    ROP_ID_FROM_LONG_TERM_ID = 0x44,
    ROP_LOGON = 0xfe
};

static const struct rop_def {
    enum rop_id id;
    bool makes; /* has an output handle index, which the answer names */
    uint32_t (*run)(struct rop *rop);
} rops[] = {
    {ROP_OPEN_FOLDER, true, rop_open_folder},
    {ROP_GET_HIERARCHY_TABLE, true, rop_get_hierarchy_table},
    {ROP_GET_CONTENTS_TABLE, true, rop_get_contents_table},
    {ROP_GET_PROPERTIES_SPECIFIC, false, rop_get_properties},
    {ROP_SET_COLUMNS, false, rop_set_columns},
    {ROP_QUERY_ROWS, false, rop_query_rows},
    {ROP_GET_RECEIVE_FOLDER, false, rop_get_receive_folder},
    {ROP_LONG_TERM_ID_FROM_ID, false, rop_long_term_id},
    {ROP_ID_FROM_LONG_TERM_ID, false, rop_id_from_long_term_id},
};

void object_release(struct object *object)
{
    if (object->store != NULL && --object->store->users == 0) {
        store_close(&object->store->store);
        free(object->store);
    }
    tags_done(&object->tags);
    *object = (struct object){0};
}

struct object *object_new(
    struct session *session, const struct object *parent, enum object_type type)
{
    for (size_t i = 0; i < OBJECTS_MAX; i++) {
        struct object *object = &session->objects[i];

        if (object->type != OBJECT_NONE)
            continue;
        object->type = type;
        object->store = parent != NULL ? parent->store : NULL;
        if (object->store != NULL)
            object->store->users++;
        return object;
    }
    return NULL;
}

/* The Server object handle table of one buffer. */
struct handles {
    uint32_t handles[HANDLES_MAX_IN_BUFFER];
    size_t count;
};

#define NO_HANDLE 0xffffffffu

static struct object *object_of(
    struct session *session, const struct handles *handles, size_t index)
{
    uint32_t handle = index < handles->count ? handles->handles[index] : NO_HANDLE;

    if (handle == 0 || handle > OBJECTS_MAX)
        return NULL;
    return session->objects[handle - 1].type != OBJECT_NONE ? &session->objects[handle - 1] : NULL;
}

/* Writes the head of an answer and keeps what a failed operation has written out of it. */
static void answer(
    struct buf *out, enum rop_id id, unsigned index, uint32_t code, const struct buf *rest)
{
    buf_u8(out, id);
    buf_u8(out, index);
    buf_le32(out, code);
    if (rest != NULL)
        buf_add(out, buf_text(rest), rest->len);
}

static void keep_handle(struct handles *handles, size_t index, const struct rop *rop)
{
    if (rop->made != NULL && index < handles->count)
        handles->handles[index] = (uint32_t)(rop->made - rop->session->objects) + 1;
}

static void run_logon(struct rop *rop, struct handles *handles, struct buf *out)
{
    unsigned index;
    struct buf rest = {0};
    struct buf failure = {0};
    uint32_t code;

    wire_u8(rop->in); /* LogonId: what it names is found by handle */
    index = wire_u8(rop->in);
    rop->out = &rest;
    code = index < handles->count ? rop_logon(rop, &failure) : EC_NULL_OBJECT;
    answer(out, ROP_LOGON, index, code, code == EC_NONE ? &rest : &failure);
    keep_handle(handles, index, rop);
    buf_done(&rest);
    buf_done(&failure);
}

static void release(struct rop *rop, struct handles *handles)
{
    struct object *object;
    size_t index;

    wire_u8(rop->in);
    index = wire_u8(rop->in);
    object = object_of(rop->session, handles, index);
    if (object != NULL)
        object_release(object);
    if (index < handles->count)
        handles->handles[index] = NO_HANDLE;
}

static void run_other(
    const struct rop_def *def, struct rop *rop, struct handles *handles, struct buf *out)
{
    unsigned input;
    unsigned index;
    struct buf rest = {0};
    uint32_t code;

    wire_u8(rop->in); /* LogonId */
    input = wire_u8(rop->in);
    index = def->makes ? wire_u8(rop->in) : input;
    rop->object = object_of(rop->session, handles, input);
    rop->out = &rest;
    code = def->run(rop);
    answer(out, def->id, index, code, code == EC_NONE ? &rest : NULL);
    keep_handle(handles, index, rop);
    buf_done(&rest);
}

/* False: an operation that is not known, so that nobody knows where the next one begins. */
static bool run_one(struct rop *rop, struct handles *handles, struct buf *out)
{
    unsigned id = wire_u8(rop->in);

    if (id == ROP_LOGON) {
        run_logon(rop, handles, out);
        return true;
    }
    if (id == ROP_RELEASE) {
        release(rop, handles);
        return true;
    }
    for (size_t i = 0; i < sizeof rops / sizeof rops[0]; i++) {
        if (rops[i].id != id)
            continue;
        run_other(&rops[i], rop, handles, out);
        return true;
    }
    return false;
}

uint32_t rop_run(struct session *session, const struct buf *in, struct buf *ret_out)
{
    struct wire all = wire_of(in->data, in->len);
    size_t size = wire_u16(&all);
    const unsigned char *list = size >= 2 ? wire_bytes(&all, size - 2) : NULL;
    struct wire wire = wire_of(list, list != NULL ? size - 2 : 0);
    struct handles handles = {0};
    struct buf out = {0};
    bool known = list != NULL;

    while (wire_left(&all) >= 4 && handles.count < HANDLES_MAX_IN_BUFFER)
        handles.handles[handles.count++] = wire_u32(&all);
    while (known && !wire.bad && wire_left(&wire) > 0)
        known = run_one(&(struct rop){.session = session, .in = &wire}, &handles, &out);
    if (known && !wire.bad) {
        buf_le16(ret_out, (unsigned)out.len + 2);
        buf_add(ret_out, buf_text(&out), out.len);
        for (size_t i = 0; i < handles.count; i++)
            buf_le32(ret_out, handles.handles[i]);
    }
    buf_done(&out);
    return known && !wire.bad ? EC_NONE : EC_RPC_FORMAT;
}
