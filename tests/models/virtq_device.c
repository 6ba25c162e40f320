/* virtq_device.c - the device's side of a split virtqueue (virtq_device.h). */
#include "tests/models/virtq_device.h"

#include "tests/host/host.h"
#include "tests/models/pcispace.h"

#include <string.h>

#define F_NEXT 1
#define F_WRITE 2
#define F_INDIRECT 4

struct descriptor {
    uint64_t addr;
    uint32_t len;
    uint16_t flags, next;
};

void virtq_device_init(struct virtq_device *q, const struct dma_device *dma, uint16_t size)
{
    memset(q, 0, sizeof *q);
    q->dma = dma;
    q->size = size;
}

void virtq_device_violation(struct virtq_device *q, const char *what)
{
    if (!q->violations++)
        q->violation = what;
}

static bool get(struct virtq_device *q, uint64_t iova, void *to, size_t n)
{
    if (!(q->pci ? pcispace_dma_read(q->pci, iova, to, n) : host_dma_read(q->dma, iova, to, n)))
        return true;
    memset(to, 0, n);
    virtq_device_violation(q, "memory that the device may not read");
    return false;
}

static void set(struct virtq_device *q, uint64_t iova, const void *from, size_t n)
{
    if (q->pci ? pcispace_dma_write(q->pci, iova, from, n) : host_dma_write(q->dma, iova, from, n))
        virtq_device_violation(q, "memory that the device may not write");
}

static uint16_t get16(struct virtq_device *q, uint64_t iova)
{
    uint16_t v;
    get(q, iova, &v, sizeof v);
    return v;
}

uint16_t virtq_device_pending(struct virtq_device *q)
{
    uint16_t flags = get16(q, q->avail);
    uint16_t pending = (uint16_t)(get16(q, q->avail + 2) - q->avail_idx);
    if (flags > 1)
        virtq_device_violation(q, "available flags neither 0 nor 1 (2.7.7.1)");
    if (pending > q->size) {
        virtq_device_violation(q, "available index beyond the ring");
        pending = 0;
    }
    return pending;
}

static void add_segment(struct virtq_device *q, struct virtq_buffer *b, const struct descriptor *d)
{
    bool write = d->flags & F_WRITE;
    unsigned n = b->readable + b->writable;
    if (n == VIRTQ_BUFFER_SEGMENTS) {
        virtq_device_violation(q, "excessive number of descriptors (2.7.4.2)");
        return;
    }
    if (!write && b->writable)
        virtq_device_violation(q, "readable after writable (2.7.4.2)");
    if (!d->len)
        virtq_device_violation(q, "descriptor of no bytes");
    b->segment[n] = (struct virtq_segment){ d->addr, d->len };
    *(write ? &b->writable : &b->readable) += 1;
    *(write ? &b->writable_bytes : &b->readable_bytes) += d->len;
}

/* Walks a table of `size` entries from `at`; loops end at size descriptors. */
static void walk(struct virtq_device *q, struct virtq_buffer *b, uint64_t table, uint32_t size,
                 uint16_t at)
{
    for (uint32_t n = 0;; n++) {
        struct descriptor d;
        if (at >= size || n == size) {
            virtq_device_violation(q, n == size ? "descriptor loop (2.7.5.2)"
                                                : "next descriptor outside the table");
            return;
        }
        get(q, table + 16ull * at, &d, sizeof d);
        if (d.flags & ~(F_NEXT | F_WRITE | F_INDIRECT))
            virtq_device_violation(q, "reserved descriptor flags");
        if (d.flags & F_INDIRECT) {
            if (b->indirect || (d.flags & F_NEXT) || !q->indirect || d.len % 16 || !d.len) {
                virtq_device_violation(q, "indirect descriptor not allowed (2.7.5.3.1)");
                return;
            }
            b->indirect = true;
            walk(q, b, d.addr, d.len / 16, 0);
            return;
        }
        add_segment(q, b, &d);
        if (!(d.flags & F_NEXT))
            return;
        at = d.next;
    }
}

bool virtq_device_take(struct virtq_device *q, struct virtq_buffer *b)
{
    if (!virtq_device_pending(q))
        return false;
    memset(b, 0, sizeof *b);
    b->head = get16(q, q->avail + 4 + 2 * (q->avail_idx++ % q->size));
    if (b->head >= q->size) {
        virtq_device_violation(q, "head outside the table");
        return false;
    }
    if (q->taken[b->head])
        virtq_device_violation(q, "head made available twice");
    q->taken[b->head] = 1;
    walk(q, b, q->desc, q->size, b->head);
    if (b->readable + b->writable > q->size)
        virtq_device_violation(q, "chain longer than the queue (2.7.5.3.1)");
    return true;
}

static size_t copy(struct virtq_device *q, const struct virtq_segment *s, unsigned count,
                   size_t offset, uint8_t *bytes, size_t n, bool write)
{
    size_t done = 0;
    for (; count-- && done < n; s++) {
        if (offset >= s->length) {
            offset -= s->length;
            continue;
        }
        size_t part = s->length - offset < n - done ? s->length - offset : n - done;
        if (write)
            set(q, s->iova + offset, bytes + done, part);
        else
            get(q, s->iova + offset, bytes + done, part);
        done += part;
        offset = 0;
    }
    return done;
}

size_t virtq_device_read(struct virtq_device *q, const struct virtq_buffer *b, size_t offset,
                         void *to, size_t n)
{
    return copy(q, b->segment, b->readable, offset, to, n, false);
}

size_t virtq_device_write(struct virtq_device *q, const struct virtq_buffer *b, size_t offset,
                          const void *from, size_t n)
{
    return copy(q, b->segment + b->readable, b->writable, offset, (void *)(uintptr_t)from, n, true);
}

void virtq_device_put(struct virtq_device *q, uint32_t id, uint32_t len)
{
    uint32_t elem[2] = { id, len };
    set(q, q->used + 4 + 8ull * (q->used_idx++ % q->size), elem, sizeof elem);
    if (id < q->size)
        q->taken[id] = 0;
}

void virtq_device_publish(struct virtq_device *q)
{
    virtq_device_set_used_idx(q, q->used_idx);
}

void virtq_device_set_used_idx(struct virtq_device *q, uint16_t idx)
{
    set(q, q->used + 2, &idx, sizeof idx);
}

void virtq_device_set_no_notify(struct virtq_device *q, bool on)
{
    uint16_t flags = on;
    set(q, q->used, &flags, sizeof flags);
}
