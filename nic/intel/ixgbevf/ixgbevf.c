/* ixgbevf.c - a virtual function of Intel's 82599 or X540 as a port.
 *
 * Documents: named in ixgbevf_regs.h; the mailbox and its messages: intel_mbx.h.
 *
 * What all VFs do alike is intel_vf.c's, what is asked for beyond all VFs' settings is in
 * ixgbevf_settings.c.
 *
 * Up to four queues each way, as far as the PF grants them.  Frames are spread by the PF's hash key
 * and table, which its VFs share with it: here nothing is to be set.  Not supported: further
 * unicast addresses, offloads beyond intel_advanced.c's. */
#include "nic/intel/ixgbevf/ixgbevf.h"

#include "nic/intel/intel_port.h"
#include "nic/intel/intel_vf.h"

#include <errno.h>

#define QUEUES_MAX INTEL_VF_QUEUES_MAX /* that a PF with VFs grants; registers: IXGBEVF_QUEUES */

/* The function and its PF ---------------------------------------------------- */

static void ixgbevf_reset(void *owner)
{
    struct intel_vf *v = owner;
    intel_write(&v->device, INTEL_CTRL, INTEL_CTRL_RST);
    intel_flush(&v->device);
    v->dma = false;
}

/* Whether a reset of the PF cleared the counters or not: what they say now is none of ours. */
static void ixgbevf_clean(void *owner)
{
    struct intel_vf *v = owner;
    for (unsigned i = 0; v->family->counters[i].name; i++)
        v->counters[i].last = intel_read(&v->device, v->family->counters[i].offset);
    intel_vf_clean(v);
}

static void hyperv_address(void *owner, uint8_t mac[MAC_LEN])
{
    struct intel_vf *v = owner;
    for (unsigned i = 0; i < MAC_LEN; i++)
        mac[i] = pci_read8(v->device.pci, (uint16_t)(IXGBEVF_HYPERV_MAC + i));
}

/* Reading the address does it. */
static void hyperv_reset(void *owner)
{
    struct intel_vf *v = owner;
    uint8_t mac[MAC_LEN];
    hyperv_address(owner, mac);
    v->dma = false;
}

static const struct vf_client_ops hyperv_client_ops = { .reset = hyperv_reset,
                                                        .clean = ixgbevf_clean,
                                                        .lost = intel_vf_lost,
                                                        .away = intel_vf_away,
                                                        .ready = intel_vf_ready,
                                                        .address = hyperv_address };

static const struct vf_client_ops ixgbevf_client_ops = { .reset = ixgbevf_reset,
                                                         .clean = ixgbevf_clean,
                                                         .lost = intel_vf_lost,
                                                         .away = intel_vf_away,
                                                         .ready = intel_vf_ready };

/* Statistics -------------------------------------------------------------- */

static const struct intel_vf_counter counters[] = {
    { "VFGPRC", IXGBEVF_VFGPRC }, { "VFGPTC", IXGBEVF_VFGPTC }, { "VFGORC", IXGBEVF_VFGORC },
    { "VFGOTC", IXGBEVF_VFGOTC }, { "VFMPRC", IXGBEVF_VFMPRC }, { 0 },
};
_Static_assert(ARRAY_SIZE(counters) <= INTEL_VF_COUNTERS_MAX + 1, "each has its place");

static unsigned rows(const struct intel_vf *v, struct port_counter *to, unsigned n)
{
    static const uint8_t minor[MBX_APIS] = { 0, 0, 1, 2, 3, 4, 5 };
    const struct port_counter ours[] = { { "mailbox API 1.", minor[v->pf.api] },
                                         { "receive queues granted", v->pf.rx_granted },
                                         { "transmit queues granted", v->pf.tx_granted },
                                         { "queues in the PF's RETA", v->pf.spread },
                                         { "PF's RSS key symmetric", v->pf.key_symmetric } };
    unsigned count = 0;
    for (; count < ARRAY_SIZE(ours) && count < n; count++)
        to[count] = ours[count];
    return count;
}

/* Queues and link ------------------------------------------------------------ */

static void place_queue(struct intel_vf *v, unsigned n)
{
    v->rx[n].block = v->device.regs + IXGBEVF_RX_BLOCK(n);
    v->tx[n].block = v->device.regs + IXGBEVF_TX_BLOCK(n);
}

static void write_vectors(const struct intel_vf *v)
{
    uint32_t vtivar[QUEUES_MAX / 2] = { 0 };
    for (unsigned q = 0; q < v->interrupts; q++)
        vtivar[q / 2] |= (q | IXGBE_IVAR_VALID) << 16 * (q % 2);
    for (unsigned i = 0; i < ARRAY_SIZE(vtivar); i++)
        intel_write(&v->device, IXGBEVF_VTIVAR(i), vtivar[i]);
}

/* So many bits of the hash choose a queue of this pool. */
static void write_spread(const struct intel_vf *v, uint16_t queues)
{
    intel_write(&v->device, IXGBEVF_VFPSRTYPE, FIELD_PUT(IXGBE_PSRTYPE_RQPL, (uint32_t)queues / 2));
}

static void link_of(const struct intel_vf *v, struct port_link *link)
{
    static const uint32_t speeds[] = { 0, 100, 1000, 10000 };
    uint32_t links = intel_read(&v->device, IXGBEVF_VFLINKS);
    if (links != UINT32_MAX && links & IXGBE_LINKS_UP) /* all ones: gone */
        *link = (struct port_link){ .up = true,
                                    .full_duplex = true,
                                    .speed_mbps = speeds[FIELD_GET(IXGBE_LINKS_SPEED, links)] };
}

static const struct port_limits limits =
    INTEL_LONG_PORT_LIMITS(QUEUES_MAX, FRAME_LIMIT(IXGBEVF_MTU_MAX));

static const struct intel_vf_family family = {
    .driver = "ixgbevf",
    .format = &adv_format_ixgbe,
    .limits = &limits,
    .bar = IXGBEVF_BAR,
    .bar_size = IXGBEVF_BAR_SIZE,
    .mailbox = MBX_VFMAILBOX,
    .memory = MBX_VFMBMEM,
    .vectors = IXGBEVF_VECTORS,
    .vteims = IXGBEVF_VTEIMS,
    .vteimc = IXGBEVF_VTEIMC,
    .vteiac = IXGBEVF_VTEIAC,
    .due_at_start = 1u << SETTING_RETA | 1u << SETTING_RSS_KEY,
    .counters = counters,
    .place_queue = place_queue,
    .write_vectors = write_vectors,
    .write_spread = write_spread,
    .link = link_of,
    .rows = rows,
};

/* Probe ------------------------------------------------------------------- */

/* Of ID rows: shown by Hyper-V, whose PF is not asked by mailbox. */
#define QUIRK_HYPERV 1u

static int ixgbevf_probe(struct pci_function *f, const struct pci_id *id)
{
    bool hyperv = id->quirks & QUIRK_HYPERV;
    struct intel_vf *v =
        intel_vf_create(sizeof *v, f, &family, hyperv ? &hyperv_client_ops : &ixgbevf_client_ops,
                        hyperv ? &vf_family_hyperv : &vf_family_ixgbe);
    if (!v)
        return -ENOMEM;
    for (unsigned i = 0; i < QUEUES_MAX; i++) {
        v->rx[i].ctl = IXGBE_RXDCTL_VME;
        v->tx[i].check = true;
    }
    return intel_vf_register(v);
}

/* Device IDs: Linux's ixgbevf and DPDK agree. */
static const struct pci_id ixgbevf_ids[] = {
    PCI_ID(0x8086, 0x10ed, 0),            /* 82599 */
    PCI_ID(0x8086, 0x1515, 0),            /* X540 */
    PCI_ID(0x8086, 0x152e, QUIRK_HYPERV), /* 82599 */
    PCI_ID(0x8086, 0x1530, QUIRK_HYPERV), /* X540 */
    { 0 },
};

PCI_DRIVER(ixgbevf_driver) = {
    .name = "ixgbevf", .ids = ixgbevf_ids, .probe = ixgbevf_probe, .remove = intel_vf_remove
};
