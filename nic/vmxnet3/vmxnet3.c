/* vmxnet3.c - VMware's paravirtual network device as a port, revisions 1 to 4 of it.
 *
 * Sources: named in vmxnet3_regs.h, for there is no document; the order of steps is Linux's and
 * iPXE's.  Compared with QEMU's device (revision 1, frames received by queue 0 only), whose
 * deviations are told where they matter.  The rings are in vmxnet3_ring.c.
 *
 * Not supported: what revisions above 4 add, data rings, segmentation and checksum insertion, LRO
 * and wake-up. */
#include "nic/vmxnet3/vmxnet3.h"

#include "kernel/log.h"
#include "kernel/mmio.h"
#include "nic/rss.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* QEMU's device, of revision 1, takes 802.1ad tags off as if they were 802.1Q's, and says of IPv4
 * headers that they are right where the host vouches for TCP and UDP only.  Neither is asked of
 * that revision. */
#define REVISION_TRUSTED 2u

#define RX_COUNTER(name) RX_##name,
#define TX_COUNTER(name) TX_##name,
enum { VMXNET3_RX_COUNTERS(RX_COUNTER) VMXNET3_TX_COUNTERS(TX_COUNTER) COUNTERS };
#define NAME(name) #name,
static const char *const counter_names[] = { VMXNET3_RX_COUNTERS(NAME) VMXNET3_TX_COUNTERS(NAME) };
#undef NAME

_Static_assert(COUNTERS == 2 * VMXNET3_QUEUE_COUNTERS, "UPT1_TxStats, UPT1_RxStats");

/* A page that the device only reads. */
struct tables {
    struct vmxnet3_rss rss;
    uint8_t multicast[(PAGE_SIZE - sizeof(struct vmxnet3_rss)) / MAC_LEN][MAC_LEN];
};

_Static_assert(sizeof(struct tables) <= PAGE_SIZE, "one page");

struct vmxnet3 {
    struct port port;
    struct pci_function *pci;
    char name[8 + PCI_BDF_LEN]; /* for log lines */
    uint8_t *doorbells, *regs;  /* BAR 0, BAR 1; NULL: not mapped */
    unsigned revision;
    bool gone;           /* it answers all ones */
    const char *trouble; /* why it has to start over; NULL: it has not */
    struct port_overs overs;
    unsigned rx_queues, tx_queues; /* that the device has, while it is active */
    unsigned rx_made, tx_made;     /* that have memory */
    unsigned vectors;              /* MSI-X entries that it knows of, or one that nobody has */
    uint32_t offloads;
    uint32_t vlans[VMXNET3_VLAN_WORDS]; /* wanted; 0, for frames without, always */
    struct vmxnet3_rxq rx[VMXNET3_RX_QUEUES_MAX];
    struct vmxnet3_txq tx[VMXNET3_TX_QUEUES_MAX];
    struct vmxnet3_shared *shared; /* the device may write to both */
    struct vmxnet3_queue *queues;  /* of all transmit queues, then of all receive queues */
    struct tables *tables;
    struct dma_memory shared_memory, queues_memory, tables_memory;
    const struct dma_memory *pool; /* the packet pool, while the device can reach it */
    uint64_t counters[COUNTERS];   /* since probe */
    uint64_t seen[VMXNET3_RX_QUEUES_MAX + VMXNET3_TX_QUEUES_MAX][VMXNET3_QUEUE_COUNTERS];
};

/* Registers ----------------------------------------------------------------- */

static void reg_write(struct vmxnet3 *e, uint32_t reg, uint32_t value)
{
    mmio_write32(e->regs + reg, value);
}

/* All ones, which no answer is, but for half of an address that is none: it left the bus. */
static uint32_t command(struct vmxnet3 *e, uint32_t code)
{
    dma_wmb(); /* what the device is to read, before it is told */
    reg_write(e, VMXNET3_CMD, code);
    uint32_t answer = mmio_read32(e->regs + VMXNET3_CMD);
    e->gone = answer == UINT32_MAX;
    dma_rmb();
    return answer;
}

/* 0, or -EIO with a log line. */
static int command_done(struct vmxnet3 *e, const char *what, uint32_t code)
{
    uint32_t answer = command(e, code);
    if (!answer)
        return 0;
    log_error("%s: CMD is %08" PRIx32 " after %s, expected 00000000", e->name, answer, what);
    return -EIO;
}

/* Address ------------------------------------------------------------------- */

static void read_mac(struct vmxnet3 *e)
{
    uint8_t mac[MAC_LEN];
    store_le32(mac, command(e, VMXNET3_CMD_GET_PERM_MAC_LO));
    store_le16(mac + 4, (uint16_t)command(e, VMXNET3_CMD_GET_PERM_MAC_HI));
    port_take_mac(&e->port, e->name, mac);
}

static void write_mac(struct vmxnet3 *e, const uint8_t mac[MAC_LEN])
{
    reg_write(e, VMXNET3_MACL, load_le32(mac));
    reg_write(e, VMXNET3_MACH, load_le16(mac + 4));
}

/* Counters ------------------------------------------------------------------ */

/* The device's own start at 0 with each activation, and one that runs backwards did so as well. */
static void collect_queue(struct vmxnet3 *e, unsigned queue, uint64_t *sums)
{
    const struct vmxnet3_queue *from = &e->queues[queue];
    uint64_t *seen = e->seen[queue];
    for (unsigned i = 0; i < VMXNET3_QUEUE_COUNTERS; i++) {
        uint64_t now = load_relaxed(&from->counters[i]);
        sums[i] += now < seen[i] ? now : now - seen[i];
        seen[i] = now;
    }
}

static void collect(struct vmxnet3 *e)
{
    if (!e->rx_queues)
        return;
    command(e, VMXNET3_CMD_GET_STATS);
    if (e->gone)
        return;
    for (unsigned i = 0; i < e->tx_queues; i++)
        collect_queue(e, i, &e->counters[TX_TSOPktsTxOK]);
    for (unsigned i = 0; i < e->rx_queues; i++)
        collect_queue(e, e->tx_queues + i, &e->counters[RX_LROPktsRxOK]);
}

/* Reset ---------------------------------------------------------------------- */

/* No DMA afterwards. */
static int reset(struct vmxnet3 *e)
{
    command(e, VMXNET3_CMD_QUIESCE_DEV);
    return command_done(e, "RESET_DEV", VMXNET3_CMD_RESET_DEV);
}

/* The newest revision that both sides know.  Static text when there is none. */
static const char *agree(struct vmxnet3 *e)
{
    uint32_t revisions = mmio_read32(e->regs + VMXNET3_VRRS);
    uint32_t versions = mmio_read32(e->regs + VMXNET3_UVRS);
    if (revisions == UINT32_MAX)
        return "the device does not answer";
    for (e->revision = VMXNET3_REVISION_MAX; e->revision; e->revision--)
        if (revisions & 1u << (e->revision - 1))
            break;
    if (!e->revision || !(versions & VMXNET3_UVRS_1)) {
        log_error("%s: VRRS is %08" PRIx32 ", UVRS %08" PRIx32
                  ", expected one of revisions 1 to %u, and UPT version 1",
                  e->name, revisions, versions, VMXNET3_REVISION_MAX);
        return "no revision in common";
    }
    reg_write(e, VMXNET3_VRRS, 1u << (e->revision - 1));
    reg_write(e, VMXNET3_UVRS, VMXNET3_UVRS_1);
    return NULL;
}

/* Settings ------------------------------------------------------------------- */

static uint32_t rx_mode(struct vmxnet3 *e, const struct port_rx_mode *mode)
{
    bool fits = mode->multicast_count <= ARRAY_SIZE(e->tables->multicast);
    return VMXNET3_RXM_UCAST | VMXNET3_RXM_BCAST | (mode->promiscuous ? VMXNET3_RXM_PROMISC : 0) |
           (mode->all_multicast || !fits ? VMXNET3_RXM_ALL_MULTI
            : mode->multicast_count      ? VMXNET3_RXM_MCAST
                                         : 0);
}

/* Who is promiscuous hears of all VLANs, by a table without any: Linux and DPDK agree. */
static void write_vlans(struct vmxnet3 *e, const struct port_rx_mode *mode)
{
    for (unsigned i = 0; i < VMXNET3_VLAN_WORDS; i++)
        e->shared->vlans[i] = mode->promiscuous ? 0 : e->vlans[i];
    command(e, VMXNET3_CMD_UPDATE_VLAN_FILTERS);
}

static void write_rx_mode(struct vmxnet3 *e, const struct port_rx_mode *mode)
{
    uint32_t bits = rx_mode(e, mode);
    uint16_t length = bits & VMXNET3_RXM_MCAST ? (uint16_t)(mode->multicast_count * MAC_LEN) : 0;
    if (length)
        memcpy(e->tables->multicast, mode->multicast, length);
    e->shared->multicast = length ? e->tables_memory.iova + offsetof(struct tables, multicast) : 0;
    e->shared->multicast_length = length;
    e->shared->rx_mode = bits;
    command(e, VMXNET3_CMD_UPDATE_RX_MODE);
    write_vlans(e, mode);
    command(e, VMXNET3_CMD_UPDATE_MAC_FILTERS);
}

static int vmxnet3_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    if (port->state == PORT_RUNNING)
        write_rx_mode(port->priv, mode);
    return 0;
}

static int vmxnet3_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    if (port->state == PORT_RUNNING)
        write_mac(port->priv, mac);
    return 0;
}

static int vmxnet3_vlan_filter(struct port *port, uint16_t vid, bool on)
{
    struct vmxnet3 *e = port->priv;
    uint32_t *word = &e->vlans[vid / 32], bit = 1u << vid % 32;
    *word = on ? *word | bit : *word & ~bit;
    if (port->state == PORT_RUNNING)
        write_vlans(e, &port->rx_mode);
    return 0;
}

static uint64_t features(const struct vmxnet3 *e)
{
    return (e->revision >= REVISION_TRUSTED ? VMXNET3_F_RXCSUM : 0) |
           (e->rx_queues > 1 ? VMXNET3_F_RSS : 0) |
           (e->offloads & PORT_OFFLOAD_VLAN_STRIP ? VMXNET3_F_RXVLAN : 0);
}

static void take_offloads(struct vmxnet3 *e, uint32_t offloads)
{
    e->offloads = offloads;
    for (unsigned i = 0; i < e->rx_queues; i++)
        store_relaxed(&e->rx[i].strip, offloads & PORT_OFFLOAD_VLAN_STRIP);
    for (unsigned i = 0; i < e->tx_queues; i++)
        store_relaxed(&e->tx[i].insert, offloads & PORT_OFFLOAD_VLAN_INSERT);
}

static int vmxnet3_set_offloads(struct port *port, uint32_t offloads)
{
    struct vmxnet3 *e = port->priv;
    take_offloads(e, offloads);
    if (port->state == PORT_RUNNING) {
        e->shared->features = features(e);
        command(e, VMXNET3_CMD_UPDATE_FEATURE);
    }
    return 0;
}

/* The device is told the longest at any time: who restarts it for an MTU loses frames. */
static void take_mtu(struct vmxnet3 *e, uint16_t mtu)
{
    for (unsigned i = 0; i < e->rx_queues; i++)
        store_relaxed(&e->rx[i].bodies, FRAME_LIMIT(mtu) > PACKET_ROOM);
}

static int vmxnet3_set_mtu(struct port *port, uint16_t mtu)
{
    take_mtu(port->priv, mtu);
    return 0;
}

/* Receive side scaling --------------------------------------------------------- */

static void describe_scaling(struct vmxnet3 *e)
{
    struct vmxnet3_rss *rss = &e->tables->rss;
    *rss = (struct vmxnet3_rss){ .types = VMXNET3_RSS_TYPES,
                                 .function = VMXNET3_RSS_TOEPLITZ,
                                 .key_length = VMXNET3_RSS_KEY,
                                 .entries = VMXNET3_RSS_ENTRIES };
    memcpy(rss->key, rss_key(), VMXNET3_RSS_KEY);
    for (unsigned i = 0; i < VMXNET3_RSS_ENTRIES; i++)
        rss->table[i] = (uint8_t)(i % e->rx_queues);
    e->shared->rss = (struct vmxnet3_table){ .version = 1,
                                             .length = sizeof *rss,
                                             .address = e->tables_memory.iova };
}

/* Before, only TCP is spread by its ports. */
static void spread_udp(struct vmxnet3 *e)
{
    if (e->revision < VMXNET3_REVISION_RSS_FIELDS || e->rx_queues < 2)
        return;
    e->shared->command_data[0] = VMXNET3_RSS_FIELDS_TCP_UDP;
    command(e, VMXNET3_CMD_SET_RSS_FIELDS);
}

/* Start and stop ------------------------------------------------------------- */

static int create_rings(struct vmxnet3 *e, unsigned rx_queues, unsigned tx_queues)
{
    int err = 0;
    for (unsigned i = 0; i < rx_queues && !err; i++, e->rx_made++)
        err = vmxnet3_rxq_create(&e->rx[i], &e->pci->dma);
    for (unsigned i = 0; i < tx_queues && !err; i++, e->tx_made++)
        err = vmxnet3_txq_create(&e->tx[i], &e->pci->dma);
    return err;
}

static int create_memory(struct vmxnet3 *e, unsigned rx_queues, unsigned tx_queues)
{
    struct dma_device *dma = &e->pci->dma;
    const struct dma_memory *pool = packet_pool_memory(e->port.rxq[0]->cache->pool);
    size_t queues = (rx_queues + tx_queues) * sizeof(struct vmxnet3_queue);
    if (dma_share(dma, pool, DMA_BIDIRECTIONAL))
        return -ENOMEM;
    e->pool = pool;
    if (dma_alloc(dma, sizeof *e->shared, PAGE_SIZE, DMA_BIDIRECTIONAL, &e->shared_memory) ||
        dma_alloc(dma, queues, PAGE_SIZE, DMA_BIDIRECTIONAL, &e->queues_memory) ||
        dma_alloc(dma, sizeof *e->tables, PAGE_SIZE, DMA_TO_DEVICE, &e->tables_memory))
        return -ENOMEM;
    e->shared = e->shared_memory.va;
    e->queues = e->queues_memory.va;
    e->tables = e->tables_memory.va;
    return create_rings(e, rx_queues, tx_queues);
}

static void free_memory(struct vmxnet3 *e)
{
    struct dma_device *dma = &e->pci->dma;
    for (; e->rx_made; e->rx_made--)
        vmxnet3_rxq_destroy(&e->rx[e->rx_made - 1], dma);
    for (; e->tx_made; e->tx_made--)
        vmxnet3_txq_destroy(&e->tx[e->tx_made - 1], dma);
    dma_free(dma, &e->tables_memory);
    dma_free(dma, &e->queues_memory);
    dma_free(dma, &e->shared_memory);
    if (e->pool)
        dma_unshare(dma, e->pool);
    e->pool = NULL;
}

/* With MSI-X receive queue n has vector n; all else has the last one, which stays masked.  Without
 * there is one, for there has to be (DPDK). */
static void describe_interrupts(struct vmxnet3 *e)
{
    unsigned wanted = e->rx_queues + 1u, last = e->rx_queues;
    bool own = pci_msix_on(e->pci, VMXNET3_RX_QUEUES_MAX + 1) >= wanted;
    e->vectors = own ? wanted : 1;
    e->shared->vectors = (uint8_t)e->vectors;
    e->shared->interrupt_control = own ? 0 : VMXNET3_IC_DISABLE_ALL;
    if (!own) {
        pci_msix_off(e->pci);
        return;
    }
    e->shared->event_vector = (uint8_t)last;
    for (unsigned i = 0; i < e->tx_queues; i++)
        e->queues[i].vector = (uint8_t)last;
    for (unsigned i = 0; i < e->rx_queues; i++)
        e->queues[e->tx_queues + i].vector = (uint8_t)i;
}

static void vmxnet3_arm(struct port_queue *queue, bool on)
{
    const struct vmxnet3 *e = queue->port->priv;
    mmio_write32(e->doorbells + VMXNET3_IMR(queue->index), !on);
}

/* All of the shared area but for the filters, which come when there are buffers. */
static void describe(struct vmxnet3 *e)
{
    unsigned queues = e->rx_queues + e->tx_queues;
    memset(e->queues, 0, queues * sizeof *e->queues);
    for (unsigned i = 0; i < e->tx_queues; i++)
        vmxnet3_txq_describe(&e->tx[i], &e->queues[i]);
    for (unsigned i = 0; i < e->rx_queues; i++)
        vmxnet3_rxq_describe(&e->rx[i], &e->queues[e->tx_queues + i]);
    *e->shared = (struct vmxnet3_shared){ .magic = VMXNET3_MAGIC,
                                          .guest = VMXNET3_GUEST_64_BIT,
                                          .revisions = 1, /* whatever was chosen: Linux */
                                          .upt_versions = VMXNET3_UVRS_1,
                                          .features = features(e),
                                          .queues = e->queues_memory.iova,
                                          .queues_length = (uint32_t)(queues * sizeof *e->queues),
                                          .mtu = VMXNET3_MTU_MAX,
                                          .rx_segments_max = FRAME_SEGMENTS_MAX,
                                          .tx_queues = (uint8_t)e->tx_queues,
                                          .rx_queues = (uint8_t)e->rx_queues };
    describe_interrupts(e);
    if (e->rx_queues > 1)
        describe_scaling(e);
}

static bool activate(struct vmxnet3 *e)
{
    describe(e);
    memset(e->seen, 0, sizeof e->seen);
    reg_write(e, VMXNET3_DSAL, (uint32_t)e->shared_memory.iova);
    reg_write(e, VMXNET3_DSAH, (uint32_t)(e->shared_memory.iova >> 32));
    return !command(e, VMXNET3_CMD_ACTIVATE_DEV);
}

/* Half as many receive queues as often as the device refuses: how many it has it does not tell.
 * Numbers that are no powers of two are refused by some (DPDK). */
static int activate_some(struct vmxnet3 *e)
{
    while (!activate(e)) {
        if (e->gone || e->rx_queues == 1) {
            log_error("%s: ACTIVATE_DEV refused", e->name);
            return -EIO;
        }
        e->rx_queues /= 2;
    }
    if (e->rx_queues != e->port.rx_queues)
        log_warning("%s: %u receive queues instead of %u", e->name, e->rx_queues,
                    e->port.rx_queues);
    return 0;
}

/* The memory is there: to work.  The address goes last: QEMU forgets it at activation. */
static int bring_up(struct vmxnet3 *e)
{
    pci_bus_master(e->pci, true);
    int err = activate_some(e);
    if (err)
        return err;
    for (unsigned i = 0; i < e->vectors; i++)
        mmio_write32(e->doorbells + VMXNET3_IMR(i), 1);
    take_offloads(e, e->port.offloads);
    take_mtu(e, e->port.mtu);
    for (unsigned i = 0; i < e->tx_queues; i++)
        vmxnet3_txq_enable(&e->tx[i], e->doorbells);
    for (unsigned i = 0; i < e->rx_queues; i++)
        vmxnet3_rxq_enable(&e->rx[i], e->doorbells, &e->queues[e->tx_queues + i], e->rx_queues);
    spread_udp(e);
    write_mac(e, e->port.mac);
    write_rx_mode(e, &e->port.rx_mode);
    return 0;
}

/* First no DMA lands any more, then memory is freed.  Bus mastering goes off even when the reset
 * is refused. */
static void vmxnet3_stop(struct port *port)
{
    struct vmxnet3 *e = port->priv;
    collect(e); /* the reset clears them */
    int err = reset(e);
    pci_bus_master(e->pci, false);
    e->rx_queues = e->tx_queues = 0;
    free_memory(e);
    if (err)
        port_fail(port, "reset did not complete");
}

static unsigned power_of_two(unsigned most)
{
    unsigned n = 1;
    while (2 * n <= most)
        n *= 2;
    return n;
}

static int vmxnet3_start(struct port *port)
{
    struct vmxnet3 *e = port->priv;
    unsigned rx_queues = power_of_two(port->rx_queues), tx_queues = port->tx_queues;
    int err = create_memory(e, rx_queues, tx_queues);
    if (err) {
        log_error("%s: no memory for the rings", e->name);
        free_memory(e);
        return err;
    }
    e->rx_queues = rx_queues;
    e->tx_queues = tx_queues;
    e->offloads = port->offloads;
    e->trouble = NULL;
    err = bring_up(e);
    if (err) {
        e->rx_queues = 0; /* it counted nothing */
        vmxnet3_stop(port);
    }
    return err;
}

/* Watching ------------------------------------------------------------------- */

static void vmxnet3_link(struct port *port, struct port_link *link)
{
    struct vmxnet3 *e = port->priv;
    uint32_t answer = command(e, VMXNET3_CMD_GET_LINK);
    *link = (struct port_link){ 0 };
    if (e->gone)
        port_fail(port, "the device does not answer any more");
    else if (answer & VMXNET3_LINK_UP)
        *link = (struct port_link){ .up = true,
                                    .full_duplex = true,
                                    .speed_mbps = FIELD_GET(VMXNET3_LINK_SPEED, answer) };
}

static void vmxnet3_stats(struct port *port, struct port_device_stats *stats)
{
    struct vmxnet3 *e = port->priv;
    const uint64_t *c = e->counters;
    collect(e);
    stats->rx_missed = c[RX_pktsRxOutOfBuf];
    stats->rx_errors = c[RX_pktsRxError];
    stats->tx_errors = c[TX_pktsTxError] + c[TX_pktsTxDiscard];
}

static unsigned vmxnet3_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    struct vmxnet3 *e = port->priv;
    uint64_t refused = 0;
    unsigned i = 0;
    collect(e);
    for (unsigned k = 0; k < VMXNET3_RX_QUEUES_MAX; k++)
        refused += load_relaxed(&e->rx[k].refused);
    if (i < n)
        rows[i++] = (struct port_counter){ .name = "starts over", .value = e->overs.total };
    if (i < n) /* completions with ERR: in the device's own as well */
        rows[i++] = (struct port_counter){ .name = "refused", .value = refused };
    for (unsigned k = 0; i < n && k < COUNTERS; k++)
        rows[i++] = (struct port_counter){ .name = counter_names[k], .value = e->counters[k] };
    return i;
}

/* Static text: what the device did to its rings, or says that we did; NULL. */
static const char *ring_trouble(struct vmxnet3 *e)
{
    const char *trouble = NULL;
    for (unsigned i = 0; i < e->rx_queues && !trouble; i++)
        trouble = load_relaxed(&e->rx[i].broken);
    for (unsigned i = 0; i < e->tx_queues && !trouble; i++)
        trouble = load_relaxed(&e->tx[i].broken);
    return trouble;
}

static const char *queue_trouble(struct vmxnet3 *e)
{
    command(e, VMXNET3_CMD_GET_QUEUE_STATUS);
    for (unsigned i = 0; i < e->tx_queues + e->rx_queues; i++) {
        bool tx = i < e->tx_queues;
        if (load_relaxed(&e->queues[i].stopped))
            log_error("%s: %s queue %u was stopped, error %08" PRIx32, e->name,
                      tx ? "transmit" : "receive", tx ? i : i - e->tx_queues,
                      load_relaxed(&e->queues[i].error));
    }
    return "the device stopped a queue";
}

/* Every millisecond or so: it tells by memory, so that looking costs nothing. */
static bool vmxnet3_poll(struct port *port, uint64_t now_us)
{
    struct vmxnet3 *e = port->priv;
    if (port->state != PORT_RUNNING || e->trouble)
        return false;
    uint32_t events = load_relaxed(&e->shared->events);
    const char *trouble = ring_trouble(e);
    if (events)
        reg_write(e, VMXNET3_ECR, events);
    if (!trouble && (events & (VMXNET3_ECR_RQERR | VMXNET3_ECR_TQERR)))
        trouble = queue_trouble(e);
    e->trouble = trouble;
    if (trouble)
        port_ask_service(port);
    return trouble || (events & VMXNET3_ECR_LINK);
}

/* As Linux's driver does after the same. */
static void vmxnet3_service(struct port *port)
{
    struct vmxnet3 *e = port->priv;
    const char *trouble = e->trouble;
    e->trouble = NULL;
    if (trouble && port->state == PORT_RUNNING)
        port_start_over(port, &e->overs, trouble, true);
}

static const struct port_ops vmxnet3_ops = { .start = vmxnet3_start,
                                             .stop = vmxnet3_stop,
                                             .link = vmxnet3_link,
                                             .stats = vmxnet3_stats,
                                             .set_mac = vmxnet3_set_mac,
                                             .set_rx_mode = vmxnet3_set_rx_mode,
                                             .set_mtu = vmxnet3_set_mtu,
                                             .set_offloads = vmxnet3_set_offloads,
                                             .vlan_filter = vmxnet3_vlan_filter,
                                             .arm = vmxnet3_arm,
                                             .path = vmxnet3_path,
                                             .counters = vmxnet3_counters,
                                             .poll = vmxnet3_poll,
                                             .service = vmxnet3_service };

static const struct port_limits vmxnet3_limits = {
    .rx_queues_max = VMXNET3_RX_QUEUES_MAX,
    .tx_queues_max = VMXNET3_TX_QUEUES_MAX,
    .rx_size_min = 2 * VMXNET3_RING_MULTIPLE,
    .rx_size_max = VMXNET3_RING_MAX,
    .rx_size_default = 256,
    .tx_size_min = 2 * VMXNET3_RING_MULTIPLE,
    .tx_size_max = VMXNET3_RING_MAX,
    .tx_size_default = 256,
    .size_power_of_two = true,
    .size_multiple = VMXNET3_RING_MULTIPLE,
    .descriptor_bytes = 96, /* two rings, their completions and packets */
    .max_frame = FRAME_LIMIT(VMXNET3_MTU_MAX),
    .offloads = PORT_OFFLOAD_VLAN_INSERT,
};

/* Probe ---------------------------------------------------------------------- */

static struct vmxnet3 *create(struct pci_function *f)
{
    struct vmxnet3 *e = port_alloc("vmxnet3", sizeof *e);
    if (!e)
        return NULL;
    e->pci = f;
    e->vlans[0] = 1;
    memcpy(e->name, "vmxnet3 ", 8);
    pci_bdf_format(f->bdf, e->name + 8);
    e->port = (struct port){ .rx_queues = QUEUES_DEFAULT,
                             .tx_queues = QUEUES_DEFAULT,
                             .ops = &vmxnet3_ops,
                             .driver = "vmxnet3",
                             .limits = vmxnet3_limits,
                             .dma = &f->dma,
                             .pci = f,
                             .priv = e };
    for (uint16_t i = 0; i < VMXNET3_RX_QUEUES_MAX; i++)
        vmxnet3_rxq_init(&e->rx[i], &e->port, i);
    for (uint16_t i = 0; i < VMXNET3_TX_QUEUES_MAX; i++)
        vmxnet3_txq_init(&e->tx[i], &e->port, i);
    return e;
}

/* NULL, or what went wrong.  The device is reset before anything else: whoever
 * had it before us may have left it running. */
static const char *set_up(struct vmxnet3 *e)
{
    if (pci_enable(e->pci))
        return "its function does not answer";
    e->doorbells = pci_map_bar(e->pci, VMXNET3_BAR_DOORBELLS, VMXNET3_BAR_SIZE);
    e->regs = pci_map_bar(e->pci, VMXNET3_BAR_DEVICE, VMXNET3_BAR_SIZE);
    if (!e->doorbells || !e->regs)
        return "no registers";
    const char *trouble = agree(e);
    if (trouble)
        return trouble;
    if (reset(e))
        return "reset did not complete";
    read_mac(e);
    if (e->revision >= REVISION_TRUSTED)
        e->port.limits.offloads |= PORT_OFFLOAD_VLAN_STRIP;
    return NULL;
}

static int vmxnet3_probe(struct pci_function *f, const struct pci_id *id)
{
    struct vmxnet3 *e = create(f);
    return e ? port_register_probed(&e->port, set_up(e)) : -ENOMEM;
}

static void vmxnet3_remove(struct pci_function *f)
{
    struct vmxnet3 *e = f->driver_data;
    if (!e) /* there was no number for its port */
        return;
    port_stop(&e->port);
    port_unregister(&e->port);
    f->driver_data = NULL;
    free(e);
}

static const struct pci_id vmxnet3_ids[] = {
    PCI_ID(0x15ad, 0x07b0, 0),
    { 0 },
};

PCI_DRIVER(vmxnet3_driver) = {
    .name = "vmxnet3", .ids = vmxnet3_ids, .probe = vmxnet3_probe, .remove = vmxnet3_remove
};
