/* virtchnl_server.c before hostile VFs: messages of any operation, length, index and value, in any
 * order and number, on a chip that fails and resets when the input wants it, while the
 * administrator changes policies and accuses.  Nothing is granted beyond policies and limits, no VF
 * has what is another's, the chip is asked for nothing that it cannot have, every message that is
 * heard is answered once, one that is refused changes nothing, nobody sends more than his share;
 * and in the end a VF that behaves is served. */
#include "kernel/log.h"
#include "kernel/time.h"
#include "nic/intel/i40e/virtchnl_server.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VFS 3u
#define QUEUES 4u
#define VSI(vf) (20u + (vf))
#define PAIRS_MAX 60u
#define CHIP_MACS 10u /* further addresses of all VFs together */
#define KINDS 0x0000ff0000ff0000ull
#define BURST 64u /* vf_policy.c: messages at once, and a second */
#define PER_S 200u
#define LINES_MAX 2000u

static struct input in;
static struct virtchnl_server server;
static struct port port = { .mac = { 0x52, 0x54, 0, 0, 0, 1 } };
static uint64_t now, begun;
static bool fails; /* the chip does not take what it is told */
static unsigned queues_for, lines;
static bool resetting[VFS];
static uint32_t rx_on[VFS], tx_on[VFS]; /* as the chip has them */

/* The message being served. */
static unsigned speaker, answers, resets;
static uint32_t spoken;
static int32_t status;
static bool polling; /* those that waited are */

static uint64_t take(size_t n)
{
    return take_value(&in, n);
}

/* The chip ----------------------------------------------------------------------------- */

static void chip_send(void *ctx, unsigned vf, uint32_t op, int32_t s, const void *bytes, uint16_t n)
{
    uint8_t copy[sizeof(struct virtchnl_stats)];
    must(vf < VFS && n <= sizeof copy && (op == VIRTCHNL_EVENT || !server.base.vf[vf].muted));
    if (n)
        memcpy(copy, bytes, n);
    outcome(copy, n);
    if (op == VIRTCHNL_EVENT && !s) { /* with a status: who says "event" himself is told no */
        must(n == sizeof(struct virtchnl_event));
        return;
    }
    must(polling ? op == server.vf[vf].waiting_op : vf == speaker && op == spoken);
    must(!s || !n);
    answers++;
    status = s;
}

static void chip_reset(void *ctx, unsigned vf, bool told)
{
    resets++;
    resetting[vf] = true;
    rx_on[vf] = tx_on[vf] = 0;
}

static int chip_filters(void *ctx, unsigned vf)
{
    static const int errors[] = { 0, -ENOSPC, -EIO };
    return fails ? errors[take(1) % 3] : 0;
}

static int chip_properties(void *ctx, unsigned vf)
{
    return fails ? -EIO : 0;
}

static int chip_configure(void *ctx, unsigned vf, unsigned queue)
{
    const struct virtchnl_vf *c = &server.vf[vf];
    const struct virtchnl_queue *q = &c->queue[queue];
    must(queue < c->queues && !((rx_on[vf] | tx_on[vf]) >> queue & 1));
    must(q->rx_length && !(q->rx_length % 32) && q->rx_length <= 8160 && !(q->rx_ring % 128));
    must(q->tx_length && !(q->tx_length % 8) && q->tx_length <= 8160 && !(q->tx_ring % 128));
    must(q->buffer && !(q->buffer % 128) && q->buffer <= 16 * 1024 - 128);
    must(q->frame >= VIRTCHNL_FRAME_MIN && q->frame <= VIRTCHNL_FRAME && q->frame <= 5 * q->buffer);
    return fails ? -EIO : 0;
}

static int chip_enable(void *ctx, unsigned vf, uint32_t rx, uint32_t tx, bool on)
{
    const struct virtchnl_vf *c = &server.vf[vf];
    must((rx | tx) && !((rx | tx) >> c->queues) && !server.base.vf[vf].muted);
    must(!on || !((rx | tx) & ~c->configured));
    must(on ? !(rx & rx_on[vf]) && !(tx & tx_on[vf]) : !(rx & ~rx_on[vf]) && !(tx & ~tx_on[vf]));
    if (fails)
        return -EIO;
    rx_on[vf] ^= rx;
    tx_on[vf] ^= tx;
    return 0;
}

static void chip_map(void *ctx, unsigned vf, const struct virtchnl_vector *v)
{
    must(v->vector < server.vectors && !((v->rx_queues | v->tx_queues) >> server.vf[vf].queues));
    must(v->rx_itr <= 3 && v->tx_itr <= 3);
}

static int chip_spread(void *ctx, unsigned vf)
{
    for (unsigned i = 0; i < VIRTCHNL_LUT; i++)
        must(server.vf[vf].lut[i] < server.vf[vf].queues);
    must(!(server.vf[vf].kinds & ~KINDS));
    return fails ? -EIO : 0;
}

static void chip_stats(void *ctx, unsigned vf, struct virtchnl_stats *stats)
{
    stats->rx_octets = vf;
}

static unsigned chip_queues_for(void *ctx, unsigned vf)
{
    return queues_for;
}

static const struct virtchnl_chip_ops ops = { .send = chip_send,
                                              .reset = chip_reset,
                                              .filters = chip_filters,
                                              .properties = chip_properties,
                                              .configure = chip_configure,
                                              .enable = chip_enable,
                                              .map = chip_map,
                                              .spread = chip_spread,
                                              .stats = chip_stats,
                                              .queues_for = chip_queues_for };

static void ready(unsigned vf)
{
    const struct virtchnl_vf *c = &server.vf[vf];
    unsigned queues =
        c->queues_wanted && c->queues_wanted <= queues_for ? c->queues_wanted : QUEUES;
    if (!resetting[vf])
        return;
    resetting[vf] = false;
    virtchnl_server_ready(&server, vf, (uint16_t)VSI(vf), (uint16_t)queues);
    if (server.base.vf[vf].muted)
        vf_forgiven(&server.base.vf[vf], now);
}

/* What must hold ------------------------------------------------------------------------ */

static bool is_group(const uint8_t mac[MAC_LEN])
{
    return mac[0] & 1;
}

static void check_addresses(unsigned vf)
{
    const struct vf_state *v = &server.base.vf[vf];
    const struct virtchnl_vf *c = &server.vf[vf];
    must(v->mac_count <= VF_MACS_MAX && c->group_count <= VIRTCHNL_GROUPS_MAX);
    must(c->group_count <= VIRTCHNL_FEW || v->policy.trust);
    must(!is_group(v->mac) && !mac_equal(v->mac, port.mac));
    for (unsigned i = 0; i < c->group_count; i++)
        must(is_group(c->groups[i]));
    for (unsigned i = 0; i < v->mac_count; i++)
        must(mac_is_station(v->macs[i]) && !mac_equal(v->macs[i], port.mac));
    for (unsigned other = 0; other < vf; other++) {
        const struct vf_state *o = &server.base.vf[other];
        must(!mac_equal(o->mac, v->mac));
        for (unsigned i = 0; i < v->mac_count; i++)
            for (unsigned k = 0; k < o->mac_count; k++)
                must(!mac_equal(v->macs[i], o->macs[k]) && !mac_equal(v->macs[i], o->mac));
    }
    must(!v->policy.mac_set || v->policy.trust ||
         (mac_equal(v->mac, v->policy.mac) && !v->mac_count));
}

static void check_vlans(unsigned vf)
{
    const struct vf_state *v = &server.base.vf[vf];
    unsigned vlans = v->vlan_count ? v->vlan_count + 1u : 1;
    must(v->vlan_count <= (v->policy.trust ? VF_VLANS_MAX : VIRTCHNL_FEW));
    must(!v->policy.vlan || !v->vlan_count);
    for (unsigned i = 0; i < v->vlan_count; i++) {
        must(v->vlans[i] && v->vlans[i] <= VLAN_MAX);
        for (unsigned k = 0; k < i; k++)
            must(v->vlans[i] != v->vlans[k]);
    }
    must((1u + v->mac_count + server.vf[vf].group_count) * vlans <= PAIRS_MAX);
}

static void check_queues(unsigned vf)
{
    const struct virtchnl_vf *c = &server.vf[vf];
    must(c->queues <= VIRTCHNL_QUEUES_MAX && !(c->configured >> c->queues));
    must(!((c->rx_on | c->tx_on) & ~c->configured));
    must(rx_on[vf] == c->rx_on && tx_on[vf] == c->tx_on);
}

static void check_vf(unsigned vf)
{
    const struct vf_state *v = &server.base.vf[vf];
    const struct virtchnl_vf *c = &server.vf[vf];
    bool active = c->state == VIRTCHNL_VF_ACTIVE;
    check_addresses(vf);
    check_vlans(vf);
    check_queues(vf);
    must((c->state == VIRTCHNL_VF_RESETTING) == resetting[vf] && !(resetting[vf] && c->waiting));
    must(active || (!c->configured && !c->rx_on && !c->tx_on && !c->group_count));
    must(active || (!v->mac_count && !v->vlan_count && !v->promiscuous && !v->all_multicast));
    must(v->policy.trust || (!v->promiscuous && !v->all_multicast));
    must(!(c->caps & ~(VIRTCHNL_OFFERS | VIRTCHNL_CAP_L2)));
    must(!v->policy.vlan || !(c->caps & (VIRTCHNL_CAP_VLAN | VIRTCHNL_CAP_VLAN_V2)));
    must(v->frame >= VIRTCHNL_FRAME_MIN && v->frame <= VIRTCHNL_FRAME);
    must(v->messages <= BURST + 1 + PER_S * (now - begun) / US_PER_S);
    must(v->refused <= v->messages);
}

static void check(void)
{
    unsigned macs = 0;
    for (unsigned vf = 0; vf < VFS; vf++) {
        check_vf(vf);
        macs += server.base.vf[vf].mac_count;
    }
    must(macs <= CHIP_MACS && lines < LINES_MAX);
}

/* What a VF has, but for what counts it. */
struct has {
    uint8_t mac[MAC_LEN], macs[VF_MACS_MAX][MAC_LEN];
    uint8_t mac_count, vlan_count;
    uint16_t vlans[VF_VLANS_MAX];
    bool promiscuous, all_multicast;
    struct virtchnl_vf c;
};

static struct has what_it_has(unsigned vf)
{
    const struct vf_state *v = &server.base.vf[vf];
    struct has h;
    memset(&h, 0, sizeof h);
    memcpy(h.mac, v->mac, sizeof h.mac);
    memcpy(h.macs, v->macs, v->mac_count * sizeof v->macs[0]);
    memcpy(h.vlans, v->vlans, v->vlan_count * sizeof v->vlans[0]);
    h.mac_count = v->mac_count;
    h.vlan_count = v->vlan_count;
    h.promiscuous = v->promiscuous;
    h.all_multicast = v->all_multicast;
    memcpy(&h.c, &server.vf[vf], sizeof h.c);
    h.c.waiting = NULL;
    h.c.waiting_op = h.c.waiting_n = 0;
    memset(h.c.groups[h.c.group_count], 0,
           (VIRTCHNL_GROUPS_MAX - h.c.group_count) * sizeof h.c.groups[0]);
    return h;
}

/* Messages -------------------------------------------------------------------------------- */

static uint8_t message[VIRTCHNL_MESSAGE_MAX];
static uint16_t length;

static void put(uint64_t value, size_t n)
{
    memcpy(message + length, &value, n);
    length = (uint16_t)(length + n);
}

/* Believable addresses, of groups and of others as well. */
static void put_mac(void)
{
    uint8_t which = (uint8_t)take(1), mac[MAC_LEN] = { 2, 0, 0, 0, 0, which & 31 };
    if (which & 0x40)
        mac[0] = 1;
    if (which == 0x20)
        memcpy(mac, port.mac, MAC_LEN);
    if ((which & 0xe0) == 0x80)
        memcpy(mac, server.base.vf[which % VFS].mac, MAC_LEN);
    memcpy(message + length, mac, MAC_LEN);
    length += MAC_LEN;
    put(1 + (which >> 5 & 1), 2);
}

static void put_pair(unsigned n, uint16_t vsi)
{
    uint8_t odd = (uint8_t)take(1);
    const struct virtchnl_queue_pair pair = {
        .tx = { .vsi = vsi,
                .queue = (uint16_t)(odd & 1 ? take(1) : n),
                .length = (uint16_t)(odd & 2 ? take(2) : 64),
                .ring = odd & 4 ? take(8) : 0x1000 },
        .rx = { .vsi = vsi,
                .queue = (uint16_t)n,
                .length = (uint32_t)(odd & 8 ? take(3) : 64),
                .buffer_size = (uint32_t)(odd & 16 ? take(3) : 2048),
                .max_frame = (uint32_t)(odd & 32 ? take(3) : 1526),
                .rxdid = (uint8_t)(odd & 64 ? take(1) : 1),
                .ring = odd & 128 ? take(8) : 0x2000 },
    };
    memcpy(message + length, &pair, sizeof pair);
    length += sizeof pair;
}

static void put_vlan_v2(void)
{
    struct virtchnl_vlan_filter f = { .inner = { .tci = (uint16_t)take(1), .tpid = 0x8100 } };
    if (f.inner.tci == 99)
        f.outer.tpid = 0x8100;
    memcpy(message + length, &f, sizeof f);
    length += sizeof f;
}

/* A list of up to 40, of which the head counts as many. */
static void put_list(uint32_t op, uint16_t vsi, uint8_t count)
{
    bool v2 = op == VIRTCHNL_ADD_VLAN_V2 || op == VIRTCHNL_DELETE_VLAN_V2;
    if (op != VIRTCHNL_CONFIG_IRQ_MAP)
        put(vsi, 2);
    put(count, 2);
    if (v2 || op == VIRTCHNL_CONFIG_QUEUES)
        put(0, 4);
    for (unsigned i = 0; i < count; i++) {
        if (op == VIRTCHNL_CONFIG_QUEUES) {
            put_pair(i, vsi);
        } else if (op == VIRTCHNL_CONFIG_IRQ_MAP) {
            put(vsi, 2);
            put(take(1) % 8, 2);
            put(take(1) % 32, 4);
            put(take(1) % 5, 4);
        } else if (op == VIRTCHNL_ADD_MAC || op == VIRTCHNL_DELETE_MAC) {
            put_mac();
        } else if (v2) {
            put_vlan_v2();
        } else {
            put(take(1), 2);
        }
    }
}

static void put_fixed(uint32_t op, uint16_t vsi)
{
    switch (op) {
    case VIRTCHNL_VERSION:
        put(1, 4);
        put(take(1) % 3, 4);
        break;
    case VIRTCHNL_GET_RESOURCES:
        put(take(1) & 1 ? take(4) : UINT32_MAX, 4);
        break;
    case VIRTCHNL_ENABLE_QUEUES:
    case VIRTCHNL_DISABLE_QUEUES:
        put(vsi, 4);
        put(take(1) % 32, 4);
        put(take(1) % 32, 4);
        break;
    case VIRTCHNL_PROMISCUOUS:
        put(vsi, 2);
        put(take(1) % 5, 2);
        break;
    case VIRTCHNL_GET_STATS:
        put(vsi, 4);
        put(0, 8);
        break;
    case VIRTCHNL_RSS_KEY:
    case VIRTCHNL_RSS_LUT:
        put(vsi, 2);
        put(op == VIRTCHNL_RSS_KEY ? VIRTCHNL_KEY : VIRTCHNL_LUT, 2);
        for (unsigned i = 0; i < (op == VIRTCHNL_RSS_KEY ? VIRTCHNL_KEY : VIRTCHNL_LUT); i++)
            put(i & 15 ? i & 3 : take(1) % 5, 1);
        break;
    case VIRTCHNL_SET_RSS_HENA:
        put(take(8), 8);
        break;
    case VIRTCHNL_REQUEST_QUEUES:
        put(take(1) % 20, 2);
        break;
    default:
        put(0, 4);
        put(take(1) % 3, 4);
        put(vsi, 8);
        break;
    }
}

/* Heard, and answered, once; or it waits, or is dropped: of a VF that is muted, or resets. */
static void vf_says(unsigned vf, uint32_t op)
{
    const struct vf_state *v = &server.base.vf[vf];
    struct has before = what_it_has(vf);
    bool deaf = v->muted || resetting[vf] || server.vf[vf].waiting || !vf_may_ask(v, now);
    uint64_t messages = v->messages;
    uint8_t *copy = malloc(length ? length : 1); /* exactly as long: a look past it is seen */
    memcpy(copy, message, length);
    speaker = vf;
    spoken = op;
    answers = resets = 0;
    status = 0;
    virtchnl_server_message(&server, vf, op, copy, length, now);
    free(copy);
    spoken = 0;
    must(v->messages == messages + !deaf);
    must(answers + resets == !deaf);
    must(!resets || op == VIRTCHNL_RESET_VF || op == VIRTCHNL_REQUEST_QUEUES);
    struct has after = what_it_has(vf);
    if (deaf || (answers && status && !fails))
        must(!memcmp(&before, &after, sizeof after));
}

static bool is_list(uint32_t op)
{
    return op == VIRTCHNL_CONFIG_QUEUES || op == VIRTCHNL_CONFIG_IRQ_MAP ||
           (op >= VIRTCHNL_ADD_MAC && op <= VIRTCHNL_DELETE_VLAN) || op == VIRTCHNL_ADD_VLAN_V2 ||
           op == VIRTCHNL_DELETE_VLAN_V2;
}

static void speaks(unsigned vf, uint8_t how)
{
    static const uint8_t known[] = {
        1,  2,  3,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 23, 24, 25,
        26, 27, 28, 29, 51, 52, 53, 54, 55, 56, 57, 10, 12, 52, 6,  8
    };
    uint32_t op = known[how % ARRAY_SIZE(known)];
    uint16_t vsi = (uint16_t)(how & 0x80 ? take(1) : VSI(vf));
    length = 0;
    if (is_list(op))
        put_list(op, vsi, (uint8_t)(1 + take(1) % 40));
    else
        put_fixed(op, vsi);
    if (how & 0x40)
        length = (uint16_t)(take(2) % (length + 9u));
    else if (op == VIRTCHNL_RESET_VF || (op >= VIRTCHNL_STRIP_ON && op <= VIRTCHNL_STRIP_OFF) ||
             op == VIRTCHNL_GET_RSS_HENA || op == VIRTCHNL_GET_VLAN_CAPS)
        length = 0;
    vf_says(vf, op);
}

/* A driver's usual beginning. */
static void begins(unsigned vf)
{
    ready(vf);
    length = 0;
    put_fixed(VIRTCHNL_VERSION, 0);
    vf_says(vf, VIRTCHNL_VERSION);
    length = 0;
    if (server.vf[vf].minor)
        put(take(1) & 1 ? take(4) : UINT32_MAX, 4);
    vf_says(vf, VIRTCHNL_GET_RESOURCES);
}

static void speaks_nonsense(unsigned vf)
{
    uint32_t op = (uint32_t)take(take(1) & 1 ? 4 : 1);
    length = (uint16_t)(take(2) % VIRTCHNL_MESSAGE_MAX);
    memset(message, (int)take(1), length);
    for (unsigned i = 0; i < length && i < 24; i++)
        message[i] = (uint8_t)take(1);
    vf_says(vf, op);
}

/* The administrator, and the chip ------------------------------------------------------------- */

static void administrator(unsigned vf)
{
    struct vf_policy policy = server.base.vf[vf].policy;
    const char *why = NULL;
    uint8_t what = (uint8_t)take(1);
    policy.trust = what & 1;
    policy.spoofcheck = what & 2;
    policy.link = (enum vf_link)((what >> 2 & 3) % 3);
    if (what & 0x10) {
        memcpy(policy.mac, (uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)(take(1) & 31) }, MAC_LEN);
        policy.mac_set = true;
    }
    if (what & 0x20)
        policy.vlan = (uint16_t)(take(2) % 5000);
    if (what & 0x40)
        policy.rate_mbps = (uint32_t)take(2);
    must(!virtchnl_server_set(&server, vf, &policy, &why) || why);
}

static void passes(uint64_t us)
{
    now += us;
    host_set_time_us(now);
}

static void chip_acts(unsigned vf, uint8_t how)
{
    struct vf_info info;
    switch (how % 8) {
    case 0:
        chip_reset(NULL, vf, false); /* of its function, by itself */
        virtchnl_server_resets(&server, vf);
        break;
    case 1:
        virtchnl_server_malicious(&server, vf, now);
        break;
    case 2:
        virtchnl_server_link(&server, how & 0x80, 1000u * (how >> 3));
        break;
    case 3:
        virtchnl_server_announce(&server, vf);
        break;
    case 4:
        fails = how & 8;
        break;
    case 5:
        queues_for = 1 + (how >> 3) % VIRTCHNL_QUEUES_MAX;
        break;
    case 6:
        virtchnl_server_info(&server, vf, &info);
        must(info.mailbox != VF_MAILBOX_OPEN || server.vf[vf].state == VIRTCHNL_VF_ACTIVE);
        break;
    default:
        passes(how * 100ull * US_PER_MS);
        break;
    }
}

static void those_that_waited(void)
{
    polling = true;
    virtchnl_server_poll(&server, now);
    polling = false;
}

static void step(void)
{
    uint8_t what = (uint8_t)take(1);
    unsigned vf = (what >> 4) % VFS;
    switch (what % 8) {
    case 0:
        begins(vf);
        break;
    case 1:
        speaks_nonsense(vf);
        break;
    case 2:
        administrator(vf);
        break;
    case 3:
        chip_acts(vf, (uint8_t)take(1));
        break;
    case 4:
        ready(vf);
        break;
    case 5: /* a flood, without an end of its own */
        length = 0;
        for (unsigned i = 0; i < 80; i++)
            vf_says(vf, VIRTCHNL_GET_RSS_HENA);
        break;
    default:
        speaks(vf, (uint8_t)take(1));
        break;
    }
    passes((what & 8) * 1000);
    those_that_waited();
    check();
}

/* A message of a VF that there is not; and one that behaves, after a while, is served. */
static void end(void)
{
    uint64_t strays = server.strays;
    fails = false;
    virtchnl_server_message(&server, VFS, VIRTCHNL_VERSION, message, 8, now);
    must(server.strays == strays + 1);
    passes(60 * US_PER_S);
    those_that_waited();
    for (unsigned vf = 0; vf < VFS; vf++) {
        chip_reset(NULL, vf, false);
        virtchnl_server_resets(&server, vf);
        vf_forgiven(&server.base.vf[vf], now);
        begins(vf);
        must(server.vf[vf].state == VIRTCHNL_VF_ACTIVE && answers == 1 && !status);
    }
    check();
}

static void count_line(const char *text, size_t n)
{
    lines++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    in = (struct input){ data, size };
    log_set_sink(count_line);
    lines = 0;
    fails = false;
    queues_for = 8;
    now = begun = US_PER_S;
    host_set_time_us(now);
    memset(resetting, 0, sizeof resetting);
    memset(rx_on, 0, sizeof rx_on);
    memset(tx_on, 0, sizeof tx_on);
    server = (struct virtchnl_server){ .base = { .name = "fuzz",
                                                 .port = &port,
                                                 .limits = { .chip = "chip",
                                                             .macs = CHIP_MACS,
                                                             .vf_macs = VF_MACS_MAX,
                                                             .rate_mbps = 40000,
                                                             .rate_min_mbps = 50,
                                                             .rate_step_mbps = 50,
                                                             .forces_link = true,
                                                             .queues = QUEUES } },
                                       .ops = &ops,
                                       .offered = VIRTCHNL_OFFERS,
                                       .vectors = 5,
                                       .pairs_max = PAIRS_MAX,
                                       .kinds = KINDS };
    must(!virtchnl_server_create(&server, VFS));
    for (unsigned vf = 0; vf < VFS; vf++)
        virtchnl_server_ready(&server, vf, (uint16_t)VSI(vf), QUEUES);
    while (in.size)
        step();
    end();
    virtchnl_server_destroy(&server);
    harness_end();
    return 0;
}
