/* virtio_pci.c - virtio functions on PCI: which transport, which device.
 * virtio 1.2 4.1.2 (discovery), 4.1.5.1.1 (layout detection). */
#include "virtio/virtio_pci.h"

#include "kernel/log.h"
#include "virtio/virtio_console.h"
#include "virtio/virtio_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The ID says that the legacy interface may be there as well (4.1.2.1), and what it is. */
#define TRANSITIONAL 1u
#define CONSOLE 2u

bool virtio_pci_set_dma(struct virtio_device *dev, bool on)
{
    pci_bus_master(container_of(dev, struct virtio_pci_device, dev)->function, on);
    return true;
}

/* Modern where the function has it and offers VERSION_1, else legacy where the
 * ID allows it (2.2.3, 4.1.5.1.1.1).  NULL, or why the function is unusable. */
static const char *attach(struct virtio_pci_device *v, bool transitional)
{
    int e = virtio_pci_modern_attach(v);
    if (e == -EIO)
        return "registers cannot be reached";
    if (!e) {
        if (virtio_begin(&v->dev))
            return "reset does not complete";
        if (v->dev.transport->get_features(&v->dev) & VIRTIO_BIT(VIRTIO_F_VERSION_1))
            return NULL;
        virtio_set_failed(&v->dev);
        log_info("%s: VERSION_1 not offered: a legacy device", v->dev.name);
    }
    if (!transitional)
        return "neither modern nor transitional";
    return virtio_pci_legacy_attach(v) ? "no legacy interface in BAR 0" : NULL;
}

static int virtio_pci_probe(struct pci_function *f, const struct pci_id *id)
{
    char bdf[PCI_BDF_LEN];
    struct virtio_pci_device *v = calloc(1, sizeof *v);
    if (!v)
        return -ENOMEM;
    pci_bdf_format(f->bdf, bdf);
    snprintf(v->dev.name, sizeof v->dev.name, "virtio %s", bdf);
    v->function = f;
    v->dev.dma = &f->dma;

    const char *trouble = "does not answer";
    if (!pci_enable(f)) /* MSI-X off: with it on, the legacy registers lie elsewhere (4.1.4.10) */
        trouble = attach(v, id->quirks & TRANSITIONAL);
    if (trouble)
        log_error("%s: %s", v->dev.name, trouble);
    if (id->quirks & CONSOLE) {
        int unused = virtio_console_create(&v->dev, trouble);
        if (unused)
            free(v);
        return unused;
    }
    struct port *port;
    int e = virtio_net_create(&v->dev, f, trouble, &port);
    if (!port) {
        free(v);
        return e;
    }
    f->driver_data = port;
    return e;
}

/* A console stays: nothing takes a terminal away. */
static void virtio_pci_remove(struct pci_function *f)
{
    if (!f->driver_data)
        return;
    struct virtio_device *dev = virtio_net_destroy(f->driver_data);
    free(container_of(dev, struct virtio_pci_device, dev));
    f->driver_data = NULL;
}

static const struct pci_id virtio_pci_ids[] = {
    PCI_ID(0x1af4, 0x1000, TRANSITIONAL),           /* network card, transitional */
    PCI_ID(0x1af4, 0x1040 + VIRTIO_ID_NET, 0),      /* network card */
    PCI_ID(0x1af4, 0x1003, TRANSITIONAL | CONSOLE), /* console, transitional */
    PCI_ID(0x1af4, 0x1040 + VIRTIO_ID_CONSOLE, CONSOLE),
    { 0 },
};

PCI_DRIVER(virtio_pci_driver) = {
    .name = "virtio",
    .ids = virtio_pci_ids,
    .probe = virtio_pci_probe,
    .remove = virtio_pci_remove,
};
