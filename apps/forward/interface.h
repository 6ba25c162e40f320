/* interface.h - where frames enter and leave the logic.
 *
 * An interface is a port's untagged traffic, a bridge seen from above, or one VLAN of
 * either (vlan.h).  It has a MAC, an MTU, a state, and one input
 * function for a burst; addresses, neighbors, routes and filters belong to
 * interfaces.  The registry and every change are the control task's; workers read
 * the hot part, each word of it by itself.
 *
 * Life: interface_create() posts EVENT_INTERFACE_ADDED.  Its state follows what it
 * lies on (interface_update()), with events for what differs.  interface_destroy()
 * takes it down, posts EVENT_INTERFACE_GONE, waits until no listener and no worker holds it,
 * and only then frees it and its number; its VLANs go before it. */
#pragma once

#include "apps/forward/counters.h"
#include "kernel/compiler.h"
#include "nic/ethernet.h"
#include "nic/packet.h"

#include <stdbool.h>
#include <stdint.h>

#define INTERFACE_NAME 24u /* with its NUL: a bridge's, a dot, a VLAN */
#define INTERFACE_NONE PACKET_INTERFACE_NONE

struct interface;
struct numbered;
struct port;
struct worker;

struct interface_counters {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t drops[DROP_REASON_COUNT]; /* a second view: a port counts each, if there is one */
};

/* One a worker, and one more behind them: where all stood at `clear stats`. */
struct interface_share {
    struct interface_counters counters;
} CACHE_ALIGNED;

/* Which sources may come in (unread but in quotations: RFC 3704 2.2, 2.4). */
enum reverse_path { REVERSE_PATH_OFF, REVERSE_PATH_LOOSE, REVERSE_PATH_STRICT };

enum interface_kind { INTERFACE_PORT, INTERFACE_VLAN, INTERFACE_BRIDGE };

/* Owns all n packets (1 to PORT_BURST), and the array while it works.  Data path: never prints,
 * never waits. */
typedef void interface_burst_fn(struct worker *worker, struct interface *interface,
                                struct packet **packets, uint16_t n);

/* What the user wants of an interface that follows another one. */
struct interface_wish {
    bool down, mac; /* mac: its own, not the other's */
    uint16_t mtu;   /* 0: the other's */
};

struct interface {
    /* hot */
    interface_burst_fn *input;    /* whole frames that came in, a VLAN's tagged; never NULL */
    interface_burst_fn *output;   /* whole frames to send; never NULL */
    interface_burst_fn *ip_input; /* what `input` is where no bridge has taken it over */
    interface_burst_fn *untagged; /* who has what is no VLAN's of it; `input`, if it has none */
    struct numbered *vlans;       /* its VLANs' interfaces by VID; NULL: it has none */
    struct port *port;            /* what it lies on; NULL: a bridge, a VLAN */
    struct interface *lower;      /* of a VLAN: whose it is */
    struct bridge *bridge;        /* the bridge that it is or is a member of; NULL: none */
    uint64_t mac_word;            /* as mac_load() gives it */
    uint32_t addresses;           /* in effect, of any family; 0: nothing is delivered locally */
    bool ipv6;                    /* one of them is IPv6's */
    uint16_t number;              /* of the registry: no user sees it */
    uint16_t mtu;
    uint16_t vid; /* of a VLAN, whose frames are tagged so below it; 0 */
    bool up;
    uint8_t reverse_path; /* enum; this and the next two are IP's, and set by its commands */
    bool proxy_arp, no_redirects;
    struct interface_share *shares; /* what each worker counts (interface_stats.h); or NULL */
    /* the control task's */
    enum interface_kind kind;
    uint16_t port_number;      /* of `port` */
    uint16_t vlan_count;       /* in `vlans`, and those that are leaving */
    uint16_t vlan_macs;        /* of those with a MAC of their own, which the port must hear */
    bool tags_bridged;         /* a VLAN-aware bridge has its tags: it can have no VLANs */
    bool vlans_only;           /* a VLAN-aware bridge from above: what is untagged has no way */
    bool gone;                 /* it is being destroyed: nobody may begin to hold it */
    uint32_t flips;            /* times it went up or down: what was learned before is outdated */
    char name[INTERFACE_NAME]; /* a port's number, a bridge's name, "0.100" */
    uint8_t mac[MAC_LEN];
    const struct interface_ops *ops; /* of who made it; NULL: a port's, whose own words set it */
    struct interface_wish wish;      /* of a VLAN */
};

/* `interface I ...`, where it is no port's.  0 or -E... */
struct interface_ops {
    int (*set_up)(struct interface *interface, bool up);
    int (*set_mtu)(struct interface *interface, uint16_t mtu); /* at most mtu_max() */
    int (*set_mac)(struct interface *interface, const uint8_t mac[MAC_LEN]);
    uint16_t (*mtu_max)(const struct interface *interface);
};

/* What an interface follows. */
struct interface_state {
    bool up;
    uint16_t mtu;
    uint8_t mac[MAC_LEN];
};

/* For who makes the workers: what `input` is until somebody takes the frames, and a port's
 * `output`. */
void interface_set_defaults(interface_burst_fn *input, interface_burst_fn *port_output);
/* NULL with errno EEXIST (the name is taken), ENOMEM or ENOSPC. */
struct interface *interface_create(enum interface_kind kind, const char *name, struct port *port,
                                   interface_burst_fn *output);
void interface_destroy(struct interface *interface);
/* `vlan`, just created, has the frames of `lower` that are tagged so from now on; `sort` is the
 * input of a `lower` with VLANs.  It goes with interface_destroy().  0 or -ENOMEM. */
int interface_join_vlan(struct interface *lower, struct interface *vlan, uint16_t vid,
                        interface_burst_fn *sort);
/* Takes the state over and posts what differs: DOWN first, CHANGED, UP last. */
void interface_update(struct interface *interface, const struct interface_state *state);
/* Whether addresses of it are in effect: not those of a bridge's member, nor a VLAN-aware
 * bridge's own. */
static inline bool interface_has_ip(const struct interface *interface)
{
    return !(interface->kind == INTERFACE_PORT && interface->bridge) && !interface->vlans_only;
}
/* A port's: posts that it is on another wire now, so that addresses are announced again. */
void interface_moved(struct interface *interface);
/* Who takes the frames from now on; a burst under way may still go to who did before. */
void interface_set_input(struct interface *interface, interface_burst_fn *input);

struct interface *interface_get(unsigned number);     /* NULL: none; also for workers */
struct interface *interface_by_port(unsigned number); /* that port's untagged traffic; likewise */
unsigned interface_limit(void);                       /* every number in use is below it */
struct interface *interface_find(const char *name);
/* All of them as people want to see them, ports' first by their numbers; *cursor starts at 0 and
 * survives changes.  NULL: no more. */
struct interface *interface_next(unsigned *cursor);
/* The interface of a port's untagged traffic, made if it is not there yet; NULL: no memory. */
struct interface *interface_of_port(struct port *port);
/* Takes over the port's state, MAC and MTU; called whenever they may have changed. */
void interface_follow_port(struct port *port);
void interfaces_destroy(void); /* tests: all of them, and the registry's memory */

/* Workers: a burst or a drop on the share of one of them; nothing where the interface is a
 * port's, whose counters are the port's. */
void interface_count_rx(struct interface *interface, unsigned worker, struct packet *const *packets,
                        uint16_t n);
/* The same of frames that were counted before, and of one that is no port's. */
void interface_add_rx(struct interface *interface, unsigned worker, uint16_t n, uint64_t bytes);
void interface_count_tx(struct interface *interface, unsigned worker, struct packet *const *packets,
                        uint16_t n);
void interface_count_drop(struct interface *interface, unsigned worker, enum drop_reason why);
