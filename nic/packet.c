/* packet.c - the packet pool and the caches in front of it (packet.h). */
#include "nic/packet.h"

#include "kernel/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define POOL_ALIGN (2u * 1024u * 1024u)    /* for large pages of the IOMMU, as far as they go */
#define CACHE_BULK (PACKET_CACHE_SIZE / 2) /* moved between a cache and the pool at once */

/* The lock is taken once per CACHE_BULK packets, and only by a worker whose
 * allocations and frees do not balance: one that frees what it received and
 * sent (its own queues) never gets here. */
struct packet_pool {
    bool locked;
    uint32_t count, available;
    uint32_t made;            /* packets that have been used once; the others are not filled in */
    struct packet *packets;   /* metadata: ordinary memory, out of devices' reach */
    struct packet **free;     /* those of the made ones that are back */
    struct dma_memory memory; /* buffers */
};

static void pool_lock(struct packet_pool *pool)
{
    while (__atomic_test_and_set(&pool->locked, __ATOMIC_ACQUIRE))
        __builtin_ia32_pause();
}

static void pool_unlock(struct packet_pool *pool)
{
    __atomic_clear(&pool->locked, __ATOMIC_RELEASE);
}

static struct packet *packet_make(struct packet_pool *pool)
{
    uint32_t i = pool->made++;
    size_t offset = packet_buffer_offset(i);
    pool->packets[i] = (struct packet){ .buffer = (uint8_t *)pool->memory.va + offset,
                                        .buffer_iova = pool->memory.iova + offset };
    return &pool->packets[i];
}

static uint32_t returned(const struct packet_pool *pool)
{
    return pool->available - (pool->count - pool->made);
}

static int buffers_alloc(struct packet_pool *pool, size_t bytes)
{
    int e = bytes >= POOL_ALIGN ? dma_alloc_shared(bytes, POOL_ALIGN, &pool->memory) : -ENOMEM;
    return e ? dma_alloc_shared(bytes, PACKET_BLOCK, &pool->memory) : 0;
}

struct packet_pool *packet_pool_create(uint32_t count)
{
    struct packet_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        goto fail;
    pool->count = pool->available = count;
    pool->packets = aligned_alloc(CACHE_LINE, count * sizeof *pool->packets);
    pool->free = malloc(count * sizeof *pool->free);
    if (!pool->packets || !pool->free || buffers_alloc(pool, packet_buffer_offset(count)))
        goto fail;
    return pool;
fail:
    log_error("packet pool: no memory for %u packets", count);
    packet_pool_destroy(pool);
    return NULL;
}

void packet_pool_destroy(struct packet_pool *pool)
{
    if (!pool)
        return;
    dma_free(NULL, &pool->memory);
    free(pool->packets);
    free(pool->free);
    free(pool);
}

void packet_cache_init(struct packet_cache *cache, struct packet_pool *pool)
{
    cache->pool = pool;
    cache->count = 0;
}

static void cache_give(struct packet_cache *cache, uint32_t n)
{
    struct packet_pool *pool = cache->pool;
    pool_lock(pool);
    memcpy(&pool->free[returned(pool)], &cache->packets[cache->count - n], n * sizeof(void *));
    pool->available += n;
    pool_unlock(pool);
    cache->count -= n;
}

/* What was used before first: only what is needed is ever touched. */
static void cache_take(struct packet_cache *cache, uint32_t n)
{
    struct packet_pool *pool = cache->pool;
    pool_lock(pool);
    n = n < pool->available ? n : pool->available;
    uint32_t back = returned(pool) < n ? returned(pool) : n;
    memcpy(&cache->packets[cache->count], &pool->free[returned(pool) - back],
           back * sizeof(void *));
    for (uint32_t i = back; i < n; i++)
        cache->packets[cache->count + i] = packet_make(pool);
    pool->available -= n;
    pool_unlock(pool);
    cache->count += n;
}

void packet_cache_flush(struct packet_cache *cache)
{
    cache_give(cache, cache->count);
}

uint32_t packet_pool_count(const struct packet_pool *pool)
{
    return pool->count;
}

uint32_t packet_pool_available(const struct packet_pool *pool)
{
    return load_relaxed(&pool->available);
}

const struct dma_memory *packet_pool_memory(const struct packet_pool *pool)
{
    return &pool->memory;
}

static void packet_reset(struct packet *p)
{
    p->data = p->buffer + PACKET_HEADROOM;
    p->length = 0;
    p->frame_length = 0;
    p->flags = 0;
    p->interface = PACKET_INTERFACE_NONE;
}

bool packet_take_burst(struct packet_cache *cache, struct packet **packets, uint32_t n)
{
    for (uint32_t done = 0; done < n;) {
        uint32_t take = n - done < CACHE_BULK ? n - done : CACHE_BULK;
        if (cache->count < take)
            cache_take(cache, CACHE_BULK);
        if (cache->count < take) {
            packet_free_burst(cache, packets, done);
            return false;
        }
        cache->count -= take;
        memcpy(&packets[done], &cache->packets[cache->count], take * sizeof(void *));
        done += take;
    }
    return true;
}

bool packet_alloc_burst(struct packet_cache *cache, struct packet **packets, uint32_t n)
{
    if (!packet_take_burst(cache, packets, n))
        return false;
    for (uint32_t i = 0; i < n; i++)
        packet_reset(packets[i]);
    return true;
}

struct packet *packet_alloc(struct packet_cache *cache)
{
    struct packet *p;
    return packet_alloc_burst(cache, &p, 1) ? p : NULL;
}

void packet_free(struct packet_cache *cache, struct packet *packet)
{
    while (packet) {
        struct packet *next = packet->next;
        if (next)
            packet->next = NULL; /* as all free ones have it */
        if (cache->count == PACKET_CACHE_SIZE)
            cache_give(cache, CACHE_BULK);
        cache->packets[cache->count++] = packet;
        packet = next;
    }
}

/* Frames of one packet, as nearly all are, go into the cache one behind the other. */
void packet_free_burst(struct packet_cache *cache, struct packet **packets, uint32_t n)
{
    for (uint32_t i = 0; i < n;) {
        uint32_t room = PACKET_CACHE_SIZE - cache->count, end = n - i < room ? n : i + room;
        struct packet **to = &cache->packets[cache->count], **from = &packets[i];
        for (; from < &packets[end] && !(*from)->next; from++)
            *to++ = *from;
        cache->count = (uint32_t)(to - cache->packets);
        i = (uint32_t)(from - packets);
        if (i < n)
            packet_free(cache, packets[i++]);
    }
}

/* What the first packet of a frame carries of it. */
static void copy_fields(struct packet *to, const struct packet *from)
{
    to->port = from->port;
    to->frame_length = from->frame_length;
    to->user = from->user;
    to->flags = from->flags;
    to->vlan = from->vlan;
    to->interface = from->interface;
    to->hash = from->hash;
}

struct packet *packet_copy(struct packet_cache *cache, const struct packet *packet)
{
    struct packet *first = NULL, **tail = &first;
    for (const struct packet *from = packet; from; from = from->next) {
        struct packet *to = packet_alloc(cache);
        if (!to) {
            packet_free(cache, first);
            return NULL;
        }
        to->data = to->buffer + (from->data - from->buffer);
        to->length = from->length;
        copy_fields(to, from);
        to->flags &= PACKET_VLAN;
        memcpy(to->data, from->data, from->length);
        *tail = to;
        tail = &to->next;
    }
    return first;
}

/* Tags --------------------------------------------------------------------- */

bool packet_pop_vlan(struct packet *p)
{
    if (p->length < ETHERNET_HEADER + VLAN_TAG || ethernet_type(p->data) != ETHERTYPE_VLAN)
        return false;
    p->vlan = load_be16(p->data + VLAN_TCI);
    p->flags |= PACKET_VLAN;
    memmove(p->data + VLAN_TAG, p->data, 2 * MAC_LEN);
    p->data += VLAN_TAG;
    p->length = (uint16_t)(p->length - VLAN_TAG);
    p->frame_length -= VLAN_TAG;
    return true;
}

static uint32_t count_segments(const struct packet *p)
{
    uint32_t n = 0;
    for (; p; p = p->next)
        n++;
    return n;
}

/* A packet in front that holds as much of the frame as its receiver wants to see, for one whose
 * buffer is full from end to end. */
static int packet_prepend(struct packet_cache *cache, struct packet **packet)
{
    struct packet *p = *packet, *first = packet_alloc(cache);
    if (!first)
        return -ENOBUFS;
    copy_fields(first, p);
    first->length = PACKET_HEADER_MIN;
    memcpy(first->data, p->data, PACKET_HEADER_MIN);
    p->data += PACKET_HEADER_MIN;
    p->length = (uint16_t)(p->length - PACKET_HEADER_MIN);
    first->next = p;
    *packet = first;
    return 0;
}

/* For a chain that may not be longer: each one's last bytes go over into the next one, until one
 * has room.  False: none has, nothing changed. */
static bool packet_slide(struct packet *p, uint32_t n)
{
    struct packet *next = p->next;
    if (packet_tailroom(p) >= n)
        return true;
    if (!next || p->length < n || !packet_slide(next, n))
        return false;
    memmove(next->data + n, next->data, next->length);
    p->length = (uint16_t)(p->length - n);
    memcpy(next->data, p->data + p->length, n);
    next->length = (uint16_t)(next->length + n);
    return true;
}

int packet_push_vlan(struct packet_cache *cache, struct packet **packet)
{
    struct packet *p = *packet;
    bool in_front = p->data - p->buffer >= (ptrdiff_t)VLAN_TAG;
    if (!in_front && packet_tailroom(p) < VLAN_TAG) {
        bool full = count_segments(p) == FRAME_SEGMENTS_MAX;
        int e = full ? packet_slide(p, VLAN_TAG) ? 0 : -EMSGSIZE : packet_prepend(cache, packet);
        if (e)
            return e;
        p = *packet;
        in_front = !full;
    }
    if (in_front) {
        memmove(p->data - VLAN_TAG, p->data, 2 * MAC_LEN);
        p->data -= VLAN_TAG;
    } else {
        memmove(p->data + ETHERNET_TYPE + VLAN_TAG, p->data + ETHERNET_TYPE,
                (size_t)p->length - ETHERNET_TYPE);
    }
    store_be16(p->data + ETHERNET_TYPE, ETHERTYPE_VLAN);
    store_be16(p->data + VLAN_TCI, p->vlan);
    p->length = (uint16_t)(p->length + VLAN_TAG);
    p->frame_length += VLAN_TAG;
    p->flags &= (uint8_t)~PACKET_VLAN;
    return 0;
}

bool packet_read(const struct packet *packet, uint32_t offset, void *to, uint32_t length)
{
    uint8_t *out = to;
    for (; packet && length; packet = packet->next) {
        if (offset >= packet->length) {
            offset -= packet->length;
            continue;
        }
        uint32_t here = packet->length - offset;
        uint32_t take = here < length ? here : length;
        memcpy(out, packet->data + offset, take);
        out += take;
        length -= take;
        offset = 0;
    }
    return length == 0;
}
