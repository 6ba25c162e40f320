/* ixgbe_rig.h - ixgbe.c on the model of an 82599 or X540: what tests of that driver share besides
 * nic_rig.h. */
#pragma once

#include "tests/models/ixgbe_model.h"
#include "tests/models/nic_rig.h"

extern struct ixgbe_rig {
    struct ixgbe_model model;
} ixgbe_rig;

extern const struct nic_model ixgbe_rig_model;
extern const uint8_t ixgbe_rig_mac[MAC_LEN];

/* A fresh chip, not probed, in the place of the one before. */
void ixgbe_rig_make(enum ixgbe_model_chip chip);
int ixgbe_rig_set_up(void **state); /* an 82599 with SFP+ */
int ixgbe_rig_tear_down(void **state);
void ixgbe_rig_remove(void);
/* Probed, so many queues each way, started. */
void ixgbe_rig_run(uint16_t queues);
uint32_t ixgbe_rig_reg(uint32_t offset);
/* So long the poll loop turns: port_poll(), service and link, every millisecond. */
void ixgbe_rig_turn(uint64_t us);
