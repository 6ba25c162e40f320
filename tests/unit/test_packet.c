/* The packet pool: nothing lost, nothing twice, chains whole. */
#include "nic/packet.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

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
    assert_int_equal(memory->size, ALIGN_UP((size_t)COUNT * PACKET_BUFFER_SIZE, PAGE_SIZE));
    assert_true((uint8_t *)p + sizeof *p <= start || (uint8_t *)p >= end);
    assert_true(p->buffer >= start && p->buffer + PACKET_BUFFER_SIZE <= end);
    assert_int_equal((p->buffer - start) % PACKET_BUFFER_SIZE, 0);
    assert_int_equal(p->buffer_iova - memory->iova, p->buffer - start);
    assert_int_equal(packet_tailroom(p), PACKET_ROOM);
    packet_free(&cache, p);
}

/* A pool of large pages can be mapped with large pages (2 MiB). */
static void big_pools_are_aligned_to_large_pages(void **state)
{
    struct packet_pool *big = packet_pool_create(1025);
    assert_int_equal(packet_pool_memory(big)->iova % (2u << 20), 0);
    assert_int_equal(packet_pool_memory(big)->size % (2u << 20), 0); /* to the end */
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
        cmocka_unit_test_setup_teardown(all_or_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chains_are_freed_copied_and_read_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packets_wander_between_caches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(cores_share_the_pool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(metadata_is_out_of_devices_reach, set_up, tear_down),
        cmocka_unit_test_setup_teardown(big_pools_are_aligned_to_large_pages, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copy_needs_every_segment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_memory_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
