/* rss.h - the key of the Toeplitz hash by which every device spreads flows over receive queues. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RSS_KEY_LENGTH 40u

/* One key for all ports, from their next start on.  Symmetric (as it begins): both directions of a
 * flow have the same hash. */
const uint8_t *rss_key(void);
void rss_set_symmetric(bool on);
bool rss_is_symmetric(void);
