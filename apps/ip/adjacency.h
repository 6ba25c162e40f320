/* adjacency.h - what is left to do with a packet for one next hop: the bytes to put in front
 * of it, and the interface to hand it to.
 *
 * One cache line that workers read without locks while `valid` says so.  A record that they
 * may be reading is never rewritten in place: `valid` is cleared, and when no worker can
 * still be at it (apps/forward/quiesce.h) it is filled and made valid again; meanwhile its
 * packets take the slow path.  Made and changed by the control task alone. */
#pragma once

#include "apps/forward/interface.h"
#include "apps/ip/slots.h"
#include "kernel/compiler.h"
#include "kernel/table.h"

#include <stdbool.h>
#include <stdint.h>

#define ADJACENCY_NONE 0u /* there is a record of that number, and it is never valid */
#define ADJACENCIES_MAX (1u << 20)
#define ADJACENCY_HEADER_MAX 22u /* two addresses, two tags, EtherType */

struct adjacency {
    uint32_t link; /* slots.h */
    uint32_t valid;
    struct interface *interface;
    uint16_t mtu;
    uint8_t header_length;
    uint8_t used;                         /* set by workers, cleared by the control task */
    uint8_t header[ADJACENCY_HEADER_MAX]; /* as it lies in front of the IP header */
    /* the control task's */
    uint8_t state; /* enum in adjacency.c */
    bool wanted;   /* to be valid, with this MAC, as soon as that can be */
    uint8_t mac[MAC_LEN];
    uint16_t type;    /* EtherType */
    uint32_t owner;   /* neighbor */
    uint32_t resting; /* the next one that rests, 0: none */
    uint32_t watched; /* so many want to hear when `wanted` changes */
} CACHE_ALIGNED;
_Static_assert(sizeof(struct adjacency) == CACHE_LINE, "one adjacency, one cache line");

extern struct slots adjacencies;

static inline struct adjacency *adjacency_at(uint32_t number)
{
    char *chunk = adjacencies.chunk[number / SLOTS_CHUNK];
    return (struct adjacency *)chunk + number % SLOTS_CHUNK;
}

/* Who hears of it: ADJACENCY_WATCHER(symbol) = { .changed = ... }; */
struct adjacency_watcher {
    void (*changed)(void);
};
TABLE_DECLARE(adjacency_watchers, struct adjacency_watcher);
#define ADJACENCY_WATCHER(symbol) \
    TABLE_ENTRY(adjacency_watchers, struct adjacency_watcher, symbol)

int adjacency_init(void); /* once or more; 0 or -ENOMEM */
/* Of an interface and an EtherType for good, and not valid; ADJACENCY_NONE: no memory. */
uint32_t adjacency_make(struct interface *interface, uint16_t type, uint32_t owner);
void adjacency_free(uint32_t number);
void adjacency_resolve(uint32_t number, const uint8_t mac[MAC_LEN]); /* valid, now or soon */
void adjacency_unresolve(uint32_t number);
void adjacency_refresh(uint32_t number); /* its interface may have another MAC or MTU */
void adjacency_shutdown(void);           /* tests: everything freed */
