/* bridge.c - mode l2: one learning bridge over all ports (IEEE 802.1Q).
 *
 * Tagged frames are carried like any other, all in one VLAN (0 in the keys).
 * Not done: spanning tree, VLAN filtering.
 *
 * VFs and their PF are one LAN already: the switch in the NIC connects them with each other and
 * with the wire.  The bridge would close a loop, so when both are ours the PF's port
 * speaks for all of them: nothing is forwarded between them, floods leave by the PF's
 * port alone, and a VF adds only frames for its own address, which the PF does not get. */
#include "apps/bridge/fdb.h"
#include "apps/forward/forward.h"

#define VLAN_ALL 0u

/* 01:80:c2:00:00:00 to 0f, as they stand in a key (802.1Q 8.6.3, table 8-1). */
#define RESERVED_ADDRESS 0x0000c28001ull
#define RESERVED_ADDRESS_MASK 0xf0ffffffffffull

/* As the table takes it. */
struct address {
    uint64_t key, hash;
};

/* The ports that a flooded frame of this burst leaves by. */
struct flood {
    bool ready;
    unsigned count;
    struct port *out[PORT_MAX];
};

/* Data path ---------------------------------------------------------------- */

static bool behind_uplink(const struct port *port)
{
    return port->uplink && port->uplink->state == PORT_RUNNING;
}

static bool share_wire(const struct port *a, const struct port *b)
{
    const struct port *wire_a = behind_uplink(a) ? a->uplink : a;
    const struct port *wire_b = behind_uplink(b) ? b->uplink : b;
    return wire_a == wire_b;
}

static void flood_prepare(struct flood *flood, const struct port *in)
{
    flood->ready = true;
    flood->count = 0;
    for (unsigned i = 0; i < port_count(); i++) {
        struct port *out = port_get(i);
        if (out && out->state == PORT_RUNNING && out->link.up && !behind_uplink(out) &&
            !share_wire(in, out))
            flood->out[flood->count++] = out;
    }
}

/* The last port gets the frame itself.  A copy that cannot be made counts as
 * made and dropped. */
static void flood_send(struct worker *worker, const struct port *in, struct flood *flood,
                       struct packet *packet)
{
    struct port_counters *counters = &worker->counters[in->number];
    if (!flood->ready)
        flood_prepare(flood, in);
    if (!flood->count) {
        forward_drop(worker, in->number, DROP_no_peer, packet);
        return;
    }
    for (unsigned i = 0; i + 1 < flood->count; i++) {
        struct packet *copy = packet_copy(&worker->cache, packet);
        counter_add(&counters->copied, 1);
        if (copy)
            forward_send(worker, flood->out[i], copy);
        else
            counter_add(&counters->drops[DROP_no_buffer], 1);
    }
    forward_send(worker, flood->out[flood->count - 1], packet);
}

static void bridge_note(struct worker *control, const struct note *note);

/* 802.1Q 8.7: from the source of every frame that was received well. */
static void learn(struct worker *worker, const struct port *in, const struct packet *packet,
                  const struct address *source)
{
    struct note note = { .handle = bridge_note, .port = in->number, .code = VLAN_ALL };
    if (likely(fdb_refresh(source->key, source->hash, in->number)) || !source->key)
        return;
    memcpy(note.mac, packet->data + MAC_LEN, MAC_LEN);
    forward_note(worker, &note); /* when the ring is full, a later frame will do */
}

static void relay(struct worker *worker, const struct port *in, struct flood *flood,
                  struct packet *packet, const struct address *destination)
{
    uint16_t number;
    struct port *out = NULL;
    if (fdb_lookup(destination->key, destination->hash, &number)) /* no group is in there */
        out = port_get(number);
    if (!out)
        flood_send(worker, in, flood, packet);
    else if (share_wire(in, out))
        forward_drop(worker, in->number, DROP_same_port, packet);
    else
        forward_send(worker, out, packet);
}

/* What a VF hears, its PF's port has heard as well, or has sent itself: all but frames for the
 * VF's own address from stations on its wire. */
static bool is_copy(const struct port *in, const struct packet *packet,
                    const struct address *source)
{
    uint16_t number;
    if (memcmp(packet->data, in->mac, MAC_LEN))
        return true;
    const struct port *home =
        fdb_lookup(source->key, source->hash, &number) ? port_get(number) : NULL;
    return home && !share_wire(home, in);
}

/* An I350 that listens to all hears also what is for one of its VFs, whose own port has it. */
static bool is_for_vf(const struct port *in, const struct packet *packet)
{
    for (unsigned i = 0; i < port_count(); i++) {
        const struct port *port = port_get(i);
        if (port && port->uplink == in && !memcmp(packet->data, port->mac, MAC_LEN))
            return true;
    }
    return false;
}

static struct address read_address(const uint8_t *mac)
{
    struct address address = { .key = fdb_key(VLAN_ALL, mac) };
    address.hash = fdb_prefetch(address.key);
    return address;
}

/* Headers, then both buckets of both addresses, are under way before the first
 * of them is looked at.  A talker's frames come in rows: it is learned once a row. */
static void bridge_burst(struct worker *worker, struct port *in, struct packet **packets,
                         uint16_t n)
{
    struct address destination[PORT_BURST], source[PORT_BURST];
    struct flood flood = { .ready = false };
    uint64_t learned = 0;
    for (uint16_t i = 0; i < n; i++)
        __builtin_prefetch(packets[i]->data);
    for (uint16_t i = 0; i < n; i++) {
        destination[i] = read_address(packets[i]->data);
        source[i] = read_address(packets[i]->data + MAC_LEN);
    }
    for (uint16_t i = 0; i < n; i++) {
        if ((destination[i].key & RESERVED_ADDRESS_MASK) == RESERVED_ADDRESS) {
            forward_drop(worker, in->number, DROP_reserved_address, packets[i]);
            continue;
        }
        if (source[i].key & FDB_KEY_GROUP) {
            forward_drop(worker, in->number, DROP_group_source, packets[i]);
            continue;
        }
        if (unlikely(behind_uplink(in))) {
            if (is_copy(in, packets[i], &source[i]))
                forward_drop(worker, in->number, DROP_shared_wire, packets[i]);
            else
                relay(worker, in, &flood, packets[i], &destination[i]);
            continue;
        }
        if (source[i].key != learned)
            learn(worker, in, packets[i], &source[i]);
        learned = source[i].key;
        if (unlikely(in->vf_count) && is_for_vf(in, packets[i])) {
            forward_drop(worker, in->number, DROP_shared_wire, packets[i]);
            continue;
        }
        relay(worker, in, &flood, packets[i], &destination[i]);
    }
}

/* Control core -------------------------------------------------------------- */

/* What was learned before the link went down is out of date. */
static void bridge_note(struct worker *control, const struct note *note)
{
    const struct port *port = port_get(note->port);
    if (port && port->state == PORT_RUNNING && port->link.up)
        fdb_learn(fdb_key(note->code, note->mac), note->port);
}

static void bridge_link_changed(struct port *port)
{
    if (!port->link.up)
        fdb_flush_port(port->number);
}

/* Stations may have moved while another mode was in force. */
static int bridge_start(void)
{
    for (uint16_t i = 0; i < PORT_MAX; i++)
        fdb_flush_port(i);
    return 0;
}

FORWARD_MODE(bridge_mode) = {
    .name = "l2",
    .help = "one learning bridge over all ports",
    .no_promiscuous_vfs = true,
    .start = bridge_start,
    .burst = bridge_burst,
    .link_changed = bridge_link_changed,
};
