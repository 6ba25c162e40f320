/* files.h - files that came with the image: a name and its bytes, read only.
 *
 * A boot module that is a cpio archive is a folder of them.  Names and bytes stay where the boot
 * loader put the module, whose memory is never given out; the control task alone asks. */
#pragma once

#include "kernel/compiler.h"

#include <stdbool.h>

#define FILES_MAX 256u
#define FILES_NAME_MAX 63u
#define FILES_WHY_SIZE 128u

/* A name is graphic ASCII without '#' and ';', so that it is one word of a command; "./" and "/"
 * in front are not part of it. */
struct file {
    const char *name;
    const void *bytes;
    size_t size;
};

/* Whether the bytes begin as a cpio archive does, of whatever form. */
bool files_is_archive(const void *bytes, size_t size);
/* Adds an archive's files, all or none.  -EINVAL: why, which has FILES_WHY_SIZE bytes, says what
 * is wrong with it and what was expected. */
int files_add_archive(const void *bytes, size_t size, char *why);
unsigned files_count(void);
const struct file *files_get(unsigned index);
const struct file *files_find(const char *name); /* NULL: there is none */
void files_forget(void);                         /* tests: as if there had been no archive */
