/* virtio_net_model.c - a virtio network device, and its registers on PCI (virtio_net_model.h). */
#include "tests/models/virtio_net_model.h"

#include "kernel/compiler.h"
#include "nic/port.h"
#include "pci/pci.h"
#include "pci/pci_regs.h"
#include "tests/host/host.h"
#include "tests/models/virtio_net_core.h"

#include <stdlib.h>
#include <string.h>

#define BIT(n) (1ull << (n))
#define F_MTU 3
#define F_MAC 5
#define F_MRG_RXBUF 15
#define F_STATUS 16
#define F_CTRL_VQ 17
#define F_CTRL_RX 18
#define F_CTRL_VLAN 19
#define F_GUEST_ANNOUNCE 21
#define F_CTRL_MAC_ADDR 23
#define F_ANY_LAYOUT 27
#define F_INDIRECT_DESC 28
#define F_EVENT_IDX 29
#define F_VERSION_1 32
#define F_RING_PACKED 34
#define F_IN_ORDER 35
#define F_MQ MODEL_F_MQ
#define F_HASH_REPORT MODEL_F_HASH_REPORT
#define F_RSS MODEL_F_RSS
#define F_SPEED_DUPLEX 63

#define ACKNOWLEDGE 1
#define DRIVER 2
#define DRIVER_OK 4
#define FEATURES_OK 8
#define NEEDS_RESET 64

/* Of queues with a number, virtio 1.2 5.1.2 */
enum { RX, TX, CONTROL };

void virtio_model_violation(struct virtio_net_model *m, const char *what)
{
    if (!m->violations++)
        m->violation = what;
}

unsigned virtio_net_model_violations(const struct virtio_net_model *m, const char **what)
{
    unsigned n = m->violations;
    *what = m->violation;
    for (unsigned i = 0; i < MODEL_QUEUES; i++) {
        n += m->queue[i].violations;
        if (!*what)
            *what = m->queue[i].violation;
    }
    return n;
}

/* The legacy interface is in use until VERSION_1 is accepted (2.2.3). */
static bool modern(const struct virtio_net_model *m)
{
    return m->accepted & BIT(F_VERSION_1);
}

static bool on_pci(const struct virtio_net_model *m)
{
    return m->config.kind <= MODEL_MODERN;
}

static bool bus_master(const struct virtio_net_model *m)
{
    return !on_pci(m) || m->pci.config[PCI_COMMAND] & PCI_COMMAND_MASTER;
}

static bool has(const struct virtio_net_model *m, unsigned f)
{
    return virtio_model_has(m, f);
}

static unsigned pairs(const struct virtio_net_model *m)
{
    return has(m, F_MQ) || has(m, F_RSS) ? m->config.pairs : 1;
}

static unsigned control_queue(const struct virtio_net_model *m)
{
    return 2 * pairs(m);
}

static unsigned queues(const struct virtio_net_model *m)
{
    return control_queue(m) + has(m, F_CTRL_VQ);
}

/* What queue `i` is for. */
static unsigned role(const struct virtio_net_model *m, unsigned i)
{
    return i == control_queue(m) ? CONTROL : i % 2 ? TX : RX;
}

static uint16_t queue_size(const struct virtio_net_model *m, unsigned i)
{
    return i < queues(m) ? m->config.queue_size[role(m, i)] : 0;
}

static bool split_framing(const struct virtio_net_model *m)
{
    return !modern(m) && !has(m, F_ANY_LAYOUT);
}

static uint32_t header_length(const struct virtio_net_model *m)
{
    return has(m, F_HASH_REPORT) ? 20 : modern(m) || has(m, F_MRG_RXBUF) ? 12 : 10;
}

/* Life cycle, virtio 1.2 2.1 and 3.1.1 ------------------------------------------- */

static void device_reset(struct virtio_net_model *m)
{
    m->accepted = 0;
    m->promiscuous = true; /* until somebody filters */
    m->all_multicast = false;
    m->multicast_count = m->unicast_count = 0;
    memset(m->vlans, 0, sizeof m->vlans);
    m->queue_select = 0;
    memcpy(m->mac, m->config.mac, 6);
    memset(m->queue_address, 0, sizeof m->queue_address);
    m->pairs = 1;
    memset(&m->rss, 0, sizeof m->rss);
    memset(m->steered, 0, sizeof m->steered);
    for (unsigned i = 0; i < MODEL_QUEUES && i <= 2u * m->config.pairs + 2; i++) {
        unsigned violations = m->queue[i].violations;
        const char *what = m->queue[i].violation;
        virtq_device_init(&m->queue[i], m->dma, 0);
        m->queue[i].pci = on_pci(m) ? &m->pci : NULL;
        m->queue[i].violations = violations;
        m->queue[i].violation = what;
    }
    m->status = 0;
}

static void check_features(struct virtio_net_model *m)
{
    uint64_t a = m->accepted;
    if (a & ~m->config.features)
        virtio_model_violation(m, "accepted what was not offered (2.2.1)");
    if (!(a & BIT(F_CTRL_VQ)) && (a & (BIT(F_CTRL_RX) | BIT(F_CTRL_VLAN) | BIT(F_GUEST_ANNOUNCE) |
                                       BIT(F_CTRL_MAC_ADDR) | BIT(F_MQ) | BIT(F_RSS))))
        virtio_model_violation(m, "accepted a feature without CTRL_VQ (5.1.3.1)");
    if (modern(m) && (a & BIT(F_ANY_LAYOUT)))
        virtio_model_violation(m, "ANY_LAYOUT is of the legacy interface (6.3)");
}

void virtio_model_set_status(struct virtio_net_model *m, uint8_t value, bool through_modern)
{
    if (!value) {
        m->resetting = m->status ? m->reset_reads : 0;
        if (!m->resetting)
            device_reset(m);
        return;
    }
    if (m->resetting) {
        virtio_model_violation(m, "goes on before the reset is complete (4.1.4.3.2)");
        return;
    }
    if (m->status & ~value)
        virtio_model_violation(m, "cleared a status bit (2.1.1)");
    if ((value & DRIVER) && !(value & ACKNOWLEDGE))
        virtio_model_violation(m, "DRIVER before ACKNOWLEDGE (3.1.1)");
    if (value & ~m->status & FEATURES_OK) {
        if (!through_modern)
            virtio_model_violation(m, "FEATURES_OK on the legacy interface (3.1.2)");
        if (!(value & DRIVER))
            virtio_model_violation(m, "FEATURES_OK before DRIVER (3.1.1)");
        if (!modern(m))
            virtio_model_violation(m, "VERSION_1 not accepted on the modern interface (6.1)");
        check_features(m);
        if (m->reject_features)
            value &= (uint8_t)~FEATURES_OK;
    }
    if (value & ~m->status & DRIVER_OK) {
        if (through_modern && !(m->status & FEATURES_OK))
            virtio_model_violation(m, "DRIVER_OK without FEATURES_OK (3.1.1)");
        if (!through_modern)
            check_features(m);
        if (!bus_master(m))
            virtio_model_violation(m, "DRIVER_OK without bus mastering");
    }
    m->status = value;
}

uint8_t virtio_model_get_status(struct virtio_net_model *m)
{
    if (m->resetting && m->resetting != ~0u && !--m->resetting)
        device_reset(m);
    return m->status;
}

void virtio_model_set_features(struct virtio_net_model *m, uint32_t select, uint32_t value)
{
    if (!(m->status & DRIVER))
        virtio_model_violation(m, "features before DRIVER (3.1.1)");
    if (m->status & (FEATURES_OK | DRIVER_OK))
        virtio_model_violation(m, "features after FEATURES_OK (3.1.1)");
    if (select > 1)
        virtio_model_violation(m, "features that do not exist");
    else if (select)
        m->accepted = (m->accepted & 0xffffffff) | (uint64_t)value << 32;
    else
        m->accepted = (m->accepted & ~0xffffffffull) | value;
}

uint32_t virtio_model_get_features(struct virtio_net_model *m, uint32_t select)
{
    if (!(m->status & DRIVER))
        virtio_model_violation(m, "features read before DRIVER (3.1.1)");
    return select > 1 ? 0 : (uint32_t)(m->config.features >> 32 * select);
}

/* Device configuration, virtio 1.2 5.1.4 -------------------------------------------- */

/* Offset, size and the feature that makes each field exist. */
static const struct {
    uint8_t offset, size;
    uint64_t features;
} fields[] = {
    { 0, 6, BIT(F_MAC) },
    { 6, 2, BIT(F_STATUS) },
    { 8, 2, BIT(F_MQ) | BIT(F_RSS) },
    { 10, 2, BIT(F_MTU) },
    { 12, 4, BIT(F_SPEED_DUPLEX) },
    { 16, 1, BIT(F_SPEED_DUPLEX) },
    { 17, 1, BIT(F_RSS) | BIT(F_HASH_REPORT) },
    { 18, 2, BIT(F_RSS) },
    { 20, 4, BIT(F_RSS) | BIT(F_HASH_REPORT) },
};

static bool config_field_allowed(struct virtio_net_model *m, uint64_t offset, unsigned size)
{
    for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
        if (offset >= fields[i].offset && offset + size <= fields[i].offset + fields[i].size)
            return (m->config.features & fields[i].features) &&
                   size == (fields[i].size == 6 ? 1 : fields[i].size);
    return false;
}

/* Something changed between two looks. */
static void be_restless(struct virtio_net_model *m)
{
    if (!m->restless || --m->restless)
        return;
    for (unsigned i = 1; i < 6; i++)
        m->mac[i] = m->config.mac[i] ^= 0x5a;
    m->generation++;
}

uint64_t virtio_model_config_read(struct virtio_net_model *m, uint64_t offset, unsigned size)
{
    static const uint16_t rss_table_usual = 128;
    uint8_t bytes[24] = { 0 };
    uint64_t value = 0;
    if (!(m->status & DRIVER))
        virtio_model_violation(m, "configuration before DRIVER (3.1.1)");
    if (!config_field_allowed(m, offset, size))
        virtio_model_violation(
            m, "configuration field without its feature, or in pieces (2.5.1, 4.1.3.1)");
    memcpy(bytes, m->mac, 6);
    memcpy(bytes + 6, &m->link, 2);
    memcpy(bytes + 8, &m->config.pairs, 2);
    memcpy(bytes + 10, &m->config.mtu, 2);
    memcpy(bytes + 12, &m->speed, 4);
    bytes[16] = m->duplex;
    bytes[17] = m->config.rss_key ? m->config.rss_key : 40;
    memcpy(bytes + 18, m->config.rss_table ? &m->config.rss_table : &rss_table_usual, 2);
    bytes[20] = 0xff; /* every hash type but one: 5.1.6.4.3.1 */
    memcpy(&value, bytes + offset, offset + size <= sizeof bytes ? size : 0);
    be_restless(m);
    return value;
}

void virtio_model_config_write(struct virtio_net_model *m, uint64_t offset, unsigned size,
                               uint64_t value, bool legacy)
{
    if (!legacy || offset >= 6 || size != 1 || has(m, F_CTRL_MAC_ADDR))
        virtio_model_violation(m, "configuration is read-only (5.1.4)");
    else
        m->mac[offset] = (uint8_t)value;
}

/* Queues ------------------------------------------------------------------------------ */

void virtio_model_queue_enable(struct virtio_net_model *m, unsigned i)
{
    struct virtq_device *q = &m->queue[i];
    const uint64_t *at = m->queue_address[i];
    bool packed = has(m, F_RING_PACKED);
    if (i >= queues(m) || !q->size)
        virtio_model_violation(m, "enabled a queue that does not exist");
    if (at[0] % 16 || at[1] % (packed ? 4 : 2) || at[2] % 4 || !at[0] || !at[1] || !at[2])
        virtio_model_violation(m, "misplaced virtqueue (2.7.1, 2.8.11)");
    if (!bus_master(m))
        virtio_model_violation(m, "queue enabled without bus mastering");
    q->desc = at[0];
    q->avail = at[1];
    q->used = at[2];
    q->indirect = has(m, F_INDIRECT_DESC);
    virtq_device_enable(q, packed, has(m, F_EVENT_IDX), has(m, F_IN_ORDER));
}

void virtio_model_notify(struct virtio_net_model *m, uint64_t index)
{
    if (!(m->status & DRIVER_OK))
        virtio_model_violation(m, "notification before DRIVER_OK (3.1.1)");
    else if (index >= MODEL_QUEUES || !m->queue[index].enabled)
        virtio_model_violation(m, "notification of a queue that is not enabled");
    else {
        m->notified[index]++;
        if (index == control_queue(m))
            virtio_net_model_run(m);
    }
}

/* Modern registers, virtio 1.2 4.1.4.3 -------------------------------------------------- */

#define COMMON_AT 0x0000
#define CONFIG_AT 0x2000
#define NOTIFY_AT 0x3000
#define NOTIFY_LENGTH 0x4000
#define BAR_SIZE 0x8000

bool virtio_model_width_is(struct virtio_net_model *m, unsigned size, unsigned expected)
{
    if (size != expected)
        virtio_model_violation(m, "register accessed at a wrong width (4.1.3.1)");
    return size == expected;
}

bool virtio_model_size_is_good(const struct virtio_net_model *m, unsigned i, uint64_t size)
{
    return size && size <= queue_size(m, i) && (has(m, F_RING_PACKED) || !(size & (size - 1)));
}

static void queue_field_write(struct virtio_net_model *m, uint64_t offset, unsigned size,
                              uint64_t value)
{
    unsigned i = m->queue_select;
    if (!(m->status & FEATURES_OK) || (m->status & DRIVER_OK))
        virtio_model_violation(m, "queue set up outside step 7 (3.1.1)");
    if (i >= MODEL_QUEUES || m->queue[i].enabled) {
        virtio_model_violation(
            m, "queue field of a queue that is enabled or does not exist (4.1.4.3.2)");
        return;
    }
    if (offset == 0x18) {
        virtio_model_width_is(m, size, 2);
        if (!virtio_model_size_is_good(m, i, value))
            virtio_model_violation(m, "queue_size not a power of 2 that the queue has (4.1.4.3.2)");
        m->queue[i].size = (uint16_t)value;
    } else if (offset == 0x1c) {
        virtio_model_width_is(m, size, 2);
        if (value != 1)
            virtio_model_violation(m, "wrote 0 to queue_enable (4.1.4.3.2)");
        virtio_model_queue_enable(m, i);
    } else if (offset >= 0x20 && offset < 0x38 && virtio_model_width_is(m, size, 4)) {
        uint64_t *field = &m->queue_address[i][(offset - 0x20) / 8];
        unsigned shift = offset & 4 ? 32 : 0;
        *field = (*field & ~(0xffffffffull << shift)) | value << shift;
    }
}

static void common_write(struct virtio_net_model *m, uint64_t offset, unsigned size, uint64_t value)
{
    switch (offset) {
    case 0x00:
        virtio_model_width_is(m, size, 4);
        m->device_feature_select = (uint32_t)value;
        break;
    case 0x08:
        virtio_model_width_is(m, size, 4);
        m->driver_feature_select = (uint32_t)value;
        break;
    case 0x0c:
        virtio_model_width_is(m, size, 4);
        virtio_model_set_features(m, m->driver_feature_select, (uint32_t)value);
        break;
    case 0x14:
        virtio_model_width_is(m, size, 1);
        virtio_model_set_status(m, (uint8_t)value, true);
        break;
    case 0x16:
        virtio_model_width_is(m, size, 2);
        m->queue_select = (uint16_t)value;
        break;
    case 0x18:
    case 0x1c:
    case 0x20 ... 0x37:
        queue_field_write(m, offset, size, value);
        break;
    default:
        virtio_model_violation(m, "wrote a register that is read-only or unknown (4.1.4.3.2)");
    }
}

uint16_t virtio_model_selected_size(struct virtio_net_model *m)
{
    unsigned i = m->queue_select;
    return i >= MODEL_QUEUES ? 0 : m->queue[i].enabled ? m->queue[i].size : queue_size(m, i);
}

static uint64_t common_read(struct virtio_net_model *m, uint64_t offset, unsigned size)
{
    switch (offset) {
    case 0x04:
        virtio_model_width_is(m, size, 4);
        return virtio_model_get_features(m, m->device_feature_select);
    case 0x12:
        virtio_model_width_is(m, size, 2);
        return queues(m);
    case 0x14:
        virtio_model_width_is(m, size, 1);
        return virtio_model_get_status(m);
    case 0x15:
        virtio_model_width_is(m, size, 1);
        return m->generation;
    case 0x18:
        virtio_model_width_is(m, size, 2);
        return virtio_model_selected_size(m);
    case 0x1e:
        virtio_model_width_is(m, size, 2);
        return m->queue_select;
    default:
        virtio_model_violation(m, "read a register that nobody needs");
        return 0;
    }
}

static uint64_t modern_read(struct virtio_net_model *m, uint64_t offset, unsigned size)
{
    if (offset < COMMON_AT + 0x38)
        return common_read(m, offset - COMMON_AT, size);
    if (offset >= CONFIG_AT && offset < CONFIG_AT + 24)
        return virtio_model_config_read(m, offset - CONFIG_AT, size);
    virtio_model_violation(m, "read outside the structures");
    return 0;
}

static void modern_write(struct virtio_net_model *m, uint64_t offset, unsigned size, uint64_t value)
{
    uint32_t multiplier = m->config.notify_off_multiplier;
    if (offset < COMMON_AT + 0x38) {
        common_write(m, offset - COMMON_AT, size, value);
    } else if (offset >= NOTIFY_AT && offset < NOTIFY_AT + NOTIFY_LENGTH) {
        virtio_model_width_is(m, size, 2);
        if (offset - NOTIFY_AT != value * multiplier)
            virtio_model_violation(m, "notification at another queue's address (4.1.4.4)");
        virtio_model_notify(m, value);
    } else if (offset >= CONFIG_AT && offset < CONFIG_AT + 24) {
        virtio_model_config_write(m, offset - CONFIG_AT, size, value, false);
    } else {
        virtio_model_violation(m, "wrote outside the structures");
    }
}

/* Legacy registers, virtio 1.2 4.1.4.10 ---------------------------------------------------- */

static uint64_t legacy_read(struct virtio_net_model *m, uint64_t offset, unsigned size)
{
    switch (offset) {
    case 0x00:
        virtio_model_width_is(m, size, 4);
        return virtio_model_get_features(m, 0);
    case 0x0c:
        virtio_model_width_is(m, size, 2);
        return virtio_model_selected_size(m);
    case 0x12:
        virtio_model_width_is(m, size, 1);
        return virtio_model_get_status(m);
    case 0x14 ... 0x3f:
        return virtio_model_config_read(m, offset - 0x14, size);
    default:
        virtio_model_violation(m, "read a legacy register that nobody needs");
        return 0;
    }
}

static void legacy_queue_address(struct virtio_net_model *m, uint64_t page)
{
    unsigned i = m->queue_select;
    if (i >= MODEL_QUEUES || m->queue[i].enabled) {
        virtio_model_violation(m, "queue address of a queue that is set or does not exist");
        return;
    }
    m->queue[i].size = queue_size(m, i); /* there is no choice */
    uint64_t n = m->queue[i].size, *at = m->queue_address[i];
    at[0] = page * 4096;
    at[1] = at[0] + 16 * n;
    at[2] = (at[1] + 2 * (3 + n) + 4095) & ~4095ull; /* 2.7.2 */
    virtio_model_queue_enable(m, i);
}

static void legacy_write(struct virtio_net_model *m, uint64_t offset, unsigned size, uint64_t value)
{
    switch (offset) {
    case 0x04:
        virtio_model_width_is(m, size, 4);
        virtio_model_set_features(m, 0, (uint32_t)value);
        break;
    case 0x08:
        virtio_model_width_is(m, size, 4);
        legacy_queue_address(m, value);
        break;
    case 0x0e:
        virtio_model_width_is(m, size, 2);
        m->queue_select = (uint16_t)value;
        break;
    case 0x10:
        virtio_model_width_is(m, size, 2);
        virtio_model_notify(m, value);
        break;
    case 0x12:
        virtio_model_width_is(m, size, 1);
        virtio_model_set_status(m, (uint8_t)value, false);
        break;
    case 0x14 ... 0x3f:
        virtio_model_config_write(m, offset - 0x14, size, value, true);
        break;
    default:
        virtio_model_violation(m, "wrote a legacy register that is read-only or unknown");
    }
}

/* The network device, virtio 1.2 5.1.6 -------------------------------------------------------- */

static void transmit_one(struct virtio_net_model *m, unsigned pair, const struct virtq_buffer *b)
{
    static uint8_t bytes[20 + MODEL_FRAME_MAX];
    struct virtq_device *q = &m->queue[2 * pair + TX];
    uint32_t header = header_length(m);
    if (b->writable)
        virtio_model_violation(m, "writable memory on the transmit queue");
    if (b->readable_bytes < header + 14 || b->readable_bytes > sizeof bytes) {
        virtio_model_violation(m, "transmitted something that is no frame");
        return;
    }
    if (split_framing(m) && b->segment[0].length != header)
        virtio_model_violation(m, "header without a descriptor of its own (5.1.6.6)");
    virtq_device_read(q, b, 0, bytes, b->readable_bytes);
    for (unsigned i = 0; i < header; i++)
        if (bytes[i]) {
            virtio_model_violation(m, "header asks for an offload or num_buffers (5.1.6.2.1)");
            break;
        }
    if (has(m, F_MTU) && b->readable_bytes - header > FRAME_LIMIT(m->config.mtu))
        virtio_model_violation(m, "frame beyond mtu (5.1.4.2)");
    if (pair >= m->pairs)
        virtio_model_violation(m, "sent on a queue beyond virtqueue_pairs (5.1.6.5.6.1)");
    virtio_model_saw_flow(m, pair, bytes + header, b->readable_bytes - header);
    m->sent++;
    m->wire_queue = pair;
    if (m->wire)
        m->wire(m->wire_ctx, bytes + header, b->readable_bytes - header);
}

/* 5.1.6.5.3, as QEMU's device takes it: of frames with an 802.1Q tag. */
static bool vlan_is_let_in(const struct virtio_net_model *m, const uint8_t *frame, size_t n)
{
    bool tagged = n >= 18 && frame[12] == 0x81 && !frame[13];
    return !has(m, F_CTRL_VLAN) || m->promiscuous || !tagged ||
           m->vlans[(frame[14] << 8 | frame[15]) & 0xfff];
}

static bool wanted(const struct virtio_net_model *m, const uint8_t *frame)
{
    static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
    if (!has(m, F_CTRL_RX) || m->promiscuous || !memcmp(frame, m->mac, 6) ||
        !memcmp(frame, broadcast, 6))
        return true;
    if ((frame[0] & 1) && m->all_multicast)
        return true;
    for (unsigned i = 0; i < m->unicast_count; i++)
        if (!memcmp(frame, m->unicast[i], 6))
            return true;
    for (unsigned i = 0; i < m->multicast_count; i++)
        if (!memcmp(frame, m->multicast[i], 6))
            return true;
    return false;
}

static void check_receive_buffer(struct virtio_net_model *m, const struct virtq_buffer *b)
{
    uint32_t header = header_length(m);
    if (b->readable)
        virtio_model_violation(m, "readable memory on the receive queue");
    if (split_framing(m) && b->segment[0].length != header)
        virtio_model_violation(m, "header without a descriptor of its own (5.1.6.6)");
    if (has(m, F_MRG_RXBUF) ? b->writable_bytes < header : b->writable_bytes < header + 1514)
        virtio_model_violation(m, "receive buffer too small (5.1.6.3.1)");
}

/* Takes buffers until n bytes fit; gives all back and returns 0 when they do not. */
static unsigned take_buffers(struct virtio_net_model *m, struct virtq_device *q,
                             struct virtq_buffer *b, unsigned max, size_t n)
{
    size_t room = 0;
    unsigned count = 0;
    while (room < n && count < max && virtq_device_take(q, &b[count])) {
        check_receive_buffer(m, &b[count]);
        room += b[count++].writable_bytes;
    }
    if (room >= n)
        return count;
    while (count)
        virtq_device_untake(q, &b[--count]);
    m->no_buffer++;
    return 0;
}

bool virtio_net_model_receive(struct virtio_net_model *m, const uint8_t *frame, size_t n)
{
    static struct virtq_buffer buffers[64];
    static uint8_t bytes[20 + MODEL_FRAME_MAX];
    struct virtq_device *q = &m->queue[2 * virtio_net_model_pair_of(m, frame, n) + RX];
    uint32_t header = header_length(m);
    size_t done = 0;

    if (!(m->status & DRIVER_OK) || (m->status & NEEDS_RESET) || !q->enabled)
        return false;
    if (n >= 6 && (!wanted(m, frame) || !vlan_is_let_in(m, frame, n))) {
        m->filtered++;
        return false;
    }
    unsigned count = take_buffers(m, q, buffers, has(m, F_MRG_RXBUF) ? 64 : 1, header + n);
    if (!count)
        return false;
    uint16_t num_buffers = m->num_buffers_lie ? m->num_buffers_lie : (uint16_t)count;
    memset(bytes, 0, header);
    bytes[0] = m->flags_lie;
    bytes[1] = m->gso_lie;
    if (header >= 12)
        memcpy(bytes + 10, &num_buffers, 2);
    if (header == 20)
        virtio_model_hash_header(m, bytes, frame, n);
    memcpy(bytes + header, frame, n);
    for (unsigned i = 0; i < count; i++) {
        size_t part = virtq_device_write(q, &buffers[i], 0, bytes + done, header + n - done);
        virtq_device_put(q, buffers[i].head, (uint32_t)part + m->length_lie);
        done += part;
    }
    virtq_device_publish(q);
    return true;
}

/* Control commands, virtio 1.2 5.1.6.5 --------------------------------------------- */

static bool set_mac_table(struct virtio_net_model *m, const uint8_t *data, size_t n)
{
    uint32_t unicast, multicast;
    if (n < 8)
        return false;
    memcpy(&unicast, data, 4);
    if (unicast > MODEL_MACS_MAX || n < 8 + 6ull * unicast)
        return false;
    memcpy(&multicast, data + 4 + 6 * unicast, 4);
    if (n != 8 + 6ull * unicast + 6ull * multicast)
        return false;
    if (multicast > MODEL_MACS_MAX) { /* "can silently switch to allmulti" */
        m->all_multicast = true;
        multicast = 0;
    }
    m->unicast_count = unicast;
    memcpy(m->unicast, data + 4, 6ull * unicast);
    m->multicast_count = multicast;
    memcpy(m->multicast, data + 8 + 6 * unicast, 6ull * multicast);
    return true;
}

static bool set_vlan(struct virtio_net_model *m, bool add, const uint8_t *data, size_t n)
{
    unsigned vid = data[0] | data[1] << 8;
    if (n != 2 || vid > 4095 || !has(m, F_CTRL_VLAN))
        return false;
    if (m->vlans[vid] == add)
        virtio_model_violation(m, "VLAN added that is there, or taken out that is not");
    m->vlans[vid] = add;
    return true;
}

static bool acknowledge(struct virtio_net_model *m, size_t n)
{
    if (!(m->link & 2) || !has(m, F_GUEST_ANNOUNCE))
        virtio_model_violation(m, "acknowledged what nobody asked for (5.1.6.5.4)");
    m->link &= (uint16_t)~2u;
    m->generation++;
    m->announced++;
    return !n;
}

static bool control_execute(struct virtio_net_model *m, const uint8_t *c, size_t n)
{
    unsigned command = c[0] << 8 | c[1];
    if (c[0] == 0 && !has(m, F_CTRL_RX))
        virtio_model_violation(m, "CTRL_RX command without CTRL_RX (5.1.6.5.1.2)");
    if (command == 0x100 && !has(m, F_CTRL_RX))
        virtio_model_violation(m, "MAC table without CTRL_RX (5.1.6.5.2.2)");
    if (c[0] == 4)
        return virtio_model_pairs_command(m, c[1], c + 2, n - 2);
    if (command == 0x101 && !has(m, F_CTRL_MAC_ADDR))
        virtio_model_violation(m, "MAC_ADDR_SET without CTRL_MAC_ADDR");
    switch (command) {
    case 0x000:
        m->promiscuous = c[2];
        return n == 3 && c[2] <= 1;
    case 0x001:
        m->all_multicast = c[2];
        return n == 3 && c[2] <= 1;
    case 0x100:
        return set_mac_table(m, c + 2, n - 2);
    case 0x200:
    case 0x201:
        return set_vlan(m, command == 0x200, c + 2, n - 2);
    case 0x300:
        return acknowledge(m, n - 2);
    case 0x101:
        memcpy(m->mac, c + 2, 6);
        return n == 8;
    default:
        return false;
    }
}

/* 5.1.6.6: 2 bytes, the data (two descriptors for the tables), 1 byte. */
static bool strict_control_framing(const struct virtq_buffer *b, bool tables)
{
    return b->readable == (tables                  ? 3
                           : b->readable_bytes > 2 ? 2
                                                   : 1) &&
           b->segment[0].length == 2 && b->writable == 1 && b->writable_bytes == 1;
}

static void control_one(struct virtio_net_model *m, const struct virtq_buffer *b)
{
    uint8_t bytes[4096] = { 0 };
    struct virtq_device *q = &m->queue[control_queue(m)];
    size_t n = virtq_device_read(q, b, 0, bytes, sizeof bytes);
    bool tables = bytes[0] == 1 && bytes[1] == 0;
    if (b->writable_bytes < 1 || n < 2 + (bytes[0] != 3))
        virtio_model_violation(m, "control command without class, command, data and ack");
    if (split_framing(m) && !strict_control_framing(b, tables))
        virtio_model_violation(m, "control command not framed as 5.1.6.6 demands");
    m->control_commands++;
    uint8_t ack = control_execute(m, bytes, n) ? m->control_answer : 1;
    if (ack != m->control_answer)
        virtio_model_violation(m, "control command that means nothing");
    virtq_device_write(q, b, b->writable_bytes - 1, &ack, 1);
    virtq_device_put(q, b->head, 1);
    virtq_device_publish(q);
}

static bool running(const struct virtio_net_model *m)
{
    return (m->status & DRIVER_OK) && !(m->status & NEEDS_RESET);
}

static bool send_of(struct virtio_net_model *m, unsigned pair)
{
    struct virtq_buffer b;
    struct virtq_device *q = &m->queue[2 * pair + TX];
    if (!q->enabled || !virtq_device_take(q, &b))
        return false;
    transmit_one(m, pair, &b);
    virtq_device_put(q, b.head, m->length_lie);
    return true;
}

bool virtio_net_model_send_one(struct virtio_net_model *m)
{
    for (unsigned i = 0; running(m) && i < pairs(m); i++)
        if (send_of(m, i)) {
            virtq_device_publish(&m->queue[2 * i + TX]);
            return true;
        }
    return false;
}

static void send_all(struct virtio_net_model *m, unsigned pair)
{
    struct virtq_device *q = &m->queue[2 * pair + TX];
    q->batches = m->batches && has(m, F_IN_ORDER);
    while (send_of(m, pair))
        if (!q->batches)
            virtq_device_publish(q);
    if (q->enabled)
        virtq_device_publish(q);
}

void virtio_net_model_run(struct virtio_net_model *m)
{
    struct virtq_buffer b;
    if (!running(m))
        return;
    for (unsigned i = 0; i < pairs(m); i++)
        send_all(m, i);
    struct virtq_device *control = &m->queue[control_queue(m)];
    if (m->deaf_control || !control->enabled)
        return;
    while (virtq_device_take(control, &b))
        control_one(m, &b);
}

void virtio_net_model_set_link(struct virtio_net_model *m, bool up)
{
    m->link = up;
    m->generation++;
}

void virtio_net_model_ask_to_announce(struct virtio_net_model *m)
{
    m->link |= 2;
    m->generation++;
}

void virtio_net_model_set_needs_reset(struct virtio_net_model *m)
{
    m->status |= NEEDS_RESET;
}

/* On the PCI bus, virtio 1.2 4.1.2 and 4.1.4 --------------------------------------- */

#define LEGACY_BAR 0u
#define MODERN_BAR 4u
#define LEGACY_PORT 0xc000u
#define SLOT 3u
#define CAP_MSIX 0x11

static uint64_t bar_read(void *ctx, unsigned bar, uint64_t offset, unsigned size)
{
    return bar == LEGACY_BAR ? legacy_read(ctx, offset, size) : modern_read(ctx, offset, size);
}

static void bar_write(void *ctx, unsigned bar, uint64_t offset, unsigned size, uint64_t value)
{
    if (bar == LEGACY_BAR)
        legacy_write(ctx, offset, size, value);
    else
        modern_write(ctx, offset, size, value);
}

/* The virtio capabilities are read-only (4.1.4.1). */
static void config_written(void *ctx, uint16_t offset, unsigned size)
{
    struct virtio_net_model *m = ctx;
    if (offset >= PCI_CAP_FIRST + 2u && m->pci.config[offset - 2] == CAP_MSIX)
        m->msix_writes++;
    else if (offset >= PCI_CAP_FIRST)
        virtio_model_violation(m, "wrote a read-only capability (4.1.4.1)");
}

static void add_structure(struct virtio_net_model *m, uint8_t type, uint32_t offset,
                          uint32_t length)
{
    uint8_t c[20] = { 0x09, 0, type == 2 ? 20 : 16, type, MODERN_BAR };
    memcpy(c + 8, &offset, 4);
    memcpy(c + 12, &length, 4);
    memcpy(c + 16, &m->config.notify_off_multiplier, 4);
    pcispace_capability(&m->pci, c, c[2]);
}

static void build_modern(struct virtio_net_model *m)
{
    m->pci.bar[MODERN_BAR] = (struct pcispace_bar){ .size = BAR_SIZE, .is64 = true };
    add_structure(m, 9, 0, 0x100000); /* unknown to us: passed over */
    add_structure(m, 1, COMMON_AT, 0x1000);
    add_structure(m, 3, 0x1000, 0x1000);
    add_structure(m, 4, CONFIG_AT, 0x1000);
    add_structure(m, 2, NOTIFY_AT, NOTIFY_LENGTH);
    add_structure(m, 5, 0, 0);
}

struct virtio_net_model *virtio_net_model_create(const struct virtio_net_model_config *config)
{
    const uint32_t port = LEGACY_PORT;
    struct virtio_net_model *m = calloc(1, sizeof *m);
    m->config = *config;
    m->link = 1;
    m->speed = 0xffffffff;
    m->duplex = 0xff;
    pcispace_reset();
    if (!on_pci(m)) {
        virtio_model_attach_mmio(m);
        device_reset(m);
        return m;
    }
    pcispace_device_init(&m->pci, 0x1af4, config->kind == MODEL_MODERN ? 0x1041 : 0x1000, 0x020000);
    m->pci.config[PCI_REVISION] = config->kind == MODEL_MODERN;
    m->pci.bar_read = bar_read;
    m->pci.bar_write = bar_write;
    m->pci.config_written = config_written;
    m->pci.ctx = m;
    if (config->kind != MODEL_MODERN) {
        m->pci.bar[LEGACY_BAR] = (struct pcispace_bar){ .size = 0x40, .io = true };
        memcpy(m->pci.config + PCI_BAR0, &port, 4); /* placed by firmware */
    }
    if (config->kind != MODEL_LEGACY)
        build_modern(m);
    device_reset(m);
    return m;
}

void virtio_net_model_scan(struct virtio_net_model *m)
{
    pcispace_add(&m->pci, NULL, SLOT, 0);
    pci_scan();
    m->function = pci_find(PCI_BDF(0, 0, SLOT, 0));
}

void virtio_net_model_destroy(struct virtio_net_model *m)
{
    pci_reset();
    free(m);
}
