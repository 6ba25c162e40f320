/* ip_address.h - an address of either family, as tables and commands hold it.
 *
 * 128 bits in host order.  An IPv4 address is there as its IPv4-mapped one (RFC 4291 2.5.5.2),
 * which no packet carries.  The length of a prefix counts as people write it: 0 to 32 or 0 to 128.
 * The frame has its own forms: ipv4.h, ipv6.h. */
#pragma once

#include "kernel/endian.h"
#include "kernel/random.h"

#include <stdbool.h>
#include <stdint.h>

struct ip_address {
    uint64_t high, low;
};

#define IP_MAPPED 0x0000ffff00000000ull /* `low` of an IPv4 address, without its 32 bits */
#define IP_TEXT 40u                     /* eight groups of four, and a NUL */
#define IP_PREFIX_TEXT 44u
#define IP_FAMILIES 2u

static inline struct ip_address ip_from_v4(uint32_t address)
{
    return (struct ip_address){ 0, IP_MAPPED | address };
}

static inline bool ip_is_v4(struct ip_address a)
{
    return !a.high && a.low >> 32 == IP_MAPPED >> 32;
}

static inline uint32_t ip_to_v4(struct ip_address a)
{
    return (uint32_t)a.low;
}

/* 0: IPv4, 1: IPv6, for tables that have one of each. */
static inline unsigned ip_family(struct ip_address a)
{
    return !ip_is_v4(a);
}

static inline unsigned ip_bits(struct ip_address a)
{
    return ip_is_v4(a) ? 32 : 128;
}

/* Sixteen octets as on the wire. */
static inline struct ip_address ip_load(const uint8_t *bytes)
{
    return (struct ip_address){ load_be64(bytes), load_be64(bytes + 8) };
}

static inline void ip_store(uint8_t *bytes, struct ip_address a)
{
    store_be64(bytes, a.high);
    store_be64(bytes + 8, a.low);
}

static inline bool ip_equal(struct ip_address a, struct ip_address b)
{
    return a.high == b.high && a.low == b.low;
}

static inline bool ip_is_zero(struct ip_address a)
{
    return !(a.high | a.low);
}

/* Where a length says that the bits of a host begin: all ones from there on. */
static inline struct ip_address ip_host_bits(struct ip_address a, unsigned length)
{
    unsigned n = ip_is_v4(a) ? 96 + length : length;
    return (struct ip_address){ n >= 64 ? 0 : ~0ull >> n,
                                n >= 128 ? 0 : n > 64 ? ~0ull >> (n - 64) : ~0ull };
}

static inline struct ip_address ip_network(struct ip_address a, unsigned length)
{
    struct ip_address host = ip_host_bits(a, length);
    return (struct ip_address){ a.high & ~host.high, a.low & ~host.low };
}

static inline struct ip_address ip_last(struct ip_address a, unsigned length)
{
    struct ip_address host = ip_host_bits(a, length);
    return (struct ip_address){ a.high | host.high, a.low | host.low };
}

/* Whether the first `length` bits are the same, of addresses of one family. */
static inline bool ip_within(struct ip_address prefix, unsigned length, struct ip_address a)
{
    struct ip_address host = ip_host_bits(prefix, length);
    return ip_is_v4(prefix) == ip_is_v4(a) && !((prefix.high ^ a.high) & ~host.high) &&
           !((prefix.low ^ a.low) & ~host.low);
}

static inline uint64_t ip_hash(struct ip_address a)
{
    return random_mix(a.low ^ (a.high << 29 | a.high >> 35));
}

/* Below 0, 0, above 0; IPv4 comes first. */
int ip_compare(struct ip_address a, struct ip_address b);
/* How many bits from the first on are the same in both, at most 128. */
unsigned ip_same_bits(struct ip_address a, struct ip_address b);

/* canonical (unread: RFC 5952 4); both write and return `text`. */
const char *ip_format(struct ip_address a, char text[IP_TEXT]);
const char *ip_format_prefix(struct ip_address a, unsigned length, char text[IP_PREFIX_TEXT]);
