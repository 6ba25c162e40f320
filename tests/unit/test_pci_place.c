/* Places for what firmware left unset (Bridge 3.2.5). */
#include "tests/host/test.h"

#include "kernel/compiler.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/models/made_pf.h"
#include "tests/models/pci_tree.h"
#include "tests/models/q35_recording.h"

#include <errno.h>
#include <string.h>

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

static struct made_pf pf[2];

/* An 82576 with so many VFs of two BARs of this size. */
static struct pcispace_device *physical(unsigned n, struct pcispace_device *above, uint16_t total,
                                        uint64_t bar_size)
{
    made_pf_init(&pf[n], 0x10c9, total, bar_size);
    pf[n].offset[1] = pf[n].stride[1] = 1;
    made_pf_add(&pf[n], above, 0);
    return &pf[n].device;
}

/* Whatever was placed: at a multiple of its size, within what the bridge above
 * forwards, and over nothing else. */
static void assert_bar_fits(const struct pci_function *f, const struct pci_bar *bar)
{
    assert_int_equal(bar->base & (bar->size - 1), 0);
    bool inside = !f->parent;
    for (unsigned i = 0; f->parent && i < PCI_WINDOWS; i++) {
        const struct pci_window *w = &f->parent->window[i];
        inside |= (i == PCI_WINDOW_IO) == bar->io && w->size && bar->base >= w->base &&
                  bar->base + bar->size <= w->base + w->size;
    }
    assert_true(inside);
    for (struct pci_function *g = pci_first(); g; g = g->next)
        for (unsigned i = 0; i < PCI_BARS; i++) {
            const struct pci_bar *b = &g->bar[i];
            bool apart = b == bar || !b->base || b->io != bar->io ||
                         b->base + b->size <= bar->base || bar->base + bar->size <= b->base;
            assert_true(apart);
        }
}

static bool lies_behind(const struct pci_function *f, uint64_t base, uint64_t size)
{
    bool inside = !f->parent;
    for (unsigned i = PCI_WINDOW_MEMORY; f->parent && i < PCI_WINDOWS; i++) {
        const struct pci_window *w = &f->parent->window[i];
        inside |= w->size && base >= w->base && base + size <= w->base + w->size;
    }
    return inside;
}

/* All VFs' BARs lie within the window and over nothing else, VFs' of others included. */
static void assert_vf_bars_fit(const struct pci_function *f)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &f->sriov->bar[i];
        uint64_t last = bar->base + bar->size * f->sriov->room[i] - 1;
        if (!bar->base)
            continue;
        assert_int_equal(bar->base & (bar->size - 1), 0);
        assert_true(lies_behind(f, bar->base, bar->size * f->sriov->room[i]));
        for (struct pci_function *g = pci_first(); g; g = g->next)
            for (unsigned k = 0; k < PCI_BARS; k++) {
                const struct pci_bar *b = &g->bar[k], *v = g->sriov ? &g->sriov->bar[k] : NULL;
                assert_true(!b->base || b->io || b->base > last || b->base + b->size <= bar->base);
                assert_true(!v || v == bar || !v->base || v->base > last ||
                            v->base + v->size * g->sriov->room[k] <= bar->base);
            }
    }
}

static void assert_windows_nest(const struct pci_function *f)
{
    for (unsigned i = 0; i < PCI_WINDOWS; i++) {
        const struct pci_window *w = &f->window[i], *above = f->parent ? f->parent->window : NULL;
        if (!w->size || !above)
            continue;
        bool inside = false;
        for (unsigned k = 0; k < PCI_WINDOWS; k++)
            inside |= (k == PCI_WINDOW_IO) == (i == PCI_WINDOW_IO) && above[k].size &&
                      w->base >= above[k].base &&
                      w->base + w->size <= above[k].base + above[k].size;
        assert_true(inside);
    }
}

static void assert_all_fits(void)
{
    for (struct pci_function *f = pci_first(); f; f = f->next) {
        for (unsigned i = 0; i < PCI_BARS; i++)
            if (f->bar[i].base)
                assert_bar_fits(f, &f->bar[i]);
        if (f->sriov)
            assert_vf_bars_fit(f);
        assert_windows_nest(f);
    }
}

static unsigned unplaced(void)
{
    unsigned n = 0;
    for (struct pci_function *f = pci_first(); f; f = f->next)
        for (unsigned i = 0; i < PCI_BARS; i++)
            n += f->bar[i].size && !f->bar[i].base;
    return n;
}

/* Places ---------------------------------------------------------------------------- */

static void everything_unplaced_gets_a_place(void **state)
{
    int devices = (int)q35_load() - 1;
    q35_unplace();
    assert_int_equal(pci_scan(), devices);
    assert_int_equal(unplaced(), 0);
    assert_all_fits();
    for (struct pci_function *f = pci_first(); f; f = f->next)
        assert_int_equal(pci_enable(f), 0);
}

/* The same numbers again, and nothing moves. */
static void second_scan_moves_nothing(void **state)
{
    struct pci_bar before[PCI_BARS];
    q35_load();
    q35_unplace();
    pci_scan();
    memcpy(before, pci_find(PCI_BDF(0, 1, 0, 0))->bar, sizeof before);
    pci_scan();
    assert_memory_equal(before, pci_find(PCI_BDF(0, 1, 0, 0))->bar, sizeof before);
}

/* Firmware that set most: what is left goes into the gaps. */
static void partly_placed_machine_is_completed(void **state)
{
    q35_load();
    pci_tree_put(q35_device(1, 0, 0), PCI_BAR0, 0, 4);
    pci_tree_put(q35_device(0, 0x10, 0), PCI_BAR0, 0, 4);
    q35_device(1, 0, 0)->config[PCI_COMMAND] = 0;
    q35_device(0, 0x10, 0)->config[PCI_COMMAND] = 0;
    pci_scan();
    assert_int_equal(unplaced(), 0);
    assert_all_fits();
    const struct pci_bar *igb = pci_find(PCI_BDF(0, 1, 0, 0))->bar;
    assert_int_equal(igb[0].base, 0xfe800000);
    assert_int_equal(igb[1].base, 0xfe820000);
}

static void largest_goes_first(void **state)
{
    struct pcispace_device *small = pci_tree_endpoint(NULL, 0, pci_tree_mem4k);
    struct pcispace_device *large =
        pci_tree_endpoint(NULL, 1, (struct pcispace_bar){ .size = PCISPACE_MEMORY_SIZE / 2 });
    struct pcispace_device *other =
        pci_tree_endpoint(NULL, 2, (struct pcispace_bar){ .size = PCISPACE_MEMORY_SIZE / 4 });
    pci_scan();
    assert_int_equal(unplaced(), 0);
    assert_int_equal(pci_tree_function(large)->bar[0].base, PCISPACE_MEMORY);
    assert_true(pci_tree_function(other)->bar[0].base < pci_tree_function(small)->bar[0].base);
    assert_all_fits();
}

/* What may lie above 4 GiB makes room for what may not. */
static void low_memory_goes_to_32_bit_bars_first(void **state)
{
    struct pcispace_device *wide = pci_tree_endpoint(
        NULL, 0, (struct pcispace_bar){ .size = PCISPACE_MEMORY_SIZE, .is64 = true });
    struct pcispace_device *narrow = pci_tree_endpoint(NULL, 1, pci_tree_mem4k);
    pci_scan();
    assert_int_equal(pci_tree_function(narrow)->bar[0].base, PCISPACE_MEMORY);
    assert_int_equal(pci_tree_function(wide)->bar[0].base, PCISPACE_MEMORY64);
    assert_int_equal(wide->config[PCI_BAR0 + 4], PCISPACE_MEMORY64 >> 32);
}

static void bar_of_32_bits_never_goes_above_4_gib(void **state)
{
    pci_reset();
    pci_window_add(PCISPACE_MEMORY64, PCISPACE_MEMORY64_SIZE);
    struct pcispace_device *d = pci_tree_endpoint(NULL, 0, pci_tree_mem4k);
    pci_scan();
    assert_int_equal(pci_tree_function(d)->bar[0].base, 0);
    assert_true(host_log_contains("is short"));
}

static void reserved_memory_is_kept_free(void **state)
{
    assert_int_equal(pci_window_reserve(PCISPACE_MEMORY, 16 * MIB), 0);
    assert_int_equal(pci_window_reserve(PCISPACE_MEMORY + 17 * MIB, 1), 0);
    struct pcispace_device *d =
        pci_tree_endpoint(NULL, 0, (struct pcispace_bar){ .size = 2 * MIB });
    pci_scan();
    assert_int_equal(pci_tree_function(d)->bar[0].base, PCISPACE_MEMORY + 18 * MIB);
}

/* Bridge 3.2.5.8, 3.2.5.9: memory in units of 1 MiB; 64-bit prefetchable apart. */
static void windows_are_opened_for_what_is_behind(void **state)
{
    struct pcispace_device *outer = pci_tree_bridge(NULL, 1), *inner = pci_tree_bridge(outer, 0);
    struct pcispace_device *d = pci_tree_endpoint(inner, 0, pci_tree_mem4k);
    struct pcispace_device *p = pci_tree_endpoint(
        inner, 1, (struct pcispace_bar){ .size = 64 * GIB, .is64 = true, .prefetchable = true });
    pci_tree_endpoint(inner, 2, pci_tree_io32);
    pci_scan();
    assert_int_equal(unplaced(), 0);
    assert_all_fits();
    const struct pci_function *b = pci_tree_function(inner);
    assert_int_equal(b->window[PCI_WINDOW_MEMORY].size, MIB);
    assert_int_equal(b->window[PCI_WINDOW_IO].size, 4 * KIB);
    assert_int_equal(b->window[PCI_WINDOW_PREFETCHABLE].size, 64 * GIB);
    assert_true(pci_tree_function(p)->bar[0].base >= 4 * GIB);
    assert_true(pci_tree_function(d)->bar[0].base < 4 * GIB);
    assert_int_equal(pci_tree_function(outer)->window[PCI_WINDOW_PREFETCHABLE].size, 64 * GIB);
}

/* Bridge 3.2.5.9: without the optional windows, all memory is one. */
static void bridge_without_prefetchable_window_takes_all_as_memory(void **state)
{
    struct pcispace_device *b = pci_tree_bridge(NULL, 1);
    memset(b->writable + PCI_PREFETCH_BASE, 0, 12);
    memset(b->writable + PCI_IO_BASE, 0, 2);
    pci_tree_put(b, PCI_PREFETCH_BASE, 0, 4);
    struct pcispace_device *d = pci_tree_endpoint(
        b, 0, (struct pcispace_bar){ .size = 2 * MIB, .is64 = true, .prefetchable = true });
    struct pcispace_device *i = pci_tree_endpoint(b, 1, pci_tree_io32);
    pci_scan();
    assert_false(pci_tree_function(b)->window[PCI_WINDOW_PREFETCHABLE].implemented);
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].size, 2 * MIB);
    assert_int_equal(pci_tree_function(d)->bar[0].base,
                     pci_tree_function(b)->window[PCI_WINDOW_MEMORY].base);
    assert_int_equal(pci_tree_function(i)->bar[0].base, 0);
    assert_true(host_log_contains("the I/O window of 0000:00:01.0 is not there"));
}

/* QEMU's root ports without I/O: hardwired to what reads as closed. */
static void window_hardwired_to_closed_is_not_implemented(void **state)
{
    struct pcispace_device *b = pci_tree_bridge(NULL, 1);
    pci_tree_put(b, PCI_IO_BASE, 0x00f0, 2);
    memset(b->writable + PCI_IO_BASE, 0, 2);
    pci_tree_endpoint(b, 0, pci_tree_io32);
    pci_scan();
    assert_false(pci_tree_function(b)->window[PCI_WINDOW_IO].implemented);
    assert_true(host_log_contains("the I/O window of 0000:00:01.0 is not there"));
}

/* A 32-bit prefetchable window stays below 4 GiB, and so does what leads to it: it
 * takes the last MiB there before what is smaller does. */
static void narrow_window_behind_a_wide_one_stays_low(void **state)
{
    struct pcispace_device *wide = pci_tree_bridge(NULL, 1), *narrow = pci_tree_bridge(wide, 0);
    pci_tree_put(narrow, PCI_PREFETCH_BASE, 0, 4);
    memset(narrow->writable + PCI_PREFETCH_BASE_HIGH, 0, 8);
    struct pcispace_device *d = pci_tree_endpoint(
        narrow, 0, (struct pcispace_bar){ .size = MIB, .is64 = true, .prefetchable = true });
    struct pcispace_device *small =
        pci_tree_endpoint(NULL, 2, (struct pcispace_bar){ .size = MIB / 2 });
    unsigned device = 3;
    for (uint64_t size = PCISPACE_MEMORY_SIZE / 2; size >= MIB; size /= 2)
        pci_tree_endpoint(NULL, device++, (struct pcispace_bar){ .size = size });
    pci_scan();
    assert_all_fits();
    assert_true(pci_tree_function(wide)->window[PCI_WINDOW_PREFETCHABLE].base < 4 * GIB);
    assert_int_not_equal(pci_tree_function(d)->bar[0].base, 0);
    assert_int_equal(unplaced(), 1);
    assert_int_equal(pci_tree_function(small)->bar[0].base, 0);
}

/* After reset a window may be open onto address 0 (Bridge 3.2.5.6). */
static void windows_nobody_needs_are_closed(void **state)
{
    struct pcispace_device *b = pci_tree_bridge(NULL, 1);
    pci_scan();
    assert_true(b->config[PCI_IO_BASE] > b->config[PCI_IO_LIMIT]);
    assert_true(b->config[PCI_MEMORY_BASE + 1] > b->config[PCI_MEMORY_LIMIT + 1]);
    assert_true(b->config[PCI_PREFETCH_BASE + 1] > b->config[PCI_PREFETCH_LIMIT + 1]);
    assert_int_equal(b->config[PCI_COMMAND], 0);
}

/* What firmware opened is filled, and widened only into what is free: here two bridges
 * hem in a third; the message names it. */
static void short_window_is_named(void **state)
{
    struct pcispace_device *b = pci_tree_bridge(NULL, 4), *below = pci_tree_bridge(NULL, 3),
                           *above = pci_tree_bridge(NULL, 5);
    pci_tree_set_memory_window(below, 0xc3f00000, 0xc3ffffff);
    pci_tree_set_memory_window(b, 0xc4000000, 0xc40fffff);
    pci_tree_set_memory_window(above, 0xc4100000, 0xc41fffff);
    pci_tree_endpoint(below, 0, (struct pcispace_bar){ .size = MIB });
    pci_tree_endpoint(above, 0, (struct pcispace_bar){ .size = MIB });
    pci_tree_put(pci_tree_device(3), PCI_BAR0, 0xc3f00000, 4);
    pci_tree_put(pci_tree_device(4), PCI_BAR0, 0xc4100000, 4);
    struct pcispace_device *set =
        pci_tree_endpoint(b, 0, (struct pcispace_bar){ .size = 256 * KIB });
    pci_tree_put(set, PCI_BAR0, 0xc4000000, 4);
    struct pcispace_device *fits =
        pci_tree_endpoint(b, 1, (struct pcispace_bar){ .size = 512 * KIB });
    pci_tree_endpoint(b, 2, (struct pcispace_bar){ .size = MIB });
    pci_scan();
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].base, 0xc4000000);
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].size, MIB);
    assert_int_equal(unplaced(), 1);
    assert_int_equal(pci_tree_function(fits)->bar[0].base, 0xc4080000);
    assert_true(host_log_contains("and the memory window of 0000:00:04.0 is short"));
}

/* Nothing is behind it yet: it may as well lie elsewhere. */
static void empty_window_that_is_short_is_placed_anew(void **state)
{
    struct pcispace_device *b = pci_tree_bridge(NULL, 4);
    pci_tree_set_memory_window(b, 0xc4000000, 0xc40fffff);
    pci_tree_endpoint(b, 0, (struct pcispace_bar){ .size = 4 * MIB });
    pci_scan();
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].base, PCISPACE_MEMORY);
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].size, 4 * MIB);
    assert_int_equal(unplaced(), 0);
    assert_all_fits();
}

static void window_grows_upwards_over_all_levels(void **state)
{
    struct pcispace_device *outer = pci_tree_bridge(NULL, 4), *inner = pci_tree_bridge(outer, 0);
    pci_tree_set_memory_window(outer, 0xc4000000, 0xc40fffff);
    pci_tree_set_memory_window(inner, 0xc4000000, 0xc40fffff);
    outer->config[PCI_SECONDARY_BUS] = 1;
    outer->config[PCI_SUBORDINATE_BUS] = 2;
    inner->config[PCI_SECONDARY_BUS] = inner->config[PCI_SUBORDINATE_BUS] = 2;
    struct pcispace_device *set =
        pci_tree_endpoint(inner, 0, (struct pcispace_bar){ .size = 256 * KIB });
    pci_tree_put(set, PCI_BAR0, 0xc4000000, 4);
    struct pcispace_device *d = pci_tree_endpoint(inner, 1, (struct pcispace_bar){ .size = MIB });
    pci_scan();
    assert_int_equal(pci_tree_function(d)->bar[0].base, 0xc4100000);
    assert_int_equal(pci_tree_function(set)->bar[0].base, 0xc4000000);
    assert_int_equal(pci_tree_function(inner)->window[PCI_WINDOW_MEMORY].size, 2 * MIB);
    assert_int_equal(made_get(outer, PCI_MEMORY_LIMIT, 2) & PCI_MEMORY_WINDOW, 0xc410);
    assert_int_equal(made_get(inner, PCI_MEMORY_LIMIT, 2) & PCI_MEMORY_WINDOW, 0xc410);
    assert_all_fits();
}

static void window_grows_downwards_where_it_cannot_upwards(void **state)
{
    struct pcispace_device *b = pci_tree_bridge(NULL, 4), *above = pci_tree_bridge(NULL, 5);
    pci_tree_set_memory_window(b, 0xc4000000, 0xc40fffff);
    pci_tree_set_memory_window(above, 0xc4100000, 0xc41fffff);
    struct pcispace_device *set = pci_tree_endpoint(b, 0, (struct pcispace_bar){ .size = MIB });
    pci_tree_put(set, PCI_BAR0, 0xc4000000, 4);
    struct pcispace_device *other =
        pci_tree_endpoint(above, 0, (struct pcispace_bar){ .size = MIB });
    pci_tree_put(other, PCI_BAR0, 0xc4100000, 4);
    struct pcispace_device *d = pci_tree_endpoint(b, 1, (struct pcispace_bar){ .size = 2 * MIB });
    pci_scan();
    assert_int_equal(pci_tree_function(d)->bar[0].base, 0xc3e00000);
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].base, 0xc3e00000);
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].size, 3 * MIB);
    assert_all_fits();
}

/* A memory window ends at 4 GiB, and what is not PCI's is not taken. */
static void window_does_not_grow_beyond_what_is_allowed(void **state)
{
    struct pcispace_device *b = pci_tree_bridge(NULL, 4);
    pci_tree_set_memory_window(b, 0xdff00000, 0xdfffffff);
    struct pcispace_device *set = pci_tree_endpoint(b, 0, (struct pcispace_bar){ .size = MIB });
    pci_tree_put(set, PCI_BAR0, 0xdff00000, 4);
    pci_tree_endpoint(b, 1, (struct pcispace_bar){ .size = MIB });
    pci_window_reserve(0xdfe00000, 1);
    pci_scan();
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].base, 0xdff00000);
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].size, MIB);
    assert_int_equal(unplaced(), 1);
}

/* Bridge 3.2.5.8: its limit has 32 bits, whatever the space is. */
static void memory_window_ends_at_4_gib(void **state)
{
    pci_reset();
    pci_window_add(0xf0000000, 512 * MIB);
    pci_window_reserve(0xffe00000, MIB);
    struct pcispace_device *b = pci_tree_bridge(NULL, 4);
    pci_tree_set_memory_window(b, 0xfff00000, 0xffffffff);
    struct pcispace_device *set = pci_tree_endpoint(b, 0, (struct pcispace_bar){ .size = MIB });
    pci_tree_put(set, PCI_BAR0, 0xfff00000, 4);
    pci_tree_endpoint(b, 1, (struct pcispace_bar){ .size = MIB, .is64 = true });
    pci_scan();
    assert_int_equal(unplaced(), 1);
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].size, MIB);
    assert_false(host_log_contains("window reads"));
}

/* Nothing lies above the last address there is, and so no window grows into it. */
static void window_at_the_end_of_everything_does_not_grow_upwards(void **state)
{
    const struct pcispace_bar wide = { .size = MIB, .is64 = true, .prefetchable = true };
    struct pcispace_device *b = pci_tree_bridge(NULL, 4);
    pci_tree_set_prefetchable_window(b, 0xfffffffffff00000, UINT64_MAX);
    struct pcispace_device *set = pci_tree_endpoint(b, 0, wide);
    pci_tree_put(set, PCI_BAR0, 0xfff00000 | PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 4);
    pci_tree_put(set, PCI_BAR0 + 4, UINT32_MAX, 4);
    struct pcispace_device *d = pci_tree_endpoint(b, 1, wide);
    pci_scan();
    assert_int_equal(pci_tree_function(set)->bar[0].base, 0xfffffffffff00000);
    assert_int_equal(pci_tree_function(d)->bar[0].base, 0);
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_PREFETCHABLE].size, MIB);
}

/* A bridge whose limit is stuck goes on as it was. */
static void window_that_refuses_to_grow_stays(void **state)
{
    struct pcispace_device *b = pci_tree_bridge(NULL, 4);
    pci_tree_set_memory_window(b, 0xc4000000, 0xc40fffff);
    memset(b->writable + PCI_MEMORY_LIMIT, 0, 2);
    struct pcispace_device *set = pci_tree_endpoint(b, 0, (struct pcispace_bar){ .size = MIB });
    pci_tree_put(set, PCI_BAR0, 0xc4000000, 4);
    struct pcispace_device *d = pci_tree_endpoint(b, 1, (struct pcispace_bar){ .size = MIB });
    pci_scan();
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].size, MIB);
    assert_int_equal(pci_tree_function(set)->bar[0].base, 0xc4000000);
    assert_int_equal(pci_tree_function(d)->bar[0].base, 0);
    assert_true(host_log_contains("memory window reads c4000000-c40fffff after"));
}

/* VFs ------------------------------------------------------------------------------- */

static void windows_are_opened_with_room_for_vfs(void **state)
{
    struct pcispace_device *a = pci_tree_root_port(1), *b = pci_tree_root_port(2);
    physical(0, a, 63, 16 * KIB);
    physical(1, b, 256, MIB);
    pci_scan();
    assert_int_equal(unplaced(), 0);
    assert_all_fits();
    for (unsigned i = 0; i < 2; i++) {
        const struct pci_sriov *s = pci_tree_function(&pf[i].device)->sriov;
        assert_int_equal(s->placed_vfs, s->total_vfs);
        assert_true(s->bar[0].base && s->bar[3].base);
    }
    assert_int_equal(pci_tree_function(a)->window[PCI_WINDOW_PREFETCHABLE].size, 2 * MIB);
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_PREFETCHABLE].size, 512 * MIB);
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].size, MIB);
}

/* On a bus without a bridge, and in the gaps of a window that firmware opened. */
static void vfs_use_the_gaps(void **state)
{
    struct pcispace_device *b = pci_tree_root_port(1);
    pci_tree_set_prefetchable_window(b, 0x800000000, 0x8001fffff);
    physical(0, b, 8, 16 * KIB);
    pf[1].offset[0] = 0;
    physical(1, NULL, 8, 16 * KIB);
    pci_scan();
    assert_all_fits();
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_PREFETCHABLE].size, 2 * MIB);
    assert_int_equal(pci_tree_function(&pf[0].device)->sriov->bar[0].base, 0x800000000);
    assert_int_equal(pci_tree_function(&pf[0].device)->sriov->bar[3].base, 0x800020000);
    assert_int_not_equal(pci_tree_function(&pf[1].device)->sriov->bar[0].base, 0);
}

/* 256 VFs of 2 MiB and the PF's own BAR in a window of 128 MiB that cannot grow: 31 of
 * them, with both BARs. */
static void as_many_vfs_as_fit_are_placed(void **state)
{
    struct pcispace_device *b = pci_tree_root_port(1);
    pci_tree_set_prefetchable_window(b, 0x900000000, 0x907ffffff);
    pci_window_reserve(0x908000000, GIB);
    pci_window_reserve(0x8f0000000, 256 * MIB);
    pci_window_reserve(PCISPACE_MEMORY + MIB, PCISPACE_MEMORY_SIZE - MIB);
    made_pf_init(&pf[0], 0x10c9, 256, 2 * MIB);
    pf[0].device.bar[2] =
        (struct pcispace_bar){ .size = 2 * MIB, .is64 = true, .prefetchable = true };
    pci_tree_put(&pf[0].device, PCI_BAR0 + 12, 9, 4);
    pci_tree_put(&pf[0].device, PCI_REVISION + 1, 0x010000, 3); /* not a NIC: it does not move */
    made_pf_add(&pf[0], b, 0);
    pci_scan();
    const struct pci_function *f = pci_tree_function(&pf[0].device);
    assert_int_equal(f->bar[2].base, 0x900000000);
    assert_int_equal(f->sriov->placed_vfs, 31);
    assert_true(host_log_contains("31 of 256 VFs have a place: VF BAR 0 needs 200000 bytes for "
                                  "each, and the prefetchable window of 0000:00:01.0 is short"));
    assert_all_fits();
}

/* Hemmed in, full, and nobody but NICs in it: the whole window lies elsewhere then. */
static void window_of_nics_moves_for_vfs(void **state)
{
    struct pcispace_device *b = pci_tree_root_port(1);
    pci_tree_set_prefetchable_window(b, 0x900000000, 0x9000fffff);
    pci_tree_set_memory_window(b, 0xc4000000, 0xc40fffff);
    pci_window_reserve(0x900100000, GIB);
    pci_window_reserve(0x8f0000000, 256 * MIB);
    pci_window_reserve(0xc4100000, MIB);
    pci_window_reserve(0xc3f00000, MIB);
    made_pf_init(&pf[0], 0x10c9, 128, 16 * KIB);
    pf[0].offset[1] = pf[0].stride[1] = 1;
    pf[0].device.bar[2] = (struct pcispace_bar){ .size = MIB, .is64 = true, .prefetchable = true };
    pci_tree_put(&pf[0].device, PCI_BAR0, 0xc4000000, 4);
    pci_tree_put(&pf[0].device, PCI_BAR0 + 12, 9, 4);
    pf[0].device.config[PCI_COMMAND] = PCI_COMMAND_MEMORY;
    made_pf_add(&pf[0], b, 0);
    struct pcispace_device *other = pci_tree_root_port(2),
                           *nic = pci_tree_endpoint(other, 0, pci_tree_mem4k);
    pci_tree_set_memory_window(other, 0xd0000000, 0xd00fffff);
    pci_tree_put(nic, PCI_BAR0, 0xd0000000, 4);
    pci_scan();
    assert_int_equal(pci_tree_function(nic)->bar[0].base, 0xd0000000);
    const struct pci_function *f = pci_tree_function(&pf[0].device);
    assert_int_equal(f->sriov->placed_vfs, 128);
    const struct pci_window *w = &pci_tree_function(b)->window[PCI_WINDOW_PREFETCHABLE];
    assert_int_not_equal(w->base, 0x900000000);
    assert_int_equal(w->size, 5 * MIB);
    assert_int_equal(made_get(&pf[0].device, PCI_BAR0 + 12, 4), f->bar[2].base >> 32);
    assert_int_equal(made_get(&pf[0].device, PCI_BAR0 + 8, 4) & 0xfffffff0,
                     f->bar[2].base & UINT32_MAX);
    assert_int_equal(pf[0].device.config[PCI_COMMAND], PCI_COMMAND_MEMORY);
    assert_int_equal(unplaced(), 0);
    assert_all_fits();
}

/* Where VFs have room as it is, nothing moves. */
static void nothing_moves_without_need(void **state)
{
    struct pcispace_device *b = pci_tree_root_port(1);
    pci_tree_set_prefetchable_window(b, 0x900000000, 0x9001fffff);
    made_pf_init(&pf[0], 0x10c9, 8, 16 * KIB);
    pf[0].device.bar[2] = (struct pcispace_bar){ .size = MIB, .is64 = true, .prefetchable = true };
    pci_tree_put(&pf[0].device, PCI_BAR0 + 12, 9, 4);
    made_pf_add(&pf[0], b, 0);
    pci_scan();
    assert_int_equal(pci_tree_function(&pf[0].device)->bar[2].base, 0x900000000);
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_PREFETCHABLE].base, 0x900000000);
}

/* In a window that cannot grow a BAR goes before VFs of larger alignment, seven of which
 * would fill it. */
static void bars_go_before_vfs(void **state)
{
    struct pcispace_device *b = pci_tree_root_port(1);
    pci_tree_set_prefetchable_window(b, 0x900000000, 0x9000fffff);
    pci_window_reserve(0x900100000, GIB);
    pci_window_reserve(0x8f0000000, 256 * MIB);
    pci_window_reserve(PCISPACE_MEMORY + MIB, PCISPACE_MEMORY_SIZE - MIB);
    made_pf_init(&pf[0], 0x10c9, 8, 64 * KIB);
    pf[0].device.bar[2] =
        (struct pcispace_bar){ .size = 16 * KIB, .is64 = true, .prefetchable = true };
    pf[0].device.bar[4] =
        (struct pcispace_bar){ .size = 128 * KIB, .is64 = true, .prefetchable = true };
    pci_tree_put(&pf[0].device, PCI_BAR0, PCISPACE_MEMORY, 4);
    pci_tree_put(&pf[0].device, PCI_BAR0 + 20, 9, 4);
    pci_tree_put(&pf[0].device, PCI_REVISION + 1, 0x010000, 3);
    pci_tree_set_memory_window(b, PCISPACE_MEMORY, PCISPACE_MEMORY + 128 * KIB - 1);
    pci_window_reserve(PCISPACE_MEMORY, MIB);
    made_pf_add(&pf[0], b, 0);
    pci_scan();
    const struct pci_function *f = pci_tree_function(&pf[0].device);
    assert_int_not_equal(f->bar[2].base, 0);
    assert_int_equal(f->sriov->placed_vfs, 6);
    assert_all_fits();
}

/* One BAR of the VFs has its place from firmware, the other has room for half of them. */
static void vf_bar_of_firmware_stays_when_the_other_is_short(void **state)
{
    struct pcispace_device *b = pci_tree_root_port(1);
    pci_tree_set_prefetchable_window(b, 0x900000000, 0x9000fffff);
    pci_window_reserve(0x900100000, GIB);
    pci_window_reserve(0x8f0000000, 256 * MIB);
    pci_window_reserve(PCISPACE_MEMORY + MIB, PCISPACE_MEMORY_SIZE - MIB);
    made_pf_init(&pf[0], 0x10c9, 8, 64 * KIB);
    pf[0].device.bar[2] =
        (struct pcispace_bar){ .size = 256 * KIB, .is64 = true, .prefetchable = true };
    pci_tree_put(&pf[0].device, PCI_BAR0 + 12, 9, 4);
    pci_tree_put(&pf[0].device, PCI_REVISION + 1, 0x010000, 3);
    pci_tree_put(&pf[0].device, PCI_BAR0, PCISPACE_MEMORY, 4);
    pci_tree_set_memory_window(b, PCISPACE_MEMORY, PCISPACE_MEMORY + 128 * KIB - 1);
    pci_window_reserve(PCISPACE_MEMORY, MIB);
    made_pf_set(&pf[0], PCI_SRIOV_BAR0 + 2, 0x0008, 2);
    made_pf_set(&pf[0], PCI_SRIOV_BAR0 + 4, 9, 4);
    made_pf_add(&pf[0], b, 0);
    pci_scan();
    const struct pci_sriov *s = pci_tree_function(&pf[0].device)->sriov;
    assert_int_equal(s->bar[0].base, 0x900080000);
    assert_int_equal(s->bar[3].base, 0x900040000);
    assert_int_equal(s->placed_vfs, 4);
    assert_all_fits();
}

/* A window with room for all VFs would take the place of BARs beside it. */
static void fewer_vfs_rather_than_a_bar_without_place(void **state)
{
    pci_reset();
    pci_window_add(PCISPACE_MEMORY, 48 * MIB);
    physical(0, pci_tree_root_port(1), 128, 128 * KIB);
    for (unsigned i = 2; i < 32; i++)
        pci_tree_endpoint(NULL, i, (struct pcispace_bar){ .size = MIB, .is64 = true });
    pci_scan();
    assert_int_equal(unplaced(), 0);
    assert_int_equal(pci_tree_function(&pf[0].device)->sriov->placed_vfs, 64);
    assert_all_fits();
}

/* Bridge 3.2.5.8: what may be prefetched may also lie where nothing is. */
static void prefetchable_vf_bars_go_where_others_are_when_need_be(void **state)
{
    struct pcispace_device *b = pci_tree_root_port(1);
    pci_tree_set_prefetchable_window(b, 0x900000000, 0x9000fffff);
    pci_tree_set_memory_window(b, 0xc4000000, 0xc41fffff);
    pci_window_reserve(0x900100000, GIB);
    pci_window_reserve(0x8f0000000, 256 * MIB);
    made_pf_init(&pf[0], 0x10c9, 8, 16 * KIB);
    pf[0].device.bar[2] = (struct pcispace_bar){ .size = MIB, .is64 = true, .prefetchable = true };
    pci_tree_put(&pf[0].device, PCI_BAR0, 0xc4000000, 4);
    pci_tree_put(&pf[0].device, PCI_BAR0 + 12, 9, 4);
    made_pf_add(&pf[0], b, 0);
    pci_scan();
    const struct pci_function *f = pci_tree_function(&pf[0].device);
    assert_int_equal(f->bar[2].base, 0x900000000);
    assert_int_equal(f->sriov->bar[0].base, 0xc4020000);
    assert_int_equal(f->sriov->placed_vfs, 8);
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_MEMORY].size, 2 * MIB);
    assert_all_fits();
}

/* Room for VFs never costs a BAR its place, on the root buses least of all. */
static void vfs_take_nothing_from_others(void **state)
{
    pci_reset();
    pci_window_add(PCISPACE_MEMORY, 64 * MIB);
    struct pcispace_device *b = pci_tree_root_port(1);
    physical(0, b, 256, 128 * KIB);
    for (unsigned i = 2; i < 32; i++)
        pci_tree_endpoint(NULL, i, (struct pcispace_bar){ .size = MIB });
    pci_scan();
    assert_int_equal(unplaced(), 0);
    assert_all_fits();
    const struct pci_sriov *s = pci_tree_function(&pf[0].device)->sriov;
    assert_int_equal(s->placed_vfs, 128);
    assert_true(host_log_contains("128 of 256 VFs have a place: VF BAR 0 needs 20000 bytes for "
                                  "each, and the memory space of the root buses is short"));
}

static void vf_bars_of_firmware_are_kept(void **state)
{
    struct pcispace_device *b = pci_tree_root_port(1);
    pci_tree_set_prefetchable_window(b, 0x900000000, 0x9001fffff);
    physical(0, b, 8, 16 * KIB);
    made_pf_set(&pf[0], PCI_SRIOV_BAR0 + 2, 0x0010, 2);
    made_pf_set(&pf[0], PCI_SRIOV_BAR0 + 4, 9, 4);
    made_pf_set(&pf[0], PCI_SRIOV_BAR0 + 14, 0x0018, 2);
    made_pf_set(&pf[0], PCI_SRIOV_BAR0 + 16, 0xa, 4);
    pci_scan();
    const struct pci_sriov *s = pci_tree_function(&pf[0].device)->sriov;
    assert_int_equal(s->bar[0].base, 0x900100000);
    assert_int_equal(s->bar[3].base, 0x900000000);
    assert_int_equal(s->placed_vfs, 8);
    assert_true(host_log_contains("VF BAR 3 at a00180000 lies outside its bridge's windows"));
    assert_all_fits();
}

static void room_for_vfs_grows_the_window(void **state)
{
    struct pcispace_device *b = pci_tree_root_port(1);
    pci_tree_set_prefetchable_window(b, 0x900000000, 0x9000fffff);
    physical(0, b, 128, 16 * KIB);
    made_pf_set(&pf[0], PCI_SRIOV_BAR0 + 4, 9, 4);
    pf[0].device.writable[MADE_PF_SRIOV + PCI_SRIOV_BAR0 + 2] = 0xff;
    pci_scan();
    const struct pci_function *f = pci_tree_function(&pf[0].device);
    assert_int_equal(f->sriov->placed_vfs, 128);
    assert_all_fits();
}

static void bar_larger_than_the_space_is_told_and_others_go_on(void **state)
{
    struct pcispace_device *huge = pci_tree_endpoint(
        NULL, 0, (struct pcispace_bar){ .size = 1ull << 63, .is64 = true, .prefetchable = true });
    struct pcispace_device *d = pci_tree_endpoint(NULL, 1, pci_tree_mem4k);
    pci_scan();
    assert_int_equal(pci_tree_function(huge)->bar[0].base, 0);
    assert_int_equal(pci_tree_function(d)->bar[0].base, PCISPACE_MEMORY);
    assert_true(host_log_contains("0000:00:00.0: BAR 0 has no place: it needs 8000000000000000 "
                                  "bytes, and the memory space of the root buses is short"));
}

/* Sums of what devices ask for never wrap: five quarters are not one. */
static void needs_do_not_wrap(void **state)
{
    struct pcispace_device *b = pci_tree_bridge(NULL, 1);
    for (unsigned i = 0; i < 5; i++)
        pci_tree_endpoint(
            b, i, (struct pcispace_bar){ .size = 1ull << 62, .is64 = true, .prefetchable = true });
    struct pcispace_device *d = pci_tree_endpoint(NULL, 2, pci_tree_mem4k);
    assert_int_equal(pci_window_add(0, UINT64_MAX), 0);
    pci_scan();
    assert_int_equal(pci_tree_function(b)->window[PCI_WINDOW_PREFETCHABLE].size, 0);
    assert_int_not_equal(pci_tree_function(d)->bar[0].base, 0);
    assert_true(host_log_contains("0000:00:01.0: its prefetchable window has no place"));
    assert_false(host_log_contains("0000:01:00.0: BAR 0"));
}

/* Nor does an address that is rounded up, at the end of everything. */
static void addresses_do_not_wrap(void **state)
{
    pci_reset();
    pci_window_add(0xfffffffffff80000, 0x80000);
    pci_window_add(0xffffffffffe00000, 0x180000);
    pci_window_reserve(0, MIB);
    struct pcispace_device *d =
        pci_tree_endpoint(NULL, 0, (struct pcispace_bar){ .size = MIB, .is64 = true });
    pci_scan();
    assert_int_equal(pci_tree_function(d)->bar[0].base, 0xffffffffffe00000);
}

/* One BAR that cannot be had does not take its neighbours along. */
static void absurd_bar_does_not_cost_the_others(void **state)
{
    struct pcispace_device *b = pci_tree_bridge(NULL, 1);
    struct pcispace_device *d = pci_tree_endpoint(b, 0, pci_tree_mem4k);
    pci_tree_endpoint(b, 1, (struct pcispace_bar){ .size = 2 * GIB });
    pci_scan();
    assert_int_equal(unplaced(), 1);
    assert_int_not_equal(pci_tree_function(d)->bar[0].base, 0);
    assert_true(host_log_contains("0000:01:01.0: BAR 0 has no place: it needs 80000000 bytes, and "
                                  "the memory window of 0000:00:01.0 is short"));
}

static void without_windows_nothing_is_placed(void **state)
{
    pci_reset();
    struct pcispace_device *d = pci_tree_endpoint(NULL, 0, pci_tree_mem4k);
    pci_scan();
    assert_int_equal(pci_tree_function(d)->bar[0].base, 0);
    assert_int_equal(d->config[PCI_COMMAND], 0);
}

/* Reached through no window of its bridge: that is no place. */
static void bar_outside_its_bridge_is_placed_anew(void **state)
{
    struct pcispace_device *b = pci_tree_bridge(NULL, 4);
    pci_tree_set_memory_window(b, 0xc4000000, 0xc40fffff);
    struct pcispace_device *d = pci_tree_endpoint(b, 0, pci_tree_mem4k);
    pci_tree_put(d, PCI_BAR0, 0xd0000000, 4);
    pci_scan();
    assert_int_equal(pci_tree_function(d)->bar[0].base, 0xc4000000);
    assert_true(host_log_contains("BAR 0 at d0000000 lies outside its bridge's windows"));
}

/* A bridge with subtractive decoding (class 060401) forwards what is nobody else's. */
static void behind_a_subtractive_bridge_any_place_is_good(void **state)
{
    struct pcispace_device *b = pci_tree_bridge(NULL, 4);
    pci_tree_put(b, PCI_REVISION + 1, 0x060401, 3);
    struct pcispace_device *d = pci_tree_endpoint(b, 0, pci_tree_mem4k);
    pci_tree_put(d, PCI_BAR0, 0xd0000000, 4);
    pci_scan();
    assert_int_equal(pci_tree_function(d)->bar[0].base, 0xd0000000);
}

static void address_that_does_not_stick_is_no_place(void **state)
{
    struct pcispace_device *d = pci_tree_endpoint(NULL, 0, pci_tree_mem4k);
    d->writable[PCI_BAR0 + 3] = 0x7f;
    pci_scan();
    assert_int_equal(pci_tree_function(d)->bar[0].base, 0);
    assert_true(host_log_contains("BAR 0 reads 40000000 after c0000000 was written"));
}

static void window_rows_are_checked(void **state)
{
    pci_reset();
    assert_int_equal(pci_window_add(0x1000, 0), -EINVAL);
    assert_int_equal(pci_window_add(UINT64_MAX, 2), -EINVAL);
    assert_int_equal(pci_window_reserve(UINT64_MAX - 1, 3), -EINVAL);
    assert_int_equal(pci_window_add(UINT64_MAX, 1), 0);
    int e = 0;
    for (unsigned i = 0; i < 100 && !e; i++)
        e = pci_window_add(0x1000, 0x1000);
    assert_int_equal(e, -ENOSPC);
}

/* Where a PC keeps what is not PCI: below fec00000, above RAM, beside HyperTransport. */
static void windows_of_a_pc_avoid_ram(void **state)
{
    static const struct {
        uint64_t low_end, ram_end, address_end, low, high;
    } rows[] = {
        { 16 * MIB, 16 * MIB, 1ull << 40, 3 * GIB, 0xc000000000 },
        { 3 * GIB + 512 * MIB, 3 * GIB + 512 * MIB, 1ull << 36, 0xe0000000, 0xc00000000 },
        { 0xdfff0000, 900 * GIB, 1ull << 40, 0xe0000000, 900 * GIB },
        { 3 * GIB - 1, 3 * GIB, 1ull << 32, 3 * GIB, 0 },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        pci_tree_set_up(state);
        pci_reset();
        pci_windows_of_pc(rows[i].low_end, rows[i].ram_end, rows[i].address_end);
        struct pcispace_device *low = pci_tree_endpoint(NULL, 0, pci_tree_mem4k);
        struct pcispace_device *high =
            pci_tree_endpoint(NULL, 1, (struct pcispace_bar){ .size = 2 * GIB, .is64 = true });
        pci_scan();
        assert_int_equal(pci_tree_function(low)->bar[0].base, rows[i].low);
        assert_int_equal(pci_tree_function(high)->bar[0].base, rows[i].high);
    }
}

/* AMD's I/O virtualization (48882, 2.1.2): memory up to there, nothing behind it. */
static void hypertransport_is_kept_free(void **state)
{
    pci_reset();
    pci_windows_of_pc(GIB, 0xfd00000000 - GIB, 1ull << 40);
    struct pcispace_bar two_gib = { .size = 2 * GIB, .is64 = true };
    struct pcispace_device *d = pci_tree_endpoint(NULL, 0, two_gib),
                           *other = pci_tree_endpoint(NULL, 1, two_gib);
    pci_tree_endpoint(NULL, 2, (struct pcispace_bar){ .size = GIB, .is64 = true });
    pci_scan();
    assert_int_equal(pci_tree_function(d)->bar[0].base, 0);
    assert_int_equal(pci_tree_function(other)->bar[0].base, 0);
    assert_int_equal(unplaced(), 2);
}

/* A machine with many functions: every one its own place. */
static void many_functions_fit(void **state)
{
    struct pcispace_device *above = NULL;
    for (unsigned i = 0; i < 10; i++) {
        above = pci_tree_bridge(i % 3 ? above : NULL, i % 3 ? 1 : i);
        for (unsigned k = 0; k < 4; k++)
            pci_tree_endpoint(above, 10 + k,
                              (struct pcispace_bar){ .size = 4 * KIB << (i + k) % 9 });
    }
    pci_scan();
    assert_int_equal(unplaced(), 0);
    assert_all_fits();
}

/* The bridge above forwards nothing, so the window and the BAR below it are no places. */
static void a_window_that_the_bridge_above_does_not_forward_is_none(void **state)
{
    struct pcispace_device *a = pci_tree_bridge(NULL, 1), *b = pci_tree_bridge(a, 1);
    struct pcispace_device *d = pci_tree_endpoint(b, 1, pci_tree_mem4k);
    pci_tree_put(a, PCI_PRIMARY_BUS, 0x020100, 3);
    pci_tree_put(b, PCI_PRIMARY_BUS, 0x020201, 3);
    pci_tree_set_memory_window(b, 0xe0000000, 0xe00fffff);
    pci_tree_put(d, PCI_BAR0, 0xe0000000, 4);
    pci_scan();
    assert_true(host_log_contains("lies outside those of the bridge above"));
    assert_int_equal(unplaced(), 0);
    assert_all_fits();
    assert_true(pci_tree_function(a)->window[PCI_WINDOW_MEMORY].size);
    assert_int_equal(pci_enable(pci_tree_function(d)), 0);
}

/* A small 32-bit BAR in front of a large 64-bit one would leave a gap that nobody counted. */
static void a_window_is_filled_as_it_was_counted(void **state)
{
    struct pcispace_device *a = pci_tree_bridge(NULL, 1), *b = pci_tree_bridge(NULL, 2);
    pci_tree_endpoint(a, 1, (struct pcispace_bar){ .size = MIB });
    pci_tree_endpoint(a, 2, (struct pcispace_bar){ .size = 16 * MIB, .is64 = true });
    pci_tree_endpoint(b, 1, (struct pcispace_bar){ .size = MIB });
    pci_scan();
    assert_int_equal(unplaced(), 0);
    assert_all_fits();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, pci_tree_set_up, pci_tree_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(everything_unplaced_gets_a_place),
        TEST(a_window_that_the_bridge_above_does_not_forward_is_none),
        TEST(a_window_is_filled_as_it_was_counted),
        TEST(second_scan_moves_nothing),
        TEST(partly_placed_machine_is_completed),
        TEST(largest_goes_first),
        TEST(low_memory_goes_to_32_bit_bars_first),
        TEST(bar_of_32_bits_never_goes_above_4_gib),
        TEST(reserved_memory_is_kept_free),
        TEST(windows_are_opened_for_what_is_behind),
        TEST(bridge_without_prefetchable_window_takes_all_as_memory),
        TEST(window_hardwired_to_closed_is_not_implemented),
        TEST(narrow_window_behind_a_wide_one_stays_low),
        TEST(windows_nobody_needs_are_closed),
        TEST(short_window_is_named),
        TEST(empty_window_that_is_short_is_placed_anew),
        TEST(window_grows_upwards_over_all_levels),
        TEST(window_grows_downwards_where_it_cannot_upwards),
        TEST(window_does_not_grow_beyond_what_is_allowed),
        TEST(memory_window_ends_at_4_gib),
        TEST(window_at_the_end_of_everything_does_not_grow_upwards),
        TEST(window_that_refuses_to_grow_stays),
        TEST(windows_are_opened_with_room_for_vfs),
        TEST(vfs_use_the_gaps),
        TEST(as_many_vfs_as_fit_are_placed),
        TEST(window_of_nics_moves_for_vfs),
        TEST(nothing_moves_without_need),
        TEST(bars_go_before_vfs),
        TEST(vf_bar_of_firmware_stays_when_the_other_is_short),
        TEST(fewer_vfs_rather_than_a_bar_without_place),
        TEST(prefetchable_vf_bars_go_where_others_are_when_need_be),
        TEST(vfs_take_nothing_from_others),
        TEST(vf_bars_of_firmware_are_kept),
        TEST(room_for_vfs_grows_the_window),
        TEST(bar_larger_than_the_space_is_told_and_others_go_on),
        TEST(needs_do_not_wrap),
        TEST(addresses_do_not_wrap),
        TEST(absurd_bar_does_not_cost_the_others),
        TEST(without_windows_nothing_is_placed),
        TEST(bar_outside_its_bridge_is_placed_anew),
        TEST(behind_a_subtractive_bridge_any_place_is_good),
        TEST(address_that_does_not_stick_is_no_place),
        TEST(window_rows_are_checked),
        TEST(windows_of_a_pc_avoid_ram),
        TEST(hypertransport_is_kept_free),
        TEST(many_functions_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
