/* string.c - the part of the C library that the application uses; gnu-efi has memcpy and memset. */
#include <stddef.h>
#include <string.h>

void *memmove(void *to, const void *from, size_t n)
{
    char *t = to;
    const char *f = from;
    if (t <= f)
        return memcpy(to, from, n);
    while (n--)
        t[n] = f[n];
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++)
        if (*a != *b || !*a)
            return (unsigned char)*a - (unsigned char)*b;
    return 0;
}

static int is_in(char c, const char *set)
{
    while (*set && *set != c)
        set++;
    return *set != '\0';
}

size_t strspn(const char *s, const char *set)
{
    size_t n = 0;
    while (s[n] && is_in(s[n], set))
        n++;
    return n;
}

size_t strcspn(const char *s, const char *set)
{
    size_t n = 0;
    while (s[n] && !is_in(s[n], set))
        n++;
    return n;
}
