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

enum build_product {
    BUILD_UNKNOWN,
    BUILD_2007,
    BUILD_2010,
    BUILD_2013,
    BUILD_2016,
    BUILD_2019,
    BUILD_SE,    /* 15.2 from build 2562 on */
    BUILD_ONLINE /* 15.20 */
};
const char *build_product_str(enum build_product product); /* "Exchange 2019" */
enum build_product build_product(const struct build *build);
/* Last day of support, "2025-10-14"; NULL: none known. */
const char *build_support_end(enum build_product product);

struct build_row {
    enum build_product product;
    const char *level;  /* "CU14" "SP3" "RTM" */
    const char *update; /* "Nov24SUv2" "RU5 v2"; NULL: the level itself */
    struct build build;
};
/* The table, oldest first. */
const struct build_row *build_rows(size_t *ret_count);
/* The newest row of the same level (level_only), or of the same product; NULL: a level, or product,
 * that the table does not have. */
const struct build_row *build_newest(const struct build *build, bool level_only);

bool build_parse(const char *text, struct build *ret_build); /* "15.2.1544.4", "15.2.1544" */
bool build_parse_serial(
    const char *text, struct build *ret_build); /* "Version 15.2 (Build 31544.4)" */
bool build_parse_hex(const char *text, struct build *ret_build); /* POX ServerVersion "73C18880" */
int build_compare(const struct build *a, const struct build *b); /* unknown revisions are equal */
/* "Exchange 2019 CU14", "Exchange SE RTM Dec25SU", "newer than the table (Exchange SE)"; never
 * NULL. */
const char *build_name(const struct build *build, char *ret_text, size_t size);

#endif
