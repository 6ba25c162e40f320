/* iavf_server.c - the model of a VF of Intel's since the 40 Gb/s chips, with a played PF behind it,
 * as a program (serve.h).
 *
 *   iavf_server [-c i40e|ice] [-w WIRE] [-m LAST_BYTE_OF_MAC] [-q QUEUES] vf SOCKET
 *
 * The PF trusts the VF.  Further words: `reset` (the PF resets the VF, and says so before),
 * `seen OP` (how often the VF has said it). */
#include "tests/linux/serve.h"
#include "tests/models/iavf_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct iavf_model model;

/* Only full rings are waited for: a VF that is off hears nothing. */
static bool inject(const uint8_t *frame, uint32_t length)
{
    return iavf_model_inject(&model, frame, length) || !model.rx[0].on;
}

static uint32_t take(uint8_t *frame, uint32_t size)
{
    return iavf_model_take(&model, frame, size);
}

static void set_link(bool up)
{
    iavf_model_set_link(&model, up);
}

static unsigned violations(void)
{
    return iavf_model_violations(&model);
}

static bool obey(const char *line)
{
    if (!strncmp(line, "reset", 5)) {
        iavf_model_impend(&model);
        iavf_model_pf_resets_vf(&model);
        puts("reset");
    } else if (!strncmp(line, "seen ", 5)) {
        printf("seen %u\n", model.pf.seen[atoi(line + 5) % VIRTCHNL_OPS]);
    } else {
        return false;
    }
    return true;
}

static int usage(void)
{
    fprintf(stderr, "usage: iavf_server [-c i40e|ice] [-w WIRE] [-m BYTE] [-q QUEUES] "
                    "vf SOCKET\n");
    return 2;
}

int main(int argc, char **argv)
{
    struct served_model served = { .device = &model.device,
                                   .inject = inject,
                                   .take = take,
                                   .set_link = set_link,
                                   .violations = violations,
                                   .obey = obey };
    enum iavf_model_kind kind = IAVF_BEHIND_I40E;
    const char *cable = NULL;
    int c, mac = 1, queues = 2;
    while ((c = getopt(argc, argv, "c:w:m:q:")) != -1) {
        if (c == 'c')
            kind = !strcmp(optarg, "ice") ? IAVF_BEHIND_ICE : IAVF_BEHIND_I40E;
        else if (c == 'w')
            cable = optarg;
        else if (c == 'm')
            mac = atoi(optarg);
        else if (c == 'q')
            queues = atoi(optarg);
        else
            return usage();
    }
    if (argc - optind != 2)
        return usage();
    iavf_model_power_on(&model, kind == IAVF_BEHIND_ICE ? 0x1889 : 0x154c, &iavf_played_behind,
                        NULL);
    iavf_model_play(&model, kind);
    model.pf.mac[5] = (uint8_t)mac;
    model.pf.queues = (uint16_t)queues;
    model.pf.trusted = model.patient = true;
    return serve(&served, argv[optind + 1], cable);
}
