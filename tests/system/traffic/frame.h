/* frame.h - the bytes of the frames that the traffic tool makes and looks at. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 9216u
#define FRAME_MIN 60u /* IEEE 802.3 3.2.8, without FCS */

#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_ARP 0x0806u
#define ETH_LEN 14u
#define IP_LEN 20u
#define L4_LEN 8u /* UDP's header and ICMP echo's are equally long */
#define PAYLOAD (ETH_LEN + IP_LEN + L4_LEN)
#define ARP_LEN 28u
#define PROTO_ICMP 1u
#define PROTO_UDP 17u
#define ICMP_ECHO_REPLY 0u
#define ICMP_ECHO 8u
#define ICMP_UNREACHABLE 3u
#define ECHO_PORT 7u /* RFC 862 */

static inline void put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
    put16(p, (uint16_t)(v >> 16));
    put16(p + 2, (uint16_t)v);
}

static inline void put64(uint8_t *p, uint64_t v)
{
    put32(p, (uint32_t)(v >> 32));
    put32(p + 4, (uint32_t)v);
}

static inline uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static inline uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) << 32 | get32(p + 4);
}

uint32_t sum_bytes(uint32_t sum, const uint8_t *p, size_t n); /* RFC 1071 */
uint16_t fold(uint32_t sum);
void put_ethernet(uint8_t *f, const uint8_t to[6], const uint8_t from[6], uint16_t type);
void put_ip_checksum(uint8_t *ip);
/* RFC 791 3.1; length counts the whole datagram. */
void put_ipv4(uint8_t *ip, uint32_t from, uint32_t to, uint8_t protocol, uint16_t length,
              uint16_t id);
/* RFC 826, Ethernet and IPv4; padded to the shortest frame. */
size_t put_arp(uint8_t *f, uint16_t operation, const uint8_t to[6], const uint8_t from[6],
               uint32_t from_ip, const uint8_t target[6], uint32_t target_ip);
bool is_arp(const uint8_t *f, size_t n, uint16_t operation);
extern const uint8_t broadcast[6], nobody[6];
