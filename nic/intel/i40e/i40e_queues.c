/* i40e_queues.c - queues of an X710's PF: their contexts in the chip's private memory, and how they
 * go on and off (i40e.h).
 *
 * The private memory is the PF's own address space, of which the chip keeps queues' contexts in
 * memory that a driver gives it: as many pages as its queues take, named in another one.  Nothing
 * else is in it, and of the segment that the two begin nothing else is valid.
 *
 * Linux's and DPDK's i40e agree on contexts and handshakes. */
#include "kernel/task.h"
#include "kernel/time.h"
#include "nic/intel/i40e/i40e.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define QUEUE_US (50 * US_PER_MS)
#define WARNING_US 400u /* between the warning and a transmit queue's end (Linux, DPDK) */
#define TX_CONTEXT 128u
#define RX_CONTEXT 32u

_Static_assert(I40E_CHIP_QUEUES *(TX_CONTEXT + RX_CONTEXT) <= I40E_HMC_PAGES * PAGE_SIZE,
               "one segment has them all");

/* Private memory -------------------------------------------------------------- */

static void write_segment(const struct i40e *e, uint64_t iova, bool valid)
{
    i40e_write(e, I40E_PFHMC_SDDATAHIGH, (uint32_t)(iova >> 32));
    i40e_write(e, I40E_PFHMC_SDDATALOW,
               (uint32_t)iova | FIELD_PUT(I40E_PFHMC_SD_COUNT, I40E_HMC_PAGES) |
                   (valid ? I40E_PFHMC_SD_VALID : 0));
    i40e_write(e, I40E_PFHMC_SDCMD, I40E_PFHMC_SDCMD_WRITE);
}

/* Behind those of transmit queues, whose number is rounded up so that GLHMC_LANRXBASE can say it.
 */
static uint32_t rx_first(const struct i40e *e)
{
    uint32_t unit = I40E_HMC_BASE_UNIT / TX_CONTEXT;
    return (e->hmc_queues + unit - 1) / unit * unit * TX_CONTEXT;
}

static uint32_t hmc_pages(const struct i40e *e)
{
    return (rx_first(e) + e->hmc_queues * RX_CONTEXT + PAGE_SIZE - 1) / PAGE_SIZE;
}

int i40e_hmc_create(struct i40e *e)
{
    struct dma_device *dma = &e->device.pci->dma;
    uint32_t tx = i40e_read(e, I40E_GLHMC_LANTXOBJSZ), rx = i40e_read(e, I40E_GLHMC_LANRXOBJSZ);
    if (tx > 31 || rx > 31 || 1u << tx != TX_CONTEXT || 1u << rx != RX_CONTEXT) {
        log_error("%s: contexts of 2^%u and 2^%u bytes, expected %u and %u", e->device.name, tx, rx,
                  TX_CONTEXT, RX_CONTEXT);
        return -EIO;
    }
    e->hmc_queues = e->sriov ? i40e_sriov_queues(e) : e->queues;
    uint32_t pages = hmc_pages(e);
    int err = dma_alloc(dma, PAGE_SIZE, PAGE_SIZE, DMA_BIDIRECTIONAL, &e->hmc_page);
    if (!err)
        err = dma_alloc(dma, pages * PAGE_SIZE, PAGE_SIZE, DMA_BIDIRECTIONAL, &e->hmc);
    if (err)
        return err;
    for (uint32_t i = 0; i < pages; i++)
        ((uint64_t *)e->hmc_page.va)[i] = (e->hmc.iova + i * PAGE_SIZE) | I40E_HMC_PAGE_VALID;
    dma_wmb(); /* the page of pages, before the chip is told of it */
    write_segment(e, e->hmc_page.iova, true);
    i40e_write(e, I40E_GLHMC_LANTXBASE(e->function), 0);
    i40e_write(e, I40E_GLHMC_LANTXCNT(e->function), e->hmc_queues);
    i40e_write(e, I40E_GLHMC_LANRXBASE(e->function), rx_first(e) / I40E_HMC_BASE_UNIT);
    i40e_write(e, I40E_GLHMC_LANRXCNT(e->function), e->hmc_queues);
    i40e_flush(e);
    return 0;
}

/* After the PF's reset, which has taken it from the chip, or with bus mastering off. */
void i40e_hmc_destroy(struct i40e *e)
{
    dma_free(&e->device.pci->dma, &e->hmc);
    dma_free(&e->device.pci->dma, &e->hmc_page);
    e->hmc = e->hmc_page = (struct dma_memory){ 0 };
}

bool i40e_hmc_is_wrong(const struct i40e *e)
{
    uint32_t info = i40e_read(e, I40E_PFHMC_ERRORINFO);
    if (!(info & I40E_PFHMC_ERROR))
        return false;
    log_error("%s: its private memory is wrong: PFHMC_ERRORINFO %08" PRIx32
              ", PFHMC_ERRORDATA %08" PRIx32,
              e->device.name, info, i40e_read(e, I40E_PFHMC_ERRORDATA));
    i40e_write(e, I40E_PFHMC_ERRORINFO, 0);
    return true;
}

/* Contexts --------------------------------------------------------------------- */

/* A field of so many bits, from bit `first` of the context on; it was 0. */
static void put(uint8_t *context, uint32_t first, uint32_t width, uint64_t value)
{
    for (uint32_t i = 0; i < width; i++)
        context[(first + i) / 8] |= (uint8_t)((value >> i & 1) << (first + i) % 8);
}

void i40e_write_tx_context(const struct i40e *e, unsigned n, uint64_t ring, uint16_t length,
                           uint16_t queue_set)
{
    uint8_t *c = (uint8_t *)e->hmc.va + n * TX_CONTEXT;
    memset(c, 0, TX_CONTEXT);
    put(c, I40E_TXC_NEW, 1);
    put(c, I40E_TXC_BASE, ring / I40E_RING_UNIT);
    put(c, I40E_TXC_QLEN, length);
    put(c, I40E_TXC_RDYLIST, queue_set);
}

void i40e_write_rx_context(const struct i40e *e, unsigned n, const struct i40e_rx_context *rx)
{
    uint8_t *c = (uint8_t *)e->hmc.va + rx_first(e) + n * RX_CONTEXT;
    memset(c, 0, RX_CONTEXT);
    put(c, I40E_RXC_BASE, rx->ring / I40E_RING_UNIT);
    put(c, I40E_RXC_QLEN, rx->length);
    put(c, I40E_RXC_DBUFF, rx->buffer / I40E_RING_UNIT);
    put(c, I40E_RXC_DSIZE, rx->desc32);
    put(c, I40E_RXC_CRCSTRIP, 1);
    put(c, I40E_RXC_L2TSEL, 1);
    put(c, I40E_RXC_RXMAX, rx->frame);
    put(c, I40E_RXC_LRXQTHRESH, 1);
    put(c, I40E_RXC_PREFENA, 1);
}

/* On and off ---------------------------------------------------------------------- */

/* The transmit unit is told beforehand, by the queue's number in the whole chip. */
static void announce(const struct i40e *e, unsigned n, uint32_t what)
{
    uint32_t queue = e->first_queue + n;
    i40e_write(e, I40E_GLLAN_TXPRE_QDIS(queue / I40E_TXPRE_BLOCK),
               FIELD_PUT(I40E_TXPRE_QINDX, queue % I40E_TXPRE_BLOCK) | what);
}

static int wait_queue(const struct i40e *e, const char *name, uint32_t reg, bool on)
{
    return intel_wait(&e->device, LOG_ERROR, name, reg, I40E_QENA_STAT, on ? I40E_QENA_STAT : 0,
                      QUEUE_US);
}

int i40e_switch_tx_on(const struct i40e *e, unsigned n, uint32_t owner)
{
    dma_wmb(); /* the context, before the chip reads it */
    announce(e, n, I40E_TXPRE_CLEAR);
    i40e_write(e, I40E_QTX_CTL(n), owner);
    i40e_write(e, I40E_QTX_HEAD(n), 0);
    i40e_write(e, I40E_QTX_ENA(n), I40E_QENA_REQ);
    return wait_queue(e, "QTX_ENA", I40E_QTX_ENA(n), true);
}

int i40e_switch_rx_on(const struct i40e *e, unsigned n)
{
    dma_wmb(); /* the context, before the chip reads it */
    i40e_write(e, I40E_QRX_ENA(n), I40E_QENA_REQ);
    return wait_queue(e, "QRX_ENA", I40E_QRX_ENA(n), true);
}

static int enable_tx(struct i40e *e, unsigned n)
{
    const struct intel_txq *q = &e->tx[n].q;
    i40e_write_tx_context(e, n, q->memory.iova, q->queue.size, e->queue_set);
    int err = i40e_switch_tx_on(e, n,
                                FIELD_PUT(I40E_QTX_CTL_KIND, I40E_QTX_CTL_KIND_PF) |
                                    FIELD_PUT(I40E_QTX_CTL_PF, e->function));
    if (!err)
        i40e_txq_live(&e->tx[n], e->device.regs + I40E_QTX_TAIL(n));
    return err;
}

/* Frames of any length that the chip takes: what is too long for the port, its ring refuses. */
static int enable_rx(struct i40e *e, unsigned n)
{
    const struct intel_rxq *q = &e->rx[n].q;
    i40e_write_rx_context(e, n,
                          &(struct i40e_rx_context){ .ring = q->memory.iova,
                                                     .length = q->queue.size,
                                                     .buffer = PACKET_BUFFER_SIZE,
                                                     .frame = I40E_FRAME_LIMIT,
                                                     .desc32 = e->rx[n].format != I40E_RX_16 });
    i40e_write(e, I40E_QRX_TAIL(n), 0);
    int err = i40e_switch_rx_on(e, n);
    if (!err)
        i40e_rxq_live(&e->rx[n], e->device.regs + I40E_QRX_TAIL(n));
    return err;
}

int i40e_enable_queues(struct i40e *e)
{
    int err = 0;
    for (unsigned i = 0; i < e->queues && !err; i++) {
        err = enable_tx(e, i);
        if (!err)
            err = enable_rx(e, i);
    }
    if (err)
        i40e_hmc_is_wrong(e); /* and so it does not start */
    return err;
}

int i40e_switch_off(const struct i40e *e, const uint16_t *rx, unsigned rx_count, const uint16_t *tx,
                    unsigned tx_count)
{
    int err = 0;
    for (unsigned i = 0; i < tx_count; i++)
        announce(e, tx[i], I40E_TXPRE_SET);
    for (unsigned i = 0; i < rx_count; i++)
        i40e_write(e, I40E_QRX_ENA(rx[i]), 0);
    i40e_flush(e);
    task_delay_us(WARNING_US);
    for (unsigned i = 0; i < tx_count; i++)
        i40e_write(e, I40E_QTX_ENA(tx[i]), 0);
    for (unsigned i = 0; i < rx_count; i++)
        err = wait_queue(e, "QRX_ENA", I40E_QRX_ENA(rx[i]), false) ? -ETIMEDOUT : err;
    for (unsigned i = 0; i < tx_count; i++)
        err = wait_queue(e, "QTX_ENA", I40E_QTX_ENA(tx[i]), false) ? -ETIMEDOUT : err;
    return err;
}

/* Only those that were on. */
int i40e_disable_queues(struct i40e *e)
{
    uint16_t rx[I40E_QUEUES_MAX], tx[I40E_QUEUES_MAX];
    unsigned rx_count = 0, tx_count = 0;
    for (uint16_t i = 0; i < e->queues; i++) {
        if (e->rx[i].live)
            rx[rx_count++] = i;
        if (e->tx[i].live)
            tx[tx_count++] = i;
    }
    return i40e_switch_off(e, rx, rx_count, tx, tx_count);
}
