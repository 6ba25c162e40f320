/* task.c - two stacks and a switch between them (exception_entry.S). */
#include "kernel/task.h"

#include "kernel/compiler.h"
#include "kernel/console.h"
#include "kernel/machine.h"

#include <stdint.h>

void task_switch(uint64_t *save_sp, uint64_t load_sp);

#define TASK_STACK_SIZE 65536u /* boot/entry.S */

extern uint8_t stack_guard_task[];

static uint64_t loop_sp, task_sp;
static bool in_task;
static void (*task_entry)(void);

static void task_start(void)
{
    task_entry();
    panic("the console task returned");
}

/* A fresh stack as task_switch leaves one: six registers and where to go. */
void task_init(void (*entry)(void))
{
    uint64_t *sp = (uint64_t *)(stack_guard_task + PAGE_SIZE + TASK_STACK_SIZE);
    *--sp = 0;                     /* end of backtraces, and alignment: */
    *--sp = (uintptr_t)task_start; /* at entry rsp + 8 is a multiple of 16 */
    for (unsigned i = 0; i < 6; i++)
        *--sp = 0;
    task_entry = entry;
    task_sp = (uintptr_t)sp;
    console_set_wait(task_yield);
}

void task_resume(void)
{
    in_task = true;
    task_switch(&loop_sp, task_sp);
    in_task = false;
}

bool task_yield(void)
{
    if (!in_task) {
        console_poll();
        return false;
    }
    task_switch(&task_sp, loop_sp);
    return true;
}
