/* event.c - hands an event to its listeners (event.h). */
#include "apps/forward/event.h"

#include "kernel/task.h"

#include <limits.h>

/* The least order above `above`; INT_MAX: there is none. */
static int order_after(int above)
{
    int next = INT_MAX;
    TABLE_FOR_EACH (event_listeners, struct event_listener, listener)
        if (listener->order > above && listener->order < next)
            next = listener->order;
    return next;
}

void event_post(const struct event *event)
{
    for (int order = order_after(INT_MIN); order != INT_MAX; order = order_after(order))
        TABLE_FOR_EACH (event_listeners, struct event_listener, listener)
            if (listener->order == order)
                listener->heard(event);
}

void event_settle(void)
{
    TABLE_FOR_EACH (event_listeners, struct event_listener, listener)
        while (listener->more && listener->more())
            task_yield();
}
