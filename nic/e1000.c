/* e1000.c - Intel 82540EM and 82545EM (copper) as a port.
 *
 * Document: 8254x SDM (named in e1000_regs.h).  Compared with QEMU's model of
 * the 82540EM, whose deviations are told where they matter.
 *
 * Legacy descriptors, one queue each way.  Not supported: checksum and TCP
 * offloads, VLAN stripping and filtering, flow control (neither sent nor
 * obeyed), forced speed, wake-up, fibre and SerDes, interrupts (we poll). */
#include "nic/e1000_regs.h"
#include "nic/port.h"

#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/time.h"
#include "pci/pci.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RESET_SETTLE_US 10u /* 8254x SDM 13.4.1: 1 us before the first access after RST */
#define RESET_US (10 * US_PER_MS)
#define EERD_US (10 * US_PER_MS) /* a word takes some 50 us at the EEPROM's 1 MHz */
#define DRAIN_US 100u            /* a 9 KiB frame under way takes 74 us at 1 Gb/s */

#define RING_SIZE_MIN 64u
#define RING_SIZE_MAX 4096u
#define RING_SIZE_DEFAULT 256u
#define RX_REFILL_BATCH 16u   /* buffers given at once: one allocation, one tail write */
#define RX_BUFFER_SIZE 2048u  /* what RCTL.BSIZE 0 means, whatever the frame */
#define FRAME_PADDED 60u      /* IEEE 802.3 4.2.3.3, without FCS */
#define FRAME_SHORT_MAX 1518u /* without FCS, RCTL.LPE clear: 1522 with it, 8254x SDM 13.7.15 */

_Static_assert(MTU_DEFAULT + ETHERNET_HEADER + VLAN_TAG == FRAME_SHORT_MAX,
               "RCTL.LPE is for MTUs above the default");

#define X(name, offset, section) +1
enum { COUNTERS = E1000_COUNTERS(X), COUNTERS_WIDE = E1000_COUNTERS_WIDE(X) };
#undef X

#define X(name, offset, section) COUNTER_##name,
enum { E1000_COUNTERS(X) };
#undef X

/* Indices run freely and are reduced at use.  One slot always stays empty: with
 * head equal to tail the device takes the ring for empty (8254x SDM 3.2.6, 3.4). */
struct e1000_rx {
    struct port_queue queue;
    struct e1000_rx_desc *ring;
    struct packet **packets; /* by slot: what the device fills */
    uint32_t head, tail;     /* next to come back, next to give */
    uint32_t mask;
    uint32_t room;               /* bytes the device may write per buffer */
    struct packet *first, *last; /* segments of a frame whose end is still to come */
    uint32_t segments;
    bool bad; /* that frame broke a rule: gone when its end comes */
    struct dma_memory memory;
};

struct e1000_tx {
    struct port_queue queue;
    struct e1000_tx_desc *ring;
    struct packet **packets; /* by slot: the frame that starts here */
    uint32_t *ends;          /* by slot: index of the last descriptor of that frame */
    uint32_t head, tail;     /* oldest not yet reclaimed, next to fill */
    uint32_t mask;
    struct dma_memory memory;
};

struct e1000 {
    struct e1000_rx rx;
    struct e1000_tx tx;
    struct port port;
    uint8_t *regs;
    struct pci_function *pci;
    uint32_t rctl; /* as last written */
    bool long_frames;
    bool shared; /* the pool is mapped for the device */
    bool gone;   /* told that registers read all ones */
    uint64_t counters[COUNTERS + COUNTERS_WIDE];
    char name[sizeof "e1000 " + PCI_BDF_LEN];
};

/* Registers ----------------------------------------------------------------- */

static uint32_t e1000_read(const struct e1000 *e, uint32_t reg)
{
    return mmio_read32(e->regs + reg);
}

static void e1000_write(struct e1000 *e, uint32_t reg, uint32_t value)
{
    mmio_write32(e->regs + reg, value);
}

/* Writes are posted (PCI 3.0 3.2.5); a read of the same device pushes them out. */
static void e1000_flush(const struct e1000 *e)
{
    (void)e1000_read(e, E1000_STATUS);
}

/* Waits until the masked register has the wanted value; 0 or -ETIMEDOUT.  Looks
 * once more after the limit: it may be us who were away, not the device. */
static int e1000_poll(const struct e1000 *e, const char *name, uint32_t reg, uint32_t mask,
                      uint32_t wanted, uint64_t limit_us)
{
    struct deadline deadline = deadline_us(limit_us);
    uint32_t value;
    bool late;
    do {
        late = deadline_passed(&deadline);
        value = e1000_read(e, reg);
        if ((value & mask) == wanted)
            return 0;
    } while (!late);
    log_error("%s: %s is %08" PRIx32 " after %" PRIu64 " us, expected %08" PRIx32
              " under mask %08" PRIx32,
              e->name, name, value, limit_us, wanted, mask);
    return -ETIMEDOUT;
}

/* STATUS; 0, nothing up, of a device that left the bus.  Such a one answers all
 * ones, which STATUS never is: some of its bits are reserved as 0 (8254x SDM 13.4.2). */
static uint32_t e1000_status(struct e1000 *e)
{
    uint32_t status = e1000_read(e, E1000_STATUS);
    bool gone = status == UINT32_MAX;
    if (gone && !e->gone)
        log_error("%s: STATUS is ffffffff, the device does not answer any more", e->name);
    e->gone = gone;
    return gone ? 0 : status;
}

static bool e1000_answers(struct e1000 *e)
{
    if (!e->regs) /* failed before they were mapped */
        return false;
    e1000_status(e);
    return !e->gone;
}

/* Address ------------------------------------------------------------------- */

static int e1000_eeprom_read(struct e1000 *e, uint32_t word, uint16_t *value)
{
    e1000_write(e, E1000_EERD, FIELD_PUT(E1000_EERD_ADDR, word) | E1000_EERD_START);
    int err = e1000_poll(e, "EERD", E1000_EERD, E1000_EERD_DONE, E1000_EERD_DONE, EERD_US);
    if (!err)
        *value = (uint16_t)FIELD_GET(E1000_EERD_DATA, e1000_read(e, E1000_EERD));
    return err;
}

static bool mac_usable(const uint8_t mac[MAC_LEN])
{
    static const uint8_t zero[MAC_LEN];
    return !(mac[0] & 1) && memcmp(mac, zero, MAC_LEN);
}

/* 8254x SDM 5.6.1 */
static bool e1000_mac_from_eeprom(struct e1000 *e, uint8_t mac[MAC_LEN])
{
    for (uint32_t i = 0; i < MAC_LEN / 2; i++) {
        uint16_t word;
        if (e1000_eeprom_read(e, E1000_EEPROM_ADDRESS + i, &word))
            return false;
        mac[2 * i] = (uint8_t)word;
        mac[2 * i + 1] = (uint8_t)(word >> 8);
    }
    return mac_usable(mac);
}

/* The device, or its firmware, may have loaded it: 8254x SDM 13.5.2. */
static bool e1000_mac_from_registers(struct e1000 *e, uint8_t mac[MAC_LEN])
{
    uint32_t low = e1000_read(e, E1000_RAL(0)), high = e1000_read(e, E1000_RAH(0));
    memcpy(mac, &low, 4);
    memcpy(mac + 4, &high, 2);
    return (high & E1000_RAH_AV) && mac_usable(mac);
}

static int e1000_read_mac(struct e1000 *e)
{
    uint8_t mac[MAC_LEN];
    if (!e1000_mac_from_eeprom(e, mac)) {
        log_warning("%s: no address in the EEPROM, looking at RAL0 and RAH0", e->name);
        if (!e1000_mac_from_registers(e, mac))
            return -EADDRNOTAVAIL;
    }
    memcpy(e->port.mac, mac, MAC_LEN);
    memcpy(e->port.permanent_mac, mac, MAC_LEN);
    return 0;
}

/* Receive address 0 is ours; never valid with half an old address in it. */
static void e1000_write_mac(struct e1000 *e, const uint8_t mac[MAC_LEN])
{
    uint32_t low, high = 0;
    memcpy(&low, mac, 4);
    memcpy(&high, mac + 4, 2);
    e1000_write(e, E1000_RAH(0), 0);
    e1000_write(e, E1000_RAL(0), low);
    e1000_write(e, E1000_RAH(0), high | E1000_RAH_AV);
    e1000_flush(e);
}

/* Statistics ----------------------------------------------------------------- */

#define X(name, offset, section) offset,
static const uint16_t counter_offsets[] = { E1000_COUNTERS(X) E1000_COUNTERS_WIDE(X) };
#undef X
#define X(name, offset, section) #name,
static const char *const counter_names[] = { E1000_COUNTERS(X) E1000_COUNTERS_WIDE(X) };
#undef X

/* Reading clears, so what was read is added here and never lost. */
static void e1000_collect(struct e1000 *e)
{
    if (!e1000_answers(e))
        return;
    for (unsigned i = 0; i < COUNTERS; i++)
        e->counters[i] += e1000_read(e, counter_offsets[i]);
    for (unsigned i = COUNTERS; i < COUNTERS + COUNTERS_WIDE; i++) {
        uint32_t low = e1000_read(e, counter_offsets[i]);
        e->counters[i] += (uint64_t)e1000_read(e, counter_offsets[i] + 4u) << 32 | low;
    }
}

/* Reset ---------------------------------------------------------------------- */

/* 8254x SDM 14.7.  Both units are switched off first, for QEMU's RST clears
 * itself and nothing else; then all registers have their initial values, but
 * the PHY keeps its link.  No DMA afterwards. */
static int e1000_reset(struct e1000 *e)
{
    e1000_write(e, E1000_IMC, E1000_IMC_ALL);
    e1000_write(e, E1000_RCTL, e->rctl = 0);
    e1000_write(e, E1000_TCTL, 0);
    e1000_flush(e);
    time_delay_us(DRAIN_US);
    e1000_write(e, E1000_CTRL, e1000_read(e, E1000_CTRL) | E1000_CTRL_RST);
    time_delay_us(RESET_SETTLE_US);
    if (e1000_poll(e, "CTRL", E1000_CTRL, E1000_CTRL_RST, 0, RESET_US))
        return -EIO;
    e1000_write(e, E1000_IMC, E1000_IMC_ALL);
    return 0;
}

/* Link ----------------------------------------------------------------------- */

static void e1000_link(struct port *port, struct port_link *link)
{
    static const uint32_t speeds[] = { 10, 100, 1000, 1000 };
    struct e1000 *e = port->priv;
    uint32_t status = e1000_status(e);
    *link = (struct port_link){ 0 };
    if (!(status & E1000_STATUS_LU))
        return;
    link->up = true;
    link->full_duplex = status & E1000_STATUS_FD;
    link->speed_mbps = speeds[FIELD_GET(E1000_STATUS_SPEED, status)];
}

/* 8254x SDM 14.3: the PHY negotiates and tells the MAC (SPD-IND, 8.6.2.2.3), so
 * nothing is forced.  Flow control off: its registers are 0. */
static void e1000_set_up_link(struct e1000 *e)
{
    uint32_t ctrl = e1000_read(e, E1000_CTRL);
    ctrl &= ~(E1000_CTRL_LRST | E1000_CTRL_ASDE | E1000_CTRL_ILOS | E1000_CTRL_FRCSPD |
              E1000_CTRL_FRCDPLX | E1000_CTRL_RFCE | E1000_CTRL_TFCE | E1000_CTRL_VME |
              E1000_CTRL_PHY_RST);
    e1000_write(e, E1000_CTRL, ctrl | E1000_CTRL_SLU);
    e1000_write(e, E1000_FCAL, 0);
    e1000_write(e, E1000_FCAH, 0);
    e1000_write(e, E1000_FCT, 0);
    e1000_write(e, E1000_FCTTV, 0);
}

/* Rings: memory -------------------------------------------------------------- */

static int rx_ring_create(struct e1000_rx *rx, struct dma_device *dma)
{
    uint32_t size = rx->queue.size;
    rx->packets = calloc(size, sizeof *rx->packets);
    if (!rx->packets ||
        dma_alloc(dma, size * sizeof *rx->ring, PAGE_SIZE, DMA_BIDIRECTIONAL, &rx->memory))
        return -ENOMEM;
    rx->ring = rx->memory.va;
    rx->mask = size - 1;
    return 0;
}

static void rx_drop_partial(struct e1000_rx *rx)
{
    packet_free(rx->queue.cache, rx->first);
    rx->first = rx->last = NULL;
    rx->segments = 0;
    rx->bad = false;
}

static void rx_drop_all(struct e1000_rx *rx)
{
    rx_drop_partial(rx);
    for (; rx->head != rx->tail; rx->head++)
        packet_free(rx->queue.cache, rx->packets[rx->head & rx->mask]);
    rx->head = rx->tail = 0;
}

static void rx_ring_destroy(struct e1000_rx *rx, struct dma_device *dma)
{
    rx_drop_all(rx);
    dma_free(dma, &rx->memory);
    free(rx->packets);
    rx->packets = NULL;
}

static int tx_ring_create(struct e1000_tx *tx, struct dma_device *dma)
{
    uint32_t size = tx->queue.size;
    tx->packets = calloc(size, sizeof *tx->packets);
    tx->ends = calloc(size, sizeof *tx->ends);
    if (!tx->packets || !tx->ends ||
        dma_alloc(dma, size * sizeof *tx->ring, PAGE_SIZE, DMA_BIDIRECTIONAL, &tx->memory))
        return -ENOMEM;
    tx->ring = tx->memory.va;
    tx->mask = size - 1;
    return 0;
}

static void tx_drop_all(struct e1000_tx *tx)
{
    for (; tx->head != tx->tail; tx->head = tx->ends[tx->head & tx->mask] + 1)
        packet_free(tx->queue.cache, tx->packets[tx->head & tx->mask]);
    tx->head = tx->tail = 0;
}

static void tx_ring_destroy(struct e1000_tx *tx, struct dma_device *dma)
{
    tx_drop_all(tx);
    dma_free(dma, &tx->memory);
    free(tx->packets);
    free(tx->ends);
    tx->packets = NULL;
    tx->ends = NULL;
}

/* Receive -------------------------------------------------------------------- */

/* The device writes RX_BUFFER_SIZE bytes where frames may be that long.  With
 * RCTL.LPE clear they end at 1522, and there is room for headroom. */
static void rx_give(struct e1000_rx *rx, struct packet *p)
{
    struct e1000_rx_desc *desc = &rx->ring[rx->tail & rx->mask];
    p->data = p->buffer + (PACKET_BUFFER_SIZE - rx->room);
    rx->packets[rx->tail & rx->mask] = p;
    desc->address = packet_iova(p);
    desc->result = 0;
    rx->tail++;
}

/* Gives the device whole batches of buffers; without any in the pool, another time. */
static void rx_refill(struct e1000 *e)
{
    struct e1000_rx *rx = &e->rx;
    struct packet *batch[RX_REFILL_BATCH];
    uint32_t before = rx->tail;
    while (rx->mask - (rx->tail - rx->head) >= RX_REFILL_BATCH) {
        if (!packet_alloc_burst(rx->queue.cache, batch, RX_REFILL_BATCH))
            break;
        for (unsigned i = 0; i < RX_REFILL_BATCH; i++)
            rx_give(rx, batch[i]);
    }
    if (rx->tail == before)
        return;
    dma_wmb(); /* descriptors before the tail that hands them over */
    e1000_write(e, E1000_RDT, rx->tail & rx->mask);
}

/* Adds one returned buffer to the frame under way.  Of `result`, which the
 * device wrote, there is only this copy. */
static void rx_append(struct e1000_rx *rx, struct packet *p, uint64_t result)
{
    uint32_t length = FIELD_GET(E1000_RXD_LENGTH, result);
    bool end = result & E1000_RXD_EOP;
    if (length > rx->room || (!length && !(end && rx->first)) ||
        rx->segments == FRAME_SEGMENTS_MAX || (end && (result & E1000_RXD_ERRORS)))
        rx->bad = true;
    if (rx->bad || !length) { /* an end without data held nothing but the stripped CRC */
        packet_free(rx->queue.cache, p);
        return;
    }
    p->length = (uint16_t)length;
    if (rx->last)
        rx->last->next = p;
    else
        rx->first = p;
    rx->last = p;
    rx->segments++;
    rx->first->frame_length += length;
}

/* port.h: what rx_burst returns holds to these rules, or it is freed and counted. */
static bool rx_frame_good(const struct e1000_rx *rx)
{
    const struct packet *p = rx->first;
    return !rx->bad && p->frame_length >= FRAME_MIN &&
           p->frame_length <= port_frame_limit(rx->queue.port) &&
           (!p->next || p->length >= PACKET_HEADER_MIN);
}

/* The frame that is now complete, or NULL. */
static struct packet *rx_complete(struct e1000_rx *rx)
{
    struct packet *p = rx->first;
    if (!rx_frame_good(rx)) {
        rx_drop_partial(rx);
        rx->queue.errors++;
        return NULL;
    }
    rx->first = rx->last = NULL;
    rx->segments = 0;
    p->port = rx->queue.port->number;
    rx->queue.packets++;
    rx->queue.bytes += p->frame_length;
    return p;
}

static uint16_t e1000_rx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct e1000 *e = queue->port->priv;
    struct e1000_rx *rx = &e->rx;
    uint16_t got = 0;
    while (got < n && rx->head != rx->tail) {
        uint32_t slot = rx->head & rx->mask;
        uint64_t result = load_relaxed(&rx->ring[slot].result);
        if (!(result & E1000_RXD_DD))
            break;
        dma_rmb(); /* done, before the data it tells of */
        rx->head++;
        rx_append(rx, rx->packets[slot], result);
        if (!(result & E1000_RXD_EOP))
            continue;
        struct packet *p = rx_complete(rx);
        if (p)
            packets[got++] = p;
    }
    rx_refill(e);
    return got;
}

/* Transmit ------------------------------------------------------------------- */

/* Frees what the device is done with: the last descriptor of a frame asks for
 * its status, and which one that is we know without asking the device. */
static void tx_reclaim(struct e1000_tx *tx)
{
    while (tx->head != tx->tail) {
        uint32_t slot = tx->head & tx->mask, end = tx->ends[slot];
        if (!(load_relaxed(&tx->ring[end & tx->mask].command) & E1000_TXD_DD))
            return;
        packet_free(tx->queue.cache, tx->packets[slot]);
        tx->head = end + 1;
    }
}

/* The device wants 48 bytes at least (8254x SDM 3.3.3), the wire 60, and neither
 * is to see what an earlier frame left behind: zeros, from us. */
static void tx_pad(struct packet *first)
{
    uint32_t missing = FRAME_PADDED - first->frame_length;
    struct packet *last = first;
    while (last->next)
        last = last->next;
    if (packet_tailroom(last) < missing) {
        memmove(last->buffer, last->data, last->length);
        last->data = last->buffer;
    }
    memset(last->data + last->length, 0, missing);
    last->length = (uint16_t)(last->length + missing);
}

static uint32_t tx_descriptors(const struct packet *p)
{
    uint32_t count = 0;
    for (; p; p = p->next)
        count++;
    return count;
}

static void tx_put(struct e1000_tx *tx, struct packet *first)
{
    uint32_t start = tx->tail & tx->mask;
    for (const struct packet *p = first; p; p = p->next) {
        struct e1000_tx_desc *desc = &tx->ring[tx->tail & tx->mask];
        desc->address = packet_iova(p);
        desc->command = FIELD_PUT(E1000_TXD_LENGTH, (uint64_t)p->length) |
                        (p->next ? 0 : E1000_TXD_EOP | E1000_TXD_IFCS | E1000_TXD_RS);
        tx->tail++;
    }
    tx->packets[start] = first;
    tx->ends[start] = tx->tail - 1;
}

static uint16_t e1000_tx_burst(struct port_queue *queue, struct packet **packets, uint16_t n)
{
    struct e1000 *e = queue->port->priv;
    struct e1000_tx *tx = &e->tx;
    uint32_t before = tx->tail;
    uint16_t taken = 0;
    tx_reclaim(tx);
    for (; taken < n; taken++) {
        struct packet *p = packets[taken];
        if (!port_can_send(queue->port, p)) {
            queue->errors++;
            packet_free(queue->cache, p);
            continue;
        }
        if (tx_descriptors(p) > tx->mask - (tx->tail - tx->head))
            break;
        queue->packets++;
        queue->bytes += p->frame_length;
        if (p->frame_length < FRAME_PADDED)
            tx_pad(p);
        tx_put(tx, p);
    }
    if (tx->tail != before) {
        dma_wmb(); /* descriptors before the tail that hands them over */
        e1000_write(e, E1000_TDT, tx->tail & tx->mask);
    }
    return taken;
}

/* Settings ------------------------------------------------------------------- */

static uint32_t rctl_for(const struct e1000 *e, const struct port_rx_mode *mode)
{
    return E1000_RCTL_EN | E1000_RCTL_BAM | E1000_RCTL_SECRC | FIELD_PUT(E1000_RCTL_BSIZE, 0u) |
           FIELD_PUT(E1000_RCTL_MO, 0u) | (e->long_frames ? E1000_RCTL_LPE : 0) |
           (mode->promiscuous ? E1000_RCTL_UPE | E1000_RCTL_MPE : 0) |
           (mode->all_multicast ? E1000_RCTL_MPE : 0);
}

/* QEMU holds reception back for a second after every write of RCTL: no idle ones. */
static void e1000_write_rctl(struct e1000 *e, uint32_t rctl)
{
    if (rctl != e->rctl)
        e1000_write(e, E1000_RCTL, rctl);
    e->rctl = rctl;
    e1000_flush(e);
}

/* 8254x SDM 13.5.1 with RCTL.MO 0: bits 47:36 of the address, whose first byte on
 * the wire is bits 7:0, choose one of 4096 bits. */
static void e1000_write_multicast(struct e1000 *e, const struct port_rx_mode *mode)
{
    uint32_t table[E1000_MTA_REGS] = { 0 };
    for (uint16_t i = 0; i < mode->multicast_count; i++) {
        const uint8_t *mac = mode->multicast[i];
        uint32_t bit = ((uint32_t)mac[5] << 8 | mac[4]) >> 4;
        table[bit / 32] |= 1u << bit % 32;
    }
    for (uint32_t i = 0; i < E1000_MTA_REGS; i++)
        e1000_write(e, E1000_MTA(i), table[i]);
}

static int e1000_set_rx_mode(struct port *port, const struct port_rx_mode *mode)
{
    struct e1000 *e = port->priv;
    if (port->state == PORT_RUNNING) {
        e1000_write_multicast(e, mode);
        e1000_write_rctl(e, rctl_for(e, mode));
    }
    return 0;
}

static int e1000_set_mac(struct port *port, const uint8_t mac[MAC_LEN])
{
    if (port->state == PORT_RUNNING)
        e1000_write_mac(port->priv, mac);
    return 0;
}

/* Start and stop ------------------------------------------------------------- */

/* 8254x SDM 14.4, after a reset. */
static void e1000_init_receive(struct e1000 *e)
{
    struct e1000_rx *rx = &e->rx;
    /* Receive addresses: ours, and no other that somebody left there. */
    e1000_write_mac(e, e->port.mac);
    for (uint32_t i = 1; i < E1000_RA_REGS; i++) {
        e1000_write(e, E1000_RAH(i), 0);
        e1000_write(e, E1000_RAL(i), 0);
    }
    e1000_write_multicast(e, &e->port.rx_mode);
    /* Skipped: IMS and RDTR, for interrupts stay masked. */
    e1000_write(e, E1000_RDBAL, (uint32_t)rx->memory.iova);
    e1000_write(e, E1000_RDBAH, (uint32_t)(rx->memory.iova >> 32));
    e1000_write(e, E1000_RDLEN, (uint32_t)((rx->mask + 1) * sizeof *rx->ring));
    e1000_write(e, E1000_RDH, 0);
    e1000_write(e, E1000_RDT, 0);
    rx_refill(e);
    e1000_write_rctl(e, rctl_for(e, &e->port.rx_mode));
}

/* 8254x SDM 14.5, after a reset. */
static void e1000_init_transmit(struct e1000 *e)
{
    struct e1000_tx *tx = &e->tx;
    e1000_write(e, E1000_TDBAL, (uint32_t)tx->memory.iova);
    e1000_write(e, E1000_TDBAH, (uint32_t)(tx->memory.iova >> 32));
    e1000_write(e, E1000_TDLEN, (uint32_t)((tx->mask + 1) * sizeof *tx->ring));
    e1000_write(e, E1000_TDH, 0);
    e1000_write(e, E1000_TDT, 0);
    /* 13.4.33: recommended values; CT and COLD matter in half duplex. */
    e1000_write(e, E1000_TCTL,
                E1000_TCTL_EN | E1000_TCTL_PSP | FIELD_PUT(E1000_TCTL_CT, 0x0fu) |
                    FIELD_PUT(E1000_TCTL_COLD, 0x40u));
    /* 13.4.34: the gap of IEEE 802.3 on copper. */
    e1000_write(e, E1000_TIPG,
                FIELD_PUT(E1000_TIPG_IPGT, 10u) | FIELD_PUT(E1000_TIPG_IPGR1, 8u) |
                    FIELD_PUT(E1000_TIPG_IPGR2, 6u));
    e1000_flush(e);
}

/* The device is reset and its rings are there: to work.  The statistics need no
 * clearing (8254x SDM 14.8), and the packet buffer's default split (PBA) leaves
 * 16 KiB for transmission: more than any frame of ours and 80 bytes (3.3.7). */
static void e1000_bring_up(struct e1000 *e, uint16_t mtu)
{
    e->long_frames = mtu > MTU_DEFAULT;
    e->rx.room = e->long_frames ? RX_BUFFER_SIZE : PACKET_ROOM;
    pci_bus_master(e->pci, true);
    e1000_set_up_link(e);
    e1000_init_transmit(e);
    e1000_init_receive(e);
}

/* Whatever of a start there is goes away; the order is that of a stop: first no
 * DMA lands any more, then memory is freed.  Bus mastering goes off even when
 * the reset does not complete. */
static void e1000_tear_down(struct e1000 *e)
{
    int err = e1000_reset(e);
    pci_bus_master(e->pci, false);
    rx_ring_destroy(&e->rx, e->port.dma);
    tx_ring_destroy(&e->tx, e->port.dma);
    if (e->shared)
        dma_unshare(e->port.dma, packet_pool_memory(e->rx.queue.cache->pool));
    e->shared = false;
    if (err)
        port_fail(&e->port, "reset did not complete");
}

static int e1000_start(struct port *port)
{
    struct e1000 *e = port->priv;
    const struct dma_memory *pool = packet_pool_memory(e->rx.queue.cache->pool);
    int err = dma_share(port->dma, pool, DMA_BIDIRECTIONAL);
    e->shared = !err;
    if (!err)
        err = rx_ring_create(&e->rx, port->dma);
    if (!err)
        err = tx_ring_create(&e->tx, port->dma);
    if (err) {
        log_error("%s: no memory for the rings", e->name);
        e1000_tear_down(e);
        return err;
    }
    e1000_bring_up(e, port->mtu);
    return 0;
}

static void e1000_stop(struct port *port)
{
    struct e1000 *e = port->priv;
    e1000_collect(e); /* the reset clears them */
    e1000_tear_down(e);
}

/* Long frames use the receive buffers differently, so the device starts afresh
 * when they come or go; frames under way are lost. */
static int e1000_set_mtu(struct port *port, uint16_t mtu)
{
    struct e1000 *e = port->priv;
    if (port->state != PORT_RUNNING || (mtu > MTU_DEFAULT) == e->long_frames)
        return 0;
    e1000_collect(e);
    if (e1000_reset(e)) {
        port_fail(port, "reset did not complete");
        return -EIO;
    }
    rx_drop_all(&e->rx);
    tx_drop_all(&e->tx);
    e1000_bring_up(e, mtu);
    return 0;
}

/* Each frame that the device refused is in exactly one of the four receive errors
 * by their definitions: bad CRC, or short or long with a good or, short, a bad one.
 * The others overlap with these and are shown only. */
static void e1000_stats(struct port *port, struct port_device_stats *stats)
{
    struct e1000 *e = port->priv;
    const uint64_t *c = e->counters;
    e1000_collect(e);
    stats->rx_missed = c[COUNTER_MPC];
    stats->rx_errors = c[COUNTER_CRCERRS] + c[COUNTER_RUC] + c[COUNTER_ROC] + c[COUNTER_RFC];
    stats->tx_errors = c[COUNTER_ECOL] + c[COUNTER_LATECOL];
}

static unsigned e1000_counters(struct port *port, struct port_counter *rows, unsigned n)
{
    struct e1000 *e = port->priv;
    n = n < ARRAY_SIZE(counter_names) ? n : ARRAY_SIZE(counter_names);
    e1000_collect(e);
    for (unsigned i = 0; i < n; i++)
        rows[i] = (struct port_counter){ .name = counter_names[i], .value = e->counters[i] };
    return n;
}

static const struct port_ops e1000_ops = { .start = e1000_start,
                                           .stop = e1000_stop,
                                           .link = e1000_link,
                                           .stats = e1000_stats,
                                           .set_mac = e1000_set_mac,
                                           .set_rx_mode = e1000_set_rx_mode,
                                           .set_mtu = e1000_set_mtu,
                                           .counters = e1000_counters };

static const struct port_limits e1000_limits = {
    .rx_queues_max = 1,
    .tx_queues_max = 1,
    .rx_size_min = RING_SIZE_MIN,
    .rx_size_max = RING_SIZE_MAX,
    .rx_size_default = RING_SIZE_DEFAULT,
    .tx_size_min = RING_SIZE_MIN,
    .tx_size_max = RING_SIZE_MAX,
    .tx_size_default = RING_SIZE_DEFAULT,
    .size_power_of_two = true,
    .size_multiple = 8,     /* RDLEN and TDLEN count 128 bytes, 8254x SDM 13.4.27, 13.4.38 */
    .max_frame = FRAME_MAX, /* 16 KiB by RCTL.LPE, 8254x SDM 13.7.15; FRAME_MAX is less */
};

/* Probe ---------------------------------------------------------------------- */

static struct e1000 *e1000_create(struct pci_function *f)
{
    struct e1000 *e = aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof *e, CACHE_LINE));
    if (!e)
        return NULL;
    memset(e, 0, sizeof *e);
    e->pci = f;
    memcpy(e->name, "e1000 ", 6);
    pci_bdf_format(f->bdf, e->name + 6);
    e->rx.queue =
        (struct port_queue){ .burst = e1000_rx_burst, .port = &e->port, .size = RING_SIZE_DEFAULT };
    e->tx.queue =
        (struct port_queue){ .burst = e1000_tx_burst, .port = &e->port, .size = RING_SIZE_DEFAULT };
    e->port = (struct port){ .rxq = { &e->rx.queue },
                             .txq = { &e->tx.queue },
                             .rx_queues = 1,
                             .tx_queues = 1,
                             .ops = &e1000_ops,
                             .driver = "e1000",
                             .limits = e1000_limits,
                             .dma = &f->dma,
                             .pci = f,
                             .priv = e };
    return e;
}

/* NULL, or what went wrong.  The device is reset before anything else: whoever
 * had it before us may have left it running. */
static const char *e1000_set_up(struct e1000 *e)
{
    if (pci_enable(e->pci))
        return "its function does not answer";
    e->regs = pci_map_bar(e->pci, E1000_BAR, E1000_BAR_SIZE);
    if (!e->regs)
        return "no registers";
    if (!e1000_answers(e) || e1000_reset(e))
        return "reset did not complete";
    if (e1000_read_mac(e))
        return "no usable MAC address";
    e1000_collect(e); /* what was before the probe is none of ours */
    memset(e->counters, 0, sizeof e->counters);
    return NULL;
}

static int e1000_probe(struct pci_function *f, const struct pci_id *id)
{
    struct e1000 *e = e1000_create(f);
    if (!e) {
        log_error("e1000: no memory for a port");
        return -ENOMEM;
    }
    const char *trouble = e1000_set_up(e);
    int err = port_register(&e->port);
    if (err) {
        free(e);
        return err;
    }
    f->driver_data = e;
    if (trouble) {
        port_fail(&e->port, trouble);
        return -EIO;
    }
    return 0;
}

static void e1000_remove(struct pci_function *f)
{
    struct e1000 *e = f->driver_data;
    if (!e) /* there was no number for its port */
        return;
    port_stop(&e->port);
    port_unregister(&e->port);
    f->driver_data = NULL;
    free(e);
}

/* 8254x SDM 5.2, table 5-1. */
static const struct pci_id e1000_ids[] = {
    { 0x8086, 0x100e, 0 }, /* 82540EM */
    { 0x8086, 0x100f, 0 }, /* 82545EM, copper */
    { 0 },
};

PCI_DRIVER(e1000_driver) = {
    .name = "e1000", .ids = e1000_ids, .probe = e1000_probe, .remove = e1000_remove
};
