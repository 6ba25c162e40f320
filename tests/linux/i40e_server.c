/* i40e_server.c - the i40e model as a program (serve.h).
 *
 *   i40e_server [-c x710|xl710|xxv710] [-p PF] [-w WIRE] [-m LAST_BYTE_OF_MAC] [-v VFS] [-d]
 *               pf SOCKET
 *   -v: and so many VFs of it each at SOCKET.vf0 ..., for other QEMUs
 *   -d: known deviations of DPDK's are let pass (i40e_model.h)
 *
 * Further words: `reset core`, `reset global` (as if by another PF), `resets` (of the PF, core,
 * global), `malicious QUEUE`; `vf N`: port VLAN, checks of senders, rate in Mb/s, of its VSI, as
 * the PF's driver has set them, and frames that checks have dropped. */
#include "tests/linux/serve.h"
#include "tests/linux/vfio_user.h"
#include "tests/linux/virtchnl_recorder.h"
#include "tests/models/i40e_model_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RESET_DELAY_US 3000000u /* a guest that is emulated wants its time to hear of it */

static struct i40e_model model;

/* Only full rings are waited for. */
static bool inject(const uint8_t *frame, uint32_t length)
{
    return i40e_model_inject(&model, frame, length) || !model.waits;
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return i40e_model_take(&model, frame, size);
}

static void set_link(bool up)
{
    i40e_model_set_link(&model, up);
}

static unsigned violations(void)
{
    return i40e_model_violations(&model);
}

static struct pcispace_device *vf(unsigned n)
{
    i40e_model_pass_vf(&model, n);
    model.vf[n].patient = true;
    if (!n)
        virtchnl_recorder_hear(&model.vf[n]);
    return &model.vf[n].device;
}

static void say_vf(unsigned n)
{
    const struct i40e_model_vsi *v = n < model.vfs ? i40e_model_vsi_of_vf(&model, n) : NULL;
    if (!v)
        puts("vf none");
    else
        printf("vf %u %u %u %llu\n", i40e_le16(v->properties + VSI_PVID),
               v->properties[VSI_SECURITY], v->credit * 50u, (unsigned long long)model.spoofed);
}

static bool obey(const char *line)
{
    if (!strncmp(line, "mark ", 5)) {
        virtchnl_recorder_mark(line + 5);
        puts("mark");
    } else if (!strncmp(line, "resets", 6)) {
        printf("resets %u %u %u\n", model.resets[I40E_RESET_PF], model.resets[I40E_RESET_CORE],
               model.resets[I40E_RESET_GLOBAL]);
    } else if (!strncmp(line, "reset ", 6)) {
        i40e_model_reset_begin(&model, line[6] == 'c' ? I40E_RESET_CORE : I40E_RESET_GLOBAL);
        puts("reset");
    } else if (!strncmp(line, "vf ", 3)) {
        say_vf((unsigned)atoi(line + 3));
    } else if (!strncmp(line, "malicious ", 10)) {
        i40e_model_malicious(&model, (unsigned)atoi(line + 10) % I40E_MODEL_QUEUES);
        puts("malicious");
    } else {
        return false;
    }
    return true;
}

static int usage(void)
{
    fprintf(stderr, "usage: i40e_server [-c x710|xl710|xxv710] [-p PF] [-w WIRE] [-m BYTE] "
                    "[-v VFS] [-r FILE] [-d] pf SOCKET\n");
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
    uint8_t mac[MAC_LEN] = { 0x02, 0x07, 0x10, 0x90, 0, 1 };
    enum i40e_model_chip chip = I40E_MODEL_X710;
    const char *wire = NULL, *record = NULL;
    unsigned pf = 0;
    bool dpdk = false;
    int c;
    while ((c = getopt(argc, argv, "c:p:w:m:v:r:d")) != -1) {
        if (c == 'c')
            chip = !strcmp(optarg, "xl710")    ? I40E_MODEL_XL710
                   : !strcmp(optarg, "xxv710") ? I40E_MODEL_XXV710
                   : !strcmp(optarg, "x722")   ? I40E_MODEL_X722
                                               : I40E_MODEL_X710;
        else if (c == 'p')
            pf = (unsigned)atoi(optarg) % 2;
        else if (c == 'w')
            wire = optarg;
        else if (c == 'm')
            mac[5] = (uint8_t)atoi(optarg);
        else if (c == 'd')
            dpdk = true;
        else if (c == 'r')
            record = optarg;
        else if (c == 'v')
            served.vfs = (unsigned)atoi(optarg) % VFIO_USER_DEVICES;
        else
            return usage();
    }
    if (argc - optind != 2 || strcmp(argv[optind], "pf"))
        return usage();
    if (record && !virtchnl_recorder_open(record)) {
        perror(record);
        return 1;
    }
    i40e_model_power_on(&model, chip, pf, mac);
    model.dpdk = dpdk;
    model.patient = true;
    model.reset_delay_us = RESET_DELAY_US;
    return serve(&served, argv[optind + 1], wire);
}
