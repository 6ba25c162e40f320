/* intel_port.c - what drivers of Intel's NICs do alike (intel_port.h). */
#include "nic/intel/intel_port.h"

#include "kernel/task.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Registers ------------------------------------------------------------------ */

/* Looks once more after the limit: it may be us who were away, not the device. */
int intel_wait(enum log_level level, const char *device, const char *name, uint8_t *reg,
               uint32_t mask, uint32_t wanted, uint64_t limit_us)
{
    struct deadline deadline = deadline_us(limit_us);
    uint32_t value;
    bool late = deadline_passed(&deadline);
    for (;; late = task_deadline_passed(&deadline)) {
        value = mmio_read32(reg);
        if ((value & mask) == wanted)
            return 0;
        if (late)
            break;
    }
    log_line(level,
             "%s: %s is %08" PRIx32 " after %" PRIu64 " us, expected %08" PRIx32
             " under mask %08" PRIx32,
             device, name, value, limit_us, wanted, mask);
    return -ETIMEDOUT;
}

uint32_t intel_status(const char *device, const uint8_t *status, bool *gone)
{
    uint32_t value = mmio_read32(status);
    bool now = value == UINT32_MAX;
    if (now && !*gone)
        log_error("%s: STATUS is ffffffff, the device does not answer any more", device);
    *gone = now;
    return now ? 0 : value;
}

/* Address and NVM ------------------------------------------------------------ */

#define RAH 4u /* behind RAL */
#define RAH_AV 0x80000000u
#define EERD_DATA 0xffff0000u
#define EERD_US (10 * US_PER_MS) /* a word takes some 50 us at the EEPROM's 1 MHz */

bool intel_mac_read(const uint8_t *ral, uint8_t mac[MAC_LEN])
{
    uint32_t low = mmio_read32(ral), high = mmio_read32(ral + RAH);
    memcpy(mac, &low, 4);
    memcpy(mac + 4, &high, 2);
    return (high & RAH_AV) && mac_is_station(mac);
}

void intel_mac_write(uint8_t *ral, const uint8_t *mac, uint32_t flags)
{
    uint32_t low = 0, high = 0;
    if (mac) {
        memcpy(&low, mac, 4);
        memcpy(&high, mac + 4, 2);
        high |= RAH_AV | flags;
    }
    mmio_write32(ral + RAH, 0);
    mmio_write32(ral, low);
    if (high)
        mmio_write32(ral + RAH, high);
}

int intel_nvm_read(const char *device, uint8_t *eerd, uint32_t start, uint32_t done,
                   uint16_t *value)
{
    mmio_write32(eerd, start);
    int err = intel_wait(LOG_ERROR, device, "EERD", eerd, done, done, EERD_US);
    if (!err)
        *value = (uint16_t)FIELD_GET(EERD_DATA, mmio_read32(eerd));
    return err;
}

/* Counters and link ---------------------------------------------------------- */

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
