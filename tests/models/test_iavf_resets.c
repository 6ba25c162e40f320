/* iavf.c, two VFs of it: what is in force before a reset of their PFs is in force afterwards,
 * without anybody's doing, within 100 ms of the PF's return.
 *
 * These are the cases of DPDK's test plan vf_pf_reset, ten in the version that was read, where
 * `port reset` is what it takes there:
 *
 *   1   two VFs of one PF, its administrator's addresses and VLAN   two_vfs_of_one_pf
 *   2   each VF by itself, one sends to the other                   one_sends_to_the_other
 *   3   a VF of each of two PFs                                     a_vf_of_each_pf
 *   4   VLANs heard, all ports reset                                vlans_are_heard_again
 *   5   VLANs heard, one port reset before the other                one_returns_before_the_other
 *   6   VLANs heard, a VF of each PF, one is left                   a_vlan_that_was_left_stays_left
 *   7   tags put in                                                 tags_are_put_in_again
 *   8   addresses                                                   addresses_are_asked_for_again
 *   9   both VFs passed to one VM      } the same driver in a VM: tests/linux/test_image.py has the
 *   10  one VF to each of two VMs      } image with models of two VFs
 *
 * Left out of 6: VLAN 0 is nobody's to leave here, untagged frames are always heard.  Of 8: an
 * address more; a port has one here, and groups (docs/limits.md). */
#include "kernel/time.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/conformance.h"
#include "tests/models/iavf_model.h"

#include <string.h>

#define POOL_PACKETS 8192u
#define FRAME 100u
#define BACK_MS 100u

static struct iavf_model models[2];
static struct port *ports[2];
static enum iavf_model_kind kind;
static struct packet_pool *pool;
static struct packet_cache cache;

/* The two VFs -------------------------------------------------------------------- */

static void turn(void)
{
    host_advance_us(US_PER_MS);
    for (unsigned i = 0; i < 2; i++)
        if (port_poll(ports[i], time_us()))
            port_poll_link(ports[i]);
}

static void run_ms(unsigned ms)
{
    while (ms--)
        turn();
}

static bool is_up(unsigned i)
{
    port_poll_link(ports[i]);
    return ports[i]->link.up && !ports[i]->pending;
}

static void comes_back(unsigned i)
{
    for (unsigned ms = 0; !is_up(i); ms++) {
        assert_in_range(ms, 0, BACK_MS);
        turn();
    }
}

static void settle(void)
{
    comes_back(0);
    comes_back(1);
}

static int set_up(void **state)
{
    host_reset();
    port_reset_registry();
    pcispace_reset();
    pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&cache, pool);
    for (unsigned i = 0; i < 2; i++) {
        iavf_model_power_on(&models[i], kind == IAVF_BEHIND_ICE ? 0x1889 : 0x154c,
                            &iavf_played_behind, NULL);
        iavf_model_play(&models[i], kind);
        models[i].pf.mac[5] = (uint8_t)(0x11 + i);
        pcispace_add(&models[i].device, NULL, 5 + i, 0);
    }
    assert_int_equal(pci_scan(), 2);
    return 0;
}

static void start(void)
{
    assert_int_equal(pci_probe_drivers(), 2);
    for (unsigned i = 0; i < 2; i++) {
        struct iavf_model *m = &models[i];
        ports[i] = port_get(i);
        m->function = ports[i]->pci;
        assert_int_equal(m->function->bdf, PCI_BDF(0, 0, 5 + i, 0));
        ports[i]->rxq[0]->cache = ports[i]->txq[0]->cache = &cache;
        assert_int_equal(port_start(ports[i]), 0);
    }
    settle();
}

static int tear_down(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        pci_remove_function(models[i].function);
        assert_int_equal(host_dma_mapped(&models[i].function->dma), 0);
        assert_int_equal(iavf_model_violations(&models[i]), 0);
    }
    packet_cache_flush(&cache);
    assert_int_equal(packet_pool_available(pool), POOL_PACKETS);
    packet_pool_destroy(pool);
    assert_int_equal(host_dma_refused(), 0);
    return 0;
}

/* Frames --------------------------------------------------------------------------- */

/* Tagged with VLAN vid; 0: untagged. */
static void make_frame(uint8_t frame[FRAME], const uint8_t to[MAC_LEN], uint16_t vid, uint8_t mark)
{
    static const uint8_t tester[MAC_LEN] = { 0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };
    memset(frame, 0, FRAME);
    memcpy(frame, to, MAC_LEN);
    memcpy(frame + MAC_LEN, tester, MAC_LEN);
    if (vid)
        memcpy(frame + 2 * MAC_LEN, (uint8_t[]){ 0x81, 0, (uint8_t)(vid >> 8), (uint8_t)vid }, 4);
    frame[40] = mark;
}

static struct packet *received(unsigned i)
{
    struct packet *p;
    return port_rx_burst(ports[i]->rxq[0], &p, 1) ? p : NULL;
}

/* A frame for this address arrives at VF i. */
static bool hears(unsigned i, const uint8_t to[MAC_LEN], uint16_t vid)
{
    uint8_t frame[FRAME];
    make_frame(frame, to, vid, 1);
    iavf_model_inject(&models[i], frame, FRAME);
    struct packet *p = received(i);
    packet_free(&cache, p);
    return p;
}

/* As mode mac does: what comes in at one leaves the other, from its address. */
static bool forwards(unsigned from, unsigned to, uint16_t vid)
{
    static const uint8_t peer[MAC_LEN] = { 0x02, 0, 0, 0, 0, 1 };
    static uint8_t mark;
    uint8_t frame[FRAME];
    make_frame(frame, ports[from]->mac, vid, ++mark);
    iavf_model_inject(&models[from], frame, FRAME);
    struct packet *p = received(from);
    if (!p)
        return false;
    memcpy(p->data, peer, MAC_LEN);
    memcpy(p->data + MAC_LEN, ports[to]->mac, MAC_LEN);
    if (!port_tx_burst(ports[to]->txq[0], &p, 1))
        packet_free(&cache, p);
    return iavf_model_take(&models[to], frame, FRAME) == FRAME && frame[40] == mark &&
           !memcmp(frame + MAC_LEN, ports[to]->mac, MAC_LEN);
}

static void both_forward(uint16_t vid)
{
    for (unsigned i = 0; i < 10; i++) {
        assert_true(forwards(0, 1, vid));
        assert_true(forwards(1, 0, vid));
    }
}

static void neither_forwards(void)
{
    assert_false(is_up(0) || is_up(1));
    assert_false(forwards(0, 1, 0) || forwards(1, 0, 0) || forwards(0, 1, 1));
}

/* Resets ---------------------------------------------------------------------------- */

static void pf_goes(unsigned i)
{
    iavf_model_reset_begin(&models[i]);
    turn();
    assert_false(is_up(i));
}

static void pf_is_back(unsigned i)
{
    iavf_model_pf_resets_vf(&models[i]);
    comes_back(i);
}

/* Both of one PF, at once. */
static void pf_of_both_resets(void)
{
    iavf_model_reset_begin(&models[0]);
    iavf_model_reset_begin(&models[1]);
    turn();
    neither_forwards();
    run_ms(3000);
    neither_forwards();
    iavf_model_pf_resets_vf(&models[0]);
    iavf_model_pf_resets_vf(&models[1]);
    settle();
}

static void two_vfs_of_one_pf(void **state)
{
    uint8_t macs[2][MAC_LEN];
    for (unsigned i = 0; i < 2; i++) {
        models[i].pf.mac_set = models[i].pf.trusted = true;
        models[i].pf.port_vlan = 1;
        memcpy(macs[i], models[i].pf.mac, MAC_LEN);
    }
    start();
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(
            port_set_rx_mode(ports[i], &(struct port_rx_mode){ .all_multicast = true }), 0);
    settle();
    both_forward(0);
    pf_of_both_resets();
    both_forward(0);
    for (unsigned i = 0; i < 2; i++) {
        assert_memory_equal(ports[i]->mac, macs[i], MAC_LEN);
        assert_int_equal(models[i].pf.promiscuous, VIRTCHNL_PROMISC_MULTICAST);
        assert_true(ports[i]->rx_mode.all_multicast);
        assert_false(ports[i]->rx_mode.promiscuous);
    }
}

/* Through the PF's switch. */
static bool sends_to(unsigned from, unsigned to)
{
    uint8_t frame[FRAME];
    make_frame(frame, ports[to]->mac, 0, 7);
    memcpy(frame + MAC_LEN, ports[from]->mac, MAC_LEN);
    struct packet *p = conformance_packet(&cache, frame, FRAME, PACKET_ROOM);
    if (!port_tx_burst(ports[from]->txq[0], &p, 1))
        packet_free(&cache, p);
    if (iavf_model_take(&models[from], frame, FRAME) != FRAME)
        return false;
    iavf_model_inject(&models[to], frame, FRAME);
    p = received(to);
    packet_free(&cache, p);
    return p;
}

static void one_sends_to_the_other(void **state)
{
    start();
    assert_true(sends_to(0, 1) && sends_to(1, 0));
    iavf_model_reset_begin(&models[0]);
    iavf_model_reset_begin(&models[1]);
    turn();
    assert_false(sends_to(0, 1) || sends_to(1, 0));
    pf_is_back(1);
    assert_false(sends_to(0, 1) || sends_to(1, 0));
    pf_is_back(0);
    assert_true(sends_to(0, 1) && sends_to(1, 0));
}

/* One PF's trouble is not the other's. */
static void a_vf_of_each_pf(void **state)
{
    start();
    both_forward(0);
    for (unsigned i = 0; i < 2; i++) {
        unsigned other = 1 - i;
        pf_goes(i);
        assert_true(is_up(other) && hears(other, ports[other]->mac, 0));
        run_ms(1000);
        assert_true(is_up(other) && hears(other, ports[other]->mac, 0));
        assert_false(forwards(i, other, 0) || forwards(other, i, 0));
        pf_is_back(i);
        both_forward(0);
    }
}

static void join(unsigned i, uint16_t vid, bool on)
{
    assert_int_equal(port_vlan_filter(ports[i], vid, on), 0);
    settle();
}

static void vlan_1_is_heard_and_2_is_not(unsigned i)
{
    assert_true(hears(i, ports[i]->mac, 0));
    assert_true(hears(i, ports[i]->mac, 1));
    assert_false(hears(i, ports[i]->mac, 2));
}

static void vlans_are_heard_again(void **state)
{
    start();
    join(0, 1, true);
    join(1, 1, true);
    for (unsigned resets = 0; resets < 3; resets++) {
        vlan_1_is_heard_and_2_is_not(0);
        vlan_1_is_heard_and_2_is_not(1);
        both_forward(1);
        pf_of_both_resets();
    }
    vlan_1_is_heard_and_2_is_not(0);
    vlan_1_is_heard_and_2_is_not(1);
}

static void one_returns_before_the_other(void **state)
{
    start();
    join(0, 1, true);
    join(1, 1, true);
    pf_goes(0);
    pf_goes(1);
    pf_is_back(0);
    vlan_1_is_heard_and_2_is_not(0);
    assert_false(is_up(1) || hears(1, ports[1]->mac, 0) || hears(1, ports[1]->mac, 1));
    assert_false(forwards(0, 1, 0) || forwards(0, 1, 1)); /* it cannot send either */
    pf_is_back(1);
    vlan_1_is_heard_and_2_is_not(1);
    both_forward(0);
    both_forward(1);
}

static void a_vlan_that_was_left_stays_left(void **state)
{
    start();
    join(0, 1, true);
    join(1, 1, true);
    join(1, 3, true);
    join(1, 1, false);
    for (unsigned i = 0; i < 2; i++) {
        vlan_1_is_heard_and_2_is_not(0);
        assert_true(hears(1, ports[1]->mac, 0) && hears(1, ports[1]->mac, 3));
        assert_false(hears(1, ports[1]->mac, 1));
        pf_goes(i);
        pf_is_back(i);
    }
    vlan_1_is_heard_and_2_is_not(0);
    assert_true(hears(1, ports[1]->mac, 0) && hears(1, ports[1]->mac, 3));
    assert_false(hears(1, ports[1]->mac, 1));
}

/* The tag lies beside the frame. */
static void leaves_with_tag(unsigned i, uint16_t vid)
{
    uint8_t frame[FRAME + 4];
    make_frame(frame, ports[1 - i]->mac, 0, 9);
    struct packet *p = conformance_packet(&cache, frame, FRAME, PACKET_ROOM);
    p->flags |= PACKET_VLAN;
    p->vlan = vid;
    assert_int_equal(port_tx_burst(ports[i]->txq[0], &p, 1), 1);
    assert_int_equal(iavf_model_take(&models[i], frame, sizeof frame), FRAME + 4);
    assert_memory_equal(frame + 2 * MAC_LEN, ((uint8_t[]){ 0x81, 0, 0, (uint8_t)vid }), 4);
}

static void tags_are_put_in_again(void **state)
{
    start();
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(port_set_offloads(ports[i], PORT_OFFLOAD_VLAN_INSERT), 0);
    settle();
    for (unsigned resets = 0; resets < 3; resets++) {
        leaves_with_tag(0, 51);
        leaves_with_tag(1, 51);
        pf_of_both_resets();
    }
    leaves_with_tag(0, 51);
    leaves_with_tag(1, 51);
}

static void addresses_are_asked_for_again(void **state)
{
    static const uint8_t group[1][MAC_LEN] = { { 0x01, 0, 0x5e, 0, 0, 9 } };
    uint8_t own[2][MAC_LEN] = { { 0x02, 0x11, 0x22, 0x33, 0x44, 0x11 },
                                { 0x02, 0x11, 0x22, 0x33, 0x44, 0x12 } };
    start();
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(port_set_mac(ports[i], own[i]), 0);
        assert_int_equal(port_set_rx_mode(ports[i], &(struct port_rx_mode){ .multicast = group,
                                                                            .multicast_count = 1 }),
                         0);
    }
    settle();
    for (unsigned resets = 0; resets < 4; resets++) {
        for (unsigned i = 0; i < 2; i++) {
            assert_memory_equal(ports[i]->mac, own[i], MAC_LEN);
            assert_true(hears(i, own[i], 0) && hears(i, group[0], 0));
            assert_false(hears(i, own[1 - i], 0));
        }
        both_forward(0);
        pf_goes(resets % 2);
        pf_is_back(resets % 2);
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(two_vfs_of_one_pf),
        TEST(one_sends_to_the_other),
        TEST(a_vf_of_each_pf),
        TEST(vlans_are_heard_again),
        TEST(one_returns_before_the_other),
        TEST(a_vlan_that_was_left_stays_left),
        TEST(tags_are_put_in_again),
        TEST(addresses_are_asked_for_again),
    };
    kind = IAVF_BEHIND_I40E;
    int failed = cmocka_run_group_tests_name("i40e", tests, NULL, NULL);
    kind = IAVF_BEHIND_ICE;
    return failed + cmocka_run_group_tests_name("ice", tests, NULL, NULL);
}
