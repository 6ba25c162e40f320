/* virtchnl_recorder.c - what passes through VFs' admin queues (virtchnl_recorder.h). */
#include "tests/linux/virtchnl_recorder.h"

#include <stdio.h>
#include <string.h>

static FILE *file;
static unsigned resets; /* that were written down */

bool virtchnl_recorder_open(const char *path)
{
    file = fopen(path, "w");
    if (file)
        setvbuf(file, NULL, _IOLBF, 0);
    return file;
}

void virtchnl_recorder_mark(const char *text)
{
    if (file)
        fprintf(file, "# %.*s\n", (int)strcspn(text, "\n"), text);
}

/* Zeros at the end are left out, and stand as a number of them. */
static void put_bytes(const uint8_t *bytes, uint32_t n)
{
    uint32_t used = n;
    while (used && !bytes[used - 1])
        used--;
    if (n)
        fputc(' ', file);
    for (uint32_t i = 0; i < used; i++)
        fprintf(file, "%02x", bytes[i]);
    if (used < n)
        fprintf(file, "+%u", n - used);
    fputc('\n', file);
}

static void overhears(const struct iavf_model *m, bool of_pf, uint32_t op, int32_t status,
                      const void *bytes, uint32_t n)
{
    if (resets != m->resets)
        fputs("vf is reset\n", file);
    resets = m->resets;
    if (of_pf)
        fprintf(file, "pf %u %d", op, status);
    else
        fprintf(file, "vf %u", op);
    put_bytes(bytes, n);
}

void virtchnl_recorder_hear(struct iavf_model *vf)
{
    resets = vf->resets;
    if (file)
        vf->overhears = overhears;
}
