/* i40e_adminq.c - the admin queue of Intel's 40 Gb/s chips (i40e_adminq.h). */
#include "nic/intel/i40e/i40e_adminq.h"

#include "kernel/compiler.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/task.h"
#include "kernel/time.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

const struct i40e_aq_regs i40e_aq_regs_pf = {
    .send = { .low = 0x80000,
              .high = 0x80100,
              .length = 0x80200,
              .head = 0x80300,
              .tail = 0x80400 },
    .receive = { .low = 0x80080,
                 .high = 0x80180,
                 .length = 0x80280,
                 .head = 0x80380,
                 .tail = 0x80480 },
};

const struct i40e_aq_regs i40e_aq_regs_vf = {
    .send = { .low = 0x7c00, .high = 0x7800, .length = 0x6800, .head = 0x6400, .tail = 0x8400 },
    .receive = { .low = 0x6c00, .high = 0x6000, .length = 0x8000, .head = 0x7400, .tail = 0x7000 },
};

/* Memory --------------------------------------------------------------------- */

static int ring_create(struct i40e_adminq *q, struct i40e_aq_ring *ring, enum dma_direction dir)
{
    int err = dma_alloc(q->dma, q->entries * sizeof *ring->descs, PAGE_SIZE, DMA_BIDIRECTIONAL,
                        &ring->ring);
    if (!err)
        err = dma_alloc(q->dma, (size_t)q->buffers * I40E_AQ_BUFFER, PAGE_SIZE, dir, &ring->memory);
    ring->descs = ring->ring.va;
    ring->buffers = ring->memory.va;
    return err;
}

static void ring_destroy(struct i40e_adminq *q, struct i40e_aq_ring *ring)
{
    dma_free(q->dma, &ring->memory);
    dma_free(q->dma, &ring->ring);
    *ring = (struct i40e_aq_ring){ 0 };
}

int i40e_adminq_create(struct i40e_adminq *q, const char *name, struct dma_device *dma,
                       uint8_t *regs, const struct i40e_aq_regs *layout, uint16_t entries,
                       uint16_t buffers)
{
    *q = (struct i40e_adminq){ .name = name,
                               .regs = regs,
                               .layout = layout,
                               .dma = dma,
                               .entries = entries,
                               .buffers = buffers };
    int err = ring_create(q, &q->send, DMA_BIDIRECTIONAL);
    if (!err)
        err = ring_create(q, &q->receive, DMA_FROM_DEVICE);
    if (!err)
        return 0;
    log_error("%s: no memory for the admin queue", name);
    i40e_adminq_destroy(q);
    return err;
}

void i40e_adminq_destroy(struct i40e_adminq *q)
{
    ring_destroy(q, &q->receive);
    ring_destroy(q, &q->send);
}

/* Opening and closing -------------------------------------------------------- */

static uint8_t *buffer_of(const struct i40e_adminq *q, const struct i40e_aq_ring *ring,
                          uint16_t slot)
{
    return ring->buffers + (size_t)(slot % q->buffers) * I40E_AQ_BUFFER;
}

static void set_buffer(const struct i40e_adminq *q, const struct i40e_aq_ring *ring, uint16_t slot,
                       struct i40e_aq_desc *desc)
{
    uint64_t iova = ring->memory.iova + (uint64_t)(slot % q->buffers) * I40E_AQ_BUFFER;
    desc->address_high = (uint32_t)(iova >> 32);
    desc->address_low = (uint32_t)iova;
}

static void write_reg(const struct i40e_adminq *q, uint32_t reg, uint32_t value)
{
    mmio_write32(q->regs + reg, value);
}

/* unread: XL710 DS 7.10.2: head, tail and base before the length, whose bit switches it on. */
static bool ring_open(struct i40e_adminq *q, struct i40e_aq_ring *ring,
                      const struct i40e_aq_ring_regs *regs)
{
    ring->head = ring->tail = 0;
    write_reg(q, regs->head, 0);
    write_reg(q, regs->tail, 0);
    write_reg(q, regs->low, (uint32_t)ring->ring.iova);
    write_reg(q, regs->high, (uint32_t)(ring->ring.iova >> 32));
    write_reg(q, regs->length, q->entries | I40E_AQ_LEN_ENABLE);
    return mmio_read32(q->regs + regs->low) == (uint32_t)ring->ring.iova;
}

static void ring_close(const struct i40e_adminq *q, const struct i40e_aq_ring_regs *regs)
{
    write_reg(q, regs->length, 0);
    write_reg(q, regs->head, 0);
    write_reg(q, regs->tail, 0);
    write_reg(q, regs->low, 0);
    write_reg(q, regs->high, 0);
}

/* An event's buffer for the chip; the tail is told afterwards. */
static void give(struct i40e_adminq *q)
{
    uint16_t slot = q->receive.tail++ % q->entries;
    struct i40e_aq_desc desc = { .flags = I40E_AQ_BUF | I40E_AQ_LB, .length = I40E_AQ_BUFFER };
    set_buffer(q, &q->receive, slot, &desc);
    q->receive.descs[slot] = desc;
}

static void tell(const struct i40e_adminq *q, const struct i40e_aq_ring_regs *regs, uint16_t tail)
{
    dma_wmb(); /* descriptors before the tail that hands them over */
    write_reg(q, regs->tail, tail % q->entries);
}

bool i40e_adminq_open(struct i40e_adminq *q)
{
    q->open =
        ring_open(q, &q->send, &q->layout->send) && ring_open(q, &q->receive, &q->layout->receive);
    if (!q->open)
        return false;
    while (q->receive.tail < q->buffers - 1)
        give(q);
    tell(q, &q->layout->receive, q->receive.tail);
    return true;
}

void i40e_adminq_close(struct i40e_adminq *q)
{
    q->open = false;
    ring_close(q, &q->layout->send);
    ring_close(q, &q->layout->receive);
}

/* Commands ------------------------------------------------------------------- */

bool i40e_adminq_post(struct i40e_adminq *q, const struct i40e_aq_desc *desc, const void *bytes,
                      uint16_t n)
{
    uint16_t slot = q->send.tail % q->entries;
    struct i40e_aq_desc d = *desc;
    if (!q->open || (uint16_t)(q->send.tail - q->send.head) >= q->buffers - 1 || n > I40E_AQ_BUFFER)
        return false;
    if (n) {
        d.length = n;
        d.flags |= I40E_AQ_BUF | (bytes ? I40E_AQ_RD : 0) | (n > I40E_AQ_LARGE ? I40E_AQ_LB : 0);
        set_buffer(q, &q->send, slot, &d);
    }
    if (bytes)
        memcpy(buffer_of(q, &q->send, slot), bytes, n);
    q->send.descs[slot] = d;
    q->send.tail++;
    tell(q, &q->layout->send, q->send.tail);
    return true;
}

/* Both drivers that are named look at the head rather than at DD. */
static bool head_moved(const struct i40e_adminq *q, uint32_t reg, uint16_t head)
{
    uint32_t now = mmio_read32(q->regs + reg);
    return now < q->entries && now != head % q->entries;
}

bool i40e_adminq_done(struct i40e_adminq *q, struct i40e_aq_desc *desc, void *bytes, uint16_t n)
{
    uint16_t slot = q->send.head % q->entries;
    if (!q->open || q->send.head == q->send.tail ||
        !head_moved(q, q->layout->send.head, q->send.head))
        return false;
    dma_rmb(); /* the head, before what was written in front of it */
    memcpy(desc, &q->send.descs[slot], sizeof *desc);
    if (n)
        memcpy(bytes, buffer_of(q, &q->send, slot), n);
    q->send.head++;
    return true;
}

int i40e_adminq_command(struct i40e_adminq *q, struct i40e_aq_desc *desc, void *bytes, uint16_t n,
                        bool write, uint64_t limit_us)
{
    struct deadline deadline = deadline_us(limit_us);
    uint16_t opcode = desc->opcode;
    bool late = false;
    desc->flags |= I40E_AQ_SI;
    bool posted = i40e_adminq_post(q, desc, write ? bytes : NULL, n);
    while (posted && !i40e_adminq_done(q, desc, bytes, n)) {
        if (late) {
            log_error("%s: admin queue: command %04x is not done after %" PRIu64
                      " us (head %08" PRIx32 ", expected %x)",
                      q->name, opcode, limit_us, mmio_read32(q->regs + q->layout->send.head),
                      q->send.tail % q->entries);
            return -ETIMEDOUT;
        }
        late = task_deadline_passed(&deadline);
    }
    if (posted && !desc->result)
        return 0;
    if (posted && desc->result < 32 && (q->expected >> desc->result & 1))
        return -EIO;
    log_error("%s: admin queue: command %04x: %s %u", q->name, opcode,
              posted ? "result" : "no room, queue open:", posted ? desc->result : q->open);
    return -EIO;
}

/* Events --------------------------------------------------------------------- */

bool i40e_adminq_has_event(const struct i40e_adminq *q)
{
    return q->open && head_moved(q, q->layout->receive.head, q->receive.head);
}

bool i40e_adminq_receive(struct i40e_adminq *q, struct i40e_aq_desc *desc, void *bytes, uint16_t *n)
{
    uint16_t slot = q->receive.head % q->entries;
    if (!i40e_adminq_has_event(q))
        return false;
    dma_rmb(); /* the head, before what was written in front of it */
    memcpy(desc, &q->receive.descs[slot], sizeof *desc);
    if (*n > desc->length)
        *n = desc->length;
    if (*n > I40E_AQ_BUFFER)
        *n = I40E_AQ_BUFFER;
    if (*n)
        memcpy(bytes, buffer_of(q, &q->receive, slot), *n);
    q->receive.head++;
    give(q);
    tell(q, &q->layout->receive, q->receive.tail);
    return true;
}
