/* One call: a request that reached a path, and the answer being built. The handlers of paths.c. */
#ifndef FRONTEND_HANDLERS_H
#define FRONTEND_HANDLERS_H

#include "auth.h"
#include "config.h"
#include "http.h"

struct call {
    const struct config *config;
    const struct node *node;
    struct http_conn *conn; /* for handlers that stream */
    struct request *request;
    struct response *response;
    const struct route *route;
    const struct identity *who; /* NULL: anonymous */
    bool credentials;           /* the request carried some; for the log */
    const char *note;           /* why a logon failed; for the log */
    char form_user[256];        /* whom a form named; for the log */
};

void health_page(struct call *call);
void autodiscover_pox(struct call *call);
void autodiscover_soap(struct call *call);
void autodiscover_json(struct call *call);
void ews_service(struct call *call);
void owa_login(struct call *call);
void owa_logoff(struct call *call);
void owa_logon_page(struct call *call);
void owa_expired_page(struct call *call);
void owa_error_page(struct call *call);
void owa_language_page(struct call *call);
void owa_start(struct call *call);
void activesync_options(struct call *call);
void root_redirect(struct call *call);
void rpc_proxy(struct call *call);
void rpc_proxy_error(struct call *call, unsigned code);
void mapi_http_store(struct call *call);
void mapi_http_address_book(struct call *call);
/* What a healthy GET shows where the protocol behind the path is not emulated. */
void get_only_page(struct call *call);

/* A node that is no Exchange, or something on the way that answers in its place. */
bool foreign_node(const struct call *call);
/* What such a thing says to any request. */
void foreign_page(struct call *call, bool tls);

/* Answers of IIS itself. */
void iis_not_found(struct call *call);
void iis_error(struct call *call, int status, const char *title, const char *text);
/* 302 with the "Object moved" page of ASP.NET. */
void iis_redirect(struct call *call, const char *location);

/* The redirect to the form, `reason` as OWA numbers it. */
void owa_redirect_to_logon(struct call *call, const char *destination, int reason);
/* Fills `ret_who` from the cookies of a forms logon. */
bool owa_session_find(const struct request *request, struct identity *ret_who);

#endif
