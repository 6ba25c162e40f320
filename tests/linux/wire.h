/* wire.h - a cable as a stream socket: each frame after its length in four bytes, as QEMU's
 * `-netdev stream` has it.  Nothing is lost in it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WIRE_OUT (2u << 20)
#define WIRE_IN (1u << 18)

struct wire {
    int listener, connection;
    uint8_t in[WIRE_IN], out[WIRE_OUT];
    uint32_t in_used, out_used;
};

/* `where`: a path to connect to, or listen:PATH.  False: errno. */
bool wire_open(struct wire *w, const char *where);
int wire_descriptor(const struct wire *w);
/* Something can be read (or somebody connects), something written. */
void wire_readable(struct wire *w);
void wire_flush(struct wire *w);
bool wire_has_room(const struct wire *w, uint32_t length);
void wire_put(struct wire *w, const uint8_t *frame, uint32_t length);
/* The oldest frame, NULL: none; it stays until wire_drop(). */
const uint8_t *wire_peek(const struct wire *w, uint32_t *length);
void wire_drop(struct wire *w);
