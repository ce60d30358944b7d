/*
 * For the tests of the probes' pure halves: a check to be judged, with the facts its probe
 * declares (an undeclared one asserts), and an answer made by hand.
 */
#ifndef TESTS_UNIT_JUDGED_H
#define TESTS_UNIT_JUDGED_H

#include "net/http.h"
#include "probes/probe.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static inline struct check *check_for(const struct probe *probe)
{
    return check_new("row", probe->id, probe->title, probe->layer, NULL, probe->facts);
}

/* headers: a zero entry ends them; NULL: none. Everything must outlive the response. */
static inline struct http_response answer_of(
    int status, const struct http_header *headers, const char *body)
{
    struct http_response response = {
        .status = status, .reason = "", .headers = headers, .body = body, .length = strlen(body)};
    while (headers != NULL && headers[response.header_count].name != NULL)
        response.header_count++;
    return response;
}

#endif
