/* A hostile 8254x or 82574L: it returns receive descriptors as the input says, writes
 * what it likes into both rings and shows any status, while the port receives, sends,
 * changes its VLAN and what it listens for, and restarts.  Frames handed up keep the rules of
 * nic/packet.h, and in the end every packet is back in the pool, once. */
#include "nic/port.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"
#include "tests/models/conformance.h"
#include "tests/models/e1000_model.h"

#include <stdlib.h>
#include <string.h>

#define POOL_PACKETS 256u /* cleared for each input */
#define RING 64u

static const uint8_t address[MAC_LEN] = { 0x52, 0x54, 0, 1, 2, 3 };
static struct e1000_model model;
static struct packet_pool *pool;
static struct packet_cache cache;

static void receive(struct port *port)
{
    struct packet *p[8];
    uint16_t n = port_rx_burst(port->rxq[0], p, 8);
    for (uint16_t i = 0; i < n; i++)
        check_frame(port, p[i]);
    packet_free_burst(&cache, p, n);
}

static void send(struct port *port, uint16_t shape)
{
    static const uint8_t bytes[1600];
    uint32_t length = shape % 1600u, segment = length > 300 ? PACKET_ROOM : 1 + shape % 251u;
    for (unsigned i = 0; i < 1u + shape % 16u; i++) {
        struct packet *p = conformance_packet(&cache, bytes, length, segment);
        if (p && !port_tx_burst(port->txq[0], &p, 1))
            packet_free(&cache, p);
    }
}

/* Half lies: believable often enough that frames get through. */
static void return_descriptor(struct input *in)
{
    static const uint16_t lengths[] = { 0, 3, 60, 128, 1514, 1518, 2048, 2049 };
    uint8_t flags = (uint8_t)take_value(in, 1);
    uint64_t length = flags & 2 ? take_value(in, 2) : lengths[flags >> 2 & 7];
    uint64_t errors = flags & 0x80 ? take_value(in, 1) << 40 : 0;
    /* tag taken off and header checked, as the port might want it */
    errors |= flags & 0x20 ? E1000_RXD_VP | E1000_RXD_IPCS | 5ull << 48 : 0;
    for (unsigned i = 0; i < (flags & 0x40 ? FRAME_SEGMENTS_MAX : 0u); i++)
        e1000_model_rx_return(&model, length | E1000_RXD_DD);
    e1000_model_rx_return(&model, length | errors | E1000_RXD_DD | (flags & 1 ? E1000_RXD_EOP : 0));
}

static void set_mtu(struct port *port, struct input *in)
{
    static const uint16_t usual[] = { MTU_DEFAULT, 9000, 16110, 2000 };
    uint8_t which = (uint8_t)take_value(in, 1);
    port_set_mtu(port, which & 0x80 ? (uint16_t)take_value(in, 2) : usual[which % 4]);
}

static void set_offloads(struct port *port, struct input *in)
{
    port_set_offloads(port, (uint32_t)take_value(in, 1) % 4);
}

static void listen(struct port *port, struct input *in)
{
    static const uint8_t more[3][MAC_LEN] = { { 2, 9 }, { 2, 8 }, { 2, 7 } };
    uint8_t what = (uint8_t)take_value(in, 1);
    struct port_rx_mode mode = { .promiscuous = what & 4, .unicast = more };
    mode.unicast_count = what & 3;
    port_set_rx_mode(port, &mode);
    port_vlan_filter(port, (uint16_t)(what * 16 + 1), what & 8);
}

static uint64_t ring_at(uint32_t base)
{
    return (uint64_t)model.regs[(base + 4) / 4] << 32 | model.regs[base / 4];
}

/* The device is done with everything there is to send, and with what there is not. */
static void finish_transmission(void)
{
    for (uint32_t i = 0; i < RING; i++) {
        uint64_t command, at = ring_at(E1000_TDBAL) + 16ull * i + 8;
        if (host_dma_read(&model.function->dma, at, &command, sizeof command))
            return;
        command |= E1000_TXD_DD;
        host_dma_write(&model.function->dma, at, &command, sizeof command);
    }
}

/* One word anywhere in the receive or transmit ring. */
static void scribble(uint32_t base, struct input *in)
{
    uint64_t at = ring_at(base);
    uint32_t offset = (uint32_t)take_value(in, 2) % (RING * 16 / 8) * 8;
    uint64_t value = take_value(in, 8);
    host_dma_write(&model.function->dma, at + offset, &value, sizeof value);
}

static void step(struct port *port, struct input *in)
{
    struct port_device_stats stats;
    switch (take_value(in, 1) % 13) {
    case 0:
        return_descriptor(in);
        break;
    case 1:
        e1000_model_rx_return(&model, take_value(in, 8));
        break;
    case 2:
        receive(port);
        break;
    case 3:
        send(port, (uint16_t)take_value(in, 2));
        break;
    case 4:
        finish_transmission();
        break;
    case 5:
        scribble(E1000_RDBAL, in);
        break;
    case 6:
        scribble(E1000_TDBAL, in);
        break;
    case 7:
        set_mtu(port, in);
        break;
    case 8:
        port_stop(port);
        port_start(port);
        break;
    case 9:
        model.regs[INTEL_STATUS / 4] = (uint32_t)take_value(in, 4);
        port_poll_link(port);
        break;
    case 10:
        set_offloads(port, in);
        break;
    case 11:
        listen(port, in);
        break;
    default:
        e1000_model_count(&model, 0x4000 + (uint32_t)take_value(in, 1) / 4 * 4, 1u << 31);
        port->ops->stats(port, &stats);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&cache, pool);
    e1000_model_init_as(&model, address, (enum e1000_model_kind)(take_value(&in, 1) % E1000_KINDS));
    must(pci_probe_drivers() == 1);
    struct port *port = port_get(0);
    port->rxq[0]->cache = port->txq[0]->cache = &cache;
    port->rxq[0]->size = port->txq[0]->size = RING;
    must(port_start(port) == 0);
    while (in.size && port->state == PORT_RUNNING)
        step(port, &in);
    model.function->driver->remove(model.function);
    packet_cache_flush(&cache);
    must(packet_pool_available(pool) == POOL_PACKETS);
    packet_pool_destroy(pool);
    must(host_dma_mapped(&model.function->dma) == 0);
    harness_end();
    return 0;
}
