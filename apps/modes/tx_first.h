/* tx_first.h - testpmd's `start tx_first`. */
#pragma once

/* One burst of test frames out of every port, then start.  0 or -ENOMEM, with nothing sent. */
int modes_start_tx_first(void);
