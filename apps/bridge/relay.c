/* relay.c - what a bridge does with frames (relay.h).  unread in this file: 802.1Q. */
#include "apps/bridge/relay.h"

#include "apps/bridge/fdb.h"
#include "apps/bridge/member.h"
#include "apps/forward/interface_stats.h"

/* 01:80:c2:00:00:00 to 0f, as they stand in a key (802.1Q 8.6.3, table 8-1). */
#define RESERVED_ADDRESS 0x0000c28001ull
#define RESERVED_ADDRESS_MASK 0x00f0ffffffffffull

#define FINE (-1) /* beside the drop reasons */
#define NOBODY UINT64_MAX
#define NOWHERE UINT32_MAX

struct numbered members;

_Static_assert(PORT_BURST <= 32, "a burst's frames are bits of a word");

/* A burst on its way.  Those for one member in a row move up in the burst's own array. */
struct passage {
    struct worker *worker;
    struct bridge *bridge;
    struct member *in;
    bool spoken_for; /* somebody else speaks for its wire */
    uint32_t news;   /* bits: sources that the control task must learn */
    struct packet **packet;
    struct fdb_station destination[PORT_BURST], source[PORT_BURST];
    uint16_t port[PORT_BURST]; /* behind which the destination is; PORT_NONE: nobody knows */
    /* packet[first] to packet[end - 1] are for this member, whose port has this number */
    const struct member *out;
    uint32_t out_number; /* NOWHERE: there is none yet */
    unsigned first, end;
    /* For the bridge's own interface, when it has an address. */
    uint64_t own; /* its MAC; NOBODY: nothing is delivered */
    uint16_t ups;
    struct packet *up[PORT_BURST];
};

/* One wire ------------------------------------------------------------------ */

/* Who speaks for the member; NULL: it does. */
static const struct member *speaker(const struct member *m)
{
    const struct member *speaker = load_acquire(&m->speaker);
    bool shared = unlikely(speaker) && load_relaxed(&m->port->uplink->state) == PORT_RUNNING;
    return shared ? speaker : NULL;
}

static bool share_wire(const struct member *a, const struct member *b)
{
    const struct member *for_a = speaker(a), *for_b = speaker(b);
    return (for_a ? for_a : a) == (for_b ? for_b : b);
}

/* The member of that number, if any; one that went to another bridge meanwhile is none. */
static struct member *member_in(const struct bridge *bridge, uint16_t number)
{
    struct member *member = member_of(number);
    return member && member->bridge == bridge ? member : NULL;
}

/* What a member hears that does not speak for its wire, the speaker has heard as well, or has
 * sent itself: all but frames for the member's own address from stations on its wire. */
static bool is_copy(const struct passage *way, unsigned i)
{
    const struct fdb_station *source = &way->source[i];
    uint16_t number;
    if ((way->destination[i].key & MAC_WORD) != load_relaxed(&way->in->interface->mac_word))
        return true;
    fdb_lookup(source->key, source->hash, &number);
    const struct member *home = member_in(way->bridge, number);
    return home && !share_wire(home, way->in);
}

/* An I350 that listens to all hears also what is for one of its VFs, whose own port has it. */
static bool is_for_others(const struct passage *way, unsigned i)
{
    const struct mac_list *others = load_acquire(&way->in->others);
    uint64_t mac = way->destination[i].key & MAC_WORD;
    for (unsigned k = 0; unlikely(others) && k < others->count; k++)
        if (others->mac[k] == mac)
            return true;
    return false;
}

/* Flooding ------------------------------------------------------------------- */

/* A copy that cannot be made counts as made and dropped. */
static void send_copy(struct worker *worker, const struct member *out, const struct packet *packet)
{
    struct port_counters *counters = forward_counters(worker, packet->port);
    struct packet *copy = packet_copy(&worker->cache, packet);
    counter_add(&counters->copied, 1);
    if (copy)
        forward_send(worker, out->port, copy);
    else
        counter_add(&counters->drops[DROP_no_buffer], 1);
}

/* The next member from *place on that a frame which came in by `in` (NULL: from above) is
 * flooded to. */
static const struct member *flood_next(const struct flood_list *list, const struct member *in,
                                       unsigned *place)
{
    while (list && *place < list->count) {
        const struct member *out = list->member[(*place)++];
        if (!speaker(out) && !(in && share_wire(in, out)))
            return out;
    }
    return NULL;
}

/* Sends what waits for one member. */
static void run_end(struct passage *way)
{
    unsigned first = way->first;
    way->first = way->end;
    if (way->end != first)
        forward_send_burst(way->worker, way->out->port, way->packet + first,
                           (uint16_t)(way->end - first));
}

/* The last member gets the frame itself.  No frame overtakes those that came before. */
static void flood(struct passage *way, struct packet *packet)
{
    const struct flood_list *list = load_acquire(&way->bridge->flood);
    unsigned place = 0;
    const struct member *out = flood_next(list, way->in, &place), *next;
    run_end(way);
    if (!out) {
        forward_drop(way->worker, packet->port, DROP_no_peer, packet);
        return;
    }
    for (; (next = flood_next(list, way->in, &place)); out = next)
        send_copy(way->worker, out, packet);
    forward_send(way->worker, out->port, packet);
}

/* Frames that came in --------------------------------------------------------- */

/* What was seen before the link went down, or in another bridge, is out of date. */
static void take_note(struct worker *control, const struct note *note)
{
    const struct member *member = member_of(note->port);
    if (member && member->bridge->fid == note->code && member->interface->up)
        fdb_learn(fdb_key(note->code, note->mac), note->port);
}

/* 802.1Q 8.7: from the source of every frame that was received well. */
static void learn(struct passage *way, const struct packet *packet)
{
    struct note note = { .handle = take_note,
                         .port = way->in->port->number,
                         .code = way->bridge->fid };
    memcpy(note.mac, packet->data + MAC_LEN, MAC_LEN);
    forward_note(way->worker, &note); /* when the ring is full, a later frame will do */
}

/* Each frame of the burst goes up once at most. */
static void deliver(struct passage *way, struct packet *packet)
{
    packet->interface = way->bridge->interface->number;
    way->up[way->ups++] = packet;
}

/* A group's frame: up goes a copy, or the frame itself when it has no other way. */
static void flood_and_deliver(struct passage *way, struct packet *packet)
{
    unsigned place = 0;
    if (!flood_next(load_acquire(&way->bridge->flood), way->in, &place)) {
        deliver(way, packet);
        return;
    }
    struct port_counters *counters = forward_counters(way->worker, packet->port);
    struct packet *copy = packet_copy(&way->worker->cache, packet);
    counter_add(&counters->copied, 1);
    if (copy)
        deliver(way, copy);
    else
        counter_add(&counters->drops[DROP_no_buffer], 1);
    flood(way, packet);
}

/* For the bridge itself, or for it too: done with. */
static bool deliver_own(struct passage *way, struct packet *packet, uint64_t destination)
{
    if ((destination & MAC_WORD) == way->own)
        deliver(way, packet);
    else if (destination & FDB_KEY_GROUP)
        flood_and_deliver(way, packet);
    else
        return false;
    return true;
}

/* What is asked once of a destination's port for frames in a row.  False: the frame is done with,
 * it went another way. */
static bool turn_to(struct passage *way, struct packet *packet, uint16_t number)
{
    const struct member *out = member_in(way->bridge, number);
    if (!out) {
        flood(way, packet);
        return false;
    }
    if (share_wire(way->in, out)) {
        forward_drop(way->worker, packet->port, DROP_same_port, packet);
        return false;
    }
    if (out != way->out)
        run_end(way);
    way->out = out;
    way->out_number = number;
    return true;
}

/* Why a frame is not relayed, whatever the bridge knows. */
static inline int frame_fault(uint64_t destination, uint64_t source)
{
    if ((destination & RESERVED_ADDRESS_MASK) == RESERVED_ADDRESS)
        return DROP_reserved_address;
    if (source & FDB_KEY_GROUP)
        return DROP_group_source;
    return unlikely(!(source & MAC_WORD)) ? DROP_zero_source : FINE;
}

static inline int fault_of(struct passage *way, unsigned i)
{
    int fault = frame_fault(way->destination[i].key, way->source[i].key);
    if (fault != FINE)
        return fault;
    if (unlikely(way->news >> i & 1))
        learn(way, way->packet[i]);
    bool copy = unlikely(way->spoken_for) ? is_copy(way, i) : is_for_others(way, i);
    return unlikely(copy) ? DROP_shared_wire : FINE;
}

static void relay(struct passage *way, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct packet *p = way->packet[i];
        int fault = fault_of(way, i);
        if (unlikely(fault != FINE))
            forward_drop(way->worker, p->port, (enum drop_reason)fault, p);
        else if (unlikely(way->own != NOBODY) && deliver_own(way, p, way->destination[i].key))
            continue; /* no group is in the table */
        else if (way->port[i] == way->out_number || turn_to(way, p, way->port[i]))
            way->packet[way->end++] = p;
    }
    run_end(way);
}

/* Headers, then both buckets of both addresses, are under way before the first of them is looked
 * at.  Who does not speak for its wire is no talker of it. */
static void look_up(struct passage *way, unsigned n)
{
    uint64_t fid = (uint64_t)way->bridge->fid << 48;
    for (unsigned i = 0; i < n; i++)
        __builtin_prefetch(way->packet[i]->data);
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *frame = way->packet[i]->data;
        way->destination[i].key = fid | (load_le64(frame) & MAC_WORD);
        way->source[i].key = fid | load_le64(frame + ETHERNET_SOURCE - 2) >> 16;
    }
    fdb_prefetch_burst(way->destination, n);
    fdb_prefetch_burst(way->source, n);
    way->news = 0;
    if (likely(!way->spoken_for))
        way->news = fdb_refresh_burst(way->source, way->in->port->number, n);
    fdb_lookup_burst(way->destination, way->port, n);
}

static void passage_begin(struct passage *way, struct worker *worker, struct member *in)
{
    struct interface *up = in->bridge->interface;
    way->worker = worker;
    way->bridge = in->bridge;
    way->in = in;
    way->spoken_for = speaker(in);
    way->out = NULL;
    way->out_number = NOWHERE;
    way->first = way->end = 0;
    bool wanted = load_relaxed(&up->addresses) || load_relaxed(&up->vlans);
    way->own = wanted ? load_relaxed(&up->mac_word) : NOBODY;
    way->ups = 0;
}

static void send_up(struct passage *way)
{
    struct interface *up = way->bridge->interface;
    interface_count_rx(up, way->worker->number, way->up, way->ups);
    interface_burst_fn *input = load_acquire(&up->input);
    input(way->worker, up, way->up, way->ups);
}

void bridge_input(struct worker *worker, struct interface *interface, struct packet **packets,
                  uint16_t n)
{
    struct member *in = member_of(interface->port->number);
    struct passage way;
    if (unlikely(!in)) { /* it left a moment ago */
        forward_drop_burst(worker, packets[0]->port, DROP_no_peer, packets, n);
        return;
    }
    if (unlikely(load_relaxed(&in->bridge->down))) {
        forward_drop_burst(worker, packets[0]->port, DROP_stopped, packets, n);
        return;
    }
    passage_begin(&way, worker, in);
    way.packet = packets;
    look_up(&way, n);
    relay(&way, n);
    if (way.ups)
        send_up(&way);
}

/* What IP sends --------------------------------------------------------------- */

/* Frames that the appliance made are counted where they leave. */
static void send_one(struct worker *worker, const struct member *out, struct packet *packet)
{
    if (packet->port == PORT_NONE)
        counter_add(&forward_counters(worker, out->port->number)->originated, 1);
    forward_send(worker, out->port, packet);
}

static void send_copy_of(struct worker *worker, const struct member *out,
                         const struct packet *packet)
{
    if (packet->port != PORT_NONE) {
        send_copy(worker, out, packet);
        return;
    }
    struct packet *copy = packet_copy(&worker->cache, packet);
    if (copy)
        send_one(worker, out, copy);
}

static void drop_unsent(struct worker *worker, const struct bridge *bridge, struct packet *packet)
{
    interface_count_drop(bridge->interface, worker->number, DROP_no_peer);
    if (packet->port == PORT_NONE)
        packet_free(&worker->cache, packet);
    else
        forward_drop(worker, packet->port, DROP_no_peer, packet);
}

/* `out`: where it is known to go; NULL: to all members. */
static void send_down(struct worker *worker, const struct bridge *bridge, const struct member *out,
                      struct packet *packet)
{
    const struct flood_list *list = out ? NULL : load_acquire(&bridge->flood);
    const struct member *next;
    unsigned place = 0;
    if (!out)
        out = flood_next(list, NULL, &place);
    if (!out) {
        drop_unsent(worker, bridge, packet);
        return;
    }
    interface_count_tx(bridge->interface, worker->number, &packet, 1);
    for (; (next = flood_next(list, NULL, &place)); out = next)
        send_copy_of(worker, out, packet);
    send_one(worker, out, packet);
}

void bridge_output(struct worker *worker, struct interface *interface, struct packet **packets,
                   uint16_t n)
{
    const struct bridge *bridge = load_acquire(&interface->bridge);
    struct fdb_station destination[PORT_BURST];
    uint16_t port[PORT_BURST];
    for (unsigned i = 0; i < n; i++)
        destination[i].key = fdb_key(bridge->fid, packets[i]->data);
    fdb_prefetch_burst(destination, n);
    fdb_lookup_burst(destination, port, n);
    for (unsigned i = 0; i < n; i++)
        if (unlikely(load_relaxed(&bridge->down)))
            drop_unsent(worker, bridge, packets[i]);
        else
            send_down(worker, bridge, member_in(bridge, port[i]), packets[i]);
}
