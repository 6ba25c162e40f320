/* virtio_console.c - a terminal over two virtqueues.
 *
 * virtio 1.2 5.3: one port, a queue of what is typed and one of what is printed.  Not
 * supported: several ports (MULTIPORT), sizes, emergency writes.  Polled like everything; a
 * host that takes nothing holds nobody up, for the console passes over what stalls. */
#include "virtio/virtio_console.h"

#include "kernel/console.h"
#include "kernel/log.h"
#include "nic/port.h"

#include <errno.h>
#include <string.h>

/* virtio 1.2 5.3.2 */
#define QUEUE_RECEIVE 0
#define QUEUE_TRANSMIT 1

#define SLOTS 16u
#define SLOT_SIZE 256u
#define CONSOLES 4u

struct virtio_console {
    struct console_device device;
    struct virtio_device *dev;
    struct virtqueue rx, tx;
    struct dma_memory in, out; /* SLOTS of SLOT_SIZE each */
    uint16_t free[SLOTS];      /* of out; the first free_count */
    uint16_t free_count;
    uint32_t slot, at, length; /* of in: what has been typed and not yet read */
    char last;                 /* byte sent, for CR before LF */
};

static const struct virtio_feature feature_names[] = {
    { VIRTIO_F_ANY_LAYOUT, "ANY_LAYOUT" },
    { VIRTIO_F_VERSION_1, "VERSION_1" },
    { VIRTIO_F_ACCESS_PLATFORM, "ACCESS_PLATFORM" },
    { VIRTIO_F_ORDER_PLATFORM, "ORDER_PLATFORM" },
    { 0, NULL },
};

static struct virtio_console *to_console(struct console_device *d)
{
    return container_of(d, struct virtio_console, device);
}

/* A slot's number travels as a token, which may not be NULL. */
static void *token(uint32_t slot)
{
    return (void *)(uintptr_t)(slot + 1);
}

static uint32_t slot_of(void *t)
{
    return (uint32_t)((uintptr_t)t - 1);
}

/* Typing ------------------------------------------------------------------------- */

static void give(struct virtio_console *c, uint32_t slot)
{
    const struct virtqueue_segment segment = { c->in.iova + slot * SLOT_SIZE, SLOT_SIZE };
    virtqueue_add(&c->rx, &segment, 0, 1, token(slot));
}

static void give_back(struct virtio_console *c)
{
    give(c, c->slot);
    virtqueue_publish(&c->rx);
    virtqueue_notify(&c->rx);
}

/* The next buffer with something in it; an empty one goes back, and that was all for now. */
static bool next_buffer(struct virtio_console *c)
{
    void *t = virtqueue_pop(&c->rx, &c->length);
    c->at = 0;
    if (!t) {
        c->length = 0;
        return false;
    }
    c->slot = slot_of(t);
    if (!c->length)
        give_back(c);
    return c->length;
}

static int virtio_console_read(struct console_device *d)
{
    struct virtio_console *c = to_console(d);
    if (c->at == c->length && !next_buffer(c))
        return -1;
    int byte = ((const uint8_t *)c->in.va)[c->slot * SLOT_SIZE + c->at++];
    if (c->at == c->length)
        give_back(c);
    return byte;
}

/* Printing ------------------------------------------------------------------------ */

static void reclaim(struct virtio_console *c)
{
    uint32_t written;
    void *t;
    while ((t = virtqueue_pop(&c->tx, &written)))
        c->free[c->free_count++] = (uint16_t)slot_of(t);
}

/* As many as fit with the carriage returns that terminals want; *used: bytes in the slot. */
static size_t fill(struct virtio_console *c, char *slot, const char *text, size_t n, uint32_t *used)
{
    size_t taken = 0;
    for (*used = 0; taken < n && *used + 2 <= SLOT_SIZE; taken++) {
        if (text[taken] == '\n' && c->last != '\r')
            slot[(*used)++] = '\r';
        slot[(*used)++] = c->last = text[taken];
    }
    return taken;
}

static size_t virtio_console_write(struct console_device *d, const char *text, size_t n)
{
    struct virtio_console *c = to_console(d);
    struct virtqueue_segment segment;
    reclaim(c);
    if (!c->free_count || !virtqueue_has_room(&c->tx, 1))
        return 0;
    uint32_t slot = c->free[--c->free_count];
    size_t taken = fill(c, (char *)c->out.va + slot * SLOT_SIZE, text, n, &segment.length);
    segment.iova = c->out.iova + slot * SLOT_SIZE;
    virtqueue_add(&c->tx, &segment, 1, 0, token(slot));
    virtqueue_publish(&c->tx);
    virtqueue_notify(&c->tx);
    return taken;
}

static bool virtio_console_idle(struct console_device *d)
{
    struct virtio_console *c = to_console(d);
    reclaim(c);
    return c->free_count == SLOTS;
}

/* Set-up --------------------------------------------------------------------------- */

static int start(struct virtio_console *c)
{
    struct virtio_device *dev = c->dev;
    uint64_t required = dev->transport->legacy ? 0 : VIRTIO_BIT(VIRTIO_F_VERSION_1);
    uint64_t wanted = VIRTIO_BIT(VIRTIO_F_ACCESS_PLATFORM) | VIRTIO_BIT(VIRTIO_F_ORDER_PLATFORM) |
                      (dev->transport->legacy ? VIRTIO_BIT(VIRTIO_F_ANY_LAYOUT) : 0);
    int e = virtio_begin(dev);
    e = e ? e : virtio_negotiate(dev, required, wanted, feature_names);
    e = e ? e : dma_alloc(dev->dma, SLOTS * SLOT_SIZE, PAGE_SIZE, DMA_FROM_DEVICE, &c->in);
    e = e ? e : dma_alloc(dev->dma, SLOTS * SLOT_SIZE, PAGE_SIZE, DMA_TO_DEVICE, &c->out);
    if (e)
        return e;
    dev->transport->set_dma(dev, true);
    e = virtio_queue_start(dev, &c->rx, QUEUE_RECEIVE, SLOTS, 0);
    e = e ? e : virtio_queue_start(dev, &c->tx, QUEUE_TRANSMIT, SLOTS, 0);
    if (e)
        return e;
    for (uint32_t i = 0; i < SLOTS; i++) {
        give(c, i);
        c->free[c->free_count++] = (uint16_t)i;
    }
    virtqueue_publish(&c->rx);
    virtio_driver_ok(dev);
    virtqueue_notify(&c->rx);
    return 0;
}

/* First no access to memory lands any more, then the memory goes. */
static void stop(struct virtio_console *c)
{
    if (virtio_reset(c->dev) == -EBUSY)
        return;
    while (virtqueue_detach(&c->rx))
        continue;
    virtqueue_free(&c->rx);
    virtqueue_free(&c->tx);
    dma_free(c->dev->dma, &c->in);
    dma_free(c->dev->dma, &c->out);
}

int virtio_console_create(struct virtio_device *dev, const char *failure)
{
    static struct virtio_console consoles[CONSOLES];
    static const char *const names[CONSOLES] = { "hvc0", "hvc1", "hvc2", "hvc3" };
    static unsigned found; /* numbers them, wanted or not: hvc1 is always the second */
    unsigned number = found++;
    if (failure)
        return -EIO;
    if (number >= CONSOLES || !console_is_wanted(names[number]))
        return -ENODEV;
    struct virtio_console *c = &consoles[number];
    *c = (struct virtio_console){ .device = { .name = names[number],
                                              .write = virtio_console_write,
                                              .read = virtio_console_read,
                                              .idle = virtio_console_idle },
                                  .dev = dev };
    int e = start(c);
    /* Its DMA goes round an IOMMU that is there, or there is none: virtio 1.2 6. */
    bool fenced = dev->dma->domain && virtio_has(dev, VIRTIO_F_ACCESS_PLATFORM);
    if (!e && port_fence_is_required() && !fenced) {
        log_error("%s: no IOMMU fences it: not used (iommu=strict)", dev->name);
        e = -EPERM;
    }
    e = e ? e : console_add(&c->device);
    if (e) {
        stop(c);
        return e;
    }
    log_info("%s: console on %s", names[number], dev->name);
    return 0;
}
