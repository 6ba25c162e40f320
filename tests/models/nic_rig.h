/* nic_rig.h - a driver of a PCI NIC over a model of its device, with a pool of packets: what tests
 * of such drivers share. */
#pragma once

#include "nic/port.h"
#include "pci/pci.h"

#include <stdbool.h>
#include <stdint.h>

/* The device, which the test makes: as conformance.h says of frames. */
struct nic_model {
    const char *driver; /* who takes it */
    struct pci_function *(*function)(void);
    bool (*inject)(const uint8_t *frame, uint32_t length);
    uint32_t (*take)(uint8_t *frame, uint32_t size);
    unsigned (*violations)(void);
};

#define NIC_PACKETS 8192u

extern struct nic_rig {
    const struct nic_model *model;
    struct port *port; /* NULL: not probed */
    struct packet_pool *pool;
    struct packet_cache cache;
} nic;

/* A fresh machine; the model comes next. */
void nic_set_up(const struct nic_model *model);
/* Whatever happened: nothing leaked, nothing mapped, no rule of the document broken. */
void nic_tear_down(void);
const struct pci_driver *nic_driver(void);
/* The driver takes it; the port is registered either way. */
bool nic_probe(void);
/* The driver lets go of it; nic.port is not touched. */
void nic_remove(void);
bool nic_is_master(void);
/* For the conformance suite: probed, so many queues of this size on that cache; 0: as they are. */
struct port *nic_create(struct packet_cache *cache, uint16_t rx_queues, uint16_t tx_queues,
                        uint16_t size);
/* Probed, if it was not, and started. */
int nic_start(uint16_t rx_queues, uint16_t tx_queues);
void nic_run(uint16_t rx_queues); /* the same, and it works; one queue to send by */

struct packet *nic_receive(void); /* from queue 0; NULL: none */
/* Receives and frees what a queue has: how many. */
unsigned nic_poll(unsigned queue);
/* An IPv4 packet to the port, of a flow between the last octets of two addresses: its length. */
uint32_t nic_flow(uint8_t *frame, uint8_t protocol, uint32_t from, uint32_t to);
/* The one queue in which it arrives. */
unsigned nic_queue_of(uint8_t protocol, uint32_t from, uint32_t to);
/* One frame to the port and back out. */
bool nic_exchange(void);
uint64_t nic_counter(const char *name);
struct port_device_stats nic_stats(void);
