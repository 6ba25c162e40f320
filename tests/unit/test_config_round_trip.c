/* What `show config` prints makes a fresh appliance the same: random commands, its text run as a
 * configuration where ports have not begun yet, and `show config` there.  No line of it is
 * refused.  Comments are no part of it: they tell what is not in use. */
#include "apps/console/command.h"
#include "apps/forward/forward.h"
#include "apps/ip/router.h"
#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/wire_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORTS 5u
#define INTERFACES (PORTS + 2) /* and br0 and br1 */
#define SEEDS 400u
#define COMMANDS 150u
#define PACKETS 1024u

static struct wire_port *wires[PORTS];
static struct port_ops ops;

/* What was typed and what was printed --------------------------------------------- */

static char text[1 << 16], typed[1 << 15];
static size_t text_length;

static void text_write(struct out *out, const char *more, size_t n)
{
    assert_true(text_length + n < sizeof text);
    memcpy(text + text_length, more, n);
    text_length += n;
    text[text_length] = 0;
}

static struct out out = { .write = text_write };

/* `text` is all that it printed. */
static unsigned run(const char *commands)
{
    text_length = 0;
    text[0] = 0;
    return command_run_text(commands, strlen(commands), '\n', &out, "configuration");
}

static void take_config(char config[sizeof text])
{
    assert_int_equal(run("show config"), 0);
    strcpy(config, text);
}

static void drop_comments(char *config)
{
    char *to = config;
    for (const char *line = config; *line;) {
        size_t n = strcspn(line, "\n") + 1;
        if (*line != '#') {
            memmove(to, line, n);
            to += n;
        }
        line += n;
    }
    *to = 0;
}

/* The appliance -------------------------------------------------------------------- */

static int set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    return 0;
}

static int set_mtu(struct port *port, uint16_t mtu)
{
    return 0;
}

/* As far as where a configuration is run. */
static void boot(void)
{
    host_reset();
    port_reset_registry();
    assert_int_equal(forward_init(PACKETS), 0);
    for (unsigned i = 0; i < PORTS; i++) {
        wires[i] = wire_port_create();
        ops = *wires[i]->port.ops;
        ops.set_mac = set_mac;
        ops.set_mtu = set_mtu;
    }
    for (unsigned i = 0; i < PORTS; i++)
        wires[i]->port.ops = &ops;
    forward_take_ports();
}

static void begin(void)
{
    forward_ports_up();
    forward_turn();
}

static void end(void)
{
    forward_shutdown();
    for (unsigned i = 0; i < PORTS; i++)
        wire_port_destroy(wires[i]);
    router_reset();
}

/* Random commands -------------------------------------------------------------------- */

static unsigned below(unsigned n)
{
    return (unsigned)random() % n;
}

#define PICK(...) \
    (((const char *const[]){ __VA_ARGS__ })[below(sizeof((const char *const[]){ __VA_ARGS__ }) / \
                                                  sizeof(const char *))])

/* Of one of as many subnets as there are interfaces; ends that are hosts of some masks only. */
static const char *host_of(unsigned subnet)
{
    static char address[2][16];
    static unsigned turn;
    turn ^= 1;
    snprintf(address[turn], sizeof address[0], "10.0.%u.%s", subnet,
             PICK("1", "1", "2", "2", "3", "3", "7", "8", "255"));
    return address[turn];
}

static const char *host(void)
{
    return host_of(below(INTERFACES));
}

static const char *host6_of(unsigned subnet)
{
    static char address[2][32];
    static unsigned turn;
    turn ^= 1;
    snprintf(address[turn], sizeof address[0], "2001:db8:%u::%s", subnet,
             PICK("1", "1", "2", "3", "7", "ffff:1"));
    return address[turn];
}

static const char *mac(void)
{
    return PICK("02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03", "02:77:69:72:65:02");
}

static const char *bridge(void)
{
    return PICK("br0", "br1", "br1", "lan");
}

/* An interface's words; any one's, or those of one of the subnets. */
static void subject(char to[32], unsigned which)
{
    if (which >= PORTS)
        snprintf(to, 32, "interface br%u", which - PORTS);
    else
        snprintf(to, 32, "%s %u", PICK("port", "interface"), which);
}

static void random_port(char *to, size_t n, unsigned port)
{
    switch (below(5)) {
    case 0:
        snprintf(to, n, "port %u vlan %s", port, PICK("0", "7", "4094"));
        break;
    case 1:
        snprintf(to, n, "port %u promiscuous %s", port, PICK("on", "off"));
        break;
    case 2:
        snprintf(to, n, "port %u queue 0 core 0", port);
        break;
    default:
        snprintf(to, n, "port %u %s", port, PICK("up", "down"));
        break;
    }
}

static void random_interface(char *to, size_t n)
{
    unsigned which = below(INTERFACES);
    char what[32];
    subject(what, which);
    switch (below(3)) {
    case 0:
        snprintf(to, n, "%s mtu %s", what, PICK("68", "900", "1400", "1500", "9000"));
        break;
    case 1:
        snprintf(to, n, "%s mac %s", what, mac());
        break;
    default:
        snprintf(to, n, "%s %s", what, PICK("up", "down", "up"));
        break;
    }
}

static void random_address(char *to, size_t n)
{
    unsigned which = below(INTERFACES), subnet = below(6) ? which : below(INTERFACES);
    char what[32];
    const char *no = below(3) ? "" : "no ";
    subject(what, which);
    if (!below(3))
        snprintf(to, n, "%s %saddress %s/%s", what, no,
                 below(6) ? host6_of(subnet) : PICK("fe80::1", "fe80::2"),
                 PICK("64", "64", "64", "128", "127", "48"));
    else
        snprintf(to, n, "%s %saddress %s/%s", what, no, host_of(subnet),
                 PICK("24", "24", "24", "24", "32", "29", "30", "31", "8"));
}

static void random_bridge(char *to, size_t n)
{
    switch (below(11)) {
    case 0:
        snprintf(to, n, "bridge add %s", bridge());
        break;
    case 5:
        snprintf(to, n, "bridge %s %s %s", bridge(), PICK("spanning-tree", "snooping"),
                 PICK("on", "off"));
        break;
    case 6:
        snprintf(to, n, "bridge %s vlan-aware %s", bridge(), PICK("on", "on", "off"));
        break;
    case 9:
    case 10:
        snprintf(to, n, "bridge %s port %u %s", bridge(), below(PORTS),
                 PICK("isolated on", "isolated off", "learning off", "learning on", "flood off",
                      "flood on", "limit 0", "limit 9", "storm unknown 5", "storm broadcast 0",
                      "storm broadcast 7", "storm multicast 8", "edge on", "edge off"));
        break;
    case 7:
    case 8:
        snprintf(to, n, "bridge %s port %u %svlan %s", bridge(), below(PORTS),
                 PICK("", "", "", "no "),
                 PICK("5 tagged", "5 untagged", "7 untagged", "4094 tagged", "5", "7"));
        break;
    case 1:
        snprintf(to, n, "bridge delete %s", bridge());
        break;
    case 2:
        snprintf(to, n, "bridge %s no port %u", bridge(), below(PORTS));
        break;
    default:
        snprintf(to, n, "bridge %s port %u", bridge(), below(PORTS));
        break;
    }
}

static void random_vlan(char *to, size_t n)
{
    const char *name = PICK("0.5", "0.7", "1.5", "2.4094", "br0.5", "br1.5", "br1.100");
    switch (below(10)) {
    case 0:
        snprintf(to, n, "interface delete %s", name);
        break;
    case 1:
        snprintf(to, n, "interface %s mtu %s", name, PICK("68", "900", "1400", "9000"));
        break;
    case 2:
        snprintf(to, n, "interface %s mac %s", name, mac());
        break;
    case 3:
        snprintf(to, n, "interface %s %s", name, PICK("up", "down"));
        break;
    case 4:
        snprintf(to, n, "interface %s %saddress %s/%s", name, below(4) ? "" : "no ",
                 PICK("10.1.0.1", "10.1.1.1", "2001:db8:10::1", "2001:db8:11::1", "fe80::5"),
                 PICK("24", "31", "64"));
        break;
    case 5:
        snprintf(to, n, "neighbor add %s %s interface %s",
                 PICK("10.1.0.7", "10.1.1.7", "2001:db8:10::7", "fe80::7"), mac(), name);
        break;
    case 6:
        snprintf(to, n, "interface %s %s", name,
                 PICK("advertise on", "advertise off", "advertise lifetime 600", "proxy-arp on",
                      "redirects off", "reverse-path strict", "reverse-path off"));
        break;
    default:
        snprintf(to, n, "interface add %s", name);
        break;
    }
}

/* In another subnet, in any, outside all. */
static const char *gateway(bool ipv6)
{
    if (ipv6)
        return below(4) ? host6_of(below(INTERFACES))
                        : PICK("fe80::1", "fe80::77", "2001:db8:99::1");
    return below(4) ? host() : PICK("100.64.0.1", "169.254.0.1", "10.0.1.3");
}

static void random_way(char *to, size_t n, bool ipv6)
{
    char interface[32] = "", weight[32] = "";
    if (!below(3))
        snprintf(interface, sizeof interface, " interface %s",
                 PICK("0", "1", "2", "br0", "br1", "0.5", "br1.5"));
    if (!below(3))
        snprintf(weight, sizeof weight, " weight %s", PICK("1", "2", "7", "255"));
    snprintf(to, n, " via %s%s%s", gateway(ipv6), interface, weight);
}

static void random_route(char *to, size_t n)
{
    bool ipv6 = !below(3);
    const char *prefix =
        ipv6 ? PICK("::/0", "2001:db8::/32", "2001:db8:f::/48", "2001:db8:1::7/128")
             : PICK("0.0.0.0/0", "10.0.0.0/8", "203.0.113.0/24", "203.0.113.7/32", "10.0.1.3/32");
    if (!below(20)) {
        snprintf(to, n, "route hash symmetric %s", PICK("on", "off"));
        return;
    }
    if (!below(4)) {
        snprintf(to, n, "route delete %s", prefix);
        return;
    }
    size_t length = (size_t)snprintf(to, n, "route add %s", prefix);
    switch (below(6)) {
    case 0:
        snprintf(to + length, n - length, " %s", PICK("blackhole", "unreachable", "prohibit"));
        break;
    case 1:
        snprintf(to + length, n - length, " interface %s", PICK("0", "3", "br0", "br1", "0.7"));
        break;
    default:
        for (unsigned ways = below(2) ? 1 : 1 + below(4); ways; ways--) {
            random_way(to + length, n - length, ipv6);
            length += strlen(to + length);
        }
        break;
    }
}

static void random_setting(char *to, size_t n)
{
    char what[32];
    subject(what, below(INTERFACES));
    const char *where = below(4) ? what : PICK("interface 0.5", "interface br1.5");
    switch (below(6)) {
    case 0:
        snprintf(to, n, "%s reverse-path %s", where, PICK("off", "loose", "strict"));
        break;
    case 1:
        subject(what, below(INTERFACES));
        snprintf(to, n, "interface %s advertise %s", strchr(what, ' ') + 1, PICK("on", "off"));
        break;
    case 2:
        snprintf(to, n, "interface %s %sadvertise %s", PICK("0", "br1"), below(3) ? "" : "no ",
                 PICK("prefix 2001:db8:1::/64", "prefix 2001:db8:77::/64", "dns 2001:db8::53"));
        break;
    case 3:
        snprintf(to, n, "%s proxy-arp %s", where, PICK("on", "off"));
        break;
    default:
        snprintf(to, n, "%s redirects %s", where, PICK("on", "off"));
        break;
    }
}

static void random_station(char *to, size_t n)
{
    unsigned which = below(INTERFACES);
    char where[32];
    subject(where, which);
    switch (below(8)) {
    case 0:
        snprintf(to, n, "neighbor delete %s%s", below(2) ? host() : host6_of(which),
                 PICK("", " interface 0", " interface 0.5"));
        break;
    case 1:
        snprintf(to, n, "fdb delete %s%s%s", mac(), PICK("", " bridge br1"), PICK("", " vlan 5"));
        break;
    case 2:
    case 3:
        snprintf(to, n, "fdb add %s port %u%s%s%s", mac(), below(PORTS),
                 PICK("", "", " bridge br1"), PICK("", " vlan 5", " vlan 7"),
                 PICK("", "", " sticky"));
        break;
    case 4: /* perhaps a gateway's, perhaps one beyond a route to an interface */
        snprintf(to, n, "neighbor add %s %s %s",
                 PICK("100.64.0.1", "169.254.0.1", "203.0.113.7", "fe80::77", "2001:db8:f::9"),
                 mac(), where);
        break;
    case 5:
        snprintf(to, n, "neighbor add %s %s %s", host6_of(which), mac(), where);
        break;
    default:
        snprintf(to, n, "neighbor add %s %s %s", host_of(which), mac(), where);
        break;
    }
}

static void random_v6_address(char *to, size_t n)
{
    unsigned which = below(INTERFACES);
    char what[32];
    subject(what, which);
    if (below(4))
        snprintf(to, n, "%s %saddress 2001:db8:%x::%s/%s", what, below(3) ? "" : "no ",
                 below(6) ? which : below(INTERFACES), PICK("1", "1", "2", "3", ""),
                 PICK("64", "64", "64", "127", "128", "56"));
    else
        snprintf(to, n, "%s %saddress fe80::%s/64", what, below(2) ? "" : "no ", PICK("1", "2"));
}

static void random_advertising(char *to, size_t n)
{
    const char *what =
        PICK("advertise on", "advertise on", "advertise off", "advertise prefix 2001:db8:77::/64",
             "advertise prefix 2001:db8:78::/56", "no advertise prefix 2001:db8:77::/64",
             "advertise dns 2001:db8::53", "no advertise dns 2001:db8::53",
             "advertise lifetime 900", "advertise lifetime 0");
    unsigned which = below(INTERFACES);
    snprintf(to, n, which < PORTS ? "interface %u %s" : "interface br%u %s",
             which < PORTS ? which : which - PORTS, what);
}

static void random_v6(char *to, size_t n)
{
    unsigned which = below(INTERFACES);
    char what[32];
    subject(what, which);
    switch (below(8)) {
    case 0:
        snprintf(to, n, "neighbor add 2001:db8:%x::%s %s %s", which, PICK("7", "1", ""), mac(),
                 what);
        break;
    case 1:
        snprintf(to, n, "neighbor add fe80::%s %s %s", PICK("7", "1", "9"), mac(), what);
        break;
    case 2:
        snprintf(to, n, "route add %s via 2001:db8:%x::9", PICK("::/0", "2001:db8:f::/48"), which);
        break;
    case 3:
        snprintf(to, n, "route add 2001:db8:e::/48 via fe80::%s interface %u", PICK("7", "1"),
                 below(PORTS));
        break;
    case 4:
        snprintf(to, n, "route delete %s", PICK("::/0", "2001:db8:f::/48", "2001:db8:e::/48"));
        break;
    case 5:
        random_advertising(to, n);
        break;
    default:
        random_v6_address(to, n);
        break;
    }
}

static void random_command(char *to, size_t n)
{
    switch (below(24)) {
    case 0:
        snprintf(to, n, "forward %s", PICK("l2", "l3", "l3", "io", "rxonly"));
        break;
    case 1:
        snprintf(to, n, "%s",
                 PICK("start", "stop", "spread on", "spread off", "spread auto", "fdb size 1024",
                      "fdb size 5000", "iommu faults 7"));
        break;
    case 2:
        random_port(to, n, below(PORTS));
        break;
    case 3:
    case 4:
        random_bridge(to, n);
        break;
    case 5:
        random_interface(to, n);
        break;
    case 6:
    case 7:
    case 8:
        random_route(to, n);
        break;
    case 9:
    case 10:
    case 11:
        random_station(to, n);
        break;
    case 12:
    case 13:
        random_vlan(to, n);
        break;
    case 14:
        random_setting(to, n);
        break;
    case 15:
    case 16:
    case 17:
    case 18:
        random_v6(to, n);
        break;
    default:
        random_address(to, n);
        break;
    }
}

/* The property ------------------------------------------------------------------------- */

/* Refused commands change nothing that is configured. */
static void type(const char *line)
{
    if (!run(line))
        strcat(strcat(typed, line), "\n");
    if (!below(4))
        forward_turn();
}

/* Without these many others would be refused most of the time. */
static void prepare(void)
{
    static const char *const lines[] = {
        "bridge add br1",
        "bridge br1 vlan-aware on",
        "bridge br1 port 3",
        "bridge br1 port 4",
        "bridge br1 port 3 vlan 5 tagged",
        "bridge br1 port 4 vlan 5 untagged",
        "interface add br1.5",
        "interface br1.5 address 10.1.1.1/24",
        "interface br1.5 address 2001:db8:11::1/64",
        "interface add 0.5",
        "interface 0.5 address 10.1.0.1/24",
        "interface 0.5 address 2001:db8:10::1/64",
    };
    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
        if (below(8))
            type(lines[i]);
}

static void live(void)
{
    char line[256];
    typed[0] = 0;
    if (below(2))
        prepare();
    for (unsigned n = 1 + below(COMMANDS); n; n--) {
        random_command(line, sizeof line);
        type(line);
    }
}

/* cmocka cuts long messages. */
static void differs(unsigned seed, const char *config, const char *what, const char *then)
{
    fprintf(stderr, "seed %u: typed\n%sgave\n%s%s\n%s", seed, typed, config, what, then);
    fail();
}

/* What the table made of it, but for how many flows a way has: that is a matter of what came and
 * went. */
static void take_state(char state[sizeof text])
{
    assert_int_equal(run("show routes"), 0);
    strcpy(state, text);
    for (char *flows; (flows = strstr(state, " of 256 flows"));) {
        char *begin = flows;
        while (begin[-1] != ' ')
            begin--;
        memmove(begin, flows + strlen(" of 256 flows"),
                strlen(flows + strlen(" of 256 flows")) + 1);
    }
}

/* IPv6 addresses are nobody else's. */
static void settle(void)
{
    for (unsigned i = 0; i < 16; i++) {
        host_advance_us(300000);
        forward_turn();
    }
}

static void comes_back(unsigned seed)
{
    static char config[sizeof text], again[sizeof text], was[sizeof text], is[sizeof text];
    srandom(seed);
    boot();
    begin();
    live();
    settle();
    take_config(config);
    take_state(was);
    end();
    boot();
    if (seed % 2) /* pasted at the prompt of one that runs, instead */
        begin();
    if (run(config))
        differs(seed, config, "which is answered", text);
    if (seed % 2 == 0)
        begin();
    settle();
    take_config(again);
    take_state(is);
    bool whole = !strstr(config, "# not in use: route");
    drop_comments(config);
    drop_comments(again);
    if (strcmp(config, again))
        differs(seed, config, "and that gave", again);
    if (whole && strcmp(was, is))
        differs(seed, was, "before, and after", is);
    end();
}

static void configurations_come_back(void **state)
{
    for (unsigned seed = 1; seed <= SEEDS; seed++)
        comes_back(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(configurations_come_back) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
