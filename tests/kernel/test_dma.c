/* kernel/x86/dma.c: memory for devices, with an IOMMU that can refuse, and one that does not
 * answer. */
#include "kernel/dma.h"

#include "kernel/memory.h"
#include "tests/host/test.h"
#include "tests/kernel/machine.h"

#include <errno.h>
#include <string.h>

#define RAM_SIZE (8 * MIB)

static struct boot_info info;
static int map_answer, unmap_answer;
static unsigned maps, unmaps;
static struct dma_memory mapped; /* what the IOMMU was told last */
static enum dma_direction mapped_direction;

static int map(struct dma_device *dev, uint64_t pa, size_t size, enum dma_direction dir)
{
    mapped = (struct dma_memory){ .iova = pa, .size = size };
    mapped_direction = dir;
    maps++;
    return map_answer;
}

static int unmap(struct dma_device *dev, uint64_t pa, size_t size)
{
    assert_int_equal(pa, mapped.iova);
    assert_int_equal(size, mapped.size);
    unmaps++;
    return unmap_answer;
}

static const struct dma_mapper mapper = { map, unmap };

static struct dma_device behind = { .requester_id = 0x0100, .domain = &mapped };
static struct dma_device beside = { .requester_id = 0x0108 };

static uint64_t free_bytes(void)
{
    struct memory_stats s;
    memory_stats(&s);
    return s.free;
}

static int start(void **state)
{
    machine_reset();
    memset(&info, 0, sizeof info);
    machine_add_ram(&info, LOW_RAM, RAM_SIZE);
    memory_init(&info);
    dma_set_mapper(&mapper);
    map_answer = unmap_answer = 0;
    maps = unmaps = 0;
    return 0;
}

static void memory_is_zeroed_whole_pages_and_aligned(void **state)
{
    uint64_t before = free_bytes();
    for (size_t align = 1; align <= 2 * MIB; align *= 2) {
        struct dma_memory m;
        assert_int_equal(dma_alloc(&beside, 4097, align, DMA_TO_DEVICE, &m), 0);
        assert_int_equal(m.size, 2 * PAGE_SIZE);
        assert_int_equal(m.iova, (uintptr_t)m.va);
        assert_int_equal(m.iova % (align > PAGE_SIZE ? align : PAGE_SIZE), 0);
        for (size_t i = 0; i < m.size; i++)
            assert_int_equal(((uint8_t *)m.va)[i], 0);
        memset(m.va, 0x5a, m.size); /* for the next one to be cleared of */
        dma_free(&beside, &m);
        assert_null(m.va);
        assert_int_equal(free_bytes(), before);
    }
}

static void two_of_them_never_share_a_page(void **state)
{
    struct dma_memory a, b;
    assert_int_equal(dma_alloc(&beside, 16, 16, DMA_TO_DEVICE, &a), 0);
    assert_int_equal(dma_alloc(&beside, 16, 16, DMA_FROM_DEVICE, &b), 0);
    assert_true(a.iova / PAGE_SIZE != b.iova / PAGE_SIZE);
}

static void bad_requests_leave_the_result_alone(void **state)
{
    struct dma_memory m = { .va = &m, .iova = 1, .size = 2 }, was = m;
    uint64_t before = free_bytes();
    assert_int_equal(dma_alloc(&beside, 0, 16, DMA_TO_DEVICE, &m), -EINVAL);
    assert_int_equal(dma_alloc(&beside, 16, 48, DMA_TO_DEVICE, &m), -EINVAL);
    assert_int_equal(dma_alloc(&beside, SIZE_MAX - 5, 16, DMA_TO_DEVICE, &m), -EINVAL);
    assert_int_equal(dma_alloc(&beside, RAM_SIZE, 16, DMA_TO_DEVICE, &m), -ENOMEM);
    assert_int_equal(dma_alloc_shared(RAM_SIZE, 16, &m), -ENOMEM);
    assert_memory_equal(&m, &was, sizeof m);
    assert_int_equal(free_bytes(), before);
    assert_int_equal(maps, 0);
}

static void only_a_device_with_a_domain_is_mapped(void **state)
{
    struct dma_memory m;
    assert_int_equal(dma_alloc(&beside, PAGE_SIZE, 0, DMA_TO_DEVICE, &m), 0);
    dma_free(&beside, &m);
    assert_int_equal(dma_alloc(NULL, PAGE_SIZE, 0, DMA_TO_DEVICE, &m), 0);
    dma_free(NULL, &m);
    assert_int_equal(maps + unmaps, 0);
    dma_set_mapper(NULL); /* no IOMMU in force */
    assert_int_equal(dma_alloc(&behind, PAGE_SIZE, 0, DMA_TO_DEVICE, &m), 0);
    dma_free(&behind, &m);
    assert_int_equal(maps + unmaps, 0);
}

static void a_device_with_a_domain_reaches_exactly_that(void **state)
{
    static const enum dma_direction directions[] = { DMA_TO_DEVICE, DMA_FROM_DEVICE,
                                                     DMA_BIDIRECTIONAL };
    uint64_t before = free_bytes();
    for (unsigned i = 0; i < ARRAY_SIZE(directions); i++) {
        struct dma_memory m;
        assert_int_equal(dma_alloc(&behind, 5000, 0, directions[i], &m), 0);
        assert_int_equal(mapped.iova, m.iova);
        assert_int_equal(mapped.size, 2 * PAGE_SIZE);
        assert_int_equal(mapped_direction, directions[i]);
        dma_free(&behind, &m);
        assert_int_equal(unmaps, i + 1);
        dma_free(&behind, &m); /* nothing is left to be freed */
        assert_int_equal(unmaps, i + 1);
    }
    assert_int_equal(free_bytes(), before);
}

static void a_refused_mapping_gives_the_memory_back(void **state)
{
    struct dma_memory m = { 0 };
    uint64_t before = free_bytes();
    map_answer = -ENOMEM;
    assert_int_equal(dma_alloc(&behind, PAGE_SIZE, 0, DMA_TO_DEVICE, &m), -ENOMEM);
    assert_null(m.va);
    assert_int_equal(free_bytes(), before);
}

/* -EIO: the unit did not confirm, and the device may reach the pages for ever. */
static void a_mapping_that_nobody_confirmed_keeps_the_memory(void **state)
{
    struct dma_memory m = { 0 }, next;
    uint64_t before = free_bytes();
    map_answer = -EIO;
    assert_int_equal(dma_alloc(&behind, PAGE_SIZE, 0, DMA_TO_DEVICE, &m), -EIO);
    assert_null(m.va);
    assert_int_equal(free_bytes(), before - PAGE_SIZE);
    map_answer = 0;
    uint64_t lost = mapped.iova;
    while (!dma_alloc(&beside, PAGE_SIZE, 0, DMA_TO_DEVICE, &next))
        assert_int_not_equal(next.iova, lost);
}

static void a_removal_that_nobody_confirmed_keeps_the_memory(void **state)
{
    struct dma_memory m, next;
    assert_int_equal(dma_alloc(&behind, 2 * PAGE_SIZE, 0, DMA_BIDIRECTIONAL, &m), 0);
    uint64_t before = free_bytes(), lost = m.iova;
    unmap_answer = -EIO;
    dma_free(&behind, &m);
    assert_null(m.va);
    assert_int_equal(free_bytes(), before);
    assert_true(machine_logged("8192 bytes kept back"));
    while (!dma_alloc(&beside, PAGE_SIZE, 0, DMA_TO_DEVICE, &next))
        assert_true(next.iova != lost && next.iova != lost + PAGE_SIZE);
}

static void shared_memory_is_reached_by_who_was_let(void **state)
{
    struct dma_memory m;
    uint64_t before = free_bytes();
    assert_int_equal(dma_alloc_shared(3 * PAGE_SIZE, 2 * MIB, &m), 0);
    assert_int_equal(m.iova % (2 * MIB), 0);
    assert_int_equal(maps, 0);
    assert_int_equal(dma_share(&beside, &m, DMA_BIDIRECTIONAL), 0);
    assert_int_equal(maps, 0);
    assert_int_equal(dma_share(&behind, &m, DMA_BIDIRECTIONAL), 0);
    assert_int_equal(mapped.iova, m.iova);
    assert_int_equal(mapped.size, m.size);
    map_answer = -ENOMEM;
    assert_int_equal(dma_share(&behind, &m, DMA_BIDIRECTIONAL), -ENOMEM);
    dma_unshare(&beside, &m);
    assert_int_equal(unmaps, 0);
    dma_unshare(&behind, &m);
    assert_int_equal(unmaps, 1);
    dma_free(NULL, &m);
    assert_int_equal(free_bytes(), before);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(memory_is_zeroed_whole_pages_and_aligned),
        TEST(two_of_them_never_share_a_page),
        TEST(bad_requests_leave_the_result_alone),
        TEST(only_a_device_with_a_domain_is_mapped),
        TEST(a_device_with_a_domain_reaches_exactly_that),
        TEST(a_refused_mapping_gives_the_memory_back),
        TEST(a_mapping_that_nobody_confirmed_keeps_the_memory),
        TEST(a_removal_that_nobody_confirmed_keeps_the_memory),
        TEST(shared_memory_is_reached_by_who_was_let),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
