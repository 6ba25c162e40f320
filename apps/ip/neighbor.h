/* neighbor.h - who is next: MAC addresses of hosts and gateways on our links.
 *
 * One table for all interfaces and both families, bounded, filled by ARP (RFC 826), neighbor
 * discovery (RFC 4861) and by hand.  Each
 * entry has an adjacency (adjacency.h), which is valid while the entry is resolved and its
 * interface up.  Frames for an unresolved neighbor wait in a short queue (RFC 1122 2.3.2.2).
 *
 * States, after RFC 1122 2.3.2.1 (timeout, unicast poll) with RFC 4861's names:
 *   idle        held by a route, never asked for
 *   incomplete  asked for by broadcast or multicast, NEIGHBOR_TRIES times, a second apart
 *   reachable   heard of within NEIGHBOR_REACHABLE_US, of IPv6 half to one and a half times
 *               NEIGHBOR6_REACHABLE_US
 *   stale       not since; still used, and its use starts a probe, of IPv6 after a delay
 *   delay       used, and about to be probed (RFC 4861 7.3.3)
 *   probe       asked by unicast, then by broadcast or multicast (unread: RFC 7048),
 *               NEIGHBOR_TRIES times each; still used; silence ends the entry
 *   failed      did not answer; frames are refused at once for a while
 *   static      configured; never ages, never changes
 * Control task only. */
#pragma once

#include "apps/forward/forward.h"
#include "apps/forward/interface.h"
#include "apps/ip/ip_address.h"
#include "kernel/table.h"
#include "kernel/time.h"

#include <stdbool.h>
#include <stdint.h>

/* A bound that a scan of a large prefix runs into: 4096 entries with their adjacencies are
 * 600 KiB, what an appliance of 8 MiB can spare. */
#define NEIGHBORS_MAX 4096u
#define NEIGHBOR_QUEUE_MAX PORT_BURST /* frames per neighbor; the oldest goes first */
/* Frames in all queues: a queue's worth for 64 neighbors, and never more than a quarter of
 * the packets there are. */
#define NEIGHBOR_HELD_MAX 2048u
#define NEIGHBOR_TRIES 3u
#define NEIGHBOR_RETRY_US US_PER_S /* RFC 1122 2.3.2.1: at most one a second */
#define NEIGHBOR_FAILED_US (3 * US_PER_S)
#define NEIGHBOR_REACHABLE_US (60 * US_PER_S)
#define NEIGHBOR6_REACHABLE_US (30 * US_PER_S) /* RFC 4861 10 */
#define NEIGHBOR6_DELAY_US (5 * US_PER_S)      /* RFC 4861 10 */
#define NEIGHBOR_UNUSED_US (1200 * US_PER_S)
/* New resolutions a second, of each family: scans do not become storms. */
#define NEIGHBOR_RESOLVE_RATE 1000u
#define NEIGHBOR_RESOLVE_BURST 512u

enum neighbor_state {
    NEIGHBOR_FREE,
    NEIGHBOR_IDLE,
    NEIGHBOR_INCOMPLETE,
    NEIGHBOR_REACHABLE,
    NEIGHBOR_STALE,
    NEIGHBOR_DELAY,
    NEIGHBOR_PROBE,
    NEIGHBOR_FAILED,
    NEIGHBOR_STATIC,
};
extern const char *const neighbor_state_names[];

/* Why a configuration may say that a station is a neighbor on an interface. */
enum neighbor_ground {
    NEIGHBOR_NO_GROUND, /* it may not */
    NEIGHBOR_BY_PREFIX, /* the interface has a prefix for it */
    NEIGHBOR_BY_ROUTE   /* only a route says that it is there */
};

struct neighbor_info {
    struct ip_address address;
    uint8_t mac[MAC_LEN];
    uint16_t interface; /* number */
    enum neighbor_state state;
    bool in_use; /* its interface has a prefix for it, and in effect */
    enum neighbor_ground ground;
};

/* Who is given a frame whose next hop does not answer, to tell its source and drop it. */
struct neighbor_refusal {
    uint16_t type; /* EtherType of such frames */
    void (*refuse)(struct worker *control, struct packet *packet);
};
TABLE_DECLARE(neighbor_refusals, struct neighbor_refusal);
#define NEIGHBOR_REFUSAL(symbol) \
    TABLE_ENTRY(neighbor_refusals, struct neighbor_refusal, symbol)

/* Where a route object leads to for one destination; false: nowhere, or to no interface any
 * more. */
struct next_hop {
    struct interface *interface;
    struct ip_address address;
};
bool neighbor_next_hop(uint32_t nexthop, struct ip_address destination, struct next_hop *hop);

/* Sends the packet to where the route object leads (one that neighbor_next_hop() knows), or
 * lets it wait.  The frame is complete but for its Ethernet header.  Owns it. */
void neighbor_output(struct worker *control, uint32_t nexthop, struct ip_address destination,
                     struct packet *packet);
uint64_t neighbor_held(void); /* received frames waiting */

/* What somebody on the interface said means for what is known of `address`.  mac NULL: it did not
 * say its own. */
#define NEIGHBOR_NEW 1u       /* it was said to us: worth an entry */
#define NEIGHBOR_OVERRIDE 2u  /* the MAC stands against one that is known */
#define NEIGHBOR_ALIVE 4u     /* that it speaks proves that it is there, if the MAC is as known */
#define NEIGHBOR_CONFIRMED 8u /* we asked it, or it us: it is there */
void neighbor_hear(struct worker *control, struct interface *interface, struct ip_address address,
                   const uint8_t mac[MAC_LEN], unsigned how);

/* Whether a host of that address is, or would be, on the interface's link: by a prefix in effect,
 * or by a route. */
bool neighbor_may_be(struct ip_address address, const struct interface *interface);

/* The route object of a route's gateway; the entry is made and kept until released as often
 * as it was held.  0: table full, or no memory: neighbor_no_room() says which. */
uint32_t neighbor_hold(struct ip_address address, struct interface *interface);
void neighbor_release(uint32_t nexthop);
/* Something changed around them (routes, addresses, interfaces, the mode): all are looked at
 * again, a bounded number at a time: after an event the first ones at once, the rest in the
 * slices that follow. */
#define NEIGHBORS_PER_SLICE 512u
void neighbor_refresh(void);
/* How many one slice has looked at at most, so far; tests clear it. */
extern unsigned neighbor_slice_most;

/* 0, -ENETUNREACH (not a host on that interface by a prefix or a route), -EINVAL (ours, or a MAC
 * no station has), -EEXIST (already static), -ENOSPC (table full), -ENOMEM. */
int neighbor_add_static(struct ip_address address, const uint8_t mac[MAC_LEN],
                        struct interface *interface);
/* 0 or -ENOENT; interface NULL: wherever it is. */
int neighbor_delete(struct ip_address address, const struct interface *interface);
/* The MAC of one that is known; false: it is not. */
bool neighbor_mac(const struct interface *interface, struct ip_address address,
                  uint8_t mac[MAC_LEN]);
/* The entry at or after *place, which moves on behind it; false: no more. */
bool neighbor_next(unsigned *place, struct neighbor_info *info);
uint64_t neighbor_refused(void); /* entries that there was no room for */
int neighbor_no_room(void);      /* why not: -ENOSPC or -ENOMEM */
void neighbor_shutdown(void); /* tests: everything freed */
