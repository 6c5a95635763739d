/*
 * Sorts a collation test set of Unicode by ICU: collate FILE non-ignorable|shifted|couchdb, a string a line as hexadecimal code
 * points, in the order that they should have. Prints the sort key of each string; ends with 1 when the order is another. Strings are
 * compared by their keys, and as UTF-8 by iterators, which is how CouchDB does it.
 *
 * 'couchdb' is the collator as CouchDB opens it. It does not normalise, which the published order asks for: keys only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/ucol.h>
#include <unicode/uiter.h>
#include <unicode/ustring.h>

enum { LONGEST = 128, KEY = 4096 };

struct string {
    UChar text[LONGEST];
    int32_t length;
    char utf8[4 * LONGEST];
    int32_t utf8_length;
    int is_utf8; /* not when it holds half of a surrogate pair */
    uint8_t key[KEY];
    int32_t key_length;
};

static void fail(const char *what, UErrorCode status) {
    fprintf(stderr, "%s: %s\n", what, u_errorName(status));
    exit(1);
}

static UCollator *open_collator(const char *mode) {
    UErrorCode status = U_ZERO_ERROR;
    UCollator *collator = ucol_open("", &status);
    if (U_FAILURE(status)) fail("ucol_open", status);
    if (strcmp(mode, "couchdb") == 0) return collator;
    ucol_setAttribute(collator, UCOL_NORMALIZATION_MODE, UCOL_ON, &status);
    if (strcmp(mode, "shifted") == 0) {
        ucol_setAttribute(collator, UCOL_ALTERNATE_HANDLING, UCOL_SHIFTED, &status);
        ucol_setAttribute(collator, UCOL_STRENGTH, UCOL_QUATERNARY, &status);
    }
    if (U_FAILURE(status)) fail("ucol_setAttribute", status);
    return collator;
}

/* Whether the line holds a string; others are empty or remarks. */
static int read_string(const char *line, struct string *into) {
    char *rest;
    into->length = 0;
    for (unsigned long point = strtoul(line, &rest, 16); rest != line; point = strtoul(line, &rest, 16)) {
        UBool error = 0;
        U16_APPEND(into->text, into->length, LONGEST, (UChar32)point, error);
        if (error) fail(line, U_BUFFER_OVERFLOW_ERROR);
        line = rest;
    }
    return into->length > 0;
}

static void make_key(const UCollator *collator, struct string *of) {
    UErrorCode status = U_ZERO_ERROR;
    u_strToUTF8(of->utf8, sizeof of->utf8, &of->utf8_length, of->text, of->length, &status);
    of->is_utf8 = U_SUCCESS(status);
    of->key_length = ucol_getSortKey(collator, of->text, of->length, of->key, KEY);
    if (of->key_length <= 0 || of->key_length > KEY) fail("ucol_getSortKey", U_BUFFER_OVERFLOW_ERROR);
}

static int by_key(const struct string *left, const struct string *right) {
    int order = strcmp((const char *)left->key, (const char *)right->key); /* keys hold no 0 but at their end */
    return (order > 0) - (order < 0);
}

static int by_iterator(const UCollator *collator, const struct string *left, const struct string *right) {
    UErrorCode status = U_ZERO_ERROR;
    UCharIterator left_iterator, right_iterator;
    uiter_setUTF8(&left_iterator, left->utf8, left->utf8_length);
    uiter_setUTF8(&right_iterator, right->utf8, right->utf8_length);
    int order = ucol_strcollIter(collator, &left_iterator, &right_iterator, &status);
    if (U_FAILURE(status)) fail("ucol_strcollIter", status);
    return order;
}

int main(int count, char **arguments) {
    static struct string strings[2];
    char line[1024];
    FILE *file = count == 3 ? fopen(arguments[1], "r") : NULL;
    if (file == NULL) fail("usage: collate FILE non-ignorable|shifted|couchdb", U_FILE_ACCESS_ERROR);
    UCollator *collator = open_collator(arguments[2]);
    int published = strcmp(arguments[2], "couchdb") != 0;

    int read = 0;
    while (fgets(line, sizeof line, file)) {
        struct string *now = &strings[read % 2], *before = &strings[(read + 1) % 2];
        if (line[0] == '#' || !read_string(line, now)) continue;
        make_key(collator, now);
        for (int at = 0; at < now->key_length; at++) printf("%02x", now->key[at]);
        putchar('\n');
        if (read++ == 0) continue;
        int order = by_key(before, now);
        int both = before->is_utf8 && now->is_utf8;
        if (both && by_iterator(collator, before, now) != order) {
            fprintf(stderr, "string %d: other order by iterators than by keys: %s", read, line);
            return 1;
        }
        if (published && order > 0) {
            fprintf(stderr, "string %d: not in the published order: %s", read, line);
            return 1;
        }
    }
    fprintf(stderr, "%d strings\n", read);
    return read == 0;
}
