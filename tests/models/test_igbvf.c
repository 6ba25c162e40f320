/* igbvf.c over the model of a lone VF: what all VFs' drivers do alike (vf_settings.h), and what
 * this one does its own way.  What a PF says is as Linux's igb says it (tests/data/mailbox). */
#include "nic/intel/intel_advanced.h"
#include "tests/models/igbvf_bench.h"

#include "tests/models/vf_settings.h"

/* Longest frame, filters ----------------------------------------------------------- */

static void mtu_is_negotiated(void **state)
{
    start_and_link();
    assert_int_equal(model.pf.seen[MBX_VF_SET_LPE], 1);
    assert_int_equal(port_set_mtu(port, 9000), 0);
    settle();
    assert_int_equal(model.pf.last[0], MBX_VF_SET_LPE);
    assert_int_equal(model.pf.last[1], 9026);
    refuse(MBX_VF_SET_LPE, true);
    assert_int_equal(port_set_mtu(port, 9198), 0);
    settle();
    assert_non_null(port->refusal);
    assert_int_equal(port->mtu, 9000); /* what it had */
    assert_true(host_log_contains("the PF refused frames of 9224 bytes (MTU 9198): raise the PF's "
                                  "MTU first; MTU is 9000"));
    traffic_flows();
}

/* What was granted is asked for again now and then; a refusal of more does not take it away. */
static void a_larger_mtu_refused_leaves_the_granted_one(void **state)
{
    start_and_link();
    assert_int_equal(port_set_mtu(port, 4000), 0);
    settle();
    port_stop(port);
    assert_int_equal(port_start(port), 0);
    refuse(MBX_VF_SET_LPE, true);
    assert_int_equal(port_set_mtu(port, 9000), 0);
    settle();
    assert_int_equal(port->mtu, 4000);
}

/* QEMU's switch gives back what is sent to many; of the 82576's VFs only QEMU's are looked after.
 */
static void what_comes_back_of_qemus_is_dropped(void **state)
{
    for (unsigned subsystem = 0; subsystem < 2; subsystem++) {
        bool qemu = subsystem && chip == IGB_MODEL_82576;
        uint8_t frame[128];
        destroy_port();
        model.function->subsystem_vendor = subsystem ? 0x1af4 : 0x8086;
        start_and_link();
        assert_true(send_one(7));
        assert_int_equal(igb_model_take(&model, frame, sizeof frame), 100);
        assert_true(igb_model_inject(&model, frame, 100));
        assert_int_equal(receive_one(), !qemu);
        assert_int_equal(counter("echoes"), qemu);
        assert_true(igb_model_inject(&model, frame, 100)); /* once */
        assert_true(receive_one());
    }
}

static void group_addresses_are_hashes(void **state)
{
    static uint8_t list[31][MAC_LEN];
    for (unsigned i = 0; i < 31; i++)
        memcpy(list[i], (uint8_t[]){ 0x01, 0, 0x5e, 0, (uint8_t)(i << 4), (uint8_t)i }, MAC_LEN);
    struct port_rx_mode mode = { .multicast = list, .multicast_count = 3 };
    start_and_link();
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    settle();
    assert_int_equal(model.pf.last[0], MBX_VF_SET_MULTICAST | FIELD_PUT(MBX_INFO, 3u));
    assert_int_equal(model.pf.last[1], 0x0011u << 16); /* bits 47:36: 000, 011, 022 */
    assert_int_equal(model.pf.last[2], 0x0022u);
    mode.multicast_count = 31; /* more than a message holds: all */
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    settle();
    assert_int_equal(FIELD_GET(MBX_INFO, model.pf.last[0]), MBX_MULTICAST_OVERFLOW | 30u);
    mode.multicast_count = 0;
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    settle();
    assert_int_equal(model.pf.last[0], MBX_VF_SET_MULTICAST);
    refuse(MBX_VF_SET_MULTICAST, true);
    mode.multicast_count = 3;
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    settle();
    assert_non_null(strstr(port->refusal, "group addresses"));
}

/* The test's PF as Linux's igb is: all multicast yes, unicast never. */
static void answer_promiscuous(const uint32_t *words)
{
    bool unicast = FIELD_GET(MBX_INFO, words[0]) & MBX_PROMISC_UNICAST;
    uint32_t reply = MBX_VF_SET_PROMISC | MBX_CTS | (unicast ? MBX_NACK : MBX_ACK);
    assert_true(igb_model_pf_send(&model, &reply, 1));
}

static void promiscuous_is_refused_in_plain_words(void **state)
{
    uint32_t words[IGB_MODEL_MESSAGE];
    start_and_link();
    assert_int_equal(port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = true }), 0);
    assert_int_equal(asks(20, words), MBX_VF_SET_PROMISC | FIELD_PUT(MBX_INFO, 3u));
    answer_promiscuous(words);
    assert_int_equal(asks(20, words), MBX_VF_SET_PROMISC | FIELD_PUT(MBX_INFO, 2u));
    answer_promiscuous(words);
    settle();
    assert_false(port->rx_mode.promiscuous);
    assert_non_null(strstr(port->refusal, "trust on"));
    assert_true(host_log_contains("the PF refused promiscuous mode"));
    /* A word from the PF that something changed: it is asked once more. */
    assert_true(igb_model_pf_ping(&model, true));
    assert_int_equal(asks(20, words), MBX_VF_SET_PROMISC | FIELD_PUT(MBX_INFO, 3u));
    igb_model_pf_send(&model, (uint32_t[]){ MBX_VF_SET_PROMISC | MBX_CTS | MBX_ACK }, 1);
    run_ms(5);
    assert_true(port->rx_mode.promiscuous);
    traffic_flows();
}

/* A PF that does not know the message gets more groups than it can list. */
static void all_multicast_has_a_second_way(void **state)
{
    start_and_link();
    refuse(MBX_VF_SET_PROMISC, true);
    assert_int_equal(port_set_rx_mode(port, &(struct port_rx_mode){ .all_multicast = true }), 0);
    settle();
    assert_int_equal(model.pf.last[0] & MBX_TYPE, MBX_VF_SET_MULTICAST);
    assert_true(FIELD_GET(MBX_INFO, model.pf.last[0]) > MBX_MULTICAST_MAX);
}

/* Counters ------------------------------------------------------------------------------- */

#define PVFGPRC 0x10010u /* the PF's view of VF 0's */
#define PVFGORC 0x10018u

static void frames_without_a_buffer_are_missed(void **state)
{
    struct port_device_stats stats;
    static struct packet *all[POOL_PACKETS];
    start_and_link();
    uint32_t held = 0;
    while (held < POOL_PACKETS && (all[held] = packet_alloc(&cache)))
        held++;
    uint8_t frame[100] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2 };
    unsigned dropped = 0;
    for (unsigned i = 0; i < 1000; i++)
        dropped += !igb_model_inject(&model, frame, sizeof frame);
    assert_true(dropped);
    port->ops->stats(port, &stats);
    assert_int_equal(stats.rx_missed, dropped);
    port->ops->stats(port, &stats);
    assert_int_equal(stats.rx_missed, dropped);
    packet_free_burst(&cache, all, held);
    while (receive_one())
        ;
}

/* Probe and remove -------------------------------------------------------------------------- */

static void both_chips_are_known(void **state)
{
    static const uint16_t devices[] = { 0x10ca, 0x152d, 0x1520, 0x152f };
    for (unsigned i = 0; i < ARRAY_SIZE(devices); i++) {
        bool found = false;
        for (const struct pci_id *id = driver()->ids; id->vendor; id++)
            found |= id->vendor == 0x8086 && id->device == devices[i];
        assert_true(found);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SETTINGS_TESTS,
        TEST(mtu_is_negotiated),
        TEST(a_larger_mtu_refused_leaves_the_granted_one),
        TEST(what_comes_back_of_qemus_is_dropped),
        TEST(group_addresses_are_hashes),
        TEST(promiscuous_is_refused_in_plain_words),
        TEST(all_multicast_has_a_second_way),
        TEST(frames_without_a_buffer_are_missed),
        TEST(both_chips_are_known),
    };
    int failed = conformance("igbvf_82576", IGB_MODEL_82576, 1, 0, true);
    failed += conformance("igbvf_82576_ring_64", IGB_MODEL_82576, 1, 64, true);
    failed += conformance("igbvf_i350", IGB_MODEL_I350, 1, 0, true);
    intel_set_alone(true);
    failed += conformance("igbvf_alone", IGB_MODEL_82576, 1, 0, true);
    intel_set_alone(false);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
