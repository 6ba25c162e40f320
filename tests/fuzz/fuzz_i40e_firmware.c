/* i40e.c before hostile firmware: each answer is honest, or fails, or says what the input likes in
 * its words and its buffer, or does not come; and events come at any time, while the port is
 * probed, started, stopped, polled and set.  No register is touched that the chip does not have,
 * the port's facts stay possible, the log is not filled, and in the end nothing is left mapped. */
#include "kernel/log.h"
#include "kernel/time.h"
#include "nic/intel/i40e/i40e.h"
#include "pci/pci.h"
#include "tests/fuzz/harness.h"
#include "tests/host/host.h"
#include "tests/models/i40e_aq_device.h"
#include "tests/models/pcispace.h"

#include <stdlib.h>
#include <string.h>

#define BAR 0x800000u
#define POOL_PACKETS 256u
#define RING 64u
#define LINES_MAX 1500u
#define TOUCHED_MAX 8192u
#define STARTS_MAX 8u /* an input: short to write, and most of its time */
#define VSI 12u

static struct packet_pool *pool;
static struct packet_cache cache;
static struct input in;
static struct pcispace_device device;
static struct pci_function *function;
static struct i40e_aq_device aq;
static uint32_t regs[I40E_BAR_SIZE / 4], touched[TOUCHED_MAX], touches; /* cleared afterwards */
static enum { HONEST, LIES, FAILS, SILENT } mood;
static unsigned lines, starts;

static uint64_t take(size_t n)
{
    return take_value(&in, n);
}

/* Firmware ----------------------------------------------------------------------------- */

static void tell_capabilities(struct i40e_aq_desc *d, uint8_t *bytes)
{
    const struct i40e_capability list[] = { { .id = I40E_CAP_RXQ, .number = 16 },
                                            { .id = I40E_CAP_TXQ, .number = 16, .physical = 32 } };
    memcpy(bytes, list, sizeof list);
    d->param[1] = ARRAY_SIZE(list);
}

static void tell_vsi(struct i40e_aq_desc *d, uint8_t *bytes)
{
    const struct i40e_vsi vsi = { .counter = 3, .queue_set = { 5 } };
    memcpy(bytes, &vsi, sizeof vsi);
    d->param[0] = FIELD_PUT(I40E_VSI_NUMBER, VSI);
}

static void tell_switch(uint8_t *bytes)
{
    const struct i40e_switch_element element = { .kind = I40E_SWITCH_VSI, .seid = 390 };
    bytes[0] = 1;
    memcpy(bytes + 16, &element, sizeof element);
}

static void honest(struct i40e_aq_desc *d, uint8_t *bytes)
{
    static const uint8_t mac[MAC_LEN] = { 2, 0, 0, 0, 0, 9 };
    switch (d->opcode) {
    case I40E_OP_VERSION:
        d->address_low = 1 | 5 << 16;
        break;
    case I40E_OP_CAPABILITIES:
        tell_capabilities(d, bytes);
        break;
    case I40E_OP_MAC_READ:
        d->param[0] = I40E_MAC_READ_VALID;
        memcpy(bytes, mac, MAC_LEN);
        break;
    case I40E_OP_GET_SWITCH:
        tell_switch(bytes);
        break;
    case I40E_OP_GET_VSI:
        tell_vsi(d, bytes);
        break;
    case I40E_OP_LINK_STATUS:
        d->param[0] = FIELD_PUT(I40E_LINK_SPEED, 8u);
        d->param[1] = I40E_LINK_UP | I40E_LINK_MEDIA;
        break;
    }
}

/* One thing that is otherwise: a word of the answer, or some of its bytes. */
static void lie(struct i40e_aq_desc *d, uint8_t *bytes, uint16_t room)
{
    uint8_t what = (uint8_t)take(1);
    uint32_t at = what & 0x80 ? (uint32_t)take(1) : what >> 2;
    switch (what & 3) {
    case 0:
        d->param[what >> 2 & 1] = (uint32_t)take(4);
        break;
    case 1: /* two words more, where there is no buffer */
        d->address_low = room ? d->address_low : (uint32_t)take(4);
        d->address_high = room ? d->address_high : (uint32_t)take(1);
        break;
    default:
        for (unsigned i = 0; i < 4u && at + i < room; i++)
            bytes[at + i] = (uint8_t)take(1);
        break;
    }
}

static void command(void *owner, struct i40e_aq_desc *d, uint8_t bytes[I40E_AQ_BUFFER])
{
    uint16_t room = d->flags & I40E_AQ_BUF ? d->length : 0;
    if (mood == FAILS)
        d->result = (uint16_t)take(1);
    else
        honest(d, bytes);
    for (unsigned i = 0; mood == LIES && i < 3; i++)
        lie(d, bytes, room);
}

static void wrong(void *owner, const char *what, uint64_t value)
{
    must(false);
}

static void news(void *owner) {}

static void event(uint8_t how)
{
    struct i40e_aq_desc d = { .opcode = how & 1 ? I40E_OP_LINK_STATUS : (uint16_t)take(2),
                              .param = { (uint32_t)take(4), (uint32_t)take(2) } };
    uint8_t bytes[64] = { how };
    i40e_aq_device_event(&aq, &d, bytes, how & 2 ? sizeof bytes : 0);
}

/* Registers ------------------------------------------------------------------------------- */

static uint64_t bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    uint32_t value;
    must(size == 4 && !bar && offset < I40E_BAR_SIZE);
    if (i40e_aq_device_read(&aq, (uint32_t)offset, &value))
        return value;
    value = regs[offset / 4];
    if (offset == I40E_GLNVM_ULD)
        return I40E_GLNVM_ULD_DONE;
    return offset == I40E_GLNVM_SRCTL ? value | I40E_GLNVM_SRCTL_DONE : value;
}

static bool is_switch(uint64_t offset)
{
    return (offset >= I40E_QTX_ENA(0) && offset < I40E_QTX_ENA(I40E_CHIP_QUEUES)) ||
           (offset >= I40E_QRX_ENA(0) && offset < I40E_QRX_ENA(I40E_CHIP_QUEUES));
}

static void set(uint64_t offset, uint32_t value)
{
    if (touches < TOUCHED_MAX)
        touched[touches] = (uint32_t)offset / 4;
    touches++;
    regs[offset / 4] = value;
}

static void bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value64)
{
    uint32_t value = (uint32_t)value64;
    must(size == 4 && !bar && offset < I40E_BAR_SIZE);
    if (i40e_aq_device_write(&aq, (uint32_t)offset, value))
        return;
    if (offset == I40E_PFGEN_CTRL && value & I40E_PFGEN_CTRL_PFSWR) {
        i40e_aq_device_reset(&aq);
        value &= ~I40E_PFGEN_CTRL_PFSWR;
    }
    if (is_switch(offset))
        value = value & I40E_QENA_REQ ? value | I40E_QENA_STAT : value & ~I40E_QENA_STAT;
    set(offset, value);
}

static void plug(void)
{
    pcispace_reset();
    pcispace_device_init(&device, 0x8086, 0x1572, 0x020000);
    device.bar[0] = (struct pcispace_bar){ BAR, .is64 = true, .prefetchable = true };
    device.bar_read = bar_read;
    device.bar_write = bar_write;
    aq = (struct i40e_aq_device){ .layout = &i40e_aq_regs_pf,
                                  .device = &device,
                                  .wrong = wrong,
                                  .command = command,
                                  .news = news };
    set(I40E_GLHMC_LANTXOBJSZ, 7); /* contexts of 128 and of 32 octets */
    set(I40E_GLHMC_LANRXOBJSZ, 5);
    pcispace_add(&device, NULL, 3, 0);
    must(pci_scan() == 1);
    function = pci_first();
}

/* The port ---------------------------------------------------------------------------------- */

static void check(const struct port *port)
{
    const struct i40e *e = port->priv;
    must(lines < LINES_MAX);
    if (port->state == PORT_FAILED)
        return;
    must(!(port->mac[0] & 1) && port->limits.rx_queues_max <= I40E_QUEUES_MAX);
    must(port->rx_queues <= port->limits.rx_queues_max && e->queues <= I40E_QUEUES_MAX);
    must(e->first_queue + e->queues <= I40E_CHIP_QUEUES && port->vf_max <= 128);
    must(port->link.speed_mbps <= 40000);
}

static void change(struct port *port)
{
    uint8_t which = (uint8_t)take(1), mac[MAC_LEN] = { 2, which };
    const struct port_rx_mode mode = { .promiscuous = which & 8, .all_multicast = which & 16 };
    switch (which & 3) {
    case 0:
        port_set_mac(port, mac);
        break;
    case 1:
        port_set_rx_mode(port, &mode);
        break;
    case 2:
        port_set_offloads(port, which & 4 ? PORT_OFFLOAD_VLAN_STRIP : 0);
        break;
    default:
        port_set_mtu(port, 1500 + which);
        break;
    }
}

static void look(struct port *port, unsigned which)
{
    struct port_counter rows[64];
    struct port_device_stats stats;
    if (port->state != PORT_RUNNING)
        return;
    port->ops->counters(port, rows, 64);
    port->ops->stats(port, &stats);
    port->ops->arm(port->rxq[which % port->rx_queues], which & 8);
}

static void step(struct port *port)
{
    uint8_t what = (uint8_t)take(1);
    switch (what % 8) {
    case 0:
        mood = what / 8 % 4;
        aq.silent = mood == SILENT;
        break;
    case 1:
        event((uint8_t)take(1));
        break;
    case 2:
        if (port->state == PORT_RUNNING)
            port_stop(port);
        else if (port->state == PORT_STOPPED && starts++ < STARTS_MAX)
            port_start(port);
        break;
    case 3:
        change(port);
        break;
    case 4:
        look(port, what / 8);
        break;
    case 5:
        set(take(1) & 1 ? I40E_GLGEN_RSTAT : I40E_GL_FWSTS, (uint32_t)take(3));
        break;
    default:
        for (unsigned i = 0; i < 1u + what / 8; i++) {
            host_advance_us(20 * US_PER_MS);
            if (port_poll(port, time_us()))
                port_poll_link(port);
        }
        break;
    }
    check(port);
}

static void count_line(const char *text, size_t n)
{
    lines++;
}

static void yielded(void)
{
    host_advance_us(200 * US_PER_MS);
}

static void begin(void)
{
    log_set_sink(count_line);
    host_set_yield(yielded);
    host_set_look_us(100 * US_PER_MS);
    lines = starts = 0;
    pool = packet_pool_create(POOL_PACKETS);
    packet_cache_init(&cache, pool);
    plug();
    mood = take(1) % 8 ? HONEST : LIES;
}

static void end(void)
{
    if (touches > TOUCHED_MAX)
        memset(regs, 0, sizeof regs);
    for (unsigned i = 0; i < touches && i < TOUCHED_MAX; i++)
        regs[touched[i]] = 0;
    touches = 0;
    packet_cache_flush(&cache);
    must(packet_pool_available(pool) == POOL_PACKETS);
    packet_pool_destroy(pool);
    must(host_dma_mapped(&function->dma) == 0);
    harness_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    in = (struct input){ data, size < 512 ? size : 512 };
    begin();
    pci_probe_drivers(); /* one that fails has its number all the same */
    struct port *port = port_get(0);
    for (unsigned q = 0; q < I40E_QUEUES_MAX; q++) {
        port->rxq[q]->cache = port->txq[q]->cache = &cache;
        port->rxq[q]->size = port->txq[q]->size = RING;
    }
    if (port->state == PORT_STOPPED)
        port_start(port);
    must(mood != HONEST || port->state == PORT_RUNNING);
    check(port);
    while (in.size && port->state != PORT_FAILED)
        step(port);
    function->driver->remove(function);
    end();
    return 0;
}
