/* igb_rig.h - igb.c on the igb model: what tests of that driver share besides nic_rig.h. */
#pragma once

#include "tests/models/igb_model_internal.h"
#include "tests/models/nic_rig.h"

extern struct igb_rig {
    struct igb_model model;
} rig;

extern const uint8_t rig_mac[MAC_LEN];
extern const struct nic_model rig_igb;

/* A fresh machine with one 82576, not probed. */
int rig_set_up(void **state);
int rig_tear_down(void **state);
/* Probed, so many queues each way, started. */
void rig_run(uint16_t queues);
bool rig_inject(const uint8_t *frame, uint32_t length);
uint32_t rig_take(uint8_t *frame, uint32_t size);
uint32_t rig_reg(uint32_t offset);
