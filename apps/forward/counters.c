/* counters.c - the names of the reasons to drop (counters.h). */
#include "apps/forward/counters.h"

#define X(name, side, text) #name,
const char *const drop_names[DROP_REASON_COUNT] = { DROP_REASONS(X) };
#undef X
#define X(name, side, text) text,
const char *const drop_texts[DROP_REASON_COUNT] = { DROP_REASONS(X) };
#undef X
#define RX false,
#define TX true,
#define X(name, side, text) side
const bool drop_is_tx[DROP_REASON_COUNT] = { DROP_REASONS(X) };
#undef X
#undef RX
#undef TX
