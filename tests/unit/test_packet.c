/* The packet pool: nothing lost, nothing twice, chains whole. */
#include "nic/packet.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

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
    c = packet_copy(&cache, a);
    packet_free(&cache, a);
    assert_int_equal(c->frame_length, 30);
    assert_int_equal(c->port, 3);
    assert_true(packet_read(c, 8, bytes, 4));
    assert_memory_equal(bytes, "89ab", 4);
    assert_true(packet_read(c, 0, bytes, 30));
    assert_false(packet_read(c, 1, bytes, 30));
    packet_free(&cache, c);
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
        cmocka_unit_test_setup_teardown(all_or_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(chains_are_freed_copied_and_read_whole, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_memory_is_told, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
