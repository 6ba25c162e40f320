/* A virtio network device whose registers are as the input says, by PCI (modern, transitional) or
 * as a window of memory (MMIO): where its structures lie, what it offers, and what it answers.
 * Probing, starting and setting end, and in the end every packet and page is back.  What such a
 * device does to its rings is fuzz_virtqueue.c's; consoles are left out, for nothing takes a
 * terminal away again. */
#include "kernel/time.h"
#include "nic/port.h"
#include "pci/pci.h"
#include "pci/sriov.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"
#include "tests/models/conformance.h"
#include "tests/models/pcispace.h"
#include "virtio/virtio.h"
#include "virtio/virtio_mmio.h"

#include <string.h>

#define POOL 160u
#define WINDOW 0x10000000u /* of MMIO */
#define MEMORY_BAR 4u
#define BAR_SIZE 0x4000u
#define CONFIG 0x2000u
#define LEGACY 0x3000u /* registers of BAR 0 lie here in `regs` */
#define LEGACY_SIZE 0x40u
#define STEPS_MAX 64u

enum { MODERN, TRANSITIONAL, MMIO, KINDS };

static struct input in;
static struct pcispace_device device;
static struct packet_cache cache;
static uint8_t regs[BAR_SIZE];
static unsigned kind;
static bool lies; /* a read may be answered from the input */
static uint64_t features;

static uint8_t byte(void)
{
    return (uint8_t)take_value(&in, 1);
}

/* The device -------------------------------------------------------------------------- */

static void put(unsigned at, uint64_t value, unsigned size)
{
    memcpy(regs + at, &value, size);
}

static uint32_t features_half(unsigned select_at)
{
    return (uint32_t)(features >> 32 * (regs[select_at] & 1));
}

static uint64_t read_reg(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    uint64_t at = bar == 0 ? LEGACY + offset : offset, value = 0;
    must(at + size <= sizeof regs);
    if (lies && (byte() & 1))
        return take_value(&in, size);
    if (kind != MMIO && at == 4)
        return features_half(0);
    if (kind == MMIO && at == 0x10)
        return features_half(0x14);
    if (at == LEGACY)
        return (uint32_t)features;
    memcpy(&value, regs + at, size);
    return value;
}

static void write_reg(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    uint64_t at = bar == 0 ? LEGACY + offset : offset;
    must(at + size <= sizeof regs);
    memcpy(regs + at, &value, size);
}

static uint64_t window_read(void *ctx, uint64_t offset, unsigned size)
{
    return read_reg(ctx, MEMORY_BAR, offset, size);
}

static void window_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    write_reg(ctx, MEMORY_BAR, offset, size, value);
}

/* virtio 1.2 5.1.4: MAC, status, pairs of queues, MTU. */
static void put_config(unsigned at)
{
    put(at, 0x010000000002, 6);
    put(at + 6, 1, 2);
    put(at + 8, 1, 2);
    put(at + 10, MTU_DEFAULT, 2);
}

static void make_registers(void)
{
    memset(regs, 0, sizeof regs);
    if (kind == MMIO) { /* 4.2.2 */
        put(0x00, 0x74726976, 4);
        put(0x04, 1 + (byte() & 1), 4);
        put(0x08, VIRTIO_ID_NET, 4);
        put(0x34, 64, 4);
        put_config(0x100);
    } else { /* 4.1.4.3, 4.1.4.10 */
        put(0x12, 3, 2);
        put(0x18, 64, 2);
        put_config(CONFIG);
        put(LEGACY + 0x0c, 64, 2);
        put_config(LEGACY + 0x14);
    }
    for (unsigned n = byte() % 8; n--;)
        put((unsigned)take_value(&in, 2) % sizeof regs, byte(), 1);
}

/* struct virtio_pci_cap, 4.1.4. */
static void add_structure(uint8_t type, uint32_t offset, uint32_t length, uint32_t multiplier)
{
    uint8_t bytes[20] = { 0x09, 0, sizeof bytes, type, MEMORY_BAR };
    memcpy(bytes + 8, &offset, 4);
    memcpy(bytes + 12, &length, 4);
    memcpy(bytes + 16, &multiplier, 4);
    pcispace_capability(&device, bytes, sizeof bytes);
}

static void plug(void)
{
    pcispace_reset();
    memset(&device, 0, sizeof device);
    pcispace_device_init(&device, 0x1af4, kind == MODERN ? 0x1040 + VIRTIO_ID_NET : 0x1000,
                         0x020000);
    device.bar[0] = (struct pcispace_bar){ .size = LEGACY_SIZE, .io = true };
    device.bar[MEMORY_BAR] = (struct pcispace_bar){ .size = BAR_SIZE };
    device.bar_read = read_reg;
    device.bar_write = write_reg;
    add_structure(1, 0, 0x38, 0);
    add_structure(2, 0x1000, 0x1000, 4);
    add_structure(4, CONFIG, 0x1000, 0);
    for (unsigned n = byte() % 8; n--;)
        device.config[0x40 + byte() % 0x40] = byte();
    pcispace_add(&device, NULL, 2, 0);
    pci_scan();
    pci_probe_drivers();
}

static void find(void)
{
    struct virtio_mmio_slot slot = { WINDOW, sizeof regs };
    host_add_mmio(&(struct host_window){ WINDOW, sizeof regs, window_read, window_write, NULL });
    virtio_mmio_probe(&slot, 1);
}

/* What is done with it ------------------------------------------------------------------ */

static void send(struct port *port)
{
    static const uint8_t bytes[MTU_DEFAULT];
    struct packet *p = conformance_packet(&cache, bytes, FRAME_MIN + byte() * 4u, PACKET_ROOM);
    if (p && !port_tx_burst(port->txq[0], &p, 1))
        packet_free(&cache, p);
}

static void receive(struct port *port)
{
    struct packet *p[8];
    uint16_t n = port_rx_burst(port->rxq[0], p, 8);
    for (uint16_t i = 0; i < n; i++)
        check_frame(port, p[i]);
    packet_free_burst(&cache, p, n);
}

static void step(struct port *port)
{
    const struct port_rx_mode mode = { .promiscuous = true };
    switch (byte() % 6) {
    case 0:
        port_poll_link(port);
        break;
    case 1:
        receive(port);
        break;
    case 2:
        send(port);
        break;
    case 3:
        port_set_mtu(port, (uint16_t)take_value(&in, 2));
        break;
    case 4:
        port_set_rx_mode(port, &mode);
        break;
    default:
        port_stop(port);
        port_start(port);
        break;
    }
}

static void use(struct port *port)
{
    for (unsigned i = 0; i < port_queues_limit(port); i++)
        port->rxq[i]->cache = port->txq[i]->cache = &cache;
    must(port->mtu >= MTU_MIN && port_frame_limit(port) <= port->limits.max_frame);
    must(port->state == PORT_FAILED || mac_is_station(port->mac));
    if (port_start(port))
        return;
    for (unsigned i = 0; i < STEPS_MAX && in.size && port->state == PORT_RUNNING; i++)
        step(port);
    port_stop(port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    in = (struct input){ data, size };
    kind = byte() % KINDS;
    lies = byte() & 1;
    features = take_value(&in, 8) ^ VIRTIO_BIT(VIRTIO_F_VERSION_1);
    host_set_look_us(10 * US_PER_MS);
    struct packet_pool *pool = packet_pool_create(POOL);
    packet_cache_init(&cache, pool);
    make_registers();
    if (kind == MMIO)
        find();
    else
        plug();
    if (port_get(0))
        use(port_get(0));
    if (kind == MMIO)
        virtio_mmio_remove_all();
    else if (pci_first())
        pci_remove_function(pci_first());
    packet_cache_flush(&cache);
    must(packet_pool_available(pool) == POOL);
    packet_pool_destroy(pool);
    harness_end();
    return 0;
}
