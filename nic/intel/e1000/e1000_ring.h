/* e1000_ring.h - the receive and the transmit queue of Intel's 8254x family and of its
 * heir, the 82574 (e1000.h): legacy descriptors, e1000_regs.h, in intel_ring.h's
 * queues.  The driver switches the units themselves on and off (RCTL, TCTL). */
#pragma once

#include "nic/intel/intel_ring.h"

#include <stdbool.h>
#include <stdint.h>

port_burst_fn e1000_rx_burst, e1000_tx_burst;
/* Program the ring's registers, while the unit is off; the receive ring gets its first
 * buffers, which the device may fill from the first byte to the last. */
void e1000_rxq_enable(struct intel_rxq *rx, uint8_t *regs);
void e1000_txq_enable(struct intel_txq *tx, uint8_t *regs);
