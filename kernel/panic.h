/* panic.h - what happens after a panic: a reset, unless it keeps happening. */
#pragma once

#include <stdbool.h>

#define PANICS_IN_A_ROW_MAX 3u

void panic_set_halt(bool halt); /* panic=halt */
/* The count survives resets in a page of low memory (kernel/x86/machine.c). */
unsigned panic_count_up(void); /* this panic's place in the row, from 1 */
void panic_count_clear(void);  /* ran long enough: the row is over */
