/* serve.c - a device model as a program (serve.h). */
#include "tests/linux/serve.h"

#include "kernel/time.h"
#include "tests/linux/vfio_user.h"
#include "tests/linux/wire.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TURN_MS 5
#define BURST 4096u /* frames are judged by all that a guest has written, tables too */
#define FRAME 32768u

static const struct served_model *served;
static struct wire cable = { .listener = -1, .connection = -1 };
static unsigned long long received, sent;
static unsigned devices;

/* kernel/time.h, as far as models ask for it. */
uint64_t time_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * US_PER_S + (uint64_t)t.tv_nsec / 1000;
}

/* Both ways as far as there is room: nothing is lost between the guest's rings and the socket. */
static void move_frames(void)
{
    static uint8_t frame[FRAME];
    const uint8_t *in;
    uint32_t n;
    while ((in = wire_peek(&cable, &n))) {
        if (!served->inject(in, n))
            break;
        wire_drop(&cable);
        received++;
    }
    while (wire_has_room(&cable, sizeof frame) && (n = served->take(frame, sizeof frame))) {
        wire_put(&cable, frame, n);
        sent++;
    }
    wire_flush(&cable);
}

static bool obey(const char *line)
{
    if (!strncmp(line, "link ", 5)) {
        served->set_link(!strncmp(line + 5, "up", 2));
        puts("link");
    } else if (!strncmp(line, "frames", 6)) {
        printf("frames %llu %llu\n", received, sent);
    } else if (!strncmp(line, "violations", 10)) {
        printf("violations %u\n", served->violations());
    } else if (!served->obey || !served->obey(line)) {
        return false;
    }
    fflush(stdout);
    return true;
}

/* False: the QEMU of the first device has gone. */
static bool handle(unsigned number)
{
    struct pollfd p = { vfio_user_descriptor(number), POLLIN, 0 };
    for (unsigned i = 0; i < BURST && poll(&p, 1, 0) > 0; i++)
        if (!vfio_user_handle(number))
            return number != 0;
    return true;
}

static bool turn(void)
{
    static bool deaf; /* standard input has ended */
    char line[200];
    struct pollfd p[2 + VFIO_USER_DEVICES] = { { deaf ? -1 : STDIN_FILENO, POLLIN, 0 },
                                               { wire_descriptor(&cable), POLLIN, 0 } };
    for (unsigned i = 0; i < devices; i++)
        p[2 + i] = (struct pollfd){ vfio_user_descriptor(i), POLLIN, 0 };
    if (cable.in_used == WIRE_IN)
        p[1].events = 0;
    if (cable.out_used)
        p[1].events |= POLLOUT;
    poll(p, 2 + devices, TURN_MS);
    for (unsigned i = 0; i < devices; i++)
        if (p[2 + i].revents && !handle(i))
            return false;
    if (p[1].revents)
        wire_readable(&cable);
    move_frames();
    if (!p[0].revents)
        return true;
    deaf = !fgets(line, sizeof line, stdin);
    line[deaf ? 0 : strcspn(line, "\n")] = 0;
    return deaf || obey(line);
}

static bool listen_for_all(const char *path)
{
    char at[256];
    bool good = vfio_user_serve(served->device, path) == (int)devices++;
    for (unsigned i = 0; good && i < served->vfs; i++) {
        snprintf(at, sizeof at, "%s.vf%u", path, i);
        good = vfio_user_serve(served->vf(i), at) == (int)devices++;
    }
    return good;
}

int serve(const struct served_model *model, const char *path, const char *wire)
{
    served = model;
    setvbuf(stdin, NULL, _IONBF, 0);
    if (!listen_for_all(path) || (wire && !wire_open(&cable, wire))) {
        perror(path);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (turn())
        ;
    printf("violations %u\n", model->violations());
    return 0;
}
