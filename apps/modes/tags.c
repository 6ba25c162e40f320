/* tags.c - takes tags off and puts them on, by a tap on the port (tags.h). */
#include "apps/modes/tags.h"

#include "apps/forward/event.h"
#include "apps/forward/interface.h"
#include "apps/forward/job.h"
#include "apps/forward/taps.h"
#include "apps/forward/worker.h"
#include "kernel/numbered.h"

#include <errno.h>
#include <stdlib.h>

struct port_tags {
    struct tap tap;
    bool strip;      /* the control task writes, workers read; likewise */
    uint16_t insert; /* the VLAN; 0: none */
};

static struct numbered tags; /* struct port_tags, by the port's number */

static struct port_tags *tags_of(const struct port *port)
{
    return numbered_get(&tags, port->number);
}

/* Data path ------------------------------------------------------------------ */

/* The outermost tag, in the frame or beside it. */
static uint16_t received(struct tap *tap, struct port_queue *queue, struct packet **packets,
                         uint16_t n)
{
    const struct port_tags *t = container_of(tap, struct port_tags, tap);
    for (uint16_t i = 0; load_relaxed(&t->strip) && i < n; i++) {
        if (!(packets[i]->flags & PACKET_VLAN))
            packet_pop_vlan(packets[i]);
        packets[i]->flags &= (uint8_t)~PACKET_VLAN;
    }
    return n;
}

/* Outside of a tag that lies beside the frame already. */
static bool push(struct packet_cache *cache, struct packet **packet, uint16_t vlan)
{
    if ((*packet)->flags & PACKET_VLAN && packet_push_vlan(cache, packet))
        return false;
    (*packet)->vlan = vlan;
    (*packet)->flags |= PACKET_VLAN;
    if (!packet_push_vlan(cache, packet))
        return true;
    (*packet)->flags &= (uint8_t)~PACKET_VLAN;
    return false;
}

/* The queue's cache is its worker's, who counts what there is no packet for. */
static uint16_t sending(struct tap *tap, struct port_queue *queue, struct packet **packets,
                        uint16_t n)
{
    const struct port_tags *t = container_of(tap, struct port_tags, tap);
    struct worker *worker = container_of(queue->cache, struct worker, cache);
    uint16_t vlan = load_relaxed(&t->insert), left = 0;
    if (!vlan)
        return n;
    for (uint16_t i = 0; i < n; i++) {
        struct packet *p = packets[i];
        if (push(queue->cache, &p, vlan))
            packets[left++] = p;
        else
            forward_drop(worker, queue->port->number, DROP_tx_no_buffer, p);
    }
    return left;
}

/* Control task --------------------------------------------------------------- */

static void end(unsigned number)
{
    struct port_tags *t = numbered_get(&tags, number);
    if (!t)
        return;
    if (port_get(number))
        tap_remove(port_get(number), &t->tap);
    numbered_clear(&tags, number);
    free(t);
}

static struct port_tags *begin(struct port *port)
{
    struct port_tags *t = tags_of(port);
    if (t)
        return t;
    t = calloc(1, sizeof *t);
    if (!t || numbered_set(&tags, port->number, t)) {
        free(t);
        return NULL;
    }
    t->tap = (struct tap){ .order = TAP_TAGS, .received = received, .sending = sending };
    if (!tap_add(port, &t->tap))
        return t;
    end(port->number);
    return NULL;
}

static int set(struct port *port, bool strip, uint16_t insert)
{
    struct port_tags *t = strip || insert ? begin(port) : tags_of(port);
    if (!t)
        return strip || insert ? -ENOMEM : 0;
    store_relaxed(&t->strip, strip);
    store_relaxed(&t->insert, insert);
    if (!strip && !insert)
        end(port->number);
    return 0;
}

bool tags_strip(const struct port *port)
{
    const struct port_tags *t = tags_of(port);
    return t && t->strip;
}

uint16_t tags_insert(const struct port *port)
{
    const struct port_tags *t = tags_of(port);
    return t ? t->insert : 0;
}

int tags_set_strip(struct port *port, bool on)
{
    return set(port, on, tags_insert(port));
}

int tags_set_insert(struct port *port, uint16_t vlan)
{
    return set(port, tags_strip(port), vlan);
}

static void heard(const struct event *event)
{
    if (event->kind == EVENT_INTERFACE_GONE && event->interface->kind == INTERFACE_PORT)
        end(event->interface->port_number);
}

EVENT_LISTENER(tags_listener) = { .order = EVENT_ORDER_FORWARD - 1, .heard = heard };

static void forget(void)
{
    for (unsigned i = 0; i < tags.limit; i++)
        end(i);
    numbered_free(&tags);
}

CONTROL_JOB(tags_job) = { .free = forget };
