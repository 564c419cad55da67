/* Tap -> records: what the tables decide goes out at once, every other frame goes to JavaScript. */
#ifndef WOW_OUTBOUND_H
#define WOW_OUTBOUND_H

#include "reader.h"

#include <stdbool.h>

/* Memory of `outbound_drain`; NULL if there is none. */
void *outbound_new(void);

/* Reads and sorts a batch of frames. `reader->drain` of a tap. */
int outbound_drain(reader_t *tap);

#endif
