/* virtio_pci_modern.c - the modern interface: structures in memory BARs, found
 * through vendor-specific capabilities, virtio 1.2 4.1.4.
 *
 * Not used: structures in I/O BARs, which the document allows beside or instead of
 * memory (4.1.4; no device seen has them only there), and the access window in
 * configuration space (4.1.4.9). */
#include "virtio/virtio_pci.h"

#include "kernel/log.h"
#include "kernel/mmio.h"
#include "nic/port.h"

#include <errno.h>
#include <inttypes.h>

/* struct virtio_pci_cap, virtio 1.2 4.1.4; all RO */
#define PCI_CAP_ID_VNDR 0x09
#define CAP_LEN 2      /* 8 bits */
#define CAP_CFG_TYPE 3 /* 8 bits */
#define CAP_BAR 4      /* 8 bits */
#define CAP_OFFSET 8   /* 32 bits */
#define CAP_LENGTH 12  /* 32 bits */
#define CAP_SIZE 16
#define CAP_NOTIFY_OFF_MULTIPLIER 16 /* 32 bits, 4.1.4.4 */
#define CAP_NOTIFY_SIZE 20

#define VIRTIO_PCI_CAP_COMMON_CFG 1
#define VIRTIO_PCI_CAP_NOTIFY_CFG 2
#define VIRTIO_PCI_CAP_DEVICE_CFG 4

/* struct virtio_pci_common_cfg, virtio 1.2 4.1.4.3.  The queue fields show the
 * queue that queue_select names. */
#define COMMON_DEVICE_FEATURE_SELECT 0x00 /* RW 32 */
#define COMMON_DEVICE_FEATURE 0x04        /* RO 32 */
#define COMMON_DRIVER_FEATURE_SELECT 0x08 /* RW 32 */
#define COMMON_DRIVER_FEATURE 0x0c        /* RW 32 */
#define COMMON_NUM_QUEUES 0x12            /* RO 16 */
#define COMMON_DEVICE_STATUS 0x14         /* RW 8 */
#define COMMON_CONFIG_GENERATION 0x15     /* RO 8 */
#define COMMON_QUEUE_SELECT 0x16          /* RW 16 */
#define COMMON_QUEUE_SIZE 0x18            /* RW 16 */
#define COMMON_QUEUE_MSIX_VECTOR 0x1a     /* RW 16 */
#define COMMON_QUEUE_ENABLE 0x1c          /* RW 16 */
#define COMMON_QUEUE_NOTIFY_OFF 0x1e      /* RO 16 */
#define COMMON_QUEUE_DESC 0x20            /* RW 64 */
#define COMMON_QUEUE_DRIVER 0x28          /* RW 64 */
#define COMMON_QUEUE_DEVICE 0x30          /* RW 64 */
#define COMMON_SIZE 0x38

/* No structure is larger; more is padding or the future (4.1.4). */
#define REGION_MAX 4096u
/* But notifications may lie a page apart, for as many queues as there can be. */
#define NOTIFY_REGION_MAX 0x10000000u

static struct virtio_pci_device *to_pci(struct virtio_device *dev)
{
    return container_of(dev, struct virtio_pci_device, dev);
}

static uint8_t *common(struct virtio_device *dev)
{
    return to_pci(dev)->common.registers;
}

static uint64_t modern_get_features(struct virtio_device *dev)
{
    uint8_t *c = common(dev);
    mmio_write32(c + COMMON_DEVICE_FEATURE_SELECT, 0);
    uint64_t low = mmio_read32(c + COMMON_DEVICE_FEATURE);
    mmio_write32(c + COMMON_DEVICE_FEATURE_SELECT, 1);
    return low | (uint64_t)mmio_read32(c + COMMON_DEVICE_FEATURE) << 32;
}

static void modern_set_features(struct virtio_device *dev, uint64_t features)
{
    uint8_t *c = common(dev);
    mmio_write32(c + COMMON_DRIVER_FEATURE_SELECT, 0);
    mmio_write32(c + COMMON_DRIVER_FEATURE, (uint32_t)features);
    mmio_write32(c + COMMON_DRIVER_FEATURE_SELECT, 1);
    mmio_write32(c + COMMON_DRIVER_FEATURE, (uint32_t)(features >> 32));
}

static uint8_t modern_get_status(struct virtio_device *dev)
{
    return mmio_read8(common(dev) + COMMON_DEVICE_STATUS);
}

static void modern_set_status(struct virtio_device *dev, uint8_t status)
{
    mmio_write8(common(dev) + COMMON_DEVICE_STATUS, status);
}

static uint32_t modern_get_generation(struct virtio_device *dev)
{
    return mmio_read8(common(dev) + COMMON_CONFIG_GENERATION);
}

static uint32_t modern_config_read(struct virtio_device *dev, uint16_t offset, unsigned size)
{
    const struct virtio_pci_region *config = &to_pci(dev)->config;
    if (offset + size > config->length)
        return 0;
    const uint8_t *field = config->registers + offset;
    /* As wide as the field: 4.1.3.1 */
    return size == 1 ? mmio_read8(field) : size == 2 ? mmio_read16(field) : mmio_read32(field);
}

static void modern_config_write8(struct virtio_device *dev, uint16_t offset, uint8_t value)
{
    const struct virtio_pci_region *config = &to_pci(dev)->config;
    if (offset < config->length)
        mmio_write8(config->registers + offset, value);
}

/* Queues, virtio 1.2 4.1.5.1.3 -------------------------------------------------- */

static uint16_t modern_queue_size(struct virtio_device *dev, uint16_t index)
{
    if (index >= mmio_read16(common(dev) + COMMON_NUM_QUEUES))
        return 0;
    mmio_write16(common(dev) + COMMON_QUEUE_SELECT, index);
    return mmio_read16(common(dev) + COMMON_QUEUE_SIZE);
}

static void modern_notify(struct virtqueue *vq)
{
    mmio_write16(vq->notify_register, vq->index);
}

/* cap.offset + queue_notify_off * notify_off_multiplier, inside cap.length: 4.1.4.4 */
static void *notify_register(struct virtio_pci_device *v, uint16_t index)
{
    uint64_t off = mmio_read16(v->common.registers + COMMON_QUEUE_NOTIFY_OFF);
    uint64_t at = off * v->notify_off_multiplier;
    if ((at & 1) || at + 2 > v->notify.length) {
        log_error("%s: queue %u: notification at %#" PRIx64
                  ", expected an even offset below %#" PRIx32,
                  v->dev.name, index, at, v->notify.length);
        return NULL;
    }
    return v->notify.registers + at;
}

/* 64-bit fields are two 32-bit ones: 4.1.3.1 */
static void write_address(uint8_t *field, uint64_t iova)
{
    mmio_write32(field, (uint32_t)iova);
    mmio_write32(field + 4, (uint32_t)(iova >> 32));
}

static int modern_queue_enable(struct virtio_device *dev, struct virtqueue *vq)
{
    uint8_t *c = common(dev);
    mmio_write16(c + COMMON_QUEUE_SELECT, vq->index);
    vq->notify_register = notify_register(to_pci(dev), vq->index);
    if (!vq->notify_register)
        return -EIO;
    vq->notify = modern_notify;
    mmio_write16(c + COMMON_QUEUE_SIZE, vq->size);
    write_address(c + COMMON_QUEUE_DESC, vq->desc_iova);
    write_address(c + COMMON_QUEUE_DRIVER, vq->avail_iova);
    write_address(c + COMMON_QUEUE_DEVICE, vq->used_iova);
    mmio_write16(c + COMMON_QUEUE_ENABLE, 1); /* last: 4.1.4.3.2 */
    return 0;
}

/* 4.1.5.1.2.1: what is read back tells whether the device took it.  One that did not take one
 * interrupts for none. */
static bool modern_queue_interrupt(struct virtio_device *dev, struct virtqueue *vq, unsigned entry)
{
    struct pci_function *f = to_pci(dev)->function;
    uint8_t *c = common(dev);
    if (entry >= pci_msix_on(f, PORT_QUEUES_MAX))
        return false;
    mmio_write16(c + COMMON_QUEUE_SELECT, vq->index);
    mmio_write16(c + COMMON_QUEUE_MSIX_VECTOR, (uint16_t)entry);
    bool taken = mmio_read16(c + COMMON_QUEUE_MSIX_VECTOR) == entry;
    if (!taken)
        pci_msix_off(f);
    return taken;
}

static const struct virtio_transport virtio_pci_modern = {
    .name = "PCI modern",
    .get_features = modern_get_features,
    .set_features = modern_set_features,
    .get_status = modern_get_status,
    .set_status = modern_set_status,
    .get_generation = modern_get_generation,
    .config_read = modern_config_read,
    .config_write8 = modern_config_write8,
    .queue_size = modern_queue_size,
    .queue_enable = modern_queue_enable,
    .queue_interrupt = modern_queue_interrupt,
    .set_dma = virtio_pci_set_dma,
};

/* Finding the structures, virtio 1.2 4.1.4 --------------------------------------- */

/* What is wanted of one, and the first capability that gives it. */
struct structure {
    uint8_t type, cap_size;
    uint32_t min_length, align;
    uint16_t cap; /* 0: none */
    uint8_t bar;
    uint32_t offset, length;
};

/* Reserved BAR values and structures outside their BAR are passed over (4.1.4.1). */
static bool structure_usable(const struct pci_function *f, const struct structure *s)
{
    return s->bar < PCI_BARS && !f->bar[s->bar].io && s->length >= s->min_length &&
           s->offset % s->align == 0 && (uint64_t)s->offset + s->length <= f->bar[s->bar].size;
}

static void structure_read(const struct pci_function *f, uint16_t cap, struct structure *s)
{
    struct structure found = *s;
    if (s->cap || pci_read8(f, cap + CAP_LEN) < s->cap_size)
        return;
    found.cap = cap;
    found.bar = pci_read8(f, cap + CAP_BAR);
    found.offset = pci_read32(f, cap + CAP_OFFSET);
    found.length = pci_read32(f, cap + CAP_LENGTH);
    if (structure_usable(f, &found))
        *s = found;
}

static void structures_find(const struct pci_function *f, struct structure *structures, unsigned n)
{
    struct pci_walk w = { .f = f };
    while (pci_walk_next(&w)) {
        uint8_t type = w.id == PCI_CAP_ID_VNDR ? pci_read8(f, w.offset + CAP_CFG_TYPE) : 0;
        for (unsigned i = 0; i < n; i++)
            if (type == structures[i].type)
                structure_read(f, w.offset, &structures[i]);
    }
}

static int map_structure(struct virtio_pci_device *v, const struct structure *s,
                         uint32_t max_length, struct virtio_pci_region *region)
{
    uint32_t length = (uint32_t)min_u64(s->length, max_length);
    uint8_t *bar = pci_map_bar(v->function, s->bar, (uint64_t)s->offset + length);
    if (!bar)
        return -EIO;
    *region = (struct virtio_pci_region){ .registers = bar + s->offset, .length = length };
    return 0;
}

int virtio_pci_modern_attach(struct virtio_pci_device *v)
{
    enum { COMMON, NOTIFY, CONFIG, STRUCTURES };
    struct structure s[STRUCTURES] = {
        [COMMON] = { .type = VIRTIO_PCI_CAP_COMMON_CFG,
                     .cap_size = CAP_SIZE,
                     .min_length = COMMON_SIZE,
                     .align = 4 },
        [NOTIFY] = { .type = VIRTIO_PCI_CAP_NOTIFY_CFG,
                     .cap_size = CAP_NOTIFY_SIZE,
                     .min_length = 2,
                     .align = 2 },
        [CONFIG] = { .type = VIRTIO_PCI_CAP_DEVICE_CFG,
                     .cap_size = CAP_SIZE,
                     .min_length = 1,
                     .align = 4 },
    };
    structures_find(v->function, s, STRUCTURES);
    if (!s[COMMON].cap || !s[NOTIFY].cap)
        return -ENODEV;
    int e = map_structure(v, &s[COMMON], REGION_MAX, &v->common);
    if (e)
        return e;
    e = map_structure(v, &s[NOTIFY], NOTIFY_REGION_MAX, &v->notify);
    if (e)
        return e;
    e = s[CONFIG].cap ? map_structure(v, &s[CONFIG], REGION_MAX, &v->config) : 0;
    if (e)
        return e;
    v->notify_off_multiplier = pci_read32(v->function, s[NOTIFY].cap + CAP_NOTIFY_OFF_MULTIPLIER);
    v->dev.transport = &virtio_pci_modern;
    return 0;
}
