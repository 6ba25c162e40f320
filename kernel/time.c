/* time.c - the TSC, and how fast it runs. */
#include "kernel/time.h"

#include "kernel/acpi.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "kernel/startup.h"

#define GUESS_CYCLES_PER_US 3000ull /* until it is known; only waits at boot use it */
#define PM_TIMER_HZ 3579545u        /* ACPI 6.5, 4.8.2.1 */
#define PIT_HZ 1193182u             /* 8254: 14.31818 MHz / 12 */
#define CALIBRATION_US 1000u
#define PIT_GATE 0x61 /* bit 0 gates channel 2, bit 5 is its output */
#define PIT_CHANNEL2 0x42
#define PIT_COMMAND 0x43
#define PIT_ONE_SHOT_2 0xb0        /* channel 2, low then high byte, mode 0 */
#define CALIBRATION_SPINS 1000000u /* reads of a timer that does not move */

static uint64_t start_tsc, cycles_per_us = GUESS_CYCLES_PER_US;
static uint64_t us_per_cycle = (1ull << 32) / GUESS_CYCLES_PER_US; /* 32.32 fixed point */

uint64_t time_cycles(void)
{
    return rdtsc();
}

uint64_t time_cycles_per_us(void)
{
    return cycles_per_us;
}

uint64_t time_us(void)
{
    return (uint64_t)((unsigned __int128)(rdtsc() - start_tsc) * us_per_cycle >> 32);
}

void time_delay_us(uint64_t us)
{
    struct deadline d = deadline_us(us);
    while (!deadline_passed(&d)) {
    }
}

bool deadline_passed(const struct deadline *d)
{
    cpu_relax();
    return time_us() >= d->end_us;
}

/* TSC frequency as the CPU or the hypervisor tells it, in Hz; 0: untold. */
static uint64_t told_hz(const char **how)
{
    struct cpuid max = cpuid(0, 0), hypervisor = cpuid(0x40000000, 0);
    bool guest = cpuid(1, 0).ecx >> 31;
    if (guest && hypervisor.eax >= 0x40000010 && hypervisor.eax < 0x40010000) {
        *how = "hypervisor"; /* leaf 40000010h: TSC kHz (VMware, KVM) */
        if (cpuid(0x40000010, 0).eax)
            return cpuid(0x40000010, 0).eax * 1000ull;
    }
    if (max.eax >= 0x15) { /* SDM vol. 2A, CPUID leaf 15h */
        struct cpuid r = cpuid(0x15, 0);
        *how = "CPUID";
        if (r.eax && r.ebx && r.ecx)
            return (uint64_t)r.ecx * r.ebx / r.eax;
    }
    return 0;
}

/* Cycles per second against the ACPI timer, 24 or 32 bits wide; 0: it stands still. */
static uint64_t pm_timer_hz(uint16_t port)
{
    const uint32_t mask = 0xffffff, want = PM_TIMER_HZ / 1000 * CALIBRATION_US / 1000;
    uint32_t first = pio_read32(port), ticks = 0;
    uint64_t begin = rdtsc();
    for (unsigned spins = 0; ticks < want; spins++) {
        if (spins == CALIBRATION_SPINS)
            return 0;
        ticks = (pio_read32(port) - first) & mask;
    }
    return (rdtsc() - begin) * PM_TIMER_HZ / ticks;
}

static uint64_t pit_hz(void)
{
    const uint32_t count = PIT_HZ / 1000 * CALIBRATION_US / 1000;
    unsigned spins = 0;
    pio_write8(PIT_GATE, (uint8_t)((pio_read8(PIT_GATE) & ~2) | 1));
    pio_write8(PIT_COMMAND, PIT_ONE_SHOT_2);
    pio_write8(PIT_CHANNEL2, count & 0xff);
    pio_write8(PIT_CHANNEL2, count >> 8);
    uint64_t begin = rdtsc();
    while (!(pio_read8(PIT_GATE) & 0x20))
        if (++spins == CALIBRATION_SPINS)
            return 0;
    return (rdtsc() - begin) * PIT_HZ / count;
}

void time_start(uint64_t tsc)
{
    start_tsc = tsc;
}

void time_init(void)
{
    const char *how = "ACPI timer";
    uint16_t port = acpi_pm_timer_port();
    uint64_t hz = told_hz(&how);
    if (!hz && port)
        hz = pm_timer_hz(port), how = "ACPI timer";
    if (!hz)
        hz = pit_hz(), how = "8254 timer";
    if (hz < US_PER_S) {
        log_warning("time: no clock to measure the TSC with, assuming 3 GHz");
        return;
    }
    cycles_per_us = hz / US_PER_S;
    us_per_cycle = (uint64_t)(((unsigned __int128)US_PER_S << 32) / hz);
    log_debug("time: TSC at %lu MHz by %s", (unsigned long)cycles_per_us, how);
}
