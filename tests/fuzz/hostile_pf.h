/* hostile_pf.h - a hostile PF, and a hostile VF of its chip: mailbox flags and words, queue
 * registers, counters and descriptors are as the input says, and the port keeps hostile_port.h's
 * rules.
 *
 * For a harness of its own for each driver of VFs, which says before where its registers are:
 * DEVICE_ID, BAR_SIZE, MAILBOX, MEMORY(word), RX_BLOCK(queue), TX_BLOCK(queue), QUEUES, COUNTERS,
 * LINK; and the messages: TYPES from MBX_VF_SET_MAC on, WORDS of the longest answer. */
#pragma once

#include "nic/intel/intel_advanced.h"
#include "nic/intel/intel_mbx.h"
#include "nic/intel/intel_regs.h"
#include "tests/fuzz/hostile_port.h"

#define RX_CONTROL(q) (RX_BLOCK(q) + ADV_Q_CTL)
#define TX_CONTROL(q) (TX_BLOCK(q) + ADV_Q_CTL)

static uint32_t regs[BAR_SIZE / 4];
static uint32_t mailbox; /* what V2PMAILBOX shows */
static uint32_t returned[QUEUES], turn; /* receive descriptors, one after the other, by turns */
static bool honest_queues, gone;
static enum { SILENT, GRANTS, REFUSES, BABBLES } pf;

/* The device ----------------------------------------------------------------- */

static void pf_answers(void)
{
    uint32_t type = regs[MEMORY(0) / 4] & MBX_TYPE;
    mailbox |= MBX_V2P_PFACK;
    if (pf == SILENT)
        return;
    mailbox |= MBX_V2P_PFSTS;
    if (pf == BABBLES) {
        for (unsigned i = 0; i < WORDS; i++)
            regs[MEMORY(i) / 4] = (uint32_t)take(4);
        return;
    }
    regs[MEMORY(0) / 4] |= (pf == GRANTS ? MBX_ACK : MBX_NACK) | MBX_CTS;
    if (type == MBX_VF_RESET && pf == GRANTS) {
        regs[MEMORY(1) / 4] = (uint32_t)take(1) << 16 | 0x02;
        regs[MEMORY(2) / 4] = (uint32_t)take(1);
    }
    for (unsigned i = 1; type > MBX_VF_SET_PROMISC && i < WORDS; i++)
        regs[MEMORY(i) / 4] = (uint32_t)take(1) % 8;
}

/* Unasked: believable words as well as any. */
static void pf_says(unsigned which)
{
    static const uint32_t words[] = { MBX_PF_CONTROL | MBX_CTS, MBX_PF_CONTROL, MBX_NACK,
                                      MBX_ACK | MBX_VF_RESET, MBX_NACK | MBX_VF_RESET };
    uint32_t type = MBX_VF_SET_MAC + which % TYPES;
    if (which < ARRAY_SIZE(words))
        regs[MEMORY(0) / 4] = words[which];
    else if (which < 10)
        regs[MEMORY(0) / 4] = type | MBX_CTS | MBX_ACK;
    else if (which < 15)
        regs[MEMORY(0) / 4] = type | MBX_CTS | MBX_NACK;
    else
        regs[MEMORY(which % 3) / 4] = (uint32_t)take(4);
    mailbox |= MBX_V2P_PFSTS;
}

static uint64_t bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    if (gone || bar || size != 4)
        return UINT32_MAX;
    if (offset == MAILBOX) {
        uint32_t value = mailbox;
        mailbox &= ~MBX_V2P_CLEARED;
        return value;
    }
    return regs[offset / 4];
}

static bool is_control(uint64_t offset)
{
    for (unsigned q = 0; q < QUEUES; q++)
        if (offset == RX_CONTROL(q) || offset == TX_CONTROL(q))
            return true;
    return false;
}

static void queues_off(void)
{
    for (unsigned q = 0; q < QUEUES; q++)
        regs[RX_CONTROL(q) / 4] = regs[TX_CONTROL(q) / 4] = 0;
}

static void bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    bool control = is_control(offset);
    if (gone || bar || size != 4)
        return;
    stirred = stirred || offset != MAILBOX || value != MBX_V2P_VFU; /* which may be in vain */
    if (offset == MAILBOX) {
        mailbox &= ~MBX_V2P_VFU;
        if ((value & MBX_V2P_VFU) && !(mailbox & MBX_V2P_PFU))
            mailbox |= MBX_V2P_VFU;
        if (value & MBX_V2P_REQ)
            pf_answers();
    } else if (offset == INTEL_CTRL) {
        queues_off();
    } else if (!control || honest_queues) {
        regs[offset / 4] = (uint32_t)value;
    }
}

static void plug(void)
{
    pcispace_reset();
    host_set_look_us(US_PER_MS);
    memset(regs, 0, sizeof regs);
    memset(returned, 0, sizeof returned);
    mailbox = turn = 0;
    honest_queues = true;
    gone = false;
    pf = GRANTS;
    pcispace_device_init(&device, 0x8086, DEVICE_ID, 0x020000);
    device.bar[0] = (struct pcispace_bar){ BAR_SIZE, .is64 = true, .prefetchable = true };
    device.bar_read = bar_read;
    device.bar_write = bar_write;
    pcispace_add(&device, NULL, 3, 0);
    must(pci_scan() == 1);
    function = pci_first();
}

static uint64_t ring_at(uint32_t block)
{
    return (uint64_t)regs[(block + INTEL_Q_BAH) / 4] << 32 | regs[(block + INTEL_Q_BAL) / 4];
}

/* One word anywhere in a ring; what is not mapped any more is not reached. */
static void scribble(uint32_t block, uint32_t word, uint64_t value)
{
    uint64_t at = ring_at(block) + word % (RING * 2) * 8;
    if (device.config[4] & 4) /* bus mastering */
        host_dma_write(&function->dma, at, &value, sizeof value);
}

static void return_descriptor(void)
{
    static const uint16_t lengths[] = { 0, 60, 127, 128, 1514, 1518, 2048, 2049 };
    uint32_t queue = turn++ % QUEUES;
    uint8_t how = (uint8_t)take(1);
    uint64_t length = how & 2 ? take(2) : lengths[how >> 2 & 7];
    uint64_t result = FIELD_PUT(ADV_RXD_LENGTH, length) | ADV_RXD_DD | (how & 1 ? ADV_RXD_EOP : 0);
    scribble(RX_BLOCK(queue), how & 0x80 ? (uint32_t)take(1) * 2 + 1 : 2 * returned[queue]++ + 1,
             result | (how & 0x40 ? take(8) : 0));
}

/* What happens ----------------------------------------------------------------- */

static void step(struct port *port)
{
    uint8_t what = (uint8_t)take(1);
    switch (what % 14) {
    case 0:
        return_descriptor();
        break;
    case 1:
        receive(port);
        break;
    case 2:
        send(port, (uint16_t)take(2));
        break;
    case 3:
        scribble(RX_BLOCK(what / 14 % QUEUES), (uint32_t)take(1), take(8));
        break;
    case 4:
        scribble(TX_BLOCK(what / 14 % QUEUES), (uint32_t)take(1), take(8) | ADV_TXD_DD);
        break;
    case 5:
        mailbox = (uint32_t)take(4);
        break;
    case 6:
        pf_says(what / 14);
        break;
    case 7:
        pf = take(1) % 4;
        break;
    case 8:
        set_something(port);
        break;
    case 9:
        port_stop(port);
        must(host_dma_mapped(&function->dma) == idle);
        port_start(port);
        break;
    case 10:
        honest_queues = take(1) & 1;
        regs[RX_CONTROL(what / 14 % QUEUES) / 4] = (uint32_t)take(4);
        break;
    case 11:
        regs[(COUNTERS + 4 * (uint32_t)(take(1) % 32)) / 4] = (uint32_t)take(4);
        regs[LINK / 4] = (uint32_t)take(4);
        look(port);
        break;
    case 12:
        gone = what / 14 % 4 == 0;
        break;
    default:
        poll(port, 1 + what / 14 * 20u);
        break;
    }
    poll(port, 1);
}

static void end(struct port *port) {}
