/* lan.c - an appliance of a few wire ports (lan.h). */
#include "tests/models/lan.h"

#include "tests/host/host.h"
#include "tests/host/test.h"
#include "tests/models/law.h"

#include <string.h>

#define TURNS_MAX 10000u
#define NUMBER_AT 20u /* behind the addresses and the type */
#define FRAME_SHORTEST 60u

struct wire_port *lan[LAN_PORTS_MAX];
struct lan_frame lan_last;
static unsigned lan_ports;

void lan_start(unsigned ports, const char *mode)
{
    host_reset();
    port_reset_registry();
    assert_int_equal(forward_init(LAN_PACKETS), 0);
    lan_ports = ports;
    for (unsigned i = 0; i < ports; i++)
        lan[i] = wire_port_create();
    assert_non_null(forward_find_mode(mode));
    assert_int_equal(forward_set_mode(forward_find_mode(mode)), 0);
    forward_start();
    forward_turn();
}

void lan_stop(void)
{
    forward_shutdown();
    assert_false(host_log_contains("packets are missing"));
    for (unsigned i = 0; i < lan_ports; i++)
        wire_port_destroy(lan[i]);
    lan_ports = 0;
}

void lan_run(void)
{
    for (unsigned i = 0; i < TURNS_MAX; i++) {
        bool idle = !forward_turn();
        for (unsigned k = 0; k < lan_ports; k++)
            idle =
                idle && (lan[k]->in.head == lan[k]->in.tail || lan[k]->port.state != PORT_RUNNING);
        if (idle)
            return;
    }
    fail_msg("still busy after %u turns", TURNS_MAX);
}

static void store_mac(uint8_t *to, uint64_t mac)
{
    for (unsigned i = 0; i < MAC_LEN; i++)
        to[i] = (uint8_t)(mac >> 8 * (MAC_LEN - 1 - i));
}

void lan_frame(struct lan_frame *frame, uint64_t destination, uint64_t source, uint32_t number)
{
    frame->length = FRAME_SHORTEST;
    memset(frame->bytes, 0, FRAME_SHORTEST);
    store_mac(frame->bytes, destination);
    store_mac(frame->bytes + MAC_LEN, source);
    frame->bytes[12] = 0x88; /* IEEE 802 local experimental ethertype 1 */
    frame->bytes[13] = 0xb5;
    memcpy(frame->bytes + NUMBER_AT, &number, sizeof number);
}

void lan_send(unsigned port, uint64_t destination, uint64_t source, uint32_t number)
{
    struct lan_frame frame;
    lan_frame(&frame, destination, source, number);
    wire_put(lan[port], frame.bytes, frame.length);
}

int64_t lan_receive(unsigned port)
{
    uint32_t number;
    lan_last.length = wire_take(lan[port], lan_last.bytes, sizeof lan_last.bytes);
    if (!lan_last.length)
        return -1;
    memcpy(&number, lan_last.bytes + NUMBER_AT, sizeof number);
    return number;
}

uint64_t lan_drops(unsigned port, enum drop_reason why)
{
    struct port_totals t;
    stats_port_totals(&lan[port]->port, &t);
    return t.counters.drops[why];
}

void lan_check_conservation(void)
{
    uint64_t in = 0, out = forward_held();
    for (unsigned i = 0; i < lan_ports; i++) {
        struct port_totals t;
        stats_port_totals(&lan[i]->port, &t);
        in += t.rx_packets + t.counters.originated + t.counters.copied;
        out += t.tx_packets + t.counters.consumed + t.rx_dropped + t.tx_dropped;
    }
    assert_int_equal(in, out);
}

bool lan_is_conserved(void)
{
    uint64_t in = 0, out = forward_held();
    for (unsigned i = 0; i < lan_ports; i++)
        law_add(&lan[i]->port, &in, &out);
    return in == out;
}
