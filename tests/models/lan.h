/* lan.h - an appliance of a few wire ports, and frames to try it with. */
#pragma once

#include "apps/forward/forward.h"
#include "tests/models/wire_port.h"

#define LAN_PORTS_MAX 8u
#define LAN_PACKETS 4096u

extern struct wire_port *lan[LAN_PORTS_MAX];

/* host_reset(), forward_init() and `ports` ports, up, in a mode that runs. */
void lan_start(unsigned ports, const char *mode);
/* Everything down; checks that no packet was lost inside. */
void lan_stop(void);
/* Turns until nothing moves any more. */
void lan_run(void);

/* An Ethernet frame between two stations; `number` stands in its body. */
struct lan_frame {
    uint8_t bytes[FRAME_MAX];
    uint32_t length;
};
void lan_frame(struct lan_frame *frame, uint64_t destination, uint64_t source, uint32_t number);
void lan_send(unsigned port, uint64_t destination, uint64_t source, uint32_t number);
/* The number in the next frame that port sent, -1: none; lan_last is the frame. */
int64_t lan_receive(unsigned port);
extern struct lan_frame lan_last;

#define LAN_BROADCAST 0xffffffffffffull

uint64_t lan_drops(unsigned port, enum drop_reason why);
/* stats.h's law, over all ports. */
void lan_check_conservation(void);
bool lan_is_conserved(void); /* the same by law.h */
