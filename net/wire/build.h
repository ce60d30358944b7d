/*
 * Exchange build numbers: where they leak and what they are called. [MS-OXDSCLI] ServerVersion, AD
 * serialNumber, X-OWA-Version, ServerVersionInfo.
 */
#ifndef NET_WIRE_BUILD_H
#define NET_WIRE_BUILD_H

#include <stdbool.h>
#include <stddef.h>

struct build {
    int major, minor, build, revision; /* 15.2.1544.4; revision -1: unknown */
};

bool build_parse(const char *text, struct build *ret_build);        /* "15.2.1544.4", "15.2.1544" */
bool build_parse_serial(const char *text, struct build *ret_build); /* "Version 15.2 (Build 31544.4)" */
bool build_parse_hex(const char *text, struct build *ret_build);    /* POX ServerVersion "73C18880" */
int build_compare(const struct build *a, const struct build *b);    /* unknown revisions are equal */
/* "Exchange 2019 CU14", "Exchange SE RTM Dec25SU", "newer than the table (Exchange SE)"; never NULL. */
const char *build_name(const struct build *build, char *ret_text, size_t size);

#endif
