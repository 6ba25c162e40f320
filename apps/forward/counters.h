/* counters.h - what a worker counts of a port, and why a frame is dropped (stats.h: the law). */
#pragma once

#include "kernel/compiler.h"

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
    X(station_elsewhere, RX, "from a sticky station of another port") \
    X(shared_wire, RX, "a copy: PF and VF are on one wire") \
    X(isolated, RX, "for an isolated port, from an isolated port") \
    X(storm, RX, "over the port's limit for broadcast, multicast or unknown stations") \
    X(spanning_tree, RX, "the spanning tree keeps this port closed") \
    X(no_buffer, RX, "packet pool empty") \
    X(control_full, RX, "control task too busy") \
    X(flows_full, RX, "ring to the worker that its flow belongs to full") \
    X(not_for_us, RX, "unicast frame for another station") \
    X(ethertype, RX, "protocol not handled") \
    X(vlan, RX, "not in the port's VLAN") \
    X(ipv6, RX, "interface has no IPv6 address") \
    X(ip_short, RX, "shorter than its IP header says") \
    X(ip_version, RX, "another IP version than the EtherType says") \
    X(ip_header_length, RX, "IP header length below 5") \
    X(ip_checksum, RX, "bad IP header checksum") \
    X(ip_options, RX, "source route, bad option or extension header") \
    X(martian_source, RX, "source that cannot be (RFC 1812 5.3.7, RFC 4291 2.5)") \
    X(reverse_path, RX, "no route back to its source that way (RFC 3704)") \
    X(martian_destination, RX, "destination that cannot be (RFC 1812 5.3.7, RFC 4291 2.5)") \
    X(link_broadcast, RX, "link-layer broadcast of a unicast packet (RFC 1812 5.3.4)") \
    X(broadcast, RX, "limited or directed broadcast (RFC 1812 5.3.5, RFC 2644)") \
    X(multicast, RX, "multicast, not forwarded") \
    X(no_address, RX, "interface has no IP address") \
    X(not_routed, RX, "for somebody else, and this mode does not route") \
    X(ttl_expired, RX, "time to live exceeded") \
    X(no_route, RX, "no route") \
    X(blackhole, RX, "its route is a blackhole") \
    X(unreachable, RX, "its route says unreachable") \
    X(prohibited, RX, "its route says prohibit") \
    X(host_unreachable, RX, "next hop does not answer") \
    X(neighbor_queue, RX, "queue for unresolved next hop full") \
    X(too_big, RX, "longer than the next MTU and may not be fragmented") \
    X(fragment, RX, "fragment to us that does not become whole") \
    X(protocol, RX, "protocol or port we do not serve") \
    X(icmp_invalid, RX, "malformed ICMP message to us") \
    X(udp_invalid, RX, "malformed UDP datagram to us") \
    X(arp_invalid, RX, "malformed or foreign ARP packet") \
    X(nd_invalid, RX, "malformed or foreign neighbor discovery message") \
    X(tx_full, TX, "transmit queue full") \
    X(lane_full, TX, "ring to the worker that sends by this port full") \
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

/* Per worker and per port; written by that worker alone, read by anybody. */
struct port_counters {
    uint64_t drops[DROP_REASON_COUNT];
    uint64_t consumed;      /* received frames that ended in the appliance: ARP, ping, ... */
    uint64_t originated;    /* frames the appliance made itself and handed on for sending */
    uint64_t copied;        /* extra frames: flooding copies, fragments after the first */
};
