/* worker.c - the data path of one worker, and what all of them have (worker.h). */
#include "apps/forward/worker.h"

#include "apps/forward/access.h"
#include "apps/forward/flow_part.h"
#include "apps/forward/interface.h"
#include "kernel/cpus.h"
#include "kernel/task.h"
#include "kernel/time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NOTES 1024u /* ring from a worker to the control task */
#define LANE 1024u  /* ring from a worker to another: some bursts */
#define FLOWS 1024u /* likewise, of frames that came in */
#define LOOKS 16u   /* at queues that have nothing, before that is the answer */
/* At most, before a turn ends: */
#define ROUNDS 8u
#define FRAMES_A_TURN 256u
#define EMPTY_TLB_US (100 * US_PER_MS)

static struct {
    struct worker *worker[WORKERS_MAX];
    unsigned count; /* 0 before workers_create() */
    port_input_fn *port_input;
    void (*turn)(struct worker *worker);
    void (*wake)(unsigned number);
    drop_tap_fn *drop_tap;
    uint16_t burst;   /* the most to make at once */
    uint16_t receive; /* the most to take at once: that, or nothing */
} workers = { .burst = PORT_BURST, .receive = PORT_BURST };

struct worker *control_worker(void)
{
    return workers.worker[0];
}

unsigned worker_count(void)
{
    return workers.count;
}

struct worker *worker_get(unsigned number)
{
    return number < workers.count ? workers.worker[number] : NULL;
}

unsigned workers_first(void)
{
    return workers.count >= WORKERS_CONTROL_ALONE ? 1 : 0;
}

void workers_set_wake(void (*wake)(unsigned number))
{
    workers.wake = wake;
}

void workers_wake(unsigned number)
{
    if (workers.wake)
        workers.wake(number);
}

/* After something was put where another worker looks.  Either it sees that before it halts, or we
 * see that it rests: between what we wrote and our look, as between its flag and its look, lies a
 * full barrier (turns_rest()).  From here on it counts as running. */
static void worker_notify(struct worker *from, struct worker *to)
{
    __atomic_fetch_add(&from->barrier, 1, __ATOMIC_SEQ_CST);
    if (unlikely(__atomic_load_n(&to->turns.resting, __ATOMIC_SEQ_CST))) {
        turns_rest(&to->turns, false);
        workers_wake(to->number);
    }
}

/* Counting and dropping ------------------------------------------------------ */

static struct worker_port *share_of(const struct worker *worker, uint16_t port)
{
    return numbered_get(&worker->ports, port);
}

struct port_counters *forward_counters(struct worker *worker, uint16_t port)
{
    struct worker_port *share = share_of(worker, port);
    return likely(share) ? &share->counters : &worker->nowhere;
}

/* The second view: packet->interface is set where a frame is handed to one that is no port's. */
static void count_on_interface(struct worker *worker, enum drop_reason why,
                               const struct packet *packet)
{
    struct interface *interface = interface_get(packet->interface);
    if (interface)
        interface_count_drop(interface, worker->number, why);
}

void workers_set_drop_tap(drop_tap_fn *tap)
{
    store_release(&workers.drop_tap, tap);
}

static void tell_drops(uint16_t port, enum drop_reason why, struct packet *const *packets,
                       uint16_t n)
{
    drop_tap_fn *tap = load_acquire(&workers.drop_tap);
    if (unlikely(tap) && n)
        tap(port, why, packets, n);
}

void forward_drop(struct worker *worker, uint16_t port, enum drop_reason why, struct packet *packet)
{
    tell_drops(port, why, &packet, 1);
    counter_add(&forward_counters(worker, port)->drops[why], 1);
    count_on_interface(worker, why, packet);
    packet_free(&worker->cache, packet);
}

void forward_drop_burst(struct worker *worker, uint16_t port, enum drop_reason why,
                        struct packet **packets, uint16_t n)
{
    tell_drops(port, why, packets, n);
    counter_add(&forward_counters(worker, port)->drops[why], n);
    for (uint16_t i = 0; i < n; i++)
        count_on_interface(worker, why, packets[i]);
    packet_free_burst(&worker->cache, packets, n);
}

void forward_consume(struct worker *worker, struct packet *packet)
{
    counter_add(&forward_counters(worker, packet->port)->consumed, 1);
    packet_free(&worker->cache, packet);
}

bool forward_note(struct worker *worker, const struct note *note)
{
    bool posted = spsc_push(&worker->to_control, note);
    if (posted && worker != control_worker())
        worker_notify(worker, control_worker());
    return posted;
}

/* Sending -------------------------------------------------------------------- */

static void drop_from(struct worker *worker, struct worker_port *share, enum drop_reason why,
                      struct packet **packets, uint16_t n)
{
    tell_drops(share->number, why, packets, n);
    counter_add(&share->counters.drops[why], n);
    packet_free_burst(&worker->cache, packets, n);
}

static uint16_t lane_push(struct worker_port *share, struct packet **packets, uint16_t n)
{
    uint16_t sent = 0;
    for (; sent < n; sent++) {
        const struct lane_entry entry = { .packet = packets[sent],
                                          .port = share->number,
                                          .life = share->life };
        if (!spsc_push(share->lane, &entry))
            break;
    }
    return sent;
}

/* Out of this worker: into its own queue, or to the worker that has one. */
static void pass_out(struct worker *worker, struct worker_port *share, struct packet **packets,
                     uint16_t n)
{
    uint16_t sent = 0;
    enum drop_reason why = DROP_tx_down;
    if (likely(load_acquire(&share->open))) {
        if (likely(share->txq)) {
            if (unlikely(load_relaxed(&share->port->vlan)))
                n = access_transmit(&worker->cache, &share->counters, share->port, packets, n);
            sent = port_tx_burst(share->txq, packets, n);
            why = DROP_tx_full;
        } else {
            sent = lane_push(share, packets, n);
            why = DROP_lane_full;
            worker_notify(worker, share->owner);
        }
    }
    if (unlikely(sent < n))
        drop_from(worker, share, why, packets + sent, (uint16_t)(n - sent));
}

static void share_flush(struct worker *worker, struct worker_port *share)
{
    uint16_t n = share->count;
    share->count = 0;
    if (n)
        pass_out(worker, share, share->packets, n);
}

/* Among those that are flushed at the end of the turn. */
static void share_list(struct worker *worker, struct worker_port *share)
{
    if (share->listed)
        return;
    share->listed = true;
    share->next = worker->pending;
    worker->pending = share;
}

static void buffer_push(struct worker *worker, struct worker_port *share, struct packet *packet)
{
    share_list(worker, share);
    share->packets[share->count++] = packet;
    if (share->count == PORT_BURST)
        share_flush(worker, share);
}

void forward_send(struct worker *worker, struct port *out, struct packet *packet)
{
    struct worker_port *share = share_of(worker, out->number);
    if (unlikely(!share))
        forward_drop(worker, PORT_NONE, DROP_tx_down, packet);
    else if (unlikely(packet->frame_length > port_frame_limit(out)))
        drop_from(worker, share, DROP_tx_too_long, &packet, 1);
    else
        buffer_push(worker, share, packet);
}

static bool all_fit(const struct port *out, struct packet **packets, uint16_t n)
{
    uint32_t limit = port_frame_limit(out);
    uint32_t over = 0;
    for (unsigned i = 0; i < n; i++)
        over |= limit - packets[i]->frame_length;
    return !(over >> 31);
}

static void buffer_push_burst(struct worker *worker, struct worker_port *share,
                              struct packet **packets, uint16_t n)
{
    for (uint16_t done = 0, some; done < n; done = (uint16_t)(done + some)) {
        uint16_t room = (uint16_t)(PORT_BURST - share->count), left = (uint16_t)(n - done);
        some = left < room ? left : room;
        share_list(worker, share);
        memcpy(share->packets + share->count, packets + done, some * sizeof *packets);
        share->count = (uint16_t)(share->count + some);
        if (share->count == PORT_BURST)
            share_flush(worker, share);
    }
}

/* A whole burst goes out as it is, when nothing waits in front of it. */
static inline void send_fitting(struct worker *worker, struct worker_port *share,
                                struct packet **packets, uint16_t n)
{
    if (n == PORT_BURST && !share->count)
        pass_out(worker, share, packets, n);
    else
        buffer_push_burst(worker, share, packets, n);
}

void forward_send_burst(struct worker *worker, struct port *out, struct packet **packets,
                        uint16_t n)
{
    struct worker_port *share = share_of(worker, out->number);
    if (likely(share && all_fit(out, packets, n)))
        send_fitting(worker, share, packets, n);
    else
        for (uint16_t i = 0; i < n; i++)
            forward_send(worker, out, packets[i]);
}

/* Where an MTU has just become less the driver refuses what is longer. */
void forward_pass_burst(struct worker *worker, const struct port *in, struct port *out,
                        struct packet **packets, uint16_t n)
{
    struct worker_port *share = share_of(worker, out->number);
    if (likely(share && port_frame_limit(in) <= port_frame_limit(out) && !share->count))
        pass_out(worker, share, packets, n);
    else
        forward_send_burst(worker, out, packets, n);
}

void forward_flush(struct worker *worker)
{
    while (worker->pending) {
        struct worker_port *share = worker->pending;
        worker->pending = share->next;
        share->listed = false;
        share_flush(worker, share);
    }
}

void forward_offer(struct worker *worker, struct port *out, struct packet **packets, uint16_t n)
{
    struct worker_port *share = share_of(worker, out->number);
    uint16_t sent = 0, made = n;
    if (share && load_acquire(&share->open) && share->txq) {
        if (unlikely(load_relaxed(&out->vlan)))
            n = access_transmit(&worker->cache, &share->counters, out, packets, n);
        sent = port_tx_burst(share->txq, packets, n);
        counter_add(&share->counters.originated, made - n + sent);
    }
    packet_free_burst(&worker->cache, packets + sent, (uint16_t)(n - sent));
}

/* Receiving ------------------------------------------------------------------ */

void workers_set_port_input(port_input_fn *input)
{
    store_release(&workers.port_input, input);
}

uint16_t forward_burst(void)
{
    return load_relaxed(&workers.burst);
}

void workers_set_burst(uint16_t burst)
{
    store_relaxed(&workers.burst, burst);
    if (workers.receive)
        store_relaxed(&workers.receive, burst);
}

/* What waited meanwhile wakes nobody by itself. */
void workers_pause(bool paused)
{
    bool again = !workers.receive && !paused;
    store_relaxed(&workers.receive, paused ? 0 : workers.burst);
    for (unsigned i = 0; again && i < workers.count; i++)
        workers_wake(i);
}

void workers_set_turn(void (*turn)(struct worker *worker))
{
    store_release(&workers.turn, turn);
    for (unsigned i = 0; turn && i < workers.count; i++)
        workers_wake(i);
}

static inline void take_in(struct worker *worker, struct port *port, struct interface *interface,
                           struct packet **packets, uint16_t n)
{
    port_input_fn *port_input = load_acquire(&workers.port_input);
    if (port_input)
        port_input(worker, port, packets, n);
    else
        load_acquire (&interface->input)(worker, interface, packets, n);
}

/* Those of a burst that are one other worker's; what its ring has no room for is dropped. */
static void pass_to(struct worker *worker, unsigned to, uint16_t port,
                    const struct flow_entry *entries, uint32_t n)
{
    struct spsc *ring = workers.worker[to]->flows_from[worker->number];
    uint32_t passed = spsc_push_burst(ring, entries, n);
    if (likely(passed))
        worker_notify(worker, workers.worker[to]);
    for (uint32_t i = passed; i < n; i++)
        forward_drop(worker, port, DROP_flows_full, entries[i].packet);
}

/* Frames of flows that are others' go to them; how many stay, in front.  What is no flow stays: of
 * such frames too the order is kept. */
static uint16_t pass_on(struct worker *worker, const struct poll_list *list, uint16_t port,
                        struct packet **packets, uint16_t n)
{
    const uint16_t life = share_of(worker, port)->life;
    struct flow_entry entries[PORT_BURST];
    uint8_t part[PORT_BURST];
    uint64_t parts = 0;
    uint16_t own = 0;
    for (uint16_t i = 0; i < n; i++) {
        part[i] = (uint8_t)flow_part(packets[i], list->targets);
        parts |= 1ull << part[i];
    }
    for (uint64_t left = parts & ~1ull; left; left &= left - 1) {
        unsigned of = (unsigned)__builtin_ctzll(left);
        uint32_t count = 0;
        for (uint16_t i = 0; i < n; i++)
            if (part[i] == of)
                entries[count++] = (struct flow_entry){ .packet = packets[i], .life = life };
        pass_to(worker, list->target[of], port, entries, count);
    }
    for (uint16_t i = 0; i < n; i++)
        if (!part[i])
            packets[own++] = packets[i];
    return own;
}

static unsigned poll_queue(struct worker *worker, const struct poll_list *list,
                           struct port_queue *queue, struct interface *interface)
{
    struct packet *packets[PORT_BURST];
    uint16_t received = port_rx_burst(queue, packets, load_relaxed(&workers.receive)), n = received;
    if (n && unlikely(load_relaxed(&queue->port->vlan)))
        n = access_receive(&worker->cache, forward_counters(worker, queue->port->number),
                           queue->port, packets, n);
    if (n && unlikely(list->targets))
        n = pass_on(worker, list, queue->port->number, packets, n);
    if (n)
        take_in(worker, queue->port, interface, packets, n);
    return received;
}

/* What somebody passed on, in bursts of one port. */
static void take_passed(struct worker *worker, const struct flow_entry *entries, uint32_t count)
{
    struct packet *packets[PORT_BURST];
    struct worker_port *share = NULL;
    uint16_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct worker_port *next = share_of(worker, entries[i].packet->port);
        if (unlikely(!next || next->life != entries[i].life)) {
            forward_drop(worker, PORT_NONE, DROP_stopped, entries[i].packet);
            continue;
        }
        if (n && next != share) {
            take_in(worker, share->port, share->interface, packets, n);
            n = 0;
        }
        share = next;
        packets[n++] = entries[i].packet;
    }
    if (n)
        take_in(worker, share->port, share->interface, packets, n);
}

static unsigned flows_drain(struct worker *worker, struct spsc *ring)
{
    struct flow_entry entries[PORT_BURST];
    unsigned taken = 0;
    uint32_t n;
    do {
        n = spsc_pop_burst(ring, entries, PORT_BURST);
        take_passed(worker, entries, n);
        taken += n;
    } while (n == PORT_BURST && taken < FLOWS);
    return taken;
}

static unsigned lane_drain(struct worker *worker, struct spsc *lane)
{
    struct lane_entry entry;
    unsigned i = 0;
    for (; i < LANE && spsc_pop(lane, &entry); i++) {
        struct worker_port *share = share_of(worker, entry.port);
        if (likely(share) && share->life == entry.life)
            buffer_push(worker, share, entry.packet);
        else
            forward_drop(worker, PORT_NONE, DROP_tx_down, entry.packet);
    }
    return i;
}

static unsigned rings_drain(struct worker *worker)
{
    uint64_t flow_rings = load_acquire(&worker->flows), lanes = load_acquire(&worker->lanes);
    unsigned taken = 0, flows = 0;
    for (; flow_rings; flow_rings &= flow_rings - 1)
        flows += flows_drain(worker, worker->flows_from[__builtin_ctzll(flow_rings)]);
    for (; lanes; lanes &= lanes - 1)
        taken += lane_drain(worker, worker->lane_from[__builtin_ctzll(lanes)]);
    if (flows)
        counter_add(&worker->taken, flows);
    return taken + flows;
}

static bool have_nothing(const struct poll_list *list)
{
    for (unsigned i = 0; i < list->count; i++) {
        const struct port_queue *queue = load_acquire(&list->entry[i].queue);
        if (queue && !port_queue_has_nothing(queue))
            return false;
    }
    return true;
}

static unsigned poll_queues(struct worker *worker, const struct poll_list *list)
{
    unsigned received = 0;
    for (unsigned i = 0; i < list->count; i++) {
        struct port_queue *queue = load_acquire(&list->entry[i].queue);
        if (likely(queue))
            received += poll_queue(worker, list, queue, list->entry[i].interface);
    }
    counter_add(&worker->packets, received);
    return received;
}

/* Each queue and each ring once. */
static unsigned poll_round(struct worker *worker)
{
    const struct poll_list *list = load_acquire(&worker->polls);
    bool rings = load_relaxed(&worker->flows) | load_relaxed(&worker->lanes);
    unsigned looks = LOOKS, taken = 0;
    while (list && !rings && looks && have_nothing(list))
        looks--;
    if (list && looks)
        taken = poll_queues(worker, list);
    return rings ? taken + rings_drain(worker) : taken;
}

/* While frames come the turn goes on; what lies between two turns, most of it the control task's,
 * comes after so many rounds, frames or notes.  Who finds nothing looks some more times first. */
unsigned worker_poll(struct worker *worker)
{
    void (*turn)(struct worker *) = load_acquire(&workers.turn);
    unsigned taken = poll_round(worker);
    if (turn) {
        turn(worker);
        return taken;
    }
    for (unsigned rounds = 1, got = taken;
         got && rounds < ROUNDS && taken < FRAMES_A_TURN && !spsc_fill(&worker->to_control);
         rounds++) {
        forward_flush(worker);
        got = poll_round(worker);
        taken += got;
    }
    return taken;
}

static uint64_t count_time(struct worker *worker, bool busy)
{
    uint64_t now = time_cycles();
    counter_add(busy ? &worker->busy_cycles : &worker->idle_cycles, now - worker->counted_cycles);
    store_relaxed(&worker->counted_cycles, now);
    if (busy)
        worker->busy_at = now;
    return now;
}

void worker_count_idle(struct worker *worker)
{
    count_time(worker, false);
}

uint64_t worker_end_turn(struct worker *worker, bool busy)
{
    if (worker->number) /* nobody waits for worker 0 */
        turns_end(&worker->turns);
    uint64_t now = count_time(worker, busy);
    if (unlikely(now >= worker->empty_tlb_at)) {
        worker->empty_tlb_at = now + EMPTY_TLB_US * time_cycles_per_us();
        cpu_empty_tlb();
    }
    return now;
}

/* A mode's frames leave by queues of the worker's own. */
static bool makes_frames(const struct worker *worker)
{
    return load_relaxed(&workers.turn) && load_relaxed(&worker->sends);
}

bool worker_has_duties(const struct worker *worker)
{
    const struct poll_list *list = load_acquire(&worker->polls);
    bool duties = (list && list->count) || makes_frames(worker);
    for (unsigned i = 0; !duties && i < workers.count; i++)
        duties = load_relaxed(&worker->lane_from[i]) || load_relaxed(&worker->flows_from[i]);
    return duties;
}

static uint32_t ring_fill(struct spsc *const *at)
{
    const struct spsc *ring = load_acquire(at);
    return ring ? load_acquire(&ring->tail) - load_acquire(&ring->head) : 0;
}

bool worker_finds_nothing(const struct worker *worker)
{
    for (unsigned i = 0; i < workers.count; i++) {
        struct spsc *notes = worker->number ? NULL : &workers.worker[i]->to_control;
        if (ring_fill(&worker->lane_from[i]) || ring_fill(&worker->flows_from[i]) ||
            ring_fill(&notes))
            return false;
    }
    return true;
}

const struct port_queue *forward_tx_queue(const struct worker *worker, const struct port *out)
{
    const struct worker_port *share = share_of(worker, out->number);
    return share && load_acquire(&share->open) ? share->txq : NULL;
}

void worker_run(struct worker *worker, const bool *stop, void (*idle)(struct worker *worker))
{
    turns_park(&worker->turns, false);
    worker->busy_at = time_cycles();
    store_relaxed(&worker->counted_cycles, worker->busy_at); /* statistics may look */
    while (!load_acquire(stop)) {
        bool busy = worker_poll(worker) || makes_frames(worker);
        forward_flush(worker);
        worker_end_turn(worker, busy);
        if (!busy) {
            idle(worker);
            worker_count_idle(worker); /* the rest is no part of the turn that follows */
        } else if (unlikely(worker->disarm)) {
            worker->disarm(worker);
        }
    }
    turns_park(&worker->turns, true);
}

/* What interfaces begin with: nobody takes the frames, and a port's leave by the port. */
static void drop_input(struct worker *worker, struct interface *interface, struct packet **packets,
                       uint16_t n)
{
    for (uint16_t i = 0; i < n; i++)
        forward_drop(worker, packets[i]->port, DROP_ethertype, packets[i]);
}

static void port_output(struct worker *worker, struct interface *interface, struct packet **packets,
                        uint16_t n)
{
    forward_send_burst(worker, interface->port, packets, n);
}

/* Control task --------------------------------------------------------------- */

static struct worker *worker_create(unsigned number, struct packet_pool *pool)
{
    struct worker *worker = aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof *worker, (size_t)CACHE_LINE));
    if (!worker)
        return NULL;
    memset(worker, 0, sizeof *worker);
    worker->number = number;
    worker->counted_cycles = time_cycles();
    packet_cache_init(&worker->cache, pool);
    if (!spsc_init(&worker->to_control, NOTES, sizeof(struct note)))
        return worker;
    free(worker);
    return NULL;
}

static void ring_destroy(struct spsc *ring)
{
    if (ring)
        spsc_free(ring);
    free(ring);
}

static void worker_destroy(struct worker *worker)
{
    struct lane_entry entry;
    struct flow_entry flow;
    for (unsigned i = 0; i < WORKERS_MAX; i++) {
        while (worker->lane_from[i] && spsc_pop(worker->lane_from[i], &entry))
            packet_free(&worker->cache, entry.packet);
        while (worker->flows_from[i] && spsc_pop(worker->flows_from[i], &flow))
            packet_free(&worker->cache, flow.packet);
        ring_destroy(worker->lane_from[i]);
        ring_destroy(worker->flows_from[i]);
    }
    for (unsigned i = 0; i < worker->ports.limit; i++)
        free(numbered_get(&worker->ports, i));
    numbered_free(&worker->ports);
    packet_cache_flush(&worker->cache);
    spsc_free(&worker->to_control);
    free(worker->polls);
    free(worker);
}

int workers_create(unsigned count, struct packet_pool *pool)
{
    interface_set_defaults(drop_input, port_output);
    for (; workers.count < count; workers.count++) {
        struct worker *worker = worker_create(workers.count, pool);
        if (!worker) {
            workers_destroy();
            return -ENOMEM;
        }
        workers.worker[workers.count] = worker;
        quiesce_add(&worker->turns);
    }
    return 0;
}

void workers_destroy(void)
{
    while (workers.count)
        worker_destroy(workers.worker[--workers.count]);
    quiesce_reset();
    memset(&workers, 0, sizeof workers);
    workers.burst = workers.receive = PORT_BURST;
}

static int share_create(struct worker *worker, struct port *port, uint16_t life)
{
    struct worker_port *share =
        aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof *share, (size_t)CACHE_LINE));
    if (!share)
        return -ENOMEM;
    memset(share, 0, sizeof *share);
    share->port = port;
    share->number = port->number;
    share->life = life;
    int e = numbered_set(&worker->ports, port->number, share);
    if (e)
        free(share);
    return e;
}

int workers_add_port(struct port *port)
{
    static uint16_t life;
    life++;
    for (unsigned i = 0; i < workers.count; i++)
        if (share_create(workers.worker[i], port, life)) {
            workers_remove_port(port);
            return -ENOMEM;
        }
    return 0;
}

void workers_set_interface(struct port *port, struct interface *interface)
{
    for (unsigned i = 0; i < workers.count; i++)
        share_of(workers.worker[i], port->number)->interface = interface;
}

void workers_remove_port(struct port *port)
{
    for (unsigned i = 0; i < workers.count; i++) {
        struct worker_port *share = share_of(workers.worker[i], port->number);
        numbered_clear(&workers.worker[i]->ports, port->number);
        if (share)
            retire(free, share);
    }
}

/* A ring from one worker to another, made when it is first needed: `made` gets its bit. */
static struct spsc *ring_get(struct spsc **rings, uint64_t *made, unsigned from, uint32_t count,
                             uint32_t element_size)
{
    struct spsc *ring = rings[from];
    if (ring)
        return ring;
    ring = aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof *ring, (size_t)CACHE_LINE));
    if (!ring || spsc_init(ring, count, element_size)) {
        free(ring);
        return NULL;
    }
    store_release(&rings[from], ring);
    store_release(made, *made | 1ull << from);
    return ring;
}

static struct spsc *lane_get(struct worker *from, struct worker *to)
{
    return ring_get(to->lane_from, &to->lanes, from->number, LANE, sizeof(struct lane_entry));
}

int workers_connect_flows(unsigned from, unsigned to)
{
    struct worker *taker = workers.worker[to];
    bool fresh = !taker->flows_from[from];
    if (!ring_get(taker->flows_from, &taker->flows, from, FLOWS, sizeof(struct flow_entry)))
        return -ENOMEM;
    if (fresh)
        workers_wake(to);
    return 0;
}

/* Workers that poll come first, the control task's own where it does not.  The first queue belongs
 * to who polls the port's peer where queues lie as they are spread: between two ports no frame
 * goes through a lane then. */
unsigned worker_of_tx_queue(const struct port *port, unsigned queue)
{
    unsigned first = workers_first(), polling = workers.count - first;
    return queue < polling ? first + ((port->number ^ 1u) + queue) % polling : 0;
}

static struct port_queue *queue_of(const struct worker *worker, const struct port *port)
{
    for (unsigned q = 0; q < port->tx_queues; q++)
        if (worker_of_tx_queue(port, q) == worker->number)
            return port->txq[q];
    return NULL;
}

static int connect(struct worker *worker, struct port *port)
{
    struct worker_port *share = share_of(worker, port->number);
    unsigned owner = worker_of_tx_queue(port, worker->number % port->tx_queues);
    share->txq = queue_of(worker, port);
    share->owner = workers.worker[owner];
    share->lane = share->txq ? NULL : lane_get(worker, share->owner);
    if (share->txq)
        store_relaxed(&worker->sends, true);
    else
        workers_wake(owner);
    return share->txq || share->lane ? 0 : -ENOMEM;
}

int workers_connect_port(struct port *port)
{
    int e = 0;
    for (unsigned i = 0; !e && i < workers.count; i++)
        e = connect(workers.worker[i], port);
    for (unsigned i = 0; workers.turn && i < workers.count; i++)
        workers_wake(i);
    return e;
}

/* One that does not run at all takes nothing out. */
static void ring_settle(const struct worker *worker, const struct spsc *ring)
{
    uint32_t tail = ring ? load_acquire(&ring->tail) : 0;
    while (ring && (int32_t)(load_acquire(&ring->head) - tail) < 0 &&
           !load_acquire(&worker->turns.parked))
        if (!task_yield())
            __builtin_ia32_pause();
}

/* The control task's own here and now. */
static void settle_own(void)
{
    rings_drain(control_worker());
    forward_flush(control_worker());
}

/* What was taken out of a ring is sent, or lies in a lane, when the turn ends. */
void workers_settle(void)
{
    settle_own();
    for (unsigned i = 1; i < workers.count; i++)
        for (unsigned from = 0; from < workers.count; from++)
            ring_settle(workers.worker[i], workers.worker[i]->flows_from[from]);
    workers_quiesce();
    for (unsigned i = 1; i < workers.count; i++)
        for (unsigned from = 0; from < workers.count; from++)
            ring_settle(workers.worker[i], workers.worker[i]->lane_from[from]);
    workers_quiesce();
    settle_own();
}

void workers_open_port(const struct port *port, bool open)
{
    for (unsigned i = 0; i < workers.count; i++) {
        struct worker_port *share = share_of(workers.worker[i], port->number);
        if (share)
            store_release(&share->open, open);
    }
}

void workers_take_notes(uint32_t most)
{
    struct note note;
    for (unsigned i = 0; i < workers.count; i++) {
        struct spsc *ring = &workers.worker[i]->to_control;
        for (uint32_t n = 0; n < most && n <= ring->mask && spsc_pop(ring, &note); n++)
            note.handle(control_worker(), &note);
    }
}

/* Only the control task takes notes out, so it may also look at those inside. */
static uint64_t notes_held(const struct spsc *ring)
{
    const struct note *notes = ring->slots;
    uint32_t tail = load_acquire(&ring->tail);
    uint64_t held = 0;
    for (uint32_t i = ring->head; i != tail; i++)
        held += notes[i & ring->mask].packet != NULL;
    return held;
}

static uint64_t rings_held(const struct worker *worker)
{
    uint64_t held = 0;
    for (unsigned i = 0; i < workers.count; i++)
        held += ring_fill(&worker->lane_from[i]) + ring_fill(&worker->flows_from[i]);
    return held;
}

uint64_t workers_held(void)
{
    uint64_t held = 0;
    for (unsigned i = 0; i < workers.count; i++)
        held += notes_held(&workers.worker[i]->to_control) + rings_held(workers.worker[i]);
    for (const struct worker_port *p = workers.count ? control_worker()->pending : NULL; p;
         p = p->next)
        held += p->count;
    return held;
}
