/* apps/forward/vlan.h: VLANs of ports and bridges as interfaces, routed (IEEE 802.1Q). */
#include "apps/forward/vlan.h"

#include "apps/forward/interface_stats.h"
#include "kernel/numbered.h"
#include "tests/models/bench6.h"
#include "tests/models/router_bench.h"

#include <stdio.h>
#include <string.h>

#define VLAN_GATEWAY IP(10, 10, 0, 1)
#define VLAN_HOST IP(10, 10, 0, 7)
#define OTHER_GATEWAY IP(10, 20, 0, 1)
#define OTHER_HOST IP(10, 20, 0, 8)

static void put_tag(struct frame *frame, uint16_t tci)
{
    memmove(frame->bytes + 16, frame->bytes + 12, frame->length - 12);
    store_be16(frame->bytes + 12, ETHERTYPE_VLAN);
    store_be16(frame->bytes + 14, tci);
    frame->length += VLAN_TAG;
}

/* The outermost tag's TCI, which is taken off; -1: there is none. */
static int take_tag(struct frame *frame)
{
    if (load_be16(frame->bytes + 12) != ETHERTYPE_VLAN)
        return -1;
    int tci = load_be16(frame->bytes + 14);
    frame->length -= VLAN_TAG;
    memmove(frame->bytes + 12, frame->bytes + 16, frame->length - 12);
    return tci;
}

static struct interface *find(const char *name)
{
    struct interface *interface = interface_find(name);
    assert_non_null(interface);
    return interface;
}

static void meet(unsigned wire, unsigned number, uint32_t address, uint32_t gateway, uint16_t vid)
{
    frame_arp(&f, wire, number, 1, address, gateway);
    put_tag(&f, vid);
    bench_send(wire, &f);
    assert_true(bench_take(wire, &g));
    assert_int_equal(take_tag(&g), vid);
    assert_int_equal(ethernet_type(g.bytes), ETHERTYPE_ARP);
}

static int set_up_vlans(void **state)
{
    set_up(state);
    bench_command("interface add 0.10");
    bench_command("interface add 0.20");
    bench_command("interface 0.10 address 10.10.0.1/24");
    bench_command("interface 0.20 address 10.20.0.1/24");
    bench_run_ms(20);
    while (!bench_is_quiet())
        bench_run_ms(1);
    meet(0, 7, VLAN_HOST, VLAN_GATEWAY, 10);
    meet(0, 8, OTHER_HOST, OTHER_GATEWAY, 20);
    return 0;
}

/* Sorting ------------------------------------------------------------------------ */

/* A router on a stick: the same wire, two VLANs; and to an untagged port and back. */
static void tagged_packets_are_routed(void **state)
{
    frame_ipv4(&f, 0, 7, VLAN_HOST, OTHER_HOST, 100);
    put_tag(&f, 10);
    bench_send(0, &f);
    assert_true(bench_take(0, &g));
    assert_int_equal(take_tag(&g), 20);
    assert_int_equal(frame_ip(&g)[IPV4_TTL], frame_ip(&f)[IPV4_TTL + 4] - 1);
    assert_int_equal(g.length, 114);
    uint8_t mac[MAC_LEN];
    station_mac(0, 8, mac);
    assert_memory_equal(g.bytes, mac, MAC_LEN);
    assert_memory_equal(g.bytes + ETHERNET_SOURCE, bench.port[0]->mac, MAC_LEN);

    frame_ipv4(&f, 0, 7, VLAN_HOST, HOST_B, 100);
    put_tag(&f, 7 << 13 | 10); /* whatever its priority */
    bench_send(0, &f);
    assert_true(bench_take_ipv4(1, &g));
    assert_int_equal(g.length, 114);
    frame_ipv4(&f, 1, 20, HOST_B, VLAN_HOST, 100);
    bench_send(1, &f);
    assert_true(bench_take(0, &g));
    assert_int_equal(take_tag(&g), 10);
    assert_true(bench_is_quiet());
}

static void a_mixed_burst_is_sorted(void **state)
{
    static const uint16_t vids[] = { 10, 20, 10, 0, 20, 99, 10, 20 };
    uint64_t vlan = bench_drops(0, DROP_vlan);
    for (unsigned i = 0; i < ARRAY_SIZE(vids); i++) {
        frame_ipv4(&f, 0, 7, VLAN_HOST, HOST_B, 100 + i);
        if (vids[i])
            put_tag(&f, vids[i]);
        bench_put(0, &f);
    }
    bench_run_ms(2);
    unsigned seen = 0, last[2] = { 0, 0 }, n = 0;
    for (; bench_take_ipv4(1, &g); n++) {
        unsigned i = g.length - 114;
        assert_false(seen & 1u << i);
        seen |= 1u << i;
        if (!vids[i])
            continue;
        assert_true(i + 1 > last[vids[i] == 20]); /* each VLAN's keep their order */
        last[vids[i] == 20] = i + 1;
    }
    assert_int_equal(n, 7);
    assert_int_equal(bench_drops(0, DROP_vlan), vlan + 1); /* 99 is nobody's */
}

/* 802.1Q: VID 0 is a priority and no VLAN. */
static void a_priority_is_untagged(void **state)
{
    frame_ipv4(&f, 0, 10, HOST_A, HOST_B, 100);
    put_tag(&f, 5 << 13);
    bench_send(0, &f);
    assert_true(bench_take_ipv4(1, &g));
    assert_int_equal(g.length, 114);
}

/* A tag within the tag is no packet of that VLAN. */
static void a_second_tag_is_not_ours(void **state)
{
    uint64_t vlan = bench_drops(0, DROP_vlan);
    frame_ipv4(&f, 0, 7, VLAN_HOST, HOST_B, 100);
    put_tag(&f, 30);
    put_tag(&f, 10);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, DROP_vlan), vlan + 1);
    assert_true(bench_is_quiet());
    f.length = 16; /* ends in the tag */
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, DROP_vlan), vlan + 2);
}

/* A priority's tag within the VLAN's is none. */
static void a_priority_within_its_tag(void **state)
{
    frame_ipv4(&f, 0, 7, VLAN_HOST, HOST_B, 100);
    put_tag(&f, 5 << 13);
    put_tag(&f, 10);
    bench_send(0, &f);
    assert_true(bench_take_ipv4(1, &g));
    assert_int_equal(g.length, 114);
}

/* Ordinary packets, with their tag in place, and one that ends behind its packet: none overtakes.
 */
static void those_that_are_cut_keep_their_place(void **state)
{
    for (unsigned i = 0; i < 5; i++) {
        frame_ipv4(&f, 0, 7, VLAN_HOST, OTHER_HOST, 100 + i);
        f.length += i % 2 * 20;
        put_tag(&f, 10);
        bench_put(0, &f);
    }
    bench_run_ms(2);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(bench_take(0, &g));
        assert_int_equal(take_tag(&g), 20);
        assert_int_equal(g.length, 114 + i);
        assert_int_equal(load_be16(frame_ip(&g) + IPV4_TOTAL_LENGTH), 100 + i);
    }
    assert_true(bench_is_quiet());
}

static void sources_are_looked_at(void **state)
{
    uint64_t refused_before = bench_drops(0, DROP_reverse_path);
    bench_command("interface 0.10 reverse-path strict");
    for (unsigned i = 0; i < 4; i++) {
        frame_ipv4(&f, 0, 7, i % 2 ? OTHER_HOST : VLAN_HOST, HOST_B, 100 + i);
        put_tag(&f, 10);
        bench_put(0, &f);
    }
    bench_run_ms(2);
    for (unsigned i = 0; i < 4; i += 2) {
        assert_true(bench_take_ipv4(1, &g));
        assert_int_equal(g.length, 114 + i);
    }
    assert_int_equal(bench_drops(0, DROP_reverse_path), refused_before + 2);
}

/* In a mode that does not route the interface has its addresses all the same. */
static void bridging_it_answers(void **state)
{
    bench_command("forward l2");
    uint64_t refused_before = bench_drops(0, DROP_not_routed);
    frame_ipv4(&f, 0, 7, VLAN_HOST, OTHER_HOST, 100);
    put_tag(&f, 10);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, DROP_not_routed), refused_before + 1);
    frame_echo(&f, 0, 7, VLAN_HOST, VLAN_GATEWAY, 84);
    put_tag(&f, 10);
    bench_send(0, &f);
    assert_true(bench_take(0, &g));
    assert_int_equal(take_tag(&g), 10);
    assert_int_equal(load_be32(frame_ip(&g) + IPV4_SOURCE), VLAN_GATEWAY);
}

/* The copy that a redirect is made from has no tag either. */
static void back_into_its_vlan(void **state)
{
    bench_command("neighbor add 10.10.0.9 02:00:00:00:00:99 interface 0.10");
    bench_run_ms(20);
    frame_ipv4(&f, 0, 7, VLAN_HOST, IP(10, 10, 0, 9), 100);
    put_tag(&f, 10);
    bench_send(0, &f);
    bool redirect = false, passed = false;
    while (bench_take(0, &g)) {
        assert_int_equal(take_tag(&g), 10);
        bool icmp = frame_ip(&g)[IPV4_PROTOCOL] == 1;
        redirect |= icmp && frame_ip(&g)[IPV4_HEADER_MIN] == 5 && error_rest() == IP(10, 10, 0, 9);
        passed |= !icmp && g.length == 114;
    }
    assert_true(redirect);
    assert_true(passed);
}

static void tagged_ipv6_is_routed(void **state)
{
    struct ip_address from = address6("2001:db8:10::7"), to = address6("2001:db8:20::8");
    bench_command("interface 0.10 address 2001:db8:10::1/64");
    bench_command("interface 0.20 address 2001:db8:20::1/64");
    bench_command("neighbor add 2001:db8:20::8 02:00:00:00:00:88 interface 0.20");
    bench_run_ms(3000);
    while (!bench_is_quiet())
        bench_run_ms(1);
    for (unsigned i = 0; i < 6; i++) { /* the last ones have a priority within, or end later */
        frame6(&f, 0, 7, from, to, 100 + i);
        f.length += i == 5 ? 20 : 0;
        if (i == 4)
            put_tag(&f, 5 << 13);
        put_tag(&f, 10);
        bench_put(0, &f);
    }
    bench_run_ms(2);
    for (unsigned i = 0; i < 6; i++) {
        assert_true(bench_take(0, &g));
        assert_int_equal(take_tag(&g), 20);
        assert_int_equal(g.length, 114 + i);
        assert_int_equal(frame_ip(&g)[IPV6_HOP_LIMIT], 63);
        assert_true(ip_equal(ipv6_destination(frame_ip(&g)), to));
    }
    frame6(&f, 0, 7, from, address6("2001:db8:10::1"), 100);
    put_tag(&f, 10);
    bench_send(0, &f);
    assert_true(bench_take(0, &g)); /* an error: nobody serves that */
    assert_int_equal(take_tag(&g), 10);
    assert_int_equal(ethernet_type(g.bytes), ETHERTYPE_IPV6);
}

/* Ping to us, an error from us, a packet that is cut in pieces: the slow ways tag as well. */
static void slow_ways_tag(void **state)
{
    frame_echo(&f, 0, 7, VLAN_HOST, VLAN_GATEWAY, 84);
    put_tag(&f, 10);
    bench_send(0, &f);
    assert_true(bench_take(0, &g));
    assert_int_equal(take_tag(&g), 10);
    assert_int_equal(load_be32(frame_ip(&g) + IPV4_SOURCE), VLAN_GATEWAY);

    frame_ipv4(&f, 0, 7, VLAN_HOST, FAR_NET, 100);
    put_tag(&f, 10);
    bench_send(0, &f);
    assert_true(bench_take(0, &g));
    assert_int_equal(take_tag(&g), 10);
    assert_int_equal(frame_ip(&g)[IPV4_PROTOCOL], 1);

    bench_command("interface 0.20 mtu 600");
    frame_ipv4(&f, 0, 7, VLAN_HOST, OTHER_HOST, 1000);
    store_be16(frame_ip(&f) + IPV4_FRAGMENT, 0);
    frame_seal(&f);
    put_tag(&f, 10);
    bench_send(0, &f);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(bench_take(0, &g));
        assert_int_equal(take_tag(&g), 20);
        assert_true(g.length <= 614);
    }
    assert_true(bench_is_quiet());
}

/* An MTU counts without the tag. */
static void the_mtu_is_without_the_tag(void **state)
{
    frame_ipv4(&f, 0, 7, VLAN_HOST, OTHER_HOST, 1500);
    put_tag(&f, 10);
    bench_send(0, &f);
    assert_true(bench_take(0, &g));
    assert_int_equal(take_tag(&g), 20);
    assert_int_equal(g.length, 1514);
}

/* The interface -------------------------------------------------------------------- */

static void it_follows_its_port(void **state)
{
    struct interface *vlan = find("0.10");
    uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0x10, 0x10 };
    assert_true(vlan->up);
    assert_memory_equal(vlan->mac, bench.port[0]->mac, MAC_LEN);
    bench_set_mtu(0, 1400);
    interface_follow_port(bench.port[0]);
    assert_int_equal(vlan->mtu, 1400);
    bench_command("interface 0.10 mtu 1300");
    assert_int_equal(vlan->mtu, 1300);
    bench_command("port 0 mac 02:00:00:00:00:55");
    assert_int_equal(vlan->mac[5], 0x55);
    bench_command("interface 0.10 mac 02:00:00:00:10:10");
    bench_command("port 0 mac 02:00:00:00:00:56");
    assert_memory_equal(vlan->mac, mac, MAC_LEN);
    bench_run_ms(2);
    assert_true(bench.port[0]->rx_mode.promiscuous); /* it must hear that address */
    bench_command("interface 0.10 down");
    assert_false(vlan->up);
    assert_true(find("0.20")->up);
    bench_command("port 0 down");
    assert_false(find("0.20")->up);
    bench_command("interface 0.10 up");
    assert_false(vlan->up);
    bench_command("port 0 up");
    assert_true(vlan->up);
    bench_run_ms(20);
    while (!bench_is_quiet())
        bench_run_ms(1);
}

/* A device with room for it need not hear everybody; two with one address take one place. */
static void its_own_address_is_listened_for(void **state)
{
    const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0x10, 0x10 };
    const struct port_rx_mode *mode = &bench.port[0]->rx_mode;
    bench.port[0]->limits.unicast_max = 1;
    bench_command("interface 0.10 mac 02:00:00:00:10:10");
    bench_command("interface 0.20 mac 02:00:00:00:10:10");
    bench_run_ms(2);
    assert_true(mode->unicast_count == 1 && !mode->promiscuous);
    assert_memory_equal(mode->unicast[0], mac, MAC_LEN);
    bench_command("port 0 mac 02:00:00:00:10:10"); /* it is the port's own now */
    bench_run_ms(2);
    assert_true(mode->unicast_count == 0 && !mode->promiscuous);
    bench_command("port 0 mac 02:00:00:00:00:56");
    bench_command("interface 0.20 mac 02:00:00:00:20:20");
    bench_run_ms(2);
    assert_true(mode->unicast_count == 0 && mode->promiscuous);
    bench_command("interface delete 0.10");
    bench_run_ms(2);
    assert_true(mode->unicast_count == 1 && !mode->promiscuous);
    assert_int_equal(mode->unicast[0][5], 0x20);
    while (!bench_is_quiet())
        bench_run_ms(1);
}

/* Its device was moved to another place: the addresses of all that lies on it are told there. */
static void a_port_that_was_moved_is_announced(void **state)
{
    unsigned seen = 0;
    bench.port[0]->moves++;
    bench_run_ms(250);
    while (bench_take(0, &g)) {
        uint16_t tag = g.bytes[12] == 0x81 ? take_tag(&g) : 0;
        assert_int_equal(ethernet_type(g.bytes), ETHERTYPE_ARP);
        assert_memory_equal(g.bytes + 28, g.bytes + 38, 4); /* sender and target */
        seen |= tag == 10 ? 1 : tag == 20 ? 2 : 4;
    }
    assert_int_equal(seen, 7);
    assert_false(bench_take(1, &g));
    bench_run_ms(250);
    assert_true(bench_is_quiet());
}

static void it_counts(void **state)
{
    struct interface_counters before, out, c;
    interface_totals(find("0.10"), &before);
    interface_totals(find("0.20"), &out);
    frame_ipv4(&f, 0, 7, VLAN_HOST, OTHER_HOST, 100);
    put_tag(&f, 10);
    bench_send(0, &f);
    frame_ipv4(&f, 0, 7, VLAN_HOST, OTHER_HOST, 100);
    frame_ip(&f)[IPV4_CHECKSUM] ^= 1;
    put_tag(&f, 10);
    bench_send(0, &f);
    interface_totals(find("0.10"), &c);
    assert_int_equal(c.rx_packets, before.rx_packets + 2);
    assert_int_equal(c.rx_bytes, before.rx_bytes + 2 * 114);
    assert_int_equal(c.drops[DROP_ip_checksum], before.drops[DROP_ip_checksum] + 1);
    interface_totals(find("0.20"), &c);
    assert_int_equal(c.tx_packets, out.tx_packets + 1);
    assert_int_equal(c.tx_bytes, out.tx_bytes + 114);
    for (unsigned i = 0; i < 3; i++) { /* in one burst */
        frame_ipv4(&f, 0, 7, VLAN_HOST, OTHER_HOST, 100 + i);
        put_tag(&f, 10);
        bench_put(0, &f);
    }
    bench_run_ms(2);
    interface_totals(find("0.20"), &c);
    assert_int_equal(c.tx_packets, out.tx_packets + 4);
    assert_int_equal(c.tx_bytes, out.tx_bytes + 114 + 114 + 115 + 116);
    assert_non_null(strstr(bench_output("show interfaces"), "0.10 "));
    assert_non_null(strstr(bench_output("show stats json"), "{\"interface\": \"0.10\","));
    for (unsigned i = 0; i < 4; i++)
        assert_true(bench_take(0, &g));
}

static void one_that_is_down_takes_nothing(void **state)
{
    uint64_t stopped = bench_drops(0, DROP_stopped);
    bench_command("interface 0.10 down");
    frame_echo(&f, 0, 7, VLAN_HOST, VLAN_GATEWAY, 84);
    put_tag(&f, 10);
    bench_send(0, &f);
    assert_int_equal(bench_drops(0, DROP_stopped), stopped + 1);
    assert_true(bench_is_quiet());
}

static void it_goes(void **state)
{
    struct interface *port = find("0");
    assert_non_null(port->vlans);
    bench_command("interface delete 0.10");
    assert_null(interface_find("0.10"));
    bench_command("interface delete 0.20");
    assert_null(port->vlans);
    assert_ptr_equal(port->input, port->untagged);
    frame_ipv4(&f, 0, 7, VLAN_HOST, HOST_B, 100);
    put_tag(&f, 10);
    silently_dropped(DROP_vlan);
}

static void it_goes_with_its_port(void **state)
{
    struct port *port;
    char name[16], line[48];
    assert_int_equal(null_port_create(&port), 0);
    forward_ports_up();
    bench_run_ms(2);
    snprintf(name, sizeof name, "%u.5", port->number);
    snprintf(line, sizeof line, "interface add %s", name);
    bench_command(line);
    snprintf(line, sizeof line, "interface %s address 10.5.0.1/24", name);
    bench_command(line);
    assert_non_null(interface_find(name));
    null_port_destroy(port);
    assert_null(interface_find(name));
    assert_null(strstr(bench_output("show config"), "10.5.0.1"));
}

/* Bridges --------------------------------------------------------------------------- */

/* A bridge that knows no VLANs carries other tags past the router on one of them. */
static void beside_a_bridge(void **state)
{
    bench_command("bridge add br1");
    bench_command("bridge br1 port 0");
    bench_command("bridge br1 port 2");
    frame_echo(&f, 0, 7, VLAN_HOST, VLAN_GATEWAY, 84);
    put_tag(&f, 10);
    bench_send(0, &f);
    assert_true(bench_take(0, &g));
    assert_int_equal(take_tag(&g), 10);
    assert_true(bench_is_quiet());
    put_tag(&f, 33); /* 10 within 33 */
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    assert_int_equal(g.length, f.length);
    assert_memory_equal(g.bytes, f.bytes, f.length);
    assert_true(bench_is_quiet());
}

static void a_vlan_of_a_bridge(void **state)
{
    bench_command("bridge add br1");
    bench_command("bridge br1 port 2");
    bench_command("bridge br1 port 4");
    bench_command("interface add br1.30");
    bench_command("interface br1.30 address 10.30.0.1/24");
    bench_run_ms(20);
    while (!bench_is_quiet())
        bench_run_ms(1);
    bench_command_fails("interface br1.30 mac 02:00:00:00:30:30", "expected 'interface br1 mac'");
    frame_arp(&f, 1, 9, 1, IP(10, 30, 0, 9), IP(10, 30, 0, 1));
    put_tag(&f, 30);
    bench_send(1, &f);
    assert_true(bench_take(1, &g));
    assert_int_equal(take_tag(&g), 30);
    assert_true(bench_take(2, &g)); /* the question was flooded */
    frame_ipv4(&f, 0, 7, VLAN_HOST, IP(10, 30, 0, 9), 100);
    put_tag(&f, 10);
    bench_send(0, &f);
    assert_true(bench_take(1, &g));
    assert_int_equal(take_tag(&g), 30);
    assert_true(bench_is_quiet());
    bench_command("bridge delete br1");
    assert_null(interface_find("br1.30"));
}

/* Commands --------------------------------------------------------------------------- */

static void what_is_refused(void **state)
{
    bench_command_fails("interface add 0.10", "there is an interface 0.10 already");
    bench_command_fails("interface add 0.4095", "'0.4095' is no VLAN of an interface");
    bench_command_fails("interface add 0.0", "'0.0' is no VLAN of an interface");
    bench_command_fails("interface add 0.010", "'0.010' is no VLAN of an interface");
    bench_command_fails("interface add 0.10.20", "0.10 is a VLAN itself");
    bench_command_fails("interface add 99.10", "there is no '99'");
    bench_command_fails("interface add .10", "'.10' is no VLAN of an interface");
    bench_command_fails("interface add nowhere", "'nowhere' is no VLAN of an interface");
    bench_command_fails("interface delete 0", "0 is no VLAN's interface");
    bench_command_fails("port 0 vlan 10", "port 0 has VLANs that are interfaces");
    bench_command("port 2 vlan 7");
    bench_command_fails("interface add 2.10", "port 2 is the access port of VLAN 7");
    bench_command("port 2 vlan 0");
    bench_command_fails("bridge add delete", "'delete' is a word of");
    bench_command_fails("interface 0.10 mtu 60000", "out of range");
}

static void the_configuration_comes_back(void **state)
{
    static char before[16384];
    bench_command("interface 0.20 mtu 1300");
    bench_command("interface 0.20 down");
    bench_command("interface 0.10 mac 02:00:00:00:10:10");
    bench_command("bridge add br1");
    bench_command("interface add br1.4094");
    bench_command("interface add br1.1");
    strcpy(before, bench_output("show config"));
    assert_non_null(strstr(before, "interface add 0.10\n"
                                   "interface 0.10 mac 02:00:00:00:10:10\n"
                                   "interface add 0.20\n"
                                   "interface 0.20 mtu 1300\n"
                                   "interface 0.20 down\n"
                                   "interface add br1.1\n"
                                   "interface add br1.4094\n"
                                   "port 0 address"));
    bench_command("interface delete 0.10");
    bench_command("interface delete 0.20");
    bench_command("bridge delete br1");
    bench_command("interface add 0.20");
    bench_command("interface 0.20 mtu 1300");
    bench_command("interface 0.20 down");
    bench_command("interface add 0.10");
    bench_command("interface 0.10 mac 02:00:00:00:10:10");
    bench_command("bridge add br1");
    bench_command("interface add br1.1");
    bench_command("interface add br1.4094");
    bench_command("interface 0.10 address 10.10.0.1/24");
    bench_command("interface 0.20 address 10.20.0.1/24");
    assert_string_equal(bench_output("show config"), before);
    bench_run_ms(20);
    while (!bench_is_quiet())
        bench_run_ms(1);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up_vlans, bench_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(tagged_packets_are_routed),
        test(a_mixed_burst_is_sorted),
        test(a_priority_is_untagged),
        test(a_second_tag_is_not_ours),
        test(a_priority_within_its_tag),
        test(those_that_are_cut_keep_their_place),
        test(sources_are_looked_at),
        test(bridging_it_answers),
        test(back_into_its_vlan),
        test(tagged_ipv6_is_routed),
        test(slow_ways_tag),
        test(the_mtu_is_without_the_tag),
        test(it_follows_its_port),
        test(its_own_address_is_listened_for),
        test(a_port_that_was_moved_is_announced),
        test(it_counts),
        test(one_that_is_down_takes_nothing),
        test(it_goes),
        test(it_goes_with_its_port),
        test(beside_a_bridge),
        test(a_vlan_of_a_bridge),
        test(what_is_refused),
        test(the_configuration_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
