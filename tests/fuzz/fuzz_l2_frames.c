/* Frames of any bytes and lengths through every mode and two bridges, while links fall, ports
 * go and come, change their bridge, transmit rings fill and modes change.  Whatever comes: the law
 * of conservation of apps/forward/stats.h holds after every turn, the bridge sends no frame back to
 * where it came from, and at the end every packet is back. */
#include "apps/bridge/bridge.h"
#include "kernel/time.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"
#include "tests/models/lan.h"

#include <stdlib.h>
#include <string.h>

#define PORTS 3u
#define AGE_US (1024 * US_PER_S) /* longer than anything waits */
#define STEP_US 7000000ull       /* long steps, so that stations age */
/* Ports that go and come, bridges and modes are short to write and long to do: beyond so many they
 * are left out, for an input is for its frames. */
#define CHANGES_MAX 16u

static struct input input;
static unsigned changes;

static uint8_t byte(void)
{
    return (uint8_t)take_value(&input, 1);
}

static const char *const modes[] = { "l2", "io", "mac", "macswap", "rxonly", "l2", "l2", "l2" };

/* Short inputs reach few stations: the first byte of an address chooses one of
 * a handful, or lets the following bytes stand. */
static void take_mac(uint8_t *mac)
{
    static const uint8_t known[][MAC_LEN] = { { 2, 0, 0, 0, 0, 1 },
                                              { 2, 0, 0, 0, 0, 2 },
                                              { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff },
                                              { 1, 0x80, 0xc2, 0, 0, 0 } };
    uint8_t which = byte();
    for (unsigned i = 0; i < MAC_LEN; i++)
        mac[i] = which < ARRAY_SIZE(known) ? known[which][i] : byte();
}

static void take_frame(void)
{
    uint8_t frame[FRAME_MAX] = { 0 };
    unsigned port = byte() % PORTS;
    uint32_t length = byte() * 8u;
    take_mac(frame);
    take_mac(frame + MAC_LEN);
    for (unsigned i = 2 * MAC_LEN; i < 24; i++)
        frame[i] = byte();
    frame[24] = (uint8_t)port; /* where it came from, for check_sent() */
    wire_put(lan[port], frame, length);
}

static void check_sent(void)
{
    static uint8_t frame[FRAME_MAX];
    for (unsigned i = 0; i < PORTS; i++)
        for (uint32_t n; (n = wire_take(lan[i], frame, sizeof frame));) {
            must(n <= 24 || frame[24] != i);
            outcome(frame, n);
        }
}

/* What IP does with a bridge's own frames is another fuzzer's. */
static void hear(struct worker *worker, struct interface *interface, struct packet **packets,
                 uint16_t n)
{
    for (uint16_t i = 0; i < n; i++)
        forward_consume(worker, packets[i]);
}

static void take_bridge(struct port *port, uint8_t what)
{
    const struct member *member = member_of(port->number);
    struct bridge *bridge = bridge_find("br1");
    if (!bridge && !bridge_add("br1"))
        bridge = bridge_find("br1");
    must(bridge);
    interface_set_input(bridge->interface, hear);
    if (what & 1)
        bridge_add_port(bridge, port);
    else if (member && !member->automatic)
        bridge_remove_port(port);
    if (what & 2)
        bridge->interface->addresses ^= 1;
    if (what & 4)
        bridge_delete(bridge);
}

static void take_change(struct port *port, uint8_t kind, uint8_t what)
{
    if (changes++ >= CHANGES_MAX)
        return;
    if (kind == 1)
        forward_port_down(port);
    else if (kind == 2)
        forward_port_up(port);
    else if (kind == 4)
        forward_set_mode(forward_find_mode(modes[what % ARRAY_SIZE(modes)]));
    else
        take_bridge(port, what);
}

static void take_event(void)
{
    struct wire_port *wire = lan[byte() % PORTS];
    uint8_t kind = byte() % 7;
    if (kind == 0)
        wire->link_up = !wire->link_up;
    else if (kind == 3)
        wire->room = wire->room == WIRE_ROOM_ALL ? byte() % 4 : WIRE_ROOM_ALL;
    else if (kind == 6)
        host_advance_us(STEP_US * byte());
    else
        take_change(&wire->port, kind, kind >= 4 ? byte() : 0);
}

/* One appliance for all inputs: making one takes longer than an input. */
static void begin(void)
{
    static bool begun;
    if (!begun)
        lan_start(PORTS, "l2");
    begun = true;
}

/* All ports up, one bridge without stations, and whatever is done every so often is due. */
static void as_new(void)
{
    for (unsigned i = 0; i < PORTS; i++) {
        lan[i]->link_up = true;
        lan[i]->room = WIRE_ROOM_ALL;
        forward_port_up(&lan[i]->port);
    }
    if (bridge_find("br1"))
        bridge_delete(bridge_find("br1"));
    forward_set_mode(forward_find_mode("io"));
    forward_set_mode(forward_find_mode("l2"));
    lan_run();
    host_set_time_us(ALIGN_UP(time_us() + AGE_US, AGE_US));
    forward_turn();
}

static void end(void)
{
    const struct packet_cache *cache = &control_worker()->cache;
    for (unsigned i = 0; i < PORTS; i++)
        forward_port_up(&lan[i]->port);
    lan_run();
    lan_check_conservation();
    check_sent();
    as_new();
    check_sent();
    must(packet_pool_available(cache->pool) + cache->count == LAN_PACKETS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = (struct input){ data, size };
    changes = 0;
    outcome(NULL, 0);
    begin();
    while (input.size) {
        uint8_t what = byte();
        if (what & 0x80)
            take_event();
        else
            take_frame();
        if (what & 0x40)
            continue; /* several of them in one turn */
        forward_turn();
        must(lan_is_conserved());
        check_sent();
    }
    end();
    return 0;
}
