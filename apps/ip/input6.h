/* input6.h - IPv6 input on workers: the stages of input.h for the packets of a burst that are
 * IPv6. */
#pragma once

#include "apps/forward/interface.h"

interface_burst_fn ip6_input;
