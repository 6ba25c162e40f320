/* i40e_rig.h - i40e.c on the model of an X710, XL710 or XXV710: what its tests share.  The driver's
 * side of it is nic_rig.h's. */
#pragma once

#include "tests/models/i40e_model.h"
#include "tests/models/nic_rig.h"

#include <stdint.h>

extern struct i40e_rig {
    struct i40e_model model;
} i40e_rig;

extern const struct nic_model i40e_rig_model;
extern const uint8_t i40e_rig_mac[MAC_LEN];

int i40e_rig_set_up(void **state); /* an X710's first PF, not yet probed */
int i40e_rig_tear_down(void **state);
void i40e_rig_make(enum i40e_model_chip chip, unsigned pf); /* another one */
void i40e_rig_remove(void);                                 /* and its port */
void i40e_rig_run(uint16_t queues);
uint32_t i40e_rig_reg(uint32_t offset);
/* So much time passes in which the appliance polls port and link. */
void i40e_rig_turn(uint64_t us);
