/* virtio_mmio.c - virtio over memory-mapped registers, versions 2 and 1 (legacy).
 *
 * virtio 1.2 4.2.2 (registers), 4.2.3 (initialization), 4.2.4 (legacy).  Nobody finds such
 * a device by looking: firmware's tables or the command line name it.  There is no bus
 * to switch its access to memory off at, and no IOMMU in front of it. */
#include "virtio/virtio_mmio.h"

#include "kernel/log.h"
#include "kernel/mmio.h"
#include "nic/port.h"
#include "virtio/virtio.h"
#include "virtio/virtio_console.h"
#include "virtio/virtio_net.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* virtio 1.2 4.2.2; all 32 bits.  The queue registers show the queue that QueueSel names. */
#define MMIO_MAGIC 0x000               /* RO */
#define MMIO_VERSION 0x004             /* RO, 1: legacy, 2 */
#define MMIO_DEVICE_ID 0x008           /* RO, 0: nothing here */
#define MMIO_DEVICE_FEATURES 0x010     /* RO */
#define MMIO_DEVICE_FEATURES_SEL 0x014 /* WO */
#define MMIO_DRIVER_FEATURES 0x020     /* WO */
#define MMIO_DRIVER_FEATURES_SEL 0x024 /* WO */
#define MMIO_GUEST_PAGE_SIZE 0x028     /* WO, legacy */
#define MMIO_QUEUE_SEL 0x030           /* WO */
#define MMIO_QUEUE_NUM_MAX 0x034       /* RO */
#define MMIO_QUEUE_NUM 0x038           /* WO */
#define MMIO_QUEUE_ALIGN 0x03c         /* WO, legacy */
#define MMIO_QUEUE_PFN 0x040           /* RW, legacy */
#define MMIO_QUEUE_READY 0x044         /* RW */
#define MMIO_QUEUE_NOTIFY 0x050        /* WO */
#define MMIO_STATUS 0x070              /* RW */
#define MMIO_QUEUE_DESC 0x080          /* WO, 64 bits in two halves */
#define MMIO_QUEUE_DRIVER 0x090        /* WO, the same */
#define MMIO_QUEUE_DEVICE 0x0a0        /* WO, the same */
#define MMIO_CONFIG_GENERATION 0x0fc   /* RO */
#define MMIO_CONFIG 0x100              /* RW, bytes, as wide as the field */

#define MMIO_MAGIC_VALUE 0x74726976u /* "virt" */
#define MMIO_VERSION_LEGACY 1u
#define MMIO_VERSION_NOW 2u

/* No PCI function has these, so no fault or alias can be mistaken for theirs. */
#define REQUESTER_NONE 0xffff0000u

struct virtio_mmio_device {
    struct virtio_device dev;
    struct dma_device dma;
    struct port *port;
    uint8_t *registers;
    uint32_t config_length;
    struct virtio_mmio_device *next;
};

static struct virtio_mmio_device *devices;

static struct virtio_mmio_device *to_mmio(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_mmio_device, dev);
}

static uint32_t get(struct virtio_device *dev, uint32_t reg)
{
    return mmio_read32(to_mmio(dev)->registers + reg);
}

static void set(struct virtio_device *dev, uint32_t reg, uint32_t value)
{
    mmio_write32(to_mmio(dev)->registers + reg, value);
}

/* Both versions ------------------------------------------------------------------ */

static uint64_t mmio_get_features(struct virtio_device *dev)
{
    set(dev, MMIO_DEVICE_FEATURES_SEL, 0);
    uint64_t low = get(dev, MMIO_DEVICE_FEATURES);
    set(dev, MMIO_DEVICE_FEATURES_SEL, 1);
    return low | (uint64_t)get(dev, MMIO_DEVICE_FEATURES) << 32;
}

static void mmio_set_features(struct virtio_device *dev, uint64_t features)
{
    set(dev, MMIO_DRIVER_FEATURES_SEL, 0);
    set(dev, MMIO_DRIVER_FEATURES, (uint32_t)features);
    set(dev, MMIO_DRIVER_FEATURES_SEL, 1);
    set(dev, MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
}

static uint8_t mmio_get_status(struct virtio_device *dev)
{
    return (uint8_t)get(dev, MMIO_STATUS);
}

static void mmio_set_status(struct virtio_device *dev, uint8_t status)
{
    set(dev, MMIO_STATUS, status);
}

static uint32_t mmio_config_read(struct virtio_device *dev, uint16_t offset, unsigned size)
{
    const struct virtio_mmio_device *v = to_mmio(dev);
    const uint8_t *field = v->registers + MMIO_CONFIG + offset;
    if (offset + size > v->config_length)
        return 0;
    return size == 1 ? mmio_read8(field) : size == 2 ? mmio_read16(field) : mmio_read32(field);
}

static void mmio_config_write8(struct virtio_device *dev, uint16_t offset, uint8_t value)
{
    const struct virtio_mmio_device *v = to_mmio(dev);
    if (offset < v->config_length)
        mmio_write8(v->registers + MMIO_CONFIG + offset, value);
}

static uint16_t mmio_queue_size(struct virtio_device *dev, uint16_t index)
{
    set(dev, MMIO_QUEUE_SEL, index);
    return (uint16_t)min_u64(get(dev, MMIO_QUEUE_NUM_MAX), UINT16_MAX);
}

static void mmio_notify(struct virtqueue *vq)
{
    mmio_write32(vq->notify_register, vq->index);
}

static void begin_queue(struct virtio_device *dev, struct virtqueue *vq)
{
    vq->notify_register = to_mmio(dev)->registers + MMIO_QUEUE_NOTIFY;
    vq->notify = mmio_notify;
    set(dev, MMIO_QUEUE_SEL, vq->index);
    set(dev, MMIO_QUEUE_NUM, vq->size);
}

static bool mmio_set_dma(struct virtio_device *dev, bool on)
{
    return on;
}

/* Version 2 ------------------------------------------------------------------------ */

static uint32_t mmio_get_generation(struct virtio_device *dev)
{
    return get(dev, MMIO_CONFIG_GENERATION);
}

static void write_address(struct virtio_device *dev, uint32_t reg, uint64_t iova)
{
    set(dev, reg, (uint32_t)iova);
    set(dev, reg + 4, (uint32_t)(iova >> 32));
}

/* 4.2.3.2 */
static int mmio_queue_enable(struct virtio_device *dev, struct virtqueue *vq)
{
    begin_queue(dev, vq);
    write_address(dev, MMIO_QUEUE_DESC, vq->desc_iova);
    write_address(dev, MMIO_QUEUE_DRIVER, vq->avail_iova);
    write_address(dev, MMIO_QUEUE_DEVICE, vq->used_iova);
    set(dev, MMIO_QUEUE_READY, 1);
    return 0;
}

static const struct virtio_transport virtio_mmio_now = {
    .name = "MMIO",
    .get_features = mmio_get_features,
    .set_features = mmio_set_features,
    .get_status = mmio_get_status,
    .set_status = mmio_set_status,
    .get_generation = mmio_get_generation,
    .config_read = mmio_config_read,
    .config_write8 = mmio_config_write8,
    .queue_size = mmio_queue_size,
    .queue_enable = mmio_queue_enable,
    .set_dma = mmio_set_dma,
};

/* Version 1, 4.2.4 ------------------------------------------------------------------ */

/* The device counts in pages of the size that it is told first. */
static int legacy_queue_enable(struct virtio_device *dev, struct virtqueue *vq)
{
    uint64_t page = vq->desc_iova / VIRTQ_LEGACY_ALIGN;
    if (page > UINT32_MAX) {
        log_error("%s: queue %u: %#" PRIx64 " is beyond what a 32-bit page number reaches",
                  dev->name, vq->index, vq->desc_iova);
        return -ENOMEM;
    }
    set(dev, MMIO_GUEST_PAGE_SIZE, VIRTQ_LEGACY_ALIGN);
    begin_queue(dev, vq);
    set(dev, MMIO_QUEUE_ALIGN, VIRTQ_LEGACY_ALIGN);
    set(dev, MMIO_QUEUE_PFN, (uint32_t)page);
    return 0;
}

static const struct virtio_transport virtio_mmio_legacy = {
    .name = "MMIO legacy",
    .legacy = true,
    .get_features = mmio_get_features,
    .set_features = mmio_set_features,
    .get_status = mmio_get_status,
    .set_status = mmio_set_status,
    .config_read = mmio_config_read,
    .config_write8 = mmio_config_write8,
    .queue_size = mmio_queue_size,
    .queue_enable = legacy_queue_enable,
    .set_dma = mmio_set_dma,
};

/* Slots ------------------------------------------------------------------------------ */

/* Digits with a base of their own, then an optional K or M; NULL: none, or too many. */
static const char *parse_size(const char *text, uint64_t *value)
{
    char *end;
    if (*text < '0' || *text > '9')
        return NULL;
    errno = 0;
    *value = strtoull(text, &end, 0);
    unsigned shift = *end == 'K' || *end == 'k' ? 10 : *end == 'M' || *end == 'm' ? 20 : 0;
    if (errno || *value > UINT64_MAX >> shift)
        return NULL;
    *value <<= shift;
    return end + (shift != 0);
}

bool virtio_mmio_parse(const char *text, struct virtio_mmio_slot *slot)
{
    uint64_t ignored;
    const char *at = parse_size(text, &slot->size);
    at = at && *at == '@' ? parse_size(at + 1, &slot->base) : NULL;
    at = at && *at == ':' ? parse_size(at + 1, &ignored) : NULL;
    if (at && *at == ':')
        at = parse_size(at + 1, &ignored);
    return at && !*at && slot->base && slot->base % sizeof(uint32_t) == 0 &&
           slot->size >= VIRTIO_MMIO_SIZE_MIN && slot->size - 1 <= UINT64_MAX - slot->base;
}

/* How to talk to what is in the window, and its kind; NULL: nothing that we know. */
static const struct virtio_transport *identify(const uint8_t *registers, const char *name,
                                               uint32_t *id)
{
    uint32_t magic = mmio_read32(registers + MMIO_MAGIC);
    if (magic != MMIO_MAGIC_VALUE) {
        log_warning("%s: MagicValue %08" PRIx32 ", expected %08x", name, magic, MMIO_MAGIC_VALUE);
        return NULL;
    }
    uint32_t version = mmio_read32(registers + MMIO_VERSION);
    *id = mmio_read32(registers + MMIO_DEVICE_ID);
    if (*id != VIRTIO_ID_NET && *id != VIRTIO_ID_CONSOLE) /* 0: an empty slot, 4.2.2 */
        return NULL;
    if (version != MMIO_VERSION_LEGACY && version != MMIO_VERSION_NOW) {
        log_warning("%s: Version %" PRIu32 ", expected 1 or 2", name, version);
        return NULL;
    }
    return version == MMIO_VERSION_NOW ? &virtio_mmio_now : &virtio_mmio_legacy;
}

/* 0, or -E... with *kept false when nobody refers to the device. */
static int hand_over(struct virtio_mmio_device *v, uint32_t id, uint64_t base, bool *kept)
{
    if (id == VIRTIO_ID_CONSOLE) {
        int e = virtio_console_create(&v->dev, NULL);
        *kept = !e;
        return e;
    }
    int e = virtio_net_create(&v->dev, NULL, NULL, &v->port);
    *kept = v->port;
    if (!v->port)
        return e;
    v->port->mmio_address = base;
    v->next = devices;
    devices = v;
    return e;
}

static bool probe_one(const struct virtio_mmio_slot *slot, unsigned number)
{
    struct virtio_mmio_device *v = calloc(1, sizeof *v);
    uint32_t id;
    bool kept = false;
    if (!v)
        return false;
    snprintf(v->dev.name, sizeof v->dev.name, "virtio %" PRIx64, slot->base);
    if (slot->size < VIRTIO_MMIO_SIZE_MIN)
        log_warning("%s: %" PRIu64 " bytes, expected at least %u", v->dev.name, slot->size,
                    VIRTIO_MMIO_SIZE_MIN);
    else if (!(v->registers = mmio_map(slot->base, slot->size)))
        log_warning("%s: out of reach", v->dev.name);
    v->dev.transport = v->registers ? identify(v->registers, v->dev.name, &id) : NULL;
    v->config_length = (uint32_t)min_u64(slot->size - VIRTIO_MMIO_SIZE_MIN, UINT16_MAX);
    v->dma.requester_id = REQUESTER_NONE + number;
    v->dev.dma = &v->dma;
    int e = v->dev.transport ? hand_over(v, id, slot->base, &kept) : -ENODEV;
    if (!kept)
        free(v);
    return !e;
}

static int compare_slots(const void *a, const void *b)
{
    const struct virtio_mmio_slot *x = a, *y = b;
    return x->base < y->base ? -1 : x->base > y->base;
}

/* A slot may be named twice, by ACPI and by the command line. */
unsigned virtio_mmio_probe(struct virtio_mmio_slot *slots, unsigned count)
{
    unsigned taken = 0;
    qsort(slots, count, sizeof *slots, compare_slots);
    for (unsigned i = 0; i < count; i++)
        if (!i || slots[i].base != slots[i - 1].base)
            taken += probe_one(&slots[i], i);
    return taken;
}

void virtio_mmio_remove_all(void)
{
    while (devices) {
        struct virtio_mmio_device *v = devices;
        devices = v->next;
        virtio_net_destroy(v->port);
        free(v);
    }
}
