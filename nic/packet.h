/* packet.h - a frame in memory, and the pool it comes from.
 *
 * Frame bytes live in the pool, which devices can reach.  What we believe
 * about a frame lives in struct packet, which they cannot: nothing in here is
 * ever taken from bytes that a device can write.
 *
 * A frame is one packet or, when it does not fit into one buffer, a chain
 * through ->next.  Only the first packet of a chain carries the frame's fields.
 * Rule for receivers: the first segment holds the whole frame or at least
 * PACKET_HEADER_MIN bytes of it, so headers are read without looking for seams.
 *
 * Ownership: whoever holds the pointer owns the packet (the whole chain) and
 * either passes it on or frees it.  A cache belongs to one worker; any packet
 * may be freed into any cache. */
#pragma once

#include "kernel/compiler.h"
#include "kernel/dma.h"
#include "nic/ethernet.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PACKET_BUFFER_SIZE 2048u /* bytes for segments of a frame */
/* From one buffer to the next, an odd number of cache lines: headers a power of two apart would
 * all lie in a few sets of a cache and drive each other out. */
#define PACKET_BUFFER_STRIDE (PACKET_BUFFER_SIZE + CACHE_LINE)
/* No buffer lies across a multiple of this: the first 82545 and 82546 must not write there (seen
 * in Linux's e1000, which calls it errata 23; unread: Intel's specification update). */
#define PACKET_BLOCK 65536u
#define PACKETS_IN_BLOCK (PACKET_BLOCK / PACKET_BUFFER_STRIDE)
#define PACKET_HEADROOM 128u /* free in front of a fresh packet's data */
#define PACKET_HEADER_MIN 128u
#define PACKET_ROOM (PACKET_BUFFER_SIZE - PACKET_HEADROOM)
#define FRAME_MIN ETHERNET_HEADER /* shorter is a runt to us */
#define FRAME_MAX 9220u       /* longest frame without FCS that ports take, as a rule: MTU 9198 */
#define FRAME_LONGEST 16132u  /* that any port takes: MTU 16110 */
#define FRAME_SEGMENTS_MAX 8u /* a longer chain is refused by ports */

/* The device checked the IPv4 header checksum (outermost header, untagged or tagged
 * frame) and it is right, or it is wrong; neither: nobody looked.  Cleared by
 * packet_alloc_burst(), so a copy has none, and set by receivers only.  They hold for the
 * header as it was received: who rewrites it does not ask them again. */
#define PACKET_IP_CHECKSUM_GOOD 0x01u
#define PACKET_IP_CHECKSUM_BAD 0x02u
/* The frame's outermost 802.1Q tag lies beside it, its TCI in `vlan`: a receiver took it off,
 * or whoever sends wants it on the wire.  packet_copy() keeps it. */
#define PACKET_VLAN 0x04u
/* `hash` is the device's, over what it made out as the frame's flow (nic/rss.h).  Set by receivers
 * only, and cleared by whoever overwrites the hash. */
#define PACKET_HASH 0x08u

#define PACKET_INTERFACE_NONE UINT16_MAX /* packet->interface of a frame that just came in */

struct packet {
    uint8_t *data;         /* first byte of this segment */
    uint16_t length;       /* bytes in this segment */
    uint32_t frame_length; /* bytes of the whole frame, FCS excluded (first segment) */
    struct packet *next;   /* next segment, NULL: last */
    uint8_t *buffer;       /* start of the buffer; constant */
    uint64_t buffer_iova;  /* what every device calls it; constant */
    uint64_t user;         /* whoever holds the packet may use it */
    uint8_t flags;         /* PACKET_*: what goes with the frame (first segment) */
    uint16_t vlan;         /* with PACKET_VLAN */
    uint16_t interface;    /* the layer above's, none in what a port hands over */
    uint16_t port;         /* number of the port it came in on */
    uint32_t hash;         /* of its flow, for whoever filled it in: stale in a fresh packet */
} CACHE_ALIGNED;

_Static_assert(sizeof(struct packet) == CACHE_LINE, "one packet, one cache line");
_Static_assert(offsetof(struct packet, frame_length) == offsetof(struct packet, length) + 4,
               "packet_shorten() changes both lengths at once; receivers write both");
_Static_assert(offsetof(struct packet, buffer_iova) == offsetof(struct packet, buffer) + 8,
               "receivers move both at once");
_Static_assert(offsetof(struct packet, interface) == offsetof(struct packet, flags) + 4 &&
                   offsetof(struct packet, port) == offsetof(struct packet, flags) + 6 &&
                   offsetof(struct packet, hash) == offsetof(struct packet, flags) + 8,
               "packet_arrived() sets flags, tag, interface and port at once");
_Static_assert(offsetof(struct packet, flags) % 16 == 0 &&
                   sizeof(struct packet) == offsetof(struct packet, flags) + 16,
               "receivers write these and the hash at once");

/* Where packet i's buffer lies in its pool's memory; as many packets take that many bytes. */
static inline size_t packet_buffer_offset(uint32_t i)
{
    return (size_t)(i / PACKETS_IN_BLOCK) * PACKET_BLOCK +
           i % PACKETS_IN_BLOCK * PACKET_BUFFER_STRIDE;
}

static inline uint64_t packet_iova(const struct packet *p)
{
    return p->buffer_iova + (uint64_t)(p->data - p->buffer);
}

/* Length of the first segment and of the frame at once, which lie in one word: behind octets that
 * are cut from its beginning, or put there. */
#define PACKET_LENGTHS (1ull << 32 | 1)

static inline void packet_shorten(struct packet *p, uint16_t n)
{
    uint64_t lengths;
    memcpy(&lengths, &p->length, sizeof lengths);
    lengths -= n * PACKET_LENGTHS;
    memcpy(&p->length, &lengths, sizeof lengths);
}

static inline void packet_lengthen(struct packet *p, uint16_t n)
{
    uint64_t lengths;
    memcpy(&lengths, &p->length, sizeof lengths);
    lengths += n * PACKET_LENGTHS;
    memcpy(&p->length, &lengths, sizeof lengths);
}

/* For receivers: it came in by that port, and nothing more is known of it.  All that is about a
 * frame beside its length lies in one word. */
static inline void packet_arrived(struct packet *p, uint16_t port)
{
    const uint64_t about = (uint64_t)port << 48 | (uint64_t)PACKET_INTERFACE_NONE << 32;
    memcpy(&p->flags, &about, sizeof about);
}

static inline uint32_t packet_tailroom(const struct packet *p)
{
    return (uint32_t)(p->buffer + PACKET_BUFFER_SIZE - (p->data + p->length));
}

/* A stack of free packets that one worker owns; the pool moves in bulk. */
#define PACKET_CACHE_SIZE 256u

struct packet_pool;

struct packet_cache {
    struct packet_pool *pool;
    uint32_t count;
    struct packet *packets[PACKET_CACHE_SIZE];
};

/* One pool for the appliance: `count` packets in shared DMA memory.
 * NULL with a log line when there is no memory for it. */
struct packet_pool *packet_pool_create(uint32_t count);
void packet_pool_destroy(struct packet_pool *pool); /* tests */
void packet_cache_init(struct packet_cache *cache, struct packet_pool *pool);
void packet_cache_flush(struct packet_cache *cache); /* all back to the pool */
uint32_t packet_pool_count(const struct packet_pool *pool);
uint32_t packet_pool_available(const struct packet_pool *pool); /* without caches */
const struct dma_memory *packet_pool_memory(const struct packet_pool *pool);

/* All n or none: true and n fresh packets (data at the headroom, lengths and flags 0,
 * next NULL). */
bool packet_alloc_burst(struct packet_cache *cache, struct packet **packets, uint32_t n);
/* The same for receivers, which fill in what a frame's fields are when it has come: of those here
 * only `next` is as it should be. */
bool packet_take_burst(struct packet_cache *cache, struct packet **packets, uint32_t n);
struct packet *packet_alloc(struct packet_cache *cache); /* NULL: none left */
/* Whole chains. */
void packet_free_burst(struct packet_cache *cache, struct packet **packets, uint32_t n);
void packet_free(struct packet_cache *cache, struct packet *packet);
/* A deep copy of the whole chain, headroom and tag kept; NULL: none left. */
struct packet *packet_copy(struct packet_cache *cache, const struct packet *packet);
/* Takes the outermost 802.1Q tag (TPID 8100) out of the frame and lays it beside it; false:
 * there is none, nothing changes.  A first segment may end below PACKET_HEADER_MIN by it. */
bool packet_pop_vlan(struct packet *packet);
/* Writes the tag that lies beside the frame into it, outermost; the frame may begin with
 * another packet then.  0, -ENOBUFS (a packet more is needed and none is left) or -EMSGSIZE
 * (the frame has FRAME_SEGMENTS_MAX already, all full): then nothing changes. */
int packet_push_vlan(struct packet_cache *cache, struct packet **packet);
/* Copies length bytes at offset of the frame out of the chain; false when it is shorter. */
bool packet_read(const struct packet *packet, uint32_t offset, void *to, uint32_t length);

/* A frame that a receiver puts together from the buffers its device filled. */
struct packet_gather {
    struct packet *first, *last; /* NULL: nothing yet */
    uint32_t segments;
    bool bad; /* it broke a rule: gone when its end comes */
};

/* The next buffer of it, of which the device filled `length` bytes and might fill `room`; without
 * any it is freed at once. */
static inline void packet_gather(struct packet_gather *frame, struct packet_cache *cache,
                                 struct packet *p, uint32_t length, uint32_t room)
{
    if (length > room || (length && frame->segments == FRAME_SEGMENTS_MAX))
        frame->bad = true;
    if (frame->bad || !length) {
        packet_free(cache, p);
        return;
    }
    p->length = (uint16_t)length;
    if (frame->last)
        frame->last->next = p;
    else
        frame->first = p;
    frame->last = p;
    frame->segments++;
    frame->first->frame_length += length;
}

/* It is the caller's, and the next one begins. */
static inline struct packet *packet_gathered(struct packet_gather *frame)
{
    struct packet *p = frame->first;
    frame->first = frame->last = NULL;
    frame->segments = 0;
    frame->bad = false;
    return p;
}
