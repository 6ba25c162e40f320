/* SR-IOV: PCIe 9.2.1.2 (routing IDs), 9.3.3 (capability), 9.3.4.1 (VFs). */
#include "tests/host/test.h"

#include "iommu/iommu.h"
#include "kernel/compiler.h"
#include "kernel/time.h"
#include "pci/pci_internal.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/models/made_pf.h"
#include "tests/models/q35_recording.h"

#include <errno.h>
#include <string.h>

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define I82576 0x10c9
#define UNKNOWN_CHIP 0x4321

static struct pcispace_device port, upper, lower;
static struct made_pf pf[4];

static int set_up(void **state)
{
    host_reset();
    pcispace_reset();
    memset(&port, 0, sizeof port);
    memset(&upper, 0, sizeof upper);
    memset(&lower, 0, sizeof lower);
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(pcispace_violations(), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(pf); i++)
        assert_int_equal(pf[i].violations, 0);
    pci_reset();
    pci_set_access(NULL);
    memset(pf, 0, sizeof pf);
    return 0;
}

/* Behind a root port of bus 1 with everything there is. */
static struct pci_function *scan_behind_port(uint16_t device, uint16_t total)
{
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    pcispace_add(&port, NULL, 1, 0);
    made_pf_init(&pf[0], device, total, 16 * KIB);
    made_pf_add(&pf[0], &port, 0);
    pci_scan();
    return pci_find(PCI_BDF(0, 1, 0, 0));
}

static int enable(struct pci_function *f, unsigned count, const char **why)
{
    *why = NULL;
    return pci_sriov_enable(f, count, false, why);
}

/* Refused, and for this reason. */
static void assert_refused(struct pci_function *f, unsigned count, int error, const char *phrase)
{
    const char *why = NULL;
    assert_int_equal(pci_sriov_enable(f, count, false, &why), error);
    assert_non_null(why);
    if (!strstr(why, phrase))
        fail_msg("\"%s\" does not say \"%s\"", why, phrase);
    assert_int_equal(f->sriov ? f->sriov->num_vfs : 0, 0);
}

/* Arithmetic ------------------------------------------------------------------------ */

static void routing_ids_are_as_the_document_counts(void **state)
{
    static const struct {
        uint32_t pf;
        uint16_t offset, stride;
        unsigned index;
        uint32_t vf;
    } rows[] = {
        { PCI_BDF(0, 1, 0, 0), 0x80, 2, 0, PCI_BDF(0, 1, 0x10, 0) },
        { PCI_BDF(0, 1, 0, 0), 0x80, 2, 7, PCI_BDF(0, 1, 0x11, 6) },
        { PCI_BDF(0, 1, 0, 0), 1, 1, 62, PCI_BDF(0, 1, 7, 7) },
        { PCI_BDF(0, 1, 0, 0), 0x80, 2, 63, PCI_BDF(0, 1, 0x1f, 6) },
        { PCI_BDF(0, 1, 0, 0), 0x80, 2, 64, PCI_BDF(0, 2, 0, 0) },
        { PCI_BDF(0, 1, 0, 0), 0x80, 2, 127, PCI_BDF(0, 2, 0xf, 6) },
        { PCI_BDF(0, 1, 0, 0), 1, 1, 255, PCI_BDF(0, 2, 0, 0) },
        { PCI_BDF(0, 1, 0, 0), 0x180, 2, 0, PCI_BDF(0, 2, 0x10, 0) },
        { PCI_BDF(3, 0x40, 0x1f, 7), 1, 1, 0, PCI_BDF(3, 0x41, 0, 0) },
        { PCI_BDF(0, 0xff, 0, 0), 0x80, 2, 63, PCI_BDF(0, 0xff, 0x1f, 6) },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        uint32_t bdf = 0;
        assert_true(pci_vf_bdf(rows[i].pf, rows[i].offset, rows[i].stride, rows[i].index, &bdf));
        assert_int_equal(bdf, rows[i].vf);
    }
}

static void routing_ids_do_not_wrap(void **state)
{
    uint32_t bdf = 77;
    assert_false(pci_vf_bdf(PCI_BDF(0, 0xff, 0, 0), 0x80, 2, 64, &bdf));
    assert_false(pci_vf_bdf(PCI_BDF(5, 0xff, 0x1f, 7), 1, 1, 0, &bdf));
    assert_false(pci_vf_bdf(PCI_BDF(0, 1, 0, 0), 0xffff, 0xffff, 0xffff, &bdf));
    assert_false(pci_vf_bdf(PCI_BDF(0, 1, 0, 0), 1, 0xffff, 0xffffffff, &bdf));
    assert_false(pci_vf_bdf(PCI_BDF(0, 1, 0, 0), 0, 2, 0, &bdf));
    assert_int_equal(bdf, 77);
}

static void vfs_of_a_bus_range_are_counted(void **state)
{
    uint32_t pf0 = PCI_BDF(0, 1, 0, 0);
    assert_int_equal(pci_vfs_up_to(pf0, 0x80, 2, 63, 1), 63);
    assert_int_equal(pci_vfs_up_to(pf0, 0x80, 2, 128, 1), 64);
    assert_int_equal(pci_vfs_up_to(pf0, 0x80, 2, 128, 2), 128);
    assert_int_equal(pci_vfs_up_to(pf0, 0x80, 2, 256, 2), 192);
    assert_int_equal(pci_vfs_up_to(pf0, 1, 1, 256, 1), 255);
    assert_int_equal(pci_vfs_up_to(pf0, 0x180, 2, 8, 1), 0);
    assert_int_equal(pci_vfs_up_to(PCI_BDF(0, 0xfe, 0, 0), 0x80, 2, 0xffff, 0xff), 192);
    assert_int_equal(pci_vfs_up_to(pf0, 0, 2, 8, 1), 0);
}

/* Two ports of a 82576: VF 0, 2, ... of the device are those of PF 0, VF 1, 3, ... of PF 1; of
 * four ports every fourth (DPDK, Poll Mode Driver for Emulated Virtual Function, 14.2). */
static void vfs_of_several_pfs_interleave(void **state)
{
    static const char *const two[2][3] = { { "0000:01:10.0", "0000:01:10.2", "0000:01:10.4" },
                                           { "0000:01:10.1", "0000:01:10.3", "0000:01:10.5" } };
    static const char *const four[4][3] = { { "0000:01:10.0", "0000:01:10.4", "0000:01:11.0" },
                                            { "0000:01:10.1", "0000:01:10.5", "0000:01:11.1" },
                                            { "0000:01:10.2", "0000:01:10.6", "0000:01:11.2" },
                                            { "0000:01:10.3", "0000:01:10.7", "0000:01:11.3" } };
    char text[PCI_BDF_LEN];
    uint32_t bdf;
    for (unsigned f = 0; f < 4; f++)
        for (unsigned k = 0; k < 3; k++) {
            assert_true(pci_vf_bdf(PCI_BDF(0, 1, 0, f), 0x80, 4, k, &bdf));
            pci_bdf_format(bdf, text);
            assert_string_equal(text, four[f][k]);
            if (f > 1)
                continue;
            assert_true(pci_vf_bdf(PCI_BDF(0, 1, 0, f), 0x80, 2, k, &bdf));
            pci_bdf_format(bdf, text);
            assert_string_equal(text, two[f][k]);
        }
}

/* The capability -------------------------------------------------------------------- */

/* The recording was made with VFs on; then only the VF's own place in the list shows. */
static void recorded_82576_is_decoded(void **state)
{
    q35_load();
    struct pcispace_device *igb = q35_device(1, 0, 0);
    memset(igb->writable + 0x160 + PCI_SRIOV_CONTROL, 0xff, 2);
    memset(igb->writable + 0x160 + PCI_SRIOV_NUM_VFS, 0xff, 2);
    memset(igb->writable + 0x160 + PCI_SRIOV_BAR0, 0xff, 24);
    for (unsigned bar = 0; bar < 6; bar++) {
        memset(igb->writable + 0x160 + PCI_SRIOV_BAR0 + 4 * bar, bar % 3 == 2 ? 0 : 0xff, 4);
        if (bar % 3 == 0)
            memcpy(igb->writable + 0x160 + PCI_SRIOV_BAR0 + 4 * bar, "\0\xc0\xff", 3);
    }
    pci_scan();
    const struct pci_sriov *s = pci_find(PCI_BDF(0, 1, 0, 0))->sriov;
    assert_non_null(s);
    assert_null(s->problem);
    assert_int_equal(s->at, 0x160);
    assert_int_equal(s->total_vfs, 8);
    assert_int_equal(s->initial_vfs, 8);
    assert_int_equal(s->offset, 128);
    assert_int_equal(s->stride, 2);
    assert_int_equal(s->vf_device, 0x10ca);
    assert_int_equal(s->page_sizes, 0x553);
    assert_int_equal(s->page_size, 1);
    assert_int_equal(s->bar[0].size, 16 * KIB);
    assert_int_equal(s->bar[3].size, 16 * KIB);
    assert_true(s->bar[0].is64 && s->bar[0].prefetchable);
    assert_int_equal(s->placed_vfs, 8);
    assert_int_equal(made_get(igb, 0x160 + PCI_SRIOV_CONTROL, 2) &
                         (PCI_SRIOV_VF_ENABLE | PCI_SRIOV_VF_MEMORY),
                     0);
    assert_null(pci_find(PCI_BDF(0, 6, 0, 0))->pf);
    assert_null(pci_find(PCI_BDF(0, 2, 0, 0))->sriov);
}

/* PCIe 9.3.3.3.1: VFs that somebody left on go, and then a second passes. */
static void left_over_vfs_are_switched_off(void **state)
{
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    pcispace_add(&port, NULL, 1, 0);
    made_pf_init(&pf[0], I82576, 8, 16 * KIB);
    made_pf_set(&pf[0], PCI_SRIOV_CONTROL, PCI_SRIOV_VF_ENABLE | PCI_SRIOV_VF_MEMORY, 2);
    made_pf_set(&pf[0], PCI_SRIOV_NUM_VFS, 8, 2);
    made_pf_add(&pf[0], &port, 0);
    uint64_t before = time_us();
    pci_scan();
    assert_true(time_us() - before >= US_PER_S);
    assert_false(pf[0].enabled);
    assert_int_equal(pci_find(PCI_BDF(0, 1, 0, 0))->sriov->placed_vfs, 8);
}

static void scan_does_not_wait_without_left_over_vfs(void **state)
{
    uint64_t before = time_us();
    scan_behind_port(I82576, 8);
    assert_int_equal(time_us(), before);
}

/* PCIe 9.3.3.9: the offset is read with ARI Capable Hierarchy as it will be. */
static void offsets_follow_ari(void **state)
{
    struct pci_function *f = scan_behind_port(I82576, 8);
    assert_true(f->sriov->ari);
    assert_int_equal(f->sriov->offset, 128);
    assert_int_equal(f->parent->subordinate, 1);
}

static void missing_ari_moves_vfs_to_the_next_bus(void **state)
{
    const char *why;
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, false, true);
    pcispace_add(&port, NULL, 1, 0);
    made_pf_init(&pf[0], I82576, 8, 16 * KIB);
    made_pf_add(&pf[0], &port, 0);
    pci_scan();
    struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0));
    assert_false(f->sriov->ari);
    assert_int_equal(f->sriov->offset, 384);
    assert_int_equal(f->parent->subordinate, 2);
    assert_int_equal(f->sriov->placed_vfs, 8);
    assert_int_equal(enable(f, 8, &why), 0);
    assert_non_null(pci_find(PCI_BDF(0, 2, 0x11, 6)));
}

/* Only the lowest function has the bit; the others follow it. */
static void several_pfs_share_the_ari_bit(void **state)
{
    const char *why;
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    pcispace_add(&port, NULL, 1, 0);
    for (unsigned i = 0; i < 4; i++) {
        made_pf_init(&pf[i], 0x1521, 4, 16 * KIB);
        pf[i].offset[0] = pf[i].offset[1] = 128;
        pf[i].stride[0] = pf[i].stride[1] = 4;
        pf[i].device.config[MADE_PF_ARI + PCI_ARI_CAPABILITY + 1] = (uint8_t)(i < 3 ? i + 1 : 0);
        made_pf_add(&pf[i], &port, i);
    }
    assert_int_equal(pci_scan(), 5);
    for (unsigned i = 0; i < 4; i++) {
        struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, i));
        assert_true(f->sriov->ari);
        assert_int_equal(enable(f, 4, &why), 0);
        assert_int_equal(f->sriov->vf[0]->bdf, PCI_BDF(0, 1, 0x10, i));
        assert_int_equal(f->sriov->vf[1]->bdf, PCI_BDF(0, 1, 0x10, i + 4));
        assert_int_equal(f->sriov->vf[2]->bdf, PCI_BDF(0, 1, 0x11, i));
    }
    assert_int_equal(made_get(&pf[0].device, MADE_PF_SRIOV + PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_ARI,
                     PCI_SRIOV_ARI);
    assert_int_equal(made_get(&pf[1].device, MADE_PF_SRIOV + PCI_SRIOV_CONTROL, 2) & PCI_SRIOV_ARI,
                     0);
}

static void lying_capabilities_are_not_believed(void **state)
{
    static const struct {
        uint16_t at;
        uint32_t value;
        unsigned size;
        const char *problem;
    } rows[] = {
        { PCI_SRIOV_TOTAL_VFS, 0, 2, "it has no VFs" },
        { PCI_SRIOV_INITIAL_VFS, 9, 2, "InitialVFs is above TotalVFs" },
        { PCI_SRIOV_VF_DEVICE_ID, 0xffff, 2, "VF Device ID is none" },
        { PCI_SRIOV_VF_DEVICE_ID, 0, 2, "VF Device ID is none" },
        { PCI_SRIOV_PAGE_SIZES, 0, 4, "no page size is supported" },
        { PCI_SRIOV_PAGE_SIZES, 0x10000, 4, "no page size is supported" },
        { PCI_SRIOV_BAR0, PCI_BAR_IO, 4, "a VF BAR is I/O" },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        set_up(state);
        made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
        pcispace_add(&port, NULL, 1, 0);
        made_pf_init(&pf[0], I82576, 8, 16 * KIB);
        made_pf_set(&pf[0], rows[i].at, rows[i].value, rows[i].size);
        made_pf_add(&pf[0], &port, 0);
        pci_scan();
        struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0));
        assert_string_equal(f->sriov->problem, rows[i].problem);
        assert_int_equal(f->sriov->placed_vfs, 0);
        assert_refused(f, 1, -ENOTSUP, rows[i].problem);
        assert_int_not_equal(f->bar[0].base, 0);
    }
}

static void lying_offsets_are_not_believed(void **state)
{
    static const struct {
        uint16_t offset, stride, total;
        const char *problem;
    } rows[] = {
        { 0, 2, 8, "First VF Offset is 0" },
        { 128, 0, 8, "VF Stride is 0" },
        { 0xfff0, 2, 2, "the last VF's routing ID is beyond bus 255" },
        { 128, 0x8000, 8, "the last VF's routing ID is beyond bus 255" },
        { 128, 0, 1, NULL },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        set_up(state);
        made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
        pcispace_add(&port, NULL, 1, 0);
        made_pf_init(&pf[0], I82576, rows[i].total, 16 * KIB);
        pf[0].offset[1] = rows[i].offset;
        pf[0].stride[1] = rows[i].stride;
        made_pf_add(&pf[0], &port, 0);
        pci_scan();
        const struct pci_sriov *s = pci_find(PCI_BDF(0, 1, 0, 0))->sriov;
        if (rows[i].problem)
            assert_string_equal(s->problem, rows[i].problem);
        else
            assert_null(s->problem);
    }
}

static void small_and_huge_vf_bars(void **state)
{
    made_pf_init(&pf[0], I82576, 8, 256);
    made_pf_add(&pf[0], NULL, 0);
    made_pf_init(&pf[1], I82576, 256, 1ull << 62);
    pf[1].offset[0] = 1;
    pf[1].stride[0] = 1;
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, false, true);
    pcispace_add(&port, NULL, 1, 0);
    made_pf_add(&pf[1], &port, 0);
    pci_scan();
    assert_string_equal(pci_find(0)->sriov->problem, "a VF BAR is smaller than a page");
    struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0));
    assert_null(f->sriov->problem);
    assert_int_equal(f->sriov->placed_vfs, 0);
    assert_int_not_equal(f->bar[0].base, 0);
    assert_refused(f, 1, -ENOSPC, "the memory space of the root buses is short");
    assert_true(host_log_contains("0 of 256 VFs have a place: VF BAR 0 needs 4000000000000000 "
                                  "bytes for each"));
}

/* PCIe 7.6.3: a capability that does not end within 4 KiB. */
static void capability_that_is_cut_off_is_none(void **state)
{
    struct pcispace_device *d = &pf[0].device;
    made_pf_init(&pf[0], I82576, 8, 16 * KIB);
    memset(d->config + MADE_PF_SRIOV, 0, PCI_SRIOV_LENGTH);
    d->config[MADE_PF_ARI + 3] = 0xfe;
    d->config[MADE_PF_ARI + 2] = 0x01;
    d->config[0xfe0] = PCI_EXT_SRIOV;
    d->config[0xfe2] = 1;
    made_pf_add(&pf[0], NULL, 0);
    pci_scan();
    assert_null(pci_find(0)->sriov);
    assert_true(host_log_contains("the SR-IOV capability at fe0 is cut off"));
    assert_refused(pci_find(0), 1, -ENOTSUP, "no SR-IOV capability");
}

static void vf_enable_that_stays_set_is_told(void **state)
{
    made_pf_init(&pf[0], I82576, 8, 16 * KIB);
    made_pf_set(&pf[0], PCI_SRIOV_CONTROL, PCI_SRIOV_VF_ENABLE, 2);
    pf[0].device.writable[MADE_PF_SRIOV + PCI_SRIOV_CONTROL] = 0;
    pf[0].device.config_written = NULL;
    made_pf_add(&pf[0], NULL, 0);
    pci_scan();
    assert_string_equal(pci_find(0)->sriov->problem, "VF Enable stays set");
}

/* On and off ------------------------------------------------------------------------ */

static void vfs_become_functions(void **state)
{
    const char *why;
    struct pci_function *f = scan_behind_port(I82576, 8);
    assert_int_equal(enable(f, 7, &why), 0);
    assert_int_equal(f->sriov->num_vfs, 7);
    assert_int_equal(made_get(&pf[0].device, MADE_PF_SRIOV + PCI_SRIOV_NUM_VFS, 2), 7);
    for (unsigned i = 0; i < 7; i++) {
        const struct pci_function *vf = pci_find(PCI_BDF(0, 1, 0x10 + i / 4, i % 4 * 2));
        assert_ptr_equal(vf, f->sriov->vf[i]);
        assert_int_equal(vf->vendor, 0x8086);
        assert_int_equal(vf->device, 0x10ca);
        assert_int_equal(vf->subsystem, 0x1234);
        assert_int_equal(vf->class_code, 0x020000);
        assert_int_equal(vf->express, MADE_PF_EXPRESS);
        assert_ptr_equal(vf->parent, f->parent);
        assert_ptr_equal(vf->pf, f);
        assert_int_equal(vf->vf_index, i);
        assert_int_equal(vf->dma.requester_id, vf->bdf);
        assert_null(vf->driver);
        assert_int_equal(vf->bar[0].base, f->sriov->bar[0].base + i * 16 * KIB);
        assert_int_equal(vf->bar[3].size, 16 * KIB);
    }
    assert_null(pci_find(PCI_BDF(0, 1, 0x11, 6)));
    for (struct pci_function *g = pci_first(); g->next; g = g->next)
        assert_true(g->bdf < g->next->bdf);
}

/* PCIe 9.3.4.1: the IDs of a VF read ffff, and its memory is on by VF MSE. */
static void vf_is_taken_like_any_function(void **state)
{
    const char *why;
    struct pci_function *f = scan_behind_port(I82576, 8);
    assert_int_equal(pci_enable(f), 0);
    assert_int_equal(enable(f, 2, &why), 0);
    struct pci_function *vf = f->sriov->vf[1];
    assert_int_equal(pci_read32(vf, PCI_VENDOR_ID), 0xffffffff);
    assert_int_equal(pci_enable(vf), 0);
    assert_non_null(pci_map_bar(vf, 0, 16 * KIB));
    assert_null(pci_map_bar(vf, 1, 1));
    pci_bus_master(vf, true);
    assert_int_equal(made_get(&pf[0].vf[1].device, PCI_COMMAND, 2), PCI_COMMAND_MASTER);
    pci_write16(f, MADE_PF_SRIOV + PCI_SRIOV_CONTROL, PCI_SRIOV_VF_ENABLE);
    assert_null(pci_map_bar(vf, 0, 16 * KIB));
    pf[0].vf_dead = true;
    assert_int_equal(pci_enable(vf), -EIO);
}

static void disable_forgets_and_enable_waits_a_second(void **state)
{
    const char *why;
    struct pci_function *f = scan_behind_port(I82576, 8);
    assert_int_equal(enable(f, 8, &why), 0);
    uint64_t before = time_us();
    pci_sriov_disable(f);
    assert_int_equal(time_us(), before);
    assert_int_equal(f->sriov->num_vfs, 0);
    assert_false(pf[0].enabled);
    for (struct pci_function *g = pci_first(); g; g = g->next)
        assert_null(g->pf);
    pci_sriov_disable(f);
    assert_int_equal(enable(f, 3, &why), 0);
    assert_true(time_us() - before >= US_PER_S);
    assert_int_equal(f->sriov->num_vfs, 3);
}

/* A second is not waited out when it has passed anyway. */
static void late_enable_waits_100_ms_only(void **state)
{
    const char *why;
    struct pci_function *f = scan_behind_port(I82576, 8);
    uint64_t before = time_us();
    assert_int_equal(enable(f, 8, &why), 0);
    assert_true(time_us() - before >= 100 * US_PER_MS);
    assert_true(time_us() - before < 150 * US_PER_MS);
}

static void vf_that_comes_late_is_waited_for(void **state)
{
    const char *why;
    struct pci_function *f = scan_behind_port(I82576, 8);
    pf[0].vf_late_us = 900 * US_PER_MS;
    assert_int_equal(enable(f, 8, &why), 0);
}

static void vf_that_never_comes_leaves_nothing_enabled(void **state)
{
    struct pci_function *f = scan_behind_port(I82576, 8);
    pf[0].vf_dead = true;
    assert_refused(f, 2, -ETIMEDOUT, "VF 0 does not answer: vendor ID ffff, command ffff");
    assert_false(pf[0].enabled);
    assert_null(f->sriov->vf);
    pf[0].vf_dead = false;
    const char *why;
    assert_int_equal(enable(f, 2, &why), 0);
}

static void counts_are_checked(void **state)
{
    const char *why;
    struct pci_function *f = scan_behind_port(I82576, 8);
    assert_refused(f, 0, -EINVAL, "0 VFs, expected 1 to 8");
    assert_refused(f, 9, -EINVAL, "9 VFs, expected 1 to 8");
    assert_int_equal(enable(f, 1, &why), 0);
    assert_int_equal(enable(f, 2, &why), -EBUSY);
    assert_string_equal(why, "VFs are in force already");
    assert_int_equal(f->sriov->num_vfs, 1);
}

/* A routing ID that somebody has: QEMU's igb on a root bus, say. */
static void vf_in_anothers_place_is_refused(void **state)
{
    static struct pcispace_device other;
    memset(&other, 0, sizeof other);
    made_pf_init(&pf[0], I82576, 8, 16 * KIB);
    pf[0].offset[0] = 128;
    made_pf_add(&pf[0], NULL, 0);
    pcispace_device_init(&other, 0x1af4, 0x1041, 0x020000);
    pcispace_add(&other, NULL, 0x10, 4);
    pci_scan();
    const char *why;
    assert_refused(pci_find(0), 3, -EEXIST, "VF 2 would be 0000:00:10.4, and that is there");
    assert_int_equal(enable(pci_find(0), 2, &why), 0);
}

/* The registers may tell another offset for another NumVFs. */
static void offset_that_moves_away_is_refused(void **state)
{
    struct pci_function *f = scan_behind_port(I82576, 8);
    pf[0].offset[1] = 0x200;
    assert_refused(f, 2, -ENOSPC, "with 2 VFs, offset 512 and stride 2 lead beyond bus 01");
}

/* PCIe 9.2.2.3: what a reset of the PF cleared is written again. */
static void bars_are_written_again_before_vfs_come(void **state)
{
    const char *why;
    struct pci_function *f = scan_behind_port(I82576, 8);
    uint64_t base = f->sriov->bar[3].base;
    made_pf_set(&pf[0], PCI_SRIOV_BAR0 + 12, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 4);
    assert_int_equal(enable(f, 8, &why), 0);
    assert_int_equal(pf[0].vf[0].device.bar_at(&pf[0].vf[0], 3), base);
}

/* One that does not stick is a refusal each time, never a BAR less. */
static void bars_that_do_not_stick_are_refused_again(void **state)
{
    struct pci_function *f = scan_behind_port(I82576, 8);
    uint16_t at = MADE_PF_SRIOV + PCI_SRIOV_BAR0;
    uint8_t writable[8];
    memcpy(writable, pf[0].device.writable + at, sizeof writable);
    memset(pf[0].device.writable + at, 0, sizeof writable);
    made_pf_set(&pf[0], PCI_SRIOV_BAR0, PCI_BAR_TYPE_64 | PCI_BAR_PREFETCH, 4);
    made_pf_set(&pf[0], PCI_SRIOV_BAR0 + 4, 0, 4);
    assert_refused(f, 8, -EIO, "VF BAR 0 does not take its address");
    assert_refused(f, 8, -EIO, "VF BAR 0 does not take its address");
    assert_false(pf[0].enabled);
    const char *why;
    memcpy(pf[0].device.writable + at, writable, sizeof writable);
    assert_int_equal(enable(f, 8, &why), 0);
    assert_int_not_equal(pf[0].vf[0].device.bar_at(&pf[0].vf[0], 0), 0);
}

/* 63, 128 and 256 VFs ----------------------------------------------------------------- */

static void many_vfs_reach_further_buses(void **state)
{
    static const struct {
        uint16_t total;
        uint16_t offset, stride;
        uint8_t last_bus;
    } rows[] = {
        { 63, 128, 2, 1 },  { 64, 128, 2, 1 }, { 128, 128, 2, 2 },
        { 256, 128, 2, 3 }, { 256, 1, 1, 2 },  { 255, 1, 1, 1 },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        const char *why;
        set_up(state);
        made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
        pcispace_add(&port, NULL, 1, 0);
        made_pf_init(&pf[0], I82576, rows[i].total, 16 * KIB);
        pf[0].offset[1] = rows[i].offset;
        pf[0].stride[1] = rows[i].stride;
        made_pf_add(&pf[0], &port, 0);
        pci_scan();
        struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0));
        assert_int_equal(f->parent->subordinate, rows[i].last_bus);
        assert_int_equal(f->sriov->placed_vfs, rows[i].total);
        assert_int_equal(enable(f, rows[i].total, &why), 0);
        struct pci_function *last = f->sriov->vf[rows[i].total - 1];
        assert_int_equal(PCI_BUS(last->bdf), rows[i].last_bus);
        assert_int_equal(pci_enable(last), 0);
    }
}

/* Numbers that firmware gave stay, and the range grows into what is free. */
static void bus_range_of_firmware_grows(void **state)
{
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    made_port_init(&upper, PCI_EXPRESS_UPSTREAM_PORT, false, false);
    made_port_init(&lower, PCI_EXPRESS_DOWNSTREAM_PORT, true, true);
    struct pcispace_device *ports[] = { &port, &upper, &lower };
    for (unsigned i = 0; i < 3; i++) {
        ports[i]->config[PCI_SECONDARY_BUS] = (uint8_t)(i + 1);
        ports[i]->config[PCI_SUBORDINATE_BUS] = 3;
        pcispace_add(ports[i], i ? ports[i - 1] : NULL, i ? 0 : 1, 0);
    }
    made_pf_init(&pf[0], I82576, 128, 16 * KIB);
    made_pf_add(&pf[0], &lower, 0);
    pci_scan();
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ports[i]->config[PCI_SECONDARY_BUS], i + 1);
        assert_int_equal(ports[i]->config[PCI_SUBORDINATE_BUS], 4);
    }
    const char *why;
    assert_int_equal(enable(pci_find(PCI_BDF(0, 3, 0, 0)), 128, &why), 0);
    assert_non_null(pci_find(PCI_BDF(0, 4, 0xf, 6)));
}

/* The next number is another bridge's: as many VFs as there are on the PF's own bus. */
static void bus_range_that_is_short_is_named(void **state)
{
    const char *why;
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    made_port_init(&lower, PCI_EXPRESS_ROOT_PORT, true, true);
    port.config[PCI_SECONDARY_BUS] = port.config[PCI_SUBORDINATE_BUS] = 1;
    lower.config[PCI_SECONDARY_BUS] = lower.config[PCI_SUBORDINATE_BUS] = 2;
    pcispace_add(&port, NULL, 1, 0);
    pcispace_add(&lower, NULL, 2, 0);
    made_pf_init(&pf[0], I82576, 128, 16 * KIB);
    made_pf_add(&pf[0], &port, 0);
    pci_scan();
    struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0));
    assert_int_equal(f->parent->subordinate, 1);
    assert_int_equal(f->sriov->placed_vfs, 64);
    assert_true(host_log_contains("64 of 128 VFs can be reached: the last is on bus 02, and the "
                                  "bus range up to 01 is short"));
    assert_refused(f, 65, -ENOSPC, "only 64 VFs have a place: the bus range up to 01 is short");
    assert_int_equal(enable(f, 64, &why), 0);
}

/* No numbers at all: the next bridge gets the one behind the VFs'. */
static void numbers_of_vfs_are_kept_from_other_bridges(void **state)
{
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    made_port_init(&lower, PCI_EXPRESS_ROOT_PORT, true, true);
    pcispace_add(&port, NULL, 1, 0);
    pcispace_add(&lower, NULL, 2, 0);
    made_pf_init(&pf[0], I82576, 256, 16 * KIB);
    made_pf_add(&pf[0], &port, 0);
    made_pf_init(&pf[1], I82576, 8, 16 * KIB);
    made_pf_add(&pf[1], &lower, 0);
    pci_scan();
    assert_int_equal(port.config[PCI_SUBORDINATE_BUS], 3);
    assert_int_equal(lower.config[PCI_SECONDARY_BUS], 4);
    assert_non_null(pci_find(PCI_BDF(0, 4, 0, 0)));
}

/* A switch whose upstream port has a PF beside it: what is below the switch comes behind
 * the PF's VFs. */
static void bridge_beside_a_pf_is_numbered_behind_its_vfs(void **state)
{
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    made_port_init(&upper, PCI_EXPRESS_UPSTREAM_PORT, false, false);
    made_port_init(&lower, PCI_EXPRESS_DOWNSTREAM_PORT, true, true);
    upper.config[PCI_HEADER_TYPE] |= PCI_HEADER_MULTIFUNCTION;
    pcispace_add(&port, NULL, 1, 0);
    pcispace_add(&upper, &port, 0, 0);
    pcispace_add(&lower, &upper, 0, 0);
    made_pf_init(&pf[0], I82576, 8, 16 * KIB);
    made_pf_add(&pf[0], &port, 1);
    pci_scan();
    assert_int_equal(pci_find(PCI_BDF(0, 1, 0, 1))->sriov->placed_vfs, 8);
    assert_int_equal(upper.config[PCI_SECONDARY_BUS], 3);
    assert_int_equal(pcispace_bus(&lower), 3);
    assert_int_equal(port.config[PCI_SUBORDINATE_BUS], 4);
    const char *why;
    assert_int_equal(enable(pci_find(PCI_BDF(0, 1, 0, 1)), 8, &why), 0);
    assert_non_null(pci_find(PCI_BDF(0, 2, 0x10, 1)));
}

/* Offset and stride of a liar do not cost other bridges their numbers. */
static void far_vfs_do_not_take_all_bus_numbers(void **state)
{
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    made_port_init(&lower, PCI_EXPRESS_ROOT_PORT, true, true);
    pcispace_add(&port, NULL, 1, 0);
    pcispace_add(&lower, NULL, 2, 0);
    made_pf_init(&pf[0], I82576, 2, 16 * KIB);
    pf[0].offset[1] = 0xf000;
    made_pf_add(&pf[0], &port, 0);
    made_pf_init(&pf[1], I82576, 8, 16 * KIB);
    made_pf_add(&pf[1], &lower, 0);
    pci_scan();
    assert_true(pcispace_bus(&pf[1].device) > 0);
    assert_int_equal(pci_find(PCI_BDF(0, 1, 0, 0))->sriov->placed_vfs, 0);
}

/* Access control ---------------------------------------------------------------------- */

static void path_without_access_control_is_refused(void **state)
{
    const char *why;
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    made_port_init(&upper, PCI_EXPRESS_UPSTREAM_PORT, false, false);
    made_port_init(&lower, PCI_EXPRESS_DOWNSTREAM_PORT, true, false);
    pcispace_add(&port, NULL, 1, 0);
    pcispace_add(&upper, &port, 0, 0);
    pcispace_add(&lower, &upper, 0, 0);
    made_pf_init(&pf[0], I82576, 8, 16 * KIB);
    made_pf_add(&pf[0], &lower, 0);
    pci_scan();
    struct pci_function *f = pci_find(PCI_BDF(0, 3, 0, 0));
    assert_refused(f, 1, -EPERM, "0000:02:00.0 on the way has no access control (ACS)");
    assert_int_equal(pci_sriov_enable(f, 1, true, &why), 0);
}

static void access_control_on_the_way_is_switched_on(void **state)
{
    const char *why;
    struct pci_function *f = scan_behind_port(I82576, 8);
    assert_int_equal(made_get(&port, PCI_EXT_FIRST + PCI_ACS_CONTROL, 2), 0);
    assert_int_equal(enable(f, 1, &why), 0);
    assert_int_equal(made_get(&port, PCI_EXT_FIRST + PCI_ACS_CONTROL, 2), 0x1f);
}

/* The 82576 keeps its functions apart by its vendor's word; others need the capability. */
static void chip_without_access_control_is_refused(void **state)
{
    const char *why;
    struct pci_function *f = scan_behind_port(UNKNOWN_CHIP, 8);
    assert_refused(f, 1, -EPERM, "the chip has no access control (ACS)");
    assert_int_equal(pci_sriov_enable(f, 1, true, &why), 0);
}

/* Behind a conventional bridge requests carry the bridge's ID, whoever allows it. */
static void conventional_bridge_is_always_refused(void **state)
{
    const char *why;
    pcispace_bridge_init(&port, 0x1b36, 0x000e);
    pcispace_add(&port, NULL, 1, 0);
    made_pf_init(&pf[0], I82576, 8, 16 * KIB);
    pf[0].offset[0] = 128;
    made_pf_add(&pf[0], &port, 0);
    pci_scan();
    struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0));
    assert_int_equal(pci_sriov_enable(f, 1, true, &why), -EPERM);
    assert_non_null(strstr(why, "conventional bridge 0000:00:01.0"));
}

static void isolation_groups_of_vfs(void **state)
{
    const char *why;
    struct pci_function *f = scan_behind_port(I82576, 8);
    assert_int_equal(enable(f, 2, &why), 0);
    assert_int_equal(pci_isolation_group(f->sriov->vf[1]), f->sriov->vf[1]->bdf);
    pci_sriov_disable(f);
    set_up(state);
    f = scan_behind_port(UNKNOWN_CHIP, 8);
    assert_int_equal(pci_sriov_enable(f, 2, true, &why), 0);
    assert_int_equal(pci_isolation_group(f->sriov->vf[0]), f->bdf);
    assert_int_equal(pci_isolation_group(f->sriov->vf[1]), f->bdf);
    assert_int_equal(pci_isolation_group(f), f->bdf);
}

/* The capability is enough; VFs have one each, which is switched on as well. */
static void chip_with_access_control_is_accepted(void **state)
{
    const char *why;
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    pcispace_add(&port, NULL, 1, 0);
    made_pf_init(&pf[0], UNKNOWN_CHIP, 2, 16 * KIB);
    made_pf_acs(&pf[0]);
    made_pf_add(&pf[0], &port, 0);
    pci_scan();
    struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0));
    assert_int_equal(enable(f, 2, &why), 0);
    assert_int_equal(pci_isolation_group(f->sriov->vf[1]), f->sriov->vf[1]->bdf);
    assert_int_equal(pci_isolation_group(f), f->bdf);
}

/* VT-d 8.3.3: the way of the PF, the requester ID of the VF; a switch adds none. */
static void vf_goes_the_way_of_its_pf(void **state)
{
    const char *why;
    struct iommu_place place;
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, false, true);
    pcispace_add(&port, NULL, 1, 0);
    made_pf_init(&pf[0], I82576, 8, 16 * KIB);
    made_pf_add(&pf[0], &port, 0);
    pci_scan();
    struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0));
    assert_int_equal(enable(f, 1, &why), 0);
    assert_int_equal(f->sriov->vf[0]->dma.requester_id, PCI_BDF(0, 2, 0x10, 0));
    assert_int_equal(pci_place_of(f->sriov->vf[0], &place), 0);
    assert_int_equal(place.depth, 2);
    assert_int_equal(place.way[0].devfn, 1 << 3);
    assert_int_equal(place.way[1].bus, 1);
    assert_int_equal(place.way[1].devfn, 0);
    assert_int_equal(place.aliases, 0);
}

/* Drivers ----------------------------------------------------------------------------- */

static unsigned probes, removes;

static int vf_probe(struct pci_function *f, const struct pci_id *id)
{
    probes++;
    return 0;
}

static void vf_remove(struct pci_function *f)
{
    removes++;
}

static const struct pci_id vf_ids[] = { PCI_ID(0x8086, 0x5151, 0), { 0 } };

PCI_DRIVER(test_vf_driver) = {
    .name = "test", .ids = vf_ids, .probe = vf_probe, .remove = vf_remove
};

static void functions_are_offered_and_taken_back(void **state)
{
    const char *why;
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    pcispace_add(&port, NULL, 1, 0);
    made_pf_init(&pf[0], I82576, 8, 16 * KIB);
    made_pf_set(&pf[0], PCI_SRIOV_VF_DEVICE_ID, 0x5151, 2);
    made_pf_add(&pf[0], &port, 0);
    pci_scan();
    struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0));
    assert_int_equal(enable(f, 2, &why), 0);
    struct pci_function *vf = f->sriov->vf[0];
    probes = removes = 0;
    assert_true(pci_probe_function(vf));
    assert_ptr_equal(vf->driver, &test_vf_driver);
    assert_false(pci_probe_function(vf));
    assert_int_equal(probes, 1);
    pci_bus_master(vf, true);
    pci_remove_function(vf);
    assert_null(vf->driver);
    assert_int_equal(removes, 1);
    assert_int_equal(made_get(&pf[0].vf[0].device, PCI_COMMAND, 2), 0);
    pci_remove_function(vf);
    assert_int_equal(removes, 1);
}

/* Out of D3hot without No_Soft_Reset a function is as after a reset (PM 5.4.1). */
static void (*written)(void *, uint16_t, unsigned);
static uint16_t power;

static void forget_when_woken(void *ctx, uint16_t offset, unsigned size)
{
    struct made_pf *m = ctx;
    written(ctx, offset, size);
    if (offset != power + PCI_POWER_CONTROL || m->device.config[offset] & PCI_POWER_STATE)
        return;
    m->device.config[MADE_PF_SRIOV + PCI_SRIOV_CONTROL] = 0;
    written(ctx, MADE_PF_SRIOV + PCI_SRIOV_CONTROL, 2);
}

static void a_pf_that_slept_has_its_vfs_where_they_were(void **state)
{
    static const uint8_t capability[8] = { 1, 0, 3, 0, 3 }; /* power management, in D3hot */
    const char *why;
    made_port_init(&port, PCI_EXPRESS_ROOT_PORT, true, true);
    pcispace_add(&port, NULL, 1, 0);
    made_pf_init(&pf[0], I82576, 7, 16 * KIB);
    made_pf_add(&pf[0], &port, 0);
    power = pcispace_capability(&pf[0].device, capability, sizeof capability);
    pf[0].device.writable[power + PCI_POWER_CONTROL] = 3;
    written = pf[0].device.config_written;
    pf[0].device.config_written = forget_when_woken;
    pci_scan();
    struct pci_function *f = pci_find(PCI_BDF(0, 1, 0, 0));
    assert_int_equal(pci_enable(f), 0);
    assert_int_equal(enable(f, 2, &why), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_pf_that_slept_has_its_vfs_where_they_were),
        TEST(routing_ids_are_as_the_document_counts),
        TEST(routing_ids_do_not_wrap),
        TEST(vfs_of_a_bus_range_are_counted),
        TEST(vfs_of_several_pfs_interleave),
        TEST(recorded_82576_is_decoded),
        TEST(left_over_vfs_are_switched_off),
        TEST(scan_does_not_wait_without_left_over_vfs),
        TEST(offsets_follow_ari),
        TEST(missing_ari_moves_vfs_to_the_next_bus),
        TEST(several_pfs_share_the_ari_bit),
        TEST(lying_capabilities_are_not_believed),
        TEST(lying_offsets_are_not_believed),
        TEST(small_and_huge_vf_bars),
        TEST(capability_that_is_cut_off_is_none),
        TEST(vf_enable_that_stays_set_is_told),
        TEST(vfs_become_functions),
        TEST(vf_is_taken_like_any_function),
        TEST(disable_forgets_and_enable_waits_a_second),
        TEST(late_enable_waits_100_ms_only),
        TEST(vf_that_comes_late_is_waited_for),
        TEST(vf_that_never_comes_leaves_nothing_enabled),
        TEST(counts_are_checked),
        TEST(vf_in_anothers_place_is_refused),
        TEST(offset_that_moves_away_is_refused),
        TEST(bars_are_written_again_before_vfs_come),
        TEST(bars_that_do_not_stick_are_refused_again),
        TEST(many_vfs_reach_further_buses),
        TEST(bus_range_of_firmware_grows),
        TEST(bus_range_that_is_short_is_named),
        TEST(numbers_of_vfs_are_kept_from_other_bridges),
        TEST(bridge_beside_a_pf_is_numbered_behind_its_vfs),
        TEST(far_vfs_do_not_take_all_bus_numbers),
        TEST(path_without_access_control_is_refused),
        TEST(access_control_on_the_way_is_switched_on),
        TEST(chip_without_access_control_is_refused),
        TEST(conventional_bridge_is_always_refused),
        TEST(isolation_groups_of_vfs),
        TEST(chip_with_access_control_is_accepted),
        TEST(vf_goes_the_way_of_its_pf),
        TEST(functions_are_offered_and_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
