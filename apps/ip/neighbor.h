/* neighbor.h - who is next: MAC addresses of hosts and gateways on our links.
 *
 * One table for all ports, bounded, filled by ARP (RFC 826) and by hand.  Each
 * entry has an adjacency: one 64-bit word with port and MAC that workers read
 * without locks, 0 while the neighbor is unresolved.  Frames for an unresolved
 * neighbor wait in a short queue (RFC 1122 2.3.2.2).
 *
 * States, after RFC 1122 2.3.2.1 (timeout, unicast poll) with RFC 4861's names:
 *   idle        held by a route, never asked for
 *   incomplete  asked for by broadcast, NEIGHBOR_TRIES times, a second apart
 *   reachable   answered within NEIGHBOR_REACHABLE_US
 *   stale       not confirmed since; still used, and its use starts a probe
 *   probe       asked by unicast; still used; silence ends the entry
 *   failed      did not answer; frames are refused at once for a while
 *   static      configured; never ages, never changes
 * Control core only, but for adjacency_rewrite and adjacency_used. */
#pragma once

#include "apps/ip/address.h"
#include "apps/forward/forward.h"
#include "apps/ip/route.h"
#include "kernel/time.h"

#include <stdbool.h>
#include <stdint.h>

#define NEIGHBORS_MAX 4096u
#define NEIGHBOR_QUEUE_MAX 8u  /* frames per neighbor; the oldest goes first */
#define NEIGHBOR_HELD_MAX 512u /* frames in all queues */
#define NEIGHBOR_TRIES 3u
#define NEIGHBOR_RETRY_US US_PER_S /* RFC 1122 2.3.2.1: at most one a second */
#define NEIGHBOR_FAILED_US (3 * US_PER_S)
#define NEIGHBOR_REACHABLE_US (60 * US_PER_S)
#define NEIGHBOR_UNUSED_US (1200 * US_PER_S)
#define NEIGHBOR_RESOLVE_RATE 1000u /* new resolutions a second: scans do not become storms */
#define NEIGHBOR_RESOLVE_BURST 512u

enum neighbor_state {
    NEIGHBOR_FREE,
    NEIGHBOR_IDLE,
    NEIGHBOR_INCOMPLETE,
    NEIGHBOR_REACHABLE,
    NEIGHBOR_STALE,
    NEIGHBOR_PROBE,
    NEIGHBOR_FAILED,
    NEIGHBOR_STATIC,
};

struct neighbor_info {
    uint32_t address;
    uint8_t mac[MAC_LEN];
    uint16_t port;
    enum neighbor_state state;
};

/* Workers ----------------------------------------------------------------- */

#define ADJACENCY_COUNT (ADJACENCY_NEIGHBOR + NEIGHBORS_MAX)
#define REWRITE_VALID 0x8000000000000000ull
#define REWRITE_PORT 0x7fff000000000000ull
#define REWRITE_MAC 0x0000ffffffffffffull /* first octet lowest, as it lies in a frame */

extern uint64_t adjacency_rewrite[ADJACENCY_COUNT];
extern uint8_t adjacency_used[ADJACENCY_COUNT]; /* set by workers, cleared by the tick */

/* Control core ------------------------------------------------------------ */

/* Where an adjacency leads: out of which port, to whom.  False below
 * ADJACENCY_CONNECTED: those lead nowhere. */
struct next_hop {
    uint16_t port;
    uint32_t address;
};
bool neighbor_next_hop(uint32_t adjacency, uint32_t destination, struct next_hop *hop);

/* Sends the frame to where the adjacency leads (ADJACENCY_CONNECTED and above;
 * `destination` is the next hop of a connected one), or lets it wait.  The
 * frame is complete but for its Ethernet addresses.  Owns it. */
void neighbor_output(struct worker *control, uint32_t adjacency, uint32_t destination,
                     struct packet *packet);
/* An ARP frame that came in.  Owns it. */
void neighbor_receive(struct worker *control, struct port *in, struct packet *packet);
void neighbor_tick(struct worker *control, uint64_t now_us);
uint64_t neighbor_held(void);             /* received frames waiting */
void neighbor_stop(struct worker *control); /* drops what waits, forgets what was learned */

/* A route's gateway: its adjacency, made and kept until released as often as it
 * was held.  0: table full. */
uint32_t neighbor_hold(uint32_t address, uint16_t port);
void neighbor_release(uint32_t address);
void neighbor_refresh(void); /* addresses changed: forget who is on no prefix any more */
void neighbor_flush_port(struct worker *control,
                         uint16_t port); /* link down: forget what was learned */
/* Gratuitous ARP (RFC 5227 2.3), when the router runs and the port is up. */
void neighbor_announce(const struct address *address);
void neighbor_announce_port(uint16_t port);

/* 0, -ENETUNREACH (not a host on a prefix of that port), -EINVAL (ours, or a MAC
 * no station has), -EEXIST (already static), -ENOSPC. */
int neighbor_add_static(uint32_t address, const uint8_t mac[MAC_LEN], uint16_t port);
int neighbor_delete(uint32_t address); /* 0 or -ENOENT */
/* The entry at or after *place, which moves on behind it; false: no more. */
bool neighbor_next(unsigned *place, struct neighbor_info *info);
void neighbor_shutdown(void); /* tests: everything freed */
extern const char *const neighbor_state_names[];
