/* settings.h - what testpmd's commands set for the modes that take ports whole.
 *
 * The control task writes, workers read single words.  `show config` prints what differs from
 * the beginning. */
#pragma once

#include "nic/packet.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

#define MODE_FLOWS 1024u             /* of flowgen, unless set */
#define MODE_FRAME_MIN 42u           /* the headers of a test frame must be in its first segment */

/* The frames that txonly and flowgen make: replaced as a whole. */
struct tx_shape {
    uint32_t length;   /* all segments */
    unsigned segments;
    uint16_t segment[FRAME_SEGMENTS_MAX];
};

/* Memory that mode noisy works on, for every packet: replaced as a whole. */
struct noise {
    uint64_t words; /* of memory[]; a power of two */
    unsigned reads, writes, both;
    uint64_t memory[];
};

/* A port's counters as testpmd tells them. */
struct pmd_counts {
    uint64_t rx_packets, rx_bytes, rx_missed, rx_errors, rx_nombuf;
    uint64_t tx_packets, tx_bytes, tx_errors, tx_dropped;
};

/* What is remembered of a port while it is there. */
struct mode_port {
    uint64_t peer; /* the station taken to be behind it, as mac_load() gives it; 0: nobody said */
    /* Of the worker that owns the queue. */
    uint32_t next_flow[PORT_QUEUES_MAX];
    uint64_t pace_from_us, pace_sent;
    /* Found by mode csum; any worker adds. */
    uint64_t bad_ip, bad_l4;
    /* The control task's: where everything stood at `clear port stats`, at the last start, and when
     * it was shown last. */
    struct pmd_counts port_base, forward_base, shown;
    uint64_t shown_us, bad_ip_base, bad_l4_base;
};

struct mode_port *mode_port_get(unsigned number); /* NULL: no such port; also for workers */

const struct tx_shape *mode_tx_shape(void);
uint64_t mode_rate(void);        /* frames a second and port; 0: as fast as they are taken */
uint32_t mode_flows(void);
const struct noise *mode_noise(void);   /* NULL: none */

/* Control task.  0 or -ENOMEM. */
int mode_set_tx_shape(const struct tx_shape *shape);
void mode_set_rate(uint64_t rate);
void mode_set_flows(uint32_t flows);
int mode_set_noise(uint64_t bytes, unsigned reads, unsigned writes, unsigned both);
