/* intel_pf.h - a physical function with advanced queues as a port: what the drivers of the 82576
 * and I350, and of the 82599 and X540, do alike.
 *
 * A family (struct intel_pf_family) knows its registers: reset, filters, link.  What the port asks
 * for is kept here, and so is the order in which things start and stop.  Where there are virtual
 * functions their master (vf_master.h) is asked as well.
 *
 * A driver's own struct begins with a struct intel_pf; `port.priv` is both. */
#pragma once

#include "nic/intel/intel_advanced.h"
#include "nic/intel/intel_port.h"

#include <stdbool.h>
#include <stdint.h>

#define INTEL_PF_QUEUES_MAX 16u
#define INTEL_VLAN_WORDS 128u /* a bit for each VLAN */

struct intel_pf;
struct vf_master;
struct vf_master_family;

/* What a family does its own way.  Where it writes settings, they are in struct intel_pf. */
struct intel_pf_family {
    const struct adv_format *format;
    const char *const *dropped_names; /* of a queue's counter: frames without a descriptor */
    /* No DMA and no interrupts afterwards: 0 or -EIO, logged. */
    int (*reset)(struct intel_pf *f);
    /* After a reset, with bus mastering on: link, filters, spreading; no frame comes in yet. */
    void (*init)(struct intel_pf *f);
    /* Vectors for the first f->interrupts receive queues. */
    void (*init_interrupts)(struct intel_pf *f);
    /* Where the registers of its queue n are, and what else its rings are to know. */
    void (*place_queue)(struct intel_pf *f, unsigned n);
    /* All queues are on: frames may come in. */
    void (*run)(struct intel_pf *f);
    void (*link)(struct port *port, struct port_link *link);
    void (*arm)(struct port_queue *queue, bool on);
    void (*write_mac)(struct intel_pf *f);
    void (*write_rx_mode)(struct intel_pf *f);
    void (*write_offloads)(struct intel_pf *f);
    void (*write_frame_limit)(struct intel_pf *f);
    void (*collect_dropped)(struct intel_pf *f); /* adds to f->dropped */
    /* Optional: rows of `show port` besides, up to n. */
    unsigned (*counters)(struct intel_pf *f, struct port_counter *rows, unsigned n);
    /* Optional: looked at every LOOK_US while it runs, and what it asked for then. */
    void (*look)(struct intel_pf *f, const struct port_link *link, uint64_t now_us);
    void (*service)(struct intel_pf *f);
    const struct vf_master_family *master;
};

struct intel_pf {
    struct adv_rxq rx[INTEL_PF_QUEUES_MAX];
    struct adv_txq tx[INTEL_PF_QUEUES_MAX];
    struct port port;
    struct intel_device device;
    const struct intel_pf_family *family;
    struct vf_master *master; /* NULL: no VFs in force */
    uint16_t pool;            /* of the PF itself, with VFs */
    uint16_t pool_queues;     /* the most it has then */
    /* The port's settings as the chip has them while it runs; the port's own fields
     * follow when an operation was a success. */
    struct port_rx_mode mode;
    uint32_t offloads;
    uint32_t vlans[INTEL_VLAN_WORDS]; /* those that the PF itself wants to hear */
    uint16_t mtu;
    uint8_t mac[MAC_LEN];
    uint16_t interrupts; /* queues that have a vector */
    uint16_t queues;     /* rings there are, each way; 0: stopped */
    bool long_frames;    /* buffers are used from the first byte */
    bool link_up;        /* as the master driver was told */
    uint64_t look_at;    /* when poll() looks at the link and the drop counters next */
    uint64_t dropped[INTEL_PF_QUEUES_MAX];
};

/* The port, with up to so many queues each way; settings are none, counters nothing. */
void intel_pf_init(struct intel_pf *f, const char *driver, struct pci_function *function,
                   const struct intel_pf_family *family, const struct intel_chip *chip,
                   const struct port_limits *limits);
/* Stops the port, lets VFs come or go, and starts it, if it ran, on the queues of that pool:
 * 0 or -E...  master NULL, pool 0: no VFs. */
int intel_pf_restart(struct intel_pf *f, struct vf_master *master, uint16_t pool,
                     uint16_t pool_queues);
/* So long a frame, without FCS, it must take. */
uint32_t intel_pf_frame_limit(const struct intel_pf *f);
