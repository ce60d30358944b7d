/*
 * The few EWS calls we make: SOAP bodies and what comes back. EWS reference: GetFolder,
 * FolderShape, DistinguishedFolderId, ServerVersionInfo, ResponseCode; SOAP 1.1 faults.
 */
#ifndef NET_WIRE_EWS_H
#define NET_WIRE_EWS_H

#include "net/arena.h"
#include "net/fault.h"

#include <stdint.h>

enum { EWS_FOLDERS_MAX = 8, EWS_BODY_MAX = 1 << 20 };

/* GetFolder (IdOnly plus folder:DisplayName, TotalCount, UnreadCount, FolderClass …) of
 * distinguished folders ("inbox", "contacts"), of the mailbox `address` or, with NULL, the caller's
 * own. server_version: "Exchange2010_SP2" … */
char *ews_get_folder(struct arena *arena, const char *server_version, const char *address,
    const char *const *folders, size_t count);

struct ews_folder {
    const char *response_class; /* "Success" "Error" "Warning" */
    const char *response_code;  /* "NoError", "ErrorNonExistentMailbox" … */
    const char *message;        /* MessageText or NULL */
    const char *display_name, *folder_class, *id;
    int64_t total, unread; /* -1: not sent */
    int64_t back_off_ms;   /* BackOffMilliseconds, -1: not sent */
};

struct ews_answer {
    /* a SOAP fault … */
    bool fault;
    const char *fault_code, *fault_string;
    const char *response_code; /* e:ResponseCode of the fault's detail, or NULL */
    const char *message;
    int64_t back_off_ms;
    /* … or response messages, in the order of the folders asked for */
    struct ews_folder folders[EWS_FOLDERS_MAX];
    size_t folder_count;
    /* ServerVersionInfo, in either */
    const char *version_name;          /* Version="V2017_07_11" */
    int major, minor, build, revision; /* -1: not sent */
};

/* NOT_EXCHANGE: no SOAP envelope or no EWS body in it. MALFORMED: as autodiscover_parse(). */
bool ews_parse(struct arena *arena, const void *body, size_t length, struct ews_answer *ret_answer,
    struct fault *fault);

#endif
