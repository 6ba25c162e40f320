/* image_name.h - the image's own name in front of a command line.
 *
 * Shells, iPXE and some of QEMU's ways put it there, boot managers, GRUB and others do not.
 * It is a path or the name of a file; our own words are key=value, "--" or a command. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Of n bytes, the first word of the line, quotes and all. */
static inline bool is_image_name(const char *word, size_t n)
{
    size_t key = strspn(word, "abcdefghijklmnopqrstuvwxyz_.");
    if (!n || (key < n && word[key] == '='))
        return false;
    return strcspn(word, "/\\:.\"") < n ||
           (n == strlen("millrace") && !strncmp(word, "millrace", n));
}
