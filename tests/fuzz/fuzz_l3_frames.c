/* Frames into mode l3: nothing is lost, nothing is counted twice, and nothing
 * that arrives can make it read or write out of bounds. */
#include "apps/ip/neighbor.h"
#include "tests/fuzz/router.h"

#include <string.h>

static void make_plausible(struct frame *f)
{
    uint8_t *ip = frame_ip(f);
    unsigned header = (ip[0] & 0xfu) * 4;
    if (f->length < ETHERNET_HEADER + 60)
        return;
    store_be16(f->bytes + 12, ETHERTYPE_IPV4);
    header = header < 20 ? 20 : header;
    ip[0] = (uint8_t)(0x40 | header / 4);
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(f->length - ETHERNET_HEADER));
    ipv4_checksum_set(ip);
    if (ip[IPV4_PROTOCOL] == IPV4_PROTOCOL_ICMP && !(load_be16(ip + IPV4_FRAGMENT) & 0x3fff)) {
        uint32_t length = f->length - ETHERNET_HEADER - header;
        if (length < 8)
            return;
        memset(ip + header + 2, 0, 2);
        uint16_t sum = checksum_finish(checksum_add(0, ip + header, length));
        memcpy(ip + header + 2, &sum, sizeof sum);
    }
}

/* The router's and neighbors', one beyond a route, a broadcast. */
static const uint32_t known[8] = {
    IP(192, 0, 2, 1),   IP(192, 0, 2, 9),   IP(198, 51, 100, 1), IP(198, 51, 100, 9),
    IP(203, 0, 113, 1), IP(203, 0, 113, 2), IP(10, 1, 2, 3),     IP(192, 0, 2, 255),
};

static void make_known(struct frame *f, unsigned which)
{
    uint8_t *ip = frame_ip(f);
    if (f->length < ETHERNET_HEADER + IPV4_HEADER_MIN)
        return;
    store_be32(ip + IPV4_SOURCE, known[which & 7]);
    store_be32(ip + IPV4_DESTINATION, known[which >> 3 & 7]);
    if (which & 0x40)
        ip[IPV4_PROTOCOL] = IPV4_PROTOCOL_ICMP;
}

static void make_arp(struct frame *f, unsigned wire, struct input *in)
{
    unsigned which = (unsigned)take_value(in, 1);
    frame_arp(f, wire, which & 3, 1 + (which >> 7), known[which & 7], known[which >> 3 & 7]);
}

static void make_frame(struct frame *f, unsigned wire, unsigned what, unsigned which)
{
    if (what & STEP_TO_US)
        memcpy(f->bytes, bench.port[wire]->mac, MAC_LEN);
    if (what & STEP_KNOWN)
        make_known(f, which);
    if (what & STEP_SEALED)
        make_plausible(f);
}

enum { ROUTE_10 = 1, REVERSE_PATH = 2, PROXY_ARP = 4, REDIRECTS = 8, HASH = 16, ROUTE_198 = 32 };

#define UNDO_COMMANDS 7u
static const struct router_command commands[] = {
    { "route delete 10.0.0.0/8", ROUTE_10 },
    { "route add 10.0.0.0/8 via 203.0.113.2", ROUTE_10 },
    { "port 0 reverse-path off", REVERSE_PATH },
    { "port 0 proxy-arp off", PROXY_ARP },
    { "port 2 redirects on", REDIRECTS },
    { "route hash symmetric off", HASH },
    { "route delete 198.51.100.0/25", ROUTE_198 },
    { "route add 10.0.0.0/8 via 203.0.113.2 via 192.0.2.9 weight 3 via 198.51.100.9", ROUTE_10 },
    { "route add 10.0.0.0/8 via 203.0.113.2 via 10.1.2.3 interface 2", ROUTE_10 },
    { "route add 10.0.0.0/8 via 192.0.2.9 via 198.51.100.9", ROUTE_10 },
    { "route add 10.0.0.0/8 interface 2", ROUTE_10 },
    { "route add 10.0.0.0/8 blackhole", ROUTE_10 },
    { "route add 10.0.0.0/8 unreachable", ROUTE_10 },
    { "route add 10.0.0.0/8 prohibit", ROUTE_10 },
    { "route add 198.51.100.0/25 interface 0", ROUTE_198 },
    { "port 0 reverse-path loose", REVERSE_PATH },
    { "port 0 reverse-path strict", REVERSE_PATH },
    { "port 0 proxy-arp on", PROXY_ARP },
    { "port 2 redirects off", REDIRECTS },
    { "route hash symmetric on", HASH },
};

static void begin(void)
{
    bench_set_up(NULL);
    bench_command("route add 10.0.0.0/8 via 203.0.113.2");
    port_set_mtu(bench.port[1], MTU_MIN);
}

static void forget_neighbors(void)
{
    struct neighbor_info info;
    for (unsigned place = 0; neighbor_next(&place, &info);)
        if (info.state != NEIGHBOR_IDLE)
            must(!neighbor_delete(info.address, NULL));
}

static const struct router_fuzzer fuzzer = { .begin = begin,
                                             .make_message = make_arp,
                                             .make_frame = make_frame,
                                             .forget = forget_neighbors,
                                             .ticks = 1,
                                             .commands = commands,
                                             .command_count = ARRAY_SIZE(commands),
                                             .undo_count = UNDO_COMMANDS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    router_run(&fuzzer, data, size);
    return 0;
}
