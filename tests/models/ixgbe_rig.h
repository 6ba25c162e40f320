/* ixgbe_rig.h - ixgbe.c on the model of an 82599 or X540, with a pool of packets: what tests of
 * that driver share. */
#pragma once

#include "tests/models/ixgbe_model.h"

#define IXGBE_RIG_PACKETS 4096u

extern struct ixgbe_rig {
    struct ixgbe_model model;
    struct port *port; /* NULL: not probed */
    struct packet_pool *pool;
    struct packet_cache cache;
} ixgbe_rig;

extern const uint8_t ixgbe_rig_mac[MAC_LEN];

const struct pci_driver *ixgbe_rig_driver(void);
/* A fresh machine with one such chip, not probed. */
void ixgbe_rig_make(enum ixgbe_model_chip chip);
int ixgbe_rig_set_up(void **state); /* an 82599 with SFP+ */
/* Whatever happened: nothing leaked, nothing mapped, no rule of the document broken. */
int ixgbe_rig_tear_down(void **state);
/* The driver takes it; the port is registered either way. */
bool ixgbe_rig_probe(void);
void ixgbe_rig_remove(void);
/* Probed, so many queues each way, started. */
void ixgbe_rig_run(uint16_t queues);
bool ixgbe_rig_is_master(void);
/* Receives and frees what a queue has: how many. */
unsigned ixgbe_rig_poll(unsigned queue);
/* One frame to the port and back out. */
bool ixgbe_rig_exchange(void);
uint64_t ixgbe_rig_counter(const char *name);
struct port_device_stats ixgbe_rig_stats(void);
uint32_t ixgbe_rig_reg(uint32_t offset);
/* So long the poll loop turns: port_poll(), service and link, every millisecond. */
void ixgbe_rig_turn(uint64_t us);
