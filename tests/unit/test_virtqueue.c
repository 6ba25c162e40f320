/* virtio/virtqueue.c against a device side written from virtio 1.2 2.7. */
#include "virtio/virtqueue.h"

#include "tests/host/host.h"
#include "tests/models/virtq_device.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct dma_device dma = { .requester_id = 0x10 };
static struct virtqueue vq;
static struct virtq_device device;
static struct dma_memory memory; /* what the buffers lie in */
static unsigned notified;

static void count_notify(struct virtqueue *q)
{
    assert_ptr_equal(q, &vq);
    notified++;
}

static void start(uint16_t size, bool legacy, uint16_t indirect_max)
{
    assert_int_equal(virtqueue_alloc(&vq, &dma, 3, size, legacy, indirect_max), 0);
    vq.notify = count_notify;
    virtq_device_init(&device, &dma, size);
    device.desc = vq.desc_iova;
    device.avail = vq.avail_iova;
    device.used = vq.used_iova;
    device.indirect = indirect_max;
    assert_int_equal(dma_alloc(&dma, 65536, 4096, DMA_BIDIRECTIONAL, &memory), 0);
}

static int setup(void **state)
{
    host_reset();
    notified = 0;
    return 0;
}

static int teardown(void **state)
{
    while (virtqueue_detach(&vq))
        continue;
    virtqueue_free(&vq);
    dma_free(&dma, &memory);
    assert_int_equal(host_dma_mapped(&dma), 0);
    assert_int_equal(device.violations, 0);
    assert_int_equal(host_dma_refused(), 0);
    return 0;
}

static struct virtqueue_segment piece(uint32_t offset, uint32_t length)
{
    return (struct virtqueue_segment){ memory.iova + offset, length };
}

static char tokens[65536];

/* One writable buffer of 64 bytes for slot i. */
static bool offer(unsigned i)
{
    struct virtqueue_segment s = piece(64 * (i % 512), 64);
    bool added = virtqueue_add(&vq, &s, 0, 1, &tokens[i]);
    virtqueue_publish(&vq);
    return added;
}

/* 2.7: sizes are powers of two up to 32768. */
static void sizes_are_powers_of_two(void **state)
{
    const uint16_t bad[] = { 0, 3, 24, 255, 257, 32769, 65535 };
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(virtqueue_alloc(&vq, &dma, 0, bad[i], false, 0), -EINVAL);
    start(32768, true, 0);
}

/* Design: what only the device reads lies on pages it cannot write; the flags of
 * the used ring it may read back.  2.7: alignments. */
static void parts_lie_on_pages_by_direction(void **state)
{
    start(256, false, 9);
    assert_int_equal(vq.desc_iova % 16, 0);
    assert_int_equal(vq.avail_iova % 2, 0);
    assert_int_equal(vq.used_iova % 4096, 0);
    uint8_t b = 0;
    assert_int_equal(host_dma_write(&dma, vq.desc_iova, &b, 1), -1);
    assert_int_equal(host_dma_write(&dma, vq.avail_iova, &b, 1), -1);
    assert_int_equal(host_dma_write(&dma, vq.tables_iova, &b, 1), -1);
    assert_int_equal(host_dma_refused(), 3);
    assert_int_equal(host_dma_write(&dma, vq.used_iova, &b, 1), 0);
    assert_int_equal(host_dma_read(&dma, vq.used_iova, &b, 1), 0);
    virtqueue_free(&vq);
    dma_free(&dma, &memory);
    host_reset();
}

/* 2.7.2: the legacy layout, computed here by the document's own formula. */
static void legacy_layout_is_contiguous(void **state)
{
    for (uint32_t n = 1; n <= 32768; n *= 2) {
        start((uint16_t)n, true, 0);
        uint64_t first = 16 * n + 2 * (3 + n);
        assert_int_equal(vq.desc_iova % 4096, 0);
        assert_int_equal(vq.avail_iova, vq.desc_iova + 16 * n);
        assert_int_equal(vq.used_iova, vq.desc_iova + (first + 4095) / 4096 * 4096);
        uint64_t whole = (first + 4095) / 4096 * 4096 + (6 + 8 * n + 4095) / 4096 * 4096;
        assert_int_equal(vq.read_memory.size, whole);
        virtqueue_free(&vq);
        dma_free(&dma, &memory);
    }
    start(2, true, 0);
}

/* 2.7.13: nothing is visible before it is published; tokens come back. */
static void buffers_go_round(void **state)
{
    start(4, false, 0);
    struct virtqueue_segment s[3] = { piece(0, 16), piece(100, 50), piece(200, 60) };
    struct virtq_buffer b;
    uint32_t written;
    assert_true(virtqueue_add(&vq, s, 1, 2, &tokens[7]));
    assert_int_equal(virtq_device_pending(&device), 0);
    virtqueue_publish(&vq);
    assert_true(virtq_device_take(&device, &b));
    assert_int_equal(b.readable, 1);
    assert_int_equal(b.writable, 2);
    assert_int_equal(b.segment[1].iova, memory.iova + 100);
    assert_int_equal(b.segment[2].length, 60);
    assert_null(virtqueue_pop(&vq, &written));
    virtq_device_put(&device, b.head, 77);
    assert_null(virtqueue_pop(&vq, &written));
    virtq_device_publish(&device);
    assert_ptr_equal(virtqueue_pop(&vq, &written), &tokens[7]);
    assert_int_equal(written, 77);
    assert_int_equal(vq.free_count, 4);
    assert_int_equal(vq.in_flight, 0);
}

/* Ring indices run freely through 65536 (2.7.13.3), out of order use included. */
static void indices_wrap(void **state)
{
    start(8, false, 0);
    uint32_t written;
    struct virtq_buffer b[8];
    for (unsigned round = 0; round < 10000; round++) {
        for (unsigned i = 0; i < 8; i++)
            assert_true(offer(i));
        for (unsigned i = 0; i < 8; i++)
            assert_true(virtq_device_take(&device, &b[i]));
        for (unsigned i = 8; i-- > 0;) {
            unsigned slot = (unsigned)((b[i].segment[0].iova - memory.iova) / 64);
            virtq_device_put(&device, b[i].head, slot + 1);
        }
        virtq_device_publish(&device);
        for (unsigned i = 8; i-- > 0;) {
            assert_ptr_equal(virtqueue_pop(&vq, &written), &tokens[i]);
            assert_int_equal(written, i + 1);
        }
    }
    assert_int_equal(device.violations, 0);
}

/* A full ring refuses and changes nothing; one chain needs all its room. */
static void full_ring_refuses(void **state)
{
    start(4, false, 0);
    struct virtqueue_segment s[5] = { piece(0, 1), piece(1, 1), piece(2, 1), piece(3, 1),
                                      piece(4, 1) };
    assert_false(virtqueue_add(&vq, s, 0, 5, &tokens[0]));
    assert_false(virtqueue_add(&vq, s, 0, 0, &tokens[0]));
    assert_true(virtqueue_add(&vq, s, 0, 3, &tokens[0]));
    assert_false(virtqueue_add(&vq, s, 0, 2, &tokens[1]));
    assert_true(virtqueue_add(&vq, s, 0, 1, &tokens[1]));
    assert_false(virtqueue_add(&vq, s, 0, 1, &tokens[2]));
    virtqueue_publish(&vq);
    assert_int_equal(virtq_device_pending(&device), 2);
}

/* 2.7.5.3: a chain in an indirect table takes one descriptor. */
static void indirect_chains_take_one_descriptor(void **state)
{
    start(4, false, 4);
    struct virtqueue_segment s[4] = { piece(0, 1), piece(1, 2), piece(3, 4), piece(7, 8) };
    struct virtq_buffer b;
    uint32_t written;
    for (unsigned i = 0; i < 4; i++)
        assert_true(virtqueue_add(&vq, s, 1, 3, &tokens[i]));
    assert_false(virtqueue_add(&vq, s, 1, 3, &tokens[4]));
    virtqueue_publish(&vq);
    for (unsigned i = 0; i < 4; i++) {
        assert_true(virtq_device_take(&device, &b));
        assert_true(b.indirect);
        assert_int_equal(b.writable_bytes, 14);
        assert_int_equal(b.segment[3].iova, memory.iova + 7);
        virtq_device_put(&device, b.head, 14);
    }
    virtq_device_publish(&device);
    for (unsigned i = 0; i < 4; i++) {
        assert_ptr_equal(virtqueue_pop(&vq, &written), &tokens[i]);
        assert_int_equal(written, 14);
    }
    /* A single segment needs no table. */
    assert_true(virtqueue_add(&vq, s, 0, 1, &tokens[0]));
    virtqueue_publish(&vq);
    assert_true(virtq_device_take(&device, &b));
    assert_false(b.indirect);
}

/* 2.7.5.3.1: no chain is longer than the queue, so neither are the tables. */
static void indirect_tables_no_longer_than_the_queue(void **state)
{
    start(2, false, 9);
    struct virtqueue_segment s[3] = { piece(0, 1), piece(1, 2), piece(3, 4) };
    assert_int_equal(vq.indirect_max, 2);
    assert_false(virtqueue_add(&vq, s, 3, 0, &tokens[0]));
    assert_true(virtqueue_add(&vq, s, 2, 0, &tokens[0]));
}

/* 2.7.10.1: notify if and only if the device did not ask for silence. */
static void notifies_unless_told_not_to(void **state)
{
    start(4, false, 0);
    offer(0);
    virtqueue_notify(&vq);
    assert_int_equal(notified, 1);
    virtq_device_set_no_notify(&device, true);
    virtqueue_notify(&vq);
    assert_int_equal(notified, 1);
}

/* 2.7.7.1: we poll. */
static void asks_for_no_interrupts(void **state)
{
    start(4, false, 0);
    assert_int_equal(vq.avail->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);
}

static void break_with(uint32_t id, uint16_t index)
{
    uint32_t written;
    virtq_device_put(&device, id, 0);
    virtq_device_set_used_idx(&device, index);
    assert_null(virtqueue_pop(&vq, &written));
    assert_non_null(vq.broken);
    /* Broken for good. */
    virtq_device_set_used_idx(&device, (uint16_t)(index + 1));
    assert_null(virtqueue_pop(&vq, &written));
}

static void used_id_outside_the_table_breaks(void **state)
{
    start(4, false, 0);
    offer(0);
    break_with(4, 1);
}

static void used_id_beyond_16_bits_breaks(void **state)
{
    start(4, false, 0);
    offer(0);
    break_with(0x10000, 1);
}

static void used_id_never_offered_breaks(void **state)
{
    start(4, false, 0);
    offer(0);
    break_with(3, 1);
}

/* The middle of a chain is not a buffer. */
static void used_id_inside_a_chain_breaks(void **state)
{
    start(4, false, 0);
    struct virtqueue_segment s[2] = { piece(0, 1), piece(1, 2) };
    assert_true(virtqueue_add(&vq, s, 0, 2, &tokens[0]));
    virtqueue_publish(&vq);
    break_with(1, 1);
}

static void used_twice_breaks(void **state)
{
    start(4, false, 0);
    uint32_t written;
    offer(0);
    offer(1);
    virtq_device_put(&device, 0, 0);
    virtq_device_put(&device, 0, 0);
    virtq_device_publish(&device);
    assert_ptr_equal(virtqueue_pop(&vq, &written), &tokens[0]);
    assert_null(virtqueue_pop(&vq, &written));
    assert_non_null(vq.broken);
    assert_int_equal(vq.in_flight, 1);
}

/* A look that costs one read: what the device has used since, and what was not taken of it. */
static void a_quick_look_tells_whether_there_is_anything(void **state)
{
    struct virtq_buffer b;
    uint32_t written;
    start(8, false, 0);
    for (unsigned i = 0; i < 2; i++)
        offer(i);
    assert_true(virtqueue_has_nothing(&vq));
    for (unsigned i = 0; i < 2; i++) {
        assert_true(virtq_device_take(&device, &b));
        virtq_device_put(&device, b.head, 1);
    }
    assert_true(virtqueue_has_nothing(&vq)); /* not shown yet */
    virtq_device_publish(&device);
    assert_false(virtqueue_has_nothing(&vq));
    assert_non_null(virtqueue_pop(&vq, &written));
    assert_false(virtqueue_has_nothing(&vq)); /* one was left */
    assert_non_null(virtqueue_pop(&vq, &written));
    assert_true(virtqueue_has_nothing(&vq));
}

static void used_index_ahead_breaks(void **state)
{
    start(4, false, 0);
    offer(0);
    break_with(0, 2);
}

static void used_index_backwards_breaks(void **state)
{
    start(4, false, 0);
    offer(0);
    break_with(0, 0xffff);
}

/* More than the buffer holds is no length: 5.1.6.1 for what the device only
 * reads, and a lie for what it writes. */
static void impossible_length_counts_as_nothing(void **state)
{
    start(4, false, 0);
    uint32_t written = 1;
    const uint32_t lies[] = { 65, 0xffffffff, 0x80000000 };
    struct virtq_buffer b;
    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        offer(i);
        assert_true(virtq_device_take(&device, &b));
        virtq_device_put(&device, b.head, lies[i]);
        virtq_device_publish(&device);
        assert_ptr_equal(virtqueue_pop(&vq, &written), &tokens[i]);
        assert_int_equal(written, 0);
    }
    struct virtqueue_segment s = piece(0, 64);
    assert_true(virtqueue_add(&vq, &s, 1, 0, &tokens[5]));
    virtqueue_publish(&vq);
    assert_true(virtq_device_take(&device, &b));
    virtq_device_put(&device, b.head, 64);
    virtq_device_publish(&device);
    assert_ptr_equal(virtqueue_pop(&vq, &written), &tokens[5]);
    assert_int_equal(written, 0);
}

/* What a device that may write its descriptors (legacy pages) puts there
 * changes nothing for us. */
static void descriptors_are_never_read_back(void **state)
{
    start(4, true, 0);
    struct virtqueue_segment s[3] = { piece(0, 1), piece(1, 2), piece(3, 4) };
    uint32_t written;
    assert_true(virtqueue_add(&vq, s, 0, 3, &tokens[0]));
    virtqueue_publish(&vq);
    memset(vq.desc, 0xff, 4 * sizeof *vq.desc);
    memset(vq.avail, 0xff, sizeof *vq.avail + 4 * 2);
    virtq_device_put(&device, 0, 7);
    virtq_device_publish(&device);
    assert_ptr_equal(virtqueue_pop(&vq, &written), &tokens[0]);
    assert_int_equal(vq.free_count, 4);
    vq.avail->flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
    device.avail_idx = 1;
    for (unsigned i = 0; i < 4; i++)
        assert_true(offer(i));
    struct virtq_buffer b;
    for (unsigned i = 0; i < 4; i++)
        assert_true(virtq_device_take(&device, &b));
}

/* After a reset everything still out comes back, once. */
static void detach_returns_everything(void **state)
{
    start(8, false, 4);
    struct virtqueue_segment s[5] = { piece(0, 1), piece(1, 1), piece(2, 1), piece(3, 1),
                                      piece(4, 1) };
    unsigned seen = 0;
    assert_true(virtqueue_add(&vq, s, 0, 5, &tokens[0]));
    assert_true(virtqueue_add(&vq, s, 0, 4, &tokens[1]));
    assert_true(virtqueue_add(&vq, s, 0, 1, &tokens[2]));
    for (char *t; (t = virtqueue_detach(&vq));)
        seen |= 1u << (t - tokens);
    assert_int_equal(seen, 7);
    assert_int_equal(vq.free_count, 8);
}

/* Every allocation may fail, and nothing stays behind. */
static void allocation_failures_leave_nothing(void **state)
{
    for (unsigned n = 1; n <= 3; n++) {
        host_dma_fail_after(n);
        assert_int_equal(virtqueue_alloc(&vq, &dma, 0, 16, false, 4), -ENOMEM);
        assert_int_equal(host_dma_mapped(&dma), 0);
    }
    start(16, false, 4);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(sizes_are_powers_of_two),
        T(parts_lie_on_pages_by_direction),
        T(legacy_layout_is_contiguous),
        T(buffers_go_round),
        T(indices_wrap),
        T(full_ring_refuses),
        T(indirect_chains_take_one_descriptor),
        T(indirect_tables_no_longer_than_the_queue),
        T(notifies_unless_told_not_to),
        T(asks_for_no_interrupts),
        T(used_id_outside_the_table_breaks),
        T(used_id_beyond_16_bits_breaks),
        T(used_id_never_offered_breaks),
        T(used_id_inside_a_chain_breaks),
        T(used_twice_breaks),
        T(a_quick_look_tells_whether_there_is_anything),
        T(used_index_ahead_breaks),
        T(used_index_backwards_breaks),
        T(impossible_length_counts_as_nothing),
        T(descriptors_are_never_read_back),
        T(detach_returns_everything),
        T(allocation_failures_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
