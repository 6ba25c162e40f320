/* A VF that does whatever comes to its mind, beside one that behaves, under igb.c on the
 * model: the PF breaks no rule, and neither its port nor the good VF loses a frame or waits long
 * for an answer.  82576 DS 7.8.2.9, 7.10.3; both chips. */
#include "nic/intel/intel_mbx.h"
#include "nic/vf.h"
#include "pci/sriov.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/igb_rig.h"

#include <string.h>

#define VFS 3u
#define STEPS 100000u
#define CHECK_EVERY 150u
#define ANSWER_US 500000u /* of simulated time: the good VF's patience */
#define BAD 0u
#define GOOD 1u

static uint64_t state_of_chance, now_us;
static uint8_t good_mac[MAC_LEN], bad_mac[MAC_LEN];

static uint32_t chance(void)
{
    state_of_chance = state_of_chance * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(state_of_chance >> 33);
}

static uint32_t any_word(void)
{
    static const uint32_t telling[] = { 0, 1, 0x7f, 0x80, 0xffff, 0x80000000u, 0xffffffffu };
    uint32_t r = chance();
    return r % 3 ? r << 1 ^ chance() : telling[r / 3 % ARRAY_SIZE(telling)];
}

static void poll_pf(uint32_t us)
{
    host_advance_us(us);
    now_us += us;
    port_poll(nic.port, now_us);
}

/* The good VF ------------------------------------------------------------------- */

/* One request and its answer; the first word of it. */
static uint32_t ask(const uint32_t *words, unsigned n, uint32_t answer[IGB_MODEL_MESSAGE])
{
    uint64_t end = now_us + ANSWER_US;
    while (!igb_model_vf_send(&rig.model, GOOD, words, n)) {
        assert_true(now_us < end);
        poll_pf(100);
    }
    for (;;) {
        assert_true(now_us < end);
        poll_pf(100);
        if (igb_model_vf_receive(&rig.model, GOOD, answer) &&
            (answer[0] & MBX_TYPE) == (words[0] & MBX_TYPE))
            return answer[0];
    }
}

static void good_vf_comes_up(void)
{
    uint32_t answer[IGB_MODEL_MESSAGE], reset = MBX_VF_RESET;
    igb_model_vf_play(&rig.model, GOOD);
    assert_int_equal(ask(&reset, 1, answer), MBX_VF_RESET | MBX_ACK);
    memcpy(good_mac, &answer[1], MAC_LEN);
}

static void good_vf_is_served(void)
{
    const uint32_t words[2] = { MBX_VF_SET_LPE, 1522 };
    uint32_t answer[IGB_MODEL_MESSAGE];
    assert_int_equal(ask(words, 2, answer), MBX_VF_SET_LPE | MBX_ACK | MBX_CTS);
}

static void drain(void)
{
    static uint8_t frame[IGB_MODEL_FRAME];
    igb_model_run(&rig.model);
    while (rig_take(frame, sizeof frame))
        ;
    while (igb_model_vf_take(&rig.model, GOOD, frame, sizeof frame))
        ;
    nic_poll(0);
}

static void pf_exchanges(void)
{
    uint8_t frame[100] = { 0 };
    struct packet *p = NULL;
    memcpy(frame, nic.port->mac, MAC_LEN);
    assert_true(rig_inject(frame, sizeof frame));
    assert_int_equal(port_rx_burst(nic.port->rxq[0], &p, 1), 1);
    memset(p->data, 0x06, MAC_LEN); /* somebody outside */
    assert_int_equal(port_tx_burst(nic.port->txq[0], &p, 1), 1);
    assert_int_equal(rig_take(frame, sizeof frame), 100);
}

/* Nobody takes over somebody's address. */
static void address_is_of(const uint8_t mac[MAC_LEN], unsigned pool)
{
    for (unsigned i = 0; i < igb_addresses(&rig.model); i++) {
        uint32_t low = rig_reg(R_RAL(i)), high = rig_reg(R_RAH(i));
        if ((high & RAH_AV) && !memcmp(mac, &low, 4) && !memcmp(mac + 4, &high, 2))
            assert_int_equal(FIELD_GET(RAH_POOLS, high), 1u << pool);
    }
}

static void good_vf_and_pf_exchange(void)
{
    uint8_t frame[100], got[200];
    drain();
    memset(frame, 0x41, sizeof frame);
    memcpy(frame, good_mac, MAC_LEN);
    assert_true(rig_inject(frame, sizeof frame));
    assert_int_equal(igb_model_vf_take(&rig.model, GOOD, got, sizeof got), 100);
    memcpy(frame, nic.port->mac, MAC_LEN);
    memcpy(frame + MAC_LEN, good_mac, MAC_LEN);
    assert_true(igb_model_vf_transmit(&rig.model, GOOD, frame, sizeof frame, 0));
    assert_int_equal(nic_poll(0), 1);
    pf_exchanges();
}

/* The bad one --------------------------------------------------------------------- */

static void write_anything(void)
{
    static const uint32_t places[] = { 0x0000, 0x0008, 0x0800, 0x0c40, 0x0f10, 0x1580,
                                       0x2800, 0x2900, 0x3800, 0x3900, 0x3ff0 };
    uint32_t reg = places[chance() % ARRAY_SIZE(places)] + 4 * (chance() % 16);
    if (chance() % 4)
        igb_model_vf_write(&rig.model, BAD, reg, any_word());
    else
        igb_model_vf_read(&rig.model, BAD, reg);
}

/* A ring in memory that is not its own. */
static void start_a_queue_anywhere(void)
{
    uint32_t block = (chance() % 2 ? 0x2800 : 0x3800) + 0x100 * (chance() % 2);
    igb_model_vf_write(&rig.model, BAD, block + Q_CTL, 0);
    igb_model_vf_write(&rig.model, BAD, block + Q_BAL, any_word());
    igb_model_vf_write(&rig.model, BAD, block + Q_BAH, any_word());
    igb_model_vf_write(&rig.model, BAD, block + Q_LEN, 128 * (1 + chance() % 64));
    if (block < 0x3800)
        igb_model_vf_write(&rig.model, BAD, block + Q_SRRCTL, 2 | 1u << 25);
    igb_model_vf_write(&rig.model, BAD, block + Q_CTL, CTL_ENABLE);
    igb_model_vf_write(&rig.model, BAD, block + Q_TAIL, chance() % 8);
}

static void say_anything(void)
{
    uint32_t words[IGB_MODEL_MESSAGE];
    for (unsigned i = 0; i < IGB_MODEL_MESSAGE; i++)
        words[i] = any_word();
    if (chance() % 4)
        words[0] = chance() % 9 | (chance() % 2 ? chance() % 256 << 16 : 0);
    if (chance() % 8 == 0)
        words[0] = MBX_VF_RESET;
    if (chance() % 8 == 0)
        memcpy(&words[1], chance() % 2 ? good_mac : rig_mac, MAC_LEN); /* somebody else's */
    igb_model_vf_send(&rig.model, BAD, words, IGB_MODEL_MESSAGE);
}

static void send_anything(void)
{
    static uint8_t frame[IGB_MODEL_FRAME - FCS - VLAN_TAG];
    uint32_t length = 14 + chance() % (chance() % 8 ? 100 : sizeof frame - 14);
    for (unsigned i = 0; i < 18; i++)
        frame[i] = (uint8_t)chance();
    if (chance() % 2)
        memcpy(frame + (chance() % 2 ? 0 : MAC_LEN), good_mac, MAC_LEN);
    if (chance() % 3 == 0)
        memcpy(frame + MAC_LEN, bad_mac, MAC_LEN);
    igb_model_vf_transmit(&rig.model, BAD, frame, length, chance() % 3 ? 0 : chance() & 0xffff);
}

static void act(void)
{
    switch (chance() % 16) {
    case 0:
        igb_model_vf_flr(&rig.model, BAD);
        pci_bus_master(rig.model.function->sriov->vf[BAD], true);
        break;
    case 1:
        igb_model_vf_hold(&rig.model, BAD, chance() % 2);
        break;
    case 2:
        if (chance() % 64 == 0)
            igb_model_malicious(&rig.model, BAD);
        else
            start_a_queue_anywhere();
        break;
    case 3:
    case 4:
    case 5:
        send_anything();
        break;
    case 6:
    case 7:
    case 8:
    case 9:
        say_anything();
        break;
    default:
        write_anything();
    }
}

/* The test ---------------------------------------------------------------------------- */

static void live_beside(enum igb_model_chip chip, uint64_t seed)
{
    const char *why;
    state_of_chance = seed;
    now_us = 0;
    igb_model_init(&rig.model, chip, rig_mac);
    rig.model.vfs_are_hostile = true;
    assert_true(nic_probe());
    assert_int_equal(nic.port->vf->enable(nic.port, VFS, false, &why), 0);
    rig_run(1);
    pci_bus_master(rig.model.function->sriov->vf[BAD], true);
    good_vf_comes_up();
    struct vf_info info;
    nic.port->vf->info(nic.port, BAD, &info);
    memcpy(bad_mac, info.mac, MAC_LEN);
    for (unsigned i = 0; i < STEPS; i++) {
        act();
        igb_model_run(&rig.model);
        if (chance() % 4 == 0)
            poll_pf(chance() % 2000);
        if (rig.model.wire.count > IGB_MODEL_FIFO / 2)
            drain();
        address_is_of(good_mac, GOOD);
        address_is_of(nic.port->mac, VFS);
        if (i % CHECK_EVERY == 0) {
            good_vf_and_pf_exchange();
            good_vf_is_served();
        }
        assert_int_equal(igb_model_pf_violations(&rig.model), 0);
        assert_int_equal(rig.model.vf[GOOD].violations, 0);
        assert_int_equal(nic.port->state, PORT_RUNNING);
    }
    nic.port->vf->info(nic.port, BAD, &info);
    assert_true(info.messages && info.refused && info.invalid && info.resets && info.spoofed);
    assert_true(info.tx_packets);
    assert_int_equal(info.malicious != 0, chip == IGB_MODEL_I350);
    assert_true(rig.model.vf[BAD].violations && host_dma_refused());
    nic.port->vf->disable(nic.port);
}

static void hostile_vf_harms_nobody(void **state)
{
    live_beside(IGB_MODEL_82576, 1);
}

static void hostile_vf_of_the_i350_harms_nobody(void **state)
{
    live_beside(IGB_MODEL_I350, 2);
}

/* As rig_tear_down(), but the bad VF's queues pointed at what is not its own. */
static int tear_down(void **state)
{
    if (nic.port)
        nic_remove();
    packet_cache_flush(&nic.cache);
    assert_int_equal(packet_pool_available(nic.pool), NIC_PACKETS);
    packet_pool_destroy(nic.pool);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hostile_vf_harms_nobody),
        TEST(hostile_vf_of_the_i350_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
