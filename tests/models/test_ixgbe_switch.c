/* Pools, switch, mailboxes and VFs of the ixgbe model, without a driver. */
#include "kernel/mmio.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/ixgbe_by_hand.h"

#include <string.h>

#define VFS 3u
#define PF_POOL 63u
#define WIRE 64u /* in the answers of arrived() */

static const uint8_t broadcast[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };

static void pool_mac(unsigned pool, uint8_t mac[MAC_LEN])
{
    const uint8_t all[MAC_LEN] = { 0x02, 0, 0, 0, 0x10, (uint8_t)pool };
    memcpy(mac, pool == PF_POOL ? ixhand_mac : all, MAC_LEN);
}

static void set_address(unsigned entry, unsigned pool)
{
    uint8_t mac[MAC_LEN];
    uint32_t low, high = 0;
    pool_mac(pool, mac);
    memcpy(&low, mac, 4);
    memcpy(&high, mac + 4, 2);
    ixhand_write(R_RAL(entry), low);
    ixhand_write(R_RAH(entry), high | RAH_AV);
    ixhand_write(R_MPSAR(entry, 0), pool < 32 ? 1u << pool : 0);
    ixhand_write(R_MPSAR(entry, 1), pool < 32 ? 0 : 1u << (pool - 32));
}

/* Three VFs, pool 63 is the PF's, the test plays all four; mode: GCR_EXT's. */
static void switch_on(uint32_t mode, uint32_t mrqc)
{
    static const unsigned pools[] = { 0, 1, 2, PF_POOL };
    const char *why = "";
    if (pci_sriov_enable(ixhand.model.function, VFS, false, &why))
        fail_msg("%s", why);
    ixhand_write(R_GCR_EXT, mode);
    ixhand_write(R_RTTDCS, RTTDCS_ARBDIS);
    ixhand_write(R_MTQC, MTQC_VT | (mode == 2 ? 8 : 4));
    ixhand_write(R_RTTDCS, 0);
    ixhand_write(R_MRQC, mrqc);
    ixhand_write(R_PFVTCTL, PFVTCTL_ON | PFVTCTL_REPLICATE | FIELD_PUT(PFVTCTL_POOL, PF_POOL));
    ixhand_write(R_PFDTXGSWC, SWC_LOOPBACK);
    for (unsigned i = 0; i < ARRAY_SIZE(pools); i++) {
        set_address(i, pools[i]);
        ixhand_write(R_PFVML2FLT(pools[i]), L2FLT_AUPE | L2FLT_BAM | L2FLT_ROMPE);
        ixgbe_model_vf_play(&ixhand.model, pools[i]);
    }
    ixhand_write(R_DMATXCTL, ixhand_read(R_DMATXCTL) | DMATXCTL_TE);
    ixhand_receiver_on();
}

static int set_up(void **state)
{
    ixhand_power_on(IXGBE_MODEL_82599);
    switch_on(3, MRQC_VMDQ);
    return 0;
}

static int set_up_bare(void **state)
{
    ixhand_power_on(IXGBE_MODEL_82599);
    return 0;
}

static int tear_down(void **state)
{
    assert_int_equal(ixgbe_model_violations(&ixhand.model), 0);
    return 0;
}

static int tear_down_lax(void **state)
{
    return 0;
}

/* Who got what was sent: bit p for pool p; *wire: it left. */
static uint64_t arrived(bool *wire)
{
    static uint8_t frame[IXGBE_MODEL_FRAME];
    uint64_t who = 0;
    *wire = false;
    for (unsigned p = 0; p < IXGBE_MODEL_POOLS; p++)
        while (ixgbe_model_vf_take(&ixhand.model, p, frame, sizeof frame))
            who |= 1ull << p;
    while (ixgbe_model_take(&ixhand.model, frame, sizeof frame))
        *wire = true;
    return who;
}

static uint64_t sent(unsigned from, const uint8_t to[MAC_LEN], uint16_t vlan, bool *wire)
{
    uint8_t frame[100];
    ixhand_make_frame(frame, to, 0);
    pool_mac(from, frame + MAC_LEN);
    ixgbe_model_vf_transmit(&ixhand.model, from, frame, sizeof frame, vlan);
    return arrived(wire);
}

static uint64_t sent_to_pool(unsigned from, unsigned to, bool *wire)
{
    uint8_t mac[MAC_LEN];
    pool_mac(to, mac);
    return sent(from, mac, 0, wire);
}

static uint64_t received(const uint8_t to[MAC_LEN], uint16_t vid)
{
    uint8_t frame[100];
    bool wire;
    ixhand_make_frame(frame, to, 0x99);
    if (vid) {
        const uint8_t tag[] = { 0x81, 0, (uint8_t)(vid >> 8), (uint8_t)vid };
        memcpy(frame + 12, tag, sizeof tag);
    }
    ixgbe_model_inject(&ixhand.model, frame, sizeof frame);
    return arrived(&wire);
}

/* The switch ----------------------------------------------------------------------- */

static void frames_find_their_pools(void **state)
{
    static const uint8_t unknown[MAC_LEN] = { 2, 9, 9, 9, 9, 9 };
    uint8_t mac[MAC_LEN];
    pool_mac(1, mac);
    assert_int_equal(received(mac, 0), 1u << 1);
    assert_int_equal(received(ixhand_mac, 0), 1ull << PF_POOL);
    assert_int_equal(received(broadcast, 0), 1ull << PF_POOL | 7);
    assert_int_equal(received(unknown, 0), 0);
    ixhand_write(R_FCTRL, FCTRL_UPE);
    assert_int_equal(received(unknown, 0), 1ull << PF_POOL);
    ixhand_write(R_VFRE(0), ~2u);
    assert_int_equal(received(broadcast, 0), 1ull << PF_POOL | 5);
    assert_int_equal(ixhand_read(R_GPRC), 5);
}

static void pools_hear_each_other(void **state)
{
    bool wire;
    assert_int_equal(sent_to_pool(0, 1, &wire), 1u << 1);
    assert_false(wire);
    assert_int_equal(sent_to_pool(0, PF_POOL, &wire), 1ull << PF_POOL);
    assert_false(wire);
    assert_int_equal(sent_to_pool(PF_POOL, 2, &wire), 1u << 2);
    assert_false(wire);
    assert_int_equal(sent(1, broadcast, 0, &wire), 1ull << PF_POOL | 5);
    assert_true(wire);
    ixhand_write(R_PFVMTXSW(0), 2);
    assert_int_equal(sent(1, broadcast, 0, &wire), 1ull << PF_POOL | 7);
    ixhand_write(R_PFDTXGSWC, 0);
    assert_int_equal(sent_to_pool(0, 1, &wire), 0);
    assert_true(wire);
}

static void vlans_part_pools(void **state)
{
    uint8_t mac[MAC_LEN];
    bool wire;
    pool_mac(1, mac);
    ixhand_write(R_VLNCTRL, VLNCTRL_VFE | 0x8100);
    ixhand_write(R_VFTA(0), 1u << 5);
    ixhand_write(R_PFVLVF(7), VLVF_ON | 5);
    ixhand_write(R_PFVLVFB(7, 0), 6);
    assert_int_equal(received(broadcast, 5), 6);
    assert_int_equal(received(mac, 5), 2);
    assert_int_equal(received(mac, 6), 0);
    ixhand_write(R_PFVMVIR(2), VMVIR_ALWAYS | 5);
    assert_int_equal(sent(2, broadcast, 0, &wire), 2);
    ixhand_write(R_PFVML2FLT(0), L2FLT_BAM);
    assert_int_equal(received(broadcast, 0), 1ull << PF_POOL | 6);
}

static void spoofers_are_stopped(void **state)
{
    uint8_t frame[100];
    bool wire;
    ixhand_write(R_PFVFSPOOF(0), 1u << 1 | 1u << (8 + 1));
    ixhand_write(R_VMECM(0), 1u << 1);
    assert_int_equal(sent_to_pool(1, 2, &wire), 4);
    ixhand_make_frame(frame, broadcast, 0x77);
    ixgbe_model_vf_transmit(&ixhand.model, 1, frame, sizeof frame, 0);
    assert_int_equal(arrived(&wire), 0);
    assert_false(wire);
    assert_int_equal(sent(1, broadcast, 9, &wire), 0); /* not its VLAN */
    assert_int_equal(ixhand_read(R_SSVPC), 2);
    ixhand_write(R_VFTE(0), ~4u);
    assert_int_equal(sent_to_pool(2, 1, &wire), 0);
}

/* Queues of a VF with rings of its own, `used` of them by hash. */
static void vf_has_queues(unsigned mode, uint32_t mrqc, unsigned queues, unsigned used)
{
    uint8_t frame[100];
    struct ixhand_ring rings[4];
    uint32_t seen = 0;
    switch_on(mode, mrqc | 0x00330000);
    struct pci_function *f = ixhand.model.function->sriov->vf[1];
    assert_int_equal(pci_enable(f), 0);
    uint8_t *bar = pci_map_bar(f, 0, IXGBE_MODEL_VF_BAR_SIZE);
    ixhand.model.vf[1].played = false;
    mmio_write32(bar + 0x300, FIELD_PUT(PSRTYPE_RQPL, used / 2)); /* VFPSRTYPE */
    for (uint32_t i = 0; i < 32; i++)
        ixhand_write(R_RETA(i), 0x03020100);
    for (uint32_t i = 0; i < 10; i++)
        ixhand_write(R_RSSRK(i), 0x6d5a56da * (i + 1));
    for (unsigned q = 0; q < queues; q++) {
        rings[q] = ixhand_ring_on(f, bar + 0x1000 + 0x40 * q, true);
        ixhand_rx_give(&rings[q], 7);
    }
    for (uint16_t port = 1; port < 20; port++) {
        memset(frame, 0, sizeof frame);
        pool_mac(1, frame);
        memcpy(frame + 12, "\x08\0\x45\0\0\x28\0\0\0\0\x40\x06", 12);
        frame[35] = (uint8_t)port;
        ixgbe_model_inject(&ixhand.model, frame, 60);
    }
    for (unsigned q = 0; q < queues; q++) {
        seen |= mmio_read32(rings[q].block + Q_HEAD) ? 1u << q : 0;
        assert_int_equal(mmio_read32(ixhand.bar + R_RX(queues + q) + Q_HEAD),
                         mmio_read32(rings[q].block + Q_HEAD));
        ixhand_ring_off(&rings[q]);
    }
    assert_int_equal(seen, (1u << used) - 1);
    ixhand.model.quiet = true;
    mmio_read32(bar + 0x1000 + 0x40 * queues);
    assert_int_equal(ixhand.model.vf[1].violations, 1); /* it has no more */
    assert_int_equal(ixhand.model.violations, 0);
}

static void sixty_four_pools_have_two_queues(void **state)
{
    vf_has_queues(3, MRQC_VMDQ_RSS64, 2, 2);
}

static void thirty_two_pools_have_four_queues(void **state)
{
    vf_has_queues(2, MRQC_VMDQ_RSS32, 4, 4);
}

static void a_pool_says_how_many_of_its_queues_it_uses(void **state)
{
    vf_has_queues(2, MRQC_VMDQ_RSS32, 4, 2);
}

static void a_pool_that_says_nothing_uses_one(void **state)
{
    vf_has_queues(2, MRQC_VMDQ_RSS32, 4, 1);
}

/* Mailboxes ------------------------------------------------------------------------- */

static void messages_cross(void **state)
{
    const uint32_t says[3] = { 8, 6, 0 };
    uint32_t words[IXGBE_MODEL_MESSAGE];
    ixhand_write(R_GPIE, GPIE_MSIX);
    ixhand_write(R_IVAR_MISC, (IVAR_VALID | 1) << 8);
    ixhand_write(R_EIMS, EICR_MAILBOX);
    ixhand_write(R_PFMBIMR(0), 0xffff);
    ixgbe_model_vf_hold(&ixhand.model, 2, true);
    for (unsigned i = 0; i < ARRAY_SIZE(says); i++)
        ixgbe_model_vf_write(&ixhand.model, 2, 0x200 + 4 * i, says[i]);
    ixgbe_model_vf_write(&ixhand.model, 2, 0x2fc, VFMB_VFU | VFMB_REQ);
    assert_int_equal(ixhand.model.device.interrupts[1], 1);
    assert_int_equal(ixhand_read(R_PFMBICR(0)), 1u << 2);
    ixhand_write(R_PFMBICR(0), 1u << 2);
    ixhand_write(R_PFMAILBOX(2), PFMB_PFU);
    assert_int_equal(ixhand_read(R_PFMAILBOX(2)) & PFMB_PFU, 0); /* the VF has it */
    ixgbe_model_vf_hold(&ixhand.model, 2, false);
    ixhand_write(R_PFMAILBOX(2), PFMB_PFU);
    assert_true(ixhand_read(R_PFMAILBOX(2)) & PFMB_PFU);
    assert_int_equal(ixhand_read(R_PFMBMEM(2) + 4), 6);
    ixhand_write(R_PFMBMEM(2), 0x80000008);
    ixhand_write(R_PFMAILBOX(2), PFMB_STS | PFMB_ACK);
    assert_true(ixgbe_model_vf_receive(&ixhand.model, 2, words));
    assert_int_equal(words[0], 0x80000008);
    assert_int_equal(ixhand_read(R_PFMBICR(0)), 1u << 18); /* acknowledged */
    assert_true(ixgbe_model_vf_send(&ixhand.model, 1, says, 1));
    ixhand_write(R_PFMAILBOX(1), PFMB_RVFU);
    assert_int_equal(ixhand_read(R_PFMAILBOX(1)), 0);
}

static void resets_are_told(void **state)
{
    assert_int_equal(ixgbe_model_vf_read(&ixhand.model, 0, 0x2fc), VFMB_RSTI);
    ixhand_write(R_CTRL_EXT, CTRL_EXT_PFRSTD);
    assert_int_equal(ixgbe_model_vf_read(&ixhand.model, 0, 0x2fc), VFMB_RSTD);
    assert_int_equal(ixgbe_model_vf_read(&ixhand.model, 0, 0x2fc), 0);
    ixgbe_model_vf_flr(&ixhand.model, 2);
    ixgbe_model_vf_write(&ixhand.model, 1, 0, CTRL_RST);
    assert_int_equal(ixhand_read(R_VFLRE(0)), 6);
    ixhand_write(R_VFLREC(0), 2);
    assert_int_equal(ixhand_read(R_VFLRE(0)), 4);
    assert_int_equal(ixhand_read(R_STATUS) & (STATUS_IOV | STATUS_VFS), STATUS_IOV | 3u << 10);
}

static void malicious_queues_are_held(void **state)
{
    bool wire;
    ixgbe_model_malicious(&ixhand.model, 2);
    assert_int_equal(sent_to_pool(1, 2, &wire), 4); /* not asked for */
    ixhand_write(R_DMATXCTL, ixhand_read(R_DMATXCTL) | DMATXCTL_MDP);
    ixgbe_model_malicious(&ixhand.model, 2);
    assert_int_equal(sent_to_pool(1, 2, &wire), 0);
    assert_int_equal(ixhand_read(R_WVBR), 2);
    assert_int_equal(ixhand_read(R_WVBR), 0);
}

/* Each in its own right: who breaks a rule is who is counted. */
static void rules_are_the_vfs_too(void **state)
{
    ixhand.model.quiet = true;
    ixgbe_model_vf_write(&ixhand.model, 1, 0x200, 1); /* not its buffer */
    assert_int_equal(ixhand.model.vf[1].violations, 1);
    ixgbe_model_vf_write(&ixhand.model, 1, 0x2018, 1); /* two: past the ring, and off */
    assert_int_equal(ixhand.model.vf[1].violations, 3);
    ixgbe_model_vf_read(&ixhand.model, 1, 0x3000); /* nothing is there */
    ixgbe_model_vf_write(&ixhand.model, 1, 0x0008, 1);
    assert_int_equal(ixhand.model.vf[1].violations, 5);
    assert_int_equal(ixgbe_model_pf_violations(&ixhand.model), 0);
}

/* A VF without its PF --------------------------------------------------------------- */

static int set_up_lone(void **state)
{
    ixhand_vf_on();
    return 0;
}

static void asks(uint32_t type, uint32_t value, uint32_t words[IXGBE_MODEL_MESSAGE])
{
    const uint32_t message[2] = { type, value };
    assert_true(ixgbe_model_vf_send(&ixhand.model, 0, message, 2));
    ixgbe_model_vf_hold(&ixhand.model, 0, false);
    assert_true(ixgbe_model_pf_serve(&ixhand.model));
    assert_true(ixgbe_model_vf_receive(&ixhand.model, 0, words));
}

static void played_pf_answers_like_one(void **state)
{
    static const uint8_t mac[MAC_LEN] = { 2, 1, 2, 3, 4, 5 };
    uint32_t words[IXGBE_MODEL_MESSAGE];
    assert_int_equal(ixhand.model.function->device, 0x10ed);
    assert_int_equal(ixhand_read(0x2fc), VFMB_RSTD);
    assert_int_equal(ixhand_read(0x10) & (LINKS_UP | LINKS_10G), LINKS_UP | LINKS_10G);
    asks(5, 9000, words);
    assert_int_equal(words[0], 0x40000005); /* not before a reset */
    asks(1, 0, words);
    assert_int_equal(words[0], 0x40000001); /* no address */
    memcpy(ixhand.model.pf.mac, mac, MAC_LEN);
    asks(1, 0, words);
    assert_int_equal(words[0], 0x80000001);
    assert_memory_equal(&words[1], mac, MAC_LEN);
    asks(8, 6, words);
    assert_int_equal(words[0], 0xa0000008);
    asks(8, 7, words);
    assert_int_equal(words[0], 0x60000008);
    asks(0x0c, 3, words); /* promiscuous: not on the 82599 */
    assert_int_equal(words[0], 0x6000000c);
    asks(5, 9000, words);
    assert_int_equal(words[0], 0xa0000005);
    assert_int_equal(ixgbe_model_reg(&ixhand.model, R_MAXFRS) >> 16, 9000);
    ixgbe_model_pf_reset_begin(&ixhand.model);
    assert_int_equal(ixhand_read(0x2fc), VFMB_RSTI);
    ixgbe_model_pf_reset_end(&ixhand.model);
    assert_int_equal(ixhand_read(0x2fc), VFMB_RSTD);
}

/* Version 1.5 keeps the buffer until the acknowledgement: the answer comes when it is let go. */
static void answer_waits_for_the_buffer(void **state)
{
    const uint32_t message[2] = { 1, 0 };
    uint32_t words[IXGBE_MODEL_MESSAGE];
    ixhand.model.pf.serves = true;
    ixhand.model.pf.mac[0] = 2;
    ixhand_write(0x2fc, VFMB_VFU);
    ixhand_write(0x200, message[0]);
    ixhand_write(0x2fc, VFMB_VFU | VFMB_REQ);
    assert_int_equal(ixhand_read(0x2fc), VFMB_VFU | VFMB_PFACK | VFMB_RSTD);
    assert_false(ixgbe_model_vf_receive(&ixhand.model, 0, words));
    ixhand_write(0x2fc, 0);
    assert_true(ixgbe_model_vf_receive(&ixhand.model, 0, words));
    assert_int_equal(words[0], 0x80000001);
}

static void lone_vf_moves_frames(void **state)
{
    uint8_t frame[100], out[100];
    uint32_t words[IXGBE_MODEL_MESSAGE];
    ixhand.model.pf.mac[0] = 2;
    asks(1, 0, words);
    struct ixhand_ring rx = ixhand_ring_on(ixhand.model.function, ixhand.bar + 0x1000, true);
    struct ixhand_ring tx = ixhand_ring_on(ixhand.model.function, ixhand.bar + 0x2000, false);
    ixhand_write(0x120, IVAR_VALID | 1);
    ixhand_write(0x108, 2);
    ixhand_rx_give(&rx, 7);
    ixhand_make_frame(frame, ixhand.model.pf.mac, 9);
    assert_true(ixgbe_model_inject(&ixhand.model, frame, sizeof frame));
    assert_int_equal(ixhand_result(&rx, 0, 1), 100ull << 32 | 3);
    assert_int_equal(ixhand.model.vf[0].device.interrupts[1], 1);
    ixhand_tx_put(&tx, frame, sizeof frame, IXHAND_GOOD);
    assert_int_equal(ixgbe_model_take(&ixhand.model, out, sizeof out), 100);
    assert_int_equal(ixhand_read(0x101c), 1); /* received, sent */
    assert_int_equal(ixhand_read(0x201c), 1);
    assert_int_equal(ixhand_read(0x1020), 104);
    ixhand_ring_off(&rx);
    ixhand_ring_off(&tx);
}

/* What a reset leaves may be written into registers of queues that the VF has not, no more. */
static void queues_that_a_vf_has_not_stay_as_they_are(void **state)
{
    const uint32_t not_ours = 0x1000 + 0x40 * 2; /* it has two */
    ixhand_write(not_ours + Q_SRRCTL, 0x402);
    ixhand_write(not_ours + Q_DCA, 0xa200);
    ixhand_write(not_ours + Q_CTL, 0);
    ixhand_write(0x2000 + 0x40 * 7 + Q_WBL, 0);
    assert_int_equal(ixgbe_model_violations(&ixhand.model), 0);
    ixhand.model.quiet = true;
    ixhand_write(not_ours + Q_BAL, 0x1000);
    ixhand_write(not_ours + Q_CTL, CTL_ENABLE);
    ixhand_write(0x2000 + 0x40 * 2 + Q_TAIL, 1);
    ixhand_write(0x1000 + 0x40 * 8, 0); /* nothing is there */
    assert_int_equal(ixgbe_model_violations(&ixhand.model), 4);
    for (uint32_t queue = 0; queue < IXGBE_MODEL_QUEUES; queue++)
        assert_false(ixgbe_model_queue_on(&ixhand.model, true, queue));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define LAX(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down_lax)
#define BARE(f) cmocka_unit_test_setup_teardown(f, set_up_bare, tear_down_lax)
#define LONE(f) cmocka_unit_test_setup_teardown(f, set_up_lone, tear_down)
#define LAX_LONE(f) cmocka_unit_test_setup_teardown(f, set_up_lone, tear_down_lax)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_find_their_pools),
        TEST(pools_hear_each_other),
        TEST(vlans_part_pools),
        TEST(spoofers_are_stopped),
        BARE(sixty_four_pools_have_two_queues),
        BARE(thirty_two_pools_have_four_queues),
        BARE(a_pool_says_how_many_of_its_queues_it_uses),
        BARE(a_pool_that_says_nothing_uses_one),
        TEST(messages_cross),
        TEST(resets_are_told),
        LAX(malicious_queues_are_held),
        LAX(rules_are_the_vfs_too),
        LONE(played_pf_answers_like_one),
        LONE(answer_waits_for_the_buffer),
        LONE(lone_vf_moves_frames),
        LAX_LONE(queues_that_a_vf_has_not_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
