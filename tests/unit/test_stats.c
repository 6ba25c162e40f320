/* apps/forward/stats.c and the commands of contract.md that show, clear and configure
 * what the forwarding core holds. */
#include "apps/bridge/fdb.h"
#include "apps/console/command.h"
#include "kernel/cpu_features.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/lan.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define A 0x020000000001ull
#define B 0x020000000002ull
#define S 1000000ull

static int set_up(void **state)
{
    lan_start(2, "io");
    return 0;
}

static int tear_down(void **state)
{
    lan_stop();
    return 0;
}

/* What a command prints. */
static char text[65536];
static size_t text_length;

static void text_write(struct out *out, const char *bytes, size_t n)
{
    assert_true(text_length + n < sizeof text);
    memcpy(text + text_length, bytes, n);
    text_length += n;
    text[text_length] = 0;
}

static int run(const char *line)
{
    struct out out = { .write = text_write };
    text_length = 0;
    text[0] = 0;
    return command_run(line, &out, NULL, 0);
}

static void refused_with(const char *line, const char *answer)
{
    assert_true(run(line) < 0);
    assert_string_equal(text, answer);
}

static struct port_totals totals(unsigned port)
{
    struct port_totals t;
    stats_port_totals(&lan[port]->port, &t);
    return t;
}

static void send(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        lan_send(0, B, A, i);
    lan_run();
}

/* Totals ------------------------------------------------------------------- */

/* One that failed before it was taken in has no counters, and shows nobody else's. */
static void a_port_that_was_never_there_counts_nothing(void **state)
{
    struct worker *worker = control_worker();
    struct port *port;
    struct port_totals t;
    assert_int_equal(null_port_create(&port), 0);
    port_fail(port, "for the test");
    forward_drop(worker, PORT_NONE, DROP_tx_down, packet_alloc(&worker->cache));
    stats_port_totals(port, &t);
    assert_int_equal(t.tx_dropped, 0);
    null_port_destroy(port);
}

/* contract.md: bytes count the Ethernet frame without FCS. */
static void packets_and_bytes_add_up(void **state)
{
    send(10);
    assert_int_equal(totals(0).rx_packets, 10);
    assert_int_equal(totals(0).rx_bytes, 600);
    assert_int_equal(totals(1).tx_packets, 10);
    assert_int_equal(totals(1).tx_bytes, 600);
}

static void dropped_is_the_sum_of_reasons(void **state)
{
    struct worker *worker = control_worker();
    uint64_t sum[2] = { 0 };
    for (unsigned why = 0; why < DROP_REASON_COUNT; why++) {
        forward_counters(worker, 0)->drops[why] = why + 1;
        sum[drop_is_tx[why]] += why + 1;
    }
    assert_int_equal(totals(0).rx_dropped, sum[0]);
    assert_int_equal(totals(0).tx_dropped, sum[1]);
    assert_true(drop_is_tx[DROP_tx_full] && !drop_is_tx[DROP_stopped]);
}

static void clear_counts_from_zero(void **state)
{
    lan[1]->room = 5;
    send(10);
    assert_int_equal(run("clear stats"), 0);
    struct port_totals t = totals(0), zero = { 0 };
    assert_memory_equal(&t, &zero, sizeof t);
    t = totals(1);
    assert_memory_equal(&t, &zero, sizeof t);
    lan[1]->room = WIRE_ROOM_ALL;
    send(3);
    assert_int_equal(totals(0).rx_packets, 3);
    assert_int_equal(totals(1).tx_packets, 3);
    assert_int_equal(totals(1).tx_dropped, 0);
}

/* A driver's counter that fell must not become a number of twenty digits. */
static void a_counter_that_fell_shows_zero(void **state)
{
    send(10);
    stats_clear();
    lan[0]->rx.packets = 4;
    assert_int_equal(totals(0).rx_packets, 0);
}

/* tx_refused is what the driver took and threw away (port.h, ownership). */
/* What a queue counted while the port had it stays in the port's totals. */
static void queues_out_of_use_keep_their_counts(void **state)
{
    struct port_queue second = { .packets = 7, .bytes = 700, .errors = 2 };
    struct port *port = &lan[0]->port;
    send(3);
    port->rxq[1] = &second;
    port->txq[1] = &second;
    port->rx_queues = port->tx_queues = 1;
    assert_int_equal(totals(0).rx_packets, 10);
    assert_int_equal(totals(0).rx_bytes, 880);
    assert_int_equal(totals(0).rx_errors, 2);
    assert_int_equal(totals(0).tx_packets, 7);
    assert_int_equal(totals(0).counters.drops[DROP_tx_refused], 2);
    assert_int_equal(run("clear stats"), 0);
    assert_int_equal(totals(0).rx_packets, 0);
    second.packets++;
    assert_int_equal(totals(0).rx_packets, 1);
    port->rxq[1] = port->txq[1] = NULL;
}

static void driver_refusals_are_a_drop_reason(void **state)
{
    lan[1]->tx.errors = 3;
    assert_int_equal(totals(1).counters.drops[DROP_tx_refused], 3);
    assert_int_equal(totals(1).tx_dropped, 3);
    lan[1]->rx.errors = 2;
    assert_int_equal(totals(1).rx_errors, 2);
}

static void rates_are_per_second(void **state)
{
    struct port_rates r;
    host_set_time_us(1 * S);
    forward_turn();
    send(500);
    host_set_time_us(3 * S);
    forward_turn();
    stats_port_rates(&lan[0]->port, &r);
    assert_int_equal(r.rx_packets, 250);
    assert_int_equal(r.rx_bytes, 250 * 60);
    stats_port_rates(&lan[1]->port, &r);
    assert_int_equal(r.tx_packets, 250);
    host_set_time_us(4 * S);
    forward_turn();
    stats_port_rates(&lan[0]->port, &r);
    assert_int_equal(r.rx_packets, 0);
}

static void clear_does_not_disturb_rates(void **state)
{
    struct port_rates r;
    host_set_time_us(1 * S);
    forward_turn();
    send(100);
    stats_clear();
    host_set_time_us(2 * S);
    forward_turn();
    stats_port_rates(&lan[0]->port, &r);
    assert_int_equal(r.rx_packets, 100);
}

/* JSON (RFC 8259) ---------------------------------------------------------- */

static const char *json_value(const char *p);

static const char *json_string(const char *p)
{
    assert_int_equal(*p++, '"');
    while (*p != '"') {
        assert_true(*p >= ' ' && *p != '\\');
        p++;
    }
    return p + 1;
}

static const char *json_blank(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

static const char *json_members(const char *p, char end)
{
    p = json_blank(p);
    if (*p == end)
        return p + 1;
    for (;;) {
        if (end == '}') {
            p = json_blank(json_string(p));
            assert_int_equal(*p++, ':');
        }
        p = json_blank(json_value(json_blank(p)));
        if (*p == end)
            return p + 1;
        assert_int_equal(*p++, ',');
        p = json_blank(p);
    }
}

static const char *json_value(const char *p)
{
    if (*p == '{')
        return json_members(p + 1, '}');
    if (*p == '[')
        return json_members(p + 1, ']');
    if (*p == '"')
        return json_string(p);
    if (!strncmp(p, "null", 4))
        return p + 4;
    assert_true(isdigit(*p));
    while (isdigit(*p))
        p++;
    return p;
}

/* The first number behind "name": after `from`. */
static uint64_t json_number(const char *from, const char *name)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\": ", name);
    const char *at = strstr(from, quoted);
    assert_non_null(at);
    return strtoull(at + strlen(quoted), NULL, 10);
}

static void json_is_one_line_and_well_formed(void **state)
{
    send(10);
    assert_int_equal(run("show stats json"), 0);
    assert_ptr_equal(strchr(text, '\n'), text + text_length - 1);
    assert_string_equal(json_value(text), "\n");
}

static void json_has_what_the_contract_names(void **state)
{
    const char *const names[] = { "\"uptime_us\": ",
                                  "\"forwarding\": \"io\"",
                                  "\"ports\": [{\"port\": 0, \"driver\": \"wire\", \"bdf\": null, "
                                  "\"mac\": \"02:77:69:72:65:00\"",
                                  "\"link\": \"up\"",
                                  "\"rx_packets\": 10",
                                  "\"rx_bytes\": 600",
                                  "\"tx_packets\": ",
                                  "\"tx_bytes\": ",
                                  "\"rx_dropped\": ",
                                  "\"tx_dropped\": ",
                                  "\"rx_errors\": ",
                                  "\"rx_missed\": ",
                                  "\"drops\": {\"stopped\": 0",
                                  "\"cores\": [{\"core\": 0, \"role\": \"control+worker\", "
                                  "\"packets\": 10",
                                  "\"busy_cycles\": ",
                                  "\"idle_cycles\": " };
    send(10);
    run("show stats json");
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        if (!strstr(text, names[i]))
            fail_msg("no %s in %s", names[i], text);
    forward_stop();
    run("show stats json");
    assert_non_null(strstr(text, "\"forwarding\": \"stopped\""));
}

static void json_counts_what_is_held(void **state)
{
    struct worker *worker = control_worker();
    struct packet *p = packet_alloc(&worker->cache);
    memset(p->data, 2, p->frame_length = p->length = 60);
    control_originate(worker, &lan[0]->port, p);
    run("show stats json");
    assert_int_equal(json_number(text, "held"), 1);
    assert_int_equal(json_number(text, "originated"), 1);
}

/* The line is consistent although traffic goes on while it is printed. */
static void moving_write(struct out *out, const char *bytes, size_t n)
{
    text_write(out, bytes, n);
    lan_send(0, B, A, 1);
    forward_turn();
}

static void json_is_of_one_moment(void **state)
{
    struct out out = { .write = moving_write };
    send(10);
    text_length = 0;
    assert_int_equal(command_run("show stats json", &out, NULL, 0), 0);
    const char *second = strstr(text, "{\"port\": 1");
    assert_non_null(second);
    assert_int_equal(json_number(text, "rx_packets"), 10);
    assert_int_equal(json_number(second, "tx_packets"), 10);
}

/* Texts -------------------------------------------------------------------- */

static void show_stats_names_each_drop(void **state)
{
    forward_stop();
    send(7);
    assert_int_equal(run("show stats"), 0);
    assert_non_null(strstr(text, "port 0  wire  up  1000 Mb/s\n"));
    assert_non_null(strstr(text, "drop stopped"));
    assert_non_null(strstr(text, "forwarding is stopped"));
    assert_null(strstr(text, "drop no_peer"));
}

static void show_ports_tells_state_and_failure(void **state)
{
    port_fail(&lan[1]->port, "device is gone");
    assert_int_equal(run("show ports"), 0);
    assert_non_null(strstr(text, "02:77:69:72:65:00  up      1000 Mb/s     1500  promiscuous\n"));
    assert_non_null(strstr(text, "failed"));
    assert_non_null(strstr(text, "device is gone\n"));
}

static void show_cpu_tells_role_and_share(void **state)
{
    assert_int_equal(run("show cpu"), 0);
    assert_non_null(strstr(text, "0     control+worker"));
}

static void show_cpu_tells_what_the_cpus_can(void **state)
{
    host_hide_cpu_features(UINT32_MAX);
    assert_int_equal(run("show cpu"), 0);
    assert_non_null(strstr(text, "\nwide instructions: none\n"));
    host_hide_cpu_features(UINT32_MAX & ~CPU_POPCNT);
    assert_int_equal(run("show cpu"), 0);
    assert_int_equal(strstr(text, "\nwide instructions: popcnt\n") != NULL, cpu_has(CPU_POPCNT));
    host_hide_cpu_features(0);
}

/* Configuring ------------------------------------------------------------------- */

static void forward_start_and_stop(void **state)
{
    assert_int_equal(run("forward macswap"), 0);
    assert_string_equal(forward_get_mode()->name, "macswap");
    assert_int_equal(run("stop"), 0);
    assert_false(forward_running());
    assert_int_equal(run("start"), 0);
    assert_true(forward_running());
    assert_int_equal(run("stop"), 0);
    assert_int_equal(run("start tx_first"), 0);
    assert_true(forward_running());
    lan_run();
    assert_int_equal(wire_count(lan[0]), PORT_BURST);
    assert_int_equal(run("stop"), 0);
    assert_int_equal(run("forward l2"), 0); /* sets the mode and starts */
    assert_true(forward_running());
    assert_true(run("forward l5") < 0);
    assert_string_equal(forward_get_mode()->name, "l2");
}

static void fdb_by_hand(void **state)
{
    uint16_t port;
    const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 3 };
    assert_int_equal(run("fdb add 02:00:00:00:00:03 port 1"), 0);
    assert_true(fdb_lookup(fdb_key(0, mac), fdb_prefetch(fdb_key(0, mac)), &port));
    assert_int_equal(port, 1);
    run("show fdb");
    assert_non_null(strstr(text, "02:00:00:00:00:03  1     br0              -     static\n"));
    assert_non_null(strstr(text, "0 learned of at most"));
    assert_int_equal(run("fdb delete 02:00:00:00:00:03"), 0);
    refused_with("fdb delete 02:00:00:00:00:03",
                 "error: 02:00:00:00:00:03 is not in the table, expected one of `show fdb`\n");
    refused_with(
        "fdb add 03:00:00:00:00:03 port 1",
        "error: '03:00:00:00:00:03' is no station's address, expected one with an even first "
        "octet that is not all zeros\n");
    refused_with(
        "fdb add 00:00:00:00:00:00 port 1",
        "error: '00:00:00:00:00:00' is no station's address, expected one with an even first "
        "octet that is not all zeros\n");
}

static void show_fdb_tells_what_was_learned(void **state)
{
    run("forward l2");
    send(1);
    host_advance_us(5 * S);
    forward_turn();
    run("show fdb");
    assert_non_null(
        strstr(text, "02:00:00:00:00:01  0     br0              -     learned   5 s ago\n"));
}

/* `show config` gives back commands that make the same state. */
static void config_can_be_fed_back(void **state)
{
    char config[4096];
    run("forward mac");
    run("stop");
    run("fdb add 02:00:00:00:00:03 port 1");
    run("show config");
    assert_non_null(strstr(text, "fdb add 02:00:00:00:00:03 port 1\n"));
    assert_non_null(strstr(text, "forward mac\nstop\n"));
    strcpy(config, text);
    run("fdb delete 02:00:00:00:00:03");
    run("forward io");
    struct out out = { .write = text_write };
    text_length = 0;
    assert_int_equal(command_run_text(config, strlen(config), '\n', &out, "configuration"), 0);
    run("show config");
    assert_string_equal(text, config);
}

/* Stopped in l2 is how the appliance begins, and needs no line. */
static void the_beginning_needs_no_lines(void **state)
{
    run("forward l2");
    run("stop");
    run("show config");
    assert_null(strstr(text, "forward"));
    assert_null(strstr(text, "stop"));
    run("start");
    run("show config");
    assert_non_null(strstr(text, "forward l2\n"));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_port_that_was_never_there_counts_nothing),
        TEST(packets_and_bytes_add_up),
        TEST(dropped_is_the_sum_of_reasons),
        TEST(clear_counts_from_zero),
        TEST(a_counter_that_fell_shows_zero),
        TEST(queues_out_of_use_keep_their_counts),
        TEST(driver_refusals_are_a_drop_reason),
        TEST(rates_are_per_second),
        TEST(clear_does_not_disturb_rates),
        TEST(json_is_one_line_and_well_formed),
        TEST(json_has_what_the_contract_names),
        TEST(json_counts_what_is_held),
        TEST(json_is_of_one_moment),
        TEST(show_stats_names_each_drop),
        TEST(show_ports_tells_state_and_failure),
        TEST(show_cpu_tells_role_and_share),
        TEST(show_cpu_tells_what_the_cpus_can),
        TEST(forward_start_and_stop),
        TEST(fdb_by_hand),
        TEST(show_fdb_tells_what_was_learned),
        TEST(config_can_be_fed_back),
        TEST(the_beginning_needs_no_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
