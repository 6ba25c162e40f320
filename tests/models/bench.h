/* bench.h - a router on a bench: mode l3 over ring ports, and the far end of
 * each wire in the test's hands.
 *
 * Wire i is router port bench.port[i]; the stations on it have the MACs
 * 02:00:00:00:i:n.  bench_tear_down() checks the conservation law of
 * apps/forward/stats.h and that every packet is back in the pool. */
#pragma once

#include "apps/forward/forward.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/neighbor.h"

#include <stdbool.h>
#include <stdint.h>

#define BENCH_WIRES 3u
#define BENCH_PACKETS 4096u
extern uint32_t bench_packets; /* in the pool; BENCH_PACKETS unless set before set-up */
#define IP(a, b, c, d) \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

struct frame {
    uint32_t length;
    uint8_t bytes[FRAME_MAX];
};

struct bench {
    struct port *port[BENCH_WIRES], *far[BENCH_WIRES];
};
extern struct bench bench;

/* cmocka fixtures.  Addresses: wire 0 192.0.2.1/24, wire 1 198.51.100.1/24,
 * wire 2 203.0.113.1/24. */
int bench_set_up(void **state);
int bench_tear_down(void **state);
bool bench_is_conserved(void);
uint32_t bench_packets_back(void); /* in the pool, when all caches have given theirs back */

void bench_set_mtu(unsigned wire, uint16_t mtu);
/* Runs the appliance for so long, in steps of a millisecond. */
void bench_run_ms(unsigned ms);
/* Puts a frame on the wire, towards the router, and lets it be looked at. */
void bench_send(unsigned wire, const struct frame *frame);
void bench_put(unsigned wire, const struct frame *frame); /* it is looked at with others */
/* As one packet per `segment` octets, chained. */
void bench_send_chain(unsigned wire, const struct frame *frame, uint32_t segment);
void bench_put_chain(unsigned wire, const struct frame *frame, uint32_t segment);
/* The next frame that the router sent there; false: none. */
bool bench_take(unsigned wire, struct frame *frame);
/* The next IPv4 frame; ARP on the way is thrown away. */
bool bench_take_ipv4(unsigned wire, struct frame *frame);
/* The next ARP frame, IPv4 on the way is thrown away. */
bool bench_take_arp(unsigned wire, struct frame *frame);
bool bench_is_quiet(void); /* nothing left on any wire; throws it away */
uint64_t bench_drops(unsigned wire, enum drop_reason why);
uint64_t bench_all_drops(void);
enum neighbor_state bench_neighbor_state(struct ip_address address); /* NEIGHBOR_FREE: none */
/* Runs a command that must succeed, or must fail with this text in its line. */
void bench_command(const char *line);
void bench_command_fails(const char *line, const char *text);
const char *bench_output(const char *line);

/* Frames */
void station_mac(unsigned wire, unsigned station, uint8_t mac[MAC_LEN]);
/* From station n of the wire to the router's MAC; payload is a UDP header of
 * zeros and counting octets.  length: of the whole IP packet. */
void frame_ipv4(struct frame *f, unsigned wire, unsigned station, uint32_t source,
                uint32_t destination, unsigned length);
void frame_seal(struct frame *f); /* IP checksum right again */
void frame_echo(struct frame *f, unsigned wire, unsigned station, uint32_t source,
                uint32_t destination, unsigned length);
void frame_arp(struct frame *f, unsigned wire, unsigned station, unsigned op, uint32_t sender,
               uint32_t target);
static inline uint8_t *frame_ip(struct frame *f)
{
    return f->bytes + ETHERNET_HEADER;
}
/* Station n at this address makes itself known to the router. */
void station_meet(unsigned wire, unsigned station, uint32_t address);
