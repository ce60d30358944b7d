#include "tests/unit/rpc_script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/sample.h"

static bool script_send(
    void *context, const void *pdu, size_t length, struct net_limit limit, struct fault *fault)
{
    struct script *script = context;
    (void)limit;
    (void)fault;
    assert_true(length <= ANSWER_SIZE);
    memcpy(script->last, pdu, length);
    script->last_length = length;
    script->sent[script->sent_count++ % 32] = script->last[2];
    if (script->on_send != NULL)
        script->on_send(script);
    return true;
}

static bool script_receive(void *context, struct net_limit limit, uint8_t **ret_pdu,
    size_t *ret_length, struct fault *fault)
{
    struct script *script = context;
    static uint8_t copy[ANSWER_SIZE];
    (void)limit;
    if (script->for_ever && script->at == script->count)
        script->at--;
    if (script->at == script->count)
        return fault_set(fault, CAUSE_CLOSED, ORIGIN_EXREACH, 0, "closed");
    const struct answer *answer = &script->answers[script->at++];
    memcpy(copy, answer->bytes, answer->length);
    *ret_pdu = copy;
    *ret_length = answer->length;
    return true;
}

static void script_close(void *context)
{
    ((struct script *)context)->closed = true;
}

static void keep_line(void *context, char direction, const char *line)
{
    struct script *script = context;
    size_t used = strlen(script->lines);
    snprintf(&script->lines[used], sizeof script->lines - used, "%c %s\n", direction, line);
}

struct answer *add(struct script *script, const char *name, uint32_t call)
{
    struct arena arena = {0};
    size_t length = 0;
    char *path = arena_printf(&arena, "rpc/%s", name);
    const char *bytes = sample_read(&arena, path, &length);
    struct answer *answer = &script->answers[script->count++];
    assert_true(length <= ANSWER_SIZE && script->count <= ANSWERS_MAX);
    memcpy(answer->bytes, bytes, length);
    answer->length = length;
    struct writer writer = writer_of(answer->bytes, ANSWER_SIZE);
    writer.length = length;
    if (call != 0)
        write_le32_at(&writer, 12, call);
    arena_done(&arena);
    return answer;
}

bool open_client(struct script *script, const struct rpc_security *security,
    struct rpc_client **ret_client, struct rpc_seen *seen, struct fault *fault)
{
    struct rpc_transport transport = {script, script_send, script_receive, script_close};
    struct rpc_options options = {
        .interface = &rpc_nspi, .server = "the book", .trace = keep_line, .trace_context = script};
    if (security != NULL)
        options.security = *security;
    return rpc_open(&transport, &options, limit_of(0), ret_client, seen, fault);
}
