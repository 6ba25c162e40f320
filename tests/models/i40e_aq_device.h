/* i40e_aq_device.h - the admin queue of Intel's 40 Gb/s chips and of VFs since, as the device works
 * it: registers, commands fetched and written back, events delivered.
 *
 * What a command does is the model's.  Strict: what a driver may not do is told to wrong().
 * Witnesses: Linux (i40e, iavf) and DPDK (i40e, iavf) agree; unread: XL710 DS 7.10. */
#pragma once

#include "nic/intel/i40e/i40e_adminq.h"
#include "tests/models/pcispace.h"

#include <stdbool.h>
#include <stdint.h>

struct i40e_aq_device {
    const struct i40e_aq_regs *layout;
    struct pcispace_device *device; /* whose memory it is */
    void *owner;
    void (*wrong)(void *owner, const char *what, uint64_t value);
    /* A command, its buffer (desc->length bytes) already read where it is to be; what is left in
     * desc and bytes goes back, with DD and CMP. */
    void (*command)(void *owner, struct i40e_aq_desc *desc, uint8_t bytes[I40E_AQ_BUFFER]);
    /* The queue has news: its interrupt, where there is one. */
    void (*news)(void *owner);

    bool deaf;         /* commands are not fetched */
    bool silent;       /* they are, and never done */
    uint32_t send[5], receive[5]; /* registers, in the order of struct i40e_aq_ring_regs */
    uint64_t commands, events, lost;
};

void i40e_aq_device_reset(struct i40e_aq_device *a);
/* True: it is one of its registers. */
bool i40e_aq_device_read(struct i40e_aq_device *a, uint32_t reg, uint32_t *value);
bool i40e_aq_device_write(struct i40e_aq_device *a, uint32_t reg, uint32_t value);
/* Looks at what waits, as after `deaf`. */
void i40e_aq_device_run(struct i40e_aq_device *a);
/* An event with n bytes; false: the queue is off or full, and the event lost. */
bool i40e_aq_device_event(struct i40e_aq_device *a, const struct i40e_aq_desc *desc,
                          const void *bytes, uint16_t n);
bool i40e_aq_device_is_open(const struct i40e_aq_device *a); /* both ways */
