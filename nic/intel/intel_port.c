/* intel_port.c - what ports over Intel's NICs do alike (intel_port.h). */
#include "nic/intel/intel_port.h"

#include "nic/rss.h"

#include <stdlib.h>
#include <string.h>

/* Link ----------------------------------------------------------------------- */

struct port_link intel_link(uint32_t up, uint32_t full_duplex, uint32_t speed)
{
    static const uint32_t speeds[] = { 10, 100, 1000, 1000 };
    if (!up)
        return (struct port_link){ 0 };
    return (
        struct port_link){ .up = true, .full_duplex = full_duplex, .speed_mbps = speeds[speed] };
}

struct port_link intel_link_of(uint32_t status)
{
    return intel_link(status & INTEL_STATUS_LU, status & INTEL_STATUS_FD,
                      FIELD_GET(INTEL_STATUS_SPEED, status));
}

void intel_link_on(const struct intel_device *d, uint32_t clear, uint32_t set)
{
    static const uint16_t flow_control[] = { INTEL_FCAL, INTEL_FCAH, INTEL_FCT, INTEL_FCTTV };
    intel_change(d, INTEL_CTRL, INTEL_CTRL_LINK_FORCED | INTEL_CTRL_MASTER_DISABLE | clear,
                 INTEL_CTRL_SLU | set);
    for (unsigned i = 0; i < ARRAY_SIZE(flow_control); i++)
        intel_write(d, flow_control[i], 0);
}

/* Settings ------------------------------------------------------------------- */

/* QEMU's 8254x hold reception back for a second after every write of RCTL: no idle ones. */
void intel_receiver_on(struct intel_device *d, const struct port_rx_mode *mode, uint32_t more)
{
    uint32_t rctl = INTEL_RCTL_EN | INTEL_RCTL_BAM | INTEL_RCTL_LPE | FIELD_PUT(INTEL_RCTL_MO, 0u) |
                    more | (mode->promiscuous ? INTEL_RCTL_UPE | INTEL_RCTL_MPE : 0) |
                    (mode->all_multicast ? INTEL_RCTL_MPE : 0);
    if (rctl != d->rctl)
        intel_write(d, INTEL_RCTL, rctl);
    d->rctl = rctl;
    intel_flush(d);
}

void intel_multicast_add(uint32_t table[INTEL_MTA_REGS], const struct port_rx_mode *mode)
{
    for (uint16_t i = 0; i < mode->multicast_count; i++) {
        uint32_t bit = intel_multicast_hash(mode->multicast[i]);
        table[bit / 32] |= 1u << bit % 32;
    }
}

void intel_multicast_write(const struct intel_device *d, const struct port_rx_mode *mode)
{
    uint32_t table[INTEL_MTA_REGS] = { 0 };
    intel_multicast_add(table, mode);
    for (uint32_t i = 0; i < INTEL_MTA_REGS; i++)
        intel_write(d, INTEL_MTA(i), table[i]);
}

void intel_rss_write(const struct intel_device *d, uint32_t queues)
{
    for (uint32_t i = 0; i < INTEL_RSSRK_REGS; i++) {
        uint32_t four;
        memcpy(&four, rss_key() + 4 * i, sizeof four);
        intel_write(d, INTEL_RSSRK(i), four);
    }
    for (uint32_t i = 0; i < INTEL_RETA_REGS; i++) {
        uint32_t entries = 0;
        for (uint32_t n = 0; n < 4; n++)
            entries |= (4 * i + n) % queues << 8 * n;
        intel_write(d, INTEL_RETA(i), entries);
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

void intel_rx_offloads(struct port *port, uint16_t queues, uint32_t offloads, bool device_strips)
{
    for (uint16_t i = 0; i < queues; i++)
        intel_rx_set_tags(rxq(port, i), device_strips, offloads & PORT_OFFLOAD_VLAN_STRIP);
}

void intel_tx_offloads(struct port *port, uint16_t queues, uint32_t offloads)
{
    for (uint16_t i = 0; i < queues; i++)
        store_relaxed(&txq(port, i)->insert, offloads & PORT_OFFLOAD_VLAN_INSERT);
}

void intel_offloads_write(const struct intel_device *d, struct port *port, uint16_t queues,
                          uint32_t offloads, bool device_strips)
{
    intel_rx_offloads(port, queues, offloads, device_strips || offloads);
    if (offloads) {
        intel_change(d, INTEL_CTRL, 0, INTEL_CTRL_VME);
        intel_flush(d);
    }
    intel_tx_offloads(port, queues, offloads);
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

/* Probe ---------------------------------------------------------------------- */

void intel_port_remove(struct port *port)
{
    port_stop(port);
    port_unregister(port);
    port->pci->driver_data = NULL;
    free(port->priv);
}
