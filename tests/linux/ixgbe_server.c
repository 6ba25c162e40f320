/* ixgbe_server.c - the ixgbe model as a program, for QEMU's vfio-user-pci.
 *
 *   ixgbe_server [-c 82599|x540|kx4] [-w WIRE] [-m LAST_BYTE_OF_MAC] [-v VFS] pf SOCKET
 *       and of so many VFs each at SOCKET.vf0 ..., for other QEMUs, which may come and go
 *   ixgbe_server [...] [-q QUEUES] vf SOCKET      a lone VF, the model plays its PF
 *   -r FILE: what passes through the mailboxes is written there
 *   -d: known deviations of DPDK's are let pass (ixgbe_model.h)
 *
 * It says `ready` when it listens at all its sockets.  On standard input it takes a word a line and
 * answers with a line: `violations`, `link up`, `link down`, `frames` (received, sent), `register
 * OFFSET` (of the PF; in hexadecimal), `mark TEXT` (in the recording); of a lone VF `agreed` (the
 * version of the protocol), `reset begin`, `reset end` (the PF's).  It ends when the QEMU of SOCKET
 * does; the last line on standard output is the number of violations. */
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
#define BURST 4096u /* frames are judged by all that the guest has written, tables too */

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

/* Words on standard input ------------------------------------------------------------- */

static void say_violations(const char *rest)
{
    printf("violations %u\n", ixgbe_model_violations(&model));
}

static void set_link(const char *rest)
{
    ixgbe_model_set_link(&model, !strcmp(rest, "up"));
    puts("link");
}

static void say_frames(const char *rest)
{
    printf("frames %llu %llu\n", received, sent);
}

static void say_register(const char *rest)
{
    printf("register %x\n", ixgbe_model_reg(&model, (uint32_t)strtoul(rest, NULL, 16)));
}

static void mark(const char *rest)
{
    recorder_mark(rest);
    puts("mark");
}

static void say_agreed(const char *rest)
{
    printf("agreed %u\n", model.pf.agreed);
}

static void reset_pf(const char *rest)
{
    if (!strcmp(rest, "begin")) {
        ixgbe_model_pf_reset_begin(&model);
    } else {
        ixgbe_model_pf_reset_end(&model);
        ixgbe_model_pf_ping(&model, false);
    }
    puts("reset");
}

static bool obey(char *line)
{
    static const struct {
        const char *word;
        void (*act)(const char *rest);
    } words[] = { { "violations", say_violations },
                  { "link ", set_link },
                  { "frames", say_frames },
                  { "register ", say_register },
                  { "mark ", mark },
                  { "agreed", say_agreed },
                  { "reset ", reset_pf } };
    line[strcspn(line, "\n")] = 0;
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
        if (strncmp(line, words[i].word, strlen(words[i].word)))
            continue;
        words[i].act(line + strlen(words[i].word));
        fflush(stdout);
        return true;
    }
    return false;
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
    char line[200];
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
                    "[-v VFS] [-r FILE] [-d] pf|vf SOCKET\n");
    return 2;
}

int main(int argc, char **argv)
{
    uint8_t mac[MAC_LEN] = { 0x02, 0x82, 0x59, 0x90, 0, 1 };
    enum ixgbe_model_chip chip = IXGBE_MODEL_82599;
    const char *cable = NULL, *record = NULL;
    uint32_t queues = 2;
    unsigned vfs = 0;
    bool dpdk = false;
    int c;
    setvbuf(stdin, NULL, _IONBF, 0);
    while ((c = getopt(argc, argv, "c:w:m:q:v:r:d")) != -1) {
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
        else if (c == 'd')
            dpdk = true;
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
    model.dpdk = dpdk;
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
