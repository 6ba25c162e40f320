/* The packet pool: nothing lost, nothing twice, chains whole. */
#include "kernel/endian.h"
#include "nic/packet.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define COUNT 1000u

static struct packet_pool *pool;
static struct packet_cache cache;

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

static void every_packet_once(void **state)
{
    static struct packet *all[COUNT + 1];
    assert_true(packet_alloc_burst(&cache, all, COUNT));
    for (unsigned i = 0; i < COUNT; i++) {
        assert_int_equal(all[i]->user, 0);
        all[i]->user = 1;
        memset(all[i]->buffer, (int)i, PACKET_BUFFER_SIZE);
        assert_int_equal(packet_iova(all[i]), all[i]->buffer_iova + PACKET_HEADROOM);
    }
    assert_null(packet_alloc(&cache));
    for (unsigned i = 0; i < COUNT; i++)
        all[i]->user = 0;
    packet_free_burst(&cache, all, COUNT);
}

/* A packet comes as packet.h says, whatever its last owner left in it. */
static void packets_come_fresh(void **state)
{
    static struct packet *all[COUNT];
    assert_true(packet_alloc_burst(&cache, all, COUNT));
    for (unsigned i = 0; i < COUNT; i++) {
        all[i]->data = all[i]->buffer + 1;
        all[i]->length = 7;
        all[i]->frame_length = 70;
    }
    packet_free_burst(&cache, all, COUNT);
    assert_true(packet_alloc_burst(&cache, all, COUNT));
    for (unsigned i = 0; i < COUNT; i++) {
        assert_ptr_equal(all[i]->data, all[i]->buffer + PACKET_HEADROOM);
        assert_int_equal(all[i]->length + all[i]->frame_length, 0);
        assert_null(all[i]->next);
    }
    packet_free_burst(&cache, all, COUNT);
}

/* Freed in chains or in bursts of them, packets are single again, for receivers too. */
static void chains_come_apart(void **state)
{
    static struct packet *all[COUNT];
    for (unsigned burst = 0; burst < 2; burst++) {
        assert_true(packet_take_burst(&cache, all, COUNT));
        for (unsigned i = 0; i < COUNT; i++) {
            assert_null(all[i]->next);
            all[i]->next = i % 4 == 3 || i == COUNT - 1 ? NULL : all[i + 1];
            all[i / 4] = i % 4 ? all[i / 4] : all[i];
        }
        for (unsigned i = 0; !burst && i < (COUNT + 3) / 4; i++)
            packet_free(&cache, all[i]);
        if (burst)
            packet_free_burst(&cache, all, (COUNT + 3) / 4);
    }
    assert_true(packet_take_burst(&cache, all, COUNT));
    for (unsigned i = 0; i < COUNT; i++)
        assert_null(all[i]->next);
    packet_free_burst(&cache, all, COUNT);
}

static void all_or_none(void **state)
{
    static struct packet *some[COUNT + 1];
    assert_false(packet_alloc_burst(&cache, some, COUNT + 1));
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), COUNT);
}

static void chains_are_freed_copied_and_read_whole(void **state)
{
    struct packet *a = packet_alloc(&cache), *b = packet_alloc(&cache), *c;
    uint8_t bytes[30];
    memcpy(a->data, "0123456789", a->length = 10);
    memcpy(b->data, "abcdefghijklmnopqrst", b->length = 20);
    a->next = b;
    a->frame_length = 30;
    a->port = 3;
    a->user = 4;
    a->flags = PACKET_IP_CHECKSUM_GOOD | PACKET_VLAN;
    a->vlan = 0x2064;
    a->interface = 5;
    a->hash = 0x89abcdef;
    memmove(b->data + 9, b->data, 20);
    b->data += 9;
    c = packet_copy(&cache, a);
    assert_int_equal(c->next->data - c->next->buffer, PACKET_HEADROOM + 9); /* headroom kept */
    assert_int_equal(c->user, 4);
    assert_int_equal(c->flags, PACKET_VLAN); /* nobody looked at the copy's checksum */
    assert_int_equal(c->vlan, 0x2064);
    assert_int_equal(c->interface, 5);
    assert_int_equal(c->hash, 0x89abcdef);
    packet_free(&cache, a);
    assert_int_equal(c->frame_length, 30);
    assert_int_equal(c->port, 3);
    assert_true(packet_read(c, 8, bytes, 4));
    assert_memory_equal(bytes, "89ab", 4);
    assert_true(packet_read(c, 0, bytes, 30));
    assert_false(packet_read(c, 1, bytes, 30));
    packet_free(&cache, c);
}

/* A frame of that many bytes that count up, its first segment's data at `at` of its buffer. */
static struct packet *frame_at(uint32_t at, uint16_t length, struct packet *next)
{
    struct packet *p = packet_alloc(&cache);
    p->data = p->buffer + at;
    p->length = length;
    p->next = next;
    p->frame_length = length + (next ? next->length : 0u);
    for (uint32_t i = 0; i < length; i++)
        p->data[i] = (uint8_t)i;
    return p;
}

static void tag_goes_in_and_comes_out(uint32_t at, uint16_t length, struct packet *next)
{
    static uint8_t before[4096], after[4096];
    struct packet *p = frame_at(at, length, next);
    uint32_t all = p->frame_length;
    assert_true(packet_read(p, 0, before, all));
    p->flags = PACKET_VLAN | PACKET_IP_CHECKSUM_GOOD;
    p->vlan = 0xe123;
    p->port = 9;
    p->user = 77;
    assert_int_equal(packet_push_vlan(&cache, &p), 0);
    assert_int_equal(p->flags, PACKET_IP_CHECKSUM_GOOD);
    assert_int_equal(p->port, 9);
    assert_int_equal(p->user, 77);
    assert_int_equal(p->frame_length, all + 4);
    assert_true(p->length == p->frame_length || p->length >= PACKET_HEADER_MIN);
    assert_true(packet_read(p, 0, after, all + 4));
    assert_memory_equal(after, before, 12);
    assert_memory_equal(after + 12, "\x81\x00\xe1\x23", 4);
    assert_memory_equal(after + 16, before + 12, all - 12);
    p->vlan = 0;
    assert_true(packet_pop_vlan(p));
    assert_int_equal(p->vlan, 0xe123);
    assert_int_equal(p->flags, PACKET_VLAN | PACKET_IP_CHECKSUM_GOOD);
    assert_int_equal(p->frame_length, all);
    assert_true(packet_read(p, 0, after, all));
    assert_memory_equal(after, before, all);
    packet_free(&cache, p);
}

/* In front, behind, or in a packet of its own: wherever there is room. */
static void tags_find_room(void **state)
{
    tag_goes_in_and_comes_out(PACKET_HEADROOM, 100, NULL);
    tag_goes_in_and_comes_out(4, PACKET_BUFFER_SIZE - 4, NULL);
    tag_goes_in_and_comes_out(0, 14, NULL);
    tag_goes_in_and_comes_out(3, PACKET_BUFFER_SIZE - 7, NULL);
    tag_goes_in_and_comes_out(3, PACKET_BUFFER_SIZE - 3, NULL);
    tag_goes_in_and_comes_out(0, PACKET_BUFFER_SIZE, frame_at(0, 1000, NULL));
}

static void only_8100_is_a_tag(void **state)
{
    static const uint16_t types[] = { 0x8100, 0x88a8, 0x9100, 0x0800, 0x0081 };
    for (unsigned i = 0; i < 5; i++) {
        struct packet *p = frame_at(64, 18, NULL);
        store_be16(p->data + 12, types[i]);
        assert_int_equal(packet_pop_vlan(p), types[i] == 0x8100);
        assert_int_equal(p->length, types[i] == 0x8100 ? 14 : 18);
        packet_free(&cache, p);
    }
    struct packet *p = frame_at(64, 17, NULL); /* half a tag */
    store_be16(p->data + 12, 0x8100);
    assert_false(packet_pop_vlan(p));
    assert_int_equal(p->length, 17);
    packet_free(&cache, p);
}

/* No further packet, but room at the end of one of them. */
static void a_tag_in_the_longest_chain_moves_what_is_behind(void **state)
{
    static uint8_t was[FRAME_SEGMENTS_MAX * PACKET_BUFFER_SIZE], is[sizeof was];
    for (unsigned room = 1; room < FRAME_SEGMENTS_MAX; room++) {
        struct packet *p = NULL;
        uint32_t length = 0;
        for (unsigned i = FRAME_SEGMENTS_MAX; i-- > 0;) {
            uint32_t here = i == room ? 1000 : PACKET_BUFFER_SIZE;
            p = frame_at(0, here, p);
            length += here;
        }
        p->frame_length = length;
        p->flags = PACKET_VLAN;
        p->vlan = 0x1234;
        assert_true(packet_read(p, 0, was, length));
        assert_int_equal(packet_push_vlan(&cache, &p), 0);
        assert_int_equal(p->frame_length, length + VLAN_TAG);
        assert_true(packet_read(p, 0, is, length + VLAN_TAG));
        assert_memory_equal(is, was, ETHERNET_TYPE);
        assert_int_equal(load_be32(is + ETHERNET_TYPE), 0x81001234);
        assert_memory_equal(is + ETHERNET_TYPE + VLAN_TAG, was + ETHERNET_TYPE,
                            length - ETHERNET_TYPE);
        packet_free(&cache, p);
    }
}

static void a_tag_that_finds_no_room_changes_nothing(void **state)
{
    static struct packet *rest[COUNT];
    struct packet *p = NULL, *first;
    for (unsigned i = 0; i < FRAME_SEGMENTS_MAX - 1; i++)
        p = frame_at(0, PACKET_BUFFER_SIZE, p);
    first = p = frame_at(0, PACKET_BUFFER_SIZE, p);
    p->flags = PACKET_VLAN;
    assert_int_equal(packet_push_vlan(&cache, &p), -EMSGSIZE);
    packet_free(&cache, p->next);
    p->next = NULL;
    uint32_t n = 0;
    while ((rest[n] = packet_alloc(&cache)))
        n++;
    assert_int_equal(packet_push_vlan(&cache, &p), -ENOBUFS);
    assert_ptr_equal(p, first);
    assert_int_equal(p->flags, PACKET_VLAN);
    assert_int_equal(p->length, PACKET_BUFFER_SIZE);
    packet_free_burst(&cache, rest, n);
    packet_free(&cache, p);
}

/* Any packet may be freed into any cache: what one core receives another frees. */
static void packets_wander_between_caches(void **state)
{
    struct packet_cache other;
    struct packet *some[100];
    packet_cache_init(&other, pool);
    for (unsigned i = 0; i < 200; i++) {
        assert_true(packet_alloc_burst(&cache, some, 100));
        packet_free_burst(&other, some, 100);
        assert_in_range(other.count, 0, PACKET_CACHE_SIZE);
    }
    packet_cache_flush(&other);
}

/* Two cores in bulk at once: each packet has one owner at any time. */
static void *allocate_and_free(void *ctx)
{
    struct packet_cache mine;
    struct packet *some[300];
    bool *alone = ctx;
    packet_cache_init(&mine, pool);
    for (unsigned i = 0; i < 3000; i++) {
        if (!packet_alloc_burst(&mine, some, 300))
            continue;
        for (unsigned j = 0; j < 300; j++)
            *alone = *alone && __atomic_exchange_n(&some[j]->user, 1, __ATOMIC_ACQ_REL) == 0;
        for (unsigned j = 0; j < 300; j++)
            __atomic_store_n(&some[j]->user, 0, __ATOMIC_RELEASE);
        packet_free_burst(&mine, some, 300);
    }
    packet_cache_flush(&mine);
    return NULL;
}

static void cores_share_the_pool(void **state)
{
    pthread_t thread[3];
    bool alone[3] = { true, true, true };
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, allocate_and_free, &alone[i]), 0);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    assert_true(alone[0] && alone[1] && alone[2]);
}

/* Buffers do not overlap, and what we believe about a frame is not among them. */
static void metadata_is_out_of_devices_reach(void **state)
{
    const struct dma_memory *memory = packet_pool_memory(pool);
    struct packet *p = packet_alloc(&cache);
    uint8_t *start = memory->va, *end = start + memory->size;
    assert_int_equal(memory->size, ALIGN_UP(packet_buffer_offset(COUNT), PAGE_SIZE));
    assert_true((uint8_t *)p + sizeof *p <= start || (uint8_t *)p >= end);
    assert_true(p->buffer >= start && p->buffer + PACKET_BUFFER_SIZE <= end);
    assert_int_equal(p->buffer_iova - memory->iova, p->buffer - start);
    assert_int_equal(packet_tailroom(p), PACKET_ROOM);
    packet_free(&cache, p);
}

/* Each has its own place, 64 octets beside a power of two, and none lies across 64 KiB. */
static void buffers_keep_apart(void **state)
{
    static struct packet *all[COUNT];
    static const uint32_t block = 64 * 1024;
    assert_true(packet_alloc_burst(&cache, all, COUNT));
    for (uint32_t i = 0; i < COUNT; i++) {
        uint64_t begin = all[i]->buffer_iova, end = begin + PACKET_BUFFER_SIZE - 1;
        assert_int_equal(begin / block, end / block);
        for (uint32_t j = 0; j < i; j++) {
            uint64_t other = all[j]->buffer_iova;
            assert_true(begin >= other + PACKET_BUFFER_SIZE || other > end);
        }
    }
    packet_free_burst(&cache, all, COUNT);
}

/* A pool that fills large pages (2 MiB) can be mapped with them, but for its end: it takes no more
 * memory than its packets.  Where there is no such place, another will do. */
static void big_pools_are_aligned_to_large_pages(void **state)
{
    struct packet_pool *big = packet_pool_create(1026);
    assert_int_equal(packet_pool_memory(big)->iova % (2u << 20), 0);
    assert_int_equal(packet_pool_memory(big)->size,
                     ALIGN_UP(packet_buffer_offset(1026), PAGE_SIZE));
    packet_pool_destroy(big);
    host_dma_fail_after(1);
    big = packet_pool_create(1026);
    assert_non_null(big);
    assert_int_equal(packet_pool_memory(big)->size,
                     ALIGN_UP(packet_buffer_offset(1026), PAGE_SIZE));
    packet_pool_destroy(big);
}

static void copy_needs_every_segment(void **state)
{
    static struct packet *all[COUNT];
    assert_true(packet_alloc_burst(&cache, all, COUNT));
    for (unsigned i = 0; i < 2; i++)
        all[i]->next = all[i + 1];
    packet_free(&cache, all[COUNT - 1]);
    packet_free(&cache, all[COUNT - 2]);
    assert_null(packet_copy(&cache, all[0])); /* three segments, two packets left */
    assert_int_equal(cache.count, 2);
    packet_free_burst(&cache, all + 3, COUNT - 5);
    packet_free(&cache, all[0]);
}

static void no_memory_is_told(void **state)
{
    host_dma_fail_after(1);
    assert_null(packet_pool_create(16));
    assert_true(host_log_contains("no memory for 16 packets"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_packet_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packets_come_fresh, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chains_come_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_or_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chains_are_freed_copied_and_read_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packets_wander_between_caches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cores_share_the_pool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metadata_is_out_of_devices_reach, set_up, tear_down),
        cmocka_unit_test_setup_teardown(buffers_keep_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(big_pools_are_aligned_to_large_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copy_needs_every_segment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(tags_find_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_8100_is_a_tag, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_tag_in_the_longest_chain_moves_what_is_behind, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_tag_that_finds_no_room_changes_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(no_memory_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
