/* cpus.c - the hosted half of kernel/cpus.h: each CPU but the first is a thread, while it runs
 * something. */
#include "kernel/cpus.h"

#include "tests/host/host.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

static struct host_cpu {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool woken, running;
    void (*run)(unsigned number);
} cpu[CPUS_MAX] = { { .lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER } };

bool host_rest_for_ever; /* until woken: no limit counts */
bool host_interrupts;    /* whether devices can interrupt: cpu_message() */
static unsigned count = 1;
static _Thread_local unsigned number_here;

unsigned cpus_count(void)
{
    return count;
}

unsigned cpu_number(void)
{
    return number_here;
}

void host_set_cpus(unsigned n)
{
    count = n;
    for (unsigned i = 0; i < n; i++) {
        pthread_mutex_init(&cpu[i].lock, NULL);
        pthread_cond_init(&cpu[i].wake, NULL);
        cpu[i].woken = cpu[i].running = false;
    }
}

static void *begin(void *arg)
{
    struct host_cpu *self = arg;
    number_here = (unsigned)(self - cpu);
    self->run(number_here);
    return NULL;
}

void cpu_run(unsigned number, void (*run)(unsigned number))
{
    cpu[number].run = run;
    cpu[number].running = true;
    if (pthread_create(&cpu[number].thread, NULL, begin, &cpu[number]))
        abort();
}

bool cpu_can_rest(void)
{
    return true;
}

/* Nobody interrupts; tests wake by cpu_wake(). */
bool cpu_message(unsigned number, struct cpu_message *message)
{
    *message = (struct cpu_message){ .apic_id = number, .vector = 0x22 };
    return host_interrupts;
}

/* By the host's own clock: a thread waits while the test's stands still. */
void cpu_rest(uint64_t us)
{
    struct host_cpu *self = &cpu[number_here];
    struct timespec end;
    int e = 0;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += (time_t)(us / 1000000);
    end.tv_nsec += (long)(us % 1000000 * 1000);
    end.tv_sec += end.tv_nsec / 1000000000;
    end.tv_nsec %= 1000000000;
    pthread_mutex_lock(&self->lock);
    while (!self->woken && !e)
        e = us && !host_rest_for_ever ? pthread_cond_timedwait(&self->wake, &self->lock, &end)
                                      : pthread_cond_wait(&self->wake, &self->lock);
    self->woken = false;
    pthread_mutex_unlock(&self->lock);
}

/* There may be fewer CPUs than threads. */
void cpu_pause(void)
{
    sched_yield();
}

void cpu_empty_tlb(void) {}

void cpu_wake(unsigned number)
{
    pthread_mutex_lock(&cpu[number].lock);
    cpu[number].woken = true;
    pthread_cond_signal(&cpu[number].wake);
    pthread_mutex_unlock(&cpu[number].lock);
}

void host_join_cpus(void)
{
    for (unsigned i = 1; i < count; i++)
        if (cpu[i].running && !pthread_join(cpu[i].thread, NULL))
            cpu[i].running = false;
}
