/* running.h - what the mode in force asks of IP. */
#pragma once

#include <stdbool.h>

bool ip_running(void); /* frames go to interfaces: IP answers on those that have addresses */
bool ip_routing(void); /* and it passes on what is not its own */
