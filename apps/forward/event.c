/* event.c - hands an event to its listeners (event.h). */
#include "apps/forward/event.h"

#include "kernel/task.h"

#include <limits.h>

void event_post(const struct event *event)
{
    int next;
    for (int order = INT_MIN; order != INT_MAX; order = next) {
        next = INT_MAX; /* the least order above this one */
        TABLE_FOR_EACH (event_listeners, struct event_listener, listener)
            if (listener->order == order)
                listener->heard(event);
            else if (listener->order > order && listener->order < next)
                next = listener->order;
    }
}

void event_settle(void)
{
    TABLE_FOR_EACH (event_listeners, struct event_listener, listener)
        while (listener->more && listener->more())
            task_yield();
}
