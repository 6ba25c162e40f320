/* i40e_model_hmc.c - private memory of the i40e model: segments that the driver has backed, and the
 * queues' contexts in it.
 *
 * A segment is 2 MiB of the PF's private address space.  It lies in one piece of memory (direct),
 * or in up to 512 pages of 4 KiB whose addresses a page has (paged).  Nothing beyond is touched:
 * what is not backed is an error that the driver hears of.  Linux and DPDK agree on the bits. */
#include "tests/models/i40e_model_internal.h"

#include <string.h>

#define SEGMENT (2u << 20)
#define PAGE 4096u
#define PD_VALID 1u
#define TX_BYTES 128u
#define RX_BYTES 32u
#define BASE_UNIT 512u

/* Bits of a context, from the lowest of its first byte on. */
static uint64_t bits(const uint8_t *context, unsigned first, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)(context[(first + i) / 8] >> (first + i) % 8 & 1) << i;
    return value;
}

static void write_segment(struct i40e_model *m, uint32_t command)
{
    uint32_t low = i40e_get(m, R_SDDATALOW), index = FIELD_GET(SDCMD_INDEX, command);
    uint64_t address = (uint64_t)i40e_get(m, R_SDDATAHIGH) << 32 | (low & ~(uint32_t)(PAGE - 1));
    if (!(command & SDCMD_WRITE))
        return;
    if (index >= I40E_MODEL_SDS) {
        i40e_model_violation(m, "no such segment of private memory", R_SDCMD, index);
        return;
    }
    if ((low & SD_VALID) &&
        (!address || FIELD_GET(SD_COUNT, low) == 0 || FIELD_GET(SD_COUNT, low) > SEGMENT / PAGE))
        i40e_model_violation(m, "a segment of private memory without memory", R_SDDATALOW, low);
    if (i40e_model_receives(m, false) && m->sd[index].valid)
        i40e_model_violation(m, "private memory is taken from queues that are on", R_SDCMD, index);
    m->sd[index].address = address;
    m->sd[index].valid = low & SD_VALID;
    m->sd[index].direct = low & SD_DIRECT;
}

bool i40e_model_hmc_write(struct i40e_model *m, uint32_t reg, uint32_t value)
{
    if (reg != R_SDCMD)
        return false;
    write_segment(m, value);
    return true;
}

void i40e_model_hmc_error(struct i40e_model *m, uint32_t info, uint32_t data)
{
    *i40e_at(m, R_HMC_ERRORINFO) = 0x80000000u | info;
    *i40e_at(m, R_HMC_ERRORDATA) = data;
    i40e_model_irq_cause(m, ICR0_HMC_ERR);
}

static bool error(struct i40e_model *m, const char *what, uint64_t at)
{
    i40e_model_violation(m, what, R_HMC_ERRORINFO, at);
    i40e_model_hmc_error(m, 0, (uint32_t)at);
    return false;
}

/* Where a private address lies. */
static bool locate(struct i40e_model *m, uint64_t at, uint64_t *iova)
{
    uint64_t segment = at / SEGMENT, entry;
    if (segment >= I40E_MODEL_SDS || !m->sd[segment].valid)
        return error(m, "private memory that nobody gave", at);
    *iova = m->sd[segment].address + at % SEGMENT;
    if (m->sd[segment].direct)
        return true;
    if (pcispace_dma_read(&m->device, m->sd[segment].address + at % SEGMENT / PAGE * 8, &entry, 8))
        return error(m, "the page of a segment's pages is not there", at);
    *iova = (entry & ~(uint64_t)(PAGE - 1)) + at % PAGE;
    return entry & PD_VALID ? true : error(m, "a page of private memory that nobody gave", at);
}

static bool read_private(struct i40e_model *m, uint64_t at, void *to, unsigned n)
{
    uint64_t iova;
    return locate(m, at, &iova) && (!pcispace_dma_read(&m->device, iova, to, n) ||
                                    error(m, "private memory that is not the device's", at));
}

static void decode_rx(struct i40e_queue_context *c, const uint8_t *b)
{
    *c = (struct i40e_queue_context){
        .base = bits(b, 32, 57) * 128,
        .count = (uint32_t)bits(b, 89, 13),
        .buffer = (uint32_t)bits(b, 102, 7) * 128,
        .max_frame = (uint32_t)bits(b, 174, 14),
        .format = bits(b, 116, 1) ? I40E_ENGINE_32 : I40E_ENGINE_16,
        .keeps_fcs = !bits(b, 117, 1),
    };
}

static void decode_tx(struct i40e_queue_context *c, const uint8_t *b)
{
    *c = (struct i40e_queue_context){ .base = bits(b, 32, 57) * 128,
                                      .count = (uint32_t)bits(b, 33 + 128, 13),
                                      .head_writeback = bits(b, 32 + 128, 1),
                                      .head_address = bits(b, 64 + 128, 64) };
}

/* Firmware gives each VSI's traffic class one; a VF's queues are in that of its own. */
static bool is_queue_set(struct i40e_model *m, uint16_t handle, unsigned vf)
{
    for (unsigned i = 0; i < I40E_MODEL_VSIS; i++)
        if (m->vsi[i].used && i40e_le16(m->vsi[i].properties + VSI_HANDLES) == handle)
            return !vf || &m->vsi[i] == i40e_model_vsi_of_vf(m, vf - 1);
    return false;
}

/* What a context must say whatever the queue is for.  Header split and tags in the second place are
 * not modelled.  A frame has five buffers at most; Linux and DPDK hold a PF's queues to that, and
 * take a VF's word for its own: Linux's iavf (6.12) wants 9728 octets with buffers of 1536. */
static const char *wrong_rx(const uint8_t *b, const struct i40e_queue_context *c, unsigned vf)
{
    if (!bits(b, 201, 1))
        return "a receive context without its PREFENA";
    if (bits(b, 114, 2) || !bits(b, 119, 1))
        return "a receive context that is not modelled: split, or tags in L2TAG2";
    return !vf && c->max_frame > 5 * c->buffer ? "frames longer than five of the queue's buffers"
                                               : NULL;
}

/* Linux and DPDK do not call the contexts of VFs' queues new. */
static const char *wrong_tx(struct i40e_model *m, const uint8_t *b, unsigned vf)
{
    if (!vf && !bits(b, 30, 1))
        return "a transmit context that is not said to be new";
    return is_queue_set(m, (uint16_t)bits(b, 84 + 7 * 128, 10), vf)
               ? NULL
               : "a transmit queue of no VSI's queue set";
}

static void check_context(struct i40e_model *m, bool rx, const uint8_t *b,
                          const struct i40e_queue_context *c, unsigned queue)
{
    const char *wrong = i40e_queue_context_wrong(c, rx);
    if (!wrong && bits(b, 0, 13))
        wrong = "a context that begins in the middle of its ring";
    if (!wrong && rx)
        wrong = wrong_rx(b, c, m->rx[queue].vf);
    if (!wrong && !rx)
        wrong = wrong_tx(m, b, m->tx[queue].vf);
    if (wrong)
        i40e_model_violation(m, wrong, 0, queue);
}

bool i40e_model_hmc_context(struct i40e_model *m, bool rx, unsigned queue,
                            struct i40e_queue_context *context)
{
    uint8_t b[TX_BYTES];
    uint32_t base = i40e_get(m, rx ? R_LANRXBASE(m->pf) : R_LANTXBASE(m->pf));
    uint32_t count = i40e_get(m, rx ? R_LANRXCNT(m->pf) : R_LANTXCNT(m->pf));
    unsigned size = rx ? RX_BYTES : TX_BYTES;
    if (queue >= count)
        return error(m, "a queue beyond the contexts in private memory", queue);
    if (!read_private(m, (uint64_t)base * BASE_UNIT + (uint64_t)queue * size, b, size))
        return false;
    if (rx)
        decode_rx(context, b);
    else
        decode_tx(context, b);
    check_context(m, rx, b, context, queue);
    return true;
}
