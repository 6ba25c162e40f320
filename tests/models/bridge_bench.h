/* bridge_bench.h - an appliance of four wire ports in mode l2, for the tests of bridges. */
#pragma once

#include "apps/bridge/bridge.h"
#include "apps/ip/router.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/lan.h"

#include <string.h>

#define A 0x020000000001ull
#define B 0x020000000002ull
#define C 0x020000000003ull
#define VF_MAC 0x020000000077ull
#define PORTS 4u
#define S 1000000ull

static inline int set_up(void **state)
{
    lan_start(PORTS, "l2");
    return 0;
}

static inline int tear_down(void **state)
{
    lan_check_conservation();
    lan_stop();
    router_reset();
    return 0;
}

static inline void send(unsigned port, uint64_t destination, uint64_t source, uint32_t number)
{
    lan_send(port, destination, source, number);
    lan_run();
}

/* The ports that sent this frame, a bit each; every other frame is an error. */
static inline unsigned sent_by(uint32_t number)
{
    unsigned ports = 0;
    for (unsigned i = 0; i < PORTS; i++) {
        int64_t got = lan_receive(i);
        if (got >= 0) {
            assert_int_equal(got, number);
            ports |= 1u << i;
        }
        assert_int_equal(lan_receive(i), -1); /* no duplicate */
    }
    return ports;
}

static inline void seconds_pass(uint64_t s)
{
    for (uint64_t i = 0; i < s * 10; i++) {
        host_advance_us(S / 10);
        forward_turn();
    }
}

static inline struct bridge *made(const char *name, unsigned a, unsigned b)
{
    assert_int_equal(bridge_add(name), 0);
    struct bridge *bridge = bridge_find(name);
    assert_non_null(bridge);
    assert_int_equal(bridge_add_port(bridge, &lan[a]->port), 0);
    assert_int_equal(bridge_add_port(bridge, &lan[b]->port), 0);
    return bridge;
}

/* With all ports in it. */
static inline struct bridge *made_of_all(const char *name)
{
    struct bridge *bridge = made(name, 0, 1);
    for (unsigned i = 2; i < PORTS; i++)
        assert_int_equal(bridge_add_port(bridge, &lan[i]->port), 0);
    return bridge;
}

static inline struct packet *frame_of(uint64_t destination, uint64_t source, uint32_t number)
{
    struct packet *packet = packet_alloc(&control_worker()->cache);
    struct lan_frame frame;
    lan_frame(&frame, destination, source, number);
    memcpy(packet->data, frame.bytes, frame.length);
    packet->length = (uint16_t)frame.length;
    packet->frame_length = frame.length;
    return packet;
}

/* Port 0 is a PF's, 1 and 2 its VFs': one LAN, connected by the switch in the NIC.  Port 3 is
 * another NIC.  VF 1 has address `VF_MAC`. */
static inline void share(void)
{
    static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 0x77 };
    lan[1]->port.uplink = lan[2]->port.uplink = &lan[0]->port;
    memcpy(lan[1]->port.mac, mac, MAC_LEN);
    interface_follow_port(&lan[1]->port);
}
