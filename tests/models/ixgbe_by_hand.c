/* ixgbe_by_hand.c - the ixgbe model driven register by register (ixgbe_by_hand.h). */
#include "tests/models/ixgbe_by_hand.h"

#include "kernel/mmio.h"
#include "tests/host/host.h"
#include "tests/host/test.h"

#include <string.h>

const uint8_t ixhand_mac[MAC_LEN] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
struct ixgbe_by_hand ixhand;

uint32_t ixhand_read(uint32_t reg)
{
    return mmio_read32(ixhand.bar + reg);
}

void ixhand_write(uint32_t reg, uint32_t value)
{
    mmio_write32(ixhand.bar + reg, value);
}

static void map(uint64_t size)
{
    assert_non_null(ixhand.model.function);
    assert_int_equal(pci_enable(ixhand.model.function), 0);
    ixhand.bar = pci_map_bar(ixhand.model.function, 0, size);
    assert_non_null(ixhand.bar);
}

void ixhand_power_on(enum ixgbe_model_chip chip)
{
    host_reset();
    ixgbe_model_init(&ixhand.model, chip, ixhand_mac);
    map(IXGBE_MODEL_BAR_SIZE);
    ixhand_write(R_RDRXCTL, ixhand_read(R_RDRXCTL) | RDRXCTL_CRCSTRIP);
}

void ixhand_vf_on(void)
{
    host_reset();
    ixgbe_model_init_vf(&ixhand.model, IXGBE_MODEL_82599);
    map(IXGBE_MODEL_VF_BAR_SIZE);
}

void ixhand_receiver_on(void)
{
    ixhand_write(R_SECRXCTRL, SECRXCTRL_RX_DIS);
    ixhand_write(R_RXCTRL, RXCTRL_EN);
    ixhand_write(R_SECRXCTRL, 0);
}

struct ixhand_ring ixhand_ring_on(struct pci_function *f, uint8_t *block, bool rx)
{
    struct ixhand_ring r = { .function = f, .block = block };
    pci_bus_master(f, true);
    assert_int_equal(dma_alloc(&f->dma, 16 * IXHAND_RING, 128, DMA_BIDIRECTIONAL, &r.descriptors),
                     0);
    assert_int_equal(
        dma_alloc(&f->dma, IXHAND_BUFFER * IXHAND_RING, 4096, DMA_BIDIRECTIONAL, &r.data), 0);
    mmio_write32(block + Q_BAL, (uint32_t)r.descriptors.iova);
    mmio_write32(block + Q_BAH, (uint32_t)(r.descriptors.iova >> 32));
    mmio_write32(block + Q_LEN, 16 * IXHAND_RING);
    if (rx)
        mmio_write32(block + Q_SRRCTL, 2 | FIELD_PUT(SRRCTL_TYPE, SRRCTL_ADVANCED));
    mmio_write32(block + Q_CTL, CTL_ENABLE);
    assert_true(mmio_read32(block + Q_CTL) & CTL_ENABLE);
    return r;
}

void ixhand_ring_off(struct ixhand_ring *r)
{
    mmio_write32(r->block + Q_CTL, 0);
    dma_free(&r->function->dma, &r->descriptors);
    dma_free(&r->function->dma, &r->data);
}

void ixhand_rx_give(struct ixhand_ring *r, uint32_t n)
{
    for (; n; n--, r->tail = (r->tail + 1) % IXHAND_RING) {
        uint64_t d[2] = { r->data.iova + IXHAND_BUFFER * r->tail, 0 };
        memcpy((uint8_t *)r->descriptors.va + 16 * r->tail, d, sizeof d);
    }
    mmio_write32(r->block + Q_TAIL, r->tail);
}

static void put(struct ixhand_ring *r, uint64_t low, uint64_t high)
{
    uint64_t d[2] = { low, high };
    memcpy((uint8_t *)r->descriptors.va + 16 * r->tail, d, sizeof d);
    r->tail = (r->tail + 1) % IXHAND_RING;
}

void ixhand_tx_put(struct ixhand_ring *r, const uint8_t *frame, uint32_t n, uint64_t command)
{
    bool segments = command & 0x80000000u;
    uint64_t lengths = n | (segments ? 0 : (uint64_t)n << 46) | 0x300000u;
    memcpy((uint8_t *)r->data.va + IXHAND_BUFFER * r->tail, frame, n);
    put(r, r->data.iova + IXHAND_BUFFER * r->tail, command | lengths);
    mmio_write32(r->block + Q_TAIL, r->tail);
}

void ixhand_tx_context(struct ixhand_ring *r, uint64_t low, uint64_t high)
{
    put(r, low, high | 0x20200000u);
}

uint64_t ixhand_result(const struct ixhand_ring *r, uint32_t slot, unsigned half)
{
    uint64_t d[2];
    memcpy(d, (const uint8_t *)r->descriptors.va + 16 * slot, sizeof d);
    return d[half];
}

void ixhand_make_frame(uint8_t frame[100], const uint8_t to[MAC_LEN], uint8_t from)
{
    const uint8_t source[MAC_LEN] = { 2, 0, 0, 0, 0, from };
    memset(frame, 0x5a, 100);
    memcpy(frame, to, MAC_LEN);
    memcpy(frame + MAC_LEN, source, MAC_LEN);
    frame[12] = 0x88;
    frame[13] = 0xb5;
}
