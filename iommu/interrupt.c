/* interrupt.c - which device may interrupt which CPU: the unit's interrupt remapping table (vtd.h).
 *
 * An entry is one device's; what any other asks for by it is refused, as is every request that
 * names none.  Source: VT-d rev. 5.10. */
#include "iommu/vtd.h"

#include "kernel/compiler.h"
#include "kernel/cpus.h"

#include <errno.h>

#define APIC_ID_8_MAX 254u

static uint64_t *entry_of(const struct vtd_unit *u, uint16_t index)
{
    return u->interrupts + 2 * (size_t)index;
}

/* 0 is given to nobody. */
uint16_t vtd_free_interrupt(const struct vtd_unit *u)
{
    for (uint16_t i = 1; i < VTD_INTERRUPTS; i++)
        if (!(*entry_of(u, i) & VTD_PRESENT))
            return i;
    return 0;
}

/* Absent while it changes: the unit reads it in one piece, we write it in two. */
static int write_entry(struct vtd_unit *u, uint16_t index, uint64_t low, uint64_t high)
{
    uint64_t *entry = entry_of(u, index);
    store_relaxed(&entry[0], 0);
    dma_wmb();
    store_relaxed(&entry[1], high);
    dma_wmb();
    store_relaxed(&entry[0], low);
    vtd_write_back(u, entry, 2 * sizeof *entry);
    return vtd_flush_interrupts(u);
}

int vtd_set_interrupt(struct vtd_unit *u, uint16_t index, uint16_t requester,
                      const struct cpu_message *cpu)
{
    bool wide = u->ecap & VTD_ECAP_EIM;
    uint64_t id = cpu->apic_id;
    if (!wide && id > APIC_ID_8_MAX)
        return -ENOTSUP;
    uint64_t destination =
        wide ? FIELD_PUT(VTD_IRTE_DESTINATION, id) : FIELD_PUT(VTD_IRTE_DESTINATION_8, id);
    return write_entry(
        u, index, VTD_PRESENT | destination | FIELD_PUT(VTD_IRTE_VECTOR, (uint64_t)cpu->vector),
        VTD_IRTE_VERIFY_ALL | FIELD_PUT(VTD_IRTE_SOURCE, (uint64_t)requester));
}

void vtd_clear_interrupt(struct vtd_unit *u, uint16_t index)
{
    write_entry(u, index, 0, 0);
}

unsigned vtd_count_interrupts(const struct vtd_unit *u)
{
    unsigned count = 0;
    for (uint16_t i = 1; i < VTD_INTERRUPTS; i++)
        count += *entry_of(u, i) & VTD_PRESENT;
    return count;
}
