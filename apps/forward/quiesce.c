/* quiesce.c - one worker so far, and the control task runs between its turns. */
#include "apps/forward/quiesce.h"

void workers_quiesce(void) {}

void retire(void (*fn)(void *arg), void *arg)
{
    fn(arg);
}
