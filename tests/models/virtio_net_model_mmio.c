/* virtio_net_model_mmio.c - the model's registers in memory, virtio 1.2 4.2.2 and 4.2.4. */
#include "tests/host/host.h"
#include "tests/models/virtio_net_core.h"

#define MAGIC 0x74726976u
#define FEATURES_OK 8u
#define DRIVER_OK 4u
#define CONFIG 0x100u

static bool legacy(const struct virtio_net_model *m)
{
    return m->config.kind == MODEL_MMIO_LEGACY;
}

static uint64_t read(void *ctx, uint64_t offset, unsigned size)
{
    struct virtio_net_model *m = ctx;
    if (offset >= CONFIG)
        return virtio_model_config_read(m, offset - CONFIG, size);
    virtio_model_width_is(m, size, 4);
    switch (offset) {
    case 0x000:
        return m->magic;
    case 0x004:
        return m->version;
    case 0x008:
        return m->device_id;
    case 0x010:
        return virtio_model_get_features(m, m->device_feature_select);
    case 0x034:
        return virtio_model_selected_size(m);
    case 0x070:
        return virtio_model_get_status(m);
    case 0x0fc:
        if (legacy(m))
            virtio_model_violation(m, "ConfigGeneration of a legacy device (4.2.4)");
        return m->generation;
    default:
        virtio_model_violation(m, "read a register that is write-only or that nobody needs");
        return 0;
    }
}

static void queue_size(struct virtio_net_model *m, uint64_t value)
{
    unsigned i = m->queue_select;
    if (i >= MODEL_QUEUES || m->queue[i].enabled || !virtio_model_size_is_good(m, i, value))
        virtio_model_violation(m, "QueueNum of a queue in use, or no power of 2 that it has");
    else
        m->queue[i].size = (uint16_t)value;
}

/* Version 2: three addresses in halves, then QueueReady (4.2.3.2). */
static void queue_address(struct virtio_net_model *m, uint64_t offset, uint64_t value)
{
    unsigned i = m->queue_select, which = (unsigned)(offset - 0x80) / 0x10;
    if (legacy(m) || i >= MODEL_QUEUES || m->queue[i].enabled || offset & 8) {
        virtio_model_violation(m, "queue address where there is none, or in use (4.2.2.2)");
        return;
    }
    uint64_t *field = &m->queue_address[i][which];
    unsigned shift = offset & 4 ? 32 : 0;
    *field = (*field & ~(0xffffffffull << shift)) | value << shift;
}

static void queue_ready(struct virtio_net_model *m, uint64_t value)
{
    unsigned i = m->queue_select;
    if (legacy(m) || value != 1 || i >= MODEL_QUEUES || m->queue[i].enabled)
        virtio_model_violation(m, "QueueReady of a legacy device, or of a queue in use");
    else if (!(m->status & FEATURES_OK) || (m->status & DRIVER_OK))
        virtio_model_violation(m, "queue set up outside step 7 (3.1.1)");
    else
        virtio_model_queue_enable(m, i);
}

/* Version 1: one page number, in pages of the size told before (4.2.4). */
static void queue_page(struct virtio_net_model *m, uint64_t page)
{
    unsigned i = m->queue_select;
    if (!legacy(m) || !m->page_size_told || i >= MODEL_QUEUES || m->queue[i].enabled ||
        !m->queue[i].size) {
        virtio_model_violation(m, "QueuePFN without GuestPageSize, in use, or of version 2");
        return;
    }
    uint64_t n = m->queue[i].size, *at = m->queue_address[i];
    at[0] = page * 4096;
    at[1] = at[0] + 16 * n;
    at[2] = (at[1] + 2 * (3 + n) + 4095) & ~4095ull; /* 2.7.2 */
    virtio_model_queue_enable(m, i);
}

static void write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio_net_model *m = ctx;
    if (offset >= CONFIG) {
        virtio_model_config_write(m, offset - CONFIG, size, value, legacy(m));
        return;
    }
    virtio_model_width_is(m, size, 4);
    switch (offset) {
    case 0x014:
        m->device_feature_select = (uint32_t)value;
        break;
    case 0x020:
        virtio_model_set_features(m, m->driver_feature_select, (uint32_t)value);
        break;
    case 0x024:
        m->driver_feature_select = (uint32_t)value;
        break;
    case 0x028:
    case 0x03c:
        if (!legacy(m) || value != 4096)
            virtio_model_violation(m, "page size or alignment of version 2, or not 4096");
        m->page_size_told |= offset == 0x028;
        break;
    case 0x030:
        m->queue_select = (uint16_t)value;
        break;
    case 0x038:
        queue_size(m, value);
        break;
    case 0x040:
        queue_page(m, value);
        break;
    case 0x044:
        queue_ready(m, value);
        break;
    case 0x050:
        virtio_model_notify(m, value);
        break;
    case 0x070:
        virtio_model_set_status(m, (uint8_t)value, !legacy(m));
        break;
    case 0x080 ... 0x0a7:
        queue_address(m, offset, value);
        break;
    default:
        virtio_model_violation(m, "wrote a register that is read-only or unknown (4.2.2)");
    }
}

void virtio_model_attach_mmio(struct virtio_net_model *m)
{
    m->magic = MAGIC;
    m->version = legacy(m) ? 1 : 2;
    m->device_id = 1;
    host_add_mmio(&(struct host_window){
        .base = MODEL_MMIO_BASE, .size = MODEL_MMIO_SIZE, .read = read, .write = write, .ctx = m });
}
