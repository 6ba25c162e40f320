/* ports.c - ports as the appliance runs them: taken in, up, down, watched (ports.h). */
#include "apps/forward/ports.h"

#include "apps/forward/assign.h"
#include "apps/forward/job.h"
#include "apps/forward/mode.h"
#include "apps/forward/quiesce.h"
#include "apps/forward/worker.h"
#include "kernel/log.h"
#include "kernel/task.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINK_US 100000u
#define LACK_US US_PER_S /* who lacks memory tries again */
#define DRIVERS_US 1000u /* mailboxes: an answer within a millisecond, however many ask */

static unsigned registrations_seen;

static struct forward_port *take_in(struct port *port)
{
    struct forward_port *fp = calloc(1, sizeof *fp);
    if (!fp)
        return NULL;
    fp->port = port;
    if (port_table_set(port->number, fp))
        goto fail;
    if (workers_add_port(port))
        goto fail_known;
    fp->interface = interface_of_port(port);
    if (fp->interface) {
        workers_set_interface(port, fp->interface);
        return fp;
    }
    workers_remove_port(port);
fail_known:
    port_table_set(port->number, NULL);
fail:
    free(fp);
    return NULL;
}

/* Without memory it stays as it is, says so, and is taken in when there is some. */
struct forward_port *forward_port_of(struct port *port)
{
    static const char lack[] = "no memory to take it in";
    struct forward_port *fp = forward_port_get(port->number);
    if (fp || port->state == PORT_FAILED)
        return fp;
    fp = take_in(port);
    if (!fp && port->failure != lack)
        log_error("port %u (%s): %s", port->number, port->driver, lack);
    if (!fp)
        port->failure = lack;
    else if (port->failure == lack)
        port->failure = NULL;
    return fp;
}

/* Polled or not ---------------------------------------------------------------- */

static bool can_send(const struct port *port)
{
    return port->state == PORT_RUNNING && port->link.up;
}

static void detach(struct port *port)
{
    struct forward_port *fp = forward_port_get(port->number);
    if (!fp || !fp->assignment.attached)
        return;
    fp->assignment.attached = false;
    workers_open_port(port, false);
    assign_take(port);
}

/* 0 or -ENOMEM: then it is detached, nothing comes in, and what is to go out is dropped. */
static int attach(struct port *port)
{
    struct forward_port *fp = forward_port_of(port);
    if (!fp)
        return -ENOMEM;
    if (fp->assignment.attached)
        return 0;
    for (unsigned i = 0; i < port->tx_queues; i++)
        port->txq[i]->cache = &worker_get(worker_of_tx_queue(port, i))->cache;
    fp->assignment.attached = true;
    if (workers_connect_port(port) || assign_spread()) {
        detach(port);
        return -ENOMEM;
    }
    workers_open_port(port, can_send(port));
    return 0;
}

/* What it listens to -------------------------------------------------------------- */

bool forward_promiscuous(const struct port *port)
{
    const struct forward_port *fp = forward_port_get(port->number);
    return fp && fp->promiscuous;
}

bool forward_all_multicast(const struct port *port)
{
    const struct forward_port *fp = forward_port_get(port->number);
    return fp && fp->all_multicast;
}

static const struct bridge *bridge_of(const struct port *port)
{
    const struct forward_port *fp = forward_port_get(port->number);
    return fp && fp->interface ? fp->interface->bridge : NULL;
}

/* A member of a bridge must hear all stations, but not a VF beside its PF's port, which hears
 * them for it. */
static bool wants_promiscuous(const struct port *port)
{
    const struct forward_port *fp = forward_port_get(port->number);
    if ((fp && fp->promiscuous) || forward_get_mode()->burst)
        return true;
    const struct bridge *bridge = bridge_of(port);
    return bridge && !(port->uplink && bridge_of(port->uplink) == bridge);
}

/* Who has an IPv6 address listens to groups: neighbors ask for it there (RFC 4861 7.2.2). */
static bool wants_groups(const struct port *port)
{
    for (unsigned i = 0; i < interface_limit(); i++) {
        const struct interface *interface = interface_get(i);
        if (interface && interface->ipv6 &&
            (interface->lower ? interface->lower : interface)->port == port)
            return true;
    }
    return false;
}

/* Stations that a port listens for besides itself. */
struct mac_list {
    unsigned count; /* beyond FORWARD_MACS_MAX: more than `mac` has room for */
    uint8_t mac[FORWARD_MACS_MAX][MAC_LEN];
};

static void list_mac(struct mac_list *list, const struct port *port, const uint8_t mac[MAC_LEN])
{
    if (list->count > FORWARD_MACS_MAX || mac_equal(mac, port->mac))
        return;
    for (unsigned i = 0; i < list->count; i++)
        if (mac_equal(list->mac[i], mac))
            return;
    if (list->count < FORWARD_MACS_MAX)
        memcpy(list->mac[list->count], mac, MAC_LEN);
    list->count++;
}

/* What the user added, and VLANs with an address of their own. */
static void list_macs(const struct port *port, struct mac_list *list)
{
    const struct forward_port *fp = forward_port_get(port->number);
    const struct interface *own = interface_by_port(port->number);
    list->count = 0;
    for (unsigned i = 0; fp && i < fp->more_mac_count; i++)
        list_mac(list, port, fp->more_macs[i]);
    for (unsigned i = 0; own && own->vlan_macs && i < interface_limit(); i++) {
        const struct interface *vlan = interface_get(i);
        if (vlan && vlan->lower == own && vlan->wish.mac)
            list_mac(list, port, vlan->mac);
    }
}

/* `list`, which the mode points to: of stations that the device can listen for.  Those that are
 * too many for it mean all there are. */
static void wanted_rx_mode(const struct port *port, struct port_rx_mode *mode,
                           struct mac_list *list)
{
    list_macs(port, list);
    *mode = port->rx_mode;
    mode->promiscuous = wants_promiscuous(port) || list->count > port->limits.unicast_max ||
                        list->count > FORWARD_MACS_MAX;
    if (mode->promiscuous)
        list->count = 0;
    mode->unicast = list->mac;
    mode->unicast_count = (uint16_t)list->count;
    mode->all_multicast = mode->promiscuous || forward_all_multicast(port) || wants_groups(port);
}

/* The port keeps what it is told: it gets the list in a place that stays. */
static int tell_rx_mode(struct port *port, struct port_rx_mode *mode)
{
    struct forward_port *fp = forward_port_get(port->number);
    if (fp)
        memcpy(fp->macs, mode->unicast, mode->unicast_count * sizeof fp->macs[0]);
    mode->unicast = fp ? fp->macs : NULL;
    mode->unicast_count = fp ? mode->unicast_count : 0;
    return port_set_rx_mode(port, mode);
}

/* Whose frames the port is to hear besides its own; NULL: nobody's. */
static const char *heard_besides(const struct port_rx_mode *mode)
{
    return mode->promiscuous     ? "other stations"
           : mode->unicast_count ? "its further addresses"
           : mode->all_multicast ? "groups"
                                 : NULL;
}

/* An error only where somebody asked for it: that all groups are not heard, which IPv6 wants, the
 * log tells alone. */
static int apply_rx_mode(struct port *port)
{
    struct port_rx_mode mode;
    struct mac_list list;
    wanted_rx_mode(port, &mode, &list);
    int e = tell_rx_mode(port, &mode);
    if (e && heard_besides(&mode))
        log_warning("port %u: cannot receive what is meant for %s: %s", port->number,
                    heard_besides(&mode), strerror(-e));
    return mode.promiscuous || mode.unicast_count || forward_all_multicast(port) ? e : 0;
}

static bool differs(const struct port *port)
{
    struct port_rx_mode mode;
    struct mac_list list;
    wanted_rx_mode(port, &mode, &list);
    return mode.promiscuous != port->rx_mode.promiscuous ||
           mode.all_multicast != port->rx_mode.all_multicast ||
           mode.unicast_count != port->rx_mode.unicast_count ||
           (list.count && memcmp(list.mac, port->rx_mode.unicast, list.count * MAC_LEN));
}

void ports_apply_rx_modes(void)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *port = port_get(i);
        if (!port || port_hold_wait(port))
            continue;
        if (port->state == PORT_RUNNING)
            apply_rx_mode(port);
        port_release(port);
    }
}

/* A port that somebody is changing comes in a later round: it may have been told what was right
 * before. */
static void refresh_rx_modes(struct work *w)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *port = port_get(i);
        struct forward_port *fp = port ? forward_port_get(i) : NULL;
        if (!fp || !fp->rx_mode_due)
            continue;
        if (port_hold(port)) {
            work_ask(w);
            continue;
        }
        fp->rx_mode_due = false;
        if (port->state == PORT_RUNNING && differs(port))
            apply_rx_mode(port);
        port_release(port);
    }
}

static struct work rx_modes = { .run = refresh_rx_modes };

void forward_refresh_rx_mode(struct port *port)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *p = port_get(i);
        struct forward_port *fp = p ? forward_port_get(i) : NULL;
        if (fp && (p == port || p->uplink == port))
            fp->rx_mode_due = true;
    }
    work_do(&rx_modes);
}

/* One of a port's wishes, in force or as it was before. */
static int set_wish(struct port *port, size_t wish, bool on)
{
    int e = port_hold_wait(port);
    if (e)
        return e;
    struct forward_port *fp = forward_port_of(port);
    bool *wanted = fp ? (bool *)((char *)fp + wish) : NULL, before = fp && *wanted;
    if (fp)
        *wanted = on;
    e = fp ? apply_rx_mode(port) : port->state == PORT_FAILED ? -EIO : -ENOMEM;
    if (fp && e)
        *wanted = before;
    port_release(port);
    return e;
}

int forward_set_promiscuous(struct port *port, bool on)
{
    return set_wish(port, offsetof(struct forward_port, promiscuous), on);
}

int forward_set_all_multicast(struct port *port, bool on)
{
    return set_wish(port, offsetof(struct forward_port, all_multicast), on);
}

/* Where it is in the list; its end: it is not. */
static unsigned place_of_mac(const struct forward_port *fp, const uint8_t mac[MAC_LEN])
{
    unsigned i = 0;
    while (i < fp->more_mac_count && !mac_equal(fp->more_macs[i], mac))
        i++;
    return i;
}

static int add_mac(struct port *port, struct forward_port *fp, const uint8_t mac[MAC_LEN])
{
    if (!mac_is_station(mac))
        return -EINVAL;
    if (place_of_mac(fp, mac) < fp->more_mac_count || mac_equal(port->mac, mac))
        return -EEXIST;
    if (fp->more_mac_count == FORWARD_MACS_MAX)
        return -ENOSPC;
    memcpy(fp->more_macs[fp->more_mac_count++], mac, MAC_LEN);
    int e = apply_rx_mode(port);
    if (e)
        fp->more_mac_count--;
    return e;
}

static int remove_mac(struct port *port, struct forward_port *fp, const uint8_t mac[MAC_LEN])
{
    unsigned place = place_of_mac(fp, mac);
    if (place == fp->more_mac_count)
        return -ENOENT;
    memmove(fp->more_macs[place], fp->more_macs[place + 1],
            (--fp->more_mac_count - place) * MAC_LEN);
    apply_rx_mode(port); /* it may hear too much now */
    return 0;
}

int forward_hear_mac(struct port *port, const uint8_t mac[MAC_LEN], bool on)
{
    int e = port_hold_wait(port);
    if (e)
        return e;
    struct forward_port *fp = forward_port_of(port);
    if (fp)
        e = on ? add_mac(port, fp, mac) : remove_mac(port, fp, mac);
    else
        e = port->state == PORT_FAILED ? -EIO : -ENOMEM;
    port_release(port);
    return e;
}

const uint8_t *forward_more_mac(unsigned number, unsigned i)
{
    const struct forward_port *fp = forward_port_get(number);
    return fp && i < fp->more_mac_count ? fp->more_macs[i] : NULL;
}

/* Links ------------------------------------------------------------------------ */

static void say_link(const struct port *port)
{
    const char *duplex = port->link.full_duplex ? "full" : "half";
    if (!port->link.up)
        log_info("port %u: link down", port->number);
    else if (port->link.speed_mbps)
        log_info("port %u: link up, %" PRIu32 " Mb/s %s duplex", port->number,
                 port->link.speed_mbps, duplex);
    else
        log_info("port %u: link up", port->number);
}

/* Whoever has addresses there tells the wire again. */
static void follow_moves(const struct port *port, struct forward_port *fp)
{
    if (!fp || fp->moves == port->moves)
        return;
    fp->moves = port->moves;
    log_info("port %u: was moved, its addresses are announced", port->number);
    if (fp->interface)
        interface_moved(fp->interface);
}

static void poll_link(struct port *port)
{
    struct forward_port *fp = forward_port_get(port->number);
    bool changed = port_poll_link(port);
    if (changed) {
        say_link(port);
        workers_open_port(port, fp && fp->assignment.attached && can_send(port));
    }
    interface_follow_port(port);
    follow_moves(port, fp);
}

static void poll_links(struct worker *control, uint64_t now_us)
{
    for (unsigned i = 0; i < port_count(); i++)
        if (port_get(i))
            poll_link(port_get(i));
}

CONTROL_JOB(port_links) = { .every_us = LINK_US, .run = poll_links };

static void poll_drivers(struct worker *control, uint64_t now_us)
{
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *port = port_get(i);
        if (port && port_poll(port, now_us))
            poll_link(port);
    }
}

CONTROL_JOB(port_drivers) = { .every_us = DRIVERS_US, .run = poll_drivers };

/* Up and down -------------------------------------------------------------------- */

/* While it is not polled, its buffers come from and go to the control worker's cache. */
static void lend_caches(struct port *port)
{
    struct packet_cache *cache = &control_worker()->cache;
    for (unsigned i = 0; i < port->rx_queues; i++)
        port->rxq[i]->cache = cache;
    for (unsigned i = 0; i < port->tx_queues; i++)
        port->txq[i]->cache = cache;
}

/* A queue to send by for every worker, as far as the port has them. */
static void widen_tx(struct port *port)
{
    unsigned most = port->limits.tx_queues_max, wanted = worker_count();
    wanted = wanted < most ? wanted : most;
    if (port->tx_queues < wanted && wanted > 1)
        port->tx_queues = (uint16_t)wanted;
}

/* 0, or why it did not start; then it is stopped, or failed by its own doing. */
static int try_up(struct port *port)
{
    struct port_rx_mode mode;
    struct mac_list list;
    if (port->state == PORT_FAILED)
        return -EIO;
    port->admin_up = true;
    if (!forward_port_of(port))
        return -ENOMEM;
    if (port->state == PORT_RUNNING)
        return 0;
    widen_tx(port);
    lend_caches(port);
    wanted_rx_mode(port, &mode, &list);
    tell_rx_mode(port, &mode); /* the driver starts with that, not another */
    int e = port_start(port);
    if (e)
        return e;
    e = attach(port);
    if (e) {
        port_stop(port);
        return e;
    }
    apply_rx_mode(port);
    poll_link(port);
    return 0;
}

/* No failure: it stays as it is, says so, and goes on when it can. */
static void lack_set(struct port *port)
{
    struct forward_port *fp = forward_port_get(port->number);
    if (!fp || fp->lack[0])
        return;
    uint64_t bytes = port_memory(port, port->rx_queues, port->tx_queues);
    snprintf(fp->lack, sizeof fp->lack, "no memory to %s: needs about %u KiB",
             port->state == PORT_RUNNING ? "poll it" : "start", (unsigned)(bytes / 1024));
    port->failure = fp->lack;
    log_error("port %u (%s): %s", port->number, port->driver, fp->lack);
}

static void lack_clear(struct port *port)
{
    struct forward_port *fp = forward_port_get(port->number);
    if (!fp || !fp->lack[0])
        return;
    fp->lack[0] = 0;
    port->failure = port->failure == fp->lack ? NULL : port->failure;
}

/* Its driver has started it again. */
static void attach_again(struct port *port)
{
    if (attach(port))
        lack_set(port);
    else
        lack_clear(port);
}

static void not_up(struct port *port, int e)
{
    if (e == -ENOMEM)
        lack_set(port);
    else if (e != -EPERM)
        port_fail(port, "did not start");
}

int forward_port_up(struct port *port)
{
    int e = port_hold_wait(port);
    if (e)
        return e;
    e = try_up(port);
    if (e && port->state != PORT_FAILED)
        not_up(port, e);
    if (e != -ENOMEM || port->state == PORT_FAILED)
        lack_clear(port);
    port_release(port);
    return e;
}

int forward_port_down(struct port *port)
{
    int e = port_hold_wait(port);
    if (e)
        return e;
    port->admin_up = false;
    lack_clear(port);
    forward_flush(control_worker());
    port_stop(port);
    poll_link(port);
    port_release(port);
    return 0;
}

static int set_queues(struct port *port, uint16_t queues)
{
    bool running = port->state == PORT_RUNNING;
    uint16_t rx = port->rx_queues, tx = port->tx_queues;
    if (queues == port->rx_queues)
        return 0;
    if (running)
        forward_port_down(port);
    int e = port_set_queues(port, queues);
    if (!running)
        return e;
    if (!e)
        e = try_up(port);
    if (e == -ENOMEM) {
        port->rx_queues = rx;
        port->tx_queues = tx;
    }
    if (port->state != PORT_RUNNING) {
        int up = forward_port_up(port);
        e = e ? e : up;
    }
    return e;
}

/* Where there is no memory for so many, it goes on with those it had. */
int forward_set_queues(struct port *port, uint16_t queues)
{
    int e = port_hold_wait(port);
    if (e)
        return e;
    e = set_queues(port, queues);
    port_release(port);
    return e;
}

/* Pairs -------------------------------------------------------------------------- */

/* Read by workers, replaced as a whole. */
struct pairs {
    unsigned count;
    uint16_t port[];
};

static struct pairs *pairs;

/* Where it stands in the list; count: nowhere. */
static unsigned place_of(const struct pairs *list, const struct port *port)
{
    unsigned i = 0;
    while (i < list->count && load_relaxed(&list->port[i]) != port->number)
        i++;
    return i;
}

struct port *forward_peer(const struct port *port)
{
    const struct pairs *list = load_acquire(&pairs);
    if (likely(!list))
        return port_get(port->number ^ 1u);
    unsigned place = place_of(list, port), other = place ^ 1u;
    return place < list->count && other < list->count ? port_get(list->port[other]) : NULL;
}

bool forward_takes_part(const struct port *port)
{
    const struct pairs *list = load_acquire(&pairs);
    return !list || place_of(list, port) < list->count;
}

/* A port that goes leaves its partner without one: neither takes part any more. */
static void pairs_forget(const struct port *port)
{
    unsigned place = pairs ? place_of(pairs, port) : 0;
    if (!pairs || place == pairs->count)
        return;
    store_relaxed(&pairs->port[place], PORT_NONE);
    if ((place ^ 1u) < pairs->count)
        store_relaxed(&pairs->port[place ^ 1u], PORT_NONE);
}

unsigned forward_get_pairs(const uint16_t **ports)
{
    *ports = pairs ? pairs->port : NULL;
    return pairs ? pairs->count : 0;
}

int forward_set_pairs(const uint16_t *ports, unsigned n)
{
    struct pairs *list = NULL, *old = pairs;
    if (n) {
        list = malloc(sizeof *list + n * sizeof *ports);
        if (!list)
            return -ENOMEM;
        list->count = n;
        memcpy(list->port, ports, n * sizeof *ports);
    }
    store_release(&pairs, list);
    if (old)
        retire(free, old);
    return 0;
}

/* Coming and going ------------------------------------------------------------------ */

static void let_go(struct forward_port *fp)
{
    struct port *port = fp->port;
    lack_clear(port);
    pairs_forget(port);
    interface_destroy(fp->interface);
    workers_remove_port(port);
    port_table_set(port->number, NULL);
    free(fp);
}

/* Notes are read while everybody still knows the port, and what they make us send is dropped at
 * a port that is down. */
void forward_port_remove(struct port *port)
{
    struct forward_port *fp = forward_port_get(port->number);
    struct interface *alone = fp ? NULL : interface_by_port(port->number);
    if (alone)
        interface_destroy(alone);
    if (!fp || forward_port_down(port))
        return;
    workers_quiesce();
    workers_take_notes(UINT32_MAX);
    forward_flush(control_worker());
    let_go(fp);
}

unsigned forward_take_ports(void)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < port_count(); i++)
        taken += port_get(i) && forward_port_of(port_get(i));
    return taken;
}

static void begin(struct forward_port *fp)
{
    struct port *port = fp->port;
    fp->begun = true;
    if (port->admin_up && port->state == PORT_STOPPED)
        forward_port_up(port);
    else if (port->state == PORT_RUNNING)
        attach_again(port);
}

/* A port that somebody is changing begins in a later round. */
static void begin_ports(struct work *w)
{
    registrations_seen = port_registrations();
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *port = port_get(i);
        struct forward_port *fp = port ? forward_port_of(port) : NULL;
        if (!fp || (fp->begun && !fp->lack[0]))
            continue;
        if (port_hold(port)) {
            work_ask(w);
            continue;
        }
        begin(fp);
        port_release(port);
    }
}

static struct work beginning = { .run = begin_ports };

static void try_again(struct worker *control, uint64_t now_us)
{
    bool due = false;
    for (unsigned i = 0; i < port_count(); i++) {
        const struct port *port = port_get(i);
        const struct forward_port *fp = forward_port_get(i);
        if (port && port->state != PORT_FAILED)
            due |= !fp || fp->lack[0];
    }
    if (due)
        work_do(&beginning);
}

CONTROL_JOB(port_retries) = { .every_us = LACK_US, .run = try_again };

void ports_look_for_new(void)
{
    if (registrations_seen != port_registrations())
        work_do(&beginning);
}

void forward_ports_up(void)
{
    ports_look_for_new();
    while (task_current() && work_is_pending(&beginning))
        task_yield();
}

static const struct port_pollers pollers = { .detach = detach,
                                             .attach = attach_again,
                                             .removal = forward_port_remove,
                                             .quiesce = workers_quiesce };

void ports_init(void)
{
    registrations_seen = 0;
    port_set_pollers(&pollers);
}

void ports_shutdown(void)
{
    for (unsigned i = 0; i < port_count(); i++)
        if (port_get(i))
            forward_port_down(port_get(i));
    for (unsigned i = 0; i < port_table_limit(); i++)
        if (forward_port_get(i))
            let_go(forward_port_get(i));
    port_table_free();
    free(pairs);
    pairs = NULL;
    port_set_pollers(NULL);
}
