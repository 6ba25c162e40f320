/* vmxnet3_model.h - the device's side of nic/vmxnet3, from what Linux, DPDK, FreeBSD, iPXE and QEMU
 * agree on (vmxnet3_regs.h).
 *
 * Strict: what none of these drivers does, or QEMU's device dies of, is counted, named on stderr
 * and done nothing about.  It works only when asked: frames come in by vmxnet3_model_inject() and
 * go out by vmxnet3_model_take().  Memory is reached through the function's own DMA mappings, and
 * only with bus mastering on. */
#pragma once

#include "nic/port.h"
#include "nic/vmxnet3/vmxnet3_regs.h"
#include "pci/pci.h"
#include "tests/models/pcispace.h"

#include <stdbool.h>
#include <stdint.h>

struct vmxnet3_model_ring {
    uint64_t at;
    uint32_t size, next; /* next runs freely */
    uint32_t doorbell;   /* as last written */
};

struct vmxnet3_model_queue {
    uint64_t at; /* its struct vmxnet3_queue */
    struct vmxnet3_model_ring ring[2], completions;
    uint64_t counters[VMXNET3_QUEUE_COUNTERS];
    uint32_t error; /* stopped because of it; 0: not */
};

struct vmxnet3_model {
    struct pcispace_device device;
    struct pci_function *function; /* what the scan found */
    uint8_t permanent_mac[MAC_LEN], mac[MAC_LEN];
    uint32_t revisions, chosen; /* VRRS: offered; written */
    bool upt_chosen;
    uint32_t dsal, macl, answer;
    uint64_t shared; /* 0: none */
    bool active, masked;
    uint64_t features;
    uint32_t rx_mode, vlans[VMXNET3_VLAN_WORDS];
    uint8_t multicast[700][MAC_LEN];
    unsigned multicast_count;
    uint32_t rss_fields;
    struct vmxnet3_rss rss;
    unsigned rx_queues, tx_queues;
    struct vmxnet3_model_queue rx[VMXNET3_RX_QUEUES_MAX], tx[VMXNET3_TX_QUEUES_MAX];
    unsigned violations;
    unsigned commands;   /* so far */
    unsigned activations;
    unsigned acknowledged; /* events that ECR was told of */

    /* How it is; set before the port starts. */
    unsigned rx_queues_max, tx_queues_max; /* more are refused */
    bool link_up;
    bool wants_doorbells; /* updateRxProd: gives itself no buffer that RXPROD does not name */
    unsigned skips;       /* buffers that it passes over before each frame */
    bool strips_all;      /* 802.1ad tags as well, and IPv4 headers are always right (QEMU) */

    /* What is wrong with it. */
    bool gone;          /* reads are all ones, writes go nowhere */
    bool reset_refused; /* and nothing happens */
    bool no_upt;
    uint32_t lie; /* the answer to the next command, which is carried out; 0: the truth */
    bool quiet;   /* violations are not printed: it is the device that breaks rules */
};

/* Wipes the model, gives it this address and makes it the only device of a fresh PCI tree,
 * scanned but not probed.  It has this revision and all before. */
void vmxnet3_model_init(struct vmxnet3_model *m, const uint8_t mac[MAC_LEN], unsigned revision);
/* What was forbidden and the driver did, DMA at the wrong time included. */
unsigned vmxnet3_model_violations(const struct vmxnet3_model *m);
void vmxnet3_model_set_link(struct vmxnet3_model *m, bool up);
/* As conformance.h says. */
bool vmxnet3_model_inject(struct vmxnet3_model *m, const uint8_t *frame, uint32_t length);
uint32_t vmxnet3_model_take(struct vmxnet3_model *m, uint8_t *frame, uint32_t size);
/* Toeplitz, of a frame as this device hashes it; 0: it does not. */
uint32_t vmxnet3_model_hash(const struct vmxnet3_model *m, const uint8_t *frame, uint32_t length);

/* For lies: the next completion of a queue, with the right generation.  False: not reachable. */
bool vmxnet3_model_complete(struct vmxnet3_model *m, struct vmxnet3_model_queue *q, uint64_t what,
                            uint64_t result);
/* A queue stops, with this error, and an event says so. */
void vmxnet3_model_stop_queue(struct vmxnet3_model *m, struct vmxnet3_model_queue *q,
                              uint32_t error);
