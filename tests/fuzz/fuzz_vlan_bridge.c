/* Tagged frames, BPDUs, and what IGMP and MLD say, into a VLAN-aware bridge with a spanning tree
 * and snooping, while its members change.  Whatever comes: the law of apps/forward/stats.h holds
 * after every turn; what leaves a port is in one of its VLANs, with the tag or without as it should
 * be; and what the bridge took for all of it is given back.
 *
 * The input is a list of steps: a byte that says what, then what it needs.  Messages are made
 * plausible (lengths, checksums), so that the fuzzer gets behind the first checks. */
#include "apps/bridge/bridge.h"
#include "apps/bridge/fdb.h"
#include "apps/bridge/snoop.h"
#include "apps/bridge/stp.h"
#include "apps/bridge/vlans.h"
#include "apps/forward/vlan.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/router.h"
#include "kernel/time.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"
#include "tests/models/lan.h"

#include <stdio.h>
#include <string.h>

#define PORTS 4u
#define FORWARDS_S 5u /* until a port with no bridge behind it forwards (rstp.c), and more */
#define AGE_US (1024 * US_PER_S) /* longer than anything waits */

static struct input input;

static uint8_t byte(void)
{
    return (uint8_t)take_value(&input, 1);
}

/* Rules -------------------------------------------------------------------------------- */

static bool is_bpdu(const uint8_t *f)
{
    return f[0] == 1 && f[1] == 0x80;
}

/* Nothing but BPDUs goes round a VLAN-aware bridge's VLANs. */
static void check_leaves(unsigned port, const uint8_t *f, uint32_t n)
{
    const struct member *m = member_of(port);
    if (!m || !m->vlans || is_bpdu(f) || n < 18)
        return;
    if (ethernet_type(f) == ETHERTYPE_VLAN) {
        unsigned vid = load_be16(f + VLAN_TCI) & VLAN_TCI_VID;
        must(vlan_set_has(m->vlans, vid) && m->vlans->pvid != vid);
    } else {
        must(m->vlans->pvid);
    }
}

static void check_sent(void)
{
    static uint8_t sent[FRAME_MAX];
    for (unsigned i = 0; i < PORTS; i++)
        for (uint32_t n; (n = wire_take(lan[i], sent, sizeof sent));) {
            outcome(sent, n);
            check_leaves(i, sent, n);
        }
}

/* Settings ---------------------------------------------------------------------- */

static const char *const settings[] = {
    "vlan 10 tagged", "vlan 10 untagged", "vlan 20 tagged",    "vlan 20 untagged",
    "no vlan 10",     "no vlan 20",       "isolated on",       "isolated off",
    "learning off",   "learning on",      "flood off",         "limit 2",
    "edge on",        "edge off",         "storm broadcast 9", "storm unknown 0",
};

static const char *const bridge_settings[] = {
    "bridge br1 snooping off",
    "bridge br1 snooping on",
    "bridge br1 spanning-tree off",
    "bridge br1 spanning-tree on",
    "bridge br1 vlan-aware off",
    "bridge br1 vlan-aware on",
    "bridge br1 no port 2",
    "bridge br1 port 2",
    "interface add br1.10",
    "interface delete br1.10",
    "interface br1 mac 02:00:00:00:99:99",
    "fdb add 02:00:00:00:00:01 port 1 vlan 10 sticky",
};

/* What is to be sent already may go by the old rules. */
static void change(void)
{
    char line[96];
    uint8_t what = byte();
    forward_flush(control_worker());
    check_sent();
    if (what & 0x80) {
        say(bridge_settings[what % ARRAY_SIZE(bridge_settings)]);
        return;
    }
    if (what & 0x40) {
        struct wire_port *wire = lan[what % PORTS];
        wire->link_up = !wire->link_up;
        return;
    }
    snprintf(line, sizeof line, "bridge br1 port %u %s", what % PORTS,
             settings[what / PORTS % ARRAY_SIZE(settings)]);
    say(line);
}

/* Frames --------------------------------------------------------------------------- */

static uint8_t frame[FRAME_MAX];
static uint32_t length;

static void take_bytes(uint8_t *to, unsigned n)
{
    while (n--)
        *to++ = byte();
}

static void put_addresses(const uint8_t *destination)
{
    const uint8_t source[MAC_LEN] = { 2, 0, 0, 0, 0, (uint8_t)(1 + byte() % 4) };
    memcpy(frame, destination, MAC_LEN);
    memcpy(frame + MAC_LEN, source, MAC_LEN);
}

static void put_plain(void)
{
    const uint8_t to[MAC_LEN] = { 2, 0, 0, 0, 0, (uint8_t)(1 + byte() % 4) };
    put_addresses(byte() & 1 ? to : mac_broadcast);
    store_be16(frame + 12, 0x88b5);
    length = 60;
}

static void put_bpdu(void)
{
    static const uint8_t to[MAC_LEN] = { 1, 0x80, 0xc2 };
    static const uint8_t llc[] = { 0, 39, 0x42, 0x42, 3, 0, 0, 2, 2 };
    put_addresses(to);
    memcpy(frame + 12, llc, sizeof llc);
    frame[20] = (uint8_t[]){ 2, 2, 0, 0x80 }[byte() & 3];
    take_bytes(frame + 21, 2); /* flags, and whether the root is better than we */
    frame[23] = byte() & 1 ? 0 : 2;
    take_bytes(frame + 28, 12);
    take_bytes(frame + 40, 4);
    frame[46] = byte();
    frame[48] = 20;
    frame[50] = 2;
    frame[52] = 15;
    length = 60;
}

/* IGMP of `n` octets behind a header with a router alert. */
static void put_igmp(void)
{
    static const uint8_t to[MAC_LEN] = { 1, 0, 0x5e, 0, 0, 22 };
    static const uint8_t types[] = { 0x11, 0x12, 0x16, 0x17, 0x22, 0x22 };
    uint8_t *ip = frame + ETHERNET_HEADER, *igmp = ip + 24;
    unsigned n = 8 + byte() % 64;
    put_addresses(to);
    store_be16(frame + 12, ETHERTYPE_IPV4);
    ip[0] = 0x46;
    store_be16(ip + 2, (uint16_t)(24 + n));
    ip[8] = 1;
    ip[9] = 2;
    ip[12] = byte() & 1;
    take_bytes(igmp, n);
    igmp[0] = types[igmp[0] % ARRAY_SIZE(types)];
    igmp[4] &= 0xef;
    memset(igmp + 2, 0, 2);
    uint16_t sum = checksum_finish(checksum_add(0, igmp, n));
    memcpy(igmp + 2, &sum, 2);
    ipv4_checksum_set(ip);
    length = ETHERNET_HEADER + 24 + n;
}

static void put_mld(void)
{
    static const uint8_t to[MAC_LEN] = { 0x33, 0x33, 0, 0, 0, 22 };
    static const uint8_t types[] = { 130, 131, 132, 143 };
    static const uint8_t alert[] = { 58, 0, 5, 2, 0, 0, 1, 0 };
    uint8_t *ip = frame + ETHERNET_HEADER, *icmp = ip + 48;
    unsigned n = 8 + byte() % 80;
    put_addresses(to);
    store_be16(frame + 12, ETHERTYPE_IPV6);
    ip[0] = 0x60;
    store_be16(ip + 4, (uint16_t)(8 + n));
    ip[7] = 1;
    ip[8] = byte() & 1 ? 0xfe : 0;
    ip[24] = 0xff;
    memcpy(ip + 40, alert, sizeof alert);
    take_bytes(icmp, n);
    icmp[0] = types[icmp[0] % ARRAY_SIZE(types)];
    memset(icmp + 2, 0, 2);
    const uint8_t rest[8] = { 0, 0, 0, (uint8_t)n, 0, 0, 0, 58 };
    uint64_t sum = checksum_add(checksum_add(0, ip + 8, 32), rest, 8);
    uint16_t finished = checksum_finish(checksum_add(sum, icmp, n));
    memcpy(icmp + 2, &finished, 2);
    length = ETHERNET_HEADER + 48 + n;
}

static void put_tag(uint16_t tci)
{
    memmove(frame + 16, frame + 12, length - 12);
    store_be16(frame + 12, ETHERTYPE_VLAN);
    store_be16(frame + 14, tci);
    length += VLAN_TAG;
}

static void send_frame(uint8_t what)
{
    static const uint16_t tcis[] = { 10, 20, 0, 0xe000, 0x600a, 4095, 30, 10 };
    static void (*const makers[])(void) = { put_plain, put_plain, put_bpdu, put_igmp, put_mld };
    memset(frame, 0, sizeof frame);
    makers[what / PORTS % ARRAY_SIZE(makers)]();
    uint8_t tag = byte();
    if (tag & 0x80)
        put_tag(tcis[tag % ARRAY_SIZE(tcis)]);
    if ((tag & 0x60) == 0x60)
        length = 14 + byte() % length;
    wire_put(lan[what % PORTS], frame, length);
}

/* An input -------------------------------------------------------------------------------- */

/* What each input finds; by functions, for the commands' words are other fuzzers'. */
static void make_bridge(void)
{
    static const struct {
        uint16_t vid;
        bool untagged;
        uint8_t port;
    } vlans[] = {
        { 10, true, 0 }, { 10, false, 1 }, { 20, false, 1 }, { 20, true, 2 }, { 10, false, 3 }
    };
    must(!bridge_add("br1"));
    struct bridge *bridge = bridge_find("br1");
    for (unsigned i = 0; i < PORTS; i++)
        must(!bridge_add_port(bridge, &lan[i]->port));
    must(!bridge_set_vlan_aware(bridge, true) && !snoop_start(bridge) && !stp_start(bridge));
    for (unsigned i = 0; i < ARRAY_SIZE(vlans); i++)
        must(!bridge_add_vlan(member_of(vlans[i].port), vlans[i].vid, vlans[i].untagged));
    must(vlan_create(bridge->interface, 20));
}

static void begin(void)
{
    static bool begun;
    if (!begun) {
        lan_start(PORTS, "l2");
        must(!fdb_resize(FDB_STATIONS_MIN)); /* it is walked through again and again */
    }
    begun = true;
    make_bridge();
    for (unsigned i = 0; i < FORWARDS_S; i++) {
        host_advance_us(US_PER_S);
        forward_turn();
    }
    check_sent();
}

static void end(void)
{
    const struct packet_cache *cache = &control_worker()->cache;
    lan_run();
    check_sent();
    if (bridge_find("br1"))
        bridge_delete(bridge_find("br1"));
    for (unsigned i = 0; i < PORTS; i++)
        lan[i]->link_up = true;
    lan_run();
    lan_check_conservation();
    check_sent();
    must(packet_pool_available(cache->pool) + cache->count == LAN_PACKETS);
    must(!interface_find("br1.10") && !interface_find("br1.20"));
    for (unsigned i = 2; i < fid_limit(); i++)
        must(!fid_get((uint16_t)i).bridge);
    host_set_time_us(ALIGN_UP(time_us() + AGE_US, AGE_US));
    forward_turn();
    check_sent();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = (struct input){ data, size };
    outcome(NULL, 0);
    begin();
    while (input.size) {
        uint8_t what = byte();
        if (what >= 0xf0)
            host_advance_us((what & 0xfu) * US_PER_S);
        else if (what >= 0xc0)
            change();
        else
            send_frame(what);
        if (what & 0x20)
            continue; /* several of them in one turn */
        forward_turn();
        must(lan_is_conserved());
        check_sent();
    }
    end();
    return 0;
}
