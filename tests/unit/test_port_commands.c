/* apps/forward/port_commands.c and apps/machine/system_commands.c, at the prompt's side of the
 * matcher: contract.md, "Commands". */
#include "apps/console/command.h"
#include "apps/console/console.h"
#include "apps/forward/forward.h"
#include "apps/forward/ports.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/machine.h"
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/port.h"
#include "pci/pci.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[1 << 16];
static size_t text_length;

static void write_text(struct out *out, const char *more, size_t n)
{
    assert_true(text_length + n < sizeof text);
    memcpy(text + text_length, more, n);
    text_length += n;
    text[text_length] = 0;
}

static struct out out = { .write = write_text };

/* A port whose device does as it is told, or refuses with `answer`. */
static int answer, start_answer;
static struct port_rx_mode seen_mode;
static unsigned modes_told;

static uint16_t burst_nothing(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    return 0;
}

static struct port_queue rx = { .burst = burst_nothing, .size = 64, .packets = 11, .bytes = 660 };
static struct port_queue tx = { .burst = burst_nothing, .size = 128, .packets = 7, .bytes = 420 };
static struct port_queue rx_more[] = { { .burst = burst_nothing, .size = 64, .packets = 5 },
                                       { .burst = burst_nothing, .size = 64 } };
static struct port_queue tx_more[] = { { .burst = burst_nothing, .size = 128, .packets = 3 },
                                       { .burst = burst_nothing, .size = 128 } };
static unsigned starts, stops, seen_queues;

static int fake_start(struct port *port)
{
    starts++;
    seen_queues = port->rx_queues;
    return start_answer;
}
static void fake_stop(struct port *port)
{
    stops++;
}
static void fake_link(struct port *port, struct port_link *link)
{
    *link = (struct port_link){ .up = true, .full_duplex = true, .speed_mbps = 10000 };
}
static void fake_stats(struct port *port, struct port_device_stats *stats)
{
    *stats = (struct port_device_stats){ .rx_missed = 3 };
}
static int fake_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    return answer;
}
static int fake_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    seen_mode = *mode;
    modes_told++;
    return answer;
}
static int fake_set_mtu(struct port *port, uint16_t mtu)
{
    return answer;
}
static int fake_vlan_filter(struct port *port, uint16_t vid, bool on)
{
    return answer;
}
static unsigned fake_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    rows[0] = (struct port_counter){ "MPC", 5 };
    rows[1] = (struct port_counter){ "CRCERRS", 1 };
    return 2;
}

static const char *fake_path(const struct port_queue *queue)
{
    return queue == &tx ? "by pigeon" : "by mail";
}

static const struct port_ops fake_ops = {
    .start = fake_start,
    .stop = fake_stop,
    .link = fake_link,
    .stats = fake_stats,
    .set_mac = fake_set_mac,
    .set_rx_mode = fake_set_rx_mode,
    .set_mtu = fake_set_mtu,
    .vlan_filter = fake_vlan_filter,
    .path = fake_path,
    .counters = fake_counters,
};

static struct pci_function function = { .bdf = PCI_BDF(0, 1, 2, 3) };
static struct port fake, broken;

static void make_port(struct port *port)
{
    *port = (struct port){ .ops = &fake_ops,
                           .driver = "fake",
                           .rx_queues = 1,
                           .tx_queues = 1,
                           .rxq = { &rx, &rx_more[0], &rx_more[1] },
                           .txq = { &tx, &tx_more[0], &tx_more[1] },
                           .mac = { 2, 0, 0, 0, 0, 1 },
                           .permanent_mac = { 2, 0, 0, 0, 0, 1 },
                           .limits = { .rx_queues_max = 3,
                                       .tx_queues_max = 3,
                                       .rx_size_min = 32,
                                       .rx_size_max = 4096,
                                       .rx_size_default = 64,
                                       .tx_size_min = 32,
                                       .tx_size_max = 4096,
                                       .tx_size_default = 128,
                                       .size_multiple = 1,
                                       .max_frame = 9022 } };
    assert_int_equal(port_register(port), 0);
}

/* Port 0 works and is at 0000:01:02.3; port 1 failed when it was probed. */
static int setup(void **state)
{
    host_reset();
    port_reset_registry();
    answer = start_answer = 0;
    rx_more[0].packets = 5;
    tx_more[0].packets = 3;
    assert_int_equal(forward_init(64), 0);
    make_port(&fake);
    fake.pci = &function;
    make_port(&broken);
    port_fail(&broken, "reset never ended");
    assert_int_equal(forward_port_up(&fake), 0);
    text[0] = 0;
    text_length = 0;
    return 0;
}

static int teardown(void **state)
{
    forward_shutdown();
    port_reset_registry();
    return 0;
}

static const char *answers(const char *line)
{
    text[0] = 0;
    text_length = 0;
    command_run(line, &out, NULL, 0);
    return text;
}

static void does(const char *line)
{
    assert_string_equal(answers(line), "");
}

static void fails(const char *line, const char *expected)
{
    text[0] = 0;
    text_length = 0;
    assert_true(command_run(line, &out, NULL, 0) < 0);
    assert_string_equal(text, expected);
}

/* The whole text, or false with `show config` to compare. */
static bool config_has(const char *line)
{
    return strstr(answers("show config"), line);
}

static void up_and_down(void **state)
{
    does("port 0 down");
    assert_false(fake.admin_up);
    assert_int_equal(fake.state, PORT_STOPPED);
    assert_true(config_has("port 0 down\n"));
    does("port 0 up");
    assert_true(fake.admin_up);
    assert_int_equal(fake.state, PORT_RUNNING);
    assert_false(config_has("port 0"));
    does("port 01:02.3 down"); /* by its PCI address */
    assert_int_equal(fake.state, PORT_STOPPED);
    start_answer = -ENOMEM;
    fails("port 0 up", "error: port 0 (fake): no memory to start: needs about 108 KiB; it starts "
                       "when there is\n");
    assert_int_equal(fake.state, PORT_STOPPED);
}

static void addresses(void **state)
{
    does("port 0 mac 02:00:00:00:00:99");
    assert_int_equal(fake.mac[5], 0x99);
    assert_true(config_has("port 0 mac 02:00:00:00:00:99\n"));
    does("port 0000:01:02.3 mac 02:00:00:00:00:01");
    assert_false(config_has("port 0"));
    fails("port 0 mac 01:00:00:00:00:01",
          "error: '01:00:00:00:00:01' is no station's address, expected one with an even first "
          "octet that is not all zeros\n");
    assert_true(answers("port 0 mac 00:00:00:00:00:00")[0]);
    answer = -EIO;
    fails("port 0 mac 02:00:00:00:00:98",
          "error: port 0 (fake): mac is not changed: its device does not answer\n");
    assert_int_equal(fake.mac[5], 1);
    answer = -EADDRINUSE;
    fails("port 0 mac 02:00:00:00:00:09",
          "error: port 0 (fake): mac is not changed: one of its VFs has that address\n");
    answer = 0;
}

static void mtus(void **state)
{
    does("port 0 mtu 9000");
    assert_int_equal(fake.mtu, 9000);
    assert_true(config_has("port 0 mtu 9000\n"));
    fails("port 0 mtu 9001", "error: mtu '9001' is out of range, expected 68 to 9000\n");
    fails("port 0 mtu 67", "error: mtu '67' is out of range, expected 68 to 9000\n");
    fails("port 0 mtu 65604", "error: mtu '65604' is out of range, expected 68 to 9000\n");
    does("port 0 mtu 68");
    does("port 0 mtu 1500");
    assert_false(config_has("port 0"));
    answer = -ENOTSUP;
    fails("port 0 mtu 1400",
          "error: port 0 (fake): mtu is not changed: its device cannot do that\n");
    assert_int_equal(fake.mtu, 1500);
}

static bool port_shows(const char *line)
{
    return strstr(answers("show port 0"), line);
}

/* IEEE 802.1Q 9.6: 4095 is reserved; 0 takes a port off its VLAN. */
static void vlans(void **state)
{
    assert_true(port_shows("  vlan           none"));
    does("port 0 vlan 4094");
    assert_int_equal(fake.vlan, 4094);
    assert_true(config_has("port 0 vlan 4094\n"));
    assert_true(port_shows("  vlan           4094:"));
    fails("port 0 vlan 4095",
          "error: vlan '4095' is out of range, expected 1 to 4094, or 0 for none\n");
    fails("port 0 vlan 65537",
          "error: vlan '65537' is out of range, expected 1 to 4094, or 0 for none\n");
    fails("port 0 vlan blue",
          "error: wrong 'blue' after 'port 0 vlan', expected NUMBER such as 1500\n");
    assert_int_equal(fake.vlan, 4094);
    does("port 0 vlan 0");
    assert_int_equal(fake.vlan, 0);
    assert_false(config_has("port 0"));
    answer = -ENOSPC;
    fails("port 0 vlan 5",
          "error: port 0 (fake): vlan is not changed: its device has no filter left\n");
    assert_int_equal(fake.vlan, 0);
}

/* The PF of a VF: what it makes of what was asked, after so many turns; NULL: it grants. */
static unsigned turns_until_answer;
static const char *granter_says;

static int ask_granter(struct port *port, const uint8_t mac[MAC_LEN])
{
    port->pending = true;
    port->refusal = NULL;
    return 0;
}

static void granter_turns(void)
{
    host_advance_us(10000);
    if (!fake.pending || !turns_until_answer || --turns_until_answer)
        return;
    fake.pending = false;
    fake.refusal = granter_says;
    if (granter_says)
        memcpy(fake.mac, fake.permanent_mac, MAC_LEN);
}

static void a_setting_that_is_granted_is_waited_for(void **state)
{
    struct port_ops ops = fake_ops;
    ops.set_mac = ask_granter;
    fake.ops = &ops;
    host_set_yield(granter_turns);
    turns_until_answer = 20;
    granter_says = NULL;
    does("port 0 mac 02:00:00:00:00:42");
    assert_false(fake.pending);
    turns_until_answer = 20;
    granter_says = "its administrator set another";
    fails("port 0 mac 02:00:00:00:00:43",
          "error: port 0 (fake): mac is not changed: its administrator set another\n");
    assert_int_equal(fake.mac[5], 1);
    assert_true(port_shows("  refused        its administrator set another\n"));
    turns_until_answer = 0; /* never */
    fails("port 0 mac 02:00:00:00:00:44", "error: port 0 (fake): mac is not changed yet: the PF "
                                          "does not answer; it stays asked for\n");
    assert_true(port_shows("  settings       asked for, the PF has not answered yet\n"));
    fake.ops = &fake_ops;
}

static void who_waits_for_a_setting_may_have_enough(void **state)
{
    struct port_ops ops = fake_ops;
    ops.set_mac = ask_granter;
    fake.ops = &ops;
    turns_until_answer = 0;
    assert_int_equal(console_start(), 0);
    host_console_type("port 0 mac 02:00:00:00:00:45\r\003");
    for (unsigned i = 0; i < 1000; i++) { /* a tenth of a second: the wait is longer */
        console_poll();
        task_turn();
    }
    assert_non_null(strstr(host_console_output(), "does not answer; it stays asked for\n"));
    console_stop();
    fake.ops = &fake_ops;
}

/* All zeros is no address to be shown, or written into a configuration. */
static void an_address_that_is_still_to_come_is_told(void **state)
{
    memset(fake.mac, 0, MAC_LEN);
    memset(fake.permanent_mac, 0, MAC_LEN);
    assert_true(port_shows("  mac            none yet: the PF gives it\n"));
    assert_false(config_has("port 0 mac"));
}

static void queues_of_a_running_port_change_around_a_restart(void **state)
{
    unsigned stopped = stops, started = starts;
    assert_true(port_shows("  queues         1 rx, 1 tx\n"));
    does("port 0 queues 3");
    assert_int_equal(fake.state, PORT_RUNNING);
    assert_true(fake.admin_up);
    assert_int_equal(stops, stopped + 1);
    assert_int_equal(starts, started + 1);
    assert_int_equal(seen_queues, 3);
    assert_int_equal(fake.tx_queues, 3);
    assert_non_null(rx_more[1].cache); /* it belongs to a core now */
    assert_true(config_has("port 0 queues 3\n"));
    assert_true(port_shows("  queues         3 rx, 3 tx\n"));
    does("port 0 queues 3"); /* as it is: nothing is interrupted */
    assert_int_equal(stops, stopped + 1);
    does("port 0 queues 1");
    assert_false(config_has("port 0"));
}

static void queues_of_a_stopped_port_wait_for_its_start(void **state)
{
    does("port 0 down");
    unsigned started = starts;
    does("port 0 queues 2");
    assert_int_equal(fake.state, PORT_STOPPED);
    assert_false(fake.admin_up);
    assert_int_equal(starts, started);
    does("port 0 up");
    assert_int_equal(seen_queues, 2);
}

static void fewer_queues_to_send_with_are_no_limit(void **state)
{
    fake.limits.tx_queues_max = 2;
    does("port 0 queues 3");
    assert_int_equal(fake.rx_queues, 3);
    assert_int_equal(fake.tx_queues, 2);
    assert_true(config_has("port 0 queues 3\n"));
    unsigned started = starts;
    does("port 0 queues 3"); /* as it is: nothing starts anew */
    assert_int_equal(starts, started);
    does("port 0 queues 1");
}

static void queues_beyond_the_limit_are_refused(void **state)
{
    unsigned stopped = stops;
    fails("port 0 queues 4", "error: queues '4' is out of range, expected 1 to 3\n");
    fails("port 0 queues 0", "error: queues '0' is out of range, expected 1 to 3\n");
    fails("port 0 queues 65537", "error: queues '65537' is out of range, expected 1 to 3\n");
    fake.limits.rx_queues_max = 1;
    fails("port 0 queues 2", "error: queues '2' is out of range, expected 1\n");
    assert_int_equal(stops, stopped);
    assert_int_equal(fake.rx_queues, 1);
}

static void a_port_that_does_not_start_says_so(void **state)
{
    does("port 0 down");
    start_answer = -EIO;
    fails("port 0 up", "error: port 0 (fake): does not start: its device does not answer\n");
    assert_int_equal(fake.state, PORT_FAILED);
}

/* A further address that the device refuses is not among those that it is told next. */
static void a_station_that_is_refused_is_not_kept(void **state)
{
    fake.limits.unicast_max = 4;
    does("forward l3"); /* a port in a bridge hears all */
    does("mac_addr add 0 02:00:00:00:00:98");
    answer = -ENOSPC;
    assert_int_equal(strncmp(answers("mac_addr add 0 02:00:00:00:00:99"), "error: ", 7), 0);
    answer = 0;
    does("mac_addr add 0 02:00:00:00:00:9a");
    assert_int_equal(seen_mode.unicast_count, 2);
    assert_int_equal(seen_mode.unicast[0][5], 0x98);
    assert_int_equal(seen_mode.unicast[1][5], 0x9a);
}

static void queues_that_do_not_start_stop_the_port(void **state)
{
    start_answer = -ENOMEM;
    fails("port 0 queues 2", "error: port 0 (fake): does not start with that many queues: there "
                             "is no memory\n");
    assert_int_equal(fake.state, PORT_STOPPED);
    assert_non_null(strstr(answers("show port 0"), "stopped: no memory to start: needs about "));
    start_answer = 0;
    does("port 0 up");
    assert_int_equal(fake.state, PORT_RUNNING);
    assert_null(strstr(answers("show ports"), "no memory"));
}

/* "counters never go back": neither up nor down. */
static void queues_no_longer_in_use_still_count(void **state)
{
    struct port_totals before, after;
    does("port 0 queues 2");
    rx_more[0].packets += 10;
    tx_more[0].packets += 20;
    stats_port_totals(&fake, &before);
    does("port 0 queues 1");
    stats_port_totals(&fake, &after);
    assert_memory_equal(&after, &before, sizeof after);
    assert_true(after.rx_packets >= 21 && after.tx_packets >= 27);
    does("clear stats");
    stats_port_totals(&fake, &after);
    assert_int_equal(after.rx_packets, 0);
    does("port 0 queues 2");
    stats_port_totals(&fake, &after);
    assert_int_equal(after.rx_packets, 0);
}

static void promiscuous(void **state)
{
    does("port 0 promiscuous on");
    assert_true(seen_mode.promiscuous);
    assert_true(config_has("port 0 promiscuous on\n"));
    does("port 0 promiscuous off");
    assert_false(config_has("port 0"));
    answer = -ENOTSUP;
    fails("port 0 promiscuous on",
          "error: port 0 (fake): promiscuous is not changed: its device cannot do that\n");
    assert_false(config_has("port 0"));
}

static void run_work(void)
{
    while (work_run_next())
        ;
}

/* Some devices stop receiving for a moment when they are told. */
static void a_mode_that_is_right_is_not_told_again(void **state)
{
    does("forward l3");
    does("bridge add lan");
    does("bridge lan port 0");
    run_work();
    assert_true(seen_mode.promiscuous);
    unsigned before = modes_told;
    forward_refresh_rx_mode(&fake);
    run_work();
    assert_int_equal(modes_told, before);
    does("bridge lan no port 0");
    run_work();
    assert_false(seen_mode.promiscuous);
    does("bridge delete lan");
}

/* "a NIC that is recognised but fails keeps its number, is shown `failed`, and
 * answers commands with an error" */
static void a_failed_port_is_shown_and_refuses(void **state)
{
    static const char *const lines[] = { "port 1 up",
                                         "port 1 down",
                                         "port 1 mtu 1500",
                                         "port 1 mac 02:00:00:00:00:02",
                                         "port 1 promiscuous on",
                                         "port 1 vlan 5",
                                         "port 1 queues 1" };

    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
        fails(lines[i], "error: port 1 has failed: reset never ended\n");
    assert_non_null(strstr(answers("show port 1"), "failed: reset never ended\n"));
    assert_false(config_has("port 1"));
}

static void ports_that_are_not_there(void **state)
{
    static const char *const words[] = { "7", "99999999999", "0000:01:02.4" };
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        char line[64], error[200];
        snprintf(line, sizeof line, "port %s up", words[i]);
        snprintf(
            error, sizeof error,
            "error: wrong '%s' after 'port', expected add, delete, start, stop, PORT 0 to 1 or "
            "its PCI address\n",
            words[i]);
        fails(line, error);
    }
    port_unregister(&fake);
    assert_true(answers("show port 0")[0] == 'e');
}

static void modes_are_told(void **state)
{
    const char *expected = strstr(answers("forward sideways"), "expected ");

    assert_int_equal(strncmp(text, "error: wrong 'sideways' after 'forward', ", 41), 0);
    assert_non_null(expected);
    assert_non_null(strstr(expected, "l2"));
    assert_non_null(strstr(expected, "macswap"));
    does("forward macs");
    assert_string_equal(forward_get_mode()->name, "macswap");
    does("forward mac"); /* whole, though it begins another */
    assert_string_equal(forward_get_mode()->name, "mac");
    assert_true(strstr(answers("forward m"), "error: wrong 'm'"));
}

static void show_port_tells_all(void **state)
{
    static const char *const lines[] = {
        "port 0: fake, 0000:01:02.3, running\n",
        "mac            02:00:00:00:00:01, permanent 02:00:00:00:00:01\n",
        "link           up, 10000 Mbit/s, full duplex\n",
        "rx queue 0     64 descriptors, 11 packets, 660 bytes, 0 errors; by mail\n",
        "tx queue 0     128 descriptors, 7 packets, 420 bytes, 0 errors; by pigeon\n",
        "  rx_packets                         16\n", /* a queue out of use has counted 5 */
        "  rx_missed                           3\n",
        "  device MPC                          5\n",
        "  device CRCERRS                      1\n",
    };

    answers("show port 0");
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
        if (!strstr(text, lines[i]))
            fail_msg("'%s' is missing in\n%s", lines[i], text);
}

/* What `show config` prints is accepted and gives the same state. */
static void configuration_goes_round(void **state)
{
    char config[4096];

    does("port 0 mac 02:00:00:00:00:99");
    does("port 0 mtu 9000");
    does("port 0 promiscuous on");
    does("port 0 vlan 7");
    does("port 0 queues 2");
    does("port 0 down");
    strcpy(config, answers("show config"));
    teardown(NULL);
    setup(NULL);
    assert_string_not_equal(answers("show config"), config);
    text_length = 0;
    assert_int_equal(command_run_text(config, strlen(config), '\n', &out, "configuration"), 0);
    assert_string_equal(answers("show config"), config);
}

static void version_names_the_build(void **state)
{
    answers("show version");
    assert_non_null(strstr(text, version_string));
    assert_non_null(strstr(text, version_commit));
    assert_non_null(strstr(text, version_date));
    assert_non_null(strstr(text, version_compiler));
}

static void log_and_memory(void **state)
{
    log_info("something: happened");
    assert_non_null(strstr(answers("show log"), "something: happened\n"));
    assert_non_null(strstr(answers("show memory"), " of 64 in the pool\n"));
}

static void without_an_iommu_it_says_so(void **state)
{
    assert_string_equal(answers("show iommu"), "no IOMMU is in force: devices reach all memory\n");
}

static void the_machine_ends_when_asked(void **state)
{
    answers("poweroff");
    assert_int_equal(host_poweroffs, 1);
    assert_int_equal(host_reboots, 0);
    answers("reboot");
    assert_int_equal(host_reboots, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(up_and_down, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses, setup, teardown),
        cmocka_unit_test_setup_teardown(mtus, setup, teardown),
        cmocka_unit_test_setup_teardown(vlans, setup, teardown),
        cmocka_unit_test_setup_teardown(a_setting_that_is_granted_is_waited_for, setup, teardown),
        cmocka_unit_test_setup_teardown(who_waits_for_a_setting_may_have_enough, setup, teardown),
        cmocka_unit_test_setup_teardown(an_address_that_is_still_to_come_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(queues_of_a_running_port_change_around_a_restart, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(queues_of_a_stopped_port_wait_for_its_start, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(fewer_queues_to_send_with_are_no_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(queues_beyond_the_limit_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_port_that_does_not_start_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(a_station_that_is_refused_is_not_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(queues_that_do_not_start_stop_the_port, setup, teardown),
        cmocka_unit_test_setup_teardown(queues_no_longer_in_use_still_count, setup, teardown),
        cmocka_unit_test_setup_teardown(promiscuous, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mode_that_is_right_is_not_told_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_port_is_shown_and_refuses, setup, teardown),
        cmocka_unit_test_setup_teardown(ports_that_are_not_there, setup, teardown),
        cmocka_unit_test_setup_teardown(modes_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(show_port_tells_all, setup, teardown),
        cmocka_unit_test_setup_teardown(configuration_goes_round, setup, teardown),
        cmocka_unit_test_setup_teardown(version_names_the_build, setup, teardown),
        cmocka_unit_test_setup_teardown(log_and_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(without_an_iommu_it_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(the_machine_ends_when_asked, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
