/* intel_seen.c - what a receiver of Intel's sees in a frame (intel_seen.h). */
#include "tests/models/intel_seen.h"

#include <string.h>

/* MRQC */
#define HASH_OF_TCP4 0x00010000u
#define HASH_OF_IP4 0x00020000u
#define HASH_OF_IP6 0x00100000u
#define HASH_OF_TCP6 0x00200000u
#define HASH_OF_UDP4 0x00400000u
#define HASH_OF_UDP6 0x00800000u

#define TYPE_IP4 0x01u
#define TYPE_IP6 0x04u
#define TYPE_TCP 0x10u
#define TYPE_UDP 0x20u
#define PROTOCOL_TCP 6u
#define PROTOCOL_UDP 17u

#define STATUS_UDPCS 0x00000010u
#define STATUS_L4CS 0x00000020u
#define STATUS_IPCS 0x00000040u
#define ERROR_L4 0x20000000u
#define ERROR_IP 0x40000000u

enum hash { HASH_NONE, HASH_TCP4, HASH_IP4, HASH_TCP6, HASH_IP6 = 5, HASH_UDP4 = 7, HASH_UDP6 };

/* Where things are; ip 0: no IP.  payload: of the transport header, 0: none or a fragment. */
struct parsed {
    uint32_t ip, transport, end;
    bool v4;
    uint8_t protocol;
};

struct frame {
    const uint8_t *bytes;
    uint32_t length;
};

static bool is_tagged(const struct frame *f)
{
    return f->length >= 18 && f->bytes[12] == 0x81 && f->bytes[13] == 0;
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

static void parse_ip4(const struct frame *f, struct parsed *p)
{
    const uint8_t *h = f->bytes + p->ip;
    uint32_t header = (h[0] & 15u) * 4, total = get16(h + 2);
    if (h[0] >> 4 != 4 || header < 20 || total < header || p->ip + total > f->length) {
        p->ip = 0;
        return;
    }
    p->v4 = true;
    p->end = p->ip + total;
    if (!(get16(h + 6) & 0x3fff)) {
        p->protocol = h[9];
        p->transport = p->ip + header;
    }
}

/* Extension headers are looked at no further. */
static void parse_ip6(const struct frame *f, struct parsed *p)
{
    const uint8_t *h = f->bytes + p->ip;
    p->end = p->ip + 40 + get16(h + 4);
    if (h[0] >> 4 != 6 || p->end > f->length) {
        p->ip = 0;
        return;
    }
    p->protocol = h[6];
    p->transport = p->ip + 40;
}

static struct parsed parse(const struct frame *f)
{
    struct parsed p = { 0 };
    uint32_t type = 12 + (is_tagged(f) ? 4u : 0);
    if (f->length < type + 2)
        return p;
    p.ip = type + 2;
    if (get16(f->bytes + type) == 0x0800 && f->length >= p.ip + 20)
        parse_ip4(f, &p);
    else if (get16(f->bytes + type) == 0x86dd && f->length >= p.ip + 40)
        parse_ip6(f, &p);
    else
        p.ip = 0;
    uint32_t need = p.protocol == PROTOCOL_TCP ? 20 : 8;
    bool known = p.protocol == PROTOCOL_TCP || p.protocol == PROTOCOL_UDP;
    if (!p.ip || !p.transport || !known || p.transport + need > p.end)
        p.transport = 0;
    return p;
}

unsigned intel_seen_type(const uint8_t *frame, uint32_t length)
{
    const struct frame f = { frame, length };
    struct parsed p = parse(&f);
    unsigned type = !p.ip ? 0 : p.v4 ? TYPE_IP4 : TYPE_IP6;
    if (p.transport)
        type |= p.protocol == PROTOCOL_TCP ? TYPE_TCP : TYPE_UDP;
    return type;
}

/* Checksums -------------------------------------------------------------------- */

static uint32_t sum16(uint32_t sum, const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i + 1 < n; i += 2)
        sum += get16(bytes + i);
    return n % 2 ? sum + ((uint32_t)bytes[n - 1] << 8) : sum;
}

static bool sums_up(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

static bool transport_good(const struct frame *f, const struct parsed *p)
{
    const uint8_t *ip = f->bytes + p->ip;
    uint32_t n = p->end - p->transport, sum = n + p->protocol;
    sum = p->v4 ? sum16(sum, ip + 12, 8) : sum16(sum, ip + 8, 32);
    return sums_up(sum16(sum, f->bytes + p->transport, n));
}

uint32_t intel_seen_checksums(const uint8_t *frame, uint32_t length, bool ip, bool l4)
{
    const struct frame f = { frame, length };
    struct parsed p = parse(&f);
    uint32_t status = 0;
    if (p.ip && p.v4 && ip) {
        uint32_t header = (frame[p.ip] & 15u) * 4;
        status |= STATUS_IPCS | (sums_up(sum16(0, frame + p.ip, header)) ? 0 : ERROR_IP);
    }
    bool udp = p.protocol == PROTOCOL_UDP;
    if (!p.transport || !l4 || (udp && !get16(frame + p.transport + 6)))
        return status;
    status |= STATUS_L4CS | (udp ? STATUS_UDPCS : 0);
    return status | (transport_good(&f, &p) ? 0 : ERROR_L4);
}

/* RSS ------------------------------------------------------------------------------ */

/* Bit i of the input (most significant first) selects the 32 bits of the key that begin at
 * bit i. */
static uint32_t toeplitz(const uint8_t key[40], const uint8_t *input, uint32_t n)
{
    uint32_t hash = 0, window = get16(key) << 16 | get16(key + 2);
    for (uint32_t i = 0; i < 8 * n; i++) {
        if (input[i / 8] >> (7 - i % 8) & 1)
            hash ^= window;
        window = window << 1 | (key[4 + i / 8] >> (7 - i % 8) & 1);
    }
    return hash;
}

static enum hash hash_of(uint32_t mrqc, const struct parsed *p)
{
    bool tcp = p->transport && p->protocol == PROTOCOL_TCP;
    bool udp = p->transport && p->protocol == PROTOCOL_UDP;
    if (!p->ip)
        return HASH_NONE;
    if (p->v4) {
        if (tcp && (mrqc & HASH_OF_TCP4))
            return HASH_TCP4;
        if (udp && (mrqc & HASH_OF_UDP4))
            return HASH_UDP4;
        return mrqc & HASH_OF_IP4 ? HASH_IP4 : HASH_NONE;
    }
    if (tcp && (mrqc & HASH_OF_TCP6))
        return HASH_TCP6;
    if (udp && (mrqc & HASH_OF_UDP6))
        return HASH_UDP6;
    return mrqc & HASH_OF_IP6 ? HASH_IP6 : HASH_NONE;
}

uint32_t intel_seen_hash(const uint8_t key[40], uint32_t mrqc, const uint8_t *frame,
                         uint32_t length, unsigned *type)
{
    const struct frame f = { frame, length };
    struct parsed p = parse(&f);
    enum hash hash = hash_of(mrqc, &p);
    uint8_t input[36];
    uint32_t n = p.v4 ? 8 : 32;
    *type = hash;
    if (hash == HASH_NONE)
        return 0;
    memcpy(input, frame + p.ip + (p.v4 ? 12 : 8), n);
    if (hash != HASH_IP4 && hash != HASH_IP6) {
        memcpy(input + n, frame + p.transport, 4);
        n += 4;
    }
    return toeplitz(key, input, n);
}
