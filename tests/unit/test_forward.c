/* apps/forward/forward.c: bursts, drops, ports, modes (apps/forward/forward.h, stats.h). */
#include "apps/forward/port_table.h"
#include "apps/modes/tx_first.h"
#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/lan.h"

#include <errno.h>
#include <string.h>

#define A 0x020000000001ull
#define B 0x020000000002ull

static int two_ports(void **state)
{
    lan_start(2, "io");
    return 0;
}

static int tear_down(void **state)
{
    lan_check_conservation();
    lan_stop();
    return 0;
}

/* What left by ports that are gone is not counted any more. */
static int gone_ports(void **state)
{
    lan_stop();
    return 0;
}

static void stopped_frames_are_dropped_and_counted(void **state)
{
    forward_stop();
    lan_send(0, A, B, 1);
    lan_run();
    assert_int_equal(lan_receive(1), -1);
    assert_int_equal(lan_drops(0, DROP_stopped), 1);
}

static void begins_stopped_in_l2(void **state)
{
    host_reset();
    port_reset_registry();
    assert_int_equal(forward_init(64), 0);
    assert_string_equal(forward_get_mode()->name, "l2");
    assert_false(forward_running());
    forward_shutdown();
}

static void bursts_keep_order_and_content(void **state)
{
    struct lan_frame sent;
    for (uint32_t i = 0; i < 1000; i++)
        lan_send(0, A, B, i);
    lan_run();
    for (uint32_t i = 0; i < 1000; i++) {
        assert_int_equal(lan_receive(1), i);
        lan_frame(&sent, A, B, i);
        assert_int_equal(lan_last.length, sent.length);
        assert_memory_equal(lan_last.bytes, sent.bytes, sent.length);
    }
    assert_int_equal(lan_receive(1), -1);
}

static void a_full_burst_leaves_in_one_call(void **state)
{
    for (uint32_t i = 0; i < PORT_BURST; i++)
        lan_send(0, A, B, i);
    lan_run();
    assert_int_equal(lan[1]->bursts, 1);
}

/* What lies between turns waits while frames come, but not for ever: eight rounds, 256 frames. */
static void a_turn_goes_on_while_frames_come(void **state)
{
    for (uint32_t i = 0; i < 20 * PORT_BURST; i++)
        lan_send(0, A, B, i);
    assert_int_equal(forward_turn(), 8 * PORT_BURST);
    for (uint32_t i = 0; i < 20 * PORT_BURST; i++)
        lan_send(1, B, A, i);
    assert_int_equal(forward_turn(), 8 * PORT_BURST);
    lan_run();
    for (uint32_t i = 0; i < 20 * PORT_BURST; i++)
        assert_int_equal(lan_receive(1), i);
}

/* They are looked for when the turn begins, and what came in later goes out in the same turn. */
static uint16_t one_more_each_time(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    static uint32_t calls;
    struct packet *p = calls++ % 4 == 3 ? NULL : packet_alloc(queue->cache);
    if (!p)
        return 0;
    memset(p->data, 0, 60);
    p->length = 60;
    p->frame_length = 60;
    p->port = queue->port->number;
    counter_add(&queue->packets, 1);
    packets[0] = p;
    return 1;
}

static void what_comes_in_meanwhile_leaves_in_the_same_turn(void **state)
{
    lan[0]->rx.burst = one_more_each_time;
    assert_int_equal(forward_turn(), 3);
    assert_int_equal(lan[1]->bursts, 3); /* none waited for another */
    assert_int_equal(wire_count(lan[1]), 3);
    while (lan_receive(1) != -1)
        ;
}

/* A queue whose word says that there is nothing is not asked, until the word changes. */
static void a_queue_is_not_asked_while_its_word_says_that_there_is_nothing(void **state)
{
    static uint32_t word = 0x12345678;
    lan[0]->rx.watch = (struct port_watch){ .word = &word, .mask = 0xff00, .nothing = 0x5600 };
    lan_send(0, A, B, 1);
    assert_int_equal(forward_turn(), 0);
    word ^= 0xff00ff; /* not what it is about */
    assert_int_equal(forward_turn(), 0);
    word ^= 0x100;
    assert_int_equal(forward_turn(), 1);
    lan[0]->rx.watch.word = NULL;
    lan_run();
    assert_int_equal(lan_receive(1), 1);
}

static void what_does_not_fit_is_tx_full(void **state)
{
    lan[1]->room = 10;
    for (uint32_t i = 0; i < 40; i++)
        lan_send(0, A, B, i);
    lan_run();
    assert_int_equal(wire_count(lan[1]), 10);
    assert_int_equal(lan_drops(1, DROP_tx_full), 30);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(lan_receive(1), i);
}

static void no_link_is_tx_down(void **state)
{
    lan[1]->link_up = false;
    host_advance_us(200000);
    lan_run();
    assert_false(lan[1]->port.link.up);
    assert_true(host_log_contains("port 1: link down"));
    lan_send(0, A, B, 1);
    lan_run();
    assert_int_equal(lan_drops(1, DROP_tx_down), 1);
    assert_int_equal(lan[1]->bursts, 0);
    lan[1]->link_up = true;
    host_advance_us(200000);
    lan_run();
    lan_send(0, A, B, 2);
    lan_run();
    assert_int_equal(lan_receive(1), 2);
}

static void too_long_for_the_other_port_is_counted_there(void **state)
{
    struct lan_frame frame;
    assert_int_equal(port_set_mtu(&lan[1]->port, 1000), 0);
    lan_frame(&frame, A, B, 1);
    frame.length = FRAME_LIMIT(1000); /* with two tags it still fits */
    wire_put(lan[0], frame.bytes, frame.length++);
    wire_put(lan[0], frame.bytes, frame.length);
    lan_run();
    assert_int_equal(wire_count(lan[1]), 1);
    assert_int_equal(lan_drops(1, DROP_tx_too_long), 1);
}

/* A driver refuses what port.h forbids, here a chain of too many segments. */
static void what_the_driver_refuses_is_tx_refused(void **state)
{
    struct worker *worker = control_worker();
    struct packet *packets[FRAME_SEGMENTS_MAX + 1];
    assert_true(packet_alloc_burst(&worker->cache, packets, FRAME_SEGMENTS_MAX + 1));
    for (unsigned i = 0; i < FRAME_SEGMENTS_MAX; i++)
        packets[i]->next = packets[i + 1];
    packets[0]->length = 60;
    packets[0]->frame_length = 60;
    control_originate(worker, &lan[0]->port, packets[0]);
    lan_run();
    assert_int_equal(lan_drops(0, DROP_tx_refused), 1);
}

static void ports_begin_up_and_go_down_and_up(void **state)
{
    struct port *port = &lan[0]->port;
    assert_int_equal(port->state, PORT_RUNNING);
    forward_port_down(port);
    assert_int_equal(port->state, PORT_STOPPED);
    assert_false(port->admin_up);
    lan_run();
    assert_int_equal(port->state, PORT_STOPPED); /* and stays down */
    lan_send(1, A, B, 1);
    lan_run();
    assert_int_equal(lan_drops(0, DROP_tx_down), 1);
    assert_int_equal(forward_port_up(port), 0);
    lan_send(1, A, B, 2);
    lan_run();
    assert_int_equal(lan_receive(0), 2);
}

static void a_port_that_was_taken_down_early_does_not_begin(void **state)
{
    struct wire_port *late = wire_port_create();
    forward_port_down(&late->port);
    forward_turn();
    assert_int_equal(late->port.state, PORT_STOPPED);
    wire_port_destroy(late);
}

static void later_ports_begin_too(void **state)
{
    struct wire_port *late = wire_port_create();
    forward_turn();
    assert_int_equal(late->port.state, PORT_RUNNING);
    forward_port_down(&late->port);
    wire_port_destroy(late);
}

static void a_port_that_does_not_start_is_failed(void **state)
{
    struct wire_port *late = wire_port_create();
    late->start_fails = -EIO;
    forward_turn();
    assert_int_equal(late->port.state, PORT_FAILED);
    assert_true(host_log_contains("port 2 (wire): failed: did not start"));
    assert_int_equal(forward_port_up(&late->port), -EIO);
    lan_send(0, A, B, 1); /* the others go on */
    lan_run();
    assert_int_equal(lan_receive(1), 1);
    wire_port_destroy(late);
}

/* Nothing is broken: it stays stopped, says what it lacks, and starts when it can. */
static void a_port_without_memory_starts_when_there_is(void **state)
{
    struct wire_port *late = wire_port_create();
    struct port *port = &late->port;
    late->start_fails = -ENOMEM;
    forward_turn();
    assert_int_equal(port->state, PORT_STOPPED);
    assert_string_equal(port->failure, "no memory to start: needs about 1120 KiB");
    assert_true(host_log_contains("port 2 (wire): no memory to start: needs about 1120 KiB"));
    assert_int_equal(forward_port_up(port), -ENOMEM);
    late->start_fails = 0;
    forward_turn();
    assert_int_equal(port->state, PORT_STOPPED); /* not every turn */
    host_advance_us(1000000);
    forward_turn();
    assert_int_equal(port->state, PORT_RUNNING);
    assert_null(port->failure);
    forward_port_down(port);
    late->start_fails = -ENOMEM;
    assert_int_equal(forward_port_up(port), -ENOMEM);
    forward_port_down(port); /* who is to be down lacks nothing */
    assert_null(port->failure);
    late->start_fails = 0;
    host_advance_us(2000000);
    forward_turn();
    assert_int_equal(port->state, PORT_STOPPED);
    assert_int_equal(forward_port_up(port), 0); /* the command is not kept waiting */
    forward_port_down(port);
    wire_port_destroy(late);
}

/* The driver fails its port from within link(): frames for it are counted. */
static void a_port_that_dies_is_left_out(void **state)
{
    lan[1]->dies = true;
    lan_send(0, A, B, 1);
    host_advance_us(200000);
    lan_run();
    assert_int_equal(lan[1]->port.state, PORT_FAILED);
    lan_send(0, A, B, 2);
    lan_send(1, A, B, 3); /* never fetched */
    forward_turn();
    forward_turn();
    assert_int_equal(lan_drops(1, DROP_tx_down), 1);
    assert_int_equal(wire_count(lan[0]), 0);
}

static void control_sends_are_counted_as_originated(void **state)
{
    struct worker *control = control_worker();
    struct packet *packet = packet_alloc(&control->cache);
    struct port_totals t;
    memset(packet->data, 7, packet->length = 60);
    packet->frame_length = 60;
    control_originate(control, &lan[1]->port, packet);
    assert_int_equal(forward_held(), 1);
    lan_check_conservation();
    lan_run();
    assert_int_equal(forward_held(), 0);
    stats_port_totals(&lan[1]->port, &t);
    assert_int_equal(t.counters.originated, 1);
    assert_int_equal(t.tx_packets, 1);
}

/* More than the port takes: the rest is counted, nothing is lost in silence. */
static void control_sends_are_bounded(void **state)
{
    struct worker *control = control_worker();
    lan[1]->room = 2048;
    for (unsigned i = 0; i < 3000; i++) {
        struct packet *packet = packet_alloc(&control->cache);
        memset(packet->data, 7, packet->length = 60);
        packet->frame_length = 60;
        control_originate(control, &lan[1]->port, packet);
    }
    assert_int_equal(forward_held(), 3000 % PORT_BURST);
    lan_check_conservation();
    lan_run();
    assert_int_equal(lan_drops(1, DROP_tx_full), 3000 - 2048);
    assert_int_equal(wire_count(lan[1]), 2048);
}

/* An XL710 brings 128 VFs, and there may be several of those. */
static void three_hundred_ports(void **state)
{
    static struct port *many[300];
    struct port_totals t;
    uint64_t sent = 0;
    assert_int_equal(forward_set_mode(forward_find_mode("l2")), 0);
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++)
        assert_int_equal(null_port_create(&many[i]), 0);
    lan_run();
    lan_send(0, LAN_BROADCAST, A, 1);
    lan_run();
    assert_int_equal(lan_receive(1), 1);
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
        stats_port_totals(many[i], &t);
        assert_int_equal(t.tx_packets, 1);
        sent += t.tx_packets;
    }
    stats_port_totals(&lan[0]->port, &t);
    assert_int_equal(t.counters.copied, sent); /* the first of 301 copies is the frame itself */
    assert_int_equal(many[299]->number, 301);
    null_port_destroy(many[150]);
    assert_int_equal(null_port_create(&many[150]), 0);
    assert_int_equal(many[150]->number, 152); /* used again */
    lan_run();
    lan_send(0, LAN_BROADCAST, A, 2);
    lan_run();
    stats_port_totals(many[150], &t);
    assert_int_equal(t.tx_packets, 1); /* and nothing of the one before is counted here */
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++)
        null_port_destroy(many[i]);
    lan_send(0, A, B, 3);
    lan_run();
    assert_int_equal(lan_receive(1), 2);
    assert_int_equal(lan_receive(1), 3);
}

/* Wherever memory ends while a port is taken in and begins: it is no failure, it says so, and is
 * tried again every second, or when it is told to come up. */
static void a_port_comes_in_when_there_is_memory_for_it(void **state)
{
    unsigned lacked = 0;
    for (unsigned n = 1; n <= 10; n++) {
        struct port *port;
        assert_int_equal(null_port_create(&port), 0);
        host_heap_fail_after(n);
        forward_turn();
        host_heap_fail_after(0);
        assert_int_not_equal(port->state, PORT_FAILED);
        if (port->state == PORT_RUNNING) {
            null_port_destroy(port);
            continue;
        }
        lacked++;
        assert_int_equal(strncmp(port->failure, "no memory to ", 13), 0);
        if (lacked % 2) {
            assert_int_equal(forward_port_up(port), 0);
        } else {
            host_advance_us(US_PER_S);
            forward_turn();
        }
        assert_int_equal(port->state, PORT_RUNNING);
        assert_null(port->failure);
        assert_true(forward_port_get(port->number)->assignment.attached);
        null_port_destroy(port);
    }
    assert_in_range(lacked, 4, 9); /* the table, a share, the interface, the list of queues */
}

/* Its driver starts it again by itself, as for a larger MTU, and there is no memory to poll it. */
static void a_port_started_anew_is_polled_when_there_is_memory(void **state)
{
    struct port *port = &lan[0]->port;
    port_stop(port);
    host_heap_fail_after(1);
    assert_int_equal(port_start(port), 0);
    port_attach(port);
    assert_string_equal(port->failure, "no memory to poll it: needs about 1120 KiB");
    lan_send(0, A, B, 1);
    forward_turn();
    assert_int_equal(wire_count(lan[1]), 0);
    host_advance_us(US_PER_S);
    lan_run();
    assert_null(port->failure);
    assert_int_equal(lan_receive(1), 1);
}

/* Modes ------------------------------------------------------------------- */

/* A mode that keeps every frame of the turn in a note, to see what becomes of it. */
static unsigned slow_noted;
static int slow_start_answer;

static int slow_start(void)
{
    return slow_start_answer;
}

static void slow_note(struct worker *control, const struct note *note)
{
    slow_noted++;
    forward_consume(control, note->packet);
}

static void slow_burst(struct worker *worker, struct port *in, struct packet **packets, uint16_t n)
{
    for (uint16_t i = 0; i < n; i++) {
        const struct note note = { .handle = slow_note, .port = in->number, .packet = packets[i] };
        if (!forward_note(worker, &note))
            forward_drop(worker, in->number, DROP_control_full, packets[i]);
    }
}

static const struct forward_mode slow_mode = { .name = "slow",
                                               .start = slow_start,
                                               .burst = slow_burst };

static int slow_set_up(void **state)
{
    lan_start(4, "io");
    slow_noted = 0;
    slow_start_answer = 0;
    return forward_set_mode(&slow_mode);
}

/* Four ports hand over 128 frames a turn, and as many notes are read. */
static void notes_reach_the_control_core(void **state)
{
    for (uint32_t i = 0; i < 500; i++)
        lan_send(i % 4, A, B, i);
    lan_run();
    for (unsigned i = 0; i < 4; i++) /* what still waits in the ring */
        forward_turn();
    assert_int_equal(slow_noted, 500);
    assert_int_equal(forward_held(), 0);
}

static unsigned sent_when_noted;

static void answering_note(struct worker *control, const struct note *note)
{
    sent_when_noted = wire_count(lan[1]);
    control_originate(control, &lan[1]->port, note->packet);
}

/* And what a note's handler sends does not wait for another turn. */
static void a_lone_frame_waits_for_no_note(void **state)
{
    struct note note = { .handle = answering_note,
                         .packet = packet_alloc(&control_worker()->cache) };
    note.packet->length = note.packet->frame_length = FRAME_MIN;
    memset(note.packet->data, 0, FRAME_MIN);
    sent_when_noted = 0;
    lan_send(0, A, B, 7);
    assert_true(forward_note(control_worker(), &note));
    assert_int_equal(forward_turn(), 1);
    assert_int_equal(sent_when_noted, 1);
    assert_int_equal(wire_count(lan[1]), 2);
    assert_int_equal(lan_receive(1), 7);
}

static void a_mode_switch_hands_notes_to_the_mode_that_wrote_them(void **state)
{
    const struct note note = { .handle = slow_note,
                               .port = 0,
                               .packet = packet_alloc(&control_worker()->cache) };
    note.packet->port = 0;
    forward_counters(control_worker(), 0)->originated++; /* comes from nowhere */
    assert_true(forward_note(control_worker(), &note));
    assert_int_equal(forward_held(), 1);
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    assert_int_equal(slow_noted, 1);
    assert_int_equal(forward_held(), 0);
}

static void a_mode_that_does_not_start_leaves_the_old_one(void **state)
{
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    slow_start_answer = -ENOMEM;
    assert_int_equal(forward_set_mode(&slow_mode), -ENOMEM);
    assert_string_equal(forward_get_mode()->name, "io");
    lan_send(0, A, B, 9);
    lan_run();
    assert_int_equal(lan_receive(1), 9);
}

static void promiscuous_by_mode_and_by_wish(void **state)
{
    struct port *port = &lan[0]->port;
    assert_int_equal(forward_set_mode(forward_find_mode("l3")), 0);
    assert_false(port->rx_mode.promiscuous);
    assert_int_equal(forward_set_promiscuous(port, true), 0);
    assert_true(port->rx_mode.promiscuous);
    assert_int_equal(forward_set_promiscuous(port, false), 0);
    assert_false(port->rx_mode.promiscuous);
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    assert_true(port->rx_mode.promiscuous);
    assert_int_equal(forward_set_promiscuous(port, false), 0);
    assert_true(port->rx_mode.promiscuous); /* io needs it */
    forward_port_down(port);
    assert_int_equal(forward_port_up(port), 0);
    assert_true(port->rx_mode.promiscuous);
}

static void a_port_that_cannot_be_promiscuous_is_told(void **state)
{
    lan[0]->rx_mode_fails = -ENOTSUP;
    assert_int_equal(forward_set_promiscuous(&lan[0]->port, true), -ENOTSUP);
    assert_false(forward_promiscuous(&lan[0]->port));
    assert_int_equal(forward_set_mode(forward_find_mode("io")), 0);
    assert_true(host_log_contains("port 0: cannot receive what is meant for other stations"));
}

/* Whatever is on its way when the mode changes ends in a counter. */
static void switching_under_load_loses_nothing(void **state)
{
    const char *const modes[] = { "io", "l2", "mac", "macswap", "rxonly", "l2" };
    for (uint32_t i = 0; i < 6000; i++)
        lan_send(i % 4, A + i % 7, B + i % 5, i);
    for (unsigned i = 0; i < 60; i++) {
        forward_turn();
        const struct forward_mode *mode = i % 7 ? forward_find_mode(modes[i % 6]) : &slow_mode;
        assert_int_equal(forward_set_mode(mode), 0);
        if (i % 10 == 9)
            forward_stop();
        if (i % 10 == 1)
            forward_start();
        lan_check_conservation();
    }
    lan_run();
}

/* Control slices ------------------------------------------------------------ */

static unsigned hooks;

static void count_hook(void)
{
    hooks++;
}

static void the_console_is_looked_at_every_half_millisecond(void **state)
{
    hooks = 0;
    forward_set_control_hook(count_hook, NULL);
    for (unsigned i = 0; i < 1000; i++) { /* a turn of 100 us with traffic */
        lan_send(0, A, B, i);
        host_advance_us(100);
        forward_turn();
    }
    assert_in_range(hooks, 199, 201);
}

/* A turn counts all the time since the one before ended, control work behind that one included. */
static void busy_and_idle_time_are_told_apart(void **state)
{
    struct worker_totals before, after;
    forward_turn();
    stats_worker_totals(0, &before);
    host_advance_us(100);
    lan_send(0, A, B, 1);
    forward_turn();
    stats_worker_totals(0, &after);
    assert_int_equal(after.packets - before.packets, 1);
    assert_int_equal(after.busy_cycles - before.busy_cycles, 100);
    assert_int_equal(after.idle_cycles, before.idle_cycles);
    host_advance_us(1000);
    forward_turn();
    before = after;
    stats_worker_totals(0, &after);
    assert_int_equal(after.busy_cycles, before.busy_cycles);
    assert_int_equal(after.idle_cycles - before.idle_cycles, 1000);
}

static void tx_first_sends_a_burst_out_of_every_port(void **state)
{
    forward_stop();
    assert_int_equal(modes_start_tx_first(1), 0);
    assert_true(forward_running());
    lan_run();
    assert_int_equal(wire_count(lan[0]), PORT_BURST);
    assert_int_equal(wire_count(lan[1]), PORT_BURST);
}

static void no_memory_leaves_nothing_behind(void **state)
{
    host_reset();
    host_dma_fail_after(1);
    assert_int_equal(forward_init(64), -ENOMEM);
}

#define WITH(set_up, test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_stopped_in_l2),
        cmocka_unit_test(no_memory_leaves_nothing_behind),
        WITH(two_ports, stopped_frames_are_dropped_and_counted),
        WITH(two_ports, bursts_keep_order_and_content),
        WITH(two_ports, a_full_burst_leaves_in_one_call),
        WITH(two_ports, a_turn_goes_on_while_frames_come),
        WITH(two_ports, what_comes_in_meanwhile_leaves_in_the_same_turn),
        WITH(two_ports, a_queue_is_not_asked_while_its_word_says_that_there_is_nothing),
        WITH(two_ports, what_does_not_fit_is_tx_full),
        WITH(two_ports, no_link_is_tx_down),
        WITH(two_ports, too_long_for_the_other_port_is_counted_there),
        WITH(two_ports, what_the_driver_refuses_is_tx_refused),
        WITH(two_ports, ports_begin_up_and_go_down_and_up),
        WITH(two_ports, a_port_that_was_taken_down_early_does_not_begin),
        WITH(two_ports, later_ports_begin_too),
        WITH(two_ports, a_port_that_does_not_start_is_failed),
        WITH(two_ports, a_port_without_memory_starts_when_there_is),
        WITH(two_ports, a_port_comes_in_when_there_is_memory_for_it),
        WITH(two_ports, a_port_started_anew_is_polled_when_there_is_memory),
        WITH(two_ports, a_port_that_dies_is_left_out),
        WITH(two_ports, control_sends_are_counted_as_originated),
        WITH(two_ports, control_sends_are_bounded),
        cmocka_unit_test_setup_teardown(three_hundred_ports, two_ports, gone_ports),
        WITH(two_ports, a_lone_frame_waits_for_no_note),
        WITH(slow_set_up, notes_reach_the_control_core),
        WITH(slow_set_up, a_mode_switch_hands_notes_to_the_mode_that_wrote_them),
        WITH(slow_set_up, a_mode_that_does_not_start_leaves_the_old_one),
        WITH(slow_set_up, promiscuous_by_mode_and_by_wish),
        WITH(slow_set_up, a_port_that_cannot_be_promiscuous_is_told),
        WITH(slow_set_up, switching_under_load_loses_nothing),
        WITH(two_ports, the_console_is_looked_at_every_half_millisecond),
        WITH(two_ports, busy_and_idle_time_are_told_apart),
        WITH(two_ports, tx_first_sends_a_burst_out_of_every_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
