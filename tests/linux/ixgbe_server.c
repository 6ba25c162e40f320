/* ixgbe_server.c - the ixgbe model as a program (serve.h).
 *
 *   ixgbe_server [-c 82599|x540|kx4] [-w WIRE] [-m LAST_BYTE_OF_MAC] [-v VFS] pf SOCKET
 *       and of so many VFs each at SOCKET.vf0 ..., for other QEMUs
 *   ixgbe_server [...] [-q QUEUES] vf SOCKET      a lone VF, the model plays its PF
 *   -r FILE: what passes through the mailboxes is written there
 *   -d: known deviations of DPDK's are let pass (ixgbe_model.h)
 *
 * Further words: `register OFFSET` (of the PF; in hexadecimal), `mark TEXT` (in the recording); of
 * a lone VF `agreed` (the version of the protocol), `reset begin`, `reset end` (the PF's). */
#include "tests/linux/recorder.h"
#include "tests/linux/serve.h"
#include "tests/linux/vfio_user.h"
#include "tests/models/ixgbe_model_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct ixgbe_model model;

static bool inject(const uint8_t *frame, uint32_t length)
{
    return ixgbe_model_inject(&model, frame, length);
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return ixgbe_model_take(&model, frame, size);
}

static void set_link(bool up)
{
    ixgbe_model_set_link(&model, up);
}

static unsigned violations(void)
{
    return ixgbe_model_violations(&model);
}

static struct pcispace_device *vf(unsigned n)
{
    return &model.vf[n].device;
}

static void reset_pf(bool begin)
{
    if (begin) {
        ixgbe_model_pf_reset_begin(&model);
    } else {
        ixgbe_model_pf_reset_end(&model);
        ixgbe_model_pf_ping(&model, false);
    }
    puts("reset");
}

static bool obey(const char *line)
{
    if (!strncmp(line, "register ", 9)) {
        printf("register %x\n", ixgbe_model_reg(&model, (uint32_t)strtoul(line + 9, NULL, 16)));
    } else if (!strncmp(line, "mark ", 5)) {
        recorder_mark(line + 5);
        puts("mark");
    } else if (!strncmp(line, "agreed", 6)) {
        printf("agreed %u\n", model.pf.agreed);
    } else if (!strncmp(line, "reset ", 6)) {
        reset_pf(!strcmp(line + 6, "begin"));
    } else {
        return false;
    }
    return true;
}

static int usage(void)
{
    fprintf(stderr, "usage: ixgbe_server [-c 82599|x540|kx4] [-w WIRE] [-m BYTE] [-q QUEUES] "
                    "[-v VFS] [-r FILE] [-d] pf|vf SOCKET\n");
    return 2;
}

int main(int argc, char **argv)
{
    static struct served_model served = { .device = &model.device,
                                          .inject = inject,
                                          .take = take,
                                          .set_link = set_link,
                                          .violations = violations,
                                          .obey = obey,
                                          .vf = vf };
    uint8_t mac[MAC_LEN] = { 0x02, 0x82, 0x59, 0x90, 0, 1 };
    enum ixgbe_model_chip chip = IXGBE_MODEL_82599;
    const char *wire = NULL, *record = NULL;
    uint32_t queues = 2;
    bool dpdk = false;
    int c;
    while ((c = getopt(argc, argv, "c:w:m:q:v:r:d")) != -1) {
        if (c == 'c')
            chip = !strcmp(optarg, "x540")  ? IXGBE_MODEL_X540
                   : !strcmp(optarg, "kx4") ? IXGBE_MODEL_82599_KX4
                                            : IXGBE_MODEL_82599;
        else if (c == 'w')
            wire = optarg;
        else if (c == 'm')
            mac[5] = (uint8_t)atoi(optarg);
        else if (c == 'q')
            queues = (uint32_t)atoi(optarg);
        else if (c == 'v')
            served.vfs = (unsigned)atoi(optarg) % VFIO_USER_DEVICES;
        else if (c == 'r')
            record = optarg;
        else if (c == 'd')
            dpdk = true;
        else
            return usage();
    }
    if (argc - optind != 2)
        return usage();
    if (!strcmp(argv[optind], "vf")) {
        ixgbe_model_power_on_vf(&model, chip);
        served.device = &model.vf[0].device;
    } else {
        ixgbe_model_power_on(&model, chip, mac);
    }
    memcpy(model.pf.mac, mac, MAC_LEN);
    model.pf.queues = queues;
    model.dpdk = dpdk;
    model.pf.serves = model.patient = true;
    for (unsigned i = 0; i < served.vfs; i++)
        ixgbe_model_pass_vf(&model, i);
    if (record && !recorder_open(&model, record)) {
        perror(record);
        return 1;
    }
    return serve(&served, argv[optind + 1], wire);
}
