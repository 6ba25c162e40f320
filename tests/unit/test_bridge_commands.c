/* apps/bridge/bridge_commands.c, apps/bridge/fdb_commands.c, apps/forward/interface_commands.c:
 * what people type about bridges and interfaces, and that `show config` gives it back. */
#include "apps/bridge/bridge.h"
#include "apps/bridge/fdb.h"
#include "apps/console/command.h"
#include "apps/forward/interface_stats.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/lan.h"

#include <stdio.h>
#include <string.h>

#define PORTS 4u
#define A 0x020000000001ull

static char text[65536];
static size_t text_length;

static void text_write(struct out *out, const char *bytes, size_t n)
{
    assert_true(text_length + n < sizeof text);
    memcpy(text + text_length, bytes, n);
    text_length += n;
    text[text_length] = 0;
}

static struct out out = { .write = text_write };

static int run(const char *line)
{
    text_length = 0;
    text[0] = 0;
    return command_run(line, &out, NULL, 0);
}

static void does(const char *line)
{
    if (run(line))
        fail_msg("%s: %s", line, text);
    if (strcmp(line, "stop")) /* it tells what was forwarded */
        assert_string_equal(text, "");
}

static void fails(const char *line, const char *answer)
{
    char expected[256];
    snprintf(expected, sizeof expected, "error: %s\n", answer);
    assert_true(run(line) < 0);
    assert_string_equal(text, expected);
}

static bool shows(const char *line, const char *wanted)
{
    assert_int_equal(run(line), 0);
    return strstr(text, wanted);
}

static int set_up(void **state)
{
    lan_start(PORTS, "l2");
    return 0;
}

static int tear_down(void **state)
{
    lan_stop();
    return 0;
}

/* Bridges --------------------------------------------------------------------------- */

static void bridges_are_made_filled_emptied_and_deleted(void **state)
{
    does("bridge add br1");
    does("bridge br1 port 1");
    does("bridge br1 port 3");
    assert_true(shows("show bridges", "br0              up     02:77:69:72:65:00   1500  0,2  (by "
                                      "mode l2)\n"
                                      "br1              up     02:77:69:72:65:01   1500  1,3\n"));
    assert_true(shows("show bridge br1", "bridge br1: up\n"));
    assert_true(shows("show bridge br1", "  port 3         up\n"));
    assert_true(shows("show bridge br0", "  port 0         up, by mode l2\n"));
    does("bridge br1 no port 1");
    assert_false(shows("show bridge br1", "port 1 "));
    does("bridge delete br1");
    assert_true(shows("show bridges", "0,1,2,3"));
}

static void said_twice_is_said_once(void **state)
{
    does("bridge add br1");
    does("bridge br1 port 1");
    does("bridge br1 port 1");
    assert_true(shows("show config", "bridge add br1\nbridge br1 port 1\nforward l2\n"));
}

static void what_is_wrong_is_told(void **state)
{
    does("bridge add br1");
    does("bridge add br2");
    does("bridge br1 port 1");
    fails("bridge add br1", "there is an interface 'br1' already, expected another name");
    fails("bridge add delete", "'delete' is a word of 'bridge', expected another name");
    fails("bridge br2 port 1",
          "port 1 is in bridge br1, expected a port that is in none (bridge br1 no port 1)");
    fails("bridge br2 no port 1", "port 1 is not in bridge br2, expected one that is");
    fails("bridge br0 no port 2", "mode l2 put port 2 into bridge br0, expected 'bridge B port 2' "
                                  "to put it into another one");
    fails("bridge delete br0", "mode l2 made bridge br0, expected one of 'bridge add'");
    host_set_table_room(0);
    fails("bridge add br3", "bridge br3 is not made: Cannot allocate memory");
    assert_true(run("bridge delete br3") < 0);
    assert_non_null(strstr(text, "expected BRIDGE that 'show bridges' lists"));
    assert_true(run("bridge add 1br") < 0);
    assert_true(run("bridge add b.1") < 0);
}

static void names_that_begin_like_keywords_are_names(void **state)
{
    does("bridge add a");
    does("bridge a port 1");
    does("bridge add del");
    assert_true(shows("show bridge a", "port 1"));
    does("bridge delete del");
    does("bridge delete a");
}

/* Interfaces -------------------------------------------------------------------------- */

static void show_interfaces_lists_ports_and_bridges(void **state)
{
    does("bridge add br1");
    does("bridge br1 port 1");
    assert_true(
        shows("show interfaces",
              "0                port    up     02:77:69:72:65:00   1500  br0              -\n"));
    assert_true(
        shows("show interfaces",
              "1                port    up     02:77:69:72:65:01   1500  br1              -\n"));
    assert_true(
        shows("show interfaces",
              "br1              bridge  up     02:77:69:72:65:01   1500  -                -\n"));
    assert_true(shows("show interface 1", "interface 1: port, up\n"));
    assert_true(shows("show interface 1", "  bridge         br1: a member\n"));
    assert_true(shows("show interface br1", "interface br1: bridge, up\n"));
    assert_true(run("show interface br9") < 0);
    assert_non_null(strstr(text, "expected INTERFACE that 'show interfaces' lists"));
}

/* contract.md: those of a member are kept, shown `not in use`, and live again when it is none. */
static void addresses_are_shown_and_whether_they_are_in_use(void **state)
{
    does("bridge add br1");
    does("port 1 address 192.0.2.1/24");
    does("interface br1 address 198.51.100.1/24");
    does("interface br1 address 198.51.100.2/24");
    does("bridge br1 port 1");
    assert_true(shows("show interfaces", "br1              192.0.2.1/24 (not in use)\n"));
    assert_true(shows("show interfaces", "-                198.51.100.1/24, 198.51.100.2/24\n"));
    assert_true(shows("show port 1", "  address        192.0.2.1/24  (not in use)\n"));
    assert_true(shows("show interface 1", "  address        192.0.2.1/24  (not in use)\n"));
    assert_true(shows("show interface br1",
                      "  address        198.51.100.1/24\n  address        198.51.100.2/24\n"));
    does("bridge br1 no port 1");
    does("forward l3"); /* in l2 it would be in br0 */
    assert_true(shows("show port 1", "  address        192.0.2.1/24\n"));
}

static void a_ports_interface_has_the_ports_words(void **state)
{
    does("interface 1 mtu 1400");
    assert_int_equal(lan[1]->port.mtu, 1400);
    fails("interface 1 mac 02:00:00:00:00:77",
          "port 1 (wire): mac is not changed: its device cannot do that");
    does("interface 1 down");
    assert_int_equal(lan[1]->port.state, PORT_STOPPED);
    does("interface 1 up");
    assert_int_equal(lan[1]->port.state, PORT_RUNNING);
    assert_true(run("interface 1 mtu 67") < 0);
    assert_true(shows("show config", "port 1 mtu 1400\n"));
    port_fail(&lan[2]->port, "it burnt");
    fails("interface 2 up", "port 2 has failed: it burnt");
}

/* A configuration runs before ports begin. */
static void ports_have_interfaces_before_they_begin(void **state)
{
    struct port *late;
    assert_int_equal(null_port_create(&late), 0);
    assert_int_equal(forward_take_ports(), PORTS + 1);
    assert_int_equal(late->state, PORT_STOPPED);
    does("interface 4 down");
    does("bridge add br1");
    does("bridge br1 port 4");
    forward_turn();
    assert_int_equal(late->state, PORT_STOPPED);
    assert_ptr_equal(interface_find("4")->bridge, bridge_find("br1"));
    forward_port_remove(late);
    null_port_destroy(late);
}

static void a_bridges_interface_is_set(void **state)
{
    struct interface *br1;
    does("bridge add br1");
    does("bridge br1 port 1");
    br1 = interface_find("br1");
    does("interface br1 mtu 1300");
    assert_int_equal(br1->mtu, 1300);
    does("interface br1 mtu 1501"); /* though no member takes it yet */
    assert_int_equal(br1->mtu, 1500);
    does("interface br1 mtu 1300");
    fails("interface br1 mtu 67", "mtu '67' is out of range, expected 68 to 9202");
    does("interface br1 mac 02:00:00:00:00:77");
    assert_int_equal(br1->mac[5], 0x77);
    assert_true(run("interface br1 mac 03:00:00:00:00:77") < 0);
    assert_true(run("interface br1 mac 00:00:00:00:00:00") < 0);
    does("interface br1 down");
    assert_false(br1->up);
    assert_true(shows("show config", "interface br1 mac 02:00:00:00:00:77\n"
                                     "interface br1 mtu 1300\ninterface br1 down\n"));
    does("interface br1 up");
    assert_true(br1->up);
}

/* Stations ----------------------------------------------------------------------------- */

static void stations_are_pinned_in_the_bridge_of_their_port(void **state)
{
    does("bridge add br1");
    does("bridge br1 port 1");
    does("bridge br1 port 3");
    does("fdb add 02:00:00:00:00:09 port 1");
    does("fdb add 02:00:00:00:00:09 port 0");
    does("fdb add 02:00:00:00:00:08 port 3 bridge br1");
    fails("fdb add 02:00:00:00:00:08 port 0 bridge br1",
          "port 0 is not in bridge br1, expected one that is");
    assert_true(shows("show fdb", "02:00:00:00:00:09  1     br1              -     static\n"));
    assert_true(shows("show fdb", "02:00:00:00:00:09  0     br0              -     static\n"));
    assert_false(shows("show fdb bridge br1", "br0"));
    assert_true(shows("show config", "fdb add 02:00:00:00:00:09 port 0\n"
                                     "fdb add 02:00:00:00:00:08 port 3 bridge br1\n"
                                     "fdb add 02:00:00:00:00:09 port 1 bridge br1\n"));
    fails("fdb delete 02:00:00:00:00:09",
          "several bridges or VLANs know 02:00:00:00:00:09, expected [bridge BRIDGE] "
          "[vlan V] behind it");
    does("fdb delete 02:00:00:00:00:08");
    does("fdb delete 02:00:00:00:00:09 bridge br0");
    does("fdb delete 02:00:00:00:00:09");
    fails("fdb delete 02:00:00:00:00:09 bridge br1",
          "02:00:00:00:00:09 is not in the table, expected one of `show fdb`");
}

static void the_table_has_room_for_as_many_as_are_wanted(void **state)
{
    does("fdb add 02:00:00:00:00:09 port 0");
    assert_false(shows("show config", "fdb size"));
    does("fdb size 200000");
    assert_true(shows("show fdb", "0 learned of at most 262144, 1 static"));
    assert_true(shows("show config", "fdb size 262144\nfdb add 02:00:00:00:00:09 port 0\n"));
    fails("fdb size 1000", "wrong size '1000', expected 1024 to 1048576 stations");
    fails("fdb size 1048577", "wrong size '1048577', expected 1024 to 1048576 stations");
    host_set_table_room(0);
    fails("fdb size 1048576", "no memory for 1048576 stations");
    assert_true(shows("show fdb", "0 learned of at most 262144, 1 static"));
}

static void a_pinned_station_goes_with_its_membership(void **state)
{
    does("fdb add 02:00:00:00:00:09 port 0");
    does("forward io"); /* kept: it is configuration for mode l2 */
    assert_true(shows("show config", "fdb add 02:00:00:00:00:09 port 0\n"));
    does("bridge add br1");
    does("bridge br1 port 0"); /* now its port is elsewhere */
    assert_false(shows("show config", "fdb add"));
    does("fdb add 02:00:00:00:00:09 port 0");
    does("bridge br1 no port 0");
    assert_false(shows("show config", "fdb add"));
    does("bridge br1 port 0");
    does("fdb add 02:00:00:00:00:09 port 0");
    does("bridge delete br1");
    assert_false(shows("show config", "fdb add"));
}

/* Counters ------------------------------------------------------------------------------ */

static void interfaces_are_counted_beside_ports(void **state)
{
    struct interface_counters c;
    struct packet *packet = packet_alloc(&control_worker()->cache);
    struct interface *br0 = interface_find("br0");
    br0->addresses = 1;
    lan_send(1, LAN_BROADCAST, A, 1);
    lan_run();
    packet->port = PORT_NONE;
    packet->length = 100;
    packet->frame_length = 100;
    memset(packet->data, 2, 100);
    br0->output(control_worker(), br0, &packet, 1);
    lan_run();
    interface_totals(br0, &c);
    assert_int_equal(c.rx_packets, 1);
    assert_int_equal(c.rx_bytes, 60);
    assert_int_equal(c.tx_packets, 1);
    assert_int_equal(c.tx_bytes, 100);
    assert_true(shows("show stats json",
                      "\"interfaces\": [{\"interface\": \"0\", \"rx_packets\": 0, \"rx_bytes\": 0, "
                      "\"tx_packets\": 2, \"tx_bytes\": 160, \"drops\": {}}, "));
    assert_true(shows("show stats json", "{\"interface\": \"br0\", \"rx_packets\": 1, "));
    assert_true(shows("show interface br0", "rx_packets                1\n"));
    does("clear stats");
    interface_totals(br0, &c);
    assert_int_equal(c.rx_packets + c.rx_bytes + c.tx_packets + c.tx_bytes, 0);
    br0->addresses = 0;
    lan_check_conservation();
}

static void what_an_empty_bridge_cannot_send_is_the_interfaces(void **state)
{
    struct interface_counters c;
    struct packet *packet = packet_alloc(&control_worker()->cache);
    does("bridge add br1");
    struct interface *br1 = interface_find("br1");
    packet->port = PORT_NONE;
    packet->length = 60;
    packet->frame_length = 60;
    br1->output(control_worker(), br1, &packet, 1);
    interface_totals(br1, &c);
    assert_int_equal(c.drops[DROP_no_peer], 1);
    assert_true(shows("show stats json", "\"drops\": {\"no_peer\": 1}}"));
    assert_int_equal(c.tx_packets, 0);
    lan_check_conservation();
}

/* Configuration --------------------------------------------------------------------------- */

static void comes_back_as(const char *config)
{
    lan_stop();
    lan_start(PORTS, "l2");
    does("stop");
    text_length = 0;
    text[0] = 0;
    assert_int_equal(command_run_text(config, strlen(config), '\n', &out, "configuration"), 0);
    assert_string_equal(text, "");
    run("show config");
    assert_string_equal(text, config);
}

static void config_can_be_fed_back(void **state)
{
    static const char *const histories[][12] = {
        { "bridge add br2", "bridge br2 port 3", "bridge br2 port 1", "bridge add br1",
          "bridge br1 port 0", "fdb add 02:00:00:00:00:09 port 1",
          "fdb add 02:00:00:00:00:08 port 0", "fdb add 02:00:00:00:00:07 port 2" },
        { "bridge add br0", "bridge br0 port 2", "forward io" },
        { "forward io", "bridge add br0", "bridge br0 port 3", "bridge br0 port 2" },
        { "bridge add br1", "bridge br1 port 3", "bridge br1 no port 3", "interface br1 down" },
        { "bridge add br1", "bridge br1 port 3", "bridge br1 port 2", "bridge br1 no port 3",
          "interface br1 mtu 900", "stop" },
        { "bridge br0 port 1", "interface br0 mac 02:00:00:00:00:66", "forward mac" },
    };
    for (unsigned h = 0; h < ARRAY_SIZE(histories); h++) {
        char config[4096];
        for (unsigned i = 0; i < ARRAY_SIZE(histories[h]) && histories[h][i]; i++)
            does(histories[h][i]);
        run("show config");
        strcpy(config, text);
        comes_back_as(config);
        lan_stop();
        lan_start(PORTS, "l2");
    }
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bridges_are_made_filled_emptied_and_deleted),
        TEST(said_twice_is_said_once),
        TEST(what_is_wrong_is_told),
        TEST(names_that_begin_like_keywords_are_names),
        TEST(show_interfaces_lists_ports_and_bridges),
        TEST(addresses_are_shown_and_whether_they_are_in_use),
        TEST(a_ports_interface_has_the_ports_words),
        TEST(ports_have_interfaces_before_they_begin),
        TEST(a_bridges_interface_is_set),
        TEST(stations_are_pinned_in_the_bridge_of_their_port),
        TEST(the_table_has_room_for_as_many_as_are_wanted),
        TEST(a_pinned_station_goes_with_its_membership),
        TEST(interfaces_are_counted_beside_ports),
        TEST(what_an_empty_bridge_cannot_send_is_the_interfaces),
        TEST(config_can_be_fed_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
