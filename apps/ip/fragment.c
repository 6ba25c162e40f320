/* fragment.c - cutting packets, and building one from parts (fragment.h). */
#include "apps/ip/fragment.h"

#include "apps/ip/ipv4.h"

#include <errno.h>

#define OPTION_NOP 1u
#define OPTION_COPIED 0x80u /* RFC 791 3.1: into every fragment */

struct cut {
    const struct packet *whole;
    uint8_t header[IPV4_HEADER_MAX];
    unsigned header_length;
    uint32_t offset, left; /* payload: bytes done, bytes to go */
    uint16_t fragment;     /* the original's flags and offset */
};

/* From the second fragment on, only options with the copied flag. */
static void header_reduce(struct cut *cut)
{
    unsigned end = cut->header_length, to = IPV4_OPTIONS, length;
    for (unsigned at = IPV4_OPTIONS; at < end && cut->header[at]; at += length) {
        length = cut->header[at] == OPTION_NOP ? 1 : at + 1 < end ? cut->header[at + 1] : 0;
        if (!length || length > end - at)
            break; /* the receiver of options checks them; this only stays in bounds */
        if (!(cut->header[at] & OPTION_COPIED))
            continue;
        memmove(cut->header + to, cut->header + at, length);
        to += length;
    }
    cut->header_length = ALIGN_UP(to, 4u);
    memset(cut->header + to, 0, cut->header_length - to);
    cut->header[IPV4_VERSION_IHL] = (uint8_t)(0x40 | cut->header_length / 4);
}

/* Appends length octets at `offset` of another frame, buffer after buffer. */
bool fragment_append(struct packet_cache *cache, struct packet *frame, const struct packet *from,
                     uint32_t offset, uint32_t length)
{
    struct packet *last = frame;
    while (last->next)
        last = last->next;
    while (length) {
        if (!packet_tailroom(last)) {
            last->next = packet_alloc(cache);
            last = last->next;
            if (!last)
                return false;
        }
        uint32_t room = packet_tailroom(last), n = length < room ? length : room;
        if (!packet_read(from, offset, last->data + last->length, n))
            return false;
        last->length = (uint16_t)(last->length + n);
        frame->frame_length += n;
        offset += n;
        length -= n;
    }
    return true;
}

/* A frame that has the Ethernet header of `like` and this IP header. */
struct packet *fragment_begin(struct packet_cache *cache, const struct packet *like,
                              const uint8_t *ip, unsigned header_length)
{
    struct packet *p = packet_alloc(cache);
    if (!p)
        return NULL;
    memcpy(p->data, like->data, ETHERNET_HEADER);
    memcpy(p->data + ETHERNET_HEADER, ip, header_length);
    p->length = (uint16_t)(ETHERNET_HEADER + header_length);
    p->frame_length = p->length;
    p->port = like->port;
    p->interface = like->interface;
    return p;
}

static struct packet *cut_next(struct packet_cache *cache, struct cut *cut, uint16_t mtu)
{
    uint32_t room = mtu - cut->header_length;
    uint32_t length = cut->left <= room ? cut->left : ALIGN_DOWN(room, 8u);
    bool more = length < cut->left || (cut->fragment & IPV4_FRAGMENT_MF);
    struct packet *p = fragment_begin(cache, cut->whole, cut->header, cut->header_length);
    if (!p)
        return NULL;
    uint8_t *ip = p->data + ETHERNET_HEADER;
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(cut->header_length + length));
    store_be16(ip + IPV4_FRAGMENT,
               (uint16_t)((more ? IPV4_FRAGMENT_MF : 0) |
                          ((cut->fragment & IPV4_FRAGMENT_OFFSET) + cut->offset / 8)));
    ipv4_checksum_set(ip);
    if (!fragment_append(cache, p, cut->whole, fragment_payload(cut->whole) + cut->offset,
                         length)) {
        packet_free(cache, p);
        return NULL;
    }
    cut->offset += length;
    cut->left -= length;
    return p;
}

int fragment_packet(struct packet_cache *cache, const struct packet *whole, uint16_t mtu,
                    struct packet *fragments[FRAGMENTS_MAX])
{
    const uint8_t *ip = whole->data + ETHERNET_HEADER;
    struct cut cut = { .whole = whole, .header_length = ipv4_header_length(ip) };
    memcpy(cut.header, ip, cut.header_length);
    cut.fragment = load_be16(ip + IPV4_FRAGMENT);
    cut.left = load_be16(ip + IPV4_TOTAL_LENGTH) - cut.header_length;
    if ((cut.fragment & IPV4_FRAGMENT_OFFSET) * 8u + cut.left > UINT16_MAX)
        return -EOVERFLOW;

    unsigned n = 0;
    int e = 0;
    while (cut.left && !e) {
        e = n == FRAGMENTS_MAX ? -E2BIG : 0;
        if (!e && !(fragments[n] = cut_next(cache, &cut, mtu)))
            e = -ENOBUFS;
        if (!e && n++ == 0)
            header_reduce(&cut);
    }
    if (!e)
        return (int)n;
    while (n)
        packet_free(cache, fragments[--n]);
    return e;
}
