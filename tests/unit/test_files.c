/* kernel/files.c: what a cpio archive may be, and what is refused; rules are Linux's
 * buffer-format.rst. */
#include "kernel/files.h"

#include "tests/host/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MODE 0100644u
#define FOLDER_MODE 0040755u
#define LINK_MODE 0120777u

static uint8_t archive[1 << 16];
static size_t used;
static char why[FILES_WHY_SIZE];

static int setup(void **state)
{
    files_forget();
    memset(archive, 0, sizeof archive);
    used = 0;
    strcpy(why, "nothing");
    return 0;
}

static void fill_up(void)
{
    used = ALIGN_UP(used, 4u);
}

static void put_entry(const char *magic, const char *name, unsigned mode, unsigned links,
                      const char *bytes, unsigned sum)
{
    size_t size = bytes ? strlen(bytes) : 0;
    used += (size_t)sprintf((char *)archive + used,
                            "%s%08X%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s", magic, 1,
                            mode, 0, 0, links, 0, (unsigned)size, 0, 0, 0, 0,
                            (unsigned)strlen(name) + 1, sum, name) +
            1;
    fill_up();
    if (size)
        memcpy(archive + used, bytes, size);
    used += size;
    fill_up();
}

static void put_file(const char *name, const char *bytes)
{
    put_entry("070701", name, FILE_MODE, 1, bytes, 0);
}

static void put_end(void)
{
    put_entry("070701", "TRAILER!!!", 0, 1, NULL, 0);
}

/* On the heap, so that a look beyond its end is seen. */
static int add(size_t size)
{
    static uint8_t *copy;
    free(copy);
    copy = malloc(size ? size : 1);
    memcpy(copy, archive, size);
    return files_add_archive(copy, size, why);
}

static void assert_refused(const char *text)
{
    unsigned before = files_count();
    assert_int_equal(add(used), -EINVAL);
    assert_string_equal(why, text);
    assert_int_equal(files_count(), before);
}

static void assert_file(const char *name, const char *bytes)
{
    const struct file *f = files_find(name);
    assert_non_null(f);
    assert_int_equal(f->size, strlen(bytes));
    assert_memory_equal(f->bytes, bytes, f->size);
}

static void files_go_by_their_names(void **state)
{
    put_entry("070701", ".", FOLDER_MODE, 3, NULL, 0);
    put_file("millrace.conf", "forward l2\n");
    put_entry("070701", "traces", FOLDER_MODE, 2, NULL, 0);
    put_file("./traces/a.pcap", "12345");
    put_file("/b", "");
    put_end();
    used += 512; /* cpio fills up its output */
    assert_int_equal(add(used), 0);
    assert_int_equal(files_count(), 3);
    assert_file("millrace.conf", "forward l2\n");
    assert_file("traces/a.pcap", "12345");
    assert_file("b", "");
    assert_string_equal(files_get(2)->name, "b");
    assert_null(files_find("traces"));
    assert_null(files_find("a.pcap"));
}

static void archives_may_follow_each_other(void **state)
{
    put_file("a", "1");
    put_end();
    used += 4;
    put_file("b", "2");
    put_end();
    assert_int_equal(add(used), 0);
    assert_file("a", "1");
    assert_file("b", "2");
}

static void sums_are_checked_where_there_are_some(void **state)
{
    put_entry("070702", "a", FILE_MODE, 1, "ab", 'a' + 'b');
    put_end();
    assert_int_equal(add(used), 0);
    setup(NULL);
    put_entry("070702", "a", FILE_MODE, 1, "ab", 'a' + 'b' + 1);
    put_end();
    assert_refused("archive, entry 1: the checksum of a is wrong");
}

static void what_is_no_file_is_refused_with_all_the_others(void **state)
{
    put_file("a", "1");
    put_entry("070701", "link", LINK_MODE, 1, "a", 0);
    put_end();
    assert_refused("archive, entry 2: link is neither file nor folder");
}

/* GNU cpio has the bytes with the last one of several links. */
static void of_hard_links_one_has_the_bytes(void **state)
{
    put_entry("070701", "a", FILE_MODE, 2, "here", 0);
    put_end();
    assert_int_equal(add(used), 0);
    setup(NULL);
    put_entry("070701", "a", FILE_MODE, 2, NULL, 0);
    put_end();
    assert_refused("archive, entry 1: a is a hard link, expected a file");
}

static void a_name_is_one_word_and_there_once(void **state)
{
    static const char expected[] = "archive, entry 1: a name that is no word, expected up to 63 "
                                   "graphic ASCII characters but # and ;";
    static const char *const bad[] = {
        "a b",  "a;b",
        "#a",   "a\n",
        "\x7f", "\xc3\xa4",
        "",     "./",
        "/",    "0123456789012345678901234567890123456789012345678901234567890123"
    };
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        setup(NULL);
        put_file(bad[i], "1");
        put_end();
        assert_refused(expected);
    }
    setup(NULL);
    put_file(bad[ARRAY_SIZE(bad) - 1] + 1, "1");
    put_end();
    assert_int_equal(add(used), 0);
    setup(NULL);
    put_file("a", "1");
    put_file("./a", "2");
    put_end();
    assert_refused("archive, entry 2: a is there twice");
}

/* Among several modules too; what was there before stays. */
static void a_second_archive_adds_to_the_first(void **state)
{
    static uint8_t first[4096];
    put_file("a", "1");
    put_end();
    memcpy(first, archive, used);
    assert_int_equal(files_add_archive(first, used, why), 0);
    assert_refused("archive, entry 1: a is there twice");
    used = 0;
    put_file("b", "2");
    put_end();
    assert_int_equal(add(used), 0);
    assert_int_equal(files_count(), 2);
    assert_file("a", "1");
}

static void there_is_room_for_so_many(void **state)
{
    char name[16];
    for (unsigned i = 0; i < FILES_MAX; i++) {
        sprintf(name, "%u", i);
        put_file(name, "");
    }
    size_t full = used;
    put_end();
    assert_int_equal(add(used), 0);
    files_forget();
    used = full;
    put_file("more", "");
    put_end();
    assert_refused("archive, entry 257: more than 256 files");
}

/* Wherever it is cut, it is refused, and nothing beyond its end is looked at. */
static void an_archive_that_is_cut_off(void **state)
{
    put_file("millrace.conf", "forward l2\n");
    put_file("b", "12345678");
    put_end();
    size_t whole = used;
    for (size_t size = 0; size < whole - 3; size++) {
        strcpy(why, "nothing");
        assert_int_equal(add(size), -EINVAL);
        assert_non_null(strstr(why, "cut off"));
        assert_int_equal(files_count(), 0);
    }
    /* The end may lack what it is filled up with. */
    assert_int_equal(add(whole - 1), 0);
}

static void headers_that_are_none(void **state)
{
    static const struct {
        size_t at;
        const char *with, *why;
    } rows[] = {
        { 0, "070707", "archive, entry 1: no header of a newc archive, expected 070701" },
        { 6, "0000000g", "archive, entry 1: no number in its header, expected hexadecimal digits" },
        { 102, " 0000000",
          "archive, entry 1: no number in its header, expected hexadecimal digits" },
        { 54, "ffffffff", "archive, entry 1: cut off within its 4294967295 bytes" },
        { 94, "ffffffff", "archive, entry 1: cut off within its name" },
        { 94, "00000000", "archive, entry 1: a name that does not end where it should" },
        { 94, "00000001", "archive, entry 1: a name that does not end where it should" },
        { 94, "00000003", "archive, entry 1: a name that does not end where it should" },
    };
    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        setup(NULL);
        put_file("a", "1");
        put_end();
        memcpy(archive + rows[i].at, rows[i].with, strlen(rows[i].with));
        assert_refused(rows[i].why);
    }
    setup(NULL);
    put_file("a", "1");
    put_end();
    memcpy(archive + used, "rubbish", 7);
    used += 7;
    assert_refused("archive, entry 3: cut off, expected a header or TRAILER!!!");
}

static void archives_are_told_from_texts(void **state)
{
    assert_true(files_is_archive("070701", 6));
    assert_true(files_is_archive("070707", 6));
    assert_false(files_is_archive("070701", 5));
    assert_false(files_is_archive("# 0707", 6));
    assert_false(files_is_archive("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(files_go_by_their_names, setup),
        cmocka_unit_test_setup(archives_may_follow_each_other, setup),
        cmocka_unit_test_setup(sums_are_checked_where_there_are_some, setup),
        cmocka_unit_test_setup(what_is_no_file_is_refused_with_all_the_others, setup),
        cmocka_unit_test_setup(of_hard_links_one_has_the_bytes, setup),
        cmocka_unit_test_setup(a_name_is_one_word_and_there_once, setup),
        cmocka_unit_test_setup(a_second_archive_adds_to_the_first, setup),
        cmocka_unit_test_setup(there_is_room_for_so_many, setup),
        cmocka_unit_test_setup(an_archive_that_is_cut_off, setup),
        cmocka_unit_test_setup(headers_that_are_none, setup),
        cmocka_unit_test_setup(archives_are_told_from_texts, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
