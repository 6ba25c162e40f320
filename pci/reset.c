/* reset.c - function level reset (PCIe 6.6.2).
 *
 * Only who asks for it gets one: drivers reset their chips by the chips' own means,
 * and a boot does not wait.  Each wait lets the poll loop run (task.h).
 * unread in this file: PCIe. */
#include "kernel/compiler.h"
#include "kernel/task.h"
#include "pci/pci_internal.h"
#include "pci/sriov.h"

#include <errno.h>

#define PENDING_US (1000 * US_PER_MS) /* longer than usual completion timeouts, 7.5.3.16 */
#define SILENCE_US (100 * US_PER_MS)  /* no access for so long, 6.6.2 */
#define ANSWER_US (1000 * US_PER_MS)  /* and "not ready" is legal for so long, 6.6.1 */
#define NOT_READY 0x0001u             /* vendor ID, 2.3.1.1 */

static uint16_t control_of(const struct pci_function *f, uint16_t id, uint16_t offset)
{
    uint16_t at = pci_find_extended_capability(f, id, 0);
    return at ? at + offset : 0;
}

void pci_controls_save(const struct pci_function *f, struct pci_controls *s)
{
    unsigned version =
        FIELD_GET(PCI_EXPRESS_VERSION, pci_read16(f, f->express + PCI_EXPRESS_CAPABILITIES));
    *s = (struct pci_controls){
        .command = pci_read16(f, PCI_COMMAND),
        .at = { [PCI_SAVED_DEVICE_CTL] = f->express ? f->express + PCI_EXPRESS_DEVICE_CTL : 0,
                [PCI_SAVED_DEVICE_CTL2] =
                    f->express && version >= 2 ? f->express + PCI_EXPRESS_DEVICE_CTL2 : 0,
                [PCI_SAVED_ACS] = control_of(f, PCI_EXT_ACS, PCI_ACS_CONTROL),
                [PCI_SAVED_ATS] = control_of(f, PCI_EXT_ATS, PCI_ATS_CONTROL),
                [PCI_SAVED_SRIOV] = f->sriov ? f->sriov->at + PCI_SRIOV_CONTROL : 0 },
    };
    for (unsigned i = 0; i < PCI_SAVED; i++)
        s->value[i] = s->at[i] ? pci_read16(f, s->at[i]) : 0;
}

void pci_controls_restore(struct pci_function *f, const struct pci_controls *s)
{
    for (unsigned i = 0; i < PCI_SAVED; i++)
        if (s->at[i])
            pci_write16(f, s->at[i], s->value[i]);
    pci_bars_restore(f);
    pci_write16(f, PCI_COMMAND, s->command);
}

static bool is_pending(const struct pci_function *f)
{
    return pci_read16(f, f->express + PCI_EXPRESS_DEVICE_STA) & PCI_EXPRESS_PENDING;
}

/* A request whose completion comes after the reset would be taken for another's
 * (6.6.2, implementation note).  A device that never gets done is reset all the same. */
static void pending_wait(struct pci_function *f)
{
    struct deadline d = deadline_us(PENDING_US);
    while (is_pending(f)) {
        if (deadline_passed(&d)) {
            pci_log(LOG_WARNING, f,
                    "device status reads %04x after %u ms, expected no transactions pending",
                    pci_read16(f, f->express + PCI_EXPRESS_DEVICE_STA),
                    (unsigned)(PENDING_US / US_PER_MS));
            return;
        }
        task_yield();
    }
}

bool pci_answers(const struct pci_function *f)
{
    return pci_read16(f, PCI_VENDOR_ID) != NOT_READY && pci_read16(f, PCI_COMMAND) != UINT16_MAX;
}

void pci_wait_until(uint64_t end_us)
{
    struct deadline d = { .end_us = end_us };
    while (!deadline_passed(&d))
        task_yield();
}

bool pci_answers_until(const struct pci_function *f, uint64_t end_us)
{
    struct deadline d = { .end_us = end_us };
    while (!pci_answers(f)) {
        if (deadline_passed(&d))
            return false;
        task_yield();
    }
    return true;
}

static bool can_reset(const struct pci_function *f)
{
    uint32_t can = f->express ? pci_read32(f, f->express + PCI_EXPRESS_DEVICE_CAP) : 0;
    return can != UINT32_MAX && can & PCI_EXPRESS_FLR;
}

/* Nobody asks meanwhile, the control slice least of all. */
static bool reset_and_wait(struct pci_function *f, const struct pci_controls *s)
{
    pci_aer_rest(f, true);
    pci_write16(f, s->at[PCI_SAVED_DEVICE_CTL], s->value[PCI_SAVED_DEVICE_CTL] | PCI_EXPRESS_RESET);
    pci_wait_until(time_us() + SILENCE_US);
    bool answers = pci_answers_until(f, time_us() + ANSWER_US);
    pci_aer_rest(f, false);
    return answers;
}

int pci_function_reset(struct pci_function *f)
{
    struct pci_controls saved;
    if (f->sriov && f->sriov->num_vfs)
        return -EBUSY;
    if (!can_reset(f))
        return -ENOTSUP;
    if (f->sriov)
        pci_wait_until(f->sriov->settled_us);
    pci_look(f);
    pci_controls_save(f, &saved);
    pci_write16(f, PCI_COMMAND, saved.command & (uint16_t)~PCI_COMMAND_MASTER);
    pending_wait(f);
    if (!reset_and_wait(f, &saved)) {
        pci_log(LOG_ERROR, f, "vendor ID reads %04x and command %04x %u ms after its reset",
                pci_read16(f, PCI_VENDOR_ID), pci_read16(f, PCI_COMMAND),
                (unsigned)((SILENCE_US + ANSWER_US) / US_PER_MS));
        return -ETIMEDOUT;
    }
    pci_controls_restore(f, &saved);
    return 0;
}
