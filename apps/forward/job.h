/* job.h - a room's own work in the control task: timers, cursors, tables, what it holds.
 *
 * Registered beside its subject; run from the control slice, so it does a bounded
 * piece and comes back. */
#pragma once

#include "kernel/table.h"

#include <stdbool.h>
#include <stdint.h>

struct worker;

struct control_job {
    uint64_t every_us; /* 0: in every slice, for work that goes on where it stopped */
    void (*run)(struct worker *control, uint64_t now_us); /* NULL: nothing to do */
    /* Of one that runs in every slice: it has more to do now, so nobody rests.  NULL: never. */
    bool (*busy)(void);
    uint64_t (*held)(void); /* received frames that wait in this room (stats.h); NULL: none ever */
    /* The room's tables, before the first frame: 0, or -E... and no appliance; NULL: none. */
    int (*init)(uint32_t packets); /* of the pool */
    void (*free)(void);            /* tests: gives back what init() made, or nothing */
};

/* CONTROL_JOB(symbol) = { .every_us = ..., .run = ... }; */
TABLE_DECLARE(control_jobs, struct control_job);
#define CONTROL_JOB(symbol) TABLE_ENTRY(control_jobs, struct control_job, symbol)
