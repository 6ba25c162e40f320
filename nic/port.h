/* port.h - a port: something that receives and sends bursts of frames.
 *
 * States and legal order
 *   probe -> stopped -> start() -> running -> stop() -> stopped ... -> remove
 *   A port whose probe or start failed is `failed`: it keeps its number, refuses
 *   commands and is never polled.
 *   set_mac, set_rx_mode, set_mtu, set_offloads, vlan_filter are legal in stopped and
 *   running.  A driver validates before it changes anything and answers -ENOTSUP,
 *   -EINVAL, -ENOSPC or -EIO.
 *   start() that fails leaves exactly what stop() leaves.
 *
 * Ownership
 *   rx_burst hands over whole ownership of every packet it returns.
 *   tx_burst returns how many it took, from the front; the caller still owns
 *   the rest.  What the driver took it frees itself, into the cache of the queue.
 *   A frame that the port can never send (longer than max_frame, shorter than
 *   FRAME_MIN, too many segments) is taken, freed and counted in tx_errors: it
 *   does not stop the ones behind it.  There may be room again only when the
 *   device is done with all that one tx_burst took.
 *
 * Threads
 *   A queue belongs to one worker.  Everything else belongs to the control task.
 *
 * Counting
 *   A queue counts the frames that crossed this interface, no others: received
 *   when rx_burst returned it, sent when tx_burst took it (and could send it).
 *   What the device refused earlier is in the device's own counters (stats()).
 *   A received frame that breaks the rules of this header (runt, oversize, too
 *   short a first segment) is freed by the driver and counted in the queue's
 *   errors, as is what tx_burst can never send.  stats() does not repeat those:
 *   a port's rx_errors are its device's and its receive queues' added up.  Drops
 *   decided above the port are counted above it (apps/forward/stats.h).
 *
 * Tags
 *   With PORT_OFFLOAD_VLAN_STRIP on, a received frame whose outermost tag is an
 *   802.1Q one (TPID 8100) may come without it: its TCI is in packet->vlan then,
 *   with PACKET_VLAN; with it off, no frame does.  With PORT_OFFLOAD_VLAN_INSERT
 *   on, tx_burst puts packet->vlan of a frame with PACKET_VLAN on the wire; with
 *   it off nobody sends such a frame.  Lengths and limits count the tag.
 *
 * Frames
 *   A received frame's first segment need not have headroom (a jumbo frame may
 *   fill its buffers from the first byte), and tx_burst takes frames that have
 *   none. */
#pragma once

#include "kernel/compiler.h"
#include "nic/ethernet.h"
#include "nic/packet.h"

#include <stdbool.h>
#include <stdint.h>

#define PORT_BURST 32u /* the usual burst; a queue takes any n */
#define PORT_NONE UINT16_MAX /* no port's number: packet->port of a frame that came from none */
#define PORT_QUEUES_MAX 64u /* as many as CPUs poll; what RSS of the 40 Gb/s chips tells apart */

/* Work that a port saves who asks for it.  Nothing is lost or changed for who does not. */
#define PORT_OFFLOAD_VLAN_STRIP 0x1u  /* a received frame's outermost tag comes beside it */
#define PORT_OFFLOAD_VLAN_INSERT 0x2u /* the tag beside a frame to be sent goes into it */

#define QUEUES_DEFAULT 1u /* ports begin with one each way */
#define MTU_MIN 68u /* RFC 791 3.2: every module forwards 68 octets */

struct port;
struct port_queue;
struct vf_ops;

typedef uint16_t port_burst_fn(struct port_queue *queue, struct packet **packets, uint16_t n);

/* Where a device says that it has something: while (*word & mask) == nothing, there is nothing. */
struct port_watch {
    const uint32_t *word;
    uint32_t mask, nothing;
};

/* The common head of every driver's receive and transmit queue. */
struct port_queue {
    port_burst_fn *burst;       /* rx_burst or tx_burst; hot, so not behind ops; a single word that
                                 * may change while the port runs (apps/forward/taps.h) */
    struct packet_cache *cache; /* of the worker that owns the queue; set before start() */
    struct port *port;
    struct port_watch watch; /* of a receive queue: burst() leaves here what would have to change
                              * before the next call finds something or has anything to do; no
                              * word: call it.  stop() takes the word back */
    uint16_t index;
    uint16_t size;           /* descriptors, or what the port has instead */
    uint16_t cpu;            /* of a receive queue: who polls it; port_give_queue() */
    bool interrupts;         /* of a receive queue: arm() works, and its interrupts go there */
    uint64_t packets, bytes; /* frames without FCS; only ever grow while the port exists */
    uint64_t errors;         /* frames freed here because they broke the rules above */
    uint64_t due_us;         /* of a receive queue: burst() knows that its next frame comes then, by
                              * time_us(), and who polls it is not to rest longer; 0: it does not */
} CACHE_ALIGNED;

enum port_state { PORT_STOPPED, PORT_RUNNING, PORT_FAILED };

struct port_link {
    bool up;
    bool full_duplex;
    uint32_t speed_mbps; /* 0: unknown */
    const char *why;     /* it is down, in static text; NULL: the driver knows no more */
};

/* What the device itself counted since it was probed; 64-bit, monotonic: the
 * driver accumulates clear-on-read and wrapping registers. */
struct port_device_stats {
    uint64_t rx_missed; /* frames refused for want of buffers or FIFO */
    uint64_t rx_errors; /* CRC, length, symbol: never seen by us */
    uint64_t tx_errors;
};

/* A named hardware counter, for `show port N`. */
struct port_counter {
    const char *name; /* the document's name */
    uint64_t value;
};

struct port_limits {
    uint16_t rx_queues_max, tx_queues_max;
    uint16_t rx_size_min, rx_size_max, rx_size_default; /* descriptors */
    uint16_t tx_size_min, tx_size_max, tx_size_default;
    bool size_power_of_two;
    uint16_t size_multiple; /* 1: any */
    uint16_t descriptor_bytes; /* memory that one takes, with what belongs to it; 0: 64 */
    uint32_t max_frame;     /* longest frame without FCS, two tags included, at the largest MTU */
    uint32_t offloads;      /* PORT_OFFLOAD_*: what it can do for us */
    uint16_t unicast_max;   /* stations beside itself that it can listen for; who wants more of
                             * them is promiscuous */
};

struct port_rx_mode {
    bool promiscuous, all_multicast;
    const uint8_t (*multicast)[MAC_LEN]; /* wanted group addresses; kept valid by the caller */
    const uint8_t (*unicast)[MAC_LEN];   /* of stations, besides its own; likewise */
    uint16_t multicast_count, unicast_count;
};

/* Mandatory unless marked optional (NULL allowed). */
struct port_ops {
    int (*start)(struct port *port);
    void (*stop)(struct port *port); /* no DMA lands afterwards; frees what it held */
    void (*link)(struct port *port, struct port_link *link); /* cheap; polled */
    void (*stats)(struct port *port, struct port_device_stats *stats);
    int (*set_mac)(struct port *port, const uint8_t mac[MAC_LEN]);          /* optional */
    int (*set_rx_mode)(struct port *port, const struct port_rx_mode *mode); /* optional */
    int (*set_mtu)(struct port *port, uint16_t mtu);                        /* optional */
    /* optional: of those declared, these are wanted from now on, others not; ports that declare
     * none have none.  Frames that are in its rings already come by the new rule. */
    int (*set_offloads)(struct port *port, uint32_t offloads);
    /* optional, for devices that hear the frames of a VLAN only when told so (functions behind a
     * switch of the device's own): they are wanted, or not any more. */
    int (*vlan_filter)(struct port *port, uint16_t vid, bool on);
    /* optional: receive queues that interrupt who rests.  On: the next frame that comes in raises
     * at least one interrupt; what came in before need not, it is looked for afterwards.  Off:
     * no more of them than are under way.  On the worker that polls it, while it is attached and
     * `queue->interrupts`.  On PCI, receive queue q raises MSI-X entry port->first_vector + q:
     * start() calls pci_msix_on() and tells the device so, port_give_queue() says where the entry
     * leads. */
    void (*arm)(struct port_queue *queue, bool on);
    /* optional: how a queue of it goes about its bursts now, and what keeps it from a faster way;
     * static text. */
    const char *(*path)(const struct port_queue *queue);
    /* optional: fills up to n rows, returns how many. */
    unsigned (*counters)(struct port *port, struct port_counter *rows, unsigned n);
    /* optional, also while stopped: mailboxes, resets by somebody else, timers.  Called from
     * the control slice every millisecond or so; never waits.  True: look at the link now. */
    bool (*poll)(struct port *port, uint64_t now_us);
    /* optional: what poll() found to be done and asked for (port_ask_service()), and what may
     * wait for the device. */
    void (*service)(struct port *port);
};

struct port {
    /* hot, read only while running */
    struct port_queue *rxq[PORT_QUEUES_MAX];
    struct port_queue *txq[PORT_QUEUES_MAX];
    uint16_t rx_queues, tx_queues; /* in use */
    uint16_t number;               /* from port_register, its own while it is registered */
    uint16_t mtu;                  /* of the layer above Ethernet */
    uint16_t first_mtu;            /* as it was registered */
    uint16_t first_vector;         /* on PCI: MSI-X entry of receive queue 0 */
    uint16_t vlan;                 /* the one whose access port it is (apps/forward/access.h); 0 */
    uint32_t offloads;             /* asked for; begins with none */
    enum port_state state;
    bool admin_up; /* `port N up|down`; ports begin up */
    uint8_t mac[MAC_LEN];
    uint8_t permanent_mac[MAC_LEN];

    const struct port_ops *ops;
    struct port *uplink; /* of a VF: its PF's port, when it is here too; set by port_register() */
    const struct vf_ops *vf; /* a PF's master driver (nic/vf.h); NULL: it makes no VFs */
    unsigned vf_max, vf_count; /* the most it can make; in force now */
    bool vf_unisolated; /* those in force may reach each other past the IOMMU: as was asked for */
    unsigned moves; /* times that its device asked to tell the wire our addresses: it was moved */
    uint64_t faults; /* DMA faults of its device, counted by whoever acts on them */
    /* A port whose settings somebody else grants (the PF of a VF): a request is on its
     * way, and why the last one was refused (static text, NULL: it was not). */
    bool pending;
    const char *refusal;
    const char *driver;  /* "virtio", "e1000", "ring", ... */
    /* Why it is PORT_FAILED, or stopped though it should be up; text that stays; else NULL. */
    const char *failure;
    struct port_limits limits;
    struct port_link link;       /* as last polled by port_poll_link; a stopped port's is down */
    struct port_rx_mode rx_mode; /* as last set */
    struct dma_device *dma;      /* NULL: no device */
    struct pci_function *pci;    /* NULL: not on PCI */
    uint64_t mmio_address;       /* MMIO devices: their base */
    bool unfenced;               /* goes round an IOMMU that is there; port_register() sets
                                  * it for a device without a domain, a driver if it knows more */
    void *priv;                  /* the driver's */
    /* Of a port that somebody added and may take away again: stops, unregisters and frees it;
     * who calls it holds the port.  NULL: it stays while its device does. */
    void (*remove)(struct port *port);

    /* nic/port_hold.c's: who is changing it, and what has to be done when nobody is. */
    struct task *holder;
    unsigned holds;
    uint64_t life; /* tells it from a port that had its number, or its memory, before */
    bool stop_due, service_due;
    struct port_device_stats device_stats; /* as last read */
};

/* For drivers: zeroed memory that starts on a cache line, as queues want it; free() takes it
 * back.  NULL with a log line. */
void *port_alloc(const char *driver, size_t size);

/* Registry: a port gets the lowest number that no port has.  Whoever removes one sees to it
 * beforehand that nobody holds it or its number (apps/forward/forward.h).
 * Registration checks that every mandatory operation is there and that limits
 * make sense, and refuses with a log line and -EINVAL; -ENOSPC when no number is left, -ENOMEM. */
int port_register(struct port *port);
/* The same under a number of the caller's choice, PORT_NONE: the lowest; -EADDRINUSE: it has a
 * port. */
int port_register_at(struct port *port, unsigned number);
/* The end of a PCI driver's probe: registers the port, whose `priv` is the function's
 * driver_data from now on.  With `trouble` (static text) it is failed from the beginning, and
 * the answer is -EIO.  When it cannot be registered `priv` is freed. */
int port_register_probed(struct port *port, const char *trouble);
/* For drivers, before that: the device's address is the port's; where it is no station's, one of
 * our own, locally administered, with a warning, so that the port works.  `name`: for the log. */
void port_take_mac(struct port *port, const char *name, const uint8_t mac[MAC_LEN]);
void port_unregister(struct port *port); /* its number is free again */
struct port *port_get(unsigned number);  /* NULL: no such port; also for workers */
unsigned port_count(void);               /* every number in use is below it */
unsigned port_numbers_left(void);        /* for ports to come */
unsigned port_registrations(void);       /* so far: who saw fewer has ports to look for */
void port_reset_registry(void);          /* tests */
void port_limit_numbers(unsigned most);  /* tests: as if there were no more until the next reset */

/* True when the port's DMA passes an IOMMU, or when it has no device at all. */
bool port_is_fenced(const struct port *port);
/* With `iommu=strict`: from now on port_start() answers -EPERM, with a log line,
 * for a port that is not fenced; it stays stopped. */
void port_require_fence(bool on);
bool port_fence_is_required(void);

/* Who polls the ports.  All four are the control task's to call. */
struct port_pollers {
    void (*detach)(struct port *port);  /* returns when nobody is in the port's bursts any more */
    void (*attach)(struct port *port);  /* lets them in again */
    void (*removal)(struct port *port); /* it is about to be unregistered: let go of it */
    void (*quiesce)(void);              /* returns when nobody holds what port_get() gave before */
};
void port_set_pollers(const struct port_pollers *pollers); /* NULL: nobody polls */
/* Around everything that takes rings away or fills them anew: port_stop() and port_fail() detach,
 * whoever starts the port again attaches; and a driver that restarts its device by itself does
 * both, in an operation or in its poll(). */
void port_detach(struct port *port);
void port_attach(struct port *port); /* nothing happens to a port that does not run */

/* One at a time changes a port.  Where a driver waits for its device inside a task, the poll
 * loop and other tasks run meanwhile (task_deadline_passed()); they find the port held and leave
 * it alone.  Every wrapper below holds the port while it works; who calls several in a row holds
 * it around them.  A port that is held is not removed but by its holder.
 *
 * Holding is counted.  0, or -EBUSY when somebody else has it. */
int port_hold(struct port *port);
void port_release(struct port *port);
bool port_is_busy(const struct port *port); /* held by somebody else */
/* The same, and inside a task it is waited for, with a limit.  -ENODEV: it went meanwhile, and
 * `port` points to nothing. */
int port_hold_wait(struct port *port);
/* For drivers' poll(): service() is called from a task that may wait, or at once where there is
 * none. */
void port_ask_service(struct port *port);

/* For drivers' service(): nothing but a fresh start helps the running port's device, because of
 * what is static text and goes into the log: stop() and start(); what was in its rings is lost.
 * When it is somebody's fault it is done five times in a minute at most; then, and when it does
 * not start, the port is failed. */
struct port_overs {
    unsigned total;
    unsigned recent; /* faults, since recent_us */
    uint64_t recent_us;
};

void port_start_over(struct port *port, struct port_overs *overs, const char *why, bool fault);

/* Wrappers that keep the state machine; drivers are never called directly.
 * All return 0 or -E...; -EIO when the port is failed, -EBUSY and -ENODEV as port_hold_wait(). */
int port_start(struct port *port);
void port_stop(struct port *port);
int port_set_mac(struct port *port,
                 const uint8_t mac[MAC_LEN]); /* refuses group and zero addresses */
int port_set_mtu(struct port *port, uint16_t mtu);
/* -EINVAL when a wanted address is no group's, or no station's; -ENOSPC: more stations than the
 * port's limit. */
int port_set_rx_mode(struct port *port, const struct port_rx_mode *mode);
/* Static text; stops it if running.  In the poll loop the driver's stop() is left to
 * housekeeping: the port is failed and not polled from here on. */
void port_fail(struct port *port, const char *why);
/* True when the link changed since the last poll; a port that was stopped since
 * then went down.  Of a port that somebody changes nothing is new. */
bool port_poll_link(struct port *port);
/* The driver's poll(), where there is one, failed and busy ports left out; true: look at the
 * link. */
bool port_poll(struct port *port, uint64_t now_us);
/* What the device counted; of a busy port as it was when it was read last. */
void port_read_stats(struct port *port, struct port_device_stats *stats);
/* As the driver's counters(); none of a busy port. */
unsigned port_read_counters(struct port *port, struct port_counter *rows, unsigned n);
/* -ENOTSUP beyond what the port declares. */
int port_set_offloads(struct port *port, uint32_t offloads);
/* -EINVAL but for 1 to VLAN_MAX, -ENOSPC when the device has no filter left; 0 also where
 * nobody filters. */
int port_vlan_filter(struct port *port, uint16_t vid, bool on);
/* How many queues to receive with, and so RSS, and as many to send as far as the port has them:
 * stopped ports only (-EBUSY), -EINVAL beyond the limit.  A driver has rxq[] and txq[] filled up
 * to its limits from the beginning, and keeps them: those that are not in use have counted all
 * the same. */
int port_set_queues(struct port *port, uint16_t queues);
/* A receive queue that nobody polls now is about to be polled on that CPU (kernel/cpus.h): its
 * interrupts, where it has some, go there. */
void port_give_queue(struct port *port, unsigned queue, unsigned cpu);
unsigned port_queues_limit(const struct port *port); /* the most to receive with */
/* Of so many that a port can have, those that memory and packets are kept for: as many as there
 * are CPUs to poll them, or sixteen.  Further ones have what is left when they start. */
unsigned port_queues_kept(unsigned limit, unsigned cpus);
/* About what starting it takes with so many queues each way, packets and IOMMU tables for them
 * left out: an estimate that is rather too high. */
uint64_t port_memory(const struct port *port, unsigned rx_queues, unsigned tx_queues);
/* Before any port starts, where memory is short: halves rings that are longer than the usual ones;
 * false: there is none. */
bool ports_shorten_rings(void);
#define RING_SIZE_USUAL 256u

/* A look at a receive queue that costs no call. */
static inline bool port_queue_has_nothing(const struct port_queue *q)
{
    const struct port_watch *watch = &q->watch;
    return watch->word && (load_relaxed(watch->word) & watch->mask) == watch->nothing;
}

static inline uint16_t port_rx_burst(struct port_queue *q, struct packet **p, uint16_t n)
{
    return port_queue_has_nothing(q) ? 0 : load_relaxed (&q->burst)(q, p, n);
}

static inline uint16_t port_tx_burst(struct port_queue *q, struct packet **p, uint16_t n)
{
    return load_relaxed (&q->burst)(q, p, n);
}

/* The longest frame without FCS at that MTU: two tags may come on top of it, a customer's and a
 * provider's. */
#define FRAME_LIMIT(mtu) ((mtu) + ETHERNET_HEADER + 2 * VLAN_TAG)

/* The longest frame without FCS that the port sends and accepts at its MTU, which is such that
 * this is no more than limits.max_frame. */
static inline uint32_t port_frame_limit(const struct port *port)
{
    return FRAME_LIMIT(load_relaxed(&port->mtu));
}

/* True when the frame may be handed to the device: at least FRAME_MIN, at most the
 * longest frame at the port's MTU, and no more than FRAME_SEGMENTS_MAX segments.  `limit` is
 * port_frame_limit(), looked at once for a burst. */
static inline bool port_frame_fits(uint32_t limit, const struct packet *packet)
{
    uint32_t segments = 1;
    uint32_t tag = packet->flags & PACKET_VLAN ? VLAN_TAG : 0;
    if (packet->frame_length < FRAME_MIN || packet->frame_length + tag > limit)
        return false;
    for (const struct packet *p = packet->next; unlikely(p); p = p->next)
        segments++;
    return segments <= FRAME_SEGMENTS_MAX;
}

static inline bool port_can_send(const struct port *port, const struct packet *packet)
{
    return port_frame_fits(port_frame_limit(port), packet);
}

/* What rx_burst returns holds to the rules above, or it is freed and counted. */
static inline bool port_frame_good(const struct port *port, const struct packet_gather *frame)
{
    const struct packet *p = frame->first;
    return !frame->bad && p->frame_length >= FRAME_MIN &&
           p->frame_length + (p->flags & PACKET_VLAN ? VLAN_TAG : 0) <= port_frame_limit(port) &&
           (!p->next || p->length >= PACKET_HEADER_MIN);
}

/* Ports without hardware that are ordinary ports -------------------------------- */

#define RING_QUEUES_MAX 16u /* a wire each, of 4 KiB or more, whether it is used or not */

/* Two ring ports, back to back: what one sends the other receives.  The link is
 * up while both run and the wire is whole.  size: power of two.  0 or -E...;
 * both are registered.  They have one queue each way, or up to so many. */
int ring_port_pair_create(uint16_t size, struct port **a, struct port **b);
int ring_port_pair_create_wide(uint16_t size, uint16_t queues, struct port **a, struct port **b);
/* One that receives what it sends itself.  `number` as for port_register_at(). */
int ring_port_create(unsigned number, struct port **port);
void ring_port_destroy(struct port *port); /* stopped; frees a pair when the second goes */
/* Cuts or restores the wire of a ring pair. */
void ring_port_set_link(struct port *port, bool up);

/* Swallows everything; receives nothing, or, with a `frame` of so many bytes (null_frame_good()),
 * frames of zeros without end, as fast as they are taken. */
int null_port_create(struct port **port);
int null_port_create_at(unsigned number, uint16_t frame, struct port **port);
bool null_frame_good(uint64_t frame);
uint16_t null_port_frame(const struct port *port); /* 0: it receives nothing */
void null_port_destroy(struct port *port);

/* Operations of ports without a device: whatever is asked is so. */
void soft_link(struct port *port, struct port_link *link); /* up */
void soft_stats(struct port *port, struct port_device_stats *stats); /* none: queues count */
int soft_set_mac(struct port *port, const uint8_t mac[MAC_LEN]);
int soft_set_rx_mode(struct port *port, const struct port_rx_mode *mode);
int soft_set_mtu(struct port *port, uint16_t mtu);
