/* ipv4.h - the IPv4 header: where its fields are, its checksum, its addresses.
 *
 * Addresses are uint32_t in host order everywhere above the frame.  Fields are
 * loaded and stored at offsets from the header's first byte (kernel/endian.h).
 * Sources: RFC 791 (IP), RFC 1071 and RFC 1624 (checksum), RFC 1812 (router). */
#pragma once

#include "kernel/endian.h"
#include "nic/ethernet.h"
#include "nic/packet.h"

#include <stdbool.h>
#include <stdint.h>

/* Offsets, RFC 791 3.1 */
#define IPV4_VERSION_IHL 0u
#define IPV4_TOS 1u
#define IPV4_TOTAL_LENGTH 2u
#define IPV4_ID 4u
#define IPV4_FRAGMENT 6u
#define IPV4_FRAGMENT_DF 0x4000u
#define IPV4_FRAGMENT_MF 0x2000u
#define IPV4_FRAGMENT_OFFSET 0x1fffu /* in units of 8 octets */
#define IPV4_TTL 8u
#define IPV4_PROTOCOL 9u
#define IPV4_CHECKSUM 10u
#define IPV4_SOURCE 12u
#define IPV4_DESTINATION 16u
#define IPV4_OPTIONS 20u

#define IPV4_HEADER_MIN 20u
#define IPV4_HEADER_MAX 60u
#define IPV4_TTL_DEFAULT 64u /* RFC 1700 */
#define IPV4_PROTOCOL_ICMP 1u
#define IPV4_PROTOCOL_UDP 17u
#define IPV4_LIMITED_BROADCAST 0xffffffffu

static inline uint32_t ipv4_mask(unsigned length)
{
    return length ? ~0u << (32 - length) : 0;
}

static inline bool ipv4_is_multicast(uint32_t address)
{
    return address >> 28 == 0xe;
}
static inline bool ipv4_is_link_local(uint32_t address)
{
    return address >> 16 == 0xa9fe;
}

/* Net 0, net 127, multicast, class E and the limited broadcast: no host has
 * such an address (RFC 1812 5.3.7, 4.2.2.11). */
static inline bool ipv4_is_martian(uint32_t address)
{
    uint32_t net = address >> 24;
    return net == 0 || net == 127 || net >= 224;
}

static inline unsigned ipv4_header_length(const uint8_t *ip)
{
    return (ip[IPV4_VERSION_IHL] & 0xfu) * 4;
}

/* One's complement sums do not care about byte order as long as both ends of
 * the computation use the same (unread: RFC 1071 2 B); these add 16-bit words as they
 * lie in memory.  An odd last byte counts as the first half of a word. */
static inline uint64_t checksum_add(uint64_t sum, const void *bytes, uint32_t length)
{
    const uint8_t *p = bytes;
    for (; length >= 4; p += 4, length -= 4)
        sum += load_le32(p);
    if (length >= 2) {
        sum += load_le16(p);
        p += 2;
        length -= 2;
    }
    return length ? sum + *p : sum;
}

/* The value to store with store_le16-like memcpy: 0 when the sum covered a
 * field that held the right checksum. */
static inline uint16_t checksum_finish(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static inline bool ipv4_checksum_ok(const uint8_t *ip, unsigned header_length)
{
    return checksum_finish(checksum_add(0, ip, header_length)) == 0;
}

static inline void ipv4_checksum_set(uint8_t *ip)
{
    memset(ip + IPV4_CHECKSUM, 0, 2);
    uint16_t sum = checksum_finish(checksum_add(0, ip, ipv4_header_length(ip)));
    memcpy(ip + IPV4_CHECKSUM, &sum, sizeof sum);
}

/* For a TTL that is not 0.  unread: RFC 1624 equation 3: HC' = ~(~HC + ~m + m'), m the word that
 * TTL shares with the protocol.  As m' is m less one in its first octet, that is HC and one in
 * its first octet, a carry going round, but never all ones.  TTL, protocol and checksum are one
 * word, in memory's order, so the checksum's first octet is its third. */
static inline void ipv4_decrement_ttl(uint8_t *ip)
{
    uint32_t word = load_le32(ip + IPV4_TTL);
    uint32_t more = word < 0xfffe0000 ? 0x10000 : 0x20000;
    store_le32(ip + IPV4_TTL, word + more - 1);
}

/* The checksum over `length` bytes at `offset` of a frame that may be a chain;
 * as checksum_finish() gives it. */
uint16_t ipv4_packet_checksum(const struct packet *packet, uint32_t offset, uint32_t length);

/* Cuts a frame to `length` bytes, freeing segments that become empty. */
void ipv4_packet_trim(struct packet_cache *cache, struct packet *packet, uint32_t length);

/* Options (RFC 791 3.1, unread: RFC 1812 5.3.13) -------------------------- */

enum ipv4_options {
    IPV4_OPTIONS_FINE,
    IPV4_OPTIONS_BAD, /* *pointer: the offending octet of the header */
    IPV4_OPTIONS_LOOSE_ROUTE,
    IPV4_OPTIONS_STRICT_ROUTE,
};

enum ipv4_options ipv4_options_check(const uint8_t *ip, uint8_t *pointer);
/* Record Route and Timestamp get `address`, the router's own on the way out,
 * where there is room; the header checksum follows.  For checked options. */
void ipv4_options_stamp(uint8_t *ip, uint32_t address, uint64_t now_us);
