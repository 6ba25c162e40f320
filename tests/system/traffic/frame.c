/* frame.c - see frame.h. */
#include "frame.h"

#include <string.h>

uint32_t sum_bytes(uint32_t sum, const uint8_t *p, size_t n)
{
    for (; n > 1; p += 2, n -= 2)
        sum += get16(p);
    return n ? sum + (uint32_t)(*p << 8) : sum;
}

uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

void put_ethernet(uint8_t *f, const uint8_t to[6], const uint8_t from[6], uint16_t type)
{
    memcpy(f, to, 6);
    memcpy(f + 6, from, 6);
    put16(f + 12, type);
}

void put_ip_checksum(uint8_t *ip)
{
    put16(ip + 10, 0);
    put16(ip + 10, fold(sum_bytes(0, ip, IP_LEN)));
}

void put_ipv4(uint8_t *ip, uint32_t from, uint32_t to, uint8_t protocol, uint16_t length,
              uint16_t id)
{
    ip[0] = 0x45;
    ip[1] = 0;
    put16(ip + 2, length);
    put16(ip + 4, id);
    put16(ip + 6, 0);
    ip[8] = 64;
    ip[9] = protocol;
    put32(ip + 12, from);
    put32(ip + 16, to);
    put_ip_checksum(ip);
}

size_t put_arp(uint8_t *f, uint16_t operation, const uint8_t to[6], const uint8_t from[6],
               uint32_t from_ip, const uint8_t target[6], uint32_t target_ip)
{
    memset(f, 0, FRAME_MIN);
    put_ethernet(f, to, from, ETHERTYPE_ARP);
    uint8_t *arp = f + ETH_LEN;
    put16(arp, 1);
    put16(arp + 2, ETHERTYPE_IPV4);
    arp[4] = 6;
    arp[5] = 4;
    put16(arp + 6, operation);
    memcpy(arp + 8, from, 6);
    put32(arp + 14, from_ip);
    memcpy(arp + 18, target, 6);
    put32(arp + 24, target_ip);
    return FRAME_MIN;
}

bool is_arp(const uint8_t *f, size_t n, uint16_t operation)
{
    return n >= ETH_LEN + ARP_LEN && get16(f + 12) == ETHERTYPE_ARP && get16(f + ETH_LEN) == 1 &&
           get16(f + ETH_LEN + 2) == ETHERTYPE_IPV4 && get16(f + ETH_LEN + 6) == operation;
}

const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
const uint8_t nobody[6];
