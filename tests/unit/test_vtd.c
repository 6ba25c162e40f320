/* One remapping unit: start, take-over, invalidation and contexts, on a model
 * that caches (tests/models/vtd_model.h).  Sections are of VT-d rev. 5.10. */
#include "iommu/vtd.h"
#include "kernel/compiler.h"

#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/vtd_model.h"
#include <errno.h>
#include <string.h>

#define BASE 0xfed90000ull
#define NIC 0x0108 /* 01:01.0 */
#define OTHER 0x01f8
#define RW (IOMMU_READ | IOMMU_WRITE)
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static struct vtd_model model;
static struct vtd_unit unit;
static struct iommu_table table;
static uint64_t pa;

static int setup(void **state)
{
    host_reset();
    vtd_model_init(&model, BASE);
    memset(&unit, 0, sizeof unit);
    unit.base = BASE;
    unit.size = 0x1000;
    unit.address_width = 39;
    return 0;
}

static int teardown(void **state)
{
    if (model.complaint)
        print_error("the model complains: %s\n", model.complaint);
    iommu_table_destroy(&table);
    vtd_stop(&unit);
    return model.complaint || host_pages();
}

static void start(void)
{
    assert_int_equal(vtd_start(&unit), 0);
    assert_true(unit.translating);
}

/* A domain of its own for NIC, in which nothing is mapped. */
static void attach(uint16_t domain)
{
    assert_int_equal(iommu_table_init(&table, &unit.shape), 0);
    assert_int_equal(vtd_set_context(&unit, NIC, &table, domain, false), 0);
}

static void detach(void)
{
    assert_int_equal(vtd_clear_context(&unit, NIC), 0);
    iommu_table_destroy(&table);
}

static uint8_t dma(uint16_t requester, uint64_t iova, bool write)
{
    return vtd_model_dma(&model, requester, iova, write, &pa);
}

/* Starting ------------------------------------------------------------------------ */

/* After the start nobody reaches anything. */
static void start_closes_everything(void **state)
{
    assert_int_equal(dma(NIC, 0x1000, true), 0);
    start();
    assert_int_equal(dma(NIC, 0x1000, true), WALK_ROOT_ABSENT);
    assert_int_equal(model.fectl, 1u << 31);                   /* 11.4.7.2: masked, we poll */
    assert_true(model.context_flushes && model.iotlb_flushes); /* 6.6 */
}

/* Every status takes its time (11.4.4). */
static void a_slow_unit(void **state)
{
    model.delay = 50;
    unit.may_remap_interrupts = true;
    start();
    attach(1);
    assert_int_equal(dma(NIC, 0x1000, true), WALK_NO_WRITE);
    detach();
}

static void no_unit_at_the_address(void **state)
{
    model.version = 0;
    assert_int_equal(vtd_start(&unit), -ENOTSUP);
    model.version = UINT32_MAX;
    assert_int_equal(vtd_start(&unit), -ENOTSUP);
    assert_true(host_log_contains("no unit answers"));
    assert_false(unit.failed);
}

/* 11.4.2: no SAGAW, no tables of ours. */
static void a_unit_without_any_depth(void **state)
{
    model.cap &= ~0x1f00ull;
    assert_int_equal(vtd_start(&unit), -ENOTSUP);
    assert_true(host_log_contains("no table depth"));
    assert_false(unit.failed);
    assert_int_equal(model.gsts, 0);
}

/* CAP.FRO, ECAP.IRO: the registers may lie beyond the window the table tells of. */
static void registers_beyond_the_window(void **state)
{
    model.cap = (model.cap & ~0x3ff000000ull) | 0x200ull << 24;
    model.ecap = (model.ecap & ~(0x3ff00ull | VTD_MODEL_QI)) | 0x180ull << 8;
    start();
    assert_true(model.iotlb_flushes > 0);
}

/* 11.4.4: each bit that does not follow is told, with value and expectation. */
static void bits_that_never_follow(void **state)
{
    static const uint32_t bits[] = { 1u << 31, 1u << 30, 1u << 26, 1u << 25, 1u << 24 };
    for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
        setup(state);
        unit.may_remap_interrupts = true;
        model.stuck = bits[i];
        assert_int_equal(vtd_start(&unit), -EIO);
        assert_true(unit.failed);
        assert_false(unit.translating);
        assert_true(host_log_contains("GSTS is"));
        assert_int_equal(vtd_set_context(&unit, NIC, &table, 1, false), -EIO);
        model.stuck = 0;
        model.complaint = NULL;
        vtd_stop(&unit);
    }
}

static void start_without_memory(void **state)
{
    for (unsigned n = 1; n <= 4; n++) {
        unit.may_remap_interrupts = true;
        host_page_fail_after(n);
        assert_int_equal(vtd_start(&unit), -ENOMEM);
        assert_int_equal(host_pages(), 0);
        assert_int_equal(model.gsts, 0);
    }
}

/* 11.4.2 SAGAW, MGAW: the fewest levels that reach the platform's memory. */
static void the_depth_of_tables(void **state)
{
    static const struct {
        uint8_t sagaw, need, levels;
    } rows[] = { { 0x2, 39, 3 }, { 0x6, 39, 3 }, { 0x6, 40, 4 }, { 0x6, 48, 4 },
                 { 0x4, 39, 4 }, { 0xe, 52, 5 }, { 0xe, 46, 4 }, { 0x2, 46, 3 },
                 { 0x8, 39, 5 }, { 0x6, 0, 4 },  { 0x6, 52, 4 } };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        setup(state);
        model.cap = (model.cap & ~0x1f00ull) | (uint64_t)rows[i].sagaw << 8;
        model.cap = (model.cap & ~0x3f0000ull) | 56ull << 16;
        unit.address_width = rows[i].need;
        start();
        assert_int_equal(unit.shape.levels, rows[i].levels);
        attach(1);
        assert_int_equal(iommu_table_map(&table, 0x5000, 0x5000, 0x1000, RW), 0);
        assert_int_equal(dma(NIC, 0x5000, true), 0);
        iommu_table_destroy(&table);
        vtd_stop(&unit);
        assert_null(model.complaint);
    }
}

/* 11.4 PMEN: firmware's protection goes once ours is on. */
static void protected_memory_goes(void **state)
{
    model.cap |= 1ull << 5;
    model.pmen = 1u << 31 | 1u;
    start();
    assert_int_equal(model.pmen, 0);
}

/* Taking over ------------------------------------------------------------------------ */

/* 6.6: at no moment may DMA pass unfenced, and what was cached is forgotten. */
static void a_unit_left_on_stays_on(void **state)
{
    static uint64_t old_root[512] __attribute__((aligned(4096)));
    static uint64_t old_contexts[512] __attribute__((aligned(4096)));
    struct iommu_shape shape = { .format = &iommu_second_stage, .levels = 3 };
    assert_int_equal(iommu_table_init(&table, &shape), 0);
    assert_int_equal(iommu_table_map(&table, 0x7000, 0x7000, 0x1000, RW), 0);
    old_root[2] = (uintptr_t)old_contexts | 1;
    old_contexts[NIC % 256 * 2] = (uintptr_t)table.root | 1;
    old_contexts[NIC % 256 * 2 + 1] = 7 << 8 | 1;
    model.cap |= 1ull << 5;
    vtd_model_leave_on(&model, (uintptr_t)old_root);
    assert_int_equal(dma(NIC, 0x7000, true), 0);
    unit.may_remap_interrupts = true;
    start();
    assert_false(model.was_off);
    assert_int_equal(dma(NIC, 0x7000, true), WALK_ROOT_ABSENT);
    assert_int_equal(model.pmen, 0);
    assert_int_equal(vtd_model_interrupt(&model, NIC, 5), 0x22);
    assert_int_equal(vtd_model_compatibility(&model, NIC), 0x25);
}

/* 11.4.5: the table mode does not change while translation is on, so a unit that
 * could do more stays in the mode it is in. */
static void a_unit_left_in_legacy_mode_stays_there(void **state)
{
    static uint64_t old_root[512] __attribute__((aligned(4096)));
    model.ecap |= VTD_MODEL_SCALABLE;
    vtd_model_leave_on(&model, (uintptr_t)old_root);
    start();
    assert_false(unit.scalable);
    assert_false(model.was_off);
}

static void a_unit_left_in_scalable_mode_stays_there(void **state)
{
    static uint64_t old_root[512] __attribute__((aligned(4096)));
    model.ecap |= VTD_MODEL_SCALABLE;
    vtd_model_leave_on(&model, (uintptr_t)old_root | 1 << 10);
    start();
    assert_true(unit.scalable);
    assert_false(model.was_off);
}

/* A mode we cannot keep is left, and the log says what that means. */
static void a_unit_left_in_a_mode_we_have_not(void **state)
{
    static uint64_t old_root[512] __attribute__((aligned(4096)));
    vtd_model_leave_on(&model, (uintptr_t)old_root | 3 << 10);
    start();
    assert_true(model.was_off);
    assert_true(host_log_contains("off for a moment"));
}

/* 11.4.4: a queue that does not drain is told of, and replaced all the same. */
static void a_queue_left_busy(void **state)
{
    static uint64_t old_root[512] __attribute__((aligned(4096)));
    vtd_model_leave_on(&model, (uintptr_t)old_root);
    model.iqt = 0x80;
    model.queue_stuck = true;
    assert_int_equal(vtd_start(&unit), -EIO); /* ours is not served either */
    assert_true(host_log_contains("the queue is turned off all the same"));
    assert_true(host_log_contains("invalidation wait"));
    assert_true(unit.failed);
    unit.translating = false;
}

/* Contexts and invalidation -------------------------------------------------------------- */

static void a_device_reaches_its_own_and_nothing_else(void **state)
{
    start();
    attach(3);
    assert_int_equal(iommu_table_map(&table, 0x5000, 0x5000, 0x2000, IOMMU_READ), 0);
    assert_int_equal(dma(NIC, 0x5010, false), 0);
    assert_int_equal(pa, 0x5010);
    assert_int_equal(dma(NIC, 0x5010, true), WALK_NO_WRITE);
    assert_int_equal(dma(NIC, 0x7000, false), WALK_NO_READ);
    assert_int_equal(dma(NIC, 1ull << 48, false), WALK_BEYOND);
    assert_int_equal(dma(NIC ^ 1, 0x5010, false), WALK_CONTEXT_ABSENT);
    assert_int_equal(dma(NIC ^ 0x100, 0x5010, false), WALK_ROOT_ABSENT);
}

/* Every way the unit can be told, and every mode it can be in. */
static const struct kind {
    const char *name;
    uint64_t cap, no_cap, ecap, no_ecap;
} kinds[] = {
    { "legacy, queue", 0, 0, 0, 0 },
    { "legacy, registers", 0, 0, 0, VTD_MODEL_QI },
    { "caching mode", VTD_MODEL_CM, 0, 0, 0 },
    { "caching mode, registers", VTD_MODEL_CM, 0, 0, VTD_MODEL_QI },
    { "write buffers", VTD_MODEL_RWBF, 0, 0, 0 },
    { "snooping", 0, 0, 1, 0 },
    { "no draining", 0, 3ull << 54, 0, 0 },
    { "scalable, second stage", 0, 0, VTD_MODEL_SCALABLE, 0 },
    { "scalable, second stage, caching", VTD_MODEL_CM, 0, VTD_MODEL_SCALABLE, 0 },
    { "scalable, both stages", 0, 0, VTD_MODEL_SCALABLE | VTD_MODEL_FIRST, 0 },
    { "scalable, first stage", 1ull << 56, 0, VTD_MODEL_FIRST, 0 },
    { "scalable, first stage, caching", VTD_MODEL_CM, 0, VTD_MODEL_FIRST, 0 },
    { "scalable, first stage, snooping", 0, 0, VTD_MODEL_FIRST | 1ull << 48 | 1, 0 },
};

static void begin(const struct kind *k)
{
    void *state = NULL;
    setup(&state);
    model.cap = (model.cap | k->cap) & ~k->no_cap;
    model.ecap = (model.ecap | k->ecap) & ~k->no_ecap;
    start();
    attach(5);
}

static void end(const struct kind *k)
{
    detach();
    vtd_stop(&unit);
    if (model.complaint || host_pages())
        fail_msg("%s: %s, %zu bytes left", k->name, model.complaint, host_pages());
}

/* Used, taken away, invalidated: no access lands any more (6.5). */
static void what_was_taken_away_is_forgotten(void **state)
{
    for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
        begin(k);
        assert_int_equal(iommu_table_map(&table, 0x200000, 0x200000, 0x201000, RW), 0);
        assert_int_equal(vtd_flush_new(&unit, 5), 0);
        assert_int_equal(dma(NIC, 0x200000, true), 0);
        assert_int_equal(dma(NIC, 0x400000, true), 0);
        assert_int_equal(pa, 0x400000);
        iommu_table_unmap(&table, 0x200000, 0x201000);
        assert_int_equal(dma(NIC, 0x200000, true), 0); /* the model does cache */
        assert_int_equal(vtd_flush_domain(&unit, 5), 0);
        assert_int_not_equal(dma(NIC, 0x200000, true), 0);
        assert_int_not_equal(dma(NIC, 0x400000, false), 0);
        end(k);
    }
}

/* 6.1: with caching mode a refusal is cached too. */
static void what_was_given_is_seen(void **state)
{
    for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
        begin(k);
        assert_int_not_equal(dma(NIC, 0x5000, true), 0);
        assert_int_equal(iommu_table_map(&table, 0x5000, 0x5000, 0x1000, RW), 0);
        assert_int_equal(vtd_flush_new(&unit, 5), 0);
        assert_int_equal(dma(NIC, 0x5000, true), 0);
        end(k);
    }
}

/* 6.5.3.3: a context that is gone is gone, one that is new is seen. */
static void contexts_come_and_go(void **state)
{
    for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
        begin(k);
        assert_int_equal(iommu_table_map(&table, 0x5000, 0x5000, 0x1000, RW), 0);
        assert_int_equal(vtd_flush_new(&unit, 5), 0);
        assert_int_equal(dma(NIC, 0x5000, true), 0);
        assert_int_not_equal(dma(OTHER, 0x5000, true), 0);
        assert_int_equal(vtd_set_context(&unit, OTHER, &table, 5, false), 0);
        assert_int_equal(dma(OTHER, 0x5000, true), 0);
        assert_int_equal(vtd_clear_context(&unit, NIC), 0);
        assert_int_not_equal(dma(NIC, 0x5000, true), 0);
        assert_int_equal(dma(OTHER, 0x5000, true), 0);
        assert_int_equal(vtd_clear_context(&unit, OTHER), 0);
        assert_int_not_equal(dma(OTHER, 0x5000, true), 0);
        end(k);
    }
}

/* 6.5.3.3: what was cached under a domain ID does not serve the next domain. */
static void a_domain_id_used_again(void **state)
{
    for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
        begin(k);
        assert_int_equal(iommu_table_map(&table, 0x5000, 0x5000, 0x1000, RW), 0);
        assert_int_equal(vtd_flush_new(&unit, 5), 0);
        assert_int_equal(dma(NIC, 0x5000, true), 0);
        detach();
        attach(5);
        assert_int_not_equal(dma(NIC, 0x5000, true), 0);
        end(k);
    }
}

/* 9.7: a first-stage mapping that may be read may not be written. */
static void first_stage_permissions(void **state)
{
    model.ecap |= VTD_MODEL_FIRST;
    start();
    assert_ptr_equal(unit.shape.format, &iommu_first_stage);
    attach(1);
    assert_int_equal(iommu_table_map(&table, 0x5000, 0x5000, 0x1000, IOMMU_READ), 0);
    assert_int_equal(dma(NIC, 0x5000, false), 0);
    assert_int_equal(dma(NIC, 0x5000, true), WALK_SM_NO_WRITE);
    assert_int_equal(dma(NIC, 0x6000, false), WALK_SM_FS_ABSENT);
    detach();
}

/* 11.4.2 FS5LP */
static void first_stage_of_five_levels(void **state)
{
    model.ecap |= VTD_MODEL_FIRST;
    model.cap |= 1ull << 60;
    unit.address_width = 57;
    start();
    assert_int_equal(unit.shape.levels, 5);
    attach(1);
    uint64_t iova = 1ull << 55;
    assert_int_equal(iommu_table_map(&table, iova, 0x5000, 0x1000, RW), 0);
    assert_int_equal(dma(NIC, iova, true), 0);
    assert_int_equal(pa, 0x5000);
    detach();
}

/* 6.8 */
static void write_buffers_are_flushed_before_the_unit_looks(void **state)
{
    model.cap |= VTD_MODEL_RWBF;
    start();
    unsigned before = model.write_buffer_flushes;
    assert_true(before > 0);
    attach(1);
    assert_true(model.write_buffer_flushes > before);
    before = model.write_buffer_flushes;
    assert_int_equal(vtd_flush_new(&unit, 1), 0);
    assert_int_equal(model.write_buffer_flushes, before + 1);
    detach();
}

static void contexts_without_memory(void **state)
{
    for (unsigned scalable = 0; scalable < 2; scalable++) {
        setup(state);
        model.ecap |= scalable ? VTD_MODEL_SCALABLE : 0;
        start();
        assert_int_equal(iommu_table_init(&table, &unit.shape), 0);
        /* the context table; then the PASID directory, then the PASID table */
        static const unsigned nth[] = { 1, 2, 2 };
        for (unsigned i = 0; i < (scalable ? 3u : 1u); i++) {
            host_page_fail_after(nth[i]);
            assert_int_equal(vtd_set_context(&unit, NIC, &table, 1, false), -ENOMEM);
            assert_int_not_equal(dma(NIC, 0x5000, true), 0);
        }
        assert_int_equal(vtd_set_context(&unit, NIC, &table, 1, false), 0);
        iommu_table_destroy(&table);
        vtd_stop(&unit);
        assert_int_equal(host_pages(), 0);
    }
}

/* The queue wraps: more invalidations than it has descriptors. */
static void the_queue_wraps(void **state)
{
    for (unsigned scalable = 0; scalable < 2; scalable++) {
        setup(state);
        model.ecap |= scalable ? VTD_MODEL_SCALABLE : 0;
        start();
        for (unsigned i = 0; i < 300; i++)
            assert_int_equal(vtd_flush_domain(&unit, 1), 0);
        assert_true(model.iotlb_flushes > 300);
        vtd_stop(&unit);
        assert_null(model.complaint);
    }
}

/* Errors of the queue, 6.5.2.11 ---------------------------------------------------------------- */

/* IQE: the caller hears that its invalidation did not happen; the queue goes on. */
static void a_descriptor_the_unit_refuses(void **state)
{
    start();
    model.refuse_type = 2;
    assert_int_equal(vtd_flush_domain(&unit, 1), -EIO);
    assert_true(host_log_contains("invalidation stopped at"));
    assert_int_equal(unit.queue_errors, 1);
    assert_false(unit.failed);
    assert_int_equal(model.fsts, 0);
    assert_int_equal(vtd_flush_domain(&unit, 1), 0);
}

/* ITE: the device did not answer; the waits behind it were dropped. */
static void a_device_that_does_not_answer(void **state)
{
    model.ecap |= VTD_MODEL_DT;
    start();
    assert_int_equal(vtd_flush_device(&unit, NIC, NIC), 0);
    assert_int_equal(model.device_flushes, 1);
    model.device_silent = true;
    assert_int_equal(vtd_flush_device(&unit, NIC, NIC), -ETIMEDOUT);
    assert_int_equal(model.fsts, 0);
    assert_int_equal(vtd_flush_domain(&unit, 1), 0);
}

static void a_queue_that_stops(void **state)
{
    start();
    model.queue_stuck = true;
    assert_int_equal(vtd_flush_domain(&unit, 1), -EIO);
    assert_true(unit.failed);
    assert_true(host_log_contains("invalidation wait"));
    model.queue_stuck = false;
}

/* 11.4.6: an invalidation that the unit says it did not do is no success. */
static void registers_that_refuse(void **state)
{
    model.ecap &= ~VTD_MODEL_QI;
    start();
    model.register_refuses = true;
    assert_int_equal(vtd_flush_domain(&unit, 1), -EIO);
    assert_true(host_log_contains("IOTLB is"));
    unit.failed = false;
    assert_int_equal(vtd_flush_contexts(&unit), -EIO);
    assert_true(host_log_contains("CCMD is"));
}

/* A context whose removal is not confirmed keeps its tables for the unit. */
static void a_context_that_will_not_go(void **state)
{
    start();
    attach(1);
    model.refuse_type = 1;
    assert_int_equal(vtd_clear_context(&unit, NIC), -EIO);
    assert_int_equal(vtd_clear_context(&unit, NIC), 0);
    iommu_table_destroy(&table);
}

/* Interrupts, 5.1 ------------------------------------------------------------------ */

static void no_device_can_interrupt(void **state)
{
    unit.may_remap_interrupts = true;
    start();
    assert_true(unit.remapping_interrupts);
    assert_int_equal(vtd_model_interrupt(&model, NIC, 0), 0x22);
    assert_int_equal(vtd_model_interrupt(&model, NIC, 255), 0x22);
    assert_int_equal(vtd_model_interrupt(&model, NIC, 256), 0x21);
    assert_int_equal(vtd_model_compatibility(&model, NIC), 0x25);
    assert_true(model.interrupt_flushes);
    assert_int_equal(model.irta & 0x800, 0); /* no EIM: no EIME (11.4.10) */
}

static void interrupts_in_x2apic_mode(void **state)
{
    unit.may_remap_interrupts = true;
    model.ecap |= 1ull << 4;
    start();
    assert_int_equal(model.irta & 0x800, 0x800);
}

/* 11.4.3: remapping needs the queue, the unit's word and the platform's. */
static void interrupts_where_they_cannot_be_remapped(void **state)
{
    static const uint64_t missing[] = { VTD_MODEL_IR, VTD_MODEL_QI, 0 };
    for (unsigned i = 0; i < ARRAY_SIZE(missing); i++) {
        setup(state);
        unit.may_remap_interrupts = missing[i];
        model.ecap &= ~missing[i];
        start();
        assert_false(unit.remapping_interrupts);
        assert_int_equal(model.gsts & (1u << 25), 0);
        vtd_stop(&unit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(start_closes_everything),
        T(a_slow_unit),
        T(no_unit_at_the_address),
        T(a_unit_without_any_depth),
        T(registers_beyond_the_window),
        T(bits_that_never_follow),
        T(start_without_memory),
        T(the_depth_of_tables),
        T(protected_memory_goes),
        T(a_unit_left_on_stays_on),
        T(a_unit_left_in_legacy_mode_stays_there),
        T(a_unit_left_in_scalable_mode_stays_there),
        T(a_unit_left_in_a_mode_we_have_not),
        T(a_queue_left_busy),
        T(a_device_reaches_its_own_and_nothing_else),
        T(what_was_taken_away_is_forgotten),
        T(what_was_given_is_seen),
        T(contexts_come_and_go),
        T(a_domain_id_used_again),
        T(first_stage_permissions),
        T(first_stage_of_five_levels),
        T(write_buffers_are_flushed_before_the_unit_looks),
        T(contexts_without_memory),
        T(the_queue_wraps),
        T(a_descriptor_the_unit_refuses),
        T(a_device_that_does_not_answer),
        T(a_queue_that_stops),
        T(registers_that_refuse),
        T(a_context_that_will_not_go),
        T(no_device_can_interrupt),
        T(interrupts_in_x2apic_mode),
        T(interrupts_where_they_cannot_be_remapped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
