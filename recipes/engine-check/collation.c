/*
 * The native function of engine_check: compares two texts in UTF-8 by ICU's root collation, as CouchDB's couch_ejson_compare
 * does.
 */
#include <erl_nif.h>
#include <unicode/ucol.h>
#include <unicode/uiter.h>
#include <unicode/uversion.h>

/* One collator for all: comparing changes nothing of it. */
static UCollator *collator;

static int load(ErlNifEnv *env, void **data, ERL_NIF_TERM argument) {
    UErrorCode status = U_ZERO_ERROR;
    (void)env, (void)data, (void)argument;
    collator = ucol_open("", &status);
    return U_FAILURE(status);
}

static void unload(ErlNifEnv *env, void *data) {
    (void)env, (void)data;
    ucol_close(collator);
}

static ERL_NIF_TERM compare(ErlNifEnv *env, int count, const ERL_NIF_TERM arguments[]) {
    ErlNifBinary left, right;
    UCharIterator left_iterator, right_iterator;
    UErrorCode status = U_ZERO_ERROR;
    (void)count;
    if (!enif_inspect_binary(env, arguments[0], &left) || !enif_inspect_binary(env, arguments[1], &right)) {
        return enif_make_badarg(env);
    }
    uiter_setUTF8(&left_iterator, (const char *)left.data, (int32_t)left.size);
    uiter_setUTF8(&right_iterator, (const char *)right.data, (int32_t)right.size);
    int order = ucol_strcollIter(collator, &left_iterator, &right_iterator, &status);
    return U_FAILURE(status) ? enif_make_badarg(env) : enif_make_int(env, order);
}

static ERL_NIF_TERM version(ErlNifEnv *env, int count, const ERL_NIF_TERM arguments[]) {
    UVersionInfo number;
    char text[U_MAX_VERSION_STRING_LENGTH];
    (void)count, (void)arguments;
    u_getVersion(number);
    u_versionToString(number, text);
    return enif_make_string(env, text, ERL_NIF_LATIN1);
}

static ErlNifFunc functions[] = {{"compare", 2, compare, 0}, {"version", 0, version, 0}};

ERL_NIF_INIT(engine_check, functions, load, NULL, NULL, unload)
