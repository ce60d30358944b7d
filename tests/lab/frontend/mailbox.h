/* Accounts and mailboxes as the directory describes them. */
#ifndef FRONTEND_MAILBOX_H
#define FRONTEND_MAILBOX_H

#include "auth.h"
#include "directory.h"

enum lookup {
    LOOKUP_FOUND,
    LOOKUP_NONE,
    LOOKUP_SEVERAL,    /* more than one object has the address */
    LOOKUP_UNAVAILABLE /* the directory cannot be asked */
};

struct mailbox {
    struct ad_result object; /* owns the strings of `entry` */
    const struct ad_entry *entry;
    const char *sam;
    const char *dn;
    const char *display_name;
    const char *legacy_dn;
    const char *target_address; /* of a remote mailbox, without "SMTP:"; or "" */
    bool has_mailbox;           /* here, in this organisation */
    bool moving;                /* to another database */
    bool mapi_off;              /* switched off for it, as Set-CASMailbox does */
    bool rpc_http_off;          /* MAPIBlockOutlookRpcHttp */
    bool mapi_http_off;
    bool cached_only; /* MAPIBlockOutlookNonCachedMode */
    bool ews_off;
    bool owa_off;
    int expires_days;  /* until its password is too old; -1: never, or it is already */
    char address[320]; /* the primary SMTP address */
    char guid[40];     /* msExchMailboxGuid */
    char server[64];   /* EX1: the last name of msExchHomeServerName */
};

enum lookup mailbox_by_address(
    const struct config *config, const char *address, struct mailbox *ret_mailbox);
enum lookup mailbox_by_guid(
    const struct config *config, const unsigned char guid[16], struct mailbox *ret_mailbox);
enum lookup mailbox_by_legacy_dn(
    const struct config *config, const char *legacy_dn, struct mailbox *ret_mailbox);
/* The object of who logged in, with or without a mailbox. */
enum lookup mailbox_of(
    const struct config *config, const struct identity *who, struct mailbox *ret_mailbox);
/* The first public folder mailbox of the organisation. */
enum lookup mailbox_of_public_folders(const struct config *config, struct mailbox *ret_mailbox);
void mailbox_done(struct mailbox *mailbox);

/* The owner, a delegate of msExchDelegateListLink, or a `full_access` line. */
bool mailbox_open_to(
    const struct config *config, const struct mailbox *mailbox, const struct mailbox *account);

/* The headers by which the front end names the mailbox server it chose. */
void mailbox_headers(
    const struct config *config, const struct mailbox *mailbox, struct response *response);

#endif
