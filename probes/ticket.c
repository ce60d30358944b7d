#include "probes/ticket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ticket *ticket_find(const struct ticket_list *list, const char *spn)
{
    for (struct ticket *ticket = list->first; ticket != NULL; ticket = ticket->next) {
        if (strcmp(ticket->spn, spn) == 0)
            return ticket;
    }
    return NULL;
}

struct ticket *ticket_add(struct ticket_list *list, const char *spn)
{
    struct ticket *ticket = xcalloc(1, sizeof *ticket);
    snprintf(ticket->spn, sizeof ticket->spn, "%s", spn);
    ticket->next = list->first;
    list->first = ticket;
    return ticket;
}

void tickets_done(struct ticket_list *list)
{
    for (struct ticket *ticket = list->first; ticket != NULL;) {
        struct ticket *next = ticket->next;
        free(ticket);
        ticket = next;
    }
    list->first = NULL;
}
