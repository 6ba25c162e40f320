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

struct numbered members;

/* As the table takes it. */
struct address {
    uint64_t key, hash;
};

/* A burst on its way. */
struct passage {
    struct worker *worker;
    struct bridge *bridge;
    struct member *in;
    uint64_t learned; /* the key of the source that was looked at last */
    /* For the bridge's own interface, when it has an address. */
    uint64_t own; /* its MAC; NOBODY: nothing is delivered */
    uint16_t ups;
    struct packet *up[PORT_BURST];
};

static struct address read_address(const struct bridge *bridge, const uint8_t *mac)
{
    struct address address = { .key = fdb_key(bridge->fid, mac) };
    address.hash = fdb_prefetch(address.key);
    return address;
}

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

/* The member behind which a station is; one that went to another bridge meanwhile is none. */
static struct member *find_station(const struct bridge *bridge, const struct address *station)
{
    uint16_t number;
    if (!fdb_lookup(station->key, station->hash, &number))
        return NULL;
    struct member *member = member_of(number);
    return member && member->bridge == bridge ? member : NULL;
}

/* What a member hears that does not speak for its wire, the speaker has heard as well, or has
 * sent itself: all but frames for the member's own address from stations on its wire. */
static bool is_copy(const struct passage *way, const struct address *destination,
                    const struct address *source)
{
    if ((destination->key & MAC_WORD) != load_relaxed(&way->in->interface->mac_word))
        return true;
    const struct member *home = find_station(way->bridge, source);
    return home && !share_wire(home, way->in);
}

/* An I350 that listens to all hears also what is for one of its VFs, whose own port has it. */
static bool is_for_others(const struct member *in, const struct address *destination)
{
    const struct mac_list *others = load_acquire(&in->others);
    uint64_t mac = destination->key & MAC_WORD;
    for (unsigned i = 0; others && i < others->count; i++)
        if (others->mac[i] == mac)
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

/* The last member gets the frame itself. */
static void flood(const struct passage *way, struct packet *packet)
{
    const struct flood_list *list = load_acquire(&way->bridge->flood);
    unsigned place = 0;
    const struct member *out = flood_next(list, way->in, &place), *next;
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
static void learn(struct passage *way, const struct packet *packet, const struct address *source)
{
    uint16_t number = way->in->port->number;
    struct note note = { .handle = take_note, .port = number, .code = way->bridge->fid };
    if (source->key == way->learned)
        return;
    way->learned = source->key;
    if (likely(fdb_refresh(source->key, source->hash, number)))
        return;
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

static void relay(struct passage *way, struct packet *packet, const struct address *destination)
{
    if (unlikely(way->own != NOBODY)) {
        if ((destination->key & MAC_WORD) == way->own) {
            deliver(way, packet);
            return;
        }
        if (destination->key & FDB_KEY_GROUP) {
            flood_and_deliver(way, packet);
            return;
        }
    }
    struct member *out = find_station(way->bridge, destination); /* no group is in there */
    if (!out)
        flood(way, packet);
    else if (share_wire(way->in, out))
        forward_drop(way->worker, packet->port, DROP_same_port, packet);
    else
        forward_send(way->worker, out->port, packet);
}

/* Why a frame is not relayed, whatever the bridge knows. */
static int frame_fault(const struct address *destination, const struct address *source)
{
    if ((destination->key & RESERVED_ADDRESS_MASK) == RESERVED_ADDRESS)
        return DROP_reserved_address;
    if (source->key & FDB_KEY_GROUP)
        return DROP_group_source;
    return unlikely(!(source->key & MAC_WORD)) ? DROP_zero_source : FINE;
}

/* The same for a frame that came in by a member that does not speak for its wire. */
static int spoken_for_fault(const struct passage *way, const struct address *destination,
                            const struct address *source)
{
    int fault = frame_fault(destination, source);
    return fault == FINE && is_copy(way, destination, source) ? DROP_shared_wire : fault;
}

static int listener_fault(struct passage *way, const struct packet *packet,
                          const struct address *destination, const struct address *source)
{
    int fault = frame_fault(destination, source);
    if (fault != FINE)
        return fault;
    learn(way, packet, source);
    return is_for_others(way->in, destination) ? DROP_shared_wire : FINE;
}

/* Headers, then both buckets of both addresses, are under way before the first
 * of them is looked at.  A talker's frames come in rows: it is learned once a row. */
static void receive_burst(struct passage *way, struct packet **packets, uint16_t n)
{
    struct address destination[PORT_BURST], source[PORT_BURST];
    for (uint16_t i = 0; i < n; i++)
        __builtin_prefetch(packets[i]->data);
    for (uint16_t i = 0; i < n; i++) {
        destination[i] = read_address(way->bridge, packets[i]->data);
        source[i] = read_address(way->bridge, packets[i]->data + MAC_LEN);
    }
    bool spoken_for = speaker(way->in);
    for (uint16_t i = 0; i < n; i++) {
        int fault = unlikely(spoken_for)
                        ? spoken_for_fault(way, &destination[i], &source[i])
                        : listener_fault(way, packets[i], &destination[i], &source[i]);
        if (fault == FINE)
            relay(way, packets[i], &destination[i]);
        else
            forward_drop(way->worker, packets[i]->port, (enum drop_reason)fault, packets[i]);
    }
}

static void passage_begin(struct passage *way, struct worker *worker, struct member *in)
{
    struct interface *up = in->bridge->interface;
    way->worker = worker;
    way->bridge = in->bridge;
    way->in = in;
    way->learned = 0;
    way->own = load_relaxed(&up->addresses) ? load_relaxed(&up->mac_word) : NOBODY;
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
    receive_burst(&way, packets, n);
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
    for (uint16_t i = 0; i < n; i++) {
        struct address destination = read_address(bridge, packets[i]->data);
        if (unlikely(load_relaxed(&bridge->down)))
            drop_unsent(worker, bridge, packets[i]);
        else
            send_down(worker, bridge, find_station(bridge, &destination), packets[i]);
    }
}
