/* startup.h - what kernel/main.c calls once, in order, and nobody else. */
#pragma once

#include <stdint.h>

void time_start(uint64_t tsc); /* the TSC at the image's first instruction */
/* After acpi_init(): how fast the TSC runs; returns by whose word. */
const char *time_init(void);
/* At the boot's end, and with each turn of the poll loop: better, once enough has passed. */
void time_settle(void);
void machine_init(const char *protocol); /* CPU name; the front door we came through */
