/* vf_recovery.h - tests of a VF's driver over the model of a lone VF: every way to lose the PF and
 * to find it again, in bounded time and without a queue touched meanwhile; and a PF that lies.
 *
 * For programs that include a bench (vf_bench.h) before it; RECOVERY_TESTS are theirs to run. */
#pragma once

#include "apps/forward/access.h"
#include "tests/models/vf_bench.h"

#include "kernel/log.h"

#include <errno.h>

/* Losing the PF, and finding it ----------------------------------------------------- */

static void everything_is_asked_for_again(void)
{
    memset(model.pf.seen, 0, sizeof model.pf.seen);
}

static void set_everything(void)
{
    static const uint8_t group[1][MAC_LEN] = { { 0x01, 0, 0x5e, 1, 2, 3 } };
    start_and_link();
    assert_int_equal(port_set_mtu(port, 4000), 0);
    assert_int_equal(access_set_vlan(port, 100), 0);
    assert_int_equal(port_set_rx_mode(port, &(struct port_rx_mode){ .all_multicast = true,
                                                                    .multicast = group,
                                                                    .multicast_count = 1 }),
                     0);
    settle();
    everything_is_asked_for_again();
}

static void everything_was_asked_for(void)
{
    assert_in_range(model.pf.seen[MBX_VF_RESET], 1, 2); /* one may have lain there unread */
    assert_int_equal(model.pf.seen[MBX_VF_SET_LPE], 1);
    assert_int_equal(model.pf.seen[MBX_VF_SET_VLAN], 1);
    assert_int_equal(model.pf.seen[MBX_VF_SET_MULTICAST], 1);
    assert_int_equal(model.pf.seen[MODE_MESSAGE], 1);
    assert_int_equal(port->mtu, 4000);
    assert_int_equal(port->vlan, 100);
    assert_int_equal(access_set_vlan(port, 0), 0);
    settle();
    traffic_flows();
}

static void a_pf_reset_is_survived(void **state)
{
    set_everything();
    for (unsigned i = 0; i < 3; i++)
        assert_true(send_one(9)); /* under way when it strikes */
    MODEL(pf_reset_begin)(&model);
    turn();
    traffic_rests();
    run_ms(3000);
    traffic_rests();
    assert_true(host_log_contains("the PF is being reset, or is not up"));
    MODEL(pf_reset_end)(&model);
    assert_in_range(link_comes_within(100), 0, 50);
    everything_was_asked_for();
    assert_true(host_log_contains("the PF is back after 30"));
}

/* Between two looks: only RSTD tells of it. */
static void a_pf_reset_that_nobody_saw_begin_is_survived(void **state)
{
    set_everything();
    MODEL(pf_reset_begin)(&model);
    MODEL(pf_reset_end)(&model);
    turn();
    traffic_rests();
    assert_in_range(link_comes_within(100), 0, 50);
    everything_was_asked_for();
}

/* One reset of the PF, one of ours: RSTD after the wait is no second one. */
static void one_reset_is_answered_with_one(void **state)
{
    start_and_link();
    uint64_t before = counter("resets");
    unsigned flrs = model.vf[0].flrs;
    MODEL(pf_reset_begin)(&model);
    run_ms(50);
    MODEL(pf_reset_end)(&model);
    run_ms(500);
    assert_int_equal(counter("resets"), before + 1);
    assert_int_equal(model.vf[0].flrs, flrs + 1);
    assert_true(port->link.up);
}

/* QEMU sets RSTD with each write of CTRL_EXT: before our greeting it is old news. */
static void the_end_of_a_reset_told_twice_is_one(void **state)
{
    start_and_link();
    unsigned flrs = model.vf[0].flrs;
    MODEL(pf_reset_begin)(&model);
    run_ms(2);
    MODEL(pf_reset_end)(&model);
    while (model.vf[0].flrs == flrs)
        turn();
    V2P |= MBX_V2P_RSTD;
    assert_in_range(link_comes_within(100), 0, 50);
    assert_int_equal(model.vf[0].flrs, flrs + 1);
    traffic_flows();
}

static void a_pf_that_resets_again_while_we_greet(void **state)
{
    uint32_t words[MESSAGE];
    start_and_link();
    MODEL(pf_reset_begin)(&model);
    turn();
    MODEL(pf_reset_end)(&model);
    assert_int_equal(asks(50, words), MBX_VF_RESET);
    MODEL(pf_reset_begin)(&model); /* the message is lost with it */
    MODEL(pf_reset_end)(&model);
    pf_is_deaf = false;
    assert_in_range(link_comes_within(200), 0, 150);
    traffic_flows();
}

/* The mailbox is silent, then the PF's driver is there anew and knows nothing of us. */
static void a_reload_of_the_pfs_driver_is_survived(void **state)
{
    set_everything();
    pf_is_deaf = true;
    run_ms(20000);
    traffic_rests();
    assert_true(host_log_contains("the PF does not answer (mailbox time-out: message 0005"));
    model.pf.cts = false;
    pf_is_deaf = false;
    everything_is_asked_for_again();
    assert_in_range(link_comes_within(6000), 0, 5700); /* the longest pause, and a greeting */
    everything_was_asked_for();
}

/* The pause is long by then, but a word from the PF ends it. */
static void a_word_of_the_pf_ends_the_pause(void **state)
{
    start_and_link();
    pf_is_deaf = true;
    assert_int_equal(port_set_mtu(port, 4000), 0);
    while (counter("resets") < 12)
        turn();
    run_ms(5500); /* asked in vain, three times 1.6 s, and pausing */
    pf_is_deaf = false;
    assert_true(MODEL(pf_ping)(&model, false));
    assert_in_range(link_comes_within(6000), 0, 60);
    traffic_flows();
}

static void a_lost_clear_to_send_is_survived(void **state)
{
    set_everything();
    model.pf.cts = false;
    assert_true(MODEL(pf_ping)(&model, false));
    turn();
    traffic_rests();
    assert_true(host_log_contains("no clear-to-send from the PF"));
    assert_in_range(link_comes_within(100), 0, 50);
    everything_was_asked_for();
}

/* Nobody said so, and it is noticed with the next message. */
static void a_clear_to_send_lost_in_silence_is_noticed(void **state)
{
    start_and_link();
    model.pf.cts = false;
    run_ms(10500);
    assert_in_range(link_comes_within(100), 0, 99);
    assert_true(model.pf.cts);
    assert_int_equal(model.pf.seen[MBX_VF_RESET], 2);
    traffic_flows();
}

/* Linux's igb, to a VF that acknowledges without clear-to-send: 40000000. */
static void a_bare_refusal_means_no_clear_to_send(void **state)
{
    start_and_link();
    model.pf.cts = false;
    assert_true(MODEL(pf_send)(&model, (uint32_t[]){ MBX_NACK }, 1));
    turn();
    traffic_rests();
    assert_in_range(link_comes_within(100), 0, 50);
    traffic_flows();
}

static void a_link_flap_is_no_reset(void **state)
{
    start_and_link();
    uint64_t before = counter("resets");
    MODEL(set_link)(&model, false);
    assert_true(MODEL(pf_ping)(&model, true));
    turn();
    assert_false(port->link.up);
    run_ms(20);
    MODEL(set_link)(&model, true);
    assert_true(MODEL(pf_ping)(&model, true));
    turn();
    assert_true(port->link.up);
    assert_int_equal(counter("resets"), before);
    traffic_flows();
}

/* The link is the chip's local bit: the mailbox is not asked for it. */
static void the_mailbox_rests_while_nothing_changes(void **state)
{
    start_and_link();
    run_ms(10);
    memset(model.pf.seen, 0, sizeof model.pf.seen);
    for (unsigned i = 0; i < 9000; i++) {
        turn();
        port_poll_link(port);
    }
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(model.pf.seen[i], 0);
}

static void a_function_reset_is_survived(void **state)
{
    set_everything();
    MODEL(vf_flr)(&model, 0);
    turn();
    traffic_rests();
    assert_true(host_log_contains("it was reset behind our back"));
    assert_in_range(link_comes_within(100), 0, 50);
    everything_was_asked_for();
}

/* With decoding left on, as a VF's is by its PF: the queues tell. */
static void queues_that_went_off_are_noticed(void **state)
{
    set_everything();
    MODEL(vf_write)(&model, 0, 0, 0x04000000u); /* VTCTRL.RST */
    model.pf.cts = false;
    turn();
    traffic_rests();
    assert_true(host_log_contains("its queues were switched off"));
    assert_in_range(link_comes_within(100), 0, 50);
    everything_was_asked_for();
}

static void a_function_reset_of_a_stopped_port_is_noticed_at_its_start(void **state)
{
    start_and_link();
    port_stop(port);
    run_ms(2);
    MODEL(vf_flr)(&model, 0);
    model.pf.cts = false;
    run_ms(10);
    assert_int_equal(port_start(port), 0);
    run_ms(10);
    assert_in_range(link_comes_within(100), 0, 50);
    traffic_flows();
}

/* The same with decoding left on: nothing tells of it but the PF's answer, and the queues are not
 * to go on before that. */
static void a_pool_that_went_off_while_stopped_is_noticed_at_the_start(void **state)
{
    start_and_link();
    port_stop(port);
    run_ms(2);
    MODEL(vf_write)(&model, 0, 0, 0x04000000u); /* VTCTRL.RST */
    model.pf.cts = false;
    assert_int_equal(port_start(port), 0);
    assert_in_range(link_comes_within(100), 0, 50);
    traffic_flows();
}

static void a_lost_message_is_sent_again(void **state)
{
    start_and_link();
    model.messages_vanish = true;
    assert_int_equal(port_set_mtu(port, 4000), 0);
    run_ms(100);
    model.messages_vanish = false;
    run_ms(250);
    assert_false(port->pending);
    assert_int_equal(model.pf.last[1], 4000 + FRAME_EXTRA);
    assert_int_equal(counter("mailbox timeouts"), 1);
    assert_true(port->link.up); /* no need for a reset */
    assert_int_equal(counter("resets"), 1);
}

static void an_answer_that_is_lost_is_asked_for_again(void **state)
{
    uint32_t words[MESSAGE];
    start_and_link();
    assert_int_equal(port_set_mtu(port, 4000), 0);
    assert_int_equal(asks(20, words), MBX_VF_SET_LPE);
    pf_is_deaf = false; /* that one was read and nothing came of it */
    run_ms(250);
    assert_false(port->pending);
    assert_true(port->link.up);
}

/* A loaded host: it answers each message, and each 700 ms late.  Nothing is begun anew for that. */
static void a_pf_that_takes_long_is_given_the_time(void **state)
{
    start();
    pf_is_deaf = true;
    for (unsigned ms = 0, late = 0; !port->link.up && ms < 60000; ms++) {
        turn();
        late = VF_HAS_ASKED && late < 700 ? late + 1 : 0;
        if (!late || late == 700) /* or its answer waits for the buffer */
            MODEL(pf_serve)(&model);
    }
    traffic_flows();
    assert_int_equal(counter("resets"), 1);
}

/* The PF's word fell on ours in the buffer: it is read, ours comes again. */
static void messages_that_collide_are_sorted_out(void **state)
{
    start_and_link();
    pf_is_deaf = true;
    assert_int_equal(port_set_mtu(port, 4000), 0);
    turn();
    assert_true(MODEL(pf_ping)(&model, true));
    turn();
    pf_is_deaf = false;
    run_ms(450);
    assert_false(port->pending);
    assert_int_equal(model.pf.last[1], 4000 + FRAME_EXTRA);
    assert_true(port->link.up);
}

static void pauses_grow_and_end(void **state)
{
    start();
    pf_is_deaf = true;
    run_ms(60000);
    uint64_t resets = counter("resets");
    assert_in_range(resets, 8, 16); /* 4.8 s of asking and up to 5 s of pause each, at last */
    pf_is_deaf = false;
    assert_in_range(link_comes_within(6000), 0, 5700);
    run_ms(1100); /* it was good for a second: the next trouble is met at once */
    MODEL(pf_reset_begin)(&model);
    turn();
    MODEL(pf_reset_end)(&model);
    assert_in_range(link_comes_within(100), 0, 50);
}

/* A device that is unplugged, or in the middle of something. */
static void a_function_that_leaves_the_bus_is_told_of(void **state)
{
    start_and_link();
    model.gone = true;
    run_ms(20);
    traffic_rests();
    assert_true(host_log_contains("registers read ffffffff"));
    assert_int_equal(counter("VFGPRC"), 0); /* not 2^32 - 1 */
    model.gone = false;
    assert_in_range(link_comes_within(100), 0, 99);
    traffic_flows();
}

static void it_stops_in_every_state(void **state)
{
    start_and_link();
    for (unsigned when = 0; when < 14; when++) {
        MODEL(pf_reset_begin)(&model);
        run_ms(when < 2 ? when : 2);
        if (when >= 2)
            MODEL(pf_reset_end)(&model);
        run_ms(when);
        port_stop(port);
        assert_int_equal(host_dma_mapped(port->dma), 0);
        assert_int_equal(pci_read16(model.function, PCI_COMMAND) & PCI_COMMAND_MASTER, 0);
        packet_cache_flush(&cache);
        assert_int_equal(packet_pool_available(pool), POOL_PACKETS);
        if (when < 2)
            MODEL(pf_reset_end)(&model);
        assert_int_equal(port_start(port), 0);
        assert_in_range(link_comes_within(6000), 0, 5700);
        traffic_flows();
    }
}

static void start_fails_clean_while_the_pf_is_away(void **state)
{
    start_and_link();
    port_stop(port);
    MODEL(pf_reset_begin)(&model);
    run_ms(2);
    for (unsigned n = 1;; n++) {
        assert_in_range(n, 1, 16);
        host_dma_fail_after(n);
        int e = port_start(port);
        host_dma_fail_after(0);
        if (!e)
            break;
        assert_int_equal(e, -ENOMEM);
        assert_int_equal(host_dma_mapped(port->dma), 0);
    }
    MODEL(pf_reset_end)(&model);
    assert_in_range(link_comes_within(100), 0, 99);
    traffic_flows();
}

static void queues_that_do_not_start_are_tried_again(void **state)
{
    model.queue_sticks = true;
    start();
    run_ms(300);
    traffic_rests();
    assert_true(host_log_contains("its queues do not start"));
    model.queue_sticks = false;
    assert_in_range(link_comes_within(6000), 0, 5700);
    traffic_flows();
}

static void queues_that_do_not_stop_are_reset(void **state)
{
    start_and_link();
    unsigned flrs = model.vf[0].flrs;
    model.queue_sticks = model.rx[0].was_on = model.tx[0].was_on = true;
    port_stop(port);
    assert_int_equal(model.vf[0].flrs, flrs + 1);
    model.queue_sticks = false;
    assert_int_equal(port->state, PORT_STOPPED);
}

/* A PF that lies ------------------------------------------------------------------------ */

static void the_pf_says(uint32_t word, uint32_t first, uint32_t second)
{
    MODEL(pf_send)(&model, (uint32_t[]){ word, first, second }, 3);
    turn();
}

static void answers_to_nothing_change_nothing(void **state)
{
    static const uint32_t words[] = {
        UINT32_MAX,
        MBX_ACK | MBX_NACK | MBX_CTS | MBX_VF_SET_LPE,
        MBX_ACK | MBX_CTS | MBX_VF_SET_MAC,
        MBX_NACK | MBX_CTS | MBX_VF_SET_MAC,
        MBX_ACK | MBX_VF_RESET,
        MBX_NACK | MBX_VF_RESET,
        MBX_ACK | MBX_CTS | 0x7777,
        0,
        MBX_VF_SET_MAC,
        MBX_CTS,
        MBX_PF_CONTROL | MBX_CTS | MBX_ACK,
    };
    start_and_link();
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        the_pf_says(words[i], UINT32_MAX, UINT32_MAX);
        run_ms(3);
        assert_memory_equal(port->mac, given, MAC_LEN);
        assert_int_equal(port->mtu, MTU_DEFAULT);
        assert_true(port->link.up);
    }
    assert_int_equal(counter("mailbox nonsense"), ARRAY_SIZE(words));
    assert_int_equal(counter("resets"), 1);
    assert_true(host_log_contains("answers nothing that was asked"));
    traffic_flows();
}

static void old_news_while_greeting_start_nothing(void **state)
{
    uint32_t words[MESSAGE];
    assert_true(probe());
    port->rxq[0]->cache = port->txq[0]->cache = &cache;
    assert_int_equal(port_start(port), 0);
    assert_int_equal(asks(20, words), MBX_VF_RESET);
    the_pf_says(MBX_PF_CONTROL, 0, 0); /* no CTS: of course */
    the_pf_says(MBX_NACK, 0, 0);
    the_pf_says(MBX_NACK | MBX_CTS | MBX_VF_SET_MAC, 0, 0);
    assert_int_equal(counter("resets"), 1);
    MODEL(pf_pool)(&model, true);
    the_pf_says(MBX_ACK | MBX_VF_RESET, 0x00000002, 0x0110);
    assert_memory_equal(port->mac, given, MAC_LEN);
}

static void an_answer_counts_once(void **state)
{
    uint32_t words[MESSAGE];
    start_and_link();
    assert_int_equal(port_set_mtu(port, 4000), 0);
    assert_int_equal(asks(20, words), MBX_VF_SET_LPE);
    the_pf_says(MBX_ACK | MBX_NACK | MBX_CTS | MBX_VF_SET_LPE, 0, 0); /* yes and no is neither */
    run_ms(2);
    assert_true(port->pending);
    assert_int_equal(counter("mailbox nonsense"), 1);
    the_pf_says(MBX_ACK | MBX_CTS | MBX_VF_SET_LPE, 0, 0);
    run_ms(2);
    assert_false(port->pending);
    the_pf_says(MBX_NACK | MBX_CTS | MBX_VF_SET_LPE, 0, 0);
    run_ms(2);
    assert_int_equal(port->mtu, 4000);
    assert_null(port->refusal);
}

static unsigned log_lines;

static void count_line(const char *text, size_t n)
{
    log_lines++;
}

/* The PF has the buffer, so ours waits; what the PF leaves there cannot be its answer. */
static void an_answer_before_the_question_is_none(void **state)
{
    start_and_link();
    pf_is_deaf = true;
    V2P |= MBX_V2P_PFU;
    assert_int_equal(port_set_mtu(port, 4000), 0);
    run_ms(2);
    V2P &= ~MBX_V2P_PFU;
    the_pf_says(MBX_NACK | MBX_CTS | MBX_VF_SET_LPE, 0, 0);
    assert_int_equal(counter("mailbox nonsense"), 1);
    assert_int_equal(port->mtu, 4000);
    pf_is_deaf = false;
    settle();
    assert_int_equal(model.pf.last[1], 4000 + FRAME_EXTRA);
}

static void a_reset_that_never_ends_is_waited_for(void **state)
{
    start_and_link();
    log_set_sink(count_line);
    log_lines = 0;
    MODEL(pf_reset_begin)(&model);
    uint64_t before = counter("resets");
    for (unsigned i = 0; i < 60000; i++)
        turn();
    assert_int_equal(log_lines, 1);
    assert_true(port->pending);
    traffic_rests();
    assert_int_equal(counter("resets"), before);
    MODEL(pf_reset_end)(&model);
    assert_in_range(link_comes_within(100), 0, 50);
}

/* Talk without end: our own message gets through or we give up, in bounded time. */
static void a_pf_that_talks_without_end_is_lived_with(void **state)
{
    start_and_link();
    pf_is_deaf = true;
    assert_int_equal(port_set_mtu(port, 4000), 0);
    for (unsigned i = 0; i < 2000; i++) {
        MODEL(pf_ping)(&model, true);
        turn();
    }
    assert_int_equal(counter("mailbox nonsense"), 0);
    assert_true(host_log_contains("the PF does not answer"));
    pf_is_deaf = false;
    assert_in_range(link_comes_within(6000), 0, 5700);
    settle();
    assert_int_equal(model.pf.last[1], 4000 + FRAME_EXTRA);
}

static void the_log_is_not_filled(void **state)
{
    start_and_link();
    log_set_sink(count_line);
    log_lines = 0;
    for (unsigned i = 0; i < 5000; i++) {
        the_pf_says(0xdeadbeef, i, i);
        MODEL(pf_ping)(&model, false);
        turn();
    }
    assert_in_range(log_lines, 1, 30);
    assert_in_range(link_comes_within(6000), 0, 5700);
}

#define RECOVERY_TESTS \
    TEST(a_pf_reset_is_survived), \
    TEST(a_pf_reset_that_nobody_saw_begin_is_survived), \
    TEST(one_reset_is_answered_with_one), \
    TEST(the_end_of_a_reset_told_twice_is_one), \
    TEST(a_pf_that_resets_again_while_we_greet), \
    TEST(a_reload_of_the_pfs_driver_is_survived), \
    TEST(a_word_of_the_pf_ends_the_pause), \
    TEST(a_lost_clear_to_send_is_survived), \
    TEST(a_clear_to_send_lost_in_silence_is_noticed), \
    TEST(a_bare_refusal_means_no_clear_to_send), \
    TEST(a_link_flap_is_no_reset), \
    TEST(the_mailbox_rests_while_nothing_changes), \
    TEST(a_function_reset_is_survived), \
    TEST(queues_that_went_off_are_noticed), \
    TEST(a_function_reset_of_a_stopped_port_is_noticed_at_its_start), \
    TEST(a_pool_that_went_off_while_stopped_is_noticed_at_the_start), \
    TEST(a_lost_message_is_sent_again), \
    TEST(an_answer_that_is_lost_is_asked_for_again), \
    TEST(a_pf_that_takes_long_is_given_the_time), \
    TEST(messages_that_collide_are_sorted_out), \
    TEST(pauses_grow_and_end), \
    TEST(a_function_that_leaves_the_bus_is_told_of), \
    TEST(it_stops_in_every_state), \
    TEST(start_fails_clean_while_the_pf_is_away), \
    TEST(queues_that_do_not_start_are_tried_again), \
    TEST(queues_that_do_not_stop_are_reset), \
    TEST(answers_to_nothing_change_nothing), \
    TEST(old_news_while_greeting_start_nothing), \
    TEST(an_answer_counts_once), \
    TEST(an_answer_before_the_question_is_none), \
    TEST(a_reset_that_never_ends_is_waited_for), \
    TEST(a_pf_that_talks_without_end_is_lived_with), \
    TEST(the_log_is_not_filled)
