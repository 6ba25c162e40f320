/* ixgbe_model_irq.c - interrupts of the ixgbe model: EICR and its kin, IVAR, and the VFs' own.
 *
 * With MSI-X a queue's cause is its vector: bit v of EIMS_EX, whose lower 16 bits are EIMS' too.
 * Everything else goes to the vector in IVAR_MISC under EIMS' upper bits.  Without MSI-X IVAR names
 * a bit of EICR and all go to one message or to the pin.  Moderation (EITR) is not modelled: a
 * cause that is not masked fires at once.  Witnesses: Linux ixgbe and DPDK agree; unread: 82599
 * DS 7.3. */
#include "tests/models/ixgbe_model_internal.h"

#include <string.h>

#define MISC_BITS 0x7fff0000u

static bool is_msix(const struct ixgbe_model *m)
{
    return ixgbe_get(m, R_GPIE) & GPIE_MSIX;
}

/* Unmasked causes of the single message or pin. */
static uint32_t pending(const struct ixgbe_model *m)
{
    return ixgbe_get(m, R_EICR) & ixgbe_get(m, R_EIMS);
}

static void fire_vectors(struct ixgbe_model *m)
{
    uint64_t auto_mask = (uint64_t)ixgbe_get(m, R_EIAM_EX(1)) << 32 | ixgbe_get(m, R_EIAM_EX(0));
    uint32_t auto_clear = ixgbe_get(m, R_EIAC);
    for (unsigned v = 0; v < IXGBE_MODEL_VECTORS; v++) {
        uint64_t bit = 1ull << v;
        if (!(m->vector_cause & m->vector_mask & bit))
            continue;
        if (v >= 16 || (auto_clear >> v & 1))
            m->vector_cause &= ~bit;
        if ((ixgbe_get(m, R_GPIE) & GPIE_EIAME) && (auto_mask & bit))
            m->vector_mask &= ~bit;
        pcispace_interrupt(&m->device, v);
    }
}

static void fire_misc(struct ixgbe_model *m)
{
    uint32_t route = ixgbe_get(m, R_IVAR_MISC) >> 8 & 0xff;
    uint32_t now = pending(m) & MISC_BITS;
    if (!now || !(route & IVAR_VALID))
        return;
    *ixgbe_at(m, R_EICR) &= ~(ixgbe_get(m, R_EIAC) & now);
    pcispace_interrupt(&m->device, route & IVAR_VECTOR);
}

static void fire_one(struct ixgbe_model *m)
{
    if (pending(m))
        pcispace_interrupt(&m->device, 0);
    pcispace_pin(&m->device, pending(m) != 0);
}

void ixgbe_model_irq_reset(struct ixgbe_model *m)
{
    m->vector_cause = m->vector_mask = 0;
    pcispace_pin(&m->device, false);
}

void ixgbe_model_irq_cause(struct ixgbe_model *m, uint32_t misc)
{
    uint32_t fresh = misc & ~ixgbe_get(m, R_EICR);
    *ixgbe_at(m, R_EICR) |= misc;
    if (m->lone)
        return;
    if (!is_msix(m))
        fire_one(m);
    else if (fresh)
        fire_misc(m);
}

/* VFs: three bits, each its vector. */
static void fire_vf(struct ixgbe_model_vf *vf)
{
    for (unsigned v = 0; v < 3; v++) {
        uint32_t bit = 1u << v;
        if (!(vf->cause & vf->mask & bit))
            continue;
        if (vf->auto_clear & bit)
            vf->cause &= ~bit;
        if (vf->auto_mask & bit)
            vf->mask &= ~bit;
        pcispace_interrupt(&vf->device, v);
    }
}

void ixgbe_model_irq_vf(struct ixgbe_model *m, unsigned vf, unsigned cause)
{
    m->vf[vf].cause |= 1u << cause;
    fire_vf(&m->vf[vf]);
}

static void queue_of_vf(struct ixgbe_model *m, struct ixgbe_model_vf *vf, bool rx, unsigned n)
{
    uint32_t route = vf->ivar[n / 2 % 4] >> (16 * (n % 2) + (rx ? 0 : 8)) & 0xff;
    if (route & IVAR_VALID)
        ixgbe_model_irq_vf(m, vf->index, route & 3);
}

void ixgbe_model_irq_queue(struct ixgbe_model *m, bool rx, unsigned queue)
{
    struct ixgbe_model_vf *vf = ixgbe_model_owner(m, queue);
    if (vf) {
        queue_of_vf(m, vf, rx, queue % ixgbe_model_queues_per_pool(m));
        return;
    }
    uint32_t route = ixgbe_get(m, R_IVAR(queue / 2)) >> (16 * (queue % 2) + (rx ? 0 : 8)) & 0xff;
    if (!(route & IVAR_VALID))
        return;
    if (!is_msix(m)) {
        ixgbe_model_irq_cause(m, 1u << (route & 0xf));
        return;
    }
    m->vector_cause |= 1ull << (route & IVAR_VECTOR);
    fire_vectors(m);
}

/* Registers -------------------------------------------------------------------------- */

static void set_mask(struct ixgbe_model *m, uint64_t vectors, uint32_t misc)
{
    m->vector_mask = vectors;
    *ixgbe_at(m, R_EIMS) = (misc & MISC_BITS) | (uint32_t)(vectors & PF_VECTOR_BITS);
    if (is_msix(m)) {
        fire_vectors(m);
        fire_misc(m);
    } else {
        fire_one(m);
    }
}

static void write_causes(struct ixgbe_model *m, uint32_t value)
{
    *ixgbe_at(m, R_EICR) |= value & (is_msix(m) ? MISC_BITS : ~0u);
    m->vector_cause |= value & PF_VECTOR_BITS;
    if (!is_msix(m)) {
        fire_one(m);
        return;
    }
    fire_vectors(m);
    if (value & MISC_BITS)
        fire_misc(m);
}

static bool write_extended(struct ixgbe_model *m, uint32_t reg, uint32_t value)
{
    uint64_t bits = (uint64_t)value << (reg % 8 ? 32 : 0);
    uint32_t misc = ixgbe_get(m, R_EIMS);
    if (reg == R_EIMS_EX(0) || reg == R_EIMS_EX(1))
        set_mask(m, m->vector_mask | bits, misc);
    else if (reg == R_EIMC_EX(0) || reg == R_EIMC_EX(1))
        set_mask(m, m->vector_mask & ~bits, misc);
    else if (reg == R_EICS_EX(0) || reg == R_EICS_EX(1)) {
        m->vector_cause |= bits;
        fire_vectors(m);
    } else
        return false;
    return true;
}

bool ixgbe_model_irq_write(struct ixgbe_model *m, uint32_t reg, uint32_t value)
{
    uint32_t misc = ixgbe_get(m, R_EIMS);
    switch (reg) {
    case R_EICR:
        *ixgbe_at(m, R_EICR) &= ~value;
        m->vector_cause &= ~(uint64_t)(value & PF_VECTOR_BITS);
        pcispace_pin(&m->device, !is_msix(m) && pending(m));
        return true;
    case R_EICS:
        write_causes(m, value);
        return true;
    case R_EIMS:
        set_mask(m, m->vector_mask | (value & PF_VECTOR_BITS), misc | value);
        return true;
    case R_EIMC:
        set_mask(m, m->vector_mask & ~(uint64_t)(value & PF_VECTOR_BITS), misc & ~value);
        return true;
    }
    return reg >= R_EICS_EX(0) && write_extended(m, reg, value);
}

/* Reading EICR clears it (all but the queues' bits with OCD) and, without MSI-X, masks what EIAM
 * says. */
static uint32_t read_eicr(struct ixgbe_model *m)
{
    uint32_t value = ixgbe_get(m, R_EICR) | (uint32_t)(m->vector_cause & PF_VECTOR_BITS);
    uint32_t gone = ixgbe_get(m, R_GPIE) & GPIE_OCD ? value & 0x3fff0000u : value;
    *ixgbe_at(m, R_EICR) &= ~gone;
    m->vector_cause &= ~(uint64_t)(gone & PF_VECTOR_BITS);
    if (!is_msix(m)) {
        *ixgbe_at(m, R_EIMS) &= ~(value & ixgbe_get(m, R_EIAM));
        m->vector_mask &= ~(uint64_t)(value & ixgbe_get(m, R_EIAM) & PF_VECTOR_BITS);
        pcispace_pin(&m->device, pending(m) != 0);
    }
    return value;
}

bool ixgbe_model_irq_read(struct ixgbe_model *m, uint32_t reg, uint32_t *value)
{
    if (reg == R_EICR)
        *value = read_eicr(m);
    else if (reg == R_EICS)
        *value = ixgbe_get(m, R_EICR) | (uint32_t)(m->vector_cause & PF_VECTOR_BITS);
    else if (reg == R_EIMS_EX(0) || reg == R_EIMS_EX(1))
        *value = (uint32_t)(m->vector_mask >> (reg % 8 ? 32 : 0));
    else
        return false;
    return true;
}

/* Of a VF: VTEICR 100h, VTEICS 104h, VTEIMS 108h, VTEIMC 10ch, VTEIAC 110h, VTEIAM 114h, VTIVAR
 * 120h to 12ch, VTIVAR_MISC 140h, VTEITR 820h to 828h. */
#define V_BITS 0x7u

bool ixgbe_model_irq_vf_write(struct ixgbe_model *m, unsigned n, uint32_t reg, uint32_t value)
{
    struct ixgbe_model_vf *vf = &m->vf[n];
    switch (reg) {
    case 0x100:
        vf->cause &= ~value;
        return true;
    case 0x104:
        vf->cause |= value & V_BITS;
        break;
    case 0x108:
        vf->mask |= value & V_BITS;
        break;
    case 0x10c:
        vf->mask &= ~value;
        return true;
    case 0x110:
        vf->auto_clear = value & V_BITS;
        return true;
    case 0x114:
        vf->auto_mask = value & V_BITS;
        return true;
    case 0x140:
        vf->ivar_misc = value;
        return true;
    default:
        if (reg >= 0x120 && reg < 0x130)
            vf->ivar[(reg - 0x120) / 4] = value;
        else if (reg >= 0x820 && reg < 0x82c)
            vf->itr[(reg - 0x820) / 4] = value;
        else
            return reg >= 0x180 && reg < 0x18c; /* VTRSCINT */
        return true;
    }
    fire_vf(vf);
    return true;
}

bool ixgbe_model_irq_vf_read(struct ixgbe_model *m, unsigned n, uint32_t reg, uint32_t *value)
{
    struct ixgbe_model_vf *vf = &m->vf[n];
    if (reg == 0x100) {
        *value = vf->cause;
        vf->cause = 0;
    } else if (reg == 0x104)
        *value = vf->cause;
    else if (reg == 0x108)
        *value = vf->mask;
    else if (reg == 0x110)
        *value = vf->auto_clear;
    else if (reg == 0x114)
        *value = vf->auto_mask;
    else if (reg >= 0x120 && reg < 0x130)
        *value = vf->ivar[(reg - 0x120) / 4];
    else if (reg == 0x140)
        *value = vf->ivar_misc;
    else if (reg >= 0x820 && reg < 0x82c)
        *value = vf->itr[(reg - 0x820) / 4];
    else
        return false;
    return true;
}
