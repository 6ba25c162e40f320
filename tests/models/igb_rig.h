/* igb_rig.h - igb.c on the igb model, with a pool of packets: what tests of that driver
 * share. */
#pragma once

#include "tests/models/igb_model_internal.h"

#define RIG_PACKETS 2048u

extern struct igb_rig {
    struct igb_model model;
    struct port *port; /* NULL: not probed */
    struct packet_pool *pool;
    struct packet_cache cache;
} rig;

extern const uint8_t rig_mac[MAC_LEN];

const struct pci_driver *rig_driver(void);
/* A fresh machine with one 82576, not probed. */
int rig_set_up(void **state);
/* Whatever happened: nothing leaked, nothing mapped, no rule of the document broken. */
int rig_tear_down(void **state);
/* The driver takes it; the port is registered either way. */
bool rig_probe(void);
void rig_remove(void);
/* Probed, so many queues each way, started. */
void rig_run(uint16_t queues);
bool rig_is_master(void);
bool rig_inject(const uint8_t *frame, uint32_t length);
uint32_t rig_take(uint8_t *frame, uint32_t size);
/* Receives and frees what a queue has: how many. */
unsigned rig_poll(unsigned queue);
/* One frame to the port and back out. */
bool rig_exchange(void);
uint64_t rig_counter(const char *name);
struct port_device_stats rig_stats(void);
uint32_t rig_reg(uint32_t offset);
