/* provision.c - shares of the memory (provision.h). */
#include "apps/forward/provision.h"

#include "kernel/compiler.h"
#include "kernel/cpus.h"
#include "kernel/memory.h"
#include "nic/packet.h"
#include "nic/port.h"

#define PACKETS_MAX 16384u    /* 32 MiB of frames, unless many ports need more */
#define PACKETS_BETWEEN 1024u /* in flight between rings: bursts and what floods copy of them */
#define PACKETS_SHARE 8u      /* of all memory, one part holds frames */
#define PACKETS_SHARE_MOST 2u /* and of what is free never more than one part */
#define OTHERS_RESERVE (192u * 1024u) /* consoles, tasks, what commands take for a moment */

/* What the ports' rings can hold at once: receive rings are filled however many of those kept for a
 * port there will be (`port N queues`), transmit rings as there are CPUs; and so of the ports that
 * VFs will be. */
static uint64_t packets_in_rings(void)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < port_count(); i++) {
        const struct port *port = port_get(i);
        if (!port)
            continue;
        const struct port_limits *limits = &port->limits;
        uint64_t kept = port_queues_kept(limits->rx_queues_max, cpus_count());
        count += kept * limits->rx_size_default;
        count += min_u64(limits->tx_queues_max, cpus_count()) * limits->tx_size_default;
        count += (uint64_t)port->vf_max * (limits->rx_size_default + limits->tx_size_default);
    }
    return count;
}

uint32_t provision_packets(const struct memory_stats *memory)
{
    uint64_t share =
        min_u64(memory->total / PACKETS_SHARE / PACKET_BLOCK * PACKETS_IN_BLOCK, PACKETS_MAX);
    uint64_t most = memory->free / PACKETS_SHARE_MOST / PACKET_BLOCK * PACKETS_IN_BLOCK;
    uint64_t between = PACKETS_BETWEEN + (cpus_count() - 1) * PACKET_CACHE_SIZE;
    while (packets_in_rings() + between > most && ports_shorten_rings())
        ;
    return (uint32_t)min_u64(max_u64(share, packets_in_rings() + between), most);
}

/* What the port still takes with all the queues that are kept for it; one that runs has what its
 * queues need. */
static uint64_t queues_need(const struct port *port)
{
    const struct port_limits *l = &port->limits;
    uint64_t most = port_memory(port, port_queues_kept(l->rx_queues_max, cpus_count()),
                                port_queues_kept(l->tx_queues_max, cpus_count()));
    uint64_t has =
        port->state == PORT_RUNNING ? port_memory(port, port->rx_queues, port->tx_queues) : 0;
    return most > has ? most - has : 0;
}

/* The IOMMU's tables for the packets are eight bytes a page in each domain. */
uint64_t provision_ports(uint32_t packets)
{
    uint64_t bytes = OTHERS_RESERVE, mapped = packet_buffer_offset(packets);
    for (unsigned i = 0; i < port_count(); i++) {
        const struct port *port = port_get(i);
        if (!port)
            continue;
        uint64_t fence = port->dma && port->dma->domain ? mapped * sizeof(uint64_t) / PAGE_SIZE : 0;
        bytes += queues_need(port) + (port->state == PORT_RUNNING ? 0 : fence);
        bytes += (port->vf_max - port->vf_count) * (port_memory(port, 1, 1) + fence);
    }
    return bytes;
}
