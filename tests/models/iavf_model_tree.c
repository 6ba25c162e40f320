/* iavf_model_tree.c - the VF's model in the PCI tree of a test. */
#include "tests/models/iavf_model.h"

void iavf_model_init(struct iavf_model *m, enum iavf_model_kind kind)
{
    pcispace_reset();
    iavf_model_power_on(m, kind == IAVF_BEHIND_ICE ? 0x1889 : 0x154c, &iavf_played_behind, NULL);
    iavf_model_play(m, kind);
    pcispace_add(&m->device, NULL, 5, 0);
    pci_scan();
    int bus = pcispace_bus(&m->device);
    m->function = bus < 0 ? NULL : pci_find(PCI_BDF(0, bus, m->device.devfn >> 3, 0));
}
