/* relay.c - what a bridge does with frames (relay.h).  unread in this file: 802.1Q. */
#include "apps/bridge/relay.h"

#include "apps/bridge/fdb.h"
#include "apps/bridge/fid.h"
#include "apps/bridge/member.h"
#include "apps/bridge/snoop_groups.h"
#include "apps/bridge/snoop_parse.h"
#include "apps/bridge/station.h"
#include "apps/bridge/storm.h"
#include "apps/bridge/vlans.h"
#include "apps/forward/interface_stats.h"
#include "apps/forward/vlan.h"

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
    uint32_t traits; /* of `in` */
    bool spoken_for; /* somebody else speaks for its wire */
    uint32_t news;   /* bits: sources that the control task must learn */
    struct packet **packet;
    struct fdb_station destination[PORT_BURST], source[PORT_BURST];
    uint16_t port[PORT_BURST]; /* behind which the destination is; PORT_NONE: nobody knows */
    /* packet[first] to packet[end - 1] are for this member, whose port has this number */
    const struct member *out;
    uint32_t out_number; /* NOWHERE: there is none yet */
    unsigned first, end;
    const struct snoop_groups *groups; /* who wants them; NULL: all */
    const struct flood_list *list;     /* to whom what is flooded goes; NULL: to all */
    /* In a VLAN-aware bridge, else NULL and 0 throughout. */
    const struct numbered *vlans;
    uint16_t vid[PORT_BURST]; /* each frame's VLAN; 0: none that is allowed there */
    uint16_t out_vid;         /* that of those for `out` */
    bool out_tagged;          /* they have a tag on its wire */
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

/* VLANs ---------------------------------------------------------------------- */

static bool is_tagged(const struct packet *p)
{
    return ethernet_type(p->data) == ETHERTYPE_VLAN;
}

/* The VLAN of a frame that comes in by who is in these; 0: none that is allowed there.  A
 * priority's tag (VID 0) becomes a tag of the PVID: its priority goes on. */
static uint16_t vlan_in(const struct vlan_set *set, struct packet *p)
{
    uint16_t vid = set ? load_relaxed(&set->pvid) : 0;
    if (is_tagged(p)) {
        if (p->length < ETHERNET_HEADER + VLAN_TAG)
            return 0;
        uint16_t tci = load_be16(p->data + VLAN_TCI);
        if (tci & VLAN_TCI_VID)
            vid = tci & VLAN_TCI_VID;
        else
            store_be16(p->data + VLAN_TCI, tci | vid);
    }
    return vlan_set_has(set, vid) ? vid : 0;
}

/* With a tag, or without, as is wanted.  0 or -E... */
static int tag_as(struct worker *worker, struct packet **p, uint16_t vid, bool tagged)
{
    if (is_tagged(*p) == tagged)
        return 0;
    if (!tagged) {
        packet_pop_vlan(*p);
        (*p)->flags &= (uint8_t)~PACKET_VLAN;
        return 0;
    }
    (*p)->vlan = vid;
    return packet_push_vlan(&worker->cache, p);
}

/* As it lies on the member's wire; vid 0: as it is.  False: there was no room for the tag, and
 * the frame is gone. */
static bool dress(struct worker *worker, const struct member *out, struct packet **p, uint16_t vid)
{
    const struct vlan_set *set = vid ? load_acquire(&out->vlans) : NULL;
    if (likely(!set) || likely(!tag_as(worker, p, vid, vid != load_relaxed(&set->pvid))))
        return true;
    forward_drop(worker, out->port->number, DROP_tx_no_buffer, *p);
    return false;
}

/* Flooding ------------------------------------------------------------------- */

static void send_dressed(struct worker *worker, const struct member *out, struct packet *packet,
                         uint16_t vid)
{
    if (dress(worker, out, &packet, vid))
        forward_send(worker, out->port, packet);
}

/* A copy that cannot be made counts as made and dropped. */
static void send_copy(struct worker *worker, const struct member *out, const struct packet *packet,
                      uint16_t vid)
{
    struct port_counters *counters = forward_counters(worker, packet->port);
    struct packet *copy = packet_copy(&worker->cache, packet);
    counter_add(&counters->copied, 1);
    if (copy)
        send_dressed(worker, out, copy, vid);
    else
        counter_add(&counters->drops[DROP_no_buffer], 1);
}

/* Whether a frame of that VLAN may leave by a member at all; vid 0: the bridge knows no VLANs. */
static inline bool may_leave(const struct member *out, uint16_t vid)
{
    return (!vid || vlan_set_has(load_acquire(&out->vlans), vid)) &&
           !(load_relaxed(&out->traits) & TRAITS_CLOSED);
}

/* What is against a frame's leaving by a member that it is flooded to; `in`: NULL from above. */
static uint32_t flood_bars(const struct member *in, const struct packet *p)
{
    uint32_t bars = p->data[0] & 1 ? 0 : TRAIT_UNFLOODED;
    return bars | (in ? load_relaxed(&in->traits) & TRAIT_ISOLATED : 0);
}

/* A frame that is flooded, and to whom. */
struct flooding {
    const struct flood_list *list; /* NULL: to nobody */
    const struct member *in;       /* NULL: from above */
    uint16_t vid;
    uint32_t bars;  /* traits of those that it does not leave by */
    unsigned place; /* in the list */
};

/* The next one; NULL: no more. */
static const struct member *flood_next(struct flooding *f)
{
    while (f->list && f->place < f->list->count) {
        const struct member *out = f->list->member[f->place++];
        if (!speaker(out) && !(f->in && share_wire(f->in, out)) && may_leave(out, f->vid) &&
            !(load_relaxed(&out->traits) & f->bars))
            return out;
    }
    return NULL;
}

static struct flooding flood_begin(const struct passage *way, const struct packet *packet,
                                   uint16_t vid)
{
    return (struct flooding){ .list = way->list ? way->list : load_acquire(&way->bridge->flood),
                              .in = way->in,
                              .vid = vid,
                              .bars = flood_bars(way->in, packet) };
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
static void flood(struct passage *way, struct packet *packet, uint16_t vid)
{
    struct flooding f = flood_begin(way, packet, vid);
    const struct member *out = flood_next(&f), *next;
    run_end(way);
    if (!out) {
        forward_drop(way->worker, packet->port, DROP_no_peer, packet);
        return;
    }
    for (; (next = flood_next(&f)); out = next)
        send_copy(way->worker, out, packet, vid);
    send_dressed(way->worker, out, packet, vid);
}

/* Frames that came in --------------------------------------------------------- */

/* What was seen before the link went down, or in another bridge or VLAN, is out of date. */
static void take_note(struct worker *control, const struct note *note)
{
    const struct member *member = member_of(note->port);
    const struct fid fid = fid_get(note->code);
    if (!member || member->bridge != fid.bridge || !member->interface->up)
        return;
    if (fid.vid ? vlan_set_has(member->vlans, fid.vid) : !member->vlans)
        station_learn(note->port, fdb_key(note->code, note->mac));
}

/* 802.1Q 8.7: from the source of every frame that was received well. */
static void learn(struct passage *way, unsigned i)
{
    struct note note = { .handle = take_note,
                         .port = way->in->port->number,
                         .code = (uint16_t)(way->source[i].key >> 48) };
    memcpy(note.mac, way->packet[i]->data + MAC_LEN, MAC_LEN);
    forward_note(way->worker, &note); /* when the ring is full, a later frame will do */
}

/* Each frame of the burst goes up once at most; of a VLAN-aware bridge with its tag. */
static void deliver(struct passage *way, struct packet *packet, uint16_t vid)
{
    if (vid && tag_as(way->worker, &packet, vid, true)) {
        forward_drop(way->worker, packet->port, DROP_no_buffer, packet);
        return;
    }
    packet->interface = way->bridge->interface->number;
    way->up[way->ups++] = packet;
}

/* A group's frame: up goes a copy, or the frame itself when it has no other way. */
static void flood_and_deliver(struct passage *way, struct packet *packet, uint16_t vid)
{
    struct flooding f = flood_begin(way, packet, vid);
    if (!flood_next(&f)) {
        deliver(way, packet, vid);
        return;
    }
    struct port_counters *counters = forward_counters(way->worker, packet->port);
    struct packet *copy = packet_copy(&way->worker->cache, packet);
    counter_add(&counters->copied, 1);
    if (copy)
        deliver(way, copy, vid);
    else
        counter_add(&counters->drops[DROP_no_buffer], 1);
    flood(way, packet, vid);
}

/* For the bridge itself, or for it too: done with. */
static bool deliver_own(struct passage *way, struct packet *packet, uint64_t destination,
                        uint16_t vid)
{
    if (vid && !vlan_of(way->bridge->interface, vid))
        return false;
    if ((destination & MAC_WORD) == way->own)
        deliver(way, packet, vid);
    else if (destination & FDB_KEY_GROUP)
        flood_and_deliver(way, packet, vid);
    else
        return false;
    return true;
}

/* Groups' frames were counted before: they go up as well. */
static void flood_unknown(struct passage *way, struct packet *packet, uint16_t vid)
{
    bool unknown = !(packet->data[0] & 1);
    if (unlikely(unknown && way->traits & TRAIT_STORM) &&
        !storm_take(load_acquire(&way->in->storm), STORM_UNKNOWN))
        forward_drop(way->worker, packet->port, DROP_storm, packet);
    else
        flood(way, packet, vid);
}

/* What is asked once of a destination's port for frames in a row.  False: the frame is done with,
 * it went another way. */
static bool turn_to(struct passage *way, struct packet *packet, uint16_t number, uint16_t vid)
{
    const struct member *out = member_in(way->bridge, number);
    if (!out || !may_leave(out, vid)) {
        flood_unknown(way, packet, vid);
        return false;
    }
    if (share_wire(way->in, out)) {
        forward_drop(way->worker, packet->port, DROP_same_port, packet);
        return false;
    }
    if (unlikely(way->traits & load_relaxed(&out->traits) & TRAIT_ISOLATED)) {
        forward_drop(way->worker, packet->port, DROP_isolated, packet);
        return false;
    }
    if (out != way->out)
        run_end(way);
    way->out = out;
    way->out_number = number;
    way->out_vid = vid;
    if (unlikely(vid)) {
        const struct vlan_set *set = load_acquire(&out->vlans);
        way->out_tagged = !set || vid != load_relaxed(&set->pvid);
    }
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

/* One too many of a group's frames. */
static bool is_storm(const struct passage *way, unsigned i)
{
    uint64_t destination = way->destination[i].key;
    bool broadcast = (destination & MAC_WORD) == MAC_WORD;
    return destination & FDB_KEY_GROUP &&
           !storm_take(load_acquire(&way->in->storm),
                       broadcast ? STORM_BROADCAST : STORM_MULTICAST);
}

static inline int fault_of(struct passage *way, unsigned i)
{
    int fault = frame_fault(way->destination[i].key, way->source[i].key);
    if (fault != FINE)
        return fault;
    if (unlikely(way->vlans) && !way->vid[i])
        return DROP_vlan;
    if (unlikely(way->news >> i & 1)) {
        const struct fdb_station *source = &way->source[i];
        if (unlikely(fdb_is_elsewhere(source->key, source->hash, way->in->port->number)))
            return DROP_station_elsewhere;
        learn(way, i);
    }
    if (unlikely(way->traits & TRAIT_STORM) && is_storm(way, i))
        return DROP_storm;
    bool copy = unlikely(way->spoken_for) ? is_copy(way, i) : is_for_others(way, i);
    return unlikely(copy) ? DROP_shared_wire : FINE;
}

static bool is_bpdu(const struct passage *way, unsigned i)
{
    return (way->destination[i].key & MAC_WORD) == RESERVED_ADDRESS;
}

/* BPDUs are the spanning tree's, where there is one. */
static __attribute__((noinline)) void refuse(struct passage *way, unsigned i, enum drop_reason why)
{
    struct packet *p = way->packet[i];
    struct note note = { .handle = load_relaxed(&way->bridge->stp_take),
                         .packet = p,
                         .port = p->port };
    if (why != DROP_reserved_address || !is_bpdu(way, i) || !note.handle)
        forward_drop(way->worker, p->port, why, p);
    else if (!forward_note(way->worker, &note))
        forward_drop(way->worker, p->port, DROP_control_full, p);
}

/* By a member that the spanning tree keeps closed. */
static __attribute__((noinline)) void relay_nothing(struct passage *way, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        int fault = fault_of(way, i);
        refuse(way, i, fault == FINE ? DROP_spanning_tree : (enum drop_reason)fault);
    }
}

/* A group's frame: up, if somebody is there, and to other members. */
static void spread(struct passage *way, struct packet *p, uint64_t destination, uint16_t vid)
{
    if (way->own == NOBODY || !deliver_own(way, p, destination, vid))
        flood(way, p, vid);
}

/* The same where groups are snooped on: messages about them are the control task's. */
static __attribute__((noinline)) void snoop(struct passage *way, unsigned i, uint16_t vid)
{
    struct packet *p = way->packet[i];
    uint32_t tag = is_tagged(p) ? VLAN_TAG : 0;
    uint64_t key = way->destination[i].key;
    struct note note = { .handle = load_relaxed(&way->bridge->snoop_take),
                         .packet = p,
                         .port = p->port,
                         .code = (uint16_t)(key >> 48) };
    if (!snoop_is_message(p->data + tag, p->frame_length - tag)) { /* what matters is behind it */
        way->list = snoop_list(way->groups, key);
        spread(way, p, key, vid);
        way->list = NULL;
    } else if (!forward_note(way->worker, &note)) {
        forward_drop(way->worker, p->port, DROP_control_full, p);
    }
}

static void relay(struct passage *way, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct packet *p = way->packet[i];
        int fault = fault_of(way, i);
        if (unlikely(fault != FINE))
            refuse(way, i, (enum drop_reason)fault);
        else if (unlikely(way->groups != NULL) && way->destination[i].key & FDB_KEY_GROUP)
            snoop(way, i, 0);
        else if (unlikely(way->own != NOBODY) && deliver_own(way, p, way->destination[i].key, 0))
            continue; /* no group is in the table */
        else if (way->port[i] == way->out_number || turn_to(way, p, way->port[i], 0))
            way->packet[way->end++] = p;
    }
    run_end(way);
}

/* The same in a VLAN-aware bridge. */
static void relay_vlans(struct passage *way, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        struct packet *p = way->packet[i];
        uint16_t vid = way->vid[i];
        int fault = fault_of(way, i);
        if (unlikely(fault != FINE))
            refuse(way, i, (enum drop_reason)fault);
        else if (unlikely(way->groups != NULL) && way->destination[i].key & FDB_KEY_GROUP)
            snoop(way, i, vid);
        else if (unlikely(way->own != NOBODY) && deliver_own(way, p, way->destination[i].key, vid))
            continue;
        else if (((way->port[i] == way->out_number && vid == way->out_vid) ||
                  turn_to(way, p, way->port[i], vid)) &&
                 (likely(is_tagged(p) == way->out_tagged) || dress(way->worker, way->out, &p, vid)))
            way->packet[way->end++] = p;
    }
    run_end(way);
}

static inline void set_keys(struct passage *way, unsigned i, uint64_t fid)
{
    const uint8_t *frame = way->packet[i]->data;
    way->destination[i].key = fid | (load_le64(frame) & MAC_WORD);
    way->source[i].key = fid | load_le64(frame + ETHERNET_SOURCE - 2) >> 16;
}

/* The VLAN of one frame.  *last: the word that says so of frames behind it, as their tag or what
 * they have instead; a priority's tag is looked at each time, for vlan_in() changes it. */
static __attribute__((noinline)) const struct bridge_vlan *classify_one(const struct passage *way,
                                                                        const struct vlan_set *set,
                                                                        struct packet *p,
                                                                        uint64_t *last)
{
    uint32_t word = load_le32(p->data + ETHERNET_TYPE);
    bool priority = is_tagged(p) && !(load_be16(p->data + VLAN_TCI) & VLAN_TCI_VID);
    uint16_t vid = vlan_in(set, p);
    *last = p->length < ETHERNET_HEADER + VLAN_TAG || priority ? UINT64_MAX : word;
    return vid ? numbered_get(way->vlans, vid) : NULL;
}

/* To which VLAN each frame belongs.  Frames in a row mostly have one tag, or none. */
static void classify(struct passage *way, unsigned n)
{
    const struct vlan_set *set = load_acquire(&way->in->vlans);
    uint64_t last = UINT64_MAX, fid = 0;
    uint16_t vid = 0;
    for (unsigned i = 0; i < n; i++) {
        struct packet *p = way->packet[i];
        if (unlikely(load_le32(p->data + ETHERNET_TYPE) != last ||
                     p->length < ETHERNET_HEADER + VLAN_TAG)) {
            const struct bridge_vlan *vlan = classify_one(way, set, p, &last);
            fid = (uint64_t)(vlan ? vlan->fid : FID_NONE) << 48;
            vid = vlan ? vlan->vid : 0;
        }
        way->vid[i] = vid;
        set_keys(way, i, fid);
    }
}

/* Headers, then both buckets of both addresses, are under way before the first of them is looked
 * at.  Who does not speak for its wire is no talker of it. */
static void look_up(struct passage *way, unsigned n)
{
    uint64_t fid = (uint64_t)way->bridge->fid << 48;
    for (unsigned i = 0; i < n; i++)
        __builtin_prefetch(way->packet[i]->data);
    if (unlikely(way->vlans))
        classify(way, n);
    for (unsigned i = 0; likely(!way->vlans) && i < n; i++)
        set_keys(way, i, fid);
    fdb_prefetch_burst(way->destination, n);
    fdb_prefetch_burst(way->source, n);
    way->news = 0;
    if (likely(!way->spoken_for && !(way->traits & (TRAIT_UNLEARNED | TRAIT_DISCARDING))))
        way->news = fdb_refresh_burst(way->source, way->in->port->number, n);
    fdb_lookup_burst(way->destination, way->port, n);
}

static void passage_begin(struct passage *way, struct worker *worker, struct member *in)
{
    struct interface *up = in->bridge->interface;
    way->worker = worker;
    way->bridge = in->bridge;
    way->in = in;
    way->groups = load_acquire(&in->bridge->groups);
    way->list = NULL;
    way->traits = load_relaxed(&in->traits);
    way->spoken_for = speaker(in);
    way->out = NULL;
    way->out_number = NOWHERE;
    way->first = way->end = 0;
    bool wanted = load_relaxed(&up->addresses) || load_relaxed(&up->vlans);
    way->own = wanted ? load_relaxed(&up->mac_word) : NOBODY;
    way->ups = 0;
    way->vlans = load_acquire(&in->bridge->vlans);
    way->out_vid = 0;
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
    if (unlikely(way.traits & TRAITS_CLOSED))
        relay_nothing(&way, n);
    else if (likely(!way.vlans))
        relay(&way, n);
    else
        relay_vlans(&way, n);
    if (way.ups)
        send_up(&way);
}

void bridge_spread(struct worker *control, struct member *in, struct packet *packet, uint16_t vid,
                   const struct flood_list *list)
{
    struct passage way;
    passage_begin(&way, control, in);
    way.packet = &packet;
    way.list = list;
    spread(&way, packet, mac_load(packet->data), vid);
    if (way.ups)
        send_up(&way);
}

/* What IP sends --------------------------------------------------------------- */

/* Frames that the appliance made are counted where they leave. */
static void send_one(struct worker *worker, const struct member *out, struct packet *packet,
                     uint16_t vid)
{
    if (packet->port == PORT_NONE)
        counter_add(&forward_counters(worker, out->port->number)->originated, 1);
    send_dressed(worker, out, packet, vid);
}

static void send_copy_of(struct worker *worker, const struct member *out,
                         const struct packet *packet, uint16_t vid)
{
    if (packet->port != PORT_NONE) {
        send_copy(worker, out, packet, vid);
        return;
    }
    struct packet *copy = packet_copy(&worker->cache, packet);
    if (copy)
        send_one(worker, out, copy, vid);
}

static void drop_unsent(struct worker *worker, const struct bridge *bridge, struct packet *packet,
                        enum drop_reason why)
{
    interface_count_drop(bridge->interface, worker->number, why);
    if (packet->port == PORT_NONE)
        packet_free(&worker->cache, packet);
    else
        forward_drop(worker, packet->port, why, packet);
}

/* `out`: where it is known to go; NULL: to all members. */
static void send_down(struct worker *worker, const struct bridge *bridge, const struct member *out,
                      struct packet *packet, uint16_t vid)
{
    out = out && may_leave(out, vid) ? out : NULL;
    struct flooding f = { .list = out ? NULL : load_acquire(&bridge->flood),
                          .vid = vid,
                          .bars = flood_bars(NULL, packet) };
    const struct member *next;
    if (!out)
        out = flood_next(&f);
    if (!out) {
        drop_unsent(worker, bridge, packet, DROP_no_peer);
        return;
    }
    interface_count_tx(bridge->interface, worker->number, &packet, 1);
    for (; (next = flood_next(&f)); out = next)
        send_copy_of(worker, out, packet, vid);
    send_one(worker, out, packet, vid);
}

/* From above frames come into a VLAN-aware bridge with their tags; NULL: it has no such VLAN. */
static const struct bridge_vlan *vlan_from_above(const struct numbered *vlans,
                                                 const struct packet *p)
{
    bool tagged = is_tagged(p) && p->length >= ETHERNET_HEADER + VLAN_TAG;
    return tagged ? numbered_get(vlans, load_be16(p->data + VLAN_TCI) & VLAN_TCI_VID) : NULL;
}

void bridge_output(struct worker *worker, struct interface *interface, struct packet **packets,
                   uint16_t n)
{
    const struct bridge *bridge = load_acquire(&interface->bridge);
    const struct numbered *vlans = load_acquire(&bridge->vlans);
    struct fdb_station destination[PORT_BURST];
    uint16_t port[PORT_BURST], vid[PORT_BURST];
    for (unsigned i = 0; i < n; i++) {
        const struct bridge_vlan *vlan = vlans ? vlan_from_above(vlans, packets[i]) : NULL;
        vid[i] = vlan ? vlan->vid : 0;
        destination[i].key = fdb_key(vlan ? vlan->fid : bridge->fid, packets[i]->data);
    }
    fdb_prefetch_burst(destination, n);
    fdb_lookup_burst(destination, port, n);
    for (unsigned i = 0; i < n; i++)
        if (unlikely(load_relaxed(&bridge->down)))
            drop_unsent(worker, bridge, packets[i], DROP_no_peer);
        else if (unlikely(vlans && !vid[i]))
            drop_unsent(worker, bridge, packets[i], DROP_vlan);
        else
            send_down(worker, bridge, member_in(bridge, port[i]), packets[i], vid[i]);
}
