/* bench6.h - IPv6 on the bench (bench.h): addresses, frames, stations.
 *
 * Wire i has 2001:db8:i::1/64 besides its IPv4 address; its duplicates were looked for. */
#pragma once

#include "apps/ip/icmp6_types.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/nd.h"
#include "tests/models/bench.h"

int bench6_set_up(void **state);
int bench6_bare_set_up(void **state); /* without the addresses */

struct ip_address address6(const char *text);
struct ip_address link_local_of(unsigned wire); /* the router's there */
/* From station n of the wire to the router's MAC, to a group's where the destination is one: a UDP
 * header of zeros and counting octets.  length: of the whole packet. */
void frame6(struct frame *f, unsigned wire, unsigned station, struct ip_address source,
            struct ip_address destination, unsigned length);
/* The same with an ICMPv6 message of `length` octets, which are zeros; then it is sealed. */
uint8_t *frame6_icmp(struct frame *f, unsigned wire, unsigned station, struct ip_address source,
                     struct ip_address destination, uint8_t type, unsigned length);
void frame6_seal(struct frame *f);   /* the checksum of what is behind the header: ICMPv6, UDP */
bool frame6_is_sealed(const struct frame *f);
/* Puts an extension header of 8 octets (its first is made) in front of what is there. */
uint8_t *frame6_extend(struct frame *f, uint8_t type);
bool bench_take6(unsigned wire, struct frame *frame); /* the next IPv6 frame */
/* The next one of this ICMPv6 type. */
bool bench_take_icmp6(unsigned wire, struct frame *frame, uint8_t type);
static inline uint8_t *frame6_icmp_of(struct frame *f)
{
    return f->bytes + ETHERNET_HEADER + IPV6_HEADER;
}
/* "Who has target?" from station n at `source`. */
void frame6_solicit(struct frame *f, unsigned wire, unsigned station, struct ip_address source,
                    struct ip_address target);
/* "I have target": flags as ND_*. */
void frame6_advertise(struct frame *f, unsigned wire, unsigned station, struct ip_address to,
                      struct ip_address target, uint8_t flags);
void station_meet6(unsigned wire, unsigned station, struct ip_address address);
