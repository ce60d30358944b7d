/* What the three forms of Autodiscover share. */
#ifndef FRONTEND_AUTODISCOVER_H
#define FRONTEND_AUTODISCOVER_H

#include "handlers.h"
#include "mailbox.h"

/* The URLs of the services. */
enum service_url {
    URL_EWS,
    URL_OAB,
    URL_OWA,
    URL_ECP,
    URL_MAPI_STORE,
    URL_MAPI_ADDRESS_BOOK,
    URL_ACTIVESYNC,
    URL_AUTODISCOVER,
    URL_COUNT
};

/* For whom a URL is: clients inside, or outside, the organisation. */
enum side { SIDE_INTERNAL, SIDE_EXTERNAL };

const char *side_host(const struct config *config, enum side side);
void service_url(const struct call *call, enum side side, enum service_url url,
    const struct mailbox *mailbox, struct buf *ret_url);

/* ServerVersion of POX: nibble 7, 6 bits major, 6 bits minor, a flag, 15 bits build. */
unsigned long packed_version(const int build[4]);

#endif
