/* ports.h - what the forwarding core knows of each port besides the driver's own.
 *
 * Control task only. */
#pragma once

#include "apps/forward/port_table.h"
#include "nic/port.h"

#include <stdbool.h>

/* The same, taken in now if need be; NULL: failed, or no memory (then it says so, and is tried
 * again every second). */
struct forward_port *forward_port_of(struct port *port);
/* `port N up|down`: sets admin_up, gives the queues to workers.  A port that does
 * not start is failed from then on, unless it only lacks a fence (-EPERM), or memory (-ENOMEM):
 * then it says so, and is tried again every second. */
int forward_port_up(struct port *port);     /* starts it; 0 or -E... */
int forward_port_down(struct port *port);   /* flushes and stops it; 0 or as port_hold_wait() */
/* Its driver is about to remove it: down, and no note or frame inside is for it any more. */
void forward_port_remove(struct port *port);
/* `port N queues K`: a running port is down meanwhile.  0 or -E... of either half. */
int forward_set_queues(struct port *port, uint16_t queues);
/* Makes the interfaces of all ports without starting any, for commands that run before ports
 * begin; returns how many there are. */
unsigned forward_take_ports(void);
/* Takes in every port that was registered since the last call, and starts what was not taken
 * down: ports begin up.  Each turn sees to it too.  Inside a task it is waited for until they
 * have begun; who calls it holds no port. */
void forward_ports_up(void);
/* The user's wish (`port N promiscuous on|off`); a mode that needs it goes before.  0 or -E... */
int forward_set_promiscuous(struct port *port, bool on);
bool forward_promiscuous(const struct port *port);      /* the wish, not the outcome */
int forward_set_all_multicast(struct port *port, bool on); /* the same for all multicast */
bool forward_all_multicast(const struct port *port);
/* A station that the port is to hear besides itself, or not any more: 0; -EEXIST, -ENOENT,
 * -EINVAL (no station's address), -ENOSPC (FORWARD_MACS_MAX), or as its device answers. */
int forward_hear_mac(struct port *port, const uint8_t mac[MAC_LEN], bool on);
const uint8_t *forward_more_mac(unsigned number, unsigned i); /* the i-th; NULL: there are less */
/* A bridge took the port's interface over or gave it back, or it has its first IPv6 address, or
 * none any more: what it and its VFs must hear.
 * Does not wait: housekeeping tells the devices. */
void forward_refresh_rx_mode(struct port *port);
/* The partner of a port for io and mac: 0-1, 2-3, ..., or by forward_set_pairs(); NULL: none. */
struct port *forward_peer(const struct port *port);
/* Ports that take part in modes which take ports whole: the first with the second, and so on.  An
 * odd one has no partner; others take no part.  0 ports: all, as they are numbered.
 * 0 or -ENOMEM. */
int forward_set_pairs(const uint16_t *ports, unsigned n);
unsigned forward_get_pairs(const uint16_t **ports); /* PORT_NONE among them: it is gone */
bool forward_takes_part(const struct port *port);

void ports_init(void);     /* from now on drivers tell when they stop or restart */
void ports_shutdown(void); /* all down and let go */
void ports_apply_rx_modes(void);  /* what a port listens to may have changed */
/* In each turn: ports that were registered since are taken in and started, by housekeeping. */
void ports_look_for_new(void);
