/* wire.c - a cable as a stream socket (wire.h). */
#include "tests/linux/wire.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define LENGTH 4u
#define PATIENCE 300u /* tenths of a second until the far end listens */

static bool address(struct sockaddr_un *at, const char *path)
{
    *at = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof at->sun_path)
        return false;
    strcpy(at->sun_path, path);
    return true;
}

static bool connect_patiently(int fd, const struct sockaddr_un *at)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (!connect(fd, (const void *)at, sizeof *at))
            return true;
        usleep(100000);
    }
    return false;
}

bool wire_open(struct wire *w, const char *where)
{
    static const char listens[] = "listen:";
    bool listener = !strncmp(where, listens, sizeof listens - 1);
    struct sockaddr_un at;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || !address(&at, listener ? where + sizeof listens - 1 : where))
        return false;
    w->listener = listener ? fd : -1;
    w->connection = listener ? -1 : fd;
    return listener ? !bind(fd, (const void *)&at, sizeof at) && !listen(fd, 1)
                    : connect_patiently(fd, &at);
}

int wire_descriptor(const struct wire *w)
{
    return w->connection >= 0 ? w->connection : w->listener;
}

static void hang_up(struct wire *w)
{
    close(w->connection);
    w->connection = -1;
    w->in_used = w->out_used = 0;
}

void wire_readable(struct wire *w)
{
    if (w->connection < 0) {
        w->connection = accept(w->listener, NULL, NULL);
        return;
    }
    if (w->in_used == WIRE_IN)
        return;
    ssize_t k = recv(w->connection, w->in + w->in_used, WIRE_IN - w->in_used, MSG_DONTWAIT);
    if (k > 0)
        w->in_used += (uint32_t)k;
    else if (k == 0 || (errno != EAGAIN && errno != EINTR))
        hang_up(w);
}

void wire_flush(struct wire *w)
{
    while (w->connection >= 0 && w->out_used) {
        ssize_t k = send(w->connection, w->out, w->out_used, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (k < 0 && errno != EAGAIN && errno != EINTR)
            hang_up(w);
        if (k <= 0)
            return;
        w->out_used -= (uint32_t)k;
        memmove(w->out, w->out + k, w->out_used);
    }
}

bool wire_has_room(const struct wire *w, uint32_t length)
{
    return w->out_used + LENGTH + length <= WIRE_OUT;
}

/* Nobody at the far end: it goes nowhere, as on a cable. */
void wire_put(struct wire *w, const uint8_t *frame, uint32_t length)
{
    uint8_t *to = w->out + w->out_used;
    if (w->connection < 0 || !wire_has_room(w, length))
        return;
    for (unsigned i = 0; i < LENGTH; i++)
        to[i] = (uint8_t)(length >> (24 - 8 * i));
    memcpy(to + LENGTH, frame, length);
    w->out_used += LENGTH + length;
}

static uint32_t length_of(const struct wire *w)
{
    return (uint32_t)w->in[0] << 24 | (uint32_t)w->in[1] << 16 | (uint32_t)w->in[2] << 8 | w->in[3];
}

const uint8_t *wire_peek(const struct wire *w, uint32_t *length)
{
    if (w->in_used < LENGTH)
        return NULL;
    *length = length_of(w);
    return w->in_used - LENGTH >= *length ? w->in + LENGTH : NULL;
}

void wire_drop(struct wire *w)
{
    uint32_t n = LENGTH + length_of(w);
    w->in_used -= n;
    memmove(w->in, w->in + n, w->in_used);
}
