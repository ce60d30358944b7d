/* The address book as [MS-OXNSPI] 3.1.4.1 shows it, whatever carries the calls: the hierarchy,
 * names resolved, properties of mailbox users. It is read from Active Directory. */
#ifndef FRONTEND_MAPI_ADDRESS_BOOK_H
#define FRONTEND_MAPI_ADDRESS_BOOK_H

#include "../mailbox.h"
#include "props.h"

enum { NAMES_MAX = 1000, STAT_SIZE = 36, CP_UNICODE = 1200 };

/* Return values ([MS-OXNSPI] 2.2.1.2). */
#define NSPI_ERRORS_RETURNED   0x00040380u
#define NSPI_GENERAL_FAILURE   0x80004005u
#define NSPI_NOT_SUPPORTED     0x80040102u
#define NSPI_INVALID_OBJECT    0x80040108u
#define NSPI_NOT_FOUND         0x8004010fu
#define NSPI_LOGON_FAILED      0x80040111u
#define NSPI_INVALID_CODE_PAGE 0x8004011eu
#define NSPI_INVALID_PARAMETER 0x80070057u

/* 2.2.8 */
struct stat_block {
    uint32_t sort;
    uint32_t container;
    uint32_t current;
    uint32_t delta;
    uint32_t position;
    uint32_t total;
    uint32_t code_page;
    uint32_t template_locale;
    uint32_t sort_locale;
};

struct names {
    struct buf *names;
    size_t count;
};

struct buf *names_add(struct names *names);
void names_done(struct names *names);

/* STAT as NDR and MAPI/HTTP both write it. */
void stat_read(struct wire *wire, struct stat_block *ret_stat);
void stat_write(struct buf *buf, const struct stat_block *stat);

/* Of this run of the server. */
const unsigned char *address_book_guid(void);

/* Each returns 0 or one of the above. Where `tags` is empty it becomes the default columns. */
uint32_t address_book_bind(
    const struct config *config, const struct identity *who, const struct stat_block *stat);
uint32_t address_book_special_table(uint32_t flags, uint32_t *version, struct rows *ret_rows);
uint32_t address_book_resolve(const struct config *config, const struct names *names,
    struct tags *tags, struct tags *ret_ids, struct rows *ret_rows);
uint32_t address_book_ids(
    const struct config *config, const struct names *dns, struct tags *ret_ids);
uint32_t address_book_props(const struct config *config, uint32_t flags,
    const struct stat_block *stat, struct tags *tags, struct row *ret_row);
/* The objects of `ids`, or `count` from the global address list on. */
uint32_t address_book_rows(const struct config *config, uint32_t flags, struct stat_block *stat,
    const struct tags *ids, uint32_t count, struct tags *tags, struct rows *ret_rows);

/* address_book_props.c: the values of one object for these columns. */
void user_row(const struct ad_entry *entry, const struct config *config, uint32_t id,
    uint32_t flags, const struct tags *tags, struct row *ret_row);
void user_columns(bool unicode, struct tags *ret_tags);
/* PermanentEntryID (2.2.9.3). */
void permanent_entry_id(struct buf *buf, uint32_t display_type, const char *dn);

enum { NSPI_SKIP_OBJECTS = 1, NSPI_EPHEMERAL_IDS = 2, NSPI_TEMPLATES = 2, NSPI_UNICODE = 4 };

#endif
