/* vfio_user.c - the server's side of vfio-user, and pcispace.h's other implementation
 * (vfio_user.h). */
#include "tests/linux/vfio_user.h"

#include "kernel/compiler.h"
#include "pci/pci_regs.h"
#include "tests/linux/guest_memory.h"
#include "tests/models/pcispace_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum command {
    VERSION = 1,
    DMA_MAP,
    DMA_UNMAP,
    GET_INFO,
    GET_REGION_INFO,
    GET_REGION_IO,
    GET_IRQ_INFO,
    SET_IRQS,
    REGION_READ,
    REGION_WRITE,
    DEVICE_RESET = 13,
};

#define IS_REPLY 0x01u
#define TYPE_MASK 0x0fu
#define NO_REPLY 0x10u
#define IS_ERROR 0x20u

enum interrupt { INTX, MSI, MSIX, ERRORS, REQUESTS, INTERRUPT_KINDS };
#define CONFIG_REGION 7u
#define REGIONS 9u
#define BARS 6u
#define BODY_MAX (1u << 17)
#define DESCRIPTORS_MAX 64u
#define DATA_MAX 65536u
#define VENDORS_OWN 0x000bu /* an extended capability's ID */

/* SET_IRQS */
#define DATA_NONE 0x01u
#define DATA_EVENTFD 0x04u
#define ACTION_MASK 0x08u
#define ACTION_UNMASK 0x10u
#define ACTION_TRIGGER 0x20u

struct header {
    uint16_t number, command;
    uint32_t size, flags, error;
};

struct message {
    struct header header;
    uint8_t body[BODY_MAX];
    uint32_t n;
    int fds[DESCRIPTORS_MAX];
    unsigned fd_count;
};

struct served {
    struct pcispace_device *device;
    struct guest_memory memory;
    int listener, connection;
    bool runs; /* its guest, and no longer QEMU, looks at it */
    int events[INTERRUPT_KINDS][PCISPACE_VECTORS];
    bool pin_masked;
};

static struct served served[VFIO_USER_DEVICES];
static unsigned served_count;
static struct message in;

/* Sockets ------------------------------------------------------------------------ */

static bool receive(int fd, void *to, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t k = recv(fd, (uint8_t *)to + done, n - done, MSG_WAITALL);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        done += (size_t)k;
    }
    return true;
}

/* Who has gone is told nothing, and not read from again. */
static void transmit(int fd, const void *from, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t k = send(fd, (const uint8_t *)from + done, n - done, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return;
        done += (size_t)k;
    }
}

static void take_descriptors(struct msghdr *m, struct message *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n && msg->fd_count < DESCRIPTORS_MAX; i++)
            memcpy(&msg->fds[msg->fd_count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
    }
}

static bool receive_message(int fd, struct message *msg)
{
    union {
        char bytes[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec io = { &msg->header, sizeof msg->header };
    struct msghdr m = { .msg_iov = &io,
                        .msg_iovlen = 1,
                        .msg_control = control.bytes,
                        .msg_controllen = sizeof control.bytes };
    msg->fd_count = 0;
    ssize_t k = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
    if (k <= 0)
        return false;
    take_descriptors(&m, msg);
    if (!receive(fd, (uint8_t *)&msg->header + k, sizeof msg->header - (size_t)k))
        return false;
    msg->n = msg->header.size - (uint32_t)sizeof msg->header;
    return msg->header.size >= sizeof msg->header && msg->n < BODY_MAX &&
           receive(fd, msg->body, msg->n);
}

static void reply(struct served *s, const struct message *msg, const void *body, size_t n,
                  int error)
{
    static uint8_t out[sizeof(struct header) + BODY_MAX];
    struct header h = { msg->header.number, msg->header.command, 0,
                        IS_REPLY | (error ? IS_ERROR : 0), (uint32_t)error };
    n = error ? 0 : n;
    h.size = (uint32_t)(sizeof h + n);
    if (msg->header.flags & NO_REPLY)
        return;
    memcpy(out, &h, sizeof h);
    if (n)
        memcpy(out + sizeof h, body, n);
    transmit(s->connection, out, h.size);
}

static uint32_t word(const struct message *msg, unsigned at)
{
    uint32_t value = 0;
    if (at + 4 <= msg->n)
        memcpy(&value, msg->body + at, 4);
    return value;
}

static uint64_t quad(const struct message *msg, unsigned at)
{
    return word(msg, at) | (uint64_t)word(msg, at + 4) << 32;
}

/* Interrupts ------------------------------------------------------------------------ */

static void signal_event(int fd)
{
    static const uint64_t one = 1;
    if (fd >= 0 && write(fd, &one, sizeof one) != sizeof one)
        perror("vfio_user: eventfd");
}

/* A level made of edges: QEMU masks the pin itself when it takes one and unmasks it when the guest
 * touches a BAR; what is still high then fires again. */
static void fire_pin(struct served *s)
{
    struct pcispace_device *d = s->device;
    bool off = config_get(d->config + PCI_COMMAND, 2) & 0x400;
    d->config[PCI_STATUS] = (uint8_t)((d->config[PCI_STATUS] & ~8) | (d->pin ? 8 : 0));
    if (!d->pin || s->pin_masked || off || s->events[INTX][0] < 0)
        return;
    s->pin_masked = true;
    signal_event(s->events[INTX][0]);
}

static void disarm(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void set_events(struct served *s, const struct message *msg, unsigned kind, uint32_t start,
                       uint32_t count)
{
    if ((word(msg, 4) & DATA_NONE) && !count)
        for (unsigned i = 0; i < PCISPACE_VECTORS; i++)
            disarm(&s->events[kind][i]);
    for (unsigned i = 0; (word(msg, 4) & DATA_EVENTFD) && i < count; i++) {
        disarm(&s->events[kind][start + i]);
        if (i < msg->fd_count)
            s->events[kind][start + i] = dup(msg->fds[i]);
    }
    if (kind == INTX)
        s->pin_masked = false;
}

/* argsz, flags, index, start, count */
static int set_interrupts(struct served *s, const struct message *msg)
{
    uint32_t flags = word(msg, 4), kind = word(msg, 8), start = word(msg, 12);
    uint32_t count = word(msg, 16);
    if (kind >= INTERRUPT_KINDS || start > PCISPACE_VECTORS || count > PCISPACE_VECTORS - start)
        return EINVAL;
    if (flags & ACTION_TRIGGER)
        set_events(s, msg, kind, start, count);
    else if (kind == INTX)
        s->pin_masked = flags & ACTION_MASK;
    fire_pin(s);
    return 0;
}

static unsigned capability(const struct pcispace_device *d, uint8_t id)
{
    unsigned at = d->config[PCI_CAPABILITIES];
    while (at && d->config[at] != id)
        at = d->config[at + PCI_CAP_NEXT];
    return at;
}

static uint32_t interrupt_count(const struct pcispace_device *d, uint32_t kind)
{
    unsigned at = capability(d, PCI_CAP_MSIX);
    if (kind == MSIX && at)
        return (uint32_t)(config_get(d->config + at + PCI_MSIX_CONTROL, 2) & 0x7ff) + 1;
    return kind == INTX && d->config[CONFIG_INTERRUPT_PIN] ? 1 : 0;
}

/* Registers ---------------------------------------------------------------------------- */

/* QEMU drops SR-IOV and ARI from the list of capabilities that it makes of ours (11.1's
 * hw/vfio/pci.c), and then reads and writes all of them but their links through to us.  So while it
 * makes the list they have the vendor's own ID, and their guest sees them as they are. */
static uint64_t seen(const struct served *s, unsigned at, unsigned n)
{
    const uint8_t *config = s->device->config;
    uint64_t value = config_get(config + at, n);
    unsigned id = value & PCI_EXT_ID, header = PCI_EXT_FIRST;
    if (s->runs || n != 4 || (id != PCI_EXT_SRIOV && id != PCI_EXT_ARI))
        return value;
    while (header && header != at)
        header = FIELD_GET(PCI_EXT_NEXT, (uint32_t)config_get(config + header, 4));
    return header ? value - id + VENDORS_OWN : value;
}

static void config_access(struct served *s, bool write, unsigned at, unsigned n, uint8_t *bytes)
{
    struct pcispace_device *d = s->device;
    for (unsigned i = 0, k; i < n; i += k) {
        k = n - i >= 4 && (at + i) % 4 == 0 ? 4 : n - i >= 2 && (at + i) % 2 == 0 ? 2 : 1;
        if (!write) {
            config_put(bytes + i, seen(s, at + i, k), k);
            continue;
        }
        config_write_masked(d, at + i, k, (uint32_t)config_get(bytes + i, k));
        if (d->config_written)
            d->config_written(d->ctx, (uint16_t)(at + i), k);
    }
}

static void bar_access(struct pcispace_device *d, bool write, unsigned bar, uint64_t at, unsigned n,
                       uint8_t *bytes)
{
    for (unsigned i = 0, k; i < n; i += k) {
        for (k = 8; k > n - i || (at + i) % k; k /= 2)
            ;
        if (write)
            d->bar_write(d->ctx, bar, at + i, k, config_get(bytes + i, k));
        else
            config_put(bytes + i, d->bar_read(d->ctx, bar, at + i, k), k);
    }
}

/* offset, region, count, data */
static void region_access(struct served *s, struct message *msg, bool write)
{
    struct pcispace_device *d = s->device;
    uint64_t at = quad(msg, 0);
    uint32_t region = word(msg, 8), n = word(msg, 12);
    uint64_t size = region < BARS             ? d->bar[region].size
                    : region == CONFIG_REGION ? d->config_size
                                              : 0;
    if (n > DATA_MAX || at > size || n > size - at || (write && msg->n < 16 + n)) {
        reply(s, msg, NULL, 0, EINVAL);
        return;
    }
    if (region == CONFIG_REGION)
        config_access(s, write, (unsigned)at, n, msg->body + 16);
    else
        bar_access(d, write, region, at, n, msg->body + 16);
    fire_pin(s);
    reply(s, msg, msg->body, 16 + (write ? 0 : n), 0);
}

/* Function level reset, as if it were asked for in Device Control. */
static void reset(struct pcispace_device *d)
{
    unsigned at = config_find_express(d) + PCI_EXPRESS_DEVICE_CTL;
    config_put(d->config + at, CONFIG_FLR, 2);
    if (d->config_written)
        d->config_written(d->ctx, (uint16_t)at, 2);
}

/* Messages ------------------------------------------------------------------------------- */

/* The client's own version comes back: it asks for 0.0 and takes no other. */
static void version(struct served *s, const struct message *msg)
{
    static const char says[] = "\0\0\0\0{\"capabilities\":{\"max_msg_fds\":16,"
                               "\"max_data_xfer_size\":65536,\"pgsizes\":4096,"
                               "\"max_dma_maps\":512}}";
    char answer[sizeof says];
    memcpy(answer, says, sizeof says);
    memcpy(answer, msg->body, 4);
    reply(s, msg, answer, sizeof answer, 0);
}

/* argsz, flags, offset, address, size; no descriptor: ROM, which no device reads */
static void map(struct served *s, const struct message *msg)
{
    bool good = msg->fd_count != 1 || guest_memory_map(&s->memory, quad(msg, 16), quad(msg, 24),
                                                       msg->fds[0], quad(msg, 8), word(msg, 4) & 2);
    reply(s, msg, NULL, 0, good ? 0 : ENOMEM);
}

/* argsz, flags, address, size */
static void unmap(struct served *s, const struct message *msg)
{
    if (word(msg, 4) & 2)
        guest_memory_clear(&s->memory);
    else
        guest_memory_unmap(&s->memory, quad(msg, 8), quad(msg, 16));
    reply(s, msg, msg->body, 24, 0);
}

static void region_info(struct served *s, const struct message *msg)
{
    struct {
        uint32_t argsz, flags, index, capabilities;
        uint64_t size, offset;
    } info = { 32, 0, word(msg, 8), 0, 0, 0 };
    if (info.index < BARS)
        info.size = s->device->bar[info.index].size;
    else if (info.index == CONFIG_REGION)
        info.size = s->device->config_size;
    info.flags = info.size ? 3 : 0;
    reply(s, msg, &info, sizeof info, info.index < REGIONS ? 0 : EINVAL);
}

static void interrupt_info(struct served *s, const struct message *msg)
{
    uint32_t kind = word(msg, 8);
    uint32_t info[4] = { 16, kind == INTX ? 7 : 9, kind, interrupt_count(s->device, kind) };
    reply(s, msg, info, sizeof info, kind < INTERRUPT_KINDS ? 0 : EINVAL);
}

static void answer(struct served *s, struct message *msg)
{
    static const uint32_t info[4] = { 16, 3, REGIONS, INTERRUPT_KINDS }; /* reset, PCI */
    switch (msg->header.command) {
    case VERSION:
        version(s, msg);
        return;
    case DMA_MAP:
        map(s, msg);
        return;
    case DMA_UNMAP:
        unmap(s, msg);
        return;
    case GET_INFO:
        reply(s, msg, info, sizeof info, 0);
        return;
    case GET_REGION_INFO:
        region_info(s, msg);
        return;
    case GET_IRQ_INFO:
        interrupt_info(s, msg);
        return;
    case SET_IRQS:
        reply(s, msg, NULL, 0, set_interrupts(s, msg));
        return;
    case REGION_READ:
    case REGION_WRITE:
        region_access(s, msg, msg->header.command == REGION_WRITE);
        return;
    case DEVICE_RESET: /* the last thing before a guest runs */
        reset(s->device);
        s->runs = true;
        reply(s, msg, NULL, 0, 0);
        return;
    }
    reply(s, msg, NULL, 0, EOPNOTSUPP);
}

/* As a host resets what it takes back from a guest. */
static void hang_up(struct served *s)
{
    close(s->connection);
    s->connection = -1;
    s->runs = false;
    reset(s->device);
    for (unsigned kind = 0; kind < INTERRUPT_KINDS; kind++)
        for (unsigned i = 0; i < PCISPACE_VECTORS; i++)
            disarm(&s->events[kind][i]);
    guest_memory_clear(&s->memory);
}

bool vfio_user_handle(unsigned number)
{
    struct served *s = &served[number];
    if (s->connection < 0) {
        s->connection = accept(s->listener, NULL, NULL);
        return true;
    }
    if (!receive_message(s->connection, &in)) {
        hang_up(s);
        return false;
    }
    if ((in.header.flags & TYPE_MASK) == 0)
        answer(s, &in);
    for (unsigned i = 0; i < in.fd_count; i++)
        close(in.fds[i]);
    return true;
}

int vfio_user_descriptor(unsigned number)
{
    return served[number].connection >= 0 ? served[number].connection : served[number].listener;
}

int vfio_user_serve(struct pcispace_device *d, const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct served *s = &served[served_count];
    if (served_count == VFIO_USER_DEVICES || strlen(path) >= sizeof at.sun_path)
        return -1;
    strcpy(at.sun_path, path);
    memset(s->events, 0xff, sizeof s->events);
    s->device = d;
    s->connection = -1;
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0 || bind(s->listener, (const void *)&at, sizeof at) ||
        listen(s->listener, 1))
        return -1;
    for (unsigned i = 0; i < BARS; i++)
        if (d->bar[i].size)
            config_bar(d, i);
    return (int)served_count++;
}

/* pcispace.h ------------------------------------------------------------------------------ */

static struct served *server_of(const struct pcispace_device *d)
{
    for (unsigned i = 0; i < served_count; i++)
        if (served[i].device == d)
            return &served[i];
    return NULL;
}

/* QEMU lets a device reach memory while bus mastering is off; hardware does not. */
static struct served *master(struct pcispace_device *d)
{
    if (d->config[PCI_COMMAND] & PCI_COMMAND_MASTER)
        return server_of(d);
    d->dma_refused++;
    return NULL;
}

int pcispace_dma_read(struct pcispace_device *d, uint64_t iova, void *to, size_t n)
{
    struct served *s = master(d);
    return s && guest_memory_read(&s->memory, iova, to, n) ? 0 : -1;
}

int pcispace_dma_write(struct pcispace_device *d, uint64_t iova, const void *from, size_t n)
{
    struct served *s = master(d);
    return s && guest_memory_write(&s->memory, iova, from, n) ? 0 : -1;
}

void pcispace_interrupt(struct pcispace_device *d, unsigned vector)
{
    struct served *s = server_of(d);
    d->interrupts[vector % PCISPACE_VECTORS]++;
    if (s)
        signal_event(s->events[MSIX][vector % PCISPACE_VECTORS]);
}

void pcispace_pin(struct pcispace_device *d, bool level)
{
    struct served *s = server_of(d);
    d->pin = level;
    if (s)
        fire_pin(s);
}
