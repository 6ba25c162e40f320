/* SR-IOV capabilities that lie: the input is the capability's bytes, which of their bits
 * can be written, what the ports above can do, and what is then asked of the PF.  Scan,
 * placing, `vf count` and `show pci` must end; VFs in force have routing IDs of their own,
 * in order, and BARs behind their bridge that are nobody else's. */
#include "apps/console/command.h"
#include "kernel/time.h"
#include "pci/aer.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"
#include "tests/models/made_pf.h"

#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 12u

struct tree {
    uint8_t ports; /* bits: see plug() */
    uint8_t total;
    uint16_t offset, stride;
    uint8_t capability[PCI_SRIOV_LENGTH - 4], keep[PCI_SRIOV_LENGTH - 4];
    uint8_t writable[PCI_SRIOV_LENGTH - 4], fixed[PCI_SRIOV_LENGTH - 4];
    uint8_t windows[24]; /* of the port, as firmware left them */
};

/* Nothing happens meanwhile, so waits may as well be short. */
static void pass_time(void)
{
    host_advance_us(20 * US_PER_MS);
}

/* A driver may take a VF, and no VF here has registers: a read in its BARs finds nobody. */
static void must_be_a_vfs(uint64_t at)
{
    for (const struct pci_function *f = pci_first(); f; f = f->next)
        for (unsigned i = 0; f->pf && i < PCI_BARS; i++)
            if (at >= f->bar[i].base && at - f->bar[i].base < f->bar[i].size)
                return;
    abort();
}

static uint64_t nobody_reads(void *ctx, uint64_t offset, unsigned size)
{
    must_be_a_vfs(offset);
    return UINT64_MAX;
}

static void nobody_hears(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    must_be_a_vfs(offset);
}

static const struct host_window nobody = { .size = 1ull << 47,
                                           .read = nobody_reads,
                                           .write = nobody_hears };

static void drop(struct out *out, const char *text, size_t n) {}

static void check_vf(const struct pci_function *f, const struct pci_function *pf)
{
    const struct pci_sriov *s = pf->sriov;
    if (f->pf != pf || pci_find(f->bdf) != f || f->bdf == pf->bdf || f->bdf >> 16 != pf->bdf >> 16)
        abort();
    for (unsigned i = 0; i < PCI_BARS; i++) {
        const struct pci_bar *bar = &f->bar[i];
        uint64_t first = s->bar[i].base, end = first + bar->size * s->room[i];
        if (bar->size && (bar->base < first || bar->base + bar->size > end || end < first))
            abort();
    }
}

/* Sorted without repetition; own BARs and the VFs' apart from each other. */
static void check_list(void)
{
    for (struct pci_function *f = pci_first(); f; f = f->next) {
        if (f->next && f->next->bdf <= f->bdf)
            abort();
        if (!f->sriov)
            continue;
        if (f->sriov->num_vfs > f->sriov->placed_vfs || f->sriov->placed_vfs > f->sriov->total_vfs)
            abort();
        for (unsigned i = 0; i < f->sriov->num_vfs; i++)
            check_vf(f->sriov->vf[i], f);
        for (unsigned i = 0; i < PCI_BARS; i++) {
            const struct pci_bar *v = &f->sriov->bar[i];
            if (v->base && f->sriov->room[i] > (UINT64_MAX - v->base) / v->size)
                abort();
        }
    }
}

static struct pcispace_device port, inner;
static struct made_pf pf[2];

static void lie(struct made_pf *m, const struct tree *in)
{
    uint8_t *config = m->device.config + MADE_PF_SRIOV + 4;
    uint8_t *writable = m->device.writable + MADE_PF_SRIOV + 4;
    for (unsigned i = 0; i < sizeof in->capability; i++) {
        config[i] = (uint8_t)((config[i] & in->keep[i]) | (in->capability[i] & ~in->keep[i]));
        writable[i] = (uint8_t)((writable[i] & in->fixed[i]) | (in->writable[i] & ~in->fixed[i]));
    }
    m->offset[0] = m->offset[1] = in->offset;
    m->stride[0] = m->stride[1] = in->stride;
}

static void plug(const struct tree *in)
{
    struct pcispace_device *above = in->ports & 1 ? NULL : &port;
    made_port_init(&port, in->ports & 2 ? PCI_EXPRESS_ROOT_PORT : in->ports >> 4, in->ports & 4,
                   in->ports & 8);
    memcpy(port.config + PCI_PRIMARY_BUS, in->windows, sizeof in->windows);
    pcispace_add(&port, NULL, 1, 0);
    if (in->ports & 16) {
        made_port_init(&inner, PCI_EXPRESS_DOWNSTREAM_PORT, true, in->ports & 32);
        pcispace_add(&inner, &port, 0, 0);
        above = &inner;
    }
    for (unsigned i = 0; i < 2; i++) {
        made_pf_init(&pf[i], 0x10c9, in->total % 24, 16384);
        lie(&pf[i], in);
        made_pf_add(&pf[i], above, i);
    }
}

static void remove_vfs(struct pci_function *f)
{
    for (unsigned i = f->sriov->num_vfs; i--;)
        pci_remove_function(f->sriov->vf[i]);
    pci_sriov_disable(f);
}

static void show(const char *line)
{
    struct out out = { .write = drop };
    must(!command_run(line, &out, "fuzzer", 0));
}

static void step(uint8_t what)
{
    const char *why = NULL;
    for (struct pci_function *f = pci_first(), *next; f; f = next) {
        next = f->next;
        if (!f->sriov || f->pf)
            continue;
        if (what & 1 && pci_sriov_enable(f, what >> 3, what & 4, &why) && !why)
            abort();
        for (unsigned i = 0; i < f->sriov->num_vfs; i++) {
            pci_probe_function(f->sriov->vf[i]);
            pci_enable(f->sriov->vf[i]);
            pci_map_bar(f->sriov->vf[i], 0, 1);
            pci_isolation_group(f->sriov->vf[i]);
        }
        check_list();
        if (what & 2)
            remove_vfs(f);
        pci_function_reset(f);
        next = f->next;
    }
    host_advance_us(2 * US_PER_S);
    pci_aer_poll(time_us());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tree in;
    if (size < sizeof in)
        return 0;
    memcpy(&in, data, sizeof in);
    host_set_yield(pass_time);
    host_add_mmio(&nobody);
    pcispace_reset();
    memset(&port, 0, sizeof port);
    memset(&inner, 0, sizeof inner);
    plug(&in);
    pci_scan();
    check_list();
    for (size_t i = sizeof in; i < size && i < sizeof in + STEPS_MAX; i++)
        step(data[i]);
    show("show pci");
    show(pf[0].device.bridge ? "show pci 00:01.0" : "show pci 00:00.0");
    for (struct pci_function *f = pci_first(); f; f = f->next)
        if (f->sriov)
            remove_vfs(f);
    harness_end();
    return 0;
}
