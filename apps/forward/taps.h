/* taps.h - what looks at the frames of a port as they cross its queues: capture, counts of
 * bursts, tags that are taken off and put on.
 *
 * A tap is laid around a port's queues by changing where their bursts lead (port_queue.burst), and
 * taken away the same way: a port without one pays nothing.  Control task alone; a tap that
 * was removed is in nobody's hands any more when tap_remove() returns.  Taps go with their port. */
#pragma once

#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* Nearest to the wire first: what was received passes the lower order first, what is sent last. */
enum tap_order { TAP_CAPTURE = 10, TAP_BURSTS = 20, TAP_TAGS = 30 };

/* Called by who owns the queue; all functions are optional.  received and sending may change
 * packets, and answer how many are left, which stand in front: the others are theirs to free
 * and to count.  sent: of n packets of the last sending the queue took so many; those may be
 * gone. */
struct tap {
    enum tap_order order;
    uint16_t (*received)(struct tap *tap, struct port_queue *queue, struct packet **packets,
                         uint16_t n);
    uint16_t (*sending)(struct tap *tap, struct port_queue *queue, struct packet **packets,
                        uint16_t n);
    void (*sent)(struct tap *tap, struct port_queue *queue, uint16_t n, uint16_t taken);
    struct tap *next; /* the table's */
};

int tap_add(struct port *port, struct tap *tap); /* 0 or -ENOMEM */
void tap_remove(struct port *port, struct tap *tap);
bool tap_is_on(const struct port *port, const struct tap *tap);
