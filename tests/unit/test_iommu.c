/* Domains, scopes, reserved regions and faults, on models of units.  Sections
 * are of VT-d rev. 5.10. */
#include "iommu/iommu.h"
#include "kernel/compiler.h"
#include "kernel/cpus.h"
#include "kernel/time.h"

#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/dmar_table.h"
#include "tests/models/vtd_model.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define BASE 0xfed90000ull
#define BASE2 0xfed94000ull
#define ENDPOINT 1
#define BRIDGE 2
#define MIB 0x100000ull

static struct vtd_model model, second;
static struct dma_device nic, other;
static uint64_t pa;

static int setup(void **state)
{
    host_reset();
    vtd_model_init(&model, BASE);
    vtd_model_init(&second, BASE2);
    nic = (struct dma_device){ .requester_id = 0x0010 };   /* 00:02.0 */
    other = (struct dma_device){ .requester_id = 0x0018 }; /* 00:03.0 */
    dmar_table_begin(39, 0);
    return 0;
}

static int teardown(void **state)
{
    iommu_reset();
    const char *complaint = model.complaint ? model.complaint : second.complaint;
    if (complaint || host_pages())
        print_error("complaint: %s; %zu bytes left\n", complaint, host_pages());
    return complaint || host_pages();
}

/* One unit that takes everything. */
static void begin(void)
{
    dmar_table_unit(BASE, 0, DMAR_TABLE_ALL);
    dmar_table_publish();
    assert_int_equal(iommu_init(), 0);
    assert_true(iommu_present());
}

/* The way of a function on the root bus. */
static struct iommu_place place_of(const struct dma_device *dev)
{
    return (struct iommu_place){ .segment = (uint16_t)(dev->requester_id >> 16),
                                 .depth = 1,
                                 .way = { { .bus = (uint8_t)(dev->requester_id >> 8),
                                            .devfn = (uint8_t)dev->requester_id } } };
}

static void attach(struct dma_device *dev)
{
    struct iommu_place p = place_of(dev);
    assert_int_equal(iommu_attach(dev, &p), 0);
    assert_non_null(dev->domain);
}

static int map(struct dma_device *dev, uint64_t at, size_t size, enum dma_direction dir)
{
    return host_dma_mapper()->map(dev, at, size, dir);
}

static int unmap(struct dma_device *dev, uint64_t at, size_t size)
{
    return host_dma_mapper()->unmap(dev, at, size);
}

static uint8_t dma(const struct dma_device *dev, uint64_t iova, bool write)
{
    return vtd_model_dma(&model, (uint16_t)dev->requester_id, iova, write, &pa);
}

static struct iommu_device_info info_of(const struct dma_device *dev)
{
    struct iommu_device_info info;
    for (unsigned i = 0; iommu_device_info(i, &info); i++)
        if (info.requester_id == dev->requester_id)
            return info;
    fail_msg("device is not shown");
    return info;
}

/* Tables ------------------------------------------------------------------------------ */

static void no_table(void **state)
{
    assert_int_equal(iommu_init(), -ENODEV);
    assert_false(iommu_present());
    assert_null(host_dma_mapper());
    struct iommu_place p = place_of(&nic);
    assert_int_equal(iommu_attach(&nic, &p), -ENODEV);
}

static void a_table_that_lies(void **state)
{
    dmar_table_unit(BASE + 8, 0, 0);
    dmar_table_publish();
    assert_int_equal(iommu_init(), -ENODEV);
    assert_true(host_log_contains("DMAR table refused"));
}

/* Each DMA reaches what it was given, in the direction it was given. */
static void a_device_has_its_own_domain(void **state)
{
    begin();
    attach(&nic);
    attach(&other);
    assert_int_equal(map(&nic, 0x5000, 0x1000, DMA_TO_DEVICE), 0);
    assert_int_equal(map(&nic, 0x6000, 0x1000, DMA_FROM_DEVICE), 0);
    assert_int_equal(map(&other, 0x7000, 0x1000, DMA_BIDIRECTIONAL), 0);
    assert_int_equal(dma(&nic, 0x5000, false), 0);
    assert_int_equal(dma(&nic, 0x5000, true), WALK_NO_WRITE);
    assert_int_equal(dma(&nic, 0x6000, true), 0);
    assert_int_equal(dma(&nic, 0x6000, false), WALK_NO_READ);
    assert_int_equal(dma(&nic, 0x7000, true), WALK_NO_WRITE);
    assert_int_equal(dma(&other, 0x7000, true), 0);
    assert_int_equal(dma(&other, 0x5000, false), WALK_NO_READ);
    assert_int_not_equal(info_of(&nic).domain, info_of(&other).domain);
    assert_int_equal(info_of(&nic).mapped, 0x2000);
    assert_int_not_equal(info_of(&nic).domain, 0); /* 9.3: reserved */
}

/* The packet pool: one map, 2 MiB pages. */
static void the_pool_takes_large_pages(void **state)
{
    begin();
    attach(&nic);
    size_t before = info_of(&nic).tables;
    assert_int_equal(map(&nic, 32 * MIB, 32 * MIB, DMA_BIDIRECTIONAL), 0);
    assert_true(info_of(&nic).tables <= before + 1);
    assert_int_equal(dma(&nic, 64 * MIB - 1, true), 0);
    assert_int_equal(dma(&nic, 64 * MIB, true), WALK_NO_WRITE);
}

static void after_unmap_nothing_lands(void **state)
{
    for (unsigned caching = 0; caching < 2; caching++) {
        setup(state);
        model.cap |= caching ? VTD_MODEL_CM : 0;
        begin();
        attach(&nic);
        assert_int_not_equal(dma(&nic, 0x5000, true), 0);
        assert_int_equal(map(&nic, 0x5000, 0x1000, DMA_FROM_DEVICE), 0);
        assert_int_equal(dma(&nic, 0x5000, true), 0);
        assert_int_equal(unmap(&nic, 0x5000, 0x1000), 0);
        assert_int_not_equal(dma(&nic, 0x5000, true), 0);
        assert_int_equal(map(&nic, 0x5000, 0x1000, DMA_FROM_DEVICE), 0);
        assert_int_equal(dma(&nic, 0x5000, true), 0);
        iommu_detach(&nic);
        assert_null(nic.domain);
        assert_int_not_equal(dma(&nic, 0x5000, true), 0);
        assert_int_equal(teardown(state), 0);
    }
}

static void what_was_not_mapped_is_not_unmapped(void **state)
{
    begin();
    attach(&nic);
    assert_int_equal(map(&nic, 0x5000, 0x2000, DMA_FROM_DEVICE), 0);
    assert_int_equal(unmap(&nic, 0x5000, 0x1000), -EINVAL);
    assert_int_equal(unmap(&nic, 0x6000, 0x1000), -EINVAL);
    assert_int_equal(map(&nic, 0x6000, 0x1000, DMA_FROM_DEVICE), -EEXIST);
    assert_int_equal(dma(&nic, 0x6000, true), 0);
}

/* An invalidation that is not confirmed: dma_free() keeps such memory. */
static void an_unmap_that_is_not_confirmed(void **state)
{
    begin();
    attach(&nic);
    assert_int_equal(map(&nic, 0x5000, 0x1000, DMA_FROM_DEVICE), 0);
    model.refuse_type = 2;
    assert_int_equal(unmap(&nic, 0x5000, 0x1000), -EIO);
    struct iommu_unit_info u;
    assert_true(iommu_unit_info(0, &u));
    assert_int_equal(u.queue_errors, 1);
}

/* A domain whose removal is not confirmed keeps its tables: the unit may walk them. */
static void a_detach_that_is_not_confirmed(void **state)
{
    begin();
    attach(&nic);
    model.refuse_type = 1;
    iommu_detach(&nic);
    assert_true(host_log_contains("is kept"));
    struct iommu_unit_info u;
    assert_true(iommu_unit_info(0, &u));
    assert_int_equal(u.domains, 1);
}

static void a_unit_that_fails_later_takes_nobody(void **state)
{
    begin();
    attach(&nic);
    model.queue_stuck = true;
    assert_int_equal(map(&nic, 0x5000, 0x1000, DMA_FROM_DEVICE), 0);
    assert_int_equal(unmap(&nic, 0x5000, 0x1000), -EIO);
    assert_int_equal(map(&nic, 0x6000, 0x1000, DMA_FROM_DEVICE), -EIO);
    struct iommu_place p = place_of(&other);
    assert_int_equal(iommu_attach(&other, &p), -EIO);
    model.queue_stuck = false;
}

static void attaching_without_memory(void **state)
{
    begin();
    struct iommu_place p = place_of(&nic);
    for (unsigned n = 1; n <= 2; n++) {
        size_t before = host_pages();
        host_page_fail_after(n);
        assert_int_equal(iommu_attach(&nic, &p), -ENOMEM);
        assert_null(nic.domain);
        assert_int_equal(host_pages(), before);
    }
    attach(&nic);
    host_page_fail_after(1);
    assert_int_equal(map(&nic, 0x5000, 0x1000, DMA_FROM_DEVICE), -ENOMEM);
    assert_int_equal(map(&nic, 0x5000, 0x1000, DMA_FROM_DEVICE), 0);
}

/* 11.4.2 ND: 2^(4 + 2 ND) domains, of which 0 is the unit's. */
static void more_devices_than_domains(void **state)
{
    static struct dma_device many[16];
    model.cap &= ~7ull;
    begin();
    for (unsigned i = 0; i < 16; i++) {
        many[i] = (struct dma_device){ .requester_id = i << 3 };
        struct iommu_place p = place_of(&many[i]);
        assert_int_equal(iommu_attach(&many[i], &p), i < 15 ? 0 : -ENOSPC);
    }
    iommu_detach(&many[7]);
    attach(&many[15]);
    assert_int_equal(info_of(&many[15]).domain, 8);
}

/* Units and scopes, 8.3 --------------------------------------------------------------- */

static void the_unit_that_names_the_device(void **state)
{
    dmar_table_unit(BASE2, 0, 0);
    dmar_table_scope(ENDPOINT, 0, (const uint8_t[]){ 0x10 }, 1);
    dmar_table_unit(BASE, 0, DMAR_TABLE_ALL);
    dmar_table_publish();
    assert_int_equal(iommu_init(), 0);
    attach(&nic);
    attach(&other);
    assert_int_equal(map(&nic, 0x5000, 0x1000, DMA_TO_DEVICE), 0);
    assert_int_equal(map(&other, 0x5000, 0x1000, DMA_TO_DEVICE), 0);
    assert_int_equal(vtd_model_dma(&second, 0x10, 0x5000, false, &pa), 0);
    assert_int_equal(dma(&other, 0x5000, false), 0);
    assert_int_not_equal(dma(&nic, 0x5000, false), 0);
    struct iommu_unit_info u;
    assert_true(iommu_unit_info(0, &u));
    assert_int_equal(u.base, BASE2);
    assert_false(u.include_all);
    assert_int_equal(u.domains, 1);
    assert_false(iommu_unit_info(2, &u));
}

/* 8.3.1: a bridge scope covers all below it, an endpoint scope one function; the
 * path is walked by device numbers, whatever bus numbers firmware gave. */
static void scopes_by_path(void **state)
{
    static const struct {
        uint8_t type, bus, length, path[3];
        bool covered;
    } rows[] = {
        { BRIDGE, 0, 1, { 0xe0 }, true },
        { BRIDGE, 0, 2, { 0xe0, 0x08 }, true },
        { ENDPOINT, 0, 1, { 0xe0 }, false },
        { ENDPOINT, 0, 2, { 0xe0, 0x08 }, false },
        { BRIDGE, 0, 1, { 0xe1 }, false },
        { ENDPOINT, 0, 3, { 0xe0, 0x08, 0x01 }, true },
        { BRIDGE, 1, 1, { 0x08 }, true },
        { BRIDGE, 1, 1, { 0x00 }, false },
        { ENDPOINT, 0, 3, { 0xe0, 8, 0 }, false },
        { ENDPOINT, 2, 1, { 0x01 }, true },
        { 3, 0, 1, { 0xe0 }, false },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        setup(state);
        dmar_table_unit(BASE, 0, 0);
        dmar_table_scope(rows[i].type, rows[i].bus, rows[i].path, rows[i].length);
        dmar_table_publish();
        assert_int_equal(iommu_init(), 0);
        struct dma_device deep = { .requester_id = 0x0201 };
        struct iommu_place p = { .depth = 3, .way = { { 0, 0xe0 }, { 1, 0x08 }, { 2, 0x01 } } };
        assert_int_equal(iommu_attach(&deep, &p), rows[i].covered ? 0 : -ENODEV);
        iommu_detach(&deep);
        assert_int_equal(teardown(state), 0);
    }
}

/* A path that goes on below the function is not the function's, whatever stands
 * behind the end of its way. */
static void a_scope_below_the_device(void **state)
{
    dmar_table_unit(BASE, 0, 0);
    dmar_table_scope(ENDPOINT, 0, (const uint8_t[]){ 0xe0, 0x08 }, 2);
    dmar_table_scope(BRIDGE, 0, (const uint8_t[]){ 0xe0, 0x08 }, 2);
    dmar_table_publish();
    assert_int_equal(iommu_init(), 0);
    struct dma_device port = { .requester_id = 0x00e0 };
    struct iommu_place p = { .depth = 1, .way = { { 0, 0xe0 }, { 1, 0x08 } } };
    assert_int_equal(iommu_attach(&port, &p), -ENODEV);
}

/* 8.3: a unit fences its own segment only. */
static void segments(void **state)
{
    dmar_table_unit(BASE, 1, DMAR_TABLE_ALL);
    dmar_table_publish();
    assert_int_equal(iommu_init(), 0);
    struct iommu_place p = place_of(&nic);
    assert_int_equal(iommu_attach(&nic, &p), -ENODEV);
    nic.requester_id |= 1 << 16;
    attach(&nic);
    dma(&nic, 0x5000, true);
    iommu_poll(1);
    assert_int_equal(iommu_fault_count(0x00010010), 1);
    assert_int_equal(iommu_fault_count(0x00000010), 0);
    assert_true(host_log_contains("iommu: 0001:00:02.0 write of 5000: not mapped for writing"));
}

/* A unit that does not obey: its devices are not used, the others' are. */
static void one_unit_of_two_fails(void **state)
{
    dmar_table_unit(BASE2, 0, 0);
    dmar_table_scope(ENDPOINT, 0, (const uint8_t[]){ 0x10 }, 1);
    dmar_table_unit(BASE, 0, DMAR_TABLE_ALL);
    dmar_table_publish();
    second.stuck = 1u << 30;
    assert_int_equal(iommu_init(), -EIO);
    assert_true(iommu_present());
    struct iommu_place p = place_of(&nic);
    assert_int_equal(iommu_attach(&nic, &p), -EIO);
    attach(&other);
    struct iommu_unit_info u;
    assert_true(iommu_unit_info(0, &u) && u.failed && !u.translating);
    second.complaint = NULL;
    second.stuck = 0;
}

/* One that was never touched leaves its devices as they were. */
static void a_unit_we_cannot_use(void **state)
{
    model.cap &= ~0x1f00ull;
    dmar_table_unit(BASE, 0, DMAR_TABLE_ALL);
    dmar_table_publish();
    assert_int_equal(iommu_init(), -EIO);
    assert_false(iommu_present());
    struct iommu_place p = place_of(&nic);
    assert_int_equal(iommu_attach(&nic, &p), -ENODEV);
    assert_true(host_log_contains("not in force, it has nothing that we can use: its devices "
                                  "are unfenced"));
}

static void what_is_shown_of_a_unit(void **state)
{
    model.ecap |= VTD_MODEL_FIRST;
    dmar_table_begin(48, DMAR_TABLE_INTR_REMAP);
    begin();
    struct iommu_unit_info u;
    assert_true(iommu_unit_info(0, &u));
    assert_true(u.translating && u.scalable && u.first_stage && u.queued && u.include_all);
    assert_true(u.interrupt_remapping && u.compatibility_blocked);
    assert_int_equal(u.levels, 4);
    assert_int_equal(u.version_major, 1);
    assert_int_equal(u.version_minor, 0);
    assert_int_equal(u.capability, model.cap);
    assert_false(u.failed);
}

/* Aliases, 3.12.1 and 3.12.2 ------------------------------------------------------------- */

static void devices_behind_one_bridge_share_a_domain(void **state)
{
    begin();
    struct dma_device a = { .requester_id = 0x0300 }, b = { .requester_id = 0x0308 };
    struct iommu_place p = {
        .depth = 2, .way = { { 0, 0xf0 }, { 3, 0x00 } }, .aliases = 1, .alias = { 0x0300 }
    };
    assert_int_equal(iommu_attach(&a, &p), 0);
    p.way[1].devfn = 0x08;
    assert_int_equal(iommu_attach(&b, &p), 0);
    assert_int_equal(info_of(&a).domain, info_of(&b).domain);
    /* the same memory for both, like the packet pool */
    assert_int_equal(map(&a, 0x8000, 0x1000, DMA_BIDIRECTIONAL), 0);
    assert_int_equal(map(&b, 0x8000, 0x1000, DMA_BIDIRECTIONAL), 0);
    assert_int_equal(map(&b, 0x8000, 0x1000, DMA_TO_DEVICE), -EEXIST);
    assert_int_equal(unmap(&a, 0x8000, 0x1000), 0);
    assert_int_equal(dma(&b, 0x8000, true), 0);
    assert_int_equal(dma(&a, 0x8000, true), 0); /* carries the bridge's ID: b's too */
    iommu_detach(&a);
    assert_int_equal(dma(&a, 0x8000, true), 0);
    assert_int_equal(dma(&b, 0x8000, true), 0);
    iommu_detach(&b);
    assert_int_not_equal(dma(&a, 0x8000, true), 0);
    assert_int_not_equal(dma(&b, 0x8000, true), 0);
}

static void aliases_that_join_two_domains(void **state)
{
    begin();
    attach(&nic);
    attach(&other);
    struct dma_device third = { .requester_id = 0x20 };
    struct iommu_place p = place_of(&third);
    p.aliases = 2;
    p.alias[0] = 0x10;
    p.alias[1] = 0x18;
    assert_int_equal(iommu_attach(&third, &p), -EBUSY);
    assert_null(third.domain);
}

/* Reserved regions, 8.4 ---------------------------------------------------------------- */

static void reserved_regions_for_their_device_only(void **state)
{
    dmar_table_unit(BASE, 0, DMAR_TABLE_ALL);
    dmar_table_region(0xbf000000, 0xbf002fff, 0);
    dmar_table_scope(ENDPOINT, 0, (const uint8_t[]){ 0x10 }, 1);
    dmar_table_region(0xbf008000, 0xbf008fff, 1); /* another segment's */
    dmar_table_scope(ENDPOINT, 0, (const uint8_t[]){ 0x10 }, 1);
    dmar_table_publish();
    assert_int_equal(iommu_init(), 0);
    attach(&nic);
    attach(&other);
    assert_int_equal(info_of(&nic).reserved_regions, 1);
    assert_int_equal(info_of(&other).reserved_regions, 0);
    assert_int_equal(dma(&nic, 0xbf000000, true), 0);
    assert_int_equal(dma(&nic, 0xbf002fff, false), 0);
    assert_int_not_equal(dma(&nic, 0xbf003000, false), 0);
    assert_int_not_equal(dma(&other, 0xbf000000, false), 0);
}

/* A VF is covered as its PF is (8.3.3), but what the PF is reserved is not its. */
static void reserved_regions_are_not_for_vfs(void **state)
{
    struct dma_device vf = { .requester_id = 0x90 };
    dmar_table_unit(BASE, 0, 0);
    dmar_table_scope(ENDPOINT, 0, (const uint8_t[]){ 0x10 }, 1);
    dmar_table_region(0xbf000000, 0xbf002fff, 0);
    dmar_table_scope(ENDPOINT, 0, (const uint8_t[]){ 0x10 }, 1);
    dmar_table_publish();
    assert_int_equal(iommu_init(), 0);
    struct iommu_place p = place_of(&nic);
    assert_int_equal(iommu_attach(&nic, &p), 0);
    assert_int_equal(iommu_attach(&vf, &p), 0);
    assert_int_equal(info_of(&nic).reserved_regions, 1);
    assert_int_equal(info_of(&vf).reserved_regions, 0);
    assert_int_not_equal(info_of(&vf).domain, info_of(&nic).domain);
    assert_int_not_equal(dma(&vf, 0xbf000000, false), 0);
    iommu_detach(&vf);
}

/* Firmware cannot open what is ours, nor a region no device could have. */
static void reserved_regions_that_are_refused(void **state)
{
    static const uint64_t bounds[][2] = { { 0x10000000, 0x1fffffff },
                                          { 0x100000000, 0xfffffffffff },
                                          { 0xfffffffffffff000, 0xffffffffffffffff } };
    for (unsigned i = 0; i < ARRAY_SIZE(bounds); i++) {
        setup(state);
        host_set_ram(0x1ff00000, 0x1000);
        dmar_table_unit(BASE, 0, DMAR_TABLE_ALL);
        dmar_table_region(bounds[i][0], bounds[i][1], 0);
        dmar_table_scope(ENDPOINT, 0, (const uint8_t[]){ 0x10 }, 1);
        dmar_table_publish();
        if (iommu_init() == 0) { /* else the table is refused as a whole: as good */
            attach(&nic);
            assert_int_equal(info_of(&nic).reserved_regions, 0);
            assert_int_not_equal(dma(&nic, bounds[i][0], true), 0);
            assert_true(host_log_contains("refused"));
        }
        assert_int_equal(teardown(state), 0);
    }
}

static void overlapping_reserved_regions(void **state)
{
    dmar_table_unit(BASE, 0, DMAR_TABLE_ALL);
    dmar_table_region(0xbf000000, 0xbf002fff, 0);
    dmar_table_scope(ENDPOINT, 0, (const uint8_t[]){ 0x10 }, 1);
    dmar_table_region(0xbf001000, 0xbf004fff, 0);
    dmar_table_scope(ENDPOINT, 0, (const uint8_t[]){ 0x10 }, 1);
    dmar_table_publish();
    assert_int_equal(iommu_init(), 0);
    attach(&nic);
    assert_int_equal(info_of(&nic).reserved_regions, 2);
    assert_int_equal(dma(&nic, 0xbf004000, true), 0);
}

/* Device TLBs, 4.1 and 8.5 ------------------------------------------------------------- */

static void device_tlbs_want_everybodys_word(void **state)
{
    for (unsigned n = 0; n < 10; n++) {
        unsigned missing = n % 5;
        struct walk_context c;
        setup(state);
        model.ecap |= n >= 5 ? VTD_MODEL_SCALABLE : 0; /* 9.4 DTE; 9.3 TT */
        model.ecap |= missing == 1 ? 0 : VTD_MODEL_DT;
        dmar_table_unit(BASE, 0, DMAR_TABLE_ALL);
        if (missing != 2)
            dmar_table_ats(missing == 3, DMAR_TABLE_ALL);
        dmar_table_publish();
        assert_int_equal(iommu_init(), 0);
        struct iommu_place p = place_of(&nic);
        p.trusted = missing != 4;
        assert_int_equal(iommu_attach(&nic, &p), 0);
        assert_int_equal(iommu_device_tlb(&nic), missing == 0);
        assert_int_equal(info_of(&nic).device_tlb, missing == 0);
        assert_int_equal(walk_requester(model.root, model.cap, 0x10, &c), WALK_OK);
        assert_int_equal(c.device_tlb, missing == 0);
        assert_int_equal(map(&nic, 0x5000, 0x1000, DMA_TO_DEVICE), 0);
        assert_int_equal(unmap(&nic, 0x5000, 0x1000), 0);
        assert_int_equal(model.device_flushes, missing == 0);
        assert_int_equal(teardown(state), 0);
    }
}

/* 6.5.2.5 PFSID, 8.3.3: a virtual function is found by its physical function's way. */
static void a_virtual_function_with_a_tlb(void **state)
{
    for (unsigned throttle = 0; throttle < 2; throttle++) {
        setup(state);
        model.ecap |= VTD_MODEL_DT | (throttle ? VTD_MODEL_DIT : 0);
        dmar_table_unit(BASE, 0, 0);
        dmar_table_scope(ENDPOINT, 0, (const uint8_t[]){ 0xe0, 0 }, 2);
        dmar_table_ats(0, 0);
        dmar_table_scope(BRIDGE, 0, (const uint8_t[]){ 0xe0 }, 1);
        dmar_table_publish();
        assert_int_equal(iommu_init(), 0);
        struct dma_device vf = { .requester_id = 0x0281 };
        struct iommu_place p = { .depth = 2, .way = { { 0, 0xe0 }, { 2, 0 } }, .trusted = true };
        assert_int_equal(iommu_attach(&vf, &p), 0);
        assert_true(iommu_device_tlb(&vf));
        assert_int_equal(map(&vf, 0x5000, 0x1000, DMA_TO_DEVICE), 0);
        assert_int_equal(unmap(&vf, 0x5000, 0x1000), 0);
        assert_int_equal(model.flushed_device, 0x0281);
        assert_int_equal(model.flushed_physical, throttle ? 0x0200 : 0);
        iommu_detach(&vf);
        assert_int_equal(teardown(state), 0);
    }
}

/* 6.5.2.11: memory is not used again when the device did not say it forgot. */
static void a_device_tlb_that_does_not_answer(void **state)
{
    model.ecap |= VTD_MODEL_DT;
    dmar_table_unit(BASE, 0, DMAR_TABLE_ALL);
    dmar_table_ats(0, DMAR_TABLE_ALL);
    dmar_table_publish();
    assert_int_equal(iommu_init(), 0);
    struct iommu_place p = place_of(&nic);
    p.trusted = true;
    assert_int_equal(iommu_attach(&nic, &p), 0);
    assert_int_equal(map(&nic, 0x5000, 0x1000, DMA_TO_DEVICE), 0);
    model.device_silent = true;
    assert_int_equal(unmap(&nic, 0x5000, 0x1000), -EIO);
    attach(&other); /* the unit goes on */
}

/* Faults, 7.2.1 ---------------------------------------------------------------------- */

static struct iommu_fault last;
static unsigned heard;

static void hear(const struct iommu_fault *f)
{
    last = *f;
    heard++;
}

static void a_fault_is_told_counted_and_handed_on(void **state)
{
    begin();
    attach(&nic);
    heard = 0;
    iommu_set_fault_handler(hear);
    dma(&nic, 0x12345678, true);
    iommu_poll(1000);
    assert_int_equal(heard, 1);
    assert_int_equal(last.requester_id, 0x10);
    assert_int_equal(last.address, 0x12345000);
    assert_int_equal(last.reason, WALK_NO_WRITE);
    assert_true(last.write && !last.interrupt);
    assert_true(host_log_contains(
        "iommu: 0000:00:02.0 write of 12345000: not mapped for writing (VT-d 7.1.3)"));
    assert_int_equal(iommu_fault_count(0x10), 1);
    assert_int_equal(info_of(&nic).faults, 1);
    assert_int_equal(model.fsts, 0); /* the record is free again */
    iommu_poll(2000);
    assert_int_equal(heard, 1);
}

static void a_read_is_told_as_a_read(void **state)
{
    begin();
    dma(&other, 0x9000, false);
    iommu_poll(1000);
    assert_true(host_log_contains("0000:00:03.0 read of 9000: the device's bus has no root entry"));
}

/* 5.1.4.1: the index takes the address's place. */
static void an_interrupt_request_is_told_as_one(void **state)
{
    dmar_table_begin(39, DMAR_TABLE_INTR_REMAP);
    begin();
    heard = 0;
    iommu_set_fault_handler(hear);
    assert_int_equal(vtd_model_interrupt(&model, 0x10, 12), 0x22);
    iommu_poll(1000);
    assert_true(last.interrupt);
    assert_true(host_log_contains(
        "iommu: 0000:00:02.0 interrupt request 12: the entry is absent (VT-d 5.1.4.1)"));
    assert_int_equal(vtd_model_compatibility(&model, 0x10), 0x25);
    iommu_poll(3 * US_PER_S);
    assert_true(host_log_contains("compatibility format is blocked"));
}

/* NFR: records are a ring; every one is taken, from FRI on. */
static void several_records(void **state)
{
    model.cap |= 7ull << 40;
    begin();
    heard = 0;
    iommu_set_fault_handler(hear);
    for (unsigned round = 0; round < 5; round++) {
        for (unsigned i = 0; i < 6; i++)
            dma(&other, 0x1000 * i, true);
        iommu_poll(1000 + 1000 * round);
        assert_int_equal(heard, 6 * (round + 1));
        assert_int_equal(last.address, 0x5000);
        assert_int_equal(model.fsts, 0);
    }
}

/* PFO: faults were lost; it is counted, and recording goes on. */
static void overflow(void **state)
{
    begin();
    for (unsigned i = 0; i < 3; i++)
        dma(&other, 0x1000 * i, true);
    assert_int_equal(model.fsts & 1, 1);
    iommu_poll(1000);
    struct iommu_unit_info u;
    assert_true(iommu_unit_info(0, &u));
    assert_int_equal(u.faults, 1);
    assert_int_equal(u.overflows, 1);
    assert_int_equal(model.fsts, 0);
    dma(&other, 0x7000, true);
    iommu_poll(2000);
    assert_int_equal(iommu_fault_count(0x18), 2);
}

static unsigned lines_with(const char *what)
{
    char text[64];
    unsigned n = 0;
    /* Distinct addresses: each line is its own. */
    for (unsigned i = 0; i < 400; i++) {
        snprintf(text, sizeof text, "%s %x000:", what, 0x100 + i);
        n += host_log_contains(text);
    }
    return n;
}

/* A storm is counted whole and told once a second, with what was left out. */
static void a_storm_is_told_within_limits(void **state)
{
    begin();
    for (unsigned i = 0; i < 400; i++) {
        dma(&other, 0x100000 + 0x1000 * i, true);
        iommu_poll(10000 * (i + 1));
    }
    assert_int_equal(iommu_fault_count(0x18), 400);
    assert_int_equal(lines_with("write of"), 4);
    assert_true(host_log_contains("; 99 more before it"));
}

/* More sources than rows: still counted by the unit, still within limits. */
static void more_sources_than_rows(void **state)
{
    begin();
    for (unsigned i = 0; i < 100; i++) {
        struct dma_device d = { .requester_id = 0x1000 + i };
        dma(&d, 0x100000 + 0x1000 * i, true);
        iommu_poll(1000 * (i + 1));
    }
    struct iommu_unit_info u;
    assert_true(iommu_unit_info(0, &u));
    assert_int_equal(u.faults, 100);
    assert_int_equal(lines_with("write of"), 65);
    assert_int_equal(iommu_fault_count(0x1000), 1);
    assert_int_equal(iommu_fault_count(0x1063), 0);
}

/* The units are asked once a millisecond, however often the slice comes round. */
static void polling_is_cheap(void **state)
{
    begin();
    iommu_poll(5000);
    dma(&other, 0x1000, true);
    iommu_poll(5999);
    assert_int_equal(iommu_fault_count(0x18), 0);
    iommu_poll(6000);
    assert_int_equal(iommu_fault_count(0x18), 1);
}

/* Records of whoever was here before us are not ours to tell. */
static void old_faults_are_dropped(void **state)
{
    vtd_model_fault(&model, 5, 0x10, 0x7000, true);
    begin();
    iommu_poll(1000);
    assert_int_equal(iommu_fault_count(0x10), 0);
    assert_int_equal(model.fsts, 0);
}

/* 7.1.3, 5.1.4.1: every reason has words with a section; the rest says so. */
static void every_reason_has_a_text(void **state)
{
    for (unsigned r = 0; r < 256; r++)
        assert_non_null(strstr(iommu_fault_text((uint8_t)r), "(VT-d "));
    assert_non_null(strstr(iommu_fault_text(0xff), "do not know"));
    assert_non_null(strstr(iommu_fault_text(0x0e), "do not know"));
    for (unsigned r = 0x20; r <= 0x26; r++)
        assert_non_null(strstr(iommu_fault_text((uint8_t)r), "5.1.4.1"));
    for (unsigned r = 1; r <= 0xd; r++)
        assert_null(strstr(iommu_fault_text((uint8_t)r), "do not know"));
}

/* Memory runs out in the middle: what was mapped for a moment may be in a cache. */
static void a_mapping_half_made_is_flushed(void **state)
{
    begin();
    attach(&nic);
    assert_int_equal(map(&nic, 0x100000, 0x1000, DMA_BIDIRECTIONAL), 0);
    host_page_fail_after(1); /* pages on both sides of 2 MiB want one table more each */
    unsigned flushes = model.iotlb_flushes;
    assert_int_not_equal(map(&nic, 2 * MIB - 0x1000, 0x2000, DMA_BIDIRECTIONAL), 0);
    assert_true(model.iotlb_flushes > flushes);
}

/* Behind a bridge to PCI the unit sees the bridge's ID. */
static void faults_under_another_name_are_the_devices(void **state)
{
    struct iommu_place place = place_of(&nic);
    uint64_t at;
    place.aliases = 1;
    place.alias[0] = 0x0200;
    begin();
    assert_int_equal(iommu_attach(&nic, &place), 0);
    assert_int_not_equal(vtd_model_dma(&model, 0x0200, 0x5000, true, &at), 0);
    iommu_poll(10 * US_PER_S);
    assert_int_equal(info_of(&nic).faults, 1);
}

/* Interrupts ---------------------------------------------------------------------------- */

static uint16_t index_of(const struct iommu_message *m)
{
    assert_int_equal(m->address & ~0xfffe0ull, 0xfee00010); /* 5.1.2.2: format 1, no subhandle */
    assert_int_equal(m->data, 0);
    return (uint16_t)(m->address >> 5 & 0x7fff);
}

/* Remapping that the platform allows: flags of the DMAR table, 8.1. */
static void begin_remapping(void)
{
    dmar_table_begin(39, DMAR_TABLE_INTR_REMAP);
    begin();
    attach(&nic);
    attach(&other);
}

static void without_a_unit_the_message_names_the_cpu(void **state)
{
    const struct cpu_message cpu = { .apic_id = 3, .vector = 0x22 };
    const struct cpu_message far = { .apic_id = 299, .vector = 0x22 };
    struct iommu_message m;
    assert_int_equal(iommu_interrupt(&nic, 0, &cpu, &m), 0);
    assert_int_equal(m.address, 0xfee03000);
    assert_int_equal(m.data, 0x22);
    assert_int_equal(iommu_interrupt(&nic, 0, &far, &m), -ENOTSUP);
}

/* Exactly one entry, of one device; and with the device it goes. */
static void an_interrupt_is_one_device_s(void **state)
{
    const struct cpu_message cpu = { .apic_id = 3, .vector = 0x22 }, next = { 5, 0x22 };
    struct iommu_message m, again;
    struct iommu_unit_info u;
    begin_remapping();
    assert_int_equal(iommu_interrupt(&nic, 0, &cpu, &m), 0);
    assert_int_equal(vtd_model_interrupt(&model, 0x10, index_of(&m)), 0);
    assert_int_equal(model.delivered_to, 3);
    assert_int_equal(model.delivered_vector, 0x22);
    assert_int_equal(vtd_model_interrupt(&model, 0x18, index_of(&m)), 0x26);
    for (uint16_t i = 0; i < 256; i++)
        if (i != index_of(&m))
            assert_int_equal(vtd_model_interrupt(&model, 0x10, i), 0x22);
    unsigned flushes = model.interrupt_flushes;
    assert_int_equal(iommu_interrupt(&nic, 0, &next, &again), 0); /* to another CPU, by the same */
    assert_int_equal(index_of(&again), index_of(&m));
    assert_true(model.interrupt_flushes > flushes);
    assert_int_equal(vtd_model_interrupt(&model, 0x10, index_of(&m)), 0);
    assert_int_equal(model.delivered_to, 5);
    assert_true(iommu_unit_info(0, &u));
    assert_int_equal(u.interrupts, 1);
    iommu_detach(&nic);
    assert_int_equal(vtd_model_interrupt(&model, 0x10, index_of(&m)), 0x22);
    iommu_detach(&other);
}

static void entries_run_out(void **state)
{
    const struct cpu_message cpu = { .apic_id = 3, .vector = 0x22 };
    static struct dma_device many[16];
    struct iommu_message m;
    dmar_table_begin(39, DMAR_TABLE_INTR_REMAP);
    begin();
    unsigned given = 0;
    int e = 0;
    for (unsigned i = 0; i < 16; i++) {
        many[i] = (struct dma_device){ .requester_id = 0x100 + i };
        attach(&many[i]);
        for (unsigned k = 0; k < IOMMU_INTERRUPTS_MAX; k++) {
            e = iommu_interrupt(&many[i], k, &cpu, &m);
            given += !e;
        }
    }
    assert_int_equal(given, 255);
    assert_int_equal(e, -ENOSPC);
    assert_int_equal(iommu_interrupt(&many[0], IOMMU_INTERRUPTS_MAX, &cpu, &m), -ENOTSUP);
    iommu_detach(&many[0]);
    assert_int_equal(iommu_interrupt(&many[15], 15, &cpu, &m), 0);
    for (unsigned i = 1; i < 16; i++)
        iommu_detach(&many[i]);
}

/* 8 bits of APIC ID in xAPIC mode, 32 in x2APIC mode (11.4.10, EIME). */
static void wide_ids_take_a_unit_that_knows_them(void **state)
{
    const struct cpu_message far = { .apic_id = 299, .vector = 0x22 };
    struct iommu_message m;
    begin_remapping();
    assert_int_equal(iommu_interrupt(&nic, 0, &far, &m), -ENOTSUP);
    teardown(state);
    setup(state);
    model.ecap |= 1ull << 4;
    begin_remapping();
    assert_int_equal(iommu_interrupt(&nic, 0, &far, &m), 0);
    assert_int_equal(vtd_model_interrupt(&model, 0x10, index_of(&m)), 0);
    assert_int_equal(model.delivered_to, 299);
    iommu_detach(&nic);
    iommu_detach(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(no_table),
        T(a_mapping_half_made_is_flushed),
        T(faults_under_another_name_are_the_devices),
        T(a_table_that_lies),
        T(a_device_has_its_own_domain),
        T(the_pool_takes_large_pages),
        T(after_unmap_nothing_lands),
        T(what_was_not_mapped_is_not_unmapped),
        T(an_unmap_that_is_not_confirmed),
        T(a_detach_that_is_not_confirmed),
        T(a_unit_that_fails_later_takes_nobody),
        T(attaching_without_memory),
        T(more_devices_than_domains),
        T(the_unit_that_names_the_device),
        T(scopes_by_path),
        T(a_scope_below_the_device),
        T(segments),
        T(one_unit_of_two_fails),
        T(a_unit_we_cannot_use),
        T(what_is_shown_of_a_unit),
        T(devices_behind_one_bridge_share_a_domain),
        T(aliases_that_join_two_domains),
        T(reserved_regions_for_their_device_only),
        T(reserved_regions_are_not_for_vfs),
        T(reserved_regions_that_are_refused),
        T(overlapping_reserved_regions),
        T(device_tlbs_want_everybodys_word),
        T(a_virtual_function_with_a_tlb),
        T(a_device_tlb_that_does_not_answer),
        T(a_fault_is_told_counted_and_handed_on),
        T(a_read_is_told_as_a_read),
        T(an_interrupt_request_is_told_as_one),
        T(without_a_unit_the_message_names_the_cpu),
        T(an_interrupt_is_one_device_s),
        T(entries_run_out),
        T(wide_ids_take_a_unit_that_knows_them),
        T(several_records),
        T(overflow),
        T(a_storm_is_told_within_limits),
        T(more_sources_than_rows),
        T(polling_is_cheap),
        T(old_faults_are_dropped),
        T(every_reason_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
