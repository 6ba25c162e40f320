/* wire_port.h - a port whose other end is in the test's hands.
 *
 * Frames cross it as bytes: what the test puts on the wire is received into
 * fresh packets, what the port sends is copied out and freed.  An ordinary
 * port in everything else (nic/port.h). */
#pragma once

#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

#define WIRE_FRAMES 8192u /* each way */
#define WIRE_ROOM_ALL UINT32_MAX

struct wire_frame {
    uint32_t length;
    uint8_t *bytes;
};

struct wire_way {
    struct wire_frame frame[WIRE_FRAMES];
    uint32_t head, tail; /* free-running */
};

struct wire_port {
    struct port port;
    struct port_queue rx, tx;
    struct wire_way in, out;
    bool link_up;
    bool dies;        /* the driver finds its device dead when asked for the link */
    int start_fails;  /* what start() answers */
    int rx_mode_fails;
    uint32_t room;    /* frames it still takes; WIRE_ROOM_ALL: any number */
    unsigned bursts;  /* calls of tx_burst */
};

/* Registered, link up. */
struct wire_port *wire_port_create(void);
/* Of all ports at once: stopped and unregistered before. */
void wire_port_destroy(struct wire_port *wire);
void wire_put(struct wire_port *wire, const void *bytes, uint32_t length);
/* The next frame that the port sent: its length, 0: none. */
uint32_t wire_take(struct wire_port *wire, void *bytes, uint32_t size);
uint32_t wire_count(const struct wire_port *wire); /* sent and not taken yet */
