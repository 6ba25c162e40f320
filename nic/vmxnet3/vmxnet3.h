/* vmxnet3.h - a vmxnet3 device as a port: what vmxnet3.c and vmxnet3_ring.c know of each other. */
#pragma once

#include "nic/port.h"
#include "nic/vmxnet3/vmxnet3_regs.h"
#include "pci/pci.h"

#include <stdbool.h>
#include <stdint.h>

#define VMXNET3_RINGS 2u /* of a receive queue: for first buffers, and for what does not fit */

/* Indices run freely and are reduced at use; `mask` is the size less one.  One slot always stays
 * empty, as in Linux. */
struct vmxnet3_rx_ring {
    struct vmxnet3_desc *descs;
    struct packet **packets; /* by slot: what the device fills */
    uint8_t *doorbell;
    uint64_t type;       /* 0, or VMXNET3_RXD_BODY */
    uint32_t head, tail; /* next to come back, next to give */
};

struct vmxnet3_rxq {
    struct port_queue queue;
    bool live;   /* the device has been told of it */
    bool strip;  /* tags are wanted beside frames (PORT_OFFLOAD_VLAN_STRIP) */
    bool bodies; /* frames may be longer than a buffer: ring 1 is kept full */
    bool open;   /* between the first and the last buffer of a frame */
    uint32_t mask;
    struct vmxnet3_rx_ring ring[VMXNET3_RINGS];
    struct vmxnet3_completion *completions; /* as many as both rings have */
    uint32_t next;                          /* of them */
    uint32_t queues;                        /* receive queues that the device has */
    const uint8_t *wants_doorbell;          /* the device's */
    struct packet_gather frame;             /* under way */
    uint64_t refused;   /* frames that the device marked as bad, and counted itself */
    const char *broken; /* static text: what the device did that no device may; NULL */
    struct dma_memory descs_memory, completions_memory;
};

struct vmxnet3_txq {
    struct port_queue queue;
    bool live, insert;
    uint32_t mask;
    struct vmxnet3_desc *descs;
    struct packet **packets; /* by slot: the frame that starts here */
    uint32_t *ends;          /* by slot: index of the last descriptor of that frame */
    uint8_t *doorbell;
    uint32_t head, tail; /* oldest not yet reclaimed, next to fill */
    struct vmxnet3_completion *completions;
    uint32_t next;
    const char *broken;
    struct dma_memory descs_memory, completions_memory;
};

/* Register beside the port; 0 or -ENOMEM, destroy() undoes what there is. */
void vmxnet3_rxq_init(struct vmxnet3_rxq *rx, struct port *port, uint16_t index);
void vmxnet3_txq_init(struct vmxnet3_txq *tx, struct port *port, uint16_t index);
int vmxnet3_rxq_create(struct vmxnet3_rxq *rx, struct dma_device *dma);
int vmxnet3_txq_create(struct vmxnet3_txq *tx, struct dma_device *dma);
/* The device has let go of them. */
void vmxnet3_rxq_destroy(struct vmxnet3_rxq *rx, struct dma_device *dma);
void vmxnet3_txq_destroy(struct vmxnet3_txq *tx, struct dma_device *dma);
/* How this one goes about its bursts (struct port_ops). */
const char *vmxnet3_path(const struct port_queue *queue);
/* Where they are, for the device. */
void vmxnet3_rxq_describe(const struct vmxnet3_rxq *rx, struct vmxnet3_queue *to);
void vmxnet3_txq_describe(const struct vmxnet3_txq *tx, struct vmxnet3_queue *to);
/* The device is active and has `queues` receive queues: gives it buffers.  `doorbells`: BAR 0. */
void vmxnet3_rxq_enable(struct vmxnet3_rxq *rx, uint8_t *doorbells,
                        const struct vmxnet3_queue *shared, unsigned queues);
void vmxnet3_txq_enable(struct vmxnet3_txq *tx, uint8_t *doorbells);
