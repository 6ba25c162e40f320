/* IP on the interface of a bridge, and on ports that are in one (apps/ip/input.h). */
#include "apps/bridge/bridge.h"
#include "apps/console/command.h"
#include "apps/ip/address.h"
#include "apps/ip/ipv4.h"
#include "apps/ip/router.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/lan.h"

#include <string.h>

#define STATION 0x02000000000aull
#define BRIDGE_IP 0x0a070001u
#define STATION_IP 0x0a07000au

static struct interface *br0;
static uint8_t frame[128];

static void does(const char *line)
{
    assert_int_equal(command_run(line, &out_console, "test", 0), 0);
}

static int set_up(void **state)
{
    lan_start(2, "l2");
    does("port 0 address 192.0.2.1/24");
    does("interface br0 address 10.7.0.1/24");
    br0 = interface_find("br0");
    lan_run();
    while (lan_receive(0) >= 0 || lan_receive(1) >= 0) {
    }
    return 0;
}

static int tear_down(void **state)
{
    lan_check_conservation();
    lan_stop();
    router_reset();
    return 0;
}

static void ethernet(const uint8_t *to, unsigned type)
{
    memset(frame, 0, sizeof frame);
    memcpy(frame, to, MAC_LEN);
    store_be16(frame + 6, 0x0200);
    store_be32(frame + 8, STATION & UINT32_MAX);
    store_be16(frame + 12, (uint16_t)type);
}

static void ipv4(uint32_t to, uint8_t protocol)
{
    uint8_t *ip = frame + ETHERNET_HEADER;
    ethernet(br0->mac, ETHERTYPE_IPV4);
    ip[IPV4_VERSION_IHL] = 0x45;
    store_be16(ip + IPV4_TOTAL_LENGTH, 60);
    ip[IPV4_TTL] = 64;
    ip[IPV4_PROTOCOL] = protocol;
    store_be32(ip + IPV4_SOURCE, STATION_IP);
    store_be32(ip + IPV4_DESTINATION, to);
    ipv4_checksum_set(ip);
}

/* The station says who it is, and is told who the bridge is. */
static void meet(void)
{
    static const uint8_t fixed[] = { 0, 1, 8, 0, 6, 4, 0, 1 };
    ethernet(mac_broadcast, ETHERTYPE_ARP);
    memcpy(frame + 14, fixed, sizeof fixed);
    memcpy(frame + 22, frame + 6, MAC_LEN);
    store_be32(frame + 28, STATION_IP);
    store_be32(frame + 38, BRIDGE_IP);
    wire_put(lan[0], frame, 60);
    lan_run();
    assert_true(lan_receive(0) >= 0);
    assert_memory_equal(lan_last.bytes + 22, br0->mac, MAC_LEN);
    assert_int_equal(lan_last.bytes[21], 2);
}

static void a_bridge_with_an_address_answers(void **state)
{
    meet();
    ipv4(BRIDGE_IP, IPV4_PROTOCOL_ICMP);
    uint8_t *icmp = frame + ETHERNET_HEADER + IPV4_HEADER_MIN;
    icmp[0] = 8;
    uint16_t sum = checksum_finish(checksum_add(0, icmp, 40));
    memcpy(icmp + 2, &sum, sizeof sum);
    wire_put(lan[0], frame, 74);
    lan_run();
    assert_true(lan_receive(0) >= 0);
    assert_int_equal(load_be32(lan_last.bytes + 26), BRIDGE_IP);
    assert_int_equal(lan_last.bytes[34], 0);
}

static void l2_does_not_route(void **state)
{
    meet();
    ipv4(0x0a090909, IPV4_PROTOCOL_UDP);
    wire_put(lan[0], frame, 74);
    lan_run();
    assert_int_equal(lan_drops(0, DROP_not_routed), 1);
}

/* Kept, and in effect again when the port leaves. */
static void a_member_has_no_addresses_in_effect(void **state)
{
    struct interface *port = interface_of_port(&lan[0]->port);
    assert_int_equal(port->addresses, 0);
    assert_null(address_find(ip_from_v4(0xc0000201)));
    assert_non_null(address_of(port, 0));
    does("route add 10.0.0.0/8 via 192.0.2.2"); /* to be used later */
    does("forward l3");
    assert_int_equal(port->addresses, 1);
    assert_non_null(address_find(ip_from_v4(0xc0000201)));
    does("forward l2");
    assert_int_equal(port->addresses, 0);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_bridge_with_an_address_answers),
        T(l2_does_not_route),
        T(a_member_has_no_addresses_in_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
