/* ixgbe_server.c - the ixgbe model as a program, for QEMU's vfio-user-pci.
 *
 *   ixgbe_server [-c 82599|x540|kx4] [-w WIRE] [-m LAST_BYTE_OF_MAC] [-v VFS] pf SOCKET
 *       and of so many VFs each at SOCKET.vf0 ..., for other QEMUs, which may come and go
 *   ixgbe_server [...] [-q QUEUES] vf SOCKET      a lone VF, the model plays its PF
 *   -r FILE: what passes through the mailboxes is written there
 *
 * It says `ready` when it listens at all its sockets.  On standard input it takes a word a line and
 * answers with a line: `violations`, `link up`, `link down`, `frames` (received, sent), `register
 * OFFSET` (of the PF; in hexadecimal), `mark TEXT` (in the recording).  It ends when the QEMU of
 * SOCKET does; the last line on standard output is the number of violations. */
#include "kernel/time.h"
#include "tests/linux/recorder.h"
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

static bool obey(char *line)
{
    line[strcspn(line, "\n")] = 0;
    if (!strncmp(line, "link ", 5)) {
        ixgbe_model_set_link(&model, !strncmp(line + 5, "up", 2));
        puts("link");
    } else if (!strncmp(line, "frames", 6)) {
        printf("frames %llu %llu\n", received, sent);
    } else if (!strncmp(line, "violations", 10)) {
        printf("violations %u\n", ixgbe_model_violations(&model));
    } else if (!strncmp(line, "register ", 9)) {
        printf("register %x\n", ixgbe_model_reg(&model, (uint32_t)strtoul(line + 9, NULL, 16)));
    } else if (!strncmp(line, "mark ", 5)) {
        recorder_mark(line + 5);
        puts("mark");
    } else {
        return false;
    }
    fflush(stdout);
    return true;
}

/* False: the QEMU of the first device has gone. */
static bool serve(unsigned number)
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
    char line[80];
    struct pollfd p[2 + VFIO_USER_DEVICES] = { { deaf ? -1 : STDIN_FILENO, POLLIN, 0 },
                                               { wire_descriptor(&wire), POLLIN, 0 } };
    for (unsigned i = 0; i < devices; i++)
        p[2 + i] = (struct pollfd){ vfio_user_descriptor(i), POLLIN, 0 };
    if (wire.in_used == WIRE_IN)
        p[1].events = 0;
    if (wire.out_used)
        p[1].events |= POLLOUT;
    poll(p, 2 + devices, TURN_MS);
    for (unsigned i = 0; i < devices; i++)
        if (p[2 + i].revents && !serve(i))
            return false;
    if (p[1].revents)
        wire_readable(&wire);
    move_frames();
    if (!p[0].revents)
        return true;
    deaf = !fgets(line, sizeof line, stdin);
    return deaf || obey(line);
}

static bool listen_for(struct pcispace_device *d, const char *path)
{
    return vfio_user_serve(d, path) == (int)devices++;
}

static bool listen_for_all(const char *path, bool vf, unsigned vfs)
{
    char at[256];
    bool good = listen_for(vf ? &model.vf[0].device : &model.device, path);
    for (unsigned i = 0; good && i < vfs; i++) {
        ixgbe_model_pass_vf(&model, i);
        snprintf(at, sizeof at, "%s.vf%u", path, i);
        good = listen_for(&model.vf[i].device, at);
    }
    return good;
}

static int usage(void)
{
    fprintf(stderr, "usage: ixgbe_server [-c 82599|x540|kx4] [-w WIRE] [-m BYTE] [-q QUEUES] "
                    "[-v VFS] [-r FILE] pf|vf SOCKET\n");
    return 2;
}

int main(int argc, char **argv)
{
    uint8_t mac[MAC_LEN] = { 0x02, 0x82, 0x59, 0x90, 0, 1 };
    enum ixgbe_model_chip chip = IXGBE_MODEL_82599;
    const char *cable = NULL, *record = NULL;
    uint32_t queues = 2;
    unsigned vfs = 0;
    int c;
    setvbuf(stdin, NULL, _IONBF, 0);
    while ((c = getopt(argc, argv, "c:w:m:q:v:r:")) != -1) {
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
        else if (c == 'v')
            vfs = (unsigned)atoi(optarg);
        else if (c == 'r')
            record = optarg;
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
    if (!listen_for_all(argv[optind + 1], vf, vfs) || (cable && !wire_open(&wire, cable)) ||
        (record && !recorder_open(&model, record))) {
        perror("ixgbe_server");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    while (turn())
        ;
    printf("violations %u\n", ixgbe_model_violations(&model));
    return 0;
}
