/* Property values in the NDR encoding of [MS-OXNSPI] 2.2.2 to 2.2.4: of net/wire/nspi.c only. */
#ifndef NET_WIRE_NSPI_NDR_H
#define NET_WIRE_NSPI_NDR_H

#include "net/wire/mapiprops.h"

/* What `[out] PropertyRow_r **` points to: its own pointer is read too. NULL gives no row. */
void nspi_ndr_row(struct reader *reader, struct arena *arena, struct mapi_rows *ret_rows);
/* … `[out] PropertyRowSet_r **` … */
void nspi_ndr_rows(struct reader *reader, struct arena *arena, struct mapi_rows *ret_rows);

#endif
