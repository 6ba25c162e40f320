/* event.h - what several rooms must hear of.
 *
 * Who changes something posts an event; who cares registers a listener beside its
 * own subject.  Nobody calls up or sideways for that.  Control task only; every
 * listener has run when event_post() returns, the lower `order` first.  One with a long
 * table begins then, and goes on in the slices that follow. */
#pragma once

#include "kernel/table.h"

#include <stdbool.h>

struct interface;

enum event_kind {
    EVENT_INTERFACE_ADDED,   /* it is down, without addresses, and in the registry */
    EVENT_INTERFACE_GONE,    /* it is still there, and down; after event_settle() nobody holds it */
    EVENT_INTERFACE_UP,      /* frames go through: admin up, started, link up */
    EVENT_INTERFACE_DOWN,    /* they do not; what was learned behind it is out of date */
    EVENT_INTERFACE_CHANGED, /* its MAC or MTU, the bridge that it is a member of, a port's VLAN */
    EVENT_INTERFACE_MOVED,   /* a port's came out on another wire, or somebody asks who is here */
    EVENT_MODE_CHANGED,      /* mode, start, stop: forward_get_mode(), forward_running() tell */
    EVENT_ADDRESS_ADDED,     /* subject: const struct address */
    EVENT_ADDRESS_GONE,      /* the same; no longer in the table */
};

struct event {
    enum event_kind kind;
    struct interface *interface; /* NULL where none is meant */
    const void *subject;         /* as the kind says; valid until event_post() returns */
};

struct event_listener {
    int order;
    void (*heard)(const struct event *event);
    /* Goes on with what it did not do at once, a bounded piece; true: there is more.  NULL: it
     * does all at once. */
    bool (*more)(void);
};

/* EVENT_LISTENER(symbol) = { .order = ..., .heard = ... }; */
TABLE_DECLARE(event_listeners, struct event_listener);
#define EVENT_LISTENER(symbol) TABLE_ENTRY(event_listeners, struct event_listener, symbol)

/* Who must have heard before whom: tables lie on those above them. */
enum event_order {
    EVENT_ORDER_FORWARD = 10,
    EVENT_ORDER_ADDRESS = 20,
    EVENT_ORDER_NEIGHBOR = 30,
    EVENT_ORDER_ROUTE = 40,
    EVENT_ORDER_IP = 50,
    EVENT_ORDER_BRIDGE = 60, /* it takes interfaces over from IP */
};

void event_post(const struct event *event);
/* Waits until every listener is through; inside a task the loop goes on meanwhile. */
void event_settle(void);
