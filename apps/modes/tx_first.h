/* tx_first.h - testpmd's `start tx_first`. */
#pragma once

#include <stdint.h>

/* So many bursts of test frames out of every port that takes part, then start.  0 or -ENOMEM: not
 * started, and no packets were left for a burst. */
int modes_start_tx_first(uint64_t bursts);
