/* interface.c - the registry of interfaces, and what follows from their state. */
#include "apps/forward/interface.h"

#include "apps/forward/event.h"
#include "apps/forward/quiesce.h"
#include "kernel/numbered.h"
#include "kernel/task.h"
#include "nic/port.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct numbered interfaces; /* by their numbers: where workers look */
static struct numbered taken;      /* numbers that somebody may still hold as well */
static struct numbered by_port;    /* a port's untagged traffic, by the port's number */

static struct {
    interface_burst_fn *input, *port_output;
} defaults;

void interface_set_defaults(interface_burst_fn *input, interface_burst_fn *port_output)
{
    defaults.input = input;
    defaults.port_output = port_output;
}

struct interface *interface_get(unsigned number)
{
    return numbered_get(&interfaces, number);
}

struct interface *interface_by_port(unsigned number)
{
    return numbered_get(&by_port, number);
}

unsigned interface_limit(void)
{
    return numbered_limit(&interfaces);
}

struct interface *interface_find(const char *name)
{
    for (unsigned i = 0; i < interface_limit(); i++) {
        struct interface *interface = interface_get(i);
        if (interface && !strcmp(interface->name, name))
            return interface;
    }
    return NULL;
}

struct interface *interface_next(unsigned *cursor)
{
    while (*cursor < NUMBERED_MAX) {
        if (*cursor >= by_port.limit) {
            *cursor = NUMBERED_MAX;
            break;
        }
        struct interface *interface = numbered_get(&by_port, (*cursor)++);
        if (interface)
            return interface;
    }
    while (*cursor - NUMBERED_MAX < interface_limit()) {
        struct interface *interface = interface_get((*cursor)++ - NUMBERED_MAX);
        if (interface && interface->kind != INTERFACE_PORT)
            return interface;
    }
    return NULL;
}

static void post(enum event_kind kind, struct interface *interface)
{
    const struct event event = { .kind = kind, .interface = interface };
    event_post(&event);
}

/* A port's interface has the port's counters. */
static int shares_create(struct interface *interface)
{
    size_t size = (quiesce_workers() + 1) * sizeof *interface->shares;
    if (interface->kind == INTERFACE_PORT)
        return 0;
    interface->shares = aligned_alloc(CACHE_LINE, size);
    if (!interface->shares)
        return -ENOMEM;
    memset(interface->shares, 0, size);
    return 0;
}

static int interface_register(struct interface *interface)
{
    unsigned number = numbered_lowest(&taken);
    if (number == NUMBERED_MAX)
        return -ENOSPC;
    if (interface->port && numbered_set(&by_port, interface->port->number, interface))
        return -ENOMEM;
    interface->number = (uint16_t)number;
    interface->port_number = interface->port ? interface->port->number : PORT_NONE;
    int e = numbered_set(&taken, number, interface);
    if (!e && (e = numbered_set(&interfaces, number, interface)))
        numbered_clear(&taken, number);
    if (e && interface->port)
        numbered_clear(&by_port, interface->port->number);
    return e;
}

struct interface *interface_create(enum interface_kind kind, const char *name, struct port *port,
                                   interface_burst_fn *output)
{
    if (interface_find(name)) {
        errno = EEXIST;
        return NULL;
    }
    struct interface *interface = calloc(1, sizeof *interface);
    if (!interface)
        return NULL;
    *interface = (struct interface){ .input = defaults.input,
                                     .output = output,
                                     .ip_input = defaults.input,
                                     .untagged = defaults.input,
                                     .port = port,
                                     .kind = kind,
                                     .mtu = MTU_DEFAULT };
    snprintf(interface->name, sizeof interface->name, "%s", name);
    int e = shares_create(interface);
    if (!e)
        e = interface_register(interface);
    if (e) {
        free(interface->shares);
        free(interface);
        errno = -e;
        return NULL;
    }
    post(EVENT_INTERFACE_ADDED, interface);
    return interface;
}

/* VLANs ------------------------------------------------------------------------ */

int interface_join_vlan(struct interface *lower, struct interface *vlan, uint16_t vid,
                        interface_burst_fn *sort)
{
    struct numbered *table = lower->vlans;
    if (!table)
        table = calloc(1, sizeof *table);
    if (!table || numbered_set(table, vid, vlan)) {
        if (table != lower->vlans)
            free(table);
        return -ENOMEM;
    }
    vlan->lower = lower;
    vlan->vid = vid;
    lower->vlan_count++;
    store_release(&lower->vlans, table);
    store_release(&lower->input, sort);
    return 0;
}

/* Workers come no more by the table. */
static void vlan_leave(struct interface *vlan)
{
    struct interface *lower = vlan->lower;
    numbered_clear(lower->vlans, vlan->vid);
    if (lower->vlan_count == 1)
        store_release(&lower->input, lower->untagged);
}

/* The last one takes the table with it, which no worker is at. */
static void vlan_left(struct interface *lower)
{
    struct numbered *table = lower->vlans;
    if (--lower->vlan_count)
        return;
    store_relaxed(&lower->vlans, NULL);
    numbered_free(table);
    free(table);
}

/* Somebody else may be in the middle of destroying one. */
static void destroy_vlans(struct interface *lower)
{
    while (lower->vlan_count) {
        struct interface *vlan = NULL;
        for (unsigned vid = 1; !vlan && vid < numbered_limit(lower->vlans); vid++)
            vlan = numbered_get(lower->vlans, vid);
        if (vlan)
            interface_destroy(vlan);
        else
            task_yield();
    }
}

void interface_destroy(struct interface *interface)
{
    destroy_vlans(interface);
    struct interface_state down = { .mtu = interface->mtu };
    memcpy(down.mac, interface->mac, MAC_LEN);
    interface_update(interface, &down);
    interface->gone = true;
    post(EVENT_INTERFACE_GONE, interface);
    if (interface->port)
        numbered_clear(&by_port, interface->port_number);
    if (interface->lower)
        vlan_leave(interface);
    numbered_clear(&interfaces, interface->number);
    event_settle();
    workers_quiesce();
    if (interface->lower)
        vlan_left(interface->lower);
    numbered_clear(&taken, interface->number);
    free(interface->shares);
    free(interface);
}

void interface_update(struct interface *interface, const struct interface_state *state)
{
    bool differs = interface->mtu != state->mtu || !mac_equal(interface->mac, state->mac);
    if (interface->up && !state->up) {
        store_relaxed(&interface->up, false);
        interface->flips++;
        post(EVENT_INTERFACE_DOWN, interface);
    }
    if (differs) {
        store_relaxed(&interface->mtu, state->mtu);
        memcpy(interface->mac, state->mac, MAC_LEN);
        store_relaxed(&interface->mac_word, mac_load(state->mac));
        post(EVENT_INTERFACE_CHANGED, interface);
    }
    if (!interface->up && state->up) {
        store_relaxed(&interface->up, true);
        interface->flips++;
        post(EVENT_INTERFACE_UP, interface);
    }
}

void interface_moved(struct interface *interface)
{
    post(EVENT_INTERFACE_MOVED, interface);
}

void interface_set_input(struct interface *interface, interface_burst_fn *input)
{
    store_release(&interface->untagged, input);
    if (!interface->vlan_count)
        store_release(&interface->input, input);
}

/* Ports --------------------------------------------------------------------- */

struct interface *interface_of_port(struct port *port)
{
    struct interface *interface = numbered_get(&by_port, port->number);
    char name[INTERFACE_NAME];
    if (interface)
        return interface;
    snprintf(name, sizeof name, "%u", port->number);
    interface = interface_create(INTERFACE_PORT, name, port, defaults.port_output);
    if (interface)
        interface_follow_port(port);
    return interface;
}

void interface_follow_port(struct port *port)
{
    struct interface *interface = numbered_get(&by_port, port->number);
    struct interface_state state = { .up = port->state == PORT_RUNNING && port->link.up,
                                     .mtu = port->mtu };
    if (!interface)
        return;
    memcpy(state.mac, port->mac, MAC_LEN);
    interface_update(interface, &state);
}

void interfaces_destroy(void)
{
    for (unsigned i = interface_limit(); i-- > 0;)
        if (interface_get(i))
            interface_destroy(interface_get(i));
    numbered_free(&interfaces);
    numbered_free(&taken);
    numbered_free(&by_port);
}

/* Counting, on workers ---------------------------------------------------------- */

static uint64_t bytes_of(struct packet *const *packets, uint16_t n)
{
    uint64_t bytes = 0;
    unsigned i = 0;
    for (; i + 2 <= n; i += 2)
        bytes += (uint64_t)packets[i]->frame_length + packets[i + 1]->frame_length;
    return i < n ? bytes + packets[i]->frame_length : bytes;
}

void interface_add_rx(struct interface *interface, unsigned worker, uint16_t n, uint64_t bytes)
{
    struct interface_counters *c = &interface->shares[worker].counters;
    counter_add(&c->rx_packets, n);
    counter_add(&c->rx_bytes, bytes);
}

void interface_count_rx(struct interface *interface, unsigned worker, struct packet *const *packets,
                        uint16_t n)
{
    if (!interface->shares)
        return;
    struct interface_counters *c = &interface->shares[worker].counters;
    counter_add(&c->rx_packets, n);
    counter_add(&c->rx_bytes, bytes_of(packets, n));
}

void interface_count_tx(struct interface *interface, unsigned worker, struct packet *const *packets,
                        uint16_t n)
{
    if (!interface->shares)
        return;
    struct interface_counters *c = &interface->shares[worker].counters;
    uint64_t tags = interface->vid ? (uint64_t)n * VLAN_TAG : 0; /* on both ways it counts none */
    counter_add(&c->tx_packets, n);
    counter_add(&c->tx_bytes, bytes_of(packets, n) - tags);
}

void interface_count_drop(struct interface *interface, unsigned worker, enum drop_reason why)
{
    if (interface->shares)
        counter_add(&interface->shares[worker].counters.drops[why], 1);
}
