/* Fragmentation: RFC 791 3.2, RFC 1812 4.2.2.7. */
#include "apps/ip/fragment.h"
#include "apps/ip/ipv4.h"
#include "nic/port.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 1024u

static struct packet_pool *pool;
static struct packet_cache cache;
static struct packet *pieces[FRAGMENTS_MAX];

static int set_up(void **state)
{
    host_reset();
    pool = packet_pool_create(COUNT);
    packet_cache_init(&cache, pool);
    return pool ? 0 : -1;
}

static int tear_down(void **state)
{
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), COUNT);
    packet_pool_destroy(pool);
    return 0;
}

static uint8_t byte_at(uint32_t i)
{
    return (uint8_t)(i * 7 + i / 256);
}

/* A packet with `data` octets of payload, cut into segments of at most `segment`. */
static struct packet *packet_make(unsigned options, uint32_t data, uint32_t segment)
{
    struct packet *p = packet_alloc(&cache), *last = p;
    unsigned header = IPV4_HEADER_MIN + options;
    uint8_t *ip = p->data + ETHERNET_HEADER;
    memset(p->data, 0, ETHERNET_HEADER + header);
    memset(p->data, 0x02, 12);
    store_be16(p->data + 12, ETHERTYPE_IPV4);
    ip[IPV4_VERSION_IHL] = (uint8_t)(0x40 | header / 4);
    store_be16(ip + IPV4_TOTAL_LENGTH, (uint16_t)(header + data));
    store_be16(ip + IPV4_ID, 0x1234);
    ip[IPV4_TTL] = 9;
    ip[IPV4_PROTOCOL] = 17;
    store_be32(ip + IPV4_SOURCE, 0xc0000202);
    store_be32(ip + IPV4_DESTINATION, 0xc6336402);
    ipv4_checksum_set(ip);
    p->length = (uint16_t)(ETHERNET_HEADER + header);
    for (uint32_t i = 0; i < data; i++) {
        if (last->length == segment || !packet_tailroom(last)) {
            last->next = packet_alloc(&cache);
            last = last->next;
        }
        last->data[last->length++] = byte_at(i);
    }
    p->frame_length = ETHERNET_HEADER + header + data;
    p->port = 3;
    return p;
}

/* Every rule that holds for each fragment of any cut; returns the payload seen. */
static uint32_t pieces_check(int n, uint16_t mtu, uint32_t from, bool more_after)
{
    uint32_t offset = from;
    for (int i = 0; i < n; i++) {
        const uint8_t *ip = pieces[i]->data + ETHERNET_HEADER;
        unsigned header = ipv4_header_length(ip);
        uint32_t length = load_be16(ip + IPV4_TOTAL_LENGTH) - header;
        uint16_t field = load_be16(ip + IPV4_FRAGMENT);
        bool last = i == n - 1;
        assert_true(header + length <= mtu);
        assert_true(ipv4_checksum_ok(ip, header));
        assert_int_equal(load_be16(ip + IPV4_ID), 0x1234);
        assert_int_equal(ip[IPV4_TTL], 9);
        assert_int_equal(pieces[i]->port, 3);
        assert_int_equal(pieces[i]->frame_length, ETHERNET_HEADER + header + length);
        assert_int_equal(8u * (field & IPV4_FRAGMENT_OFFSET), offset);
        assert_int_equal(!!(field & IPV4_FRAGMENT_MF), !last || more_after);
        assert_true(last || length % 8 == 0);
        for (uint32_t k = 0; k < length; k++) {
            uint8_t b;
            assert_true(packet_read(pieces[i], ETHERNET_HEADER + header + k, &b, 1));
            assert_int_equal(b, byte_at(offset - from + k));
        }
        offset += length;
        packet_free(&cache, pieces[i]);
    }
    return offset - from;
}

static void payload_arrives_whole_at_every_mtu(void **state)
{
    for (uint16_t mtu = 68; mtu < 2000; mtu = (uint16_t)(mtu + 37)) {
        struct packet *p = packet_make(0, 2000, PACKET_ROOM);
        int n = fragment_packet(&cache, p, mtu, pieces);
        assert_true(n > 1);
        assert_int_equal(pieces_check(n, mtu, 0, false), 2000);
        packet_free(&cache, p);
    }
}

static void chain_in_chain_out(void **state)
{
    struct packet *p = packet_make(0, 9000, 700);
    int n = fragment_packet(&cache, p, 4000, pieces);
    assert_int_equal(n, 3);
    assert_non_null(pieces[0]->next);
    assert_int_equal(pieces_check(n, 4000, 0, false), 9000);
    packet_free(&cache, p);
}

/* RFC 791 3.2: a fragment of a fragment keeps its place and its MF. */
static void fragment_of_a_fragment(void **state)
{
    struct packet *p = packet_make(0, 800, PACKET_ROOM);
    uint8_t *ip = p->data + ETHERNET_HEADER;
    store_be16(ip + IPV4_FRAGMENT, IPV4_FRAGMENT_MF | 100);
    ipv4_checksum_set(ip);
    int n = fragment_packet(&cache, p, 300, pieces);
    assert_int_equal(n, 3);
    assert_int_equal(pieces_check(n, 300, 800, true), 800);
    packet_free(&cache, p);
}

/* RFC 791 3.1: options with the copied flag go into every fragment, others
 * only into the first. */
static void options_follow_their_copied_flag(void **state)
{
    static const uint8_t options[12] = { 7, 7, 4, 0, 0, 0, 0, 0x94, 4, 0, 0, 0 };
    struct packet *p = packet_make(sizeof options, 600, PACKET_ROOM);
    memcpy(p->data + ETHERNET_HEADER + IPV4_OPTIONS, options, sizeof options);
    ipv4_checksum_set(p->data + ETHERNET_HEADER);
    int n = fragment_packet(&cache, p, 400, pieces);
    assert_int_equal(n, 2);
    const uint8_t *first = pieces[0]->data + ETHERNET_HEADER;
    const uint8_t *second = pieces[1]->data + ETHERNET_HEADER;
    assert_int_equal(ipv4_header_length(first), 32);
    assert_memory_equal(first + IPV4_OPTIONS, options, sizeof options);
    assert_int_equal(ipv4_header_length(second), 24);
    assert_memory_equal(second + IPV4_OPTIONS, options + 7, 4);
    assert_int_equal(pieces_check(n, 400, 0, false), 600);
    packet_free(&cache, p);
}

static void empty_pool_leaves_nothing_behind(void **state)
{
    struct packet *all[COUNT];
    struct packet *p = packet_make(0, 1400, PACKET_ROOM);
    unsigned taken = 0;
    while (taken < COUNT && (all[taken] = packet_alloc(&cache)))
        taken++;
    for (unsigned i = 0; i < 3; i++)
        packet_free(&cache, all[--taken]);
    assert_int_equal(fragment_packet(&cache, p, 100, pieces), -ENOBUFS);
    for (unsigned i = 0; i < 3; i++)
        assert_non_null(all[taken++] = packet_alloc(&cache));
    packet_free_burst(&cache, all, taken);
    packet_free(&cache, p);
}

static void too_many_fragments_are_refused(void **state)
{
    /* 40 octets of copied options at MTU 68 leave room for 8 octets each */
    struct packet *p = packet_make(40, 9000, PACKET_ROOM);
    p->data[ETHERNET_HEADER + IPV4_OPTIONS] = 0x94;
    p->data[ETHERNET_HEADER + IPV4_OPTIONS + 1] = 40;
    assert_int_equal(fragment_packet(&cache, p, 68, pieces), -E2BIG);
    packet_free(&cache, p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(payload_arrives_whole_at_every_mtu, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chain_in_chain_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(fragment_of_a_fragment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(options_follow_their_copied_flag, set_up, tear_down),
        cmocka_unit_test_setup_teardown(empty_pool_leaves_nothing_behind, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_fragments_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
