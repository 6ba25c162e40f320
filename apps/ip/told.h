/* told.h - with which MAC an interface's addresses were announced last; one table for each
 * protocol that announces.  Control task only. */
#pragma once

#include "apps/forward/interface.h"
#include "kernel/numbered.h"

#include <stdint.h>

/* Where it is kept, as mac_load() gives it, 0: nothing was; NULL: no memory. */
uint64_t *told_of(struct numbered *told, const struct interface *interface);
void told_forget(struct numbered *told, unsigned interface); /* its number */
void told_forget_all(struct numbered *told);
