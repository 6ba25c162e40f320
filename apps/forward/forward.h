/* forward.h - cores, the poll loop, and the forwarding modes behind it.
 *
 * A core owns its receive queues, its transmit queue on every port, its packet
 * cache and its counters.  The control task owns the console, neighbors,
 * tables and timers.  They speak through single-producer single-consumer
 * rings (apps/forward/spsc.h): workers post notes, control posts frames to send.  With
 * one CPU one core plays both roles and the control work runs in slices
 * inside the poll loop; the rings are the same. */
#pragma once

#include "apps/forward/spsc.h"
#include "apps/forward/stats.h"
#include "kernel/table.h"
#include "nic/packet.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

#define WORKERS_MAX 64u

struct worker;

/* From a worker to the control task, which calls `handle`.  What the rest means is the
 * sender's room's business; `packet`, where there is one, goes to the handler with its
 * ownership. */
struct note {
    void (*handle)(struct worker *control, const struct note *note);
    struct packet *packet;
    uint16_t port;      /* it came in on, PORT_NONE: none */
    uint16_t interface; /* likewise, INTERFACE_NONE */
    uint16_t code;
    uint8_t mac[MAC_LEN];
};

/* From the control task to a worker: send this out of that port. */
struct send_request {
    struct packet *packet;
    uint16_t port;
};

struct tx_buffer {
    uint16_t count;
    struct packet *packets[PORT_BURST];
};

struct worker {
    unsigned number;
    struct packet_cache cache;
    struct spsc to_control;     /* struct note */
    struct spsc from_control;   /* struct send_request */
    uint64_t packets;           /* frames received by this core */
    uint64_t busy_cycles, idle_cycles;
    uint64_t tx_pending;        /* bit per port: its buffer is not empty */
    struct tx_buffer tx[PORT_MAX];
    struct port_counters counters[PORT_MAX];
};

/* One forwarding mode a file; registered with FORWARD_MODE. */
struct forward_mode {
    const char *name;
    const char *help;           /* one phrase for `help forward` */
    bool no_promiscuous;        /* ports listen to their own address only (l3) */
    /* optional, control task: called when the mode is chosen (0 or -E...) and when
     * another one has taken its place; `start` and `stop` of the console only
     * let frames through or not.  stop() gives back what the mode holds. */
    int (*start)(void);
    void (*stop)(void);
    /* For whole ports; NULL: what came in is its interface's (interface.h).  Owns all n packets
     * (1 to PORT_BURST) afterwards.  Data path: never prints, never waits. */
    void (*burst)(struct worker *worker, struct port *in, struct packet **packets, uint16_t n);
    /* optional, data path: once a turn while forwarding runs, for modes that make frames. */
    void (*turn)(struct worker *worker);
    /* optional, control task */
    void (*tick)(struct worker *control, uint64_t now_us);            /* every 10 ms or so */
    void (*link_changed)(struct port *port);
    uint64_t (*held)(void);     /* frames waiting inside (conservation) */
};

#define FORWARD_MODE(symbol) TABLE_ENTRY(forward_modes, struct forward_mode, symbol)

/* Data path, on the core that owns `core` ---------------------------------- */

/* Queues the frame for port `out`; sent at the end of the turn or when the
 * buffer is full.  Takes ownership: what cannot be sent is dropped and counted
 * on `out` (tx_full, tx_down, tx_too_long). */
void forward_send(struct worker *worker, struct port *out, struct packet *packet);
void forward_send_burst(struct worker *worker, struct port *out, struct packet **packets,
                        uint16_t n);
void forward_flush(struct worker *worker);
/* Where this worker counts what is `port`'s; never NULL. */
struct port_counters *forward_counters(struct worker *worker, uint16_t port);
/* Counts one reason on one port and frees the frame. */
void forward_drop(struct worker *worker, uint16_t port, enum drop_reason why,
                  struct packet *packet);
void forward_drop_burst(struct worker *worker, uint16_t port, enum drop_reason why,
                        struct packet **packets, uint16_t n);
void forward_consume(struct worker *worker, struct packet *packet); /* counted on packet->port */
/* Sends frames that the appliance made, as many as the port takes: those are
 * counted as originated, the rest is freed as if it had never been. */
void forward_offer(struct worker *worker, struct port *out, struct packet **packets, uint16_t n);
/* Posts to the control task; false when its ring is full (the caller still
 * owns the packet and drops it as control_full). */
bool forward_note(struct worker *worker, const struct note *note);

/* Control core -------------------------------------------------------------- */

/* Sends a frame made by the control task (counted as originated on `out`) or
 * one that it received and passes on (forwarded: not counted again). */
void control_originate(struct worker *control, struct port *out, struct packet *packet);
void control_forward(struct worker *control, struct port *out, struct packet *packet);
struct worker *control_worker(void);
unsigned worker_count(void);
struct worker *worker_get(unsigned number);

int forward_init(uint32_t packets);     /* pool, cores, tables; 0 or -ENOMEM */
/* Tests: stops every port and frees everything; logs an error when packets are missing. */
void forward_shutdown(void);
const struct forward_mode *forward_find_mode(const char *name);
const struct forward_mode *forward_get_mode(void);      /* never NULL: l2 from the start */
bool forward_running(void);
/* 0, or -E... with the old mode still in force.  Live. */
int forward_set_mode(const struct forward_mode *mode);
void forward_start(void);
void forward_stop(void);
/* testpmd's `start tx_first`: one burst of frames out of every port, then start. */
int forward_start_tx_first(void);

/* Received frames on their way inside the appliance: in rings, buffers, the mode. */
uint64_t forward_held(void);

/* `port N up|down`: sets admin_up, gives the queues to cores.  A port that does
 * not start is failed from then on, unless it only lacks a fence (-EPERM). */
int forward_port_up(struct port *port);     /* starts it; 0 or -E... */
void forward_port_down(struct port *port);  /* flushes and stops it */
/* Its driver is about to remove it: down, and no note or frame inside is for it any more. */
void forward_port_remove(struct port *port);
/* `port N queues K`: a running port is down meanwhile.  0 or -E... of either half. */
int forward_set_queues(struct port *port, uint16_t queues);
/* Starts every port that was registered since the last call and was not taken
 * down: ports begin up.  Each turn does it too. */
void forward_ports_up(void);
/* The user's wish (`port N promiscuous on|off`); a mode that needs it goes before.  0 or -E... */
int forward_set_promiscuous(struct port *port, bool on);
bool forward_promiscuous(const struct port *port);      /* the wish, not the outcome */
/* A bridge took the port's interface over or gave it back: what it and its VFs must hear. */
void forward_refresh_rx_mode(struct port *port);
/* The partner of a port for io and mac: 0-1, 2-3, ...; NULL: none. */
struct port *forward_peer(const struct port *port);

/* One turn: poll every queue once, flush, do control work when it is due.
 * Returns the frames received, 0: idle.  The poll loop is `for (;;) forward_turn();` */
unsigned forward_turn(void);
/* Hook for what else the control slice runs (console task); called often. */
void forward_set_control_hook(void (*hook)(void));
