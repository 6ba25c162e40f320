/* apps/forward/flow_part.c: what is one flow has one part, whatever the frame says besides. */
#include "apps/forward/flow_part.h"
#include "kernel/endian.h"
#include "nic/packet.h"
#include "nic/rss.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <stdlib.h>
#include <string.h>

#define PARTS 64u
#define FLOWS 4096u

static uint8_t frame[128];
static struct packet packet;

/* UDP over IPv4 behind so many tags, from A:a to B:b. */
static uint8_t *udp4(unsigned tags, uint32_t from, uint16_t a, uint32_t to, uint16_t b)
{
    uint8_t *p = frame + 12;
    memset(frame, 0, sizeof frame);
    for (unsigned i = 0; i < tags; i++, p += 4)
        store_be16(p, i ? 0x8100 : 0x88a8);
    store_be16(p, 0x0800);
    uint8_t *ip = p + 2;
    ip[0] = 0x45;
    ip[9] = 17;
    store_be32(ip + 12, from);
    store_be32(ip + 16, to);
    store_be16(ip + 20, a);
    store_be16(ip + 22, b);
    packet = (struct packet){ .data = frame, .length = 64, .frame_length = 64 };
    return ip;
}

static uint8_t *udp6(uint8_t from, uint16_t a, uint8_t to, uint16_t b)
{
    memset(frame, 0, sizeof frame);
    store_be16(frame + 12, 0x86dd);
    uint8_t *ip = frame + 14;
    ip[0] = 0x60;
    ip[6] = 17;
    ip[8 + 15] = from;
    ip[24 + 15] = to;
    store_be16(ip + 40, a);
    store_be16(ip + 42, b);
    packet = (struct packet){ .data = frame, .length = 80, .frame_length = 80 };
    return ip;
}

static unsigned part(void)
{
    return flow_part(&packet, PARTS);
}

static int set_up(void **state)
{
    host_reset();
    rss_set_symmetric(true);
    return 0;
}

static void flows_are_spread_evenly(void **state)
{
    unsigned count[4] = { 0 };
    for (uint32_t i = 0; i < FLOWS; i++) {
        udp4(0, 0x0a000001, (uint16_t)(1024 + i), 0x0a000101, 9);
        unsigned p = flow_part(&packet, 4);
        assert_true(p < 4);
        count[p]++;
    }
    for (unsigned i = 0; i < 4; i++)
        assert_in_range(count[i], FLOWS / 5, FLOWS / 3);
}

static void tags_and_everything_else_do_not_matter(void **state)
{
    udp4(0, 1, 2, 3, 4);
    unsigned plain = part();
    udp4(1, 1, 2, 3, 4);
    assert_int_equal(part(), plain);
    uint8_t *ip = udp4(2, 1, 2, 3, 4);
    ip[1] = 7; /* TOS, TTL, identification, payload */
    ip[8] = 3;
    store_be16(ip + 4, 0x1234);
    ip[28] = 0xff;
    assert_int_equal(part(), plain);
}

static void both_directions_have_one_part_unless_told(void **state)
{
    unsigned differ = 0;
    for (unsigned round = 0; round < 2; round++) {
        for (uint16_t i = 0; i < 100; i++) {
            udp4(0, 0x0a000001, i, 0x0a000102, 80);
            unsigned there = part();
            udp4(0, 0x0a000102, 80, 0x0a000001, i);
            differ += part() != there;
            udp6(1, i, 2, 80);
            there = part();
            udp6(2, 80, 1, i);
            differ += part() != there;
        }
        assert_true(round ? differ > 150 : !differ);
        rss_set_symmetric(false);
    }
}

/* All fragments of two hosts' datagrams go one way, whatever lies where ports would be. */
static void fragments_go_by_addresses_alone(void **state)
{
    uint8_t *ip = udp4(0, 1, 2, 3, 4);
    store_be16(ip + 6, 0x2000); /* more fragments, the first */
    unsigned first = part();
    for (uint16_t i = 0; i < 50; i++) {
        ip = udp4(0, 1, i, 3, (uint16_t)(i * 7));
        store_be16(ip + 6, (uint16_t)(0x2000 + i));
        assert_int_equal(part(), first);
        store_be16(ip + 6, (uint16_t)(1 + i)); /* the last */
        assert_int_equal(part(), first);
    }
    ip = udp6(1, 5, 2, 6);
    ip[6] = 44; /* IPv6 fragment header, RFC 8200 4.5 */
    first = part();
    store_be16(ip + 40, 0x1100);
    store_be16(ip + 42, 0x0001);
    assert_int_equal(part(), first);
}

static void what_is_no_ip_is_one_flow(void **state)
{
    udp4(0, 1, 2, 3, 4);
    for (unsigned type = 0; type < 0x10000; type += 257) {
        store_be16(frame + 12, (uint16_t)type);
        if (type != 0x0800 && type != 0x86dd)
            assert_int_equal(part(), 0);
    }
}

/* Whatever bytes, however few: read within the frame, below the number. */
static void short_frames_are_not_read_beyond(void **state)
{
    uint32_t dice = 1;
    for (unsigned i = 0; i < 20000; i++) {
        uint8_t *exact;
        unsigned length = 14 + (dice >> 8) % 60;
        if (i & 1)
            udp4(i % 3, i, 1, 2, 3);
        else
            udp6((uint8_t)i, 1, 2, 3);
        exact = malloc(length);
        memcpy(exact, frame, length);
        for (unsigned k = 0; k < 2; k++) {
            dice = dice * 1664525u + 1013904223u;
            exact[(dice >> 8) % length] = (uint8_t)(dice >> 24);
        }
        packet = (struct packet){ .data = exact, .length = (uint16_t)length };
        assert_true(flow_part(&packet, 3) < 3);
        free(exact);
    }
}

static void a_device_s_hash_is_used(void **state)
{
    udp4(0, 1, 2, 3, 4);
    packet.flags = PACKET_HASH;
    packet.hash = 77;
    unsigned told = part();
    udp4(0, 5, 6, 7, 8);
    packet.flags = PACKET_HASH;
    packet.hash = 77;
    assert_int_equal(part(), told);
}

#define T(f) cmocka_unit_test_setup(f, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(flows_are_spread_evenly),
        T(tags_and_everything_else_do_not_matter),
        T(both_directions_have_one_part_unless_told),
        T(fragments_go_by_addresses_alone),
        T(what_is_no_ip_is_one_flow),
        T(short_frames_are_not_read_beyond),
        T(a_device_s_hash_is_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
