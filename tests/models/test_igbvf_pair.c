/* Both ends in this house: nic/igb.c with nic/igb_pf.c drive the PF of the model, nic/igbvf.c its
 * VFs, in one poll loop as in the image.  The conformance suite on a VF, then policies, resets
 * and what each end makes of the other's. */
#include "kernel/time.h"
#include "nic/vf.h"
#include "pci/pci_regs.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/igb_model.h"

#include <errno.h>
#include <string.h>

#define PF_PACKETS 2048u
#define VF_PACKETS 4096u
#define VFS 3u

static const uint8_t pf_mac[MAC_LEN] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
static struct igb_model model;
static enum igb_model_chip chip;
static struct packet_pool *pf_pool, *vf_pool;
static struct packet_cache pf_cache, vf_cache;
static struct port *pf, *vf[VFS];
static unsigned vfs;

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
    for (unsigned i = 0; i < 200; i++) {
        bool pending = false;
        for (unsigned k = 0; k < vfs; k++)
            pending |= vf[k]->pending;
        if (!pending)
            return;
        poll_all();
    }
    fail_msg("a setting stays open");
}

static void make(unsigned count, struct packet_cache *cache)
{
    const char *why = NULL;
    igb_model_init(&model, chip, pf_mac);
    pf_pool = packet_pool_create(PF_PACKETS);
    packet_cache_init(&pf_cache, pf_pool);
    assert_int_equal(pci_probe_drivers(), 1);
    pf = port_get(0);
    for (unsigned i = 0; i < pf->rx_queues; i++)
        pf->rxq[i]->cache = pf->txq[i]->cache = &pf_cache;
    assert_int_equal(port_start(pf), 0);
    assert_int_equal(pf->vf->enable(pf, count, false, &why), 0);
    vfs = count;
    for (unsigned i = 0; i < count; i++) {
        assert_true(pci_probe_function(model.function->sriov->vf[i]));
        vf[i] = port_get(1 + i);
        vf[i]->rxq[0]->cache = vf[i]->txq[0]->cache = cache;
    }
    settle();
}

static void unmake(void)
{
    for (unsigned i = vfs; i > 0; i--) {
        struct pci_function *f = model.function->sriov->vf[i - 1];
        pci_remove_function(f);
        assert_int_equal(host_dma_mapped(&f->dma), 0);
    }
    pf->vf->disable(pf);
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
    make(1, cache);
    struct vf_policy policy = policy_of(0);
    policy.trust = true;
    policy.spoofcheck = false;
    set_policy(0, policy);
    run_ms(5);
    return vf[0];
}

static bool inject(const uint8_t *frame, uint32_t length)
{
    bool taken = igb_model_inject(&model, frame, length);
    struct packet *eaten[PORT_BURST];
    for (uint16_t n;
         pf->state == PORT_RUNNING && (n = port_rx_burst(pf->rxq[0], eaten, PORT_BURST));)
        packet_free_burst(&pf_cache, eaten, n);
    return taken && (vf[0]->state == PORT_RUNNING);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return igb_model_take(&model, frame, size);
}

static void set_link(bool up)
{
    igb_model_set_link(&model, up);
}

static unsigned violations(void)
{
    return igb_model_violations(&model);
}

static int conformance(const char *name, enum igb_model_chip which)
{
    chip = which;
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
    assert_int_equal(igb_model_violations(&model), 0);
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
    igb_model_run(&model);
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
    igb_model_inject(&model, bytes, sizeof bytes);
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
        assert_int_equal(port_set_vlan(vf[i], (uint16_t)(i == 2 ? 100 : 0)), 0);
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
    assert_int_equal(port_set_vlan(vf[2], 0), 0);
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
    assert_in_range(all_up_within(100), 0, 60);
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
    run_ms(20); /* it is told, and asks again */
    assert_true(vf[1]->rx_mode.promiscuous);
    assert_true(wire_reaches(1, foreign));
    policy.trust = false;
    set_policy(1, policy);
    run_ms(5);
    assert_in_range(all_up_within(100), 0, 60);
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
    assert_in_range(all_up_within(6000), 0, 100); /* the PF's word ends the pause */
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
    run_ms(60000); /* a look every ten seconds: one message, here without an address of ours */
    pf->vf->info(pf, 0, &after);
    assert_in_range(after.messages - before.messages, 5, 8);
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

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_has_an_address_and_the_others_reach_it),
        TEST(the_pfs_port_stops_and_starts),
        TEST(an_address_of_the_administrators_is_adopted),
        TEST(trust_comes_and_goes),
        TEST(a_link_that_is_held_down),
        TEST(a_function_reset_is_seen_by_both),
        TEST(one_that_stops_leaves_the_others_alone),
        TEST(the_mailboxes_rest),
        TEST(lost_doorbells_are_rung_again),
        TEST(a_long_silence_ends),
    };
    int failed = conformance("igbvf_with_igb_82576", IGB_MODEL_82576);
    failed += conformance("igbvf_with_igb_i350", IGB_MODEL_I350);
    failed += cmocka_run_group_tests_name("i350", tests, NULL, NULL);
    chip = IGB_MODEL_82576;
    return failed + cmocka_run_group_tests_name("82576", tests, NULL, NULL);
}
