/* pmd_stats.h - testpmd's counters: what is told of them, and from when on they count. */
#pragma once

#include "apps/console/out.h"

#include <stdbool.h>

/* The block of forward statistics, of all ports that take part and accumulated. */
void pmd_show_forward(struct out *out);
/* As at a start: it counts from zero. */
void pmd_begin_forward(void);

/* `set record-core-cycles`, `set record-burst-stats`.  The latter: 0 or -ENOMEM. */
void pmd_record_cycles(bool on);
int pmd_record_bursts(bool on);
bool pmd_records_cycles(void);
bool pmd_records_bursts(void);
