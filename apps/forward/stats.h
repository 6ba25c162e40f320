/* stats.h - one place that counts, one list of reasons to drop.
 *
 * Conservation, per appliance and at any quiet moment:
 *     rx_packets + originated + copied  ==  tx_packets + consumed + drops + held
 * A frame that came in is forwarded, consumed, held (waiting for ARP), or
 * counted in exactly one drop reason of exactly one port: RX reasons on the
 * port it came in on, TX reasons on the port it was meant to leave by.
 * tests/system asserts this law after floods.
 *
 * unread in this file: IEEE 802.1Q; RFC 1812 was read in quotations (docs/sources.md). */
#pragma once

#include "kernel/compiler.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* X(name as printed, side, text for people) */
#define DROP_REASONS(X) \
    X(stopped, RX, "forwarding is stopped") \
    X(no_peer, RX, "no other port to send to") \
    X(reserved_address, RX, "destination 01:80:c2:00:00:00-0f (IEEE 802.1Q 8.6.3)") \
    X(group_source, RX, "source is a group address") \
    X(zero_source, RX, "source is 00:00:00:00:00:00") \
    X(same_port, RX, "destination is on the port it came from") \
    X(shared_wire, RX, "a copy: PF and VF are on one wire") \
    X(no_buffer, RX, "packet pool empty") \
    X(control_full, RX, "control core too busy") \
    X(not_for_us, RX, "unicast frame for another station") \
    X(ethertype, RX, "protocol not handled") \
    X(vlan, RX, "not in the port's VLAN") \
    X(ipv6, RX, "IPv6 (not built yet)") \
    X(ip_short, RX, "shorter than its IP header says") \
    X(ip_version, RX, "not IP version 4") \
    X(ip_header_length, RX, "IP header length below 5") \
    X(ip_checksum, RX, "bad IP header checksum") \
    X(ip_options, RX, "source route or bad option") \
    X(martian_source, RX, "source address that cannot be (RFC 1812 5.3.7)") \
    X(martian_destination, RX, "destination address that cannot be (RFC 1812 5.3.7)") \
    X(link_broadcast, RX, "link-layer broadcast of a unicast packet (RFC 1812 5.3.4)") \
    X(broadcast, RX, "limited or directed broadcast (RFC 1812 5.3.5, RFC 2644)") \
    X(multicast, RX, "multicast, not forwarded") \
    X(no_address, RX, "interface has no IP address") \
    X(not_routed, RX, "for somebody else, and this mode does not route") \
    X(ttl_expired, RX, "time to live exceeded") \
    X(no_route, RX, "no route") \
    X(host_unreachable, RX, "next hop does not answer ARP") \
    X(neighbor_queue, RX, "queue for unresolved next hop full") \
    X(too_big, RX, "longer than the next MTU and may not be fragmented") \
    X(fragment, RX, "fragment to us that does not become whole") \
    X(protocol, RX, "protocol or port we do not serve") \
    X(icmp_invalid, RX, "malformed ICMP message to us") \
    X(arp_invalid, RX, "malformed or foreign ARP packet") \
    X(tx_full, TX, "transmit queue full") \
    X(lane_full, TX, "ring to the core that sends by this port full") \
    X(tx_down, TX, "port is down") \
    X(tx_too_long, TX, "longer than the port's MTU allows") \
    X(tx_no_buffer, TX, "packet pool empty on the way out") \
    X(tx_refused, TX, "driver refused the frame")

enum drop_reason {
#define X(name, side, text) DROP_##name,
    DROP_REASONS(X)
#undef X
    DROP_REASON_COUNT
};

extern const char *const drop_names[DROP_REASON_COUNT];
extern const char *const drop_texts[DROP_REASON_COUNT];
extern const bool drop_is_tx[DROP_REASON_COUNT];

/* Per core and per port; written by that core alone, read by anybody. */
struct port_counters {
    uint64_t drops[DROP_REASON_COUNT];
    uint64_t consumed;      /* received frames that ended in the appliance: ARP, ping, ... */
    uint64_t originated;    /* frames the appliance made itself and handed on for sending */
    uint64_t copied;        /* extra frames: flooding copies, fragments after the first */
};

/* A port's totals over all cores and queues, since the last `clear stats`. */
struct port_totals {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t rx_dropped, tx_dropped, rx_errors, rx_missed, tx_errors;
    struct port_counters counters;
};

void stats_port_totals(const struct port *port, struct port_totals *totals);
void stats_clear(void);     /* remembers where everything stands: counters never go back */

/* Over the last whole second; bytes of frames without FCS. */
struct port_rates {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
};
void stats_port_rates(const struct port *port, struct port_rates *rates);

struct queue_totals {
    uint64_t packets, bytes, errors;
};
void stats_rx_queue(const struct port *port, unsigned queue, struct queue_totals *totals);
void stats_tx_queue(const struct port *port, unsigned queue, struct queue_totals *totals);

struct worker_totals {
    uint64_t packets, busy_cycles, idle_cycles;
    unsigned busy_percent;      /* over the last whole second */
};
void stats_worker_totals(unsigned worker, struct worker_totals *totals);

