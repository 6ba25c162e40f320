/* fragment6.c - cutting IPv6 packets (fragment6.h). */
#include "apps/ip/fragment6.h"

#include "apps/ip/fragment.h"
#include "kernel/random.h"

#define ROOM ALIGN_DOWN(IPV6_MTU_MIN - IPV6_HEADER - IPV6_FRAGMENT_HEADER, 8u)

static struct packet *cut(struct packet_cache *cache, const struct packet *whole, uint32_t id,
                          uint32_t offset)
{
    uint8_t header[IPV6_HEADER + IPV6_FRAGMENT_HEADER];
    uint32_t from = ETHERNET_HEADER + IPV6_HEADER + offset;
    uint32_t left = whole->frame_length - from, length = left < ROOM ? left : ROOM;
    uint8_t *fragment = header + IPV6_HEADER;
    memcpy(header, whole->data + ETHERNET_HEADER, IPV6_HEADER);
    store_be16(header + IPV6_PAYLOAD_LENGTH, (uint16_t)(IPV6_FRAGMENT_HEADER + length));
    fragment[0] = header[IPV6_NEXT_HEADER];
    fragment[1] = 0;
    store_be16(fragment + IPV6_FRAGMENT_OFFSET,
               (uint16_t)(offset | (length < left ? IPV6_FRAGMENT_MORE : 0)));
    store_be32(fragment + IPV6_FRAGMENT_ID, id);
    header[IPV6_NEXT_HEADER] = IPV6_FRAGMENT;
    struct packet *p = fragment_begin(cache, whole, header, sizeof header);
    if (p && !fragment_append(cache, p, whole, from, length)) {
        packet_free(cache, p);
        p = NULL;
    }
    return p;
}

int fragment6_packet(struct packet_cache *cache, const struct packet *whole,
                     struct packet *pieces[FRAGMENTS6_MAX])
{
    uint32_t id = (uint32_t)random_word(), length = whole->frame_length - ETHERNET_HEADER;
    unsigned n = 0;
    for (uint32_t offset = 0; offset < length - IPV6_HEADER; offset += ROOM) {
        struct packet *p = n < FRAGMENTS6_MAX ? cut(cache, whole, id, offset) : NULL;
        if (!p) {
            while (n)
                packet_free(cache, pieces[--n]);
            return 0;
        }
        pieces[n++] = p;
    }
    return (int)n;
}
