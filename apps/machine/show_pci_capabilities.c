/* show_pci_capabilities.c - both capability lists of a function, decoded.
 *
 * Sources: PCI Local Bus 3.0 6.8 and appendix H, Power Management 1.2 3.2, PCI
 * Express Base 5.0 7.5 to 7.9, 9.3 and 10.5, virtio 1.2 4.1.4; IDs that are
 * only named: PCI Code and ID Assignment 1.11.  unread in this file: all but virtio. */
#include "apps/machine/show_pci.h"

#include "kernel/time.h"
#include "pci/aer.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"

#include <inttypes.h>

/* What a device read as all ones says about itself is printed as it stands. */
struct decoder {
    uint16_t id;
    const char *name;
    void (*show)(struct out *out, const struct pci_function *f, uint16_t at); /* or NULL */
};

/* The standard list ---------------------------------------------------------------- */

static void show_power(struct out *out, const struct pci_function *f, uint16_t at)
{
    uint16_t capabilities = pci_read16(f, at + PCI_POWER_CAPABILITIES);
    uint16_t control = pci_read16(f, at + PCI_POWER_CONTROL);
    out_printf(out, ": version %u, in D%u%s%s%s%s%s", FIELD_GET(PCI_POWER_VERSION, capabilities),
               FIELD_GET(PCI_POWER_STATE, control), capabilities & PCI_POWER_D1 ? ", D1" : "",
               capabilities & PCI_POWER_D2 ? ", D2" : "",
               capabilities & PCI_POWER_PME ? ", PME" : "",
               control & PCI_POWER_PME_ENABLE ? " on" : "",
               control & PCI_POWER_NO_SOFT_RESET ? ", no soft reset" : "");
}

static void show_msi(struct out *out, const struct pci_function *f, uint16_t at)
{
    uint16_t control = pci_read16(f, at + PCI_MSI_CONTROL);
    out_printf(out, ": %s, %u of %u vectors%s%s", control & PCI_MSI_ENABLE ? "on" : "off",
               1u << FIELD_GET(PCI_MSI_ENABLED, control), 1u << FIELD_GET(PCI_MSI_CAPABLE, control),
               control & PCI_MSI_64 ? ", 64-bit" : "",
               control & PCI_MSI_MASKABLE ? ", maskable" : "");
}

static void show_msix(struct out *out, const struct pci_function *f, uint16_t at)
{
    uint16_t control = pci_read16(f, at + PCI_MSIX_CONTROL);
    uint32_t table = pci_read32(f, at + PCI_MSIX_TABLE), pending = pci_read32(f, at + PCI_MSIX_PBA);
    out_printf(out, ": %s%s, %u vectors, table BAR %u+%" PRIx32 ", pending BAR %u+%" PRIx32,
               control & PCI_MSIX_ENABLE ? "on" : "off", control & PCI_MSIX_MASK ? ", masked" : "",
               FIELD_GET(PCI_MSIX_SIZE, control) + 1, FIELD_GET(PCI_MSIX_BIR, table),
               table & PCI_MSIX_OFFSET, FIELD_GET(PCI_MSIX_BIR, pending),
               pending & PCI_MSIX_OFFSET);
}

/* virtio is the only vendor whose structures we know (virtio 1.2 4.1.4). */
static void show_vendor(struct out *out, const struct pci_function *f, uint16_t at)
{
    static const char *const types[] = {
        [1] = "common",     [2] = "notify",        [3] = "ISR",   [4] = "device",
        [5] = "PCI access", [8] = "shared memory", [9] = "vendor"
    };
    uint8_t type = pci_read8(f, at + PCI_VIRTIO_TYPE);
    out_printf(out, ": %u bytes", pci_read8(f, at + PCI_VIRTIO_LENGTH));
    if (f->vendor != PCI_VENDOR_VIRTIO)
        return;
    const char *name = type < ARRAY_SIZE(types) && types[type] ? types[type] : "unknown";
    out_printf(out, ", virtio %s (type %u), BAR %u+%" PRIx32 ", size %" PRIx32, name, type,
               pci_read8(f, at + PCI_VIRTIO_BAR), pci_read32(f, at + PCI_VIRTIO_OFFSET),
               pci_read32(f, at + PCI_VIRTIO_SIZE));
}

static void show_subsystem(struct out *out, const struct pci_function *f, uint16_t at)
{
    out_printf(out, ": %04x:%04x", pci_read16(f, at + PCI_SUBSYSTEM_CAP_VENDOR),
               pci_read16(f, at + PCI_SUBSYSTEM_CAP_ID));
}

/* PCI Express --------------------------------------------------------------------- */

static const char *express_type(uint16_t capabilities)
{
    static const char *const types[] = {
        [PCI_EXPRESS_ENDPOINT] = "endpoint",
        [PCI_EXPRESS_LEGACY_ENDPOINT] = "legacy endpoint",
        [PCI_EXPRESS_ROOT_PORT] = "root port",
        [PCI_EXPRESS_UPSTREAM_PORT] = "switch upstream port",
        [PCI_EXPRESS_DOWNSTREAM_PORT] = "switch downstream port",
        [PCI_EXPRESS_TO_PCI_BRIDGE] = "bridge to PCI",
        [PCI_EXPRESS_FROM_PCI_BRIDGE] = "bridge from PCI",
        [PCI_EXPRESS_ROOT_ENDPOINT] = "root complex endpoint",
        [PCI_EXPRESS_EVENT_COLLECTOR] = "event collector",
    };
    unsigned type = FIELD_GET(PCI_EXPRESS_TYPE, capabilities);
    return type < ARRAY_SIZE(types) && types[type] ? types[type] : "unknown type";
}

/* The encoding is an index into the supported speeds, and those have been the same
 * row ever since (PCIe 7.5.3.18). */
static const char *link_speed(unsigned code)
{
    static const char *const speeds[] = { "?",       "2.5 GT/s", "5 GT/s", "8 GT/s",
                                          "16 GT/s", "32 GT/s",  "64 GT/s" };
    return speeds[code < ARRAY_SIZE(speeds) ? code : 0];
}

static void show_link(struct out *out, const struct pci_function *f, uint16_t at)
{
    uint32_t can = pci_read32(f, at + PCI_EXPRESS_LINK_CAP);
    uint16_t now = pci_read16(f, at + PCI_EXPRESS_LINK_STA);
    out_printf(
        out, "\n       link %s x%u, at most %s x%u, port %u%s%s",
        link_speed(FIELD_GET(PCI_EXPRESS_LINK_SPEED, now)), FIELD_GET(PCI_EXPRESS_LINK_WIDTH, now),
        link_speed(FIELD_GET(PCI_EXPRESS_LINK_CAP_SPEED, can)),
        FIELD_GET(PCI_EXPRESS_LINK_CAP_WIDTH, can), FIELD_GET(PCI_EXPRESS_LINK_CAP_PORT, can),
        now & PCI_EXPRESS_LINK_ACTIVE ? ", active" : "",
        now & PCI_EXPRESS_LINK_TRAINING ? ", training" : "");
}

static void show_slot(struct out *out, const struct pci_function *f, uint16_t at)
{
    uint32_t can = pci_read32(f, at + PCI_EXPRESS_SLOT_CAP);
    uint16_t now = pci_read16(f, at + PCI_EXPRESS_SLOT_STA);
    out_printf(out, "\n       slot %u%s, %s", FIELD_GET(PCI_EXPRESS_SLOT_NUMBER, can),
               can & PCI_EXPRESS_SLOT_HOTPLUG ? ", hot-plug" : "",
               now & PCI_EXPRESS_SLOT_PRESENT ? "occupied" : "empty");
}

static const struct bit_name express_errors[] = {
    { PCI_EXPRESS_CORRECTABLE, "correctable-error" },
    { PCI_EXPRESS_NON_FATAL, "non-fatal-error" },
    { PCI_EXPRESS_FATAL, "fatal-error" },
    { PCI_EXPRESS_UNSUPPORTED, "unsupported-request" },
    { PCI_EXPRESS_PENDING, "transactions-pending" },
};

/* Root complex endpoints and event collectors have no link (PCIe 7.5.3.1). */
static void show_express(struct out *out, const struct pci_function *f, uint16_t at)
{
    uint16_t capabilities = pci_read16(f, at + PCI_EXPRESS_CAPABILITIES);
    uint32_t can = pci_read32(f, at + PCI_EXPRESS_DEVICE_CAP);
    uint16_t control = pci_read16(f, at + PCI_EXPRESS_DEVICE_CTL);
    unsigned type = FIELD_GET(PCI_EXPRESS_TYPE, capabilities);

    out_printf(out, ": %s, version %u, payload %u of %u, read request %u%s%s%s%s",
               express_type(capabilities), FIELD_GET(PCI_EXPRESS_VERSION, capabilities),
               128u << FIELD_GET(PCI_EXPRESS_PAYLOAD, control),
               128u << FIELD_GET(PCI_EXPRESS_PAYLOAD_MAX, can),
               128u << FIELD_GET(PCI_EXPRESS_READ_REQUEST, control),
               can & PCI_EXPRESS_FLR ? ", FLR" : "",
               can & PCI_EXPRESS_EXTENDED_TAG ? ", extended tags" : "",
               control & PCI_EXPRESS_RELAXED_ORDER ? ", relaxed ordering" : "",
               control & PCI_EXPRESS_NO_SNOOP ? ", no snoop" : "");
    out_text(out, "\n       device status");
    show_bits(out, pci_read16(f, at + PCI_EXPRESS_DEVICE_STA), express_errors,
              ARRAY_SIZE(express_errors));
    if (type != PCI_EXPRESS_ROOT_ENDPOINT && type != PCI_EXPRESS_EVENT_COLLECTOR)
        show_link(out, f, at);
    if (capabilities & PCI_EXPRESS_SLOT)
        show_slot(out, f, at);
    if (FIELD_GET(PCI_EXPRESS_VERSION, capabilities) >= 2 &&
        pci_read32(f, at + PCI_EXPRESS_DEVICE_CAP2) & PCI_EXPRESS_ARI_CAPABLE)
        out_printf(out, "\n       ARI forwarding %s",
                   pci_read16(f, at + PCI_EXPRESS_DEVICE_CTL2) & PCI_EXPRESS_ARI_FORWARDING
                       ? "on"
                       : "off");
}

/* The extended list ---------------------------------------------------------------- */

static void show_errors(struct out *out, uint32_t status, bool correctable)
{
    if (!status)
        out_text(out, " none");
    for (unsigned bit = 0; bit < PCI_AER_BITS; bit++)
        if (status >> bit & 1)
            out_printf(out, " %s", pci_aer_name(correctable, bit));
}

/* ": malformed 1, bad-TLP 3" */
static void show_counts(struct out *out, const struct pci_aer *a)
{
    const char *between = ":";
    for (unsigned i = 0; i < 2 * PCI_AER_BITS; i++) {
        bool correctable = i >= PCI_AER_BITS;
        unsigned bit = i % PCI_AER_BITS;
        uint32_t n = correctable ? a->correctable[bit] : a->uncorrectable[bit];
        if (!n)
            continue;
        out_printf(out, "%s %s %" PRIu32, between, pci_aer_name(correctable, bit), n);
        between = ",";
    }
}

/* What is asked once a second is rarely seen in the registers, so counts are shown too. */
static void show_aer(struct out *out, const struct pci_function *f, uint16_t at)
{
    uint32_t errors = pci_read32(f, at + PCI_AER_UNCORRECTABLE);
    out_text(out, ": uncorrectable");
    show_errors(out, errors, false);
    out_text(out, ", correctable");
    show_errors(out, pci_read32(f, at + PCI_AER_CORRECTABLE), true);
    if (errors) {
        out_text(out, "\n       header");
        for (uint16_t i = 0; i < 4; i++)
            out_printf(out, " %08" PRIx32, pci_read32(f, at + PCI_AER_HEADER_LOG + 4 * i));
    }
    if (!f->aer)
        return;
    struct pci_aer a = *f->aer; /* output may yield */
    out_printf(out,
               "\n       so far %" PRIu64 " fatal, %" PRIu64 " non-fatal, %" PRIu64 " corrected",
               a.count[PCI_AER_FATAL], a.count[PCI_AER_NON_FATAL], a.count[PCI_AER_CORRECTED]);
    show_counts(out, &a);
}

static void show_serial(struct out *out, const struct pci_function *f, uint16_t at)
{
    out_printf(out, ": %08" PRIx32 "%08" PRIx32, pci_read32(f, at + PCI_DSN_HIGH),
               pci_read32(f, at + PCI_DSN_LOW));
}

/* PCIe 7.7.8.2 */
static const struct bit_name acs_bits[] = {
    { 0x01, "source-validation" },   { 0x02, "translation-blocking" }, { 0x04, "request-redirect" },
    { 0x08, "completion-redirect" }, { 0x10, "upstream-forwarding" },  { 0x20, "egress-control" },
    { 0x40, "direct-translated" },
};

static void show_acs(struct out *out, const struct pci_function *f, uint16_t at)
{
    out_text(out, ": can");
    show_bits(out, pci_read16(f, at + PCI_ACS_CAPABILITY), acs_bits, ARRAY_SIZE(acs_bits));
    out_text(out, "\n       does");
    show_bits(out, pci_read16(f, at + PCI_ACS_CONTROL), acs_bits, ARRAY_SIZE(acs_bits));
}

static void show_ari(struct out *out, const struct pci_function *f, uint16_t at)
{
    out_printf(out, ": next function %u",
               FIELD_GET(PCI_ARI_NEXT, pci_read16(f, at + PCI_ARI_CAPABILITY)));
}

static void show_ats(struct out *out, const struct pci_function *f, uint16_t at)
{
    uint16_t can = pci_read16(f, at + PCI_ATS_CAPABILITY);
    unsigned depth = FIELD_GET(PCI_ATS_QUEUE_DEPTH, can);
    out_printf(out, ": %s, queue of %u%s",
               pci_read16(f, at + PCI_ATS_CONTROL) & PCI_ATS_ENABLE ? "on" : "off",
               depth ? depth : PCI_ATS_QUEUE_DEPTH + 1,
               can & PCI_ATS_PAGE_ALIGNED ? ", page-aligned" : "");
}

static void show_sriov(struct out *out, const struct pci_function *f, uint16_t at)
{
    if (f->sriov && time_us() < f->sriov->settled_us) {
        out_text(out, ": off, its registers cannot be read within a second of that");
        return;
    }
    uint16_t control = pci_read16(f, at + PCI_SRIOV_CONTROL);
    out_printf(out, ": %s, %u of %u VFs (initially %u)%s%s",
               control & PCI_SRIOV_VF_ENABLE ? "on" : "off", pci_read16(f, at + PCI_SRIOV_NUM_VFS),
               pci_read16(f, at + PCI_SRIOV_TOTAL_VFS), pci_read16(f, at + PCI_SRIOV_INITIAL_VFS),
               control & PCI_SRIOV_VF_MEMORY ? ", memory" : "",
               control & PCI_SRIOV_ARI ? ", ARI hierarchy" : "");
    out_printf(out,
               "\n       first VF offset %u, stride %u, device %04x, page sizes %08" PRIx32
               ", in use %08" PRIx32,
               pci_read16(f, at + PCI_SRIOV_VF_OFFSET), pci_read16(f, at + PCI_SRIOV_VF_STRIDE),
               pci_read16(f, at + PCI_SRIOV_VF_DEVICE_ID), pci_read32(f, at + PCI_SRIOV_PAGE_SIZES),
               pci_read32(f, at + PCI_SRIOV_PAGE_SIZE));
}

/* Both lists ----------------------------------------------------------------------- */

static const struct decoder standard[] = {
    { PCI_CAP_POWER, "power management", show_power },
    { 0x02, "AGP", NULL },
    { 0x03, "vital product data", NULL },
    { 0x04, "slot identification", NULL },
    { PCI_CAP_MSI, "MSI", show_msi },
    { 0x06, "CompactPCI hot swap", NULL },
    { 0x07, "PCI-X", NULL },
    { 0x08, "HyperTransport", NULL },
    { PCI_CAP_VENDOR, "vendor-specific", show_vendor },
    { 0x0a, "debug port", NULL },
    { 0x0c, "hot-plug", NULL },
    { PCI_CAP_SUBSYSTEM, "subsystem", show_subsystem },
    { 0x0e, "AGP 8x", NULL },
    { 0x0f, "secure device", NULL },
    { PCI_CAP_EXPRESS, "PCI Express", show_express },
    { PCI_CAP_MSIX, "MSI-X", show_msix },
    { 0x12, "SATA", NULL },
    { 0x13, "advanced features", NULL },
    { 0x14, "enhanced allocation", NULL },
};

static const struct decoder extended[] = {
    { PCI_EXT_AER, "advanced error reporting", show_aer },
    { 0x02, "virtual channel", NULL },
    { PCI_EXT_DSN, "device serial number", show_serial },
    { 0x04, "power budgeting", NULL },
    { 0x0b, "vendor-specific", NULL },
    { PCI_EXT_ACS, "access control services", show_acs },
    { PCI_EXT_ARI, "alternative routing ID", show_ari },
    { PCI_EXT_ATS, "address translation services", show_ats },
    { PCI_EXT_SRIOV, "SR-IOV", show_sriov },
    { 0x12, "multicast", NULL },
    { 0x13, "page request", NULL },
    { 0x15, "resizable BAR", NULL },
    { 0x16, "dynamic power allocation", NULL },
    { 0x17, "TPH requester", NULL },
    { 0x18, "latency tolerance reporting", NULL },
    { 0x19, "secondary PCI Express", NULL },
    { 0x1b, "PASID", NULL },
    { 0x1d, "downstream port containment", NULL },
    { 0x1e, "L1 PM substates", NULL },
    { 0x1f, "precision time measurement", NULL },
    { 0x23, "designated vendor-specific", NULL },
    { 0x24, "VF resizable BAR", NULL },
    { 0x25, "data link feature", NULL },
    { 0x26, "physical layer 16 GT/s", NULL },
    { 0x27, "lane margining", NULL },
};

static void show_list(struct out *out, struct pci_walk *w, const struct decoder *decoders,
                      unsigned n)
{
    while (pci_walk_next(w)) {
        const struct decoder *d = decoders;
        while (d < decoders + n && d->id != w->id)
            d++;
        if (d == decoders + n) {
            out_printf(out, "  [%02x] capability %02x\n", w->offset, w->id);
            continue;
        }
        out_printf(out, "  [%02x] %s", w->offset, d->name);
        if (d->show)
            d->show(out, w->f, w->offset);
        out_text(out, "\n");
    }
}

void show_pci_capabilities(struct out *out, const struct pci_function *f)
{
    struct pci_walk w = { .f = f };
    show_list(out, &w, standard, ARRAY_SIZE(standard));
    struct pci_walk x = { .f = f, .extended = true };
    show_list(out, &x, extended, ARRAY_SIZE(extended));
}
