/* forward.h - the appliance as a whole: modes, the control task, the loop.
 *
 * Workers (worker.h) poll; the control task owns the console, tables and timers.  They
 * speak through single-producer single-consumer rings: workers post notes, and what
 * the control task sends goes by worker 0's lanes.  With one CPU the control work runs
 * in slices between the turns of that worker. */
#pragma once

#include "apps/forward/stats.h"
#include "apps/forward/worker.h"
#include "kernel/table.h"
#include "nic/packet.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

/* One forwarding mode a file; registered with FORWARD_MODE. */
struct forward_mode {
    const char *name;
    const char *help;           /* one phrase for `help forward` */
    bool no_promiscuous;        /* ports listen to their own address only (l3) */
    /* optional, control task: called when the mode is chosen (0 or -E...) and when
     * another one has taken its place and no worker is inside it any more; `start` and
     * `stop` of the console only let frames through or not.  stop() gives back what the
     * mode holds. */
    int (*start)(void);
    void (*stop)(void);
    /* A whole-port mode owns all n packets (1 to PORT_BURST) afterwards.  Data path: never
     * prints, never waits.  NULL: frames go to the ports' interfaces. */
    port_input_fn *burst;
    /* optional, data path: once a turn of every worker, for modes that make frames. */
    void (*turn)(struct worker *worker);
    /* optional, control task */
    void (*tick)(struct worker *control, uint64_t now_us);            /* every 10 ms or so */
    void (*link_changed)(struct port *port);
    uint64_t (*held)(void);     /* frames waiting inside (conservation) */
};

#define FORWARD_MODE(symbol) TABLE_ENTRY(forward_modes, struct forward_mode, symbol)

/* Sends a frame made by the control task (counted as originated on `out`) or
 * one that it received and passes on (forwarded: not counted again). */
void control_originate(struct worker *control, struct port *out, struct packet *packet);
void control_forward(struct worker *control, struct port *out, struct packet *packet);
void control_take_notes(void); /* all that workers have posted, now */

int forward_init(uint32_t packets);     /* pool, one worker, tables; 0 or -ENOMEM */
/* The same with `count` workers: worker 0 is this CPU's (forward_turn()), the others
 * are parked until worker_run(). */
int forward_init_workers(uint32_t packets, unsigned count);
/* Tests: stops every port and frees everything; logs an error when packets are missing.
 * No other worker runs any more. */
void forward_shutdown(void);
const struct forward_mode *forward_find_mode(const char *name);
const struct forward_mode *forward_get_mode(void);      /* never NULL: l2 from the start */
bool forward_running(void);
/* 0, or -E... with the old mode still in force.  Live. */
int forward_set_mode(const struct forward_mode *mode);
void forward_start(void);
void forward_stop(void);

/* Received frames on their way inside the appliance: in rings, buffers, rooms. */
uint64_t forward_held(void);

/* `port N up|down`: sets admin_up, gives the queues to workers.  A port that does
 * not start is failed from then on, unless it only lacks a fence (-EPERM). */
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
/* A bridge took the port's interface over or gave it back: what it and its VFs must hear.
 * Does not wait: housekeeping tells the devices. */
void forward_refresh_rx_mode(struct port *port);
/* The partner of a port for io and mac: 0-1, 2-3, ...; NULL: none. */
struct port *forward_peer(const struct port *port);

/* One turn of worker 0 and a slice of control work.  Returns the frames received, 0: idle.
 * The poll loop is `for (;;) forward_turn();` */
unsigned forward_turn(void);
/* Hook for what else the control slice runs (tasks); called often. */
void forward_set_control_hook(void (*hook)(void));
