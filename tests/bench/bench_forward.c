/* bench_forward.c - what a mode costs per frame, on the host, as a ratio to io.
 *
 * Two ring ports back to back are both ports of the appliance: what comes in on
 * port 0 leaves by port 1, whose other end is port 0.  Frames put in once go
 * round for ever; nothing but the poll loop, the mode and the rings is timed.
 * io is measured before and after each row, so that a noisy minute hits both.
 *
 * The packets of l3 get their TTL back before it ends, in its io as well; once as if their
 * device had said that the header checksum is right, once as if it said nothing.  Those of a
 * burst have one next hop, or in the row that says so each another one.
 *
 * What was counted was done: at a round's end the frames are taken out and looked at.  All are
 * there, none was dropped, and what their TTLs lack is how often one was routed.
 *
 * With a tag l3 routes between VLANs of both ports, and l2 is a VLAN-aware bridge that has both
 * ports in the VLAN, tagged.
 *
 * --tsv prints `key<TAB>ns per frame` for scripts: the mode, and with a dot how many frames
 * are in flight, how many next hops they have, or `vlan`: with a tag.
 *
 * KEY TURNS runs so many turns of one row, in count_turns(), for who counts instructions, and
 * prints `key<TAB>frames`. */
#include "apps/bridge/bridge.h"
#include "apps/bridge/fdb.h"
#include "apps/bridge/vlans.h"
#include "apps/forward/forward.h"
#include "apps/forward/vlan.h"
#include "apps/ip/address.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/ipv6.h"
#include "apps/ip/neighbor.h"
#include "apps/ip/router.h"
#include "tests/host/host.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RING 32768u
#define PACKETS (RING + 4096u)
#define ROUND_US 150000ull
#define ROUNDS 5u
#define FRAME_LENGTH 60u
#define FRAMES_USUAL 256u
#define FRAMES_ROUTED 32u
#define FRAMES_MANY 16384u
#define HOPS_MANY 64u
#define VID 10u

#define LAN_A 0xc0000201u            /* RFC 5737 */
#define NET6_A 0x20010db8000a0000ull /* RFC 3849 */
#define NET6_B 0x20010db8000b0000ull
#define LAN_B 0xc6336401u

static struct port *in, *out;
static struct packet *routed[RING]; /* of the l3 rows, while they lie in the ring */
static uint32_t routed_count;
static uint64_t routed_passes;    /* of all there is together, since their TTL was set back */
static uint64_t own_before;       /* own_words() at that time: these are not routed */
#define TTL_GONE (UINT64_MAX / 2) /* it is set back before the next turn */
static bool six;                  /* they are IPv6 */
static unsigned hops = 1;         /* next hops that they have, in turn */
static uint32_t tag;              /* octets of it in every frame: VLAN_TAG, or 0 */
static bool tsv;
static port_burst_fn *ring_burst;
static uint8_t verdict; /* PACKET_IP_CHECKSUM_*, of every packet received */

static void die(const char *why)
{
    fprintf(stderr, "bench_forward: %s\n", why);
    exit(1);
}

static void station(uint8_t *mac, uint8_t kind, uint32_t number)
{
    const uint8_t bytes[MAC_LEN] = {
        2, kind, 0, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number
    };
    memcpy(mac, bytes, MAC_LEN);
}

/* What stands behind the addresses; the frame is as long as it is to be. */
static void put_type(struct packet *p, uint16_t type)
{
    if (tag) {
        store_be16(p->data + ETHERNET_TYPE, ETHERTYPE_VLAN);
        store_be16(p->data + VLAN_TCI, VID);
    }
    store_be16(p->data + ETHERNET_TYPE + tag, type);
    p->length = (uint16_t)(FRAME_LENGTH + tag);
    p->frame_length = FRAME_LENGTH + tag;
}

/* The VLAN's stations. */
static uint16_t bridge_in_vlan(void)
{
    struct bridge *bridge = bridge_find(BRIDGE_DEFAULT);
    if (!bridge || bridge_set_vlan_aware(bridge, true) ||
        bridge_add_vlan(member_of(in->number), VID, false) ||
        bridge_add_vlan(member_of(out->number), VID, false))
        die("no VLAN-aware bridge");
    return bridge_vlan_of(bridge, VID)->fid;
}

/* Frame i goes from a station of its own behind port 0 to one behind port 1.
 * macswap would teach the bridge otherwise, so each row begins afresh. */
static void put_frames(uint32_t frames)
{
    struct worker *worker = control_worker();
    uint16_t fid = tag ? bridge_in_vlan() : BRIDGE_DEFAULT_FID;
    for (uint32_t i = 0; i < frames; i++) {
        struct packet *p = packet_alloc(&worker->cache);
        if (!p)
            die("too few packets");
        memset(p->data, 0, FRAME_LENGTH + VLAN_TAG);
        station(p->data, 1, i);
        station(p->data + MAC_LEN, 2, i);
        if (fdb_add_static(fdb_key(fid, p->data), out->number))
            die("too many stations");
        put_type(p, 0);
        if (port_tx_burst(out->txq[0], &p, 1) != 1)
            die("ring too small");
    }
}

static uint8_t *ip_of(const struct packet *p)
{
    return p->data + tag + ETHERNET_HEADER;
}

static void put_header(struct packet *p, uint32_t destination)
{
    uint8_t *ip = ip_of(p);
    ip[IPV4_VERSION_IHL] = 0x45;
    store_be16(ip + IPV4_TOTAL_LENGTH, FRAME_LENGTH - ETHERNET_HEADER);
    ip[IPV4_TTL] = IPV4_TTL_DEFAULT;
    ip[IPV4_PROTOCOL] = IPV4_PROTOCOL_UDP;
    store_be32(ip + IPV4_SOURCE, LAN_A + 1);
    store_be32(ip + IPV4_DESTINATION, destination);
    ipv4_checksum_set(ip);
}

static struct ip_address on_a(unsigned host)
{
    return six ? (struct ip_address){ NET6_A, host } : ip_from_v4(LAN_A - 1 + host);
}

static struct ip_address on_b(unsigned host)
{
    return six ? (struct ip_address){ NET6_B, host } : ip_from_v4(LAN_B - 1 + host);
}

/* Whose duplicates were looked for long ago. */
static void addresses_make(struct interface *from, struct interface *to)
{
    struct address conflict;
    const struct address *a;
    if (address_add(from, on_a(1), six ? 64 : 24, &conflict) ||
        address_add(to, on_b(1), six ? 64 : 24, &conflict))
        die("no route");
    for (unsigned i = 0; (a = address_at(i)); i++)
        address_set_state(a, ADDRESS_READY, 0);
}

static void header_make(struct packet *p, unsigned host)
{
    if (six)
        ipv6_make(ip_of(p), on_a(2), on_b(host), IPV6_UDP,
                  FRAME_LENGTH - ETHERNET_HEADER - IPV6_HEADER, IPV4_TTL_DEFAULT);
    else
        put_header(p, LAN_B - 1 + host);
}

/* What is addressed to port 0, routed out of port 1, and so comes back. */
static void put_routed(uint32_t frames)
{
    struct interface *from = interface_of_port(in), *to = interface_of_port(out);
    if (tag && (!(from = vlan_create(from, VID)) || !(to = vlan_create(to, VID))))
        die("no VLAN");
    if (forward_set_mode(forward_find_mode("l3")))
        die("no route");
    addresses_make(from, to);
    for (unsigned i = 1; i <= hops; i++)
        if (neighbor_add_static(on_b(1 + i), in->mac, to))
            die("no neighbor");
    for (routed_count = 0; routed_count < frames; routed_count++) {
        struct packet *p = packet_alloc(&control_worker()->cache);
        if (!p)
            die("too few packets");
        memset(p->data, 0, FRAME_LENGTH + VLAN_TAG);
        memcpy(p->data, in->mac, MAC_LEN);
        station(p->data + MAC_LEN, 1, routed_count);
        put_type(p, six ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
        header_make(p, 2 + routed_count % hops);
        routed[routed_count] = p;
        if (port_tx_burst(out->txq[0], &p, 1) != 1)
            die("ring too small");
    }
}

/* Receives as a device that has looked at the headers, or as one that has not. */
static uint16_t rx_burst(struct port_queue *q, struct packet **packets, uint16_t n)
{
    uint16_t got = ring_burst(q, packets, n);
    for (uint16_t i = 0; i < got; i++)
        packets[i]->flags = verdict;
    return got;
}

/* Frames of the port's that ended in the appliance. */
static uint64_t ended_at(const struct port *port)
{
    const struct port_counters *counters = forward_counters(control_worker(), port->number);
    uint64_t ended = counters->consumed;
    for (unsigned why = 0; why < DROP_REASON_COUNT; why++)
        ended += drop_is_tx[why] ? 0 : counters->drops[why];
    return ended;
}

/* What the appliance says itself comes back by the other port, and ends there: as a group's that
 * is not ours, from an address of ours, or as an answer.  Nothing else may: then frames are
 * missing. */
static uint64_t own_words(void)
{
    return ended_at(in) + ended_at(out);
}

/* Before each turn: as they were, when half of what they may live is over; in a turn each may be
 * routed several times. */
static void renew_routed(void)
{
    if (!routed_count || routed_passes < IPV4_TTL_DEFAULT / 2 * (uint64_t)routed_count)
        return;
    routed_passes = 0;
    own_before = own_words();
    for (uint32_t i = 0; i < routed_count; i++) {
        uint8_t *ip = ip_of(routed[i]);
        ip[six ? IPV6_HOP_LIMIT : IPV4_TTL] = IPV4_TTL_DEFAULT;
        if (!six)
            ipv4_checksum_set(ip);
    }
}

static unsigned turn(void)
{
    renew_routed();
    unsigned frames = forward_turn();
    routed_passes += frames;
    return frames;
}

/* How often the frame was routed; it is as it was otherwise, and from port 1 if ever. */
static unsigned passes_of(const struct packet *p)
{
    const uint8_t *ip = ip_of(p);
    unsigned passes = IPV4_TTL_DEFAULT - ip[six ? IPV6_HOP_LIMIT : IPV4_TTL];
    bool whole = six || ipv4_checksum_ok(ip, IPV4_HEADER_MIN);
    if (p->length != FRAME_LENGTH + tag || !mac_equal(p->data, in->mac) ||
        ethernet_type(p->data + tag) != (six ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4) || !whole ||
        (passes && !mac_equal(p->data + ETHERNET_SOURCE, out->mac)))
        die("a frame is not what it was");
    return passes;
}

static void look_at_frames(bool are_routed, uint32_t frames)
{
    static struct packet *packets[RING];
    uint64_t passes = 0;
    uint16_t count = ring_burst(in->rxq[0], packets, RING), ours = 0;
    for (uint16_t i = 0; i < count; i++) {
        if (ethernet_type(packets[i]->data + tag) == ETHERTYPE_ARP || (packets[i]->data[0] & 1))
            continue; /* the appliance tells its addresses */
        passes += routed_count ? passes_of(packets[i]) : 0;
        ours++;
    }
    if (ours != frames)
        die("frames are missing");
    if (are_routed && passes + own_words() - own_before != routed_passes)
        die("not every frame that was counted was routed");
    if (!are_routed && passes)
        die("frames were routed that should not be");
    if (port_tx_burst(out->txq[0], packets, count) != count)
        die("ring too small");
}

static void begin(const char *mode, uint32_t frames)
{
    host_reset();
    host_use_real_time(true);
    port_reset_registry();
    if (forward_init(PACKETS) || ring_port_pair_create(RING, &in, &out))
        die("no memory");
    forward_ports_up();
    ring_burst = in->rxq[0]->burst;
    in->rxq[0]->burst = rx_burst;
    routed_count = 0;
    if (strcmp(mode, "l3"))
        put_frames(frames);
    else
        put_routed(frames);
}

static void end(void)
{
    struct port_totals from, to;
    stats_port_totals(in, &from);
    stats_port_totals(out, &to);
    if (own_words() > from.counters.originated + to.counters.originated)
        die("more ended here than the appliance said itself");
    if (from.tx_dropped || to.tx_dropped)
        die("frames were dropped");
    forward_shutdown();
    router_reset();
    ring_port_destroy(in);
    ring_port_destroy(out);
}

static void run(const char *mode, uint64_t turns)
{
    if (forward_set_mode(forward_find_mode(mode)))
        die("mode does not start");
    forward_start();
    routed_passes = TTL_GONE;
    for (uint64_t i = 0; i < turns; i++)
        turn();
}

/* Nanoseconds per frame, over one round. */
static double measure(const char *mode, uint32_t in_flight)
{
    uint64_t begin_us, spent = 0, frames = 0;
    run(mode, 4 * RING / PORT_BURST); /* warm, and learned */
    routed_passes = TTL_GONE;
    begin_us = time_us();
    for (; spent < ROUND_US; spent = time_us() - begin_us)
        for (unsigned i = 0; i < 1000; i++)
            frames += turn();
    look_at_frames(!strcmp(mode, "l3"), in_flight);
    return (double)spent * 1000 / (double)frames;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, ascending);
    return values[ROUNDS / 2];
}

/* What is measured: the key of --tsv, and what people read. */
struct row {
    const char *mode, *key, *name;
    uint32_t frames;
    unsigned hops; /* 0: one */
    bool six, tag, checked;
};

static const struct row rows[] = {
    { .mode = "io", .key = "io", .name = "io", .frames = FRAMES_USUAL },
    { .mode = "mac", .key = "mac", .name = "mac", .frames = FRAMES_USUAL },
    { .mode = "macswap", .key = "macswap", .name = "macswap", .frames = FRAMES_USUAL },
    { .mode = "l2", .key = "l2", .name = "l2", .frames = FRAMES_USUAL },
    { .mode = "io", .key = "io.16384", .name = "io", .frames = FRAMES_MANY },
    { .mode = "l2", .key = "l2.16384", .name = "l2", .frames = FRAMES_MANY },
    { .mode = "l3", .key = "l3", .name = "l3", .frames = FRAMES_ROUTED },
    { .mode = "l3", .key = "l3.16384", .name = "l3", .frames = FRAMES_MANY },
    { .mode = "l3",
      .key = "l3.hops64",
      .name = "l3, 64 next hops",
      .frames = FRAMES_USUAL,
      .hops = HOPS_MANY },
    { .mode = "l3",
      .key = "l3v6.hops64",
      .name = "l3, IPv6, 64 next hops",
      .frames = FRAMES_USUAL,
      .hops = HOPS_MANY,
      .six = true },
    { .mode = "l3", .key = "l3v6", .name = "l3, IPv6", .frames = FRAMES_ROUTED, .six = true },
    { .mode = "l3", .key = "l3v6.16384", .name = "l3, IPv6", .frames = FRAMES_MANY, .six = true },
    { .mode = "l2", .key = "l2.vlan", .name = "l2, one tag", .frames = FRAMES_USUAL, .tag = true },
    { .mode = "l3", .key = "l3.vlan", .name = "l3, one tag", .frames = FRAMES_ROUTED, .tag = true },
    { .mode = "l3",
      .key = "l3.checked",
      .name = "l3, checksum seen by device",
      .frames = FRAMES_ROUTED,
      .checked = true },
};

static void row_begin(const struct row *row)
{
    hops = row->hops ? row->hops : 1;
    six = row->six;
    tag = row->tag ? VLAN_TAG : 0;
    verdict = row->checked ? PACKET_IP_CHECKSUM_GOOD : 0;
    begin(row->mode, row->frames);
}

static void row_measure(const struct row *row)
{
    double ns[ROUNDS], ratio[ROUNDS];
    row_begin(row);
    for (unsigned i = 0; i < ROUNDS; i++) {
        double before = measure("io", row->frames);
        ns[i] = measure(row->mode, row->frames);
        ratio[i] = ns[i] * 2 / (before + measure("io", row->frames));
    }
    if (tsv && !strchr(row->key, '.'))
        printf("%s.%u\t%.1f\n", row->key, row->frames, median(ns));
    if (tsv)
        printf("%s\t%.1f\n", row->key, median(ns));
    else
        printf("  %-27s  %8u  %9.1f  %11.2f\n", row->name, row->frames, median(ns), median(ratio));
    fflush(stdout);
    end();
}

/* For who counts instructions: TURNS of them, in count_turns(). */
static __attribute__((noinline)) uint64_t count_turns(uint64_t turns)
{
    uint64_t frames = 0;
    for (uint64_t i = 0; i < turns; i++)
        frames += turn();
    return frames;
}

static void row_count(const struct row *row, uint64_t turns)
{
    uint32_t round = row->frames / PORT_BURST + 16;
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* valgrind has a heap of some MiB for what is near */
    row_begin(row);
    run("io", round); /* the link is up */
    run(row->mode, 4 * round);
    routed_passes = TTL_GONE;
    printf("%s\t%" PRIu64 "\n", row->key, count_turns(turns));
    look_at_frames(!strcmp(row->mode, "l3"), row->frames);
    end();
}

static void heading(void)
{
    printf("\nHosted forwarding (one core, 60-byte frames over ring ports, median of %u)\n",
           ROUNDS);
    printf("The time per frame says more about this machine than about the mode.\n\n");
    printf("  mode                           frames   ns/frame  times of io\n");
    printf("  ---------------------------  --------  ---------  -----------\n");
}

static const struct row *row_find(const char *key)
{
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        if (!strcmp(rows[i].key, key))
            return &rows[i];
    return NULL;
}

int main(int argc, char **argv)
{
    const struct row *counted = argc == 3 ? row_find(argv[1]) : NULL;
    tsv = argc == 2 && !strcmp(argv[1], "--tsv");
    if (argc != 1 && !tsv && !counted) {
        fprintf(stderr, "usage: bench_forward [--tsv | KEY TURNS]\n");
        return 2;
    }
    if (counted) {
        row_count(counted, strtoull(argv[2], NULL, 10));
        return 0;
    }
    if (!tsv)
        heading();
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        row_measure(&rows[i]);
    return 0;
}
