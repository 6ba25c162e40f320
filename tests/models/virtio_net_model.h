/* virtio_net_model.h - a virtio network device on PCI or MMIO, from the device's side.
 *
 * Written from virtio 1.2 (OASIS CS01), strict: whatever a driver must not do
 * is counted, and the first offence is named.  The knobs under "faults" make
 * it a device that breaks the rules itself.
 *
 * The wire: virtio_net_model_receive() brings a frame in; frames that the
 * driver sends go to `wire` when virtio_net_model_run() looks at the ring. */
#pragma once

#include "pci/pci.h"
#include "tests/models/pcispace.h"
#include "tests/models/virtq_device.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum virtio_model_kind {
    MODEL_LEGACY,       /* I/O BAR only, no capabilities */
    MODEL_TRANSITIONAL, /* both interfaces */
    MODEL_MODERN,
    MODEL_MMIO_LEGACY, /* registers at MODEL_MMIO_BASE, version 1 */
    MODEL_MMIO,        /* version 2 */
};

#define MODEL_MMIO_BASE 0xfeb00000ull
#define MODEL_MMIO_SIZE 0x200u

#define MODEL_PAIRS_MAX 65u /* one more than a port has */
#define MODEL_QUEUES (2 * MODEL_PAIRS_MAX + 1)
#define MODEL_FRAME_MAX 66000u
#define MODEL_MACS_MAX 64u

struct virtio_net_model_config {
    enum virtio_model_kind kind;
    uint64_t features;      /* offered */
    uint16_t queue_size[3]; /* receive, transmit, control */
    uint16_t pairs;         /* max_virtqueue_pairs; 0: one, and no such field */
    uint16_t rss_table;     /* rss_max_indirection_table_length; 0: 128 */
    uint8_t rss_key;        /* rss_max_key_size; 0: 40 */
    uint8_t mac[6];
    uint16_t mtu;
    uint32_t notify_off_multiplier; /* modern; 0: one address for all queues */
};

struct virtio_net_model {
    struct virtio_net_model_config config;
    struct pcispace_device pci;
    struct pci_function *function; /* as virtio_net_model_scan() found it */

    /* On MMIO: whose mappings it uses; from the port, once that is there. */
    const struct dma_device *dma;
    bool page_size_told;
    uint32_t magic, version, device_id; /* as they read; tests spoil them */

    uint8_t status, generation;
    uint64_t accepted;
    uint32_t device_feature_select, driver_feature_select;
    uint16_t queue_select;
    struct virtq_device queue[MODEL_QUEUES];
    uint64_t queue_address[MODEL_QUEUES][3];
    unsigned notified[MODEL_QUEUES];
    unsigned msix_writes;

    /* How frames are spread */
    unsigned pairs; /* in use */
    struct {
        bool on; /* the table decides; else the device as it likes */
        uint32_t types;
        uint16_t mask, unclassified, table[512];
        uint8_t key[40];
    } rss;
    uint16_t steered[256]; /* by flow: the transmit queue it was last seen on */
    unsigned wire_queue;   /* the one that `wire` was last given a frame of */

    uint16_t link; /* bit 0: up, bit 1: announce */
    uint32_t speed;
    uint8_t duplex;
    uint8_t mac[6];
    bool promiscuous, all_multicast;
    unsigned multicast_count, unicast_count;
    uint8_t multicast[MODEL_MACS_MAX][6], unicast[MODEL_MACS_MAX][6];
    bool vlans[4096];   /* that it lets in, with CTRL_VLAN */
    unsigned announced; /* asked for, and acknowledged */

    /* The wire */
    void (*wire)(void *ctx, const uint8_t *frame, size_t n);
    void *wire_ctx;
    uint64_t sent, filtered, no_buffer;
    unsigned control_commands; /* that were asked for */

    /* Faults */
    bool reject_features; /* FEATURES_OK does not stick */
    unsigned reset_reads; /* status reads before a reset shows; ~0: never */
    unsigned resetting;
    unsigned restless;          /* configuration changes after that many more reads */
    bool deaf_control;          /* commands are never answered */
    uint8_t control_answer;     /* ack byte for what we understand */
    uint16_t num_buffers_lie;   /* 0: the truth */
    uint32_t length_lie;        /* added to the used length */
    uint8_t flags_lie, gso_lie; /* of the header of what it receives */
    bool batches;               /* in order: all that a run sends is one batch */

    unsigned violations;
    const char *violation;
};

/* Plugged into an empty PCI tree; the machine must be fresh (host_reset). */
struct virtio_net_model *virtio_net_model_create(const struct virtio_net_model_config *config);
/* The bus is scanned and found to hold it. */
void virtio_net_model_scan(struct virtio_net_model *m);
void virtio_net_model_destroy(struct virtio_net_model *m);
/* Own and queues' violations; *what: the first one. */
unsigned virtio_net_model_violations(const struct virtio_net_model *m, const char **what);

/* A frame arrives.  False: filtered or no buffers for it. */
bool virtio_net_model_receive(struct virtio_net_model *m, const uint8_t *frame, size_t n);
/* Sends the oldest frame of the first transmit queue that has one; false: none has. */
bool virtio_net_model_send_one(struct virtio_net_model *m);
/* The pair whose queue a frame would be received on. */
unsigned virtio_net_model_pair_of(struct virtio_net_model *m, const uint8_t *frame, size_t n);
/* The device looks at its transmit and control queues. */
void virtio_net_model_run(struct virtio_net_model *m);
void virtio_net_model_set_link(struct virtio_net_model *m, bool up);
void virtio_net_model_ask_to_announce(struct virtio_net_model *m);
void virtio_net_model_set_needs_reset(struct virtio_net_model *m);
