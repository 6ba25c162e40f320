/* iavf.c: every way to lose the PF and to find it again, in bounded time and
 * without a queue touched meanwhile, behind PFs of both kinds; and a PF that
 * lies.
 *
 * What users of VFs report of other drivers, and the test that it does not
 * happen here:
 *
 *   1   a reset by the PF (trust was changed) ends all traffic
 *           a_reset_by_the_pf_is_answered_with_none, test_iavf_resets.c
 *   2   queues polled while the PF resets crash the application
 *           an_announced_reset_finds_the_queues_at_rest, traffic_rests() in all
 *   3   a second reset, states that drift apart, ERR_PARAM after a flap
 *           a_reset_by_the_pf_is_answered_with_none,
 *           queues_refused_after_a_flap_come_back
 *   4   a stale announcement is waited for for ever
 *           a_stale_announcement_is_forgotten
 *   5   an answer that never comes
 *           a_pf_that_goes_without_a_word_is_noticed,
 *           a_lost_message_is_sent_again,
 *           a_reset_that_is_not_seen_is_not_waited_for_for_ever,
 *           words_that_found_no_room_are_made_up_for
 *   6   the PF's link goes down and comes back
 *           a_link_flap_is_no_reset
 *   7   looking at the link floods the PF
 *           a_link_flap_is_no_reset: nobody asks
 *   8   addresses refused for want of trust
 *           test_iavf.c, refused_groups_are_told_of
 *   9   the administrator's address
 *           another_address_after_a_reset_is_adopted;
 *           test_iavf.c, the_administrators_address_is_kept
 *   10  the spoof check drops frames in silence
 *           frames_that_the_spoof_check_drops_are_told_of
 *   11  a bridge over the PF does not see VFs' frames
 *           none: a VF can neither tell nor change it (docs/limits.md)
 *   12  the PF caps the MTU
 *           test_iavf.c, an_mtu_beyond_the_pfs_is_refused
 *   13  resets without end
 *           a_reset_that_never_ends_is_waited_for,
 *           queues_refused_after_a_flap_come_back: pauses grow */
#include "tests/models/iavf_bench.h"

#include "apps/forward/access.h"
#include "kernel/log.h"
#include "kernel/random.h"
#include "tests/models/pcispace_config.h"

#include <errno.h>

static unsigned log_lines;

static void count_line(const char *text, size_t n)
{
    log_lines++;
}

static void set_everything(void)
{
    static const uint8_t group[1][MAC_LEN] = { { 0x01, 0, 0x5e, 1, 2, 3 } };
    start_and_link();
    assert_int_equal(port_set_mtu(port, 4000), 0);
    assert_int_equal(access_set_vlan(port, 100), 0);
    assert_int_equal(
        port_set_rx_mode(port, &(struct port_rx_mode){ .multicast = group, .multicast_count = 1 }),
        0);
    settle();
    memset(model.pf.seen, 0, sizeof model.pf.seen);
}

static void everything_is_back(unsigned resets_asked_for)
{
    static const uint8_t group[MAC_LEN] = { 0x01, 0, 0x5e, 1, 2, 3 };
    settle();
    assert_int_equal(model.pf.seen[VIRTCHNL_RESET_VF], resets_asked_for);
    assert_int_equal(port->mtu, 4000);
    assert_int_equal(port->vlan, 100);
    assert_int_equal(model.pf.vlans[100 / 8] >> 100 % 8 & 1, 1);
    assert_true(reaches(group));
    assert_int_equal(access_set_vlan(port, 0), 0);
    settle();
    traffic_flows();
}

/* The PF is lost
 * ------------------------------------------------------------------------------
 */

/* Pains 1 and 3: recovered in place, and no second reset is asked for. */
static void a_reset_by_the_pf_is_answered_with_none(void **state)
{
    set_everything();
    uint64_t before = counter("resets");
    for (unsigned i = 0; i < 3; i++)
        assert_true(send_one(9)); /* under way when it strikes */
    iavf_model_pf_resets_vf(&model);
    turn();
    traffic_rests();
    assert_in_range(link_comes_within(100), 1, 60);
    everything_is_back(0);
    assert_int_equal(counter("resets"), before + 1);
    assert_true(host_log_contains("the PF is being reset, or is not up"));
    assert_true(host_log_contains("the PF is back after"));
}

/* Registers read deadbeef, the PF's driver takes its time. */
static void a_reset_of_the_chip_is_waited_for(void **state)
{
    set_everything();
    iavf_model_reset_begin(&model);
    model.in_reset = true;
    turn();
    traffic_rests();
    run_ms(3000);
    traffic_rests();
    iavf_model_reset_end(&model, VIRTCHNL_RESETTING);
    run_ms(1000);
    traffic_rests();
    iavf_model_pf_resets_vf(&model);
    assert_in_range(link_comes_within(100), 1, 60);
    everything_is_back(0);
}

/* Pain 2: queues rest from the announcement on. */
static void an_announced_reset_finds_the_queues_at_rest(void **state)
{
    set_everything();
    iavf_model_impend(&model);
    turn();
    traffic_rests();
    run_ms(300);
    traffic_rests();
    iavf_model_pf_resets_vf(&model);
    assert_in_range(link_comes_within(100), 1, 60);
    everything_is_back(0);
    run_ms(2000); /* the announcement is over with it */
    traffic_flows();
    assert_int_equal(counter("resets announced in vain"), 0);
}

/* Pain 4: it is of a reset that is over, or never comes. */
static void a_stale_announcement_is_forgotten(void **state)
{
    set_everything();
    uint64_t before = counter("resets");
    iavf_model_impend(&model);
    turn();
    port_poll_link(port);
    assert_false(port->link.up);
    assert_string_equal(port->link.why, "the PF announces a reset");
    assert_in_range(link_comes_within(2000), 900, 1100);
    assert_int_equal(counter("resets announced in vain"), 1);
    assert_int_equal(counter("resets"), before);
    everything_is_back(0);
}

static void a_reset_while_a_request_is_under_way(void **state)
{
    set_everything();
    model.pf.deaf = true;
    assert_int_equal(port_vlan_filter(port, 200, true), 0);
    run_ms(2);
    assert_true(port->pending);
    model.pf.deaf = false;
    iavf_model_pf_resets_vf(&model);
    turn();
    assert_in_range(link_comes_within(100), 1, 60);
    settle();
    assert_int_equal(model.pf.vlans[200 / 8] >> 200 % 8 & 1, 1);
    assert_int_equal(port_vlan_filter(port, 200, false), 0);
    everything_is_back(0);
}

/* Pain 5: it went without a word, and is there again and knows nothing of us.
 */
static void a_pf_that_goes_without_a_word_is_noticed(void **state)
{
    set_everything();
    model.pf.serves = false;
    run_ms(25000);
    traffic_rests();
    assert_true(host_log_contains("the PF does not answer (mailbox time-out: message 000a"));
    model.pf.serves = true;
    model.pf.active = false;
    assert_in_range(link_comes_within(12000), 1, 11000);
    settle();
    traffic_flows();
    assert_int_equal(port->mtu, 4000);
}

/* Pain 3: CONFIG_VSI_QUEUES fails, the PF's picture of the VF is another: one
 * reset each time, with pauses that grow, and it comes back. */
static void queues_refused_after_a_flap_come_back(void **state)
{
    start_and_link();
    refuse(VIRTCHNL_CONFIG_QUEUES, true);
    iavf_model_pf_resets_vf(&model);
    run_ms(10000);
    traffic_rests();
    assert_in_range(counter("resets"), 5, 14);
    assert_true(host_log_contains("the PF refused operation 6 (status -5)"));
    refuse(VIRTCHNL_CONFIG_QUEUES, false);
    assert_in_range(link_comes_within(6000), 1, 5600);
    traffic_flows();
}

static void a_refused_beginning_is_tried_again(void **state)
{
    refuse(VIRTCHNL_GET_RESOURCES, true);
    start(1);
    run_ms(3000);
    traffic_rests();
    assert_true(host_log_contains("the PF refused operation 3"));
    refuse(VIRTCHNL_GET_RESOURCES, false);
    assert_in_range(link_comes_within(6000), 1, 5600);
    traffic_flows();
}

/* Pain 6, and 7: link and speed come by event; nobody asks. */
static void a_link_flap_is_no_reset(void **state)
{
    start_and_link();
    uint64_t before = counter("resets");
    iavf_model_set_link(&model, false);
    turn();
    assert_false(port->link.up);
    assert_string_equal(port->link.why, "the PF says so");
    model.pf.speed_mbps = 10000;
    iavf_model_set_link(&model, true);
    turn();
    assert_true(port->link.up);
    assert_int_equal(port->link.speed_mbps, 10000);
    assert_int_equal(counter("resets"), before);
    traffic_flows();
    memset(model.pf.seen, 0, sizeof model.pf.seen);
    for (unsigned i = 0; i < 9000; i++)
        turn();
    unsigned said = 0;
    for (unsigned op = 0; op < VIRTCHNL_OPS; op++)
        said += model.pf.seen[op];
    assert_in_range(said, 0, 3); /* the check of every ten seconds */
}

/* More events than there are descriptors for: what was lost may have been that the link is up. */
static void words_that_found_no_room_are_made_up_for(void **state)
{
    start_and_link();
    model.link = false;
    for (unsigned i = 0; i < 20; i++)
        iavf_model_say_link(&model);
    model.link = true;
    iavf_model_say_link(&model);
    assert_in_range(model.aq.lost, 1, 20);
    turn();
    assert_in_range(link_comes_within(200), 1, 100);
    assert_int_equal(counter("PF's words lost"), 1);
    assert_true(host_log_contains("there was no room for what the PF said"));
    traffic_flows();
    run_ms(2000);
    assert_int_equal(counter("PF's words lost"), 1);
}

static void send_as(const uint8_t source[MAC_LEN])
{
    uint8_t frame[100] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    memcpy(frame + MAC_LEN, source, MAC_LEN);
    struct packet *p = conformance_packet(&cache, frame, sizeof frame, PACKET_ROOM);
    assert_int_equal(port_tx_burst(port->txq[0], &p, 1), 1);
}

/* Pain 10: frames of stations behind a bridge go out here and nowhere: the log says so, once. */
static void frames_that_the_spoof_check_drops_are_told_of(void **state)
{
    static const uint8_t behind[MAC_LEN] = { 0x02, 5, 5, 5, 5, 5 };
    struct port_device_stats stats;
    uint8_t frame[128];
    model.pf.spoofcheck = true;
    start_and_link();
    for (unsigned i = 0; i < 12; i++)
        send_as(behind);
    assert_int_equal(iavf_model_take(&model, frame, sizeof frame), 0);
    run_ms(10050);
    assert_true(host_log_contains("dropped 12 frames that were sent here"));
    assert_true(host_log_contains("`spoofcheck off`, `trust on`"));
    port->ops->stats(port, &stats);
    assert_int_equal(stats.tx_errors, 12);
    memset(&model.pf.stats, 0, sizeof model.pf.stats); /* as after a reset */
    log_set_sink(count_line);
    log_lines = 0;
    run_ms(10050);
    assert_int_equal(log_lines, 0);
    send_as(behind);
    iavf_model_take(&model, frame, sizeof frame);
    run_ms(10050);
    assert_int_equal(log_lines, 1);
    port->ops->stats(port, &stats);
    assert_int_equal(stats.tx_errors, 13);
    traffic_flows(); /* its own go */
}

/* Pain 13: told once, waited for, and seen. */
static void a_reset_that_never_ends_is_waited_for(void **state)
{
    start_and_link();
    uint64_t before = counter("resets");
    iavf_model_reset_begin(&model);
    for (unsigned i = 0; i < 60000; i++)
        turn();
    assert_true(port->pending);
    traffic_rests();
    assert_int_equal(counter("resets"), before);
    iavf_model_pf_resets_vf(&model);
    assert_in_range(link_comes_within(100), 1, 60);
    traffic_flows();
}

/* A PF that hears RESET_VF and does nothing: its word is not needed. */
static void a_reset_that_is_not_seen_is_not_waited_for_for_ever(void **state)
{
    model.aq.silent = true;
    start(1);
    run_ms(700);
    model.aq.silent = false;
    assert_in_range(link_comes_within(6000), 1, 5600);
    traffic_flows();
}

static void a_function_reset_is_survived(void **state)
{
    set_everything();
    pci_write16(model.function, (uint16_t)(model.function->express + PCI_EXPRESS_DEVICE_CTL),
                CONFIG_FLR);
    turn();
    traffic_rests();
    assert_in_range(link_comes_within(300), 1, 250);
    everything_is_back(0);
}

static void a_function_that_leaves_the_bus_is_told_of(void **state)
{
    start_and_link();
    model.gone = true;
    run_ms(20);
    traffic_rests();
    assert_true(host_log_contains("registers read ffffffff"));
    iavf_model_pf_resets_vf(&model);
    model.gone = false;
    assert_in_range(link_comes_within(200), 1, 150);
    traffic_flows();
}

static void a_lost_message_is_sent_again(void **state)
{
    start_and_link();
    model.pf.deaf = true;
    assert_int_equal(port_vlan_filter(port, 100, true), 0);
    run_ms(100);
    model.pf.deaf = false;
    run_ms(300);
    assert_false(port->pending);
    assert_int_equal(counter("message timeouts"), 1);
    assert_int_equal(counter("resets"), 1);
    assert_true(port->link.up);
}

static void fewer_queues_after_a_reset_are_lived_with(void **state)
{
    start(4);
    assert_in_range(link_comes_within(300), 1, 200);
    model.pf.queues = 1;
    model.pf.queues_max = 1;
    iavf_model_pf_resets_vf(&model);
    turn();
    assert_in_range(link_comes_within(300), 1, 200);
    assert_int_equal(port->tx_queues, 1);
    traffic_flows();
}

/* Pain 9: its administrator has set another address meanwhile, which is
 * adopted. */
static void another_address_after_a_reset_is_adopted(void **state)
{
    static const uint8_t other[MAC_LEN] = { 0x02, 9, 8, 7, 6, 5 };
    start_and_link();
    memcpy(model.pf.mac, other, MAC_LEN);
    model.pf.mac_set = true;
    iavf_model_pf_resets_vf(&model);
    turn();
    assert_in_range(link_comes_within(100), 1, 60);
    settle();
    assert_memory_equal(port->mac, other, MAC_LEN);
    traffic_flows();
}

/* Stop and start
 * ------------------------------------------------------------------------------------
 */

static void it_stops_in_every_state(void **state)
{
    start_and_link();
    size_t idle = 0;
    for (unsigned when = 0; when < 24; when++) {
        iavf_model_reset_begin(&model);
        if (when >= 2)
            iavf_model_pf_resets_vf(&model);
        run_ms(when);
        port_stop(port);
        idle = idle ? idle : host_dma_mapped(port->dma);
        assert_int_equal(host_dma_mapped(port->dma), idle);
        for (unsigned q = 0; q < IAVF_MODEL_QUEUES; q++)
            assert_false(model.rx[q].on || model.tx[q].on);
        packet_cache_flush(&cache);
        assert_int_equal(packet_pool_available(pool), POOL_PACKETS);
        if (when < 2)
            iavf_model_pf_resets_vf(&model);
        assert_int_equal(port_start(port), 0);
        assert_in_range(link_comes_within(6000), 1, 5700);
        traffic_flows();
    }
}

/* Nobody switches them off: the function is reset, before its memory goes. */
static void queues_that_do_not_stop_are_reset(void **state)
{
    start_and_link();
    model.pf.deaf = true;
    refuse(VIRTCHNL_DISABLE_QUEUES, true);
    unsigned before = model.flrs;
    port_stop(port);
    assert_int_equal(model.flrs, before + 1);
    assert_false(model.rx[0].on);
    model.pf.deaf = false;
    refuse(VIRTCHNL_DISABLE_QUEUES, false);
    assert_int_equal(port_start(port), 0);
    assert_in_range(link_comes_within(1000), 1, 900);
    traffic_flows();
}

/* Linux's i40e says no when half of the queues are on: stopped while its answer comes, and told
 * that they cannot be switched off either. */
static void queues_that_were_refused_may_be_on(void **state)
{
    start(1);
    refuse(VIRTCHNL_ENABLE_QUEUES, true);
    refuse(VIRTCHNL_DISABLE_QUEUES, true);
    for (unsigned i = 0; i < 100 && !model.pf.seen[VIRTCHNL_ENABLE_QUEUES]; i++)
        turn();
    assert_int_equal(model.pf.seen[VIRTCHNL_ENABLE_QUEUES], 1);
    i40e_engine_start(&model.rx[0]);
    unsigned before = model.flrs;
    port_stop(port);
    assert_int_equal(model.flrs, before + 1);
    assert_false(model.rx[0].on);
    refuse(VIRTCHNL_ENABLE_QUEUES, false);
    refuse(VIRTCHNL_DISABLE_QUEUES, false);
    assert_int_equal(port_start(port), 0);
    assert_in_range(link_comes_within(1000), 1, 900);
    traffic_flows();
}

/* Stopped while the PF has not answered where the rings are: it never hears of the old ones again.
 */
static void rings_that_are_gone_are_not_told_of(void **state)
{
    model.pf.unanswered = 1ull << VIRTCHNL_CONFIG_QUEUES;
    start(1);
    for (unsigned i = 0; i < 100 && !model.pf.seen[VIRTCHNL_CONFIG_QUEUES]; i++)
        turn();
    assert_int_equal(model.pf.seen[VIRTCHNL_CONFIG_QUEUES], 1);
    uint64_t old = model.rx[0].context.base;
    port_stop(port);
    model.pf.unanswered = 0;
    port->rxq[0]->size = port->txq[0]->size = 1024; /* so that they are elsewhere */
    assert_int_equal(port_start(port), 0);
    assert_in_range(link_comes_within(1000), 1, 900);
    assert_int_not_equal(model.rx[0].context.base, old);
    assert_int_equal(model.rx[0].context.count, 1024);
    traffic_flows();
}

/* The PF is silent and its VF's queues are on: memory is not given to others
 * before a reset. */
static void queues_of_a_silent_pf_are_reset_before_they_are_filled_anew(void **state)
{
    start_and_link();
    model.pf.serves = false;
    run_ms(40000);
    assert_in_range(model.flrs, 1, 20);
    assert_false(model.rx[0].on);
    model.pf.serves = true;
    assert_in_range(link_comes_within(12000), 1, 11000);
    traffic_flows();
}

static void start_fails_clean_while_the_pf_is_away(void **state)
{
    start_and_link();
    port_stop(port);
    size_t idle = host_dma_mapped(port->dma);
    iavf_model_reset_begin(&model);
    run_ms(2);
    for (unsigned n = 1;; n++) {
        assert_in_range(n, 1, 16);
        host_dma_fail_after(n);
        int e = port_start(port);
        host_dma_fail_after(0);
        if (!e)
            break;
        assert_int_equal(e, -ENOMEM);
        assert_int_equal(host_dma_mapped(port->dma), idle);
    }
    iavf_model_pf_resets_vf(&model);
    assert_in_range(link_comes_within(100), 1, 99);
    traffic_flows();
}

/* A PF that lies
 * ------------------------------------------------------------------------------------
 */

static void answers_to_nothing_change_nothing(void **state)
{
    static const uint8_t ones[64] = { 0xff, 0xff, 0xff, 0xff, 0xff };
    start_and_link();
    for (uint32_t op = 0; op < 70; op++) {
        if (op == VIRTCHNL_EVENT)
            continue;
        iavf_model_tell(&model, op, (int32_t)op - 3, ones, op % 64);
        turn();
        assert_memory_equal(port->mac, given, MAC_LEN);
        assert_int_equal(port->mtu, MTU_DEFAULT);
        assert_true(port->link.up);
    }
    assert_int_equal(counter("message nonsense"), 69);
    assert_int_equal(counter("resets"), 1);
    traffic_flows();
}

/* Each answer in turn is too short, or made of ones, or of chance. */
static void answers_that_make_no_sense_do_no_harm(void **state)
{
    static const uint8_t asked_first[] = { VIRTCHNL_VERSION, VIRTCHNL_GET_RESOURCES,
                                           VIRTCHNL_GET_RXDIDS, VIRTCHNL_GET_VLAN_CAPS };
    for (unsigned which = 0; which < ARRAY_SIZE(asked_first); which++) {
        for (unsigned how = 0; how < 20; how++) {
            uint8_t lie[200];
            destroy_port();
            host_reset();
            make_vf();
            model.pf.deaf = true;
            start(2);
            for (unsigned i = 0; i < 40; i++) {
                uint32_t op = model.pf.last_op;
                for (unsigned k = 0; k < sizeof lie; k++)
                    lie[k] = how ? (uint8_t)(random_mix(how * 1000 + i * 7 + k) >> 16) : 0xff;
                if (op == asked_first[which])
                    iavf_model_tell(&model, op, 0, lie, how % 5 * 9);
                else if (op && op < VIRTCHNL_OPS)
                    iavf_model_tell(&model, op, 0, &(struct virtchnl_version){ 1, 1 }, 8);
                turn();
            }
            iavf_model_pf_resets_vf(&model);
            model.pf.deaf = false;
            model.violations = 0; /* what such a PF made us say is its own fault */
            assert_in_range(link_comes_within(7000), 1, 6500);
            traffic_flows();
        }
    }
}

static void the_log_is_not_filled(void **state)
{
    start_and_link();
    log_set_sink(count_line);
    log_lines = 0;
    for (unsigned i = 0; i < 5000; i++) {
        iavf_model_tell(&model, i, -5, NULL, 0);
        iavf_model_impend(&model);
        iavf_model_set_link(&model, i % 2);
        turn();
    }
    assert_in_range(log_lines, 1, 40);
    iavf_model_set_link(&model, true);
    run_ms(1200);
    assert_in_range(link_comes_within(6000), 0, 5700);
    traffic_flows();
}

/* A descriptor comes back, or an answer or an event comes, as chance has it. */
static void hostile_step(uint64_t r)
{
    uint8_t bytes[256];
    uint64_t words[4];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)random_mix(r + i);
    memcpy(words, bytes, sizeof words);
    words[1] |= r >> 9 & 3 ? 1 : 0;
    uint32_t op = r >> 8 & 63;
    switch (r % 8) {
    case 0: /* that queues are off must be true, or the fence has to do */
        if (op != VIRTCHNL_DISABLE_QUEUES)
            iavf_model_tell(&model, op, r >> 16 & 1 ? -5 : 0, bytes, r >> 20 & 255);
        break;
    case 1:
        iavf_model_tell(&model, model.pf.last_op, r >> 16 & 3 ? 0 : -5, bytes, r >> 20 & 127);
        break;
    case 2:
    case 3:
        i40e_engine_return(&model.engine, &model.rx[op % 4], words);
        break;
    case 4:
        model.pf.serves = op & 3;
        break;
    case 5:
        iavf_model_impend(&model);
        break;
    case 6:
        send_one((uint8_t)r);
        break;
    default:
        if (op < 4)
            iavf_model_pf_resets_vf(&model);
        else if (op < 6)
            iavf_model_reset_begin(&model);
    }
}

/* Whatever it says and writes: frames handed up keep the rules, and it is found again. */
static void a_hostile_pf_does_no_harm(void **state)
{
    uint64_t seed = 1;
    for (unsigned run = 0; run < 10; run++) {
        destroy_port();
        host_reset();
        make_vf();
        model.quiet = true;
        start(4);
        for (unsigned step = 0; step < 1500; step++) {
            struct packet *p[8];
            hostile_step(random_mix(seed++));
            if (step % 200 == 199) {
                port_stop(port);
                assert_int_equal(port_start(port), 0);
            }
            turn();
            uint16_t n = port_rx_burst(port->rxq[step % 4], p, 8);
            for (uint16_t i = 0; i < n; i++)
                assert_in_range(p[i]->frame_length, FRAME_MIN, port_frame_limit(port));
            packet_free_burst(&cache, p, n);
            assert_false(port->mac[0] & 1);
            assert_in_range(port->mtu, MTU_MIN, 9702);
        }
        model.pf.serves = true;
        iavf_model_pf_resets_vf(&model);
        run_ms(20);
        assert_in_range(link_comes_within(12000), 0, 11000);
        iavf_model_pf_resets_vf(&model);
        turn();
        assert_in_range(link_comes_within(6000), 0, 5700);
        traffic_flows();
        model.violations = model.device.dma_refused = 0; /* what such a PF makes of us is its own */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_reset_by_the_pf_is_answered_with_none),
        TEST(a_reset_of_the_chip_is_waited_for),
        TEST(an_announced_reset_finds_the_queues_at_rest),
        TEST(a_stale_announcement_is_forgotten),
        TEST(a_reset_while_a_request_is_under_way),
        TEST(a_pf_that_goes_without_a_word_is_noticed),
        TEST(queues_refused_after_a_flap_come_back),
        TEST(a_refused_beginning_is_tried_again),
        TEST(a_link_flap_is_no_reset),
        TEST(words_that_found_no_room_are_made_up_for),
        TEST(frames_that_the_spoof_check_drops_are_told_of),
        TEST(a_reset_that_never_ends_is_waited_for),
        TEST(a_reset_that_is_not_seen_is_not_waited_for_for_ever),
        TEST(a_function_reset_is_survived),
        TEST(a_function_that_leaves_the_bus_is_told_of),
        TEST(a_lost_message_is_sent_again),
        TEST(fewer_queues_after_a_reset_are_lived_with),
        TEST(another_address_after_a_reset_is_adopted),
        TEST(it_stops_in_every_state),
        TEST(queues_that_do_not_stop_are_reset),
        TEST(queues_that_were_refused_may_be_on),
        TEST(rings_that_are_gone_are_not_told_of),
        TEST(queues_of_a_silent_pf_are_reset_before_they_are_filled_anew),
        TEST(start_fails_clean_while_the_pf_is_away),
        TEST(answers_to_nothing_change_nothing),
        TEST(answers_that_make_no_sense_do_no_harm),
        TEST(the_log_is_not_filled),
        TEST(a_hostile_pf_does_no_harm),
    };
    kind = IAVF_BEHIND_I40E;
    int failed = cmocka_run_group_tests_name("i40e", tests, NULL, NULL);
    kind = IAVF_BEHIND_ICE;
    return failed + cmocka_run_group_tests_name("ice", tests, NULL, NULL);
}
