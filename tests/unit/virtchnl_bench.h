/* virtchnl_bench.h - virtchnl_server.c and virtchnl_requests.c over a chip that only takes notes,
 * and a VF's words.  For test programs, each of which is one of its own: everything here is static.
 */
#pragma once

#include "nic/intel/i40e/virtchnl_server.h"

#include "tests/host/host.h"
#include "tests/host/test.h"

#include <errno.h>
#include <string.h>

#define VFS 128u
#define VSI(vf) (20u + (vf))
#define QUEUES 4u
#define KINDS 0x00007a1e80000000ull
#define ALL_CAPS 0xffffffffu
#define OLD_CAPS (ALL_CAPS & ~VIRTCHNL_CAP_VLAN_V2)

static struct message {
    unsigned vf, n;
    uint32_t op;
    int32_t status;
    uint8_t bytes[128];
} answer, event;

static struct chip {
    unsigned answers, events, resets, filters, properties, configured, maps, spreads, enables;
    uint32_t rx, tx; /* on, of VF 0 */
    int fails;       /* the result of filters(), once; of the others, always */
    int broken;
    unsigned queues_for;
    bool told;       /* before the last reset */
    uint8_t macs; /* that VF 0 had in its list at filters() */
} chip;

static struct virtchnl_server server;
static struct port port = { .mac = { 0x52, 0x54, 0, 0, 0, 1 } };
static uint64_t now;
static const uint8_t other[MAC_LEN] = { 2, 0, 0, 0, 0, 7 };

/* The chip --------------------------------------------------------------------------------- */

static inline void chip_send(void *ctx, unsigned vf, uint32_t op, int32_t status, const void *bytes,
                             uint16_t n)
{
    struct message *m = op == VIRTCHNL_EVENT ? &event : &answer;
    assert_true(n <= sizeof m->bytes);
    chip.answers += m == &answer;
    chip.events += m == &event;
    *m = (struct message){ .vf = vf, .n = n, .op = op, .status = status };
    if (n)
        memcpy(m->bytes, bytes, n);
}

static inline void chip_reset(void *ctx, unsigned vf, bool told)
{
    chip.resets++;
    chip.told = told;
    chip.rx = chip.tx = vf ? chip.rx : 0;
}

static inline int chip_filters(void *ctx, unsigned vf)
{
    int fails = chip.fails;
    chip.fails = 0;
    chip.filters++;
    chip.macs = server.base.vf[0].mac_count;
    return fails;
}

static inline int chip_properties(void *ctx, unsigned vf)
{
    chip.properties++;
    return chip.broken;
}

static inline int chip_configure(void *ctx, unsigned vf, unsigned queue)
{
    assert_true(queue < server.vf[vf].queues);
    assert_false((server.vf[vf].rx_on | server.vf[vf].tx_on) >> queue & 1);
    chip.configured++;
    return chip.broken;
}

static inline int chip_enable(void *ctx, unsigned vf, uint32_t rx, uint32_t tx, bool on)
{
    assert_true(rx | tx);
    assert_false((rx | tx) >> server.vf[vf].queues);
    if (chip.broken)
        return chip.broken;
    chip.enables++;
    chip.rx = on ? chip.rx | rx : chip.rx & ~rx;
    chip.tx = on ? chip.tx | tx : chip.tx & ~tx;
    return 0;
}

static inline void chip_map(void *ctx, unsigned vf, const struct virtchnl_vector *vector)
{
    assert_true(vector->vector < server.vectors);
    chip.maps++;
}

static inline int chip_spread(void *ctx, unsigned vf)
{
    chip.spreads++;
    return chip.broken;
}

static inline void chip_stats(void *ctx, unsigned vf, struct virtchnl_stats *stats)
{
    stats->rx_unicast = 100 + vf;
}

static inline unsigned chip_queues_for(void *ctx, unsigned vf)
{
    return chip.queues_for;
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

static inline int set_up(void **state)
{
    host_reset();
    memset(&chip, 0, sizeof chip);
    memset(&answer, 0, sizeof answer);
    memset(&event, 0, sizeof event);
    chip.queues_for = 8;
    now = 1000000;
    server = (struct virtchnl_server){ .base = { .name = "fake",
                                                 .port = &port,
                                                 .limits = { .chip = "fake",
                                                             .macs = VFS * VF_MACS_MAX,
                                                             .vf_macs = VF_MACS_MAX,
                                                             .rate_mbps = 40000,
                                                             .rate_min_mbps = 50,
                                                             .rate_step_mbps = 50,
                                                             .forces_link = true,
                                                             .queues = QUEUES } },
                                       .ops = &ops,
                                       .chip = &chip,
                                       .offered = VIRTCHNL_OFFERS,
                                       .vectors = 5,
                                       .pairs_max = 600,
                                       .kinds = KINDS };
    assert_int_equal(virtchnl_server_create(&server, VFS), 0);
    for (unsigned i = 0; i < VFS; i++)
        virtchnl_server_ready(&server, i, (uint16_t)VSI(i), QUEUES);
    virtchnl_server_link(&server, true, 10000);
    return 0;
}

static inline int tear_down(void **state)
{
    virtchnl_server_destroy(&server);
    return 0;
}

/* A VF --------------------------------------------------------------------------------------- */

/* The status of the answer; a millisecond between two. */
static inline int32_t say(unsigned vf, uint32_t op, const void *bytes, size_t n)
{
    unsigned answers = chip.answers;
    uint8_t *copy = test_malloc(n ? n : 1); /* exactly as long: a look past it is seen */
    if (n)
        memcpy(copy, bytes, n);
    now += 10000;
    virtchnl_server_message(&server, vf, op, copy, (uint16_t)n, now);
    test_free(copy);
    assert_int_equal(chip.answers, answers + 1);
    assert_int_equal(answer.vf, vf);
    assert_int_equal(answer.op, op);
    return answer.status;
}

static inline struct vf_info info(unsigned vf)
{
    struct vf_info i;
    virtchnl_server_info(&server, vf, &i);
    return i;
}

static inline struct virtchnl_resources greet(unsigned vf, uint32_t caps)
{
    const struct virtchnl_version version = { 1, 1 };
    struct virtchnl_resources r;
    assert_int_equal(say(vf, VIRTCHNL_VERSION, &version, sizeof version), 0);
    assert_int_equal(say(vf, VIRTCHNL_GET_RESOURCES, &caps, sizeof caps), 0);
    assert_int_equal(answer.n, sizeof r);
    memcpy(&r, answer.bytes, sizeof r);
    return r;
}

static inline void set(unsigned vf, const struct vf_policy *policy)
{
    const char *why = NULL;
    unsigned resets = chip.resets;
    assert_int_equal(virtchnl_server_set(&server, vf, policy, &why), 0);
    if (chip.resets != resets)
        virtchnl_server_ready(&server, vf, (uint16_t)VSI(vf), QUEUES);
}

static inline void trust(unsigned vf)
{
    struct vf_policy policy = info(vf).policy;
    policy.trust = true;
    set(vf, &policy);
    greet(vf, OLD_CAPS);
}

/* A list message: head, elements, and room for one more. */
struct list {
    uint8_t bytes[VIRTCHNL_MESSAGE_MAX];
};

static inline struct virtchnl_queue_pair pair(unsigned vf, uint16_t q)
{
    return (struct virtchnl_queue_pair){
        .tx = { .vsi = (uint16_t)VSI(vf), .queue = q, .length = 512, .ring = 0x10000 },
        .rx = { .vsi = (uint16_t)VSI(vf),
                .queue = q,
                .length = 512,
                .buffer_size = 2048,
                .max_frame = VIRTCHNL_FRAME,
                .ring = 0x20000 }
    };
}

static inline int32_t describe(unsigned vf, const struct virtchnl_queue_pair *pairs, uint16_t n)
{
    struct virtchnl_queues head = { .vsi = (uint16_t)VSI(vf), .pairs = n };
    struct list l = { 0 };
    memcpy(l.bytes, &head, sizeof head);
    memcpy(l.bytes + sizeof head, pairs, n * sizeof *pairs);
    return say(vf, VIRTCHNL_CONFIG_QUEUES, &l, VIRTCHNL_LIST_LENGTH(head, *pairs, n));
}

static inline void describe_all(unsigned vf)
{
    struct virtchnl_queue_pair pairs[QUEUES];
    for (uint16_t q = 0; q < QUEUES; q++)
        pairs[q] = pair(vf, q);
    assert_int_equal(describe(vf, pairs, QUEUES), 0);
}

static inline int32_t switch_queues(unsigned vf, bool on, uint32_t rx, uint32_t tx)
{
    const struct virtchnl_queue_select q = { .vsi = (uint16_t)VSI(vf), .rx = rx, .tx = tx };
    return say(vf, on ? VIRTCHNL_ENABLE_QUEUES : VIRTCHNL_DISABLE_QUEUES, &q, sizeof q);
}

static inline int32_t macs(unsigned vf, uint32_t op, const uint8_t (*list)[MAC_LEN], uint16_t n,
                           uint8_t type)
{
    struct virtchnl_mac_list head = { .vsi = (uint16_t)VSI(vf), .count = n };
    struct list l = { 0 };
    memcpy(l.bytes, &head, sizeof head);
    for (uint16_t i = 0; i < n; i++) {
        struct virtchnl_mac m = { .type = type };
        memcpy(m.address, list[i], MAC_LEN);
        memcpy(l.bytes + sizeof head + i * sizeof m, &m, sizeof m);
    }
    return say(vf, op, &l, VIRTCHNL_LIST_LENGTH(head, struct virtchnl_mac, n));
}

static inline int32_t mac(unsigned vf, uint32_t op, const uint8_t address[MAC_LEN], uint8_t type)
{
    uint8_t list[1][MAC_LEN];
    memcpy(list[0], address, MAC_LEN);
    return macs(vf, op, list, 1, type);
}

static inline int32_t vlans(unsigned vf, uint32_t op, uint16_t first, uint16_t n)
{
    struct virtchnl_vlan_list head = { .vsi = (uint16_t)VSI(vf), .count = n };
    struct list l = { 0 };
    memcpy(l.bytes, &head, sizeof head);
    for (uint16_t i = 0; i < n; i++) {
        uint16_t vid = (uint16_t)(first + i);
        memcpy(l.bytes + sizeof head + 2u * i, &vid, 2);
    }
    return say(vf, op, &l, VIRTCHNL_LIST_LENGTH(head, uint16_t, n));
}

static inline int32_t promiscuous(unsigned vf, uint16_t flags)
{
    const struct virtchnl_promiscuous p = { (uint16_t)VSI(vf), flags };
    return say(vf, VIRTCHNL_PROMISCUOUS, &p, sizeof p);
}

static inline int32_t map(unsigned vf, struct virtchnl_vector v)
{
    uint16_t one = 1;
    struct list l = { 0 };
    memcpy(l.bytes, &one, sizeof one);
    memcpy(l.bytes + sizeof one, &v, sizeof v);
    return say(vf, VIRTCHNL_CONFIG_IRQ_MAP, &l, sizeof one + sizeof v);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
