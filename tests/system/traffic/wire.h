/* wire.h - a pair of unix datagram sockets, one Ethernet frame without FCS a datagram.
 *
 * The kernel holds about ten datagrams per socket and then refuses: nothing here ever blocks in a
 * send, so two ends that are both full cannot wait for each other. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BACKLOG 256u
#define BACKLOG_FRAME 1600u

/* Frames that hosts have sent and the wire has not taken yet. */
struct backlog {
    uint32_t head, tail; /* run freely */
    struct {
        uint16_t length;
        uint8_t bytes[BACKLOG_FRAME];
    } frames[BACKLOG];
};

struct wire {
    int fd;
    bool gone;          /* the other end is no more */
    bool full;          /* its queue was full at the last try */
    uint64_t held_back; /* how often it was */
    const char *local, *remote;
};

/* Binds ours first, so that nothing the other end sends is refused, then waits for its socket to
 * appear. */
void wire_open(struct wire *w);
void wire_connect(struct wire *w);
bool wire_send(struct wire *w, const uint8_t *frame, size_t n);
void wire_flush(struct wire *w, struct backlog *b);
/* Like wire_send, but keeps what the wire does not take now, in order.  False: no room for that
 * either. */
bool wire_post(struct wire *w, struct backlog *b, const uint8_t *frame, size_t n);
/* Bytes of the next frame, 0: none. */
size_t wire_receive(struct wire *w, uint8_t *frame);
/* Until something can be received, or sent where `wants` says so. */
void wires_wait(struct wire w[2], const bool wants[2], int timeout_ms);
