/* igbvf.c - a virtual function of Intel's 82576 or I350 as a port.
 *
 * Documents: named in igbvf_regs.h; the mailbox and its messages: intel_mbx.h.
 *
 * What all VFs do alike is intel_vf.c's.  One queue each way.  Not supported: further unicast
 * addresses, offloads beyond intel_advanced.h's. */
#include "nic/intel/igb/igbvf_regs.h"
#include "nic/intel/intel_port.h"
#include "nic/intel/intel_vf.h"

#include <errno.h>

struct igbvf {
    struct intel_vf vf;
    struct adv_echo echo;
};

/* The function and its PF ---------------------------------------------------- */

static void igbvf_reset(void *owner)
{
    struct intel_vf *v = owner;
    intel_write(&v->device, INTEL_CTRL, INTEL_CTRL_RST);
    v->dma = false;
}

/* The chip's reset cleared the counters. */
static void igbvf_away(void *owner, bool gone)
{
    struct intel_vf *v = owner;
    intel_vf_away(v, gone);
    for (unsigned i = 0; i < INTEL_VF_COUNTERS_MAX && !gone; i++)
        v->counters[i].last = 0;
}

static const struct vf_client_ops igbvf_client_ops = { .reset = igbvf_reset,
                                                       .clean = intel_vf_clean,
                                                       .lost = intel_vf_lost,
                                                       .away = igbvf_away,
                                                       .ready = intel_vf_ready };

/* Statistics -------------------------------------------------------------- */

static const struct intel_vf_counter counters[INTEL_VF_COUNTERS_MAX + 1] = {
    { "VFGPRC", IGBVF_VFGPRC },     { "VFGPTC", IGBVF_VFGPTC },     { "VFGORC", IGBVF_VFGORC },
    { "VFGOTC", IGBVF_VFGOTC },     { "VFMPRC", IGBVF_VFMPRC },     { "VFGPRLBC", IGBVF_VFGPRLBC },
    { "VFGPTLBC", IGBVF_VFGPTLBC }, { "VFGORLBC", IGBVF_VFGORLBC }, { "VFGOTLBC", IGBVF_VFGOTLBC },
};

static void collect(struct intel_vf *v)
{
    if (v->live)
        v->missed += FIELD_GET(IGB_Q_DROPPED_COUNT,
                               intel_read(&v->device, IGBVF_RX_BLOCK(0) + IGB_Q_DROPPED));
}

static unsigned rows(const struct intel_vf *v, struct port_counter *to, unsigned n)
{
    const struct igbvf *e = container_of(v, const struct igbvf, vf);
    if (n)
        to[0] = (struct port_counter){ "echoes", load_relaxed(&e->echo.dropped) };
    return n ? 1 : 0;
}

/* Queues and link ------------------------------------------------------------ */

static void place_queue(struct intel_vf *v, unsigned n)
{
    v->rx[n].block = v->device.regs + IGBVF_RX_BLOCK(n);
    v->tx[n].block = v->device.regs + IGBVF_TX_BLOCK(n);
}

static void write_vectors(const struct intel_vf *v)
{
    intel_write(&v->device, IGBVF_VTIVAR, IGB_IVAR_VALID);
}

static void link_of(const struct intel_vf *v, struct port_link *link)
{
    uint32_t status = intel_read(&v->device, INTEL_STATUS);
    *link = intel_link_of(status == UINT32_MAX ? 0 : status); /* all ones: gone */
}

/* The chip's: unread: 82576 DS 8.10, 8.12; frames: 9.5 KiB, 1.3. */
static const struct port_limits limits = INTEL_PORT_LIMITS(1);

static const struct intel_vf_family family = {
    .driver = "igbvf",
    .format = &adv_format_igb,
    .limits = &limits,
    .bar = IGBVF_BAR,
    .bar_size = IGBVF_BAR_SIZE,
    .mailbox = MBX_V2P,
    .memory = MBX_VF_MEMORY(0),
    .vectors = 1,
    .vteims = IGBVF_VTEIMS,
    .vteimc = IGBVF_VTEIMC,
    .vteiac = IGBVF_VTEIAC,
    .counters = counters,
    .place_queue = place_queue,
    .write_vectors = write_vectors,
    .link = link_of,
    .collect = collect,
    .rows = rows,
};

/* Probe ------------------------------------------------------------------- */

/* The tag of what came through the switch has its bytes swapped (as Intel's drivers know). */
#define QUIRK_SWAPS_TAGS 1u

static int igbvf_probe(struct pci_function *f, const struct pci_id *id)
{
    struct intel_vf *v =
        intel_vf_create(sizeof(struct igbvf), f, &family, &igbvf_client_ops, &vf_family_igb);
    if (!v)
        return -ENOMEM;
    v->rx[0].swaps = id->quirks & QUIRK_SWAPS_TAGS;
    if (id->quirks & IGB_QUIRK_ECHOES)
        v->rx[0].echo = v->tx[0].echo = &container_of(v, struct igbvf, vf)->echo;
    return intel_vf_register(v);
}

/* unread: 82576 DS and I350 DS, device IDs of virtual functions; the second of each is shown by
 * Hyper-V. */
static const struct pci_id igbvf_ids[] = {
    PCI_ID_SUBSYSTEM(0x8086, 0x10ca, IGB_SUBSYSTEM_QEMU, IGB_QUIRK_ECHOES),
    PCI_ID(0x8086, 0x10ca, 0), /* 82576 */
    PCI_ID(0x8086, 0x152d, 0),
    PCI_ID(0x8086, 0x1520, QUIRK_SWAPS_TAGS), /* I350 */
    PCI_ID(0x8086, 0x152f, QUIRK_SWAPS_TAGS),
    { 0 },
};

PCI_DRIVER(igbvf_driver) = {
    .name = "igbvf", .ids = igbvf_ids, .probe = igbvf_probe, .remove = intel_vf_remove
};
