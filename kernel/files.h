/* files.h - files that came with the image, and those that were made since: a name and its bytes.
 *
 * A boot module that is a cpio archive is a folder of them.  Names and bytes stay where the boot
 * loader put the module, whose memory is never given out.  What is made while the appliance runs is
 * memory of the heap.  The control task alone asks. */
#pragma once

#include "kernel/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define FILES_MAX 256u
#define FILES_NAME_MAX 63u
#define FILES_WHY_SIZE 128u

/* A name is graphic ASCII without '#' and ';', so that it is one word of a command; "./" and "/"
 * in front are not part of it. */
struct file {
    const char *name;
    const void *bytes;
    size_t size;         /* of one that grows, by files_size() */
    bool made;           /* name and bytes are the heap's */
    unsigned holds;      /* by who reads it */
    const size_t *grows; /* whoever writes it says here how much is there; NULL: nobody does */
};

/* Whether the bytes begin as a cpio archive does, of whatever form. */
bool files_is_archive(const void *bytes, size_t size);
/* Adds an archive's files, all or none.  -EINVAL: why, which has FILES_WHY_SIZE bytes, says what
 * is wrong with it and what was expected. */
int files_add_archive(const void *bytes, size_t size, char *why);
unsigned files_count(void);
const struct file *files_get(unsigned index);
const struct file *files_find(const char *name); /* NULL: there is none */
size_t files_size(const struct file *file);
bool files_name_is_good(const char *name);
/* A file whose bytes are the table's from now on, freed with it.  0, -EEXIST, -ENOSPC, -EINVAL
 * (the name), -ENOMEM: then the bytes are still the caller's. */
int files_make(const char *name, void *bytes, const size_t *grows);
void files_settle(const char *name); /* it grows no more */
void files_hold(const char *name);   /* it may not be removed; counted */
void files_release(const char *name);
/* -ENOENT, -EPERM: it came with the image, -EBUSY: somebody reads or writes it. */
int files_remove(const char *name);
void files_forget(void);                         /* tests: as if there had been no archive */
