/* intel_vf.h - a virtual function with advanced queues as a port: what the drivers of the VFs of
 * the 82576 and I350, and of the 82599 and X540, do alike.
 *
 * What a VF may do its PF's driver decides: the state machine of that is vf_client.c's.  Until it
 * is through the queues are not touched and the link is down.  A family (struct intel_vf_family)
 * knows its registers; what it grants is in its struct vf_family.
 *
 * A driver's own struct begins with a struct intel_vf; `port.priv` and vf_client's `owner` are
 * both. */
#pragma once

#include "nic/intel/intel_advanced.h"
#include "nic/intel/intel_device.h"
#include "nic/intel/vf_client.h"

#include <stdbool.h>
#include <stdint.h>

#define INTEL_VF_QUEUES_MAX 4u
#define INTEL_VF_COUNTERS_MAX 9u

/* What is told in the log besides; a driver's own come behind. */
enum {
    INTEL_VF_NEWS_REVIVED = NEWS_OF_DRIVER,
    INTEL_VF_NEWS_FUNCTION_RESET,
    INTEL_VF_NEWS_QUEUES,
    INTEL_VF_NEWS_FEWER,
    INTEL_VF_NEWS_COUNT
};
_Static_assert((unsigned)INTEL_VF_NEWS_COUNT <= NEWS_MAX, "a bit each");

struct intel_vf;

struct intel_vf_family {
    const char *driver;
    const struct adv_format *format;
    const struct port_limits *limits;
    unsigned bar;
    uint32_t bar_size, mailbox, memory; /* mailbox register and buffer */
    unsigned vectors;                   /* that receive queues can have */
    uint32_t vteims, vteimc, vteiac;    /* interrupts on, off; those that clear their cause */
    uint32_t due_at_start;              /* settings to be asked again, a bit each */
    /* Registers that count, 32 bits wide; the last has no name. */
    const struct intel_vf_counter {
        const char *name;
        uint16_t offset;
    } *counters;
    /* Where the registers of its queue n are. */
    void (*place_queue)(struct intel_vf *v, unsigned n);
    /* Vectors for the first v->interrupts receive queues. */
    void (*write_vectors)(const struct intel_vf *v);
    /* Optional: frames are spread over so many queues. */
    void (*write_spread)(const struct intel_vf *v, uint16_t queues);
    void (*link)(const struct intel_vf *v, struct port_link *link); /* when it may be up */
    void (*collect)(struct intel_vf *v); /* optional: what else is counted */
    /* Optional: rows of `show port` besides, up to n. */
    unsigned (*rows)(const struct intel_vf *v, struct port_counter *rows, unsigned n);
};

struct intel_vf {
    struct adv_rxq rx[INTEL_VF_QUEUES_MAX];
    struct adv_txq tx[INTEL_VF_QUEUES_MAX];
    struct vf_client pf; /* and the port */
    struct intel_device device;
    const struct intel_vf_family *family;
    uint16_t queues;     /* rings there are, each way; 0: stopped */
    uint16_t live;       /* of them that are on */
    uint16_t interrupts; /* queues that have a vector */
    bool dma;            /* the queues are on, or may be */
    struct intel_wrapping counters[INTEL_VF_COUNTERS_MAX];
    uint64_t missed;                /* frames without a descriptor, where the family counts them */
    uint64_t collect_us, revive_us; /* when next */
};

/* For struct vf_client_ops, of which reset() is the family's, with `dma` false afterwards. */
void intel_vf_clean(void *owner);
void intel_vf_lost(void *owner);
void intel_vf_away(void *owner, bool gone);
bool intel_vf_ready(void *owner);

/* A probe: `size` bytes that begin with a struct intel_vf, whose settings are none; NULL: no
 * memory. */
struct intel_vf *intel_vf_create(size_t size, struct pci_function *function,
                                 const struct intel_vf_family *family,
                                 const struct vf_client_ops *ops, const struct vf_family *grants);
/* And its end: maps the function's registers and registers the port.  The PF is not waited for: the
 * first poll resets the function, whatever its last owner left, and nothing before that touches a
 * queue. */
int intel_vf_register(struct intel_vf *v);
void intel_vf_remove(struct pci_function *function);
