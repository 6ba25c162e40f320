/* vf_pair.h - both ends in this house: a PF's driver with its master driver on a model, and its
 * VFs' driver, in one poll loop as in the image.  The conformance suite on a VF, then policies,
 * resets and what each end makes of the other's.
 *
 * For programs of their own, which say before: `model`, `chip`, MODEL(), PF_MTU, UNISOLATED (the
 * chip has no access control), FRAME_IS(bytes, mtu) (that is what a VF is granted at that MTU),
 * TOLD_MS (that a VF has between a policy and its reset), LOOK_MESSAGES (by which a VF looks after
 * its PF), COMES(port) of a VF; PAIR_TESTS are theirs. */
#pragma once

#include "apps/forward/access.h"
#include "kernel/time.h"
#include "nic/vf.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"

#include <errno.h>
#include <string.h>

#define PF_PACKETS 2048u
#define VF_PACKETS 4096u
#define VFS 3u
#define VFS_MOST 128u

static const uint8_t pf_mac[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static struct packet_pool *pf_pool, *vf_pool;
static struct packet_cache pf_cache, vf_cache;
static struct port *pf, *vf[VFS_MOST];
static unsigned vfs, beside; /* so many VFs stand by and do nothing */
static unsigned patience = 200; /* milliseconds until nothing is asked for any more */

/* One millisecond of the poll loop: all ports in order of their numbers, the PF's frames eaten. */
static bool poll_all(void)
{
    struct packet *eaten[PORT_BURST];
    bool look = false;
    host_advance_us(1000);
    for (unsigned i = 0; i < port_count(); i++)
        if (port_get(i))
            look |= port_poll(port_get(i), time_us()) && port_get(i) == vf[0];
    if (pf->state == PORT_RUNNING)
        for (uint16_t n; (n = port_rx_burst(pf->rxq[0], eaten, PORT_BURST));)
            packet_free_burst(&pf_cache, eaten, n);
    return look;
}

static void run_ms(unsigned ms)
{
    while (ms--)
        poll_all();
}

static bool all_up(void)
{
    bool up = true;
    for (unsigned i = 0; i < vfs; i++) {
        port_poll_link(vf[i]);
        up &= vf[i]->link.up;
    }
    return up;
}

static unsigned all_up_within(unsigned limit)
{
    unsigned ms = 0;
    for (; !all_up() && ms < limit; ms++)
        poll_all();
    return ms;
}

static void settle(void)
{
    for (unsigned i = 0; i < patience; i++) {
        bool pending = false;
        for (unsigned k = 0; k < vfs; k++)
            pending |= vf[k]->pending;
        if (!pending)
            return;
        poll_all();
    }
    fail_msg("a setting stays open");
}

static void vfs_come(unsigned count, struct packet_cache *cache)
{
    const char *why = NULL;
    unsigned first = port_count();
    if (pf->vf->enable(pf, count, UNISOLATED, &why))
        fail_msg("no VFs: %s", why);
    vfs = count;
    for (unsigned i = 0; i < count; i++) {
        assert_true(pci_probe_function(model.function->sriov->vf[i]));
        vf[i] = port_get(first + i);
        vf[i]->rxq[0]->cache = vf[i]->txq[0]->cache = cache;
        COMES(vf[i]);
    }
}

static void vfs_go(void)
{
    for (unsigned i = vfs; i > 0; i--) {
        struct pci_function *f = model.function->sriov->vf[i - 1];
        pci_remove_function(f);
        assert_int_equal(host_dma_mapped(&f->dma), 0);
    }
    pf->vf->disable(pf);
    assert_int_equal(pf->vf_count, 0);
}

static void make(unsigned count, struct packet_cache *cache)
{
    MODEL(init)(&model, chip, pf_mac);
    pf_pool = packet_pool_create(PF_PACKETS);
    packet_cache_init(&pf_cache, pf_pool);
    assert_int_equal(pci_probe_drivers(), 1);
    pf = port_get(0);
    for (unsigned i = 0; i < pf->rx_queues; i++)
        pf->rxq[i]->cache = pf->txq[i]->cache = &pf_cache;
    assert_int_equal(port_set_mtu(pf, PF_MTU), 0);
    assert_int_equal(port_start(pf), 0);
    vfs_come(count, cache);
    settle();
}

static void unmake(void)
{
    vfs_go();
    pci_remove_function(model.function);
    assert_int_equal(host_dma_mapped(&model.function->dma), 0);
    packet_cache_flush(&pf_cache);
    assert_int_equal(packet_pool_available(pf_pool), PF_PACKETS);
    packet_pool_destroy(pf_pool);
}

static struct vf_policy policy_of(unsigned index)
{
    struct vf_info info;
    pf->vf->info(pf, index, &info);
    return info.policy;
}

static void set_policy(unsigned index, struct vf_policy policy)
{
    const char *why = NULL;
    assert_int_equal(pf->vf->set(pf, index, &policy, &why), 0);
}

/* The suite ---------------------------------------------------------------------------- */

/* Trusted, for a VF that is not may not be promiscuous; and the suite's frames have senders of
 * their own. */
static struct port *create(struct packet_cache *cache)
{
    make(1 + beside, cache);
    struct vf_policy policy = policy_of(0);
    policy.trust = true;
    policy.spoofcheck = false;
    set_policy(0, policy);
    run_ms(5 + TOLD_MS);
    return vf[0];
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    bool taken = MODEL(inject)(&model, frame, length);
    struct packet *eaten[PORT_BURST];
    for (uint16_t n;
         pf->state == PORT_RUNNING && (n = port_rx_burst(pf->rxq[0], eaten, PORT_BURST));)
        packet_free_burst(&pf_cache, eaten, n);
    return taken && (vf[0]->state == PORT_RUNNING);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return MODEL(take)(&model, frame, size);
}

static void set_link(bool up)
{
    MODEL(set_link)(&model, up);
}

static unsigned violations(void)
{
    return MODEL(violations)(&model);
}

static int conformance(const char *name, unsigned which, unsigned count)
{
    chip = which;
    beside = count - 1;
    int failed = conformance_run(&(struct conformance_subject){
        .name = name,
        .flags = CONFORMANCE_FILTERS | CONFORMANCE_PADS | CONFORMANCE_COUNTED_ELSEWHERE,
        .create = create,
        .destroy = unmake,
        .inject = inject,
        .take = take,
        .set_link = set_link,
        .settle = settle,
        .violations = violations });
    return failed;
}

/* What the rest stands on ---------------------------------------------------------------- */

static int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    vf_pool = packet_pool_create(VF_PACKETS);
    packet_cache_init(&vf_cache, vf_pool);
    make(VFS, &vf_cache);
    for (unsigned i = 0; i < VFS; i++)
        assert_int_equal(port_start(vf[i]), 0);
    assert_in_range(all_up_within(100), 0, 60);
    return 0;
}

static int tear_down(void **state)
{
    unmake();
    packet_cache_flush(&vf_cache);
    assert_int_equal(packet_pool_available(vf_pool), VF_PACKETS);
    packet_pool_destroy(vf_pool);
    assert_int_equal(host_dma_refused(), 0);
    assert_int_equal(MODEL(violations)(&model), 0);
    return 0;
}

static struct packet *frame_for(const uint8_t to[MAC_LEN], const uint8_t from[MAC_LEN],
                                uint8_t mark)
{
    uint8_t bytes[100] = { 0 };
    memcpy(bytes, to, MAC_LEN);
    memcpy(bytes + MAC_LEN, from, MAC_LEN);
    bytes[20] = mark;
    return conformance_packet(&vf_cache, bytes, sizeof bytes, PACKET_ROOM);
}

/* From one VF to another, inside the chip. */
static bool passes(unsigned from, unsigned to)
{
    static uint8_t mark;
    struct packet *p = frame_for(vf[to]->mac, vf[from]->mac, ++mark), *got;
    if (!port_tx_burst(vf[from]->txq[0], &p, 1)) {
        packet_free(&vf_cache, p);
        return false;
    }
    MODEL(run)(&model);
    if (!port_rx_burst(vf[to]->rxq[0], &got, 1))
        return false;
    assert_int_equal(got->data[20], mark);
    packet_free(&vf_cache, got);
    return true;
}

static bool wire_reaches(unsigned index, const uint8_t mac[MAC_LEN])
{
    uint8_t bytes[100] = { 0 };
    struct packet *got;
    memcpy(bytes, mac, MAC_LEN);
    bytes[6] = 2;
    MODEL(inject)(&model, bytes, sizeof bytes);
    if (!port_rx_burst(vf[index]->rxq[0], &got, 1))
        return false;
    packet_free(&vf_cache, got);
    return true;
}

static void traffic_flows(void)
{
    for (unsigned i = 0; i < VFS; i++) {
        assert_true(passes(i, (i + 1) % VFS));
        assert_true(wire_reaches(i, vf[i]->mac));
    }
}

static uint64_t resets_of(unsigned index)
{
    struct vf_info info;
    pf->vf->info(pf, index, &info);
    return info.resets;
}

/* Together ------------------------------------------------------------------------------------ */

static void each_has_an_address_and_the_others_reach_it(void **state)
{
    for (unsigned i = 0; i < VFS; i++)
        for (unsigned k = 0; k < VFS; k++)
            assert_true(i == k || memcmp(vf[i]->mac, vf[k]->mac, MAC_LEN));
    traffic_flows();
    for (unsigned i = 0; i < VFS; i++)
        assert_int_equal(resets_of(i), 1); /* once was enough */
}

/* Stopping the PF's port resets its chip. */
static void the_pfs_port_stops_and_starts(void **state)
{
    for (unsigned i = 0; i < VFS; i++) {
        assert_int_equal(port_set_mtu(vf[i], 4000), 0);
        assert_int_equal(access_set_vlan(vf[i], (uint16_t)(i == 2 ? 100 : 0)), 0);
    }
    settle();
    for (unsigned round = 0; round < 5; round++) {
        assert_true(passes(0, 1));
        port_stop(pf);
        run_ms(1 + round * 700);
        assert_false(all_up());
        assert_false(passes(0, 1));
        assert_int_equal(port_start(pf), 0);
        assert_in_range(all_up_within(6000), 0, round ? 5700 : 100);
        run_ms(1100);
    }
    assert_int_equal(vf[0]->mtu, 4000);
    assert_int_equal(vf[2]->vlan, 100);
    assert_int_equal(access_set_vlan(vf[2], 0), 0);
    settle();
    traffic_flows();
}

static void an_address_of_the_administrators_is_adopted(void **state)
{
    static const uint8_t set[MAC_LEN] = { 0x02, 0, 0, 0, 0xaa, 1 },
                         wish[MAC_LEN] = { 0x02, 7, 7, 7, 7, 7 };
    struct vf_policy policy = policy_of(0);
    memcpy(policy.mac, set, MAC_LEN);
    policy.mac_set = true;
    set_policy(0, policy);
    run_ms(5);
    assert_in_range(all_up_within(TOLD_MS + 100), 0, TOLD_MS + 60);
    assert_memory_equal(vf[0]->mac, set, MAC_LEN);
    assert_int_equal(port_set_mac(vf[0], wish), 0);
    settle();
    assert_non_null(vf[0]->refusal);
    assert_memory_equal(vf[0]->mac, set, MAC_LEN);
    traffic_flows();
}

static void trust_comes_and_goes(void **state)
{
    static const uint8_t foreign[MAC_LEN] = { 0x02, 0x77, 0, 0, 0, 1 };
    struct vf_policy policy = policy_of(1);
    assert_int_equal(port_set_rx_mode(vf[1], &(struct port_rx_mode){ .promiscuous = true }), 0);
    settle();
    assert_false(vf[1]->rx_mode.promiscuous);
    assert_false(wire_reaches(1, foreign));
    policy.trust = true;
    set_policy(1, policy);
    run_ms(20 + TOLD_MS); /* it is told, or begins anew, and asks again */
    assert_in_range(all_up_within(TOLD_MS + 100), 0, TOLD_MS + 60);
    assert_true(vf[1]->rx_mode.promiscuous);
    assert_true(wire_reaches(1, foreign));
    policy.trust = false;
    set_policy(1, policy);
    run_ms(5);
    assert_in_range(all_up_within(TOLD_MS + 100), 0, TOLD_MS + 60);
    assert_false(vf[1]->rx_mode.promiscuous);
    assert_false(wire_reaches(1, foreign));
    traffic_flows();
}

static void a_link_that_is_held_down(void **state)
{
    struct vf_policy policy = policy_of(1);
    policy.link = VF_LINK_DOWN;
    set_policy(1, policy);
    run_ms(20000);
    port_poll_link(vf[1]);
    assert_false(vf[1]->link.up);
    assert_false(passes(0, 1));
    assert_true(passes(0, 2)); /* the others do not notice */
    policy.link = VF_LINK_AUTO;
    set_policy(1, policy);
    assert_in_range(all_up_within(6000), 0, TOLD_MS + 100); /* the PF's word ends the pause */
    traffic_flows();
}

static void a_function_reset_is_seen_by_both(void **state)
{
    assert_int_equal(pci_function_reset(model.function->sriov->vf[2]), 0);
    run_ms(2);
    assert_in_range(all_up_within(200), 0, 100);
    assert_int_equal(resets_of(2), 2);
    assert_int_equal(resets_of(1), 1);
    traffic_flows();
}

static void one_that_stops_leaves_the_others_alone(void **state)
{
    port_stop(vf[1]);
    run_ms(50);
    assert_true(passes(0, 2));
    assert_int_equal(port_start(vf[1]), 0);
    assert_in_range(all_up_within(100), 0, 60);
    traffic_flows();
}

static void the_mailboxes_rest(void **state)
{
    struct vf_info before, after;
    run_ms(50);
    pf->vf->info(pf, 0, &before);
    run_ms(9000);
    pf->vf->info(pf, 0, &after);
    assert_int_equal(after.messages, before.messages);
    run_ms(60000); /* a look every ten seconds, here without an address of ours */
    pf->vf->info(pf, 0, &after);
    assert_in_range(after.messages - before.messages, 5 * LOOK_MESSAGES, 8 * LOOK_MESSAGES);
    assert_int_equal(after.refused, before.refused);
    assert_int_equal(after.resets, before.resets);
}

static void lost_doorbells_are_rung_again(void **state)
{
    model.messages_vanish = true;
    for (unsigned i = 0; i < VFS; i++)
        assert_int_equal(port_set_mtu(vf[i], 4000), 0);
    run_ms(150);
    model.messages_vanish = false;
    run_ms(500);
    for (unsigned i = 0; i < VFS; i++) {
        assert_false(vf[i]->pending);
        assert_null(vf[i]->refusal);
        assert_int_equal(resets_of(i), 1);
    }
    traffic_flows();
}

static void a_long_silence_ends(void **state)
{
    model.messages_vanish = true;
    assert_int_equal(port_set_mtu(vf[0], 4000), 0);
    run_ms(30000);
    model.messages_vanish = false;
    assert_in_range(all_up_within(6000), 0, 5700);
    settle();
    traffic_flows();
}

/* Any life ------------------------------------------------------------------------------------ */

#define LIVES 12u
#define ACTIONS 300u

static uint32_t chance_seed;

/* 0 to n - 1; xorshift32 (Marsaglia, "Xorshift RNGs", 2003), the same each time. */
static uint32_t chance(uint32_t n)
{
    chance_seed ^= chance_seed << 13;
    chance_seed ^= chance_seed >> 17;
    chance_seed ^= chance_seed << 5;
    return chance_seed % n;
}

static void pf_goes_down(unsigned k)
{
    port_stop(pf);
}

static void pf_comes_up(unsigned k)
{
    assert_int_equal(port_start(pf), 0);
}

static void pf_is_changed(unsigned k)
{
    const struct port_rx_mode mode = { .promiscuous = chance(2), .all_multicast = chance(2) };
    assert_int_equal(port_set_mtu(pf, (uint16_t)(100 + chance(9000))), 0);
    assert_int_equal(access_set_vlan(pf, (uint16_t)chance(5)), 0);
    assert_int_equal(port_set_rx_mode(pf, &mode), 0);
}

static void vf_goes_down(unsigned k)
{
    port_stop(vf[k]);
}

static void vf_comes_up(unsigned k)
{
    assert_int_equal(port_start(vf[k]), 0);
}

/* Granted or refused, whenever the PF hears of it. */
static void vf_is_changed(unsigned k)
{
    const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, (uint8_t)chance(5) };
    const struct port_rx_mode mode = { .promiscuous = chance(2), .all_multicast = chance(2) };
    port_set_mac(vf[k], mac);
    assert_int_equal(port_set_mtu(vf[k], (uint16_t)(100 + chance(9000))), 0);
    assert_int_equal(access_set_vlan(vf[k], (uint16_t)chance(5)), 0);
    assert_int_equal(port_set_rx_mode(vf[k], &mode), 0);
}

static void policy_is_changed(unsigned k)
{
    const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, (uint8_t)(1 + chance(5)) };
    struct vf_policy policy = policy_of(k);
    const char *why = NULL;
    policy.mac_set = chance(2);
    if (policy.mac_set)
        memcpy(policy.mac, mac, MAC_LEN);
    policy.vlan = (uint16_t)(chance(2) * chance(4));
    policy.trust = chance(2);
    policy.spoofcheck = chance(2);
    policy.link = chance(3) ? VF_LINK_AUTO : VF_LINK_DOWN;
    if (pf->vf->set(pf, k, &policy, &why)) /* another has that address */
        assert_non_null(why);
}

static void vf_is_reset(unsigned k)
{
    MODEL(vf_flr)(&model, k);
}

static void wire_changes(unsigned k)
{
    MODEL(set_link)(&model, chance(2));
}

static void doorbells_change(unsigned k)
{
    model.messages_vanish = !model.messages_vanish;
}

static void vfs_are_replaced(unsigned k)
{
    if (chance(8))
        return;
    vfs_go();
    vfs_come(1 + chance(VFS), &vf_cache);
}

/* That arrives or not. */
static void frame_under_way(unsigned from, unsigned to)
{
    struct packet *p = frame_for(vf[to]->mac, vf[from]->mac, 0), *got[PORT_BURST];
    if (!port_tx_burst(vf[from]->txq[0], &p, 1))
        packet_free(&vf_cache, p);
    MODEL(run)(&model);
    packet_free_burst(&vf_cache, got, port_rx_burst(vf[to]->rxq[0], got, PORT_BURST));
}

static void act(void)
{
    static void (*const actions[])(unsigned k) = {
        pf_goes_down,     pf_comes_up,       pf_comes_up,       pf_is_changed, vf_goes_down,
        vf_comes_up,      vf_comes_up,       vf_comes_up,       vf_is_changed, vf_is_changed,
        vf_is_changed,    policy_is_changed, policy_is_changed, vf_is_reset,   wire_changes,
        doorbells_change, vfs_are_replaced,
    };
    actions[chance(sizeof actions / sizeof actions[0])](chance(vfs));
    run_ms(1 + (chance(30) ? chance(6) : chance(3000)));
    frame_under_way(chance(vfs), chance(vfs));
}

/* Everything as it should be, and time to get over what was. */
static void all_is_well(void)
{
    model.messages_vanish = false;
    assert_int_equal(port_start(pf), 0);
    MODEL(set_link)(&model, true);
    for (unsigned k = 0; k < vfs; k++) {
        struct vf_policy policy = policy_of(k);
        policy.link = VF_LINK_AUTO;
        set_policy(k, policy);
        assert_int_equal(port_start(vf[k]), 0);
    }
    assert_in_range(all_up_within(12000), 0, 11999);
    run_ms(11000); /* what it was granted is asked for again by then */
    settle();
}

/* What either end believes of a VF is the same. */
static void both_ends_agree(unsigned k)
{
    struct vf_info info;
    pf->vf->info(pf, k, &info);
    assert_int_equal(info.mailbox, VF_MAILBOX_OPEN);
    assert_memory_equal(info.mac, vf[k]->mac, MAC_LEN);
    assert_true(FRAME_IS(info.frame, vf[k]->mtu));
    assert_int_equal(info.vlans, vf[k]->vlan && !info.policy.vlan); /* else it is refused */
    assert_int_equal(info.promiscuous, vf[k]->rx_mode.promiscuous);
}

/* Whatever happens in whatever order: nothing breaks, and when all is well again each VF comes up
 * by itself. */
static void any_life_ends_well(void **state)
{
    for (chance_seed = 1; chance_seed <= LIVES; chance_seed++) {
        uint32_t life = chance_seed;
        chance_seed *= 2654435761u; /* Knuth's: seeds that are far apart */
        for (unsigned i = 0; i < ACTIONS; i++)
            act();
        all_is_well();
        for (unsigned k = 0; k < vfs; k++)
            both_ends_agree(k);
        tear_down(state);
        set_up(state);
        chance_seed = life;
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

#define PAIR_TESTS \
    TEST(each_has_an_address_and_the_others_reach_it), \
    TEST(the_pfs_port_stops_and_starts), \
    TEST(an_address_of_the_administrators_is_adopted), \
    TEST(trust_comes_and_goes), \
    TEST(a_link_that_is_held_down), \
    TEST(a_function_reset_is_seen_by_both), \
    TEST(one_that_stops_leaves_the_others_alone), \
    TEST(the_mailboxes_rest), \
    TEST(lost_doorbells_are_rung_again), \
    TEST(a_long_silence_ends), \
    TEST(any_life_ends_well)
