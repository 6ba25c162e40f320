/* virtio/virtqueue*.c, every kind of it: split and packed, with EVENT_IDX and without, in any order
 * and in order, one by one and in batches; against a device side written from virtio 1.2 2.7 and
 * 2.8.  What only split queues do is test_virtqueue.c's. */
#include "virtio/virtqueue.h"

#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/virtq_device.h"

#include <errno.h>
#include <string.h>

#define BUFFERS 4096u
#define BYTES 64u

static struct dma_device dma = { .requester_id = 0x10 };
static struct virtqueue vq;
static struct virtq_device device;
static struct dma_memory memory;
static unsigned notified;
static char tokens[BUFFERS];
static uint32_t seed;

static void count_notify(struct virtqueue *q)
{
    notified++;
}

static uint32_t below(uint32_t n)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % n;
}

static void start(uint16_t size, unsigned how, uint16_t indirect_max)
{
    host_reset();
    notified = 0;
    assert_int_equal(virtqueue_alloc(&vq, &dma, 3, size, how, indirect_max), 0);
    vq.notify = count_notify;
    virtq_device_init(&device, &dma, size);
    device.desc = vq.desc_iova;
    device.avail = vq.avail_iova;
    device.used = vq.used_iova;
    device.indirect = indirect_max;
    virtq_device_enable(&device, how & VIRTQUEUE_PACKED, how & VIRTQUEUE_EVENT_IDX,
                        how & VIRTQUEUE_IN_ORDER);
    assert_int_equal(dma_alloc(&dma, BUFFERS * BYTES, 4096, DMA_BIDIRECTIONAL, &memory), 0);
}

static void stop(void)
{
    while (virtqueue_detach(&vq))
        continue;
    assert_int_equal(vq.in_flight, 0);
    assert_int_equal(vq.free_count, vq.size);
    virtqueue_free(&vq);
    dma_free(&dma, &memory);
    assert_int_equal(host_dma_mapped(&dma), 0);
    assert_int_equal(host_dma_refused(), 0);
    if (device.violations)
        fail_msg("%u violations, first: %s", device.violations, device.violation);
}

/* What the driver has out, oldest first, and what the device holds. */
static struct {
    unsigned id;
    uint32_t writable;
} out[BUFFERS];
static unsigned out_first, out_count, offered;
static struct virtq_buffer held[BUFFERS];
static unsigned held_count;

static struct virtqueue_segment piece(unsigned id, uint32_t length)
{
    return (struct virtqueue_segment){ memory.iova + BYTES * (id % BUFFERS), length };
}

static void note(unsigned id, uint32_t writable)
{
    out[(out_first + out_count++) % BUFFERS].id = id;
    out[(out_first + out_count - 1) % BUFFERS].writable = writable;
}

static void offer_burst(unsigned n, bool writable)
{
    struct virtqueue_segment s[8];
    void *t[8];
    for (unsigned i = 0; i < n; i++) {
        s[i] = piece(offered + i, 1 + (offered + i) % BYTES);
        t[i] = &tokens[(offered + i) % BUFFERS];
    }
    unsigned room = vq.free_count, taken = virtqueue_add_burst(&vq, s, t, n, writable);
    assert_int_equal(taken, n < room ? n : room);
    for (unsigned i = 0; i < taken; i++, offered++)
        note(offered % BUFFERS, writable ? s[i].length : 0);
}

static void offer_chain(unsigned n, unsigned readable)
{
    struct virtqueue_segment s[4] = { { 0 } };
    uint32_t writable = 0;
    for (unsigned i = 0; i < n; i++) {
        s[i] = piece(offered, 1 + i);
        writable += i >= readable ? s[i].length : 0;
    }
    bool room = virtqueue_has_room(&vq, n);
    assert_int_equal(virtqueue_add(&vq, s, readable, n - readable, &tokens[offered % BUFFERS]),
                     room);
    if (room)
        note(offered++ % BUFFERS, writable);
}

static void device_takes(void)
{
    while (virtq_device_take(&device, &held[held_count]))
        held_count++;
}

/* How much it says of each buffer: all of it, so that a batch's are known as well. */
static void device_uses(unsigned n)
{
    while (n-- && held_count) {
        unsigned i = device.in_order ? 0 : below(held_count);
        virtq_device_put(&device, held[i].head, held[i].writable_bytes);
        memmove(&held[i], &held[i + 1], (--held_count - i) * sizeof held[0]);
        if (!device.batches)
            virtq_device_publish(&device);
    }
    virtq_device_publish(&device);
}

/* Each that comes back was out, and once; in order when that was settled. */
static void driver_pops(unsigned n)
{
    void *t[16];
    uint32_t written[16];
    unsigned got = virtqueue_pop_burst(&vq, t, written, n);
    for (unsigned i = 0; i < got; i++) {
        unsigned id = (unsigned)((char *)t[i] - tokens), at = 0;
        while (out[(out_first + at) % BUFFERS].id != id)
            assert_in_range(++at, 0, out_count - 1);
        assert_true(!at || !vq.in_order);
        assert_int_equal(written[i], out[(out_first + at) % BUFFERS].writable);
        for (; at; at--)
            out[(out_first + at) % BUFFERS] = out[(out_first + at - 1) % BUFFERS];
        out_first = (out_first + 1) % BUFFERS;
        out_count--;
    }
    assert_null(vq.broken);
}

static void go_round(uint16_t size, unsigned how, uint16_t indirect_max, bool batches)
{
    start(size, how, indirect_max);
    device.batches = batches;
    out_first = out_count = held_count = offered = 0;
    for (unsigned step = 0; step < 2000; step++) {
        unsigned what = below(6);
        if (what == 0)
            offer_burst(below(9), below(2));
        else if (what == 1 && size >= 4)
            offer_chain(1 + below(4), 0);
        else if (what == 2 && size >= 4)
            offer_chain(2 + below(3), 1);
        else if (what == 3)
            device_takes();
        else if (what == 4)
            device_uses(below(6));
        else
            driver_pops(below(9));
        if (below(2))
            virtqueue_publish(&vq);
    }
    virtqueue_publish(&vq);
    device_takes();
    device_uses(BUFFERS);
    while (out_count)
        driver_pops(16);
    stop();
}

/* Whatever is offered comes back, at any size and in any mixture. */
static void buffers_go_round(void **state)
{
    static const uint16_t sizes[] = { 1, 2, 4, 8, 64, 256 }, odd[] = { 3, 5, 7, 100, 255, 300 };
    for (unsigned how = 0; how < 16; how += 2)
        for (unsigned i = 0; i < ARRAY_SIZE(sizes); i++)
            for (unsigned variant = 0; variant < 4; variant++) {
                bool packed = how & VIRTQUEUE_PACKED;
                seed = how * 1000 + i * 10 + variant;
                go_round(packed && variant & 1 ? odd[i] : sizes[i], how, variant & 1 ? 4 : 0,
                         variant & 2 && how & VIRTQUEUE_IN_ORDER);
            }
}

/* 2.8: any size up to 32768. */
static void packed_sizes_need_not_be_powers_of_two(void **state)
{
    host_reset();
    assert_int_equal(virtqueue_alloc(&vq, &dma, 0, 0, VIRTQUEUE_PACKED, 0), -EINVAL);
    assert_int_equal(virtqueue_alloc(&vq, &dma, 0, 32769, VIRTQUEUE_PACKED, 0), -EINVAL);
    go_round(32767, VIRTQUEUE_PACKED, 0, false);
}

/* 2.8.17: a list, and a burst, is seen whole or not at all. */
static void packed_bursts_appear_at_once(void **state)
{
    start(8, VIRTQUEUE_PACKED, 0);
    out_count = out_first = offered = 0;
    for (unsigned round = 0; round < 20; round++) {
        offer_burst(3, true);
        offer_chain(3, 1);
        assert_int_equal(virtq_device_pending(&device), 0);
        virtqueue_publish(&vq);
        held_count = 0;
        device_takes();
        assert_int_equal(held_count, 4);
        device_uses(4);
        driver_pops(4);
        assert_int_equal(out_count, 0);
    }
    stop();
}

/* 2.7.10.1, 2.8.10: notified when the device asked, and not when it did not, past every wrap. */
static void notifies_when_the_device_asked(void **state)
{
    for (unsigned how = 0; how < 8; how += 2) {
        uint16_t size = how & VIRTQUEUE_PACKED ? 7 : 8;
        start(size, how, 0);
        out_count = out_first = held_count = offered = 0;
        for (unsigned round = 0; round < 100000; round += 1 + below(3)) {
            bool silent = below(2);
            virtq_device_set_no_notify(&device, silent);
            unsigned before = notified;
            offer_burst(1 + below(5), true);
            virtqueue_publish(&vq);
            virtqueue_notify(&vq);
            assert_int_equal(notified - before, !silent);
            device_takes();
            device_uses(8);
            driver_pops(8);
        }
        stop();
    }
}

/* 2.7.7.1, 2.8.10: none at first, the next when they are on; and whoever turns them on learns that
 * something came before. */
static void interrupts_are_for_what_comes_next(void **state)
{
    for (unsigned how = 0; how < 16; how += 2) {
        start(8, how, 0);
        out_count = out_first = held_count = offered = 0;
        assert_false(virtq_device_interrupts_wanted(&device));
        for (unsigned round = 0; round < 30; round++) {
            offer_burst(1 + round % 5, true);
            virtqueue_publish(&vq);
            device_takes();
            assert_true(virtqueue_enable_interrupts(&vq));
            assert_true(virtq_device_interrupts_wanted(&device));
            virtqueue_disable_interrupts(&vq);
            assert_false(virtq_device_interrupts_wanted(&device));
            device_uses(1);
            assert_false(virtqueue_enable_interrupts(&vq));
            virtqueue_disable_interrupts(&vq);
            device_uses(8);
            driver_pops(8);
            assert_int_equal(out_count, 0);
        }
        stop();
    }
}

/* Hostile devices ------------------------------------------------------------------ */

static void must_break(void)
{
    void *t[4];
    uint32_t written[4];
    assert_int_equal(virtqueue_pop_burst(&vq, t, written, 4), 0);
    assert_non_null(vq.broken);
    virtq_device_publish(&device);
    assert_int_equal(virtqueue_pop_burst(&vq, t, written, 4), 0);
}

/* An ID that was never out, one beyond the ring, and one that came back already. */
static void used_ids_are_checked(void **state)
{
    static const unsigned wrong[] = { 2, 7, 8, 0xffff };
    for (unsigned how = 2; how < 16; how += 2)
        for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
            start(8, how, 0);
            out_count = out_first = held_count = offered = 0;
            offer_burst(2, true);
            virtqueue_publish(&vq);
            virtq_device_put(&device, wrong[i], 1);
            virtq_device_publish(&device);
            must_break();
            assert_int_equal(vq.in_flight, 2);
            stop();
        }
}

static void a_buffer_comes_back_once(void **state)
{
    for (unsigned how = 0; how < 16; how += 2) {
        start(8, how, 0);
        void *t[4];
        uint32_t written[4];
        out_count = out_first = held_count = offered = 0;
        offer_burst(4, true);
        virtqueue_publish(&vq);
        virtq_device_put(&device, 0, 1);
        virtq_device_publish(&device);
        assert_int_equal(virtqueue_pop_burst(&vq, t, written, 4), 1);
        virtq_device_put(&device, 0, 1);
        virtq_device_publish(&device);
        must_break();
        assert_int_equal(vq.in_flight, 3);
        stop();
    }
}

/* 2.7.9: the used index covers the whole batch. */
static void a_batch_beyond_the_used_index_breaks(void **state)
{
    start(8, VIRTQUEUE_IN_ORDER, 0);
    void *t[8];
    uint32_t written[8];
    out_count = out_first = held_count = offered = 0;
    offer_burst(5, true);
    virtqueue_publish(&vq);
    virtq_device_put(&device, 3, 1); /* four of them, it says, and then: two */
    virtq_device_set_used_idx(&device, 2);
    assert_int_equal(virtqueue_pop_burst(&vq, t, written, 8), 2);
    assert_non_null(vq.broken);
    assert_int_equal(virtqueue_pop_burst(&vq, t, written, 8), 0);
    stop();
}

/* A length beyond the buffer is none; one without WRITE counts (2.8.4 says no, QEMU leaves the flag
 * out), but not of a buffer that is only read. */
static void packed_lengths_are_checked(void **state)
{
    start(8, VIRTQUEUE_PACKED, 0);
    void *t;
    uint32_t written = 7;
    out_count = out_first = held_count = offered = 0;
    offer_burst(2, true);
    virtqueue_publish(&vq);
    device_takes();
    virtq_device_put(&device, held[0].head, BYTES + 1);
    virtq_device_publish(&device);
    assert_int_equal(virtqueue_pop_burst(&vq, &t, &written, 1), 1);
    assert_int_equal(written, 0);
    struct pvirtq_desc used = { .len = 1, .id = held[1].head, .flags = 0x8080 };
    vq.ring[1] = used;
    assert_int_equal(virtqueue_pop_burst(&vq, &t, &written, 1), 1);
    assert_int_equal(written, 1);
    offer_burst(1, false);
    virtqueue_publish(&vq);
    used.id = vq.ring[2].id;
    vq.ring[2] = used;
    assert_int_equal(virtqueue_pop_burst(&vq, &t, &written, 1), 1);
    assert_int_equal(written, 0);
    stop();
}

/* Whatever the ring says while nothing is out, nothing comes. */
static void nothing_comes_out_of_an_empty_ring(void **state)
{
    start(4, VIRTQUEUE_PACKED, 0);
    memset(vq.ring, 0xff, 4 * sizeof *vq.ring);
    must_break();
    stop();
}

/* Every allocation may fail, and nothing stays behind. */
static void allocation_failures_leave_nothing(void **state)
{
    host_reset();
    for (unsigned n = 1; n <= 3; n++) {
        host_dma_fail_after(n);
        assert_int_equal(virtqueue_alloc(&vq, &dma, 0, 16, VIRTQUEUE_PACKED, 4), -ENOMEM);
        assert_int_equal(host_dma_mapped(&dma), 0);
    }
    host_dma_fail_after(0);
}

#define T(f) cmocka_unit_test(f)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(buffers_go_round),
        T(packed_sizes_need_not_be_powers_of_two),
        T(packed_bursts_appear_at_once),
        T(notifies_when_the_device_asked),
        T(interrupts_are_for_what_comes_next),
        T(used_ids_are_checked),
        T(a_buffer_comes_back_once),
        T(a_batch_beyond_the_used_index_breaks),
        T(packed_lengths_are_checked),
        T(nothing_comes_out_of_an_empty_ring),
        T(allocation_failures_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
