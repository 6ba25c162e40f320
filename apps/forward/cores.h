/* cores.h - workers on the CPUs of the machine (kernel/cpus.h). */
#pragma once

/* Each worker but the first begins on the CPU with its number, and parks there until it has
 * something to do.  There are at least as many CPUs as workers. */
void cores_start(void);
void cores_stop(void); /* tests: each ends its turn and parks for good */
