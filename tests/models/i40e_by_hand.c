/* i40e_by_hand.c - the i40e model driven register by register (i40e_by_hand.h). */
#include "tests/models/i40e_by_hand.h"

#include "kernel/mmio.h"
#include "kernel/time.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <string.h>

#define AQ_ENTRIES 32u
#define AQ_EVENTS 0x1000u  /* where the receive ring lies, */
#define AQ_BUFFERS 0x2000u /* and buffers: one for commands, one each for events */
#define AQ_BYTES (AQ_BUFFERS + (1 + AQ_ENTRIES) * 4096u)
#define SEND(i) (R_ATQBAL + 0x100 * (i)) /* low, high, length, head, tail */
#define RECEIVE(i) (R_ATQBAL + 0x80 + 0x100 * (i))
#define TX_BYTES 128u
#define RX_BYTES 32u
#define RX_FIRST (I4HAND_QUEUES * TX_BYTES)
#define SEGMENT (2u << 20)
#define TX_END 0x70ull /* DATA, EOP, RS, ICRC: bits 4, 5, 6 */

const uint8_t i4hand_mac[MAC_LEN] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
struct i40e_by_hand i4hand;

uint32_t i4hand_read(uint32_t reg)
{
    return mmio_read32(i4hand.bar + reg);
}

void i4hand_write(uint32_t reg, uint32_t value)
{
    mmio_write32(i4hand.bar + reg, value);
}

/* Firmware ------------------------------------------------------------------------------ */

static struct i40e_aq_desc *slot(uint32_t at, uint32_t n)
{
    return (struct i40e_aq_desc *)((uint8_t *)i4hand.aq.va + at) + n % AQ_ENTRIES;
}

static void give_event(uint32_t n)
{
    uint64_t iova = i4hand.aq.iova + AQ_BUFFERS + (1 + n % AQ_ENTRIES) * 4096u;
    *slot(AQ_EVENTS, n) = (struct i40e_aq_desc){ .flags = I40E_AQ_BUF | I40E_AQ_LB,
                                                 .length = 4096,
                                                 .address_high = (uint32_t)(iova >> 32),
                                                 .address_low = (uint32_t)iova };
}

static void open_queues(void)
{
    struct dma_device *dma = &i4hand.model.function->dma;
    assert_int_equal(dma_alloc(dma, AQ_BYTES, 4096, DMA_BIDIRECTIONAL, &i4hand.aq), 0);
    for (uint32_t i = 0; i < AQ_ENTRIES - 1; i++)
        give_event(i);
    i4hand_write(SEND(0), (uint32_t)i4hand.aq.iova);
    i4hand_write(SEND(1), (uint32_t)(i4hand.aq.iova >> 32));
    i4hand_write(SEND(2), I40E_AQ_LEN_ENABLE | AQ_ENTRIES);
    i4hand_write(RECEIVE(0), (uint32_t)(i4hand.aq.iova + AQ_EVENTS));
    i4hand_write(RECEIVE(1), (uint32_t)(i4hand.aq.iova >> 32));
    i4hand_write(RECEIVE(2), I40E_AQ_LEN_ENABLE | AQ_ENTRIES);
    i4hand_write(RECEIVE(4), AQ_ENTRIES - 1);
}

static uint16_t run(struct i40e_aq_desc d, void *bytes, uint16_t n)
{
    uint8_t *buffer = (uint8_t *)i4hand.aq.va + AQ_BUFFERS;
    uint64_t iova = i4hand.aq.iova + AQ_BUFFERS;
    struct i40e_aq_desc *at = slot(0, i4hand.commands);
    if (n) {
        d.address_high = (uint32_t)(iova >> 32);
        d.address_low = (uint32_t)iova;
        d.length = n;
        d.flags |= I40E_AQ_BUF | (n > I40E_AQ_LARGE ? I40E_AQ_LB : 0);
        if (d.flags & I40E_AQ_RD)
            memcpy(buffer, bytes, n);
    }
    *at = d;
    i4hand_write(SEND(4), ++i4hand.commands % AQ_ENTRIES);
    assert_true(at->flags & I40E_AQ_DD);
    if (n && !(d.opcode == 0x0802))
        memcpy(bytes, buffer, n);
    memcpy(i4hand.answer, at->param, sizeof i4hand.answer);
    return at->result;
}

uint16_t i4hand_command(uint16_t op, const uint16_t param[8], void *bytes, uint16_t n, bool write)
{
    struct i40e_aq_desc d = { .opcode = op, .flags = n && write ? I40E_AQ_RD : 0 };
    memcpy(d.param, param, 16);
    return run(d, bytes, n);
}

uint16_t i4hand_tell(unsigned vf, uint32_t op, int32_t status, const void *bytes, uint16_t n)
{
    struct i40e_aq_desc d = { .opcode = 0x0802,
                              .flags = n ? I40E_AQ_RD : 0,
                              .cookie_high = op,
                              .cookie_low = (uint32_t)status,
                              .param = { vf } };
    return run(d, (void *)bytes, n);
}

bool i4hand_event(struct i40e_aq_desc *desc, uint8_t *bytes)
{
    uint32_t next = i4hand.events;
    struct i40e_aq_desc *at = slot(AQ_EVENTS, next);
    if (!(at->flags & I40E_AQ_DD))
        return false;
    *desc = *at;
    memcpy(bytes, (uint8_t *)i4hand.aq.va + AQ_BUFFERS + (1 + next % AQ_ENTRIES) * 4096u,
           at->length);
    give_event(next + AQ_ENTRIES - 1);
    i4hand_write(RECEIVE(4), next % AQ_ENTRIES);
    i4hand.events++;
    return true;
}

/* Life ------------------------------------------------------------------------------------- */

static void give_contexts(void)
{
    struct dma_device *dma = &i4hand.model.function->dma;
    assert_int_equal(dma_alloc(dma, SEGMENT, SEGMENT, DMA_BIDIRECTIONAL, &i4hand.hmc), 0);
    i4hand_write(R_SDDATAHIGH, (uint32_t)(i4hand.hmc.iova >> 32));
    i4hand_write(R_SDDATALOW, (uint32_t)i4hand.hmc.iova | SD_VALID | SD_DIRECT |
                                  FIELD_PUT(SD_COUNT, SEGMENT / 4096));
    i4hand_write(R_SDCMD, SDCMD_WRITE);
    i4hand_write(R_LANTXBASE(0), 0);
    i4hand_write(R_LANTXCNT(0), I4HAND_QUEUES);
    i4hand_write(R_LANRXBASE(0), RX_FIRST / 512);
    i4hand_write(R_LANRXCNT(0), I4HAND_QUEUES);
}

void i4hand_power_on(enum i40e_model_chip chip)
{
    host_reset();
    memset(i4hand.rx, 0, sizeof i4hand.rx);
    memset(i4hand.tx, 0, sizeof i4hand.tx);
    i4hand.commands = i4hand.events = 0;
    i40e_model_init(&i4hand.model, chip, 0, i4hand_mac);
    i4hand.model.quiet = true;
    assert_int_equal(pci_enable(i4hand.model.function), 0);
    i4hand.bar = pci_map_bar(i4hand.model.function, 0, I40E_MODEL_REGISTERS);
    pci_bus_master(i4hand.model.function, true);
    open_queues();
    give_contexts();
}

static void free_ring(struct i4hand_ring *r)
{
    if (!r->function)
        return;
    dma_free(&r->function->dma, &r->descriptors);
    dma_free(&r->function->dma, &r->data);
    r->function = NULL;
}

void i4hand_power_off(void)
{
    struct dma_device *dma = &i4hand.model.function->dma;
    for (unsigned n = 0; n < I4HAND_QUEUES; n++) {
        free_ring(&i4hand.rx[n]);
        free_ring(&i4hand.tx[n]);
    }
    dma_free(dma, &i4hand.aq);
    dma_free(dma, &i4hand.hmc);
}

/* Queues --------------------------------------------------------------------------------------- */

static void put_bits(uint8_t *context, unsigned first, unsigned width, uint64_t value)
{
    for (unsigned i = 0; i < width; i++) {
        uint8_t bit = (uint8_t)(1u << (first + i) % 8);
        context[(first + i) / 8] &= (uint8_t)~bit;
        context[(first + i) / 8] |= value >> i & 1 ? bit : 0;
    }
}

static void tx_context(unsigned n, uint64_t ring, uint16_t set)
{
    uint8_t *c = (uint8_t *)i4hand.hmc.va + n * TX_BYTES;
    memset(c, 0, TX_BYTES);
    put_bits(c, 30, 1, 1);
    put_bits(c, 32, 57, ring / 128);
    put_bits(c, 128 + 33, 13, I4HAND_RING);
    put_bits(c, 7 * 128 + 84, 10, set);
}

static void rx_context(unsigned n, uint64_t ring)
{
    uint8_t *c = (uint8_t *)i4hand.hmc.va + RX_FIRST + n * RX_BYTES;
    memset(c, 0, RX_BYTES);
    put_bits(c, 32, 57, ring / 128);
    put_bits(c, 89, 13, I4HAND_RING);
    put_bits(c, 102, 7, I4HAND_BUFFER / 128);
    put_bits(c, 116, 1, 1);
    put_bits(c, 117, 1, 1);
    put_bits(c, 119, 1, 1);
    put_bits(c, 174, 14, 1522);
    put_bits(c, 198, 3, 1);
    put_bits(c, 201, 1, 1);
}

void i4hand_context(struct pci_function *f, bool rx, unsigned n, uint16_t set)
{
    struct i4hand_ring *r = rx ? &i4hand.rx[n] : &i4hand.tx[n];
    if (!r->function) {
        *r = (struct i4hand_ring){ .function = f };
        assert_int_equal(
            dma_alloc(&f->dma, I4HAND_RING * 32, 4096, DMA_BIDIRECTIONAL, &r->descriptors), 0);
        assert_int_equal(
            dma_alloc(&f->dma, I4HAND_RING * I4HAND_BUFFER, 4096, DMA_BIDIRECTIONAL, &r->data), 0);
    }
    r->tail = r->seen = 0;
    memset(r->descriptors.va, 0, I4HAND_RING * 32);
    if (rx)
        rx_context(n, r->descriptors.iova);
    else
        tx_context(n, r->descriptors.iova, set);
}

void i4hand_want_long(unsigned n, uint32_t buffer, uint32_t frame)
{
    uint8_t *c = (uint8_t *)i4hand.hmc.va + RX_FIRST + n * RX_BYTES;
    put_bits(c, 102, 7, buffer / 128);
    put_bits(c, 174, 14, frame);
}

bool i4hand_queue(bool rx, unsigned n, bool on)
{
    uint32_t reg = rx ? R_QRX_ENA(n) : R_QTX_ENA(n);
    if (!rx)
        i4hand_write(R_TXPRE_QDIS(n / 128), n % 128 | (on ? TXPRE_CLEAR : TXPRE_SET));
    i4hand_write(reg, on ? QENA_REQ : 0);
    return (i4hand_read(reg) & QENA_STAT) == (on ? QENA_STAT : 0);
}

uint32_t i4hand_give(unsigned n, unsigned buffers)
{
    struct i4hand_ring *r = &i4hand.rx[n];
    for (; buffers; buffers--, r->tail = (r->tail + 1) % I4HAND_RING) {
        uint64_t *d = (uint64_t *)r->descriptors.va + 4 * r->tail;
        memset(d, 0, 32);
        d[0] = r->data.iova + r->tail * I4HAND_BUFFER;
    }
    return r->tail;
}

uint32_t i4hand_put(unsigned n, const uint8_t *frame, uint32_t length)
{
    struct i4hand_ring *r = &i4hand.tx[n];
    uint64_t *d = (uint64_t *)r->descriptors.va + 2 * r->tail;
    memcpy((uint8_t *)r->data.va + r->tail * I4HAND_BUFFER, frame, length);
    d[0] = r->data.iova + r->tail * I4HAND_BUFFER;
    d[1] = TX_END | (uint64_t)length << 34 | 7ull << 16;
    r->tail = (r->tail + 1) % I4HAND_RING;
    return r->tail;
}

uint32_t i4hand_got(unsigned n, uint8_t *frame, int *tag)
{
    struct i4hand_ring *r = &i4hand.rx[n];
    uint64_t *d = (uint64_t *)r->descriptors.va + 4 * r->seen;
    if (!(d[1] & 1))
        return 0;
    uint32_t length = (uint32_t)(d[1] >> 38 & 0x3fff);
    memcpy(frame, (uint8_t *)r->data.va + r->seen * I4HAND_BUFFER, length);
    *tag = d[1] & 4 ? (int)(d[0] >> 16 & 0xffff) : -1;
    d[1] = 0;
    r->seen = (r->seen + 1) % I4HAND_RING;
    return length;
}
