/* ixgbevf.c over the model of a lone VF: what all VFs' drivers do alike (vf_settings.h), and what
 * this one does its own way: versions of the protocol, queues, modes of receiving, frames that the
 * PF must let pass.  What a PF says is as Linux's ixgbe says it. */
#include "nic/intel/intel_advanced.h"
#include "tests/models/ixgbevf_bench.h"

#include "tests/models/vf_settings.h"

#include <errno.h>

/* Versions and queues ------------------------------------------------------------------ */

static void answer(const uint32_t *words, uint32_t verdict)
{
    uint32_t reply[MESSAGE];
    memcpy(reply, words, sizeof reply);
    reply[0] |= MBX_CTS | verdict;
    assert_true(ixgbe_model_pf_send(&model, reply, MESSAGE));
}

/* The test's PF answers resets; the next message is the VF's first question. */
static void greeted(uint32_t words[MESSAGE])
{
    assert_true(probe());
    port->rxq[0]->cache = port->txq[0]->cache = &cache;
    assert_int_equal(port_start(port), 0);
    assert_int_equal(asks(20, words), MBX_VF_RESET);
    ixgbe_model_pf_pool(&model, true);
    ixgbe_model_pf_send(&model, (uint32_t[]){ MBX_VF_RESET | MBX_ACK, 0x00000002, 0x0110, 0 }, 4);
    model.pf.cts = true;
}

static void versions_are_negotiated_downwards(void **state)
{
    static const uint32_t offered[] = { MBX_API_1_5, MBX_API_1_4, MBX_API_1_3,
                                        MBX_API_1_2, MBX_API_1_1, MBX_API_1_0 };
    for (unsigned taken = 0; taken < ARRAY_SIZE(offered); taken++) {
        uint32_t words[MESSAGE];
        destroy_port();
        make_vf();
        greeted(words);
        for (unsigned i = 0; i <= taken; i++) {
            assert_int_equal(asks(20, words), MBX_VF_API_NEGOTIATE);
            assert_int_equal(words[1], offered[i]);
            answer(words, i == taken ? MBX_ACK : MBX_NACK);
        }
        pf_is_deaf = false;
        settle();
        assert_int_equal(counter("mailbox API 1."), ARRAY_SIZE(offered) - 1 - taken);
        assert_int_equal(model.pf.seen[MBX_VF_GET_QUEUES], offered[taken] >= MBX_API_1_1);
    }
}

/* A PF from before the question refuses it, whatever it offers. */
static void a_pf_that_knows_no_versions_speaks_the_first(void **state)
{
    refuse(MBX_VF_API_NEGOTIATE, true);
    start_and_link();
    assert_int_equal(model.pf.seen[MBX_VF_API_NEGOTIATE], 6);
    assert_int_equal(model.pf.seen[MBX_VF_GET_QUEUES], 0);
    assert_int_equal(counter("mailbox API 1."), 0);
    traffic_flows();
}

/* A reset of the PF may bring a newer or an older driver. */
static void the_version_is_asked_for_again_after_a_reset(void **state)
{
    start_and_link();
    assert_int_equal(counter("mailbox API 1."), 5);
    model.pf.api = MBX_API_1_2;
    ixgbe_model_pf_reset_begin(&model);
    run_ms(2);
    ixgbe_model_pf_reset_end(&model);
    assert_in_range(link_comes_within(100), 0, 99);
    assert_int_equal(counter("mailbox API 1."), 2);
    traffic_flows();
}

static void run_with(uint16_t wanted)
{
    assert_true(probe());
    assert_int_equal(port_set_queues(port, wanted), 0);
    for (unsigned i = 0; i < wanted; i++)
        port->rxq[i]->cache = port->txq[i]->cache = &cache;
    assert_int_equal(port_start(port), 0);
    assert_in_range(link_comes_within(100), 0, 99);
}

static unsigned queues_on(void)
{
    unsigned on = 0;
    for (unsigned i = 0; i < ixgbe_model_queues_per_pool(&model); i++)
        on += ixgbe_model_vf_read(&model, 0, 0x1028 + 0x40 * i) >> 25 & 1;
    return on;
}

static void queues_are_as_many_as_the_pf_grants(void **state)
{
    static const struct {
        uint16_t wanted;
        uint32_t granted;
        uint16_t used;
    } cases[] = { { 1, 2, 1 }, { 2, 2, 2 }, { 4, 2, 2 }, { 3, 4, 2 }, { 4, 4, 4 }, { 4, 1, 1 } };
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        destroy_port();
        make_vf();
        QUEUES_ARE(cases[i].granted);
        run_with(cases[i].wanted);
        assert_int_equal(queues_on(), cases[i].used);
        assert_int_equal(port->tx_queues, cases[i].used);
        assert_int_equal(ixgbe_model_vf_read(&model, 0, 0x300) >> 29, cases[i].used / 2);
        traffic_flows();
    }
    assert_true(host_log_contains("the PF grants 2 queues to receive and 2 to send with: 2 of 4 "
                                  "are used"));
}

/* It comes back with another number of VFs, and so of queues. */
static void fewer_queues_after_a_reset_are_lived_with(void **state)
{
    model.pf.queues = 2;
    run_with(2);
    assert_int_equal(queues_on(), 2);
    model.pf.queues = 1;
    ixgbe_model_pf_reset_begin(&model);
    run_ms(2);
    ixgbe_model_pf_reset_end(&model);
    assert_in_range(link_comes_within(100), 0, 99);
    assert_int_equal(queues_on(), 1);
    assert_int_equal(port->tx_queues, 1);
    traffic_flows();
    model.pf.queues = 2;
    ixgbe_model_pf_reset_begin(&model);
    run_ms(2);
    ixgbe_model_pf_reset_end(&model);
    assert_in_range(link_comes_within(100), 0, 99);
    assert_int_equal(queues_on(), 2);
    assert_int_equal(port->tx_queues, 2);
}

static void impossible_numbers_of_queues_are_nonsense(void **state)
{
    static const uint32_t lies[] = { 9, 0x80000001u, UINT32_MAX };
    for (unsigned i = 0; i < ARRAY_SIZE(lies); i++) {
        destroy_port();
        make_vf();
        model.pf.queues = lies[i];
        run_with(4);
        assert_int_equal(queues_on(), 1);
        assert_int_equal(counter("mailbox nonsense"), 1);
        traffic_flows();
    }
}

/* Frames go to queues by the PF's table, and what that is we are told. */
static void the_pfs_hash_table_and_key_are_read(void **state)
{
    model.pf.queues = 2;
    run_with(2);
    settle();
    assert_int_equal(model.pf.seen[MBX_VF_GET_RETA], 1);
    assert_int_equal(model.pf.seen[MBX_VF_GET_RSS_KEY], 1);
    assert_int_equal(counter("queues in the PF's RETA"), 2);
    assert_int_equal(counter("PF's RSS key symmetric"), 0);
}

static void a_hash_key_that_is_refused_is_no_trouble(void **state)
{
    refuse(MBX_VF_GET_RETA, true);
    refuse(MBX_VF_GET_RSS_KEY, true);
    model.pf.queues = 2;
    run_with(2);
    settle();
    assert_int_equal(counter("queues in the PF's RETA"), 0);
    run_ms(20000);
    assert_int_equal(model.pf.seen[MBX_VF_GET_RETA], 1);
    traffic_flows();
}

static void one_queue_asks_for_no_hash(void **state)
{
    model.pf.queues = 2;
    start_and_link();
    assert_int_equal(model.pf.seen[MBX_VF_GET_RETA], 0);
}

/* Longest frame --------------------------------------------------------------------------- */

/* Linux's ixgbe on an 82599 takes 1518 bytes from a VF while its own MTU is 1500, no more, and
 * switches the VF's reception off with the refusal: what it had is asked for again. */
static void a_refused_mtu_is_taken_back_at_the_pf(void **state)
{
    static const uint32_t said[] = { 9026, 9018, 1518 };
    uint32_t words[MESSAGE];
    start_and_link();
    assert_int_equal(model.pf.seen[MBX_VF_SET_LPE], 1);
    assert_int_equal(model.pf.last[1], 1526);
    for (unsigned i = 0; i < ARRAY_SIZE(said); i++) {
        if (!i)
            assert_int_equal(port_set_mtu(port, 9000), 0);
        assert_int_equal(asks(20, words), MBX_VF_SET_LPE);
        assert_int_equal(words[1], said[i]);
        answer(words, said[i] == 1518 ? MBX_ACK : MBX_NACK);
    }
    pf_is_deaf = false;
    settle();
    assert_non_null(strstr(port->refusal, "its own MTU"));
    assert_int_equal(port->mtu, MTU_DEFAULT);
    assert_true(host_log_contains("the PF refused frames of 9018 bytes (MTU 9000): raise the PF's "
                                  "MTU first; MTU is 1500"));
    traffic_flows();
}

static void an_mtu_is_granted(void **state)
{
    start_and_link();
    assert_int_equal(port_set_mtu(port, 9000), 0);
    settle();
    assert_null(port->refusal);
    assert_int_equal(model.pf.last[1], 9026);
    assert_int_equal(port->mtu, 9000);
}

/* Linux's PF takes 9728 bytes from a VF, no more; room for two tags is among them. */
static void the_longest_mtu_is_granted(void **state)
{
    start_and_link();
    assert_int_equal(port_set_mtu(port, 9703), -EINVAL);
    assert_int_equal(port_set_mtu(port, 9702), 0);
    settle();
    assert_null(port->refusal);
    assert_int_equal(model.pf.seen[MBX_VF_SET_LPE], 2);
    assert_int_equal(model.pf.last[1], 9728);
    assert_int_equal(port->mtu, 9702);
}

/* An 82599's PF with long frames does not serve VFs that speak 1.0 only. */
static void a_pf_that_passes_no_frames_at_all_is_told_of(void **state)
{
    refuse(MBX_VF_SET_LPE, true);
    start_and_link();
    assert_int_equal(model.pf.seen[MBX_VF_SET_LPE], 2);
    assert_int_equal(port->mtu, MTU_DEFAULT);
    assert_true(host_log_contains("the PF refused frames of 1518 bytes, and passes none to this "
                                  "VF"));
}

/* What is received -------------------------------------------------------------------------- */

static void group_addresses_are_hashes_of_the_pfs_kind(void **state)
{
    static uint8_t list[40][MAC_LEN];
    struct port_rx_mode mode = { .multicast = list, .multicast_count = 1 };
    memcpy(list[0], (uint8_t[]){ 0x01, 0, 0x5e, 0, 0x48, 0x23 }, MAC_LEN);
    for (uint32_t type = 0; type < 4; type++) {
        static const uint32_t hashes[] = { 0x234, 0x469, 0x8d2, 0x348 };
        uint32_t words[MESSAGE];
        destroy_port();
        make_vf();
        assert_true(probe());
        assert_int_equal(asks(20, words), MBX_VF_RESET);
        ixgbe_model_pf_send(&model,
                            (uint32_t[]){ MBX_VF_RESET | MBX_ACK, 0x00000002, 0x0110, type }, 4);
        model.pf.cts = true;
        pf_is_deaf = false;
        assert_int_equal(port_set_rx_mode(port, &mode), 0);
        settle();
        assert_int_equal(model.pf.seen[MBX_VF_SET_MULTICAST], 1);
        assert_int_equal(model.pf.seen[MBX_VF_UPDATE_XCAST], 1);
        assert_int_equal(
            ixgbe_model_reg(&model, 0x5200 + 4 * (hashes[type] / 32)) >> hashes[type] % 32 & 1, 1);
    }
}

static void modes_are_asked_for_and_given_up(void **state)
{
    static uint8_t list[1][MAC_LEN] = { { 0x01, 0, 0x5e, 1, 2, 3 } };
    start_and_link();
    assert_int_equal(model.pf.seen[MBX_VF_UPDATE_XCAST], 0); /* none is what there is */
    struct port_rx_mode mode = { .multicast = list, .multicast_count = 1 };
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    settle();
    assert_int_equal(model.pf.last[1], MBX_XCAST_MULTI);
    mode.all_multicast = true;
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    settle();
    assert_int_equal(model.pf.last[1], MBX_XCAST_ALL_MULTI);
    mode = (struct port_rx_mode){ 0 };
    assert_int_equal(port_set_rx_mode(port, &mode), 0);
    settle();
    assert_int_equal(model.pf.last[1], MBX_XCAST_NONE);
}

/* An 82599's PF by Linux refuses promiscuous mode; all groups is what is left. */
static void promiscuous_is_refused_in_plain_words(void **state)
{
    start_and_link();
    assert_int_equal(port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = true }), 0);
    settle();
    assert_false(port->rx_mode.promiscuous);
    assert_non_null(strstr(port->refusal, "trust on"));
    assert_non_null(strstr(port->refusal, "routing does not"));
    assert_true(host_log_contains("the PF refused promiscuous mode"));
    assert_int_equal(model.pf.last[1], MBX_XCAST_ALL_MULTI);
    assert_int_equal(model.pf.seen[MBX_VF_UPDATE_XCAST], 2);
    traffic_flows();
}

/* A word from the PF that something changed: it is asked once more. */
static void promiscuous_is_asked_for_again_when_the_pf_speaks(void **state)
{
    uint32_t words[MESSAGE];
    start_and_link();
    refuse(MBX_VF_UPDATE_XCAST, true);
    assert_int_equal(port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = true }), 0);
    settle();
    assert_int_equal(model.pf.seen[MBX_VF_UPDATE_XCAST], 3);
    assert_true(ixgbe_model_pf_ping(&model, true));
    assert_int_equal(asks(20, words), MBX_VF_UPDATE_XCAST);
    assert_int_equal(words[1], MBX_XCAST_PROMISCUOUS);
    answer(words, MBX_ACK);
    run_ms(5);
    assert_true(port->rx_mode.promiscuous);
    assert_null(port->refusal);
    traffic_flows();
}

/* Linux's ixgbe grants a VF without trust some groups, and says so in an ACK. */
static void less_than_was_asked_for_is_noticed(void **state)
{
    uint32_t words[MESSAGE];
    start_and_link();
    assert_int_equal(port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = true }), 0);
    assert_int_equal(asks(20, words), MBX_VF_UPDATE_XCAST);
    words[1] = MBX_XCAST_MULTI;
    answer(words, MBX_ACK);
    run_ms(5);
    assert_false(port->pending);
    assert_false(port->rx_mode.promiscuous);
    assert_non_null(strstr(port->refusal, "trust on"));
    assert_true(ixgbe_model_pf_ping(&model, true));
    assert_int_equal(asks(20, words), MBX_VF_UPDATE_XCAST);
    assert_int_equal(words[1], MBX_XCAST_PROMISCUOUS);
    words[1] = 77; /* more than there is */
    answer(words, MBX_ACK);
    run_ms(5);
    assert_int_equal(counter("mailbox nonsense"), 1);
    assert_true(port->rx_mode.promiscuous);
}

static void an_old_pf_is_not_asked_for_modes(void **state)
{
    model.pf.api = MBX_API_1_1;
    start_and_link();
    assert_int_equal(port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = true }), 0);
    settle();
    assert_false(port->rx_mode.promiscuous);
    assert_non_null(strstr(port->refusal, "trust on"));
    assert_int_equal(model.pf.seen[MBX_VF_UPDATE_XCAST], 0);
    destroy_port();
    make_vf();
    model.pf.api = MBX_API_1_2; /* all groups, and no more */
    start_and_link();
    assert_int_equal(port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = true }), 0);
    settle();
    assert_false(port->rx_mode.promiscuous);
    assert_int_equal(model.pf.last[1], MBX_XCAST_ALL_MULTI);
}

/* Link ---------------------------------------------------------------------------------- */

static void speeds_are_told(void **state)
{
    static const uint32_t mbps[] = { 100, 1000, 10000 };
    start_and_link();
    for (uint32_t i = 0; i < 3; i++) {
        ixgbe_model_set_reg(&model, 0x42a4, 0x40000000u | (i + 1) << 28); /* LINKS */
        port_poll_link(port);
        assert_true(port->link.up);
        assert_int_equal(port->link.speed_mbps, mbps[i]);
    }
}

/* Hyper-V --------------------------------------------------------------------------------- */

/* As Hyper-V shows it: an address in configuration space, a PF that is not asked. */
static void hyperv_shows(void)
{
    model.function->device = 0x152e;
    memcpy(model.vf[0].device.config + 0x201, given, MAC_LEN);
    pf_is_deaf = true;
    ixgbe_model_pf_pool(&model, true);
    ixgbe_model_set_reg(&model, 0xa200, 0x00000002); /* receive address 0: pool 0 */
    ixgbe_model_set_reg(&model, 0xa204, 0x80000110);
    ixgbe_model_set_reg(&model, 0xa600, 1);
}

static void hyperv_is_asked_for_nothing(void **state)
{
    static const uint8_t wish[MAC_LEN] = { 0x02, 7, 7, 7, 7, 7 };
    hyperv_shows();
    start_and_link();
    assert_memory_equal(port->mac, given, MAC_LEN);
    assert_int_equal(port->link.speed_mbps, 10000);
    traffic_flows();
    assert_int_equal(port_set_mac(port, wish), 0);
    run_ms(3);
    assert_false(port->pending);
    assert_non_null(strstr(port->refusal, "Hyper-V takes no requests"));
    assert_memory_equal(port->mac, given, MAC_LEN);
    assert_int_equal(access_set_vlan(port, 100), 0);
    run_ms(3);
    assert_non_null(port->refusal);
    assert_int_equal(access_set_vlan(port, 0), 0);
    assert_int_equal(port_set_rx_mode(port, &(struct port_rx_mode){ .promiscuous = true }), 0);
    run_ms(3);
    assert_false(port->rx_mode.promiscuous);
    assert_non_null(strstr(port->refusal, "routing does not"));
    assert_int_equal(port_set_mtu(port, 4000), 0);
    run_ms(3);
    assert_int_equal(port->mtu, 4000);
    run_ms(30000);
    assert_int_equal(ixgbe_model_reg(&model, 0x710), 0); /* PFMBICR: not a word was said */
    traffic_flows();
}

static void a_pf_reset_below_hyperv_is_survived(void **state)
{
    hyperv_shows();
    start_and_link();
    ixgbe_model_pf_reset_begin(&model);
    turn();
    traffic_rests();
    run_ms(100);
    ixgbe_model_pf_reset_end(&model);
    hyperv_shows();
    assert_in_range(link_comes_within(100), 0, 50);
    traffic_flows();
}

static void both_chips_are_known(void **state)
{
    static const uint16_t devices[] = { 0x10ed, 0x1515, 0x152e, 0x1530 };
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
        TEST(versions_are_negotiated_downwards),
        TEST(a_pf_that_knows_no_versions_speaks_the_first),
        TEST(the_version_is_asked_for_again_after_a_reset),
        TEST(queues_are_as_many_as_the_pf_grants),
        TEST(fewer_queues_after_a_reset_are_lived_with),
        TEST(impossible_numbers_of_queues_are_nonsense),
        TEST(the_pfs_hash_table_and_key_are_read),
        TEST(a_hash_key_that_is_refused_is_no_trouble),
        TEST(one_queue_asks_for_no_hash),
        TEST(a_refused_mtu_is_taken_back_at_the_pf),
        TEST(an_mtu_is_granted),
        TEST(the_longest_mtu_is_granted),
        TEST(a_pf_that_passes_no_frames_at_all_is_told_of),
        TEST(group_addresses_are_hashes_of_the_pfs_kind),
        TEST(modes_are_asked_for_and_given_up),
        TEST(promiscuous_is_refused_in_plain_words),
        TEST(promiscuous_is_asked_for_again_when_the_pf_speaks),
        TEST(less_than_was_asked_for_is_noticed),
        TEST(an_old_pf_is_not_asked_for_modes),
        TEST(speeds_are_told),
        TEST(hyperv_is_asked_for_nothing),
        TEST(a_pf_reset_below_hyperv_is_survived),
        TEST(both_chips_are_known),
    };
    /* the model's PF lets an 82599's VFs not be promiscuous, as Linux's does not */
    int failed = conformance("ixgbevf_82599", IXGBE_MODEL_82599, 1, 0, false);
    failed += conformance("ixgbevf_82599_ring_64", IXGBE_MODEL_82599, 1, 64, false);
    failed += conformance("ixgbevf_82599_2_queues", IXGBE_MODEL_82599, 2, 0, false);
    failed += conformance("ixgbevf_82599_4_queues", IXGBE_MODEL_82599, 4, 0, false);
    failed += conformance("ixgbevf_x540", IXGBE_MODEL_X540, 1, 0, true);
    intel_set_alone(true);
    failed += conformance("ixgbevf_alone", IXGBE_MODEL_82599, 1, 0, false);
    intel_set_alone(false);
    failed += conformance("ixgbevf_x540_4_queues", IXGBE_MODEL_X540, 4, 0, true);
    return failed + cmocka_run_group_tests(tests, NULL, NULL);
}
