/* Reads JSON in place: no tree, no memory of its own. */
#ifndef JSON_H
#define JSON_H

#include <stddef.h>

/* Return the value of a key of the object that begins at `object`, or NULL where it has none. */
const char *json_get(const char *object, const char *key);

/* Return the first item of the array that begins at `array`, or the item after `item`; NULL past the last. */
const char *json_first(const char *array);
const char *json_next(const char *item);

/* Write a string's characters as UTF-8 into `out`, cut at a whole character to fit; return its length, or -1 where the
 * value is no string. */
long json_text(const char *value, char *out, size_t size);

/* Return a whole number, or `otherwise` where the value is none. */
long json_number(const char *value, long otherwise);

#endif
