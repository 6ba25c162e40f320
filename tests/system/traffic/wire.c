/* wire.c - see wire.h. */
#include "wire.h"

#include "frame.h"
#include "traffic.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_LIMIT_MS 10000u

static void set_path(struct sockaddr_un *a, const char *path)
{
    memset(a, 0, sizeof(*a));
    a->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof(a->sun_path))
        fail("%s: too long for a socket", path);
    strcpy(a->sun_path, path);
}

void wire_open(struct wire *w)
{
    struct sockaddr_un a;
    w->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    set_path(&a, w->local);
    unlink(w->local);
    if (w->fd < 0 || bind(w->fd, (struct sockaddr *)&a, sizeof(a)) < 0)
        fail("%s: %s", w->local, strerror(errno));
}

void wire_connect(struct wire *w)
{
    struct sockaddr_un a;
    set_path(&a, w->remote);
    for (unsigned ms = 0; connect(w->fd, (struct sockaddr *)&a, sizeof(a)) < 0; ms += 10) {
        if (ms >= CONNECT_LIMIT_MS)
            fail("%s: %s", w->remote, strerror(errno));
        usleep(10000);
    }
}

bool wire_send(struct wire *w, const uint8_t *frame, size_t n)
{
    if (send(w->fd, frame, n, 0) == (ssize_t)n) {
        w->full = false;
        return true;
    }
    w->full = true;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == EINTR)
        w->held_back++;
    else
        w->gone = true;
    return false;
}

void wire_flush(struct wire *w, struct backlog *b)
{
    while (b->tail != b->head) {
        unsigned slot = b->tail % BACKLOG;
        if (!wire_send(w, b->frames[slot].bytes, b->frames[slot].length))
            return;
        b->tail++;
    }
}

bool wire_post(struct wire *w, struct backlog *b, const uint8_t *frame, size_t n)
{
    wire_flush(w, b);
    if (b->tail == b->head && wire_send(w, frame, n))
        return true;
    if (b->head - b->tail == BACKLOG || n > BACKLOG_FRAME)
        return false;
    b->frames[b->head % BACKLOG].length = (uint16_t)n;
    memcpy(b->frames[b->head % BACKLOG].bytes, frame, n);
    b->head++;
    return true;
}

size_t wire_receive(struct wire *w, uint8_t *frame)
{
    ssize_t n = recv(w->fd, frame, FRAME_MAX, 0);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        w->gone = true;
    return n > 0 ? (size_t)n : 0;
}

void wires_wait(struct wire w[2], const bool wants[2], int timeout_ms)
{
    struct pollfd fds[2];
    for (unsigned i = 0; i < 2; i++)
        fds[i] =
            (struct pollfd){ .fd = w[i].fd, .events = (short)(POLLIN | (wants[i] ? POLLOUT : 0)) };
    poll(fds, 2, timeout_ms);
}
