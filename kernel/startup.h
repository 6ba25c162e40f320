/* startup.h - what kernel/main.c calls once, in order, and nobody else. */
#pragma once

#include <stdint.h>

void time_start(uint64_t tsc);              /* the TSC at the image's first instruction */
void time_init(void);                       /* after acpi_init(): how fast the TSC runs */
void machine_init(const char *protocol);    /* CPU name; the front door we came through */
