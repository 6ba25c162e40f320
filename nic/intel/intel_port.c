/* intel_port.c - what drivers of Intel's NICs do alike (intel_port.h). */
#include "nic/intel/intel_port.h"

#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>

/* Registers ------------------------------------------------------------------ */

/* Looks once more after the limit: it may be us who were away, not the device. */
int intel_wait(enum log_level level, const char *device, const char *name, uint8_t *reg,
               uint32_t mask, uint32_t wanted, uint64_t limit_us)
{
    struct deadline deadline = deadline_us(limit_us);
    uint32_t value;
    bool late;
    do {
        late = deadline_passed(&deadline);
        value = mmio_read32(reg);
        if ((value & mask) == wanted)
            return 0;
    } while (!late);
    log_line(level,
             "%s: %s is %08" PRIx32 " after %" PRIu64 " us, expected %08" PRIx32
             " under mask %08" PRIx32,
             device, name, value, limit_us, wanted, mask);
    return -ETIMEDOUT;
}

void intel_collect(uint8_t *regs, const uint16_t *offsets, unsigned narrow, unsigned count,
                   uint64_t *counters)
{
    for (unsigned i = 0; i < narrow; i++)
        counters[i] += mmio_read32(regs + offsets[i]);
    for (unsigned i = narrow; i < count; i++) {
        uint32_t low = mmio_read32(regs + offsets[i]);
        counters[i] += (uint64_t)mmio_read32(regs + offsets[i] + 4) << 32 | low;
    }
}

struct port_link intel_link(uint32_t up, uint32_t full_duplex, uint32_t speed)
{
    static const uint32_t speeds[] = { 10, 100, 1000, 1000 };
    if (!up)
        return (struct port_link){ 0 };
    return (
        struct port_link){ .up = true, .full_duplex = full_duplex, .speed_mbps = speeds[speed] };
}

void intel_multicast_add(uint32_t table[INTEL_MULTICAST_WORDS], const struct port_rx_mode *mode)
{
    for (uint16_t i = 0; i < mode->multicast_count; i++) {
        const uint8_t *mac = mode->multicast[i];
        uint32_t bit = ((uint32_t)mac[5] << 8 | mac[4]) >> 4;
        table[bit / 32] |= 1u << bit % 32;
    }
}

/* Rings ---------------------------------------------------------------------- */

static struct intel_rxq *rxq(struct port *port, uint16_t index)
{
    return container_of(port->rxq[index], struct intel_rxq, queue);
}

static struct intel_txq *txq(struct port *port, uint16_t index)
{
    return container_of(port->txq[index], struct intel_txq, queue);
}

static const struct dma_memory *pool_of(const struct port *port)
{
    return packet_pool_memory(port->rxq[0]->cache->pool);
}

void intel_rings_drop(struct port *port, uint16_t queues)
{
    for (uint16_t i = 0; i < queues; i++) {
        intel_rxq_drop(rxq(port, i));
        intel_txq_drop(txq(port, i));
    }
}

void intel_rings_destroy(struct port *port, uint16_t queues)
{
    for (uint16_t i = 0; i < queues; i++) {
        intel_rxq_destroy(rxq(port, i), port->dma);
        intel_txq_destroy(txq(port, i), port->dma);
    }
    dma_unshare(port->dma, pool_of(port));
}

int intel_rings_create(struct port *port, uint16_t queues)
{
    int err = dma_share(port->dma, pool_of(port), DMA_BIDIRECTIONAL);
    if (err)
        goto not_shared;
    for (uint16_t i = 0; i < queues && !err; i++) {
        err = intel_rxq_create(rxq(port, i), port->dma);
        if (!err)
            err = intel_txq_create(txq(port, i), port->dma);
    }
    if (!err)
        return 0;
    intel_rings_destroy(port, queues);
not_shared:
    log_error("port %u (%s): no memory for the rings", port->number, port->driver);
    return err;
}
