/* intel_device.c - what drivers of Intel's NICs do alike with a function (intel_device.h). */
#include "nic/intel/intel_device.h"

#include "kernel/task.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MASTER_US (100 * US_PER_MS) /* completions on their way: PCIe 2.8, 50 ms at most */
#define RESET_US (10 * US_PER_MS)
#define EERD_START 0x00000001u
#define EERD_DATA 0xffff0000u
#define EERD_US (10 * US_PER_MS) /* a word takes some 50 us at the EEPROM's 1 MHz */

void intel_device_init(struct intel_device *d, const char *driver, struct pci_function *f,
                       const struct intel_chip *chip)
{
    char where[PCI_BDF_LEN];
    *d = (struct intel_device){ .pci = f, .chip = chip };
    pci_bdf_format(f->bdf, where);
    snprintf(d->name, sizeof d->name, "%s %s", driver, where);
}

const char *intel_device_map(struct intel_device *d, unsigned bar, size_t size)
{
    if (pci_enable(d->pci))
        return "its function does not answer";
    d->regs = pci_map_bar(d->pci, bar, size);
    return d->regs ? NULL : "no registers";
}

/* Registers ------------------------------------------------------------------ */

/* Looks once more after the limit: it may be us who were away, not the device. */
int intel_wait_at(enum log_level level, const char *device, const char *name, uint8_t *reg,
                  uint32_t mask, uint32_t wanted, uint64_t limit_us)
{
    struct deadline deadline = deadline_us(limit_us);
    uint32_t value;
    bool late = deadline_passed(&deadline);
    for (;; late = task_deadline_passed(&deadline)) {
        value = mmio_read32(reg);
        if ((value & mask) == wanted)
            return 0;
        if (late)
            break;
    }
    log_line(level,
             "%s: %s is %08" PRIx32 " after %" PRIu64 " us, expected %08" PRIx32
             " under mask %08" PRIx32,
             device, name, value, limit_us, wanted, mask);
    return -ETIMEDOUT;
}

int intel_wait(const struct intel_device *d, enum log_level level, const char *name, uint32_t reg,
               uint32_t mask, uint32_t wanted, uint64_t limit_us)
{
    return intel_wait_at(level, d->name, name, d->regs + reg, mask, wanted, limit_us);
}

uint32_t intel_status(struct intel_device *d)
{
    uint32_t value = intel_read(d, INTEL_STATUS);
    bool now = value == UINT32_MAX;
    if (now && !d->gone)
        log_error("%s: STATUS is ffffffff, the device does not answer any more", d->name);
    d->gone = now;
    return now ? 0 : value;
}

bool intel_answers(struct intel_device *d)
{
    if (!d->regs)
        return false;
    intel_status(d);
    return !d->gone;
}

/* Reset ---------------------------------------------------------------------- */

void intel_mask_interrupts(const struct intel_device *d)
{
    for (const uint32_t *reg = d->chip->interrupts; *reg; reg++)
        intel_write(d, *reg, UINT32_MAX);
}

/* Both units are switched off first, for QEMU's RST clears itself and nothing else.  Requests
 * that are under way when the reset strikes could hang the link: unread: 82576 DS 5.2.3.3,
 * 82574 DS 4.6.2 (I210 DS 5.2.3.3). */
bool intel_quiesce(struct intel_device *d)
{
    intel_mask_interrupts(d);
    for (const uint32_t *reg = d->chip->units; *reg; reg++)
        intel_write(d, *reg, 0);
    d->rctl = 0;
    intel_flush(d);
    task_delay_us(INTEL_DRAIN_US);
    if (!d->chip->express)
        return true;
    /* a reset that did not end is not pulled anew */
    intel_change(d, INTEL_CTRL, INTEL_CTRL_RST, INTEL_CTRL_MASTER_DISABLE);
    return !intel_wait(d, LOG_WARNING, "STATUS", INTEL_STATUS, INTEL_STATUS_MASTER, 0, MASTER_US);
}

/* 8254x SDM 14.7: all registers have their initial values, but the PHY keeps its link. */
int intel_pull_reset(struct intel_device *d)
{
    intel_change(d, INTEL_CTRL, 0, INTEL_CTRL_RST);
    task_delay_us(d->chip->reset_settle_us);
    return intel_wait(d, LOG_ERROR, "CTRL", INTEL_CTRL, INTEL_CTRL_RST, 0, RESET_US) ? -EIO : 0;
}

/* Address and NVM ------------------------------------------------------------ */

bool intel_mac_read(const struct intel_device *d, uint32_t ral, uint8_t mac[MAC_LEN])
{
    uint32_t low = intel_read(d, ral), high = intel_read(d, ral + INTEL_RAH);
    memcpy(mac, &low, 4);
    memcpy(mac + 4, &high, 2);
    return (high & INTEL_RAH_AV) && mac_is_station(mac);
}

void intel_mac_write(const struct intel_device *d, uint32_t ral, const uint8_t *mac, uint32_t flags)
{
    uint32_t low = 0, high = 0;
    if (mac) {
        memcpy(&low, mac, 4);
        memcpy(&high, mac + 4, 2);
        high |= INTEL_RAH_AV | flags;
    }
    intel_write(d, ral + INTEL_RAH, 0);
    intel_write(d, ral, low);
    if (high)
        intel_write(d, ral + INTEL_RAH, high);
}

int intel_nvm_read(const struct intel_device *d, uint32_t word, uint32_t *value)
{
    const struct intel_chip *chip = d->chip;
    intel_write(d, chip->eerd, FIELD_PUT(chip->eerd_address, word) | EERD_START);
    int err =
        intel_wait(d, LOG_ERROR, "EERD", chip->eerd, chip->eerd_done, chip->eerd_done, EERD_US);
    *value = err ? 0 : FIELD_GET(EERD_DATA, intel_read(d, chip->eerd));
    return err;
}

bool intel_mac_of_nvm(const struct intel_device *d, uint8_t mac[MAC_LEN])
{
    for (uint32_t i = 0; i < MAC_LEN / 2; i++) {
        uint32_t word;
        if (intel_nvm_read(d, i, &word))
            return false;
        mac[2 * i] = (uint8_t)word;
        mac[2 * i + 1] = (uint8_t)(word >> 8);
    }
    return mac_is_station(mac);
}
