/* e1000_model.c - the device's side of e1000.c, from the 8254x SDM, and what the
 * 82574 has in common with it (e1000_model.h).
 *
 * Not modelled, and never used by the driver: interrupts, offloads, the PHY's
 * registers, FIFOs (a frame without a descriptor is missed at once). */
#include "tests/models/e1000_model.h"

#include "kernel/time.h"
#include "nic/intel/intel_ring.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FCS 4u
#define SHORT_MAX 1522u /* 13.7.15, FCS included */
#define LONG_MAX 16384u
#define WIRE_MIN 64u
#define TX_MIN 48u /* 3.3.3 */
#define TX_MAX 16288u
#define CTRL_PHY_DEFAULT 0x00000241u /* SPEED 1000, SLU, FD */
#define TAG_LENGTH 4u
#define VLAN_BYTES 12u /* of a frame, in front of its tag */

void e1000_model_violation(struct e1000_model *m, const char *what, uint32_t reg, uint64_t value)
{
    fprintf(stderr, "e1000 model: %s (register %04" PRIx32 ", value %" PRIx64 ")\n", what, reg,
            value);
    m->violations++;
}

static uint32_t *reg_at(struct e1000_model *m, uint32_t reg)
{
    return &m->regs[reg / 4];
}

static uint32_t get(const struct e1000_model *m, uint32_t reg)
{
    return m->regs[reg / 4];
}

unsigned e1000_model_violations(const struct e1000_model *m)
{
    return m->violations + m->device.dma_refused;
}

/* DMA ------------------------------------------------------------------------ */

static bool dma_read(struct e1000_model *m, uint64_t iova, void *to, size_t n)
{
    return !pcispace_dma_read(&m->device, iova, to, n);
}

static bool dma_write(struct e1000_model *m, uint64_t iova, const void *from, size_t n)
{
    return !pcispace_dma_write(&m->device, iova, from, n);
}

/* Registers ------------------------------------------------------------------ */

/* 8254x SDM 13.4 and 13.5. */
static const struct e1000_model_reg family[] = {
    { INTEL_CTRL, INTEL_CTRL, 4, 0x5cfc1be9u, true },
    { INTEL_STATUS, INTEL_STATUS, 4, 0, true },
    { E1000_EERD, E1000_EERD, 4, E1000_EERD_ADDR | E1000_EERD_START, true },
    { INTEL_FCAL, INTEL_FCAL, 4, UINT32_MAX, true },
    { INTEL_FCAH, INTEL_FCAH, 4, 0xffff, true },
    { INTEL_FCT, INTEL_FCT, 4, 0xffff, true },
    { E1000_VET, E1000_VET, 4, 0xffff, true },
    { INTEL_FCTTV, INTEL_FCTTV, 4, 0xffff, true },
    { E1000_IMC, E1000_IMC, 4, UINT32_MAX, false },
    { INTEL_RCTL, INTEL_RCTL, 4, 0x06dfb3feu, true },
    { INTEL_RXCSUM, INTEL_RXCSUM, 4, 0x07ff, true },
    { INTEL_TCTL, INTEL_TCTL, 4, 0x017ffffau, true },
    { E1000_TIPG, E1000_TIPG, 4, 0x3fffffffu, true },
    { E1000_RDBAL, E1000_RDBAL, 4, 0xfffffff0u, true },
    { E1000_RDBAH, E1000_RDBAH, 4, UINT32_MAX, true },
    { E1000_RDLEN, E1000_RDLEN, 4, 0x000fff80u, true },
    { E1000_RDH, E1000_RDH, 4, 0xffff, true },
    { E1000_RDT, E1000_RDT, 4, 0xffff, true },
    { E1000_TDBAL, E1000_TDBAL, 4, 0xfffffff0u, true },
    { E1000_TDBAH, E1000_TDBAH, 4, UINT32_MAX, true },
    { E1000_TDLEN, E1000_TDLEN, 4, 0x000fff80u, true },
    { E1000_TDH, E1000_TDH, 4, 0xffff, true },
    { E1000_TDT, E1000_TDT, 4, 0xffff, true },
    { 0x4000, 0x40fc, 4, 0, true },
    { INTEL_MTA(0), INTEL_MTA(INTEL_MTA_REGS - 1), 4, UINT32_MAX, true },
    { INTEL_VFTA(0), INTEL_VFTA(INTEL_VFTA_REGS - 1), 4, UINT32_MAX, true },
    { E1000_RAL(0), E1000_RAL(E1000_RA_REGS - 1), 8, UINT32_MAX, true },
    { E1000_RAH(0), E1000_RAH(E1000_RA_REGS - 1), 8, INTEL_RAH_AV | 0x3ffff, true },
};

/* For each register of the family, and of one with a chip's own rows, its row; NULL: none. */
static const struct e1000_model_reg *rows_of[2][E1000_BAR_SIZE / 4];

static void note_rows(const struct e1000_model_reg **of, const struct e1000_model_reg *rows,
                      unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        for (uint32_t reg = rows[i].first; reg <= rows[i].last; reg += rows[i].step)
            of[reg / 4] = &rows[i];
}

static const struct e1000_model_reg *find_known(const struct e1000_model *m, uint32_t reg)
{
    const struct e1000_model_reg **of = rows_of[m->chip != NULL];
    if (!of[INTEL_CTRL / 4]) {
        note_rows(of, family, ARRAY_SIZE(family));
        if (m->chip)
            note_rows(of, m->chip->known, m->chip->known_count);
    }
    return reg % 4 || reg >= E1000_BAR_SIZE ? NULL : of[reg / 4];
}

/* The first words of the EEPROM become the address; the 8254x take their time over it. */
static void load(struct e1000_model *m)
{
    m->reload_at_us = 0;
    if (m->loads_no_address)
        return;
    *reg_at(m, E1000_RAL(0)) = m->eeprom[0] | (uint32_t)m->eeprom[1] << 16;
    *reg_at(m, E1000_RAH(0)) = m->eeprom[2] | INTEL_RAH_AV;
}

static void load_when_due(struct e1000_model *m)
{
    if (m->reload_at_us && time_us() >= m->reload_at_us)
        load(m);
}

/* 13.2: 32-bit accesses only, and nothing within 1 us of a reset (13.4.1). */
static bool access_good(struct e1000_model *m, unsigned bar, uint64_t offset, unsigned size)
{
    load_when_due(m);
    if (bar != E1000_BAR || size != 4 || offset % 4) {
        e1000_model_violation(m, "access that is not 32 bits wide, or elsewhere", (uint32_t)offset,
                              size);
        return false;
    }
    /* a look at a deadline takes the hosted clock 1 us */
    if (m->reset_at_us && time_us() <= m->reset_at_us + 1)
        e1000_model_violation(m, "access within 1 us of CTRL.RST", (uint32_t)offset, 0);
    if (find_known(m, (uint32_t)offset))
        return true;
    e1000_model_violation(m, "access to an unknown register", (uint32_t)offset, 0);
    return false;
}

static void set_status(struct e1000_model *m)
{
    bool up = m->cable && (get(m, INTEL_CTRL) & INTEL_CTRL_SLU);
    uint32_t others =
        get(m, INTEL_STATUS) & ~(INTEL_STATUS_SPEED | INTEL_STATUS_LU | INTEL_STATUS_FD);
    *reg_at(m, INTEL_STATUS) =
        others | FIELD_PUT(INTEL_STATUS_SPEED, 2u) | (up ? INTEL_STATUS_LU | INTEL_STATUS_FD : 0);
}

static void reset(struct e1000_model *m)
{
    m->reset_at_us = time_us();
    m->masked = false;
    if (m->reset_does_nothing)
        return;
    memset(m->regs, 0, sizeof m->regs);
    memset(m->low_half_read, 0, sizeof m->low_half_read);
    *reg_at(m, INTEL_CTRL) = CTRL_PHY_DEFAULT | (m->reset_sticks ? INTEL_CTRL_RST : 0);
    m->reload_at_us = m->reset_at_us + (m->chip ? 0 : E1000_MODEL_RELOAD_US);
    load_when_due(m);
    set_status(m);
    if (m->chip)
        m->chip->reset(m);
}

static void write_eerd(struct e1000_model *m, uint32_t value)
{
    uint32_t word = FIELD_GET(E1000_EERD_ADDR, value);
    m->eeprom_asked_us = time_us();
    if (!(value & E1000_EERD_START) || m->eeprom_dead)
        return;
    if (word >= E1000_MODEL_WORDS)
        e1000_model_violation(m, "EEPROM word that is not there", E1000_EERD, value);
    else
        *reg_at(m, E1000_EERD) =
            FIELD_PUT(E1000_EERD_ADDR, word) | E1000_EERD_DONE | (uint32_t)m->eeprom[word] << 16;
}

static uint32_t ring_count(const struct e1000_model *m, uint32_t length)
{
    return get(m, length) / 16;
}

/* What may be written, and when: 13.4.25 to 13.4.29, 13.4.36 to 13.4.40. */
static void check_ring_write(struct e1000_model *m, uint32_t reg, uint32_t value)
{
    bool rx = reg >= E1000_RDBAL && reg <= E1000_RDT, tx = reg >= E1000_TDBAL && reg <= E1000_TDT;
    if (!rx && !tx)
        return;
    bool enabled = rx ? get(m, INTEL_RCTL) & INTEL_RCTL_EN : get(m, INTEL_TCTL) & INTEL_TCTL_EN;
    bool tail = reg == E1000_RDT || reg == E1000_TDT;
    if (enabled && !tail)
        e1000_model_violation(m, "ring register written while its unit is on", reg, value);
    if (tail && value && value >= ring_count(m, rx ? E1000_RDLEN : E1000_TDLEN))
        e1000_model_violation(m, "tail past the ring", reg, value);
}

static void check_enable(struct e1000_model *m, uint32_t reg, uint32_t value)
{
    if (reg == INTEL_RCTL && (value & INTEL_RCTL_EN)) {
        if (!get(m, E1000_RDLEN) || !(get(m, E1000_RDBAL) || get(m, E1000_RDBAH)))
            e1000_model_violation(m, "receiver on without a ring", reg, value);
        if (value & 0x00400004u)
            e1000_model_violation(m, "bad packets or pause frames wanted", reg, value);
        if (!m->masked)
            e1000_model_violation(m, "receiver on before interrupts are masked", reg, value);
    }
    if (reg == INTEL_TCTL && (value & INTEL_TCTL_EN) && !get(m, E1000_TDLEN))
        e1000_model_violation(m, "transmitter on without a ring", reg, value);
    if (reg == INTEL_TCTL && (value & INTEL_TCTL_EN) &&
        (!FIELD_GET(E1000_TCTL_COLD, value) || !FIELD_GET(INTEL_TCTL_CT, value)))
        e1000_model_violation(m, "transmitter on without collision values", reg, value);
}

/* A receive address that counts is not changed by halves. */
static void check_address(struct e1000_model *m, uint32_t reg, uint32_t value)
{
    if (reg >= E1000_RAL(0) && reg < E1000_RAL(E1000_RA_REGS) && reg % 8 == 0 &&
        (get(m, reg + 4) & INTEL_RAH_AV))
        e1000_model_violation(m, "receive address changed while it is valid", reg, value);
}

static void mmio_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t wide)
{
    struct e1000_model *m = ctx;
    uint32_t reg = (uint32_t)offset, value = (uint32_t)wide;
    if (m->chip && bar == E1000E_MODEL_MSIX_BAR)
        return;
    if (m->gone || !access_good(m, bar, offset, size))
        return;
    if (value & ~find_known(m, reg)->writable)
        e1000_model_violation(m, "reserved or read-only bits set", reg, value);
    check_ring_write(m, reg, value);
    check_enable(m, reg, value);
    check_address(m, reg, value);
    if (m->chip && m->chip->written(m, reg, value)) {
        set_status(m);
    } else if (reg == E1000_EERD) {
        write_eerd(m, value);
    } else if (reg == INTEL_CTRL && (value & INTEL_CTRL_RST)) {
        *reg_at(m, reg) = value & ~INTEL_CTRL_RST;
        reset(m);
    } else if (reg == E1000_IMC) {
        m->masked |= value == UINT32_MAX;
    } else {
        m->rctl_writes += reg == INTEL_RCTL;
        *reg_at(m, reg) = value;
        set_status(m);
    }
}

/* 13.7: reading clears; of a pair the upper half clears both and is read last. */
static uint32_t read_counter(struct e1000_model *m, uint32_t reg)
{
    uint32_t value = get(m, reg), pair = (reg - 0x4088) / 8;
    if (reg < 0x4088 || reg > 0x4094) {
        *reg_at(m, reg) = 0;
        return value;
    }
    if (reg % 8 == 0) {
        m->low_half_read[pair] = true;
        return value;
    }
    if (!m->low_half_read[pair])
        e1000_model_violation(m, "upper half of a counter read first", reg, value);
    m->low_half_read[pair] = false;
    *reg_at(m, reg) = *reg_at(m, reg - 4) = 0;
    return value;
}

static uint64_t mmio_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    struct e1000_model *m = ctx;
    uint32_t reg = (uint32_t)offset;
    if (m->chip && bar == E1000E_MODEL_MSIX_BAR)
        return 0;
    if (m->gone || !access_good(m, bar, offset, size))
        return UINT32_MAX;
    if (!find_known(m, reg)->readable)
        e1000_model_violation(m, "write-only register read", reg, 0);
    if (reg == INTEL_CTRL && m->reset_at_us && time_us() < m->reset_at_us + m->reset_takes_us)
        return get(m, reg) | INTEL_CTRL_RST;
    if (!m->chip && reg == E1000_EERD && time_us() < m->eeprom_asked_us + m->eeprom_takes_us)
        return get(m, reg) & ~E1000_EERD_DONE;
    uint32_t value = reg >= 0x4000 && reg < 0x4100 ? read_counter(m, reg) : get(m, reg);
    return m->chip ? m->chip->read(m, reg, value) : value;
}

/* Receive -------------------------------------------------------------------- */

void e1000_model_count(struct e1000_model *m, uint32_t reg, uint32_t n)
{
    uint32_t *at = reg_at(m, reg);
    *at = *at > UINT32_MAX - n ? UINT32_MAX : *at + n;
}

static void count_octets(struct e1000_model *m, uint32_t reg, uint32_t n)
{
    uint64_t sum = ((uint64_t)get(m, reg + 4) << 32 | get(m, reg)) + n;
    *reg_at(m, reg) = (uint32_t)sum;
    *reg_at(m, reg + 4) = (uint32_t)(sum >> 32);
}

/* 13.5.1, RCTL.MO 0 to 3: the twelve bits start at bit 36, 35, 34 or 32. */
static bool multicast_wanted(const struct e1000_model *m, const uint8_t *mac)
{
    static const unsigned shifts[] = { 4, 3, 2, 0 };
    uint32_t high = (uint32_t)mac[5] << 8 | mac[4];
    uint32_t pointer = high >> shifts[FIELD_GET(INTEL_RCTL_MO, get(m, INTEL_RCTL))] & 0xfff;
    return get(m, INTEL_MTA(pointer >> 5)) >> (pointer & 31) & 1;
}

static bool address_exact(const struct e1000_model *m, const uint8_t *mac)
{
    for (uint32_t i = 0; i < E1000_RA_REGS; i++) {
        uint32_t low = get(m, E1000_RAL(i)), high = get(m, E1000_RAH(i));
        if ((high & INTEL_RAH_AV) && !memcmp(mac, &low, 4) && !memcmp(mac + 4, &high, 2))
            return true;
    }
    return false;
}

static bool rx_tagged(const struct e1000_model *m, const uint8_t *frame)
{
    return ((uint32_t)frame[12] << 8 | frame[13]) == get(m, E1000_VET) && get(m, E1000_VET);
}

/* RCTL.VFE: a bit of the table for each VLAN. */
static bool vlan_wanted(const struct e1000_model *m, const uint8_t *frame)
{
    uint32_t vid = (uint32_t)(frame[14] << 8 | frame[15]) & 0xfff;
    return !(get(m, INTEL_RCTL) & INTEL_RCTL_VFE) || !rx_tagged(m, frame) ||
           (get(m, INTEL_VFTA(vid >> 5)) >> (vid & 31) & 1);
}

/* 10.5.2 and RCTL, 13.4.22. */
static bool station_wanted(const struct e1000_model *m, const uint8_t *mac)
{
    static const uint8_t broadcast[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };
    uint32_t rctl = get(m, INTEL_RCTL);
    if (!memcmp(mac, broadcast, MAC_LEN) && (rctl & INTEL_RCTL_BAM))
        return true;
    if (mac[0] & 1)
        return (rctl & INTEL_RCTL_MPE) || multicast_wanted(m, mac) || address_exact(m, mac);
    return (rctl & INTEL_RCTL_UPE) || address_exact(m, mac);
}

uint32_t e1000_model_rx_held(struct e1000_model *m)
{
    uint32_t count = ring_count(m, E1000_RDLEN);
    if (!(get(m, INTEL_RCTL) & INTEL_RCTL_EN) || !count)
        return 0;
    return (get(m, E1000_RDT) + count - get(m, E1000_RDH)) % count;
}

static uint64_t ring_address(const struct e1000_model *m, uint32_t low, uint32_t head)
{
    return ((uint64_t)get(m, low + 4) << 32 | get(m, low)) + 16ull * get(m, head);
}

static void advance(struct e1000_model *m, uint32_t head, uint32_t length)
{
    *reg_at(m, head) = (get(m, head) + 1) % ring_count(m, length);
}

bool e1000_model_rx_return(struct e1000_model *m, uint64_t result)
{
    uint64_t at = ring_address(m, E1000_RDBAL, E1000_RDH);
    if (!e1000_model_rx_held(m) || !dma_write(m, at + 8, &result, sizeof result))
        return false;
    advance(m, E1000_RDH, E1000_RDLEN);
    return true;
}

static bool ip_header_good(const uint8_t *ip, uint32_t length)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < length; i += 2)
        sum += (uint32_t)ip[i] << 8 | ip[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff;
}

/* 3.2.3.1, 3.2.9: what was not looked at is IXSM, with lies in what that makes meaningless. */
static uint64_t rx_checked(const struct e1000_model *m, const uint8_t *frame, uint32_t length)
{
    uint32_t at = frame[12] == 0x81 && frame[13] == 0 ? 18 : 14;
    uint32_t header = length > at ? (frame[at] & 15u) * 4u : 0;
    if (!(get(m, INTEL_RXCSUM) & INTEL_RXCSUM_IPOFL) || frame[at - 2] != 8 || frame[at - 1] ||
        length < at + 20 || frame[at] >> 4 != 4 || header < 20 || length < at + header)
        return E1000_RXD_IXSM | E1000_RXD_IPCS | E1000_RXD_IPE;
    return E1000_RXD_IPCS | (ip_header_good(frame + at, header) ? 0 : E1000_RXD_IPE);
}

/* Fills the next buffer with up to RCTL.BSIZE bytes (3.2.2, 3.2.3).  `told` is for the
 * last descriptor; before it only DD means something. */
static bool rx_fill(struct e1000_model *m, const uint8_t *bytes, uint32_t n, bool end,
                    uint64_t told)
{
    struct intel_rx_desc desc;
    if (!dma_read(m, ring_address(m, E1000_RDBAL, E1000_RDH), &desc, sizeof desc))
        return false;
    if (!desc.address || desc.result)
        e1000_model_violation(m, "receive descriptor not ready", E1000_RDH, desc.result);
    if (!dma_write(m, desc.address, bytes, n))
        return false;
    /* a checksum that nobody asked for: PCSS is for others */
    return e1000_model_rx_return(m, n | 0xbeef0000ull | E1000_RXD_DD |
                                        (end ? E1000_RXD_EOP | told : 0));
}

static bool rx_store(struct e1000_model *m, const uint8_t *bytes, uint32_t length, uint64_t told)
{
    uint32_t size = 2048u >> FIELD_GET(E1000_RCTL_BSIZE, get(m, INTEL_RCTL));
    if ((length + size - 1) / size > e1000_model_rx_held(m)) {
        e1000_model_count(m, 0x4010, 1); /* MPC */
        return false;
    }
    for (uint32_t done = 0, n; done < length; done += n) {
        n = length - done < size ? length - done : size;
        if (!rx_fill(m, bytes + done, n, done + n == length, told))
            return false;
    }
    return true;
}

/* 9.1: with CTRL.VME the tag goes into the descriptor. */
static uint64_t rx_strip(const struct e1000_model *m, uint8_t *bytes, uint32_t *length)
{
    if (!(get(m, INTEL_CTRL) & INTEL_CTRL_VME) || !rx_tagged(m, bytes))
        return 0;
    uint64_t tag = (uint64_t)bytes[14] << 8 | bytes[15];
    *length -= TAG_LENGTH;
    memmove(bytes + VLAN_BYTES, bytes + VLAN_BYTES + TAG_LENGTH, *length - VLAN_BYTES);
    return E1000_RXD_VP | tag << 48;
}

static void rx_count(struct e1000_model *m, const uint8_t *frame, uint32_t length)
{
    static const uint8_t broadcast[MAC_LEN] = { 255, 255, 255, 255, 255, 255 };
    e1000_model_count(m, 0x4074, 1); /* GPRC */
    if (!memcmp(frame, broadcast, MAC_LEN))
        e1000_model_count(m, 0x4078, 1); /* BPRC */
    else if (frame[0] & 1)
        e1000_model_count(m, 0x407c, 1);   /* MPRC */
    count_octets(m, 0x4088, length + FCS); /* GORC */
}

bool e1000_model_inject(struct e1000_model *m, const uint8_t *frame, uint32_t length)
{
    static uint8_t bytes[LONG_MAX + 64];
    uint32_t rctl = get(m, INTEL_RCTL), wire = length + FCS;
    bool is_long = wire > (rctl & INTEL_RCTL_LPE ? LONG_MAX : SHORT_MAX);
    if (!(rctl & INTEL_RCTL_EN) || !(get(m, INTEL_STATUS) & INTEL_STATUS_LU))
        return false;
    if (!station_wanted(m, frame) || !vlan_wanted(m, frame))
        return true;
    if (wire < WIRE_MIN || is_long) {
        e1000_model_count(m, 0x4040, 1);                    /* RLEC */
        e1000_model_count(m, is_long ? 0x40ac : 0x40a4, 1); /* ROC, RUC */
        return true;
    }
    memcpy(bytes, frame, length);
    memset(bytes + length, 0xfc, FCS);
    uint32_t stored = (rctl & INTEL_RCTL_SECRC) && !m->keeps_fcs ? length : wire;
    uint64_t told = rx_checked(m, bytes, length);
    told |= rx_strip(m, bytes, &stored);
    if (!rx_store(m, bytes, stored, told))
        return false;
    rx_count(m, frame, length);
    if (m->chip)
        m->chip->received(m);
    return true;
}

/* Transmit ------------------------------------------------------------------- */

#define TXD_ALLOWED \
    (E1000_TXD_LENGTH | E1000_TXD_EOP | E1000_TXD_IFCS | E1000_TXD_RS | E1000_TXD_VLE | \
     E1000_TXD_TAG | 0x80000000ull)

static void check_frame(struct e1000_model *m, uint32_t length, uint64_t command)
{
    if (length < TX_MIN || length > TX_MAX)
        e1000_model_violation(m, "frame shorter than 48 or longer than 16288 bytes", E1000_TDT,
                              length);
    if (!(command & E1000_TXD_IFCS))
        e1000_model_violation(m, "frame without FCS", E1000_TDT, command);
}

static void check_tag(struct e1000_model *m, uint64_t command)
{
    if (!(command & E1000_TXD_VLE) && (command & E1000_TXD_TAG))
        e1000_model_violation(m, "tag that nobody asked for", E1000_TDT, command);
    if ((command & E1000_TXD_VLE) && !(get(m, INTEL_CTRL) & INTEL_CTRL_VME))
        e1000_model_violation(m, "tag asked for with CTRL.VME off", E1000_TDT, command);
    if ((command & E1000_TXD_VLE) && get(m, E1000_VET) != E1000_VET_8021Q)
        e1000_model_violation(m, "tag with another EtherType than 802.1Q's", E1000_VET, command);
}

/* 3.3.3: in the last descriptor's words, between the addresses and what follows. */
static void tx_insert(uint8_t *bytes, uint32_t *length, uint64_t command)
{
    uint32_t tag = (uint32_t)FIELD_GET(E1000_TXD_TAG, command);
    if (!(command & E1000_TXD_VLE) || *length < VLAN_BYTES)
        return;
    memmove(bytes + VLAN_BYTES + TAG_LENGTH, bytes + VLAN_BYTES, *length - VLAN_BYTES);
    memcpy(bytes + VLAN_BYTES, (uint8_t[]){ 0x81, 0, (uint8_t)(tag >> 8), (uint8_t)tag },
           TAG_LENGTH);
    *length += TAG_LENGTH;
}

/* One descriptor (3.3.3); its bytes go to *length on; true: the frame ends. */
static bool tx_one(struct e1000_model *m, uint8_t *bytes, uint32_t *length)
{
    uint64_t at = ring_address(m, E1000_TDBAL, E1000_TDH);
    struct intel_tx_desc desc;
    if (!dma_read(m, at, &desc, sizeof desc))
        return true;
    uint32_t n = FIELD_GET(E1000_TXD_LENGTH, desc.command);
    if (desc.command & ~TXD_ALLOWED)
        e1000_model_violation(m, "transmit descriptor with reserved or unknown bits", E1000_TDT,
                              desc.command);
    if (!desc.address || !n || *length + n > TX_MAX)
        e1000_model_violation(m, "transmit descriptor without data or with too much", E1000_TDT,
                              desc.command);
    else if (dma_read(m, desc.address, bytes + *length, n))
        *length += n;
    if (desc.command & E1000_TXD_RS) {
        uint64_t done = desc.command | E1000_TXD_DD;
        dma_write(m, at + 8, &done, sizeof done);
    }
    advance(m, E1000_TDH, E1000_TDLEN);
    check_tag(m, desc.command);
    if (desc.command & E1000_TXD_EOP) {
        check_frame(m, *length, desc.command);
        tx_insert(bytes, length, desc.command);
    }
    return desc.command & E1000_TXD_EOP;
}

uint32_t e1000_model_take(struct e1000_model *m, uint8_t *frame, uint32_t size)
{
    static uint8_t bytes[TX_MAX + TAG_LENGTH];
    uint32_t length = 0;
    if (!(get(m, INTEL_TCTL) & INTEL_TCTL_EN) || !(get(m, INTEL_STATUS) & INTEL_STATUS_LU) ||
        get(m, E1000_TDH) == get(m, E1000_TDT))
        return 0;
    while (!tx_one(m, bytes, &length)) {
        if (get(m, E1000_TDH) != get(m, E1000_TDT))
            continue;
        e1000_model_violation(m, "tail in the middle of a frame", E1000_TDT, get(m, E1000_TDT));
        return 0;
    }
    /* 13.4.33: what PSP pads with is whatever is in the FIFO */
    if (length < WIRE_MIN - FCS && (get(m, INTEL_TCTL) & INTEL_TCTL_PSP)) {
        memset(bytes + length, 0xee, WIRE_MIN - FCS - length);
        length = WIRE_MIN - FCS;
    }
    e1000_model_count(m, 0x4080, 1);       /* GPTC */
    count_octets(m, 0x4090, length + FCS); /* GOTC */
    memcpy(frame, bytes, length < size ? length : size);
    return length < size ? length : size;
}

/* Life ----------------------------------------------------------------------- */

void e1000_model_set_link(struct e1000_model *m, bool up)
{
    m->cable = up;
    set_status(m);
}

static struct pci_function *find_function(uint16_t device_id)
{
    struct pci_function *f = pci_first();
    while (f && f->device != device_id)
        f = f->next;
    return f;
}

static const struct {
    const struct e1000_model_chip *chip;
    uint16_t device, subsystem; /* with a subsystem it is VMware's */
    bool eeprom_dead, loads_no_address, keeps_fcs;
} kinds[E1000_KINDS] = {
    [E1000_82540EM] = { .device = 0x100e },
    [E1000_82544GC] = { .device = 0x100c, .eeprom_dead = true },
    [E1000_82545EM] = { .device = 0x100f },
    [E1000_82545EM_VMWARE] = { .device = 0x100f,
                               .subsystem = 0x0750,
                               .loads_no_address = true,
                               .keeps_fcs = true },
    [E1000_82574L] = { .chip = &e1000e_model_chip, .device = 0x10d3 },
    [E1000_82574L_VMWARE] = { .chip = &e1000e_model_chip, .device = 0x10d3, .subsystem = 0x07d0 },
};

static void describe_device(struct e1000_model *m, uint16_t device, uint16_t subsystem)
{
    uint16_t ids[2] = { subsystem ? 0x15ad : 0x8086, subsystem };
    pcispace_device_init(&m->device, 0x8086, device, 0x020000);
    memcpy(m->device.config + PCI_SUBSYSTEM_VENDOR, ids, sizeof ids);
    m->device.bar[E1000_BAR] = (struct pcispace_bar){ .size = E1000_BAR_SIZE };
    m->device.bar[2] = (struct pcispace_bar){ .size = 64, .io = true };
    m->device.bar_read = mmio_read;
    m->device.bar_write = mmio_write;
    m->device.ctx = m;
}

void e1000_model_init_as(struct e1000_model *m, const uint8_t mac[MAC_LEN],
                         enum e1000_model_kind kind)
{
    memset(m, 0, sizeof *m);
    m->chip = kinds[kind].chip;
    m->eeprom_dead = kinds[kind].eeprom_dead;
    m->keeps_fcs = kinds[kind].keeps_fcs;
    memcpy(m->eeprom, mac, MAC_LEN);
    m->cable = true;
    reset(m);
    load(m); /* power came on long ago */
    m->loads_no_address = kinds[kind].loads_no_address;
    m->reset_at_us = 0;
    pcispace_reset();
    describe_device(m, kinds[kind].device, kinds[kind].subsystem);
    if (m->chip)
        m->chip->wire(m);
    pcispace_add(&m->device, m->chip ? &m->port : NULL, m->chip ? 0 : 3, 0);
    pci_scan();
    m->function = find_function(kinds[kind].device);
}

void e1000_model_init(struct e1000_model *m, const uint8_t mac[MAC_LEN])
{
    e1000_model_init_as(m, mac, E1000_82540EM);
}
