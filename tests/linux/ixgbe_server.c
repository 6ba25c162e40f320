/* ixgbe_server.c - the ixgbe model as a program, for QEMU's vfio-user-pci.
 *
 *   ixgbe_server [-c 82599|x540|kx4] [-w WIRE] [-m LAST_BYTE_OF_MAC] pf SOCKET
 *   ixgbe_server [...] [-q QUEUES] vf SOCKET      a lone VF, the model plays its PF
 *
 * On standard input it takes a word a line and answers with a line: `violations`, `link up`, `link
 * down`, `frames` (received, sent), `quit`.  It ends when its QEMU does; the last line on standard
 * output is the number of violations. */
#include "kernel/time.h"
#include "tests/linux/vfio_user.h"
#include "tests/linux/wire.h"
#include "tests/models/ixgbe_model_internal.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TURN_MS 5
#define BURST 64u

static struct ixgbe_model model;
static struct wire wire = { .listener = -1, .connection = -1 };
static unsigned long long received, sent;

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
    static uint8_t frame[IXGBE_MODEL_FRAME + VLAN_TAG];
    const uint8_t *in;
    uint32_t n;
    while ((in = wire_peek(&wire, &n))) {
        if (!ixgbe_model_inject(&model, in, n))
            break;
        wire_drop(&wire);
        received++;
    }
    while (wire_has_room(&wire, sizeof frame) &&
           (n = ixgbe_model_take(&model, frame, sizeof frame))) {
        wire_put(&wire, frame, n);
        sent++;
    }
    wire_flush(&wire);
}

static bool obey(const char *line)
{
    if (!strncmp(line, "link ", 5)) {
        ixgbe_model_set_link(&model, !strncmp(line + 5, "up", 2));
        puts("link");
    } else if (!strncmp(line, "frames", 6)) {
        printf("frames %llu %llu\n", received, sent);
    } else if (!strncmp(line, "violations", 10)) {
        printf("violations %u\n", ixgbe_model_violations(&model));
    } else {
        return false;
    }
    fflush(stdout);
    return true;
}

static bool turn(void)
{
    static bool deaf; /* standard input has ended */
    char line[80];
    struct pollfd p[3] = { { vfio_user_descriptor(0), POLLIN, 0 },
                           { wire_descriptor(&wire), POLLIN, 0 },
                           { deaf ? -1 : STDIN_FILENO, POLLIN, 0 } };
    if (wire.in_used == WIRE_IN)
        p[1].events = 0;
    if (wire.out_used)
        p[1].events |= POLLOUT;
    poll(p, 3, TURN_MS);
    for (unsigned i = 0; i < BURST && p[0].revents; i++) {
        if (!vfio_user_handle(0))
            return false;
        poll(p, 1, 0);
    }
    if (p[1].revents)
        wire_readable(&wire);
    move_frames();
    if (!p[2].revents)
        return true;
    deaf = !fgets(line, sizeof line, stdin);
    return deaf || obey(line);
}

static int usage(void)
{
    fprintf(stderr, "usage: ixgbe_server [-c 82599|x540|kx4] [-w WIRE] [-m BYTE] [-q QUEUES] "
                    "pf|vf SOCKET\n");
    return 2;
}

int main(int argc, char **argv)
{
    uint8_t mac[MAC_LEN] = { 0x02, 0x82, 0x59, 0x90, 0, 1 };
    enum ixgbe_model_chip chip = IXGBE_MODEL_82599;
    const char *cable = NULL;
    uint32_t queues = 2;
    int c;
    setvbuf(stdin, NULL, _IONBF, 0);
    while ((c = getopt(argc, argv, "c:w:m:q:")) != -1) {
        if (c == 'c')
            chip = !strcmp(optarg, "x540")  ? IXGBE_MODEL_X540
                   : !strcmp(optarg, "kx4") ? IXGBE_MODEL_82599_KX4
                                            : IXGBE_MODEL_82599;
        else if (c == 'w')
            cable = optarg;
        else if (c == 'm')
            mac[5] = (uint8_t)atoi(optarg);
        else if (c == 'q')
            queues = (uint32_t)atoi(optarg);
        else
            return usage();
    }
    if (argc - optind != 2)
        return usage();
    bool vf = !strcmp(argv[optind], "vf");
    if (vf)
        ixgbe_model_power_on_vf(&model, chip);
    else
        ixgbe_model_power_on(&model, chip, mac);
    memcpy(model.pf.mac, mac, MAC_LEN);
    model.pf.queues = queues;
    model.pf.serves = model.patient = true;
    if (vfio_user_serve(vf ? &model.vf[0].device : &model.device, argv[optind + 1]) < 0 ||
        (cable && !wire_open(&wire, cable))) {
        perror("ixgbe_server");
        return 1;
    }
    while (turn())
        ;
    printf("violations %u\n", ixgbe_model_violations(&model));
    return 0;
}
