/* startup.h - what kernel/main.c calls once, in order, and nobody else. */
#pragma once

#include <stdint.h>

void time_start(uint64_t tsc); /* the TSC at the image's first instruction */
/* After acpi_init(): how fast the TSC runs; returns by whose word. */
const char *time_init(void);
/* At the boot's end: better, by all that has passed since then. */
void time_settle(void);
void machine_init(const char *protocol); /* CPU name; the front door we came through */
