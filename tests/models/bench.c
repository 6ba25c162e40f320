/* bench.c - a router on a bench (bench.h). */
#include "tests/models/bench.h"

#include "apps/console/command.h"
#include "apps/forward/interface.h"
#include "apps/ip/address.h"
#include "apps/ip/router.h"
#include "apps/ip/udp.h"
#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/models/law.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench bench;
uint32_t bench_packets = BENCH_PACKETS;
static struct packet_cache far_cache;
static char text[1u << 16];
static size_t text_length;

static void text_write(struct out *out, const char *bytes, size_t n)
{
    if (n > sizeof text - 1 - text_length)
        n = sizeof text - 1 - text_length;
    memcpy(text + text_length, bytes, n);
    text_length += n;
    text[text_length] = 0;
}

static struct out text_out = { .write = text_write };

/* Also for fuzzers, which have no cmocka. */
static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "bench: %s: %s\n", what, why);
    abort();
}

#define require(condition) \
    do { \
        if (!(condition)) \
            give_up("required", #condition); \
    } while (0)

static int run(const char *line)
{
    text_length = 0;
    text[0] = 0;
    return command_run(line, &text_out, NULL, 0);
}

void bench_command(const char *line)
{
    if (run(line))
        give_up(line, text);
    forward_turn();
}

void bench_command_fails(const char *line, const char *expected)
{
    require(run(line) < 0);
    if (strncmp(text, "error: ", 7) || !strstr(text, expected) ||
        strchr(text, '\n') != text + text_length - 1)
        give_up(line, text);
}

const char *bench_output(const char *line)
{
    bench_command(line);
    return text;
}

/* Set-up ------------------------------------------------------------------ */

static void wire_make(unsigned wire)
{
    require(ring_port_pair_create(1024, &bench.port[wire], &bench.far[wire]) == 0);
    require(forward_port_up(bench.port[wire]) == 0);
    struct port *far = bench.far[wire];
    far->rx_queues = far->tx_queues = 1;
    far->rxq[0]->cache = far->txq[0]->cache = &far_cache;
    far->mtu = FRAME_MAX - 64;
    require(port_start(far) == 0);
    far->rx_queues = 0; /* the appliance polls what is there; this end is ours */
}

int bench_set_up(void **state)
{
    host_reset();
    port_reset_registry();
    router_reset();
    host_set_time_us(US_PER_S);
    require(forward_init(bench_packets) == 0);
    packet_cache_init(&far_cache, control_worker()->cache.pool);
    for (unsigned i = 0; i < BENCH_WIRES; i++)
        wire_make(i);
    require(forward_set_mode(forward_find_mode("l3")) == 0);
    forward_start();
    bench_command("port 0 address 192.0.2.1/24");
    bench_command("port 2 address 198.51.100.1/24");
    bench_command("port 4 address 203.0.113.1/24");
    bench_run_ms(20);
    while (!bench_is_quiet())
        bench_run_ms(1);
    return 0;
}

bool bench_is_conserved(void)
{
    uint64_t in = 0, out = forward_held();
    for (unsigned i = 0; i < BENCH_WIRES; i++)
        law_add(bench.port[i], &in, &out);
    return in == out;
}

uint32_t bench_packets_back(void)
{
    packet_cache_flush(&far_cache);
    for (unsigned i = 0; i < worker_count(); i++)
        packet_cache_flush(&worker_get(i)->cache);
    return packet_pool_available(control_worker()->cache.pool);
}

int bench_tear_down(void **state)
{
    bench_run_ms(1); /* what the control task still has to send */
    bench_is_quiet();
    require(bench_is_conserved());
    forward_set_mode(forward_find_mode("l2"));
    bench_run_ms(1);
    bench_is_quiet();
    for (unsigned i = 0; i < BENCH_WIRES; i++) {
        forward_port_remove(bench.port[i]);
        forward_port_remove(bench.far[i]);
        ring_port_destroy(bench.port[i]);
        ring_port_destroy(bench.far[i]);
    }
    require(bench_packets_back() == bench_packets);
    router_reset();
    forward_shutdown();
    port_reset_registry();
    return 0;
}

void bench_set_mtu(unsigned wire, uint16_t mtu)
{
    require(port_set_mtu(bench.port[wire], mtu) == 0);
    interface_follow_port(bench.port[wire]);
}

void bench_run_ms(unsigned ms)
{
    forward_turn();
    while (ms--) {
        host_advance_us(1000);
        forward_turn();
        forward_turn();
    }
}

/* Frames on the wires ----------------------------------------------------- */

static struct packet *packet_make(const uint8_t *bytes, uint32_t length, uint32_t segment)
{
    struct packet *p = packet_alloc(&far_cache), *last = p;
    require(p);
    p->frame_length = length;
    for (;;) {
        uint32_t n = length < segment ? length : segment;
        memcpy(last->data, bytes, n);
        last->length = (uint16_t)n;
        bytes += n;
        length -= n;
        if (!length)
            return p;
        last->next = packet_alloc(&far_cache);
        last = last->next;
        require(last);
    }
}

void bench_put_chain(unsigned wire, const struct frame *frame, uint32_t segment)
{
    struct packet *p = packet_make(frame->bytes, frame->length, segment);
    require(port_tx_burst(bench.far[wire]->txq[0], &p, 1) == 1);
}

void bench_put(unsigned wire, const struct frame *frame)
{
    bench_put_chain(wire, frame, PACKET_ROOM);
}

void bench_send_chain(unsigned wire, const struct frame *frame, uint32_t segment)
{
    bench_put_chain(wire, frame, segment);
    for (unsigned i = 0; i < 4; i++)
        forward_turn();
    bench_run_ms(1);
}

void bench_send(unsigned wire, const struct frame *frame)
{
    bench_send_chain(wire, frame, PACKET_ROOM);
}

bool bench_take(unsigned wire, struct frame *frame)
{
    struct packet *p;
    if (!port_rx_burst(bench.far[wire]->rxq[0], &p, 1))
        return false;
    frame->length = p->frame_length;
    require(packet_read(p, 0, frame->bytes, p->frame_length));
    packet_free(&far_cache, p);
    return true;
}

static bool take_type(unsigned wire, struct frame *frame, unsigned ethertype)
{
    while (bench_take(wire, frame))
        if (load_be16(frame->bytes + 12) == ethertype)
            return true;
    return false;
}

bool bench_take_ipv4(unsigned wire, struct frame *frame)
{
    return take_type(wire, frame, ETHERTYPE_IPV4);
}

bool bench_take_arp(unsigned wire, struct frame *frame)
{
    return take_type(wire, frame, ETHERTYPE_ARP);
}

bool bench_is_quiet(void)
{
    bool quiet = true;
    struct frame f;
    for (unsigned i = 0; i < BENCH_WIRES; i++)
        while (bench_take(i, &f))
            quiet = false;
    return quiet;
}

uint64_t bench_drops(unsigned wire, enum drop_reason why)
{
    return forward_counters(control_worker(), bench.port[wire]->number)->drops[why];
}

uint64_t bench_all_drops(void)
{
    uint64_t n = 0;
    for (unsigned wire = 0; wire < BENCH_WIRES; wire++)
        for (unsigned i = 0; i < DROP_REASON_COUNT; i++)
            n += bench_drops(wire, (enum drop_reason)i);
    return n;
}

enum neighbor_state bench_neighbor_state(struct ip_address address)
{
    struct neighbor_info n;
    for (unsigned place = 0; neighbor_next(&place, &n);)
        if (ip_equal(n.address, address))
            return n.state;
    return NEIGHBOR_FREE;
}

/* Frames ------------------------------------------------------------------ */

void station_mac(unsigned wire, unsigned station, uint8_t mac[MAC_LEN])
{
    const uint8_t made[MAC_LEN] = { 2, 0, 0, 0, (uint8_t)wire, (uint8_t)station };
    memcpy(mac, made, MAC_LEN);
}

void frame_seal(struct frame *f)
{
    ipv4_checksum_set(frame_ip(f));
}

void frame_ipv4(struct frame *f, unsigned wire, unsigned station, uint32_t source,
                uint32_t destination, unsigned length)
{
    uint8_t *ip = frame_ip(f);
    memset(f->bytes, 0, ETHERNET_HEADER + 28);
    memcpy(f->bytes, bench.port[wire]->mac, MAC_LEN);
    station_mac(wire, station, f->bytes + MAC_LEN);
    store_be16(f->bytes + 12, ETHERTYPE_IPV4);
    ip[IPV4_VERSION_IHL] = 0x45;
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)length);
    store_be16(ip + IPV4_ID, 0x4711);
    ip[IPV4_TTL] = 64;
    ip[IPV4_PROTOCOL] = IPV4_PROTOCOL_UDP;
    store_be32(ip + IPV4_SOURCE, source);
    store_be32(ip + IPV4_DESTINATION, destination);
    store_be16(ip + IPV4_HEADER_MIN + UDP_LENGTH, (uint16_t)(length - IPV4_HEADER_MIN));
    for (unsigned i = 28; i < length; i++)
        ip[i] = (uint8_t)(i + i / 256);
    f->length = ETHERNET_HEADER + length;
    frame_seal(f);
}

void frame_echo(struct frame *f, unsigned wire, unsigned station, uint32_t source,
                uint32_t destination, unsigned length)
{
    frame_ipv4(f, wire, station, source, destination, length);
    uint8_t *ip = frame_ip(f), *icmp = ip + IPV4_HEADER_MIN;
    ip[IPV4_PROTOCOL] = IPV4_PROTOCOL_ICMP;
    icmp[0] = 8;
    store_be16(icmp + 4, 0x1234);
    store_be16(icmp + 6, 7);
    uint16_t sum = checksum_finish(checksum_add(0, icmp, length - IPV4_HEADER_MIN));
    memcpy(icmp + 2, &sum, 2);
    frame_seal(f);
}

void frame_arp(struct frame *f, unsigned wire, unsigned station, unsigned op, uint32_t sender,
               uint32_t target)
{
    uint8_t *b = f->bytes;
    static const uint8_t fixed[] = { 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0 };
    memset(b, 0, 60);
    memset(b, 0xff, MAC_LEN);
    station_mac(wire, station, b + MAC_LEN);
    memcpy(b + 12, fixed, sizeof fixed);
    b[21] = (uint8_t)op;
    station_mac(wire, station, b + 22);
    store_be32(b + 28, sender);
    store_be32(b + 38, target);
    f->length = 60;
}

void station_meet(unsigned wire, unsigned station, uint32_t address)
{
    struct frame f;
    uint32_t router = ip_to_v4(address_of(interface_of_port(bench.port[wire]), 0)->address);
    bench_is_quiet();
    frame_arp(&f, wire, station, 1, address, router);
    bench_send(wire, &f);
    require(bench_take_arp(wire, &f));
    require(f.bytes[21] == 2);
    bench_is_quiet();
}
