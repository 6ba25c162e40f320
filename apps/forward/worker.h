/* worker.h - a CPU that polls, and all that it owns.
 *
 * A worker owns its receive queues, its packet cache, its counters and a transmit lane
 * to every port: a queue of its own where the port has enough, else the ring to the
 * worker that owns one.  Nobody else touches those.  Where there are more workers than
 * receive queues, a worker that polls may pass what came in on to others by flow, by rings as
 * well: each frame of a flow takes the same way, in order (apps/forward/spread.h).
 *
 * What the control task changes under a worker's eyes is single words (published lists and
 * flags); what it takes out it frees only when no worker can still hold it
 * (apps/forward/quiesce.h).
 *
 * Worker 0 runs on the control task's own CPU, between its slices, so control work
 * may use worker 0's cache, counters and lanes: control_worker().  From
 * WORKERS_CONTROL_ALONE workers on it has no queues but those that the user gives it: the
 * control task has that CPU for itself. */
#pragma once

#include "apps/forward/counters.h"
#include "apps/forward/quiesce.h"
#include "apps/forward/spsc.h"
#include "kernel/numbered.h"
#include "nic/packet.h"
#include "nic/port.h"

#include <stdbool.h>
#include <stdint.h>

struct interface;
struct worker;

#define WORKERS_CONTROL_ALONE 4u

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

/* What one worker has of one port. */
struct worker_port {
    /* The control task's words.  The two behind `open` change only while it is false and
     * after workers_quiesce(). */
    bool open;              /* frames may go out: started, and the link is up */
    struct port_queue *txq; /* this worker's own queue, or NULL and */
    struct spsc *lane;      /* the ring to the worker that owns one, */
    struct worker *owner;   /* that one */
    struct port *port;
    struct interface *interface; /* of its untagged traffic */
    /* the worker's */
    struct worker_port *next; /* in the worker's list of those to flush */
    bool listed;
    uint16_t number, count;
    uint16_t life;                      /* tells it from a port that had the number before */
    struct packet *packets[PORT_BURST]; /* until the end of the turn */
    struct port_counters counters;
} CACHE_ALIGNED;

/* A frame on its way to the worker that owns a transmit queue of `port`. */
struct lane_entry {
    struct packet *packet;
    uint16_t port, life;
};

/* A frame on its way to the worker that its flow belongs to; packet->port says where from. */
struct flow_entry {
    struct packet *packet;
    uint16_t life;
};

/* What a worker polls: made by the control task, replaced as a whole. */
struct poll_entry {
    struct port_queue *queue;
    struct interface *interface; /* of the port's untagged traffic */
};

struct poll_list {
    unsigned count;
    unsigned targets;            /* workers that share what comes in, itself first; 0: it alone */
    uint8_t target[WORKERS_MAX]; /* their numbers */
    struct poll_entry entry[];
};

struct worker {
    unsigned number;
    struct worker_turns turns;
    struct packet_cache cache;
    struct poll_list *polls;     /* NULL: nothing */
    struct numbered ports;       /* struct worker_port, by the port's number */
    struct worker_port *pending; /* those with frames in their buffers */
    struct spsc to_control;      /* struct note */
    uint64_t lanes, flows;       /* bits of the workers from which there is one of the next two */
    struct spsc *lane_from[WORKERS_MAX];  /* struct lane_entry; this worker takes out, */
    struct spsc *flows_from[WORKERS_MAX]; /* struct flow_entry; and here as well */
    bool sends;                           /* it has had a transmit queue of its own */
    uint64_t packets;                     /* frames received by this worker, */
    uint64_t taken;                       /* and those that others received and passed on to it */
    uint64_t busy_cycles, idle_cycles;
    uint64_t counted_cycles; /* the clock when those two were last added to */
    uint64_t busy_at;        /* and when a turn last found something */
    uint64_t empty_tlb_at;   /* and for the next cpu_empty_tlb() */
    uint64_t wakeups;        /* halts that ended */
    uint64_t barrier;        /* worker_notify()'s */
    /* NULL, or its queues interrupt: a turn that finds something ends that (rest.h). */
    void (*disarm)(struct worker *worker);
    struct port_counters nowhere; /* of frames that no port is told about */
};

/* Data path, on the worker itself ------------------------------------------- */

/* Queues the frame for port `out`; sent at the end of the turn or when the buffer is
 * full.  Takes ownership: what cannot be sent is dropped and counted on `out` (tx_full,
 * tx_down, tx_too_long, lane_full). */
void forward_send(struct worker *worker, struct port *out, struct packet *packet);
void forward_send_burst(struct worker *worker, struct port *out, struct packet **packets,
                        uint16_t n);
/* The same of frames that came in by `in` and have not grown: only where that port takes longer
 * ones than `out` does they are looked at. */
void forward_pass_burst(struct worker *worker, const struct port *in, struct port *out,
                        struct packet **packets, uint16_t n);
void forward_flush(struct worker *worker);
/* Where this worker counts what is `port`'s; never NULL. */
struct port_counters *forward_counters(struct worker *worker, uint16_t port);
/* Counts one reason on one port and frees the frame; PORT_NONE: it is only freed. */
void forward_drop(struct worker *worker, uint16_t port, enum drop_reason why,
                  struct packet *packet);
void forward_drop_burst(struct worker *worker, uint16_t port, enum drop_reason why,
                        struct packet **packets, uint16_t n);
void forward_consume(struct worker *worker, struct packet *packet); /* counted on packet->port */
/* Sends frames that the appliance made, as many as the port takes: those are counted as
 * originated, the rest is freed as if it had never been. */
void forward_offer(struct worker *worker, struct port *out, struct packet **packets, uint16_t n);
/* Posts to the control task; false when its ring is full (the caller still owns the packet
 * and drops it as control_full). */
bool forward_note(struct worker *worker, const struct note *note);

/* A turn: poll every queue and every lane, again while frames come; send what has gathered; say
 * that it is over.  worker_poll() returns the frames taken out of queues and lanes, and what the
 * last of them left may wait to be sent.  The time since the turn before
 * ended counts as busy or idle; worker_end_turn() returns the clock, time_cycles(), the only look
 * at it in a turn. */
unsigned worker_poll(struct worker *worker);
uint64_t worker_end_turn(struct worker *worker, bool busy);
/* Whether there is anything that a turn could find: queues, lanes, frames to make. */
bool worker_has_duties(const struct worker *worker);
/* Nothing lies in its lanes or, for worker 0, in the notes that others posted. */
bool worker_finds_nothing(const struct worker *worker);
/* The time since the turn ended was idle. */
void worker_count_idle(struct worker *worker);
/* Turns until *stop: for a CPU of its own (worker 0 has forward_turn()).  idle() is called after
 * every turn that found nothing; its time counts as idle. */
void worker_run(struct worker *worker, const bool *stop, void (*idle)(struct worker *worker));
/* The transmit queue of the port that is this worker's, when frames may go out; else NULL. */
const struct port_queue *forward_tx_queue(const struct worker *worker, const struct port *out);
/* The most frames that are taken out of a queue, or made for one, at once: `set burst`. */
uint16_t forward_burst(void);

/* Control task -------------------------------------------------------------- */

/* What takes every burst of every port, before any interface sees it: a whole-port mode, or what
 * drops while forwarding is stopped.  NULL: the port's interface has it. */
typedef void port_input_fn(struct worker *worker, struct port *in, struct packet **packets,
                           uint16_t n);
void workers_set_port_input(port_input_fn *input);
/* Called by every worker once a turn, for modes that make frames; NULL: nothing. */
void workers_set_turn(void (*turn)(struct worker *worker));

/* 1 to PORT_BURST.  While workers are `paused` they take nothing out of receive queues. */
void workers_set_burst(uint16_t burst);
void workers_pause(bool paused);
/* Called with what is dropped, before it is freed, on any worker; NULL: by nobody.  Who takes it
 * back waits for workers_quiesce(). */
typedef void drop_tap_fn(uint16_t port, enum drop_reason why, struct packet *const *packets,
                         uint16_t n);
void workers_set_drop_tap(drop_tap_fn *tap);

struct worker *control_worker(void);
unsigned worker_count(void);
struct worker *worker_get(unsigned number);
unsigned workers_first(void); /* the first that queues are spread over: 0, or 1 */
/* Which worker's a transmit queue of a port is. */
unsigned worker_of_tx_queue(const struct port *port, unsigned queue);
/* Called with the number of a worker that has got something to do.  NULL: none ever halts. */
void workers_set_wake(void (*wake)(unsigned number));
/* For what it finds without being told: new lists, a mode.  It ends a rest, or the next one. */
void workers_wake(unsigned number);

int workers_create(unsigned count, struct packet_pool *pool); /* 0 or -ENOMEM */
void workers_destroy(void);
/* A port's share in every worker.  0 or -ENOMEM. */
int workers_add_port(struct port *port);
void workers_set_interface(struct port *port, struct interface *interface);
void workers_remove_port(struct port *port); /* detached, and quiesced since */
/* A lane for every worker that will need one to send by this port.  0 or -ENOMEM. */
int workers_connect_port(struct port *port);
void workers_open_port(const struct port *port, bool open); /* may frames go out? */
/* The ring by which one worker passes flows on to another, made when it is first needed.  0 or
 * -ENOMEM. */
int workers_connect_flows(unsigned from, unsigned to);
/* What lay in rings between workers when it was called has left them when it returns: flows have
 * been dealt with and lanes emptied. */
void workers_settle(void);
/* Has what workers posted handled, at most so many of each. */
void workers_take_notes(uint32_t most);
uint64_t workers_held(void); /* received frames in rings, lanes and the control worker's buffers */
