/* flow.c - what flows' numbers depend on (flow.h). */
#include "apps/ip/flow.h"

struct flow_settings flow_settings;

void flow_init(void)
{
    if (!flow_settings.secret)
        flow_settings.secret = random_word();
}

void flow_set_symmetric(bool symmetric)
{
    store_relaxed(&flow_settings.symmetric, symmetric);
}
