/* bench6.c - IPv6 on the bench (bench6.h). */
#include "tests/models/bench6.h"

#include "apps/console/command.h"
#include "apps/forward/interface.h"
#include "apps/ip/udp.h"

#include <stdio.h>
#include <stdlib.h>

#define require(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "bench6: required: %s\n", #condition); \
            abort(); \
        } \
    } while (0)

int bench6_bare_set_up(void **state)
{
    return bench_set_up(state);
}

int bench6_set_up(void **state)
{
    bench_set_up(state);
    bench_command("port 0 address 2001:db8:0::1/64");
    bench_command("port 2 address 2001:db8:1::1/64");
    bench_command("port 4 address 2001:db8:2::1/64");
    bench_run_ms(3500); /* and all that is told of them */
    bench_is_quiet();
    return 0;
}

struct ip_address address6(const char *text)
{
    struct prefix p;
    require(parse_prefix(text, &p, false));
    return p.ipv6 ? ip_load(p.bytes) : ip_from_v4(load_be32(p.bytes));
}

struct ip_address link_local_of(unsigned wire)
{
    return ipv6_link_local(bench.port[wire]->mac);
}

static void header(struct frame *f, unsigned wire, unsigned station, struct ip_address source,
                   struct ip_address destination, uint8_t next, unsigned length)
{
    memset(f->bytes, 0, ETHERNET_HEADER + IPV6_HEADER + 8);
    if (ipv6_is_multicast(destination))
        ipv6_group_mac(destination, f->bytes);
    else
        memcpy(f->bytes, bench.port[wire]->mac, MAC_LEN);
    station_mac(wire, station, f->bytes + MAC_LEN);
    store_be16(f->bytes + 12, ETHERTYPE_IPV6);
    ipv6_make(frame_ip(f), source, destination, next, (uint16_t)(length - IPV6_HEADER), 64);
    f->length = ETHERNET_HEADER + length;
}

/* The sum as a receiver makes it, with the field as it is. */
static uint16_t sum_of(const struct frame *f)
{
    static uint8_t bytes[FRAME_MAX];
    memcpy(bytes, f->bytes, f->length);
    const uint8_t *ip = bytes + ETHERNET_HEADER;
    uint32_t length = load_be16(ip + IPV6_PAYLOAD_LENGTH);
    struct packet p = { .data = bytes, .length = (uint16_t)f->length, .frame_length = f->length };
    return ipv6_checksum(&p, ip[IPV6_NEXT_HEADER], ETHERNET_HEADER + IPV6_HEADER, length);
}

void frame6_seal(struct frame *f)
{
    bool udp = frame_ip(f)[IPV6_NEXT_HEADER] == IPV6_UDP;
    uint8_t *field = frame_ip(f) + IPV6_HEADER + (udp ? UDP_CHECKSUM : ICMP6_CHECKSUM);
    memset(field, 0, 2);
    uint16_t sum = sum_of(f);
    memcpy(field, &sum, 2);
}

void frame6(struct frame *f, unsigned wire, unsigned station, struct ip_address source,
            struct ip_address destination, unsigned length)
{
    header(f, wire, station, source, destination, IPV6_UDP, length);
    store_be16(frame_ip(f) + IPV6_HEADER + UDP_LENGTH, (uint16_t)(length - IPV6_HEADER));
    for (unsigned i = IPV6_HEADER + 8; i < length; i++)
        frame_ip(f)[i] = (uint8_t)(i + i / 256);
    if (length >= IPV6_HEADER + UDP_HEADER)
        frame6_seal(f);
}

bool frame6_is_sealed(const struct frame *f)
{
    return sum_of(f) == 0;
}

uint8_t *frame6_icmp(struct frame *f, unsigned wire, unsigned station, struct ip_address source,
                     struct ip_address destination, uint8_t type, unsigned length)
{
    header(f, wire, station, source, destination, IPV6_ICMP, IPV6_HEADER + length);
    memset(frame6_icmp_of(f), 0, length);
    frame6_icmp_of(f)[ICMP6_TYPE] = type;
    frame6_seal(f);
    return frame6_icmp_of(f);
}

uint8_t *frame6_extend(struct frame *f, uint8_t type)
{
    uint8_t *ip = frame_ip(f), *at = ip + IPV6_HEADER;
    memmove(at + 8, at, f->length - ETHERNET_HEADER - IPV6_HEADER);
    memset(at, 0, 8);
    at[0] = ip[IPV6_NEXT_HEADER];
    ip[IPV6_NEXT_HEADER] = type;
    store_be16(ip + IPV6_PAYLOAD_LENGTH, (uint16_t)(load_be16(ip + IPV6_PAYLOAD_LENGTH) + 8));
    f->length += 8;
    return at;
}

bool bench_take6(unsigned wire, struct frame *frame)
{
    while (bench_take(wire, frame))
        if (load_be16(frame->bytes + 12) == ETHERTYPE_IPV6)
            return true;
    return false;
}

bool bench_take_icmp6(unsigned wire, struct frame *frame, uint8_t type)
{
    while (bench_take6(wire, frame))
        if (frame_ip(frame)[IPV6_NEXT_HEADER] == IPV6_ICMP &&
            frame6_icmp_of(frame)[ICMP6_TYPE] == type)
            return true;
    return false;
}

void frame6_solicit(struct frame *f, unsigned wire, unsigned station, struct ip_address source,
                    struct ip_address target)
{
    unsigned option = ip_is_zero(source) ? 0 : ND_OPTION_MAC_LENGTH;
    uint8_t mac[MAC_LEN];
    uint8_t *icmp = frame6_icmp(f, wire, station, source, ipv6_solicited_node(target),
                                ICMP6_NEIGHBOR_SOLICITATION, ND_NEIGHBOR_LENGTH + option);
    frame_ip(f)[IPV6_HOP_LIMIT] = 255;
    ip_store(icmp + ND_TARGET, target);
    station_mac(wire, station, mac);
    if (option)
        nd_put_mac(icmp + ND_NEIGHBOR_LENGTH, ND_OPTION_SOURCE, mac);
    frame6_seal(f);
}

void frame6_advertise(struct frame *f, unsigned wire, unsigned station, struct ip_address to,
                      struct ip_address target, uint8_t flags)
{
    uint8_t mac[MAC_LEN];
    uint8_t *icmp = frame6_icmp(f, wire, station, target, to, ICMP6_NEIGHBOR_ADVERTISEMENT,
                                ND_NEIGHBOR_LENGTH + ND_OPTION_MAC_LENGTH);
    frame_ip(f)[IPV6_HOP_LIMIT] = 255;
    icmp[ND_FLAGS] = flags;
    ip_store(icmp + ND_TARGET, target);
    station_mac(wire, station, mac);
    nd_put_mac(icmp + ND_NEIGHBOR_LENGTH, ND_OPTION_TARGET, mac);
    frame6_seal(f);
}

/* It asks, is answered, and says that it is there. */
void station_meet6(unsigned wire, unsigned station, struct ip_address address)
{
    struct frame f;
    char text[16];
    snprintf(text, sizeof text, "2001:db8:%x::1", wire);
    struct ip_address router = address6(text);
    bench_is_quiet();
    frame6_solicit(&f, wire, station, address, router);
    bench_send(wire, &f);
    require(bench_take_icmp6(wire, &f, ICMP6_NEIGHBOR_ADVERTISEMENT));
    frame6_advertise(&f, wire, station, router, address, ND_SOLICITED | ND_OVERRIDE);
    bench_send(wire, &f);
    bench_is_quiet();
}
