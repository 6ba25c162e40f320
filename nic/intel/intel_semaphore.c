/* intel_semaphore.c - what software and firmware of Intel's NICs share, one at a time
 * (intel_device.h).
 *
 * unread: 82576 DS 4.7, 82599 DS 10.5.4, X540 DS 11.7.5: reading SMBI as 0 takes it, among
 * software; SWESMBI sticks when firmware is not at SW_FW_SYNC (82575 SDM, SW_FW_SYNC), and the X540
 * has a bit of SW_FW_SYNC that works as SMBI does. */
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/intel/intel_device.h"

#include <errno.h>
#include <inttypes.h>

#define SEMAPHORE_US (20 * US_PER_MS)
#define SYNC_US (200 * US_PER_MS) /* firmware at the NVM or the PHY */

static void semaphore_give(const struct intel_device *d)
{
    if (d->chip->sync_semaphore)
        intel_change(d, d->chip->sync, d->chip->sync_semaphore, 0);
    intel_write(d, d->chip->swsm, 0);
}

/* From firmware: 0 or -EBUSY. */
static int firmware_keeps_off(const struct intel_device *d)
{
    uint32_t bit = d->chip->sync_semaphore;
    if (bit)
        return intel_wait(d, LOG_ERROR, "SW_FW_SYNC", d->chip->sync, bit, 0, SEMAPHORE_US) ? -EBUSY
                                                                                           : 0;
    struct deadline deadline = deadline_us(SEMAPHORE_US);
    do {
        intel_write(d, d->chip->swsm, INTEL_SWSM_SMBI | INTEL_SWSM_SWESMBI);
        if (intel_read(d, d->chip->swsm) & INTEL_SWSM_SWESMBI)
            return 0;
    } while (!task_deadline_passed(&deadline));
    log_error("%s: SWSM.SWESMBI does not stick within %" PRIu64 " us", d->name,
              (uint64_t)SEMAPHORE_US);
    return -EBUSY;
}

/* Software that died with SMBI was here before the reset. */
static int semaphore_take(const struct intel_device *d)
{
    uint32_t swsm = d->chip->swsm;
    if (intel_wait(d, LOG_WARNING, "SWSM", swsm, INTEL_SWSM_SMBI, 0, SEMAPHORE_US)) {
        log_warning("%s: taking over a semaphore that somebody left behind", d->name);
        intel_write(d, swsm, 0);
        (void)intel_read(d, swsm);
    }
    int err = firmware_keeps_off(d);
    if (err)
        semaphore_give(d);
    return err;
}

int intel_lock(const struct intel_device *d, uint32_t what)
{
    uint32_t busy = what | what << d->chip->sync_firmware, owners;
    struct deadline deadline = deadline_us(SYNC_US);
    do {
        if (semaphore_take(d))
            return -EBUSY;
        owners = intel_read(d, d->chip->sync);
        if (!(owners & busy))
            intel_write(d, d->chip->sync, owners | what);
        semaphore_give(d);
        if (!(owners & busy))
            return 0;
    } while (!task_deadline_passed(&deadline));
    log_error("%s: SW_FW_SYNC is %08" PRIx32 " after %" PRIu64
              " us, expected 0 under mask %08" PRIx32,
              d->name, owners, (uint64_t)SYNC_US, busy);
    return -EBUSY;
}

void intel_unlock(const struct intel_device *d, uint32_t what)
{
    if (semaphore_take(d))
        return; /* said so; ours stays set until the next reset */
    intel_change(d, d->chip->sync, what, 0);
    semaphore_give(d);
}
