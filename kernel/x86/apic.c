/* apic.c - the local APIC (apic.h), through memory (xAPIC) or MSRs (x2APIC).
 *
 * Source: Intel SDM vol. 3A, 253668-032 (read: 10.4.7, 10.5, 10.6.1).  A software-disabled local
 * APIC still answers INIT, NMI and SIPI (10.4.7.2), so CPU 0's is left as firmware left it until
 * that CPU rests.  unread: 10.5.4, the timer; QEMU's model and Linux agree. */
#include "kernel/x86/apic.h"

#include "kernel/compiler.h"
#include "kernel/cpu.h"
#include "kernel/mmio.h"
#include "kernel/time.h"

#include <stddef.h>

#define CPUID_FEATURES 1u
#define CPUID_FEATURES_EDX_APIC (1u << 9)
#define CPUID_FEATURES_ECX_X2APIC (1u << 21)

#define MSR_APIC_BASE 0x1bu
#define MSR_APIC_BASE_EXTD (1ull << 10)
#define MSR_APIC_BASE_EN (1ull << 11)
#define MSR_APIC_BASE_ADDRESS 0x000ffffffffff000ull

/* Offsets in memory; in x2APIC mode MSR 800h + offset / 16 (10.5.1.2). */
#define APIC_ID 0x20u  /* RO; xAPIC: in the upper 8 bits */
#define APIC_EOI 0xb0u /* WO */
#define APIC_SVR 0xf0u /* RW Spurious-Interrupt Vector */
#define APIC_SVR_ENABLE 0x100u
#define APIC_ICR_LOW 0x300u /* RW Interrupt Command; x2APIC: one of 64 bits */
#define APIC_ICR_LOW_PENDING 0x1000u
#define APIC_ICR_HIGH 0x310u /* RW; xAPIC: destination in the upper 8 bits */
#define MSR_X2APIC 0x800u
#define XAPIC_ID_SHIFTED 0xff000000u

#define APIC_LVT_TIMER 0x320u /* RW; mode 0: once */
#define APIC_LVT_MASKED 0x10000u
#define APIC_TIMER_INITIAL 0x380u /* RW: what it starts to count from; 0: it stops */
#define APIC_TIMER_CURRENT 0x390u /* RO */
#define APIC_TIMER_DIVIDE 0x3e0u  /* RW */
#define APIC_TIMER_DIVIDE_16 0x3u

#define SEND_US 1000u /* more than any takes; what waits longer goes nowhere */

static void *registers; /* NULL: x2APIC */
static bool ours;

static uint32_t read(uint32_t offset)
{
    return registers ? mmio_read32((char *)registers + offset)
                     : (uint32_t)rdmsr(MSR_X2APIC + offset / 16);
}

static void write(uint32_t offset, uint32_t value)
{
    if (registers)
        mmio_write32((char *)registers + offset, value);
    else
        wrmsr(MSR_X2APIC + offset / 16, value);
}

bool apic_begin(bool x2)
{
    struct cpuid features = cpuid(CPUID_FEATURES, 0);
    if (!(features.edx & CPUID_FEATURES_EDX_APIC))
        return false;
    uint64_t base = rdmsr(MSR_APIC_BASE);
    if (!(base & MSR_APIC_BASE_EN))
        wrmsr(MSR_APIC_BASE, base |= MSR_APIC_BASE_EN);
    if (x2 && (features.ecx & CPUID_FEATURES_ECX_X2APIC) && !(base & MSR_APIC_BASE_EXTD))
        wrmsr(MSR_APIC_BASE, base |= MSR_APIC_BASE_EXTD);
    registers = NULL;
    if (!(base & MSR_APIC_BASE_EXTD))
        registers = mmio_map(base & MSR_APIC_BASE_ADDRESS, PAGE_SIZE);
    ours = (base & MSR_APIC_BASE_EXTD) || registers;
    return ours;
}

void apic_reset(void)
{
    ours = false;
}

bool apic_is_ours(void)
{
    return ours;
}

bool apic_is_x2(void)
{
    return !registers;
}

/* INIT leaves x2APIC mode as it is and xAPIC mode too (10.5, figure 10-11). */
void apic_join(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);
    if (!registers && !(base & MSR_APIC_BASE_EXTD))
        wrmsr(MSR_APIC_BASE, base | MSR_APIC_BASE_EN | MSR_APIC_BASE_EXTD);
    apic_enable();
}

void apic_enable(void)
{
    write(APIC_SVR, APIC_SVR_ENABLE | APIC_VECTOR_SPURIOUS);
}

uint32_t apic_id(void)
{
    uint32_t id = read(APIC_ID);
    return registers ? FIELD_GET(XAPIC_ID_SHIFTED, id) : id;
}

/* What was written before is seen by whoever is called: an MSR write alone would not wait for it.
 */
void apic_send(uint32_t id, uint32_t what)
{
    dma_mb();
    if (!registers) {
        wrmsr(MSR_X2APIC + APIC_ICR_LOW / 16, (uint64_t)id << 32 | what);
        return;
    }
    struct deadline d = deadline_us(SEND_US);
    while ((read(APIC_ICR_LOW) & APIC_ICR_LOW_PENDING) && !deadline_passed(&d)) {
    }
    write(APIC_ICR_HIGH, FIELD_PUT(XAPIC_ID_SHIFTED, id));
    write(APIC_ICR_LOW, what);
}

void apic_end_interrupt(void)
{
    write(APIC_EOI, 0);
}

/* The timer -------------------------------------------------------------------- */

void apic_timer_prepare(bool masked)
{
    write(APIC_TIMER_INITIAL, 0);
    write(APIC_TIMER_DIVIDE, APIC_TIMER_DIVIDE_16);
    write(APIC_LVT_TIMER, (masked ? APIC_LVT_MASKED : 0) | APIC_VECTOR_TIMER);
}

void apic_timer_start(uint32_t ticks)
{
    write(APIC_TIMER_INITIAL, ticks);
}

uint32_t apic_timer_left(void)
{
    return read(APIC_TIMER_CURRENT);
}
