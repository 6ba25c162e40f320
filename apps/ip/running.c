/* running.c - what the mode in force asks of IP (running.h). */
#include "apps/ip/running.h"

#include "apps/forward/forward.h"

#include <string.h>

bool ip_running(void)
{
    return forward_running() && !forward_get_mode()->burst;
}

bool ip_routing(void)
{
    return !strcmp(forward_get_mode()->name, "l3");
}
