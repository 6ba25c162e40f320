/* txonly.c - modes txonly and flowgen: send test frames out of every port.  What comes in
 * meanwhile is consumed. */
#include "apps/forward/forward.h"
#include "apps/modes/settings.h"
#include "apps/modes/test_frame.h"

static void consume_burst(struct worker *worker, struct port *in, struct packet **packets,
                          uint16_t n)
{
    counter_add(&forward_counters(worker, in->number)->consumed, n);
    packet_free_burst(&worker->cache, packets, n);
}

/* Packets that are all under way come back as they are sent. */
static uint16_t begin_burst(struct worker *worker, struct port *out, struct packet **packets,
                            unsigned *queue)
{
    const struct port_queue *txq = forward_tx_queue(worker, out);
    if (!txq || !forward_takes_part(out))
        return 0;
    *queue = txq->index;
    uint16_t n = test_frames_due(out, *queue, forward_burst());
    return n && test_frames_alloc(&worker->cache, packets, n) ? n : 0;
}

static void send_same(struct worker *worker, struct port *out)
{
    struct packet *packets[PORT_BURST];
    unsigned queue;
    uint16_t n = begin_burst(worker, out, packets, &queue);
    for (uint16_t i = 0; i < n; i++)
        test_frame_build(out, packets[i], &test_flow_first);
    if (n)
        forward_offer(worker, out, packets, n);
}

/* Addresses and ports as testpmd's flowgen has them (seen in DPDK's flowgen.c); each flow has a
 * destination of its own. */
static void send_flows(struct worker *worker, struct port *out)
{
    struct packet *packets[PORT_BURST];
    unsigned queue;
    struct mode_port *mp = mode_port_get(out->number);
    uint16_t n = mp ? begin_burst(worker, out, packets, &queue) : 0;
    for (uint16_t i = 0; i < n; i++) {
        uint32_t *flow = &mp->next_flow[queue];
        *flow = *flow + 1 < mode_flows() ? *flow + 1 : 0;
        test_frame_build(out, packets[i],
                         &(struct test_flow){ .source = 0x0afe0000, /* 10.254.0.0 */
                                              .destination = 0x0afd0000 + *flow,
                                              .source_port = 1000,
                                              .destination_port = 1001 });
    }
    if (n)
        forward_offer(worker, out, packets, n);
}

static void txonly_turn(struct worker *worker)
{
    for (unsigned i = 0; i < port_count(); i++)
        if (port_get(i))
            send_same(worker, port_get(i));
}

static void flowgen_turn(struct worker *worker)
{
    for (unsigned i = 0; i < port_count(); i++)
        if (port_get(i))
            send_flows(worker, port_get(i));
}

FORWARD_MODE(txonly_mode) = {
    .name = "txonly",
    .help = "send test frames out of every port (set txpkts, set txrate)",
    .burst = consume_burst,
    .turn = txonly_turn,
};

FORWARD_MODE(flowgen_mode) = {
    .name = "flowgen",
    .help = "send test frames of many flows out of every port (set flowgen-flows)",
    .burst = consume_burst,
    .turn = flowgen_turn,
};
