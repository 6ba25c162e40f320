/* fence.h - what the appliance does about ports whose devices step out of line. */
#pragma once

#include <stdint.h>

#define FENCE_FAULTS_DEFAULT 100u

/* Faults are heard of from now on; once the IOMMU is in force. */
void fence_init(void);
/* Control slice: collects faults every few milliseconds and stops ports that had
 * too many.  `port N up` starts one again. */
void fence_poll(uint64_t now_us);
/* Faults a port may have before it is stopped; 0: any number. */
void fence_set_limit(uint64_t faults);
uint64_t fence_get_limit(void);
