#include "json.h"

#include <stdlib.h>
#include <string.h>

#define DEEPEST 64

static const char *blank(const char *at) {
    return at ? at + strspn(at, " \t\r\n") : NULL;
}

static const char *past_string(const char *at) {
    for (at++; *at && *at != '"'; at++)
        if (*at == '\\' && at[1])
            at++;
    return *at ? at + 1 : NULL;
}

/* Return what follows a value, or NULL where it is no JSON or nested too deep. */
static const char *past_value(const char *at) {
    int depth = 0;
    do {
        at = blank(at);
        if (!at || !*at)
            return NULL;
        if (*at == '"') {
            if (!(at = past_string(at)))
                return NULL;
        } else if (*at == '{' || *at == '[') {
            if (++depth > DEEPEST)
                return NULL;
            at++;
        } else if (*at == '}' || *at == ']') {
            if (--depth < 0)
                return NULL;
            at++;
        } else if (*at == ',' || *at == ':') {
            if (!depth)
                return NULL;
            at++;
        } else {
            at += strcspn(at, " \t\r\n,:]}");
        }
    } while (depth);
    return at;
}

const char *json_get(const char *object, const char *key) {
    const char *at = blank(object);
    size_t length = strlen(key);
    if (!at || *at != '{')
        return NULL;
    at = blank(at + 1);
    while (at && *at == '"') {
        const char *name = at + 1, *end = past_string(at), *value = blank(end);
        if (!value || *value != ':')
            return NULL;
        value = blank(value + 1);
        if ((size_t)(end - 1 - name) == length && !strncmp(name, key, length))
            return value;
        at = blank(past_value(value));
        if (!at || *at != ',')
            return NULL;
        at = blank(at + 1);
    }
    return NULL;
}

const char *json_first(const char *array) {
    const char *at = blank(array);
    if (!at || *at != '[')
        return NULL;
    at = blank(at + 1);
    return *at == ']' ? NULL : at;
}

const char *json_next(const char *item) {
    const char *at = blank(past_value(item));
    return at && *at == ',' ? blank(at + 1) : NULL;
}

/* Read four digits of \uXXXX; -1 where they are none. */
static long hex(const char *at) {
    char digits[5] = {0}, *end;
    strncpy(digits, at, 4);
    long value = strtol(digits, &end, 16);
    return strlen(digits) == 4 && !*end ? value : -1;
}

static int utf8(long code, char out[4]) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* Read one character of a string into `out`; return its bytes, and move `at` past it. */
static int character(const char **at, char out[4]) {
    static const char plain[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char *from = *at;
    if (*from != '\\') {
        int length = 1;
        while ((from[length] & 0xC0) == 0x80 && length < 4)
            length++;
        memcpy(out, from, (size_t)length);
        *at = from + length;
        return length;
    }
    if (from[1] == 'u') {
        long code = hex(from + 2);
        if (code < 0)
            return -1;
        from += 6;
        if (code >= 0xD800 && code < 0xDC00 && from[0] == '\\' && from[1] == 'u') {
            long low = hex(from + 2);
            if (low < 0xDC00 || low > 0xDFFF)
                return -1;
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            from += 6;
        }
        *at = from;
        return utf8(code, out);
    }
    const char *found = from[1] ? strchr(plain, from[1]) : NULL;
    if (!found)
        return -1;
    out[0] = meant[found - plain];
    *at = from + 2;
    return 1;
}

long json_text(const char *value, char *out, size_t size) {
    size_t used = 0;
    const char *at = blank(value);
    if (!at || *at != '"' || !size)
        return -1;
    for (at++; *at && *at != '"';) {
        char bytes[4];
        int length = character(&at, bytes);
        if (length < 0)
            return -1;
        if (used + (size_t)length >= size)
            break;
        memcpy(out + used, bytes, (size_t)length);
        used += (size_t)length;
    }
    out[used] = 0;
    return (long)used;
}

long json_number(const char *value, long otherwise) {
    char *end;
    const char *at = blank(value);
    if (!at)
        return otherwise;
    long number = strtol(at, &end, 10);
    return end == at ? otherwise : number;
}
