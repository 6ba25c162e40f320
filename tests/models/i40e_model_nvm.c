/* i40e_model_nvm.c - the shadow RAM of the i40e model and the registers that read it a word at a
 * time.  The words are where Linux and DPDK look for them. */
#include "tests/models/i40e_model_internal.h"

#include "kernel/time.h"

#include <string.h>

#define SUM_WORD 0x3fu
#define SUM 0xbabau
#define VPD 0x2fu
#define PCIE_ALT 0x3eu
#define SKIPPED_WORDS 512u /* each of both is left out of the sum */
#define BOOT 0x17u
#define OEM 0x1bu
#define EMP_SETTINGS 0x48u
#define LLDP_STATUS 0x2bu /* of that section, a pointer into it */
#define LLDP_STATUS_X722 0x31u

void i40e_model_nvm_seal(struct i40e_model *m)
{
    uint16_t sum = 0;
    for (unsigned i = 0; i < I40E_MODEL_WORDS; i++)
        if (i != SUM_WORD && i - m->nvm[VPD] >= SKIPPED_WORDS &&
            i - m->nvm[PCIE_ALT] >= SKIPPED_WORDS)
            sum = (uint16_t)(sum + m->nvm[i]);
    m->nvm[SUM_WORD] = (uint16_t)(SUM - sum);
}

static void pba(struct i40e_model *m)
{
    static const char text[] = "K98765-004";
    m->nvm[0x15] = 0xfafa;
    m->nvm[0x16] = 0x120;
    m->nvm[0x120] = 1 + (sizeof text - 1) / 2;
    for (unsigned i = 0; i < sizeof text - 1; i += 2)
        m->nvm[0x121 + i / 2] = (uint16_t)(text[i] << 8 | text[i + 1]);
}

void i40e_model_nvm_init(struct i40e_model *m)
{
    memset(m->nvm, 0, sizeof m->nvm);
    m->nvm[0x00] = 1u << 6; /* valid */
    m->nvm[BOOT] = 0x100;
    m->nvm[0x18] = 0x9020; /* version 9.20 */
    m->nvm[OEM] = 0xffff;
    m->nvm[0x2d] = 0xb5a0; /* EETRACK */
    m->nvm[0x2e] = 0x8000;
    m->nvm[VPD] = 0x200;
    m->nvm[PCIE_ALT] = 0x400;
    m->nvm[EMP_SETTINGS] = 0x140;
    unsigned status = 0x140 + (i40e_is_x722(m) ? LLDP_STATUS_X722 : LLDP_STATUS);
    m->nvm[status] = 4;
    m->nvm[status + 5] = 0x3333; /* the agent runs on each port, both ways */
    pba(m);
    i40e_model_nvm_seal(m);
}

uint32_t i40e_model_nvm_status(const struct i40e_model *m)
{
    bool done = !m->nvm_dead && time_us() >= m->nvm_takes_us;
    return i40e_get(m, R_GLNVM_SRCTL) | (done ? SRCTL_DONE : 0);
}

/* Linux does not always own the NVM when it reads here. */
bool i40e_model_nvm_write(struct i40e_model *m, uint32_t reg, uint32_t value)
{
    uint32_t word = FIELD_GET(SRCTL_ADDRESS, value);
    if (reg != R_GLNVM_SRCTL)
        return false;
    if (i40e_is_x722(m))
        i40e_model_violation(m, "an X722's NVM read past firmware", reg, value);
    if (!(i40e_model_nvm_status(m) & SRCTL_DONE))
        i40e_model_violation(m, "the NVM is asked while it is busy", reg, value);
    if (word >= I40E_MODEL_WORDS)
        i40e_model_violation(m, "no such word of the shadow RAM", reg, word);
    *i40e_at(m, reg) = value & SRCTL_ADDRESS;
    *i40e_at(m, R_GLNVM_SRDATA) = FIELD_PUT(SRDATA_READ, (uint32_t)m->nvm[word % I40E_MODEL_WORDS]);
    return true;
}
